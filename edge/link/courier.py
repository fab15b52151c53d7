"""Which outbox row is sent when: new ones at once, what an outage left behind in its own slower lane (SAFETY 16).

A row leaves only by the coordinator's ack. PUBACK merely stops its retry timer; should the broker lose it after that,
a new session, the coordinator's own `missing` or, where it sees no gap, the probe of the newest row brings it again.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from contract.bus import BusMessage
from contract.clock import Clock
from contract.codec import encode
from contract.commands import Ack
from contract.envelope import Envelope
from contract.errors import ContractError
from contract.topics import topic_of
from edge.errors import OutboxError
from edge.link.outbox import Outbox

FRESH_US = 15_000_000  # what a site may still dispatch on: these go first after an outage
RETRY_US = 5_000_000  # without a PUBACK on a living connection, the broker is in trouble
BACKLOG_INTERVAL_US = 20_000  # 50 a second: an hour of a busy night in a minute, and room for what happens now
WINDOW = 16  # rows without a PUBACK; below paho's own 20, so that it never queues
# The newest row again, so that a coordinator that lost the tail sees the gap before it; less and less often.
FIRST_PROBE_US, LONGEST_PROBE_US = 5_000_000, 60_000_000
IDLE_S = 1.0


@dataclass(frozen=True, slots=True)
class _Sent:
    """When and as what bytes the broker was given a row."""

    at_us: int
    payload: bytes


class Courier:
    """Takes messages in, gets them delivered. Its thread's life is `step` and `rest` in turn; a simulation calls `step`
    alone."""

    def __init__(
        self,
        outbox: Outbox,
        publish: Callable[[BusMessage], bool],
        *,
        clock: Clock,
        now_us: Callable[[], int],
    ) -> None:
        """`now_us` stamps the moment of sending: the same clock that stamps live frames."""
        self._outbox = outbox
        self._publish = publish
        self._clock = clock
        self._now_us = now_us
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._fresh: deque[int] = deque()
        self._backlog: deque[int] = deque()
        self._in_flight: dict[int, _Sent] = {}  # no PUBACK yet
        self._with_broker: dict[int, int] = {}  # PUBACK, no ack: when it was sent
        self._posted_us: dict[int, int] = {}
        self._next_backlog_us = 0
        self._probe_after_us = FIRST_PROBE_US
        self._ack: Ack | None = None  # heard and not followed yet

    def post(self, envelope: Envelope) -> Envelope:
        """Durable on return; sent as soon as there is a session. Raises OutboxError."""
        started_us = self._clock.monotonic_us()
        numbered = self._outbox.append(envelope)
        if numbered.sequence is not None:
            with self._lock:
                self._posted_us[numbered.sequence] = started_us
                self._fresh.append(numbered.sequence)
        self._wake.set()
        return numbered

    def session_opened(self) -> None:
        """A new session knows nothing of the old one: everything not acknowledged is sent again. Raises OutboxError."""
        held = self._outbox.sequences()
        now_us = self._clock.monotonic_us()
        with self._lock:
            self._in_flight.clear()
            self._with_broker.clear()
            self._probe_after_us = FIRST_PROBE_US
            self._posted_us = {s: us for s, us in self._posted_us.items() if now_us - us <= FRESH_US}
            self._fresh = deque(sequence for sequence in held if sequence in self._posted_us)
            self._backlog = deque(sequence for sequence in held if sequence not in self._posted_us)
        self._wake.set()

    def delivered(self, message: BusMessage) -> None:
        """PUBACK: the broker has it."""
        with self._lock:
            sequence = next((s for s, sent in self._in_flight.items() if sent.payload == message.payload), None)
            if sequence is not None:
                self._with_broker[sequence] = self._in_flight.pop(sequence).at_us
        self._wake.set()

    def acknowledged(self, ack: Ack) -> None:
        """The coordinator's word, which the next step follows: after an outage many come at once, and a disk that takes
        its time must not keep the bus from what comes behind them. A newer one says all that an older one did. Raises
        ContractError for an ack that cannot be true."""
        if ack.outbox_id != self._outbox.outbox_id:
            raise ContractError(f"ack: expected one of outbox {self._outbox.outbox_id}, got {ack.outbox_id}")
        if ack.contiguous > self._outbox.newest:
            raise ContractError(f"ack: expected at most sequence {self._outbox.newest}, got {ack.contiguous}")
        self._hear(ack)
        self._wake.set()

    def step(self) -> float:
        """Send what is due; seconds until something may be due again. Raises OutboxError."""
        while True:
            self._follow_ack()
            with self._lock:
                sequence, wait_s = self._choose(self._clock.monotonic_us())
            if sequence is None:
                return wait_s
            if not self._send(sequence):
                return IDLE_S

    @property
    def is_idle(self) -> bool:
        """Nothing new waits to be sent or for its PUBACK; a backlog may."""
        with self._lock:
            return not self._fresh and not self._in_flight

    def rest(self, longest_s: float) -> None:
        """Until something may be due, at most so long."""
        self._wake.wait(longest_s)
        self._wake.clear()

    def wake(self) -> None:
        """End a rest now."""
        self._wake.set()

    def _hear(self, ack: Ack) -> None:
        with self._lock:
            if self._ack is None or ack.contiguous >= self._ack.contiguous:
                self._ack = ack

    def _follow_ack(self) -> None:
        """Raises OutboxError; the next step tries again."""
        with self._lock:
            ack, self._ack = self._ack, None
        if ack is None:
            return
        try:
            self._outbox.acknowledge(ack)
            missing = [sequence for part in ack.missing for sequence in self._outbox.sequences(part)]
        except OutboxError:
            self._hear(ack)
            raise
        with self._lock:
            self._probe_after_us = FIRST_PROBE_US
            for known in (self._in_flight, self._with_broker, self._posted_us):
                for sequence in [s for s in known if s <= ack.contiguous]:
                    del known[sequence]
            for sequence in [s for s in self._with_broker if _is_beyond(s, ack)]:
                del self._with_broker[sequence]
            for lane in (self._fresh, self._backlog):
                kept = [sequence for sequence in lane if sequence > ack.contiguous and not _is_beyond(sequence, ack)]
                lane.clear()
                lane.extend(kept)
            just_now_us = self._clock.monotonic_us() - RETRY_US  # may have crossed with the ack
            coming = {*self._fresh, *self._backlog, *self._in_flight}
            coming |= {sequence for sequence, at_us in self._with_broker.items() if at_us > just_now_us}
            self._backlog.extend(sequence for sequence in missing if sequence not in coming)

    def _choose(self, now_us: int) -> tuple[int | None, float]:
        """The next row to send, or how long nothing is due."""
        overdue = next((s for s, sent in self._in_flight.items() if now_us - sent.at_us >= RETRY_US), None)
        if overdue is not None:
            return overdue, 0.0
        if len(self._in_flight) >= WINDOW:
            return None, IDLE_S
        if self._fresh:
            return self._fresh.popleft(), 0.0
        if not self._backlog:
            return self._probe(now_us), IDLE_S
        if now_us < self._next_backlog_us:
            return None, (self._next_backlog_us - now_us) / 1e6
        self._next_backlog_us = now_us + BACKLOG_INTERVAL_US
        return self._backlog.popleft(), 0.0

    def _probe(self, now_us: int) -> int | None:
        newest = max(self._with_broker, default=None)
        if newest is None or self._in_flight or now_us - self._with_broker[newest] < self._probe_after_us:
            return None
        self._probe_after_us = min(self._probe_after_us * 2, LONGEST_PROBE_US)
        return newest

    def _send(self, sequence: int) -> bool:
        """False when there is no session; the row then waits for the next."""
        envelope = self._outbox.read(sequence)
        if envelope is None:  # acknowledged meanwhile
            with self._lock:
                self._in_flight.pop(sequence, None)
                self._with_broker.pop(sequence, None)
            return True
        now_us = self._clock.monotonic_us()
        posted_us = self._posted_us.get(sequence)
        hops_us = envelope.hops_us if posted_us is None else {**envelope.hops_us, "outbox": now_us - posted_us}
        payload = encode(envelope.model_copy(update={"sent_at_us": self._now_us(), "hops_us": hops_us}))
        address = topic_of(envelope.body).address(site=envelope.site, node=envelope.node)
        with self._lock:
            self._with_broker.pop(sequence, None)
            self._in_flight[sequence] = _Sent(now_us, payload)
        if self._publish(BusMessage(address, payload, qos=1)):
            return True
        with self._lock:
            self._in_flight.pop(sequence, None)
            self._fresh.appendleft(sequence)
        return False


def _is_beyond(sequence: int, ack: Ack) -> bool:
    """Stored already, out of order."""
    return any(part.first <= sequence <= part.last for part in ack.stored_beyond)
