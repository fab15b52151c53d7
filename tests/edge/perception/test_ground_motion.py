"""Who was hidden, or lost from the picture because the camera turned, is found again by where he stands."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from contract.labels import Label
from contract.site import CameraPose, OpenCvLens
from detectors.detections import Detections
from edge.perception.egomotion import PoseMotion
from edge.perception.ground_motion import Ground, GroundMotion
from edge.perception.locate import Locator
from edge.perception.track import Track, TrackState
from edge.perception.tracking import Tracker
from tests.edge.yard import FRAME

LENS = OpenCvLens.pinhole(1280, 720, focal_px=900.0)
LOCATOR = Locator(lens=LENS, frame=FRAME)
PERIOD_US = 100_000
TALL_M, WIDE_M = 1.75, 0.6
PERSON, CAR = 0, 1
LABELS = (Label.PERSON, Label.MOTOR_VEHICLE)

Spot = tuple[float, float]  # east, north


def pose(*, heading_deg: float = 0.0, east_m: float = 0.0) -> CameraPose:
    return CameraPose(
        east_m=east_m,
        north_m=0.0,
        up_m=30.0,
        heading_deg=heading_deg,
        pitch_deg=-38.0,
        position_sigma_m=0.6,
        attitude_sigma_deg=0.3,
    )


AHEAD = pose()


def boxes_of(people: Sequence[Spot], at: CameraPose, *, foot_up_m: float = 0.0) -> np.ndarray:
    """Feet to head, as wide as they look at that distance; `foot_up_m`: what hides their legs."""
    feet = LOCATOR.project(np.array([[east, north, foot_up_m] for east, north in people]), at)
    heads = LOCATOR.project(np.array([[east, north, TALL_M] for east, north in people]), at)
    half = (feet[:, 1] - heads[:, 1]) * WIDE_M / TALL_M / 2
    return np.column_stack((feet[:, 0] - half, heads[:, 1], feet[:, 0] + half, feet[:, 1]))


def seen(boxes: np.ndarray, class_index: int = PERSON) -> Detections:
    count = len(boxes)
    inside = (boxes[:, 2] > 0) & (boxes[:, 0] < LENS.width_px) & (boxes[:, 3] > 0) & (boxes[:, 1] < LENS.height_px)
    found = Detections(boxes.astype(np.float32), np.full(count, 0.9, np.float32), np.full(count, class_index, np.int32))
    return found.where(inside)


class Drone:
    """A tracker that is told where it looks from."""

    def __init__(self, *, knows_ground: bool = True) -> None:
        self._tracker = Tracker(labels=LABELS, frame_size_px=(LENS.width_px, LENS.height_px))
        self._motion = PoseMotion(LOCATOR)
        self._knows_ground = knows_ground
        self._now_us = 0

    def look(self, found: Detections, at: CameraPose) -> list[Track]:
        ground = Ground(LOCATOR, at) if self._knows_ground else None
        tracks = self._tracker.update(found, captured_at_us=self._now_us, moved=self._motion.to(at), ground=ground)
        believed = [t for t in tracks if t.state in (TrackState.CONFIRMED, TrackState.COASTING)]
        if ground is not None and believed:
            self._tracker.located(believed, ground.fixes(np.array([track.xyxy_px for track in believed])))
        self._now_us += PERIOD_US
        return tracks

    def follow(self, walks: Sequence[Spot], speeds: Sequence[Spot], poses: Sequence[CameraPose]) -> list[list[Track]]:
        """People who walk straight, metres a frame, seen whenever they are in the picture."""
        looks = []
        for step, at in enumerate(poses):
            people = [(e + step * de, n + step * dn) for (e, n), (de, dn) in zip(walks, speeds, strict=True)]
            looks.append(self.look(seen(boxes_of(people, at)), at))
        return looks


def turning_away_and_back() -> list[CameraPose]:
    """Ahead for a second, 70 degrees aside and back within two, ahead again."""
    aside = [70.0 * math.sin(math.pi * step / 20) ** 2 for step in range(20)]
    return [pose(heading_deg=each % 360, east_m=step * 0.3) for step, each in enumerate([0.0] * 10 + aside + [0.0] * 8)]


PEOPLE, SPEEDS = [(-6.0, 40.0), (0.0, 42.0), (4.0, 38.0)], [(0.1, 0.05), (-0.1, 0.0), (0.0, 0.14)]


def ids(tracks: Sequence[Track]) -> list[int]:
    return [track.track_id for track in tracks if track.state is TrackState.CONFIRMED]


def test_who_was_lost_because_the_drone_looked_aside_keeps_his_number() -> None:
    looks = Drone().follow(PEOPLE, SPEEDS, turning_away_and_back())

    away = [[(track.track_id, track.state) for track in tracks if track.is_away] for tracks in looks]
    assert [(number, TrackState.COASTING) for number in (1, 2, 3)] in away
    assert ids(looks[9]) == ids(looks[-1]) == [1, 2, 3]


def test_by_the_picture_alone_he_would_not() -> None:
    looks = Drone(knows_ground=False).follow(PEOPLE, SPEEDS, turning_away_and_back())

    assert ids(looks[-1]) == [4, 5, 6]


def test_who_walks_out_of_a_fixed_camera_s_picture_is_lost_at_once() -> None:
    drone = Drone()
    looks = drone.follow([(30.0, 40.0)], [(0.6, 0.0)], [AHEAD] * 14)

    assert [track.state for tracks in looks for track in tracks][-1] is TrackState.LOST
    assert not any(track.is_away for tracks in looks for track in tracks)


@pytest.mark.parametrize(
    ("class_index", "spot", "expected"),
    [
        pytest.param(PERSON, (0.7, 40.0), [1], id="a step on"),
        pytest.param(PERSON, (9.0, 40.0), [], id="where nobody gets in that time"),
        pytest.param(CAR, (0.7, 40.0), [], id="a car is no person"),
    ],
)
def test_who_comes_back_from_behind_something_is_known_by_his_place(
    class_index: int, spot: Spot, expected: list[int]
) -> None:
    """Of him only what is above his knees is seen before he hides, and all of him after."""
    drone = Drone()
    for _ in range(10):
        drone.look(seen(boxes_of([(0.0, 40.0)], AHEAD)), AHEAD)
    for _ in range(8):
        drone.look(Detections.none(), AHEAD)
    left, top, right, bottom = boxes_of([spot], AHEAD)[0]
    short = np.array([[left, bottom - 0.6 * (bottom - top), right, bottom]])  # too short for the picture to know him

    assert ids(drone.look(seen(short, class_index), AHEAD)) == expected


def walked(*spots: Spot) -> GroundMotion:
    """One object, located each 0.1 s by exact boxes of a camera that stands."""
    motion, ground = GroundMotion.unknown(1), Ground(LOCATOR, AHEAD)
    for step, spot in enumerate(spots):
        boxes = boxes_of([spot], AHEAD)
        motion = motion.corrected(
            np.array([0]),
            ground.fixes(boxes),
            boxes_xyxy_px=boxes,
            ground=ground,
            at_us=step * PERIOD_US,
            has_moved=False,
        )
    return motion


def test_whoever_walks_is_expected_further_on() -> None:
    motion = walked(*((0.15 * step, 40.0) for step in range(20)))

    np.testing.assert_allclose(motion.points_m(2_900_000), [[0.15 * 29, 40.0]], atol=0.25)


def test_a_pose_that_moved_since_may_be_wrong_in_another_way() -> None:
    motion, ground = walked(*[(0.0, 40.0)] * 10), Ground(LOCATOR, AHEAD)
    aside = ground.fixes(boxes_of([(2.5, 40.0)], AHEAD))

    still, moved = (float(motion.gaps(aside, at_us=2_000_000, has_moved=each)[0, 0]) for each in (False, True))

    assert moved < 0.9 * still


def test_who_is_behind_the_camera_is_nowhere_in_the_picture_and_where_he_was_once_it_is_back() -> None:
    motion = walked(*[(0.0, 40.0)] * 10)

    behind = motion.boxes(Ground(LOCATOR, pose(heading_deg=180.0)), at_us=900_000)
    back = motion.boxes(Ground(LOCATOR, AHEAD), at_us=900_000)

    assert np.isnan(behind).any()
    np.testing.assert_allclose(back, boxes_of([(0.0, 40.0)], AHEAD), atol=0.5)
