"""What the API and a restart read back; every list is bounded and newest first."""

import json
import uuid
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import Connection, Select, Table, func, select

from contract.configuration import DesiredConfiguration
from contract.evidence import Evidence
from contract.tasks import Task
from fleet.decision.sop import Run
from fleet.errors import NotFound
from fleet.picture.incidents import Alarm, Incident, IncidentKind, State
from fleet.picture.sequence import Stream
from fleet.records import tables
from fleet.records.store import among, listed

MAX_ROWS = 500
MAX_VERSIONS = 100
Document = TypeVar("Document", bound=BaseModel)
Row = dict[str, Any]  # plain JSON values, straight from a table


_NOT_CLOSED = [state.value for state in State if state is not State.CLOSED]  # what an index can find


def streams(connection: Connection) -> dict[tuple[str, str], Stream]:
    rows = connection.execute(select(tables.NODE_STREAMS)).all()
    return {
        (row.node, row.outbox_id): Stream(row.contiguous, tuple((first, last) for first, last in row.beyond))
        for row in rows
    }


def highest_number(connection: Connection, node: str, outbox_id: str) -> int:
    """Of a message of that outbox; 0 for none."""
    columns = tables.MESSAGES.c
    query = select(func.max(columns.sequence)).where(columns.node == node, columns.outbox_id == outbox_id)
    return connection.scalar(query) or 0


def open_incidents(connection: Connection) -> list[Incident]:
    query = select(tables.INCIDENTS.c.document).where(tables.INCIDENTS.c.state.in_(_NOT_CLOSED))
    return [Incident.model_validate_json(text) for text in connection.scalars(query)]


def incidents(connection: Connection, *, kind: IncidentKind | None = None, limit: int = 100) -> list[Incident]:
    query = select(tables.INCIDENTS.c.document).order_by(tables.INCIDENTS.c.opened_at_us.desc())
    if kind is not None:
        query = query.where(tables.INCIDENTS.c.kind == kind.value)
    return _documents(connection, query, Incident, limit)


def alarms(connection: Connection, *, limit: int = 100) -> list[Alarm]:
    query = select(tables.ALARMS.c.document).order_by(tables.ALARMS.c.raised_at_us.desc())
    return _documents(connection, query, Alarm, limit)


def alarms_between(connection: Connection, from_us: int, to_us: int) -> list[Alarm]:
    """Raised from the one moment until before the other, the first of them first."""
    at_us = tables.ALARMS.c.raised_at_us
    query = select(tables.ALARMS.c.document).where(at_us >= from_us, at_us < to_us).order_by(at_us)
    return _documents(connection, query, Alarm, MAX_ROWS)


def alarms_of(connection: Connection, incident_ids: Iterable[uuid.UUID]) -> list[Alarm]:
    found: list[Alarm] = []
    ids = [str(incident_id) for incident_id in incident_ids]
    for start in range(0, len(ids), MAX_ROWS):
        query = select(tables.ALARMS.c.document).where(tables.ALARMS.c.incident_id.in_(ids[start : start + MAX_ROWS]))
        found += [Alarm.model_validate_json(text) for text in connection.scalars(query)]
    return found


def evidence_of(connection: Connection, event_ids: Iterable[uuid.UUID]) -> list[Evidence]:
    """Manifests of the files that nodes keep about these events, in order of capture."""
    table = tables.EVIDENCE
    ids = [str(event_id) for event_id in event_ids]
    query = select(table.c.document).where(table.c.event_id.in_(ids))
    return _documents(connection, query.order_by(table.c.start_us, table.c.kind), Evidence, MAX_ROWS)


def evidence_places(connection: Connection, event_ids: Iterable[uuid.UUID]) -> list[tuple[Evidence, str, bool | None]]:
    """As `evidence_of`, each with its node and whether its bytes are here: None, never were; False, no more."""
    table, files = tables.EVIDENCE, tables.EVIDENCE_FILES
    query = (
        select(table.c.document, table.c.node, files.c.whole_at_us, files.c.removed_at_us)
        .outerjoin(files, files.c.sha256 == table.c.sha256)
        .where(table.c.event_id.in_([str(event_id) for event_id in event_ids]))
        .order_by(table.c.start_us, table.c.kind)
        .limit(MAX_ROWS)
    )
    return [
        (
            Evidence.model_validate_json(row.document),
            row.node,
            None if row.whole_at_us is None else row.removed_at_us is None,
        )
        for row in connection.execute(query)
    ]


