"""What the gate approves, clips and refuses, one reason at a time, and that decisions can be judged again."""

import json
import math
import uuid
from dataclasses import replace
from datetime import time
from typing import Any

import pytest

from contract.envelope import Origin
from contract.site import VehicleKind
from fleet.flight.capabilities import Capability, Lack
from fleet.flight.decision_record import judge_again, record_of
from fleet.flight.gate import GATE_REVISION, Approved, RefusedOrder
from fleet.flight.orders import (
    Disarm,
    FlyMission,
    GoTo,
    Hold,
    Land,
    Launch,
    LookAt,
    MissionItem,
    Orbit,
    Order,
    ReturnHome,
    UploadSafety,
)
from fleet.flight.safety_plan import safety_plan
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.way import is_airborne
from fleet.flight.world import Consent, World
from tests.fleet.flight.stage import (
    FRESH,
    GO,
    NOW_US,
    PARAMETERS,
    SITE,
    ask,
    drone,
    drone_on_pad,
    geo,
    make_site,
    person,
    place,
    rover,
    square,
    world,
)

DRIVE = GoTo(point=geo(60, 150), above_home_m=None, speed_m_s=2.0)
ROUND = Orbit(geo(100, 160), 20.0, 25.0, 8.0, from_deg=180.0)
REAL = {"simulated": False}


def reasons(order: Order, vehicle: VehicleState, **how: Any) -> tuple[str, ...]:
    decision = ask(order, vehicle, **how)
    return decision.reasons if isinstance(decision, RefusedOrder) else ()


def approved(order: Order, vehicle: VehicleState, **how: Any) -> Approved:
    decision = ask(order, vehicle, **how)
    assert isinstance(decision, Approved), decision
    return decision


def mission(*points: tuple[float, float], height_m: float = 25.0, dwell_s: float = 0.0, start: int = 0) -> FlyMission:
    return FlyMission(tuple(MissionItem(geo(e, n), height_m, dwell_s) for e, n in points), start, 8.0)


class TestYes:
    @pytest.mark.parametrize(
        ("order", "vehicle"),
        [
            pytest.param(GO, drone(), id="a drone in the air goes to a point"),
            pytest.param(Launch(25.0), drone_on_pad(mode=FlightMode.MANUAL), id="a drone on its pad launches"),
            pytest.param(mission((60, 150), (60, 240)), drone(), id="a drone flies a mission"),
            pytest.param(DRIVE, rover(), id="a rover drives"),
            pytest.param(Launch(None), rover(armed=False), id="a rover arms"),
            pytest.param(LookAt(geo(1, 1)), drone(), id="a drone looks somewhere"),
            pytest.param(ROUND, drone(), id="a drone goes round a point"),
            pytest.param(Disarm(), drone(above_home_m=0.2, is_landed=True), id="a landed drone disarms"),
            pytest.param(Disarm(), rover(), id="a rover disarms"),
        ],
    )
    def test_what_is_well_is_approved_as_asked(self, order: Order, vehicle: VehicleState) -> None:
        decision = approved(order, vehicle)

        assert decision.approval.order == order
        assert decision.clipped == ()

    def test_an_approval_expires(self) -> None:
        assert approved(GO, drone()).approval.expires_at_us == NOW_US + 5_000_000


