"""What a person is told before the order: the gate's own answer, the way, and the battery."""

from dataclasses import replace
from typing import Any

import pytest

from contract.envelope import Origin
from contract.geo import GeoPoint, distance_m
from contract.site import Site
from fleet.decision.at_rest import at_rest
from fleet.decision.by_hand import Asking, Circle, Foreseen, Look, Turn, foreseen
from fleet.decision.explanation import Moment
from fleet.flight.orders import Hold, Land, ReturnHome
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.world import Consent, Evidence, TrackedPerson
from tests.fleet.flight.stage import NOW_US, PARAMETERS, SITE, drone, drone_on_pad, geo, person, rover, world

THERE = geo(150, 160)


def asking(
    vehicle: VehicleState,
    *,
    by: str | None = "Ada Byron",
    busy: str | None = None,
    people: tuple[TrackedPerson, ...] = (),
    site: Site = SITE,
    origin: Origin = Origin.SIMULATED,
    **changes: Any,
) -> Asking:
    now = world(vehicle, people=people, site=site, **changes)
    moment = Moment((vehicle,), (), now, PARAMETERS, NOW_US, {}, {})
    return Asking(moment, Evidence(origin, NOW_US, 0.0), Consent(approved_by=by), busy)


def look(vehicle: VehicleState, point: GeoPoint = THERE, **how: Any) -> Foreseen:
    return foreseen(Look(point), vehicle, asking(vehicle, **how))


def circle(
    vehicle: VehicleState, point: GeoPoint = THERE, *, radius_m: float = 30.0, s: float = 60.0, **how: Any
) -> Foreseen:
    return foreseen(Circle(point, radius_m, s), vehicle, asking(vehicle, **how))


def test_it_looks_from_the_stand_off_and_never_flies_to_the_point() -> None:
    found = look(drone())
    assert (found.reasons, found.clipped) == ((), ())
    assert found.stand_off is not None
    assert distance_m(found.stand_off, THERE) == pytest.approx(28.0, abs=0.5)
    assert [stop.above_home_m for stop in found.way] == [25.0, 25.0]
    assert found.arrives_in_s == pytest.approx((found.length_m or 0.0) / 8.0, rel=0.05)


def test_from_the_ground_the_way_begins_with_the_climb() -> None:
    found = look(drone_on_pad())
    assert found.reasons == ()
    assert [stop.above_home_m for stop in found.way] == [0.0, 25.0, 25.0]


def test_the_battery_is_told_there_and_at_home() -> None:
    found = look(drone())
    assert found.there_frac is not None
    assert found.home_frac is not None
    assert 0.9 > found.there_frac > found.home_frac > 0.5


@pytest.mark.parametrize(
    ("vehicle", "point", "how", "reason"),
    [
        pytest.param(drone(), geo(500, 160), {}, "fence", id="outside the fence"),
        pytest.param(drone(battery_frac=0.22), THERE, {}, "battery 22%", id="battery below way, home and reserve"),
        pytest.param(drone(battery_frac=None), THERE, {}, "battery is not known", id="battery unknown"),
        pytest.param(drone(heard_at_us=NOW_US - 9_000_000), THERE, {}, "not heard for 9.0 s", id="stale link"),
        pytest.param(drone(heard_at_us=None), THERE, {}, "not heard yet", id="never heard"),
        pytest.param(drone(link_loss_frac=0.8), THERE, {}, "the link loses 80%", id="bad link"),
        pytest.param(drone(wind_m_s=None), THERE, {}, "wind is not known", id="wind unknown"),
        pytest.param(drone(wind_m_s=30.0), THERE, {}, "wind 30.0 m/s", id="too much wind"),
        pytest.param(drone(mode=FlightMode.MANUAL), THERE, {}, "a pilot has it", id="in a pilot's hands"),
        pytest.param(drone(safety_uploaded=False), THERE, {}, "are not confirmed", id="fence not in the vehicle"),
        pytest.param(drone_on_pad(not_ready_because=("compass",)), THERE, {}, "compass", id="not ready"),
        pytest.param(drone(), THERE, {"busy": "the safety monitor has it: hold"}, "the safety monitor", id="latched"),
    ],
)
def test_what_must_not_be_done_is_refused_with_its_reason(
    vehicle: VehicleState, point: GeoPoint, how: dict[str, Any], reason: str
) -> None:
    for found in (look(vehicle, point, **how), circle(vehicle, point, **how)):
        assert any(reason in each for each in found.reasons), found.reasons


def test_a_real_vehicle_moves_on_no_simulated_evidence() -> None:
    real = drone(simulated=False)
    assert any("live evidence only" in each for each in look(real).reasons)
    assert look(real, origin=Origin.LIVE).reasons == ()
    assert any("waits for a named person" in each for each in look(real, origin=Origin.LIVE, by=None).reasons)


def test_of_a_refused_way_the_straight_one_is_shown() -> None:
    found = look(drone(), geo(500, 160))
    assert len(found.way) == 2
    assert found.arrives_in_s is None


def test_what_is_in_between_is_gone_around_and_a_circle_over_it_is_refused() -> None:
    beyond = look(drone(position=geo(180, 75)), geo(275, 75))
    assert beyond.reasons == ()
    assert len(beyond.way) > 2
    over = circle(drone(), geo(215, 105))
    assert any("no-fly" in each for each in over.reasons)


