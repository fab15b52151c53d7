"""What is wrong with a vehicle in flight, at one moment, and what would make it safe; pure.

Who is judged how: a vehicle with a task of ours or under an order of the monitor by the whole list; any other of ours
in the air by breach, traffic and separation alone (after a restart we adopt, SAFETY 12); one in a pilot's hands, or
coming home already, by nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from contract.geo import GeoPoint, PointEnu
from fleet.flight.energy import home_frac, stopping_m
from fleet.flight.orders import ComingHome, Hold, ReturnHome
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.way import (
    AIR_SEPARATION_M,
    AIR_SEPARATION_VERTICAL_M,
    Stop,
    Way,
    is_airborne,
    landing_places,
    people_too_near,
)
from fleet.flight.world import World
from fleet.flight.yielding import yield_to

SILENT_S = 5.0  # the vehicle's own ground-station failsafe waits as long
BATTERY_SILENT_S = 30.0
LOOK_AHEAD_S = 1.0  # one cycle, one command, one answer
LOST_SEPARATION = 0.7  # of what the gate keeps: lost, not merely thin
ABOVE_CEILING_M = 3.0
PEOPLE_PATIENCE_US = 1_000_000  # re-judged each cycle; a vehicle at 8 m/s comes one way margin nearer meanwhile
DOUBT_PATIENCE_US = 2_000_000  # an autopilot waits as long before it believes in a failure itself
BATTERY_SPARE_FRAC = 0.05  # beyond what home needs by the pessimistic model


@dataclass(frozen=True, slots=True)
class Route:
    """What tasking is having a vehicle do: the stops still ahead, and the longest it may stay at one."""

    stops: tuple[Stop, ...]
    stays_s: float = 0.0


@dataclass(frozen=True)
class Snapshot:
    """One moment. What every vehicle is judged by in turn is worked out once for all of them, when first asked for."""

    now_us: int
    world: World
    routes: Mapping[str, Route]

    @cached_property
    def places(self) -> Mapping[str, PointEnu]:
        """Of each vehicle whose position is known."""
        enu = self.world.airspace.enu
        return {each.vehicle_id: enu(each.position) for each in self.world.vehicles if each.position is not None}

    @cached_property
    def inside_m(self) -> Mapping[str, float]:
        """How far each of them is inside the fence; negative outside."""
        return dict(zip(self.places, self.world.airspace.inside_each_by_m(self.places.values()), strict=True))

    @cached_property
    def flying(self) -> tuple[tuple[str, PointEnu, float | None], ...]:
        """Who is or may be in the air, and where: vehicle, place, height above home."""
        return tuple(
            (each.vehicle_id, self.places[each.vehicle_id], each.above_home_m)
            for each in self.world.vehicles
            if each.position is not None and is_airborne(each) is not False
        )


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
    hazard = hazard or _traffic(state, route, snapshot)
    if hazard is None and state.mode is not FlightMode.HOLD:
        hazard = _separation(state, snapshot)
        if hazard is None and route is not None and state.position is not None:  # `_silence` told of an unknown one
            hazard = _quarantine(state) or _doubt(state) or _leaving(state, snapshot)
            hazard = hazard or _people(state, state.position, route, snapshot)
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
    if state.position is None or (state.kind.flies and is_airborne(state) is False):
        return None
    world, here = snapshot.world, snapshot.places[state.vehicle_id]
    outside_m = -snapshot.inside_m[state.vehicle_id]
    if outside_m > 0.0:
        return Hazard(_home_or_hold(state), f"{outside_m:.1f} m outside the geofence")
    inside = world.airspace.no_fly_at(here) if state.kind.flies else None
    if inside is not None:
        return Hazard(ReturnHome(), f"in {inside}")
    ceiling_m = world.site.geofence.ceiling_m
    if state.kind.flies and (state.above_home_m or 0.0) > ceiling_m + ABOVE_CEILING_M:
        return Hazard(ReturnHome(), f"{state.above_home_m:.1f} m above home, expected at most {ceiling_m:.1f} m")
    return None


def _silence(state: VehicleState, now_us: int) -> Hazard | None:
    for what, at_us in (("link", state.heard_at_us), ("position", state.position_at_us)):
        if at_us is None or (now_us - at_us) / 1e6 > SILENT_S:
            return Hazard(_home_or_hold(state), f"{what} lost for more than {SILENT_S:.0f} s")
    if state.position is None:  # it speaks, and says that it does not know where it is
        return Hazard(_home_or_hold(state), f"position not known for {SILENT_S:.0f} s", round(SILENT_S * 1e6))
    return None


def _battery(state: VehicleState, snapshot: Snapshot) -> Hazard | None:
    at_us = state.battery_at_us
    if state.battery_frac is None or at_us is None or (snapshot.now_us - at_us) / 1e6 > BATTERY_SILENT_S:
        return Hazard(_home_or_hold(state), f"battery not known for {BATTERY_SILENT_S:.0f} s")
    world, spec = snapshot.world, snapshot.world.spec(state.vehicle_id)
    if state.position is None or state.home is None:
        return None
    here = world.airspace.enu(state.position)
    wind = world.wind_for(state)
    needed = home_frac(
        spec.kind,
        distance_m=max(
            here.horizontal_distance_m(place) for place in landing_places(state.home, state.vehicle_id, world)
        ),
        height_m=state.above_home_m or 0.0,
        return_height_m=spec.return_altitude_m or 0.0,
        speed_m_s=spec.cruise_speed_m_s,
        wind_m_s=spec.cruise_speed_m_s / 2.0 if wind is None else wind,
    )
    if needed is None:
        return Hazard(ReturnHome(), f"against {wind or 0.0:.1f} m/s of wind it hardly comes home")
    needed += BATTERY_SPARE_FRAC
    if not state.battery_frac >= needed:
        return Hazard(ReturnHome(), f"battery {state.battery_frac:.0%}, home needs {needed:.0%}")
    return None


def _traffic(state: VehicleState, route: Route | None, snapshot: Snapshot) -> Hazard | None:
    gives_way = yield_to(state, () if route is None else route.stops, snapshot.world, snapshot.now_us)
    return None if gives_way is None else Hazard(*gives_way)


def _separation(state: VehicleState, snapshot: Snapshot) -> Hazard | None:
    if not state.kind.flies or is_airborne(state) is False or state.position is None:
        return None
    here, height_m = snapshot.places[state.vehicle_id], state.above_home_m
    least_m, least_height_m = LOST_SEPARATION * AIR_SEPARATION_M, LOST_SEPARATION * AIR_SEPARATION_VERTICAL_M
    for other, there, its_height_m in snapshot.flying:
        if abs(here.east_m - there.east_m) >= least_m or other == state.vehicle_id:  # as nearly all of a hundred are
            continue
        apart_m = here.horizontal_distance_m(there)
        if apart_m < least_m and _height_gap_m(height_m, its_height_m) < least_height_m:
            return Hazard(Hold(), f"{apart_m:.1f} m from '{other}'")
    return None


def _height_gap_m(own_m: float | None, other_m: float | None) -> float:
    """A height that nobody knows may be the same."""
    return 0.0 if own_m is None or other_m is None else abs(own_m - other_m)


def _quarantine(state: VehicleState) -> Hazard | None:
    reason = next((reason for reason in state.not_ready_because if "quarantine" in reason), None)
    return None if reason is None else Hazard(Hold(), reason)


def _doubt(state: VehicleState) -> Hazard | None:
    """The autopilot does not trust its own position: to stand still is what needs none. Where it lost it for good, its
    own failsafe is sooner."""
    return Hazard(Hold(), "the autopilot doubts its position", DOUBT_PATIENCE_US) if state.ekf_ready is False else None


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
    if snapshot.world.airspace.inside_by_m(ahead) < 0.0:
        return Hazard(Hold(), "about to leave the geofence")
    entered = snapshot.world.airspace.no_fly_at(ahead) if state.kind.flies else None
    return None if entered is None else Hazard(Hold(), f"about to enter {entered}")


def _people(state: VehicleState, position: GeoPoint, route: Route, snapshot: Snapshot) -> Hazard | None:
    """Has somebody moved in since the gate said yes? Judged by where people are believed to be: that error was the
    gate's and tasking's margin, and it is used up now."""
    height_m = state.above_home_m or 0.0
    way = Way(Stop(snapshot.world.airspace.enu(position), height_m, False), route.stops)
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
