"""Worlds drawn by a seed: a site, its vehicles, people, an order. In metres east and north, for the slow checker, and
as the real types, for the gate.

Sites are drawn anew for each `PER_SITE` worlds. Half of the worlds are easy enough to be approved, or nothing would be
proved; some have exactly one thing wrong with the vehicle or with what it is asked for (`flaw`), and must be refused.
"""

import math
import random
from dataclasses import dataclass, replace
from datetime import time
from functools import lru_cache
from typing import Any

from contract.envelope import Origin
from contract.geo import GeoPoint
from contract.site import Site, VehicleKind
from fleet.flight.airspace import Airspace
from fleet.flight.gate import Decision, judge
from fleet.flight.orders import FlyMission, GoTo, Launch, MissionItem
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.world import Consent, TrackedPerson, World
from tests.fleet.flight.stage import DECISION_ID, FRESH, NOW_US, PARAMETERS, drone, geo, make_site

PER_SITE = 25
Point = tuple[float, float]
Ring = tuple[Point, ...]
COPTER, ROVER = VehicleKind.ARDUPILOT_COPTER, VehicleKind.ARDUPILOT_ROVER


@dataclass(frozen=True, slots=True)
class DrawnVehicle:
    """One of the site's: what the site file says of it."""

    name: str
    flies: bool
    cruise_m_s: float
    return_m: float
    dock: Point


@dataclass(frozen=True, slots=True)
class DrawnSite:
    """In metres; `buildings` with the height of each, `rally` as the vehicles are given them, by name."""

    fence: Ring
    floor_m: float
    ceiling_m: float
    no_fly: tuple[Ring, ...]
    buildings: tuple[tuple[Ring, float], ...]
    vehicles: tuple[DrawnVehicle, ...]
    rally: dict[str, Point]
    stand_off_m: float
    stop_m: float
    near_people_m_s: float
    observe_s: float
    reserve: float
    max_wind_m_s: float
    site: Site
    airspace: Airspace


@dataclass(frozen=True, slots=True)
class DrawnState:
    """Another vehicle: where it is said to be. Unknown is None."""

    flies: bool
    place: Point | None
    height_m: float | None
    armed: bool
    is_heard: bool


@dataclass(frozen=True, slots=True)
class DrawnWorld:
    """What is asked: `stops` (place, height, stay in seconds) in their order; a launch has none. `people`: place, one
    standard deviation when seen, seconds since."""

    seed: int
    ground: DrawnSite
    vehicle: DrawnVehicle
    place: Point
    height_m: float
    sigma_m: float
    battery: float
    wind_m_s: float
    others: tuple[DrawnState, ...]
    people: tuple[tuple[Point, float, float], ...]
    stops: tuple[tuple[Point, float, float], ...]
    launch_to_m: float
    speed_m_s: float
    flaw: str | None


def _star(chance: random.Random, middle: Point, smallest_m: float, largest_m: float, corners: int) -> Ring:
    """A simple polygon, mostly not convex, that its middle sees all of."""
    turns = [(k + chance.uniform(0.1, 0.9)) * 2.0 * math.pi / corners for k in range(corners)]
    away = [chance.uniform(smallest_m, largest_m) for _ in turns]
    return tuple((middle[0] + r * math.cos(a), middle[1] + r * math.sin(a)) for r, a in zip(away, turns, strict=True))


def _spot(chance: random.Random, reach_m: float) -> Point:
    return chance.uniform(-reach_m, reach_m), chance.uniform(-reach_m, reach_m)


def _corners(ring: Ring) -> list[dict[str, float]]:
    return [_at(corner).model_dump() for corner in ring]


def _at(place: Point) -> GeoPoint:
    return geo(*place)


