"""One life of the watched node: a process of its own, to be killed, and its ledger, read to the last whole line."""

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

from sim.demo_setup import DemoError
from sim.soak.ledger import NOTHING_FIRED, Judged, read_line
from sim.soak.watched_node import live

PATIENCE_S = 60.0  # for anything that a working machine does in seconds


class Life:
    """It runs from the start on."""

    def __init__(self, config: Path, log_path: Path) -> None:
        self._log_path = log_path
        self._lines: list[str] = []
        self._fired = 0  # lines with events
        self._grown = threading.Condition()
        reader, writer = _forking().Pipe(duplex=False)
        self._process = _forking().Process(target=live, args=(config, log_path, writer), daemon=True)
        self._process.start()
        writer.close()
        self._reader = threading.Thread(name="ledger", target=self._read, args=(reader,), daemon=True)
        self._reader.start()

    def _read(self, ledger: "Connection[bytes, bytes]") -> None:
        with ledger, os.fdopen(ledger.fileno(), encoding="utf-8", closefd=False) as lines:
            for line in lines:
                if line.endswith("\n"):
                    with self._grown:
                        self._lines.append(line)
                        self._fired += not line.endswith(NOTHING_FIRED)
                        self._grown.notify_all()
        with self._grown:
            self._grown.notify_all()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.exitcode

    @property
    def frames(self) -> int:
        """Judged so far."""
        return len(self._lines)

    def judged(self) -> tuple[Judged, ...]:
        """All of them, once it has ended."""
        return tuple(map(read_line, self._lines))

    def wait_for_frames(self, more: int) -> None:
        """Until so many more were judged. Raises DemoError."""
        until = len(self._lines) + more
        with self._grown:
            self._grown.wait_for(lambda: len(self._lines) >= until or not self._reader.is_alive(), PATIENCE_S)
        if len(self._lines) < until:
            raise DemoError(f"expected {more} frames within {PATIENCE_S:.0f} s: {self.last_words()}")

    def wait_for_event(self) -> None:
        """Until one more is fired; it may not be stored yet. Raises DemoError."""
        before = self._fired
        with self._grown:
            self._grown.wait_for(lambda: self._fired > before or not self._reader.is_alive(), PATIENCE_S)
        if self._fired == before:
            raise DemoError(f"expected an event within {PATIENCE_S:.0f} s: {self.last_words()}")

    def kill(self) -> None:
        """As a crash or a power cut: no goodbye."""
        self._process.kill()
        self._end()

    def stop(self) -> int:
        """SIGTERM; its exit code. Raises DemoError when it does not end."""
        os.kill(self.pid, signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """For its own end; its exit code. Raises DemoError when it does not come."""
        self._process.join(PATIENCE_S)
        code = self._process.exitcode
        if code is None:
            self.kill()
            raise DemoError(f"the node did not end within {PATIENCE_S:.0f} s: {self.last_words()}")
        self._end()
        return code

    def last_words(self) -> str:
        text = self._log_path.read_text(errors="replace") if self._log_path.exists() else ""
        return " | ".join(text.strip().splitlines()[-3:]) or "it said nothing"

    def _end(self) -> None:
        self._process.join()
        self._reader.join()


def _forking() -> ForkServerContext:
    """Lives are forked from one process that has everything imported and does nothing else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([live.__module__])
    return context
