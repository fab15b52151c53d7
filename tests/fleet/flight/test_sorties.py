"""Tasking, gate and monitor with the real vehicle code against the simulated autopilot, byte by byte, virtual time."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from contract.envelope import Origin
from contract.geo import GeoPoint, distance_m
from contract.site import Site, VehicleKind
from contract.tasks import Task, TaskKind, TaskState
from fleet.flight.airspace import Airspace
from fleet.flight.deferred import DeferredJournal
from fleet.flight.monitor import SafetyMonitor
from fleet.flight.tasking import Tasking
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.world import Consent, Evidence, TrackedPerson, WorldView
from tests.fleet.flight.air import Air, simulated
from tests.fleet.flight.flown import ListJournal
from tests.fleet.flight.stage import PARAMETERS, SITE, geo
from tests.fleet.flight.tasks import make_task

COPTER, ROVER = VehicleKind.ARDUPILOT_COPTER, VehicleKind.ARDUPILOT_ROVER
DOCKS = {COPTER: geo(40, 40), ROVER: geo(60, 40)}


class Sortie:
    """One vehicle in the air of tests/fleet/flight/air.py, with tasking and monitor of the test site around it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kind: VehicleKind, site: Site = SITE, **spec: Any) -> None:
        autopilot = simulated(kind, home=DOCKS[kind], home_amsl_m=40.0, **spec)
        self.air = Air(monkeypatch, autopilot, kind=kind)
        self.clock, self.vehicle = self.air.clock, self.air.vehicle
        self.person: GeoPoint | None = None
        self.nearest_m = 1e9
        self.changes: list[Task] = []
        self.hops: dict[str, int] = {}
        self.journal, deferred = ListJournal(), DeferredJournal()
        view = WorldView(site, airspace=Airspace(site), vehicles=[self.vehicle], people=self._people, clock=self.clock)
        self.monitor = SafetyMonitor(
            view=view,
            vehicles=[self.vehicle],
            routes=lambda: dict(self.tasking.routes()),
            clock=self.clock,
            journal=deferred,
        )
        self.tasking = Tasking(
            site=site,
            vehicles=[self.vehicle],
            view=view,
            clock=self.clock,
            journal=self.journal,
            deferred=deferred,
            parameters=PARAMETERS,
            latch_of=self.monitor.is_latched,
            on_change=self.changes.append,
            on_hop=self._hop,
            sleep=self.air.passes,
        )

    def _hop(self, _trace: str, name: str, duration_us: int) -> None:
        self.hops.setdefault(name, duration_us)

    @property
    def state(self) -> VehicleState:
        return self.vehicle.state

    def _people(self) -> tuple[TrackedPerson, ...]:
        return () if self.person is None else (TrackedPerson(self.person, 0.5, self.clock.monotonic_us()),)

    def submit(self, task: Task) -> None:
        evidence = Evidence(Origin.LIVE, self.clock.monotonic_us(), 0.3, zone="north")
        self.tasking.submit(task, evidence, Consent(), sigma_m=0.5)

    def last(self, task: Task) -> Task:
        return next((t for t in reversed(self.changes) if t.task_id == task.task_id), task)

    async def ended(self, task: Task) -> Task:
        await self.air.until(lambda: self.last(task).state.is_final)
        return self.last(task)

    async def _watch(self) -> None:
        while True:
            await self.air.passes(0.2)
            self.monitor.cycle()
            if self.person is not None and self.state.armed and self.state.position is not None:
                self.nearest_m = min(self.nearest_m, distance_m(self.person, self.state.position))

    def play(self, story: Callable[[], Coroutine[Any, Any, None]], *, within_s: float = 400.0) -> None:
        async def with_the_others(_air: Air) -> None:
            others = [asyncio.create_task(self.tasking.run()), asyncio.create_task(self._watch())]
            try:
                await self.air.until(lambda: self.state.not_ready_because == ())  # safety uploaded by tasking itself
                await story()
            finally:
                for other in others:
                    other.cancel()
                await asyncio.gather(*others, return_exceptions=True)

        self.air.play(with_the_others, within_s=within_s)


