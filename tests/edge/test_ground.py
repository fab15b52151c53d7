"""How likely a located point is inside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from contract.geo import GeoPolygon, GroundFix, PointEnu
from edge.ground import Ground
from tests.edge.yard import FRAME, corners, normal_below


def _square(half_m: float, margin_m: float = 0.0) -> Ground:
    polygon = TypeAdapter[tuple[object, ...]](GeoPolygon).validate_python(corners(0.0, 20.0, half_m))
    return Ground(polygon, FRAME, margin_m=margin_m)  # type: ignore[arg-type]


def _fix(var_east_m2: float, cov_m2: float, var_north_m2: float) -> GroundFix:
    point = FRAME.to_geo(PointEnu(0.0, 20.0))[0]
    return GroundFix(point=point, var_east_m2=var_east_m2, cov_east_north_m2=cov_m2, var_north_m2=var_north_m2)


@given(distance_m=st.floats(-3.0, 3.0), sigma_m=st.floats(0.05, 1.0))
def test_near_a_long_straight_edge_the_chance_is_the_normal_distribution(distance_m: float, sigma_m: float) -> None:
    chance = _square(50.0).probability(PointEnu(50.0 - distance_m, 20.0), _fix(sigma_m**2, 0.0, sigma_m**2))
    assert chance == pytest.approx(normal_below(distance_m / sigma_m), abs=0.02)


HORSESHOE = (
    (0, 0),
    (20, 0),
    (20, 20),
    (11, 20),
    (11, 19),
    (19, 19),
    (19, 1),
    (1, 1),
    (1, 19),
    (9, 19),
    (9, 20),
    (0, 20),
)


@given(
    east_m=st.floats(-6.0, 26.0),
    north_m=st.floats(-6.0, 26.0),
    sigmas_m=st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 3.0)),
    correlation=st.floats(-1.0, 1.0),
    margin_m=st.sampled_from([0.0, 2.0]),
)
def test_far_from_every_edge_it_is_what_all_the_points_would_say(
    east_m: float, north_m: float, sigmas_m: tuple[float, float], correlation: float, margin_m: float
) -> None:
    """With a margin the horseshoe closes around a hole."""
    corners_geo = tuple(FRAME.to_geo(PointEnu(float(x), float(y)))[0] for x, y in HORSESHOE)
    ground = Ground(corners_geo, FRAME, margin_m=margin_m)
    east_sigma_m, north_sigma_m = sigmas_m
    fix = _fix(east_sigma_m**2, correlation * east_sigma_m * north_sigma_m, north_sigma_m**2)
    quick = ground.probability(PointEnu(east_m, north_m), fix)
    ground._sides = ((east_m, north_m, 1.0, 0.0, 1.0),)  # here: nothing is far from it
    assert quick == ground.probability(PointEnu(east_m, north_m), fix)


def test_a_point_without_error_is_inside_or_outside() -> None:
    exact = _fix(0.0, 0.0, 0.0)
    assert _square(5.0).probability(PointEnu(4.9, 20.0), exact) == 1.0
    assert _square(5.0).probability(PointEnu(5.1, 20.0), exact) == 0.0


def test_a_zone_smaller_than_the_error_is_never_sure() -> None:
    chance = _square(1.0).probability(PointEnu(0.0, 20.0), _fix(4.0, 0.0, 4.0))
    assert chance == pytest.approx((2 * normal_below(0.5) - 1) ** 2, abs=0.02)


def test_a_long_error_ellipse_counts_along_its_own_direction() -> None:
    along_the_edge = _fix(0.01, 0.0, 4.0)
    across_the_edge = _fix(4.0, 0.0, 0.01)
    outside = PointEnu(6.0, 20.0)
    assert _square(5.0).probability(outside, along_the_edge) == 0.0
    assert _square(5.0).probability(outside, across_the_edge) == pytest.approx(normal_below(-0.5), abs=0.02)


def test_a_slanting_error_ellipse_reaches_where_it_points() -> None:
    towards, away = _fix(2.0, -1.99, 2.0), _fix(2.0, 1.99, 2.0)
    north_east_of_a_corner = PointEnu(6.0, 24.0)
    ground = _square(5.0)
    assert ground.probability(north_east_of_a_corner, away) > 0.2
    assert ground.probability(north_east_of_a_corner, towards) < 0.06


def test_a_margin_grows_the_ground_outwards() -> None:
    assert not _square(5.0).holds(PointEnu(5.4, 20.0))
    assert _square(5.0, margin_m=0.5).holds(PointEnu(5.4, 20.0))
