"""How well boxes match labels: average precision at one IoU, class by class, ignored boxes left out."""

from collections.abc import Sequence

import numpy as np

from detectors.building.agreement import iou
from detectors.detections import Detections, FloatArray
from detectors.nano.data import IGNORED, Boxes
from detectors.nano.network import CLASSES

IOU_MIN = 0.5


def ap50(truth: Sequence[Boxes], found: Sequence[Detections]) -> dict[str, float]:
    """By the name of each class that is labelled anywhere: area under precision over recall, every point, best score
    first over all pictures. What lies for the most part in an ignored box is neither right nor wrong."""
    return {
        name: _average_precision(list(zip(truth, found, strict=True)), index)
        for index, name in enumerate(CLASSES)
        if any((boxes.class_index == index).any() for boxes in truth)
    }


def _average_precision(pairs: Sequence[tuple[Boxes, Detections]], class_index: int) -> float:
    wanted, scored = 0, []
    for boxes, seen in pairs:
        here = seen.where(seen.class_index == class_index)
        labelled = boxes.xyxy_px[boxes.class_index == class_index]
        ignored = boxes.xyxy_px[boxes.class_index == IGNORED]
        wanted += len(labelled)
        free = iou(here.xyxy_px, labelled)
        for row in np.argsort(-here.score, kind="stable").tolist():
            column = int(free[row].argmax()) if free.shape[1] else -1
            if column >= 0 and free[row, column] >= IOU_MIN:
                free[:, column] = 0.0
                scored.append((float(here.score[row]), True))
            elif not _covered(here.xyxy_px[row], ignored):
                scored.append((float(here.score[row]), False))
    hits = np.array([hit for _, hit in sorted(scored, key=lambda each: -each[0])], bool)
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    highest_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    return float(highest_from_here[hits].sum() / wanted)


def _covered(box: FloatArray, by: FloatArray) -> bool:
    """Whether more than half of the box lies in one of the others."""
    if not len(by):
        return False
    sides = np.clip(np.minimum(box[2:], by[:, 2:]) - np.maximum(box[:2], by[:, :2]), 0, None)
    area = float((box[2:] - box[:2]).prod())
    return bool(sides.prod(axis=1).max() > IOU_MIN * area)
