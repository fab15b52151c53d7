"""A frame of any size into the network's picture: scaled, never stretched, the rest grey.

Tensors are used again, and nobody has to give them back: one is free when nothing refers to it any more. Who keeps a
`Prepared`, or a view of its tensor, keeps its pixels.
"""

import sys
from dataclasses import dataclass
from threading import Lock
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from detectors.detections import FloatArray
from detectors.detector import Prepared
from detectors.errors import InferenceError
from detectors.frame import Frame, ImageBgr

GREY = 114  # what the training padded with
KEPT_TENSORS = 32  # more than are ever on their way to the detecting thread: three a recording, and a batch


@dataclass(frozen=True, slots=True)
class Picture:
    """What a network was trained to look at."""

    is_rgb: bool = False
    is_centred: bool = False  # grey on two sides; else the picture lies in the top left corner
    full_scale: float = 255.0  # the value of a white pixel


class Letterbox:
    """Frames into (3, height_px, width_px) float32. May be called from several threads."""

    def __init__(self, *, width_px: int, height_px: int, picture: Picture) -> None:
        self._width_px = width_px
        self._height_px = height_px
        self._picture = picture
        self._sheets: list[_Sheet] = []
        self._lock = Lock()

    def fit(self, frame: Frame) -> Prepared:
        """Raises InferenceError for a frame without pixels, or of another kind."""
        image = frame.image_bgr
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            got = f"{image.shape} {image.dtype}"
            raise InferenceError(f"frame at {frame.pts_us} us: expected a picture (height, width, 3) uint8, got {got}")
        sheet, tensor = self._free_sheet(frame_width_px=image.shape[1], frame_height_px=image.shape[0])
        sheet.draw(image, tensor)
        return Prepared(
            tensor=tensor,
            scale=sheet.scale,
            pad_x_px=sheet.left_px,
            pad_y_px=sheet.top_px,
            frame_width_px=sheet.frame_width_px,
            frame_height_px=sheet.frame_height_px,
            pts_us=frame.pts_us,
        )

    def _free_sheet(self, *, frame_width_px: int, frame_height_px: int) -> "tuple[_Sheet, FloatArray]":
        """A sheet for frames of this size and its tensor, which is taken by being referred to."""
        with self._lock:
            for sheet in self._sheets:
                if sheet.is_for(frame_width_px, frame_height_px) and sheet.is_free():
                    return sheet, sheet.tensor
            sheet = _Sheet(
                width_px=self._width_px,
                height_px=self._height_px,
                picture=self._picture,
                frame_width_px=frame_width_px,
                frame_height_px=frame_height_px,
            )
            self._sheets = [*self._sheets[-(KEPT_TENSORS - 1) :], sheet]
            return sheet, sheet.tensor


class _Sheet:
    """One tensor and what is needed to draw frames of one size into it; the grey is painted once."""

    def __init__(
        self, *, width_px: int, height_px: int, picture: Picture, frame_width_px: int, frame_height_px: int
    ) -> None:
        self.frame_width_px, self.frame_height_px = frame_width_px, frame_height_px
        self.scale = min(width_px / frame_width_px, height_px / frame_height_px)
        whole = round if picture.is_centred else int  # as the trainings of YOLO and of YOLOX do
        inner_width_px = max(1, whole(frame_width_px * self.scale))
        inner_height_px = max(1, whole(frame_height_px * self.scale))
        # Halves go to the left and to the top, as in the training.
        left_px = round((width_px - inner_width_px) / 2 - 0.1) if picture.is_centred else 0
        top_px = round((height_px - inner_height_px) / 2 - 0.1) if picture.is_centred else 0
        self.left_px, self.top_px = float(left_px), float(top_px)
        self.tensor = np.full((3, height_px, width_px), GREY * (picture.full_scale / 255), np.float32)
        self._inside = slice(None), slice(top_px, top_px + inner_height_px), slice(left_px, left_px + inner_width_px)
        self._resized: ImageBgr = np.empty((inner_height_px, inner_width_px, 3), np.uint8)
        self._planes: ImageBgr = np.empty((3, inner_height_px, inner_width_px), np.uint8)
        self._blue_green_red = list(self._planes[::-1] if picture.is_rgb else self._planes)
        self._unit = np.float32(picture.full_scale / 255)

    def is_for(self, frame_width_px: int, frame_height_px: int) -> bool:
        return (self.frame_width_px, self.frame_height_px) == (frame_width_px, frame_height_px)

    def is_free(self) -> bool:
        """Nobody but this sheet (and the argument of the question) refers to the tensor; a view of it does."""
        return sys.getrefcount(self.tensor) == 2

    def draw(self, frame_bgr: ImageBgr, tensor: FloatArray) -> None:
        image: npt.NDArray[Any] = frame_bgr
        if image.shape != self._resized.shape:
            height_px, width_px = self._resized.shape[:2]
            image = cv2.resize(image, (width_px, height_px), dst=self._resized, interpolation=cv2.INTER_LINEAR)
        cv2.split(image, self._blue_green_red)  # a third faster than a transposed copy
        np.multiply(self._planes, self._unit, out=tensor[self._inside])
