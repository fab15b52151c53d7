"""The seam between a pipeline and whatever runs the network.

`prepare` is cheap pixel work and may run on the thread that decodes; `detect` owns the accelerator: one thread only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from contract.events import ModelIdentity
from contract.labels import Label
from detectors.detections import Detections
from detectors.frame import Frame


@dataclass(frozen=True, slots=True)
class Prepared:
    """A frame made ready for the network.

    tensor: (channels, height, width) float32 as the model wants it.
    scale, pad: full-frame pixel = (input pixel - pad) / scale.
    """

    tensor: npt.NDArray[np.float32]
    scale: float
    pad_x_px: float
    pad_y_px: float
    frame_width_px: int
    frame_height_px: int
    pts_us: int


class Detector(Protocol):
    """Boxes from frames. Raises DetectorError when it cannot answer: a failure is never an empty scene."""

    @property
    def identity(self) -> ModelIdentity: ...

    @property
    def labels(self) -> tuple[Label, ...]:
        """What each class index means."""
        ...

    def prepare(self, frame: Frame) -> Prepared: ...

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        """One Detections per Prepared, same order."""
        ...
