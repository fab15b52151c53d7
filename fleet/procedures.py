"""Procedures at work: which incident follows which, its timers, and what persons say to them.

What a step does to its incident is in one transaction with the step, so a coordinator that is killed does it once.
Times run by the monotonic clock; the wall clock's word is only for people and for the next life (SAFETY 7).
"""

import uuid
from collections.abc import Callable, Sequence

import structlog

from contract.site import Site
from fleet.api.procedure_views import RunView, run_view
from fleet.case_files import CaseFiles
from fleet.decision.sop import (
    Facts,
    Move,
    Phase,
    Run,
    advanced,
    approved,
    begun,
    resumed,
    stopped,
    vetoed,
)
from fleet.decision.sop_document import DispatchStep, EscalateStep, Notify, ProcedureBook, StandDown, Verify
from fleet.decision.sop_match import applies
from fleet.errors import NotFound, StoreError
from fleet.flight.journal import JournalEntry, JsonValue
from fleet.picture.handling import escalated
from fleet.picture.incidents import Incident, State
from fleet.records import reads, writes
from fleet.response import Response
from fleet.wanting import Leave

PROCEDURE = "procedure"
log = structlog.get_logger()


class Procedures:
    """For the coordinator's loop. `sources_of`: cameras and sensors that see an incident's site tracks."""

    def __init__(
        self,
        files: CaseFiles,
        response: Response,
        *,
        site: Site,
        book: ProcedureBook,
        sources_of: Callable[[Incident], Sequence[str]],
    ) -> None:
        self._files, self._response, self._site, self.book = files, response, site, book
        self._sources_of = sources_of
        self._runs: dict[uuid.UUID, Run] = {}  # of open incidents; over ones too, so that none begins twice
        self._until_us: dict[uuid.UUID, int] = {}  # monotonic
        self._uncovered: set[uuid.UUID] = set()  # of these it was said that no procedure applies
        response.wanting.leave_of = self._leave_of

    def load(self) -> None:
        """Pick up where an earlier life stopped; times go on, and nobody is sent again without a person (SAFETY 12)."""
        open_now = self._files.ingest.incidents
        with self._files.store.reading() as connection:
            found = {run.incident_id: run for run in reads.runs_under_way(connection)}
            for start in range(0, len(open_now), reads.MAX_ROWS):
                some = list(open_now)[start : start + reads.MAX_ROWS]
                found.update((run.incident_id, run) for run in reads.runs_of(connection, some))
        at_us = self._now_us()
        for run in found.values():
            self._runs[run.incident_id] = run
            self._set_timer(run)
            move = resumed(run, at_us=at_us)
            if run.incident_id not in open_now:
                move = stopped(run, because="the incident is closed", at_us=at_us)
            self._kept(run, move)
        for incident in tuple(open_now.values()):
            self.consider(incident)

    # What happens

    def consider(self, incident: Incident) -> None:
        """Something new about an incident: it may begin a procedure."""
        incident_id = incident.incident_id
        incident = self._files.ingest.incidents.get(incident_id, incident)
        if incident_id in self._runs or incident.exemption is not None or incident.state is State.CLOSED:
            return
        at_us = self._now_us()
        zone = self._site.time_zone
        procedure = next(
            (each for each in self.book.procedures if applies(each.when, incident, time_zone=zone)),
            None,
        )
        if procedure is not None:
            self._kept(None, begun(procedure, incident_id, facts=self._facts(incident), at_us=at_us))
        elif incident_id not in self._uncovered:
            self._uncovered.add(incident_id)
            self._response.note(incident_id, who=PROCEDURE, what="no procedure applies: a person decides")

    def tick(self) -> None:
        """Once a second: whose time is over, and what became so."""
        open_now = self._files.ingest.incidents
        for incident_id, run in tuple(self._runs.items()):
            incident = open_now.get(incident_id)
            if incident is None:
                self._end(run)
            elif not run.is_over:
                self._advance(run, incident)
        self._uncovered &= open_now.keys()

    # What persons say

    def views(self) -> tuple[RunView, ...]:
        """Of open incidents."""
        return tuple(run_view(run) for run in self._runs.values())

    def approve(self, incident_id: uuid.UUID, *, visit: int, by: str) -> RunView:
        """Raises NotFound, Refused, StoreError."""
        run, incident = self._known(incident_id)
        move = approved(run, by=by, visit=visit, facts=self._facts(incident), at_us=self._now_us())
        return self._answered(run, move, act="approve_step", by=by)

    def veto(self, incident_id: uuid.UUID, *, visit: int, why: str, by: str) -> RunView:
        """Raises NotFound, Refused, StoreError."""
        run, incident = self._known(incident_id)
        move = vetoed(run, by=by, why=why, visit=visit, facts=self._facts(incident), at_us=self._now_us())
        return self._answered(run, move, act="veto_step", by=by, why=why)

    def stop(self, incident_id: uuid.UUID, *, why: str, by: str) -> RunView:
        """What is under way goes on; only the procedure ends. Raises NotFound, Refused, StoreError."""
        run, _ = self._known(incident_id)
        move = stopped(run, because=f"stopped by {by}: {why}", at_us=self._now_us())
        return self._answered(run, move, act="stop_procedure", by=by, why=why)

    def sends(self, incident_id: uuid.UUID) -> bool:
        """Would an approval now send a vehicle? Raises NotFound, Refused."""
        run, _ = self._known(incident_id)
        return not run.is_over and isinstance(run.at, DispatchStep)

    # How

    def _known(self, incident_id: uuid.UUID) -> tuple[Run, Incident]:
        incident = self._files.open_incident(incident_id)
        run = self._runs.get(incident_id)
        if run is None:
            raise NotFound(f"incident {incident_id}: it follows no procedure")
        return run, incident

    def _leave_of(self, incident: Incident) -> Leave | None:
        """To send somebody: while its procedure is at a step that does."""
        run = self._runs.get(incident.incident_id)
        if run is None or run.phase is not Phase.DOING or not isinstance(run.at, DispatchStep):
            return None
        tried = self._response.wanting.attempts(incident.incident_id) - run.attempts_before
        if tried >= run.at.attempts or len(run.approved_by) < run.at.needs_persons:
            return None
        return Leave(approved_by=" and ".join(run.approved_by) or None)

    def _advance(self, run: Run, incident: Incident) -> None:
        until_us = self._until_us.get(run.incident_id)
        is_due = until_us is not None and self._files.clock.monotonic_us() >= until_us
        self._kept(run, advanced(run, self._facts(incident), at_us=self._now_us(), is_due=is_due))

    def _end(self, run: Run) -> None:
        """Its incident is closed, or part of another now."""
        if run.is_over:
            is_kept = True
        else:
            is_kept = self._kept(run, stopped(run, because="the incident is closed", at_us=self._now_us()))
        if is_kept:
            self._runs.pop(run.incident_id, None)

    def _facts(self, incident: Incident) -> Facts:
        incident_id, wanting = incident.incident_id, self._response.wanting
        tasks = self._response.tasks_of(incident_id)
        is_under_way = self._response.active_task(incident_id) is not None
        return Facts(
            is_acknowledged=incident.state is not State.OPEN,
            sources=self._sources(incident),
            attempts=wanting.attempts(incident_id),
            looks=wanting.looks(incident_id),
            is_under_way=is_under_way,
            is_on_scene=any(task.is_on_scene for task in tasks),
            is_stale=not is_under_way and not wanting.is_fresh(incident_id),
        )

    def _sources(self, incident: Incident) -> tuple[str, ...]:
        """Cameras and sensors that saw it; looked up only where a step asks for them."""
        run = self._runs.get(incident.incident_id)
        if run is not None and (run.is_over or not any(isinstance(step, Verify) for step in run.procedure.steps)):
            return ()
        alarms = self._files.alarms_of(incident)
        found = [alarm.sighting.camera for alarm in alarms if alarm.sighting is not None]
        return tuple(sorted({*found, *self._sources_of(incident)}))

    def _answered(self, run: Run, move: Move, *, act: str, by: str, why: str = "") -> RunView:
        self._keep(run, move, act=act, by=by, why=why)
        return run_view(self._runs.get(run.incident_id, move.run))

    def _kept(self, run: Run | None, move: Move) -> bool:
        """False when the store did not take it: the next tick tries again."""
        if move.run is run:
            return True
        try:
            self._keep(run, move, act="step", by=f"{PROCEDURE} {move.run.procedure.id}")
        except StoreError as err:
            log.warning("procedure not stored; tried again", incident=str(move.run.incident_id), reason=str(err))
            return False
        return True

    def _keep(self, run: Run | None, move: Move, *, act: str, by: str, why: str = "") -> None:
        """On record, then done. Raises StoreError, Refused, and then nothing of it happened."""
        now, at_us = move.run, self._now_us()
        incident = self._files.ingest.incidents.get(now.incident_id)
        detail: dict[str, JsonValue] = {
            "procedure": now.procedure.id,
            "from": None if run is None else run.step,
            "to": now.step,
            "phase": now.phase.value,
            "lines": list(move.lines),
        }
        if why:
            detail["why"] = why
        changed = []
        if incident is not None:
            for line in move.lines:
                incident = incident.noting(at_us=at_us, who=PROCEDURE, what=line)
            for step in move.acts:
                if isinstance(step, EscalateStep):
                    incident = escalated(incident, to=step.to, why=step.why, by=PROCEDURE, at_us=at_us)
            changed = [incident]
        trace_id = None if incident is None else incident.trace_id
        entry = JournalEntry(at_us, by, act, f"incident {now.incident_id}", trace_id, detail)
        notices = [step for step in move.acts if isinstance(step, Notify)]
        self._files.keep(entry, changed, [], also=lambda connection: writes.put_run(connection, now, notices))
        self._runs[now.incident_id] = now
        self._set_timer(now)
        self._files.live.publish(PROCEDURE, run_view(now))
        log.info("procedure", incident=str(now.incident_id), step=now.step, phase=now.phase.value)
        for step in move.acts:
            if isinstance(step, StandDown):
                for task in self._response.tasks_of(now.incident_id):
                    self._response.cancel(task.task_id, by=by)
        if incident is not None:
            self._response.ask(incident)

    def _set_timer(self, run: Run) -> None:
        """By the monotonic clock; of an earlier life what is left of it, and never more than the whole."""
        if run.until_us is None:
            self._until_us.pop(run.incident_id, None)
            return
        rest_us = min(run.until_us - self._now_us(), run.until_us - run.since_us)
        self._until_us[run.incident_id] = self._files.clock.monotonic_us() + rest_us

    def _now_us(self) -> int:
        return self._files.clock.wall_us()
