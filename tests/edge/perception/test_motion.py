"""What moves in a fixed camera's picture is boxed; light, leaves and the camera's own movement are not."""

import cv2
import numpy as np

from detectors.frame import Frame, ImageBgr
from edge.perception.motion import Motion

CHANCE = np.random.default_rng(1)
PERIOD_US = 500_000
COARSE = CHANCE.integers(60, 140, (34, 60, 3), dtype=np.uint8)
GROUND: ImageBgr = cv2.resize(COARSE, (960, 540), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
NOISE = [CHANCE.normal(0, 3, GROUND.shape).astype(np.float32) for _ in range(5)]


class Watched:
    """A camera at two pictures a second, each with the sensor's noise."""

    def __init__(self) -> None:
        self.motion = Motion()
        self._index = 0

    def find(self, image: ImageBgr) -> list[list[float]]:
        noisy = np.clip(image + NOISE[self._index % len(NOISE)], 0, 255).astype(np.uint8)
        self._index += 1
        found: list[list[float]] = self.motion.find(Frame(noisy, 0, self._index * PERIOD_US, self._index, 0)).tolist()
        return found

    def boxes(self, image: ImageBgr, *, times: int = 1) -> list[int]:
        return [len(self.find(image)) for _ in range(times)]


def with_somebody(image: ImageBgr, *, left_px: int = 700, level: int = 10) -> ImageBgr:
    changed: ImageBgr = image.copy()
    changed[300:315, left_px : left_px + 6] = level
    return changed


def test_somebody_who_walks_is_boxed_and_the_ground_is_not() -> None:
    camera = Watched()
    assert camera.boxes(GROUND, times=10) == [0] * 10
    ((left, top, right, bottom),) = camera.find(with_somebody(GROUND))
    assert (left, top) <= (700, 300)
    assert right >= 706
    assert bottom >= 315
    assert (right - left) * (bottom - top) < 20 * 30


def test_a_turned_camera_tells_no_boxes_but_that_all_is_elsewhere() -> None:
    camera = Watched()
    camera.boxes(GROUND, times=3)
    assert camera.boxes(np.roll(GROUND, 40, axis=1)) == [0]
    assert camera.motion.is_elsewhere


def test_a_cloud_before_the_sun_is_no_movement_and_hides_none() -> None:
    camera = Watched()
    camera.boxes(GROUND, times=3)
    shaded = (GROUND * 0.6).astype(np.uint8)
    assert camera.boxes(shaded) == [0]
    assert not camera.motion.is_elsewhere
    assert camera.boxes(with_somebody(shaded, level=5)) == [1]


def test_the_edge_of_a_lamps_light_becomes_usual() -> None:
    camera = Watched()
    camera.boxes(GROUND, times=3)
    lit = GROUND.copy()
    lit[150:340, 200:450] = np.minimum(lit[150:340, 200:450] * 1.6, 255).astype(np.uint8)
    counts = camera.boxes(lit, times=140)
    assert counts[0] > 0
    assert counts[-20:] == [0] * 20
    assert camera.boxes(with_somebody(lit, left_px=300)) == [1]


def test_what_stands_still_becomes_usual() -> None:
    camera = Watched()
    camera.boxes(GROUND, times=3)
    counts = camera.boxes(with_somebody(GROUND), times=140)
    assert counts[0] == 1
    assert counts[-1] == 0


def test_leaves_in_the_wind_become_usual_and_somebody_before_them_does_not() -> None:
    camera = Watched()
    still, blown = GROUND.copy(), GROUND.copy()
    blown[280:340, 150:200] = (blown[280:340, 150:200] * 0.75).astype(np.uint8)
    counts = [camera.boxes(blown if index % 2 else still)[0] for index in range(140)]
    assert max(counts[1:5]) > 0
    assert counts[-20:] == [0] * 20
    assert len(camera.find(with_somebody(still, left_px=170))) == 1


def test_motion_without_end_is_bounded() -> None:
    camera = Watched()
    camera.boxes(GROUND)
    rain = GROUND.copy()
    for y in range(0, 540, 36):
        for x in range(0, 960, 36):
            rain[y : y + 6, x : x + 6] = 255
    assert camera.boxes(rain) == [64]
