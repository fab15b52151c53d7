"""The way an order takes, as straight legs, and why it must not be taken: limits, people, other vehicles, battery.

One rule everywhere: a leg keeps its distance, except that a vehicle already nearer than that may move away: "not nearer
than it is now". Where it stays (a destination, a launch) nothing is excused.
"""

import itertools
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from contract.geo import GeoPoint, PointEnu
from contract.site import Response
from contract.site import Vehicle as VehicleSpec
from fleet.flight.airspace import SLACK_M, Airspace, Reach, reach_of
from fleet.flight.energy import home_frac, stopping_m, way_frac
from fleet.flight.orbit import mission_of_orbit
from fleet.flight.orders import FlyMission, GoTo, Launch, MissionItem, Orbit
from fleet.flight.rally import alternate_of
from fleet.flight.vehicle import VehicleState
from fleet.flight.world import TrackedPerson, World

MovingOrder = Launch | GoTo | Orbit | FlyMission
AIR_PATH_CLEARANCE_M = (
    10.0  # horizontally from every tracked person, passing; the site's stand-off holds where it stays
)
AIR_SEPARATION_M = 10.0  # horizontally between two of ours: twice (3 m GNSS, 95 %) + 1 s of drift
AIR_SEPARATION_VERTICAL_M = 5.0  # two barometers
GROUND_SEPARATION_M = 3.0
PERSON_SIGMA_GROWTH_M_S = 1.0  # a person walks 1.4 m/s in a direction nobody knows
PERSON_FORGET_S = 10.0  # a track unseen this long is no longer somebody's place
ON_GROUND_BELOW_M = 1.0


@dataclass(frozen=True, slots=True)
class Stop:
    """End of a leg. `height_m` is above home, 0 for a ground vehicle; `stays`: people keep the full stand-off here."""

    point: PointEnu
    height_m: float
    stays: bool


@dataclass(frozen=True, slots=True)
class Way:
    """From where a vehicle is, over `stops`. `excuses_start` is False for a launch: its start is its destination."""

    start: Stop
    stops: tuple[Stop, ...]
    dwell_s: float = 0.0
    excuses_start: bool = True

    @property
    def legs(self) -> list[tuple[Stop, Stop]]:
        """Each different leg once: laps repeat themselves."""
        chain = (self.start, *self.stops)
        return list(dict.fromkeys(itertools.pairwise(chain)))

    @property
    def reach(self) -> Reach:
        return reach_of(stop.point for stop in (self.start, *self.stops))

    @property
    def length_m(self) -> float:
        chain = (self.start, *self.stops)
        return sum(a.point.horizontal_distance_m(b.point) for a, b in itertools.pairwise(chain))

    @property
    def climb_m(self) -> float:
        chain = (self.start, *self.stops)
        return sum(max(b.height_m - a.height_m, 0.0) for a, b in itertools.pairwise(chain))

    @property
    def descent_m(self) -> float:
        chain = (self.start, *self.stops)
        return sum(max(a.height_m - b.height_m, 0.0) for a, b in itertools.pairwise(chain))


def way_of(order: MovingOrder, *, position: PointEnu, height_m: float, airspace: Airspace) -> Way:
    """The legs of an order from where the vehicle is."""
    start = Stop(position, height_m, False)
    if isinstance(order, Launch):
        return Way(start, (Stop(position, order.above_home_m or 0.0, False),), excuses_start=False)
    if isinstance(order, GoTo):
        return Way(start, (Stop(airspace.enu(order.point), order.above_home_m or 0.0, True),))
    if isinstance(order, Orbit):  # all along it stays near its centre, so people keep the full stand-off
        ring = mission_of_orbit(order).items
        return Way(start, tuple(replace(stop, stays=True) for stop in stops_of(ring, airspace)))
    items = order.items[order.from_index :]
    return Way(start, stops_of(items, airspace), dwell_s=sum(item.dwell_s for item in items))


def stops_of(items: Sequence[MissionItem], airspace: Airspace) -> tuple[Stop, ...]:
    """It stays where it is told to, and at the last: there it waits for what comes next."""
    last = len(items) - 1
    return tuple(
        Stop(airspace.enu(item.point), item.above_home_m or 0.0, item.dwell_s > 0.0 or index == last)
        for index, item in enumerate(items)
    )


def distance_to_leg_m(point: PointEnu, a: PointEnu, b: PointEnu) -> float:
    """Horizontal distance of a point to the straight leg from `a` to `b`."""
    east, north = b.east_m - a.east_m, b.north_m - a.north_m
    square = east * east + north * north
    if square == 0.0:
        return point.horizontal_distance_m(a)
    along = ((point.east_m - a.east_m) * east + (point.north_m - a.north_m) * north) / square
    share = min(max(along, 0.0), 1.0)
    return math.hypot(point.east_m - a.east_m - share * east, point.north_m - a.north_m - share * north)


