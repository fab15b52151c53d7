"""A person walks through the yard: from boxes to events, with the same ids on every run."""

import uuid
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from contract.envelope import Origin, derive_trace_id
from contract.events import Event, Stage, Tracks, derive_message_id
from contract.geo import PointEnu
from contract.kinds import EventKind
from contract.labels import Label
from contract.site import Site
from detectors.detections import Detections
from edge.errors import SetUpError
from edge.perception.filters import FilterOptions, Filters, LabelFilter
from edge.perception.locate import Locator
from edge.perception.movement import Movement
from edge.perception.tracking import Tracker
from edge.pipeline import BELIEVED, Pipeline, StepResult, watches_of
from edge.poses.fixed import FixedPose
from edge.sender import Sender
from tests.edge.yard import (
    FRAME,
    LABELS,
    MODEL,
    OUTBOX_ID,
    SENDER,
    START_US,
    line,
    people,
    person_px,
    picture,
    site,
)

WALK = [(-12.0 + 0.2 * n, 20.0) for n in range(120)]  # 2 m/s at 10 fps, through the zone from west to east


def pipeline_of(
    yard: Site | None = None,
    *,
    sender: Sender = SENDER,
    labels: tuple[Label, ...] = LABELS,
    rules: Mapping[EventKind, Mapping[str, object]] | None = None,
    filters: Filters | None = None,
    movement: Movement | None = None,
    monotonic_us: Callable[[], int] | None = None,
) -> Pipeline:
    yard = yard or site()
    camera = yard.cameras[0]
    assert camera.pose is not None
    return Pipeline(
        camera.id,
        sender=sender,
        origin=Origin.REPLAYED,
        model=MODEL,
        labels=labels,
        tracker=Tracker(labels=labels),
        poses=FixedPose(camera.pose),
        locator=Locator(lens=camera.lens, frame=FRAME),
        frame=FRAME,
        watches=watches_of(yard, camera.id, rules),
        filters=filters,
        movement=movement,
        monotonic_us=monotonic_us,
    )


def walk(pipeline: Pipeline, places: Sequence[tuple[float, float] | None] = WALK) -> list[StepResult]:
    """One frame a place; None: nobody to be seen."""
    return [
        pipeline.step(picture(n), Detections.none() if place is None else people(person_px(*place)))
        for n, place in enumerate(places)
    ]


def events_of(results: Sequence[StepResult]) -> list[Event]:
    return [envelope.body for result in results for envelope in result.events if isinstance(envelope.body, Event)]


def test_a_person_who_walks_through_is_one_event_with_one_start_and_one_end() -> None:
    events = events_of(walk(pipeline_of()))
    assert [event.stage for event in events] == [Stage.START, *[Stage.UPDATE] * (len(events) - 2), Stage.END]
    assert [event.revision for event in events] == list(range(len(events)))
    assert len({event.event_id for event in events}) == 1
    assert len({(event.sighting.track, event.started_at_us) for event in events}) == 1
    assert 3 <= len(events) <= 8


def test_the_start_is_where_and_when_the_person_was_after_the_dwell() -> None:
    results = walk(pipeline_of())
    index = next(n for n, result in enumerate(results) if result.events)
    envelope = results[index].events[0]
    assert isinstance(envelope.body, Event)
    assert envelope.captured_at_us == envelope.body.started_at_us == START_US + index * 100_000
    ground = envelope.body.sighting.ground
    assert ground is not None
    located = FRAME.to_enu(ground.point)
    assert located.horizontal_distance_m(PointEnu(*WALK[index])) < 0.5
    assert WALK[index][0] == pytest.approx(-4.5, abs=0.6)  # the edge is at -5, half a second is 1 m


def test_two_runs_give_the_same_envelopes() -> None:
    first = [result.events for result in walk(pipeline_of())]
    second = [result.events for result in walk(pipeline_of())]
    assert first == second
    assert any(first)


