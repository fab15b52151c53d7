"""What people order about incidents; each order is in the audit log before it counts, and a line in the timeline."""

import uuid
from collections.abc import Callable, Collection, Mapping

from fleet.case_files import CaseFiles
from fleet.errors import NotFound, Refused
from fleet.flight.journal import JournalEntry, JsonValue
from fleet.picture.handling import annotated, assigned, escalated, merged, split
from fleet.picture.incidents import Alarm, Cause, Disposition, Incident, acknowledged, closed
from fleet.records import reads
from fleet.response import Response


class IncidentDesk:
    """For the coordinator's loop. Every order raises NotFound, Refused, StoreError."""

    def __init__(
        self, files: CaseFiles, response: Response, *, consider: Callable[[Incident], None] | None = None
    ) -> None:
        """consider: what is new in an incident may begin its procedure."""
        self._files, self._response, self._consider = files, response, consider or (lambda _incident: None)

    def acknowledge(self, alarm_id: uuid.UUID, *, by: str) -> Alarm:
        alarm = self._files.ingest.alarms.get(alarm_id)
        if alarm is None:
            with self._files.store.reading() as connection:
                if reads.alarm(connection, alarm_id) is None:
                    raise NotFound(f"alarm {alarm_id}: there is none")
            raise Refused(f"alarm {alarm_id}: its incident is closed")
        incident = self._files.ingest.incidents[alarm.incident_id]
        others = self._files.alarms_of(incident)
        change = acknowledged(alarm, incident, others=others, by=by, at_us=self._now_us())
        entry = JournalEntry(self._now_us(), by, "acknowledge", f"alarm {alarm_id}", incident.trace_id)
        self._files.keep(entry, [change.incident], [change.alarm])
        return change.alarm

    def close(
        self, incident_id: uuid.UUID, *, disposition: Disposition, note: str, by: str, cause: Cause | None = None
    ) -> Incident:
        """Ends the incident, its alarms and whatever is under way for it."""
        incident = self._files.open_incident(incident_id)
        if incident.exemption is not None:
            raise Refused(f"incident {incident_id}: end the {incident.kind.value.replace('_', ' ')}, and it is closed")
        alarms = self._files.alarms_of(incident)
        shut, shut_alarms = closed(
            incident, alarms=alarms, disposition=disposition, note=note, by=by, at_us=self._now_us(), cause=cause
        )
        detail: dict[str, JsonValue] = {"disposition": disposition.value, "note": note}
        if cause is not None:
            detail["cause"] = cause.value
        self._files.keep(self._entry(shut, "close", by, detail), [shut], shut_alarms)
        for task in self._response.tasks_of(incident_id):
            self._response.cancel(task.task_id, by=by)
        return shut

    def merge(self, incident_id: uuid.UUID, other: uuid.UUID, *, by: str) -> Incident:
        """`other` becomes part of the incident, with its alarms and tasks."""
        into, gone = self._files.open_incident(incident_id), self._files.open_incident(other)
        parts = merged(
            into,
            gone,
            alarms_into=self._files.alarms_of(into),
            alarms_gone=self._files.alarms_of(gone),
            by=by,
            at_us=self._now_us(),
        )
        tasks = [task.model_copy(update={"incident_id": incident_id}) for task in self._response.tasks_of(other)]
        entry = self._entry(parts.into, "merge", by, {"merged": str(other), "alarms": len(parts.alarms)})
        self._files.keep(entry, [parts.gone, parts.into], parts.alarms, tasks=tasks)
        self._response.take_over(other, incident_id)
        self._consider(parts.into)
        return parts.into

    def split(self, incident_id: uuid.UUID, alarms: Collection[uuid.UUID], *, why: str, by: str) -> Incident:
        """The new incident. Tasks stay with the old one."""
        incident = self._files.open_incident(incident_id)
        parts = split(
            incident, alarms=self._files.alarms_of(incident), taken=alarms, why=why, by=by, at_us=self._now_us()
        )
        detail: dict[str, JsonValue] = {"new": str(parts.new.incident_id), "alarms": len(parts.alarms), "why": why}
        self._files.keep(self._entry(incident, "split", by, detail), [parts.rest, parts.new], parts.alarms)
        self._consider(parts.new)
        return parts.new

    def assign(self, incident_id: uuid.UUID, *, to: str, by: str) -> Incident:
        incident = assigned(self._files.open_incident(incident_id), to=to, by=by, at_us=self._now_us())
        return self._kept(incident, "assign", by, {"to": to})

    def note(self, incident_id: uuid.UUID, *, text: str, by: str) -> Incident:
        """Of a closed one too."""
        incident = annotated(self._files.incident(incident_id), text=text, by=by, at_us=self._now_us())
        return self._kept(incident, "note", by, {"note": text})

    def escalate(self, incident_id: uuid.UUID, *, to: str, why: str, by: str) -> Incident:
        incident = escalated(self._files.open_incident(incident_id), to=to, why=why, by=by, at_us=self._now_us())
        return self._kept(incident, "escalate", by, {"to": to, "why": why})

    def _kept(self, incident: Incident, act: str, by: str, detail: Mapping[str, JsonValue]) -> Incident:
        self._files.keep(self._entry(incident, act, by, detail), [incident], [])
        return incident

    def _entry(self, incident: Incident, act: str, by: str, detail: Mapping[str, JsonValue]) -> JournalEntry:
        subject = f"incident {incident.incident_id}"
        return JournalEntry(self._now_us(), by, act, subject, incident.trace_id, detail)

    def _now_us(self) -> int:
        return self._files.clock.wall_us()
