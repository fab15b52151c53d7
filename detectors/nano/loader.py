"""Batches ahead of the training: threads draw them (OpenCV lets go of the interpreter), each from (seed, step)."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.detections import FloatArray, IntArray
from detectors.nano.augment import Strength, sample
from detectors.nano.data import Pictures

NOTHING = -2  # class of a row that is only there to make the batch even
AHEAD = 4  # batches


@dataclass(frozen=True, slots=True)
class Batch:
    """pictures: (n, side, side, 3) uint8; xyxy_px: (n, objects, 4); class_index: (n, objects), -1 ignored, -2 none."""

    pictures: npt.NDArray[np.uint8]
    xyxy_px: FloatArray
    class_index: IntArray


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the pictures of one step are made."""

    side_px: int
    strength: Strength


def draw_batch(pictures: Pictures, *, step: int, size: int, recipe: Recipe, seed: int) -> Batch:
    """Every picture once before any comes again, in an order that changes each time round."""
    drawn = []
    for place in range(step * size, (step + 1) * size):
        turn, position = divmod(place, len(pictures))
        index = int(np.random.default_rng((seed, 0, turn)).permutation(len(pictures))[position])
        rng = np.random.default_rng((seed, 1, place))
        drawn.append(sample(pictures, index, side_px=recipe.side_px, strength=recipe.strength, rng=rng))
    objects = max(1, *(len(boxes.class_index) for _, boxes in drawn))
    xyxy = np.zeros((size, objects, 4), np.float32)
    class_index = np.full((size, objects), NOTHING, np.int32)
    for row, (_, boxes) in enumerate(drawn):
        xyxy[row, : len(boxes.xyxy_px)] = boxes.xyxy_px
        class_index[row, : len(boxes.class_index)] = boxes.class_index
    return Batch(np.stack([image for image, _ in drawn]), xyxy, class_index)


def batches(draw: Callable[[int], Batch], steps: range, *, threads: int = 2) -> Iterator[Batch]:
    """`draw(step)` for every step, in order, `AHEAD` of whoever takes them."""
    with ThreadPoolExecutor(threads, thread_name_prefix="pictures") as pool:
        coming: deque[Future[Batch]] = deque()
        try:
            for step in steps:
                coming.append(pool.submit(draw, step))
                if len(coming) > AHEAD:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:
            for each in coming:
                each.cancel()