def tasks(connection: Connection, *, only_open: bool = False, limit: int = 100) -> list[Task]:
    query = select(tables.TASKS.c.document).order_by(tables.TASKS.c.created_at_us.desc())
    if only_open:
        query = query.where(tables.TASKS.c.is_final.is_(False))
    return _documents(connection, query, Task, limit)


def tasks_of(connection: Connection, incident_id: uuid.UUID) -> list[Task]:
    query = (
        select(tables.TASKS.c.document)
        .where(tables.TASKS.c.incident_id == str(incident_id))
        .order_by(tables.TASKS.c.created_at_us)
    )
    return _documents(connection, query, Task, MAX_ROWS)


def alarms_by_id(connection: Connection, ids: Sequence[uuid.UUID]) -> list[Alarm]:
    """Those of them that there are."""
    return [Alarm.model_validate_json(text) for text in _by_id(connection, tables.ALARMS, ids)]


def incidents_by_id(connection: Connection, ids: Sequence[uuid.UUID]) -> list[Incident]:
    """Those of them that there are."""
    return [Incident.model_validate_json(text) for text in _by_id(connection, tables.INCIDENTS, ids)]


def _by_id(connection: Connection, table: Table, ids: Sequence[uuid.UUID]) -> Iterable[str]:
    if not ids:
        return ()
    return connection.scalars(_documents_by_id(table, connection.dialect.name), {"ids": listed(map(str, ids))})


@cache
def _documents_by_id(table: Table, dialect: str) -> Select[tuple[str]]:
    (key,) = table.primary_key
    return select(table.c.document).where(among(key, dialect, "ids"))


def alarm(connection: Connection, alarm_id: uuid.UUID) -> Alarm | None:
    return _document(connection, tables.ALARMS, alarm_id, Alarm)


def incident(connection: Connection, incident_id: uuid.UUID) -> Incident | None:
    return _document(connection, tables.INCIDENTS, incident_id, Incident)


def task(connection: Connection, task_id: uuid.UUID) -> Task | None:
    return _document(connection, tables.TASKS, task_id, Task)


def run(connection: Connection, incident_id: uuid.UUID) -> Run | None:
    """Of the procedure of an incident."""
    return _document(connection, tables.PROCEDURES, incident_id, Run)


def runs_under_way(connection: Connection) -> list[Run]:
    query = select(tables.PROCEDURES.c.document).where(tables.PROCEDURES.c.is_over.is_(False))
    return [Run.model_validate_json(text) for text in connection.scalars(query)]


def runs_of(connection: Connection, incident_ids: Iterable[uuid.UUID]) -> list[Run]:
    """Those that there are; of at most MAX_ROWS incidents."""
    query = select(tables.PROCEDURES.c.document).where(tables.PROCEDURES.c.incident_id.in_(map(str, incident_ids)))
    return _documents(connection, query, Run, MAX_ROWS)


def task_changes(connection: Connection, task_id: uuid.UUID) -> list[Row]:
    changes = tables.TASK_CHANGES
    query = select(changes.c.at_us, changes.c.state, changes.c.reason).where(changes.c.task_id == str(task_id))
    return _rows(connection, query.order_by(changes.c.id), MAX_ROWS)


def decision(connection: Connection, decision_id: uuid.UUID) -> Row:
    """Raises NotFound."""
    query = select(tables.DECISIONS.c.document).where(tables.DECISIONS.c.decision_id == str(decision_id))
    text = connection.scalar(query)
    if text is None:
        raise NotFound(f"decision {decision_id}: there is none")
    found: Row = json.loads(text)
    return found


