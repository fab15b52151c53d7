"""One MAVLink connection of a vehicle: what it asked for, what waits to be sent.

Rates belong to the link, not to who asked: they go on when the client is gone.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from fleet.flight.mavlink_frames import SIGNED, encode
from sim.autopilot.deframing import Deframer
from sim.autopilot.signing import Signing

Message = Any  # pymavlink has no types
QUEUE_FRAMES = 4096  # oldest are dropped: a radio that nobody listens to
AUTOPILOT_COMPONENT = 1


@dataclass(slots=True)
class Stream:
    interval_s: float
    next_s: float


@dataclass(slots=True)
class Link:
    """Frames wait in `outgoing`; `streams` by message id."""

    system_id: int
    number: int  # its link id in signatures
    signing: Signing  # the vehicle's, one for all links
    deframer: Deframer = field(default_factory=Deframer)
    streams: dict[int, Stream] = field(default_factory=dict)
    outgoing: deque[bytes] = field(default_factory=lambda: deque(maxlen=QUEUE_FRAMES))
    next_due_s: float = 0.0
    _sequence: int = 0

    def send(self, message: Message) -> None:
        is_signed = self.signing.key is not None
        frame = encode(
            message,
            sequence=self._sequence,
            system_id=self.system_id,
            component_id=AUTOPILOT_COMPONENT,
            flags=SIGNED if is_signed else 0,
        )
        self.outgoing.append(self.signing.sign(frame, link_id=self.number) if is_signed else frame)
        self._sequence = (self._sequence + 1) % 256

    def set_interval(self, message_id: int, interval_s: float | None, *, now_s: float) -> None:
        """None stops it."""
        if interval_s is None:
            self.streams.pop(message_id, None)
        else:
            self.streams[message_id] = Stream(interval_s, now_s)
            self.next_due_s = now_s

    def take_due(self, now_s: float) -> list[int]:
        """Ids due now; a stream that fell behind skips instead of catching up."""
        if now_s < self.next_due_s:
            return []
        due: list[int] = []
        for message_id, stream in self.streams.items():
            if now_s >= stream.next_s:
                due.append(message_id)
                late = now_s - stream.next_s
                stream.next_s = (
                    now_s + stream.interval_s if late > stream.interval_s else stream.next_s + stream.interval_s
                )
        self.next_due_s = min(stream.next_s for stream in self.streams.values()) if self.streams else float("inf")
        return due
