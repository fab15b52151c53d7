"""What is wrong with a vehicle in flight, at one moment, and what would make it safe; pure.

Who is judged how: a vehicle with a task of ours or under an order of the monitor by the whole list; any other of ours
in the air by breach and separation alone (after a restart we adopt, SAFETY 12); one in a pilot's hands, or coming home
already, by nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from contract.geo import PointEnu
from fleet.flight.energy import home_frac, stopping_m
from fleet.flight.orders import ComingHome, Hold, ReturnHome
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.way import AIR_SEPARATION_M, AIR_SEPARATION_VERTICAL_M, Stop, Way, is_airborne, people_too_near
from fleet.flight.world import World

SILENT_S = 5.0  # the vehicle's own ground-station failsafe waits as long
BATTERY_SILENT_S = 30.0
LOOK_AHEAD_S = 1.0  # one cycle, one command, one answer
LOST_SEPARATION = 0.7  # of what the gate keeps: lost, not merely thin
ABOVE_CEILING_M = 3.0
PEOPLE_PATIENCE_US = 1_000_000  # re-judged each cycle; a vehicle at 8 m/s comes one way margin nearer meanwhile
BATTERY_SPARE_FRAC = 0.05  # beyond what home needs by the pessimistic model


@dataclass(frozen=True, slots=True)
class Route:
    """What tasking is having a vehicle do: the stops still ahead, and the longest it may stay at one."""

    stops: tuple[Stop, ...]
    stays_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    now_us: int
    world: World
    routes: Mapping[str, Route]


@dataclass(frozen=True, slots=True)
class Hazard:
    """`patience_us`: how long it must last before the monitor acts, so that tasking, which sees it first, may."""

    order: ComingHome
    reason: str
    patience_us: int = 0


def is_ours_to_command(state: VehicleState) -> bool:
    """Armed, and not in a pilot's hands (SAFETY 12). Unknown counts as no: there is nobody to hear us."""
    return state.armed is True and state.mode is not FlightMode.MANUAL


def hazard_of(state: VehicleState, snapshot: Snapshot, *, is_watched: bool) -> Hazard | None:
    """The worst thing wrong, or None. `is_watched`: the monitor's own order is in force."""
    if not is_ours_to_command(state) or state.mode in (FlightMode.RETURN, FlightMode.LAND):
        return None
    route = snapshot.routes.get(state.vehicle_id)
    hazard = _breach(state, snapshot)
    if hazard is None and (route is not None or is_watched):
        hazard = _silence(state, snapshot.now_us) or _battery(state, snapshot)
    if hazard is None and state.mode is not FlightMode.HOLD:
        hazard = _separation(state, snapshot)
        if hazard is None and route is not None:
            hazard = _quarantine(state) or _leaving(state, snapshot) or _people(state, route, snapshot)
    return hazard


def no_progress_is_hazard(state: VehicleState) -> Hazard:
    return Hazard(_home_or_hold(state), "no progress on its way")


def has_arrived(state: VehicleState, route: Route, world: World) -> bool:
    """At its last stop: standing still is what it should do."""
    if state.position is None or not route.stops:
        return not route.stops
    last, here = route.stops[-1], world.airspace.enu(state.position)
    near = here.horizontal_distance_m(last.point) <= 5.0
    return near and (not state.kind.flies or abs((state.above_home_m or 0.0) - last.height_m) <= 5.0)


def _home_or_hold(state: VehicleState) -> ComingHome:
    return ReturnHome() if state.kind.flies else Hold()


def _breach(state: VehicleState, snapshot: Snapshot) -> Hazard | None:
    if state.position is None or (state.kind.flies and not is_airborne(state)):
        return None
    world = snapshot.world
    outside_m = -world.airspace.inside_by_m(world.airspace.enu(state.position))
    if outside_m > 0.0:
        return Hazard(_home_or_hold(state), f"{outside_m:.1f} m outside the geofence")
    ceiling_m = world.site.geofence.ceiling_m
    if state.kind.flies and (state.above_home_m or 0.0) > ceiling_m + ABOVE_CEILING_M:
        return Hazard(ReturnHome(), f"{state.above_home_m:.1f} m above home, expected at most {ceiling_m:.1f} m")
    return None


