"""Objects keep their number through misses, crossings and uneven time."""

import time
from collections.abc import Sequence

import numpy as np
import pytest

from contract.labels import Label
from detectors.detections import Detections
from edge.perception.kalman import Motion
from edge.perception.track import Track, TrackState
from edge.perception.tracking import Tracker, TrackerOptions

PERSON, CAR, TRUCK = 0, 1, 2
LABELS = (Label.PERSON, Label.MOTOR_VEHICLE, Label.MOTOR_VEHICLE)
PERIOD_US = 100_000

Box = tuple[float, float, float, float]


def box(x: float, y: float = 200.0, *, height: float = 80.0) -> Box:
    """Somebody whose centre is at (x, y)."""
    return x - height / 6, y - height / 2, x + height / 6, y + height / 2


def seen(*boxes: Box, score: float | Sequence[float] = 0.9, class_index: int | Sequence[int] = PERSON) -> Detections:
    n = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(n, 4),
        np.broadcast_to(np.array(score, np.float32), n).copy(),
        np.broadcast_to(np.array(class_index, np.int32), n).copy(),
    )


def follow(tracker: Tracker, frames: Sequence[Detections], *, start: int = 0) -> list[list[Track]]:
    return [tracker.update(frame, captured_at_us=(start + i) * PERIOD_US) for i, frame in enumerate(frames)]


def believed_at(tracker: Tracker, x: float) -> int:
    """After three frames of somebody who stands at `x`."""
    return follow(tracker, [seen(box(x))] * 3)[-1][0].track_id


def test_a_walker_is_tentative_then_confirmed_under_one_number_from_one() -> None:
    tracks = follow(Tracker(), [seen(box(100 + 5 * i)) for i in range(5)])

    assert [[(t.track_id, t.state.value) for t in frame] for frame in tracks] == [
        [(1, "tentative")],
        [(1, "tentative")],
        [(1, "confirmed")],
        [(1, "confirmed")],
        [(1, "confirmed")],
    ]
    assert tracks[-1][0].first_seen_us == 0
    assert tracks[-1][0].last_seen_us == 4 * PERIOD_US
    assert tracks[-1][0].xyxy_px == pytest.approx(box(120), abs=1e-4)


def test_a_weak_box_begins_nothing_but_carries_on_what_is_believed() -> None:
    tracker = Tracker()
    assert tracker.update(seen(box(300), score=0.3), captured_at_us=0) == []

    believed_at(tracker, 100)
    (track,) = tracker.update(seen(box(101), score=0.2), captured_at_us=3 * PERIOD_US)

    assert (track.track_id, track.state) == (1, TrackState.CONFIRMED)
    assert track.score == pytest.approx(0.2)


def test_boxes_below_the_weakest_score_are_not_looked_at() -> None:
    tracker = Tracker()
    believed_at(tracker, 100)

    (track,) = tracker.update(seen(box(100), score=0.05), captured_at_us=3 * PERIOD_US)

    assert track.state is TrackState.COASTING


def test_a_hidden_object_coasts_on_with_its_speed_and_is_found_again() -> None:
    tracker = Tracker()
    follow(tracker, [seen(box(100 + 8 * i)) for i in range(20)])

    hidden = follow(tracker, [seen()] * 15, start=20)
    (found,) = tracker.update(seen(box(100 + 8 * 35)), captured_at_us=35 * PERIOD_US)

    assert {frame[0].state for frame in hidden} == {TrackState.COASTING}
    centre_x = (hidden[-1][0].xyxy_px[0] + hidden[-1][0].xyxy_px[2]) / 2
    assert centre_x == pytest.approx(100 + 8 * 34, abs=5)
    assert (found.track_id, found.state) == (1, TrackState.CONFIRMED)


def test_what_stays_hidden_too_long_is_lost_once_and_its_number_never_returns() -> None:
    tracker = Tracker()
    believed_at(tracker, 100)
    late_us = 2 * PERIOD_US + 3_000_001

    (lost,) = tracker.update(seen(), captured_at_us=late_us)
    (new,) = tracker.update(seen(box(100)), captured_at_us=late_us + PERIOD_US)

    assert (lost.track_id, lost.state) == (1, TrackState.LOST)
    assert (new.track_id, new.state) == (2, TrackState.TENTATIVE)


def test_after_a_gap_longer_than_memory_nobody_is_recognised_even_in_the_same_place() -> None:
    tracker = Tracker()
    believed_at(tracker, 100)

    tracks = tracker.update(seen(box(100)), captured_at_us=2 * PERIOD_US + 3_000_001)

    assert [(t.track_id, t.state.value) for t in tracks] == [(2, "tentative"), (1, "lost")]


def test_a_flicker_is_lost_before_it_was_believed() -> None:
    tracks = follow(Tracker(), [seen(box(100)), seen(box(100)), seen()])

    assert [t.state for t in tracks[-1]] == [TrackState.LOST]


def test_who_is_predicted_to_have_left_the_picture_is_lost_at_once() -> None:
    tracker = Tracker(frame_size_px=(640, 480))
    follow(tracker, [seen(box(550 + 8 * i)) for i in range(11)])

    tracks = follow(tracker, [seen()] * 3, start=11)

    assert [[t.state.value for t in frame] for frame in tracks] == [["coasting"], ["lost"], []]


def test_two_who_cross_keep_their_numbers() -> None:
    def at(i: int) -> list[Box]:
        return [box(100 + 10 * i, 200), box(400 - 10 * i, 215)]

    # While they overlap only the nearer one is seen.
    frames = [seen(*at(i)) if abs(i - 15) > 1 else seen(at(i)[1]) for i in range(31)]

    tracks = follow(Tracker(), frames)

    ends = {t.track_id: (t.xyxy_px[0] + t.xyxy_px[2]) / 2 for t in tracks[-1]}
    assert ends == {1: pytest.approx(400, abs=1), 2: pytest.approx(100, abs=1)}


