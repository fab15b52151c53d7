import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.boxes import to_frame
from detectors.detections import Detections
from detectors.frame import Frame
from detectors.letterbox import letterbox


def frame(width_px: int, height_px: int, colour: tuple[int, int, int] = (10, 20, 30)) -> Frame:
    image = np.full((height_px, width_px, 3), colour, np.uint8)
    return Frame(image_bgr=image, pts_us=40_000, captured_at_us=1_767_225_600_040_000, index=1, decode_us=0)


@pytest.mark.parametrize(
    ("width_px", "height_px", "inner"),
    [
        pytest.param(1920, 1080, (640, 360), id="wide: grey below"),
        pytest.param(1080, 1920, (360, 640), id="tall: grey on the right"),
        pytest.param(640, 640, (640, 640), id="as it is"),
        pytest.param(64, 32, (640, 320), id="smaller than the input"),
    ],
)
def test_the_picture_fills_the_top_left_and_the_rest_is_grey(
    width_px: int, height_px: int, inner: tuple[int, int]
) -> None:
    prepared = letterbox(frame(width_px, height_px), width_px=640, height_px=640)
    expected = np.full((3, 640, 640), 114, np.float32)
    expected[:, : inner[1], : inner[0]] = np.array([10, 20, 30], np.float32)[:, None, None]
    np.testing.assert_array_equal(prepared.tensor, expected)
    assert prepared.tensor.flags.c_contiguous
    assert prepared.pts_us == 40_000


def test_two_frames_on_their_way_do_not_share_pixels() -> None:
    first = letterbox(frame(100, 50, (1, 1, 1)), width_px=64, height_px=64)
    letterbox(frame(100, 50, (9, 9, 9)), width_px=64, height_px=64)
    assert first.tensor[0, 0, 0] == 1.0


@settings(max_examples=50, deadline=None)
@given(
    width_px=st.integers(16, 1200),
    height_px=st.integers(16, 1200),
    corners=st.tuples(*[st.floats(0, 1, width=32)] * 4),
    side_px=st.sampled_from([416, 640]),
)
def test_a_box_goes_to_the_network_and_comes_back(
    width_px: int, height_px: int, corners: tuple[float, float, float, float], side_px: int
) -> None:
    x1, x2 = sorted([corners[0] * width_px, corners[2] * width_px])
    y1, y2 = sorted([corners[1] * height_px, corners[3] * height_px])
    prepared = letterbox(frame(width_px, height_px), width_px=side_px, height_px=side_px)
    inside = np.array([[x1, y1, x2 + 1, y2 + 1]], np.float32) * np.float32(prepared.scale)
    back = to_frame(Detections(inside, np.ones(1, np.float32), np.zeros(1, np.int32)), prepared)
    expected = [[x1, y1, min(x2 + 1, width_px), min(y2 + 1, height_px)]]
    if x1 < width_px and y1 < height_px:
        np.testing.assert_allclose(back.xyxy_px, expected, atol=1e-2)
