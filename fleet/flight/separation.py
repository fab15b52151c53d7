"""Do the ways of two of our vehicles meet? Where each is heading, beside `way.vehicles_too_near`: where each is.

In the air, times are not trusted: two ways keep apart by height or by distance, whoever is where first. On the ground
they may cross at different times, with a margin for one that is late. Pure.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from shapely import LineString, Point

from contract.geo import PointEnu
from contract.site import Site
from fleet.flight.airspace import SLACK_M, Airspace
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.watch import Route
from fleet.flight.way import (
    AIR_SEPARATION_M,
    AIR_SEPARATION_VERTICAL_M,
    GROUND_SEPARATION_M,
    Stop,
    Way,
    distance_to_leg_m,
    leg_gap_m,
)
from fleet.flight.world import Box, Course, World, box_of

CROSSING_MARGIN_S = 10.0
SLOWEST_SHARE = 0.5  # of its speed: a rover waits for people, turns and brakes
WHEEL_ERROR = 2.0  # standard deviations of where a rover believes itself

Leg = tuple[Stop, Stop]


def courses_of(
    vehicles: Iterable[VehicleState], routes: Mapping[str, Route], *, site: Site, airspace: Airspace
) -> tuple[Course, ...]:
    """What each vehicle of the site is about to do, as far as anybody knows: what it was told, or its way home."""
    specs = {spec.id: spec for spec in site.vehicles}
    found = []
    for state in vehicles:
        spec, route = specs.get(state.vehicle_id), routes.get(state.vehicle_id)
        if spec is None or state.position is None or (state.armed is False and route is None):
            continue
        here, height_m = airspace.enu(state.position), state.above_home_m or 0.0
        ahead: list[tuple[PointEnu, float]] = []
        if state.mode is FlightMode.RETURN and state.home is not None:
            home, back_m = airspace.enu(state.home), max(height_m, spec.return_altitude_m or 0.0)
            ahead = [(here, back_m), (home, back_m), (home, 0.0)] if state.kind.flies else [(home, 0.0)]
        elif state.mode is FlightMode.LAND:
            ahead = [(here, 0.0)]
        elif route is not None:
            ahead = [(stop.point, stop.height_m) for stop in route.stops]
        if ahead:
            stays_s = 0.0 if route is None else route.stays_s
            found.append(Course(state.vehicle_id, ((here, height_m), *ahead), spec.cruise_speed_m_s, stays_s))
    return tuple(found)


def courses_too_near(way: Way, own: VehicleState, world: World, *, speed_m_s: float) -> list[str]:
    """With whose course the way meets."""
    reasons: list[str] = []
    if not world.courses:
        return reasons
    flies = {state.vehicle_id: state.kind.flies for state in world.vehicles}
    keeps_m = max(AIR_SEPARATION_M, _ground_m(own))
    ours = box_of((stop.point, stop.height_m) for stop in (way.start, *way.stops))
    for course in world.courses:
        if course.vehicle_id == own.vehicle_id or flies.get(course.vehicle_id) is not own.kind.flies:
            continue
        if not _may_meet(ours, course.box, keeps_m):
            continue
        if own.kind.flies:
            reasons += _meeting_in_the_air(way, course)
        else:
            reasons += _meeting_on_the_ground(way, course, own, speed_m_s)
    return reasons


def _may_meet(a: Box, b: Box, keeps_m: float) -> bool:
    """Quickly: most ways are nowhere near each other, or far above."""
    return (
        a[0] - keeps_m < b[1]
        and b[0] - keeps_m < a[1]
        and a[2] - keeps_m < b[3]
        and b[2] - keeps_m < a[3]
        and a[4] - AIR_SEPARATION_VERTICAL_M < b[5]
        and b[4] - AIR_SEPARATION_VERTICAL_M < a[5]
    )


def _ground_m(own: VehicleState) -> float:
    return GROUND_SEPARATION_M + WHEEL_ERROR * (own.gnss_sigma_m or 0.0)


def _legs(course: Course) -> list[Leg]:
    chain = [Stop(point, height_m, False) for point, height_m in course.points]
    return list(dict.fromkeys(pairwise(chain)))


def _meeting_in_the_air(way: Way, course: Course) -> list[str]:
    for other in _legs(course):
        is_there_already = _height_gap_m((way.start, way.start), other) < AIR_SEPARATION_VERTICAL_M
        for leg in way.legs:
            height_gap_m = _height_gap_m(leg, other)
            if height_gap_m >= AIR_SEPARATION_VERTICAL_M:
                continue
            gap_m = leg_gap_m(leg[0].point, leg[1].point, other[0].point, other[1].point)
            if gap_m < AIR_SEPARATION_M and not (is_there_already and _leaves(way, leg, other, AIR_SEPARATION_M)):
                near = f"the way comes within {gap_m:.1f} m of that of '{course.vehicle_id}'"
                expected = f"expected {AIR_SEPARATION_M:.1f} m or {AIR_SEPARATION_VERTICAL_M:.1f} m of height"
                return [f"{near} and {height_gap_m:.1f} m of its height, {expected}"]
    return []


def _height_gap_m(a: Leg, b: Leg) -> float:
    lows, highs = [min(s.height_m for s in leg) for leg in (a, b)], [max(s.height_m for s in leg) for leg in (a, b)]
    return max(lows[0] - highs[1], lows[1] - highs[0], 0.0)


def _from_leg_m(point: PointEnu, leg: Leg) -> float:
    return distance_to_leg_m(point, leg[0].point, leg[1].point)


def _leaves(way: Way, leg: Leg, other: Leg, needed_m: float) -> bool:
    """Does it begin too near the other's leg and go straight away from it, far enough? Distance to a straight leg along
    another is convex: what grows at the beginning grows to the end."""
    if not way.excuses_start or leg[0] is not way.start:
        return False
    a, b = leg[0].point, leg[1].point
    begins_m, length_m = _from_leg_m(a, other), a.horizontal_distance_m(b)
    if begins_m >= needed_m or _from_leg_m(b, other) < needed_m:
        return False
    share = min(1.0 / length_m, 1.0)
    step = PointEnu(a.east_m + share * (b.east_m - a.east_m), a.north_m + share * (b.north_m - a.north_m))
    return _from_leg_m(step, other) >= begins_m - SLACK_M


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A leg with how far along its way it first begins and last ends, metres; infinite where the vehicle stays."""

    leg: Leg
    begins_m: float
    ends_m: float


