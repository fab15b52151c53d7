"""A scripted sortie with one vehicle, step by step; each step ends when the vehicle's own state proves it.

Every order passes the desk, and so gate and journal; the safety monitor watches meanwhile. Raises what ends a wait
(fleet/flight/desk.py), FlightError or NotProven.
"""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import cast

from contract.geo import GeoPoint, PointEnu, heading_deg
from contract.tasks import TaskState
from fleet.flight import errands
from fleet.flight.desk import TICK_S, Desk, Job
from fleet.flight.errands import AT_HOME_M, MISSION_COMPLETE
from fleet.flight.errors import FlightError
from fleet.flight.orbit import mission_of_orbit
from fleet.flight.orders import Disarm, FlyMission, GoTo, Hold, Land, Launch, LookAt, MissionItem, Orbit, ReturnHome
from fleet.flight.rally import rally_points
from fleet.flight.sortie_script import (
    DisarmStep,
    GoToStep,
    HoldStep,
    LandStep,
    LaunchStep,
    LookStep,
    OrbitStep,
    PatrolStep,
    Place,
    ReturnStep,
    SortieScript,
    Step,
)
from fleet.flight.vehicle import FlightMode
from fleet.flight.watch import Route
from fleet.flight.way import Stop, is_airborne, stops_of

READY_LIMIT_US = 180_000_000  # some 41 s after boot, and whatever the vehicle still has against it
READY_FOR_US = 4_000_000
STEP_LIMIT_S = 600.0
REACHED_M = 3.0  # horizontal; ArduPilot's own waypoint radius is 2 m
HEIGHT_M = 2.0
STILL_M_S = 0.7
PASSED_M = 8.0  # of a waypoint in a mission: corners are cut
DRIFT_M = 3.0
ORBIT_OFF_M = 6.0
ORBIT_SWEPT_DEG = 330.0
LOOKS_DEG = 20.0  # of the nose from the middle
UNSURE = "safety not uploaded"  # what may be missing before the upload


class NotProven(FlightError):
    """It was done, and the vehicle's state shows something else."""


@dataclass(frozen=True, slots=True)
class Done:
    """One step. proof: what the vehicle's own state said."""

    step: str
    proof: str
    took_s: float


