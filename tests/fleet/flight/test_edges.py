"""Where gate and monitor change their minds, to the metre and to the percent: what `make mutants` found untold."""

import math
import random
from dataclasses import replace

import pytest
from shapely import LineString

from contract.geo import PointEnu
from contract.site import Site
from fleet.flight.airspace import Airspace
from fleet.flight.energy import home_frac, way_frac
from fleet.flight.monitor import MonitorCore, order_name
from fleet.flight.orders import (
    FlyMission,
    GoTo,
    Hold,
    HoldLow,
    Land,
    Launch,
    MissionItem,
    Orbit,
    ReturnHome,
    UploadSafety,
)
from fleet.flight.safety_plan import safety_plan
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.watch import BATTERY_SPARE_FRAC, Hazard, Route, Snapshot, has_arrived, hazard_of
from fleet.flight.way import Stop, Way, is_airborne, leg_gap_m, line_refusals, margin_m, stops_of, way_of
from tests.fleet.flight.stage import (
    AIRSPACE,
    DECISION_ID,
    NOW_US,
    SITE,
    drone,
    drone_on_pad,
    geo,
    make_site,
    person,
    place,
    rover,
    world,
)
from tests.fleet.flight.test_gate import approved, reasons
from tests.fleet.flight.test_traffic import aircraft

GO = GoTo(geo(120, 100), 25.0, 8.0)
DRIVE = GoTo(geo(60, 150), None, 2.0)
TWO = make_site(
    vehicles=[
        *make_site().model_dump(mode="json")["vehicles"],
        {**make_site().model_dump(mode="json")["vehicles"][0], "id": "wasp", "system_id": 3, "return_altitude_m": 40.0},
    ]
)


def hazard(vehicle: VehicleState, *others: VehicleState, site: Site = SITE, is_watched: bool = True) -> Hazard | None:
    fresh = {"heard_at_us": NOW_US, "position_at_us": NOW_US, "battery_at_us": NOW_US}
    vehicles = [replace(each, **fresh) for each in (vehicle, *others)]  # type: ignore[arg-type]
    return hazard_of(vehicles[0], Snapshot(NOW_US, world(*vehicles, site=site), {}), is_watched=is_watched)


def test_legs_are_as_far_apart_as_their_lines_whichever_way_they_lie() -> None:
    chance = random.Random(8)
    for _ in range(300):
        a, b, c, d = (PointEnu(chance.uniform(-9, 30), chance.uniform(-30, 9)) for _ in range(4))
        lines = [LineString([(p.east_m, p.north_m) for p in leg]) for leg in ((a, b), (c, d))]
        assert leg_gap_m(a, b, c, d) == pytest.approx(lines[0].distance(lines[1]), abs=1e-9)


def test_an_item_without_a_height_is_on_the_ground_and_the_shortest_dwell_is_a_stay() -> None:
    items = (MissionItem(geo(1, 1), None, 0.5), MissionItem(geo(2, 2), None, 0.0), MissionItem(geo(3, 3), 20.0, 0.0))
    stops = stops_of(items, AIRSPACE)
    assert [stop.height_m for stop in stops] == [0.0, 0.0, 20.0]
    assert [stop.stays for stop in stops] == [True, False, True]


def test_no_fly_areas_are_told_from_buildings_and_from_open_ground() -> None:
    both = Airspace(make_site(buildings=[{"id": "ward", "polygon": _square(195, 55, 40), "height_m": 8.0}]))
    assert both.no_fly_at(PointEnu(215.0, 75.0)) == "no-fly area 'hospital'"
    assert both.no_fly_at(PointEnu(197.0, 57.0)) is None
    assert both.no_fly_at(PointEnu(100.0, 100.0)) is None


def test_nothing_has_to_be_cleared_where_no_roof_is_near() -> None:
    assert AIRSPACE.clear_of_roofs_m(PointEnu(100.0, 100.0), within_m=20.0) == 0.0


def test_half_a_metre_outside_is_outside() -> None:
    assert hazard(drone(position=geo(-0.5, 100))) == Hazard(ReturnHome(), "0.5 m outside the geofence")


