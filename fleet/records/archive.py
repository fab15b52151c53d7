"""Evidence whose bytes the nodes sent: one file for each sha256 in a folder of the coordinator's.

A file grows as `SHA256.NODE.part` and gets its name once size and sha256 are those of the manifest: what has its name
is whole. The store knows which are whole and which gave way. Everything that reads or writes files here blocks: call it
on a thread of its own. `note_whole` and `forget` write the store: call them where the store is written.
"""

import contextlib
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread
import structlog
from sqlalchemy import Connection, select, update

from contract.evidence import Evidence
from contract.kinds import Severity
from fleet.errors import NotFound, Refused, SetUpError, StoreError
from fleet.picture.incidents import derive_alarm_id
from fleet.records import reads
from fleet.records.store import Store, put
from fleet.records.tables import EVIDENCE, EVIDENCE_FILES

PART = ".part"
STALE_US = 7 * 86_400_000_000  # nobody went on with a part for so long
TIDY_S = 3600.0
CHUNK_BYTES = 1_000_000
LOUDNESS = (Severity.LOW, Severity.MEDIUM, Severity.HIGH)
log = structlog.get_logger()


class WrongContent(Refused):
    """These bytes are not what the manifest names; they are thrown away."""


class NoRoom(Refused):
    """Nothing less important is left to give way."""