def test_a_person_never_becomes_a_car() -> None:
    tracker = Tracker(labels=LABELS)
    believed_at(tracker, 100)

    tracks = tracker.update(seen(box(100), class_index=CAR), captured_at_us=3 * PERIOD_US)

    assert [(t.track_id, t.class_index, t.state.value) for t in tracks] == [
        (1, PERSON, "coasting"),
        (2, CAR, "tentative"),
    ]


def test_a_car_that_is_called_a_truck_for_a_moment_stays_one_object() -> None:
    tracker = Tracker(labels=LABELS)
    follow(tracker, [seen(box(100), class_index=CAR)] * 3)

    both = seen(box(100), box(101), score=(0.9, 0.8), class_index=(TRUCK, CAR))
    (track,) = tracker.update(both, captured_at_us=3 * PERIOD_US)

    assert track.track_id == 1


def test_time_comes_from_the_stamps_not_from_counting_frames() -> None:
    every, third = Tracker(), Tracker()
    walk = [seen(box(100 + 4 * i)) for i in range(31)]
    follow(every, walk)

    for i in range(0, 31, 3):
        tracks = third.update(walk[i], captured_at_us=i * PERIOD_US)
    (dense,), (sparse,) = (t.update(seen(), captured_at_us=35 * PERIOD_US) for t in (every, third))

    assert [t.track_id for t in tracks] == [1]
    assert sparse.xyxy_px == pytest.approx(dense.xyxy_px, abs=2)


def test_of_two_equal_claims_the_older_object_gets_the_better_box() -> None:
    tracker = Tracker()
    follow(tracker, [seen(box(100), box(140))] * 3)

    tracks = tracker.update(seen(box(120), box(120), score=(0.9, 0.8)), captured_at_us=3 * PERIOD_US)

    assert [(t.track_id, round(t.score, 1)) for t in tracks] == [(1, 0.9), (2, 0.8)]


def test_options_say_how_long_until_one_is_believed() -> None:
    tracks = follow(Tracker(TrackerOptions(believe_score_sum=0.8)), [seen(box(100))])

    assert tracks[0][0].state is TrackState.CONFIRMED


def test_a_step_of_the_filter_is_the_same_in_one_piece_or_in_ten() -> None:
    start = Motion.started_at(np.array([box(100)])).corrected(np.array([0]), np.array([box(104)]), np.ones(1))

    once, often = start.predicted(1.0), start
    for _ in range(10):
        often = often.predicted(0.1)

    np.testing.assert_allclose(often.state[0], once.state[0])
    np.testing.assert_allclose(often.state[2:], once.state[2:], rtol=0.02)  # noise grows with the box while it coasts


def test_the_filter_agrees_with_the_textbook_in_matrices() -> None:
    motion = Motion.started_at(np.array([box(100)])).predicted(0.2)
    after = motion.corrected(np.array([0]), np.array([box(110)]), np.ones(1))

    x = np.array([motion.state[0, 0, 0], motion.state[1, 0, 0]])
    p = np.array([[motion.state[2, 0, 0], motion.state[3, 0, 0]], [motion.state[3, 0, 0], motion.state[4, 0, 0]]])
    h, r = np.array([[1.0, 0.0]]), (0.05 * 80.0) ** 2
    gain = p @ h.T / (h @ p @ h.T + r)
    x, p = x + gain[:, 0] * (110 - x[0]), (np.eye(2) - gain @ h) @ p

    np.testing.assert_allclose(after.state[:2, 0, 0], x)
    np.testing.assert_allclose(after.state[2:, 0, 0], [p[0, 0], p[0, 1], p[1, 1]])


def test_twenty_objects_take_little_time() -> None:
    tracker = Tracker()
    crowd = [seen(*(box(60 * k + i, 200) for k in range(20))) for i in range(60)]

    started_s = time.process_time()
    follow(tracker, crowd)

    assert (time.process_time() - started_s) / len(crowd) < 0.005  # ten times what it takes: the machine may be busy


@pytest.mark.parametrize(
    ("speed_heights_s", "frames_until_believed"),
    [pytest.param(1.0, 3, id="walks"), pytest.param(2.5, 3, id="runs"), pytest.param(5.0, 3, id="sprints")],
)
def test_whoever_runs_is_believed_as_soon_as_whoever_walks(speed_heights_s: float, frames_until_believed: int) -> None:
    """At ten frames a second a sprinter's boxes do not even touch."""
    step_px = speed_heights_s * 80.0 * PERIOD_US / 1e6
    tracks = follow(Tracker(), [seen(box(100 + step_px * i)) for i in range(8)])
    states = [[track.state for track in frame if track.state is not TrackState.LOST] for frame in tracks]
    assert states.index([TrackState.CONFIRMED]) + 1 == frames_until_believed
    assert {track.track_id for frame in tracks for track in frame} == {1}


def test_somebody_the_detector_is_never_sure_of_is_believed_once_he_moved() -> None:
    """Far off, in the dark or from above a person may never score more."""
    tracks = follow(Tracker(), [seen(box(100 + 8 * i), score=0.45) for i in range(12)])
    assert tracks[-1][0].state is TrackState.CONFIRMED
    assert tracks[3][0].state is TrackState.TENTATIVE


def test_a_lamp_post_that_looks_a_little_like_somebody_is_never_believed() -> None:
    tracks = follow(Tracker(), [seen(box(100 + i % 2), score=0.55) for i in range(100)])
    assert {track.state for frame in tracks for track in frame} == {TrackState.TENTATIVE}