@lru_cache(maxsize=4)
def drawn_site(number: int) -> DrawnSite:
    chance = random.Random(f"site {number}")
    fence = _star(chance, (0.0, 0.0), 130.0, 320.0, chance.randint(5, 12))
    no_fly = tuple(
        _star(chance, _spot(chance, 180.0), 6.0, 35.0, chance.randint(4, 8)) for _ in range(chance.randint(0, 3))
    )
    buildings = tuple(
        (_star(chance, _spot(chance, 150.0), 5.0, 25.0, 4), round(chance.uniform(3.0, 30.0), 1))
        for _ in range(chance.randint(0, 3))
    )
    returns = chance.sample(range(15, 62), 4)  # none so low that all of the way down is slow
    flying = [chance.random() < 0.75 for _ in range(chance.randint(1, 4))]
    vehicles = tuple(
        DrawnVehicle(f"v{n}", flies, round(chance.uniform(2.0, 12.0 if flies else 4.0), 1), height, _spot(chance, 60.0))
        for n, (flies, height) in enumerate(zip(flying, returns, strict=False))
    )
    response = {
        "air_stand_off_m": round(chance.uniform(10.0, 35.0), 1),
        "ground_stop_m": round(chance.uniform(5.0, 15.0), 1),
        "ground_speed_near_people_m_s": round(chance.uniform(0.5, 1.5), 1),
        "observe_s": round(chance.uniform(1.0, 30.0), 1),
        "battery_reserve_frac": round(chance.uniform(0.1, 0.4), 2),
        "max_wind_m_s": round(chance.uniform(4.0, 12.0), 1),
    }
    floor_m, ceiling_m = round(chance.uniform(2.0, 15.0), 1), round(chance.uniform(50.0, 80.0), 1)
    rally = [_spot(chance, 80.0) for _ in range(chance.randint(0, 2) if chance.random() < 0.3 else 0)]
    site = make_site(
        geofence={"polygon": _corners(fence), "floor_m": floor_m, "ceiling_m": ceiling_m},
        zones=[],
        patrols=[],
        no_fly=[{"id": f"area{n}", "polygon": _corners(ring)} for n, ring in enumerate(no_fly)],
        buildings=[
            {"id": f"house{n}", "polygon": _corners(r), "height_m": height} for n, (r, height) in enumerate(buildings)
        ],
        docks=[{"id": v.name, "position": _at(v.dock).model_dump()} for v in vehicles],
        rally_points=[{"id": f"r{n}", "position": _at(place).model_dump()} for n, place in enumerate(rally)],
        vehicles=[_vehicle_document(v, system_id=n + 1) for n, v in enumerate(vehicles)],
        response=response,
    )
    return DrawnSite(
        fence=fence,
        floor_m=floor_m,
        ceiling_m=ceiling_m,
        no_fly=no_fly,
        buildings=buildings,
        vehicles=vehicles,
        rally=_given_out(vehicles, rally),
        stand_off_m=response["air_stand_off_m"],
        stop_m=response["ground_stop_m"],
        near_people_m_s=response["ground_speed_near_people_m_s"],
        observe_s=response["observe_s"],
        reserve=response["battery_reserve_frac"],
        max_wind_m_s=response["max_wind_m_s"],
        site=site,
        airspace=Airspace(site),
    )


def _vehicle_document(vehicle: DrawnVehicle, *, system_id: int) -> dict[str, Any]:
    return {
        "id": vehicle.name,
        "kind": (COPTER if vehicle.flies else ROVER).value,
        "connection": "udpin:127.0.0.1:0",
        "system_id": system_id,
        "simulated": True,
        "autopilot_uid": "a1" if system_id == 1 else None,
        "dock": vehicle.name,
        "cruise_speed_m_s": vehicle.cruise_m_s,
        "return_altitude_m": vehicle.return_m if vehicle.flies else None,
    }


def _given_out(vehicles: tuple[DrawnVehicle, ...], rally: list[Point]) -> dict[str, Point]:
    """The nearest that is left, to each in turn."""
    left, given = list(rally), {}
    for vehicle in vehicles:
        if left:
            given[vehicle.name] = min(left, key=lambda place: math.dist(vehicle.dock, place))
            left.remove(given[vehicle.name])
    return given


# What is wrong with a vehicle or its errand, each alone enough to refuse; `origin` and `consent` with a real vehicle.
FLAWS: dict[str, dict[str, Any]] = {
    "never heard": {"heard_at_us": None},
    "link too old": {"heard_at_us": NOW_US - 3_500_000},
    "position too old": {"position_at_us": NOW_US - 3_500_000},
    "no position": {"position": None},
    "no home": {"home": None},
    "no fix": {"gnss_fix": 2},
    "error too large": {"gnss_sigma_m": 5.5},
    "estimator not ready": {"ekf_ready": False},
    "battery not known": {"battery_frac": None},
    "battery too old": {"battery_at_us": NOW_US - 16_000_000},
    "who it is not known": {"autopilot_uid": None},
    "quarantined": {"not_ready_because": ("quarantined: two sources",)},
    "safety not uploaded": {"safety_uploaded": False},
    "mode not known": {"mode": None},
    "arming not known": {"armed": None},
    "an emergency": {"system_status": 5},
    "stale": {},
    "of unknown age": {},
    "origin": {"simulated": False},
    "consent": {"simulated": False},
}