def test_another_boot_never_shares_an_id() -> None:
    rebooted = Sender(site="yard", node="edge-1", outbox_id=OUTBOX_ID, boot=2)
    first = {event.event_id for event in events_of(walk(pipeline_of()))}
    second = {event.event_id for event in events_of(walk(pipeline_of(sender=rebooted)))}
    assert not first & second


def test_an_envelope_carries_the_trace_of_its_frame_and_its_origin() -> None:
    result = next(result for result in walk(pipeline_of()) if result.events)
    envelope = result.events[0]
    assert envelope.trace_id == result.trace_id
    assert envelope.trace_id == derive_trace_id(
        outbox_id=OUTBOX_ID, boot=1, camera="mast", captured_at_us=envelope.captured_at_us
    )
    assert envelope.origin is Origin.REPLAYED
    assert envelope.sequence is None
    assert isinstance(envelope.body, Event)
    assert envelope.message_id == derive_message_id(envelope.body)
    assert envelope.body.model == MODEL


def test_a_replay_has_no_hops_and_a_node_has_all() -> None:
    assert all(result.hops_us == {} for result in walk(pipeline_of()))
    ticks = iter(range(0, 10**9, 7))
    pipeline = pipeline_of(monotonic_us=lambda: next(ticks))
    earlier = {"queue": 3, "detect": 11}
    result = pipeline.step(picture(0), Detections.none(), earlier_hops_us=earlier)
    assert result.hops_us == {"decode": 0, "queue": 3, "detect": 11, "track": 7, "locate": 7, "rule": 7}


def test_an_unset_zone_raises_nothing() -> None:
    assert events_of(walk(pipeline_of(site(initially_set=False)))) == []


def test_unsetting_a_zone_ends_what_is_open_and_setting_it_starts_anew() -> None:
    pipeline = pipeline_of()
    inside = [(0.0, 20.0)] * 20
    assert [event.stage for event in events_of(walk(pipeline, inside))] == [Stage.START]
    pipeline.unset_zone("gate")
    later = [pipeline.step(picture(20 + n), people(person_px(0.0, 20.0))) for n in range(3)]
    assert [event.stage for event in events_of(later)] == [Stage.END]
    pipeline.set_zone("gate")
    again = [pipeline.step(picture(30 + n), people(person_px(0.0, 20.0))) for n in range(10)]
    assert [event.stage for event in events_of(again)] == [Stage.START]


def test_a_feed_that_is_gone_ends_what_is_open() -> None:
    pipeline = pipeline_of()
    results = walk(pipeline, [(0.0, 20.0)] * 20)
    closed = pipeline.close(results[-1].captured_at_us)
    assert [event.stage for event in events_of([closed])] == [Stage.END]
    assert closed.events[0].captured_at_us == results[-1].captured_at_us
    assert events_of([pipeline.close(results[-1].captured_at_us)]) == []


def test_a_person_who_vanishes_inside_is_an_end_too() -> None:
    events = events_of(walk(pipeline_of(), [*[(0.0, 20.0)] * 20, *[None] * 100]))
    assert [event.stage for event in events] == [Stage.START, Stage.END]


def test_what_a_filter_holds_back_is_counted_and_a_person_is_not_held_back() -> None:
    camera = site().cameras[0]
    options = FilterOptions(labels={Label.BICYCLE: LabelFilter(told=False)})
    pipeline = pipeline_of(filters=Filters(options, locator=Locator(lens=camera.lens, frame=FRAME), frame=FRAME))
    person, bicycle = person_px(0.0, 20.0), person_px(3.0, 20.0)
    both = people(person, bicycle)
    seen = Detections(both.xyxy_px, both.score, np.array([0, 1], np.int32))
    results = [pipeline.step(picture(n), seen) for n in range(20)]
    assert {subject.sighting.label for result in results for subject in result.subjects} == {Label.PERSON}
    assert [event.stage for event in events_of(results)] == [Stage.START]
    believed = sum(any(track.class_index == 1 and track.state in BELIEVED for track in r.tracks) for r in results)
    assert believed > 10
    assert pipeline.filtered == {"bicycle.told": believed}


