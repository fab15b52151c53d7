"""Fixtures every room uses: a clock that moves when told, and the recordings beside the checkout."""

import os
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("VEDETTE_SHARED", ROOT.parent / "shared"))
# The same examples each time, so that a red build is about the change; VEDETTE_EXPLORE=1 looks for new ones.
# A busy machine is no failure, so an example has no deadline.
hypothesis.settings.register_profile("vedette", derandomize="VEDETTE_EXPLORE" not in os.environ, deadline=None)
hypothesis.settings.load_profile("vedette")


class ManualClock:
    """A Clock that stands still until a test moves it."""

    def __init__(self, wall_us: int = 1_767_225_600_000_000, monotonic_us: int = 1_000_000) -> None:
        self._wall_us = wall_us
        self._monotonic_us = monotonic_us

    def wall_us(self) -> int:
        return self._wall_us

    def monotonic_us(self) -> int:
        return self._monotonic_us

    def advance(self, seconds: float) -> None:
        self._wall_us += round(seconds * 1e6)
        self._monotonic_us += round(seconds * 1e6)

    def step_wall(self, seconds: float) -> None:
        """What an operator or NTP does to a wall clock."""
        self._wall_us += round(seconds * 1e6)


def need(condition: object, reason: str) -> None:
    """Skip for a missing part; where VEDETTE_REQUIRE is set, its absence is a failure."""
    if condition:
        return
    if os.environ.get("VEDETTE_REQUIRE"):
        pytest.fail(f"VEDETTE_REQUIRE is set and this is missing: {reason}")
    pytest.skip(reason)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recordings, models and truth beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside this checkout")
    return SHARED
