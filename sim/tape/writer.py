"""A tape being written: chunks of zstd in an MCAP file, so that memory does not grow with what is recorded.

What is not flushed is lost in a crash, all else can be read; the file is complete (with its index) only after `close`.
"""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from mcap.writer import CompressionType, IndexType, Writer

from sim.tape.items import Beside, Item, Note
from sim.tape.schemas import schema_text

CHUNK_BYTES = 512 * 1024  # what a reader must hold at once, and what a crash costs
PROFILE = "vedette"


class TapeWriter:
    """A context. Raises OSError when the file cannot be made or the disk is full."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO
        self._writer: Writer
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self.messages = 0

    def __enter__(self) -> "TapeWriter":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("wb")
        self._writer = Writer(
            self._file, chunk_size=CHUNK_BYTES, compression=CompressionType.ZSTD, index_types=IndexType.ALL
        )
        self._writer.start(profile=PROFILE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            self._writer.finish()  # type: ignore[no-untyped-call] # mcap left it untyped

    def write(self, item: Item) -> None:
        if isinstance(item, Note):
            self._writer.add_metadata(item.name, dict(item.words))
        elif isinstance(item, Beside):
            at_ns = item.log_us * 1_000
            self._writer.add_attachment(at_ns, at_ns, item.name, item.media_type, item.data)
        else:
            channel = self._channels.get(item.topic) or self._channel(item.topic, item.schema)
            self.messages += 1
            self._writer.add_message(
                channel, item.log_us * 1_000, item.data, item.at_us * 1_000, sequence=self.messages % 2**32
            )

    def write_all(self, items: Iterable[Item]) -> None:
        for item in items:
            self.write(item)

    def flush(self) -> None:
        """What was written so far survives the end of this process."""
        self._writer.flush()  # type: ignore[no-untyped-call] # mcap left it untyped

    def _channel(self, topic: str, schema: str) -> int:
        if schema not in self._schemas:
            self._schemas[schema] = self._writer.register_schema(schema, "jsonschema", schema_text(schema))
        self._channels[topic] = self._writer.register_channel(topic, "json", self._schemas[schema])
        return self._channels[topic]
