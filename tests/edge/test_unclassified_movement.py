"""What the detector has no name for walks as well: told in sterile zones, at low severity, never as an intrusion."""

from collections.abc import Sequence

import cv2
import numpy as np

from contract.events import Event, Stage
from contract.kinds import EventKind, Severity
from contract.labels import Label
from detectors.detections import Detections
from detectors.frame import Frame, ImageBgr
from edge.perception.locate import Locator
from edge.perception.movement import Movement
from edge.plane import OnGround
from edge.rule import Rule, open_rule
from tests.edge.test_pipeline import pipeline_of
from tests.edge.yard import FRAME, START_US, people, person_px, site, subject

CHANCE = np.random.default_rng(8)
PERIOD_US = 200_000
YARD: ImageBgr = cv2.resize(
    CHANCE.integers(70, 140, (24, 32, 3), dtype=np.uint8), (640, 480), interpolation=cv2.INTER_CUBIC
).astype(np.uint8)
NOISE = [CHANCE.normal(0, 2, YARD.shape).astype(np.float32) for _ in range(5)]
STERILE: dict[EventKind, dict[str, object]] = {EventKind.INTRUSION: {}, EventKind.UNCLASSIFIED_MOVEMENT: {}}
WALK = [(-6.0 + 0.3 * step, 20.0) for step in range(40)]  # 1.5 m/s through the zone, from west to east


def told(places: Sequence[tuple[float, float] | None], *, is_known: bool) -> list[Event]:
    """Something dark at each place in turn; `is_known`: the detector sees a person there."""
    movement = Movement(Locator(lens=site().cameras[0].lens, frame=FRAME))
    pipeline = pipeline_of(rules=STERILE, movement=movement)
    events = []
    for step, place in enumerate([None] * 10 + list(places)):
        image: ImageBgr = np.clip(YARD + NOISE[step % len(NOISE)], 0, 255).astype(np.uint8)
        boxes = Detections.none()
        if place is not None:
            left, top, right, bottom = box = person_px(*place)
            image[round(top) : round(bottom), round(left) : round(right)] = 15
            boxes = people(box) if is_known else boxes
        at_us = step * PERIOD_US
        result = pipeline.step(Frame(image, at_us, START_US + at_us, step, 0), boxes)
        events += [envelope.body for envelope in result.events if isinstance(envelope.body, Event)]
    return events


def test_safety_19_what_has_no_name_and_walks_through_a_sterile_zone_is_told_once_at_low_severity() -> None:
    events = told([*WALK, *[None] * 20], is_known=False)
    assert {event.kind for event in events} == {EventKind.UNCLASSIFIED_MOVEMENT}
    assert {event.severity for event in events} == {Severity.LOW}
    assert {event.sighting.label for event in events} == {Label.OTHER}
    assert [event.stage for event in events if event.stage is not Stage.UPDATE] == [Stage.START, Stage.END]
    start = events[0].sighting.ground
    assert start is not None
    assert abs(FRAME.to_enu(start.point).north_m - 20.0) < 2.0


def test_who_is_known_is_an_intrusion_and_not_told_twice() -> None:
    assert {event.kind for event in told(WALK, is_known=True)} == {EventKind.INTRUSION}


def test_what_moves_and_gets_nowhere_is_not_told() -> None:
    swaying = [(0.2 * (step % 3), 20.0) for step in range(40)]
    assert told(swaying, is_known=False) == []


def rule(**options: object) -> Rule:
    return open_rule(EventKind.UNCLASSIFIED_MOVEMENT, site().zones[0], plane=OnGround(FRAME), options=options)


def starts(watching: Rule, *, track: int, at_s: float) -> int:
    """Something goes 3 m through the zone in 3 s; how many events began."""
    findings = []
    for step in range(31):
        seen = [subject(-1.5 + 0.1 * step, 20.0, track=track, label=Label.OTHER)]
        findings += watching.judge(seen, captured_at_us=round((at_s + 0.1 * step) * 1e6))
    return sum(finding.stage is Stage.START for finding in findings)


def test_a_windy_night_has_a_budget_and_the_next_hour_a_new_one() -> None:
    watching = rule(per_hour_max=2)
    assert [starts(watching, track=number, at_s=60.0 * number) for number in range(5)] == [1, 1, 0, 0, 0]
    assert starts(watching, track=9, at_s=3_700.0) == 1
