"""A site 300 m square with its vehicles, as real types: what flight and decision tests are played on.

East 0..300, north 0..300 inside; the origin is the south-west corner. Docks stand at (40, 40) and (60, 40).
"""

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import time
from typing import Any

from contract.envelope import Origin
from contract.geo import GeoPoint, LocalFrame, PointEnu
from contract.site import Site, VehicleKind
from fleet.flight.airspace import Airspace
from fleet.flight.gate import Decision, GateParameters, judge
from fleet.flight.orders import GoTo, Order
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.world import Consent, Evidence, TrackedPerson, World

ORIGIN = GeoPoint(lat_deg=52.5, lon_deg=13.4)
FRAME = LocalFrame(ORIGIN, ground_amsl_m=40.0)
NOW_US = 100_000_000
PARAMETERS = GateParameters(code_version="test", ground_station_system_id=245)
DECISION_ID = uuid.UUID(int=7)


def geo(east_m: float, north_m: float) -> GeoPoint:
    return FRAME.to_geo(PointEnu(east_m, north_m))[0]


def square(east_m: float, north_m: float, size_m: float) -> list[dict[str, float]]:
    corners = ((0, 0), (size_m, 0), (size_m, size_m), (0, size_m))
    return [geo(east_m + e, north_m + n).model_dump() for e, n in corners]


def place(east_m: float, north_m: float) -> dict[str, float]:
    return geo(east_m, north_m).model_dump()


def make_site(**changes: Any) -> Site:
    """A drone, a rover, a fence, a no-fly area at (200..230, 60..90) and a hall of 8 m at (200..220, 200..220)."""
    document: dict[str, Any] = {
        "schema_version": 1,
        "id": "yard",
        "name": "Yard",
        "time_zone": "Europe/Berlin",
        "origin": {"lat_deg": ORIGIN.lat_deg, "lon_deg": ORIGIN.lon_deg, "ground_amsl_m": 40.0},
        "geofence": {"polygon": square(0, 0, 300), "floor_m": 10.0, "ceiling_m": 60.0},
        "cameras": [
            {
                "id": "mast",
                "node": "n1",
                "lens": {
                    "model": "opencv",
                    "width_px": 640,
                    "height_px": 360,
                    "fx_px": 500,
                    "fy_px": 500,
                    "cx_px": 320,
                    "cy_px": 180,
                },
                "pose": {"east_m": 0, "north_m": 0, "up_m": 5, "heading_deg": 45, "pitch_deg": -10},
            }
        ],
        "zones": [{"id": "north", "name": "North", "polygon": square(100, 250, 40), "cameras": ["mast"]}],
        "no_fly": [{"id": "hospital", "polygon": square(200, 60, 30)}],
        "buildings": [{"id": "hall", "polygon": square(200, 200, 20), "height_m": 8.0}],
        "docks": [{"id": "pad", "position": place(40, 40)}, {"id": "shed", "position": place(60, 40)}],
        "vehicles": [
            {
                "id": "drone",
                "kind": "ardupilot_copter",
                "connection": "udpin:127.0.0.1:0",
                "system_id": 1,
                "simulated": True,
                "dock": "pad",
                "cruise_speed_m_s": 8.0,
                "return_altitude_m": 30.0,
            },
            {
                "id": "rover",
                "kind": "ardupilot_rover",
                "connection": "udpin:127.0.0.1:0",
                "system_id": 2,
                "simulated": True,
                "dock": "shed",
                "cruise_speed_m_s": 2.0,
            },
        ],
        "patrols": [
            {
                "id": "round",
                "vehicle": "drone",
                "altitude_m": 25.0,
                "every_min": 15,
                "waypoints": [{"position": place(e, n)} for e, n in ((60, 150), (60, 240), (150, 240))],
            }
        ],
    }
    document.update(changes)
    return Site.model_validate(document)


SITE = make_site()
AIRSPACE = Airspace(SITE)


def drone(**changes: Any) -> VehicleState:
    """In the air over (100, 100) at 25 m, all well."""
    state = VehicleState(
        vehicle_id="drone",
        kind=VehicleKind.ARDUPILOT_COPTER,
        system_id=1,
        simulated=True,
        heard_at_us=NOW_US - 200_000,
        autopilot_uid="a1",
        firmware="4.7.0",
        mode=FlightMode.GUIDED,
        armed=True,
        system_status=4,
        position=geo(100, 100),
        position_at_us=NOW_US - 100_000,
        above_home_m=25.0,
        amsl_m=65.0,
        velocity_east_m_s=0.0,
        velocity_north_m_s=0.0,
        heading_deg=0.0,
        home=geo(40, 40),
        battery_frac=0.9,
        battery_at_us=NOW_US - 500_000,
        gnss_fix=3,
        gnss_sigma_m=0.5,
        ekf_ready=True,
        wind_m_s=2.0,
        safety_uploaded=True,
        not_ready_because=(),
    )
    return replace(state, **changes)


def drone_on_pad(**changes: Any) -> VehicleState:
    return drone(**{"position": geo(40, 40), "above_home_m": 0.0, "armed": False, "system_status": 3, **changes})


def rover(**changes: Any) -> VehicleState:
    """On its dock at (60, 40), armed and ready."""
    return drone(
        **{
            "vehicle_id": "rover",
            "kind": VehicleKind.ARDUPILOT_ROVER,
            "system_id": 2,
            "autopilot_uid": "b2",
            "position": geo(60, 40),
            "home": geo(60, 40),
            "above_home_m": 0.0,
            "wind_m_s": None,
            **changes,
        }
    )


def person(east_m: float, north_m: float, *, sigma_m: float = 0.5, age_s: float = 0.0) -> TrackedPerson:
    return TrackedPerson(geo(east_m, north_m), sigma_m, NOW_US - round(age_s * 1e6))


def world(*vehicles: VehicleState, people: Iterable[TrackedPerson] = (), site: Site = SITE, **changes: Any) -> World:
    airspace = AIRSPACE if site is SITE else Airspace(site)
    return replace(
        World(site=site, airspace=airspace, vehicles=vehicles, people=tuple(people), local_time=time(12, 0)), **changes
    )


FRESH = Evidence(origin=Origin.LIVE, received_at_us=NOW_US - 1_000_000, age_at_receipt_s=0.5, zone="north")
GO = GoTo(point=geo(100, 180), above_home_m=25.0, speed_m_s=8.0)


def ask(
    order: Order,
    vehicle: VehicleState,
    *,
    within: World | None = None,
    evidence: Evidence = FRESH,
    consent: Consent | None = None,
    parameters: GateParameters = PARAMETERS,
) -> Decision:
    return judge(
        order,
        vehicle=vehicle,
        world=within or world(vehicle),
        evidence=evidence,
        consent=consent or Consent(),
        parameters=parameters,
        now_us=NOW_US,
        decision_id=DECISION_ID,
    )
