"""An edge node on a real mosquitto: its last will, a broker that dies, and messages that make no sense."""

import contextlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import paho.mqtt.client as mqtt
import pytest
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from contract.bus import BusMessage
from contract.clock import SystemClock
from contract.codec import encode
from contract.commands import Ack, Command, Reply, SequenceRange, Verb
from contract.configuration import DesiredConfiguration, ReportedConfiguration, desired_of, site_digest
from contract.envelope import COORDINATOR, Envelope, Origin
from contract.events import FeedState, NodeState, Status
from edge.link.courier import Courier
from edge.link.outbox import Outbox
from edge.link.uplink import Broker, Uplink
from tests.conftest import ROOT
from tests.edge.test_outbox import message, open_at
from tests.edge.yard import detections_text, person_px, site
from tests.system.mosquitto import Mosquitto

pytestmark = pytest.mark.system
PREFIX = "vedette/v1/yard/edge-1"
FPS, FRAMES = 10, 80


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


def wait_until(condition: Callable[[], object], timeout_s: float) -> None:
    until_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until_s, f"not within {timeout_s} s"
        time.sleep(0.02)


class Listener:
    """What a coordinator hears, and may say. With `acknowledges` it stores everything it hears."""

    def __init__(self, port: int, *, acknowledges: bool = False) -> None:
        self.heard: list[tuple[str, Envelope]] = []
        self._stored: dict[uuid.UUID, set[int]] = {}
        self._acknowledges = acknowledges
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="coordinator", protocol=mqtt.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("vedette/v1/yard/#", qos=1)
        self._client.on_message = lambda _c, _u, heard: self._hear(heard)
        subscribed = threading.Event()  # before that the broker throws away what it is told
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect_async("127.0.0.1", port, keepalive=5)
        self._client.loop_start()
        assert subscribed.wait(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def of(self, topic: str) -> list[Envelope]:
        return [envelope for name, envelope in list(self.heard) if name == f"{PREFIX}/{topic}"]

    def sequences(self) -> list[int]:
        """Of what came out of the outbox, on whichever topic."""
        return [envelope.sequence for _, envelope in list(self.heard) if envelope.sequence is not None]

    def last_status(self) -> Status | None:
        bodies = [envelope.body for envelope in self.of("status")]
        return bodies[-1] if bodies and isinstance(bodies[-1], Status) else None

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(f"{PREFIX}/{topic}", payload, qos=1, retain=retain)

    def command(self, verb: Verb, zone: str | None = None, *, camera: str = "mast", retain: bool = False) -> uuid.UUID:
        command_id = uuid.uuid4()
        expires_at_us = SystemClock().wall_us() + 30_000_000
        of = {"camera": camera} if zone is None else {"zone": zone}
        values = {"command_id": command_id, "verb": verb, "by": "alice", "expires_at_us": expires_at_us}
        body = Command.model_validate({**values, **of})
        self.say("command", encode(_from_coordinator(body)), retain=retain)
        return command_id

    def reply_to(self, command_id: uuid.UUID) -> Reply | None:
        bodies = [envelope.body for envelope in self.of("reply")]
        return next((b for b in bodies if isinstance(b, Reply) and b.command_id == command_id), None)

    def _hear(self, heard: mqtt.MQTTMessage) -> None:
        if heard.topic.endswith(("/ack", "/command", "/desired")):
            return
        envelope = Envelope.model_validate_json(heard.payload)
        self.heard.append((heard.topic, envelope))
        if self._acknowledges and envelope.sequence is not None and envelope.outbox_id is not None:
            stored = self._stored.setdefault(envelope.outbox_id, set())
            stored.add(envelope.sequence)
            contiguous = next(n for n in range(len(stored) + 1) if n + 1 not in stored)
            gap = () if max(stored) == contiguous else (_gap_after(contiguous, stored),)
            ack = Ack(outbox_id=envelope.outbox_id, contiguous=contiguous, missing=gap)
            self.say("ack", encode(_from_coordinator(ack)))


def _gap_after(contiguous: int, stored: set[int]) -> SequenceRange:
    return SequenceRange(first=contiguous + 1, last=min(n for n in stored if n > contiguous) - 1)


def _from_coordinator(body: Ack | Command | DesiredConfiguration) -> Envelope:
    now_us = SystemClock().wall_us()
    return Envelope(
        message_id=uuid.uuid4(),
        site="yard",
        node=COORDINATOR,
        boot=0,
        captured_at_us=now_us,
        sent_at_us=now_us,
        origin=Origin.REPLAYED,
        trace_id=uuid.uuid4().hex,
        hops_us={},
        body=body,
    )


@pytest.fixture
def listener(broker: Mosquitto) -> Iterator[Listener]:
    listener = Listener(broker.port, acknowledges=True)
    yield listener
    listener.close()


@contextlib.contextmanager
def _linked(outbox: Outbox, port: int) -> Iterator[Courier]:
    """A courier on a real connection, on threads of their own."""
    stop = threading.Event()
    clock = SystemClock()
    uplink: Uplink

    def publish(message: BusMessage) -> bool:
        return uplink.publish(message)

    courier = Courier(outbox, publish, clock=clock, now_us=clock.wall_us)
    uplink = Uplink(
        Broker("127.0.0.1", port),
        client_id="edge-1",
        will=lambda: BusMessage(f"{PREFIX}/status", b"gone", qos=1),
        on_session=courier.session_opened,
        on_delivered=courier.delivered,
        chance=random.Random(1),
    )

    def on_ack(message: BusMessage) -> None:
        body = Envelope.model_validate_json(message.payload).body
        assert isinstance(body, Ack)
        courier.acknowledged(body)

    def deliver() -> None:
        while not stop.is_set():
            courier.rest(courier.step())

    uplink.subscribe(f"{PREFIX}/ack", on_ack)
    threads = [threading.Thread(target=uplink.run, args=(stop,)), threading.Thread(target=deliver)]
    for thread in threads:
        thread.start()
    try:
        yield courier
    finally:
        stop.set()
        courier.wake()
        for thread in threads:
            thread.join(15)


def test_events_of_a_killed_broker_all_arrive_and_the_outbox_empties(
    broker: Mosquitto, listener: Listener, tmp_path: Path
) -> None:
    with open_at(tmp_path) as outbox, _linked(outbox, broker.port) as courier:
        for n in range(20):
            courier.post(message(n))
        wait_until(lambda: len(set(listener.sequences())) == 20, 10)
        broker.kill()
        for n in range(20, 40):
            courier.post(message(n))
        broker.start()
        for n in range(40, 50):
            courier.post(message(n))
        wait_until(lambda: set(listener.sequences()) == set(range(1, 51)), 20)
        wait_until(lambda: len(outbox) == 0, 10)
    first_ids = {envelope.sequence: envelope.message_id for _, envelope in listener.heard if envelope.sequence}
    assert first_ids == {n + 1: message(n).message_id for n in range(50)}


def test_a_broker_that_is_down_at_the_start_is_waited_for(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    with open_at(tmp_path) as outbox, _linked(outbox, broker.port) as courier:
        courier.post(message(0))
        time.sleep(0.5)
        with broker, contextlib.closing(Listener(broker.port, acknowledges=True)) as listener:
            wait_until(lambda: set(listener.sequences()) == {1}, 15)
            wait_until(lambda: len(outbox) == 0, 5)


def test_after_a_restart_new_events_overtake_the_backlog(broker: Mosquitto, listener: Listener, tmp_path: Path) -> None:
    with open_at(tmp_path) as outbox:
        for n in range(60):
            outbox.append(message(n))
        with _linked(outbox, broker.port) as courier:
            wait_until(listener.sequences, 10)
            courier.post(message(60))
            wait_until(lambda: len(set(listener.sequences())) == 61, 10)
            wait_until(lambda: len(outbox) == 0, 5)
    order = list(dict.fromkeys(listener.sequences()))  # a slow machine may be sent one twice
    assert order.index(61) < 15
    assert [n for n in order if n != 61] == list(range(1, 61))


FPS, FRAMES = 10, 300


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site, half a minute of an empty picture, and the detections of one person after the other in the zone."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "yard.yaml").write_text(yaml.safe_dump(site().model_dump(mode="json")))
    with av.open(str(folder / "yard.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for _ in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((480, 640, 3), np.uint8), format="bgr24")))
        container.mux(stream.encode())
    frames = []
    for index in range(FRAMES):
        place = (-7.0 + 0.2 * (index % 70), 20.0)  # a walk through the zone every 7 s, at 2 m/s
        boxes = [[*(round(value, 1) for value in person_px(*place)), 0.9, 0]] if place[0] < 6.0 else []
        frames.append((index * 1_000_000 // FPS, boxes))
    (folder / "yard.detections.jsonl").write_text(detections_text(frames, width_px=640, height_px=480))
    return folder


@contextlib.contextmanager
def _node(folder: Path, data: Path, port: int, **changes: object) -> Iterator["subprocess.Popen[str]"]:
    """`vedette-edge run` as a process of its own."""
    settings = {
        "node": "edge-1",
        "site_file": str(folder / "yard.yaml"),
        "data_dir": str(data),
        "broker": {"port": port},
        "feeds": [
            {
                "camera": "mast",
                "url": str(folder / "yard.mp4"),
                "origin": "replayed",
                "realtime": True,
                "start": "now",
                "detections": str(folder / "yard.detections.jsonl"),
            }
        ],
        **changes,
    }
    config = data / "edge.yaml"
    config.write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "edge", "run", str(config)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)
        assert process.stderr is not None
        process.stderr.close()


def _is_told(listener: Listener, state: FeedState) -> bool:
    status = listener.last_status()
    return status is not None and any(feed.state is state for feed in status.feeds)


def _node_state(listener: Listener) -> NodeState | None:
    status = listener.last_status()
    return None if status is None else status.state


def test_the_last_will_arrives_within_ten_seconds_of_a_killed_node(
    broker: Mosquitto, listener: Listener, node_folder: Path, tmp_path: Path
) -> None:
    with _node(node_folder, tmp_path, broker.port) as process:
        wait_until(lambda: _is_told(listener, FeedState.OK), 20)
        process.kill()
        killed_s = time.monotonic()
        wait_until(lambda: _node_state(listener) is NodeState.OFFLINE, 10)
    assert time.monotonic() - killed_s < 10


def test_a_frozen_node_is_given_up_within_ten_seconds(
    broker: Mosquitto, listener: Listener, node_folder: Path, tmp_path: Path
) -> None:
    with _node(node_folder, tmp_path, broker.port) as process:
        wait_until(lambda: _is_told(listener, FeedState.OK), 20)
        process.send_signal(signal.SIGSTOP)  # the connection stays open and says nothing: only the keep-alive tells
        wait_until(lambda: _node_state(listener) is NodeState.OFFLINE, 10)


def test_nonsense_is_ignored_and_sense_is_answered(
    broker: Mosquitto, listener: Listener, node_folder: Path, tmp_path: Path
) -> None:
    with _node(node_folder, tmp_path, broker.port) as process:
        wait_until(lambda: _is_told(listener, FeedState.OK), 20)
        for nonsense in (b"", b"{", b"\xff" * 1000, b'{"body": {"type": "command"}}'):
            listener.say("command", nonsense)
            listener.say("ack", nonsense)
        retained = listener.command(Verb.UNSET_ZONE, "gate", retain=True)
        unknown = listener.command(Verb.UNSET_ZONE, "roof")
        good = listener.command(Verb.SET_ZONE, "gate")
        wait_until(lambda: listener.reply_to(good), 10)
        assert process.poll() is None
    replies = [listener.reply_to(command_id) for command_id in (retained, unknown, good)]
    assert [reply is not None and reply.done for reply in replies] == [False, False, True]
    assert replies[0] is not None
    assert "retained" in replies[0].reason


def test_a_retained_configuration_is_taken_reported_and_run_again_without_its_coordinator(
    broker: Mosquitto, listener: Listener, node_folder: Path, tmp_path: Path
) -> None:
    for name in ("yard.mp4", "yard.detections.jsonl"):
        shutil.copy(node_folder / name, tmp_path)
    feed = {"camera": "mast", "url": "yard.mp4", "origin": "replayed", "realtime": True, "start": "now"}
    settings = {"feeds": [{**feed, "detections": "yard.detections.jsonl", "rate_min_hz": 5}]}
    yard = site(dwell_s=1.0)
    wanted = desired_of(version=3, settings=settings, site=yard.model_dump(mode="json"))
    listener.say("config/desired", encode(_from_coordinator(wanted)), retain=True)

    def reported() -> ReportedConfiguration | None:
        bodies = [envelope.body for envelope in listener.of("config/reported")]
        return bodies[-1] if bodies and isinstance(bodies[-1], ReportedConfiguration) else None

    def runs_it() -> bool:
        told = reported()
        return told is not None and (told.version, told.sha256) == (3, wanted.sha256)

    with _node(node_folder, tmp_path, broker.port) as process:
        wait_until(lambda: runs_it() and _is_told(listener, FeedState.OK), 30)
        snapshot = listener.command(Verb.SNAPSHOT)
        wait_until(lambda: listener.reply_to(snapshot), 15)
        process.kill()
    reply = listener.reply_to(snapshot)
    assert reply is not None
    assert (reply.done, len(reply.files)) == (True, 1)
    listener.say("config/desired", b"", retain=True)  # the broker forgets it
    listener.heard.clear()
    with _node(node_folder, tmp_path, broker.port):
        wait_until(lambda: runs_it() and _is_told(listener, FeedState.OK), 30)
    told = reported()
    assert told is not None
    assert (told.site_sha256, told.refused, told.remark) == (site_digest(yard), None, "")


def test_a_node_whose_broker_dies_under_it_loses_no_event(
    broker: Mosquitto, listener: Listener, node_folder: Path, tmp_path: Path
) -> None:
    with _node(node_folder, tmp_path, broker.port) as process:
        wait_until(listener.sequences, 20)
        broker.kill()
        time.sleep(5)
        broker.start()
        wait_until(lambda: _is_told(listener, FeedState.OK) and len(set(listener.sequences())) > 6, 30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    last = max(listener.sequences())
    assert set(listener.sequences()) == set(range(1, last + 1))
    assert _node_state(listener) is NodeState.STOPPING
    with Outbox(tmp_path / "outbox.sqlite", new_id=uuid.uuid4) as outbox:
        assert outbox.status().next_sequence == last + 1
