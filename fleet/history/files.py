"""History on disk: one file an hour (UTC), blocks added at its end, oldest hours deleted first.

A kill leaves at worst a torn last block; the next one to write cuts it off. Nothing here waits for the disk to be sure:
a cut of the mains may take the last seconds.
"""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from fleet.history.blocks import HEAD_BYTES, Place, next_beginning, place_of

HOUR_US = 3_600_000_000
_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\dZ\.jsonl\.gz")


@dataclass(frozen=True, slots=True)
class HistoryRoom:
    """What may be kept. free_bytes: of the disk, left to all else."""

    keep_us: int
    max_bytes: int
    free_bytes: int = 0


class HistoryFiles:
    """One writer a folder, on any one thread at a time."""

    def __init__(self, folder: Path, room: HistoryRoom, *, free_bytes: Callable[[], int] | None = None) -> None:
        self._folder, self._room = folder, room
        self._free_bytes = free_bytes or (lambda: shutil.disk_usage(folder).free)
        self._whole: Path | None = None  # the file whose end we know to be that of a block

    def append(self, block: bytes, *, from_us: int) -> None:
        """At the end of its hour. Raises OSError; the file is then as it was, or is mended by the next one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._make_room(len(block), now_us=from_us)
        free = self._free_bytes()
        if free < self._room.free_bytes + len(block):
            raise OSError(
                f"the disk has {free / 1e9:.1f} GB left and {self._room.free_bytes / 1e9:.1f} are for all else"
            )
        path = self._folder / name_of(from_us)
        if path != self._whole:
            _cut_torn(path)
        self._whole = None
        with path.open("ab", buffering=0) as file:
            if file.write(block) != len(block):
                raise OSError("the disk took only a part of a block")
        self._whole = path

    def _make_room(self, wanted_bytes: int, *, now_us: int) -> None:
        """Hours that are too old, then the oldest until there is room; never the one that is written to."""
        files = hour_files(self._folder)
        current, sizes = name_of(now_us), {path: path.stat().st_size for path in files}
        held = sum(sizes.values()) + wanted_bytes
        for path in files:
            ended_us = hour_us(path) + HOUR_US
            if path.name != current and (ended_us < now_us - self._room.keep_us or held > self._room.max_bytes):
                path.unlink()
                held -= sizes[path]


def name_of(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, timezone.utc).strftime("%Y-%m-%dT%HZ.jsonl.gz")


def hour_us(path: Path) -> int:
    return (
        round(datetime.strptime(path.name, "%Y-%m-%dT%HZ.jsonl.gz").replace(tzinfo=timezone.utc).timestamp())
        * 1_000_000
    )


def hour_files(folder: Path) -> list[Path]:
    """Oldest first."""
    try:
        return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    except FileNotFoundError:
        return []


def places_in(path: Path, *, after: int = 0) -> tuple[list[Place], int]:
    """The whole blocks of a file from byte `after` on, and where the last of them ends. What lies between and is none
    is passed over. Raises OSError."""
    found: list[Place] = []
    with path.open("rb") as file:
        size, offset, end = os.fstat(file.fileno()).st_size, after, after
        while offset < size:
            place = place_of(os.pread(file.fileno(), HEAD_BYTES, offset), offset=offset)
            if place is not None and offset + place.length <= size:
                found.append(place)
                offset = end = offset + place.length
                continue
            step = next_beginning(os.pread(file.fileno(), size - offset, offset), 1)  # damaged or torn, which is rare
            if step < 0:
                break
            offset += step
    return found, end


def _cut_torn(path: Path) -> None:
    if path.exists():
        _, end = places_in(path)
        if end < path.stat().st_size:
            os.truncate(path, end)