def _stretches(chain: Iterable[Stop]) -> list[_Stretch]:
    """Each leg once; a lap that repeats it makes it longer in time. At the end it stays."""
    found: dict[Leg, _Stretch] = {}
    far_m, last = 0.0, None
    for leg in pairwise(chain):
        length_m = leg[0].point.horizontal_distance_m(leg[1].point)
        first = found.get(leg)
        found[leg] = _Stretch(leg, far_m if first is None else first.begins_m, far_m + length_m)
        far_m, last = far_m + length_m, leg
    if last is not None:
        found[last] = _Stretch(last, found[last].begins_m, math.inf)
    return list(found.values())


def _meeting_on_the_ground(way: Way, course: Course, own: VehicleState, speed_m_s: float) -> list[str]:
    ours = _stretches((way.start, *way.stops))
    theirs = _stretches(Stop(point, height_m, False) for point, height_m in course.points)
    keeps_m = _ground_m(own)
    for mine in ours:
        for other in theirs:
            if _gap_of(mine.leg, other.leg) >= keeps_m or _leaves(way, mine.leg, other.leg, keeps_m):
                continue
            own_times = _times(mine, other.leg, keeps_m, speed_m_s, way.dwell_s)
            its_times = _times(other, mine.leg, keeps_m, course.speed_m_s, course.stays_s * len(course.points))
            if own_times[0] < its_times[1] and its_times[0] < own_times[1]:
                soon_s = own_times[0] + CROSSING_MARGIN_S
                what = f"the way meets that of '{course.vehicle_id}' after about {soon_s:.0f} s, when it is there too"
                return [f"{what}, expected {CROSSING_MARGIN_S:.0f} s between them"]
    return []


def _gap_of(a: Leg, b: Leg) -> float:
    return leg_gap_m(a[0].point, a[1].point, b[0].point, b[1].point)


def _times(stretch: _Stretch, other: Leg, apart_m: float, speed_m_s: float, dwell_s: float) -> tuple[float, float]:
    """From when to when, seconds from now, it may be on the part of its leg that is so near the other."""
    near_m = list(_near_part_m(stretch.leg, other, apart_m))
    length_m = stretch.leg[0].point.horizontal_distance_m(stretch.leg[1].point)
    first_m = stretch.begins_m + (min(near_m) if near_m else 0.0)
    is_left = math.isfinite(stretch.ends_m) or (near_m and max(near_m) < length_m - SLACK_M)
    end_m = stretch.ends_m if math.isfinite(stretch.ends_m) else stretch.begins_m + length_m
    last_m = end_m - length_m + (max(near_m) if near_m else length_m)
    latest_s = last_m / (SLOWEST_SHARE * speed_m_s) + dwell_s if is_left else math.inf
    return first_m / speed_m_s - CROSSING_MARGIN_S, latest_s


def _near_part_m(leg: Leg, other: Leg, apart_m: float) -> Iterator[float]:
    """How far along the leg its parts near the other begin and end."""
    line = LineString([(s.point.east_m, s.point.north_m) for s in leg])
    if line.length == 0.0:
        return
    near = line.intersection(LineString([(s.point.east_m, s.point.north_m) for s in other]).buffer(apart_m))
    for part in getattr(near, "geoms", [near]):
        for at in part.coords:
            yield float(line.project(Point(at)))
