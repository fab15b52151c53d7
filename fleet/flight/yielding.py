"""When manned traffic is too near, and what a copter of ours then does (SAFETY 13: we yield).

What it does: straight down to the lowest height the site permits there, and hold. Not return: coming home climbs to the
vehicle's return height first and crosses the site, towards whoever we give way to. Not land: what is below was not
judged as a landing place. Manned aircraft keep 150 m and more above ground nearly everywhere; down is away from them.
One that comes home already goes on: it is on its way to the ground. Pure, like gate and watch, which ask it.
"""

import math
from dataclasses import dataclass

from contract.airspace import MannedTraffic
from contract.geo import PointEnu
from fleet.flight.orders import Hold, HoldLow
from fleet.flight.traffic import FORGET_S, Aircraft, ahead
from fleet.flight.vehicle import VehicleState
from fleet.flight.way import AIR_SEPARATION_M, Stop, Way, is_airborne, leg_gap_m
from fleet.flight.world import World

YIELD_SHARE = 2.0 / 3.0  # of what the gate keeps: nobody is let go only to give way at once
ASSUMED_SPEED_M_S = 80.0  # where none is told: a helicopter or a light aircraft, any way it likes
ASSUMED_CLIMB_M_S = 5.0  # 1000 feet a minute, up or down
DRIFT_M_S = 10.0  # how far it may be beside its course for each second since it was heard
LOW_ENOUGH_M = 2.0
STACKED_M = 6.0  # between copters of ours one above the other: they stay in their order


@dataclass(frozen=True, slots=True)
class Nearing:
    """The closest one: how far from the way it is or comes, metres; `is_now`: already."""

    aircraft: Aircraft
    gap_m: float
    is_now: bool

    def words(self, volume: MannedTraffic) -> str:
        when = "is" if self.is_now else f"within {volume.ahead_s:.0f} s comes"
        return (
            f"manned aircraft {self.aircraft.name} {when} within {math.ceil(self.gap_m)} m, "
            f"expected {volume.radius_m:.0f} m"
        )


def traffic_refusals(way: Way, world: World, now_us: int) -> list[str]:
    """Why a copter must not take this way now."""
    volume = world.site.airspace.traffic
    nearing = _nearing(way, world, volume, now_us)
    return [found.words(volume) for found in nearing]


def yield_to(
    state: VehicleState, stops: tuple[Stop, ...], world: World, now_us: int
) -> tuple[Hold | HoldLow, str] | None:
    """What a copter in the air does about traffic near its place or the rest of its way, and why; None: go on."""
    if not world.traffic or not state.kind.flies or state.position is None or is_airborne(state) is False:
        return None
    given = world.site.airspace.traffic
    volume = given.model_copy(
        update={name: YIELD_SHARE * getattr(given, name) for name in ("radius_m", "height_m", "ahead_s")}
    )
    here = world.airspace.enu(state.position)
    way = Way(Stop(here, state.above_home_m or 0.0, False), stops)
    nearest = min(_nearing(way, world, volume, now_us), key=lambda each: each.gap_m, default=None)
    if nearest is None:
        return None
    low_m = lowest_m(state, here, world)
    is_low = state.above_home_m is None or state.above_home_m <= low_m + LOW_ENOUGH_M
    return Hold() if is_low else HoldLow(state.position, low_m), nearest.words(volume)


def lowest_m(state: VehicleState, here: PointEnu, world: World) -> float:
    """The lowest height above home that is permitted here: the band's floor, clear of roofs, and above whoever of ours
    is below, who goes down too."""
    margin_m = 2.0 * (state.gnss_sigma_m or 0.0) + AIR_SEPARATION_M / 2.0
    free_m = max(world.site.geofence.floor_m, world.airspace.clear_of_roofs_m(here, within_m=margin_m))
    own = (state.above_home_m or 0.0, state.vehicle_id)
    below = sum(
        (other.above_home_m or 0.0, other.vehicle_id) < own
        for other in world.vehicles
        if other.vehicle_id != state.vehicle_id and _is_in_column(other, here, world)
    )
    return free_m + below * STACKED_M


