"""The gate's rules a second time, slowly and by other means: a walk along what it approved, a step at a time.

It shares no code, no constant and no geometry library with fleet/flight, only the type of an order. At each step it
looks at fence, exclusions, buildings, people, other vehicles, the battery and every line home as they are there;
nothing is taken for a whole leg.
What the gate refuses needlessly it does not see: that is what the share of approved worlds is for.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fleet.flight.orders import FlyMission, Order
from tests.fleet.flight.random_worlds import DrawnState, DrawnWorld, Point, Ring

Array = npt.NDArray[np.float64]
STEP_M = 2.0
BACK_STEP_M = 12.0  # between two points from which the lines home are walked
SLACK_M = 0.05  # corners and places are told in 1e-7 degrees, a centimetre each
SLACK_FRAC = 1e-4


@dataclass(frozen=True, slots=True)
class Walk:
    """Steps of a way: (n, 2) places in metres, (n,) heights, battery spent until there; which are on the first leg,
    which are where it stays."""

    xy: Array
    z_m: Array
    spent: Array
    is_first_leg: npt.NDArray[np.bool_]
    stays: npt.NDArray[np.bool_]
    ends: npt.NDArray[np.bool_]


def to_ring_m(xy: Array, ring: Ring) -> Array:
    """Distance of each place to the outline, metres, never negative."""
    a = np.asarray(ring)
    b = np.roll(a, -1, axis=0)
    side = b - a
    along = ((xy[:, None, :] - a) * side).sum(axis=2) / (side * side).sum(axis=1)
    foot = a + np.clip(along, 0.0, 1.0)[:, :, None] * side
    return np.asarray(np.hypot(*(np.moveaxis(xy[:, None, :] - foot, 2, 0))).min(axis=1))


def is_within(xy: Array, ring: Ring) -> npt.NDArray[np.bool_]:
    """Even-odd rule: how many sides does a ray to the east cross?"""
    a = np.asarray(ring)
    b = np.roll(a, -1, axis=0)
    north, east = xy[:, None, 1], xy[:, None, 0]
    spans = (a[:, 1] > north) != (b[:, 1] > north)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = a[:, 0] + (north - a[:, 1]) * (b[:, 0] - a[:, 0]) / (b[:, 1] - a[:, 1])
    return np.asarray((spans & (east < crossing)).sum(axis=1) % 2 == 1)


def inside_m(xy: Array, ring: Ring) -> Array:
    """To the outline: positive inside, negative outside."""
    return np.where(is_within(xy, ring), 1.0, -1.0) * to_ring_m(xy, ring)


def outside_m(xy: Array, ring: Ring) -> Array:
    """To the area: 0 inside it."""
    return np.where(is_within(xy, ring), 0.0, to_ring_m(xy, ring))


def _line(a: Point, b: Point, step_m: float) -> Array:
    steps = max(2, math.ceil(math.dist(a, b) / step_m) + 1)
    return np.linspace(np.asarray(a), np.asarray(b), steps)


def _heights(order: Order) -> list[float]:
    items = order.items if isinstance(order, FlyMission) else (order,)
    heights = [getattr(item, "above_home_m", None) for item in items]
    return [height_m for height_m in heights if height_m is not None]


def walked(world: DrawnWorld, speed_m_s: float) -> Walk:
    """What should be flown: the order inside speed limit and altitude band, from where the vehicle is."""
    ground, vehicle = world.ground, world.vehicle
    here, height_m = world.place, world.height_m
    headway_m_s = speed_m_s - (world.wind_m_s if vehicle.flies else 0.0)
    up_m_s, down_m_s, endurance_s = (2.5, 1.5, 900.0) if vehicle.flies else (1.0, 1.0, 5400.0)
    stops = world.stops or (((world.place), world.launch_to_m, 0.0),)
    xy, z_m, spent, first, stays, ends = [], [], [], [], [], []
    used = 0.0
    for n, (there, asked_m, stay_s) in enumerate(stops):
        to_m = min(max(asked_m, ground.floor_m), ground.ceiling_m) if vehicle.flies else 0.0
        line = _line(here, there, STEP_M)
        share = np.linspace(0.0, 1.0, len(line))
        rise_s = max(to_m - height_m, 0.0) / up_m_s + max(height_m - to_m, 0.0) / down_m_s
        leg = (math.dist(here, there) / headway_m_s if headway_m_s > 0.0 else math.inf) + rise_s
        is_last = n == len(stops) - 1
        xy.append(line)
        z_m.append(height_m + share * (to_m - height_m))
        spent.append(used + share * leg / endurance_s if math.isfinite(leg) else np.full(len(line), math.inf))
        first.append(np.full(len(line), n == 0))
        ends.append(share == 1.0)
        z_m[-1][-1] = to_m
        stays.append((share == 1.0) & bool(world.stops and (stay_s > 0.0 or is_last)))
        used += (leg + stay_s + (ground.observe_s if is_last else 0.0)) / endurance_s
        spent[-1][-1] = used
        here, height_m = there, to_m
    return Walk(*(np.concatenate(each) for each in (xy, z_m, spent, first, stays, ends)))


def speed_of(world: DrawnWorld) -> float:
    return min(world.speed_m_s, world.vehicle.cruise_m_s) if world.stops else world.vehicle.cruise_m_s


def objections(world: DrawnWorld, order: Order | None, *, speed_m_s: float) -> list[str]:
    """Why the vehicle must not do what it is asked for, at a speed of `speed_m_s`; empty when it may. `order`: what was
    approved, which must be what was asked for, inside the altitude band."""
    walk = walked(world, speed_m_s)
    error_m = 2.0 * world.sigma_m
    brake_m_s2 = 2.5 if world.vehicle.flies else 1.0
    margin_m = error_m + (speed_m_s**2 / (2.0 * brake_m_s2) if world.stops else 0.0)
    said = [] if world.flaw is None else [f"flaw: {world.flaw}"]
    if speed_m_s > speed_of(world) + 1e-9:
        said.append("speed")
    if order is not None and _heights(order) != (list(walk.z_m[walk.ends]) if world.vehicle.flies else []):
        said.append("heights")
    said += _band(world, walk)
    said += _fence(world, walk, margin_m)
    said += _obstacles(world, walk, margin_m)
    said += _ways_home(world, walk, error_m)
    said += _people(world, walk, speed_m_s)
    said += [f"vehicle {n}" for n, other in enumerate(world.others) if _meets(world, walk, other)]
    said += _battery(world, walk)
    return said


def _band(world: DrawnWorld, walk: Walk) -> list[str]:
    ground = world.ground
    if not world.vehicle.flies:
        return []
    heights = walk.z_m[walk.ends]
    said = [] if ((heights >= ground.floor_m - 1e-9) & (heights <= ground.ceiling_m + 1e-9)).all() else ["band"]
    if world.vehicle.return_m > ground.ceiling_m:
        said.append("band of the return")
    if world.wind_m_s > ground.max_wind_m_s:
        said.append("wind")
    return said


def _fence(world: DrawnWorld, walk: Walk, margin_m: float) -> list[str]:
    inside = inside_m(walk.xy, world.ground.fence)
    if (inside < -SLACK_M).any():
        return ["fence"]
    least_m = np.where(walk.is_first_leg, min(margin_m, float(inside[0])), margin_m)
    near = (inside < least_m - SLACK_M).any() or (inside[walk.ends] < margin_m - SLACK_M).any()
    return ["near the fence"] if near else []


def _obstacles(world: DrawnWorld, walk: Walk, margin_m: float) -> list[str]:
    rings: list[tuple[Ring, float]] = [(ring, math.inf) for ring in world.ground.no_fly if world.vehicle.flies]
    rings += [(ring, top_m + 5.0 if world.vehicle.flies else math.inf) for ring, top_m in world.ground.buildings]
    said = []
    for ring, clear_above_m in rings:
        away = outside_m(walk.xy, ring)
        low = walk.z_m < clear_above_m - 1e-9
        least_m = margin_m if not low[0] else min(margin_m, float(away[0]))
        if (low & (away <= 0.0) & (to_ring_m(walk.xy, ring) > SLACK_M)).any():
            said.append("in an exclusion or a building")
        elif (low & (away < least_m - SLACK_M)).any():
            said.append("near an exclusion or a building")
    return said


def _ways_home(world: DrawnWorld, walk: Walk, error_m: float) -> list[str]:
    """From points all along, straight to home and to the rally point, at the height of its return."""
    ground, vehicle = world.ground, world.vehicle
    rings = list(ground.no_fly) if vehicle.flies else []
    rings += [ring for ring, top_m in ground.buildings if not vehicle.flies or top_m > vehicle.return_m - 5.0]
    start_m = float(inside_m(walk.xy[:1], ground.fence)[0])
    places = [vehicle.dock, *([ground.rally[vehicle.name]] if vehicle.name in ground.rally else [])]
    from_points = walk.xy[:: max(1, round(BACK_STEP_M / STEP_M))]
    for place in places:
        spot = np.asarray([place])
        lines = np.concatenate([_line((float(p[0]), float(p[1])), place, 3.0 * STEP_M) for p in from_points])
        inside = inside_m(lines, ground.fence)
        least_m = max(min(error_m, start_m, float(inside_m(spot, ground.fence)[0])), 0.0)
        if (inside < least_m - SLACK_M).any():
            return ["the way home leaves the fence"]
        for ring in rings:
            away = outside_m(lines, ring)
            within = (away <= 0.0) & (to_ring_m(lines, ring) > SLACK_M)
            if within.any() or (away < min(error_m, float(outside_m(spot, ring)[0])) - SLACK_M).any():
                return ["the way home is not clear"]
    return []


def _people(world: DrawnWorld, walk: Walk, speed_m_s: float) -> list[str]:
    ground, flies = world.ground, world.vehicle.flies
    stay_m, pass_m = (ground.stand_off_m, 10.0) if flies else (ground.stop_m, ground.stop_m)
    said = []
    for place, sigma_m, age_s in world.people:
        if age_s > 10.0:
            continue
        error_m = sigma_m + 1.0 * age_s
        away = np.hypot(walk.xy[:, 0] - place[0], walk.xy[:, 1] - place[1])
        least_m = min(pass_m, stay_m) + error_m
        if world.stops:
            least_m = min(least_m, float(away[0]))  # who is too near may leave; a launch is where it stays
        if (away < least_m - SLACK_M).any() or (away[walk.stays] < stay_m + error_m - SLACK_M).any():
            said.append("a person")
        is_slow = flies or not world.stops or speed_m_s <= ground.near_people_m_s + 1e-9
        if not is_slow and (away < 2.0 * ground.stop_m + error_m - SLACK_M).any():
            said.append("too fast near a person")
    return said


def _meets(world: DrawnWorld, walk: Walk, other: DrawnState) -> bool:
    """Is the other one, where it is now, in the way of any step?"""
    flies = world.vehicle.flies
    if not other.is_heard or (flies and not (other.flies and other.armed)):
        return False
    if not flies and other.flies and (other.height_m or 0.0) > 5.0:
        return False
    if other.place is None or (flies and other.height_m is None):
        return True
    away = np.hypot(walk.xy[:, 0] - other.place[0], walk.xy[:, 1] - other.place[1])
    gap = np.abs(walk.z_m - (other.height_m or 0.0)) if flies else np.zeros(len(away))
    least_m = 10.0 if flies else 3.0
    if world.stops and gap[0] < 5.0:
        least_m = min(least_m, float(away[0]))
    return bool(((away < least_m - SLACK_M) & (gap < 5.0 - 1e-9)).any())


def _battery(world: DrawnWorld, walk: Walk) -> list[str]:
    """At every step there must be enough left to come home from there and still have the reserve."""
    vehicle, home = world.vehicle, world.vehicle.dock
    headway_m_s = vehicle.cruise_m_s - (world.wind_m_s if vehicle.flies else 0.0)
    if headway_m_s <= 0.0:
        return ["no headway"]
    seconds = np.hypot(walk.xy[:, 0] - home[0], walk.xy[:, 1] - home[1]) / headway_m_s
    if vehicle.flies:
        top_m = np.maximum(walk.z_m, vehicle.return_m)
        seconds = seconds + (top_m - walk.z_m) / 2.5 + (top_m - 10.0) / 1.5 + 10.0 / 0.5
    left = world.battery - walk.spent - seconds / (900.0 if vehicle.flies else 5400.0)
    return [] if (left >= world.ground.reserve - SLACK_FRAC).all() else ["battery"]