STRONG = [
    pytest.param({"heard_at_us": None}, "not heard yet", id="never heard"),
    pytest.param({"heard_at_us": NOW_US - 3_100_000}, "not heard for 3.1 s", id="link too old"),
    pytest.param({"link_loss_frac": 0.51}, "the link loses 51%, expected at most 50%", id="link loses too much"),
    pytest.param({"round_trip_s": 2.1}, "an answer takes 2.1 s, expected at most 2.0 s", id="answers too late"),
    pytest.param({"autopilot_uid": None}, "identity is not known", id="nobody knows who it is"),
    pytest.param({"not_ready_because": ("quarantined: two sources",)}, "quarantined", id="two sources"),
    pytest.param({"safety_uploaded": False}, "not confirmed in the vehicle", id="no safety in the vehicle"),
    pytest.param({"mode": None}, "flight mode is not known", id="mode unknown"),
    pytest.param({"system_status": None}, "system status is not known", id="status unknown"),
    pytest.param({"system_status": 5}, "emergency", id="critical"),
    pytest.param({"position": None}, "position is not known", id="position unknown"),
    pytest.param({"position_at_us": None}, "age is not known", id="position of unknown age"),
    pytest.param({"position_at_us": NOW_US - 3_100_000}, "position not heard for", id="position too old"),
    pytest.param({"home": None}, "home is not known", id="home unknown"),
    pytest.param({"gnss_fix": None}, "GNSS fix", id="fix unknown"),
    pytest.param({"gnss_fix": 2}, "GNSS fix of 3 or more, got 2", id="flat fix"),
    pytest.param({"gnss_sigma_m": None}, "position error is not known", id="error unknown"),
    pytest.param({"gnss_sigma_m": math.nan}, "position error is not known", id="error is no number"),
    pytest.param({"gnss_sigma_m": -1.0}, "position error is not known", id="error below none"),
    pytest.param({"gnss_sigma_m": 5.1}, "position error 5.1 m", id="error too large"),
    pytest.param({"ekf_ready": None}, "estimate is not ready", id="estimator unknown"),
    pytest.param({"ekf_ready": False}, "estimate is not ready", id="estimator not ready"),
    pytest.param({"battery_at_us": None}, "battery: age is not known", id="battery of unknown age"),
    pytest.param({"battery_at_us": NOW_US - 16_000_000}, "battery not heard for", id="battery too old"),
    pytest.param({"battery_frac": None}, "battery is not known", id="battery unknown"),
    pytest.param({"battery_frac": math.nan}, "battery is not known", id="battery is no number"),
    pytest.param({"battery_frac": 1.01}, "battery is not known", id="battery more than full"),
    pytest.param({"battery_frac": 0.25}, "more than the reserve of 25%", id="battery at the reserve"),
    pytest.param({"armed": None}, "armed is not known", id="arming unknown"),
]


@pytest.mark.parametrize(("change", "words"), STRONG)
@pytest.mark.parametrize("kind", ["drone goes", "drone launches", "drone patrols", "rover drives"])
def test_safety_05_unknown_refuses_every_movement(change: dict[str, Any], words: str, kind: str) -> None:
    cases: dict[str, tuple[VehicleState, Order]] = {
        "drone goes": (drone(**change), GO),
        "drone launches": (drone_on_pad(**change), Launch(25.0)),
        "drone patrols": (drone(**change), mission((60, 150), (60, 240))),
        "rover drives": (rover(**change), DRIVE),
    }
    vehicle, order = cases[kind]

    said = reasons(order, vehicle)

    assert any(words in reason for reason in said), said


