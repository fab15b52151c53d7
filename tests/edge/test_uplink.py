"""The node's connection before a broker that takes few messages at once, and on a slow link."""

import contextlib
import random
import socket
import threading
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from contract.bus import BusMessage
from edge.link import uplink as module
from edge.link.uplink import Broker, Uplink

WITHIN_S = 30.0
CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 2, 3, 4, 8, 9


class SmallBroker:
    """One connection at a time of MQTT 5, as much of it as a node needs. Reads while `reads` is set; acknowledges a
    message of QoS 1 once `acknowledges` is."""

    def __init__(self, *, receive_maximum: int) -> None:
        self._receive_maximum = receive_maximum
        self._server = socket.socket()
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        self._server.bind(("127.0.0.1", 0))
        self._server.listen()
        self.port = int(self._server.getsockname()[1])
        self.reads, self.acknowledges = threading.Event(), threading.Event()
        self.reads.set()
        self.heard: list[bytes] = []
        self.news = threading.Condition()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "SmallBroker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.reads.set()
        self.acknowledges.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(WITHIN_S)

    def wait_for(self, count: int) -> list[bytes]:
        """The last bytes of the first so many messages."""
        with self.news:
            assert self.news.wait_for(lambda: len(self.heard) >= count, WITHIN_S)
            return self.heard[:count]

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                with connection, connection.makefile("rb") as stream:
                    while self._answer(connection, stream.read(1), stream):
                        self.reads.wait(WITHIN_S)

    def _answer(self, connection: socket.socket, first: bytes, stream: BinaryIO) -> bool:
        if not first:
            return False
        length, shift = 0, 0
        while (byte := stream.read(1)[0]) & 0x80:
            length, shift = length | (byte & 0x7F) << shift, shift + 7
        packet = stream.read(length | byte << shift)
        kind, qos = first[0] >> 4, first[0] >> 1 & 3
        if kind == 1:
            most = self._receive_maximum.to_bytes(2, "big")
            connection.sendall(bytes((CONNACK << 4, 6, 0, 0, 3, 0x21)) + most)
        elif kind == SUBSCRIBE:
            connection.sendall(bytes((SUBACK << 4, 4)) + packet[:2] + b"\0\1")
        elif kind == PUBLISH:
            with self.news:
                self.heard.append(packet[-2:])
                self.news.notify_all()
            if qos:
                topic_end = 2 + int.from_bytes(packet[:2], "big")
                threading.Thread(target=self._acknowledge, args=(connection, packet[topic_end : topic_end + 2])).start()
        return True

    def _acknowledge(self, connection: socket.socket, number: bytes) -> None:
        self.acknowledges.wait(WITHIN_S)
        with contextlib.suppress(OSError):
            connection.sendall(bytes((PUBACK << 4, 2)) + number)


@contextlib.contextmanager
def _connected(broker: SmallBroker) -> Iterator[Uplink]:
    has_session, stop = threading.Event(), threading.Event()
    uplink = Uplink(
        Broker("127.0.0.1", broker.port),
        client_id="edge-1",
        will=lambda: BusMessage("will", b"", 1),
        on_session=has_session.set,
        on_delivered=lambda _message: None,
        chance=random.Random(1),
    )
    uplink.subscribe("ack", lambda _message: None)
    thread = threading.Thread(target=uplink.run, args=(stop,))
    thread.start()
    try:
        assert has_session.wait(WITHIN_S)
        yield uplink
    finally:
        broker.reads.set()
        stop.set()
        thread.join(WITHIN_S)


@pytest.fixture(autouse=True)
def _is_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """These brokers answer no ping."""
    monkeypatch.setattr(module, "KEEP_ALIVE_S", 600)


def test_a_broker_is_never_given_more_at_once_than_it_takes() -> None:
    with SmallBroker(receive_maximum=3) as broker, _connected(broker) as uplink:
        for number in range(8):
            assert uplink.publish(BusMessage("events", b"%02d" % number, 1))
        assert uplink.publish(BusMessage("tracks", b"tt", 0))

        assert broker.wait_for(4) == [b"00", b"01", b"02", b"tt"]
        broker.acknowledges.set()
        assert broker.wait_for(9)[4:] == [b"03", b"04", b"05", b"06", b"07"]


def test_on_a_slow_link_telemetry_gives_way_and_an_event_goes() -> None:
    with SmallBroker(receive_maximum=20) as broker, _connected(broker) as uplink:
        broker.reads.clear()
        telemetry = BusMessage("tracks", b"t" * 20_000, 0)
        taken = 0
        while uplink.publish(telemetry):
            taken += 1
            assert taken < 5000

        assert uplink.publish(BusMessage("events", b"ev", 1))
        broker.reads.set()
        assert broker.wait_for(taken + 1)[-1] == b"ev"


def test_events_wait_on_our_disk_and_not_with_the_library() -> None:
    with SmallBroker(receive_maximum=20) as broker, _connected(broker) as uplink:
        taken = [uplink.publish(BusMessage("events", b"ev", 1)) for _ in range(2 * module.QUEUED)]
        assert taken == [True] * module.QUEUED + [False] * module.QUEUED
