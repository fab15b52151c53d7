"""Tasks through their states, one at a time a vehicle: an investigation goes before a patrol, which goes on afterwards.

Nothing here talks to a vehicle but through `Desk.order`. What outranks every task: a named person's cancel, the safety
monitor's latch, a pilot. Run it in the coordinator's task group; all methods are for that loop's thread, `routes` and
`completed_cycle_at_us` for any.
"""

import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType

import anyio
import structlog

from contract.clock import Clock
from contract.geo import GeoPoint
from contract.site import Site
from contract.tasks import Task, TaskKind, TaskState
from fleet.errors import NotFound, Refused, StoreError
from fleet.flight import circling, docked, errands, looking
from fleet.flight.deferred import DeferredJournal
from fleet.flight.desk import TICK_S, Cancelled, Desk, GaveUp, Interrupted, Job, Preempted, TakenAway, Tools
from fleet.flight.dock import DockDriver
from fleet.flight.errors import CommandRefused, FlightError
from fleet.flight.gate import GateParameters
from fleet.flight.journal import Journal, JournalEntry, JsonValue
from fleet.flight.slots import COMES_DOWN, SlotBook
from fleet.flight.vehicle import Vehicle
from fleet.flight.watch import Route
from fleet.flight.world import Consent, Evidence, WorldView

MAX_JOBS = 8  # waiting at one vehicle; more are refused
PREPARE_AGAIN_US = 5_000_000
HOME_AGAIN_US = 3_000_000
SUSPENDED_LIMIT_US = 900_000_000  # nobody gave the vehicle back for a quarter of an hour
_ERRANDS = {
    TaskKind.INVESTIGATE: errands.investigate,
    TaskKind.PATROL: errands.patrol,
    TaskKind.RECALL: errands.recall,
    TaskKind.ORBIT: circling.orbit,
    TaskKind.LOOK: looking.look,
}
_log = structlog.get_logger(__name__)


