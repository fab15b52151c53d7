"""Where a fixed camera's picture changes: boxes worth a closer look, never a sighting by themselves.

What is compared is local contrast, each pixel over the mean of its surroundings: a cloud, a shadow's inside or a lamp
that is switched on multiplies both and changes nothing but at its edges, and those are usual a few seconds later. Where
a picture is restless, as leaves in the wind are, it has to change more. And the pixel itself must be brighter or darker
than usual: beside somebody only the surroundings are.
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

from detectors.detections import FloatArray
from detectors.frame import Frame

Grey = npt.NDArray[np.float32]

LOOKED_AT_PX = 960  # width to which pictures are thinned out: a person of 24 px in 3840 is 6 px high then
SURROUNDINGS_PX = 61  # side of the square that a pixel is compared with, thinned out
LIFT = np.array([12.0, 0.0, 0.0, 0.0])  # grey levels added to both: in the dark, noise is no contrast
LEARN_S = 5.0  # time constant of what is usual
STAY_S = 20.0  # and of a change that becomes usual: who walks through leaves no ghost behind
SETTLE_S = 20.0  # and of how restless it is
LEVELS = 8.0  # grey levels that a pixel itself has to change
CHANGED = 0.1  # of the surroundings' brightness; above sensor noise, below a dark coat on asphalt
RESTLESS = 4.0  # times the usual change that is a change there
SHARE_MAX = 0.2  # of the picture: more, and the camera moved or everything did
AREA_MIN_PX = 36  # of the box around a change with its margin, thinned out: more than a single pixel
BOXES_MAX = 64  # the largest are kept
NEAR = np.ones((5, 5), np.uint8)  # parts of one thing are one change
NOWHERE: FloatArray = np.zeros((0, 4), np.float32)


def thinned(frame: Frame, looked_at_px: int = LOOKED_AT_PX) -> tuple[npt.NDArray[np.uint8], int]:
    """Every n-th pixel of every n-th row, green, and n."""
    step = max(1, round(frame.image_bgr.shape[1] / looked_at_px))
    return np.ascontiguousarray(frame.image_bgr[::step, ::step, 1]), step


def local_contrast(grey: npt.NDArray[np.uint8]) -> Grey:
    """Brightness of each pixel, a little blurred, over that of its surroundings: about 1."""
    fine, around = (cv2.blur(grey, (side, side)) for side in (3, SURROUNDINGS_PX))
    lifted, lifted_around = cv2.add(fine, LIFT), cv2.add(around, LIFT)
    return np.asarray(cv2.divide(lifted, lifted_around, dtype=cv2.CV_32F), np.float32)


class Motion:
    """One camera's usual picture. `is_elsewhere`: so much changed in the last picture that no boxes were told."""

    def __init__(self, looked_at_px: int = LOOKED_AT_PX) -> None:
        self._looked_at_px = looked_at_px
        self._seen: _Usual | None = None
        self._last_us = 0
        self.is_elsewhere = False

    def find(self, frame: Frame) -> FloatArray:
        """(n, 4) boxes of the full frame, px; none for the first picture."""
        grey, step = thinned(frame, self._looked_at_px)
        return self.find_in(grey, step=step, captured_at_us=frame.captured_at_us)

    def find_in(self, grey: npt.NDArray[np.uint8], *, step: int, captured_at_us: int) -> FloatArray:
        """The same for a picture thinned out before. Time is that of capture."""
        if self._seen is None or self._seen.shape != grey.shape:
            self._seen, self._last_us = _Usual(grey), captured_at_us
            return NOWHERE
        dt_s = max(0.0, (captured_at_us - self._last_us) / 1e6)
        self._last_us = captured_at_us
        is_changed = self._seen.changed(grey, dt_s)
        count = cv2.countNonZero(is_changed)
        self.is_elsewhere = count > SHARE_MAX * is_changed.size
        return _boxes(is_changed, step) if count and not self.is_elsewhere else NOWHERE


class _Usual:
    """Running means: of the picture, of its local contrast, and of how far that is from its mean."""

    def __init__(self, grey: npt.NDArray[np.uint8]) -> None:
        self.shape = grey.shape
        self._grey: Grey = grey.astype(np.float32)
        self._contrast = local_contrast(grey)
        self._restless: Grey = np.zeros_like(self._grey)
        self._change: Grey = np.empty_like(self._grey)
        self._limit: Grey = np.empty_like(self._grey)

    def changed(self, grey: npt.NDArray[np.uint8], dt_s: float) -> npt.NDArray[np.uint8]:
        """255 where it differs by more than it usually does; then it is learned from, by `dt_s`."""
        contrast, level = local_contrast(grey), grey.astype(np.float32)
        cv2.absdiff(level, self._grey, dst=self._change)
        is_changed = cv2.compare(self._change, LEVELS, cv2.CMP_GT)  # type: ignore[call-overload]  # it takes numbers too
        cv2.absdiff(contrast, self._contrast, dst=self._change)
        np.multiply(self._restless, RESTLESS, out=self._limit)
        np.maximum(self._limit, CHANGED, out=self._limit)
        cv2.bitwise_and(is_changed, cv2.compare(self._change, self._limit, cv2.CMP_GT), dst=is_changed)
        as_usual = cv2.bitwise_not(is_changed)
        for usual, now in ((self._grey, level), (self._contrast, contrast)):
            cv2.accumulateWeighted(now, usual, _weight(dt_s, LEARN_S), mask=as_usual)
            cv2.accumulateWeighted(now, usual, _weight(dt_s, STAY_S), mask=is_changed)
        cv2.accumulateWeighted(self._change, self._restless, _weight(dt_s, SETTLE_S))
        return np.asarray(is_changed, np.uint8)


def _weight(dt_s: float, time_constant_s: float) -> float:
    return 1.0 - math.exp(-dt_s / time_constant_s)


def _boxes(is_changed: npt.NDArray[np.uint8], step: int) -> FloatArray:
    joined = cv2.dilate(is_changed, NEAR)
    outlines, _ = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    places = np.array([cv2.boundingRect(outline) for outline in outlines], np.float32)
    areas = places[:, 2] * places[:, 3]
    places = places[np.argsort(-areas, kind="stable")[:BOXES_MAX]]
    places = places[places[:, 2] * places[:, 3] >= AREA_MIN_PX]
    corners, sizes = places[:, :2], places[:, 2:]
    return np.asarray(np.concatenate([corners, corners + sizes], axis=1) * step, np.float32)
