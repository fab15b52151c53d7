"""The rim: simulated autopilots on loopback sockets, in real time or faster.

Each vehicle has its own ephemeral UDP port and talks to the coordinator's; a coordinator must answer to where a
datagram came from. No other address than loopback is ever opened: these vehicles obey anyone.
"""

import asyncio
import contextlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

import structlog

from contract.clock import Clock, SystemClock
from sim.autopilot.autopilot import Autopilot
from sim.autopilot.spec import AutopilotSpec

log = structlog.get_logger()
TICK_S = 0.02  # real seconds between steps
MAX_STEP_S = 2.0  # a machine that was asleep does not make a vehicle fly minutes at once


class BadAddress(ValueError):
    """One line for a person."""


@dataclass(frozen=True, slots=True)
class Address:
    """`listens`: tcp, one client at a time. Else UDP towards `port`."""

    listens: bool
    host: str
    port: int


def parse_connection(text: str) -> Address:
    """udpout:127.0.0.1:14550 or tcp:127.0.0.1:5760. Raises BadAddress; anything but loopback is one."""
    scheme, _, rest = text.partition(":")
    host, _, port_text = rest.rpartition(":")
    expected = "expected udpout:127.0.0.1:PORT or tcp:127.0.0.1:PORT"
    if scheme not in ("udpout", "tcp") or not port_text.isdigit() or not int(port_text) <= 65535:
        raise BadAddress(f"connection '{text}': {expected}")
    host = "127.0.0.1" if host == "localhost" else host
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError as err:
        raise BadAddress(f"connection '{text}': {expected}") from err
    if not is_loopback:
        raise BadAddress(f"connection '{text}': simulated vehicles stay on loopback, got {host}")
    return Address(scheme == "tcp", host, int(port_text))


class _Datagrams(asyncio.DatagramProtocol):
    """Bytes in; a coordinator that is not there yet is no error."""

    def __init__(self, rim: "_UdpRim") -> None:
        self._rim = rim

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._rim.autopilot.receive(data)
        self._rim.pump()

    def error_received(self, exc: Exception) -> None:
        pass


class _UdpRim:
    """One vehicle's own socket."""

    def __init__(self, autopilot: Autopilot, address: Address) -> None:
        self.autopilot, self._address = autopilot, address

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=(self._address.host, 0)
        )

    def pump(self) -> None:
        for frame in self.autopilot.outgoing():
            self._transport.sendto(frame, (self._address.host, self._address.port))

    async def close(self) -> None:
        self._transport.close()
        await asyncio.sleep(0)


class _TcpRim:
    """A listening port for one client at a time; without one the vehicle flies on and what it says is lost."""

    MAX_UNSENT_BYTES = 1_000_000

    def __init__(self, autopilot: Autopilot, address: Address) -> None:
        self.autopilot, self._address = autopilot, address
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._address.host, self._address.port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._writer is not None:
            writer.close()
            return
        self._writer = writer
        try:
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(4096):
                    self.autopilot.receive(data, is_stream=True)
        finally:
            self._writer = None
            writer.close()

    def pump(self) -> None:
        frames = self.autopilot.outgoing()
        writer = self._writer
        if writer is None or writer.transport.get_write_buffer_size() > self.MAX_UNSENT_BYTES:
            return
        writer.write(b"".join(frames))

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._server.close()
        await asyncio.sleep(0)


class SimulatedFleet:
    """`async with SimulatedFleet(specs) as fleet`: vehicles live until the block ends; truth is in `autopilots`."""

    def __init__(self, specs: Sequence[AutopilotSpec], *, speedup: float = 1.0, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._speedup = speedup
        self.autopilots = {spec.system_id: Autopilot(spec) for spec in specs}
        if len(self.autopilots) < len(specs):
            raise BadAddress("simulated fleet: expected every vehicle to have its own system id")
        addresses = {spec.system_id: parse_connection(spec.connect) for spec in specs}
        self._rims: list[_UdpRim | _TcpRim] = [
            (_TcpRim if addresses[system_id].listens else _UdpRim)(autopilot, addresses[system_id])
            for system_id, autopilot in self.autopilots.items()
        ]

    async def __aenter__(self) -> "SimulatedFleet":
        opened = contextlib.AsyncExitStack()
        async with opened:
            for rim in self._rims:
                await rim.open()
                opened.push_async_callback(rim.close)
            self._opened = opened.pop_all()
        self._task = asyncio.create_task(self._run(), name="simulated-fleet")
        log.info("simulated vehicles started", vehicles=len(self.autopilots), speedup=self._speedup)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._opened.aclose()

    async def _run(self) -> None:
        before_us = self._clock.monotonic_us()
        while True:
            await asyncio.sleep(TICK_S)
            now_us = self._clock.monotonic_us()
            dt_s = min(MAX_STEP_S, (now_us - before_us) / 1e6) * self._speedup
            before_us = now_us
            for autopilot, rim in zip(self.autopilots.values(), self._rims, strict=True):
                autopilot.step(dt_s)
                rim.pump()
