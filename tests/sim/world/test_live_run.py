"""Ten seconds of a shipped scenario, drawn and looked at by the detector in the box, twice."""

import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from rich.console import Console

from detectors.registry import BUILT_IN
from sim.eyes import PixelEye
from sim.rendering import live_eyes
from sim.run import clock_of, play
from sim.run_command import with_model
from sim.scenario import Loaded
from sim.scenario_file import load_scenario
from tests.conftest import ROOT
from tests.sim.a_run import Json, lines

SCENARIO = ROOT / "sim" / "scenarios" / "sterile-night-near.yaml"
INTRUDER, IN_ZONE_FROM_S = "walk-10m-straight", 7.0
LENGTH_S = 10.0

pytestmark = pytest.mark.usefixtures("renderer")


@dataclass(frozen=True)
class LiveRun:
    """`found`: PTS and boxes, scores, classes of every frame."""

    folder: Path
    found: list[tuple[int, Json]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[LiveRun]]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    folder = tmp_path_factory.mktemp("live")
    loaded = shortened(with_model(load_scenario(SCENARIO), BUILT_IN, is_live=True))
    yield [played_live(loaded, folder / name) for name in ("one", "two")]
    structlog.reset_defaults()


def shortened(loaded: Loaded) -> Loaded:
    return loaded.model_copy(update={"scenario": loaded.scenario.model_copy(update={"length_s": LENGTH_S})})


def played_live(loaded: Loaded, folder: Path) -> LiveRun:
    with live_eyes(loaded, folder, seed=1, console=Console(file=io.StringIO())) as eyes:
        rigs = play(loaded, folder, clock=clock_of(loaded), seed=1, eyes=eyes)
    eye = rigs["fence-cam"].eye
    assert isinstance(eye, PixelEye)
    rows = [
        (at, {"boxes": f.xyxy_px.tolist(), "scores": f.score.tolist(), "classes": f.class_index.tolist()})
        for at, f in eye.kept
    ]
    return LiveRun(folder, rows)


def test_what_is_drawn_and_seen_twice_is_the_same_twice(runs: list[LiveRun]) -> None:
    one, two = runs

    assert len(one.found) == 50
    assert one.found == two.found
    assert (one.folder / "events.jsonl").read_bytes() == (two.folder / "events.jsonl").read_bytes()


def test_the_intruder_is_found_and_alarms_as_he_enters(runs: list[LiveRun]) -> None:
    folder = runs[0].folder
    start_us = round(load_scenario(SCENARIO).scenario.start.timestamp() * 1e6)

    (alarm,) = lines(folder, type="alarm")

    assert alarm["zone"] == "strip"
    assert IN_ZONE_FROM_S - 0.5 < (alarm["at_us"] - start_us) / 1e6 < IN_ZONE_FROM_S + 2.0
    views = lines(folder, "truth", type="view")
    in_view = {line["captured_at_us"] for line in views if line["actors"][0]["actor"] == INTRUDER}
    tracked = {line["captured_at_us"] for line in lines(folder, "sightings")}
    assert tracked <= in_view
    assert len(tracked) >= 0.5 * len(in_view)