class Tasking:
    """All desks of a site."""

    def __init__(
        self,
        *,
        site: Site,
        vehicles: Iterable[Vehicle],
        view: WorldView,
        clock: Clock,
        journal: Journal,
        deferred: DeferredJournal,
        parameters: GateParameters,
        latch_of: Callable[[str], str | None],
        on_change: Callable[[Task], None],
        on_hop: Callable[[str, str, int], None],
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        docks: Mapping[str, DockDriver] | None = None,
    ) -> None:
        tools = Tools(view, clock, journal, deferred, parameters, latch_of, on_change, on_hop, sleep, SlotBook(site))
        specs = {spec.id: spec for spec in site.vehicles}
        self._tools = tools
        self._desks = {
            vehicle.state.vehicle_id: Desk(vehicle, specs[vehicle.state.vehicle_id], tools) for vehicle in vehicles
        }
        for desk in self._desks.values():
            desk.dock = (docks or {}).get(desk.spec.dock)
        self._retry_at_us: dict[str, int] = {}

    # What others see

    def routes(self) -> Mapping[str, Route]:
        """What each vehicle is doing for us; the monitor's thread reads it."""
        routes = {name: desk.route for name, desk in self._desks.items()}
        return MappingProxyType({name: route for name, route in routes.items() if route is not None})

    @property
    def completed_cycle_at_us(self) -> int | None:
        """Monotonic time of the tick of the worker that is furthest behind; None before all have ticked (SAFETY 9)."""
        ticks = [desk.ticked_at_us for desk in self._desks.values()]
        return None if any(tick is None for tick in ticks) else min((t for t in ticks if t is not None), default=None)

    def unavailable(self) -> dict[str, str]:
        """Why a vehicle cannot be dispatched: latched, or in somebody else's hands."""
        blocked = {name: desk.blocked_by() for name, desk in self._desks.items()}
        return {name: reason for name, reason in blocked.items() if reason is not None}

    def blocked_by(self, vehicle_id: str) -> str | None:
        """Of one vehicle what `unavailable` says of all."""
        desk = self._desks.get(vehicle_id)
        return None if desk is None else desk.blocked_by()

    def heights(self) -> dict[str, float]:
        """Where each copter would look from: the free height nearest to the site's own; of one that finds none that."""
        preferred_m = self._tools.view.site.response.air_altitude_m
        states = [desk.state for desk in self._desks.values()]
        found = {
            name: self._tools.slots.find(name, preferred_m, None, states)
            for name, desk in self._desks.items()
            if desk.spec.kind.flies
        }
        return {name: height_m for name, height_m in found.items() if not isinstance(height_m, str)}

    # What others ask

    def submit(self, task: Task, evidence: Evidence, consent: Consent, *, sigma_m: float = 0.0) -> None:
        """Queue a task in state created. Raises NotFound for a strange vehicle and Refused when too many wait."""
        desk = self._desk(task.vehicle)
        if task.state is not TaskState.CREATED:
            raise Refused(f"task {task.task_id}: expected state created, got {task.state.value}")
        if len(desk.jobs) >= MAX_JOBS:
            raise Refused(f"'{task.vehicle}' has {MAX_JOBS} tasks waiting already")
        desk.jobs.append(Job(task, evidence, consent, task.target, sigma_m))

    def cancel(self, task_id: uuid.UUID, by: str) -> None:
        """End a task at its next tick; the vehicle then comes home. Raises NotFound for one that is not under way."""
        job = next((job for desk in self._desks.values() for job in desk.jobs if job.task.task_id == task_id), None)
        if job is None:
            raise NotFound(f"no task {task_id} is under way")
        job.cancelled_by = by
        self._note_later(by, "cancel", job.task.vehicle, job.task)

    def pause(self, task_id: uuid.UUID, by: str) -> None:
        """Hold a patrol where it is until it is resumed; it waits for nothing and is written after, as all that brings
        a vehicle to rest. Raises NotFound, Refused for what is no patrol or is paused."""
        _, job = self._patrol_job(task_id)
        if job.paused_by is not None:
            raise Refused(f"task {task_id}: {job.paused_by} has paused it already")
        self._note_later(by, "pause", job.task.vehicle, job.task)
        self._set_paused(job, by)

    def resume(self, task_id: uuid.UUID, by: str) -> None:
        """Let a paused patrol go on, over the gate again. Raises NotFound, Refused when it is not paused and StoreError
        when that cannot be written down first."""
        _, job = self._patrol_job(task_id)
        if job.paused_by is None:
            raise Refused(f"task {task_id}: it is not paused")
        self._note_first(by, "resume", job.task, {"paused_by": job.paused_by})
        self._set_paused(job, None)

    def skip(self, task_id: uuid.UUID, by: str) -> None:
        """On to the waypoint after the one it is flying to; paused, it stays so. Raises NotFound, Refused on the last
        one and StoreError when that cannot be written down first."""
        desk, job = self._patrol_job(task_id)
        if any(plan.id == job.task.patrol for plan in desk.site.roaming):
            raise Refused(f"task {task_id}: a roaming patrol passes over no point; cancel it to end it")
        plan = next((plan for plan in desk.site.patrols if plan.id == job.task.patrol), None)
        count = 0 if plan is None else len(plan.waypoints) * plan.laps
        if job.from_index + 1 >= count:
            raise Refused(f"task {task_id}: it is on its last waypoint; cancel it to end it")
        self._note_first(by, "skip", job.task, {"waypoint": job.from_index + 1})
        job.from_index, job.is_skipping = job.from_index + 1, True

    def _patrol_job(self, task_id: uuid.UUID) -> tuple[Desk, Job]:
        for desk in self._desks.values():
            for job in desk.jobs:
                if job.task.task_id == task_id:
                    if job.task.kind is not TaskKind.PATROL:
                        raise Refused(f"task {task_id}: expected a patrol, it is of kind {job.task.kind.value}")
                    return desk, job
        raise NotFound(f"no task {task_id} is under way")

    def _set_paused(self, job: Job, by: str | None) -> None:
        job.paused_by = by
        job.task = job.task.model_copy(update={"paused_by": by, "changed_at_us": self._tools.clock.wall_us()})
        self._tools.on_change(job.task)

    def retarget(self, task_id: uuid.UUID, target: GeoPoint, sigma_m: float) -> None:
        """The sighting moved: look there, from another place if this one no longer serves. A task that has ended is
        no longer interested."""
        for desk in self._desks.values():
            for job in desk.jobs:
                if job.task.task_id == task_id:
                    job.target, job.sigma_m = target, sigma_m

    def keep_watch(self, task_id: uuid.UUID, *, is_watch: bool) -> None:
        """Whether a look goes on when it counts as one. A task that has ended is no longer interested."""
        for desk in self._desks.values():
            for job in desk.jobs:
                if job.task.task_id == task_id:
                    job.is_watch = is_watch

    def take_back(self, vehicle_id: str, by: str) -> None:
        """A named person gives the vehicle back to us after a pilot, a failsafe or a restart. Raises NotFound, Refused
        when nobody took it and StoreError when that cannot be written down first."""
        desk = self._desk(vehicle_id)
        if desk.taken is None:
            raise Refused(f"'{vehicle_id}' is not in anybody else's hands")
        self._tools.journal.write(
            JournalEntry(self._tools.clock.wall_us(), by, "take back", vehicle_id, None, {"from": desk.taken})
        )
        desk.taken, desk.forgiven_at_us = None, desk.now_us
        state = desk.state
        desk.commanded = frozenset({state.mode}) if state.armed and state.mode is not None else frozenset()
        for job in desk.jobs:
            job.consent = Consent(job.consent.approved_by, taken_back_by=by)

    def _desk(self, vehicle_id: str) -> Desk:
        desk = self._desks.get(vehicle_id)
        if desk is None:
            raise NotFound(f"expected a vehicle of this site ({', '.join(self._desks)}), got '{vehicle_id}'")
        return desk

    def _note_first(self, by: str, act: str, task: Task, detail: dict[str, JsonValue]) -> None:
        at_us = self._tools.clock.wall_us()
        about = {"task": str(task.task_id), **detail}
        self._tools.journal.write(JournalEntry(at_us, by, act, task.vehicle, task.trace_id, about))

    def _note_later(self, by: str, act: str, subject: str, task: Task) -> None:
        detail: dict[str, str | None] = {"task": str(task.task_id)}
        self._tools.deferred.write(
            JournalEntry(self._tools.clock.wall_us(), by, act, subject, task.trace_id, dict(detail))
        )

    # The workers

    async def run(self) -> None:
        """Until cancelled: look at every desk that is not at work, and start a worker where there is some."""
        async with anyio.create_task_group() as group:
            while True:
                await self._tools.sleep(TICK_S)
                for name, desk in self._desks.items():
                    if desk.is_at_work:
                        continue
                    desk.ticked_at_us = desk.now_us
                    self._notice(desk)
                    self._drop_hopeless(desk)
                    work = self._work_of(desk)
                    if work is not None:
                        desk.is_at_work = True
                        group.start_soon(self._do, desk, work, name=f"desk {name}")

    def _notice(self, desk: Desk) -> None:
        """Whose is the vehicle?"""
        state = desk.state
        if state.armed is None:
            return
        if desk.is_adopted is None:
            desk.is_adopted = state.armed
            if state.armed:
                desk.taken = "found under way at start-up, so only watched"
        elif desk.is_adopted and not state.armed:
            desk.is_adopted, desk.taken = False, None
        is_latched = desk.tools.latch_of(desk.spec.id) is not None
        if desk.was_latched and not is_latched and state.armed and state.mode is not None:
            desk.commanded = frozenset({state.mode})  # the monitor's order, and a named person released it
            desk.was_latched, desk.forgiven_at_us = False, desk.now_us
        if not state.armed or state.mode in COMES_DOWN:
            self._tools.slots.free(desk.spec.id)
        if not state.armed:
            desk.commanded, desk.forgiven_at_us = frozenset(), desk.now_us
        elif desk.taken is None and not is_latched:
            if not desk.commanded:
                desk.taken = "armed, and not by us"
            elif state.mode is not None and state.mode not in desk.commanded:
                desk.taken = f"mode changed to {state.mode.value}, and not by us"
            else:
                desk.taken = desk.others_act()

    def _work_of(self, desk: Desk) -> Callable[[], Awaitable[None]] | None:
        """What is to be done next; None: nothing."""
        if desk.blocked_by() is not None:
            return None
        state = desk.state
        is_bare = state.armed is False and state.autopilot_uid is not None and not state.safety_uploaded
        if is_bare and self._may_retry(desk, PREPARE_AGAIN_US):
            return partial(errands.prepare, desk)
        if desk.jobs:
            return partial(self._run_errand, desk, min(desk.jobs, key=lambda job: job.task.kind is TaskKind.PATROL))
        if state.armed and self._may_retry(desk, HOME_AGAIN_US):
            return partial(docked.bring_home if desk.dock_spec is not None else errands.bring_home, desk)
        return None

    @staticmethod
    async def _do(desk: Desk, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Interrupted:
            pass  # of work without a task: what interrupted it comes next
        except (FlightError, StoreError) as err:
            _log.warning("could not bring home or prepare", vehicle=desk.spec.id, error=str(err))
        finally:
            desk.is_at_work = False

    def _may_retry(self, desk: Desk, pause_us: int) -> bool:
        """At most one attempt in `pause_us`: a vehicle that refuses is not asked twenty times a second."""
        if desk.now_us < self._retry_at_us.get(desk.spec.id, 0):
            return False
        self._retry_at_us[desk.spec.id] = desk.now_us + pause_us
        return True

    def _drop_hopeless(self, desk: Desk) -> None:
        """End what was cancelled while it waited, what waited too long, and what cannot start now."""
        if not desk.jobs:
            return
        blocked = desk.blocked_by()
        for job in tuple(desk.jobs):
            is_suspended = job.task.state is TaskState.SUSPENDED
            late = job.suspended_at_us is not None and desk.now_us - job.suspended_at_us > SUSPENDED_LIMIT_US
            if job.cancelled_by is not None:
                self._end(desk, job, TaskState.CANCELLED, f"cancelled by {job.cancelled_by}")
            elif late:
                self._end(desk, job, TaskState.FAILED, "nobody gave the vehicle back")
            elif is_suspended and desk.state.armed is False and job.task.kind is not TaskKind.PATROL:
                self._end(desk, job, TaskState.FAILED, "its motors are off, and old evidence launches nobody")
            elif blocked is not None and not is_suspended:
                self._end(desk, job, TaskState.REFUSED, blocked)

    async def _run_errand(self, desk: Desk, job: Job) -> None:
        """One errand to its end, or to its interruption."""
        try:
            await _ERRANDS[job.task.kind](desk, job)
        except Cancelled as err:
            self._end(desk, job, TaskState.CANCELLED, str(err))
        except (Preempted, TakenAway) as err:
            self._suspend(desk, job, str(err))
        except (CommandRefused, StoreError) as err:
            self._end(desk, job, TaskState.REFUSED, str(err))
        except (FlightError, GaveUp) as err:
            self._end(desk, job, TaskState.FAILED, str(err))
        else:
            self._end(desk, job, TaskState.DONE, "")
        finally:
            desk.route = None

    @staticmethod
    def _suspend(desk: Desk, job: Job, reason: str) -> None:
        if job.task.state in (TaskState.ACCEPTED, TaskState.EXECUTING, TaskState.SUSPENDED):
            job.suspended_at_us = desk.now_us
            desk.move(job, TaskState.SUSPENDED, reason=reason)
        else:
            Tasking._end(desk, job, TaskState.FAILED, reason)

    @staticmethod
    def _end(desk: Desk, job: Job, state: TaskState, reason: str) -> None:
        """Refused once under way is failed: the vehicle had said yes before."""
        if state is TaskState.REFUSED and job.task.state in (TaskState.ACCEPTED, TaskState.EXECUTING):
            state = TaskState.FAILED
        desk.jobs.remove(job)
        desk.move(job, state, reason=reason)