def _silence(state: VehicleState, now_us: int) -> Hazard | None:
    for what, at_us in (("link", state.heard_at_us), ("position", state.position_at_us)):
        if at_us is None or (now_us - at_us) / 1e6 > SILENT_S:
            return Hazard(_home_or_hold(state), f"{what} lost for more than {SILENT_S:.0f} s")
    return None


def _battery(state: VehicleState, snapshot: Snapshot) -> Hazard | None:
    at_us = state.battery_at_us
    if state.battery_frac is None or at_us is None or (snapshot.now_us - at_us) / 1e6 > BATTERY_SILENT_S:
        return Hazard(_home_or_hold(state), f"battery not known for {BATTERY_SILENT_S:.0f} s")
    world, spec = snapshot.world, snapshot.world.spec(state.vehicle_id)
    if state.position is None or state.home is None:
        return None
    here, home = world.airspace.enu(state.position), world.airspace.enu(state.home)
    wind = world.wind_for(state)
    needed = home_frac(
        spec.kind,
        distance_m=here.horizontal_distance_m(home),
        height_m=state.above_home_m or 0.0,
        return_height_m=spec.return_altitude_m or 0.0,
        speed_m_s=spec.cruise_speed_m_s,
        wind_m_s=spec.cruise_speed_m_s / 2.0 if wind is None else wind,
    )
    if needed is None:
        return Hazard(ReturnHome(), f"against {wind} m/s of wind it hardly comes home")
    needed += BATTERY_SPARE_FRAC
    if state.battery_frac < needed:
        return Hazard(ReturnHome(), f"battery {state.battery_frac:.0%}, home needs {needed:.0%}")
    return None


def _separation(state: VehicleState, snapshot: Snapshot) -> Hazard | None:
    if not is_airborne(state) or state.position is None:
        return None
    here = snapshot.world.airspace.enu(state.position)
    for other in snapshot.world.vehicles:
        if other.vehicle_id == state.vehicle_id or not is_airborne(other) or other.position is None:
            continue
        apart_m = here.horizontal_distance_m(snapshot.world.airspace.enu(other.position))
        height_gap_m = abs((state.above_home_m or 0.0) - (other.above_home_m or 0.0))
        too_near = apart_m < LOST_SEPARATION * AIR_SEPARATION_M
        if too_near and height_gap_m < LOST_SEPARATION * AIR_SEPARATION_VERTICAL_M:
            return Hazard(Hold(), f"{apart_m:.1f} m from '{other.vehicle_id}'")
    return None


def _quarantine(state: VehicleState) -> Hazard | None:
    reason = next((reason for reason in state.not_ready_because if "quarantine" in reason), None)
    return None if reason is None else Hazard(Hold(), reason)


def _leaving(state: VehicleState, snapshot: Snapshot) -> Hazard | None:
    """Would it be outside if it started to stop in a moment?"""
    east, north = state.velocity_east_m_s, state.velocity_north_m_s
    if east is None or north is None or state.position is None:
        return None
    speed_m_s = math.hypot(east, north)
    if speed_m_s < 0.5:
        return None
    seconds = LOOK_AHEAD_S + stopping_m(state.kind, speed_m_s) / speed_m_s
    here = snapshot.world.airspace.enu(state.position)
    ahead = PointEnu(here.east_m + east * seconds, here.north_m + north * seconds)
    if snapshot.world.airspace.inside_by_m(ahead) >= 0.0:
        return None
    return Hazard(Hold(), "about to leave the geofence")


def _people(state: VehicleState, route: Route, snapshot: Snapshot) -> Hazard | None:
    """Has somebody moved in since the gate said yes? Judged by where people are believed to be: that error was the
    gate's and tasking's margin, and it is used up now."""
    if state.position is None:
        return None
    height_m = state.above_home_m or 0.0
    way = Way(Stop(snapshot.world.airspace.enu(state.position), height_m, False), route.stops)
    reasons = people_too_near(
        way,
        snapshot.world.people,
        airspace=snapshot.world.airspace,
        response=snapshot.world.site.response,
        flies=state.kind.flies,
        now_us=snapshot.now_us,
        beside_error_m=0.0,
    )
    return Hazard(Hold(), reasons[0], PEOPLE_PATIENCE_US) if reasons else None
