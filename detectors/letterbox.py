"""A frame of any size into the network's picture: scaled, never stretched, the rest grey.

The picture sits in the top left corner, as in YOLOX's own preprocessing; it is not centred. Every call makes its own
arrays: only the caller knows how many are on their way from the decoding thread to the detecting one.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from detectors.detector import Prepared
from detectors.frame import Frame

GREY = 114  # what the training padded with


def letterbox(frame: Frame, *, width_px: int, height_px: int) -> Prepared:
    """BGR, 0 to 255, (3, height_px, width_px) float32."""
    frame_height_px, frame_width_px = frame.image_bgr.shape[:2]
    scale = min(width_px / frame_width_px, height_px / frame_height_px)
    inner_width_px = max(1, int(frame_width_px * scale))
    inner_height_px = max(1, int(frame_height_px * scale))
    image: npt.NDArray[Any] = frame.image_bgr
    if (inner_width_px, inner_height_px) != (frame_width_px, frame_height_px):
        image = cv2.resize(image, (inner_width_px, inner_height_px), interpolation=cv2.INTER_LINEAR)
    tensor = np.empty((3, height_px, width_px), np.float32)
    planes = np.empty((3, inner_height_px, inner_width_px), np.uint8)
    cv2.split(image, list(planes))  # a third faster than a transposed copy
    tensor[:, :inner_height_px, :inner_width_px] = planes
    tensor[:, inner_height_px:] = GREY
    tensor[:, :inner_height_px, inner_width_px:] = GREY
    return Prepared(
        tensor=tensor,
        scale=scale,
        pad_x_px=0.0,
        pad_y_px=0.0,
        frame_width_px=frame_width_px,
        frame_height_px=frame_height_px,
        pts_us=frame.pts_us,
    )
