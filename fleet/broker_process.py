"""The broker's link in a process of its own: reading MQTT takes a third of what storing the messages takes.

The two halves speak over a socket pair, in frames. Who finds the other end closed ends (the child) or begins another
(the coordinator), so that neither outlives the other, however it dies.
"""

import asyncio
import logging
import marshal
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import structlog

from contract.bus import BusMessage
from contract.clock import SystemClock
from contract.topics import ACK
from fleet.broker_settings import BrokerSettings
from fleet.log import log_to_stderr
from fleet.mqtt_bus import MqttBus, password_of, tls_context
from fleet.picture.arrival import Arrival, Unread

MAX_FRAME = 500  # messages
MAX_UNREAD = 1_000  # here; the rest waits in the child, which drops what is beyond its own bound
MAX_UNSENT_BYTES = 4_000_000  # of what goes to the child; past that nothing more is taken
SOCKET_BYTES = 1_000_000
AGAIN_S = 1.0
END_WITHIN_S = 5.0
log = structlog.get_logger()


class BrokerProcess:
    """As MqttBus, and the coordinator's loop reads nothing but what came."""

    def __init__(self, settings: BrokerSettings, *, site_id: str, also: Sequence[str] = ()) -> None:
        """also: topics outside the table that are listened to."""
        self._settings, self._site_id, self._also = settings, site_id, list(also)
        self.is_connected = False
        self._unread, self._has_room = Unread(), anyio.Event()
        self._writer: asyncio.StreamWriter | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["BrokerProcess"]:
        """Connected in the background for as long as the block runs. Raises SetUpError for unusable certificates."""
        tls_context(self._settings), password_of(self._settings)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._keep_running, name="broker link")
            yield self
            tasks.cancel_scope.cancel()

    async def receive(self, *, at_most: int) -> list[Arrival]:
        """As `Unread.take`."""
        taken = await self._unread.take(at_most=at_most)
        self._has_room.set()
        return taken

    def publish(self, message: BusMessage) -> bool:
        """False when there is no connection or no room. An ack waits for the connection, in the child."""
        writer, is_ack = self._writer, message.topic.endswith(f"/{ACK.name}")
        if writer is None or not (self.is_connected or is_ack):
            return False
        if writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            return False
        writer.write(_framed(_plain(message)))
        return True

    async def _keep_running(self) -> None:
        while True:
            ours, its = socket.socketpair()
            with ours, its:
                for end in (ours, its):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
                child = _begun(its)
                its.close()
                try:
                    await self._speak(ours)
                finally:
                    self.is_connected, self._writer = False, None
                    ours.close()
                    with anyio.CancelScope(shield=True):
                        await anyio.to_thread.run_sync(_ended, child)
            log.warning("the broker link ended and begins again", exit_code=child.returncode)
            await anyio.sleep(AGAIN_S)

    async def _speak(self, ours: socket.socket) -> None:
        """Until the child is gone."""
        reader, writer = await asyncio.open_connection(sock=ours, limit=SOCKET_BYTES)
        try:
            writer.write(_framed((self._settings.model_dump_json(), self._site_id, self._also)))
            self._writer = writer
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    self._hear(await _next_frame(reader))
                    while len(self._unread) >= MAX_UNREAD:
                        self._has_room = anyio.Event()
                        await self._has_room.wait()
        finally:
            writer.close()

    def _hear(self, said: Any) -> None:
        if isinstance(said, bool):
            self.is_connected = said
            return
        self._unread.put(
            *(
                Arrival(BusMessage(topic, payload, qos, retain, expiry_s), wall_us, monotonic_us)
                for topic, payload, qos, retain, expiry_s, wall_us, monotonic_us in said
            )
        )


def _begun(its: socket.socket) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "fleet.broker_process", str(its.fileno())]
    return subprocess.Popen(command, pass_fds=[its.fileno()], start_new_session=True)  # noqa: S603 - our own other half


def _plain(message: BusMessage) -> tuple[str, bytes, int, bool, int | None]:
    return message.topic, message.payload, message.qos, message.retain, message.expiry_s


def _framed(said: Any) -> bytes:
    """Plain values only. Both ends are ours, of one interpreter."""
    data = marshal.dumps(said)
    return len(data).to_bytes(4, "big") + data


async def _next_frame(reader: asyncio.StreamReader) -> Any:
    """Raises IncompleteReadError at the end."""
    size = int.from_bytes(await reader.readexactly(4), "big")
    return marshal.loads(await reader.readexactly(size))  # noqa: S302 - of our own other half


def _ended(child: "subprocess.Popen[bytes]") -> None:
    try:
        child.wait(END_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


# The child


async def _link(its: socket.socket) -> None:
    """Until the coordinator is gone."""
    reader, writer = await asyncio.open_connection(sock=its)
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        settings, site_id, also = await _next_frame(reader)
        bus = MqttBus(
            BrokerSettings.model_validate_json(settings),
            site_id=site_id,
            clock=SystemClock(),
            also=also,
            on_link=lambda is_connected: writer.write(_framed(is_connected)),
        )
        async with bus.opened(), anyio.create_task_group() as tasks:
            tasks.start_soon(_bring, bus, writer, name="what came")
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    bus.publish(BusMessage(*await _next_frame(reader)))
            tasks.cancel_scope.cancel()


async def _bring(bus: MqttBus, writer: asyncio.StreamWriter) -> None:
    while True:
        arrivals = await bus.receive(at_most=MAX_FRAME)
        writer.write(_framed([(*_plain(each.message), each.wall_us, each.monotonic_us) for each in arrivals]))
        await writer.drain()


def main() -> None:
    """`python -m fleet.broker_process FD`: begun by the coordinator, and by nobody else."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # it ends with the coordinator, which may still have something to say
    log_to_stderr(logging.NOTSET)
    with suppress(ConnectionError), socket.socket(fileno=int(sys.argv[1])) as its:
        os.set_inheritable(its.fileno(), False)
        anyio.run(_link, its)


if __name__ == "__main__":
    main()
