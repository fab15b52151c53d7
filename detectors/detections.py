"""What a detector saw in one frame: a struct of arrays."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Detections:
    """n boxes of one frame, best score first.

    xyxy_px: (n, 4) float32, left, top, right, bottom in pixels of the full frame, clipped to it.
    score: (n,) float32, 0 to 1.
    class_index: (n,) int32, index into the model's own classes.
    """

    xyxy_px: FloatArray
    score: FloatArray
    class_index: IntArray

    @classmethod
    def none(cls) -> "Detections":
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32))

    def __len__(self) -> int:
        return len(self.score)

    def where(self, keep: npt.NDArray[np.bool_] | IntArray) -> "Detections":
        """The rows that `keep` (mask or indices) names."""
        return Detections(self.xyxy_px[keep], self.score[keep], self.class_index[keep])
