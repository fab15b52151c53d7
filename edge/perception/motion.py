"""Where a fixed camera's picture changes: boxes worth a closer look, never a sighting by themselves.

What is compared is local contrast, each pixel over the mean of its surroundings: a cloud, a shadow's inside or a lamp
that is switched on multiplies both and changes nothing but at its edges, and those are usual a few seconds later. Where
a picture is restless, as leaves in the wind are, it has to change more. And the pixel itself must be brighter or darker
than usual: beside somebody only the surroundings are.

Every picture is compared, and in whole numbers: at 25 pictures a second it is the way through the memory that costs.
What is usual is learned from a picture now and then.
"""

import math
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from detectors.detections import FloatArray
from detectors.frame import Frame

Grey = npt.NDArray[np.uint8]
Mean = npt.NDArray[np.float32]

LOOKED_AT_PX = 960  # width to which pictures are thinned out: a person of 24 px in 3840 is 6 px high then
COARSE = 4  # times coarser, the surroundings are looked at
SURROUNDINGS_PX = 15  # side of the square that a pixel is compared with, in the coarse picture
LIFT = 12  # grey levels added to both: in the dark, noise is no contrast
EVEN = 64  # what a contrast of 1 is called; all above 4 is alike
LEARN_EVERY_US = 200_000
BANDS = 4  # of the picture, learned from one after the other
LEARN_S = 5.0  # time constant of what is usual
STAY_S = 20.0  # and of a change that becomes usual: who walks through leaves no ghost behind
SETTLE_S = 20.0  # and of how restless it is
LEVELS = 8  # grey levels that a pixel itself has to change
CHANGED = 0.1  # of the surroundings' brightness; above sensor noise, below a dark coat on asphalt
RESTLESS = 4.0  # times the usual change that is a change there
SHARE_MAX = 0.2  # of the picture: more, and the camera moved or everything did
AREA_MIN_PX = 48  # of the box around a change with its margin, thinned out: more than a single spot
BOXES_MAX = 64  # the largest are kept
NEAR = np.ones((3, 3), np.uint8)  # of a picture of half the size: parts of one thing are one change
LIFTED = np.array([LIFT, 0.0, 0.0, 0.0])
NOWHERE: FloatArray = np.zeros((0, 4), np.float32)


def thinned(frame: Frame, looked_at_px: int = LOOKED_AT_PX) -> tuple[Grey, int]:
    """Every n-th pixel of every n-th row, green, and n."""
    step = max(1, round(frame.image_bgr.shape[1] / looked_at_px))
    return np.ascontiguousarray(frame.image_bgr[::step, ::step, 1]), step


class Motion:
    """One camera's usual picture. `is_elsewhere`: so much changed in the last picture that no boxes were told."""

    def __init__(self, looked_at_px: int = LOOKED_AT_PX) -> None:
        self._looked_at_px = looked_at_px
        self._seen: _Usual | None = None
        self.is_elsewhere = False

    def find(self, frame: Frame) -> FloatArray:
        """(n, 4) boxes of the full frame, px; none for the first picture."""
        grey, step = thinned(frame, self._looked_at_px)
        return self.find_in(grey, step=step, captured_at_us=frame.captured_at_us)

    def find_in(self, grey: Grey, *, step: int, captured_at_us: int) -> FloatArray:
        """The same for a picture thinned out before. Time is that of capture."""
        if self._seen is None or self._seen.shape != grey.shape:
            self._seen = _Usual(grey, captured_at_us)
            return NOWHERE
        is_changed = self._seen.changed(grey)
        self._seen.learn(grey, captured_at_us)
        count = cv2.countNonZero(is_changed)
        self.is_elsewhere = count > SHARE_MAX * is_changed.size
        return _boxes(is_changed, step) if count and not self.is_elsewhere else NOWHERE


