"""What moves in a fixed camera's picture is boxed; what a camera's own movement does is not."""

import numpy as np

from detectors.frame import Frame, ImageBgr
from edge.perception.motion import Motion

CHANCE = np.random.default_rng(1)
GROUND = CHANCE.integers(60, 140, (1080, 1920, 3), dtype=np.uint8)


def frame(image: ImageBgr) -> Frame:
    return Frame(image, 0, 0, 0, 0)


def test_somebody_who_walks_is_boxed_and_the_ground_is_not() -> None:
    motion = Motion()
    assert len(motion.find(frame(GROUND))) == 0
    noisy = np.clip(GROUND + CHANCE.normal(0, 3, GROUND.shape), 0, 255).astype(np.uint8)
    assert len(motion.find(frame(noisy))) == 0
    noisy[500:530, 900:912] = 10
    (box,) = motion.find(frame(noisy)).tolist()
    left, top, right, bottom = box
    assert left <= 900
    assert top <= 500
    assert right >= 912
    assert bottom >= 530
    assert (right - left) * (bottom - top) < 40 * 60


def test_a_turned_camera_or_a_switched_lamp_tells_nothing() -> None:
    motion = Motion()
    motion.find(frame(GROUND))
    assert len(motion.find(frame(np.roll(GROUND, 40, axis=1)))) == 0
    assert len(motion.find(frame((GROUND // 2).astype(np.uint8)))) == 0


def test_what_stands_still_becomes_usual() -> None:
    motion = Motion()
    motion.find(frame(GROUND))
    parked = GROUND.copy()
    parked[500:530, 900:912] = 10
    boxes = [len(motion.find(frame(parked))) for _ in range(40)]
    assert boxes[0] == 1
    assert boxes[-1] == 0


def test_motion_without_end_is_bounded() -> None:
    motion = Motion()
    motion.find(frame(GROUND))
    rain = GROUND.copy()
    for y in range(0, 1080, 36):
        for x in range(0, 1920, 36):
            rain[y : y + 12, x : x + 12] = 255
    assert len(motion.find(frame(rain))) == 64
