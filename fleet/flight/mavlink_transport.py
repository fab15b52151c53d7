"""Where MAVLink comes and goes: UDP that listens, UDP that dials, TCP and a serial line that are opened again.

`send` may be called from any thread and never blocks: a full buffer drops the frame and says so by returning False.
"""

import asyncio
import contextlib
import os
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import anyio
import serial

from fleet.errors import SetUpError
from fleet.flight.mavlink_sources import Address

OnData = Callable[[bytes, Address], None]
_READS_AT_ONCE = 64  # then the loop gets a turn
_RECEIVE_BUFFER_BYTES = 1 << 20
_BACKLOG_BYTES = 64 * 1024  # unsent bytes of a stream beyond which frames are dropped
_CONNECT_S = 5.0
_BACK_OFF_S = (0.5, 1.0, 2.0, 4.0, 8.0)
_SCHEMES = ("udpin", "udpout", "tcp", "serial")
_MOST_BAUD = 12_000_000  # what USB carries


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection string, read. host, port: of a serial line its device and its bits a second."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}:{self.host}:{self.port}"


def parse_connection(text: str) -> Connection:
    """Raises SetUpError for anything but udpin, udpout, tcp and serial."""
    scheme, _, rest = text.partition(":")
    host, _, port = rest.rpartition(":")
    most = _MOST_BAUD if scheme == "serial" else 65535
    if scheme not in _SCHEMES or not host or not port.isdecimal() or int(port) > most:
        raise SetUpError(
            f"connection '{text}': expected udpin:HOST:PORT, udpout:HOST:PORT, tcp:HOST:PORT or serial:DEVICE:BAUD"
        )
    return Connection(scheme, host.strip("[]"), int(port))


class Transport(Protocol):
    """One socket, or the attempt to have one."""

    @property
    def keeps_datagrams(self) -> bool: ...

    @property
    def dialled(self) -> Address | None:
        """Where to say hello before anybody was heard."""
        ...

    @property
    def local_port(self) -> int | None:
        """None while it is not bound."""
        ...

    async def open(self, on_data: OnData) -> None:
        """Raises SetUpError when this can never work."""
        ...

    async def run(self) -> None:
        """Whatever must go on while it is open, for ever."""
        ...

    def send(self, raw: bytes, address: Address) -> bool: ...

    def close(self) -> None: ...


def make_transport(connection: Connection) -> Transport:
    if connection.scheme == "tcp":
        return TcpTransport(connection)
    if connection.scheme == "serial":
        return SerialTransport(connection)
    return UdpTransport(connection)