def leg_gap_m(a: PointEnu, b: PointEnu, c: PointEnu, d: PointEnu) -> float:
    """Horizontal distance between the straight legs a to b and c to d; 0 where they cross."""
    if _cross(a, b, c, d):
        return 0.0
    ends = ((a, c, d), (b, c, d), (c, a, b), (d, a, b))
    return min(distance_to_leg_m(point, one, other) for point, one, other in ends)


def _cross(a: PointEnu, b: PointEnu, c: PointEnu, d: PointEnu) -> bool:
    return _side(a, b, c) * _side(a, b, d) < 0.0 and _side(c, d, a) * _side(c, d, b) < 0.0


def _side(a: PointEnu, b: PointEnu, point: PointEnu) -> float:
    """Positive on the left of the line from a to b."""
    return (b.east_m - a.east_m) * (point.north_m - a.north_m) - (b.north_m - a.north_m) * (point.east_m - a.east_m)


def error_m(person: TrackedPerson, now_us: int) -> float | None:
    """One standard deviation of where a person is by now; None when the sighting is too old to be a place."""
    age_s = max((now_us - person.seen_at_us) / 1e6, 0.0)
    return None if age_s > PERSON_FORGET_S else person.sigma_m + PERSON_SIGMA_GROWTH_M_S * age_s


def people_too_near(
    way: Way,
    people: Collection[TrackedPerson],
    *,
    airspace: Airspace,
    response: Response,
    flies: bool,
    now_us: int,
    beside_error_m: float | None = None,
) -> list[str]:
    """Which tracked persons the way comes too near to.

    Each person counts with the error of the position, or with `beside_error_m` in its place (0: the believed point).
    """
    stay_m = response.air_stand_off_m if flies else response.ground_stop_m
    pass_m = AIR_PATH_CLEARANCE_M if flies else response.ground_stop_m
    reasons = []
    legs, reach = (way.legs, way.reach) if people else ([], None)
    for person in people:
        sigma_m = error_m(person, now_us)
        if sigma_m is None:
            continue
        extra_m = sigma_m if beside_error_m is None else beside_error_m
        spot = airspace.enu(person.point)
        if reach is None or reach.is_far(spot, max(stay_m, pass_m) + extra_m):
            continue
        now_m = spot.horizontal_distance_m(way.start.point)
        passes_at_m = min(pass_m, stay_m) + extra_m
        if way.excuses_start:
            passes_at_m = min(passes_at_m, now_m - SLACK_M)
        passing = min((distance_to_leg_m(spot, a.point, b.point) for a, b in legs), default=now_m)
        staying = min((spot.horizontal_distance_m(s.point) for s in way.stops if s.stays), default=math.inf)
        if staying < stay_m + extra_m:
            reasons.append(
                f"the destination is {staying:.1f} m from a tracked person, expected {stay_m + extra_m:.1f} m"
            )
        elif passing < passes_at_m:
            reasons.append(f"the way passes {passing:.1f} m from a tracked person, expected {passes_at_m:.1f} m")
    return reasons


def vehicles_too_near(way: Way, own: VehicleState, others: Iterable[VehicleState], airspace: Airspace) -> list[str]:
    """Which of our other vehicles the way comes too near to: by height or by distance, now and all along."""
    reasons, legs, reach = [], way.legs, way.reach
    own_flies = own.kind.flies
    for other in others:
        if other.vehicle_id == own.vehicle_id or other.heard_at_us is None:
            continue  # never heard: switched off, so not in the way as far as anybody knows
        flying = own_flies and other.kind.flies
        if (own_flies and not flying) or (flying and other.armed is False):
            continue
        if not own_flies and other.kind.flies and (other.above_home_m or 0.0) > AIR_SEPARATION_VERTICAL_M:
            continue
        if other.position is None or (flying and other.above_home_m is None):
            reasons.append(f"where '{other.vehicle_id}' is is not known")
            continue
        spot = airspace.enu(other.position)
        needed_m = AIR_SEPARATION_M if flying else GROUND_SEPARATION_M
        if reach.is_far(spot, needed_m):
            continue
        is_above_or_below = flying and _height_gap_m(way.start, way.start, other) >= AIR_SEPARATION_VERTICAL_M
        if way.excuses_start and not is_above_or_below:  # what is apart by height now must not come down beside it
            needed_m = min(needed_m, spot.horizontal_distance_m(way.start.point) - SLACK_M)
        for a, b in legs:
            gap_m = distance_to_leg_m(spot, a.point, b.point)
            if gap_m < needed_m and not (flying and _height_gap_m(a, b, other) >= AIR_SEPARATION_VERTICAL_M):
                reasons.append(f"the way passes {gap_m:.1f} m from '{other.vehicle_id}', expected {needed_m:.1f} m")
                break
    return reasons


def _height_gap_m(a: Stop, b: Stop, other: VehicleState) -> float:
    low, high, its = min(a.height_m, b.height_m), max(a.height_m, b.height_m), other.above_home_m or 0.0
    return max(low - its, its - high, 0.0)


def is_airborne(state: VehicleState) -> bool | None:
    """Is a flying vehicle in the air? None: not known. A ground vehicle never is."""
    if not state.kind.flies:
        return False
    if state.armed is False:
        return False
    if state.armed is None or state.above_home_m is None:
        return None
    return state.above_home_m >= ON_GROUND_BELOW_M


