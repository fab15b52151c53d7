"""Who did what, durable before it happens; coming home is journalled in memory first (fleet/flight/deferred).

`write` may raise StoreError, and then the act must not happen.
"""

from sqlalchemy import Connection, insert

from fleet.flight.journal import JournalEntry
from fleet.records.store import Store
from fleet.records.tables import AUDIT


class StoreJournal:
    """Durable on return."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def write(self, entry: JournalEntry) -> None:
        with self._store.transaction() as connection:
            add_entry(connection, entry)


def add_entry(connection: Connection, entry: JournalEntry) -> None:
    """Inside a transaction of what is done, so that both or neither are written."""
    connection.execute(
        insert(AUDIT).values(
            at_us=entry.at_us,
            actor=entry.actor[:120],
            act=entry.act[:64],
            subject=entry.subject[:200],
            trace_id=entry.trace_id,
            detail=dict(entry.detail),
        )
    )
