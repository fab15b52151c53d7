"""Alarms and incidents in the order in which people should look at them.

What nobody has seen first, then what is being handled, each by priority and then by age; at the end what is over,
newest first. Bounded like every list.
"""

from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import Column, Connection, Table, select

from fleet.picture.incidents import Alarm, Incident, IncidentKind, State
from fleet.records import tables
from fleet.records.reads import MAX_ROWS

Document = TypeVar("Document", bound=BaseModel)
_IN_ORDER = (State.OPEN, State.ACKNOWLEDGED, State.CLOSED)


def alarm_queue(connection: Connection, *, limit: int) -> list[Alarm]:
    return _queue(connection, tables.ALARMS, tables.ALARMS.c.raised_at_us, Alarm, limit=limit)


def incident_queue(connection: Connection, *, limit: int, kind: IncidentKind | None = None) -> list[Incident]:
    return _queue(connection, tables.INCIDENTS, tables.INCIDENTS.c.opened_at_us, Incident, limit=limit, kind=kind)


def _queue(
    connection: Connection,
    table: Table,
    since: Column[Any],
    model: type[Document],
    *,
    limit: int,
    kind: IncidentKind | None = None,
) -> list[Document]:
    """A query for each state: together they could not be answered from an index."""
    found: list[Document] = []
    key = next(iter(table.primary_key))
    for state in _IN_ORDER:
        query = select(table.c.document).where(table.c.state == state.value)
        if kind is not None:
            query = query.where(table.c.kind == kind.value)
        order = (since.desc(), key) if state is State.CLOSED else (table.c.priority, since, key)
        rows = connection.scalars(query.order_by(*order).limit(min(limit, MAX_ROWS) - len(found)))
        found += [model.model_validate_json(text) for text in rows]
    return found
