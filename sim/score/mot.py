"""CLEAR MOT and identity F1 of a tracks file against ground truth, at IoU 0.5, as py-motmetrics defines them.

An object keeps the hypothesis it was last matched with, however long ago, as long as the two overlap enough; only what
is left over is assigned anew. A plain assignment in every frame gives other (better looking) figures.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from sim.score.errors import ScoreError

MIN_IOU = 0.5
FORBIDDEN = 1e6  # far above any sum of distances in one frame, each at most 1

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Boxes:
    """n boxes of a sequence. frame: (n,) from 1; identity: (n,); xywh_px: (n, 4) left, top, width, height;
    class_index: (n,), -1 where the file says none."""

    frame: Ints
    identity: Ints
    xywh_px: Floats
    class_index: Ints

    def __len__(self) -> int:
        return len(self.frame)

    def where(self, keep: npt.NDArray[np.bool_]) -> "Boxes":
        return Boxes(self.frame[keep], self.identity[keep], self.xywh_px[keep], self.class_index[keep])

    def by_frame(self) -> dict[int, tuple[Ints, Floats]]:
        """Identities and boxes of each frame that has any."""
        frames, starts = np.unique(self.frame, return_index=True)
        ends = [*starts.tolist(), len(self)][1:]
        return {
            int(frame): (self.identity[start:end], self.xywh_px[start:end])
            for frame, start, end in zip(frames, starts, ends, strict=True)
        }


@dataclass(frozen=True, slots=True)
class MotScore:
    mota: float
    idf1: float
    objects: int  # ground-truth boxes
    misses: int
    false_positives: int
    switches: int
    fragmentations: int  # times that an object was missed between two frames in which it was found


def read_mot(path: Path) -> Boxes:
    """A MOTChallenge file: frame, identity, left, top, width, height and whatever follows (column 8 is the class).

    Raises ScoreError with one line that names file and line.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) and err.strerror else "not text"
        raise ScoreError(f"{path}: {reason}") from err
    rows: list[tuple[float, ...]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            fields = [float(field) for field in line.split(",")]
        except ValueError as err:
            raise ScoreError(f"{path}:{number}: expected numbers with commas between, got {line[:60]!r}") from err
        if len(fields) < 6 or not all(map(np.isfinite, fields)):
            raise ScoreError(f"{path}:{number}: expected frame,id,x,y,width,height,..., got {line[:60]!r}")
        if fields[0] < 1 or fields[4] <= 0 or fields[5] <= 0:
            raise ScoreError(f"{path}:{number}: expected frames from 1 and a box with an area, got {line[:60]!r}")
        rows.append((*fields[:6], fields[7] if len(fields) > 7 else -1.0))
    table = np.array(rows, np.float64).reshape(-1, 7)
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    keys = table[:, :2]
    double = np.flatnonzero((keys[1:] == keys[:-1]).all(axis=1))
    if len(double):
        frame, identity = keys[double[0]].astype(int)
        raise ScoreError(f"{path}: expected one box of an identity in a frame, got two of {identity} in frame {frame}")
    return Boxes(table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2:6], table[:, 6].astype(int))


def iou_distance(a_xywh: Floats, b_xywh: Floats) -> Floats:
    """(n, 4) and (m, 4) boxes to (n, m) distances from 0; above 1 two are no match."""
    return (1.0 - iou(a_xywh, b_xywh)) / (1.0 - MIN_IOU)


def score_mot(
    truth: Boxes, tracks: Boxes, *, distance_of: Callable[[Floats, Floats], Floats] = iou_distance
) -> MotScore:
    """`distance_of`: as iou_distance. Raises ScoreError when there is no ground truth to score against."""
    if not len(truth):
        raise ScoreError("expected ground truth with at least one box, got none")
    truth_of, tracks_of = truth.by_frame(), tracks.by_frame()
    nothing = np.zeros(0, np.int64), np.zeros((0, 4))
    last_match: dict[int, int] = {}
    misses = false_positives = switches = fragmentations = 0
    is_missed: dict[int, bool] = {}  # of objects that were found before
    overlaps: dict[tuple[int, int], int] = {}
    for frame in sorted(truth_of.keys() | tracks_of.keys()):
        objects, object_boxes = truth_of.get(frame, nothing)
        found, found_boxes = tracks_of.get(frame, nothing)
        distance = distance_of(object_boxes, found_boxes)
        allowed = distance <= 1.0
        for i, j in np.argwhere(allowed):
            pair = int(objects[i]), int(found[j])
            overlaps[pair] = overlaps.get(pair, 0) + 1
        matched = _match(objects, found, distance, allowed, last_match)
        for i, j in matched:
            before = last_match.get(int(objects[i]))
            switches += before is not None and before != found[j]
            last_match[int(objects[i])] = int(found[j])
        is_found = {int(objects[i]) for i, _ in matched}
        for identity in objects.tolist():
            fragmentations += identity in is_found and is_missed.get(identity, False)
            if identity in last_match:
                is_missed[identity] = identity not in is_found
        misses += len(objects) - len(matched)
        false_positives += len(found) - len(matched)
    return MotScore(
        mota=float(1.0 - (misses + false_positives + switches) / len(truth)),
        idf1=_idf1(truth, tracks, overlaps),
        objects=len(truth),
        misses=misses,
        false_positives=false_positives,
        switches=int(switches),
        fragmentations=fragmentations,
    )


def _match(
    objects: Ints, found: Ints, distance: Floats, allowed: npt.NDArray[np.bool_], last_match: dict[int, int]
) -> list[tuple[int, int]]:
    """Pairs of one frame: first what was matched before and still overlaps, then the nearest of the rest."""
    column = {int(identity): j for j, identity in enumerate(found)}
    kept: list[tuple[int, int]] = []
    taken: set[int] = set()
    for i, identity in enumerate(objects):
        j = column.get(last_match.get(int(identity), -1))
        if j is not None and j not in taken and allowed[i, j]:
            kept.append((i, j))
            taken.add(j)
    rows = [i for i in range(len(objects)) if i not in {pair[0] for pair in kept}]
    columns = [j for j in range(len(found)) if j not in taken]
    cost = np.where(allowed, distance, FORBIDDEN)[np.ix_(rows, columns)]
    for r, c in zip(*linear_sum_assignment(cost), strict=True):
        if cost[r, c] < FORBIDDEN:
            kept.append((rows[r], columns[c]))
    return kept


def _idf1(truth: Boxes, tracks: Boxes, overlaps: dict[tuple[int, int], int]) -> float:
    """F1 under the one-to-one assignment of identities over the whole sequence that shares the most boxes.

    Ristani et al. 2016, section 3.
    """
    if not overlaps:
        return 0.0
    objects, found = (sorted({pair[k] for pair in overlaps}) for k in (0, 1))
    shared = np.zeros((len(objects), len(found)))
    for (o, f), count in overlaps.items():
        shared[objects.index(o), found.index(f)] = count
    rows, columns = linear_sum_assignment(shared, maximize=True)
    return float(2.0 * shared[rows, columns].sum() / (len(truth) + len(tracks)))


def iou(a_xywh: Floats, b_xywh: Floats) -> Floats:
    a, b = a_xywh[:, None], b_xywh[None]
    inner = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    area = np.prod(np.maximum(inner, 0.0), axis=-1)
    return np.asarray(area / (np.prod(a[..., 2:], axis=-1) + np.prod(b[..., 2:], axis=-1) - area))
