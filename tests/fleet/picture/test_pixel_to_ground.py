"""A click in a camera's picture means the ground that its node would locate there."""

import numpy as np
import pytest

from contract.geo import GeoPoint, LocalFrame
from contract.site import Camera, CameraPose, Lens, OpenCvLens, TsaiLens
from edge.perception.locate import Locator
from fleet.errors import Refused
from fleet.picture.pixel_to_ground import ground_of_pixel

POSE = CameraPose(east_m=12.0, north_m=-7.0, up_m=5.0, heading_deg=205.0, pitch_deg=-20.0, roll_deg=3.0)
STRAIGHT = OpenCvLens.pinhole(1280, 720, focal_px=900.0)
BENT = STRAIGHT.model_copy(update={"k1": -0.28, "k2": 0.08, "p1": 0.001, "p2": -0.0005})
TSAI = TsaiLens(
    model="tsai",
    width_px=768,
    height_px=576,
    focal_mm=5.56,
    kappa1_per_mm2=0.0051,
    cx_px=324.2,
    cy_px=282.6,
    sx=1.06,
    dpx_mm=0.0126,
    dpy_mm=0.0126,
)
FRAME = LocalFrame(GeoPoint(lat_deg=52.0, lon_deg=13.0), ground_amsl_m=40.0)


def camera(lens: Lens = STRAIGHT, pose: CameraPose | None = POSE) -> Camera:
    return Camera(id="yard", node="gate", lens=lens, pose=pose, vehicle="drone" if pose is None else None)


@pytest.mark.parametrize("lens", [STRAIGHT, BENT, TSAI], ids=["pinhole", "opencv", "tsai"])
@pytest.mark.parametrize("share", [(0.5, 0.5), (0.1, 0.9), (0.9, 0.6), (0.02, 0.98)])
def test_it_is_where_the_node_locates_a_foot_at_that_pixel(lens: Lens, share: tuple[float, float]) -> None:
    x_px, y_px = share[0] * lens.width_px, share[1] * lens.height_px
    box = np.array([[x_px - 5.0, y_px - 40.0, x_px + 5.0, y_px]])
    ((east_m, north_m),) = Locator(lens=lens, frame=FRAME).fixes(box, POSE).points_m
    found = ground_of_pixel(camera(lens), x_px, y_px)
    assert (found.east_m, found.north_m) == pytest.approx((east_m, north_m), abs=1e-3)


@pytest.mark.parametrize(
    ("of", "pixel", "reason"),
    [
        pytest.param(camera(), (640.0, 2.0), "horizon", id="the sky"),
        pytest.param(camera(), (1300.0, 500.0), "1280 x 720", id="beside the picture"),
        pytest.param(camera(pose=None), (640.0, 500.0), "rides on a vehicle", id="a carried camera"),
        pytest.param(
            camera(pose=POSE.model_copy(update={"pitch_deg": -0.2, "roll_deg": 0.0})),
            (640.0, 361.0),
            "more than 500 m",
            id="nearly along the ground",
        ),
    ],
)
def test_where_no_ground_is_seen_that_is_said(of: Camera, pixel: tuple[float, float], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        ground_of_pixel(of, *pixel)