@pytest.mark.parametrize("what", ["heard_at_us", "position_at_us"])
def test_silence_names_what_is_silent_and_begins_after_five_seconds(what: str) -> None:
    def after_s(seconds: float) -> Hazard | None:
        fresh = {"heard_at_us": NOW_US, "position_at_us": NOW_US, "battery_at_us": NOW_US}
        state = replace(drone(), **{**fresh, what: NOW_US - round(seconds * 1e6)})  # type: ignore[arg-type]
        return hazard_of(state, Snapshot(NOW_US, world(state), {}), is_watched=True)

    name = "link" if what == "heard_at_us" else "position"
    assert after_s(5.0) is None
    assert after_s(5.1) == Hazard(ReturnHome(), f"{name} lost for more than 5 s")


def test_a_battery_level_that_came_at_an_unknown_time_is_not_known() -> None:
    state = replace(drone(), heard_at_us=NOW_US, position_at_us=NOW_US, battery_at_us=None)
    found = hazard_of(state, Snapshot(NOW_US, world(state), {}), is_watched=True)
    assert found is not None
    assert "battery not known" in found.reason


@pytest.mark.parametrize(
    ("vehicle", "distance_m", "return_height_m", "wind_m_s"),
    [
        (drone(position=geo(240, 240), wind_m_s=3.0), math.hypot(200, 200), 30.0, 3.0),
        (drone(position=geo(40, 140), above_home_m=50.0, wind_m_s=0.0), 100.0, 30.0, 0.0),
        (drone(position=geo(40, 140), above_home_m=None, wind_m_s=0.0), 100.0, 30.0, 0.0),
        (drone(position=geo(40, 140), wind_m_s=None), 100.0, 30.0, 4.0),  # nobody knows it: half its speed
    ],
    ids=["far, against wind", "high up", "at no known height", "in an unknown wind"],
)
def test_home_is_turned_to_when_the_way_there_needs_what_is_left(
    vehicle: VehicleState, distance_m: float, return_height_m: float, wind_m_s: float
) -> None:
    needed = home_frac(
        vehicle.kind,
        distance_m=distance_m,
        height_m=vehicle.above_home_m or 0.0,
        return_height_m=return_height_m,
        speed_m_s=8.0,
        wind_m_s=wind_m_s,
    )
    assert needed is not None
    needed += BATTERY_SPARE_FRAC
    assert hazard(replace(vehicle, battery_frac=needed + 1e-6)) is None
    found = hazard(replace(vehicle, battery_frac=needed - 1e-6))
    assert found is not None
    assert f"home needs {needed:.0%}" in found.reason


def test_the_battery_must_last_to_the_farther_of_home_and_the_docks_alternate() -> None:
    document = SITE.model_dump(mode="json", exclude_none=True)
    pad = {
        "id": "pad",
        "position": place(40, 40),
        "kind": "http_json",
        "connection": "http://127.0.0.1:1",
        "alternate": "far",
    }
    site = make_site(docks=[pad, *document["docks"][1:]], rally_points=[{"id": "far", "position": place(40, 280)}])
    near = drone(position=geo(40, 45), wind_m_s=0.0)
    needed = [
        home_frac(near.kind, distance_m=d, height_m=25.0, return_height_m=30.0, speed_m_s=8.0, wind_m_s=0.0) or 0.0
        for d in (5.0, 235.0)
    ]
    charge = BATTERY_SPARE_FRAC + sum(needed) / 2
    assert hazard(replace(near, battery_frac=charge)) is None
    assert hazard(replace(near, battery_frac=charge), site=site) is not None


def test_wind_that_nobody_flies_home_against_is_named() -> None:
    found = hazard(drone(wind_m_s=7.5))
    assert found == Hazard(ReturnHome(), "against 7.5 m/s of wind it hardly comes home")


def test_separation_is_lost_by_place_and_height_together_and_for_aircraft_only() -> None:
    def beside(east_m: float, above_home_m: float) -> Hazard | None:
        wasp = drone(vehicle_id="wasp", position=geo(100 + east_m, 100), above_home_m=above_home_m)
        return hazard(drone(), wasp, site=TWO)

    assert beside(6.0, 25.0) == Hazard(Hold(), "6.0 m from 'wasp'")
    assert beside(6.0, 25.0 + 3.4) is not None
    assert beside(6.0, 25.0 + 3.6) is None
    assert beside(7.1, 25.0) is None
    assert hazard(rover(position=geo(100, 103)), drone()) is None


def test_each_order_of_the_monitor_has_its_words() -> None:
    orders = (Hold(), HoldLow(geo(1, 1), 10.0), ReturnHome(), Land())
    assert [order_name(order) for order in orders] == ["hold", "go down and hold", "return", "land"]