class TestFlying:
    def test_safety_05_unknown_wind_refuses_what_flies(self) -> None:
        assert "wind is not known" in reasons(GO, drone(wind_m_s=None))
        assert reasons(DRIVE, rover(wind_m_s=None)) == ()

    @pytest.mark.parametrize("wind_m_s", [math.nan, -3.0])
    def test_a_wind_that_cannot_be_is_not_known(self, wind_m_s: float) -> None:
        assert "wind is not known" in reasons(GO, drone(wind_m_s=wind_m_s))

    def test_a_wind_of_the_site_counts_and_the_stronger_decides(self) -> None:
        vehicle = drone(wind_m_s=None)
        assert reasons(GO, vehicle, within=world(vehicle, wind_m_s=3.0)) == ()
        assert any("wind 10.5 m/s" in r for r in reasons(GO, drone(), within=world(drone(), wind_m_s=10.5)))

    def test_a_wind_it_cannot_fly_against_refuses(self) -> None:
        assert "against 7.5 m/s of wind it makes no way" in reasons(GO, drone(wind_m_s=7.5))

    def test_safety_05_unknown_height_refuses_what_flies(self) -> None:
        assert "height above home is not known" in reasons(GO, drone(above_home_m=None))
        assert "height above home is not known" in reasons(GO, drone(above_home_m=math.nan))

    def test_a_readiness_reason_refuses_the_launch_and_not_the_flight(self) -> None:
        assert reasons(Launch(25.0), drone_on_pad(not_ready_because=("pre-arm: compass",))) == ("pre-arm: compass",)
        assert reasons(GO, drone(not_ready_because=("pre-arm: compass",))) == ()

    def test_a_drone_of_which_nobody_knows_whether_it_flies_goes_nowhere(self) -> None:
        assert is_airborne(drone(armed=None)) is None
        assert is_airborne(drone(above_home_m=None)) is None
        assert is_airborne(drone(armed=False, above_home_m=None)) is False
        assert is_airborne(rover()) is False

    def test_a_launch_needs_motors_off_and_everything_else_motors_on(self) -> None:
        assert reasons(Launch(25.0), drone_on_pad(armed=True)) == ("the motors are armed already",)
        assert reasons(GO, drone_on_pad()) == ("the motors are not armed",)
        assert reasons(GO, drone(position=geo(40, 40), above_home_m=0.3)) == ("the vehicle is not in the air",)

    def test_a_vehicle_the_site_does_not_know_moves_nowhere(self) -> None:
        for order in (GO, LookAt(geo(1, 1))):
            assert reasons(order, drone(vehicle_id="stranger")) == ("'stranger' is not a vehicle of site 'yard'",)

    def test_a_vehicle_of_another_kind_than_the_site_says_is_not_the_one_it_means(self) -> None:
        said = "expected 'drone' to be of kind ardupilot_copter, got ardupilot_rover"
        posing = drone(kind=VehicleKind.ARDUPILOT_ROVER, above_home_m=None)
        plan = safety_plan(SITE, "drone", ground_station_system_id=245)
        for order in (GO, LookAt(geo(1, 1)), UploadSafety(plan)):
            assert reasons(order, posing) == (said,)

    def test_a_return_above_the_ceiling_refuses(self) -> None:
        site = make_site(geofence={"polygon": square(0, 0, 300), "floor_m": 10.0, "ceiling_m": 28.0})
        assert any("above the ceiling" in r for r in reasons(GO, drone(), within=world(drone(), site=site)))


class TestMalformed:
    @pytest.mark.parametrize(
        ("order", "words"),
        [
            pytest.param(replace(GO, speed_m_s=math.nan), "speed above 0 m/s", id="speed is no number"),
            pytest.param(replace(GO, speed_m_s=0.0), "speed above 0 m/s", id="no speed"),
            pytest.param(replace(GO, above_home_m=None), "expected a height", id="no height"),
            pytest.param(replace(GO, above_home_m=math.inf), "expected a height", id="endless height"),
            pytest.param(mission((60, 150), start=1), "within 1 waypoints, got index 1", id="starts past the end"),
            pytest.param(mission(), "within 0 waypoints", id="empty mission"),
            pytest.param(mission((60, 150), dwell_s=-1.0), "stay of 0 s or more", id="negative stay"),
        ],
    )
    def test_an_order_that_is_none_is_refused(self, order: Order, words: str) -> None:
        assert any(words in reason for reason in reasons(order, drone()))

    def test_a_rover_has_no_height(self) -> None:
        assert any("no height for a ground vehicle" in r for r in reasons(replace(DRIVE, above_home_m=5.0), rover()))


