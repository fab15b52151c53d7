"""Which cell learns which object, and how wrong it is: SimOTA and the losses of YOLOX (arXiv 2107.08430).

Every object asks for as many cells as the overlaps of its ten best add up to; a cell may answer when its middle lies in
the box or near the box's middle, and it answers for the object that costs it least. Boxes learn by GIoU (arXiv
1902.09630), classes towards the overlap, objectness towards one; a cell inside an ignored box learns nothing.
"""

from dataclasses import dataclass
from typing import Any

from detectors.nano.network import CLASSES, STRIDES_PX
from detectors.nano.tensorflow_module import import_tensorflow

NEAR_CELLS = 2.5  # half side of the square around a box's middle
ASKED_MOST = 10  # cells for one object
IOU_WEIGHT = 3.0  # of the overlap in the cost of a match
OUTSIDE, NEVER = 1e5, 1e9  # cost of a cell outside box or square; of one that may not answer
BOX_WEIGHT = 5.0
SIZE_MOST = 8.0  # exp of more is no box


@dataclass(frozen=True, slots=True)
class Loss:
    """Scalars, each over the number of cells that answer."""

    box: Any
    objectness: Any
    kind: Any
    answering: Any

    @property
    def total(self) -> Any:
        return BOX_WEIGHT * self.box + self.objectness + self.kind


def cells(side_px: Any) -> tuple[Any, Any]:
    """Middles (cells, 2) and strides (cells, 1) in pixels, as the head `yolox` numbers the cells."""
    tf = import_tensorflow()
    middles, strides = [], []
    for stride_px in STRIDES_PX:
        count = side_px // stride_px
        line = (tf.cast(tf.range(count), tf.float32) + 0.5) * stride_px
        x, y = tf.meshgrid(line, line)
        middles.append(tf.reshape(tf.stack([x, y], -1), [-1, 2]))
        strides.append(tf.fill([count * count, 1], float(stride_px)))
    return tf.concat(middles, 0), tf.concat(strides, 0)


def boxes_px(rows: Any, middles: Any, strides: Any) -> Any:
    """(n, cells, 4) corners in pixels from what the network says; the head's cells begin at their corner."""
    tf = import_tensorflow()
    middle = rows[..., :2] * strides + middles - strides / 2
    half = tf.exp(tf.minimum(rows[..., 2:4], SIZE_MOST)) * strides / 2
    return tf.concat([middle - half, middle + half], -1)


def overlaps(first: Any, second: Any) -> tuple[Any, Any]:
    """IoU and GIoU of boxes whose shapes match or spread, without the last axis."""
    tf = import_tensorflow()
    low, high = tf.maximum(first[..., :2], second[..., :2]), tf.minimum(first[..., 2:], second[..., 2:])
    both = tf.reduce_prod(tf.maximum(high - low, 0), -1)
    areas = tf.reduce_prod(first[..., 2:] - first[..., :2], -1), tf.reduce_prod(second[..., 2:] - second[..., :2], -1)
    either = areas[0] + areas[1] - both
    hull_low, hull_high = tf.minimum(first[..., :2], second[..., :2]), tf.maximum(first[..., 2:], second[..., 2:])
    hull = tf.reduce_prod(hull_high - hull_low, -1)
    iou = both / tf.maximum(either, 1e-6)
    return iou, iou - (hull - either) / tf.maximum(hull, 1e-6)


def assign(boxes: Any, rows: Any, truth: Any, kinds: Any, *, grid: tuple[Any, Any]) -> tuple[Any, Any, Any]:
    """(n, cells): whether a cell answers, for which object, and its overlap with that.

    boxes, rows: of the network; truth: (n, objects, 4) px; kinds: (n, objects), negative for none;
    grid: of `cells`.
    """
    tf = import_tensorflow()
    middles, strides = grid
    is_object = (kinds >= 0)[..., None]
    low, high = truth[:, :, None, :2], truth[:, :, None, 2:]
    in_box = tf.reduce_all((middles > low) & (middles < high), -1)
    near = tf.reduce_all(tf.abs(middles - (low + high) / 2) < NEAR_CELLS * strides, -1)
    may = (in_box | near) & is_object
    iou = overlaps(truth[:, :, None], boxes[:, None])[0] * tf.cast(may, tf.float32)
    score = tf.sqrt(tf.sigmoid(rows[..., 5:]) * tf.sigmoid(rows[..., 4:5]))
    score = tf.clip_by_value(score, 1e-6, 1 - 1e-6)
    wanted = tf.one_hot(kinds, len(CLASSES))
    gain = tf.math.log(score) - tf.math.log(1 - score)
    kind_cost = -tf.matmul(wanted, gain, transpose_b=True) - tf.reduce_sum(tf.math.log(1 - score), -1)[:, None]
    cost = kind_cost - IOU_WEIGHT * tf.math.log(iou + 1e-8) + OUTSIDE * tf.cast(~(in_box & near), tf.float32)
    cost = tf.where(may, cost, NEVER)
    best = tf.math.top_k(iou, ASKED_MOST).values
    asked = tf.clip_by_value(tf.cast(tf.reduce_sum(best, -1), tf.int32), 1, ASKED_MOST)
    cheapest = -tf.math.top_k(-cost, ASKED_MOST).values
    limit = tf.gather(cheapest, asked - 1, batch_dims=2)
    chosen = (cost <= limit[..., None]) & (cost < NEVER / 2)
    of_object = tf.argmin(tf.where(chosen, cost, 2 * NEVER), 1, output_type=tf.int32)
    answers = tf.reduce_any(chosen, 1)
    taken = tf.gather(tf.transpose(iou, [0, 2, 1]), of_object, batch_dims=2)
    return answers, of_object, taken


def loss(rows: Any, truth: Any, kinds: Any, *, side_px: Any) -> Loss:
    """rows: (n, cells, 5 + classes) before sigmoids; truth: (n, objects >= 1, 4) px; kinds: (n, objects) of CLASSES, -1
    for an ignored box, -2 for none at all."""
    tf = import_tensorflow()
    middles, strides = cells(side_px)
    boxes = boxes_px(rows, middles, strides)
    answers, of_object, iou = (
        tf.stop_gradient(each) for each in assign(boxes, rows, truth, kinds, grid=(middles, strides))
    )
    here = tf.cast(answers, tf.float32)
    count = tf.maximum(tf.reduce_sum(here), 1.0)
    wanted = tf.gather(truth, of_object, batch_dims=1)
    wanted = tf.where(answers[..., None], wanted, tf.stop_gradient(boxes))
    box = tf.reduce_sum((1 - overlaps(boxes, wanted)[1]) * here) / count
    ignored = (kinds == -1)[..., None] & tf.reduce_all(
        (middles > truth[:, :, None, :2]) & (middles < truth[:, :, None, 2:]), -1
    )
    counts = tf.cast(answers | ~tf.reduce_any(ignored, 1), tf.float32)
    entropy = tf.nn.sigmoid_cross_entropy_with_logits
    objectness = tf.reduce_sum(entropy(labels=here, logits=rows[..., 4]) * counts) / count
    kind_wanted = tf.one_hot(tf.gather(kinds, of_object, batch_dims=1), len(CLASSES)) * iou[..., None]
    kind = tf.reduce_sum(entropy(labels=kind_wanted, logits=rows[..., 5:]) * here[..., None]) / count
    return Loss(box, objectness, kind, count)
