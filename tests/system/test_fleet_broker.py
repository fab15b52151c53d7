"""The coordinator as a process of its own on a real mosquitto: acks, restarts of both, a last will, its end."""

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from contract.codec import decode
from contract.commands import Ack
from contract.envelope import Envelope
from contract.events import NodeState
from contract.topics import ACK, STATUS
from tests.conftest import ROOT
from tests.fleet.messages import SITE_TEXT, make_envelope, make_event, make_status, on_bus, status_on_bus
from tests.system.mosquitto import Mosquitto

pytestmark = pytest.mark.system
CONFIG = """
site_file: site.yaml
data_dir: data
broker: {{port: {port}}}
http: {{port: 0}}
"""


def wait_until(condition: Callable[[], object], timeout_s: float, what: str) -> None:
    until_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until_s, f"not within {timeout_s} s: {what}"
        time.sleep(0.05)


class Node:
    """An edge node's side of the wire, by hand."""

    def __init__(self, port: int, name: str = "gate-1", certificates: Path | None = None) -> None:
        self.acks: list[Ack] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
        self._client.on_message = self._hear
        self._client.on_connect = self._subscribe
        self._name = name
        will = status_on_bus(make_envelope(make_status(state=NodeState.OFFLINE), node=name))
        self._client.will_set(STATUS.address(site="yard", node=name), will.payload, qos=1, retain=True)
        self._client.reconnect_delay_set(1, 1)
        if certificates is not None:
            ca, cert, key = (str(certificates / file) for file in ("ca.crt", f"{name}.crt", f"{name}.key"))
            self._client.tls_set(ca, cert, key)
        self._client.connect("127.0.0.1", port, keepalive=4)
        self._client.loop_start()

    def _subscribe(self, *_: object) -> None:
        self._client.subscribe(ACK.address(site="yard", node=self._name), qos=1)

    def _hear(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        body = decode(message.topic, bytes(message.payload))[1].body
        if isinstance(body, Ack):
            self.acks.append(body)

    def say(self, envelope: Envelope) -> None:
        message = on_bus(envelope)
        self._client.publish(message.topic, message.payload, message.qos, properties=Properties(PacketTypes.PUBLISH))  # type: ignore[no-untyped-call]

    def say_status(self) -> None:
        message = status_on_bus(make_envelope(make_status(), captured_at_us=now_us(), sent_at_us=now_us()))
        self._client.publish(message.topic, message.payload, 1, retain=True)

    def say_raw(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, 1)

    def vanish(self) -> None:
        """As a power cut: no DISCONNECT, so the broker speaks the last will."""
        sock = self._client.socket()
        self._client.loop_stop()
        if sock is not None:
            sock.close()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def acknowledged(self) -> int:
        return max((ack.contiguous for ack in self.acks), default=0)


class Coordinator:
    """`vedette-fleet run` as a child; `url` once it says where it listens."""

    def __init__(
        self, folder: Path, broker_port: int, config_text: str = CONFIG, *, site_text: str = SITE_TEXT
    ) -> None:
        (folder / "site.yaml").write_text(site_text)
        config = folder / "fleet.yaml"
        config.write_text(config_text.format(port=broker_port))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fleet", "run", str(config)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        watchdog = threading.Timer(30.0, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        assert line.startswith("listening on http"), line
        self.url = line.removeprefix("listening on ").strip()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/api/v1{path}", timeout=5) as answer:
            return json.load(answer)

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        code = self.process.wait(timeout=15)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def now_us() -> int:
    return time.time_ns() // 1000


def fresh_event(sequence: int, track: int) -> Envelope:
    return make_event(sequence=sequence, track=track, captured_at_us=now_us(), at_m=(0.0, 20.0 + 30.0 * track))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def node(broker: Mosquitto) -> Iterator[Node]:
    node = Node(broker.port)
    yield node
    node.close()


@pytest.fixture
def start(tmp_path: Path, broker: Mosquitto) -> Iterator[Callable[[], Coordinator]]:
    started: list[Coordinator] = []

    def start_one() -> Coordinator:
        started.append(Coordinator(tmp_path, broker.port))
        return started[-1]

    yield start_one
    for each in started:
        if each.process.poll() is None:
            each.end(signal.SIGKILL)


def test_an_event_is_acknowledged_and_survives_kill_9_of_the_coordinator_with_one_effect(
    node: Node, start: Callable[[], Coordinator]
) -> None:
    first = start()
    wait_until(first.is_ready, 15, "ready")
    event = fresh_event(1, 1)
    node.say(event)
    wait_until(lambda: node.acknowledged == 1, 10, "ack of 1")
    assert [alarm["trace_id"] for alarm in first.get("/alarms") if alarm["kind"] == "intrusion"] == [event.trace_id]
    first.end(signal.SIGKILL)
    node.acks.clear()
    second_event = fresh_event(2, 2)
    node.say(second_event)  # nobody there: the broker keeps it for the persistent session
    node.say(event)  # never saw our ack, so again
    second = start()
    wait_until(lambda: node.acknowledged == 2, 20, "ack of 2 after the restart")
    alarms = [alarm for alarm in second.get("/alarms") if alarm["kind"] == "intrusion"]
    assert sorted(alarm["trace_id"] for alarm in alarms) == sorted([event.trace_id, second_event.trace_id])
    assert second.end(signal.SIGTERM) == 0


def test_it_starts_without_a_broker_and_comes_back_when_the_broker_does(
    broker: Mosquitto, node: Node, start: Callable[[], Coordinator]
) -> None:
    broker.kill()
    coordinator = start()
    assert not coordinator.is_ready()
    broker.start()
    wait_until(coordinator.is_ready, 15, "ready after the broker came")
    broker.kill()
    wait_until(lambda: not coordinator.is_ready(), 15, "the loss is noticed")
    broker.start()
    wait_until(coordinator.is_ready, 15, "ready again")

    def is_acknowledged() -> bool:
        node.say(event)
        time.sleep(0.3)
        return node.acknowledged == 1

    event = fresh_event(1, 1)
    wait_until(is_acknowledged, 20, "ack after the broker's death")


def test_a_node_that_dies_is_a_trouble_within_10_s_that_names_its_zone(
    node: Node, start: Callable[[], Coordinator]
) -> None:
    coordinator = start()
    wait_until(coordinator.is_ready, 15, "ready")
    node.say_status()
    wait_until(lambda: coordinator.get("/nodes")[0]["state"] == "online", 5, "online")
    died_s = time.monotonic()
    node.vanish()

    def troubles() -> list[dict[str, Any]]:
        return [each for each in coordinator.get("/troubles") if each["subject"] == "node:gate-1"]

    wait_until(troubles, 10, "the trouble")
    assert time.monotonic() - died_s < 10.0
    assert "north-fence" in troubles()[0]["uncovered_zones"]


def test_nonsense_is_quarantined_and_the_rest_goes_on(node: Node, start: Callable[[], Coordinator]) -> None:
    coordinator = start()
    wait_until(coordinator.is_ready, 15, "ready")
    node.say_raw("vedette/v1/yard/gate-1/events", b"\x00\xff not json")
    node.say_raw("vedette/v1/yard/gate-1/health", b"{}")
    node.say(fresh_event(1, 1))
    wait_until(lambda: node.acknowledged == 1, 10, "ack")
    assert len(coordinator.get("/quarantine")) == 2
    assert coordinator.end(signal.SIGINT) == 0


def test_a_second_coordinator_on_the_same_data_is_refused(tmp_path: Path, start: Callable[[], Coordinator]) -> None:
    start()
    second = subprocess.run(
        [sys.executable, "-m", "fleet", "run", str(tmp_path / "fleet.yaml")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (second.returncode, second.stderr.count("\n")) == (78, 1)
    assert "another coordinator runs on it" in second.stderr
