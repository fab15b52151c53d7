"""A store with a million events in it, written in bulk: what a site has after some years."""

import uuid
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, Table, text

from contract.codec import decode
from contract.events import Event
from contract.topics import EVENTS as EVENTS_TOPIC
from fleet.picture.incidents import Change, State, on_event
from fleet.records import tables, writes
from fleet.records.postgres import Database
from fleet.records.store import add, open_store
from sim.soak import crowd

EVENTS = 1_000_000
ALARMS_AN_INCIDENT, EVENTS_AN_ALARM = 2, 5
INCIDENTS = EVENTS // ALARMS_AN_INCIDENT // EVENTS_AN_ALARM
BEGAN_US, BETWEEN_US = 1_700_000_000_000_000, 600_000_000  # an incident every ten minutes, for two years
CHUNK = 20_000
Row = Mapping[str, object]


def fill(place: Path | Database) -> None:
    """Into a new store."""
    if isinstance(place, Path):
        place.parent.mkdir(parents=True, exist_ok=True)
    with open_store(place) as store, store.transaction() as connection:
        if isinstance(place, Path):
            connection.execute(text("PRAGMA cache_size = -200000"))
        change, row = _pattern()
        _add_all(connection, tables.INCIDENTS, _incidents(change))
        _add_all(connection, tables.ALARMS, _alarms(change))
        _add_all(connection, tables.MESSAGES, _messages(row))
        if not isinstance(place, Path):
            connection.execute(text("ANALYZE"))


def _pattern() -> tuple[Change, dict[str, object]]:
    """An incident with its alarm, and a message, that the others are copies of."""
    said = crowd.messages_of(1, seed=1)[0]
    _, envelope = decode(EVENTS_TOPIC.address(site="bench", node=said.node), said.document)
    assert isinstance(envelope.body, Event)
    change = on_event(
        envelope, alarm=None, incident_of_alarm=None, open_incidents=(), at_us=envelope.captured_at_us, is_stale=False
    )
    return change, writes.message_row(
        envelope, envelope.body, document=envelope.model_dump_json(), digest="0" * 64, received_at_us=BEGAN_US
    )


def _incidents(change: Change) -> Iterator[Row]:
    closed = change.incident.model_copy(update={"state": State.CLOSED})
    row = writes.incident_row(closed)
    document = str(row["document"])
    for number in range(INCIDENTS):
        incident_id, opened_at_us = _id("incident", number), BEGAN_US + number * BETWEEN_US
        own = document.replace(str(closed.incident_id), incident_id)
        yield {**row, "incident_id": incident_id, "trace_id": _id("trace", number)[:32].replace("-", "0"),
               "opened_at_us": opened_at_us, "document": own}  # fmt: skip


def _alarms(change: Change) -> Iterator[Row]:
    closed = change.alarm.model_copy(update={"state": State.CLOSED})
    row = writes.alarm_row(closed)
    document = str(row["document"])
    for number in range(INCIDENTS * ALARMS_AN_INCIDENT):
        alarm_id, incident_id = _id("alarm", number), _id("incident", number // ALARMS_AN_INCIDENT)
        own = document.replace(str(closed.alarm_id), alarm_id).replace(str(closed.incident_id), incident_id)
        at_us = BEGAN_US + number * BETWEEN_US // ALARMS_AN_INCIDENT
        yield {**row, "alarm_id": alarm_id, "incident_id": incident_id, "raised_at_us": at_us, "document": own}


def _messages(row: Row) -> Iterator[Row]:
    for number in range(EVENTS):
        message_id = _id("message", number)
        event_id = _id("event", number // EVENTS_AN_ALARM)
        yield {**row, "message_id": message_id, "event_id": event_id, "trace_id": event_id[:32].replace("-", "0"),
               "outbox_id": _id("outbox", 0), "sequence": number + 1}  # fmt: skip


def _id(kind: str, number: int) -> str:
    """Rising with the number: an index takes what comes in its order many times faster."""
    return str(uuid.UUID(int=(uuid.uuid5(crowd.NAMESPACE, kind).int & ((1 << 60) - 1)) | number << 64))


def _add_all(connection: Connection, table: Table, rows: Iterator[Row]) -> None:
    while chunk := list(islice(rows, CHUNK)):
        add(connection, table, *chunk)
