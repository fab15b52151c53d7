"""One vehicle's desk: its jobs, and the only way an order of tasking leaves it: gate, journal, then the vehicle.

Everything that can end a wait is one exception of this file, raised at a tick; nothing here waits longer than a tick
without looking. A mode that is not the one we last commanded means somebody else flies (SAFETY 12).
"""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import anyio

from contract.clock import Clock
from contract.docks import Dock as DockSpec
from contract.envelope import Origin
from contract.geo import GeoPoint
from contract.site import Site
from contract.site import Vehicle as VehicleSpec
from contract.tasks import Task, TaskKind, TaskState
from fleet.flight.airspace import Airspace
from fleet.flight.decision_record import record_of
from fleet.flight.deferred import DeferredJournal
from fleet.flight.dock import Asked, DockDriver, DockVerb
from fleet.flight.docking import command_refusals, dock_entry, landing_refusals, lost_while_out
from fleet.flight.errors import CommandRefused, FlightError, NoAnswer
from fleet.flight.gate import GateParameters, RefusedOrder, judge
from fleet.flight.journal import Journal, JournalEntry
from fleet.flight.orders import (
    Approval,
    Disarm,
    FlyMission,
    GoTo,
    Hold,
    Land,
    Launch,
    Orbit,
    Order,
    ReturnHome,
    Sent,
    ToDock,
)
from fleet.flight.slots import SlotBook
from fleet.flight.vehicle import FlightMode, Vehicle, VehicleState
from fleet.flight.watch import Route
from fleet.flight.way import MovingOrder, way_of
from fleet.flight.world import Consent, Evidence, World, WorldView

TICK_S = 0.05
ORDER_LIMIT_US = 150_000_000  # a launch to 60 m at ArduPilot's slowest climb; a mission upload on a bad link
SILENT_LIMIT_US = 10_000_000
TASKING = "tasking"
_MODE_AFTER: dict[type[Order], FlightMode] = {
    Launch: FlightMode.GUIDED,
    GoTo: FlightMode.GUIDED,
    Orbit: FlightMode.AUTO,
    FlyMission: FlightMode.AUTO,
    Hold: FlightMode.HOLD,
    ReturnHome: FlightMode.RETURN,
    ToDock: FlightMode.GUIDED,
    Land: FlightMode.LAND,
}


class Interrupted(Exception):
    """What ended a wait; the text is for people.

    Interrupted
        Cancelled    a person wants the task ended
        Preempted    something more urgent waits for this vehicle
        TakenAway    a pilot, a failsafe or the safety monitor has the vehicle
        GaveUp       it took too long
    """


class Cancelled(Interrupted):
    pass


class Preempted(Interrupted):
    pass


class TakenAway(Interrupted):
    pass


class GaveUp(Interrupted):
    pass


@dataclass(slots=True)
class Job:
    """A task on its way through. `from_index` is where a patrol goes on, `is_skipping` while the vehicle has not been
    told of it, `paused_by` who stopped it; `is_watch`: a look that goes on when it counts as one."""

    task: Task
    evidence: Evidence
    consent: Consent
    target: GeoPoint | None
    sigma_m: float = 0.0
    from_index: int = 0
    is_skipping: bool = False
    paused_by: str | None = None
    visit_ends: tuple[int, ...] = ()  # of a roaming patrol: the waypoint that ends each of its task's visits
    decisions: int = 0
    was_acknowledged: bool = False
    cancelled_by: str | None = None
    is_watch: bool = False
    suspended_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """What every desk shares."""

    view: WorldView
    clock: Clock
    journal: Journal
    deferred: DeferredJournal
    parameters: GateParameters
    latch_of: Callable[[str], str | None]  # of the safety monitor
    on_change: Callable[[Task], None]
    on_hop: Callable[[str, str, int], None]
    sleep: Callable[[float], Awaitable[None]]
    slots: SlotBook


