"""Who did what, durable before it happens, and how it is found again.

Coming home is journalled in memory first (fleet/flight/deferred).

`write` may raise StoreError, and then the act must not happen.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Text, cast, or_, select

from fleet.flight.journal import JournalEntry, JsonValue
from fleet.records.store import Store, add, put
from fleet.records.tables import AUDIT, DECISIONS


class StoreJournal:
    """Durable on return."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def write(self, *entries: JournalEntry) -> None:
        with self._store.transaction() as connection:
            for entry in entries:
                add_entry(connection, entry)


def add_entry(connection: Connection, entry: JournalEntry) -> None:
    """Inside a transaction of what is done, so that both or neither are written. A gate decision in the detail goes
    into its own table, whole (SAFETY 14); the audit keeps its id."""
    detail = dict(entry.detail)
    decision = detail.get("decision")
    if isinstance(decision, dict):
        _add_decision(connection, entry, decision)
        detail["decision"] = decision["decision_id"]
    values = {
        "at_us": entry.at_us,
        "actor": entry.actor[:120],
        "act": entry.act[:64],
        "subject": entry.subject[:200],
        "trace_id": entry.trace_id,
        "detail": detail,
    }
    add(connection, AUDIT, values)


def _add_decision(connection: Connection, entry: JournalEntry, decision: Mapping[str, JsonValue]) -> None:
    values = {
        "decision_id": str(decision["decision_id"]),
        "at_us": entry.at_us,
        "vehicle": entry.subject,
        "task_id": entry.detail.get("task"),
        "trace_id": entry.trace_id,
        "verdict": "refused" if decision["approved"] is None else "approved",
        "document": json.dumps(decision, separators=(",", ":")),
    }
    put(connection, DECISIONS, values)


@dataclass(frozen=True, slots=True)
class AuditSearch:
    """None: whatever. who, act: the whole of it; subject: a part; text: a part of any; before: a row's id."""

    who: str | None = None
    act: str | None = None
    subject: str | None = None
    text: str | None = None
    since_us: int | None = None
    until_us: int | None = None
    before: int | None = None

    def rows(self, connection: Connection, *, limit: int) -> list[dict[str, Any]]:
        """Newest first. Raises StoreError (through the store's `reading`)."""
        columns, found = AUDIT.c, []
        if self.who is not None:
            found.append(columns.actor == self.who)
        if self.act is not None:
            found.append(columns.act == self.act)
        if self.subject is not None:
            found.append(columns.subject.icontains(self.subject, autoescape=True))
        if self.since_us is not None:
            found.append(columns.at_us >= self.since_us)
        if self.until_us is not None:
            found.append(columns.at_us < self.until_us)
        if self.before is not None:
            found.append(columns.id < self.before)
        if self.text is not None:
            places = (columns.actor, columns.act, columns.subject, cast(columns.detail, Text))
            found.append(or_(*(place.icontains(self.text, autoescape=True) for place in places)))
        query = select(AUDIT).where(*found).order_by(columns.id.desc()).limit(limit)
        return [dict(row._mapping) for row in connection.execute(query)]
