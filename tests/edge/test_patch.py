"""How likely a spot is inside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon, box

from edge.patch import Patch
from edge.plane import Place, Spot
from tests.edge.yard import normal_below

Error = tuple[float, float, float]  # variance of x, covariance, variance of y


def _square(half: float, margin: float = 0.0) -> Patch:
    return Patch(box(-half, 20.0 - half, half, 20.0 + half), margin=margin)


def _chance(patch: Patch, place: Place, error: Error) -> float:
    return patch.probability(Spot(*place, *error, unit_m=1.0, point=None, fix=None))


@given(distance_m=st.floats(-3.0, 3.0), sigma_m=st.floats(0.05, 1.0))
def test_near_a_long_straight_edge_the_chance_is_the_normal_distribution(distance_m: float, sigma_m: float) -> None:
    chance = _chance(_square(50.0), (50.0 - distance_m, 20.0), (sigma_m**2, 0.0, sigma_m**2))
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
    patch = Patch(Polygon(HORSESHOE), margin=margin_m)
    east_sigma_m, north_sigma_m = sigmas_m
    error = (east_sigma_m**2, correlation * east_sigma_m * north_sigma_m, north_sigma_m**2)
    quick = _chance(patch, (east_m, north_m), error)
    patch._sides = ((east_m, north_m, 1.0, 0.0, 1.0),)  # here: nothing is far from it
    assert quick == _chance(patch, (east_m, north_m), error)


def test_a_spot_without_error_is_inside_or_outside() -> None:
    exact = (0.0, 0.0, 0.0)
    assert _chance(_square(5.0), (4.9, 20.0), exact) == 1.0
    assert _chance(_square(5.0), (5.1, 20.0), exact) == 0.0


def test_a_zone_smaller_than_the_error_is_never_sure() -> None:
    chance = _chance(_square(1.0), (0.0, 20.0), (4.0, 0.0, 4.0))
    assert chance == pytest.approx((2 * normal_below(0.5) - 1) ** 2, abs=0.02)


def test_a_long_error_ellipse_counts_along_its_own_direction() -> None:
    along_the_edge = (0.01, 0.0, 4.0)
    across_the_edge = (4.0, 0.0, 0.01)
    outside = (6.0, 20.0)
    assert _chance(_square(5.0), outside, along_the_edge) == 0.0
    assert _chance(_square(5.0), outside, across_the_edge) == pytest.approx(normal_below(-0.5), abs=0.02)


def test_a_slanting_error_ellipse_reaches_where_it_points() -> None:
    towards, away = (2.0, -1.99, 2.0), (2.0, 1.99, 2.0)
    north_east_of_a_corner = (6.0, 24.0)
    assert _chance(_square(5.0), north_east_of_a_corner, away) > 0.2
    assert _chance(_square(5.0), north_east_of_a_corner, towards) < 0.06


def test_a_margin_grows_it_outwards() -> None:
    assert not _square(5.0).holds((5.4, 20.0))
    assert _square(5.0, margin=0.5).holds((5.4, 20.0))
