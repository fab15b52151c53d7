"""What YOLOX's raw output means: one row for each cell of three grids (strides 8, 16, 32).

A row is cx cy w h, objectness, one score for each class. The scores are probabilities already; the box is not in pixels
yet: centre = (raw + cell) * stride, size = exp(raw) * stride (YOLOX, arXiv 2107.08430).
"""

import numpy as np

from detectors.detections import Detections, FloatArray
from detectors.errors import InferenceError
from detectors.letterbox import Picture

STRIDES_PX = (8, 16, 32)


class Head:
    """The grids of one input size."""

    picture = Picture()
    overlaps = True

    def __init__(self, *, width_px: int, height_px: int, class_count: int) -> None:
        cells, strides = [], []
        for stride_px in STRIDES_PX:
            columns, rows = width_px // stride_px, height_px // stride_px
            y, x = np.divmod(np.arange(rows * columns), columns)
            cells.append(np.stack([x, y], axis=1).astype(np.float32))
            strides.append(np.full((rows * columns, 1), stride_px, np.float32))
        self._cells: FloatArray = np.concatenate(cells)
        self._strides: FloatArray = np.concatenate(strides)
        self.output_shape = (len(self._cells), 5 + class_count)

    def decode(self, raw: FloatArray, *, score_min: float) -> Detections:
        """Boxes in pixels of the input, unsorted, overlapping. `raw` has `output_shape`.

        A score is never above its objectness, so only rows above `score_min` in that are looked at.
        Raises InferenceError for what no YOLOX says: not a number, or a score outside 0 to 1.
        """
        objectness = raw[:, 4]
        probabilities(objectness)
        candidates = np.flatnonzero(objectness >= score_min)
        rows = raw[candidates]
        class_index = rows[:, 5:].argmax(axis=1)
        class_score = rows[np.arange(len(rows)), 5 + class_index]
        probabilities(class_score)
        score = rows[:, 4] * class_score
        good = score >= score_min
        candidates, rows = candidates[good], rows[good]
        centre = (rows[:, :2] + self._cells[candidates]) * self._strides[candidates]
        with np.errstate(over="ignore"):
            half = np.exp(rows[:, 2:4]) * (self._strides[candidates] / 2)
        xyxy = np.concatenate([centre - half, centre + half], axis=1)
        if not np.isfinite(xyxy).all():
            raise InferenceError("expected finite boxes from the model, got NaN or infinity")
        return Detections(xyxy, score[good], class_index[good].astype(np.int32))


def probabilities(values: FloatArray) -> None:
    """Raises InferenceError when one of them is not."""
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    if not (low >= -1e-3 and high <= 1.001):  # NaN fails both; the margin is float16 rounding
        raise InferenceError(f"expected scores from 0 to 1 from the model, got {low:g} to {high:g}")