def test_the_rally_points_of_the_site_are_part_of_the_plan_that_goes_up() -> None:
    site = make_site(rally_points=[{"id": "east", "position": place(60, 45)}])
    with_rally = safety_plan(site, "drone", ground_station_system_id=245, rally=Airspace(site).rally_points)
    here = world(drone_on_pad(), site=site)
    assert reasons(UploadSafety(with_rally), drone_on_pad(), within=here) == ()
    without = replace(with_rally, rally=None)
    assert reasons(UploadSafety(without), drone_on_pad(), within=here) == (
        "expected the safety plan of this site, got another",
    )


def _square(east_m: float, north_m: float, size_m: float) -> list[dict[str, float]]:
    return [place(east_m + e, north_m + n) for e, n in ((0, 0), (size_m, 0), (size_m, size_m), (0, size_m))]


def test_a_vehicle_on_its_pad_keeps_nobody_from_looking_after_the_others() -> None:
    core = MonitorCore()
    outside = drone(vehicle_id="wasp", position=geo(-3, 100), heard_at_us=NOW_US, position_at_us=NOW_US)
    orders = core.step(Snapshot(NOW_US, world(drone_on_pad(), outside, site=TWO), {}))
    assert [(each.vehicle_id, each.order) for each in orders] == [("wasp", ReturnHome())]


def test_what_a_pilot_gave_back_is_held_again_for_the_mildest_reason() -> None:
    core = MonitorCore()
    leaving = drone(position=geo(100, 290), velocity_north_m_s=8.0, heard_at_us=NOW_US, position_at_us=NOW_US)
    routes = {"drone": Route((Stop(PointEnu(100.0, 180.0), 25.0, True),))}

    def look(state: VehicleState) -> list[object]:
        fresh = replace(state, battery_at_us=NOW_US)
        return [each.order for each in core.step(Snapshot(NOW_US, world(fresh), routes))]

    assert look(leaving) == [Hold()]
    assert look(replace(leaving, mode=FlightMode.MANUAL)) == []
    assert look(leaving) == [Hold()]


@pytest.mark.parametrize("wind_m_s", [0.0, 0.5])
def test_no_wind_is_a_known_wind(wind_m_s: float) -> None:
    assert reasons(GoTo(geo(120, 100), 25.0, 8.0), drone(wind_m_s=wind_m_s)) == ()


def test_a_place_is_judged_by_a_fresh_look_at_the_site() -> None:
    """An Airspace of its own, which remembers nothing."""
    wards = [{"id": "hospital", "polygon": _square(200, 60, 30)}, {"id": "school", "polygon": _square(50, 200, 30)}]
    air = Airspace(make_site(no_fly=wards))
    assert air.inside_by_m(PointEnu(-5.0, 100.0)) == pytest.approx(-5.0, abs=0.01)
    assert air.inside_by_m(PointEnu(7.0, 100.0)) == pytest.approx(7.0, abs=0.01)
    assert air.no_fly_at(PointEnu(60.0, 210.0)) == "no-fly area 'school'"
    assert air.no_fly_at(PointEnu(210.0, 210.0)) is None


def test_who_comes_home_or_lands_is_left_to_do_so() -> None:
    outside = drone(position=geo(-3, 100))
    assert hazard(outside) is not None
    assert hazard(replace(outside, mode=FlightMode.RETURN)) is None
    assert hazard(replace(outside, mode=FlightMode.LAND)) is None


def test_a_little_above_the_ceiling_is_the_autopilots_to_mend() -> None:
    assert hazard(drone(above_home_m=62.5)) is None
    assert hazard(drone(above_home_m=63.5)) is not None


def test_one_that_stands_armed_on_its_pad_is_nobodys_conflict() -> None:
    wasp = drone(vehicle_id="wasp", position=geo(106, 100), above_home_m=0.5)
    assert hazard(drone(above_home_m=0.2), wasp, site=TWO) is None
    assert hazard(drone(above_home_m=3.0), replace(wasp, above_home_m=3.0), site=TWO) is not None


def test_traffic_near_the_rest_of_the_way_counts_as_traffic_near_the_vehicle() -> None:
    heard = {"heard_at_us": NOW_US, "position_at_us": NOW_US, "battery_at_us": NOW_US}
    state = replace(drone(position=geo(100, 290)), **heard)  # type: ignore[arg-type]
    there = world(state, traffic=(aircraft(100, -2950),))
    towards = Route((Stop(PointEnu(100.0, 15.0), 25.0, True),))
    assert hazard_of(state, Snapshot(NOW_US, there, {}), is_watched=False) is None
    found = hazard_of(state, Snapshot(NOW_US, there, {"drone": towards}), is_watched=False)
    assert found is not None
    assert "manned aircraft" in found.reason


