"""What the network finds in labelled pictures while it learns, through the head and the suppression of the runtime."""

from collections.abc import Iterator

import numpy as np

from detectors.boxes import suppress
from detectors.detections import Detections
from detectors.heads.yolox import Head
from detectors.nano.ap import ap50
from detectors.nano.augment import NONE, sample
from detectors.nano.data import Boxes, Pictures
from detectors.nano.learner import Learner
from detectors.nano.network import CLASSES

SCORE_MIN = 0.01
IOU_MAX = 0.6
AT_ONCE = 8


def judge(learner: Learner, pictures: Pictures, *, most: int) -> dict[str, float]:
    """AP50 of each class, on `most` pictures spread over all of them."""
    side_px = learner.plan.side_px
    head = Head(width_px=side_px, height_px=side_px, class_count=len(CLASSES))
    truth: list[Boxes] = []
    found: list[Detections] = []
    for images, boxes in _letterboxed(pictures, side_px=side_px, most=most):
        truth += boxes
        for rows in learner.look(images):
            seen = head.decode(rows, score_min=SCORE_MIN)
            xyxy = np.clip(seen.xyxy_px, 0, side_px).astype(np.float32)
            inside = np.flatnonzero((xyxy[:, 2:] > xyxy[:, :2]).all(axis=1)).astype(np.int32)
            found.append(suppress(Detections(xyxy, seen.score, seen.class_index).where(inside), iou_max=IOU_MAX))
    return ap50(truth, found)


def _letterboxed(
    pictures: Pictures, *, side_px: int, most: int
) -> "Iterator[tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], list[Boxes]]]":
    rng = np.random.default_rng(0)  # `NONE` asks it for nothing that shows
    chosen = np.unique(np.linspace(0, len(pictures) - 1, min(most, len(pictures))).round().astype(int)).tolist()
    for start in range(0, len(chosen), AT_ONCE):
        drawn = [
            sample(pictures, index, side_px=side_px, strength=NONE, rng=rng)
            for index in chosen[start : start + AT_ONCE]
        ]
        yield np.stack([image for image, _ in drawn]), [boxes for _, boxes in drawn]
