"""Who goes to look, and from where: the able vehicle that is soonest at a stand-off point, by a way the gate allows.

A sighting is never a destination (SAFETY 1): every point given out keeps the site's stand-off from the sighting and
from everybody tracked. Pure; equal inputs choose equally, ties go to the lower vehicle id. Nobody reports where the
wind comes from, so it counts against a vehicle on every leg, as it does at the gate.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from contract.geo import GeoPoint, PointEnu, heading_deg
from contract.site import Vehicle as VehicleSpec
from contract.tasks import Task, TaskKind
from fleet.decision.legal_paths import legal_corners, names_between, worth_judging, worth_staying
from fleet.flight.airspace import SLACK_M, Airspace
from fleet.flight.corridors import Corridors
from fleet.flight.energy import CONSUMPTION, home_frac, way_frac
from fleet.flight.gate import GateParameters, readiness_refusals
from fleet.flight.separation import courses_too_near
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.way import Stop, Way, error_m, is_airborne, landing_places, way_refusals
from fleet.flight.world import World
from fleet.flight.yielding import traffic_refusals

BEARING_STEP_DEG = 15
AROUND_STEP_DEG = 45  # of the points that a way around something is looked for to
STAND_OFF_SLACK_M = 3.0  # two seconds of a walker towards us before the gate's own limit
WIDER_M = (0.0, 5.0, 10.0)  # circles tried in turn, beyond the stand-off
OF_SENSOR_RANGE = 0.9  # a point at the very end of the range is not looked at
TAKE_OFF_S = 8.0  # arm, spin up, leave the ground
DRIVE_OFF_S = 3.0
MOST_TOLD = 5  # vehicles that an incident's timeline explains beside the chosen
SAME_S = 1e-3  # arrivals that are a tie
EYE_OF_ROVER_M = 1.0  # height of a ground vehicle's camera


@dataclass(frozen=True, slots=True)
class Considered:
    """One vehicle in plain words. `arrives_in_s` None: it cannot go; of one that another beats anyway: the earliest."""

    vehicle_id: str
    arrives_in_s: float | None
    why: str
    battery_frac: float | None = None
    needs_frac: float | None = None  # of a full battery: there, looking, home again and the reserve
    detour_m: float | None = None  # more than straight on; None where its way was not worked out


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

    @property
    def others(self) -> list[str]:
        """Why the others lost, the nearest `MOST_TOLD` of them."""
        lost = [c for c in self.considered if c.vehicle_id != self.vehicle_id]
        more = [f"and {len(lost) - MOST_TOLD} more"] if len(lost) > MOST_TOLD else []
        return [*(f"not {c.vehicle_id}: {c.why}" for c in lost[:MOST_TOLD]), *more]


@dataclass(frozen=True, slots=True)
class NoVehicle:
    considered: tuple[Considered, ...]

    @property
    def reason(self) -> str:
        return "; ".join(f"{c.vehicle_id}: {c.why}" for c in self.considered) or "the site has no vehicle"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A vehicle that may go, and where it is."""

    vehicle: VehicleState
    spec: VehicleSpec
    start: PointEnu
    height_m: float  # where it would look from; of a ground vehicle it means nothing


@dataclass(frozen=True, slots=True)
class Energy:
    """Shares of a full battery that a look takes. `out_frac`: there and `on_station_frac`, the site's `observe_s`;
    `back_frac`: home from the farthest stop; `reserve_frac`: what must be left."""

    out_frac: float
    on_station_frac: float
    back_frac: float
    reserve_frac: float

    @property
    def there_frac(self) -> float:
        return self.out_frac - self.on_station_frac

    @property
    def needs_frac(self) -> float:
        """What the gate asks for."""
        return self.out_frac + self.back_frac + self.reserve_frac