def test_what_is_not_known_is_named_one_by_one() -> None:
    nothing = drone(
        autopilot_uid=None, safety_uploaded=False, mode=None, system_status=None, home=None, gnss_fix=None,
        gnss_sigma_m=None, ekf_ready=None, battery_frac=None, armed=None,
    )  # fmt: skip
    assert reasons(GO, nothing) == (
        "the autopilot's identity is not known",
        "fence, rally point and failsafes are not confirmed in the vehicle",
        "flight mode is not known",
        "system status is not known",
        "home is not known",
        "expected a GNSS fix of 3 or more, got None",
        "position error is not known",
        "the autopilot's position estimate is not ready",
        "battery is not known",
        "whether the motors are armed is not known",
    )
    assert reasons(GO, drone(position=None)) == ("position is not known",)


def test_what_is_clipped_is_said_and_done_of_each_kind_of_order() -> None:
    high = FlyMission((MissionItem(geo(120, 100), 70.0, 0.0),), 0, 20.0)
    said = approved(high, drone())
    assert said.clipped == ("height 70.0 m above home clipped to 60.0 m", "speed 20.0 m/s clipped to 8.0 m/s")
    assert said.approval.order == FlyMission((MissionItem(geo(120, 100), 60.0, 0.0),), 0, 8.0)
    assert (said.approval.vehicle_id, said.approval.decision_id) == ("drone", DECISION_ID)
    assert approved(Launch(70.0), drone_on_pad()).approval.order == Launch(60.0)
    near = world(rover(), people=[person(80, 58)])
    slowed = approved(GoTo(geo(80, 40), None, 5.0), rover(), within=near)
    assert slowed.clipped[0] == "speed 5.0 m/s clipped to 2.0 m/s"
    assert len(slowed.clipped) == 2
    assert slowed.approval.order == GoTo(geo(80, 40), None, 1.0)


def test_an_obstacle_that_is_clear_hides_none_behind_it() -> None:
    halls = [
        {"id": "far", "polygon": _square(260, 260, 20), "height_m": 50.0},
        {"id": "low", "polygon": _square(150, 95, 10), "height_m": 3.0},
        {"id": "tower", "polygon": _square(170, 95, 10), "height_m": 50.0},
    ]
    site = make_site(buildings=halls, no_fly=[])
    said = reasons(GoTo(geo(190, 100), 25.0, 8.0), drone(), within=world(drone(), site=site))
    assert "the way crosses building 'tower'" in said


def test_near_the_fence_the_way_the_destination_and_the_way_home_are_each_named() -> None:
    assert reasons(GoTo(geo(120, 299.5), 25.0, 8.0), drone()) == (
        "the way comes within 0.5 m of the geofence, expected at least 13.8 m",
        "the destination lies 0.5 m inside the geofence, expected at least 13.8 m",
        "the straight way home comes within 0.5 m of the geofence, expected at least 1.0 m",
    )
    assert reasons(GoTo(geo(120, 286), 25.0, 8.0), drone()) == ()


def test_a_closed_dock_is_no_reason_to_forget_the_others() -> None:
    pad = {"id": "pad", "position": place(40, 40), "kind": "http_json", "connection": "http://127.0.0.1:1"}
    site = make_site(
        docks=[{**pad, "alternate": "far"}, SITE.model_dump(mode="json", exclude_none=True)["docks"][1]],
        rally_points=[{"id": "far", "position": place(60, 60)}],
    )
    unknown = drone_on_pad(battery_frac=None)
    said = reasons(Launch(25.0), unknown, within=world(unknown, site=site))
    assert "battery is not known" in said
    assert any("dock 'pad'" in each for each in said)


