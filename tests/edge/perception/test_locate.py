"""From a pixel to the ground: conventions, lenses, errors, and the published calibration of a real camera."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.geo import GeoPoint, LocalFrame, PointEnu
from contract.site import CameraPose, OpenCvLens, TsaiLens
from edge.perception.lens import open_lens
from edge.perception.locate import FARTHEST_M, Locator, axes

FRAME = LocalFrame(GeoPoint(lat_deg=52.0, lon_deg=13.0), ground_amsl_m=60.0)
STRAIGHT = OpenCvLens(model="opencv", width_px=1280, height_px=720, fx_px=1000, fy_px=1000, cx_px=640, cy_px=360)
BENT = STRAIGHT.model_copy(update={"k1": -0.28, "k2": 0.07, "p1": 0.001, "p2": -0.0008, "k3": -0.004})
TSAI = TsaiLens(
    model="tsai",
    width_px=768,
    height_px=576,
    focal_mm=5.5549183034,
    kappa1_per_mm2=5.1113043639e-03,
    cx_px=324.22149053,
    cy_px=282.56650051,
    sx=1.0937855397,
    dpx_mm=5.1273271277e-03,
    dpy_mm=4.65e-03,
)
MAST = CameraPose(east_m=0, north_m=0, up_m=6, heading_deg=0, pitch_deg=-20, position_sigma_m=0, attitude_sigma_deg=0)


def located(locator: Locator, pixel: tuple[float, float], pose: CameraPose, *, box_height_px: float = 1.0) -> PointEnu:
    x, y = pixel
    (fix,) = locator.locate(np.array([[x - 5, y - box_height_px, x + 5, y]]), pose)
    assert fix is not None
    return FRAME.to_enu(fix.point)


@pytest.mark.parametrize(
    ("heading_deg", "east_m", "north_m"),
    [(0, 0, 16.48), (90, 16.48, 0), (180, 0, -16.48), (225, -11.66, -11.66)],
    ids=["north", "east", "south", "south-west"],
)
def test_the_centre_of_the_picture_lies_where_the_camera_points(
    heading_deg: float, east_m: float, north_m: float
) -> None:
    """6 m up and 20 degrees down: 6 / tan 20 = 16.48 m away."""
    pose = MAST.model_copy(update={"heading_deg": heading_deg})
    point = located(Locator(lens=STRAIGHT, frame=FRAME), (640, 360), pose)
    assert (point.east_m, point.north_m) == pytest.approx((east_m, north_m), abs=0.01)


def test_right_in_the_picture_is_east_when_looking_north_and_lower_is_nearer() -> None:
    locator = Locator(lens=STRAIGHT, frame=FRAME)
    assert located(locator, (840, 360), MAST).east_m > 1.0
    assert located(locator, (640, 500), MAST).north_m < located(locator, (640, 360), MAST).north_m


def test_a_camera_rolled_clockwise_sees_the_ground_to_its_right_higher_up() -> None:
    """Rolled clockwise, the right side of the picture dips: a pixel there looks at nearer ground."""
    rolled = MAST.model_copy(update={"roll_deg": 10.0})
    locator = Locator(lens=STRAIGHT, frame=FRAME)
    assert located(locator, (940, 360), rolled).north_m < located(locator, (340, 360), rolled).north_m


def test_axes_are_right_handed_and_of_unit_length() -> None:
    turned = axes(MAST.model_copy(update={"heading_deg": 123.0, "pitch_deg": -41.0, "roll_deg": 7.0}))
    assert turned.T @ turned == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(turned) == pytest.approx(1.0)


def test_our_opencv_lens_is_opencvs() -> None:
    directions = np.random.default_rng(3).uniform(-0.6, 0.6, (50, 2))
    matrix = np.array([[1000.0, 0, 640], [0, 1000, 360], [0, 0, 1]])
    coefficients = np.array([BENT.k1, BENT.k2, BENT.p1, BENT.p2, BENT.k3])
    points = np.column_stack((directions, np.ones(50)))
    theirs, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), matrix, coefficients)
    assert open_lens(BENT).pixels(directions) == pytest.approx(theirs.reshape(-1, 2), abs=1e-6)


@pytest.mark.parametrize("lens", [STRAIGHT, BENT, TSAI], ids=["pinhole", "opencv", "tsai"])
@given(x=st.floats(0, 1), y=st.floats(0, 1))
def test_a_lens_goes_there_and_back(lens: OpenCvLens | TsaiLens, x: float, y: float) -> None:
    pixel = np.array([[x * lens.width_px, y * lens.height_px]])
    model = open_lens(lens)
    assert model.pixels(model.directions(pixel)) == pytest.approx(pixel, abs=0.02)


def test_the_two_lens_models_bend_opposite_ways() -> None:
    """Swapping their directions was measured to cost 0.12 m on the PETS camera."""
    corner = np.array([[0.0, 0.0]])
    straight = TSAI.model_copy(update={"kappa1_per_mm2": 0.0})
    assert np.linalg.norm(open_lens(TSAI).directions(corner)) > np.linalg.norm(open_lens(straight).directions(corner))


def test_what_no_lens_can_show_is_unknown_and_not_a_guess() -> None:
    fisheye = STRAIGHT.model_copy(update={"k1": -0.5})
    assert np.isnan(open_lens(fisheye).directions(np.array([[4000.0, 3000.0]]))).all()


@pytest.mark.parametrize(
    "foot_y_px",
    [pytest.param(-20.0, id="above the horizon"), pytest.param(0.5, id="farther than a fix says anything")],
)
def test_the_sky_is_not_located(foot_y_px: float) -> None:
    """With 20 degrees down and f = 1000 px the horizon is at y = 360 - 1000 tan 20 = -4 px."""
    boxes = np.array([[600, foot_y_px - 40, 640, foot_y_px]])
    assert Locator(lens=STRAIGHT, frame=FRAME).locate(boxes, MAST) == [None]
    assert FARTHEST_M == 500.0


def test_no_boxes_are_no_fixes() -> None:
    assert Locator(lens=STRAIGHT, frame=FRAME).locate(np.zeros((0, 4)), MAST) == []


@given(east=st.floats(-8, 8), north=st.floats(10, 60))
def test_projecting_a_ground_point_and_locating_it_is_the_identity(east: float, north: float) -> None:
    locator = Locator(lens=BENT, frame=FRAME)
    pose = MAST.model_copy(update={"heading_deg": 11.0, "roll_deg": 3.0})
    world = axes(pose.model_copy(update={"pitch_deg": 0.0, "roll_deg": 0.0}))
    ahead = world[:, 2] * north + world[:, 0] * east
    ((x, y),) = locator.project(np.array([[ahead[0], ahead[1], 0.0]]), pose)
    point = located(locator, (x, y), pose)
    assert (point.east_m, point.north_m) == pytest.approx((ahead[0], ahead[1]), abs=0.05)


def test_what_is_behind_the_camera_is_not_in_the_picture() -> None:
    assert np.isnan(Locator(lens=STRAIGHT, frame=FRAME).project(np.array([[0.0, -10.0, 0.0]]), MAST)).all()


def test_the_covariance_is_what_wrong_poses_give() -> None:
    """Monte Carlo over pixel, position and attitude, against the first-order covariance."""
    chance = np.random.default_rng(7)
    pose = CameraPose(
        east_m=3, north_m=-2, up_m=6, heading_deg=30, pitch_deg=-15, position_sigma_m=0.2, attitude_sigma_deg=0.3
    )
    locator = Locator(lens=STRAIGHT, frame=FRAME)
    box = np.array([[500.0, 300.0, 540.0, 420.0]])
    (fix,) = locator.locate(box, pose)
    assert fix is not None
    points = []
    for _ in range(800):
        wrong = pose.model_copy(
            update={
                "east_m": pose.east_m + chance.normal(0, 0.2),
                "north_m": pose.north_m + chance.normal(0, 0.2),
                "up_m": pose.up_m + chance.normal(0, math.hypot(0.2, 0.1)),
                "heading_deg": pose.heading_deg + chance.normal(0, 0.3),
                "pitch_deg": pose.pitch_deg + chance.normal(0, 0.3),
                "roll_deg": pose.roll_deg + chance.normal(0, 0.3),
            }
        )
        moved = box + np.tile(chance.normal(0, 0.04 * 120, 2), 2)
        (found,) = locator.locate(moved, wrong)
        assert found is not None
        enu = FRAME.to_enu(found.point)
        points.append((enu.east_m, enu.north_m))
    measured = np.cov(np.array(points).T)
    told = np.array([[fix.var_east_m2, fix.cov_east_north_m2], [fix.cov_east_north_m2, fix.var_north_m2]])
    assert told == pytest.approx(measured, rel=0.2, abs=0.01)


def test_feet_below_the_picture_are_told_as_a_large_error() -> None:
    locator = Locator(lens=STRAIGHT, frame=FRAME)
    whole, cut = locator.locate(np.array([[600, 500, 680, 700.0], [600, 520, 680, 720.0]]), MAST)
    assert whole is not None
    assert cut is not None
    assert cut.sigma_m > 3 * whole.sigma_m


def test_a_camera_that_lies_on_the_ground_locates_nothing() -> None:
    pose = CameraPose(east_m=0.0, north_m=0.0, up_m=0.0, heading_deg=0.0, pitch_deg=0.0)

    assert Locator(lens=STRAIGHT, frame=FRAME).locate(np.array([[300.0, 100.0, 340.0, 700.0]]), pose) == [None]
