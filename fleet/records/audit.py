"""Who did what, durable before it happens; coming home is journalled in memory first (fleet/flight/deferred).

`write` may raise StoreError, and then the act must not happen.
"""

import json
from collections.abc import Mapping

from sqlalchemy import Connection, insert

from fleet.flight.journal import JournalEntry, JsonValue
from fleet.records.store import Store, put
from fleet.records.tables import AUDIT, DECISIONS


class StoreJournal:
    """Durable on return."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def write(self, entry: JournalEntry) -> None:
        with self._store.transaction() as connection:
            add_entry(connection, entry)


def add_entry(connection: Connection, entry: JournalEntry) -> None:
    """Inside a transaction of what is done, so that both or neither are written. A gate decision in the detail goes
    into its own table, whole (SAFETY 14); the audit keeps its id."""
    detail = dict(entry.detail)
    decision = detail.get("decision")
    if isinstance(decision, dict):
        _add_decision(connection, entry, decision)
        detail["decision"] = decision["decision_id"]
    connection.execute(
        insert(AUDIT).values(
            at_us=entry.at_us,
            actor=entry.actor[:120],
            act=entry.act[:64],
            subject=entry.subject[:200],
            trace_id=entry.trace_id,
            detail=detail,
        )
    )


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