class TestClipping:
    def test_speed_and_height_are_clipped_and_said(self) -> None:
        decision = approved(replace(GO, above_home_m=99.0, speed_m_s=20.0), drone())

        assert isinstance(decision.approval.order, GoTo)
        assert (decision.approval.order.above_home_m, decision.approval.order.speed_m_s) == (60.0, 8.0)
        assert decision.clipped == (
            "height 99.0 m above home clipped to 60.0 m",
            "speed 20.0 m/s clipped to 8.0 m/s",
        )

    def test_a_low_order_is_raised_to_the_floor_where_that_is_allowed(self) -> None:
        assert approved(replace(GO, above_home_m=4.0), drone()).approval.order == replace(GO, above_home_m=10.0)
        strict = replace(PARAMETERS, may_raise_to_floor=False)
        assert any(
            "expected 10.0 to 60.0 m" in r for r in reasons(replace(GO, above_home_m=4.0), drone(), parameters=strict)
        )

    def test_every_waypoint_of_a_mission_is_clipped_and_said_once(self) -> None:
        decision = approved(mission((60, 150), (60, 240), height_m=70.0), drone())

        assert isinstance(decision.approval.order, FlyMission)
        assert [item.above_home_m for item in decision.approval.order.items] == [60.0, 60.0]
        assert decision.clipped == ("height 70.0 m above home clipped to 60.0 m",)

    def test_a_rover_slows_down_near_people(self) -> None:
        near = world(rover(), people=[person(80, 150)])

        decision = approved(DRIVE, rover(), within=near)

        assert decision.approval.order == replace(DRIVE, speed_m_s=1.0)
        assert decision.clipped == ("speed clipped to 1.0 m/s: a person is near the way",)
        assert approved(DRIVE, rover(), within=world(rover(), people=[person(90, 150)])).clipped == ()

    @pytest.mark.parametrize(
        "spot", [pytest.param((80, 100), id="beside the way"), pytest.param((60, 25), id="behind it, left alone")]
    )
    def test_a_rover_goes_slowly_for_whoever_is_near(self, spot: tuple[float, float]) -> None:
        near = world(rover(), people=[person(*spot)])
        assert approved(DRIVE, rover(), within=near).clipped != ()
        assert approved(replace(DRIVE, speed_m_s=1.0), rover(), within=near).clipped == ()


class TestWay:
    @pytest.mark.parametrize(
        ("point", "words"),
        [
            pytest.param((100, 310), "leaves the geofence", id="outside"),
            pytest.param((100, 290), "inside the geofence, expected at least 13.8 m", id="too near the fence"),
            pytest.param((215, 75), "crosses no-fly area 'hospital'", id="into a no-fly area"),
            pytest.param((250, 50), "crosses no-fly area 'hospital'", id="across a no-fly area"),
        ],
    )
    def test_a_drone_stays_in_the_fence_and_out_of_no_fly_areas(self, point: tuple[float, float], words: str) -> None:
        said = reasons(replace(GO, point=geo(*point)), drone())
        assert any(words in reason for reason in said), said

    def test_safety_10_the_straight_return_line_must_be_clear(self) -> None:
        behind = drone(position=geo(270, 100))

        said = reasons(replace(GO, point=geo(270, 130)), behind)

        assert said == ("the straight way home crosses no-fly area 'hospital'",)

    def test_safety_10_the_line_to_the_rally_point_must_be_clear_too(self) -> None:
        site = make_site(rally_points=[{"id": "east", "position": place(280, 40)}])

        said = reasons(GO, drone(), within=world(drone(), site=site))

        assert said == ("the straight way home crosses no-fly area 'hospital'",)

    def test_a_drone_passes_above_a_low_building_and_not_through_a_high_one(self) -> None:
        over = replace(GO, point=geo(270, 270))
        start = drone(position=geo(150, 150))
        tall = make_site(buildings=[{"id": "hall", "polygon": square(200, 200, 20), "height_m": 21.0}])

        assert reasons(over, start) == ()
        said = reasons(over, start, within=world(start, site=tall))
        assert "the way crosses building 'hall'" in said
        low_home = make_site(buildings=[{"id": "hall", "polygon": square(200, 200, 20), "height_m": 26.0}])
        high = replace(over, above_home_m=35.0)
        high_start = drone(position=geo(150, 150), above_home_m=35.0)
        assert reasons(high, high_start, within=world(high_start, site=low_home)) == (
            "the straight way home crosses building 'hall'",
        )

    def test_a_rover_goes_round_buildings_and_through_no_fly_areas(self) -> None:
        through = rover(position=geo(190, 210))
        assert any("crosses building 'hall'" in r for r in reasons(replace(DRIVE, point=geo(240, 210)), through))
        along = rover(position=geo(190, 75))
        assert reasons(replace(DRIVE, point=geo(240, 75)), along) == ()

    def test_a_vehicle_too_near_a_limit_may_leave_and_not_approach(self) -> None:
        edge = drone(position=geo(5, 100))
        assert reasons(replace(GO, point=geo(60, 100)), edge) == ()
        assert any("inside the geofence" in r for r in reasons(replace(GO, point=geo(4, 180)), edge))
        wall = rover(position=geo(198, 210))
        assert reasons(replace(DRIVE, point=geo(160, 180)), wall) == ()
        assert any("comes within 1.0 m of building" in r for r in reasons(replace(DRIVE, point=geo(199, 210)), wall))

    def test_a_drone_above_a_roof_does_not_come_down_beside_the_wall(self) -> None:
        """From 40 m above the ground, 2 m beside the hall of 8 m, to 10 m and 3 m beside it: it was never that near."""
        down = replace(GO, point=geo(197, 200), above_home_m=10.0)
        assert any("comes within 2.0 m of building 'hall'" in r for r in reasons(down, drone(position=geo(198, 210))))
        high = drone(position=geo(198, 210), above_home_m=40.0)
        assert any("comes within 2.0 m of building 'hall'" in r for r in reasons(down, high))
        beside = drone(position=geo(198, 210), above_home_m=12.0)
        assert not any("hall" in r for r in reasons(down, beside))  # it is there already, and leaves

    def test_a_vehicle_outside_the_fence_goes_nowhere_by_order(self) -> None:
        assert "the way leaves the geofence" in reasons(GO, drone(position=geo(-5, 100)))

    def test_a_mission_is_judged_from_where_it_goes_on(self) -> None:
        legs = mission((250, 50), (60, 240), (60, 150), start=1)
        assert reasons(legs, drone()) == ()
        assert any("hospital" in r for r in reasons(replace(legs, from_index=0), drone()))

    def test_the_battery_must_do_for_the_way_home_and_the_reserve(self) -> None:
        far = mission(*[(60, 150), (60, 280)] * 20)
        said = reasons(far, drone())
        assert len(said) == 1
        assert said[0].startswith("battery 90%, expected 1")
        assert reasons(GO, drone(battery_frac=0.45)) == ()
        assert any("the way, home again and the reserve" in r for r in reasons(GO, drone(battery_frac=0.3)))


