"""A journal in memory for what must never wait: coming home is written down here and stored after (SAFETY 6).

Safe from any thread. When it is full the oldest entry goes, and the count of lost ones is itself journalled.
"""

import threading
from collections import deque
from dataclasses import replace

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
        """Store what is held, oldest first and all at once: a recall of a hundred vehicles waits for the disk once.

        Returns how many there were. Raises fleet.errors.StoreError and keeps them.
        """
        with self._lock:
            held, lost = tuple(self._held), self._lost
        if not held:
            return 0
        first = replace(held[0], detail={**held[0].detail, "entries_lost_before_this": lost}) if lost else held[0]
        journal.write(first, *held[1:])
        with self._lock:
            self._lost -= lost
            for entry in held:
                if self._held and self._held[0] is entry:  # else it gave way to a newer one meanwhile
                    self._held.popleft()
        return len(held)
