"""A vehicle that flies by simple arithmetic, and a stage that lets tasking and monitor run it in virtual time.

It crosses a process in reality; what the autopilot and MAVLink make of orders is tested against sim/autopilot.
"""

import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import anyio.lowlevel

from contract.envelope import Origin
from contract.geo import GeoPoint, PointEnu, heading_deg
from contract.site import Site
from contract.tasks import Task, TaskState
from fleet.errors import FleetError, StoreError
from fleet.flight.airspace import Airspace
from fleet.flight.deferred import DeferredJournal
from fleet.flight.dock import DockDriver
from fleet.flight.errors import CommandRefused
from fleet.flight.gate import GateParameters
from fleet.flight.journal import JournalEntry
from fleet.flight.monitor import SafetyMonitor
from fleet.flight.orbit import mission_of_orbit
from fleet.flight.orders import (
    Approval,
    ComingHome,
    Disarm,
    FlyMission,
    GoTo,
    Hold,
    Land,
    Launch,
    LookAt,
    Orbit,
    Order,
    ReturnHome,
    Sent,
    ToDock,
    UploadSafety,
)
from fleet.flight.tasking import Tasking
from fleet.flight.vehicle import FlightMode, Progress, VehicleState
from fleet.flight.watch import Route
from fleet.flight.world import Consent, Evidence, TrackedPerson, WorldView
from tests.conftest import ManualClock
from tests.fleet.flight.stage import AIRSPACE, SITE, drone_on_pad, geo

MODE = {Hold: FlightMode.HOLD, ReturnHome: FlightMode.RETURN, Land: FlightMode.LAND}


