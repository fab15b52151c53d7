"""Who goes to look, and from where: the able vehicle that is soonest at a stand-off point.

A sighting is never a destination (SAFETY 1): every point given out keeps the site's stand-off from the sighting and
from everybody tracked. Pure; equal inputs choose equally, ties go to the lower vehicle id.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contract.geo import GeoPoint, PointEnu, heading_deg
from contract.site import Vehicle as VehicleSpec
from contract.tasks import Task, TaskKind
from fleet.flight.energy import CONSUMPTION
from fleet.flight.gate import GateParameters, readiness_refusals
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.way import Stop, Way, error_m, is_airborne, way_refusals
from fleet.flight.world import World

BEARING_STEP_DEG = 15
STAND_OFF_SLACK_M = 3.0  # two seconds of a walker towards us before the gate's own limit
WIDER_M = (0.0, 5.0, 10.0)  # circles tried in turn, beyond the stand-off
OF_SENSOR_RANGE = 0.9  # a point at the very end of the range is not looked at
TAKE_OFF_S = 8.0  # arm, spin up, leave the ground
DRIVE_OFF_S = 3.0
SAME_S = 1e-3  # arrivals that are a tie
EYE_OF_ROVER_M = 1.0  # height of a ground vehicle's camera


@dataclass(frozen=True, slots=True)
class Considered:
    """One vehicle in plain words. `arrives_in_s` None: it cannot go; of one that another beats anyway: the earliest."""

    vehicle_id: str
    arrives_in_s: float | None
    why: str


@dataclass(frozen=True, slots=True)
class Dispatch:
    """The choice. `above_home_m` is None for a ground vehicle."""

    vehicle_id: str
    stand_off: GeoPoint
    above_home_m: float | None
    speed_m_s: float
    arrives_in_s: float
    considered: tuple[Considered, ...]

    @property
    def reason(self) -> str:
        return next(c.why for c in self.considered if c.vehicle_id == self.vehicle_id)


@dataclass(frozen=True, slots=True)
class NoVehicle:
    considered: tuple[Considered, ...]

    @property
    def reason(self) -> str:
        return "; ".join(f"{c.vehicle_id}: {c.why}" for c in self.considered) or "the site has no vehicle"


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A vehicle that may go, and where it is."""

    vehicle: VehicleState
    spec: VehicleSpec
    start: PointEnu


@dataclass(frozen=True, slots=True)
class _Plan:
    vehicle: VehicleState
    spec: VehicleSpec
    stand_off: GeoPoint
    height_m: float | None
    distance_m: float
    arrives_in_s: float


def choose(
    target: GeoPoint,
    target_sigma_m: float,
    *,
    vehicles: Iterable[VehicleState],
    tasks: Iterable[Task],
    world: World,
    parameters: GateParameters,
    now_us: int,
    unavailable: Mapping[str, str] | None = None,
) -> Dispatch | NoVehicle:
    """Pick among `vehicles`. `tasks` says who is investigating already; `unavailable` holds reasons from elsewhere (a
    latch of the monitor, a pilot) by vehicle id."""
    busy = {t.vehicle: "is investigating already" for t in tasks if _occupies(t)}
    busy.update(unavailable or {})
    able: list[tuple[float, str, _Candidate]] = []
    unable: list[Considered] = []
    for vehicle in sorted(vehicles, key=lambda v: v.vehicle_id):
        name = vehicle.vehicle_id
        found = _able(vehicle, world=world, parameters=parameters, now_us=now_us, busy=busy.get(name))
        if isinstance(found, str):
            unable.append(Considered(name, None, found))
        else:
            able.append((_earliest_s(found, target_sigma_m, world.airspace.enu(target), world), name, found))
    plans: list[_Plan] = []
    beaten: list[tuple[float, str]] = []
    for earliest_s, name, candidate in sorted(able, key=lambda each: each[:2]):
        if any(plan.arrives_in_s + SAME_S < earliest_s for plan in plans):
            beaten.append((earliest_s, name))  # its points need not be tried: that takes the longest
            continue
        plan = _plan(candidate, target=target, sigma_m=target_sigma_m, world=world, now_us=now_us)
        if isinstance(plan, _Plan):
            plans.append(plan)
        else:
            unable.append(Considered(name, None, plan))
    if not plans:
        return NoVehicle(tuple(sorted(unable, key=lambda each: each.vehicle_id)))
    plans.sort(key=lambda p: (round(p.arrives_in_s, 3), p.vehicle.vehicle_id))
    best = plans[0]
    return Dispatch(
        vehicle_id=best.vehicle.vehicle_id,
        stand_off=best.stand_off,
        above_home_m=best.height_m,
        speed_m_s=best.spec.cruise_speed_m_s,
        arrives_in_s=best.arrives_in_s,
        considered=(
            *(_explain(plan, best) for plan in plans),
            *(_explain_beaten(name, earliest_s, best) for earliest_s, name in beaten),
            *unable,
        ),
    )