class TestPeople:
    def test_safety_01_a_destination_keeps_the_stand_off_from_everybody_tracked(self) -> None:
        near = world(drone(), people=[person(100, 205)])
        said = reasons(GO, drone(), within=near)
        assert said == ("the destination is 25.0 m from a tracked person, expected 25.5 m",)
        assert reasons(GO, drone(), within=world(drone(), people=[person(100, 206)])) == ()

    def test_safety_13_a_way_does_not_pass_over_people(self) -> None:
        under = world(drone(), people=[person(104, 140)])
        assert reasons(GO, drone(), within=under) == ("the way passes 4.0 m from a tracked person, expected 10.5 m",)

    def test_a_drone_that_somebody_walked_under_may_move_away(self) -> None:
        under = world(drone(), people=[person(100, 97)])
        assert reasons(GO, drone(), within=under) == ()
        assert any("passes 0.0 m" in r for r in reasons(replace(GO, point=geo(100, 30)), drone(), within=under))

    def test_no_launch_beside_people(self) -> None:
        beside = world(drone_on_pad(), people=[person(47, 40)])
        assert any("passes 7.0 m" in r for r in reasons(Launch(25.0), drone_on_pad(), within=beside))

    def test_safety_01_the_end_of_a_mission_keeps_the_stand_off(self) -> None:
        """Passing at 12 m is allowed; the last waypoint is where it waits for what comes next."""
        beside = world(drone(), people=[person(48, 240)])
        passes = mission((60, 150), (60, 240), (150, 270))
        ends = mission((60, 150), (60, 240))
        assert reasons(passes, drone(), within=beside) == ()
        assert reasons(ends, drone(), within=beside) == (
            "the destination is 12.0 m from a tracked person, expected 25.5 m",
        )

    def test_a_rover_keeps_its_stop_distance_all_the_way(self) -> None:
        aside = world(rover(), people=[person(70, 100)])
        assert reasons(DRIVE, rover(), within=aside) == (
            "the way passes 10.0 m from a tracked person, expected 12.5 m",
        )

    def test_an_old_sighting_counts_with_a_growing_error_and_is_dropped_in_the_end(self) -> None:
        def at_age(age_s: float) -> tuple[str, ...]:
            return reasons(GO, drone(), within=world(drone(), people=[person(100, 206, age_s=age_s)]))

        assert at_age(0.0) == ()
        assert at_age(2.0) == ("the destination is 26.0 m from a tracked person, expected 27.5 m",)
        assert at_age(10.1) == ()