class _Usual:
    """Running means: of the picture, of its local contrast, and of how far that is from its mean; and the same in whole
    numbers, to compare with. Arrays are kept and written anew: new memory costs as much as the arithmetic."""

    def __init__(self, grey: Grey, captured_at_us: int) -> None:
        self.shape = grey.shape
        self._contrast, self._change, self._is_level, self._is_changed = (np.empty_like(grey) for _ in range(4))
        self._least = np.full_like(grey, int(CHANGED * EVEN))
        self._look(grey)
        self._means = (grey.astype(np.float32), self._contrast.astype(np.float32), np.zeros(grey.shape, np.float32))
        self._usual_grey, self._usual_contrast, self._limit = grey.copy(), self._contrast.copy(), self._least.copy()
        count = min(BANDS, len(grey))
        edges = [len(grey) * number // count for number in range(count + 1)]
        self._bands = [slice(*pair) for pair in pairwise(edges)]
        self._learned_us = [captured_at_us - number * LEARN_EVERY_US // count for number in range(count)]

    def changed(self, grey: Grey) -> Grey:
        """255 where it differs by more than it usually does; until it is asked again."""
        cv2.absdiff(grey, self._usual_grey, dst=self._change)
        cv2.threshold(self._change, LEVELS, 255, cv2.THRESH_BINARY, dst=self._is_level)
        self._look(grey)
        cv2.absdiff(self._contrast, self._usual_contrast, dst=self._change)
        cv2.compare(self._change, self._limit, cv2.CMP_GT, dst=self._is_changed)
        return np.asarray(cv2.bitwise_and(self._is_changed, self._is_level, dst=self._is_changed), np.uint8)

    def learn(self, grey: Grey, captured_at_us: int) -> None:
        """From the picture that was compared last: the bands whose turn it is."""
        for number, rows in enumerate(self._bands):
            since_us = captured_at_us - self._learned_us[number]
            if not 0 <= since_us < LEARN_EVERY_US:
                self._learned_us[number] = captured_at_us
                self._learn(grey[rows], rows, max(0.0, since_us / 1e6))

    def _learn(self, grey: Grey, rows: slice, dt_s: float) -> None:
        is_changed, contrast = self._is_changed[rows], self._contrast[rows]
        as_usual = cv2.bitwise_not(is_changed)
        usual_grey, usual_contrast, restless = (mean[rows] for mean in self._means)
        for usual, now in ((usual_grey, grey), (usual_contrast, contrast)):
            cv2.accumulateWeighted(now, usual, _weight(dt_s, LEARN_S), mask=as_usual)
            cv2.accumulateWeighted(now, usual, _weight(dt_s, STAY_S), mask=is_changed)
        cv2.accumulateWeighted(self._change[rows], restless, _weight(dt_s, SETTLE_S))
        cv2.convertScaleAbs(usual_grey, dst=self._usual_grey[rows])
        cv2.convertScaleAbs(usual_contrast, dst=self._usual_contrast[rows])
        cv2.convertScaleAbs(restless, dst=self._limit[rows], alpha=RESTLESS)
        cv2.max(self._limit[rows], self._least[rows], dst=self._limit[rows])

    def _look(self, grey: Grey) -> None:
        """Contrast: each pixel, a little blurred, over the mean of its surroundings."""
        height_px, width_px = grey.shape
        fine = cv2.blur(grey, (3, 3), dst=self._contrast)
        coarse = cv2.resize(fine, (-(-width_px // COARSE), -(-height_px // COARSE)))
        coarse = cv2.add(cv2.blur(coarse, (SURROUNDINGS_PX, SURROUNDINGS_PX)), LIFTED)
        wide = cv2.merge([coarse] * COARSE).reshape(len(coarse), -1)  # each pixel so many times: no resize is as fast
        around = np.repeat(wide, COARSE, axis=0)[:height_px, :width_px]
        cv2.add(fine, LIFTED, dst=fine)
        cv2.divide(fine, around, dst=self._contrast, scale=EVEN)


def _weight(dt_s: float, time_constant_s: float) -> float:
    return 1.0 - math.exp(-dt_s / time_constant_s)


def _boxes(is_changed: Grey, step: int) -> FloatArray:
    height_px, width_px = is_changed.shape
    half = cv2.resize(is_changed, (-(-width_px // 2), -(-height_px // 2)), interpolation=cv2.INTER_AREA)
    joined = cv2.dilate(half, NEAR)
    outlines, _ = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    places = np.array([cv2.boundingRect(outline) for outline in outlines], np.float32).reshape(-1, 4)
    areas = places[:, 2] * places[:, 3]
    places = places[np.argsort(-areas, kind="stable")[:BOXES_MAX]] * 2
    places = places[places[:, 2] * places[:, 3] >= AREA_MIN_PX]
    corners, sizes = places[:, :2], places[:, 2:]
    return np.asarray(np.concatenate([corners, corners + sizes], axis=1) * step, np.float32)
