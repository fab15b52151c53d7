"""What YOLOv8's and YOLO11's raw output means: one column for each cell of three grids (strides 8, 16, 32).

A column is cx cy w h in pixels of the input, then one score for each class, probabilities already; there is no
objectness. Boxes overlap: they have to be suppressed.
"""

import numpy as np

from detectors.detections import Detections, FloatArray
from detectors.errors import InferenceError
from detectors.heads.yolox import STRIDES_PX, probabilities
from detectors.letterbox import Picture


class Head:
    """The grids of one input size."""

    picture = Picture(is_rgb=True, is_centred=True, full_scale=1.0)
    overlaps = True

    def __init__(self, *, width_px: int, height_px: int, class_count: int) -> None:
        cells = sum((width_px // stride_px) * (height_px // stride_px) for stride_px in STRIDES_PX)
        self.output_shape = (4 + class_count, cells)
        self._best: FloatArray = np.empty(cells, np.float32)

    def decode(self, raw: FloatArray, *, score_min: float) -> Detections:
        """Boxes in pixels of the input, unsorted, overlapping. `raw` has `output_shape`.

        Raises InferenceError for what no YOLO says: not a number, or a score outside 0 to 1.
        """
        scores = raw[4:]
        probabilities(np.max(scores, axis=0, out=self._best))
        cells = np.flatnonzero(self._best >= score_min)
        class_index = scores[:, cells].argmax(axis=0).astype(np.int32)
        cx_cy, half = raw[:2, cells].T, raw[2:4, cells].T / 2
        xyxy = np.concatenate([cx_cy - half, cx_cy + half], axis=1)
        if not np.isfinite(xyxy).all():
            raise InferenceError("expected finite boxes from the model, got NaN or infinity")
        return Detections(xyxy, self._best[cells], class_index)
