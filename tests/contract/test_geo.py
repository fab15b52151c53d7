"""Geometry of the contract against known values and round trips."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from contract.geo import GeoPoint, GeoPolygon, GroundFix, LocalFrame, PointEnu, distance_m, heading_deg

SITE = LocalFrame(GeoPoint(lat_deg=52.0, lon_deg=13.0), ground_amsl_m=60.0)
POLYGON = TypeAdapter(GeoPolygon)


def ring(*corners_m: tuple[float, float]) -> list[GeoPoint]:
    return [SITE.to_geo(PointEnu(e, n))[0] for e, n in corners_m]


@given(st.floats(-5000, 5000), st.floats(-5000, 5000), st.floats(-50, 500))
def test_local_to_geodetic_and_back_is_exact_to_a_micrometre(east: float, north: float, up: float) -> None:
    geo, amsl_m = SITE.to_geo(PointEnu(east, north, up))
    back = SITE.to_enu(geo, amsl_m=amsl_m)
    assert (back.east_m, back.north_m, back.up_m) == pytest.approx((east, north, up), abs=1e-6)


def test_a_degree_of_latitude_at_45_north_is_111_131_8_m() -> None:
    """GRS80 series: 111 132.954 - 559.822 cos(2 lat) + 1.175 cos(4 lat) metres a degree."""
    a, b = GeoPoint(lat_deg=44.9995, lon_deg=9.0), GeoPoint(lat_deg=45.0005, lon_deg=9.0)
    assert distance_m(a, b) == pytest.approx(111.13178, abs=1e-4)


@pytest.mark.parametrize(
    ("east", "north", "heading"),
    [(0, 1, 0), (1, 1, 45), (1, 0, 90), (0, -1, 180), (-1, 0, 270)],
    ids=["north", "north-east", "east", "south", "west"],
)
def test_headings_run_clockwise_from_north(east: float, north: float, heading: float) -> None:
    assert heading_deg(PointEnu(0, 0), PointEnu(east, north)) == pytest.approx(heading)


@pytest.mark.parametrize(
    ("corners", "says"),
    [
        pytest.param(((0, 0), (10, 0)), "at least 3 points, got 2", id="two points"),
        pytest.param(((0, 0), (10, 0), (10, 10), (0, 0)), "name a point twice", id="closed by hand"),
        pytest.param(((0, 0), (10, 10), (10, 0), (0, 10)), "must not cross itself", id="bow tie"),
        pytest.param(((0, 0), (5, 5), (10, 10)), "lie on one line", id="no area"),
    ],
)
def test_a_polygon_that_is_none_is_refused(corners: tuple[tuple[float, float], ...], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        POLYGON.validate_python(ring(*corners))


@pytest.mark.parametrize(
    "corners",
    [
        pytest.param(((0, 0), (10, 0), (10, 10), (0, 10)), id="square"),
        pytest.param(((0, 0), (30, 0), (30, 10), (20, 10), (20, 5), (10, 5), (10, 10), (0, 10)), id="collinear tops"),
    ],
)
def test_a_simple_polygon_is_accepted(corners: tuple[tuple[float, float], ...]) -> None:
    assert len(POLYGON.validate_python(ring(*corners))) == len(corners)


def test_an_unset_receiver_is_not_a_place() -> None:
    with pytest.raises(ValidationError, match="unset receiver"):
        GeoPoint(lat_deg=0.0, lon_deg=0.0)


def test_sigma_is_the_long_axis_of_the_error_ellipse() -> None:
    turned = GroundFix(point=GeoPoint(lat_deg=52, lon_deg=13), var_east_m2=2.5, cov_east_north_m2=1.5, var_north_m2=2.5)
    assert turned.sigma_m == pytest.approx(math.sqrt(4.0))
