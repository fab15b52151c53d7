"""Many people before many cameras, as messages: nodes that keep what they said until the coordinator acknowledged it.

What is sent is made beforehand, so that a sender costs little beside what it measures. Of each person a node says that
he came, twice how he went on, and that he is gone.
"""

import random
import threading
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from contract.clock import Clock
from contract.codec import decode, encode
from contract.commands import Ack
from contract.envelope import Envelope, Origin
from contract.events import (
    Certainty,
    Event,
    ModelIdentity,
    Sighting,
    Stage,
    derive_event_id,
    derive_message_id,
)
from contract.geo import BoxPx, GroundFix, PointEnu
from contract.kinds import EventKind, Severity
from contract.labels import Label
from contract.site import Site
from contract.topics import ACK, EVENTS
from fleet.picture.incidents import derive_alarm_id
from sim.benchmarks.stage import yard

NAMESPACE = uuid.UUID("5b0c6f7e-2b0e-5d0b-9a38-0f7c6a2b9d41")
LOOPBACK = "127.0.0.1"
NODES = ("edge-1", "edge-2", "edge-3", "edge-4")
IN_VIEW = 64  # people at a time
STAGES = (Stage.START, Stage.UPDATE, Stage.UPDATE, Stage.END)
EAST_M, NORTH_M = 180.0, 95.0  # of the middle, where people may be
CAPTURED, SENT = 1_111_111_111_111_111, 2_222_222_222_222_222  # stand where the moment of sending will
# Without a new acknowledgement everything that waits is said once more, each time after twice as long. What a broker
# keeps for a coordinator that is away would grow by all of it every second, and the next life would have to read that
# before anything new.
AGAIN_S, LONGEST_AGAIN_S = 1.0, 30.0
UNANSWERED = 100  # by the broker, which cuts off who has more than its max_inflight_messages
WINDOW = 1_000  # messages on their way at most; a broker drops what it cannot queue


@dataclass(frozen=True, slots=True)
class Said:
    """One message. `document` has CAPTURED and SENT in it until it is sent."""

    node: str
    sequence: int
    alarm_id: uuid.UUID
    revision: int
    document: bytes


def site() -> Site:
    """Four cameras on one yard, each with a node of its own, and nothing that flies."""
    one = yard()
    cameras = [one.cameras[0].model_copy(update={"id": f"cam-{node}", "node": node}) for node in NODES]
    zone = one.zones[0].model_copy(update={"cameras": tuple(camera.id for camera in cameras)})
    return one.model_copy(update={"cameras": tuple(cameras), "zones": (zone,), "vehicles": (), "docks": ()})


def messages_of(people: int, *, seed: int) -> list[Said]:
    """In the order in which they are sent; of each node numbered from 1."""
    chance, frame = random.Random(seed), site().local_frame()  # noqa: S311 - where people are
    numbers = dict.fromkeys(NODES, 0)
    said: list[Said] = []
    for first in range(0, people, IN_VIEW):
        fixes = {}
        for person in range(first, min(first + IN_VIEW, people)):
            place = PointEnu(chance.uniform(-EAST_M, EAST_M), chance.uniform(-NORTH_M, NORTH_M))
            point, _ = frame.to_geo(place)
            fixes[person] = GroundFix(point=point, var_east_m2=0.1, cov_east_north_m2=0.0, var_north_m2=0.1)
        for revision, stage in enumerate(STAGES):
            for person, fix in fixes.items():
                node = NODES[person % len(NODES)]
                numbers[node] += 1
                said.append(_said(node, numbers[node], person, stage=stage, revision=revision, ground=fix))
    return said


def outbox_of(node: str) -> uuid.UUID:
    return uuid.uuid5(NAMESPACE, node)


def _said(node: str, sequence: int, person: int, *, stage: Stage, revision: int, ground: GroundFix) -> Said:
    camera, outbox_id = f"cam-{node}", outbox_of(node)
    event_id = derive_event_id(
        outbox_id=outbox_id,
        boot=1,
        rule=EventKind.INTRUSION.value,
        zone="yard",
        camera=camera,
        track=person,
        started_at_us=CAPTURED,
    )
    event = Event(
        event_id=event_id,
        kind=EventKind.INTRUSION,
        stage=stage,
        revision=revision,
        zone="yard",
        severity=Severity.HIGH,
        certainty=Certainty.PROBABLE,
        started_at_us=CAPTURED,
        sighting=Sighting(
            camera=camera,
            track=person,
            label=Label.PERSON,
            score=0.9,
            box=BoxPx(x_px=10.0, y_px=20.0, width_px=30.0, height_px=60.0),
            ground=ground,
        ),
        model=ModelIdentity(name="script", sha256="0" * 64, backend="scripted"),
    )
    envelope = Envelope(
        message_id=derive_message_id(event),
        site="bench",
        node=node,
        outbox_id=outbox_id,
        boot=1,
        sequence=sequence,
        captured_at_us=CAPTURED,
        sent_at_us=SENT,
        origin=Origin.SIMULATED,
        trace_id=uuid.uuid5(event_id, "trace").hex,
        hops_us={},
        body=event,
    )
    return Said(node, sequence, derive_alarm_id(event_id), revision, encode(envelope))


