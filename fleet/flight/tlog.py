"""Every MAVLink frame in and out, in the capture format of pymavlink's tools: 8 bytes big-endian microseconds + frame.

Writing happens on a thread of its own: a stuck disk drops log lines (counted), it never holds up a command.
"""

import struct
import threading
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from contract.clock import Clock
from fleet.errors import SetUpError

_MOST_FRAMES = 8192  # that wait: some seconds of a busy link; beyond that the newest are dropped
_WRITE_EACH_S = 0.1  # what a crash loses; a thread that woke for every frame would cost more than the frame


class Tlog:
    """A context manager; `record` may be called from any thread and never waits. Without a path it records nothing."""

    def __init__(self, path: Path | None, *, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._waiting: deque[bytes] = deque()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.dropped_frames = 0

    def record(self, raw: bytes) -> None:
        if self._path is None:
            return
        if len(self._waiting) >= _MOST_FRAMES:
            self.dropped_frames += 1
            return
        stamp_us = self._clock.wall_us() & ~0x3  # the two lowest bits are a link number in this format
        self._waiting.append(struct.pack(">Q", stamp_us) + raw)

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
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)

    def _write(self, file: BinaryIO) -> None:
        with file:
            while not self._stop.wait(_WRITE_EACH_S):
                self._write_waiting(file)
            self._write_waiting(file)

    def _write_waiting(self, file: BinaryIO) -> None:
        waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not waiting:
            return
        try:
            file.write(b"".join(waiting))
            file.flush()
        except OSError:
            self.dropped_frames += len(waiting)
