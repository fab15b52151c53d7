"""Every shipped scenario, played: the same twice, another with another seed, as its golden says, and as it expects."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from detectors.manifest import shipped_manifests
from detectors.registry import BUILT_IN
from sim.run_command import with_recordings
from sim.scenario import Loaded, Rendered
from sim.scenario_file import load_scenario
from sim.score.command import judge_folder
from sim.score.expectations import check_paths
from sim.score.sections import ScoreParameters
from tests.sim.golden import SCENARIOS, difference, golden_path, has_golden, played, without_hops

TO_FIRST_ALARM_S = 10.0  # from the first actor on: there two seeds have parted
# Where all feeds are recorded and nobody has anything to tell, a seed has nothing to change.
RENDERED = [path for path in SCENARIOS if "sees: rendered" in path.read_text(encoding="utf-8")]
WITH_CHANCE = [path for path in SCENARIOS if "sees: modelled" in path.read_text(encoding="utf-8")]


@dataclass(frozen=True, slots=True)
class Played:
    """One run of a scenario with its own seed."""

    path: Path
    loaded: Loaded
    folder: Path
    events: str


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="module", params=SCENARIOS, ids=lambda path: path.stem)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    path: Path = request.param
    loaded, folder = load_scenario(path), tmp_path_factory.mktemp(path.stem)
    return Played(path, loaded, folder, played(loaded, folder, seed=loaded.scenario.seed))


def test_a_scenario_meets_its_expectations(run: Played) -> None:
    check_paths(run.loaded)

    _, outcomes = judge_folder(run.folder, ScoreParameters())

    assert outcomes
    assert [outcome.text for outcome in outcomes if not outcome.is_met] == []


def test_a_scenario_goes_as_its_golden_says(run: Played) -> None:
    golden = golden_path(run.path)
    assert golden.is_file() is has_golden(run.path), f"{golden}: python -m tests.sim.bless {run.path.stem}"
    if has_golden(run.path):
        differs = difference(golden.read_text(encoding="utf-8"), without_hops(run.events), scenario=run.path)
        assert not differs, differs


@pytest.mark.repeated
def test_one_seed_gives_the_same_bytes(run: Played, tmp_path: Path) -> None:
    again = played(run.loaded, tmp_path, seed=run.loaded.scenario.seed)

    differs = difference(run.events, again, scenario=run.path)
    assert not differs, differs


@pytest.mark.repeated
@pytest.mark.parametrize("path", WITH_CHANCE[::4], ids=lambda path: path.stem)
def test_another_seed_gives_other_bytes(path: Path, tmp_path: Path) -> None:
    whole = load_scenario(path)
    length_s = min(actor.starts_at_s for actor in whole.scenario.actors) + TO_FIRST_ALARM_S
    scenario = whole.scenario.model_copy(update={"length_s": length_s})
    beginning = whole.model_copy(update={"scenario": scenario})

    one, other = (played(beginning, tmp_path / str(seed), seed=seed) for seed in (scenario.seed, scenario.seed + 1))

    assert one != other


@pytest.mark.parametrize("path", RENDERED, ids=lambda path: path.stem)
def test_a_rendered_scenario_meets_its_expectations_with_the_detector_in_the_box(path: Path, tmp_path: Path) -> None:
    """By its recordings: vedette-sim run SCENARIO --record --model vedette-nano --recordings FOLDER."""
    loaded = with_recordings(load_scenario(path), path.parent / "recordings" / BUILT_IN)
    for feed in loaded.scenario.feeds:
        assert isinstance(feed.eye, Rendered)
        assert feed.eye.recording is not None
        header = json.loads(Path(feed.eye.recording).read_text("utf-8").splitlines()[0])
        assert header["sha256"] == shipped_manifests()[BUILT_IN].sha256

    played(loaded, tmp_path, seed=loaded.scenario.seed)

    _, outcomes = judge_folder(tmp_path, ScoreParameters())
    assert [outcome.text for outcome in outcomes if not outcome.is_met] == []
