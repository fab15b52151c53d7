"""Answers a node as a coordinator would that stores everything at once: for benchmarks of the node alone."""

import uuid
from types import TracebackType
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from contract.clock import Clock
from contract.codec import decode, encode
from contract.envelope import COORDINATOR, Envelope, Origin
from contract.topics import ACK, EVENTS, EVIDENCE
from fleet.picture.sequence import Stream
from sim.demo_setup import LOOPBACK

NAMESPACE = uuid.UUID("5d6f2a64-54c5-5f5c-a3a9-0d2b8a1f7c3e")


class Acknowledging:
    """A context with a thread of its own. acknowledged: messages so far."""

    def __init__(self, port: int, *, site: str, node: str, clock: Clock) -> None:
        self._port, self._site, self._node, self._clock = port, site, node, clock
        self._stream = Stream()
        self.acknowledged = 0
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="acknowledging", protocol=mqtt.MQTTv5)
        self._client.on_connect = self._subscribe
        self._client.on_message = self._answer

    def __enter__(self) -> "Acknowledging":
        self._client.connect(LOOPBACK, self._port)
        self._client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _subscribe(self, client: mqtt.Client, _u: Any, _flags: Any, _reason: Any, _p: Any) -> None:
        topics = [topic.address(site=self._site, node=self._node) for topic in (EVENTS, EVIDENCE)]
        client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in topics])

    def _answer(self, client: mqtt.Client, _u: Any, message: mqtt.MQTTMessage) -> None:
        _, envelope = decode(message.topic, bytes(message.payload))
        if envelope.sequence is None or envelope.outbox_id is None:
            return
        self._stream = self._stream.with_stored(envelope.sequence)
        self.acknowledged += 1
        now_us = self._clock.wall_us()
        message_id = uuid.uuid5(NAMESPACE, f"ack/{self.acknowledged}")
        answer = Envelope(
            message_id=message_id,
            site=self._site,
            node=COORDINATOR,
            boot=0,
            captured_at_us=now_us,
            sent_at_us=now_us,
            origin=Origin.LIVE,
            trace_id=message_id.hex,
            hops_us={},
            body=self._stream.ack(envelope.outbox_id),
        )
        client.publish(ACK.address(site=self._site, node=self._node), encode(answer), qos=ACK.qos)
