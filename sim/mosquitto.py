"""Mosquitto as a child process on a loopback port, open to whoever is on this machine: for benchmarks only."""

import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from contract.clock import Clock
from sim.demo_setup import LOOPBACK, DemoError
from sim.embedded_broker import free_port

START_WITHIN_S = 5.0
LOOK_EACH_S = 0.02
STOP_WITHIN_S = 5.0
LIKE_DEPLOYED = ("set_tcp_nodelay true", "max_queued_messages 100000", "max_inflight_messages 200")


def find_mosquitto() -> str | None:
    """The program, where it is installed; on Debian it is on root's path alone."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


class Mosquitto:
    """A context; its configuration and its data are in `folder`."""

    def __init__(self, binary: str, *, folder: Path, clock: Clock) -> None:
        self.port = free_port()
        self._folder, self._clock = folder, clock
        self._command = [binary, "-c", str(folder / "mosquitto.conf")]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Mosquitto":
        lines = [
            f"listener {self.port} {LOOPBACK}",
            "allow_anonymous true",
            *LIKE_DEPLOYED,
            "persistence true",
            f"persistence_location {self._folder}/",
            "user root",  # heeded by root alone, whose folder nobody else may write to
            "log_type none",
        ]
        (self._folder / "mosquitto.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
        until_us = self._clock.monotonic_us() + round(START_WITHIN_S * 1e6)
        while self._clock.monotonic_us() < until_us and self._process.poll() is None:
            try:
                socket.create_connection((LOOPBACK, self.port), timeout=1.0).close()
            except OSError:
                time.sleep(LOOK_EACH_S)
            else:
                return self
        self._stop()
        raise DemoError(f"mosquitto: expected it to listen on port {self.port} within {START_WITHIN_S:.0f} s")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
