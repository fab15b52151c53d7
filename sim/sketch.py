"""Pictures without a renderer, for what is judged by pixels: a ground with a pattern, and everybody a dark box on it.

Whole numbers only, so that a picture is the same on every machine. No detector finds anybody in one.
"""

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from contract.site import Lens
from detectors.frame import ImageBgr
from edge.perception.lens import open_lens
from sim.sight import Seen

PATCH_PX = 16  # of one shade of ground
SHADES = (70, 140)
NOISE = 2  # shades, either way; a picture without is a frozen one
DARK = 15
STRIDE = 7919  # pixels by which the noise of one picture is that of the one before


class Sketch:
    """One camera's ground, the same in every run."""

    def __init__(self, lens: Lens) -> None:
        chance = np.random.default_rng(1)
        self._lens = open_lens(lens)
        self._shape = (lens.height_px, lens.width_px)
        rows, columns = (-(-side // PATCH_PX) for side in self._shape)
        shades = chance.integers(*SHADES, (rows, columns), dtype=np.uint8)
        ground = shades.repeat(PATCH_PX, axis=0).repeat(PATCH_PX, axis=1)
        self._ground = ground[: self._shape[0], : self._shape[1]]
        self._noise = chance.integers(0, 2 * NOISE + 1, lens.height_px * lens.width_px, dtype=np.uint8)

    def drawn(self, number: int, seen: Iterable[Seen], *, turned_deg: float) -> ImageBgr:
        """`turned_deg`: to the right of where the camera looks by the site file."""
        grey = np.roll(self._ground, -self._shift_px(turned_deg), axis=1) - np.uint8(NOISE)
        for each in seen:
            left, top, right, bottom = (round(edge) for edge in each.xyxy_px)
            grey[top:bottom, left:right] = DARK
        grey += np.roll(self._noise, number * STRIDE).reshape(self._shape)
        image: npt.NDArray[np.uint8] = np.repeat(grey[:, :, None], 3, axis=2)
        return image

    def _shift_px(self, turned_deg: float) -> int:
        ahead_px, aside_px = self._lens.pixels(np.array([[0.0, 0.0], [math.tan(math.radians(turned_deg)), 0.0]]))
        return round(float(aside_px[0] - ahead_px[0]))