def test_a_live_map_gets_every_believed_track() -> None:
    pipeline = pipeline_of()
    result = walk(pipeline)[60]
    message = pipeline.tracks_message(result)
    assert isinstance(message.body, Tracks)
    assert message.body.sightings == result.sightings
    (sighting,) = result.sightings
    assert sighting.box.y_px + sighting.box.height_px == pytest.approx(390.0, abs=3.0)
    assert message.message_id == uuid.uuid5(OUTBOX_ID, f"1/tracks/mast/{result.captured_at_us}")


NIGHT = ({"start": "22:00", "end": "00:01"},)  # the yard's recording starts at midnight


def test_hours_end_what_is_open_by_capture_time_and_a_person_sets_the_zone_again() -> None:
    pipeline = pipeline_of(site(hours=NIGHT))
    stood = [pipeline.step(picture(n, fps=1), people(person_px(0.0, 20.0))) for n in range(70)]
    assert [(event.stage, n) for n, result in enumerate(stood) for event in events_of([result])][-1] == (Stage.END, 60)
    was_set = pipeline.is_set
    pipeline.set_zone("gate")
    assert (was_set, pipeline.is_set) == (False, True)
    again = [pipeline.step(picture(70 + n, fps=1), people(person_px(0.0, 20.0))) for n in range(5)]
    assert [event.stage for event in events_of(again)] == [Stage.START]


def test_a_word_from_before_the_hours_turned_does_not_leave_the_zone_open() -> None:
    pipeline = pipeline_of(site(hours=NIGHT))
    pipeline.unset_zone("gate", at_us=START_US - 3 * 3_600_000_000)
    assert [event.stage for event in events_of(walk(pipeline, [(0.0, 20.0)] * 20))] == [Stage.START]


def test_hours_are_those_of_the_sites_time_zone() -> None:
    an_hour_later = pipeline_of(site(hours=NIGHT, time_zone="Europe/Berlin"))
    assert events_of(walk(an_hour_later)) == []


def kinds_told(yard: Site, rules: Mapping[EventKind, Mapping[str, object]] | None = None) -> set[tuple[str, str]]:
    """Zone or line, and what was told of it, when somebody walks through."""
    events = events_of(walk(pipeline_of(yard, rules=rules)))
    return {(event.zone, event.kind.value) for event in events}


def test_a_zone_may_say_which_rules_watch_it() -> None:
    loitering: dict[str, object] = {"loitering": {"after_s": 2}}
    both = {"intrusion": {}, **loitering}
    assert kinds_told(site()) == {("gate", "intrusion")}
    assert kinds_told(site(rules=loitering)) == {("gate", "loitering")}
    assert kinds_told(site(rules=both)) == {("gate", "intrusion"), ("gate", "loitering")}
    assert kinds_told(site(rules={"loitering": {"after_s": 9}})) == set()


def test_a_zone_that_says_nothing_has_the_rules_of_its_node_and_a_line_is_never_unwatched() -> None:
    yard = site(lines=[line()])
    of_node: dict[EventKind, dict[str, object]] = {EventKind.LOITERING: {"after_s": 2}}
    assert kinds_told(yard) == {("gate", "intrusion"), ("path", "line_crossing")}
    assert kinds_told(yard, of_node) == {("gate", "loitering"), ("path", "line_crossing")}


def test_an_option_that_a_zone_gets_wrong_is_told_with_its_zone() -> None:
    with pytest.raises(SetUpError, match=r"zone 'gate': rules\.loitering\.after_s: .* got -1"):
        watches_of(site(rules={"loitering": {"after_s": -1}}), "mast")


def test_two_rules_on_one_zone_are_set_and_unset_together() -> None:
    pipeline = pipeline_of(site(rules={"intrusion": {}, "loitering": {"after_s": 1}}))
    begun = events_of(walk(pipeline, [(0.0, 20.0)] * 20))
    pipeline.unset_zone("gate")
    ended = events_of([pipeline.step(picture(20), people(person_px(0.0, 20.0)))])
    assert sorted(event.kind.value for event in begun if event.stage is Stage.START) == ["intrusion", "loitering"]
    assert sorted(event.kind.value for event in ended if event.stage is Stage.END) == ["intrusion", "loitering"]


