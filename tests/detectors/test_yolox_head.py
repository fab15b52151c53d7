import math

import numpy as np
import pytest

from detectors.detections import FloatArray
from detectors.errors import InferenceError
from detectors.heads.yolox import Head


def plain_decode(raw: FloatArray, *, width_px: int, height_px: int, score_min: float) -> list[list[float]]:
    """Cell by cell, class by class, as the paper says it."""
    boxes, index = [], 0
    for stride_px in (8, 16, 32):
        for row in range(height_px // stride_px):
            for column in range(width_px // stride_px):
                cx, cy, w, h, objectness, *classes = (float(value) for value in raw[index])
                best = max(range(len(classes)), key=lambda k: classes[k])
                x, y = (cx + column) * stride_px, (cy + row) * stride_px
                half_w, half_h = math.exp(w) * stride_px / 2, math.exp(h) * stride_px / 2
                if objectness * classes[best] >= score_min:
                    score = objectness * classes[best]
                    boxes.append([x - half_w, y - half_h, x + half_w, y + half_h, score, best])
                index += 1
    return boxes


def random_raw(rows: int, class_count: int) -> FloatArray:
    random = np.random.default_rng(7)
    raw = random.uniform(0, 1, (rows, 5 + class_count)).astype(np.float32)
    raw[:, :4] = random.normal(0, 1, (rows, 4))
    return raw


@pytest.mark.parametrize(("width_px", "height_px"), [(416, 416), (640, 640), (160, 96)])
def test_decoding_is_the_papers_formula(width_px: int, height_px: int) -> None:
    head = Head(width_px=width_px, height_px=height_px, class_count=3)
    raw = random_raw(head.output_shape[0], 3)
    expected = np.array(plain_decode(raw, width_px=width_px, height_px=height_px, score_min=0.4))
    got = head.decode(raw, score_min=0.4)
    assert len(got) == len(expected) > 10
    np.testing.assert_allclose(got.xyxy_px, expected[:, :4], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(got.score, expected[:, 4], rtol=1e-5)
    np.testing.assert_array_equal(got.class_index, expected[:, 5].astype(np.int32))


def test_the_rows_of_an_input_are_counted_over_three_strides() -> None:
    assert Head(width_px=640, height_px=640, class_count=80).output_shape == (8400, 85)
    assert Head(width_px=1280, height_px=736, class_count=80).output_shape == (19320, 85)


def test_nothing_above_the_threshold_is_an_empty_scene() -> None:
    head = Head(width_px=64, height_px=64, class_count=2)
    assert len(head.decode(np.zeros(head.output_shape, np.float32), score_min=0.1)) == 0


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        pytest.param(4, np.nan, "expected scores from 0 to 1 from the model, got nan", id="objectness not a number"),
        pytest.param(5, np.nan, "got nan", id="class score not a number"),
        pytest.param(4, 7.5, "got 0 to 7.5", id="objectness that is no probability"),
        pytest.param(6, 3.0, "to 3", id="class score that is no probability"),
        pytest.param(0, np.nan, "expected finite boxes", id="centre not a number"),
        pytest.param(2, 200.0, "expected finite boxes", id="size beyond all numbers"),
    ],
)
def test_nonsense_is_an_error_and_never_an_empty_scene(column: int, value: float, says: str) -> None:
    head = Head(width_px=64, height_px=64, class_count=2)
    raw = np.zeros(head.output_shape, np.float32)
    raw[3] = [0, 0, 0, 0, 0.9, 0.8, 0.1]
    raw[3, column] = value
    with pytest.raises(InferenceError, match=says):
        head.decode(raw, score_min=0.1)