def test_a_vehicle_that_is_in_nobodys_way_hides_none_that_is() -> None:
    site = make_site(
        vehicles=[
            *SITE.model_dump(mode="json")["vehicles"],
            *(
                {
                    **SITE.model_dump(mode="json")["vehicles"][0],
                    "id": name,
                    "system_id": n,
                    "return_altitude_m": 30.0 + n,
                }
                for n, name in enumerate(("asleep", "parked", "lost", "far", "wasp"), start=3)
            ),
        ]
    )
    own = drone()
    others = (
        own,
        drone(vehicle_id="asleep", heard_at_us=None, position=geo(150, 100)),
        drone_on_pad(vehicle_id="parked", position=geo(150, 100)),
        rover(position=geo(150, 100)),
        drone(vehicle_id="lost", position=None),
        drone(vehicle_id="far", position=geo(20, 280)),
        drone(vehicle_id="wasp", position=geo(160, 104)),
    )
    said = reasons(GoTo(geo(190, 100), 25.0, 8.0), own, within=world(*others, site=site))
    assert said == (
        "where 'lost' is is not known",
        "the way passes 4.0 m from 'wasp', expected 10.0 m",
    )


def test_a_person_who_is_in_nobodys_way_hides_none_who_is() -> None:
    people = [person(160, 100, age_s=60.0), person(20, 280), person(160, 104)]
    said = reasons(GoTo(geo(190, 100), 25.0, 8.0), drone(), within=world(drone(), people=people))
    assert len(said) == 1
    assert "from a tracked person" in said[0]


def test_all_along_an_orbit_the_stand_off_of_a_place_to_stay_is_kept() -> None:
    ring = Orbit(geo(120, 150), 40.0, 25.0, 5.0, from_deg=180.0)
    beside = world(drone(), people=[person(120, 205)])  # 15 m outside the ring: more than one who passes keeps
    assert any("from a tracked person" in each for each in reasons(ring, drone(), within=beside))
    assert reasons(ring, drone(), within=world(drone())) == ()


def test_legs_that_end_short_of_each_other_do_not_cross() -> None:
    short, beside = (PointEnu(0.0, 0.0), PointEnu(1.0, 0.0)), (PointEnu(0.5, 0.9), PointEnu(0.5, 1.0))
    assert leg_gap_m(*short, *beside) == pytest.approx(0.9)
    assert leg_gap_m(*beside, *short) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("order", "vehicle"),
    [
        (GoTo(geo(180, 100), 25.0, 8.0), drone(above_home_m=55.0)),
        (Launch(25.0), drone_on_pad()),
        (FlyMission((MissionItem(geo(120, 100), 25.0, 200.0),), 0, 8.0), drone()),
        (DRIVE, rover(above_home_m=20.0)),  # by its barometer: what drives climbs nothing
    ],
    ids=["down on the way", "up from the ground", "a long stay", "on wheels"],
)
def test_a_way_is_begun_with_what_it_and_the_way_home_and_the_reserve_need(
    order: GoTo | Launch | FlyMission, vehicle: VehicleState
) -> None:
    flies, home = vehicle.kind.flies, AIRSPACE.enu(vehicle.home or geo(0, 0))
    start_m = (vehicle.above_home_m or 0.0) if flies else 0.0
    assert vehicle.position is not None
    way = way_of(order, position=AIRSPACE.enu(vehicle.position), height_m=start_m, airspace=AIRSPACE)
    end, speed_m_s, wind_m_s = way.stops[-1], 8.0 if flies else 2.0, vehicle.wind_m_s or 0.0
    dwell_s = order.items[0].dwell_s if isinstance(order, FlyMission) else 0.0
    out = way_frac(
        vehicle.kind,
        distance_m=AIRSPACE.enu(vehicle.position).horizontal_distance_m(end.point),
        climb_m=max(end.height_m - start_m, 0.0),
        descent_m=max(start_m - end.height_m, 0.0),
        stay_s=dwell_s + SITE.response.observe_s,
        speed_m_s=speed_m_s,
        wind_m_s=wind_m_s,
    )
    back = home_frac(
        vehicle.kind,
        distance_m=home.horizontal_distance_m(end.point),
        height_m=end.height_m,
        return_height_m=30.0 if flies else 0.0,
        speed_m_s=speed_m_s,
        wind_m_s=wind_m_s,
    )
    assert out is not None
    assert back is not None
    needed = out + back + SITE.response.battery_reserve_frac
    assert reasons(order, replace(vehicle, battery_frac=needed + 1e-6)) == ()
    assert reasons(order, replace(vehicle, battery_frac=needed - 1e-6)) == (
        f"battery {needed:.0%}, expected {needed:.0%}: the way, home again and the reserve",
    )


def test_a_speed_that_makes_no_way_against_the_wind_is_refused_also_where_the_way_home_is_fast_enough() -> None:
    said = reasons(GoTo(geo(120, 100), 25.0, 3.5), drone(wind_m_s=3.0))
    assert said == ("against 3.0 m/s of wind it makes no way",)


