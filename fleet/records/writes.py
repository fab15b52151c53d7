"""Rows from values, inside a transaction of the store that the caller opened."""

import hashlib
from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select

from contract.configuration import DesiredConfiguration
from contract.envelope import Envelope
from contract.events import Event
from contract.evidence import Evidence
from contract.tasks import Task
from fleet.picture.incidents import Alarm, Incident
from fleet.picture.sequence import Stream
from fleet.records import tables
from fleet.records.store import put

MAX_QUARANTINE_ROWS = 1000  # the newest; with the cut below at most 16 MB
MAX_QUARANTINED_BYTES = 16 * 1024  # of one payload


def add_message(
    connection: Connection, envelope: Envelope, body: Event | Evidence, *, digest: str, received_at_us: int
) -> None:
    """`stage` of a manifest is its kind of file."""
    connection.execute(
        insert(tables.MESSAGES).values(
            message_id=str(envelope.message_id),
            digest=digest,
            node=envelope.node,
            outbox_id=str(envelope.outbox_id),
            boot=envelope.boot,
            sequence=envelope.sequence,
            trace_id=envelope.trace_id,
            event_id=str(body.event_id),
            stage=body.stage.value if isinstance(body, Event) else body.kind.value,
            captured_at_us=envelope.captured_at_us,
            received_at_us=received_at_us,
            envelope=envelope.model_dump_json(),
        )
    )


def add_evidence(connection: Connection, evidence: Evidence, *, node: str, received_at_us: int) -> None:
    """Once for each file of an event, however often its node says so."""
    key = {"event_id": str(evidence.event_id), "kind": evidence.kind.value, "sha256": evidence.sha256}
    known = select(tables.EVIDENCE.c.sha256).filter_by(**key)
    if connection.scalar(known) is not None:
        return
    values = {
        **key,
        "node": node,
        "start_us": evidence.start_us,
        "received_at_us": received_at_us,
        "document": evidence.model_dump_json(),
    }
    connection.execute(insert(tables.EVIDENCE).values(**values))


def put_stream(connection: Connection, node: str, outbox_id: str, stream: Stream) -> None:
    beyond = [list(pair) for pair in stream.beyond]
    values = {"node": node, "outbox_id": outbox_id, "contiguous": stream.contiguous, "beyond": beyond}
    put(connection, tables.NODE_STREAMS, values)


def add_quarantined(
    connection: Connection, *, topic: str, payload: bytes, reason: str, detail: str, at_us: int
) -> None:
    """Keep what could not be used, once; the oldest rows make room."""
    digest = hashlib.sha256(topic.encode(errors="replace") + b"\0" + payload).hexdigest()
    known = select(tables.QUARANTINE.c.id).where(tables.QUARANTINE.c.digest == digest)
    if connection.scalar(known) is not None:
        return
    row = connection.execute(
        insert(tables.QUARANTINE).values(
            at_us=at_us,
            topic=topic[:200],
            reason=reason,
            detail=detail[:2000],
            digest=digest,
            payload=payload[:MAX_QUARANTINED_BYTES],
        )
    )
    newest = row.inserted_primary_key
    assert newest is not None
    connection.execute(delete(tables.QUARANTINE).where(tables.QUARANTINE.c.id <= newest[0] - MAX_QUARANTINE_ROWS))


def put_incident(connection: Connection, incident: Incident) -> None:
    values = {
        "incident_id": str(incident.incident_id),
        "kind": incident.kind.value,
        "state": incident.state.value,
        "trace_id": incident.trace_id,
        "opened_at_us": incident.opened_at_us,
        "document": incident.model_dump_json(),
    }
    put(connection, tables.INCIDENTS, values)


def put_alarm(connection: Connection, alarm: Alarm) -> None:
    values = {
        "alarm_id": str(alarm.alarm_id),
        "incident_id": str(alarm.incident_id),
        "state": alarm.state.value,
        "raised_at_us": alarm.raised_at_us,
        "document": alarm.model_dump_json(),
    }
    put(connection, tables.ALARMS, values)


def put_task(connection: Connection, task: Task) -> None:
    """The task as it is now, and one line of how it got there."""
    values = {
        "task_id": str(task.task_id),
        "incident_id": str(task.incident_id) if task.incident_id else None,
        "vehicle": task.vehicle,
        "state": task.state.value,
        "is_final": task.state.is_final,
        "trace_id": task.trace_id,
        "created_at_us": task.created_at_us,
        "document": task.model_dump_json(),
    }
    put(connection, tables.TASKS, values)
    change = {
        "task_id": str(task.task_id),
        "at_us": task.changed_at_us,
        "state": task.state.value,
        "reason": task.reason or task.progress,
    }
    connection.execute(insert(tables.TASK_CHANGES).values(**change))


def put_zone(connection: Connection, zone: str, *, is_set: bool, by: str, at_us: int) -> None:
    put(connection, tables.ZONES, {"zone": zone, "is_set": is_set, "by": by, "at_us": at_us})


def add_configuration(connection: Connection, node: str, desired: DesiredConfiguration, *, by: str, at_us: int) -> None:
    values = {
        "node": node,
        "version": desired.version,
        "sha256": desired.sha256,
        "by": by[:120],
        "at_us": at_us,
        "document": desired.model_dump_json(),
    }
    connection.execute(insert(tables.CONFIGURATIONS).values(**values))


def add_hops(connection: Connection, figures: Mapping[tuple[str, str], tuple[int, int]]) -> None:
    """(trace, hop) to (took_us, at_us). The first measurement of a step counts; an order repeated later in the same
    trace does not replace it."""
    traces = {trace_id for trace_id, _ in figures}
    rows = connection.execute(
        select(tables.HOPS.c.trace_id, tables.HOPS.c.hop).where(tables.HOPS.c.trace_id.in_(traces))
    )
    known = {(trace_id, hop) for trace_id, hop in rows}
    values = [
        {"trace_id": trace_id, "hop": hop, "took_us": took_us, "at_us": at_us}
        for (trace_id, hop), (took_us, at_us) in figures.items()
        if (trace_id, hop) not in known
    ]
    if values:
        connection.execute(insert(tables.HOPS), values)
