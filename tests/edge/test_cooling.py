"""A hot board does less: unset and quiet feeds first, never below a minimum, never where something happens."""

import random
import uuid
from dataclasses import replace

import pytest

from contract.envelope import Origin
from edge.board import Heat
from edge.camera import CameraFeed
from edge.lookout import RATE_MIN_HZ, UNSET_RATE_FRAC, Scene
from edge.perception.tracking import Tracker
from edge.pipeline import Pipeline, watches_of
from tests.conftest import ManualClock
from tests.edge.test_camera import ScriptedSource, intake_of, prepare
from tests.edge.test_node import Eyes
from tests.edge.yard import LABELS, MODEL, SENDER, picture, site


def reader_of(clock: ManualClock, source: ScriptedSource) -> CameraFeed:
    return CameraFeed(
        site().cameras[0],
        lambda: source,
        prepare=prepare,
        intake=intake_of(clock),
        clock=clock,
        chance=random.Random(1),
    )


def scene_of(clock: ManualClock, *, is_set: bool, has_event: bool = False) -> Scene:
    pipeline = Pipeline(
        "mast",
        sender=SENDER,
        origin=Origin.REPLAYED,
        model=MODEL,
        labels=LABELS,
        tracker=Tracker(labels=LABELS, frame_size_px=(640, 480)),
        poses=None,
        locator=None,
        frame=None,
        watches=watches_of(site(initially_set=is_set), "mast"),
    )
    scene = Scene(reader_of(clock, ScriptedSource()), Eyes(), pipeline, RATE_MIN_HZ)
    if has_event:
        scene.open_events.add(uuid.UUID(int=1))
    return scene


@pytest.mark.parametrize(
    ("is_set", "has_event", "most_hz"),
    [
        pytest.param(False, False, (None, 0.5, 0.5), id="unset and quiet goes first"),
        pytest.param(True, False, (None, None, 2.0), id="set and quiet keeps its minimum"),
        pytest.param(True, True, (None, None, None), id="an open event is not held"),
    ],
)
def test_who_is_held_to_what_rate(
    is_set: bool, has_event: bool, most_hz: tuple[float | None, ...], clock: ManualClock
) -> None:
    scene = scene_of(clock, is_set=is_set, has_event=has_event)

    assert tuple(scene.rate_most_hz(heat) for heat in Heat) == most_hz
    assert UNSET_RATE_FRAC * RATE_MIN_HZ == 0.5


@pytest.mark.parametrize("heat", list(Heat), ids=lambda heat: heat.name.lower())
@pytest.mark.parametrize("is_set", [True, False], ids=["set", "unset"])
def test_no_rate_is_below_what_is_owed(heat: Heat, is_set: bool, clock: ManualClock) -> None:
    scene = scene_of(clock, is_set=is_set)

    most_hz = scene.rate_most_hz(heat)

    assert most_hz is None or most_hz >= scene.wanted_claim().rate_min_hz


@pytest.mark.parametrize(
    ("is_live", "fps", "most_hz", "rested"),
    [
        pytest.param(True, 25.0, None, 0, id="a cool board"),
        pytest.param(True, 25.0, 2.0, 230, id="held to two a second"),
        pytest.param(True, 1.0, 2.0, 0, id="slower than that by itself"),
        pytest.param(False, 25.0, 2.0, 0, id="a recording is judged whole"),
    ],
)
def test_frames_over_the_rate_rest(
    is_live: bool, fps: float, most_hz: float | None, rested: int, clock: ManualClock
) -> None:
    source = ScriptedSource(is_live=is_live)
    reader = reader_of(clock, source)
    reader._intake = intake_of(clock, capacity=1000)
    reader.rate_most_hz = most_hz
    reader.begin()

    for index in range(250):
        reader.take(replace(picture(index, fps=fps)))
        clock.advance(1.0 / fps)

    assert reader.counts.decoded == 250
    assert reader.counts.rested == pytest.approx(rested, abs=1)
    assert reader.health().frames_dropped == reader.counts.rested + reader.counts.dropped
