"""How a node speaks to the coordinator: envelopes with its id on the topics of the one table."""

from collections.abc import Callable, Iterable
from itertools import count

from contract.bus import Bus, BusMessage
from contract.codec import encode
from contract.envelope import Body, Envelope, Origin
from contract.topics import Topic
from edge.sender import Sender


class Voice:
    """Silent until `bus` is there. origins: of the node's feeds; what is said about all of them is live only when all
    are."""

    def __init__(self, sender: Sender, *, origins: Iterable[Origin], now_us: Callable[[], int]) -> None:
        self._sender = sender
        self._now_us = now_us
        self._numbers = count(1)
        self.bus: Bus | None = None
        self.speak_of(origins)

    def speak_of(self, origins: Iterable[Origin]) -> None:
        """The feeds are others now."""
        found = set(origins)
        self._origin = next((each for each in (Origin.SIMULATED, Origin.REPLAYED) if each in found), Origin.LIVE)

    @property
    def is_heard(self) -> bool:
        return self.bus is not None and self.bus.is_connected

    def publish(self, message: BusMessage) -> bool:
        return self.bus is not None and self.bus.publish(message)

    def say(self, topic: Topic, body: Body, *, trace_id: str | None = None) -> bool:
        return self.publish(self.message(topic, body, trace_id=trace_id))

    def forward(self, topic: Topic, envelope: Envelope) -> bool:
        """One that was made before is sent now."""
        return self.publish(self._on(topic, envelope.model_copy(update={"sent_at_us": self._now_us()})))

    def message(self, topic: Topic, body: Body, *, trace_id: str | None = None) -> BusMessage:
        message_id = self._sender.derive_id(f"{topic.name}/{next(self._numbers)}")
        envelope = self._sender.envelope(
            body,
            message_id=message_id,
            captured_at_us=self._now_us(),
            origin=self._origin,
            trace_id=trace_id or message_id.hex,
        )
        return self._on(topic, envelope)

    def address(self, topic: Topic) -> str:
        return topic.address(site=self._sender.site, node=self._sender.node)

    def _on(self, topic: Topic, envelope: Envelope) -> BusMessage:
        return BusMessage(self.address(topic), encode(envelope), topic.qos, topic.retain, topic.expiry_s)
