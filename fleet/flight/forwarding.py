"""What our vehicles say, passed on as it came: to a ground station that shows it, to the edge node under a camera.

One way only: whatever comes back is never read, so nobody commands a vehicle past the gate.
"""

import socket
from collections.abc import Sequence
from types import TracebackType

import structlog

from fleet.errors import SetUpError
from fleet.flight.mavlink_sources import Address
from fleet.flight.mavlink_transport import Connection

_log = structlog.get_logger(__name__)


class Forwarding:
    """A context manager; `send` never blocks and never fails: a frame that cannot go is counted and dropped."""

    def __init__(self, targets: Sequence[Connection]) -> None:
        """Raises SetUpError for anything but udpout."""
        for target in targets:
            if target.scheme != "udpout":
                raise SetUpError(f"forward '{target}': expected udpout:HOST:PORT, as nothing is read from there")
        self._targets = tuple(targets)
        self._open: list[tuple[socket.socket, Address]] = []
        self.dropped_frames = 0

    def __bool__(self) -> bool:
        return bool(self._targets)

    def send(self, raw: bytes) -> None:
        for opened, address in self._open:
            try:
                opened.sendto(raw, address)
            except OSError:
                self.dropped_frames += 1

    def __enter__(self) -> "Forwarding":
        for target in self._targets:
            try:
                family, _, _, _, address = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_DGRAM)[0]
            except OSError as err:
                self._close()
                raise SetUpError(f"forward '{target}': expected a host that can be found, got: {err}") from err
            opened = socket.socket(family, socket.SOCK_DGRAM)
            opened.setblocking(False)
            self._open.append((opened, tuple(address)))
            _log.info("what vehicles say is passed on", to=str(target))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        for opened, _ in self._open:
            opened.close()
        self._open.clear()
