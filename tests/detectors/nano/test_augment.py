"""Boxes go where the pixels go."""

from pathlib import Path

import numpy as np
import pytest

from detectors.frame import ImageBgr
from detectors.letterbox import GREY
from detectors.nano.augment import NONE, Strength, placed, sample
from detectors.nano.data import IGNORED, Boxes, Labelled, Pictures

WHITE = 255


class Drawn(Pictures):
    """Black pictures with one white box each, out of memory."""

    def __init__(self, *boxes: tuple[int, int, int, int]) -> None:
        super().__init__([Labelled(Path(), Boxes.of([])) for _ in boxes], side_most_px=64, cache_bytes=0)
        self._boxes = boxes

    def __getitem__(self, index: int) -> tuple[ImageBgr, Boxes]:
        left, top, right, bottom = self._boxes[index]
        image = np.zeros((48, 64, 3), np.uint8)
        image[top:bottom, left:right] = WHITE
        return image, Boxes.of([(left, top, right, bottom, 1)])


def white_box(image: ImageBgr) -> list[int]:
    rows, columns = np.nonzero((image > 230).all(axis=2))
    return [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]


def test_without_changes_a_picture_is_letterboxed_into_the_corner() -> None:
    image, boxes = sample(Drawn((8, 8, 40, 32)), 0, side_px=64, strength=NONE, rng=np.random.default_rng(0))

    assert boxes.xyxy_px.tolist() == [[8, 8, 40, 32]]
    assert boxes.class_index.tolist() == [1]
    assert (image[48:] == GREY).all()
    assert white_box(image[:48]) == [8, 8, 40, 32]


def test_a_mirrored_picture_has_mirrored_boxes() -> None:
    mirrored = Strength(0, 1, 0, 0, 0, 0, 0, 1, 1)

    image, boxes = sample(Drawn((8, 8, 40, 32)), 0, side_px=64, strength=mirrored, rng=np.random.default_rng(0))

    assert boxes.xyxy_px.tolist() == [[24, 8, 56, 32]]
    assert white_box(image[:48]) == [24, 8, 56, 32]


@pytest.mark.parametrize("seed", range(8))
def test_scaled_boxes_lie_on_their_pixels(seed: int) -> None:
    scaled = Strength(0, 0.5, 0, 0, 0, 0, 0, 1.5, 0.7)

    image, boxes = sample(Drawn((20, 14, 44, 34)), 0, side_px=64, strength=scaled, rng=np.random.default_rng(seed))

    assert white_box(image) == pytest.approx(boxes.xyxy_px[0].tolist(), abs=1.6)


@pytest.mark.parametrize("seed", range(4))
def test_a_mosaic_holds_what_its_four_pictures_show(seed: int) -> None:
    mosaic = Strength(1, 0, 0, 0, 0, 0, 0, 1, 1)

    image, boxes = sample(Drawn((20, 14, 44, 34)), 0, side_px=128, strength=mosaic, rng=np.random.default_rng(seed))

    inside = np.zeros(image.shape[:2], bool)
    for left, top, right, bottom in boxes.xyxy_px.round().astype(int).tolist():
        inside[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1] = True
    white = (image > 230).all(axis=2)
    assert white.any()
    assert inside[white].all()


def test_what_the_edge_cuts_off_is_ignored_and_what_is_outside_is_gone() -> None:
    canvas = np.full((64, 64, 3), GREY, np.uint8)
    draw = (np.zeros((64, 64, 3), np.uint8), Boxes.of([(0, 0, 20, 20, 0), (30, 0, 50, 20, 2), (2, 40, 12, 60, 1)]))

    boxes = placed(draw, canvas, scale=1.0, left_px=-15, top_px=0)

    assert boxes.xyxy_px.tolist() == [[0, 0, 5, 20], [15, 0, 35, 20]]
    assert boxes.class_index.tolist() == [IGNORED, 2]


def test_the_same_seed_draws_the_same_picture_and_another_one_another() -> None:
    pictures = Drawn((8, 8, 40, 32), (10, 10, 30, 30))

    first, again, other = (
        sample(pictures, 0, side_px=64, strength=Strength(), rng=np.random.default_rng(seed))[0] for seed in (3, 3, 4)
    )

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
