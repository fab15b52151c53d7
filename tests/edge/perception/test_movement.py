"""What moves and has no name is followed apart; what is tracked by name, too small or too large is not."""

import cv2
import numpy as np

from contract.site import CameraPose, OpenCvLens
from detectors.frame import Frame, ImageBgr
from edge.perception.locate import Locator
from edge.perception.movement import FIRST_ID, Movement
from edge.perception.track import Track, TrackState
from tests.edge.yard import FRAME, START_US

PERIOD_US = 200_000
POSE = CameraPose(east_m=0, north_m=0, up_m=5, heading_deg=0, pitch_deg=0)
LOCATOR = Locator(lens=OpenCvLens.pinhole(640, 480, focal_px=600.0), frame=FRAME)
CHANCE = np.random.default_rng(2)
YARD: ImageBgr = cv2.resize(
    CHANCE.integers(70, 140, (24, 32, 3), dtype=np.uint8), (640, 480), interpolation=cv2.INTER_CUBIC
).astype(np.uint8)
NOISE = [CHANCE.normal(0, 2, YARD.shape).astype(np.float32) for _ in range(5)]


def box_of(east_m: float, *, north_m: float = 20.0, tall_m: float = 1.7, wide_m: float = 0.6) -> list[float]:
    corners = [[east_m - wide_m / 2, north_m, tall_m], [east_m + wide_m / 2, north_m, 0.0]]
    return [float(px) for px in LOCATOR.project(np.array(corners), POSE).reshape(-1)]


def walk(movement: Movement, *, named: bool = False, steps: int = 25, **size_m: float) -> list[list[Track]]:
    """Something dark goes 6 m from left to right; `named`: the detector knows it."""
    seen = []
    for step in range(steps):
        image: ImageBgr = np.clip(YARD + NOISE[step % len(NOISE)], 0, 255).astype(np.uint8)
        known: list[Track] = []
        if step >= 5:
            left, top, right, bottom = box = box_of(-3.0 + 0.3 * (step - 5), **size_m)
            image[round(top) : round(bottom), round(left) : round(right)] = 15
            if named:
                at = START_US + step * PERIOD_US
                known = [Track(1, 0, 0.9, (box[0], box[1], box[2], box[3]), TrackState.CONFIRMED, at, at)]
        frame = Frame(image, 0, START_US + step * PERIOD_US, step, 0)
        seen.append(movement.tracks(frame, named=known, pose=POSE))
    return seen


def believed(seen: list[list[Track]]) -> set[int]:
    return {track.track_id for tracks in seen for track in tracks if track.state is TrackState.CONFIRMED}


def test_somebody_the_detector_does_not_know_is_one_track_with_a_number_of_its_own() -> None:
    seen = walk(Movement(LOCATOR))
    assert believed(seen) == {FIRST_ID}
    (track,) = [each for each in seen[-1] if each.state is TrackState.CONFIRMED]
    assert abs((track.xyxy_px[0] + track.xyxy_px[2]) / 2 - (box_of(2.7)[0] + box_of(2.7)[2]) / 2) < 6
    assert abs(track.xyxy_px[3] - box_of(2.7)[3]) < 8


def test_who_has_a_name_is_not_followed_twice() -> None:
    assert believed(walk(Movement(LOCATOR), named=True)) == set()


def test_what_is_no_persons_size_is_passed_over() -> None:
    assert believed(walk(Movement(LOCATOR), tall_m=0.2, wide_m=0.2)) == set()
    assert believed(walk(Movement(LOCATOR), tall_m=4.0, wide_m=6.0)) == set()


def test_a_yard_without_anybody_has_no_movement() -> None:
    assert believed(walk(Movement(LOCATOR), steps=5)) == set()