class FlownVehicle:
    """A copter or rover. `mood` may refuse orders; `is_deaf` hears no coming-home; `is_silent` sends nothing."""

    def __init__(self, state: VehicleState, clock: ManualClock, airspace: Airspace = AIRSPACE) -> None:
        self._state, self._clock, self._airspace = state, clock, airspace
        self.orders: list[Order] = []
        self.came_home: list[ComingHome] = []
        self.returns_to: GeoPoint | None = None  # the rally point, of one that never takes home
        self.refuses: Callable[[Order], str | None] = lambda _: None
        self.is_deaf = self.is_silent = self.is_stuck = False
        self._goal: tuple[PointEnu, float, float] | None = None
        self._legs: list[tuple[PointEnu, float]] = []
        self._speed_m_s = 0.0
        self._looks_at: PointEnu | None = None
        self.hear()

    @property
    def state(self) -> VehicleState:
        return self._state

    @property
    def spot(self) -> PointEnu:
        assert self._state.position is not None
        return self._airspace.enu(self._state.position)

    def set(self, **changes: Any) -> None:
        self._state = replace(self._state, **changes)

    def hear(self) -> None:
        now_us = self._clock.monotonic_us()
        self.set(heard_at_us=now_us, position_at_us=now_us, battery_at_us=now_us)

    async def carry_out(self, approval: Approval, *, on_progress: Progress) -> Sent:
        first_us = self._clock.monotonic_us()
        assert approval.expires_at_us > first_us
        order = approval.order
        self.orders.append(order)
        await anyio.lowlevel.checkpoint()
        reason = self.refuses(order)
        if reason is not None:
            raise CommandRefused(reason)
        if isinstance(order, UploadSafety):
            self.set(safety_uploaded=True)
        elif isinstance(order, Launch):
            await self._launch(order)
        elif isinstance(order, GoTo):
            self._looks_at = self._airspace.enu(order.look_at) if order.look_at else None
            self._legs, self._speed_m_s = [], order.speed_m_s
            self._goal = (self._airspace.enu(order.point), order.above_home_m or 0.0, 0.0)
            self.set(mode=FlightMode.GUIDED)
        elif isinstance(order, ToDock):
            self._legs, self._speed_m_s = [], order.speed_m_s
            self._goal = (self._airspace.enu(order.point), order.above_home_m, 0.0)
            self.set(mode=FlightMode.GUIDED)
        elif isinstance(order, LookAt):
            self._looks_at = self._airspace.enu(order.point)
        elif isinstance(order, FlyMission | Orbit):
            order = mission_of_orbit(order) if isinstance(order, Orbit) else order
            self._legs = [(self._airspace.enu(i.point), i.above_home_m or 0.0) for i in order.items]
            self._speed_m_s, self._goal, self._looks_at = order.speed_m_s, None, None
            self.set(mode=FlightMode.AUTO, mission_seq=order.from_index, mission_state=3)
        elif isinstance(order, Disarm):
            self.set(armed=False)
        else:
            self._come_home(order)
        return Sent(order, (type(order).__name__,), first_us, first_us + 20_000)

    async def _launch(self, order: Launch) -> None:
        self.set(mode=FlightMode.GUIDED, armed=True, system_status=4)
        self._goal = (self.spot, order.above_home_m or 0.0, 0.0)
        while not self.is_stuck and (self._state.above_home_m or 0.0) < (order.above_home_m or 0.0) - 0.5:
            await anyio.lowlevel.checkpoint()
        while self.is_stuck:
            await anyio.lowlevel.checkpoint()

    def doubt_mission(self) -> None:
        pass

    def come_home(self, order: ComingHome) -> None:
        self.came_home.append(order)
        if not self.is_deaf:
            self._come_home(order)

    def _come_home(self, order: ComingHome) -> None:
        self.set(mode=MODE[type(order)])

    def step(self, dt_s: float) -> None:
        """Where it is `dt_s` later."""
        if not self.is_silent:
            self.hear()
        if self._state.armed and not self.is_stuck:
            self._move(dt_s)
        if self._looks_at is not None and self._looks_at != self.spot:
            self.set(heading_deg=heading_deg(self.spot, self._looks_at))

    def _move(self, dt_s: float) -> None:
        mode, flies = self._state.mode, self._state.kind.flies
        if mode is FlightMode.GUIDED and self._goal is not None:
            self._towards(self._goal[0], self._goal[1], dt_s)
        elif mode is FlightMode.AUTO and self._state.mission_seq is not None:
            seq = self._state.mission_seq
            if self._towards(*self._legs[seq], dt_s):
                last = seq == len(self._legs) - 1
                self.set(mission_state=5 if last else 3, mission_seq=seq if last else seq + 1)
        elif mode is FlightMode.RETURN:
            assert self._state.home is not None
            home = self._airspace.enu(self.returns_to or self._state.home)
            self._speed_m_s = 5.0
            if self._towards(
                home, (30.0 if home.horizontal_distance_m(self.spot) > 1 else 0.0) if flies else 0.0, dt_s
            ):
                if flies and (self._state.above_home_m or 0.0) > 0.5:
                    self._towards(home, 0.0, dt_s)
                elif flies:
                    self.set(armed=False)
        elif mode is FlightMode.LAND and self._towards(self.spot, 0.0, dt_s):
            self.set(armed=False)

    def _towards(self, goal: PointEnu, height_m: float, dt_s: float) -> bool:
        here, speed = self.spot, self._speed_m_s or 2.0
        away_m = here.horizontal_distance_m(goal)
        share = 1.0 if away_m <= speed * dt_s else speed * dt_s / away_m
        there = PointEnu(
            here.east_m + share * (goal.east_m - here.east_m), here.north_m + share * (goal.north_m - here.north_m)
        )
        at_m = self._state.above_home_m or 0.0
        climb_m = max(-1.5 * dt_s, min(2.5 * dt_s, height_m - at_m))
        self.set(position=self._airspace.geo(there), above_home_m=at_m + climb_m)
        return away_m <= speed * dt_s and abs(height_m - at_m) < 0.5


@dataclass
class ListJournal:
    """Takes everything, until the store is said to be dead."""

    entries: list[JournalEntry] = field(default_factory=list)
    is_dead: bool = False

    def write(self, *entries: JournalEntry) -> None:
        if self.is_dead:
            raise StoreError("the disk is full")
        self.entries.extend(entries)


