"""Every MAVLink frame in and out, in the capture format of pymavlink's tools: 8 bytes big-endian microseconds + frame.

Writing happens on a thread of its own: a stuck disk drops log lines (counted), it never holds up a command.
"""

import contextlib
import queue
import struct
import threading
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from contract.clock import Clock
from fleet.errors import SetUpError

_QUEUE_FRAMES = 8192  # some 20 s of a busy link; beyond that the newest are dropped


class Tlog:
    """A context manager; `record` may be called from any thread and never waits. Without a path it records nothing."""

    def __init__(self, path: Path | None, *, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._queue: queue.Queue[bytes | None] = queue.Queue(maxsize=_QUEUE_FRAMES)
        self._thread: threading.Thread | None = None
        self.dropped_frames = 0

    def record(self, raw: bytes) -> None:
        if self._path is None:
            return
        stamp_us = self._clock.wall_us() & ~0x3  # the two lowest bits are a link number in this format
        try:
            self._queue.put_nowait(struct.pack(">Q", stamp_us) + raw)
        except queue.Full:
            self.dropped_frames += 1

    def __enter__(self) -> "Tlog":
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                file = self._path.open("ab")
            except OSError as err:
                raise SetUpError(f"MAVLink log {self._path}: expected a file to write to, got: {err.strerror}") from err
            self._thread = threading.Thread(target=self._write, args=(file,), name="tlog", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            with contextlib.suppress(queue.Full):
                self._queue.put(None, timeout=5.0)
            self._thread.join(timeout=5.0)

    def _write(self, file: BinaryIO) -> None:
        with file:
            while (record := self._queue.get()) is not None:
                self._write_one(file, record)

    def _write_one(self, file: BinaryIO, record: bytes) -> None:
        try:
            file.write(record)
            if self._queue.empty():
                file.flush()
        except OSError:
            self.dropped_frames += 1