class TestOtherVehicles:
    SECOND = make_site(
        vehicles=[
            *make_site().model_dump(mode="json")["vehicles"],
            {
                **make_site().model_dump(mode="json")["vehicles"][0],
                "id": "wasp",
                "system_id": 3,
                "return_altitude_m": 40.0,
            },
        ]
    )

    def wasp(self, **changes: Any) -> VehicleState:
        return drone(**{"vehicle_id": "wasp", "system_id": 3, "position": geo(103, 140), **changes})

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            pytest.param({}, "the way passes 3.0 m from 'wasp', expected 10.0 m", id="in the way"),
            pytest.param({"position": None}, "where 'wasp' is is not known", id="lost"),
            pytest.param({"above_home_m": None}, "where 'wasp' is is not known", id="at an unknown height"),
        ],
    )
    def test_two_of_ours_keep_apart(self, changes: dict[str, Any], words: str) -> None:
        assert reasons(GO, drone(), within=world(drone(), self.wasp(**changes), site=self.SECOND)) == (words,)

    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({"above_home_m": 30.0}, id="five metres above"),
            pytest.param({"above_home_m": 0.0}, id="armed on the ground"),
            pytest.param({"above_home_m": 20.0}, id="five metres below"),
            pytest.param({"position": geo(111, 140)}, id="eleven metres aside"),
            pytest.param({"armed": False}, id="parked"),
            pytest.param({"heard_at_us": None, "position": None}, id="switched off"),
        ],
    )
    def test_apart_by_height_or_distance_is_apart(self, changes: dict[str, Any]) -> None:
        assert reasons(GO, drone(), within=world(drone(), self.wasp(**changes), site=self.SECOND)) == ()

    def test_one_that_hovers_low_keeps_its_five_metres_above_one_that_starts(self) -> None:
        low, starts = drone(above_home_m=5.5), self.wasp(above_home_m=0.0)
        assert reasons(GO, low, within=world(low, starts, site=self.SECOND)) == ()
        lower = drone(above_home_m=4.9)
        assert reasons(GO, lower, within=world(lower, starts, site=self.SECOND)) != ()

    def test_a_drone_too_near_another_may_move_away(self) -> None:
        beside = world(drone(), self.wasp(position=geo(100, 95)), site=self.SECOND)
        assert reasons(GO, drone(), within=beside) == ()

    def test_a_drone_above_another_does_not_come_down_upon_it(self) -> None:
        below = self.wasp(position=geo(100, 100))
        down = replace(GO, point=geo(103, 100))
        high = drone(above_home_m=45.0)
        said = reasons(down, high, within=world(high, below, site=self.SECOND))
        assert said == ("the way passes 0.0 m from 'wasp', expected 10.0 m",)
        assert reasons(replace(down, above_home_m=45.0), high, within=world(high, below, site=self.SECOND)) == ()

    def test_a_rover_stops_short_of_what_stands_on_the_ground_and_passes_under_what_flies(self) -> None:
        parked = drone_on_pad(position=geo(61, 100))
        assert any("from 'drone'" in r for r in reasons(DRIVE, rover(), within=world(rover(), parked)))
        above = drone(position=geo(61, 100))
        assert reasons(DRIVE, rover(), within=world(rover(), above)) == ()
        assert reasons(GO, drone(), within=world(drone(), rover(position=geo(100, 140)))) == ()


