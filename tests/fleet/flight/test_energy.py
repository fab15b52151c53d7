"""What a way costs, and what the wind makes of it."""

import pytest

from contract.site import VehicleKind
from fleet.flight.energy import home_frac, stopping_m, way_frac

COPTER, ROVER = VehicleKind.ARDUPILOT_COPTER, VehicleKind.ARDUPILOT_ROVER


def test_a_way_against_the_wind_costs_its_time_in_the_air() -> None:
    cost = way_frac(COPTER, distance_m=240.0, climb_m=25.0, stay_s=10.0, speed_m_s=8.0, wind_m_s=2.0)
    assert cost == pytest.approx((240 / 6 + 10 + 10) / 900)


def test_coming_down_on_the_way_takes_its_time_too() -> None:
    way = {"distance_m": 0.0, "climb_m": 0.0, "stay_s": 0.0, "speed_m_s": 8.0, "wind_m_s": 0.0}
    assert way_frac(COPTER, descent_m=45.0, **way) == pytest.approx(30 / 900)


def test_home_is_climbed_flown_and_landed() -> None:
    cost = home_frac(COPTER, distance_m=80.0, height_m=20.0, return_height_m=30.0, speed_m_s=8.0, wind_m_s=0.0)
    assert cost == pytest.approx((10 + 4 + 20 / 1.5 + 10 / 0.5) / 900)


def test_a_copter_above_its_return_height_comes_home_from_where_it_is() -> None:
    high = home_frac(COPTER, distance_m=0.0, height_m=50.0, return_height_m=30.0, speed_m_s=8.0, wind_m_s=0.0)
    assert high == pytest.approx((40 / 1.5 + 20) / 900)


@pytest.mark.parametrize("wind_m_s", [7.01, 8.0, 20.0])
def test_no_headway_is_no_way(wind_m_s: float) -> None:
    way = {"distance_m": 1.0, "speed_m_s": 8.0, "wind_m_s": wind_m_s}
    assert way_frac(COPTER, climb_m=0.0, stay_s=0.0, **way) is None
    assert home_frac(COPTER, height_m=1.0, return_height_m=1.0, **way) is None


def test_a_rover_does_not_mind_the_wind() -> None:
    cost = way_frac(ROVER, distance_m=108.0, climb_m=0.0, stay_s=0.0, speed_m_s=2.0, wind_m_s=30.0)
    assert cost == pytest.approx(0.01)
    assert way_frac(ROVER, distance_m=1.0, climb_m=0.0, stay_s=0.0, speed_m_s=0.0, wind_m_s=0.0) is None


def test_stopping_grows_with_the_square_of_speed() -> None:
    assert (stopping_m(COPTER, 5.0), stopping_m(COPTER, 10.0), stopping_m(ROVER, 2.0)) == (5.0, 20.0, 2.0)
