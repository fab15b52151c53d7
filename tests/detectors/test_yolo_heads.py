import math

import numpy as np
import pytest

from detectors.detections import FloatArray
from detectors.errors import InferenceError
from detectors.heads import yolo, yolo_end2end


def plain_decode(raw: FloatArray, score_min: float) -> list[list[float]]:
    """Cell by cell, class by class."""
    boxes = []
    for cell in range(raw.shape[1]):
        cx, cy, w, h, *classes = (float(value) for value in raw[:, cell])
        best = max(range(len(classes)), key=lambda k: classes[k])
        if classes[best] >= score_min:
            boxes.append([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, classes[best], best])
    return boxes


def test_a_column_of_yolo_is_centre_size_and_a_score_for_each_class() -> None:
    head = yolo.Head(width_px=160, height_px=96, class_count=3)
    assert head.output_shape == (7, 20 * 12 + 10 * 6 + 5 * 3)
    random = np.random.default_rng(7)
    raw = random.uniform(0, 0.6, head.output_shape).astype(np.float32)
    raw[:4] *= 200
    expected = np.array(plain_decode(raw, 0.5))
    got = head.decode(raw, score_min=0.5)
    assert len(got) == len(expected) > 50
    np.testing.assert_allclose(got.xyxy_px, expected[:, :4], atol=1e-3)
    np.testing.assert_allclose(got.score, expected[:, 4], rtol=1e-6)
    np.testing.assert_array_equal(got.class_index, expected[:, 5].astype(np.int32))


def test_what_yolo_said_is_not_overwritten_by_the_next_frame() -> None:
    head = yolo.Head(width_px=64, height_px=64, class_count=2)
    raw = np.zeros(head.output_shape, np.float32)
    raw[4, 0] = 0.9
    first = head.decode(raw, score_min=0.1)
    head.decode(np.zeros_like(raw), score_min=0.1)
    assert first.score.tolist() == [pytest.approx(0.9)]


def test_the_cells_of_an_input_are_counted_over_three_strides() -> None:
    assert yolo.Head(width_px=640, height_px=640, class_count=80).output_shape == (84, 8400)


@pytest.mark.parametrize(
    ("row", "value", "says"),
    [
        pytest.param(4, np.nan, "expected scores from 0 to 1 from the model, got nan", id="score not a number"),
        pytest.param(5, 3.5, "got 0 to 3.5", id="a logit for a probability"),
        pytest.param(4, -math.inf, None, id="the other class is the better one"),
        pytest.param(0, np.nan, "expected finite boxes", id="centre not a number"),
        pytest.param(3, np.inf, "expected finite boxes", id="no end to it"),
    ],
)
def test_nonsense_of_yolo_is_an_error_and_never_an_empty_scene(row: int, value: float, says: str | None) -> None:
    head = yolo.Head(width_px=64, height_px=64, class_count=2)
    raw = np.zeros(head.output_shape, np.float32)
    raw[:, 3] = [8, 8, 4, 4, 0.8, 0.7]
    raw[row, 3] = value
    if says is None:
        assert head.decode(raw, score_min=0.1).class_index.tolist() == [1]
        return
    with pytest.raises(InferenceError, match=says):
        head.decode(raw, score_min=0.1)


def ends(*rows: tuple[float, float, float, float, float, float]) -> FloatArray:
    raw = np.zeros((300, 6), np.float32)
    raw[: len(rows)] = rows
    return raw


def test_rows_of_an_end_to_end_model_are_boxes_best_first() -> None:
    head = yolo_end2end.Head(width_px=640, height_px=640, class_count=80)
    got = head.decode(ends((1, 2, 3, 4, 0.3, 7), (5, 6, 7, 8, 0.9, 0), (9, 9, 10, 10, 0.1, 2)), score_min=0.25)
    assert got.xyxy_px.tolist() == [[5, 6, 7, 8], [1, 2, 3, 4]]
    assert got.score.tolist() == pytest.approx([0.9, 0.3])
    assert got.class_index.tolist() == [0, 7]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        pytest.param((1, 2, 3, 4, math.nan, 0), "expected scores from 0 to 1", id="score not a number"),
        pytest.param((1, math.nan, 3, 4, 0.9, 0), "expected finite boxes", id="corner not a number"),
        pytest.param((1, 2, 3, 4, 0.9, 80), "expected a class from 0 to 79 from the model, got 80", id="no such class"),
        pytest.param((1, 2, 3, 4, 0.9, 1.5), "got 1.5", id="between two classes"),
        pytest.param((1, 2, 3, 4, 0.9, -1), "got -1", id="below the first class"),
    ],
)
def test_nonsense_of_an_end_to_end_model_is_an_error(
    row: tuple[float, float, float, float, float, float], says: str
) -> None:
    with pytest.raises(InferenceError, match=says):
        yolo_end2end.Head(width_px=640, height_px=640, class_count=80).decode(ends(row), score_min=0.1)
