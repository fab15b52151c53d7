"""What lies between the world and the file: haze on the way, the lens, noise on the sensor. Pure, on arrays."""

import math
from zlib import crc32

import cv2
import numpy as np
import numpy.typing as npt

from detectors.frame import ImageBgr
from sim.world.drawn import Noise

CONTRAST_AT_VISIBILITY = 0.02  # Koschmieder: what is left of it at the meteorological visibility
SKY_M = 3_000.0  # of haze between here and the open sky
DAY_HAZE_BGR, NIGHT_HAZE_BGR = (214, 210, 204), (16, 14, 13)
LENS_BLUR_PX = 0.55  # one standard deviation
NIGHT_NOISE = 2.0  # as strong as by day: the gain is up
BANK_MARGIN_PX = 256  # of the noise that frames are cut from

FloatArray = npt.NDArray[np.float32]


def softened(image_bgr: ImageBgr) -> ImageBgr:
    """As a lens does; it also rounds the stairs of edges that are drawn with one sample a pixel."""
    return np.asarray(cv2.GaussianBlur(image_bgr, (3, 3), LENS_BLUR_PX), np.uint8)


def hazed(image_bgr: ImageBgr, away_m: FloatArray, *, visibility_m: float, is_night: bool) -> ImageBgr:
    """Light that survives `away_m` (height, width) of haze, and the haze's own light instead of the rest."""
    left = cv2.exp(away_m * np.float32(math.log(CONTRAST_AT_VISIBILITY) / visibility_m))
    haze = np.empty_like(image_bgr)
    haze[:] = NIGHT_HAZE_BGR if is_night else DAY_HAZE_BGR
    return np.asarray(cv2.blendLinear(image_bgr, haze, left, 1.0 - left), np.uint8)


class NoiseBank:
    """Frames of noise cut from one larger field at places drawn by chance: drawing every frame anew takes longer than
    the picture."""

    def __init__(self, width_px: int, height_px: int) -> None:
        seeded = np.random.default_rng(0)
        shape = (height_px + BANK_MARGIN_PX, width_px + BANK_MARGIN_PX, 3)
        self._size = (height_px, width_px)
        self._field = seeded.standard_normal(shape, np.float32)

    def noisy(self, image_bgr: ImageBgr, noise: Noise, *, at_us: int, is_night: bool) -> ImageBgr:
        seeded = np.random.default_rng([noise.seed, crc32(noise.camera.encode()), at_us])
        top, left = seeded.integers(0, BANK_MARGIN_PX, 2)
        height, width = self._size
        grain = self._field[top : top + height, left : left + width]
        if seeded.integers(2):
            grain = grain[::-1]
        if seeded.integers(2):
            grain = grain[:, ::-1]
        sigma = 255.0 * noise.sigma_frac * (NIGHT_NOISE if is_night else 1.0)
        return np.asarray(
            cv2.addWeighted(image_bgr.astype(np.float32), 1.0, np.ascontiguousarray(grain), sigma, 0.5).clip(0, 255),
            np.uint8,
        )