def _occupies(task: Task) -> bool:
    return task.kind is not TaskKind.PATROL and not task.state.is_final


def _explain(plan: _Plan, best: _Plan) -> Considered:
    where = f"{plan.arrives_in_s:.0f} s to a point {plan.distance_m:.0f} m from the sighting"
    if plan is best:
        return Considered(plan.vehicle.vehicle_id, plan.arrives_in_s, f"chosen: {where}, the soonest")
    later_s = plan.arrives_in_s - best.arrives_in_s
    return Considered(
        plan.vehicle.vehicle_id, plan.arrives_in_s, f"{where}, {later_s:.0f} s after {best.vehicle.vehicle_id}"
    )


def _explain_beaten(vehicle_id: str, earliest_s: float, best: _Plan) -> Considered:
    later_s = earliest_s - best.arrives_in_s
    why = f"{earliest_s:.0f} s at the earliest, {later_s:.0f} s after {best.vehicle.vehicle_id}"
    return Considered(vehicle_id, earliest_s, why)


def _able(
    vehicle: VehicleState, *, world: World, parameters: GateParameters, now_us: int, busy: str | None
) -> _Candidate | str:
    """May this vehicle go anywhere at all? Else why not."""
    if busy is not None:
        return busy
    try:
        spec = world.spec(vehicle.vehicle_id)
    except KeyError:
        return "is not a vehicle of this site"
    reasons = readiness_refusals(vehicle, spec, world, parameters, now_us)
    if vehicle.armed is False:
        reasons += vehicle.not_ready_because
    elif vehicle.mode is FlightMode.MANUAL:
        reasons.append("a pilot has it")
    if reasons:
        return "; ".join(dict.fromkeys(reasons))
    assert vehicle.position is not None  # readiness_refusals refuses an unknown one
    return _Candidate(vehicle, spec, world.airspace.enu(vehicle.position))


def _earliest_s(candidate: _Candidate, sigma_m: float, target: PointEnu, world: World) -> float:
    """No stand-off point is reached sooner, whichever it is."""
    vehicle, spec = candidate.vehicle, candidate.spec
    distance_m = candidate.start.horizontal_distance_m(target)
    stand_off_m = _stand_off_m(spec, sigma_m, world)
    straight_m = min(abs(distance_m - stand_off_m - wider_m) for wider_m in WIDER_M)
    way, _ = _way(candidate.start, candidate.start, vehicle, spec, world)
    return _duration_s(way, vehicle, spec) + straight_m / spec.cruise_speed_m_s


