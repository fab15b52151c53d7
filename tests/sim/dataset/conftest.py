"""The renderer, as the drawn world's own tests ask for it."""

from tests.sim.world.conftest import renderer

__all__ = ["renderer"]
