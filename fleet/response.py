"""What the fleet does about it: incidents to investigations, the clock to patrols, and every task's life on record.

One active investigation an incident; while no vehicle can go, an incident waits as long as its evidence is fresh. One
whose vehicle was taken from us is not active: another goes, and replaces it. A real vehicle's task stays in state
created until a named person approves it or a written grant covers it (SAFETY 3, 4).
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping

import structlog

from contract.clock import Clock
from contract.envelope import Origin
from contract.events import Sighting, Stage
from contract.geo import GroundFix
from contract.kinds import Severity
from contract.site import Site
from contract.tasks import TASK_NAMESPACE, Task, TaskKind, TaskState, Visit
from fleet.decision.assignment import choose_among
from fleet.decision.dispatch import Dispatch
from fleet.decision.needs import keeps_busy, need_of, needs_of
from fleet.decision.roaming import Roaming, is_fit
from fleet.errors import NotFound, Refused, StoreError
from fleet.flight.gate import GateParameters, consent_refusals
from fleet.flight.tasking import Tasking
from fleet.flight.vehicle import Vehicle
from fleet.flight.world import Consent, Evidence, WorldView
from fleet.hops import Hops
from fleet.live import LiveFeed
from fleet.metrics import Metrics
from fleet.picture.coverage import Trouble
from fleet.picture.incidents import Incident, State
from fleet.picture.ingest import Effect, Ingest
from fleet.records import reads
from fleet.records.store import Store
from fleet.records.task_ledger import TaskLedger, told
from fleet.wanting import Leave, Waiting, Wanting

DISPATCH, SCHEDULE = "dispatch", "schedule"
log = structlog.get_logger()


class Response:
    """All methods are for the coordinator's loop; `on_task_change` is called by tasking."""

    def __init__(
        self,
        *,
        site: Site,
        clock: Clock,
        store: Store,
        ingest: Ingest,
        vehicles: Mapping[str, Vehicle],
        view: WorldView,
        parameters: GateParameters,
        zones: Mapping[str, bool],
        live: LiveFeed,
        metrics: Metrics,
        hops: Hops,
        roaming: Roaming,
    ) -> None:
        self._site, self._clock, self._store, self._ingest = site, clock, store, ingest
        self._vehicles, self._view, self._parameters = vehicles, view, parameters
        self._zones, self._live, self._metrics, self._hops, self._roaming = zones, live, metrics, hops, roaming
        self.tasks: dict[uuid.UUID, Task] = {}  # not ended yet
        self._tasking: Tasking
        self.wanting = Wanting(
            clock,
            max_age_s=site.response.dispatch_max_age_s,
            is_busy=lambda incident_id: self.active_task(incident_id) is not None,
        )
        self._wants_consent: set[uuid.UUID] = set()  # tasks that tasking has not got yet
        self._asked_at_us: dict[uuid.UUID, int] = {}  # task -> when its evidence was durable
        self._gate_us: dict[str, int] = {}  # trace -> what the gate took of that time
        self._ledger = TaskLedger(store, clock=clock, incident_of=ingest.open_incident)

    def use(self, tasking: Tasking) -> None:
        """Tasking reports to us and we order from it: one of the two must come second."""
        self._tasking = tasking

    def load(self) -> None:
        """After a restart nothing is commanded: what was under way has failed, and a person decides (SAFETY 12)."""
        with self._store.reading() as connection:
            recent = reads.tasks(connection, limit=reads.MAX_ROWS)
            unfinished = reads.tasks(connection, only_open=True, limit=reads.MAX_ROWS)
        for task in recent:
            if task.patrol is not None:
                self._roaming.started(task.patrol, at_us=task.created_at_us)
            self.wanting.remember(task)
        for task in unfinished:
            if task.kind is TaskKind.PATROL and task.vehicle in self._vehicles:
                self._vehicles[task.vehicle].doubt_mission()
            ended = task.moved_to(TaskState.FAILED, at_us=self._clock.wall_us(), reason="coordinator restarted")
            self._live.publish("task", ended)
            self._ledger.save(ended)
            self._tell_incident(ended)

    # What happens

    def on_effect(self, effect: Effect) -> None:
        """An event's message is durable: remember how fresh it is, and follow the intruder."""
        incident, event = effect.change.incident, effect.event
        if incident.state is State.CLOSED or event.stage is Stage.END:
            return
        evidence = Evidence(
            origin=effect.envelope.origin,
            received_at_us=effect.arrival.monotonic_us,
            age_at_receipt_s=effect.age_s,
            zone=event.zone,
            incident=incident.incident_id,
        )
        self.wanting.heard(incident.incident_id, evidence)
        if event.sighting.ground is not None:
            self._follow(incident.incident_id, event.sighting.ground)

    def ask(self, incident: Incident) -> None:
        """Somebody may have to go there."""
        if self._is_watched(incident):
            self.wanting.ask(incident)

    def send_one(self) -> bool:
        """Send somebody to the next incident whose turn it is. False when there is none: planning takes its time, and
        between two plans the loop should do what is more urgent."""
        incident_id = self.wanting.next_due()
        if incident_id is None:
            return False
        incident, waiting = self._ingest.incidents.get(incident_id), self.wanting.waiting.get(incident_id)
        if waiting is not None:
            leave = None if incident is None else self._leave(incident)
            if incident is None or leave is None:
                del self.wanting.waiting[incident_id]
            else:
                self._try(incident, waiting, leave)
        return True

    def on_sightings(self, sightings: Iterable[Sighting]) -> None:
        """Live tracks: an investigation follows the track of its alarms."""
        wanted = {
            (alarm.sighting.camera, alarm.sighting.track): alarm.incident_id
            for alarm in self._ingest.alarms.values()
            if alarm.sighting is not None and self.tasks_of(alarm.incident_id)
        }
        for sighting in sightings if wanted else ():
            incident_id = wanted.get((sighting.camera, sighting.track))
            if incident_id is not None and sighting.ground is not None:
                self._follow(incident_id, sighting.ground)

    def on_task_change(self, task: Task) -> None:
        """Tasking's word. A change of state is on disk when this returns, or as soon as the store takes it."""
        task = self._ingest.of_survivor(task)
        known = self.tasks.get(task.task_id)
        self._roaming.note(known, task, at_us=self._clock.wall_us())
        if task.state.is_final:
            self.tasks.pop(task.task_id, None)
            self._wants_consent.discard(task.task_id)
        else:
            self.tasks[task.task_id] = task
        self._live.publish("task", task)
        if known is not None and known.state is task.state:
            return
        if task.state is TaskState.DONE and task.incident_id is not None:
            self.wanting.looked(task.incident_id)
        self._measure_decision(task)
        self._metrics.tasks.labels(state=task.state.value).inc()
        log.info("task", task=str(task.task_id), vehicle=task.vehicle, state=task.state.value, reason=task.reason)
        self._tell_incident(task)
        self._ledger.save(task)
        if task.state is TaskState.SENT:
            self._call_off_replaced(task)
        elif task.state in (TaskState.REFUSED, TaskState.FAILED, TaskState.SUSPENDED):
            self._plan_another(task)

    def take_over(self, gone: uuid.UUID, into: uuid.UUID) -> None:
        """One incident became part of another, and its tasks with it."""
        for task in self.tasks_of(gone):
            self.on_task_change(task)
        self.wanting.take_over(gone, into)

    def on_hop(self, trace_id: str, hop: str, took_us: int) -> None:
        """Tasking's word on how long a step took."""
        if hop == "gate":
            self._gate_us.setdefault(trace_id, took_us)
        self._hops.add(trace_id, hop, took_us)

    def flush(self) -> None:
        """Into the store with what waits for it."""
        self._ledger.flush()

    def identity_troubles(self) -> list[Trouble]:
        """Of vehicles whose identity is in doubt (SAFETY 11)."""
        states = [vehicle.state for vehicle in self._vehicles.values()]
        return [
            Trouble(
                f"vehicle:{state.vehicle_id}",
                f"vehicle {state.vehicle_id}: {'; '.join(state.not_ready_because)}",
                (),
                Severity.HIGH,
                Origin.SIMULATED if state.simulated else Origin.LIVE,
            )
            for state in states
            if any("quarantine" in reason for reason in state.not_ready_because)
        ]

    def tick(self) -> None:
        """Once a second: who waits for a vehicle, which patrol is due, what the store did not take before."""
        self.flush()
        self.wanting.tick()
        self.wanting.forget_all_but(self._ingest.incidents)
        for start in self._roaming.starts(can_start=self._can_patrol, now_us=self._clock.wall_us()):
            self._start_patrol(*start)

    # What persons ask

    def tasks_of(self, incident_id: uuid.UUID) -> list[Task]:
        """Those that have not ended."""
        return [task for task in self.tasks.values() if task.incident_id == incident_id]

    def active_task(self, incident_id: uuid.UUID) -> Task | None:
        """None too while the only one is suspended: its vehicle is in other hands, for nobody knows how long."""
        return next((task for task in self.tasks_of(incident_id) if task.state is not TaskState.SUSPENDED), None)

    def dispatch(self, incident: Incident, *, by: str) -> Task:
        """A named person sends somebody, however old the evidence is. Raises Refused with the reason, StoreError."""
        if self.active_task(incident.incident_id) is not None:
            raise Refused(f"incident {incident.incident_id}: a vehicle is on it already")
        chosen = self._choose(incident)
        if isinstance(chosen, str):
            raise Refused(f"incident {incident.incident_id}: {chosen}")
        return self._make_task(incident, chosen, self._evidence_of(incident), actor=by, approved_by=by)

    def send(self, task: Task, *, by: str) -> Task:
        """What a named person orders by hand, and approves by that. Raises Refused, StoreError."""
        self._record(task, actor=by, act="send")
        self._submit(task, self.live_evidence(task.vehicle), Consent(approved_by=by))
        return self.tasks.get(task.task_id, task)

    def relieve(self, incident: Incident, chosen: Dispatch) -> Task:
        """A second vehicle to what one looks at already. Raises Refused, StoreError."""
        return self._make_task(incident, chosen, self._evidence_of(incident), actor=DISPATCH)

    def approve(self, task_id: uuid.UUID, *, by: str) -> Task:
        """A named pilot lets a waiting task go; where to stand is worked out anew. Raises NotFound, Refused."""
        task = self._open_task(task_id)
        if task_id not in self._wants_consent:
            raise Refused(f"task {task_id}: expected one that waits for approval, it is {task.state.value}")
        incident = self._ingest.incidents.get(task.incident_id) if task.incident_id else None
        sigma_m, evidence = 0.0, self.live_evidence(task.vehicle)
        update: dict[str, object] = {"approved_by": by, "changed_at_us": self._clock.wall_us(), "progress": "approved"}
        if task.kind is TaskKind.INVESTIGATE:
            if incident is None or incident.ground is None:
                raise Refused(f"task {task_id}: its incident is closed")
            chosen = self._choose(incident, only=task.vehicle)
            if isinstance(chosen, str):
                raise Refused(f"task {task_id}: {chosen}")
            evidence = self._evidence_of(incident)
            sigma_m = incident.ground.sigma_m
            update |= {
                "target": incident.ground.point,
                "stand_off": chosen.stand_off,
                "stand_off_altitude_m": chosen.above_home_m,
            }
        task = task.model_copy(update=update)
        self._record(task, actor=by, act="approve")
        self._wants_consent.discard(task_id)
        self._submit(task, evidence, Consent(approved_by=by), sigma_m=sigma_m)
        return self.tasks.get(task_id, task)

    def cancel(self, task_id: uuid.UUID, *, by: str) -> Task:
        """Raises NotFound."""
        task = self._open_task(task_id)
        if task_id not in self._wants_consent:
            self._tasking.cancel(task_id, by)
            return self.tasks.get(task_id, task)
        reason = f"cancelled by {by}"
        task = task.moved_to(TaskState.CANCELLED, at_us=self._clock.wall_us(), reason=reason, progress="")
        self._ledger.journal(task, actor=by, act="cancel")
        self.on_task_change(task)
        return task

    def at_patrol(self, task_id: uuid.UUID, act: Callable[[], None]) -> Task:
        """A person's word to a patrol that tasking has. Raises NotFound, Refused and what `act` raises."""
        task = self._open_task(task_id)
        if task_id in self._wants_consent:
            raise Refused(f"task {task_id}: it waits for approval")
        act()
        return self.tasks.get(task_id, task)

    # How

    def _open_task(self, task_id: uuid.UUID) -> Task:
        if task_id not in self.tasks:
            raise NotFound(f"task {task_id}: none of that id is open")
        return self.tasks[task_id]

    def _is_watched(self, incident: Incident) -> bool:
        return any(self._zones[zone] for zone in incident.zones)

    def _leave(self, incident: Incident) -> Leave | None:
        return self.wanting.leave(incident) if self._is_watched(incident) else None

    def _follow(self, incident_id: uuid.UUID, fix: GroundFix) -> None:
        for task in self.tasks_of(incident_id):
            self._tasking.retarget(task.task_id, fix.point, fix.sigma_m)

    def _try(self, incident: Incident, waiting: Waiting, leave: Leave) -> None:
        """Send somebody now, or say once why not."""
        by, wanting = leave.approved_by, self.wanting
        if by is None and not wanting.is_fresh(incident.incident_id):
            del wanting.waiting[incident.incident_id]
            age_s = wanting.age_s(incident.incident_id)
            age = "of unknown age" if age_s is None else f"{age_s:.0f} s old"
            self.note(incident.incident_id, who=DISPATCH, what=f"nobody sent: the evidence is {age}; a person decides")
            return
        since_us = self._clock.monotonic_us()
        chosen = self._choose(incident, others=self.others_than(incident))
        if isinstance(chosen, str):
            wanting.planned_in_vain(waiting, since_us=since_us)
            if not waiting.said:
                waiting.said = chosen
                self.note(incident.incident_id, who=DISPATCH, what=f"nobody sent yet: {chosen}")
            return
        evidence, actor = self._evidence_of(incident), by or DISPATCH
        try:
            self._make_task(incident, chosen, evidence, actor=actor, approved_by=by, asked_at_us=waiting.asked_at_us)
        except (StoreError, Refused) as err:
            log.warning("not dispatched", incident=str(incident.incident_id), reason=str(err))
            wanting.put_off(waiting)
            return
        del wanting.waiting[incident.incident_id]

    def others_than(self, one: Incident) -> Iterator[Incident]:
        """Which else wait, and on their turn would be sent somebody: a stale one keeps no vehicle from a fresh one."""
        waiting = (self._ingest.incidents.get(each) for each in self.wanting.waiting if each != one.incident_id)
        return (each for each in waiting if each is not None and self._would_go(each))

    def _would_go(self, incident: Incident) -> bool:
        leave = self._leave(incident)
        return leave is not None and (leave.approved_by is not None or self.wanting.is_fresh(incident.incident_id))

    def _choose(self, incident: Incident, only: str | None = None, others: Iterable[Incident] = ()) -> Dispatch | str:
        if (need := need_of(incident)) is None:
            return "where it is on the ground is not known"
        return choose_among(
            need,
            needs_of(others),
            vehicles=[vehicle.state for name, vehicle in self._vehicles.items() if only in (None, name)],
            tasks=[task for task in self.tasks.values() if keeps_busy(task, incident)],
            world=self._view.now(),
            parameters=self._parameters,
            now_us=self._clock.monotonic_us(),
            unavailable=self._tasking.unavailable(),
            heights=self._tasking.heights(),
        )

    def _make_task(
        self,
        incident: Incident,
        chosen: Dispatch,
        evidence: Evidence,
        *,
        actor: str,
        approved_by: str | None = None,
        asked_at_us: int | None = None,
    ) -> Task:
        attempt = self.wanting.attempts(incident.incident_id) + 1
        now_us = self._clock.wall_us()
        assert incident.ground is not None
        task = Task(
            task_id=uuid.uuid5(TASK_NAMESPACE, f"{incident.incident_id}/{attempt}"),
            kind=TaskKind.INVESTIGATE,
            vehicle=chosen.vehicle_id,
            state=TaskState.CREATED,
            reason=chosen.reason,
            origin=incident.origin,
            trace_id=incident.trace_id,
            created_at_us=now_us,
            changed_at_us=now_us,
            incident_id=incident.incident_id,
            target=incident.ground.point,
            stand_off=chosen.stand_off,
            stand_off_altitude_m=chosen.above_home_m,
            approved_by=approved_by,
        )
        consent = Consent(approved_by=approved_by)
        needs = consent_refusals(
            self._vehicles[chosen.vehicle_id].state, world=self._view.now(), evidence=evidence, consent=consent
        )
        task = task.model_copy(update={"progress": "; ".join(needs)})
        self._record(task, actor=actor, act="dispatch")
        self.wanting.tried(incident.incident_id)
        if needs:
            self._wants_consent.add(task.task_id)
        else:
            if asked_at_us is not None:
                self._asked_at_us[task.task_id] = asked_at_us
            self._submit(task, evidence, consent, sigma_m=incident.ground.sigma_m)
        told = "; ".join([task.reason, *chosen.others, *needs])
        self.note(incident.incident_id, who=actor, what=f"{task.vehicle}: {told}")
        return self.tasks.get(task.task_id, task)

    def _call_off_replaced(self, sent: Task) -> None:
        """Given back later, a vehicle that was taken off an incident does not return to what another looks at now."""
        for task in self.tasks_of(sent.incident_id) if sent.incident_id else ():
            if task.state is TaskState.SUSPENDED:
                self._tasking.cancel(task.task_id, DISPATCH)

    def _plan_another(self, task: Task) -> None:
        incident = self._ingest.incidents.get(task.incident_id) if task.incident_id else None
        if incident is not None and self._is_watched(incident):
            self.wanting.ask_again(incident)

    def _can_patrol(self, vehicle_id: str, charge_frac: float) -> bool:
        if vehicle_id in self._tasking.unavailable() or any(task.vehicle == vehicle_id for task in self.tasks.values()):
            return False
        state, now_us = self._vehicles[vehicle_id].state, self._clock.monotonic_us()
        return is_fit(state, self._view.now(), self._parameters, charge_frac=charge_frac, now_us=now_us)

    def _start_patrol(self, patrol_id: str, vehicle_id: str, visits: tuple[Visit, ...]) -> None:
        state, world, now_us = self._vehicles[vehicle_id].state, self._view.now(), self._clock.wall_us()
        task_id = uuid.uuid5(TASK_NAMESPACE, f"{patrol_id}/{now_us}")
        evidence = self.live_evidence(vehicle_id)
        task = Task(
            task_id=task_id,
            kind=TaskKind.PATROL,
            vehicle=vehicle_id,
            state=TaskState.CREATED,
            reason=f"patrol {patrol_id} is due",
            origin=evidence.origin,
            trace_id=task_id.hex,
            created_at_us=now_us,
            changed_at_us=now_us,
            patrol=patrol_id,
            visits=visits,
        )
        needs = consent_refusals(state, world=world, evidence=evidence, consent=Consent())
        task = task.model_copy(update={"progress": "; ".join(needs)})
        try:
            self._record(task, actor=SCHEDULE, act="patrol")
            self._roaming.started(patrol_id, at_us=now_us)
            if needs:
                self._wants_consent.add(task_id)
            else:
                self._submit(task, evidence, Consent())
        except (StoreError, Refused) as err:
            log.warning("patrol not started", patrol=patrol_id, reason=str(err))

    def _evidence_of(self, incident: Incident) -> Evidence:
        """The freshest there is; after a restart nobody knows how old, and only a person may act on that."""
        return self.wanting.evidence(incident.incident_id) or Evidence(
            origin=incident.origin,
            received_at_us=self._clock.monotonic_us(),
            age_at_receipt_s=None,
            zone=incident.zones[0] if incident.zones else None,
            incident=incident.incident_id,
        )

    def live_evidence(self, vehicle_id: str) -> Evidence:
        """For what people and schedules ask for, seen by nobody's camera: it happens now."""
        origin = Origin.SIMULATED if self._vehicles[vehicle_id].state.simulated else Origin.LIVE
        return Evidence(origin=origin, received_at_us=self._clock.monotonic_us(), age_at_receipt_s=0.0)

    # On record

    def _submit(self, task: Task, evidence: Evidence, consent: Consent, *, sigma_m: float = 0.0) -> None:
        try:
            self._tasking.submit(task, evidence, consent, sigma_m=sigma_m)
        except Refused as err:
            self.on_task_change(task.moved_to(TaskState.REFUSED, at_us=self._clock.wall_us(), reason=str(err)))
            raise

    def _record(self, task: Task, *, actor: str, act: str) -> None:
        """Written before it happens. Raises StoreError, and then it does not happen."""
        self._ledger.order(task, actor=actor, act=act)
        self.tasks[task.task_id] = task
        self._live.publish("task", task)

    def _measure_decision(self, task: Task) -> None:
        """From durable evidence to the order on its way, without the gate's share."""
        asked_at_us = self._asked_at_us.pop(task.task_id, None)
        gate_us = self._gate_us.pop(task.trace_id, 0)
        if task.state is TaskState.SENT and asked_at_us is not None:
            self._hops.add(task.trace_id, "decision", self._clock.monotonic_us() - asked_at_us - gate_us)

    def _tell_incident(self, task: Task) -> None:
        if task.incident_id is not None and (words := told(task)) is not None:
            self.note(task.incident_id, who="tasking", what=words)

    def note(self, incident_id: uuid.UUID, *, who: str, what: str) -> None:
        """A line in an open incident's timeline, written with the next flush."""
        incident = self._ingest.incidents.get(incident_id)
        if incident is None:
            return
        incident = incident.noting(at_us=self._clock.wall_us(), who=who, what=what)
        self._ingest.keep(incident, ())
        self._ledger.noted(incident_id)
        self._live.publish("incident", incident)