@dataclass(slots=True)
class Desk:
    """State of one vehicle's work. `commanded`: the mode we last ordered (two after an order that was broken off, none
    while the vehicle is not ours)."""

    vehicle: Vehicle
    spec: VehicleSpec
    tools: Tools
    jobs: list[Job] = field(default_factory=list)
    route: Route | None = None
    commanded: frozenset[FlightMode] = frozenset()
    speed_m_s: float = 0.0  # last approved
    was_latched: bool = False
    taken: str | None = None
    forgiven_at_us: int = 0  # what another station did before then is past
    is_adopted: bool | None = None
    is_at_work: bool = False
    ticked_at_us: int | None = None
    orders_without_task: int = 0
    dock: DockDriver | None = None  # of one that stands in a machine and not on open ground

    @property
    def state(self) -> VehicleState:
        return self.vehicle.state

    @property
    def now_us(self) -> int:
        return self.tools.clock.monotonic_us()

    @property
    def site(self) -> Site:
        return self.tools.view.site

    @property
    def airspace(self) -> Airspace:
        return self.tools.view.airspace

    def world(self) -> World:
        return self.tools.view.now()

    def blocked_by(self) -> str | None:
        """Who else has the vehicle: the monitor's latch, a pilot, or a flight we only adopted."""
        latch = self.tools.latch_of(self.spec.id)
        if latch is None:
            return self.taken
        self.was_latched = True
        return f"the safety monitor has it: {latch}"

    # Waiting

    async def pause(self, job: Job | None) -> None:
        """One tick. Raises what ends the wait."""
        await self.tools.sleep(TICK_S)
        self.ticked_at_us = self.now_us
        self.raise_if_interrupted(job, is_ordering=False)

    def raise_if_interrupted(self, job: Job | None, *, is_ordering: bool) -> None:
        if job is not None and job.cancelled_by is not None:
            raise Cancelled(f"cancelled by {job.cancelled_by}")
        blocked = self.blocked_by()
        if blocked is not None:
            raise TakenAway(blocked)
        if job is not None and (lost := self.dock_lost()) is not None:
            raise GaveUp(lost)
        state = self.state
        if state.heard_at_us is None or self.now_us - state.heard_at_us > SILENT_LIMIT_US:
            raise GaveUp(f"the vehicle was not heard for {SILENT_LIMIT_US / 1e6:.0f} s")
        self._notice_others(state, is_ordering=is_ordering)
        if self._is_preempted(job):
            raise Preempted("an investigation needs the vehicle")

    def others_act(self) -> str | None:
        """What another ground station did to it while it is under way for us; on the ground that is no matter."""
        state = self.state
        if state.armed is not True:
            self.forgiven_at_us = self.now_us
        did_at_us = state.others_did_at_us
        return state.others_did if did_at_us is not None and did_at_us > self.forgiven_at_us else None

    def _notice_others(self, state: VehicleState, *, is_ordering: bool) -> None:
        act = self.others_act()
        if act is not None and self.commanded:
            self.taken = act
            raise TakenAway(act)
        if not self.commanded or state.armed is not True or state.mode is None or state.mode in self.commanded:
            return
        if is_ordering and state.mode is not FlightMode.MANUAL:
            return  # the mode is just changing, at our wish
        self.taken = f"mode changed to {state.mode.value}, and not by us"
        raise TakenAway(self.taken)

    def _is_preempted(self, job: Job | None) -> bool:
        if job is None:
            return bool(self.jobs)
        may_wait = job.task.state in (TaskState.ACCEPTED, TaskState.EXECUTING, TaskState.SUSPENDED)
        urgent = any(other.task.kind is not TaskKind.PATROL for other in self.jobs if other is not job)
        return job.task.kind is TaskKind.PATROL and may_wait and urgent

    # Ordering

    async def order(self, job: Job | None, order: Order) -> Sent:
        """Gate, journal, vehicle. Raises Interrupted, FlightError (refused, no answer) or fleet.errors.StoreError."""
        approval = self._judged(job, order)
        order = approval.order
        if job is not None and job.task.state is TaskState.CREATED:
            self.move(job, TaskState.SENT)
        was_ours = bool(self.commanded)
        after = frozenset({_MODE_AFTER[type(order)]}) if type(order) in _MODE_AFTER else self.commanded
        self.commanded |= after  # until it is confirmed, the old mode is no surprise either
        if isinstance(order, Launch | GoTo | Orbit | FlyMission):
            self.route = self._route_of(order)
        if isinstance(order, GoTo | Orbit | FlyMission):
            self.speed_m_s = order.speed_m_s
        sent = await self._carried_out(job, approval, was_ours=was_ours)
        self.commanded = after
        if job is not None:
            self._acknowledged(job, sent)
        return sent

    def _judged(self, job: Job | None, order: Order) -> Approval:
        evidence, consent, decision_id = self._grounds(job)
        started_us = self.now_us
        decision = judge(
            order,
            vehicle=self.state,
            world=self.world(),
            evidence=evidence,
            consent=consent,
            parameters=self.tools.parameters,
            now_us=started_us,
            decision_id=decision_id,
        )
        if job is not None:
            self.tools.on_hop(job.task.trace_id, "gate", self.now_us - started_us)
        refused = isinstance(decision, RefusedOrder)
        entry = JournalEntry(
            at_us=self.tools.clock.wall_us(),
            actor=consent.approved_by or TASKING,
            act=f"{'refused' if refused else 'order'} {type(order).__name__}",
            subject=self.spec.id,
            trace_id=None if job is None else job.task.trace_id,
            detail={"task": None if job is None else str(job.task.task_id), "decision": record_of(decision)},
        )
        comes_home = isinstance(order, Hold | ReturnHome | ToDock | Land | Disarm)
        (self.tools.deferred if comes_home else self.tools.journal).write(entry)
        if isinstance(decision, RefusedOrder):
            raise CommandRefused("; ".join(decision.reasons))
        if job is not None and job.evidence.tasked_at_us is None:
            job.evidence = replace(job.evidence, tasked_at_us=started_us)
        return decision.approval

    def _grounds(self, job: Job | None) -> tuple[Evidence, Consent, uuid.UUID]:
        """Evidence, consent and the id of the next decision; without a task we only bring home and prepare."""
        if job is None:
            self.orders_without_task += 1
            decision_id = uuid.uuid5(uuid.NAMESPACE_OID, f"{self.spec.id}/{self.now_us}/{self.orders_without_task}")
            return Evidence(Origin.LIVE, self.now_us, 0.0), Consent(), decision_id
        job.decisions += 1
        return job.evidence, job.consent, uuid.uuid5(job.task.task_id, f"decision/{job.decisions}")

    def _route_of(self, order: MovingOrder) -> Route | None:
        state, airspace = self.state, self.airspace
        if state.position is None:
            return None
        way = way_of(
            order, position=airspace.enu(state.position), height_m=state.above_home_m or 0.0, airspace=airspace
        )
        stays_s = max((item.dwell_s for item in order.items), default=0.0) if isinstance(order, FlyMission) else 0.0
        return Route(way.stops, stays_s)

    async def _carried_out(self, job: Job | None, approval: Approval, *, was_ours: bool) -> Sent:
        """Wait for the vehicle, and for whatever else may end it, whichever is first."""
        outcome: list[Sent | FlightError] = []
        ended: Interrupted | None = None

        async def carry_out() -> None:
            try:
                outcome.append(await self.vehicle.carry_out(approval, on_progress=lambda text: self.say(job, text)))
            except FlightError as err:
                outcome.append(err)

        deadline_us = self.now_us + ORDER_LIMIT_US
        async with anyio.create_task_group() as group:
            group.start_soon(carry_out, name=f"carry out {self.spec.id}")
            while not outcome:
                await self.tools.sleep(TICK_S)
                self.ticked_at_us = self.now_us
                try:
                    if was_ours or self.blocked_by() is not None or (job is not None and job.cancelled_by is not None):
                        self.raise_if_interrupted(job, is_ordering=True)
                except Interrupted as err:
                    ended = err
                if ended is not None or self.now_us > deadline_us:
                    group.cancel_scope.cancel()
                    break
        if ended is not None:
            raise ended
        if not outcome:
            raise NoAnswer(f"{self.spec.id}: not carried out within {ORDER_LIMIT_US / 1e6:.0f} s")
        if isinstance(outcome[0], FlightError):
            raise outcome[0]
        return outcome[0]

    def _acknowledged(self, job: Job, sent: Sent) -> None:
        if not job.was_acknowledged and sent.acknowledged_at_us is not None:
            job.was_acknowledged = True
            self.tools.on_hop(job.task.trace_id, "mavlink_ack", sent.acknowledged_at_us - sent.first_sent_at_us)
        if job.task.state is TaskState.SENT:
            self.move(job, TaskState.RECEIVED)
            self.move(job, TaskState.ACCEPTED)

    # The dock it stands in

    @property
    def dock_spec(self) -> DockSpec | None:
        return self.site.dock_of(self.spec.id)

    def dock_lost(self) -> str | None:
        """Why a vehicle that is out ends its task: it will land at the alternate."""
        if self.dock is None or self.state.armed is not True:
            return None
        return "; ".join(lost_while_out(self.dock.state)) or None

    def landing_refusals(self) -> list[str]:
        """Why it must not come down in its dock now."""
        spec = self.dock_spec
        if spec is None:
            return []
        return landing_refusals(spec, self.world().docks, self.state, self.now_us)

    def ask_dock(self, job: Job | None, dock: DockDriver, verb: DockVerb) -> Asked:
        """Refusals, journal, dock. Raises CommandRefused, fleet.errors.StoreError."""
        refusals = command_refusals(verb, dock.state, self.state, self.now_us)
        self.orders_without_task += 1
        words = f"{dock.spec.id}/{verb.value}/{self.now_us}/{self.orders_without_task}"
        command_id = uuid.uuid5(uuid.NAMESPACE_OID, words)
        entry = dock_entry(
            dock,
            verb,
            command_id=command_id,
            refusals=refusals,
            by=TASKING if job is None else job.consent.approved_by or TASKING,
            at_us=self.tools.clock.wall_us(),
            trace_id=None if job is None else job.task.trace_id,
        )
        (self.tools.deferred if job is None else self.tools.journal).write(entry)
        if refusals:
            raise CommandRefused("; ".join(refusals))
        return dock.ask(verb, command_id=command_id)

    # Telling

    def move(self, job: Job, state: TaskState, *, reason: str = "", progress: str | None = None) -> None:
        job.task = job.task.moved_to(state, at_us=self.tools.clock.wall_us(), reason=reason, progress=progress)
        self.tools.on_change(job.task)

    def say(self, job: Job | None, progress: str) -> None:
        """Progress in words; told only when it changed."""
        if job is not None and progress != job.task.progress:
            self.move(job, job.task.state, reason=job.task.reason, progress=progress)