@dataclass(slots=True)
class Sortie:
    """`tell` hears each step when it is proven, `say` what goes on meanwhile."""

    desk: Desk
    job: Job
    tell: Callable[[Done], None]
    say: Callable[[str], None]
    _start: PointEnu = field(default_factory=lambda: PointEnu(0.0, 0.0, 0.0))

    async def fly(self, script: SortieScript) -> None:
        await self._step("ready", self._wait_until_ready)
        position = self.desk.state.position
        assert position is not None  # ready
        self._start = self.desk.airspace.enu(position)
        await self._step("safety", self._upload_safety)
        for step in script.steps:
            await self._step(step.do, lambda step=step: self._do(step))  # type: ignore[misc]

    async def _step(self, name: str, work: Callable[[], Awaitable[str]]) -> None:
        began_us = self.desk.now_us
        proof = await work()
        self.tell(Done(name, proof, (self.desk.now_us - began_us) / 1e6))

    async def _wait_until_ready(self) -> str:
        """For a while nothing speaks against a launch but what is uploaded next. Meanwhile its pace is learnt: a
        simulator that runs ahead wants heartbeats more often."""
        began_us = good_since_us = self.desk.now_us
        said: tuple[str, ...] = ()
        while self.desk.now_us - good_since_us < READY_FOR_US:
            reasons = tuple(reason for reason in self.desk.state.not_ready_because if not reason.startswith(UNSURE))
            if reasons:
                good_since_us = self.desk.now_us
            if reasons != said:
                said = reasons
                self.say("; ".join(reasons) or "ready")
            if self.desk.now_us - began_us > READY_LIMIT_US:
                raise NotProven(f"not ready within {READY_LIMIT_US / 1e6:.0f} s: {'; '.join(reasons)}")
            await self.desk.tools.sleep(TICK_S)
            self.desk.ticked_at_us = self.desk.now_us
        return "position, home, battery and pre-arm checks are good"

    async def _upload_safety(self) -> str:
        await errands.prepare(self.desk)
        await self._until(lambda: not self.desk.state.not_ready_because, "nothing against a launch")
        site = self.desk.site
        return f"fence of {len(site.geofence.polygon)} corners and failsafes are in the vehicle, read back and equal"

    async def _do(self, step: Step) -> str:
        return await cast("Callable[[Sortie, Step], Awaitable[str]]", _STEPS[type(step)])(self, step)

    async def _launch(self, step: LaunchStep) -> str:
        await self.desk.order(self.job, Launch(self._height(step.above_home_m)))
        self.desk.move(self.job, TaskState.EXECUTING)
        state = self.desk.state
        if not self._flies:
            return "motors on"
        return f"motors on, {state.above_home_m or 0.0:.1f} m above home"

    async def _go_to(self, step: GoToStep) -> str:
        point, height_m = self._point(step), self._height(step.above_home_m)
        await self.desk.order(self.job, GoTo(self._geo(point), height_m, self._speed))
        await self._until(lambda: self._is_there(point, height_m) and self._is_still, "there")
        return f"{self._away_m(point):.1f} m from the place{self._at_height}"

    async def _orbit(self, step: OrbitStep) -> str:
        centre, height_m = self._point(step), self._height(step.above_home_m)
        from_deg = heading_deg(centre, self._here)
        order = Orbit(self._geo(centre), step.radius_m, height_m, self._speed, from_deg)
        ring = tuple(replace(stop, stays=True) for stop in stops_of(mission_of_orbit(order).items, self.desk.airspace))
        # its way there is not part of the circle
        await self.desk.order(self.job, GoTo(self._geo(ring[0].point), height_m, self._speed))
        await self._until(lambda: self._is_there(ring[0].point, height_m), "on the circle")
        await self.desk.order(self.job, order)
        swept, last, off_m = 0.0, heading_deg(centre, self._here), 0.0
        looks = at_it = 0

        def look() -> None:
            nonlocal swept, last, off_m, looks, at_it
            bearing = heading_deg(centre, self._here)
            swept += math.remainder(bearing - last, 360.0)
            last, looks = bearing, looks + 1
            off_m = max(off_m, abs(self._away_m(centre) - step.radius_m))
            nose_deg = self.desk.state.heading_deg
            at_it += nose_deg is not None and abs(math.remainder(nose_deg - bearing - 180.0, 360.0)) <= LOOKS_DEG

        await self._follow(ring, 0.0, look)
        if swept < ORBIT_SWEPT_DEG or off_m > ORBIT_OFF_M:
            raise NotProven(f"orbit: swept {swept:.0f} degrees, at most {off_m:.1f} m off the circle")
        nose = f"its nose on the middle for {at_it / looks:.0%} of it"
        turned = nose if 2 * at_it > looks else await self._try_to_look(self._geo(centre))
        return f"swept {swept:.0f} degrees, at most {off_m:.1f} m off the circle, {turned}"

    async def _look(self, step: LookStep) -> str:
        point = self._geo(self._point(step))
        if not self._flies:
            return await self._try_to_look(point)
        await self.desk.order(self.job, LookAt(point))
        return f"camera or nose points there from {self._away_m(self._point(step)):.1f} m"

    async def _patrol(self, step: PatrolStep) -> str:
        height_m = self._height(step.above_home_m)
        points = [self._point(stop) for stop in step.waypoints]
        items = tuple(
            MissionItem(self._geo(point), height_m, stop.dwell_s)
            for point, stop in zip(points, step.waypoints, strict=True)
        )
        nearest_m = [math.inf] * len(points)

        def look() -> None:
            for i, point in enumerate(points):
                nearest_m[i] = min(nearest_m[i], self._away_m(point))

        order = FlyMission(items, 0, self._speed)
        stops, dwell_s = stops_of(items, self.desk.airspace), max(item.dwell_s for item in items)
        await self.desk.order(self.job, order)
        said = ""
        for number in sorted({step.pause_at, step.skip} - {None}):  # type: ignore[type-var]
            assert number is not None
            await self._follow(stops, dwell_s, look, until_index=number - 1)
            if number == step.pause_at:
                said += f", paused at {number}: {await self._stand(step.pause_s, look)}"
            onwards = number if number == step.skip else max(self.desk.state.mission_seq or 0, number - 1)
            await self.desk.order(self.job, replace(order, from_index=onwards))
        await self._follow(stops, dwell_s, look)
        for i, away_m in enumerate(nearest_m, 1):
            if i == step.skip:
                said += f", {i} skipped and passed at {away_m:.1f} m"
            if (away_m > PASSED_M) is not (i == step.skip):
                raise NotProven(f"patrol: waypoint {i} was passed at {away_m:.1f} m")
        flown_m = max(away_m for i, away_m in enumerate(nearest_m, 1) if i != step.skip)
        return f"{len(points)} waypoints read back and passed, each within {flown_m:.1f} m{said}"

    async def _follow(
        self, stops: tuple[Stop, ...], dwell_s: float, look: Callable[[], None], *, until_index: int | None = None
    ) -> None:
        """A mission to its end, as the vehicle tells it, or until it flies to the stop `until_index`."""

        def is_over() -> bool:
            look()
            seq = self.desk.state.mission_seq
            if seq is not None and 0 < seq < len(stops):
                self.desk.route = Route(stops[seq:], dwell_s)
            if until_index is not None and seq is not None and seq >= until_index:
                return True
            return self.desk.state.mission_state == MISSION_COMPLETE

        await self._until(is_over, "the mission complete")

    async def _stand(self, for_s: float, look: Callable[[], None] = lambda: None) -> str:
        """Hold, and prove that it neither drifts nor sinks."""
        await self.desk.order(self.job, Hold())
        self.desk.route = Route(())
        await self._until(lambda: self._is_still, "standing")
        here, height_m = self._here, self.desk.state.above_home_m or 0.0
        drift_m = sunk_m = 0.0
        end_us = self.desk.now_us + round(for_s * 1e6)

        def is_over() -> bool:
            nonlocal drift_m, sunk_m
            look()
            drift_m = max(drift_m, self._away_m(here))
            sunk_m = max(sunk_m, abs((self.desk.state.above_home_m or 0.0) - height_m))
            return self.desk.now_us >= end_us

        await self._until(is_over, "held")
        if drift_m > DRIFT_M or sunk_m > HEIGHT_M or self.desk.state.mode is not FlightMode.HOLD:
            raise NotProven(f"hold: drifted {drift_m:.1f} m and {sunk_m:.1f} m in height")
        return f"{for_s:g} s, drifted {drift_m:.1f} m{f', {sunk_m:.1f} m in height' if self._flies else ''}"

    async def _hold(self, step: HoldStep) -> str:
        return await self._stand(step.for_s)

    async def _return(self, _step: ReturnStep) -> str:
        await self.desk.order(self.job, ReturnHome())
        self.desk.route = None
        await self._until(lambda: self._home_m <= AT_HOME_M, "home")
        return f"{self._home_m:.1f} m from home or rally point{self._at_height}"

    async def _land(self, _step: LandStep) -> str:
        if self._flies:
            if self.desk.state.armed:
                await self.desk.order(self.job, Land())
            await self._until(lambda: self._has_landed, "on the ground")
            return f"on the ground{self._at_height}"
        await self.desk.order(self.job, Hold())
        await self._until(lambda: self._is_still, "standing")
        return "it stands"

    async def _disarm(self, _step: DisarmStep) -> str:
        """A copter does it by itself after landing."""
        if not self._flies and self.desk.state.armed:
            await self.desk.order(self.job, Disarm())
        await self._until(lambda: self.desk.state.armed is False, "motors off")
        landed = " and that it has landed" if self.desk.state.is_landed else ""
        return f"it says that its motors are off{landed}"

    async def _try_to_look(self, point: GeoPoint) -> str:
        """What drives may have nothing to turn."""
        try:
            await self.desk.order(self.job, LookAt(point))
        except FlightError as err:
            return f"does not turn to it: {err}"
        return "camera or nose turned to it"

    async def _until(self, is_true: Callable[[], bool], what: str) -> None:
        until_us = self.desk.now_us + round(STEP_LIMIT_S * 1e6)
        while not is_true():
            if self.desk.now_us > until_us:
                raise NotProven(f"expected {what} within {STEP_LIMIT_S:.0f} s")
            await self.desk.pause(self.job)

    # Where it is

    @property
    def _flies(self) -> bool:
        return self.desk.spec.kind.flies

    @property
    def _speed(self) -> float:
        return self.desk.spec.cruise_speed_m_s

    @property
    def _here(self) -> PointEnu:
        position = self.desk.state.position
        if position is None:
            raise NotProven("the position is not known any more")
        return self.desk.airspace.enu(position)

    @property
    def _is_still(self) -> bool:
        state = self.desk.state
        return math.hypot(state.velocity_east_m_s or 0.0, state.velocity_north_m_s or 0.0) < STILL_M_S

    @property
    def _has_landed(self) -> bool:
        """Low is not yet down: it says so itself, or its motors are off."""
        state = self.desk.state
        return is_airborne(state) is False and (state.is_landed is True or state.armed is False)

    @property
    def _home_m(self) -> float:
        """To home or its rally point, whichever is nearer."""
        places = [self.desk.state.home, rally_points(self.desk.site).get(self.desk.spec.id)]
        return min(self._away_m(self.desk.airspace.enu(place)) for place in places if place is not None)

    @property
    def _at_height(self) -> str:
        return f", {self.desk.state.above_home_m or 0.0:.1f} m above home" if self._flies else ""

    def _away_m(self, point: PointEnu) -> float:
        return self._here.horizontal_distance_m(point)

    def _is_there(self, point: PointEnu, height_m: float | None) -> bool:
        at_height = height_m is None or abs((self.desk.state.above_home_m or 0.0) - height_m) <= HEIGHT_M
        return self._away_m(point) <= REACHED_M and at_height

    def _point(self, place: Place) -> PointEnu:
        return PointEnu(self._start.east_m + place.east_m, self._start.north_m + place.north_m, 0.0)

    def _geo(self, point: PointEnu) -> GeoPoint:
        return self.desk.airspace.geo(point)

    def _height(self, above_home_m: float) -> float | None:
        return above_home_m if self._flies else None


_STEPS = {
    LaunchStep: Sortie._launch,
    GoToStep: Sortie._go_to,
    OrbitStep: Sortie._orbit,
    LookStep: Sortie._look,
    PatrolStep: Sortie._patrol,
    HoldStep: Sortie._hold,
    ReturnStep: Sortie._return,
    LandStep: Sortie._land,
    DisarmStep: Sortie._disarm,
}