def test_a_drone_is_prepared_launched_looks_from_the_stand_off_and_lands_at_home(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sortie, look = Sortie(monkeypatch, COPTER), make_task(TaskKind.INVESTIGATE)

    async def story() -> None:
        sortie.person = geo(100, 200)
        sortie.submit(look)
        done = await sortie.ended(look)
        assert done.state is TaskState.DONE, done
        await sortie.air.until(lambda: sortie.state.armed is False)

    sortie.play(story)
    assert sortie.nearest_m >= 25.0
    assert sortie.monitor.latches == {}
    assert sortie.state.position is not None
    assert distance_m(sortie.state.position, geo(40, 40)) < 2.0
    assert 0 < sortie.hops["mavlink_ack"] < 500_000
    assert [t.state for t in sortie.changes if t.task_id == look.task_id][-1] is TaskState.DONE


def test_a_patrol_is_interrupted_by_an_alarm_and_resumed_on_real_missions(monkeypatch: pytest.MonkeyPatch) -> None:
    sortie = Sortie(monkeypatch, COPTER)
    patrol, look = make_task(TaskKind.PATROL, number=2), make_task(TaskKind.INVESTIGATE)

    async def story() -> None:
        sortie.submit(patrol)
        await sortie.air.until(lambda: sortie.last(patrol).progress.startswith("waypoint 2 of 3"))
        sortie.person = geo(100, 200)
        sortie.submit(look)
        assert (await sortie.ended(look)).state is TaskState.DONE, sortie.last(look)
        assert sortie.last(patrol).state is TaskState.SUSPENDED
        sortie.person = None
        done = await sortie.ended(patrol)
        assert done.state is TaskState.DONE, done
        await sortie.air.until(lambda: sortie.state.armed is False)

    sortie.play(story, within_s=600.0)
    missions = [entry.detail["decision"] for entry in sortie.journal.entries if entry.act == "order FlyMission"]
    assert [json.loads(json.dumps(each))["approved"]["from_index"] for each in missions] == [0, 1]


def test_a_recall_brings_it_home_and_latches(monkeypatch: pytest.MonkeyPatch) -> None:
    sortie, patrol = Sortie(monkeypatch, COPTER), make_task(TaskKind.PATROL, number=2)

    async def story() -> None:
        sortie.submit(patrol)
        await sortie.air.until(lambda: sortie.last(patrol).progress.startswith("waypoint 2 of 3"))
        sortie.monitor.recall_all("Ada")
        await sortie.air.until(lambda: sortie.state.mode is FlightMode.RETURN)
        await sortie.air.until(lambda: sortie.last(patrol).state is TaskState.SUSPENDED)
        await sortie.air.until(lambda: sortie.state.armed is False)
        sortie.tasking.cancel(patrol.task_id, "Ada")
        assert (await sortie.ended(patrol)).state is TaskState.CANCELLED

    sortie.play(story)
    assert sortie.monitor.latches == {"drone": "return ordered by Ada"}


def test_a_rover_drives_looks_comes_home_and_is_disarmed(monkeypatch: pytest.MonkeyPatch) -> None:
    sortie = Sortie(monkeypatch, ROVER)
    look = make_task(
        TaskKind.INVESTIGATE, vehicle="rover", target=geo(60, 90), stand_off=geo(60, 74), stand_off_altitude_m=None
    )

    async def story() -> None:
        sortie.person = geo(60, 90)
        sortie.submit(look)
        done = await sortie.ended(look)
        assert done.state is TaskState.DONE, done
        sortie.person = None
        await sortie.air.until(lambda: sortie.state.armed is False)

    sortie.play(story)
    assert sortie.nearest_m >= 12.0
    assert sortie.state.position is not None
    assert distance_m(sortie.state.position, geo(60, 40)) < 5.0


def test_a_paused_patrol_stands_without_sinking_and_goes_on_behind_a_skipped_waypoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sortie, patrol = Sortie(monkeypatch, COPTER), make_task(TaskKind.PATROL, number=2)
    nearest_m = 1e9

    async def story() -> None:
        nonlocal nearest_m
        sortie.submit(patrol)
        await sortie.air.until(lambda: sortie.last(patrol).progress.startswith("waypoint 2 of 3"))
        sortie.tasking.pause(patrol.task_id, "Ada")
        await sortie.air.until(lambda: sortie.last(patrol).progress == "paused by Ada at waypoint 2 of 3")
        assert sortie.state.mode is FlightMode.HOLD
        await sortie.air.passes(5.0)
        before = sortie.state
        await sortie.air.passes(20.0)
        assert before.position is not None
        assert sortie.state.position is not None
        assert distance_m(before.position, sortie.state.position) < 2.0
        assert sortie.state.above_home_m == pytest.approx(before.above_home_m, abs=1.0)
        sortie.tasking.skip(patrol.task_id, "Ada")
        sortie.tasking.resume(patrol.task_id, "Ada")
        while not sortie.last(patrol).state.is_final:
            await sortie.air.passes(0.5)
            nearest_m = min(nearest_m, distance_m(geo(60, 240), sortie.state.position))
        assert sortie.last(patrol).state is TaskState.DONE, sortie.last(patrol)

    sortie.play(story)
    assert nearest_m > 20.0
    assert sortie.monitor.latches == {}