@dataclass(frozen=True, slots=True)
class Plan:
    """How one vehicle would look at a sighting. `around` names what it goes around, `detour_m` longer for it."""

    vehicle: VehicleState
    spec: VehicleSpec
    stand_off: GeoPoint
    height_m: float | None
    distance_m: float
    arrives_in_s: float
    way: Way
    needs_frac: float | None
    detour_m: float = 0.0
    around: tuple[str, ...] = ()


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
    heights: Mapping[str, float] | None = None,
) -> Dispatch | NoVehicle:
    """Pick among `vehicles`. `tasks` says who is investigating already; `unavailable` holds reasons from elsewhere (a
    latch of the monitor, a pilot) by vehicle id, `heights` the slots of those that cannot have the site's own."""
    busy = busy_with(tasks) | dict(unavailable or {})
    able: list[tuple[float, str, Candidate]] = []
    unable: list[Considered] = []
    for vehicle in sorted(vehicles, key=lambda v: v.vehicle_id):
        name = vehicle.vehicle_id
        height_m = (heights or {}).get(name, world.site.response.air_altitude_m)
        found = able_to_go(
            vehicle, world=world, parameters=parameters, now_us=now_us, busy=busy.get(name), height_m=height_m
        )
        if isinstance(found, str):
            unable.append(Considered(name, None, found))
        else:
            soonest_s = earliest_s(found, target_sigma_m, world.airspace.enu(target), world)
            able.append((soonest_s, name, found))
    plans: list[Plan] = []
    beaten: list[tuple[float, str]] = []
    for soonest_s, name, candidate in sorted(able, key=lambda each: each[:2]):
        if any(plan.arrives_in_s + SAME_S < soonest_s for plan in plans):
            beaten.append((soonest_s, name))  # its points need not be tried: that takes the longest
            continue
        plan = plan_of(candidate, target=target, sigma_m=target_sigma_m, world=world, now_us=now_us)
        if isinstance(plan, Plan):
            plans.append(plan)
        else:
            unable.append(Considered(name, None, plan))
    if not plans:
        return NoVehicle(tuple(sorted(unable, key=lambda each: each.vehicle_id)))
    plans.sort(key=lambda p: (round(p.arrives_in_s, 3), p.vehicle.vehicle_id))
    best = plans[0]
    return dispatch_of(
        best,
        (
            *(_explain(plan, best) for plan in plans),
            *(_explain_beaten(name, soonest_s, best) for soonest_s, name in beaten),
            *unable,
        ),
    )


def dispatch_of(plan: Plan, considered: tuple[Considered, ...]) -> Dispatch:
    return Dispatch(
        vehicle_id=plan.vehicle.vehicle_id,
        stand_off=plan.stand_off,
        above_home_m=plan.height_m,
        speed_m_s=plan.spec.cruise_speed_m_s,
        arrives_in_s=plan.arrives_in_s,
        considered=considered,
    )


def busy_with(tasks: Iterable[Task]) -> dict[str, str]:
    """Who investigates already, by vehicle; a patrol gives way."""
    return {task.vehicle: "is investigating already" for task in tasks if _occupies(task)}


def _occupies(task: Task) -> bool:
    return task.kind is not TaskKind.PATROL and not task.state.is_final


def _explain(plan: Plan, best: Plan) -> Considered:
    where = in_words(plan)
    later_s = plan.arrives_in_s - best.arrives_in_s
    why = (
        f"chosen: {where}, the soonest" if plan is best else f"{where}, {later_s:.0f} s after {best.vehicle.vehicle_id}"
    )
    return considered(plan, why)


def considered(plan: Plan, why: str) -> Considered:
    """A vehicle whose way was worked out."""
    battery_frac, detour_m = plan.vehicle.battery_frac, round(plan.detour_m, 1)
    return Considered(plan.vehicle.vehicle_id, plan.arrives_in_s, why, battery_frac, plan.needs_frac, detour_m)


def in_words(plan: Plan) -> str:
    """When it is where, and what it goes around."""
    where = f"{plan.arrives_in_s:.0f} s to a point {plan.distance_m:.0f} m from the sighting"
    return f"{where}, {plan.detour_m:.0f} m around {' and '.join(plan.around)}" if plan.around else where


def _explain_beaten(vehicle_id: str, soonest_s: float, best: Plan) -> Considered:
    later_s = soonest_s - best.arrives_in_s
    why = f"{soonest_s:.0f} s at the earliest, {later_s:.0f} s after {best.vehicle.vehicle_id}"
    return Considered(vehicle_id, soonest_s, why)


