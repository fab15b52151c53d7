"""The embedded broker: loopback only, and what it gives after a crash."""

import queue
import socket
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sim.embedded_broker import EmbeddedBroker

ANSWER_TIMEOUT_S = 5.0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(folder=tmp_path) as running:
        yield running


class Client:
    def __init__(self, port: int, name: str, *, clean_start: bool = True) -> None:
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._ready: queue.Queue[str] = queue.Queue()
        self.paho = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv5)
        self.paho.on_message = lambda _c, _u, m: self.heard.put((m.topic, bytes(m.payload)))
        self.paho.on_subscribe = lambda *_: self._ready.put("subscribed")
        self.paho.on_connect = lambda *_: self._ready.put("connected")
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = 60
        self.paho.connect("127.0.0.1", port, clean_start=clean_start, properties=session)
        self.paho.loop_start()
        assert self._ready.get(timeout=ANSWER_TIMEOUT_S) == "connected"

    def subscribe(self, topic: str) -> None:
        self.paho.subscribe(topic, qos=1)
        assert self._ready.get(timeout=ANSWER_TIMEOUT_S) == "subscribed"

    def publish(self, topic: str, payload: bytes) -> None:
        self.paho.publish(topic, payload, qos=1).wait_for_publish(ANSWER_TIMEOUT_S)

    def leave(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()


def test_nobody_outside_this_machine_can_reach_it(broker: EmbeddedBroker) -> None:
    """SAFETY 22: no open door. Another loopback address stands for any other interface."""
    with socket.create_connection(("127.0.0.1", broker.port), timeout=ANSWER_TIMEOUT_S):
        pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", broker.port), timeout=ANSWER_TIMEOUT_S)


def test_a_session_holds_what_came_while_its_client_was_away(broker: EmbeddedBroker) -> None:
    away = Client(broker.port, "away", clean_start=False)
    away.subscribe("t/#")
    away.leave()
    sender = Client(broker.port, "sender")
    sender.publish("t/1", b"kept")
    back = Client(broker.port, "away", clean_start=False)
    assert back.heard.get(timeout=ANSWER_TIMEOUT_S) == ("t/1", b"kept")
    back.leave()
    sender.leave()


def test_it_starts_again_on_the_same_port(tmp_path: Path) -> None:
    broker = EmbeddedBroker(folder=tmp_path)
    ports = []
    for _ in range(2):
        with broker:
            client = Client(broker.port, "one")
            client.leave()
            ports.append(broker.port)
        assert not broker.is_running
    assert ports[0] == ports[1]


def test_a_taken_port_is_an_error_and_not_a_second_broker(broker: EmbeddedBroker, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="in use"):
        EmbeddedBroker(folder=tmp_path, port=broker.port).start()