def decisions_of(connection: Connection, *, task_id: uuid.UUID) -> list[Row]:
    query = (
        select(tables.DECISIONS.c.document)
        .where(tables.DECISIONS.c.task_id == str(task_id))
        .order_by(tables.DECISIONS.c.at_us)
        .limit(MAX_ROWS)
    )
    return [json.loads(text) for text in connection.scalars(query)]


def zone_words(connection: Connection) -> dict[str, tuple[bool, int]]:
    """Zones a person set or unset, and when; the others are as the site file says."""
    return {row.zone: (row.is_set, row.at_us) for row in connection.execute(select(tables.ZONES))}


def configurations(connection: Connection) -> dict[str, DesiredConfiguration]:
    """The last that was wanted of each node."""
    table = tables.CONFIGURATIONS
    query = select(table.c.node, table.c.document).order_by(table.c.version)
    last = {row.node: row.document for row in connection.execute(query)}
    return {node: DesiredConfiguration.model_validate_json(text) for node, text in last.items()}


def configuration(connection: Connection, node: str, version: int) -> DesiredConfiguration:
    """Raises NotFound."""
    table = tables.CONFIGURATIONS
    text = connection.scalar(select(table.c.document).where(table.c.node == node, table.c.version == version))
    if text is None:
        raise NotFound(f"node '{node}': configuration {version}: there is none")
    return DesiredConfiguration.model_validate_json(text)


def configuration_versions(connection: Connection, node: str) -> list[Row]:
    """Newest first, without the documents."""
    table = tables.CONFIGURATIONS
    query = select(table.c.version, table.c.sha256, table.c.by, table.c.at_us).where(table.c.node == node)
    return _rows(connection, query.order_by(table.c.version.desc()), MAX_VERSIONS)


def hops(connection: Connection, trace_id: str) -> dict[str, int]:
    query = select(tables.HOPS.c.hop, tables.HOPS.c.took_us).where(tables.HOPS.c.trace_id == trace_id)
    return {row.hop: row.took_us for row in connection.execute(query)}


def messages_of(connection: Connection, trace_id: str) -> list[Row]:
    query = select(tables.MESSAGES.c.envelope).where(tables.MESSAGES.c.trace_id == trace_id).limit(MAX_ROWS)
    return [json.loads(text) for text in connection.scalars(query)]


def tasks_of_trace(connection: Connection, trace_id: str) -> list[Task]:
    query = select(tables.TASKS.c.document).where(tables.TASKS.c.trace_id == trace_id)
    return _documents(connection, query, Task, MAX_ROWS)


def incidents_of_trace(connection: Connection, trace_id: str) -> list[Incident]:
    query = select(tables.INCIDENTS.c.document).where(tables.INCIDENTS.c.trace_id == trace_id)
    return _documents(connection, query, Incident, MAX_ROWS)


def audit(connection: Connection, *, trace_id: str | None = None, limit: int = 100) -> list[Row]:
    query = select(tables.AUDIT).order_by(tables.AUDIT.c.id.desc())
    if trace_id is not None:
        query = query.where(tables.AUDIT.c.trace_id == trace_id)
    return _rows(connection, query, limit)


def quarantine(connection: Connection, *, limit: int = 100) -> list[Row]:
    table = tables.QUARANTINE
    query = select(table.c.id, table.c.at_us, table.c.topic, table.c.reason, table.c.detail)
    return _rows(connection, query.order_by(table.c.id.desc()), limit)


def _documents(connection: Connection, query: Select[Any], model: type[Document], limit: int) -> list[Document]:
    texts = connection.scalars(query.limit(min(limit, MAX_ROWS)))
    return [model.model_validate_json(text) for text in texts]


def _document(connection: Connection, table: Table, key: uuid.UUID, model: type[Document]) -> Document | None:
    column = next(iter(table.primary_key))
    text = connection.scalar(select(table.c.document).where(column == str(key)))
    return None if text is None else model.model_validate_json(text)


def _rows(connection: Connection, query: Select[Any], limit: int) -> list[Row]:
    return [dict(row._mapping) for row in connection.execute(query.limit(min(limit, MAX_ROWS)))]
