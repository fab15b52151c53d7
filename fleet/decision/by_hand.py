"""What would come of an order that a person thinks of giving: the gate's answer, the way, and what the battery holds.

Nothing is ordered by it. The gate is asked about each order of the task in turn, each in the state that the one before
would leave the vehicle in; what it says when the task is really flown is what counts. Pure.
"""

import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace

from contract.geo import GeoPoint, PointEnu, heading_deg
from contract.site import Vehicle as VehicleSpec
from fleet.decision.dispatch import (
    Candidate,
    Energy,
    Plan,
    able_to_go,
    corridor_of,
    duration_s,
    energy_of,
    plan_of,
    straight_on,
)
from fleet.decision.explanation import Moment, WayStop
from fleet.decision.legal_paths import legal_corners
from fleet.flight.dock import Cover
from fleet.flight.docking import state_of
from fleet.flight.energy import CONSUMPTION, way_frac
from fleet.flight.gate import Approved, RefusedOrder, judge
from fleet.flight.looking import LOOK_FOR_S, turn_refusals
from fleet.flight.orbit import RADIUS_AT_MOST_M, TURNS_AT_MOST, mission_of_orbit, orbit_refusals
from fleet.flight.orders import GoTo, Launch, LookAt, Orbit, Order
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.way import MovingOrder, Stop, Way, is_airborne, way_of
from fleet.flight.world import Consent, Evidence, World

_ON_THE_WAY = 0.5  # m; nearer stops are one


@dataclass(frozen=True, slots=True)
class Look:
    """Go where the point is seen from, and look at it."""

    point: GeoPoint


@dataclass(frozen=True, slots=True)
class Circle:
    """Round the point for about `duration_s`."""

    point: GeoPoint
    radius_m: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Turn:
    """Stay in the air where it is, and look at the point."""

    point: GeoPoint


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, and as of when; `busy`: why the vehicle has no time for it."""

    moment: Moment
    evidence: Evidence
    consent: Consent
    busy: str | None = None


@dataclass(frozen=True, slots=True)
class Foreseen:
    """No `reasons`: it may. `clipped`: what would be flown instead of what was asked for; `notes` forbid nothing.

    Of what is refused, `way` is the straight one that must not be taken, and empty where not even that is known."""

    reasons: tuple[str, ...] = ()
    clipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    way: tuple[WayStop, ...] = ()
    stand_off: GeoPoint | None = None
    above_home_m: float | None = None
    radius_m: float | None = None
    turns: int | None = None
    length_m: float | None = None
    arrives_in_s: float | None = None
    lasts_s: float | None = None  # of a circle
    there_frac: float | None = None  # of a full battery that is left when it has done it
    home_frac: float | None = None  # and when it is home again


def foreseen(wish: Look | Circle | Turn, vehicle: VehicleState, asking: Asking) -> Foreseen:
    """The gate's answer to this wish, now."""
    candidate = _candidate(vehicle, asking)
    if isinstance(candidate, str):
        return Foreseen(reasons=tuple(candidate.split("; ")))
    if isinstance(wish, Turn):
        return _turn(wish, candidate, asking)
    return _look(wish, candidate, asking) if isinstance(wish, Look) else _circle(wish, candidate, asking)


def kept_back(vehicle: VehicleState, asking: Asking) -> tuple[str, ...]:
    """Why it would be sent nowhere at all now."""
    candidate = _candidate(vehicle, asking)
    return tuple(candidate.split("; ")) if isinstance(candidate, str) else ()


def _candidate(vehicle: VehicleState, asking: Asking) -> Candidate | str:
    moment = asking.moment
    return able_to_go(
        vehicle,
        world=moment.world,
        parameters=moment.parameters,
        now_us=moment.now_us,
        busy=asking.busy,
        height_m=moment.heights.get(vehicle.vehicle_id, moment.world.site.response.air_altitude_m),
    )


def _look(wish: Look, candidate: Candidate, asking: Asking) -> Foreseen:
    world, vehicle = asking.moment.world, candidate.vehicle
    plan = plan_of(candidate, target=wish.point, sigma_m=0.0, world=world, now_us=asking.moment.now_us)
    if not isinstance(plan, Plan):
        way = straight_on(candidate, target=wish.point, sigma_m=0.0, world=world)
        if way is None:
            return Foreseen(reasons=(plan,))
        return Foreseen(reasons=(plan,), way=told(way, vehicle, world), length_m=way.length_m)
    stops = plan.way.stops[1:] if _climbs_first(plan.way) else plan.way.stops
    orders: list[MovingOrder] = [_go_to(stop, candidate, world) for stop in stops]
    if orders and isinstance(last := orders[-1], GoTo):
        orders[-1] = replace(last, look_at=wish.point)
    answer = _asked(_with_launch(orders, candidate), candidate, asking)
    there_frac, home_frac = _left(vehicle, energy_of(plan.way, vehicle, candidate.spec, world))
    return replace(
        answer,
        way=told(plan.way, vehicle, world),
        stand_off=plan.stand_off,
        above_home_m=plan.height_m,
        length_m=plan.way.length_m,
        arrives_in_s=plan.arrives_in_s,
        there_frac=there_frac,
        home_frac=home_frac,
    )


