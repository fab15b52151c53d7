"""A person walks through the yard: from boxes to events, with the same ids on every run."""

import uuid
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from contract.envelope import Origin, derive_trace_id
from contract.events import Event, Stage, Tracks, derive_message_id
from contract.geo import PointEnu
from contract.labels import Label
from detectors.detections import Detections
from edge.perception.filters import FilterOptions, Filters, LabelFilter
from edge.perception.locate import Locator
from edge.perception.tracking import Tracker
from edge.pipeline import BELIEVED, Pipeline, StepResult, watches_of
from edge.poses.fixed import FixedPose
from edge.sender import Sender
from tests.edge.yard import FRAME, LABELS, MODEL, OUTBOX_ID, SENDER, START_US, people, person_px, picture, site

WALK = [(-12.0 + 0.2 * n, 20.0) for n in range(120)]  # 2 m/s at 10 fps, through the zone from west to east


def pipeline_of(
    *,
    sender: Sender = SENDER,
    dwell_s: float = 0.5,
    initially_set: bool = True,
    filters: Filters | None = None,
    monotonic_us: Callable[[], int] | None = None,
) -> Pipeline:
    yard = site(dwell_s=dwell_s, initially_set=initially_set)
    camera = yard.cameras[0]
    assert camera.pose is not None
    return Pipeline(
        camera.id,
        sender=sender,
        origin=Origin.REPLAYED,
        model=MODEL,
        labels=LABELS,
        tracker=Tracker(),
        poses=FixedPose(camera.pose),
        locator=Locator(lens=camera.lens, frame=FRAME),
        frame=FRAME,
        watches=watches_of(yard, camera.id),
        filters=filters,
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
    assert events_of(walk(pipeline_of(initially_set=False))) == []


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
