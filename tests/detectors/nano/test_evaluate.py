"""What is told of a model: persons that are high enough, the score at which false boxes are few, bands of distance."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from contract.events import ModelIdentity
from contract.labels import Label
from detectors.detections import Detections
from detectors.detector import Prepared
from detectors.errors import ModelError
from detectors.frame import Frame
from detectors.nano.ap import matched
from detectors.nano.data import IGNORED, Boxes, read_part
from detectors.nano.evaluate import Shown, evaluate, of_folder, of_video
from detectors.nano.evaluation_page import table, write

HIGH, LOW, AWAY = (0, 0, 20, 40), (50, 0, 60, 20), (100, 0, 120, 40)
IMAGE = np.zeros((64, 160, 3), np.uint8)


class Says:
    """A detector that says of its n-th picture what it was told to."""

    def __init__(self, *said: Sequence[tuple[tuple[int, int, int, int], float, int]]) -> None:
        self._said = list(said)

    @property
    def identity(self) -> ModelIdentity:
        raise NotImplementedError

    @property
    def labels(self) -> tuple[Label, ...]:
        return (Label.OTHER, Label.PERSON, Label.BICYCLE)

    def prepare(self, frame: Frame) -> Prepared:
        return Prepared(np.zeros((3, 1, 1), np.float32), 1.0, 0.0, 0.0, 160, 64, frame.pts_us)

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        found = self._said[batch[0].pts_us]
        if not found:
            return [Detections.none()]
        boxes, scores, classes = zip(*found, strict=True)
        return [Detections(np.array(boxes, np.float32), np.array(scores, np.float32), np.array(classes, np.int32))]


def shown(*rows: tuple[tuple[int, int, int, int], int], light: str = "day", away_m: float = 10.0) -> Shown:
    boxes = Boxes.of([(*box, index) for box, index in rows])
    return Shown(IMAGE, boxes, {"light": light}, np.full(len(rows), away_m, np.float32))


def of(*pictures: Shown) -> Iterator[Shown]:
    return iter(pictures)


def test_low_persons_are_left_out_of_one_figure_and_count_in_the_other() -> None:
    found = evaluate("m", Says([(HIGH, 0.9, 1)]), of(shown((HIGH, 0), (LOW, 0))), watch=lambda _: None)

    assert found.ap50 == {"person24": 1.0, "person": 0.5}


def test_a_class_counts_by_what_the_manifest_calls_it() -> None:
    says = Says([(HIGH, 0.9, 1), (AWAY, 0.8, 2), (LOW, 0.7, 0)])

    found = evaluate("m", says, of(shown((HIGH, 0), (AWAY, 1))), watch=lambda _: None)

    assert found.ap50 == {"person24": 1.0, "person": 1.0, "vehicle": 1.0}


def test_the_recall_is_told_where_one_box_in_ten_pictures_is_false() -> None:
    says = [[(HIGH, 0.9, 1)], [(AWAY, 0.8, 1)], [(AWAY, 0.7, 1), (HIGH, 0.6, 1)], *[[]] * 7]
    pictures = [shown((HIGH, 0)) for _ in range(3)] + [shown() for _ in range(7)]

    found = evaluate("m", Says(*says), of(*pictures), watch=lambda _: None)

    assert found.recall == pytest.approx(1 / 3)  # the second false box stands before the second person


def test_it_is_told_by_distance_and_by_light() -> None:
    near = shown((HIGH, 0), away_m=5.0)
    far, dark = shown((HIGH, 0), away_m=40.0), shown((HIGH, 0), light="night", away_m=40.0)

    found = evaluate("m", Says([(HIGH, 0.9, 1)], [], [(HIGH, 0.8, 1)]), of(near, far, dark), watch=lambda _: None)

    assert found.by_distance == {"0 to 15 m": 1.0, "30 to 60 m": 0.5}
    assert found.by_light == {"day": 0.5, "night": 1.0}


def test_how_many_may_be_believed_ends_before_one_too_many_is_false() -> None:
    truth = [Boxes.of([(*HIGH, 0)])] * 3
    wrong, right = (AWAY, HIGH)
    found = [
        Detections(np.array([box], np.float32), np.array([score], np.float32), np.zeros(1, np.int32))
        for box, score in ((wrong, 0.9), (right, 0.8), (wrong, 0.7))
    ]

    persons = matched(truth, found, 0)

    assert [persons.allowing(count) for count in (0, 1, 2)] == [0, 2, 3]


def test_where_nobody_is_only_false_persons_are_told() -> None:
    says = Says([(HIGH, 0.9, 1), (AWAY, 0.6, 1), (LOW, 0.4, 1)], [(HIGH, 0.9, 1)])

    found = evaluate("m", says, of(shown(), shown((HIGH, IGNORED))), watch=lambda _: None)

    assert (found.ap50, found.recall, found.false_boxes) == ({}, None, 1.0)
    assert table([found]).splitlines()[-1] == "| m | - | - | - | - | - | 1.00 |"


def test_nothing_to_judge_is_said() -> None:
    with pytest.raises(ModelError, match="expected pictures, got none"):
        evaluate("m", Says(), of(), watch=lambda _: None)


def test_a_folder_says_what_is_known_of_its_pictures(tmp_path: Path) -> None:
    (tmp_path / "images" / "test").mkdir(parents=True)
    (tmp_path / "annotations").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "test" / "1.jpg"), IMAGE)
    document = {
        "categories": [{"id": 1, "name": "person"}],
        "images": [{"id": 7, "file_name": "1.jpg", "light": "ir", "view": "mast"}],
        "annotations": [{"image_id": 7, "category_id": 1, "bbox": [1, 2, 10, 30], "distance_m": 12.5}],
    }
    (tmp_path / "annotations" / "test.json").write_text(json.dumps(document))

    (one,) = of_folder(read_part([tmp_path], "test"))

    assert one.about == {"light": "ir", "view": "mast"}
    assert one.distance_m is not None
    assert one.distance_m.tolist() == [12.5]


def test_a_truth_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "truth.txt").write_text("a,b\n")

    with pytest.raises(ModelError, match="expected lines of frame,id,left,top,width,height"):
        next(of_video(tmp_path / "none.avi", tmp_path / "truth.txt"))


def test_the_page_has_a_line_for_each_model(tmp_path: Path) -> None:
    found = evaluate("m", Says([(HIGH, 0.9, 1)]), of(shown((HIGH, 0))), watch=lambda _: None)

    write([found], tmp_path, title="a test")

    assert table([found]).splitlines()[-1] == "| m | 1.000 | 1.000 | - | - | 1.000 | 0.00 |"
    assert json.loads((tmp_path / "figures.json").read_text())[0]["ap50_by_light"] == {"day": 1.0}
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
