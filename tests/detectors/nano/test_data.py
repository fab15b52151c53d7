"""Reading labelled pictures: YOLO's text, COCO's JSON, what is ignored, and what is wrong."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from detectors.errors import ModelError
from detectors.nano.augment import Strength
from detectors.nano.data import IGNORED, Pictures, read_part
from detectors.nano.drawn import draw_data
from detectors.nano.loader import Batch, Recipe, batches, draw_batch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images" / "train").mkdir(parents=True)
    (tmp_path / "labels" / "train").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "images" / "train" / "000000.jpg"), np.zeros((50, 100, 3), np.uint8))
    return tmp_path


def test_yolo_labels_become_corners_in_pixels(folder: Path) -> None:
    (folder / "labels" / "train" / "000000.txt").write_text("2 0.5 0.5 0.2 0.4\n")

    (labelled,) = read_part([folder], "train")

    assert labelled.boxes.xyxy_px.tolist() == [pytest.approx([40, 15, 60, 35])]
    assert labelled.boxes.class_index.tolist() == [2]


def test_coco_counts_before_yolo_and_a_crowd_is_ignored(folder: Path) -> None:
    (folder / "labels" / "train" / "000000.txt").write_text("2 0.5 0.5 0.2 0.4\n")
    (folder / "annotations").mkdir()
    document = {
        "images": [{"id": 7, "file_name": "000000.jpg", "width": 100, "height": 50}],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "vehicle"}, {"id": 3, "name": "animal"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 2, "bbox": [10, 5, 20, 30], "iscrowd": 0},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [0, 0, 8, 9], "iscrowd": 1},
        ],
    }
    (folder / "annotations" / "train.json").write_text(json.dumps(document))

    (labelled,) = read_part([folder], "train")

    assert labelled.path == folder / "images" / "train" / "000000.jpg"
    assert labelled.boxes.xyxy_px.tolist() == [[10, 5, 30, 35], [0, 0, 8, 9]]
    assert labelled.boxes.class_index.tolist() == [1, IGNORED]


@pytest.mark.parametrize("line", ["3 0.5 0.5 0.2 0.4", "person 0.5 0.5 0.2 0.4", "0 0.5 0.5"])
def test_a_wrong_line_is_named(folder: Path, line: str) -> None:
    (folder / "labels" / "train" / "000000.txt").write_text(line)

    with pytest.raises(ModelError, match="line 1: expected 'class cx cy width height', got "):
        read_part([folder], "train")


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected pictures in images/val, found none"):
        read_part([tmp_path], "val")


def test_pictures_are_kept_only_while_they_fit(tmp_path: Path) -> None:
    draw_data(tmp_path, counts={"train": 2}, side_px=32, seed=0)
    pictures = Pictures(read_part([tmp_path], "train"), side_most_px=32, cache_bytes=32 * 32 * 3)

    assert pictures[0][0] is pictures[0][0]
    assert pictures[1][0] is not pictures[1][0]


def test_large_pictures_shrink_with_their_boxes(folder: Path) -> None:
    (folder / "labels" / "train" / "000000.txt").write_text("0 0.5 0.5 0.2 0.4\n")

    image, boxes = Pictures(read_part([folder], "train"), side_most_px=50, cache_bytes=0)[0]

    assert image.shape == (25, 50, 3)
    assert boxes.xyxy_px.tolist() == [pytest.approx([20, 7.5, 30, 17.5])]


def test_batches_come_in_order_and_a_later_start_draws_the_same(tmp_path: Path) -> None:
    draw_data(tmp_path, counts={"train": 5}, side_px=64, seed=0)
    pictures = Pictures(read_part([tmp_path], "train"), side_most_px=64, cache_bytes=10**6)
    recipe = Recipe(64, Strength())

    def draw(step: int) -> Batch:
        return draw_batch(pictures, step=step, size=2, recipe=recipe, seed=3)

    every = list(batches(draw, range(6)))
    late = list(batches(draw, range(4, 6)))

    assert len(every) == 6
    assert all(np.array_equal(a.pictures, b.pictures) for a, b in zip(every[4:], late, strict=True))
    assert all(np.array_equal(a.xyxy_px, b.xyxy_px) for a, b in zip(every[4:], late, strict=True))
