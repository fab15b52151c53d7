"""What goes into a picture beside the scenario, and what comes out: plain values, no renderer."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.frame import ImageBgr
from sim.sight import Seen

IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class VehiclePlace:
    """Where one of the site's own vehicles is, metres in the site's ENU frame; the ground is 0 up."""

    vehicle: str
    east_m: float
    north_m: float
    up_m: float
    heading_deg: float


@dataclass(frozen=True, slots=True)
class Noise:
    """Of a camera's sensor: one standard deviation of full scale by day. Each frame's is drawn from seed, camera and
    the frame's time."""

    sigma_frac: float
    seed: int
    camera: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture and who is in it, in the order of the scenario's actors; who has no visible pixel is left out.

    boxes: of an actor's own visible pixels, right and lower edge exclusive; `visible_frac` is the share of the pixels
    that it would have in this picture if it stood there alone.
    """

    image_bgr: ImageBgr
    boxes: tuple[Seen, ...]


def box_of(ids: IntArray, actor: int) -> tuple[tuple[int, int, int, int], int] | None:
    """Bounds and count of an actor's pixels in a picture (height, width) of actors' numbers."""
    mine = ids == actor
    columns, rows = np.flatnonzero(mine.any(axis=0)), np.flatnonzero(mine.any(axis=1))
    if not len(columns):
        return None
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return box, int(np.count_nonzero(mine))