def loitered_at(*, keep: Callable[[int], bool], seen: Callable[[int], bool]) -> list[float]:
    """Seconds at which loitering for 6 s is told of one who stands in the zone; frames come ten a second."""
    pipeline = pipeline_of(site(rules={"loitering": {"after_s": 6}}))
    results = [
        pipeline.step(picture(n), people(person_px(0.0, 20.0)) if seen(n) else Detections.none())
        for n in range(100)
        if keep(n)
    ]
    starts = [event for event in events_of(results) if event.stage is Stage.START]
    return [(event.started_at_us - START_US) / 1e6 for event in starts]


@pytest.mark.parametrize(
    ("keep", "seen"),
    [
        pytest.param(lambda _: True, lambda _: True, id="every frame"),
        pytest.param(lambda n: n % 5 == 0 or n in (1, 2, 62), lambda _: True, id="four of five frames dropped"),
        pytest.param(lambda n: not 10 < n < 38, lambda _: True, id="nearly three seconds without a frame"),
        pytest.param(lambda _: True, lambda n: not 10 < n < 38, id="nearly three seconds behind a pole"),
    ],
)
def test_loitering_does_not_depend_on_dropped_frames_or_a_short_occlusion(
    keep: Callable[[int], bool], seen: Callable[[int], bool]
) -> None:
    assert loitered_at(keep=keep, seen=seen) == [6.2]  # believed from the third frame on


CAR_AND_PERSON = (Label.PERSON, Label.MOTOR_VEHICLE)


def car_px(east_m: float, north_m: float) -> tuple[float, float, float, float]:
    """4 m long, seen from its side."""
    left, top, right, bottom = person_px(east_m, north_m, height_m=1.5)
    half_px = 2.0 * 600.0 / north_m
    middle_px = (left + right) / 2
    return middle_px - half_px, top, middle_px + half_px, bottom


@pytest.mark.parametrize(
    ("rules", "missed_s", "ended"),
    [
        pytest.param({}, 2, [Label.PERSON], id="the track outlives the gap"),
        pytest.param(
            {"intrusion": {"travel_m": 2.0}}, 6, [Label.MOTOR_VEHICLE, Label.PERSON], id="a new track that never moved"
        ),
    ],
)
def test_safety_20_a_parked_car_alarms_once_and_a_person_from_behind_it_alarms(
    rules: dict[str, object], missed_s: int, ended: list[Label]
) -> None:
    pipeline = pipeline_of(site(labels=["person", "motor_vehicle"], rules=rules), labels=CAR_AND_PERSON)
    results = []
    for n in range(900):
        drives_in = car_px(min(-12.0 + 0.3 * n, 0.0), 20.0)
        is_missed = n % 7 == 0 or 300 < n < 300 + 10 * missed_s  # the detector blinks, and once for seconds
        boxes = [] if is_missed else [(drives_in, 1)]
        if n >= 600:  # he steps out behind its bonnet and walks off
            boxes.append((person_px(2.3 + 0.1 * (n - 600), 21.5), 0))
        seen = Detections(
            np.array([box for box, _ in boxes], np.float32).reshape(-1, 4),
            np.full(len(boxes), 0.9, np.float32),
            np.array([kind for _, kind in boxes], np.int32),
        )
        results.append(pipeline.step(picture(n), seen))
    starts = [event for event in events_of(results) if event.stage is Stage.START]
    assert [event.sighting.label for event in starts] == [Label.MOTOR_VEHICLE, Label.PERSON]
    car, person = ((event.started_at_us - START_US) / 1e6 for event in starts)
    assert car < 5.0
    assert 60.0 < person < 62.0
    assert [event.sighting.label for event in events_of(results) if event.stage is Stage.END] == ended
