"""A camera that flies, turns or shakes makes nobody walk and gives nobody a new number."""

import math
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from contract.labels import Label
from contract.site import CameraPose, OpenCvLens
from detectors.detections import Detections
from detectors.frame import Frame, ImageBgr
from edge.perception.egomotion import FlowMotion, PoseMotion
from edge.perception.locate import Locator
from edge.perception.track import TrackState
from edge.perception.tracking import Tracker
from tests.edge.yard import FRAME

Boxes = npt.NDArray[np.float64]
LENS = OpenCvLens.pinhole(1280, 720, focal_px=900.0)
LOCATOR = Locator(lens=LENS, frame=FRAME)
PERIOD_US = 200_000
TALL_M, WIDE_M = 1.75, 0.6
PEOPLE = [(-6.0, 40.0), (-4.5, 40.5), (3.0, 46.0), (9.0, 38.0)]  # east, north


def drone(seconds: float) -> CameraPose:
    """At 30 m it flies sideways at 8 m/s, and its nose swings."""
    return CameraPose(
        east_m=8.0 * (seconds - 2.0),
        north_m=0.0,
        up_m=30.0,
        heading_deg=-12.0 * (seconds - 2.0) + 6.0 * math.sin(3.0 * seconds),
        pitch_deg=-38.0 + 2.0 * math.sin(5.0 * seconds),
        roll_deg=3.0 * math.sin(4.0 * seconds),
    )


def boxes_of(people: list[tuple[float, float]], pose: CameraPose) -> Boxes:
    """Where people who stand upright are seen: feet to head, and as wide as they look at that distance."""
    feet = LOCATOR.project(np.array([[east, north, 0.0] for east, north in people]), pose)
    heads = LOCATOR.project(np.array([[east, north, TALL_M] for east, north in people]), pose)
    half = (feet[:, 1] - heads[:, 1]) * WIDE_M / TALL_M / 2
    return np.column_stack((feet[:, 0] - half, heads[:, 1], feet[:, 0] + half, feet[:, 1]))


def seen(boxes: Boxes) -> Detections:
    count = len(boxes)
    return Detections(boxes.astype(np.float32), np.full(count, 0.9, np.float32), np.zeros(count, np.int32))


def ids_under(see: Callable[[Tracker, int, CameraPose], list[int]]) -> list[list[int]]:
    tracker = Tracker(labels=(Label.PERSON,), frame_size_px=(1280, 720))
    return [see(tracker, step * PERIOD_US, drone(step * PERIOD_US / 1e6)) for step in range(20)]


def test_people_who_stand_keep_their_numbers_under_a_drone_that_flies() -> None:
    motion = PoseMotion(LOCATOR)

    def see(tracker: Tracker, at_us: int, pose: CameraPose) -> list[int]:
        found = tracker.update(seen(boxes_of(PEOPLE, pose)), captured_at_us=at_us, moved=motion.to(pose))
        return [track.track_id for track in found if track.state is not TrackState.LOST]

    assert ids_under(see) == [[1, 2, 3, 4]] * 20


def test_without_its_pose_they_would_not() -> None:
    def see(tracker: Tracker, at_us: int, pose: CameraPose) -> list[int]:
        found = tracker.update(seen(boxes_of(PEOPLE, pose)), captured_at_us=at_us)
        return [track.track_id for track in found if track.state is not TrackState.LOST]

    assert max(number for ids in ids_under(see) for number in ids) > 8


def test_a_post_that_looks_like_somebody_is_not_believed_because_the_drone_moves() -> None:
    motion, tracker = PoseMotion(LOCATOR), Tracker(labels=(Label.PERSON,), frame_size_px=(1280, 720))
    for step in range(20):
        pose = drone(step * PERIOD_US / 1e6)
        unsure = Detections(
            boxes_of(PEOPLE, pose).astype(np.float32), np.full(4, 0.5, np.float32), np.zeros(4, np.int32)
        )
        found = tracker.update(unsure, captured_at_us=step * PERIOD_US, moved=motion.to(pose))
        assert {track.state for track in found} == {TrackState.TENTATIVE}


@pytest.mark.parametrize("seconds", [0.2, 1.0, 3.0])
def test_a_box_moves_with_the_pose_as_the_person_would(seconds: float) -> None:
    before, after = drone(2.0), drone(2.0 + seconds)
    moved = LOCATOR.moved(boxes_of(PEOPLE, before), before=before, after=after)
    np.testing.assert_allclose(
        moved[:, [0, 2, 3]].mean(axis=0), boxes_of(PEOPLE, after)[:, [0, 2, 3]].mean(axis=0), atol=4
    )
    np.testing.assert_allclose(moved[:, 3], boxes_of(PEOPLE, after)[:, 3], atol=0.01)
    back = LOCATOR.moved(moved, before=after, after=before)
    np.testing.assert_allclose(back, boxes_of(PEOPLE, before), atol=0.01)


def test_what_stands_above_the_horizon_turns_with_the_camera() -> None:
    level = CameraPose(east_m=0, north_m=0, up_m=10, heading_deg=0, pitch_deg=0)
    turned = CameraPose(east_m=3, north_m=0, up_m=10, heading_deg=10, pitch_deg=0)
    (moved,) = LOCATOR.moved(np.array([[630.0, 100.0, 650.0, 140.0]]), before=level, after=turned)
    shift = 900.0 * math.tan(math.radians(10))
    np.testing.assert_allclose(moved[2] - moved[0], 20.0)
    assert (moved[0] + moved[2]) / 2 == pytest.approx(640.0 - shift, abs=0.5)


GROUND: ImageBgr = cv2.resize(
    np.random.default_rng(4).integers(0, 255, (90, 160, 3), dtype=np.uint8), (1280, 720), interpolation=cv2.INTER_CUBIC
).astype(np.uint8)


def frame(image: ImageBgr) -> Frame:
    return Frame(image, 0, 0, 0, 0)


def test_without_a_pose_the_picture_says_how_the_camera_moved() -> None:
    flow, turn = FlowMotion(), cv2.getRotationMatrix2D((640.0, 360.0), 3.0, 1.02)
    turn[:, 2] += np.array([14.0, -9.0])
    boxes = np.array([[200.0, 300.0, 240.0, 380.0], [900.0, 500.0, 960.0, 640.0]])
    assert flow.to(frame(GROUND), boxes) is None
    moved = flow.to(frame(cv2.warpAffine(GROUND, turn, (1280, 720)).astype(np.uint8)), boxes)
    assert moved is not None
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 @ turn[:, :2].T + turn[:, 2]
    np.testing.assert_allclose((moved(boxes)[:, :2] + moved(boxes)[:, 2:]) / 2, centre, atol=2.0)
    np.testing.assert_allclose(moved(boxes)[:, 3] - moved(boxes)[:, 1], [80 * 1.02, 140 * 1.02], atol=1.0)


def test_where_there_is_nothing_to_follow_nothing_is_claimed() -> None:
    flow, sky = FlowMotion(), np.full((720, 1280, 3), 200, np.uint8)
    assert flow.to(frame(sky), np.zeros((0, 4))) is None
    assert flow.to(frame(sky), np.zeros((0, 4))) is None