class TestWhy:
    @pytest.mark.parametrize("origin", [Origin.REPLAYED, Origin.SIMULATED])
    def test_safety_02_a_real_vehicle_moves_on_live_evidence_only(self, origin: Origin) -> None:
        evidence = replace(FRESH, origin=origin)
        consent = Consent(approved_by="Ada")

        for order, vehicle in ((GO, drone(**REAL)), (LookAt(geo(1, 1)), drone(**REAL)), (DRIVE, rover(**REAL))):
            said = reasons(order, vehicle, evidence=evidence, consent=consent)
            assert said == (f"a real vehicle moves on live evidence only, and this is {origin.value}",)
        assert reasons(GO, drone(), evidence=evidence) == ()

    def test_safety_03_stale_evidence_moves_nothing_without_a_person(self) -> None:
        old = replace(FRESH, age_at_receipt_s=14.1)  # and one second since
        assert any("the evidence is 15.1 s old" in r for r in reasons(GO, drone(), evidence=old))
        assert reasons(GO, drone(), evidence=old, consent=Consent(approved_by="")) != ()
        assert reasons(GO, drone(), evidence=old, consent=Consent(approved_by="Ada")) == ()

    def test_safety_03_evidence_of_unknown_age_moves_nothing_without_a_person(self) -> None:
        unknown = replace(FRESH, age_at_receipt_s=None)
        assert reasons(GO, drone(), evidence=unknown) == (
            "the age of the evidence is not known, and no person approved",
        )

    def test_evidence_that_passed_once_does_not_age_under_its_own_task(self) -> None:
        taken_up = replace(FRESH, received_at_us=NOW_US - 60_000_000, tasked_at_us=NOW_US - 58_000_000)
        assert reasons(GO, drone(), evidence=taken_up) == ()

    @pytest.mark.parametrize(("order", "vehicle"), [(Launch(25.0), drone_on_pad(**REAL)), (DRIVE, rover(**REAL))])
    def test_safety_04_a_real_vehicle_waits_for_a_named_person(self, order: Order, vehicle: VehicleState) -> None:
        said = reasons(order, vehicle)
        assert said == ("waits for a named person's approval: no autonomy is granted for this zone and hour",)
        assert reasons(order, vehicle, consent=Consent(approved_by="")) == said  # nobody's name
        assert reasons(order, vehicle, consent=Consent(approved_by="Ada")) == ()

    def test_safety_04_autonomy_is_granted_by_zone_and_hour(self) -> None:
        grant = {
            "zones": ["north"],
            "hours": {"start": "22:00", "end": "06:00"},
            "granted_by": "Ada Byron",
            "reference": "SOP 4.2",
        }
        site = make_site(response={"autonomy": [grant]})

        def at(hour: int, zone: str | None) -> bool:
            night = world(drone(**REAL), site=site, local_time=time(hour, 0))
            return reasons(GO, drone(**REAL), within=night, evidence=replace(FRESH, zone=zone)) == ()

        assert at(23, "north")
        assert not at(12, "north")
        assert not at(23, "south")
        assert not at(23, None)

    def test_safety_11_a_vehicle_bound_to_another_autopilot_does_not_move(self) -> None:
        vehicles = make_site().model_dump(mode="json")["vehicles"]
        bound = make_site(vehicles=[{**vehicles[0], "autopilot_uid": "c3"}, vehicles[1]])
        said = ("expected autopilot c3, got a1",)
        assert reasons(GO, drone(), within=world(drone(), site=bound)) == said
        assert reasons(LookAt(geo(1, 1)), drone(), within=world(drone(), site=bound)) == said
        plan = UploadSafety(safety_plan(bound, "drone", ground_station_system_id=245))
        assert reasons(plan, drone_on_pad(), within=world(drone_on_pad(), site=bound)) == said
        assert approved(ReturnHome(), drone(), within=world(drone(), site=bound)).clipped == said

    def test_safety_12_what_a_pilot_flies_is_not_ours_until_a_person_takes_it_back(self) -> None:
        flown = drone(mode=FlightMode.MANUAL)
        assert reasons(GO, flown) == ("a pilot has the vehicle, and nobody took it back",)
        assert reasons(GO, flown, consent=Consent(taken_back_by="Ada")) == ()
        for order, vehicle in (
            (LookAt(geo(1, 1)), flown),
            (LookAt(geo(1, 1)), replace(flown, armed=None)),
            (Disarm(), rover(mode=FlightMode.MANUAL)),
        ):
            assert reasons(order, vehicle) == ("a pilot has the vehicle, and nobody took it back",)
            assert reasons(order, vehicle, consent=Consent(taken_back_by="")) != ()
            assert reasons(order, vehicle, consent=Consent(taken_back_by="Ada")) == ()
        assert reasons(LookAt(geo(1, 1)), drone_on_pad(mode=FlightMode.MANUAL)) == ()  # nobody flies it