class UdpTransport:
    """One datagram is one or more whole frames; peers are told apart by their address."""

    keeps_datagrams = True

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._socket: socket.socket | None = None
        self._on_data: OnData | None = None
        self.dialled: Address | None = None

    @property
    def local_port(self) -> int | None:
        return None if self._socket is None else int(self._socket.getsockname()[1])

    async def open(self, on_data: OnData) -> None:
        self._on_data = on_data
        family, address = await _resolve(self._connection, kind=socket.SOCK_DGRAM)
        opened = socket.socket(family, socket.SOCK_DGRAM)
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        try:
            if self._connection.scheme == "udpin":
                opened.bind(address)
            else:
                opened.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", 0))  # noqa: S104 - a client's own port
                self.dialled = address
        except OSError as err:
            opened.close()
            raise SetUpError(f"connection '{self._connection}': expected a free address, got: {err.strerror}") from err
        self._socket = opened
        asyncio.get_running_loop().add_reader(opened.fileno(), self._read)

    async def run(self) -> None:
        await anyio.sleep_forever()

    def _read(self) -> None:
        assert self._socket is not None
        assert self._on_data is not None
        for _ in range(_READS_AT_ONCE):
            try:
                data, address = self._socket.recvfrom(65_535)
            except OSError:  # nothing more, or the port we dialled is closed: both are silence
                return
            self._on_data(data, address)

    def send(self, raw: bytes, address: Address) -> bool:
        opened = self._socket  # another thread may close it meanwhile
        if opened is None:
            return False
        try:
            return opened.sendto(raw, address) == len(raw)
        except OSError:
            return False

    def close(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None


class Stream(Protocol):
    """An open line of bytes, non-blocking. `recv` gives nothing when the other end is gone; both raise OSError."""

    def fileno(self) -> int: ...

    def recv(self, size: int, /) -> bytes: ...

    def send(self, data: bytearray, /) -> int: ...

    def close(self) -> None: ...


class StreamTransport(ABC):
    """Opened, and opened again with back-off; frames are dropped while there is no connection."""

    keeps_datagrams = False

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stream: Stream | None = None
        self._on_data: OnData | None = None
        self._unsent = bytearray()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.dialled: Address | None = (str(connection),)
        self.local_port: int | None = None

    @abstractmethod
    async def _connect(self) -> Stream:
        """Raises OSError, or SetUpError, when it cannot be had now."""

    async def open(self, on_data: OnData) -> None:
        self._on_data = on_data
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        failures = 0
        while True:
            try:
                stream = await self._connect()
            except (OSError, SetUpError):  # what was there when we started may be away for a while
                pass
            else:
                failures = 0
                with self._lock:
                    self._stream = stream
                    self._unsent.clear()
                await self._serve(stream)
            await anyio.sleep(_BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)])
            failures += 1

    async def _serve(self, stream: Stream) -> None:
        """Read until the other end goes."""
        assert self._on_data is not None
        assert self.dialled is not None
        try:
            while True:
                await anyio.wait_readable(stream.fileno())
                try:
                    data = stream.recv(65_536)
                except BlockingIOError:
                    continue
                if not data:
                    return
                self._on_data(data, self.dialled)
        except OSError:
            pass
        finally:
            self._drop()

    def send(self, raw: bytes, address: Address) -> bool:
        with self._lock:
            if self._stream is None or len(self._unsent) + len(raw) > _BACKLOG_BYTES:
                return False
            waits_already = bool(self._unsent)
            self._unsent += raw
            if not waits_already:
                self._push()
            if self._unsent and not waits_already:
                assert self._loop is not None
                self._loop.call_soon_threadsafe(self._watch)
        return True

    def _push(self) -> None:
        assert self._stream is not None
        with contextlib.suppress(OSError):  # would block: later; gone: the reader notices
            del self._unsent[: self._stream.send(self._unsent)]

    def _watch(self) -> None:
        with self._lock:
            if self._stream is not None and self._loop is not None:
                self._loop.add_writer(self._stream.fileno(), self._flush)

    def _flush(self) -> None:
        with self._lock:
            if self._stream is None or self._loop is None:
                return
            self._push()
            if not self._unsent:
                self._loop.remove_writer(self._stream.fileno())

    def _drop(self) -> None:
        with self._lock:
            if self._stream is not None and self._loop is not None:
                self._loop.remove_writer(self._stream.fileno())
                self._stream.close()
                self._stream = None

    def close(self) -> None:
        self._drop()


class TcpTransport(StreamTransport):
    async def open(self, on_data: OnData) -> None:
        await super().open(on_data)
        await _resolve(self._connection, kind=socket.SOCK_STREAM)

    async def _connect(self) -> Stream:
        family, address = await _resolve(self._connection, kind=socket.SOCK_STREAM)
        dialling = socket.socket(family, socket.SOCK_STREAM)
        dialling.setblocking(False)
        dialling.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with anyio.fail_after(_CONNECT_S):
                await asyncio.get_running_loop().sock_connect(dialling, address)
        except BaseException:
            dialling.close()
            raise
        return dialling


class SerialTransport(StreamTransport):
    """A radio or a cable. A device that is not there yet, or is pulled out, is waited for."""

    async def _connect(self) -> Stream:
        return _Serial(self._connection)


class _Serial:
    """8 data bits, no parity, one stop bit, no flow control: what autopilots and their radios speak. Nobody else may
    have it open: two readers of one line tear each other's frames."""

    def __init__(self, line: Connection) -> None:
        try:
            self._device = serial.Serial(line.host, line.port, timeout=0, write_timeout=0, exclusive=True)
        except ValueError as err:  # a baud rate that the device does not know
            raise OSError(str(err)) from err

    def fileno(self) -> int:
        return int(self._device.fileno())

    def recv(self, size: int, /) -> bytes:
        return os.read(self.fileno(), size)

    def send(self, data: bytearray, /) -> int:
        return os.write(self.fileno(), data)

    def close(self) -> None:
        self._device.close()


async def _resolve(connection: Connection, *, kind: socket.SocketKind) -> tuple[int, Address]:
    try:
        with anyio.fail_after(5.0):
            found = await asyncio.get_running_loop().getaddrinfo(connection.host, connection.port, type=kind)
    except OSError as err:
        raise SetUpError(f"connection '{connection}': expected a host that can be found, got: {err}") from err
    family, _, _, _, address = found[0]
    return family, tuple(address)
