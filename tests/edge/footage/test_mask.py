"""What no stored picture shows: areas of the picture, and of the ground with whoever stands there."""

import numpy as np
import pytest

from contract.geo import GeoPoint, PointEnu
from contract.site import CameraPose
from detectors.frame import ImageBgr
from edge.area import PrivacyMask
from edge.footage.mask import CELL_PX, Mask
from edge.perception.locate import Locator
from tests.edge.yard import FRAME, person_px, site

CAMERA = site().cameras[0]
assert CAMERA.pose is not None
POSE: CameraPose = CAMERA.pose
WHITE: ImageBgr = np.full((480, 640, 3), 255, np.uint8)


def square(east_m: float, north_m: float, half_m: float = 2.0) -> tuple[GeoPoint, ...]:
    signs = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    return tuple(FRAME.to_geo(PointEnu(east_m + half_m * x, north_m + half_m * y))[0] for x, y in signs)


def mask_of(*masks: PrivacyMask) -> Mask:
    return Mask(masks, locator=Locator(lens=CAMERA.lens, frame=FRAME), frame=FRAME)


def is_black(image: ImageBgr, box: tuple[float, float, float, float]) -> bool:
    left, top, right, bottom = (round(side) for side in box)
    return not image[top:bottom, left:right].any()


def test_an_area_of_the_picture_is_black_and_the_rest_is_as_it_was() -> None:
    mask = mask_of(PrivacyMask(id="window", image_px=((100, 50), (199, 50), (199, 149), (100, 149))))
    painted = mask.painted(WHITE, [POSE])
    assert is_black(painted, (100, 50, 200, 150))
    painted[50:150, 100:200] = 255
    assert (painted == 255).all()


def test_the_picture_that_detection_sees_is_not_touched() -> None:
    image = WHITE.copy()
    image.flags.writeable = False
    mask_of(PrivacyMask(id="all", image_px=((0, 0), (640, 0), (640, 480), (0, 480)))).painted(image, [POSE])
    assert (image == 255).all()


def test_who_stands_on_a_masked_ground_is_black_from_head_to_foot_and_who_stands_beside_is_not() -> None:
    mask = mask_of(PrivacyMask(id="garden", ground=square(0.0, 20.0)))
    painted = mask.painted(WHITE, [POSE])
    for east_m, north_m in [(0.0, 20.0), (1.5, 21.5), (-1.5, 18.5)]:
        assert is_black(painted, person_px(east_m, north_m))
    assert (painted[:, :120] == 255).all()
    left, top, right, bottom = (round(side) for side in person_px(4.5, 20.0))
    assert (painted[top:bottom, left + CELL_PX : right] == 255).all()


def test_a_mask_without_height_covers_the_ground_alone() -> None:
    mask = mask_of(PrivacyMask(id="pool", ground=square(0.0, 20.0), height_m=0.0))
    painted = mask.painted(WHITE, [POSE])
    left, top, right, _ = (round(side) for side in person_px(0.0, 20.0))
    assert (painted[top : top + 5, left:right] == 255).all()


def test_a_picture_of_another_size_is_masked_in_the_same_place() -> None:
    mask = mask_of(PrivacyMask(id="window", image_px=((100, 50), (199, 50), (199, 149), (100, 149))))
    painted = mask.painted(np.full((240, 320, 3), 255, np.uint8), [POSE])
    assert is_black(painted, (50, 25, 100, 75))
    assert (painted[:, 110:] == 255).all()


def test_a_camera_that_moved_between_two_poses_has_the_masks_of_both() -> None:
    turned = POSE.model_copy(update={"heading_deg": 20.0})
    mask = mask_of(PrivacyMask(id="garden", ground=square(0.0, 20.0)))
    both = mask.painted(WHITE, [POSE, turned])
    either = np.minimum(mask.painted(WHITE, [POSE]), mask.painted(WHITE, [turned]))
    assert (both == either).all()
    assert not (mask.painted(WHITE, [POSE]) == either).all()


def test_a_view_of_unknown_direction_is_all_black() -> None:
    mask = mask_of(PrivacyMask(id="garden", ground=square(0.0, 20.0)))
    assert not mask.painted(WHITE, []).any()


@pytest.mark.parametrize(
    ("at_m", "meets"),
    [pytest.param((0.0, 20.0), True, id="before it"), pytest.param((0.0, -20.0), False, id="behind it")],
)
def test_a_mask_meets_the_view_where_the_camera_looks(at_m: tuple[float, float], meets: bool) -> None:
    assert mask_of(PrivacyMask(id="garden", ground=square(*at_m))).meets(POSE) is meets


def test_a_mask_close_under_a_low_camera_is_found() -> None:
    low = POSE.model_copy(update={"up_m": 1.5})
    painted = mask_of(PrivacyMask(id="garden", ground=square(0.0, 6.0, half_m=5.0))).painted(WHITE, [low])
    assert not painted[100:].any()  # everything below 2.5 m of what is next
