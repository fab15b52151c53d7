"""Average precision on cases that can be counted by hand."""

import numpy as np
import pytest

from detectors.detections import Detections
from detectors.nano.ap import ap50
from detectors.nano.data import IGNORED, Boxes

HERE, THERE, ELSEWHERE = (0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10)
PERSON, VEHICLE = 0, 1


def found(*rows: tuple[tuple[int, int, int, int], float, int]) -> Detections:
    boxes, scores, classes = zip(*rows, strict=True)
    return Detections(np.array(boxes, np.float32), np.array(scores, np.float32), np.array(classes, np.int32))


def labelled(*rows: tuple[tuple[int, int, int, int], int]) -> Boxes:
    return Boxes.of([(*box, index) for box, index in rows])


def test_all_found_is_one_and_a_class_that_is_labelled_nowhere_is_left_out() -> None:
    assert ap50([labelled((HERE, PERSON))], [found((HERE, 0.4, PERSON))]) == {"person": 1.0}


def test_nothing_found_is_nought() -> None:
    assert ap50([labelled((HERE, PERSON))], [Detections.none()]) == {"person": 0.0}


def test_a_wrong_box_before_the_right_ones_halves_the_precision_there() -> None:
    truth = labelled((HERE, PERSON), (THERE, PERSON))
    seen = found((ELSEWHERE, 0.9, PERSON), (HERE, 0.8, PERSON), (THERE, 0.7, PERSON))

    assert ap50([truth], [seen])["person"] == pytest.approx(2 / 3)  # best precision from both hits on: two of three


def test_a_second_box_on_the_same_object_is_wrong() -> None:
    truth = labelled((HERE, PERSON), (THERE, PERSON))
    seen = found((HERE, 0.9, PERSON), (HERE, 0.8, PERSON), (THERE, 0.7, PERSON))

    assert ap50([truth], [seen])["person"] == pytest.approx((1 + 2 / 3) / 2)


def test_a_box_on_an_ignored_one_is_neither_right_nor_wrong() -> None:
    truth = labelled((HERE, PERSON), (ELSEWHERE, IGNORED))
    seen = found((ELSEWHERE, 0.9, PERSON), (HERE, 0.8, PERSON))

    assert ap50([truth], [seen]) == {"person": 1.0}


def test_the_right_place_with_the_wrong_class_is_not_found() -> None:
    truth = labelled((HERE, PERSON), (THERE, VEHICLE))
    seen = found((HERE, 0.9, VEHICLE), (THERE, 0.8, VEHICLE))

    assert ap50([truth], [seen]) == {"person": 0.0, "vehicle": 0.5}