def test_a_circle_keeps_the_stand_off_from_its_middle_and_from_everybody() -> None:
    assert circle(drone(), radius_m=24.0).reasons == ("expected a radius of 25 m, the stand-off, to 200 m, got 24.0 m",)
    near = circle(drone(), people=(person(150, 200),))
    assert any("tracked person" in each for each in near.reasons)


def test_a_circle_is_told_with_all_its_legs_and_how_long_it_takes() -> None:
    found = circle(drone(), radius_m=30.0, s=70.0)
    assert (found.reasons, found.turns, found.radius_m) == ((), 3, 30.0)
    assert found.lasts_s == pytest.approx(70.0, rel=0.05)
    ring = found.way[1:]
    assert all(distance_m(stop.point, THERE) == pytest.approx(30.0, abs=0.2) for stop in ring)


def test_more_turns_than_may_be_are_clipped_and_that_is_said() -> None:
    found = circle(drone(), radius_m=25.0, s=3600.0)
    assert "183 turns clipped to 10" in found.clipped
    assert found.turns == 10


def test_a_ground_vehicle_is_told_without_heights_and_slowed_near_people() -> None:
    found = look(rover(), geo(110, 40), people=(person(90, 62),))
    assert found.reasons == ()
    assert {stop.above_home_m for stop in found.way} == {None}
    assert found.clipped == ("speed clipped to 1.0 m/s: a person is near the way",)


@pytest.mark.parametrize("order", [Hold(), ReturnHome(), Land()])
@pytest.mark.parametrize(
    "vehicle",
    [
        pytest.param(drone(), id="well"),
        pytest.param(drone(heard_at_us=None, battery_frac=None, position=None, home=None), id="nothing is known"),
        pytest.param(drone(mode=FlightMode.MANUAL), id="a pilot has it"),
        pytest.param(rover(), id="on wheels"),
    ],
)
def test_coming_to_rest_is_never_refused(order: Hold | ReturnHome | Land, vehicle: VehicleState) -> None:
    assert at_rest(order, vehicle, asking(vehicle, busy="the safety monitor has it")).reasons == ()


def test_the_way_home_climbs_to_the_vehicles_own_height_first() -> None:
    vehicle = drone(position=geo(100, 160), above_home_m=15.0)
    found = at_rest(ReturnHome(), vehicle, asking(vehicle))
    back_m = next(each.return_altitude_m for each in SITE.vehicles if each.id == "drone")
    assert [stop.above_home_m for stop in found.way] == [15.0, back_m, back_m, 0.0]
    assert found.home_frac is not None
    assert 0.5 < found.home_frac < 0.9


def test_a_stale_link_is_said_and_forbids_no_return() -> None:
    vehicle = drone(heard_at_us=NOW_US - 9_000_000)
    found = at_rest(ReturnHome(), vehicle, asking(vehicle))
    assert any("not heard for 9.0 s" in each for each in found.notes)
    assert found.way != ()


def test_with_motors_off_it_is_said_that_nothing_is_sent() -> None:
    vehicle = drone_on_pad()
    found = at_rest(ReturnHome(), vehicle, asking(vehicle))
    assert any("motors are off" in each for each in found.notes)
    assert len(found.way) == 1


def turn(vehicle: VehicleState, point: GeoPoint = THERE, **how: Any) -> Foreseen:
    return foreseen(Turn(point), vehicle, asking(vehicle, **how))


def test_a_turn_stays_where_it_is_and_costs_only_its_time() -> None:
    vehicle = drone()
    found = turn(vehicle)
    assert (found.reasons, found.length_m, found.lasts_s, found.stand_off) == ((), 0.0, 30.0, vehicle.position)
    assert vehicle.battery_frac is not None
    assert found.there_frac == pytest.approx(vehicle.battery_frac - 30.0 / 900.0, abs=1e-6)


def test_a_turn_is_allowed_to_a_point_outside_the_fence_for_nobody_goes_there() -> None:
    found = turn(drone(), geo(500, 160))
    assert found.reasons == ()
    assert any("away, and its camera is good for" in each for each in found.notes)


@pytest.mark.parametrize(
    ("vehicle", "how", "reason"),
    [
        pytest.param(drone_on_pad(), {}, "it is not in the air", id="on the ground"),
        pytest.param(rover(), {}, "it does not fly", id="on wheels"),
        pytest.param(drone(mode=FlightMode.MANUAL), {}, "a pilot has it", id="in a pilot's hands"),
        pytest.param(drone(battery_frac=0.1), {}, "battery 10%", id="battery"),
        pytest.param(drone(heard_at_us=NOW_US - 9_000_000), {}, "not heard for 9.0 s", id="stale link"),
        pytest.param(drone(), {"busy": "it has a task already"}, "it has a task already", id="busy"),
    ],
)
def test_a_turn_that_may_not_be_is_refused(vehicle: VehicleState, how: dict[str, Any], reason: str) -> None:
    found = turn(vehicle, **how)
    assert any(reason in each for each in found.reasons), found.reasons


def test_equal_questions_have_equal_answers() -> None:
    vehicle = drone()
    assert look(vehicle) == look(replace(vehicle))
