"""What systemd hears from the node: ready, alive, stopping (sd_notify(3)). Without NOTIFY_SOCKET nothing is said.

The word that we are alive is given only while frames flow and are judged: a node whose detector hangs, or that no
camera gives a picture, is started anew.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass

from contract.clock import Clock

SHARE = 3  # words within one watchdog time: one may be late


@dataclass(slots=True)
class ServiceManager:
    """address: of NOTIFY_SOCKET; `@` begins an abstract one. every_us: how often it wants to hear that we are alive."""

    address: str | None
    every_us: int | None
    clock: Clock
    _is_ready: bool = False
    _said_us: int | None = None
    _status: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str], *, clock: Clock, pid: int) -> "ServiceManager":
        """As systemd told this process; a WATCHDOG_PID of another is not for us."""
        text = environment.get("WATCHDOG_USEC", "")
        is_ours = environment.get("WATCHDOG_PID") in (None, str(pid))
        every_us = int(text) // SHARE if text.isascii() and text.isdigit() and int(text) > 0 and is_ours else None
        return cls(environment.get("NOTIFY_SOCKET") or None, every_us, clock)

    def beat(self, wrong: str) -> None:
        """Call it often. `wrong`: why the node is not healthy; empty when it is, and only then we are alive."""
        words = []
        if (status := wrong or "frames are judged") != self._status:
            self._status = status
            words.append(f"STATUS={' '.join(status.split())[:200]}")
        now_us = self.clock.monotonic_us()
        if not wrong and not self._is_ready:
            self._is_ready = True
            words.append("READY=1")
        is_due = self._said_us is None or now_us - self._said_us >= (self.every_us or 0)
        if not wrong and self.every_us is not None and is_due:
            self._said_us = now_us
            words.append("WATCHDOG=1")
        self._say(words)

    def stopping(self) -> None:
        """The node leaves by itself."""
        self._say(["STOPPING=1"])

    def _say(self, words: list[str]) -> None:
        """Never waits, never fails: who does not listen hears nothing."""
        if self.address is None or not words:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as door:
                door.setblocking(False)
                door.sendto("\n".join(words).encode(), address)
        except OSError:
            return
