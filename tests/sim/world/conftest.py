"""A scenario from a few words, and a world where one can be drawn."""

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from sim.scenario import Loaded
from sim.scenario_file import load_scenario
from sim.world.errors import WorldError
from sim.world.opening import choose_opengl
from tests.conftest import need

ROOT = Path(__file__).parents[3]

Load = Callable[..., Loaded]


@pytest.fixture(scope="session")
def renderer() -> None:
    """Skips where nothing can be drawn."""
    if sys.version_info >= (3, 13):
        pytest.skip("dm_control does not exist for Python 3.13")
    need(find_spec("mujoco") and find_spec("dm_control"), "mujoco and dm_control (extra 'sim')")
    try:
        choose_opengl()
    except WorldError as err:
        need(False, str(err))


@pytest.fixture(scope="session")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    """A scenario at the sterile site; words of the scenario file beside its defaults."""
    folder = tmp_path_factory.mktemp("scenarios")

    def loaded(**words: object) -> Loaded:
        document = {
            "schema_version": 1,
            "id": "try",
            "title": "Try",
            "site": str(ROOT / "deploy" / "sites" / "sterile.yaml"),
            "scenery": str(ROOT / "sim" / "scenarios" / "sterile.scenery.yaml"),
            "length_s": 60.0,
            **words,
        }
        path = folder / "try.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return load_scenario(path)

    return loaded