def _circle(wish: Circle, candidate: Candidate, asking: Asking) -> Foreseen:
    world, vehicle, spec = asking.moment.world, candidate.vehicle, candidate.spec
    response, height_m = world.site.response, _height(candidate)
    keep_m = response.air_stand_off_m if spec.kind.flies else response.ground_stop_m
    if not keep_m <= wish.radius_m <= RADIUS_AT_MOST_M:
        said = f"expected a radius of {keep_m:.0f} m, the stand-off, to {RADIUS_AT_MOST_M:.0f} m, got {wish.radius_m} m"
        return Foreseen(reasons=(said,))
    asked = max(round(wish.duration_s * spec.cruise_speed_m_s / (2.0 * math.pi * wish.radius_m)), 1)
    turns = min(asked, TURNS_AT_MOST)
    clipped = (f"{asked} turns clipped to {turns}",) if turns != asked else ()
    from_deg = heading_deg(world.airspace.enu(wish.point), candidate.start)
    order = Orbit(wish.point, wish.radius_m, height_m, spec.cruise_speed_m_s, from_deg, turns)
    if refusals := orbit_refusals(order):
        return Foreseen(reasons=tuple(refusals))
    ring = [world.airspace.enu(item.point) for item in mission_of_orbit(order).items]
    corners = corridor_of(candidate, ring[0], world.airspace.corridors) or legal_corners(
        candidate.start, ring[0], vehicle=vehicle, spec=spec, height_m=height_m, world=world
    )
    there = _way_over(candidate, (*(corners or ()), ring[0]))
    whole = replace(there, stops=(*there.stops, *(Stop(each, height_m or 0.0, True) for each in ring[1:])))
    stops = there.stops[1:] if _climbs_first(there) else there.stops
    orders: list[MovingOrder] = [_go_to(stop, candidate, world) for stop in stops]
    answer = _asked(_with_launch([*orders, order], candidate), candidate, asking)
    arrives_s = duration_s(there, vehicle, spec)
    there_frac, home_frac = _left(vehicle, energy_of(whole, vehicle, spec, world))
    return replace(
        answer,
        clipped=(*clipped, *answer.clipped),
        way=told(whole, vehicle, world),
        stand_off=world.airspace.geo(ring[0]),
        above_home_m=height_m,
        radius_m=wish.radius_m,
        turns=turns,
        length_m=whole.length_m,
        arrives_in_s=arrives_s,
        lasts_s=duration_s(whole, vehicle, spec) - arrives_s,
        there_frac=there_frac,
        home_frac=home_frac,
    )


def _turn(wish: Turn, candidate: Candidate, asking: Asking) -> Foreseen:
    world, vehicle, spec = asking.moment.world, candidate.vehicle, candidate.spec
    if (refusals := turn_refusals(vehicle)) or vehicle.position is None:
        return Foreseen(reasons=tuple(refusals))
    here = Stop(candidate.start, vehicle.above_home_m or 0.0, True)
    stay = GoTo(vehicle.position, vehicle.above_home_m, spec.cruise_speed_m_s, look_at=wish.point)
    answer = _asked([stay], candidate, asking)
    if not answer.reasons and isinstance(turn := judged(LookAt(wish.point), vehicle, world, asking, 1), RefusedOrder):
        answer = replace(answer, reasons=turn.reasons)
    away_m = candidate.start.horizontal_distance_m(world.airspace.enu(wish.point))
    far = f"the point is {away_m:.0f} m away, and its camera is good for {spec.sensor_range_m:.0f} m"
    energy = energy_of(Way(here, (here,)), vehicle, spec, world)
    if energy is not None:  # which counts a look of the usual length
        longer_s = LOOK_FOR_S - world.site.response.observe_s
        energy = replace(energy, out_frac=energy.out_frac + longer_s / CONSUMPTION[spec.kind].endurance_s)
    there_frac, home_frac = _left(vehicle, energy)
    return replace(
        answer,
        notes=(*answer.notes, far) if away_m > spec.sensor_range_m else answer.notes,
        way=told(Way(here, ()), vehicle, world),
        stand_off=vehicle.position,
        above_home_m=vehicle.above_home_m,
        length_m=0.0,
        arrives_in_s=0.0,
        lasts_s=LOOK_FOR_S,
        there_frac=there_frac,
        home_frac=home_frac,
    )


# The orders of a task, in turn


def _with_launch(orders: list[MovingOrder], candidate: Candidate) -> list[MovingOrder]:
    return orders if candidate.vehicle.armed else [Launch(_height(candidate)), *orders]


