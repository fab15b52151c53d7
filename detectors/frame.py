"""One decoded picture and when its light fell on the sensor."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ImageBgr = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Frame:
    """`image_bgr`: (height, width, 3) uint8, not to be written to. `pts_us` counts from the start of the feed;
    `captured_at_us` is the same moment since the Unix epoch, UTC."""

    image_bgr: ImageBgr
    pts_us: int
    captured_at_us: int
    index: int  # from 0, within one opening of the feed
    decode_us: int  # how long decoding took