def draw(seed: int) -> DrawnWorld:
    """The world of a seed."""
    chance, ground = random.Random(seed), drawn_site(seed // PER_SITE)
    vehicle = chance.choice(ground.vehicles)
    launches = chance.random() < 0.15
    if launches:
        place, height_m = vehicle.dock, 0.0
    else:
        place = _spot(chance, 50.0 if chance.random() < 0.6 else 160.0)
        height_m = chance.uniform(0.9 * ground.floor_m, 1.05 * ground.ceiling_m) if vehicle.flies else 0.0
    wind_m_s = chance.uniform(0.0, 4.0) if chance.random() < 0.8 else chance.uniform(0.0, 13.0)
    flaw = chance.choice(sorted(FLAWS)) if chance.random() < 0.1 else None
    return DrawnWorld(
        seed=seed,
        ground=ground,
        vehicle=vehicle,
        place=place,
        height_m=height_m,
        sigma_m=round(chance.choice((chance.uniform(0.1, 1.5), chance.uniform(0.1, 5.0))), 2),
        battery=round(chance.uniform(0.15, 1.0) if chance.random() < 0.4 else chance.uniform(0.8, 1.0), 2),
        wind_m_s=wind_m_s,
        others=tuple(_drawn_state(chance, ground, other, place) for other in ground.vehicles if other is not vehicle),
        people=tuple(_drawn_person(chance, place) for _ in range(chance.choice((0, 0, 1, 1, 2, 5)))),
        stops=() if launches else _drawn_stops(chance, ground, place),
        launch_to_m=chance.uniform(0.0, 1.2 * ground.ceiling_m),
        speed_m_s=round(chance.uniform(0.3, 1.3) * vehicle.cruise_m_s, 2),
        flaw=flaw,
    )


def _drawn_stops(chance: random.Random, ground: DrawnSite, place: Point) -> tuple[tuple[Point, float, float], ...]:
    reach_m = 60.0 if chance.random() < 0.7 else 250.0
    low_m, high_m = 0.8 * ground.floor_m, 1.1 * ground.ceiling_m
    level_m = chance.uniform(low_m, high_m)
    stops: list[tuple[Point, float, float]] = []
    count = 1 if chance.random() < 0.7 else chance.randint(2, 6)
    for _ in range(count):
        east, north = _spot(chance, reach_m)
        height_m = level_m if chance.random() < 0.7 else chance.uniform(low_m, high_m)
        stay_s = chance.choice((0.0, 0.0, 5.0, 40.0)) if count > 1 else 0.0
        stops.append(((place[0] + east, place[1] + north), height_m, stay_s))
    return tuple(stops)


def _drawn_person(chance: random.Random, place: Point) -> tuple[Point, float, float]:
    east, north = _spot(chance, chance.choice((60.0, 150.0, 150.0)))
    return (place[0] + east, place[1] + north), round(chance.uniform(0.0, 3.0), 2), round(chance.uniform(0.0, 12.0), 2)


def _drawn_state(chance: random.Random, ground: DrawnSite, vehicle: DrawnVehicle, near: Point) -> DrawnState:
    if chance.random() < 0.4:
        return DrawnState(vehicle.flies, vehicle.dock, 0.0, False, True)
    east, north = _spot(chance, chance.choice((25.0, 100.0)))
    place = None if chance.random() < 0.05 else (near[0] + east, near[1] + north)
    height_m = None if chance.random() < 0.05 else chance.uniform(0.0, ground.ceiling_m) if vehicle.flies else 0.0
    return DrawnState(vehicle.flies, place, height_m, True, chance.random() < 0.95)


def judged(world: DrawnWorld) -> Decision:
    """What the gate says."""
    site, me = world.ground.site, world.vehicle
    state = _state_of(world)
    others = []
    for vehicle, there in zip((v for v in world.ground.vehicles if v is not me), world.others, strict=True):
        known = {
            "position": None if there.place is None else _at(there.place),
            "above_home_m": there.height_m,
            "heard_at_us": NOW_US - 500_000 if there.is_heard else None,
        }
        others.append(_known(vehicle, armed=there.armed, **known))
    evidence = FRESH
    if world.flaw == "stale":
        evidence = replace(FRESH, age_at_receipt_s=20.0)
    elif world.flaw == "of unknown age":
        evidence = replace(FRESH, age_at_receipt_s=None)
    elif world.flaw == "origin":
        evidence = replace(FRESH, origin=Origin.REPLAYED)
    return judge(
        _order_of(world),
        vehicle=state,
        world=World(
            site=site,
            airspace=world.ground.airspace,
            vehicles=(state, *others),
            people=tuple(
                TrackedPerson(_at(place), sigma_m, NOW_US - round(age_s * 1e6))
                for place, sigma_m, age_s in world.people
            ),
            local_time=time(12, 0),
        ),
        evidence=evidence,
        consent=Consent(approved_by="Ada" if world.flaw == "origin" else None),
        parameters=PARAMETERS,
        now_us=NOW_US,
        decision_id=DECISION_ID,
    )


def _known(vehicle: DrawnVehicle, **changes: Any) -> VehicleState:
    kind = COPTER if vehicle.flies else ROVER
    return drone(**{"vehicle_id": vehicle.name, "kind": kind, "home": _at(vehicle.dock), **changes})


def _state_of(world: DrawnWorld) -> VehicleState:
    said: dict[str, Any] = {
        "position": _at(world.place),
        "above_home_m": world.height_m,
        "gnss_sigma_m": world.sigma_m,
        "battery_frac": world.battery,
        "wind_m_s": world.wind_m_s,
        "armed": bool(world.stops),
        "mode": FlightMode.GUIDED,
    }
    return _known(world.vehicle, **{**said, **FLAWS.get(world.flaw or "", {})})


def _order_of(world: DrawnWorld) -> Launch | GoTo | FlyMission:
    flies = world.vehicle.flies
    if not world.stops:
        return Launch(world.launch_to_m if flies else None)
    items = tuple(MissionItem(_at(place), h if flies else None, stay_s) for place, h, stay_s in world.stops)
    if len(items) == 1:
        return GoTo(items[0].point, items[0].above_home_m, world.speed_m_s)
    return FlyMission(items, 0, world.speed_m_s)