def _is_in_column(other: VehicleState, here: PointEnu, world: World) -> bool:
    if other.position is None or not is_airborne(other):
        return False
    return world.airspace.enu(other.position).horizontal_distance_m(here) < 2.0 * AIR_SEPARATION_M


@dataclass(frozen=True, slots=True)
class _Space:
    """Where a way leads: its legs, how far from its start, and between which heights above mean sea level."""

    start: PointEnu
    legs: tuple[tuple[PointEnu, PointEnu], ...]
    reach_m: float
    lowest_m: float
    highest_m: float


def _space_of(way: Way, world: World) -> _Space:
    start, ground_m = way.start.point, world.site.origin.ground_amsl_m
    heights_m = [stop.height_m + ground_m for stop in (way.start, *way.stops)]
    return _Space(
        start,
        tuple((a.point, b.point) for a, b in way.legs) or ((start, start),),
        max((start.horizontal_distance_m(stop.point) for stop in way.stops), default=0.0),
        min(heights_m),
        max(heights_m),
    )


def _nearing(way: Way, world: World, volume: MannedTraffic, now_us: int) -> list[Nearing]:
    """All that are in the volume around the way, or will be."""
    if not world.traffic:
        return []
    space = _space_of(way, world)
    found = (_nearing_of(each, space, world, volume, now_us) for each in world.traffic)
    return [each for each in found if each is not None]


def _nearing_of(aircraft: Aircraft, space: _Space, world: World, volume: MannedTraffic, now_us: int) -> Nearing | None:
    """None: neither now nor soon, or not heard for too long."""
    age_s = aircraft.age_s(now_us)
    if age_s > FORGET_S or _passes_above_or_below(aircraft, space, volume, age_s):
        return None
    told = world.airspace.enu(aircraft.point)
    radius_m = volume.radius_m + DRIFT_M_S * age_s
    speed_m_s = ASSUMED_SPEED_M_S if aircraft.speed_m_s is None else aircraft.speed_m_s
    could_fly_m = speed_m_s * (age_s + volume.ahead_s)
    if told.horizontal_distance_m(space.start) > space.reach_m + radius_m + could_fly_m:
        return None
    flown, coming = ahead(aircraft, seconds=age_s), ahead(aircraft, seconds=age_s + volume.ahead_s)
    if flown is None or coming is None:  # nobody knows where to: anywhere it can be by then
        gap_m = _gap_m(space, told, told)
        is_now = gap_m <= radius_m + speed_m_s * age_s
        found_m = gap_m if is_now else max(gap_m - could_fly_m, 0.0)
        return Nearing(aircraft, found_m, is_now) if gap_m <= radius_m + could_fly_m else None
    here, there = (PointEnu(told.east_m + east, told.north_m + north) for east, north in (flown, coming))
    gap_now_m = _gap_m(space, here, here)
    if gap_now_m <= radius_m:
        return Nearing(aircraft, gap_now_m, is_now=True)
    gap_m = _gap_m(space, here, there)
    return Nearing(aircraft, gap_m, is_now=False) if gap_m <= radius_m else None


def _passes_above_or_below(aircraft: Aircraft, space: _Space, volume: MannedTraffic, age_s: float) -> bool:
    """A height that is not told counts as ours."""
    if aircraft.amsl_m is None:
        return False
    seconds = age_s + volume.ahead_s
    if aircraft.climb_m_s is None:
        down_m = up_m = ASSUMED_CLIMB_M_S * seconds
    else:
        down_m, up_m = max(-aircraft.climb_m_s, 0.0) * seconds, max(aircraft.climb_m_s, 0.0) * seconds
    lowest_m = aircraft.amsl_m - down_m - aircraft.amsl_error_m - volume.height_m
    highest_m = aircraft.amsl_m + up_m + aircraft.amsl_error_m + volume.height_m
    return lowest_m > space.highest_m or highest_m < space.lowest_m


def _gap_m(space: _Space, a: PointEnu, b: PointEnu) -> float:
    """Horizontal distance of the way to the straight course from `a` to `b`."""
    return min(leg_gap_m(one, other, a, b) for one, other in space.legs)
