"""Where the boxes of the last picture lie in this one, had nothing moved but the camera.

From known poses: what stands on the ground by its foot, what is at the horizon or above by its direction. Without a
pose, from the picture itself: corners followed by sparse optical flow (Lucas, Kanade 1981; pyramids by Bouguet) and a
turn, shift and scale through most of them (RANSAC), those on boxes left out.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from contract.site import CameraPose
from detectors.frame import Frame
from edge.perception.locate import Locator
from edge.perception.motion import thinned

Boxes = npt.NDArray[np.float64]  # (n, 4) left, top, right, bottom, px of the full frame
Moved = Callable[[Boxes], Boxes]

LOOKED_AT_PX = 480
CORNERS_MAX = 200
QUALITY_MIN = 0.01  # of the best corner
APART_PX = 8  # thinned out
LEAST = 20  # corners that have to agree; with fewer nobody knows how the camera moved
AGREE_PX = 2.0  # thinned out
Grey = npt.NDArray[np.uint8]


class PoseMotion:
    """One camera whose pose comes with each frame."""

    def __init__(self, locator: Locator) -> None:
        self._locator = locator
        self._pose: CameraPose | None = None

    def to(self, pose: CameraPose | None) -> Moved | None:
        """From the pose of the last call to this one; None where it stands still or one of them is not known."""
        before, self._pose = self._pose, pose
        if before is None or pose is None or before is pose or before == pose:
            return None
        return lambda boxes: self._locator.moved(boxes, before=before, after=pose)


class FlowMotion:
    """One camera that moves and does not tell how."""

    def __init__(self) -> None:
        self._last: Grey | None = None

    def forget(self) -> None:
        """What is seen next is compared with nothing."""
        self._last = None

    def to(self, frame: Frame, boxes: Boxes) -> Moved | None:
        """From the last frame to this one; `boxes`: of what moves by itself in the last. None: not to be told."""
        grey, step = thinned(frame, LOOKED_AT_PX)
        before, self._last = self._last, grey
        if before is None or before.shape != grey.shape:
            return None
        turn = _turn(before, grey, boxes / step)
        if turn is None:
            return None
        turn[:, 2] *= step
        return lambda each: _turned(each, turn)


def _turn(before: Grey, after: Grey, boxes: Boxes) -> npt.NDArray[np.float64] | None:
    """(2, 3): turn, shift and scale; None where too few corners agree."""
    free = np.full(before.shape, 255, np.uint8)
    for left, top, right, bottom in np.clip(boxes, 0, None).astype(int).tolist():
        free[top : bottom + 1, left : right + 1] = 0
    corners: Any = cv2.goodFeaturesToTrack(before, CORNERS_MAX, QUALITY_MIN, APART_PX, mask=free)
    if corners is None or len(corners) < LEAST:  # OpenCV finds None where there is nothing
        return None
    followed, was_found, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None)  # type: ignore[call-overload]
    good = was_found.reshape(-1) == 1
    if good.sum() < LEAST:
        return None
    turn, agrees = cv2.estimateAffinePartial2D(corners[good], followed[good], ransacReprojThreshold=AGREE_PX)
    if turn is None or int(agrees.sum()) < LEAST:
        return None
    return np.asarray(turn, np.float64)


def _turned(boxes: Boxes, turn: npt.NDArray[np.float64]) -> Boxes:
    """The middles are turned and shifted, the sizes only scaled: boxes stay upright."""
    scale = float(np.hypot(turn[0, 0], turn[1, 0]))
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 @ turn[:, :2].T + turn[:, 2]
    half = (boxes[:, 2:] - boxes[:, :2]) / 2 * scale
    return np.concatenate([centre - half, centre + half], axis=1)
