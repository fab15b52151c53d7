"""Boxes of one frame that was looked at as a whole and in tiles: one box for one object.

Of two looks that both hold an object whole, the finer one's word counts; one that holds only a part has no say.
Nothing is dropped because another look did not see it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from detectors.detections import Detections, FloatArray, IntArray

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

EDGE_PX = 4  # a box that ends this near to a tile's inner edge is cut by it
SAME_IOU = 0.4  # between tiles, which see with one sharpness
SAME_PART = 0.6  # shared part of the smaller box, where the other look is coarser or saw only a part
PART_OF_LARGER = 0.8  # of a tile's box, inside an object that the tile does not hold
FACING = ((2, 0), (3, 1))  # the edges of two cut boxes that continue one another: right to left, bottom to top
TILE, WHOLE, JOINED, CUT = range(4)  # whose box stays, of two of one object


@dataclass(frozen=True, slots=True)
class Pass:
    """One tile: its window, (4,) left, top, right, bottom in pixels of the full frame, and what was seen in it, in
    pixels of the tile."""

    window: IntArray
    found: Detections


def merge(whole: Detections, tiles: Sequence[Pass], *, size_px: tuple[int, int]) -> Detections:
    """Of a frame of `size_px` (width, height). Best score first; classes are never mixed."""
    if not tiles:
        return whole
    everything = np.array([[0, 0, *size_px]], np.float32)
    windows = np.concatenate([everything, np.array([tile.window for tile in tiles], np.float32)])
    inner = windows != everything  # (passes, 4) edges beyond which the frame goes on
    found = [whole, *(tile.found for tile in tiles)]
    source: Rows = np.repeat(np.arange(len(found)), [len(each) for each in found])
    boxes: FloatArray = np.concatenate([each.xyxy_px for each in found]) + np.tile(windows[source, :2], 2)
    score: FloatArray = np.concatenate([each.score for each in found])
    kind: IntArray = np.concatenate([each.class_index for each in found])

    stays = np.flatnonzero(~_is_part_of_larger(boxes, kind, source, windows, inner))
    boxes, score, kind, source = boxes[stays], score[stays], kind[stays], source[stays]
    is_cut = (np.abs(boxes - windows[source]) <= EDGE_PX) & inner[source]
    rank: Rows = np.where(source == 0, WHOLE, np.where(is_cut.any(axis=1), CUT, TILE))

    joined, groups = _joined(boxes, kind, source, is_cut)
    boxes = np.concatenate([boxes, joined])
    score = np.concatenate([score, np.array([score[group].max() for group in groups], np.float32)])
    kind = np.concatenate([kind, np.array([kind[group[0]] for group in groups], np.int32)])
    rank = np.concatenate([rank, np.full(len(groups), JOINED)])

    keep = _first_of_each(boxes, score, kind, rank)
    order = keep[np.argsort(-score[keep], kind="stable")]
    return Detections(boxes, score, kind).where(order.astype(np.int32))


def _is_part_of_larger(boxes: FloatArray, kind: IntArray, source: Rows, windows: FloatArray, inner: Mask) -> Mask:
    """(n,) boxes of tiles that lie inside a box of the whole frame which their tile does not hold."""
    large = boxes[source == 0]
    window, edge = windows[source, None], inner[source, None]
    beyond = np.concatenate([large[:, :2] < window[..., :2] + EDGE_PX, large[:, 2:] > window[..., 2:] - EDGE_PX], 2)
    is_held = ~(beyond & edge).any(axis=2)
    shared, _ = _overlap(boxes, large)
    part = shared / _area(boxes)[:, None]
    is_part = (part >= PART_OF_LARGER) & ~is_held & (kind[:, None] == kind[source == 0])
    return np.asarray(is_part.any(axis=1) & (source > 0))


def _joined(boxes: FloatArray, kind: IntArray, source: Rows, is_cut: Mask) -> tuple[FloatArray, list[Rows]]:
    """Boxes around objects that go on from tile to tile, and the rows of each: the cut edges face one another inside
    the tiles' overlap, and across they agree."""
    shared, _ = _overlap(boxes, boxes)
    is_pair = np.zeros(shared.shape, np.bool_)
    for axis, (far, near) in enumerate(FACING):
        across = [1 - axis, 3 - axis]
        low, high = boxes[:, across[0]], boxes[:, across[1]]
        common = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
        agree = common >= 0.5 * (np.maximum(high[:, None], high) - np.minimum(low[:, None], low))
        is_pair |= agree & is_cut[:, None, far] & is_cut[:, near] & (boxes[:, None, near] < boxes[:, near])
    is_pair &= (shared > 0) & (kind[:, None] == kind) & (source[:, None] != source)
    if not is_pair.any():
        return np.zeros((0, 4), np.float32), []
    _, group = connected_components(coo_array(is_pair), directed=False)
    groups = [rows for rows in (np.flatnonzero(group == number) for number in np.unique(group)) if len(rows) > 1]
    around = [np.concatenate([boxes[rows, :2].min(axis=0), boxes[rows, 2:].max(axis=0)]) for rows in groups]
    return np.array(around, np.float32), groups


def _first_of_each(boxes: FloatArray, score: FloatArray, kind: IntArray, rank: Rows) -> Rows:
    """Rows that stay: greedy suppression by rank, then score, computed for all at once until nothing changes."""
    shared, together = _overlap(boxes, boxes)
    area = _area(boxes)
    is_same_tiles = shared >= SAME_IOU * together
    is_same_other = shared >= SAME_PART * np.minimum(area[:, None], area)
    is_tile = rank == TILE
    is_same = np.where(is_tile[:, None] & is_tile, is_same_tiles, is_same_other) & (kind[:, None] == kind)
    is_same &= ~((rank == WHOLE)[:, None] & (rank == WHOLE))  # what one look keeps apart stays apart
    place = np.empty(len(boxes), np.int64)
    place[np.lexsort((-score, rank))] = np.arange(len(boxes))
    yields = is_same & (place[:, None] > place)  # to whom each would yield
    keep = np.ones(len(boxes), np.bool_)
    while not np.array_equal(after := ~(yields & keep).any(axis=1), keep):
        keep = after
    return np.flatnonzero(keep)


def _overlap(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(n, m) area of the intersection and of the union."""
    sides = np.minimum(a[:, None, 2:], b[:, 2:]) - np.maximum(a[:, None, :2], b[:, :2])
    np.maximum(sides, 0.0, out=sides)
    shared = sides[..., 0] * sides[..., 1]
    return shared, _area(a)[:, None] + _area(b) - shared


def _area(boxes: FloatArray) -> FloatArray:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
