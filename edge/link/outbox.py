"""The durable outbox: what it took is on the disk, and stays until the coordinator said that it stored it (SAFETY 15).

A broker's PUBACK deletes nothing: a broker may drop. `append` returns after the disk has the row, so a node that is
killed in the next instruction still sends it in its next life.
"""

import contextlib
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from contract.commands import Ack, SequenceRange
from contract.envelope import Envelope
from contract.errors import ContractError
from contract.events import OutboxStatus
from edge.errors import OutboxError

LARGEST = 2**62  # fits SQLite's integers
BUSY_S = 2.0  # longer than any fsync, shorter than the detector's patience
TABLES = """
CREATE TABLE IF NOT EXISTS identity (outbox_id TEXT NOT NULL, boot INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS rows (sequence INTEGER PRIMARY KEY AUTOINCREMENT, envelope TEXT NOT NULL);
"""


class Outbox:
    """One SQLite file, held by one process. Any thread may call. Raises OutboxError.

    outbox_id: drawn when the file is made; a lost disk therefore never reuses a sequence.
    boot: which opening of this file this is, from 1.
    newest: the last number given, also when its row is gone.
    """

    def __init__(self, path: Path, *, new_id: Callable[[], uuid.UUID]) -> None:
        self._path = path
        self._new_id = new_id
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self.outbox_id = uuid.UUID(int=0)
        self.boot = 0
        self.newest = 0

    def __enter__(self) -> "Outbox":
        with self._told("cannot be opened"):
            connection = sqlite3.connect(
                self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=16
            )
        try:
            with self._told("cannot be opened (does another node hold it?)"):
                connection.execute("PRAGMA locking_mode=EXCLUSIVE")
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
                connection.executescript(TABLES)
                if connection.execute("SELECT count(*) FROM identity").fetchone() == (0,):
                    connection.execute("INSERT INTO identity VALUES (?, 0)", (str(self._new_id()),))
                connection.execute("UPDATE identity SET boot = boot + 1")
                outbox_id, self.boot = connection.execute("SELECT outbox_id, boot FROM identity").fetchone()
                self.outbox_id = uuid.UUID(outbox_id)
                self.newest = _newest(connection)
        except OutboxError:
            connection.close()
            raise
        self._connection = connection
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def append(self, envelope: Envelope) -> Envelope:
        """The envelope with its sequence, durable on return."""
        with self._using("did not take a message") as connection:
            row = connection.execute("INSERT INTO rows (envelope) VALUES (?)", (envelope.model_dump_json(),))
            self.newest = row.lastrowid or self.newest
            return envelope.model_copy(update={"sequence": row.lastrowid})

    def read(self, sequence: int) -> Envelope | None:
        """The message of that number; None when it is gone."""
        with self._using("cannot be read") as connection:
            row = connection.execute("SELECT envelope FROM rows WHERE sequence = ?", (sequence,)).fetchone()
        return None if row is None else Envelope.model_validate_json(row[0]).model_copy(update={"sequence": sequence})

    def sequences(self, within: SequenceRange | None = None) -> list[int]:
        """Numbers of the rows still held, rising."""
        first, last = (1, LARGEST) if within is None else (within.first, within.last)
        with self._using("cannot be read") as connection:
            rows = connection.execute(
                "SELECT sequence FROM rows WHERE sequence BETWEEN ? AND ? ORDER BY sequence",
                (min(first, LARGEST), min(last, LARGEST)),
            ).fetchall()
        return [row[0] for row in rows]

    def acknowledge(self, ack: Ack) -> None:
        """Let go of what the coordinator stored. An ack of another outbox changes nothing. Raises ContractError for one
        that covers messages that were never written: following it would delete the next ones unsent."""
        if ack.outbox_id != self.outbox_id:
            return
        with self._using("cannot be cleared") as connection:
            newest = _newest(connection)
            if ack.contiguous > newest:
                raise ContractError(f"ack: expected at most sequence {newest} of this outbox, got {ack.contiguous}")
            connection.execute("DELETE FROM rows WHERE sequence <= ?", (ack.contiguous,))

    def status(self) -> OutboxStatus:
        with self._using("cannot be read") as connection:
            following = _newest(connection) + 1
            oldest = connection.execute("SELECT min(sequence) FROM rows").fetchone()[0]
        return OutboxStatus(oldest_sequence=oldest or following, next_sequence=following)

    def __len__(self) -> int:
        with self._using("cannot be read") as connection:
            return int(connection.execute("SELECT count(*) FROM rows").fetchone()[0])

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


def _newest(connection: sqlite3.Connection) -> int:
    """The last number given, also when its row is gone."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'rows'").fetchone()
    return 0 if row is None else int(row[0])
