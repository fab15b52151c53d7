"""A MAVLink capture (.tlog): 8 bytes of big-endian microseconds before each frame, MAVLink 1 or 2.

Damage is normal. A record whose frame is not what its checksum says is passed over and counted; after bytes that are no
record, reading goes on at the next frame that proves itself.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fleet.flight.mavlink_codec import Frame, FrameParser
from sim.tape.errors import TapeError

STAMP_BYTES = 8
HEAD_BYTES = STAMP_BYTES + 3  # marker, length, flags: enough to know how long a record is
READ_BYTES = 256 * 1024
STAMP_US = (946_684_800_000_000, 4_102_444_800_000_000)  # 2000 to 2100: other "times" are not one
_MARKERS = (0xFD, 0xFE)


@dataclass(frozen=True, slots=True)
class Record:
    at_us: int
    frame: Frame


class TlogReader:
    """One reading. Its counts are complete when `records` has come to its end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.frames = 0
        self.damaged_records = 0
        self.stray_bytes = 0
        self.is_truncated = False
        self._decoder = FrameParser()

    @property
    def said(self) -> str:
        """What was read, and what was passed over."""
        stray = f", {self.stray_bytes} bytes that belong to no record" if self.stray_bytes else ""
        return f"{self.frames} frames; {self.damaged_records} damaged records{stray} were passed over"

    def records(self) -> Iterator[Record]:
        """Raises TapeError when nothing in the file is a capture."""
        try:
            file = self.path.open("rb")
        except OSError as err:
            raise TapeError(f"{self.path}: {err.strerror}") from err
        with file:
            yield from self._read(file)
        if self.frames == 0:
            raise TapeError(f"{self.path}: expected a MAVLink capture (.tlog), got no whole frame in it")

    def _read(self, file: BinaryIO) -> Iterator[Record]:
        held = b""
        while more := file.read(READ_BYTES):
            records, held = self.scan(held + more)
            yield from records
        self.is_truncated = bool(held)

    def scan(self, data: bytes) -> tuple[list[Record], bytes]:
        """The records in `data`, and its last bytes where they may be the beginning of one."""
        records: list[Record] = []
        at = 0
        while len(data) - at >= HEAD_BYTES:
            length = _record_length(data, at)
            if length is None:
                at += 1
                self.stray_bytes += 1
                continue
            if at + length > len(data):
                break
            record = self._decode(data[at : at + length])
            at += length
            if record is not None:
                records.append(record)
        return records, data[at:]

    def _decode(self, data: bytes) -> Record | None:
        frames = self._decoder.feed_datagram(data[STAMP_BYTES:])
        if len(frames) != 1 or len(frames[0].raw) != len(data) - STAMP_BYTES:
            self.damaged_records += 1
            return None
        self.frames += 1
        return Record(int(struct.unpack(">Q", data[:STAMP_BYTES])[0]), frames[0])


class TlogFollower:
    """A capture that is still being written: what is added to it from now on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader = TlogReader(path)
        self._at = path.stat().st_size if path.is_file() else 0
        self._held = b""

    def new_records(self) -> list[Record]:
        """None while the file is not there yet; one that is half written comes at the next look."""
        if not self._path.is_file():
            return []
        with self._path.open("rb") as file:
            file.seek(self._at)
            more = file.read()
            self._at = file.tell()
        records, self._held = self._reader.scan(self._held + more)
        return records


def _record_length(data: bytes, at: int) -> int | None:
    """None where no record can begin: its time is none, or no frame follows."""
    (stamp_us,) = struct.unpack_from(">Q", data, at)
    if not STAMP_US[0] <= stamp_us < STAMP_US[1] or data[at + STAMP_BYTES] not in _MARKERS:
        return None
    payload = data[at + STAMP_BYTES + 1]
    if data[at + STAMP_BYTES] == 0xFE:
        return STAMP_BYTES + payload + 8
    is_signed = data[at + STAMP_BYTES + 2] & 1
    return STAMP_BYTES + payload + 12 + (13 if is_signed else 0)
