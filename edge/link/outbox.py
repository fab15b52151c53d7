"""The durable outbox: what it took is on the disk, and stays until the coordinator said that it stored it (SAFETY 15).

A broker's PUBACK deletes nothing: a broker may drop. `append` returns after the disk has the row, so a node that is
killed in the next instruction still sends it in its next life. Numbers have no holes: each append takes the next one,
and rows go from the front. So two numbers tell what is held, and no call looks at more than a few rows, be there a
million of them after days without a coordinator.
"""

import contextlib
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from pydantic import ValidationError

from contract.commands import Ack
from contract.envelope import Envelope
from contract.errors import ContractError
from contract.events import OutboxStatus
from edge.errors import OutboxError, UnreadableRow
from edge.link.ballast import Ballast

CLEARED_AT_ONCE = 1000  # rows: a megabyte, some milliseconds in which no event can be stored
CLEARED_IN_NEED = 100  # on a disk that is full
LOG_PAGES = 250  # of the write-ahead log: what a full disk must have room for besides is bounded by it
SPARE_PAGES = 1000  # of 4 kB, kept in the file for the next rows; more is given back to the disk
BUSY_S = 2.0  # longer than any fsync, shorter than the detector's patience
TABLES = """
CREATE TABLE IF NOT EXISTS identity (outbox_id TEXT NOT NULL, boot INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS rows (sequence INTEGER PRIMARY KEY AUTOINCREMENT, envelope TEXT NOT NULL);
"""


class Outbox:
    """One SQLite file, held by one process. Any thread may call. Raises OutboxError.

    outbox_id: drawn when the file is made; a lost disk therefore never reuses a sequence.
    boot: which opening of this file this is, from 1.
    """

    def __init__(self, path: Path, *, new_id: Callable[[], uuid.UUID]) -> None:
        self._path = path
        self._new_id = new_id
        self._ballast = Ballast(None if str(path) == ":memory:" else path.with_suffix(".ballast"))
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._gone = 0  # the coordinator has everything up to here
        self._oldest = 1  # the first row in the file
        self._may_shrink = False
        self._newest = 0  # the last number given, also when its row is gone
        self.outbox_id = uuid.UUID(int=0)
        self.boot = 0

    def __enter__(self) -> "Outbox":
        with self._told("cannot be opened"):
            connection = sqlite3.connect(
                self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=16
            )
        try:
            with self._told("cannot be opened (does another node hold it?)"), self._ballast.dropped():
                self._begin(connection)
        except OutboxError:
            connection.close()
            raise
        self._connection = connection
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OutboxError):
            self.clear()
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _begin(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
        connection.executescript(TABLES)
        if connection.execute("SELECT count(*) FROM identity").fetchone() == (0,):
            connection.execute("INSERT INTO identity VALUES (?, 0)", (str(self._new_id()),))
        connection.execute("UPDATE identity SET boot = boot + 1")
        outbox_id, self.boot = connection.execute("SELECT outbox_id, boot FROM identity").fetchone()
        self.outbox_id = uuid.UUID(outbox_id)
        given = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'rows'").fetchone()
        self._newest = 0 if given is None else int(given[0])
        oldest = connection.execute("SELECT min(sequence) FROM rows").fetchone()[0]
        self._oldest = self._newest + 1 if oldest is None else int(oldest)
        self._gone = self._oldest - 1

    def append(self, envelope: Envelope) -> Envelope:
        """The envelope with its sequence, durable on return."""
        with self._using("did not take a message") as connection:
            row = connection.execute("INSERT INTO rows (envelope) VALUES (?)", (envelope.model_dump_json(),))
            assert row.lastrowid is not None
            self._newest = row.lastrowid
            return envelope.model_copy(update={"sequence": row.lastrowid})

    def read(self, sequence: int) -> Envelope | None:
        """The message of that number; None when it is gone. Raises UnreadableRow."""
        with self._using("cannot be read") as connection:
            if not self._gone < sequence <= self._newest:
                return None
            row = connection.execute("SELECT envelope FROM rows WHERE sequence = ?", (sequence,)).fetchone()
        if row is None:
            return None
        try:
            return Envelope.model_validate_json(row[0]).model_copy(update={"sequence": sequence})
        except ValidationError as err:
            raise UnreadableRow(
                f"outbox {self._path}: message {sequence} is of another version or damaged", row[0]
            ) from err

    def acknowledge(self, ack: Ack) -> None:
        """What the coordinator stored is gone; `clear` deletes it. An ack of another outbox changes nothing. Raises
        ContractError for one that covers messages that were never written: following it would delete the next ones
        unsent."""
        if ack.outbox_id != self.outbox_id:
            return
        with self._lock:
            if ack.contiguous > self._newest:
                raise ContractError(
                    f"ack: expected at most sequence {self._newest} of this outbox, got {ack.contiguous}"
                )
            self._gone = max(self._gone, ack.contiguous)

    def clear(self) -> bool:
        """Delete some of what is gone, and give room back to the disk; True while there is more to do. A life that ends
        before leaves rows that are sent again, and acknowledged again."""
        if self._oldest > self._gone and not self._may_shrink:
            return False
        try:
            with self._using("cannot be cleared") as connection:
                return self._clear(connection, at_most=CLEARED_AT_ONCE)
        except OutboxError:
            with self._using("cannot be cleared") as connection, self._ballast.dropped():
                is_more = self._clear(connection, at_most=CLEARED_IN_NEED)
                # Not TRUNCATE: the log's room is that of the next rows.
                connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
                return is_more

    def status(self) -> OutboxStatus:
        if self._connection is None:
            raise OutboxError(f"outbox {self._path}: cannot be read: closed")
        return OutboxStatus(oldest_sequence=self._gone + 1, next_sequence=self._newest + 1)

    def __len__(self) -> int:
        status = self.status()
        return status.next_sequence - status.oldest_sequence

    def _clear(self, connection: sqlite3.Connection, *, at_most: int) -> bool:
        if self._oldest <= self._gone:
            last = min(self._gone, self._oldest + at_most - 1)
            connection.execute("DELETE FROM rows WHERE sequence <= ?", (last,))
            self._oldest = last + 1
            self._may_shrink = self._oldest > self._newest and _spare_pages(connection) > SPARE_PAGES
        elif self._may_shrink:
            self._may_shrink = False
            # No row is held: next to nothing is copied. An incremental vacuum looks for each page among all the free.
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        return self._oldest <= self._gone or self._may_shrink

    @contextlib.contextmanager
    def _using(self, complaint: str) -> Iterator[sqlite3.Connection]:
        with self._lock, self._told(complaint):
            if self._connection is None:
                raise OutboxError(f"outbox {self._path}: {complaint}: closed")
            yield self._connection

    @contextlib.contextmanager
    def _told(self, complaint: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as err:
            raise OutboxError(f"outbox {self._path}: {complaint}: {err}") from err


def _spare_pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])
