"""One followed object, as the tracker knows it at one frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt


class TrackState(str, Enum):
    TENTATIVE = "tentative"  # seen, not yet believed
    CONFIRMED = "confirmed"
    COASTING = "coasting"  # believed, not seen in this frame
    LOST = "lost"  # given up in this frame; never heard of again


@dataclass(frozen=True, slots=True)
class Track:
    """`xyxy_px` is the box as detected (when seen) or predicted (when coasting), in pixels of the full frame; is_away:
    coasting out of the picture, so that the box is only where it left."""

    track_id: int
    class_index: int
    score: float
    xyxy_px: tuple[float, float, float, float]
    state: TrackState
    first_seen_us: int
    last_seen_us: int
    is_away: bool = False


def boxes_px(tracks: Sequence[Track]) -> npt.NDArray[np.float64]:
    """(n, 4) left, top, right, bottom of all that are followed in the picture, believed or not yet."""
    here = [track.xyxy_px for track in tracks if track.state is not TrackState.LOST and not track.is_away]
    return np.array(here).reshape(-1, 4)
