"""A tape being read, in a stream and in the order of the file, one chunk in memory at a time.

A damaged chunk is passed over and counted; where the file breaks off, reading ends with a remark instead of an error:
what could be read is the caller's.
"""

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import zstandard
from mcap.exceptions import EndOfFile, InvalidMagic, McapError
from mcap.records import Attachment, Channel, Chunk, McapRecord, Metadata, Schema
from mcap.records import Message as McapMessage
from mcap.stream_reader import StreamReader, breakup_chunk

from sim.tape.errors import TapeError
from sim.tape.items import Beside, Item, Message, Note, video_topic

RECORD_BYTES_MAX = 256 * 1024 * 1024  # a length beyond this is damage, not a record
DAMAGE = (McapError, ValueError, struct.error, zstandard.ZstdError, RuntimeError)  # RuntimeError: what lz4 raises


class TapeReader:
    """One reading of one file. `remark` is complete when `items` has come to its end; empty when all is well."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged_chunks = 0
        self._ends_early = ""
        self._schemas: dict[int, Schema] = {}
        self._channels: dict[int, Channel] = {}

    @property
    def remark(self) -> str:
        chunks = f"{self.damaged_chunks} damaged chunks were passed over" if self.damaged_chunks else ""
        return "; ".join(part for part in (self._ends_early, chunks) if part)

    def items(self) -> Iterator[Item]:
        """Raises TapeError with one line when there is no tape at all."""
        try:
            file = self.path.open("rb")
        except OSError as err:
            raise TapeError(f"{self.path}: {err.strerror}") from err
        with file:
            for record in self._records(file):
                if isinstance(record, Schema):
                    self._schemas[record.id] = record
                elif isinstance(record, Channel):
                    self._channels[record.id] = record
                elif isinstance(record, Metadata):
                    yield Note(record.name, record.metadata)
                elif isinstance(record, Attachment):
                    yield Beside(record.name, record.media_type, record.data, record.log_time // 1_000)
                elif isinstance(record, McapMessage) and record.channel_id in self._channels:
                    channel = self._channels[record.channel_id]
                    schema = self._schemas.get(channel.schema_id)
                    log_us, at_us = record.log_time // 1_000, record.publish_time // 1_000
                    yield Message(channel.topic, schema.name if schema else "", log_us, at_us, record.data)

    def _records(self, file: BinaryIO) -> Iterator[McapRecord]:
        reader = StreamReader(file, emit_chunks=True, record_size_limit=RECORD_BYTES_MAX)
        try:
            for record in reader.records:
                if isinstance(record, Chunk):
                    yield from self._unpacked(record)
                else:
                    yield record
        except InvalidMagic as err:
            if file.tell() <= 8:
                raise TapeError(f"{self.path}: expected an MCAP file, got something else") from err
            self._ends_early = "damaged at its end"
        except (EndOfFile, struct.error) as err:
            if file.tell() < 8:
                raise TapeError(f"{self.path}: expected an MCAP file, got {file.tell()} bytes") from err
            self._ends_early = "truncated: its end is missing"
        except DAMAGE as err:
            self._ends_early = f"unreadable from byte {file.tell()} on: {err}"

    def _unpacked(self, chunk: Chunk) -> list[McapRecord]:
        try:
            return breakup_chunk(chunk, validate_crc=True)
        except DAMAGE:
            self.damaged_chunks += 1
            return []


@dataclass(slots=True)
class Survey:
    """What is on a tape. `topics`: messages of each; `notes`, `beside`: by name; times: of first and last message."""

    topics: Counter[str] = field(default_factory=Counter)
    schemas: dict[str, str] = field(default_factory=dict)
    notes: dict[str, dict[str, str]] = field(default_factory=dict)
    beside: dict[str, bytes] = field(default_factory=dict)
    first_us: int | None = None
    last_us: int | None = None
    remark: str = ""

    def cameras(self) -> list[str]:
        """Those with pictures."""
        ids = (topic.split("/")[2] for topic in self.topics if topic.startswith("/camera/"))
        return sorted({camera for camera in ids if video_topic(camera) in self.topics})


def survey(path: Path) -> Survey:
    """Read a whole tape once. Raises TapeError when there is none."""
    reader, found = TapeReader(path), Survey()
    for item in reader.items():
        if isinstance(item, Note):
            found.notes[item.name] = dict(item.words)
        elif isinstance(item, Beside):
            found.beside[item.name] = item.data
        else:
            found.topics[item.topic] += 1
            found.schemas[item.topic] = item.schema
            found.first_us = item.log_us if found.first_us is None else min(found.first_us, item.log_us)
            found.last_us = item.log_us if found.last_us is None else max(found.last_us, item.log_us)
    found.remark = reader.remark
    return found