def able_to_go(
    vehicle: VehicleState,
    *,
    world: World,
    parameters: GateParameters,
    now_us: int,
    busy: str | None,
    height_m: float,
) -> Candidate | str:
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
    if spec.kind.flies and vehicle.position is not None:
        here = Stop(world.airspace.enu(vehicle.position), vehicle.above_home_m or 0.0, False)
        reasons += traffic_refusals(Way(here, ()), world, now_us)
    if reasons:
        return "; ".join(dict.fromkeys(reasons))
    assert vehicle.position is not None  # readiness_refusals refuses an unknown one
    return Candidate(vehicle, spec, world.airspace.enu(vehicle.position), _height_m(height_m, world))


def earliest_s(candidate: Candidate, sigma_m: float, target: PointEnu, world: World) -> float:
    """No stand-off point is reached sooner, whichever it is."""
    distance_m = candidate.start.horizontal_distance_m(target)
    circles_m = [_stand_off_m(candidate.spec, sigma_m, world) + wider_m for wider_m in WIDER_M]
    straight_m = min(abs(distance_m - radius_m) for radius_m in circles_m)
    return _off_the_ground_s(candidate) + straight_m / candidate.spec.cruise_speed_m_s


@dataclass(frozen=True, slots=True)
class Targets:
    """Many sightings: east and north (n, 2), one sigma (n,), how far inside the fence (n,), all metres."""

    at_m: NDArray[np.float64]
    sigma_m: NDArray[np.float64]
    inside_m: NDArray[np.float64]


def targets_of(sightings: Sequence[tuple[GeoPoint, float]], airspace: Airspace) -> Targets:
    """Of points with their sigma, metres."""
    places = [airspace.enu(point) for point, _ in sightings]
    return Targets(
        np.array([(place.east_m, place.north_m) for place in places]).reshape(-1, 2),
        np.array([sigma_m for _, sigma_m in sightings]),
        np.array(airspace.inside_each_by_m(places)),
    )


