"""What goes into each vehicle before its first arm."""

from typing import Any

import pytest

from fleet.flight.orders import Exclusion, SafetyPlan
from fleet.flight.safety_plan import safety_plan
from tests.fleet.flight.stage import SITE, geo, make_site, place, square


def plan(vehicle_id: str, **changes: Any) -> SafetyPlan:
    return safety_plan(make_site(**changes), vehicle_id, ground_station_system_id=245)


def test_safety_10_a_drone_gets_fence_ceiling_and_its_own_return_height() -> None:
    drone = plan("drone")

    assert drone.inclusion == SITE.geofence.polygon
    assert drone.exclusions == (Exclusion("hospital", SITE.no_fly[0].polygon),)
    assert (drone.ceiling_m, drone.return_altitude_m, drone.rally) == (60.0, 30.0, None)
    assert drone.ground_station_system_id == 245


def test_a_building_that_the_way_home_does_not_clear_is_kept_out_of() -> None:
    tower = {"id": "tower", "polygon": square(200, 200, 20), "height_m": 26.0}
    assert [e.name for e in plan("drone", buildings=[tower]).exclusions] == ["hospital", "tower"]


def test_a_rover_is_kept_out_of_buildings_and_has_no_heights() -> None:
    rover = plan("rover")
    assert [e.name for e in rover.exclusions] == ["hall"]
    assert (rover.ceiling_m, rover.return_altitude_m) == (None, None)


def test_safety_10_rally_points_are_not_shared() -> None:
    points = [{"id": "near", "position": place(45, 45)}, {"id": "far", "position": place(90, 90)}]
    assert plan("drone", rally_points=points).rally == geo(45, 45)
    assert plan("rover", rally_points=points).rally == geo(90, 90)
    assert plan("rover", rally_points=points[:1]).rally is None


def test_a_vehicle_of_another_site_has_no_plan() -> None:
    with pytest.raises(KeyError):
        plan("stranger")
