"""A journal in memory for what must never wait: coming home is written down here and stored after (SAFETY 6).

Safe from any thread. When it is full the oldest entry goes, and the count of lost ones is itself journalled.
"""

import threading
from collections import deque

from fleet.flight.journal import Journal, JournalEntry

MAX_ENTRIES = 1_000


class DeferredJournal:
    """`write` never fails and never waits; `flush` moves what is held into a durable journal."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: deque[JournalEntry] = deque()
        self._lost = 0

    def write(self, entry: JournalEntry) -> None:
        with self._lock:
            if len(self._held) >= MAX_ENTRIES:
                self._held.popleft()
                self._lost += 1
            self._held.append(entry)

    @property
    def held(self) -> tuple[JournalEntry, ...]:
        with self._lock:
            return tuple(self._held)

    def flush(self, journal: Journal) -> int:
        """Store what is held, oldest first, and return how many. Raises fleet.errors.StoreError and keeps the rest."""
        written = 0
        while True:
            with self._lock:
                if not self._held:
                    return written
                entry, lost = self._held[0], self._lost
            if lost:
                detail = {**entry.detail, "entries_lost_before_this": lost}
                journal.write(JournalEntry(entry.at_us, entry.actor, entry.act, entry.subject, entry.trace_id, detail))
            else:
                journal.write(entry)
            with self._lock:
                self._lost -= lost
                if self._held and self._held[0] is entry:
                    self._held.popleft()
            written += 1