class TestWeakLists:
    @pytest.mark.parametrize("order", [Hold(), ReturnHome(), Land()])
    def test_safety_06_coming_home_is_never_refused(self, order: Order) -> None:
        nothing_known = VehicleState("drone", VehicleKind.ARDUPILOT_COPTER, 1, simulated=False)
        stale = replace(FRESH, origin=Origin.REPLAYED, age_at_receipt_s=None)

        decision = approved(order, nothing_known, evidence=stale)

        assert decision.approval.order == order
        assert "vehicle: not heard yet" in decision.clipped
        assert approved(order, drone(vehicle_id="stranger")).approval.order == order

    def test_a_drone_is_not_disarmed_in_the_air_nor_when_nobody_knows(self) -> None:
        assert reasons(Disarm(), drone()) == ("the vehicle is 25.0 m above home: without motors it falls",)
        assert reasons(Disarm(), drone(above_home_m=1.0)) != ()
        below = "the vehicle is -3.0 m above home: without motors it falls"
        assert reasons(Disarm(), drone(above_home_m=-3.0)) == (below,)
        for nothing in (None, math.nan):
            said = reasons(Disarm(), drone(above_home_m=nothing))
            assert said == ("whether the vehicle is on the ground is not known",)
        assert reasons(Disarm(), drone(above_home_m=None)) == ("whether the vehicle is on the ground is not known",)
        low = drone(above_home_m=0.2)
        assert reasons(Disarm(), low) == ("the vehicle does not say whether it has landed",)
        in_the_air = replace(low, is_landed=False)
        assert reasons(Disarm(), in_the_air) == ("the vehicle says that it has not landed: without motors it falls",)

    def test_only_the_sites_own_plan_goes_up_and_only_with_motors_off(self) -> None:
        plan = safety_plan(SITE, "drone", ground_station_system_id=245)
        assert reasons(UploadSafety(plan), drone_on_pad(safety_uploaded=False)) == ()
        assert reasons(UploadSafety(plan), drone()) == ("fence and parameters are written with motors off only",)
        other = UploadSafety(replace(plan, ceiling_m=120.0))
        assert reasons(other, drone_on_pad()) == ("expected the safety plan of this site, got another",)
        assert reasons(UploadSafety(plan), drone_on_pad(vehicle_id="x")) == ("'x' is not a vehicle of site 'yard'",)
        assert any("not heard" in r for r in reasons(UploadSafety(plan), drone_on_pad(heard_at_us=None)))


class TestRecord:
    @pytest.mark.parametrize(
        ("order", "vehicle"),
        [
            (GO, drone()),
            (ROUND, drone(lacks=(Lack(Capability.LOOK, "it has no neck"),))),
            (mission((60, 150), (60, 240)), drone(battery_frac=None)),
            (Hold(), drone()),
            (Launch(None), rover(armed=False)),
            (UploadSafety(safety_plan(SITE, "rover", ground_station_system_id=245)), rover(armed=False)),
        ],
    )
    def test_safety_14_a_stored_decision_judges_the_same_again(self, order: Order, vehicle: VehicleState) -> None:
        around = world(vehicle, rover(position=geo(10.1234567891, 20)), people=[person(50, 60)], wind_m_s=1.0)
        decision = ask(order, vehicle, within=around, evidence=replace(FRESH, incident=uuid.UUID(int=3)))

        stored = json.loads(json.dumps(record_of(decision)))
        again = judge_again(stored, SITE)

        assert type(again) is type(decision)
        assert again.inputs.vehicle == vehicle
        assert record_of(again) == stored
        assert stored["gate_revision"] == GATE_REVISION
        assert stored["parameters"]["code_version"] == "test"

    def test_safety_14_another_site_file_is_noticed(self) -> None:
        stored = record_of(ask(GO, drone()))
        with pytest.raises(ValueError, match="expected the site of digest"):
            judge_again(stored, make_site(name="Other"))


def test_a_bad_link_that_missions_must_survive_is_good_enough_to_move() -> None:
    assert isinstance(ask(GO, drone(link_loss_frac=0.3, round_trip_s=0.7)), Approved)


def test_a_world_knows_its_vehicles() -> None:
    there: World = world(drone())
    assert there.spec("rover").cruise_speed_m_s == 2.0
    with pytest.raises(KeyError):
        there.spec("stranger")
