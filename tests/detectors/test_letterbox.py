import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.boxes import to_frame
from detectors.detections import Detections
from detectors.detector import Prepared
from detectors.errors import InferenceError
from detectors.frame import Frame, ImageBgr
from detectors.letterbox import Letterbox, Picture

YOLO = Picture(is_rgb=True, is_centred=True, full_scale=1.0)


def frame(width_px: int, height_px: int, colour: tuple[int, int, int] = (10, 20, 30)) -> Frame:
    image = np.full((height_px, width_px, 3), colour, np.uint8)
    return Frame(image_bgr=image, pts_us=40_000, captured_at_us=1_767_225_600_040_000, index=1, decode_us=0)


def letterbox(given: Frame, *, side_px: int, picture: Picture | None = None) -> Prepared:
    return Letterbox(width_px=side_px, height_px=side_px, picture=picture or Picture()).fit(given)


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
    prepared = letterbox(frame(width_px, height_px), side_px=640)
    expected = np.full((3, 640, 640), 114, np.float32)
    expected[:, : inner[1], : inner[0]] = np.array([10, 20, 30], np.float32)[:, None, None]
    np.testing.assert_array_equal(prepared.tensor, expected)
    assert prepared.tensor.flags.c_contiguous
    assert prepared.pts_us == 40_000


@pytest.mark.parametrize(
    ("width_px", "height_px", "inside"),
    [
        pytest.param(1920, 1080, (slice(140, 500), slice(0, 640)), id="wide: grey above and below"),
        pytest.param(1080, 1920, (slice(0, 640), slice(140, 500)), id="tall: grey left and right"),
        pytest.param(640, 479, (slice(80, 559), slice(0, 640)), id="the odd line is below"),
    ],
)
def test_yolo_wants_the_picture_centred_in_red_green_blue_from_0_to_1(
    width_px: int, height_px: int, inside: tuple[slice, slice]
) -> None:
    prepared = letterbox(frame(width_px, height_px), side_px=640, picture=YOLO)
    expected = np.full((3, 640, 640), 114 / 255, np.float32)
    expected[:, inside[0], inside[1]] = np.array([30, 20, 10], np.float32)[:, None, None] / 255
    np.testing.assert_allclose(prepared.tensor, expected, rtol=1e-6)
    assert (prepared.pad_x_px, prepared.pad_y_px) == (inside[1].start, inside[0].start)


def test_frames_on_their_way_do_not_share_pixels() -> None:
    box = Letterbox(width_px=64, height_px=64, picture=Picture())
    kept = [box.fit(frame(100, 50, (level, 1, 1))) for level in range(20)]
    assert [float(prepared.tensor[0, 0, 0]) for prepared in kept] == list(range(20))


def test_a_tensor_is_used_again_when_nobody_looks_at_it_any_more() -> None:
    box = Letterbox(width_px=64, height_px=64, picture=Picture())
    first = box.fit(frame(100, 50)).tensor.ctypes.data
    assert box.fit(frame(100, 50)).tensor.ctypes.data == first


def test_who_keeps_a_view_of_a_tensor_keeps_its_pixels() -> None:
    box = Letterbox(width_px=64, height_px=64, picture=Picture())
    view = box.fit(frame(100, 50, (7, 7, 7))).tensor[None, :1]
    box.fit(frame(100, 50, (9, 9, 9)))
    assert view[0, 0, 0, 0] == 7.0


def test_a_smaller_frame_after_a_larger_one_leaves_nothing_of_it() -> None:
    box = Letterbox(width_px=64, height_px=64, picture=Picture())
    box.fit(frame(64, 64, (200, 200, 200)))
    assert box.fit(frame(64, 32)).tensor[:, 32:].tolist() == np.full((3, 32, 64), 114.0).tolist()


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.zeros((0, 64, 3), np.uint8), id="no line"),
        pytest.param(np.zeros((64, 0, 3), np.uint8), id="no column"),
        pytest.param(np.zeros((64, 64), np.uint8), id="grey"),
        pytest.param(np.zeros((64, 64, 3), np.uint16), id="deep colour"),
    ],
)
def test_a_frame_that_is_no_picture_is_an_error_that_names_it(image: ImageBgr) -> None:
    with pytest.raises(InferenceError, match=r"frame at 40000 us: expected a picture .* uint8, got \("):
        letterbox(Frame(image, pts_us=40_000, captured_at_us=0, index=1, decode_us=0), side_px=64)


@settings(max_examples=50, deadline=None)
@given(
    width_px=st.integers(16, 1200),
    height_px=st.integers(16, 1200),
    corners=st.tuples(*[st.floats(0, 1, width=32)] * 4),
    side_px=st.sampled_from([416, 640]),
    picture=st.sampled_from([Picture(), YOLO]),
)
def test_a_box_goes_to_the_network_and_comes_back(
    width_px: int, height_px: int, corners: tuple[float, float, float, float], side_px: int, picture: Picture
) -> None:
    x1, x2 = sorted([corners[0] * width_px, corners[2] * width_px])
    y1, y2 = sorted([corners[1] * height_px, corners[3] * height_px])
    prepared = letterbox(frame(width_px, height_px), side_px=side_px, picture=picture)
    pad_px = np.array([prepared.pad_x_px, prepared.pad_y_px] * 2, np.float32)
    inside = np.array([[x1, y1, x2 + 1, y2 + 1]], np.float32) * np.float32(prepared.scale) + pad_px
    back = to_frame(Detections(inside, np.ones(1, np.float32), np.zeros(1, np.int32)), prepared)
    expected = [[x1, y1, min(x2 + 1, width_px), min(y2 + 1, height_px)]]
    if x1 < width_px and y1 < height_px:
        np.testing.assert_allclose(back.xyxy_px, expected, atol=1e-2)
