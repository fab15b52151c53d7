"""Rows from values, inside a transaction of the store that the caller opened."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from sqlalchemy import Connection, Select, and_, bindparam, delete, insert, or_, select

from contract.configuration import DesiredConfiguration
from contract.envelope import Envelope
from contract.events import Event
from contract.evidence import Evidence
from contract.tasks import Task
from fleet.decision.sop import Run
from fleet.decision.sop_document import Notify
from fleet.picture.incidents import Alarm, Incident
from fleet.picture.sequence import Stream
from fleet.records import tables
from fleet.records.news import add_news_of_incidents, add_news_of_run, add_news_of_task
from fleet.records.store import add, add_new, among, listed, put

MAX_QUARANTINE_ROWS = 1000  # the newest; with the cut below at most 16 MB
MAX_QUARANTINED_BYTES = 16 * 1024  # of one payload
Row = dict[str, object]


def digests_of_ids(connection: Connection, message_ids: Sequence[str]) -> dict[str, str]:
    """Of those that are stored."""
    if not message_ids:
        return {}
    rows = connection.execute(_digests_of_ids(connection.dialect.name), {"ids": listed(message_ids)})
    return {row.message_id: row.digest for row in rows}


def digests_of_numbers(connection: Connection, node: str, outbox_id: str, sequences: Sequence[int]) -> dict[int, str]:
    """Of messages that are stored under these numbers of an outbox."""
    key = {"node": node, "outbox_id": outbox_id, "sequences": listed(sequences)}
    rows = connection.execute(_digests_of_numbers(connection.dialect.name), key)
    return {row.sequence: row.digest for row in rows}


def documents_of(connection: Connection, message_id: str, *, node: str, outbox_id: str, sequence: int) -> Sequence[str]:
    """Envelopes that are stored under this id or this number."""
    columns = tables.MESSAGES.c
    number = and_(columns.node == node, columns.outbox_id == outbox_id, columns.sequence == sequence)
    return connection.scalars(select(columns.envelope).where(or_(columns.message_id == message_id, number))).all()


@cache
def _digests_of_ids(dialect: str) -> Select[tuple[str, str]]:
    columns = tables.MESSAGES.c
    return select(columns.message_id, columns.digest).where(among(columns.message_id, dialect, "ids"))


@cache
def _digests_of_numbers(dialect: str) -> Select[tuple[int, str]]:
    columns = tables.MESSAGES.c
    return select(columns.sequence, columns.digest).where(
        columns.node == bindparam("node"),
        columns.outbox_id == bindparam("outbox_id"),
        among(columns.sequence, dialect, "sequences"),
    )


def message_row(envelope: Envelope, body: Event | Evidence, *, document: str, digest: str, received_at_us: int) -> Row:
    """`stage` of a manifest is its kind of file; `document` is the envelope as it came."""
    return {
        "message_id": str(envelope.message_id),
        "digest": digest,
        "node": envelope.node,
        "outbox_id": str(envelope.outbox_id),
        "boot": envelope.boot,
        "sequence": envelope.sequence,
        "trace_id": envelope.trace_id,
        "event_id": str(body.event_id),
        "stage": body.stage.value if isinstance(body, Event) else body.kind.value,
        "captured_at_us": envelope.captured_at_us,
        "received_at_us": received_at_us,
        "envelope": document,
    }


def add_messages(connection: Connection, rows: Sequence[Row]) -> None:
    add(connection, tables.MESSAGES, *rows)


def evidence_row(evidence: Evidence, *, node: str, received_at_us: int) -> Row:
    return {
        "event_id": str(evidence.event_id),
        "kind": evidence.kind.value,
        "sha256": evidence.sha256,
        "node": node,
        "start_us": evidence.start_us,
        "received_at_us": received_at_us,
        "document": evidence.model_dump_json(),
    }


def add_evidence(connection: Connection, rows: Sequence[Row]) -> None:
    """Once for each file of an event, however often its node says so."""
    add_new(connection, tables.EVIDENCE, *rows)


def put_streams(connection: Connection, streams: Mapping[tuple[str, str], Stream]) -> None:
    rows: list[Row] = [
        {
            "node": node,
            "outbox_id": outbox_id,
            "contiguous": stream.contiguous,
            "beyond": [list(pair) for pair in stream.beyond],
        }
        for (node, outbox_id), stream in streams.items()
    ]
    put(connection, tables.NODE_STREAMS, *rows)


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
    put_incidents(connection, [incident])


def put_incidents(connection: Connection, incidents: Iterable[Incident]) -> dict[str, str]:
    """JSON of each by its id. What is new about them is news."""
    found = list(incidents)
    add_news_of_incidents(connection, found)
    rows = [incident_row(each) for each in found]
    put(connection, tables.INCIDENTS, *rows)
    return {str(row["incident_id"]): str(row["document"]) for row in rows}


def incident_row(incident: Incident) -> Row:
    return {
        "incident_id": str(incident.incident_id),
        "kind": incident.kind.value,
        "state": incident.state.value,
        "trace_id": incident.trace_id,
        "opened_at_us": incident.opened_at_us,
        "document": incident.model_dump_json(),
        "priority": incident.priority.level,
    }


def put_alarm(connection: Connection, alarm: Alarm) -> None:
    put_alarms(connection, [alarm])


def put_alarms(connection: Connection, alarms: Iterable[Alarm]) -> dict[str, str]:
    """JSON of each by its id."""
    rows = [alarm_row(each) for each in alarms]
    put(connection, tables.ALARMS, *rows)
    return {str(row["alarm_id"]): str(row["document"]) for row in rows}


def alarm_row(alarm: Alarm) -> Row:
    return {
        "alarm_id": str(alarm.alarm_id),
        "incident_id": str(alarm.incident_id),
        "state": alarm.state.value,
        "raised_at_us": alarm.raised_at_us,
        "document": alarm.model_dump_json(),
        "priority": alarm.priority.level,
    }


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
    add_news_of_task(connection, task)
    put(connection, tables.TASKS, values)
    change = {
        "task_id": str(task.task_id),
        "at_us": task.changed_at_us,
        "state": task.state.value,
        "reason": task.reason or task.progress,
    }
    add(connection, tables.TASK_CHANGES, change)


def put_run(connection: Connection, run: Run, notices: Sequence[Notify]) -> None:
    """What it asks, and whom it notifies, is news."""
    add_news_of_run(connection, run, notices)
    document = run.model_dump_json()
    row: Row = {"incident_id": str(run.incident_id), "is_over": run.is_over, "document": document}
    put(connection, tables.PROCEDURES, row)


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
    add(connection, tables.CONFIGURATIONS, values)


def add_hops(connection: Connection, figures: Mapping[tuple[str, str], tuple[int, int]]) -> None:
    """(trace, hop) to (took_us, at_us). The first measurement of a step counts; an order repeated later in the same
    trace does not replace it."""
    rows: list[Row] = [
        {"trace_id": trace_id, "hop": hop, "took_us": took_us, "at_us": at_us}
        for (trace_id, hop), (took_us, at_us) in figures.items()
    ]
    add_new(connection, tables.HOPS, *rows)
