import numpy as np
import pytest

from detectors.building.agreement import agreement, iou
from detectors.detections import Detections
from detectors.errors import ModelError

LEFT, RIGHT = (0.0, 0.0, 10.0, 20.0), (50.0, 0.0, 60.0, 20.0)


def seen(*boxes: tuple[tuple[float, float, float, float], float, int]) -> Detections:
    return Detections(
        np.array([box for box, _, _ in boxes], np.float32).reshape(-1, 4),
        np.array([score for _, score, _ in boxes], np.float32),
        np.array([index for _, _, index in boxes], np.int32),
    )


def moved(box: tuple[float, float, float, float], x_px: float) -> tuple[float, float, float, float]:
    return (box[0] + x_px, box[1], box[2] + x_px, box[3])


def test_overlap_is_intersection_over_union() -> None:
    first = np.array([LEFT, RIGHT], np.float32)
    second = np.array([moved(LEFT, 5), RIGHT, (5, 5, 5, 5)], np.float32)
    assert iou(first, second).flatten().tolist() == pytest.approx([1 / 3, 0, 0, 0, 1, 0])


TRUTH = seen((LEFT, 0.9, 0), (RIGHT, 0.5, 0))


@pytest.mark.parametrize(
    ("candidate", "recall", "precision", "mean_ap"),
    [
        pytest.param(TRUTH, 1.0, 1.0, 1.0, id="the same"),
        pytest.param(seen((moved(LEFT, 2), 0.9, 0), (RIGHT, 0.5, 0)), 1.0, 1.0, 1.0, id="a little beside"),
        pytest.param(seen((moved(LEFT, 6), 0.9, 0), (RIGHT, 0.5, 0)), 0.5, 0.5, 0.25, id="too far beside"),
        pytest.param(seen((LEFT, 0.9, 0)), 0.5, 1.0, 0.5, id="one lost"),
        pytest.param(seen((LEFT, 0.9, 0), (RIGHT, 0.5, 1)), 0.5, 0.5, 0.5, id="another class"),
        pytest.param(seen((LEFT, 0.9, 0), (RIGHT, 0.2, 0)), 1.0, 1.0, 1.0, id="one grown weak"),
        pytest.param(seen((LEFT, 0.9, 0), (LEFT, 0.8, 0), (RIGHT, 0.7, 0)), 1.0, 2 / 3, 5 / 6, id="one twice"),
        pytest.param(seen(), 0.0, 0.0, 0.0, id="blind"),
    ],
)
def test_two_detectors_agree_as_far_as_their_boxes_do(
    candidate: Detections, recall: float, precision: float, mean_ap: float
) -> None:
    agreed = agreement([TRUTH, seen()], [candidate, seen()])
    assert agreed.boxes == 2
    assert (agreed.recall, agreed.precision, agreed.mean_ap) == pytest.approx((recall, precision, mean_ap))


def test_a_box_that_the_reference_half_saw_is_no_false_alarm() -> None:
    reference = seen((LEFT, 0.9, 0), (RIGHT, 0.2, 0))
    agreed = agreement([reference], [seen((RIGHT, 0.95, 0), (LEFT, 0.9, 0))])
    assert (agreed.boxes, agreed.precision, agreed.mean_ap) == (1, 1.0, 1.0)


def test_a_rare_class_counts_as_much_as_a_common_one() -> None:
    reference = seen((LEFT, 0.9, 0), (moved(LEFT, 20), 0.9, 0), (RIGHT, 0.5, 3))
    agreed = agreement([reference], [seen((LEFT, 0.9, 0), (moved(LEFT, 20), 0.9, 0))])
    assert agreed.mean_ap == pytest.approx(0.5)
    assert agreed.recall == pytest.approx(2 / 3)


def test_nothing_can_be_said_of_frames_without_anything_in_them() -> None:
    with pytest.raises(ModelError, match="take a video with something in it"):
        agreement([seen((LEFT, 0.2, 0))], [seen()])
