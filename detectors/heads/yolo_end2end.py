"""What an end-to-end YOLO (YOLOv10, YOLO26) says: 300 rows of x1 y1 x2 y2, score, class, in pixels of the input.

The network has chosen one box for one object itself; rows without an object have a score near 0.
"""

import numpy as np

from detectors.detections import Detections, FloatArray
from detectors.errors import InferenceError
from detectors.heads.yolox import probabilities
from detectors.letterbox import Picture

ROWS = 300


class Head:
    """Nothing depends on the input's size."""

    picture = Picture(is_rgb=True, is_centred=True, full_scale=1.0)
    overlaps = False
    output_shape = (ROWS, 6)

    def __init__(self, *, width_px: int, height_px: int, class_count: int) -> None:
        self._class_count = class_count

    def decode(self, raw: FloatArray, *, score_min: float) -> Detections:
        """Boxes in pixels of the input, best first. `raw` has `output_shape`.

        Raises InferenceError for what no such model says: not a number, a score outside 0 to 1, an unknown class.
        """
        probabilities(raw[:, 4])
        rows = raw[raw[:, 4] >= score_min]
        rows = rows[np.argsort(-rows[:, 4], kind="stable")]
        if not np.isfinite(rows).all():
            raise InferenceError("expected finite boxes from the model, got NaN or infinity")
        class_index = rows[:, 5].astype(np.int32)
        wrong = (class_index != rows[:, 5]) | (class_index < 0) | (class_index >= self._class_count)
        if wrong.any():
            raise InferenceError(
                f"expected a class from 0 to {self._class_count - 1} from the model, got {rows[wrong][0, 5]:g}"
            )
        return Detections(rows[:, :4], rows[:, 4], class_index)
