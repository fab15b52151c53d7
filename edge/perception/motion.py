"""Where a fixed camera's picture changes: boxes worth a closer look, never a sighting by themselves.

Where most of the picture changes, the camera itself moves or the light did, and there is nothing to be told.
"""

import cv2
import numpy as np
import numpy.typing as npt

from detectors.detections import FloatArray
from detectors.frame import Frame

Grey = npt.NDArray[np.float32]

LOOKED_AT_PX = 960  # width to which pictures are thinned out: a person of 24 px in 3840 is 6 px high then
FOLLOWS = 0.1  # weight of each new picture in what is usual
CHANGED = 12.0  # grey levels, after blur: above sensor noise, below a dark coat on asphalt
SHARE_MAX = 0.2  # of the picture
AREA_MIN_PX = 3  # of a change, thinned out
BOXES_MAX = 64  # the largest are kept
MARGIN_PX = 2  # around each, thinned out


class Motion:
    """One camera's usual picture."""

    def __init__(self) -> None:
        self._usual: Grey | None = None

    def find(self, frame: Frame) -> FloatArray:
        """(n, 4) boxes of the full frame, px; none for the first picture."""
        step = max(1, round(frame.image_bgr.shape[1] / LOOKED_AT_PX))
        grey: Grey = cv2.blur(frame.image_bgr[::step, ::step, 1], (3, 3)).astype(np.float32)
        if self._usual is None or self._usual.shape != grey.shape:
            self._usual = grey
            return np.zeros((0, 4), np.float32)
        is_changed = (cv2.absdiff(grey, self._usual) > CHANGED).astype(np.uint8)
        cv2.accumulateWeighted(grey, self._usual, FOLLOWS)
        if is_changed.mean() > SHARE_MAX:
            return np.zeros((0, 4), np.float32)
        _, _, stats, _ = cv2.connectedComponentsWithStats(is_changed, connectivity=8)
        stats = stats[1:][stats[1:, cv2.CC_STAT_AREA] >= AREA_MIN_PX]  # the first is the background
        stats = stats[np.argsort(-stats[:, cv2.CC_STAT_AREA], kind="stable")[:BOXES_MAX]]
        corners, sizes = stats[:, :2], stats[:, 2:4]
        boxes = np.concatenate([corners - MARGIN_PX, corners + sizes + MARGIN_PX], axis=1) * step
        return np.asarray(boxes, np.float32)