def margin_m(vehicle: VehicleState, speed_m_s: float) -> float:
    """Distance to keep from limits: position error (95 %) and the way to stop. Raises nothing: an unknown error was
    refused before, and counts as none here."""
    return 2.0 * (vehicle.gnss_sigma_m or 0.0) + stopping_m(vehicle.kind, speed_m_s)


def way_refusals(way: Way, *, speed_m_s: float, vehicle: VehicleState, world: World, now_us: int) -> list[str]:
    """Why this way must not be taken: fence, obstacles, height, people, other vehicles, battery. Also dispatch's check
    of a stand-off point."""
    airspace, response, flies = world.airspace, world.site.response, vehicle.kind.flies
    spec = world.spec(vehicle.vehicle_id)
    reasons = _band_refusals(way, spec, world) if flies else []
    reasons += line_refusals(way, margin_m(vehicle, speed_m_s), spec, vehicle, world)
    reasons += people_too_near(way, world.people, airspace=airspace, response=response, flies=flies, now_us=now_us)
    reasons += vehicles_too_near(way, vehicle, world.vehicles, airspace)
    reasons += _energy_refusals(way, speed_m_s, spec, vehicle, world)
    return list(dict.fromkeys(reasons))


def _band_refusals(way: Way, spec: VehicleSpec, world: World) -> list[str]:
    fence = world.site.geofence
    reasons = [
        f"height {stop.height_m:.1f} m above home, expected {fence.floor_m:.1f} to {fence.ceiling_m:.1f} m"
        for stop in way.stops
        if not fence.floor_m <= stop.height_m <= fence.ceiling_m
    ]
    if (spec.return_altitude_m or 0.0) > fence.ceiling_m:
        reasons.append(f"it would return at {spec.return_altitude_m} m, above the ceiling of {fence.ceiling_m:.1f} m")
    return reasons


def _return_places(vehicle: VehicleState, world: World) -> list[PointEnu]:
    """Where the vehicle may turn to by itself: home, and its rally point, whichever is nearer then (of one whose dock
    may be shut: the rally point, or home at our word)."""
    rally = world.airspace.rally_points.get(vehicle.vehicle_id)
    return [world.airspace.enu(place) for place in (vehicle.home, rally) if place is not None]


def landing_places(home: GeoPoint, vehicle_id: str, world: World) -> list[PointEnu]:
    """Where a battery must last to: home, and the alternate of the vehicle's dock."""
    alternate = alternate_of(world.site, vehicle_id)
    return [world.airspace.enu(place) for place in (home, alternate) if place is not None]


def line_refusals(way: Way, margin: float, spec: VehicleSpec, vehicle: VehicleState, world: World) -> list[str]:
    """Fence and obstacles along the way, and along each straight return from it."""
    airspace = world.airspace
    flies, places = vehicle.kind.flies, _return_places(vehicle, world)
    error_m = 2.0 * (vehicle.gnss_sigma_m or 0.0)
    reasons: list[str] = []
    for a, b in way.legs:
        lowest_m = min(a.height_m, b.height_m)
        leg_margin_m = margin if way.excuses_start else error_m  # a launch goes nowhere
        reasons += airspace.leg_refusals(
            a.point, b.point, flies=flies, lowest_m=lowest_m, starts_at_m=a.height_m, margin_m=leg_margin_m
        )
        for place in places:
            reasons += airspace.return_refusals(
                a.point, b.point, place, flies=flies, height_m=spec.return_altitude_m or 0.0, margin_m=error_m
            )
    return reasons


def _energy_refusals(way: Way, speed_m_s: float, spec: VehicleSpec, vehicle: VehicleState, world: World) -> list[str]:
    wind = world.wind_for(vehicle) if spec.kind.flies else 0.0
    if vehicle.battery_frac is None or vehicle.home is None or wind is None:
        return []  # refused by readiness already
    end = way.stops[-1]
    out = way_frac(
        spec.kind,
        distance_m=way.length_m,
        climb_m=way.climb_m,
        descent_m=way.descent_m,
        stay_s=way.dwell_s + world.site.response.observe_s,
        speed_m_s=speed_m_s,
        wind_m_s=wind,
    )
    places = landing_places(vehicle.home, vehicle.vehicle_id, world)
    farthest_m = max(stop.point.horizontal_distance_m(place) for stop in way.stops for place in places)
    back = home_frac(
        spec.kind,
        distance_m=farthest_m,
        height_m=end.height_m,
        return_height_m=spec.return_altitude_m or 0.0,
        speed_m_s=spec.cruise_speed_m_s,
        wind_m_s=wind,
    )
    if out is None or back is None:
        return [f"against {wind:.1f} m/s of wind it makes no way"]
    needed = out + back + world.site.response.battery_reserve_frac
    if vehicle.battery_frac >= needed:
        return []
    return [f"battery {vehicle.battery_frac:.0%}, expected {needed:.0%}: the way, home again and the reserve"]