@dataclass(frozen=True, slots=True)
class ArchiveRoom:
    """How much is kept. free_bytes: of the disk, left to the store and all else. largest_bytes: of one file."""

    keep_us: int
    max_bytes: int
    free_bytes: int
    largest_bytes: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that a stored manifest of that node names. loudness: of its loudest event, from 0; what is not known yet
    counts as loud."""

    node: str
    sha256: str
    bytes: int
    loudness: int


@dataclass(frozen=True, slots=True)
class Filed:
    """A file that was whole here once. is_here: False after it gave way."""

    evidence: Evidence
    is_here: bool


class Archive:
    """One folder, one coordinator. Raises StoreError, and OSError where the disk refuses."""

    def __init__(
        self,
        folder: Path,
        room: ArchiveRoom,
        *,
        store: Store,
        wall_us: Callable[[], int],
        free_bytes: Callable[[], int] | None = None,
    ) -> None:
        self._folder = folder
        self._room = room
        self._store = store
        self._wall_us = wall_us
        self._free_bytes = free_bytes or (lambda: shutil.disk_usage(folder).free)

    def open(self) -> None:
        """Raises SetUpError."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # pictures of people
        except OSError as err:
            raise SetUpError(f"evidence {self._folder}: {err.strerror}") from err

    # What the store knows

    def wanted(self, node: str, sha256: str) -> Wanted:
        """Raises NotFound for what no manifest of this node names, and Refused for a file larger than any may be."""
        query = select(EVIDENCE.c.document).where(EVIDENCE.c.sha256 == sha256, EVIDENCE.c.node == node)
        query = query.order_by(EVIDENCE.c.received_at_us, EVIDENCE.c.event_id, EVIDENCE.c.kind).limit(reads.MAX_ROWS)
        with self._store.reading() as connection:
            named = [Evidence.model_validate_json(text) for text in connection.scalars(query)]
            loudness = max((_loudness(connection, each.event_id) for each in named), default=0)
        if not named:
            raise NotFound(f"evidence {sha256}: no manifest of node '{node}' names it yet")
        if named[0].bytes > self._room.largest_bytes:
            raise Refused(f"evidence {sha256}: expected at most {self._room.largest_bytes} bytes, got {named[0].bytes}")
        return Wanted(node, sha256, named[0].bytes, loudness)

    def filed(self, sha256: str) -> Filed | None:
        """None: its bytes were never all here."""
        query = (
            select(EVIDENCE.c.document, EVIDENCE_FILES.c.removed_at_us)
            .join(EVIDENCE_FILES, EVIDENCE_FILES.c.sha256 == EVIDENCE.c.sha256)
            .where(EVIDENCE.c.sha256 == sha256, EVIDENCE.c.node == EVIDENCE_FILES.c.node)
        )
        with self._store.reading() as connection:
            row = connection.execute(query.limit(1)).first()
        return None if row is None else Filed(Evidence.model_validate_json(row.document), row.removed_at_us is None)

    def note_whole(self, wanted: Wanted) -> None:
        """`finish` has put it in its place."""
        values = {
            "sha256": wanted.sha256,
            "node": wanted.node,
            "bytes": wanted.bytes,
            "loudness": wanted.loudness,
            "whole_at_us": self._wall_us(),
            "removed_at_us": None,
        }
        with self._store.transaction() as connection:
            put(connection, EVIDENCE_FILES, values)

    def forget(self, files: Sequence[str]) -> None:
        """They give way; then `unlink` them."""
        gone = update(EVIDENCE_FILES).values(removed_at_us=self._wall_us())
        with self._store.transaction() as connection:
            for sha256 in files:
                connection.execute(gone.where(EVIDENCE_FILES.c.sha256 == sha256))
        log.info("evidence gave way", files=len(files))

    # Files

    def path(self, sha256: str) -> Path:
        return self._folder / sha256

    def part(self, wanted: Wanted) -> Path:
        """Of that node alone: what another sends under the same name does not touch it."""
        return self._folder / f"{wanted.sha256}.{wanted.node}{PART}"

    def there(self, wanted: Wanted) -> int:
        """Bytes from the beginning on."""
        size = _size(self._held(wanted))
        return size if size <= wanted.bytes else 0

    def append(self, wanted: Wanted, at: int, data: bytes) -> None:
        """`at` is where the part ends."""
        with self.part(wanted).open("ab") as file:
            file.truncate(at)
            file.write(data)

    def finish(self, wanted: Wanted) -> None:
        """All bytes are there: under its name and on the disk on return. Raises WrongContent."""
        found = self._held(wanted)
        digest = hashlib.sha256()
        with found.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
            os.fsync(file.fileno())
        if digest.hexdigest() != wanted.sha256 or _size(found) != wanted.bytes:
            found.unlink()
            raise WrongContent(f"evidence {wanted.sha256}: expected this sha256, got {digest.hexdigest()}: thrown away")
        found.replace(self.path(wanted.sha256))
        _sync(self._folder)

    def unlink(self, files: Iterable[str]) -> None:
        for sha256 in files:
            self.path(sha256).unlink(missing_ok=True)

    def victims(self, wanted: Wanted) -> Sequence[str]:
        """What must give way for the rest of a file: least important first, then oldest, and nothing that is more
        important than it. Raises NoRoom."""
        rest = wanted.bytes - self.there(wanted)
        over = max(
            self._total_bytes() + rest - self._room.max_bytes, self._room.free_bytes + rest - self._free_bytes(), 0
        )
        files = EVIDENCE_FILES.c
        query = (
            select(files.sha256, files.bytes)
            .where(files.removed_at_us.is_(None), files.loudness <= wanted.loudness)
            .order_by(files.loudness, files.whole_at_us, files.sha256)
        )
        chosen = []
        with self._store.reading() as connection:
            for row in connection.execute(query):
                if over <= 0:
                    break
                chosen.append(row.sha256)
                over -= row.bytes
        if over > 0:
            raise NoRoom(f"evidence {wanted.sha256}: no room for {rest} bytes")
        return chosen

    def outdated(self) -> Sequence[str]:
        """What is older than what is kept. What the store does not know as whole and nobody goes on with is unlinked at
        once."""
        now_us = self._wall_us()
        files = EVIDENCE_FILES.c
        with self._store.reading() as connection:
            rows = connection.execute(select(files.sha256, files.whole_at_us).where(files.removed_at_us.is_(None)))
            whole = {row.sha256: row.whole_at_us for row in rows}
        for path in self._folder.iterdir():
            if path.name not in whole:
                with contextlib.suppress(FileNotFoundError):
                    if now_us - path.stat().st_mtime_ns // 1000 > STALE_US:
                        path.unlink()
        return [sha256 for sha256, whole_at_us in whole.items() if whole_at_us < now_us - self._room.keep_us]

    async def run(self) -> None:
        """Each hour, on the coordinator's loop: what is too old goes."""
        while True:
            try:
                old = await anyio.to_thread.run_sync(self.outdated)
                if old:
                    self.forget(old)
                    await anyio.to_thread.run_sync(self.unlink, old)
            except (StoreError, OSError) as err:
                log.warning("evidence is not tidied", reason=str(err))
            await anyio.sleep(TIDY_S)

    def _held(self, wanted: Wanted) -> Path:
        """Its part; the file itself where the store had no time to hear of it."""
        path = self.path(wanted.sha256)
        return path if path.exists() else self.part(wanted)

    def _total_bytes(self) -> int:
        return sum(_size(path) for path in self._folder.iterdir())


def _loudness(connection: Connection, event_id: uuid.UUID) -> int:
    alarm = reads.alarm(connection, derive_alarm_id(event_id))
    return len(LOUDNESS) - 1 if alarm is None else LOUDNESS.index(alarm.severity)


def _size(path: Path) -> int:
    """0 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _sync(folder: Path) -> None:
    """The names in it, to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
