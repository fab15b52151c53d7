"""What a message bus carries. MQTT 5 is one; the simulator's in-memory bus is the other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class BusMessage:
    """One publication, as sent or as received. `expiry_s` as received is what the broker left of it."""

    topic: str
    payload: bytes
    qos: int
    retain: bool = False
    expiry_s: int | None = None


Handler = Callable[[BusMessage], None]


class Bus(Protocol):
    """A node's connection. `publish` never blocks and never raises for a broker that is down: the outbox holds what
    matters, and best-effort messages are dropped. Handlers run on the bus's own thread."""

    @property
    def is_connected(self) -> bool: ...

    def publish(self, message: BusMessage) -> bool:
        """Hand over for sending; False when there is no connection or no room."""
        ...

    def subscribe(self, topic_filter: str, handler: Handler) -> None: ...
