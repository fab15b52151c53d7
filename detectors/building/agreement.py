"""How far two detectors agree on the same frames: the boxes of one are taken for the truth of the other.

Only boxes above `STRONG` count. A weak box excuses a strong one that it covers: a score that moved from 0.31 to 0.29
changes nothing for a tracker, and it is no fault here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.detections import Detections, FloatArray
from detectors.errors import ModelError

STRONG = 0.3  # score
IOU_MIN = 0.5


@dataclass(frozen=True, slots=True)
class Agreement:
    """boxes: strong ones of the reference. recall, precision: 0 to 1, at `STRONG`. mean_ap: at IoU 0.5 over the classes
    that the reference saw."""

    boxes: int
    recall: float
    precision: float
    mean_ap: float


def agreement(reference: Sequence[Detections], candidate: Sequence[Detections]) -> Agreement:
    """One Detections per frame, same frames, both down to weak scores.

    Raises ModelError when the reference saw nothing: then nothing can be compared.
    """
    classes = sorted({int(index) for seen in reference for index in seen.class_index[seen.score >= STRONG]})
    if not classes:
        raise ModelError(
            f"the reference sees nothing above {STRONG} in these frames: take a video with something in it"
        )
    boxes = sum(int((seen.score >= STRONG).sum()) for seen in reference)
    pairs = list(zip(reference, candidate, strict=True))
    found = sum(_found(truth, seen) for truth, seen in pairs)
    strong = sum(int((seen.score >= STRONG).sum()) for seen in candidate)
    right = sum(_found(seen, truth) for truth, seen in pairs)  # the same question the other way round
    mean_ap = float(np.mean([_average_precision(pairs, class_index) for class_index in classes]))
    return Agreement(boxes, found / boxes, right / strong if strong else 0.0, mean_ap)


def iou(first: FloatArray, second: FloatArray) -> npt.NDArray[np.float64]:
    """(n, 4) and (m, 4) corners in pixels, (n, m) intersection over union."""
    a, b = first.astype(np.float64)[:, None], second.astype(np.float64)[None]
    sides = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None)
    both = sides.prod(axis=-1)
    either = (a[..., 2:] - a[..., :2]).prod(axis=-1) + (b[..., 2:] - b[..., :2]).prod(axis=-1) - both
    ratio: npt.NDArray[np.float64] = both / np.maximum(either, np.finfo(np.float64).tiny)
    return ratio


def _found(wanted: Detections, among: Detections) -> int:
    """How many strong boxes of one are covered by a box of their own, strong or weak, of the other."""
    strong = wanted.where(wanted.score >= STRONG)
    overlap = iou(strong.xyxy_px, among.xyxy_px)
    overlap[strong.class_index[:, None] != among.class_index[None]] = 0.0
    return len(_matches(overlap))


def _average_precision(pairs: Sequence[tuple[Detections, Detections]], class_index: int) -> float:
    """Area under precision over recall, every point, best score first."""
    wanted, scored = 0, []
    for truth, seen in pairs:
        truth_here, seen_here = (each.where(each.class_index == class_index) for each in (truth, seen))
        is_strong = truth_here.score >= STRONG
        wanted += int(is_strong.sum())
        matched = _matches(iou(seen_here.xyxy_px, truth_here.xyxy_px))
        for row, score in enumerate(seen_here.score.tolist()):
            column = matched.get(row)
            if column is None:
                scored.append((score, False))
            elif is_strong[column]:
                scored.append((score, True))
    hits = np.array([hit for _, hit in sorted(scored, key=lambda each: -each[0])], bool)
    right = hits.cumsum()
    precision = right / np.arange(1, len(hits) + 1)
    highest_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    return float(highest_from_here[hits].sum() / wanted)


def _matches(overlap: npt.NDArray[np.float64]) -> dict[int, int]:
    """Row to column, greedily in the order of the rows, which is best score first; each column once."""
    free = overlap.copy()
    matched: dict[int, int] = {}
    for row in range(len(free)):
        column = int(free[row].argmax()) if free.shape[1] else -1
        if column >= 0 and free[row, column] >= IOU_MIN:
            matched[row] = column
            free[:, column] = 0.0
    return matched