def _asked(orders: Iterable[MovingOrder], candidate: Candidate, asking: Asking) -> Foreseen:
    """What the gate says to each, until it refuses one."""
    vehicle, world, clipped = candidate.vehicle, asking.moment.world, list[str]()
    notes: tuple[str, ...] = ()
    for number, order in enumerate(orders):
        if isinstance(order, Launch):
            world, notes = _with_open_dock(world, vehicle)
        decision = judged(order, vehicle, world, asking, number)
        if isinstance(decision, RefusedOrder):
            return Foreseen(reasons=decision.reasons, clipped=tuple(clipped), notes=notes)
        clipped += [each for each in decision.clipped if each not in clipped]
        vehicle = _after(order, vehicle, candidate.spec, world)
    return Foreseen(clipped=tuple(clipped), notes=notes)


def judged(
    order: Order, vehicle: VehicleState, world: World, asking: Asking, number: int = 0
) -> Approved | RefusedOrder:
    """The approval in it leaves this file in nobody's hands."""
    return judge(
        order,
        vehicle=vehicle,
        world=world,
        evidence=asking.evidence,
        consent=asking.consent,
        parameters=asking.moment.parameters,
        now_us=asking.moment.now_us,
        decision_id=uuid.uuid5(uuid.NAMESPACE_OID, f"{vehicle.vehicle_id}/{asking.moment.now_us}/asked/{number}"),
    )


def _with_open_dock(world: World, vehicle: VehicleState) -> tuple[World, tuple[str, ...]]:
    """Tasking opens it before the launch; that it can be opened was asked already."""
    dock = world.site.dock_of(vehicle.vehicle_id)
    state = None if dock is None else state_of(dock, world.docks)
    if dock is None or state is None or (state.cover is Cover.OPEN and state.doing is None):
        return world, ()
    others = tuple(each for each in world.docks if each.dock_id != dock.id)
    opened = replace(state, cover=Cover.OPEN, doing=None)
    return replace(world, docks=(*others, opened)), (f"its dock '{dock.id}' opens first",)


def _after(order: MovingOrder, vehicle: VehicleState, spec: VehicleSpec, world: World) -> VehicleState:
    """Where it would be, in what mode, and with what battery."""
    airspace, here = world.airspace, vehicle.position
    if here is None:
        return vehicle
    way = way_of(order, position=airspace.enu(here), height_m=vehicle.above_home_m or 0.0, airspace=airspace)
    end = way.stops[-1]
    spent = way_frac(
        spec.kind,
        distance_m=way.length_m,
        climb_m=way.climb_m,
        descent_m=way.descent_m,
        stay_s=0.0,
        speed_m_s=spec.cruise_speed_m_s,
        wind_m_s=(world.wind_for(vehicle) or 0.0) if spec.kind.flies else 0.0,
    )
    left = None if vehicle.battery_frac is None or spent is None else max(vehicle.battery_frac - spent, 0.0)
    return replace(
        vehicle,
        armed=True,
        mode=FlightMode.AUTO if isinstance(order, Orbit) else FlightMode.GUIDED,
        position=here if isinstance(order, Launch) else airspace.geo(end.point),
        above_home_m=end.height_m if spec.kind.flies else vehicle.above_home_m,
        battery_frac=left,
    )


# The way


def _height(candidate: Candidate) -> float | None:
    return candidate.height_m if candidate.spec.kind.flies else None


def _go_to(stop: Stop, candidate: Candidate, world: World) -> GoTo:
    return GoTo(world.airspace.geo(stop.point), _height(candidate), candidate.spec.cruise_speed_m_s)


def _climbs_first(way: Way) -> bool:
    first = way.stops[0]
    return not first.stays and first.point.horizontal_distance_m(way.start.point) < _ON_THE_WAY


def _way_over(candidate: Candidate, places: tuple[PointEnu, ...]) -> Way:
    height_m = _height(candidate) or 0.0
    stops = tuple(Stop(place, height_m, True) for place in places)
    vehicle = candidate.vehicle
    if not vehicle.kind.flies or is_airborne(vehicle):
        return Way(Stop(candidate.start, vehicle.above_home_m or 0.0, False), stops)
    return Way(Stop(candidate.start, 0.0, False), (Stop(candidate.start, height_m, False), *stops))


def told(way: Way, vehicle: VehicleState, world: World) -> tuple[WayStop, ...]:
    flies, geo = vehicle.kind.flies, world.airspace.geo
    return tuple(WayStop(geo(stop.point), stop.height_m if flies else None) for stop in (way.start, *way.stops))


def _left(vehicle: VehicleState, energy: Energy | None) -> tuple[float | None, float | None]:
    """There and at home; None where nobody knows."""
    if vehicle.battery_frac is None or energy is None:
        return None, None
    there = vehicle.battery_frac - energy.out_frac
    return there, there - energy.back_frac