class Crowd:
    """A context: the nodes' one connection, with a thread that sends. `rate_hz` None: as fast as it is acknowledged."""

    def __init__(self, said: Sequence[Said], *, port: int, clock: Clock, rate_hz: float | None = None) -> None:
        self._said, self._port, self._clock, self._rate_hz = said, port, clock, rate_hz
        self.allowed = len(said)  # of them in all; a fault series lets each life have its share
        self._lock = threading.Lock()
        self._moved = threading.Event()
        self._stop = threading.Event()
        self._again_s = AGAIN_S
        self.repeated = 0  # messages that were said once more
        self.acknowledged = dict.fromkeys(NODES, 0)
        self.sent_at_us: dict[tuple[uuid.UUID, int], int] = {}  # wall time of the first sending
        self._waiting: dict[str, deque[tuple[int, bytes]]] = {node: deque() for node in NODES}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="crowd", protocol=mqtt.MQTTv5)
        self._client.on_connect = self._subscribe
        self._client.on_message = self._on_ack
        self._thread = threading.Thread(target=self._send_all, name="crowd")

    def __enter__(self) -> "Crowd":
        self._client.max_inflight_messages_set(UNANSWERED)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect(LOOPBACK, self._port)
        self._client.loop_start()
        return self

    def start(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def done(self) -> int:
        """Messages that the coordinator has."""
        return sum(self.acknowledged.values())

    def wait(self, condition: Callable[[], bool], *, timeout_s: float) -> bool:
        """Until it is true; it is asked whenever something was acknowledged."""
        until_us = self._clock.monotonic_us() + round(timeout_s * 1e6)
        while not condition():
            left_s = (until_us - self._clock.monotonic_us()) / 1e6
            if left_s <= 0:
                return False
            self._moved.clear()
            self._moved.wait(min(left_s, 0.1))
        return True

    def _subscribe(self, client: mqtt.Client, _u: Any, _flags: Any, _reason: Any, _p: Any) -> None:
        client.subscribe([(ACK.address(site="bench", node=node), SubscribeOptions(qos=1)) for node in NODES])

    def _on_ack(self, _client: mqtt.Client, _u: Any, message: mqtt.MQTTMessage) -> None:
        address, envelope = decode(message.topic, bytes(message.payload))
        assert isinstance(envelope.body, Ack)
        with self._lock:
            self.acknowledged[address.node] = max(self.acknowledged[address.node], envelope.body.contiguous)
            waiting = self._waiting[address.node]
            while waiting and waiting[0][0] <= self.acknowledged[address.node]:
                waiting.popleft()
        self._moved.set()

    def _send_all(self) -> None:
        began_us = self._clock.monotonic_us()
        for index, each in enumerate(self._said):
            if self._rate_hz is not None:
                self._stop.wait(max(began_us + index / self._rate_hz * 1e6 - self._clock.monotonic_us(), 0.0) / 1e6)
            while (index - self.done >= WINDOW or index >= self.allowed) and not self._stop.is_set():
                self._await_ack()
            if self._stop.is_set():
                return
            now_us = self._clock.wall_us()
            moment = str(now_us).encode()
            document = each.document.replace(str(CAPTURED).encode(), moment).replace(str(SENT).encode(), moment)
            self.sent_at_us[each.alarm_id, each.revision] = now_us
            with self._lock:
                self._waiting[each.node].append((each.sequence, document))
            self._publish(each.node, document)
        while self.done < len(self._said) and not self._stop.is_set():
            self._await_ack()

    def _await_ack(self) -> None:
        """What waits is said again when nothing comes."""
        done = self.done
        self._moved.clear()
        if self._moved.wait(self._again_s) or self.done > done:
            if self.done > done:
                self._again_s = AGAIN_S
            return
        self._again_s = min(self._again_s * 2, LONGEST_AGAIN_S)
        with self._lock:
            waiting = [(node, document) for node, rows in self._waiting.items() for _, document in rows]
        self.repeated += len(waiting)
        for node, document in waiting:
            self._publish(node, document)

    def _publish(self, node: str, document: bytes) -> None:
        self._client.publish(EVENTS.address(site="bench", node=node), document, qos=EVENTS.qos)
