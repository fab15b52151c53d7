"""What moves before a fixed camera and has no name: changes of the picture, followed like objects.

A detector does not know a man under a blanket or a dog it was never shown. What is person-sized and is none of its
tracks is followed here by a tracker of its own, whose numbers are never those of a named track (SAFETY 19).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from contract.labels import Label
from contract.site import CameraPose
from detectors.detections import Detections
from detectors.frame import Frame
from edge.perception.locate import Locator
from edge.perception.motion import Motion
from edge.perception.track import Track, boxes_px
from edge.perception.tracking import Tracker

LOOKED_AT_PX = 480
LABELS = (Label.OTHER,)
FIRST_ID = 1_000_000_000
SCORE = 0.65  # believed after four looks and once it moved half its height, never at once
TALL_M = (0.5, 3.0)  # somebody who crawls, and one with a shadow
WIDE_M = (0.2, 4.0)  # two who walk side by side are one change
NAMED_FRAC = 0.3  # of its area within the box of something that has a name


class Movement:
    """One fixed camera."""

    def __init__(self, locator: Locator) -> None:
        self._locator = locator
        self._motion = Motion(LOOKED_AT_PX)
        self.tracker = Tracker(labels=LABELS, frame_size_px=locator.frame_size_px, first_id=FIRST_ID)

    def tracks(self, frame: Frame, *, named: Sequence[Track], pose: CameraPose | None) -> list[Track]:
        """What the tracker says after this frame; `named`: what the detector's tracks are in it."""
        boxes = self._motion.find(frame)
        if len(boxes):
            boxes = boxes[~_named(boxes, named)]
        if len(boxes) and pose is not None:
            boxes = boxes[self._is_person_sized(boxes, pose)]
        count = len(boxes)
        changes = Detections(boxes, np.full(count, SCORE, np.float32), np.zeros(count, np.int32))
        return self.tracker.update(changes, captured_at_us=frame.captured_at_us)

    def _is_person_sized(self, boxes: npt.NDArray[np.float32], pose: CameraPose) -> npt.NDArray[np.bool_]:
        """What cannot be measured may be one."""
        limits = np.array([WIDE_M, TALL_M])
        sizes_m = self._locator.sizes_m(boxes, pose)
        is_other = (sizes_m < limits[:, 0]) | (sizes_m > limits[:, 1])  # false for NaN
        return np.asarray(~is_other.any(axis=1))


def _named(boxes: npt.NDArray[np.float32], tracks: Sequence[Track]) -> npt.NDArray[np.bool_]:
    """Which boxes lie on something that is tracked by name."""
    others = boxes_px(tracks)
    inner = np.minimum(boxes[:, None, 2:], others[:, 2:]) - np.maximum(boxes[:, None, :2], others[:, :2])
    shared = np.maximum(inner, 0.0).prod(axis=2)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return np.asarray((shared > NAMED_FRAC * area[:, None]).any(axis=1))