def test_full_and_empty_are_known_and_so_is_a_position_without_error() -> None:
    assert reasons(GO, drone(battery_frac=1.0, gnss_sigma_m=0.0)) == ()
    assert reasons(GO, drone(battery_frac=0.0))[0] == "battery 0%, expected more than the reserve of 25%"
    assert margin_m(drone(gnss_sigma_m=0.0), 5.0) == margin_m(drone(gnss_sigma_m=None), 5.0) == 5.0
    exact = drone(gnss_sigma_m=0.0)
    way = Way(Stop(PointEnu(120.0, 280.0), 25.0, False), (Stop(PointEnu(120.0, 299.5), 25.0, True),))
    assert line_refusals(way, 0.0, SITE.vehicles[0], exact, world(exact)) == []


def test_a_stay_of_less_than_nothing_is_no_stay() -> None:
    said = reasons(FlyMission((MissionItem(geo(120, 100), 25.0, -1.0),), 0, 8.0), drone())
    assert said == ("expected a stay of 0 s or more at every waypoint",)


def test_one_metre_up_is_in_the_air() -> None:
    assert is_airborne(drone(above_home_m=1.0)) is True
    assert is_airborne(drone(above_home_m=0.99)) is False


def test_one_on_its_pad_has_lost_no_separation_from_who_hovers_beside_it() -> None:
    wasp = drone(vehicle_id="wasp", position=geo(106, 100), above_home_m=2.0)
    assert hazard(drone(above_home_m=0.5), wasp, site=TWO) is None
    assert hazard(drone(above_home_m=1.5), wasp, site=TWO) == Hazard(Hold(), "6.0 m from 'wasp'")


def test_who_is_apart_by_just_enough_height_must_not_climb_away_beside_the_other() -> None:
    wasp = drone(vehicle_id="wasp", position=geo(104, 100), above_home_m=30.0)
    said = reasons(GoTo(geo(60, 100), 27.0, 8.0), drone(), within=world(drone(), wasp, site=TWO))
    assert "the way passes 4.0 m from 'wasp', expected 10.0 m" in said
    assert reasons(GoTo(geo(60, 100), 25.0, 8.0), drone(), within=world(drone(), wasp, site=TWO)) == ()


def test_one_that_flies_over_a_rover_hides_none_that_stands_in_its_way() -> None:
    vehicles = SITE.model_dump(mode="json")["vehicles"]
    site = make_site(vehicles=[*vehicles, {**vehicles[1], "id": "mule", "system_id": 3}])
    mule = rover(vehicle_id="mule", position=geo(60, 100))
    said = reasons(DRIVE, rover(), within=world(rover(), drone(position=geo(60, 90)), mule, site=site))
    assert said == ("the way passes 0.0 m from 'mule', expected 3.0 m",)


def test_one_whose_height_nobody_knows_has_not_arrived_above() -> None:
    above = Route((Stop(PointEnu(100.0, 100.0), 5.5, True),))
    assert not has_arrived(drone(above_home_m=None), above, world(drone()))
    assert has_arrived(drone(above_home_m=0.5), above, world(drone()))


def test_who_has_no_way_left_comes_nearer_to_nobody() -> None:
    fresh = replace(drone(), heard_at_us=NOW_US, position_at_us=NOW_US, battery_at_us=NOW_US)
    there = world(fresh, people=[person(103, 100)])
    assert hazard_of(fresh, Snapshot(NOW_US, there, {"drone": Route(())}), is_watched=False) is None


def test_each_building_in_a_way_is_named_whatever_lies_before_it() -> None:
    halls = [{"id": name, "polygon": _square(east, 95, 10), "height_m": 8.0} for name, east in (("a", 150), ("b", 170))]
    site = make_site(buildings=halls, no_fly=[{"id": "ward", "polygon": _square(100, 95, 10)}])
    own = rover(position=geo(60, 100))
    said = reasons(GoTo(geo(190, 100), None, 2.0), own, within=world(own, site=site))
    assert [each for each in said if each.startswith("the way crosses")] == [
        "the way crosses building 'a'",
        "the way crosses building 'b'",
    ]


def test_a_launch_near_the_fence_needs_no_room_to_stop() -> None:
    beside = drone_on_pad(position=geo(40, 5), home=geo(40, 5))
    assert reasons(Launch(25.0), beside) == ()
