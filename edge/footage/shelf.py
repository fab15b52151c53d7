"""The evidence on this node's disk: one folder for each take, and which of them gives way when there is no room.

A take is written in a folder that ends in `.part` and renamed when it is whole, so what has its name is whole. Video
gives way to events: a part of the disk stays free for the outbox, whatever has to go for it.
"""

import contextlib
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import structlog
from pydantic import Field, ValidationError

from contract.envelope import Origin
from contract.evidence import Evidence
from contract.frozen import Frozen, TimeUs, TraceId
from contract.kinds import Severity
from edge.errors import SetUpError

INDEX, PART = "take.json", ".part"
DAY_US = 86_400_000_000
LOUDNESS = (Severity.LOW, Severity.MEDIUM, Severity.HIGH)
CHUNK_BYTES = 1_000_000
log = structlog.get_logger()


class Manifest(Frozen):
    """What was or will be said of a file of a take."""

    file: str
    origin: Origin
    trace_id: TraceId
    evidence: Evidence


class Take(Frozen):
    """One folder: the files of one or more events before one camera. is_posted: each manifest is in the outbox."""

    take_id: uuid.UUID
    severity: Severity  # the loudest of its events
    stored_at_us: TimeUs
    bytes: Annotated[int, Field(ge=0)]
    manifests: tuple[Manifest, ...]
    is_posted: bool = False
    is_uploaded: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """How much may be kept. free_bytes: of the disk, left to the outbox and whatever else lives there."""

    keep_us: int
    max_bytes: int
    free_bytes: int


class Shelf:
    """One folder held by one process; one thread. Raises OSError where a disk refuses, SetUpError on opening."""

    def __init__(
        self, folder: Path, room: Room, *, wall_us: Callable[[], int], free_bytes: Callable[[], int] | None = None
    ) -> None:
        self._folder = folder
        self.room = room
        self._wall_us = wall_us
        self._free_bytes = free_bytes or (lambda: shutil.disk_usage(folder).free)
        self._takes: dict[uuid.UUID, Take] = {}

    def open(self) -> None:
        """Pick up what an earlier life left; what it did not finish goes."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # pictures of people
            for path in sorted(self._folder.iterdir()):
                if path.suffix == PART:
                    shutil.rmtree(path, ignore_errors=True)
                elif path.is_dir():
                    self._read(path)
        except OSError as err:
            raise SetUpError(f"evidence {self._folder}: {err.strerror}") from err

    @property
    def takes(self) -> tuple[Take, ...]:
        return tuple(self._takes.values())

    @property
    def unposted(self) -> tuple[Take, ...]:
        """Oldest first."""
        waiting = [take for take in self._takes.values() if not take.is_posted]
        return tuple(sorted(waiting, key=lambda take: take.stored_at_us))

    def file(self, take: Take, name: str) -> Path:
        return self._folder / str(take.take_id) / name

    def begin(self, take_id: uuid.UUID) -> Path:
        """A folder for what is not whole yet."""
        part = self._part(take_id)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        return part

    def drop(self, take_id: uuid.UUID) -> None:
        """It will never be whole."""
        shutil.rmtree(self._part(take_id), ignore_errors=True)

    def keep(self, take: Take) -> None:
        """Its files are written: durable, and under their name, on return."""
        part = self._part(take.take_id)
        for manifest in take.manifests:
            _sync(part / manifest.file)
        self._write_index(part, take)
        _sync(part)
        part.rename(self._folder / str(take.take_id))
        _sync(self._folder)
        self._takes[take.take_id] = take

    def mark_posted(self, take: Take) -> None:
        """In memory at once; a disk that does not take the mark has it said again in the next life."""
        self._mark(take.model_copy(update={"is_posted": True}))

    @property
    def unsent(self) -> tuple[Take, ...]:
        """Told to the coordinator, and its files not there yet."""
        return tuple(take for take in self._takes.values() if take.is_posted and not take.is_uploaded)

    def mark_uploaded(self, take_id: uuid.UUID) -> None:
        """As `mark_posted`; nothing where it gave way meanwhile."""
        take = self._takes.get(take_id)
        if take is not None:
            self._mark(take.model_copy(update={"is_uploaded": True}))

    def _mark(self, take: Take) -> None:
        self._takes[take.take_id] = take
        with contextlib.suppress(OSError):
            self._write_index(self._folder / str(take.take_id), take)

    def has_room(self) -> bool:
        """Make room: what is too old goes, then as much as is too much, least important and oldest first. False when
        the disk is too full even so, and nothing may be written."""
        now_us = self._wall_us()
        for take in self.takes:
            if now_us - take.stored_at_us > self.room.keep_us:
                self._remove(take)
        surplus_bytes = self.total_bytes - self.room.max_bytes
        if surplus_bytes > 0 or self._is_short:
            for take in sorted(self._takes.values(), key=_worth):
                self._remove(take)
                surplus_bytes -= take.bytes
                if surplus_bytes <= 0 and not self._is_short:
                    break
        return not self._is_short

    @property
    def total_bytes(self) -> int:
        return sum(take.bytes for take in self._takes.values())

    @property
    def _is_short(self) -> bool:
        """Of what the disk must leave free."""
        return self._free_bytes() < self.room.free_bytes

    def _remove(self, take: Take) -> None:
        shutil.rmtree(self._folder / str(take.take_id), ignore_errors=True)
        del self._takes[take.take_id]
        log.info("evidence gave way", take=str(take.take_id), severity=take.severity.value, bytes=take.bytes)

    def _part(self, take_id: uuid.UUID) -> Path:
        return self._folder / f"{take_id}{PART}"

    def _read(self, path: Path) -> None:
        try:
            take = Take.model_validate_json((path / INDEX).read_bytes())
        except (OSError, ValidationError):
            log.warning("evidence without an index", folder=str(path))
            return
        self._takes[take.take_id] = take

    def _write_index(self, folder: Path, take: Take) -> None:
        fresh = folder / f"{INDEX}.new"
        fresh.write_text(take.model_dump_json(), encoding="utf-8")
        _sync(fresh)
        fresh.replace(folder / INDEX)


def digest(path: Path) -> tuple[str, int]:
    """sha256 and size of a file."""
    found, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            found.update(chunk)
            size += len(chunk)
    return found.hexdigest(), size


def _worth(take: Take) -> tuple[bool, int, int, int]:
    """The least gives way first: what is elsewhere too, then the least important, then the oldest."""
    return not take.is_uploaded, LOUDNESS.index(take.severity), take.stored_at_us, take.take_id.int


def loudest(severities: Iterable[Severity]) -> Severity:
    return max(severities, key=LOUDNESS.index)


def _sync(path: Path) -> None:
    """To the disk; of a folder: the names in it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
