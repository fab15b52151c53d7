"""The demo's site lets its fleet do what the demo shows: patrol, look from a stand-off point, come home."""

import uuid
from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest

from contract.envelope import Origin
from contract.geo import GeoPoint, PointEnu
from contract.site import VehicleKind, parse_site
from fleet.decision.dispatch import Dispatch, choose
from fleet.decision.patrol import mission_of
from fleet.flight.airspace import Airspace
from fleet.flight.footprint import view_of
from fleet.flight.gate import Approved, Decision, GateParameters, judge
from fleet.flight.orders import GoTo, Launch, Order
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.world import Consent, Evidence, TrackedPerson, World

PATH = Path(__file__).parents[2] / "deploy" / "sites" / "demo.yaml"
SITE = parse_site(PATH.read_text(encoding="utf-8"), source=PATH.name)
AIRSPACE = Airspace(SITE)
NOW_US = 100_000_000
PARAMETERS = GateParameters(code_version="test", ground_station_system_id=245)
FRESH = Evidence(origin=Origin.SIMULATED, received_at_us=NOW_US - 1_000_000, age_at_receipt_s=0.5)
INTRUDER_SPOTS = [(0.5, 60.0), (-0.5, 56.0), (-1.0, 52.0), (3.0, 53.5)]  # on his way and where he stays
WAYPOINTS = [AIRSPACE.enu(waypoint.position) for waypoint in SITE.patrols[0].waypoints]
MIDWAY = [
    PointEnu((a.east_m + b.east_m) / 2, (a.north_m + b.north_m) / 2)
    for a, b in zip(WAYPOINTS, [*WAYPOINTS[1:], WAYPOINTS[0]], strict=True)
]


def drone(position: GeoPoint) -> VehicleState:
    """On its patrol, all well."""
    return VehicleState(
        vehicle_id="drone-1",
        kind=VehicleKind.ARDUPILOT_COPTER,
        system_id=1,
        simulated=True,
        heard_at_us=NOW_US,
        autopilot_uid="a1",
        mode=FlightMode.AUTO,
        armed=True,
        system_status=4,
        position=position,
        position_at_us=NOW_US,
        above_home_m=25.0,
        home=SITE.docks[0].position,
        battery_frac=0.9,
        battery_at_us=NOW_US,
        gnss_fix=3,
        gnss_sigma_m=1.0,
        ekf_ready=True,
        wind_m_s=3.0,
        safety_uploaded=True,
        not_ready_because=(),
    )


def rover() -> VehicleState:
    state = drone(SITE.docks[1].position)
    return replace(
        state, vehicle_id="rover-1", kind=VehicleKind.ARDUPILOT_ROVER, system_id=2, armed=False, above_home_m=0.0,
        home=state.position, mode=FlightMode.HOLD,
    )  # fmt: skip


def world(vehicle: VehicleState, *intruders: GeoPoint) -> World:
    people = tuple(TrackedPerson(point, 0.4, NOW_US) for point in intruders)
    return World(SITE, AIRSPACE, (vehicle,), people, time(12, 0))


def ask(order: Order, vehicle: VehicleState, *intruders: GeoPoint) -> Decision:
    return judge(
        order,
        vehicle=vehicle,
        world=world(vehicle, *intruders),
        evidence=FRESH,
        consent=Consent(),
        parameters=PARAMETERS,
        now_us=NOW_US,
        decision_id=uuid.UUID(int=1),
    )


def test_the_patrol_is_flown_as_drawn_from_the_dock() -> None:
    spec, patrol = SITE.vehicles[0], SITE.patrols[0]
    on_pad = replace(drone(SITE.docks[0].position), armed=False, above_home_m=0.0, mode=FlightMode.GUIDED)
    mission = mission_of(patrol, flies=True, speed_m_s=spec.cruise_speed_m_s)

    launch = ask(Launch(patrol.altitude_m), on_pad)
    round_ = ask(mission, drone(SITE.docks[0].position))

    assert isinstance(launch, Approved), launch
    assert isinstance(round_, Approved), round_
    assert round_.clipped == ()
    lap_m = sum(a.horizontal_distance_m(b) for a, b in zip(WAYPOINTS, [*WAYPOINTS[1:], WAYPOINTS[0]], strict=True))
    assert 250.0 <= lap_m <= 350.0


@pytest.mark.parametrize("intruder", INTRUDER_SPOTS)
@pytest.mark.parametrize("start", [*WAYPOINTS, *MIDWAY])
def test_from_anywhere_on_the_patrol_the_drone_finds_a_legal_place_to_look_from(
    start: PointEnu, intruder: tuple[float, float]
) -> None:
    target, vehicle = AIRSPACE.geo(PointEnu(*intruder)), drone(AIRSPACE.geo(start))

    chosen = choose(
        target, 0.4, vehicles=[vehicle], tasks=[], world=world(vehicle, target), parameters=PARAMETERS, now_us=NOW_US
    )

    assert isinstance(chosen, Dispatch), chosen
    order = GoTo(chosen.stand_off, above_home_m=chosen.above_home_m, speed_m_s=chosen.speed_m_s)
    assert isinstance(ask(order, vehicle, target), Approved)
    spot = AIRSPACE.enu(chosen.stand_off)
    view = view_of(
        PointEnu(*intruder),
        position=spot,
        height_m=20.0,
        heading=0.0,
        fov_deg=360.0,
        range_m=SITE.vehicles[0].sensor_range_m,
    )
    assert view.is_inside
    assert chosen.arrives_in_s < 15.0


def test_the_fence_leaves_40_m_beside_the_patrol_and_every_stand_off_point() -> None:
    reach_m = SITE.response.air_stand_off_m + 2.0
    margins = [AIRSPACE.inside_by_m(point) for point in WAYPOINTS]
    margins += [AIRSPACE.inside_by_m(PointEnu(*spot)) - reach_m for spot in INTRUDER_SPOTS]

    assert min(margins) >= 40.0


def test_the_rover_finds_a_place_to_look_from_too() -> None:
    target = AIRSPACE.geo(PointEnu(*INTRUDER_SPOTS[2]))

    chosen = choose(
        target, 0.4, vehicles=[rover()], tasks=[], world=world(rover(), target), parameters=PARAMETERS, now_us=NOW_US
    )

    assert isinstance(chosen, Dispatch), chosen
    assert chosen.above_home_m is None