class Flown:
    """Tasking and monitor around one drone, stepped by a virtual clock. `script` is called at every tick."""

    def __init__(
        self,
        state: VehicleState | None = None,
        *,
        site: Site = SITE,
        with_monitor: bool = True,
        dock_of: Callable[["Flown"], DockDriver] | None = None,
    ) -> None:
        self.clock = ManualClock()
        self.airspace = Airspace(site)
        self.vehicle = FlownVehicle(state or drone_on_pad(), self.clock, self.airspace)
        self.people: tuple[TrackedPerson, ...] = ()
        self.journal, self.deferred = ListJournal(), DeferredJournal()
        self.changes: list[Task] = []
        self.hops: list[tuple[str, str, int]] = []
        self.script: Callable[[], None] = lambda: None
        self.dock = None if dock_of is None else dock_of(self)
        view = WorldView(
            site,
            airspace=self.airspace,
            vehicles=[self.vehicle],
            people=lambda: self.people,
            clock=self.clock,
            docks=() if self.dock is None else (self.dock,),
        )
        self.monitor = SafetyMonitor(
            view=view,
            vehicles=[self.vehicle],
            routes=self._routes,
            clock=self.clock,
            journal=self.deferred,
        )
        self.tasking = Tasking(
            site=site,
            vehicles=[self.vehicle],
            view=view,
            clock=self.clock,
            journal=self.journal,
            deferred=self.deferred,
            parameters=GateParameters(code_version="test", ground_station_system_id=245),
            latch_of=self.monitor.is_latched,
            on_change=self.changes.append,
            on_hop=lambda trace, name, us: self.hops.append((trace, name, us)),
            sleep=self._sleep,
            docks={} if self.dock is None else {self.dock.spec.id: self.dock},
        )
        self._with_monitor = with_monitor
        self._ticks = 0

    def _routes(self) -> Mapping[str, Route]:
        return self.tasking.routes()

    async def _sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.vehicle.step(seconds)
        self._ticks += 1
        self.script()
        if self.dock is not None and self._ticks % 5 == 0:
            await self.dock.turn()
        if self._with_monitor and self._ticks % 4 == 0:
            self.monitor.cycle()
        await anyio.lowlevel.checkpoint()

    def submit(self, task: Task, *, sigma_m: float = 0.5, age_s: float = 0.5, consent: Consent | None = None) -> None:
        evidence = Evidence(Origin.LIVE, self.clock.monotonic_us(), age_s, zone="north", incident=uuid.UUID(int=9))
        self.tasking.submit(task, evidence, consent or Consent(), sigma_m=sigma_m)

    def see(self, east_m: float, north_m: float) -> None:
        self.people = (TrackedPerson(geo(east_m, north_m), 0.5, self.clock.monotonic_us()),)

    def last(self, task: Task) -> Task:
        return next((t for t in reversed(self.changes) if t.task_id == task.task_id), task)

    def states(self, task: Task) -> list[TaskState]:
        """Each state once, in order."""
        states = [t.state for t in self.changes if t.task_id == task.task_id]
        return [s for n, s in enumerate(states) if n == 0 or states[n - 1] is not s]

    @property
    def kinds(self) -> list[str]:
        return [type(order).__name__ for order in self.vehicle.orders]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        failed: Exception | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(self.tasking.run)
            try:
                yield
            except (AssertionError, FleetError) as err:  # told plainly, not as a group
                failed = err
            group.cancel_scope.cancel()
        if failed is not None:
            raise failed

    async def until(self, condition: Callable[[], bool], *, within_s: float = 300.0) -> None:
        """Let virtual time run until it holds."""
        end_us = self.clock.monotonic_us() + round(within_s * 1e6)
        while not condition():
            assert self.clock.monotonic_us() < end_us, (
                f"not within {within_s} s; orders {self.kinds}; {self.changes[-1:]}"
            )
            await anyio.lowlevel.checkpoint()

    async def until_final(self, task: Task, *, within_s: float = 300.0) -> Task:
        await self.until(lambda: self.last(task).state.is_final, within_s=within_s)
        return self.last(task)


def fly(scene: Callable[[], Any]) -> None:
    """Run one async scene."""
    anyio.run(scene)
