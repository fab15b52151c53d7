"""Which ground points a sensor has in view."""

import pytest

from contract.geo import PointEnu
from fleet.flight.footprint import view_of

HERE = PointEnu(0.0, 0.0)


@pytest.mark.parametrize(
    ("target", "heading", "inside", "distance_m", "off_axis_deg"),
    [
        pytest.param((0, 30), 0.0, True, 50.0, 0.0, id="straight ahead"),
        pytest.param((0, 45), 0.0, False, 60.2, 0.0, id="beyond the range"),
        pytest.param((30, 0), 75.0, True, 50.0, 15.0, id="to the right, in the opening"),
        pytest.param((30, 0), 111.0, False, 50.0, -21.0, id="to the left, outside the opening"),
        pytest.param((0, 30), 350.0, True, 50.0, 10.0, id="across north"),
        pytest.param((0, -30), 0.0, False, 50.0, -180.0, id="behind"),
    ],
)
def test_safety_01_on_scene_is_the_point_in_the_footprint(
    *, target: tuple[float, float], heading: float, inside: bool, distance_m: float, off_axis_deg: float
) -> None:
    view = view_of(PointEnu(*target), position=HERE, height_m=40.0, heading=heading, fov_deg=40.0, range_m=60.0)

    assert view.is_inside is inside
    assert view.distance_m == pytest.approx(distance_m, abs=0.01)
    assert view.off_axis_deg == pytest.approx(off_axis_deg)
