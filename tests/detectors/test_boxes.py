import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.boxes import MAX_CANDIDATES, suppress, to_frame
from detectors.detections import Detections
from detectors.detector import Prepared


def detections(rows: list[tuple[float, float, float, float, float, int]]) -> Detections:
    table = np.array(rows, np.float64).reshape(-1, 6)
    return Detections(table[:, :4].astype(np.float32), table[:, 4].astype(np.float32), table[:, 5].astype(np.int32))


def plain_nms(found: Detections, iou_max: float) -> list[int]:
    """The textbook's loop."""
    order = sorted(range(len(found)), key=lambda i: -float(found.score[i]))
    kept: list[int] = []
    for i in order:
        if all(found.class_index[i] != found.class_index[k] or iou(found, i, k) <= iou_max for k in kept):
            kept.append(i)
    return kept


def iou(found: Detections, i: int, k: int) -> float:
    a, b = found.xyxy_px[i].astype(float), found.xyxy_px[k].astype(float)
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = width * height
    return float(both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 80),
    class_count=st.integers(1, 3),
    iou_max=st.sampled_from([0.3, 0.45, 0.65]),
)
def test_suppression_is_the_plain_loop(seed: int, count: int, class_count: int, iou_max: float) -> None:
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 120, (count, 2))
    xyxy = np.concatenate([corner, corner + random.uniform(10, 90, (count, 2))], axis=1).astype(np.float32)
    score = random.permutation(np.linspace(0.1, 0.9, count)).astype(np.float32)
    found = Detections(xyxy, score, random.integers(0, class_count, count).astype(np.int32))
    expected = found.where(np.array(plain_nms(found, iou_max), np.int32))
    got = suppress(found, iou_max=iou_max)
    np.testing.assert_array_equal(got.xyxy_px, expected.xyxy_px)
    np.testing.assert_array_equal(got.score, expected.score)
    np.testing.assert_array_equal(got.class_index, expected.class_index)


def test_one_place_may_hold_two_classes() -> None:
    found = detections([(0, 0, 10, 10, 0.8, 0), (0, 0, 10, 10, 0.9, 1), (1, 0, 10, 10, 0.7, 0)])
    got = suppress(found, iou_max=0.5)
    assert got.class_index.tolist() == [1, 0]
    assert got.score.tolist() == pytest.approx([0.9, 0.8])


def test_an_empty_scene_stays_empty() -> None:
    assert len(suppress(Detections.none(), iou_max=0.5)) == 0


def test_of_a_model_gone_mad_the_best_candidates_are_kept() -> None:
    count = MAX_CANDIDATES + 500
    x = np.arange(count, dtype=np.float32) * 5
    xyxy = np.stack([x, np.zeros_like(x), x + 4, np.full_like(x, 4.0)], axis=1)
    score = np.linspace(0.1, 0.9, count, dtype=np.float32)
    got = suppress(Detections(xyxy, score, np.zeros(count, np.int32)), iou_max=0.5)
    assert len(got) == MAX_CANDIDATES
    assert got.score[0] == score[-1]
    assert got.score[-1] == score[500]


def test_boxes_are_clipped_to_the_frame_and_those_outside_are_dropped() -> None:
    prepared = Prepared(
        tensor=np.zeros((3, 64, 64), np.float32),
        scale=0.5,
        pad_x_px=2.0,
        pad_y_px=4.0,
        frame_width_px=100,
        frame_height_px=80,
        pts_us=0,
    )
    found = detections([(12, 14, 22, 24, 0.9, 0), (-8, -6, 12, 94, 0.8, 0), (60, 10, 70, 20, 0.7, 0)])
    got = to_frame(found, prepared)
    assert got.xyxy_px.tolist() == [[20, 20, 40, 40], [0, 0, 20, 80]]
    assert got.score.tolist() == pytest.approx([0.9, 0.8])
