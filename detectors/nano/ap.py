"""How well boxes match labels: average precision at one IoU, class by class, ignored boxes left out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.building.agreement import iou
from detectors.detections import Detections, FloatArray
from detectors.nano.data import IGNORED, Boxes
from detectors.nano.network import CLASSES

IOU_MIN = 0.5


@dataclass(frozen=True, slots=True)
class Matched:
    """What was found of one class, the best score first over all pictures, and which label each of it is.

    score: (n,); picture, label: (n,) indices, label -1 where it is none; wanted: labels of the class.
    """

    score: FloatArray
    picture: npt.NDArray[np.int64]
    label: npt.NDArray[np.int64]
    wanted: int

    def average_precision(self) -> float:
        """Area under precision over recall, every point."""
        hits = self.label >= 0
        precision = hits.cumsum() / np.arange(1, len(hits) + 1)
        highest_from_here = np.maximum.accumulate(precision[::-1])[::-1]
        return float(highest_from_here[hits].sum() / self.wanted)

    def allowing(self, false_boxes: int) -> int:
        """How many of the best may be believed so that no more than `false_boxes` of them are wrong."""
        wrong = (self.label < 0).cumsum()
        return int(np.searchsorted(wrong, false_boxes, side="right"))


def matched(truth: Sequence[Boxes], found: Sequence[Detections], class_index: int) -> Matched:
    """What lies for the most part in an ignored box is neither right nor wrong, and is left out."""
    wanted, rows = 0, []
    for picture, (boxes, seen) in enumerate(zip(truth, found, strict=True)):
        here = seen.where(seen.class_index == class_index)
        labels = np.flatnonzero(boxes.class_index == class_index)
        ignored = boxes.xyxy_px[boxes.class_index == IGNORED]
        wanted += len(labels)
        free = iou(here.xyxy_px, boxes.xyxy_px[labels])
        for row in np.argsort(-here.score, kind="stable").tolist():
            column = int(free[row].argmax()) if len(labels) else -1
            if column >= 0 and free[row, column] >= IOU_MIN:
                free[:, column] = 0.0
                rows.append((float(here.score[row]), picture, int(labels[column])))
            elif not _covered(here.xyxy_px[row], ignored):
                rows.append((float(here.score[row]), picture, -1))
    rows.sort(key=lambda each: -each[0])
    table = np.array(rows, np.float64).reshape(-1, 3)
    return Matched(table[:, 0].astype(np.float32), table[:, 1].astype(int), table[:, 2].astype(int), wanted)


def ap50(truth: Sequence[Boxes], found: Sequence[Detections]) -> dict[str, float]:
    """By the name of each class that is labelled anywhere."""
    return {
        name: matched(truth, found, index).average_precision()
        for index, name in enumerate(CLASSES)
        if any((boxes.class_index == index).any() for boxes in truth)
    }


def _covered(box: FloatArray, by: FloatArray) -> bool:
    """Whether more than half of the box lies in one of the others."""
    if not len(by):
        return False
    sides = np.clip(np.minimum(box[2:], by[:, 2:]) - np.maximum(box[:2], by[:, :2]), 0, None)
    area = float((box[2:] - box[:2]).prod())
    return bool(sides.prod(axis=1).max() > IOU_MIN * area)