def _plan(candidate: _Candidate, *, target: GeoPoint, sigma_m: float, world: World, now_us: int) -> _Plan | str:
    """How this vehicle would look at the target, or why it cannot."""
    vehicle, spec, start = candidate.vehicle, candidate.spec, candidate.start
    first_reason = ""
    people = _people(spec, world, now_us)
    for spot, distance_m in _points(world.airspace.enu(target), sigma_m, start, spec, world):
        if first_reason and any(spot.horizontal_distance_m(person) < keep_m for person, keep_m in people):
            continue  # as the whole list of refusals would say, and that takes the longest
        way, height_m = _way(start, spot, vehicle, spec, world)
        refusals = way_refusals(way, speed_m_s=spec.cruise_speed_m_s, vehicle=vehicle, world=world, now_us=now_us)
        if not refusals and not world.airspace.sees(spot, height_m or EYE_OF_ROVER_M, world.airspace.enu(target)):
            refusals = ["a building hides the sighting"]
        if not refusals:
            arrives_in_s = _duration_s(way, vehicle, spec)
            return _Plan(vehicle, spec, world.airspace.geo(spot), height_m, distance_m, arrives_in_s)
        first_reason = first_reason or refusals[0]
    return f"no stand-off point: {first_reason or 'its sensor does not reach over the stand-off'}"


def _people(spec: VehicleSpec, world: World, now_us: int) -> list[tuple[PointEnu, float]]:
    """Every tracked person, and how far from there a vehicle may stay."""
    response = world.site.response
    stay_m = response.air_stand_off_m if spec.kind.flies else response.ground_stop_m
    errors_m = ((person, error_m(person, now_us)) for person in world.people)
    return [(world.airspace.enu(person.point), stay_m + sigma_m) for person, sigma_m in errors_m if sigma_m is not None]


def _points(
    target: PointEnu, sigma_m: float, start: PointEnu, spec: VehicleSpec, world: World
) -> Iterable[tuple[PointEnu, float]]:
    """Stand-off points around the target, nearest to the vehicle first, with their distance."""
    height_m = _height_m(world) if spec.kind.flies else 0.0
    towards_deg = heading_deg(target, start)
    for wider_m in WIDER_M:
        radius_m = _stand_off_m(spec, sigma_m, world) + wider_m
        if math.hypot(radius_m, height_m) > OF_SENSOR_RANGE * spec.sensor_range_m:
            return
        for step in range(360 // BEARING_STEP_DEG):
            side = (step + 1) // 2 * (1 if step % 2 else -1)
            bearing = math.radians(towards_deg + side * BEARING_STEP_DEG)
            spot = PointEnu(target.east_m + radius_m * math.sin(bearing), target.north_m + radius_m * math.cos(bearing))
            yield spot, radius_m


def _stand_off_m(spec: VehicleSpec, sigma_m: float, world: World) -> float:
    response = world.site.response
    return (response.air_stand_off_m if spec.kind.flies else response.ground_stop_m) + sigma_m + STAND_OFF_SLACK_M


def _height_m(world: World) -> float:
    fence = world.site.geofence
    return min(max(world.site.response.air_altitude_m, fence.floor_m), fence.ceiling_m)


def _way(
    start: PointEnu, spot: PointEnu, vehicle: VehicleState, spec: VehicleSpec, world: World
) -> tuple[Way, float | None]:
    """From the ground a flying vehicle climbs first, then goes."""
    if not spec.kind.flies:
        return Way(Stop(start, 0.0, False), (Stop(spot, 0.0, True),)), None
    height_m = _height_m(world)
    end = Stop(spot, height_m, True)
    if is_airborne(vehicle):
        return Way(Stop(start, vehicle.above_home_m or 0.0, False), (end,)), height_m
    return Way(Stop(start, 0.0, False), (Stop(start, height_m, False), end)), height_m


def _duration_s(way: Way, vehicle: VehicleState, spec: VehicleSpec) -> float:
    ready_s = 0.0 if vehicle.armed else TAKE_OFF_S if spec.kind.flies else DRIVE_OFF_S
    climb_s = way.climb_m / CONSUMPTION[spec.kind].climb_m_s
    return ready_s + climb_s + way.length_m / spec.cruise_speed_m_s