def arrivals_each_s(
    candidate: Candidate, targets: Targets, world: World
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each target: no stand-off point is reached sooner; and when the first that is tried would be reached, straight
    on. Infinite where every stand-off point lies outside the fence. Each of shape (targets,)."""
    from_start_m = targets.at_m - np.array([candidate.start.east_m, candidate.start.north_m])
    nearest_m = _stand_off_m(candidate.spec, 0.0, world) + targets.sigma_m
    distance_m = np.hypot(from_start_m[:, 0], from_start_m[:, 1])
    straight_m = np.abs(distance_m[:, None] - nearest_m[:, None] - np.array(WIDER_M))
    straight_m[nearest_m + WIDER_M[-1] + targets.inside_m < -SLACK_M] = np.inf
    arrives_s: NDArray[np.float64] = _off_the_ground_s(candidate) + straight_m / candidate.spec.cruise_speed_m_s
    return arrives_s.min(axis=1), arrives_s[:, 0]


def _off_the_ground_s(candidate: Candidate) -> float:
    way, _ = _way(candidate, candidate.start, ())
    return duration_s(way, candidate.vehicle, candidate.spec)


def plan_of(candidate: Candidate, *, target: GeoPoint, sigma_m: float, world: World, now_us: int) -> Plan | str:
    """How this vehicle would look at the target, or why it cannot: straight on, else around what is in the way."""
    points = iter(_points(world.airspace.enu(target), sigma_m, candidate, world))
    first = next(points, None)
    if first is None:
        return "no stand-off point: its sensor does not reach over the stand-off"
    corridors = world.airspace.corridors

    def judged(spot: PointEnu, distance_m: float, via: tuple[PointEnu, ...]) -> Plan | str:
        return _judged(candidate, spot, via, distance_m=distance_m, target=target, world=world, now_us=now_us)

    first_found = judged(*first, corridor_of(candidate, first[0], corridors))
    if isinstance(first_found, Plan):
        return first_found
    spec, height_m = candidate.spec, candidate.height_m if candidate.spec.kind.flies else None
    others = list(points)
    spots = [spot for spot, _ in others]
    worth = worth_judging(candidate.start, spots, vehicle=candidate.vehicle, spec=spec, height_m=height_m, world=world)
    people = _people(spec, world, now_us)
    for (spot, distance_m), is_worth in zip(others, worth, strict=True):
        via = corridor_of(candidate, spot, corridors)
        if not (is_worth or via):
            continue
        if any(spot.horizontal_distance_m(person) < keep_m for person, keep_m in people):
            continue  # as the whole list of refusals would say, and that takes the longest
        found = judged(spot, distance_m, via)
        if isinstance(found, Plan):
            return found
    around = _plan_around(candidate, target=target, sigma_m=sigma_m, world=world, now_us=now_us)
    return around or f"no stand-off point: {first_found}"


def _plan_around(candidate: Candidate, *, target: GeoPoint, sigma_m: float, world: World, now_us: int) -> Plan | None:
    """The soonest of the ways with corners in them, to points all around the target on the nearest circle."""
    vehicle, spec, start = candidate.vehicle, candidate.spec, candidate.start
    height_m = candidate.height_m if spec.kind.flies else None
    best: Plan | None = None
    points = list(_points(world.airspace.enu(target), sigma_m, candidate, world, step_deg=AROUND_STEP_DEG, circles=1))
    can_stay = worth_staying([spot for spot, _ in points], vehicle=vehicle, spec=spec, world=world)
    for spot, distance_m in compress(points, can_stay):
        if best is not None and start.horizontal_distance_m(spot) / spec.cruise_speed_m_s >= best.arrives_in_s:
            continue
        corners = legal_corners(start, spot, vehicle=vehicle, spec=spec, height_m=height_m, world=world)
        if not corners:
            continue  # none, or straight on, which was refused for something else
        found = _judged(candidate, spot, corners, distance_m=distance_m, target=target, world=world, now_us=now_us)
        if isinstance(found, Plan) and (best is None or found.arrives_in_s < best.arrives_in_s - SAME_S):
            names = names_between(start, spot, vehicle=vehicle, spec=spec, height_m=height_m, world=world)
            longer_m = found.way.length_m - start.horizontal_distance_m(spot)
            best = replace(found, detour_m=longer_m, around=names)
    return best


def _judged(
    candidate: Candidate,
    spot: PointEnu,
    via: tuple[PointEnu, ...],
    *,
    distance_m: float,
    target: GeoPoint,
    world: World,
    now_us: int,
) -> Plan | str:
    """The plan over those corners, or the first thing that speaks against it."""
    vehicle, spec = candidate.vehicle, candidate.spec
    way, height_m = _way(candidate, spot, via)
    refusals = way_refusals(way, speed_m_s=spec.cruise_speed_m_s, vehicle=vehicle, world=world, now_us=now_us)
    refusals = refusals or courses_too_near(way, vehicle, world, speed_m_s=spec.cruise_speed_m_s)
    if refusals:
        return refusals[0]
    if not world.airspace.sees(spot, height_m or EYE_OF_ROVER_M, world.airspace.enu(target)):
        return "a building hides the sighting"
    return Plan(
        vehicle=vehicle,
        spec=spec,
        stand_off=world.airspace.geo(spot),
        height_m=height_m,
        distance_m=distance_m,
        arrives_in_s=duration_s(way, vehicle, spec),
        way=way,
        needs_frac=None if (energy := energy_of(way, vehicle, spec, world)) is None else energy.needs_frac,
    )


def straight_on(candidate: Candidate, *, target: GeoPoint, sigma_m: float, world: World) -> Way | None:
    """To the nearest stand-off point, or along the corridor that leads there, whether it may or not; None where its
    sensor does not reach over the stand-off."""
    nearest = next(iter(_points(world.airspace.enu(target), sigma_m, candidate, world)), None)
    if nearest is None:
        return None
    way, _ = _way(candidate, nearest[0], corridor_of(candidate, nearest[0], world.airspace.corridors))
    return way


def energy_of(way: Way, vehicle: VehicleState, spec: VehicleSpec, world: World) -> Energy | None:
    """As the gate counts it; None where home or wind is not known, or against the wind it makes no way."""
    wind_m_s = world.wind_for(vehicle) if spec.kind.flies else 0.0
    if vehicle.home is None or wind_m_s is None:
        return None
    response, speed_m_s = world.site.response, spec.cruise_speed_m_s
    places = landing_places(vehicle.home, vehicle.vehicle_id, world)
    out = way_frac(
        spec.kind,
        distance_m=way.length_m,
        climb_m=way.climb_m,
        descent_m=way.descent_m,
        stay_s=response.observe_s,
        speed_m_s=speed_m_s,
        wind_m_s=wind_m_s,
    )
    back = home_frac(
        spec.kind,
        distance_m=max(stop.point.horizontal_distance_m(place) for stop in way.stops for place in places),
        height_m=way.stops[-1].height_m,
        return_height_m=spec.return_altitude_m or 0.0,
        speed_m_s=speed_m_s,
        wind_m_s=wind_m_s,
    )
    if out is None or back is None:
        return None
    on_station = response.observe_s / CONSUMPTION[spec.kind].endurance_s
    return Energy(out, on_station, back, response.battery_reserve_frac)


def _people(spec: VehicleSpec, world: World, now_us: int) -> list[tuple[PointEnu, float]]:
    """Every tracked person, and how far from there a vehicle may stay."""
    response = world.site.response
    stay_m = response.air_stand_off_m if spec.kind.flies else response.ground_stop_m
    errors_m = ((person, error_m(person, now_us)) for person in world.people)
    return [(world.airspace.enu(person.point), stay_m + sigma_m) for person, sigma_m in errors_m if sigma_m is not None]


def _points(
    target: PointEnu,
    sigma_m: float,
    candidate: Candidate,
    world: World,
    *,
    step_deg: int = BEARING_STEP_DEG,
    circles: int = len(WIDER_M),
) -> Iterable[tuple[PointEnu, float]]:
    """Stand-off points around the target, nearest to the vehicle first, with their distance."""
    spec = candidate.spec
    height_m = candidate.height_m if spec.kind.flies else 0.0
    towards_deg = heading_deg(target, candidate.start)
    for wider_m in WIDER_M[:circles]:
        radius_m = _stand_off_m(spec, sigma_m, world) + wider_m
        if math.hypot(radius_m, height_m) > OF_SENSOR_RANGE * spec.sensor_range_m:
            return
        for step in range(360 // step_deg):
            side = (step + 1) // 2 * (1 if step % 2 else -1)
            bearing = math.radians(towards_deg + side * step_deg)
            spot = PointEnu(target.east_m + radius_m * math.sin(bearing), target.north_m + radius_m * math.cos(bearing))
            yield spot, radius_m


def _stand_off_m(spec: VehicleSpec, sigma_m: float, world: World) -> float:
    response = world.site.response
    return (response.air_stand_off_m if spec.kind.flies else response.ground_stop_m) + sigma_m + STAND_OFF_SLACK_M


def _height_m(asked_m: float, world: World) -> float:
    fence = world.site.geofence
    return min(max(asked_m, fence.floor_m), fence.ceiling_m)


def corridor_of(candidate: Candidate, spot: PointEnu, corridors: Corridors) -> tuple[PointEnu, ...]:
    return corridors.via(candidate.start, spot) if candidate.spec.kind.flies else ()


def _way(candidate: Candidate, spot: PointEnu, via: tuple[PointEnu, ...]) -> tuple[Way, float | None]:
    """Over the corners `via`, each a destination of its own to the gate. From the ground a copter climbs first."""
    vehicle, spec, start = candidate.vehicle, candidate.spec, candidate.start
    if not spec.kind.flies:
        return Way(Stop(start, 0.0, False), tuple(Stop(place, 0.0, True) for place in (*via, spot))), None
    height_m = candidate.height_m
    stops = tuple(Stop(place, height_m, True) for place in (*via, spot))
    if is_airborne(vehicle):
        return Way(Stop(start, vehicle.above_home_m or 0.0, False), stops), height_m
    return Way(Stop(start, 0.0, False), (Stop(start, height_m, False), *stops)), height_m


def duration_s(way: Way, vehicle: VehicleState, spec: VehicleSpec) -> float:
    ready_s = 0.0 if vehicle.armed else TAKE_OFF_S if spec.kind.flies else DRIVE_OFF_S
    climb_s = way.climb_m / CONSUMPTION[spec.kind].climb_m_s
    return ready_s + climb_s + way.length_m / spec.cruise_speed_m_s
