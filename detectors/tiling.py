"""Far objects: parts of a large frame looked at in their own resolution, beside the whole frame looked at in one.

Every frame costs one inference and at most `tiles_max` more. Tiles are squares of a fixed grid whose overlap is wider
than what only they can see, so that a small object lies whole in at least one of them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import zip_longest

import numpy as np
import numpy.typing as npt

from contract.events import ModelIdentity
from contract.labels import Label
from detectors.detections import Detections, FloatArray, IntArray
from detectors.detector import Detector, Prepared
from detectors.frame import Frame
from detectors.merging import Pass, merge

FindMotion = Callable[[Frame], FloatArray]  # (n, 4) boxes of the full frame, px, around what moves
NOWHERE: FloatArray = np.zeros((0, 4), np.float32)


@dataclass(frozen=True, slots=True)
class Tiling:
    """side_px, overlap_px: of the square tiles, in pixels of the full frame. tiles_max: tiles looked at in one frame.

    sweep_min: of those, tiles that only the sweep chooses; it has seen a grid of n tiles after n / sweep_min frames.
    """

    side_px: int = 512
    overlap_px: int = 96
    tiles_max: int = 4
    sweep_min: int = 1


class Grid:
    """The tiles of one size of frame, and when each was looked at last; windows: (n, 4) left, top, right, bottom."""

    def __init__(self, tiling: Tiling, *, width_px: int, height_px: int) -> None:
        self._tiling = tiling
        x, y = (_starts(length_px, tiling) for length_px in (width_px, height_px))
        corners = np.array([(left, top) for top in y for left in x], np.int32)
        limit = np.array([width_px, height_px], np.int32)
        self.windows: IntArray = np.concatenate([corners, np.minimum(corners + tiling.side_px, limit)], axis=1)
        self._looked = np.full(len(self.windows), -1, np.int64)
        self._turn = 0

    def choose(self, *, tracks: FloatArray, motion: FloatArray) -> IntArray:
        """(m, 4) windows for this frame, at most `tiles_max`; tracks, motion: (n, 4) boxes worth a closer look.

        Those that were looked at longest ago come first: where there is more to see than tiles, all wait their turn.
        """
        oldest = np.argsort(self._looked, kind="stable").tolist()
        by_track, by_motion = self._holding(tracks), self._holding(motion)
        pairs = zip_longest(
            (tile for tile in oldest if tile in by_track), (tile for tile in oldest if tile in by_motion)
        )
        wanted = dict.fromkeys(tile for pair in pairs for tile in pair if tile is not None)
        chosen = list(wanted)[: self._tiling.tiles_max - self._tiling.sweep_min]
        chosen += [tile for tile in oldest if tile not in chosen][: self._tiling.tiles_max - len(chosen)]
        self._turn += 1
        self._looked[chosen] = self._turn
        return self.windows[chosen]

    def _holding(self, boxes: FloatArray) -> set[int]:
        """For each box the tile in whose middle it lies best; what is larger than half a tile the whole frame shows."""
        small = boxes[(boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0.0) <= self._tiling.side_px / 2]
        inner = np.concatenate([small[:, None, :2] - self.windows[:, :2], self.windows[:, 2:] - small[:, None, 2:]], 2)
        return set(inner.min(axis=2).argmax(axis=1).tolist())


@dataclass(frozen=True, slots=True)
class Tiled(Prepared):
    """The whole frame made ready, and the frame itself: which tiles are needed is known when it is its turn."""

    frame: Frame
    motion: FloatArray


class TiledDetector:
    """One camera's view of a detector that others may share. Raises DetectorError if it fails on any tile."""

    def __init__(self, detector: Detector, tiling: Tiling, *, find_motion: FindMotion) -> None:
        self._detector = detector
        self._tiling = tiling
        self._find_motion = find_motion
        self._grid: tuple[tuple[int, int], Grid] | None = None
        self._tracks = NOWHERE
        self.identity: ModelIdentity = detector.identity
        self.labels: tuple[Label, ...] = detector.labels

    def follow(self, boxes: FloatArray) -> None:
        """(n, 4) boxes of what is tracked after the last frame, px of the full frame; for the detecting thread."""
        self._tracks = boxes

    def prepare(self, frame: Frame) -> Tiled:
        whole = self._detector.prepare(frame)
        values = {each.name: getattr(whole, each.name) for each in fields(Prepared)}
        return Tiled(**values, frame=frame, motion=self._find_motion(frame))

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        return [self._look(prepared) for prepared in batch]

    def _look(self, prepared: Prepared) -> Detections:
        assert isinstance(prepared, Tiled)
        size_px = (prepared.frame_width_px, prepared.frame_height_px)
        windows = self._grid_of(size_px).choose(tracks=self._tracks, motion=prepared.motion)
        tiles = [self._detector.prepare(_cut(prepared.frame, window)) for window in windows.tolist()]
        whole, *found = self._detector.detect([prepared, *tiles])
        passes = [Pass(window, boxes) for window, boxes in zip(windows, found, strict=True)]
        return merge(whole, passes, size_px=size_px)

    def _grid_of(self, size_px: tuple[int, int]) -> Grid:
        if self._grid is None or self._grid[0] != size_px:
            self._grid = (size_px, Grid(self._tiling, width_px=size_px[0], height_px=size_px[1]))
        return self._grid[1]


def _starts(length_px: int, tiling: Tiling) -> list[int]:
    """Where the tiles of one axis begin: as few as overlap enough, evenly spread."""
    free_px = max(length_px - tiling.side_px, 0)
    count = math.ceil(free_px / (tiling.side_px - tiling.overlap_px)) + 1
    starts: npt.NDArray[np.float64] = np.linspace(0, free_px, count)
    return [round(start) for start in starts]


def _cut(frame: Frame, window: Sequence[int]) -> Frame:
    left, top, right, bottom = window
    return replace(frame, image_bgr=frame.image_bgr[top:bottom, left:right])
