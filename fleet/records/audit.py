"""Who did what, durable before it happens; for coming home in memory first and durable as soon as the store answers.

`StoreJournal` may raise StoreError and then the act must not happen. `MemoryJournal` never raises, never blocks and may
be called from any thread: the coordinator writes out what it holds.
"""

from collections import deque

from sqlalchemy import Connection, insert

from fleet.errors import StoreError
from fleet.flight.journal import JournalEntry
from fleet.records.store import Store
from fleet.records.tables import AUDIT

MAX_WAITING = 10_000  # acts that wait for the store; past that the oldest are given up and counted


class StoreJournal:
    """Durable on return."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def write(self, entry: JournalEntry) -> None:
        with self._store.transaction() as connection:
            add_entry(connection, entry)


class MemoryJournal:
    """Takes entries at once; `flush` moves them to the store in order."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[JournalEntry] = deque()
        self.given_up = 0

    def write(self, entry: JournalEntry) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            self.given_up += 1
        self._waiting.append(entry)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def flush(self) -> bool:
        """Write what waits; False when the store does not take it (nothing is lost, the next flush tries again)."""
        entries = list(self._waiting)
        if not entries:
            return True
        try:
            with self._store.transaction() as connection:
                for entry in entries:
                    add_entry(connection, entry)
        except StoreError:
            return False
        for _ in entries:
            self._waiting.popleft()
        return True


def add_entry(connection: Connection, entry: JournalEntry) -> None:
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
