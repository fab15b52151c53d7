"""Which outbox row is sent when: new ones at once, what an outage left behind in its own slower lane (SAFETY 16).

A row leaves only by the coordinator's ack. PUBACK merely stops its retry timer; should the broker lose it after that,
a new session, the coordinator's own `missing` or, where it sees no gap, the probe of the newest row brings it again.

An outage of days leaves a million rows on the disk. None of them is in memory here: the backlog is a cursor over the
outbox, and what is on its way is bounded by what the coordinator has not acknowledged, so a slow one is not flooded.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from contract.bus import BusMessage
from contract.clock import Clock
from contract.codec import encode
from contract.commands import Ack, SequenceRange
from contract.envelope import Envelope
from contract.errors import ContractError
from contract.topics import EVENTS, EVIDENCE, topic_of
from edge.errors import UnreadableRow
from edge.link.outbox import Outbox

FRESH_US = 15_000_000  # what a site may still dispatch on: these go first after an outage
RETRY_US = 5_000_000  # without a PUBACK on a living connection, the broker is in trouble
BACKLOG_INTERVAL_US = 20_000  # 50 a second: an hour of a busy night in a minute, and room for what happens now
FRESH_MOST = 1000  # so many new rows are known as such; older ones are backlog
WINDOW = 16  # rows without a PUBACK
WINDOW_FRESH = 4  # of those, what the backlog leaves to the new
# Rows without an ack of the coordinator: further ones wait on our disk, where new ones still pass them by. What waits
# in a broker's queue they could not.
BACKLOG_UNACKNOWLEDGED, FRESH_UNACKNOWLEDGED = 256, 1024
GIVEN_UP_US = 60_000_000  # a row that the coordinator misses after so long is lost, whatever else came
# The newest row again, so that a coordinator that lost the tail sees the gap before it; less and less often.
FIRST_PROBE_US, LONGEST_PROBE_US = 5_000_000, 60_000_000
IDLE_S = 1.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Sent:
    """When, as which sending of this session and as what the broker was given a row."""

    at_us: int
    number: int
    message: BusMessage


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
        backlog_interval_us: int = BACKLOG_INTERVAL_US,
    ) -> None:
        """`now_us` stamps the moment of sending: the same clock that stamps live frames."""
        self._outbox = outbox
        self._publish = publish
        self._clock = clock
        self._now_us = now_us
        self._backlog_interval_us = backlog_interval_us
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._recent: OrderedDict[int, int] = OrderedDict()  # posted within FRESH_US, and when
        self._fresh: OrderedDict[int, None] = OrderedDict()  # those of them that wait
        self._cursor = 0  # rows up to here wait no more, but for the fresh
        self._in_flight: dict[int, _Sent] = {}  # no PUBACK yet
        self._with_broker: dict[int, _Sent] = {}  # PUBACK, no ack
        self._stored: tuple[SequenceRange, ...] = ()  # beyond a gap, as the last ack said
        self._sendings = 0
        self._has_complained = False  # of a row that cannot be read
        self._arrived: dict[str, int] = {}  # topic: the last sending that is known to be stored
        self._next_backlog_us = 0
        self._probe_after_us = FIRST_PROBE_US

    def post(self, envelope: Envelope) -> Envelope:
        """Durable on return; sent as soon as there is a session. Raises OutboxError."""
        started_us = self._clock.monotonic_us()
        numbered = self._outbox.append(envelope)
        if numbered.sequence is not None:
            with self._lock:
                self._recent[numbered.sequence] = started_us
                self._fresh[numbered.sequence] = None
                self._age(started_us)
        self._wake.set()
        return numbered

    def session_opened(self) -> None:
        """A new session knows nothing of the old one: everything not acknowledged is sent again."""
        with self._lock:
            self._in_flight.clear()
            self._with_broker.clear()
            self._arrived.clear()
            self._stored = ()
            self._cursor = 0
            self._probe_after_us = FIRST_PROBE_US
            self._age(self._clock.monotonic_us())
            self._fresh = OrderedDict.fromkeys(self._recent)
        self._wake.set()

    def delivered(self, message: BusMessage) -> None:
        """PUBACK: the broker has it."""
        with self._lock:
            sequence = next((s for s, sent in self._in_flight.items() if sent.message.payload == message.payload), None)
            if sequence is not None:
                self._with_broker[sequence] = self._in_flight.pop(sequence)
        self._wake.set()

    def acknowledged(self, ack: Ack) -> None:
        """The coordinator's word. Raises ContractError for an ack that cannot be true."""
        if ack.outbox_id != self._outbox.outbox_id:
            raise ContractError(f"ack: expected one of outbox {self._outbox.outbox_id}, got {ack.outbox_id}")
        self._outbox.acknowledge(ack)
        now_us = self._clock.monotonic_us()
        with self._lock:
            self._probe_after_us = FIRST_PROBE_US
            self._stored = ack.stored_beyond
            self._cursor = min(self._cursor, ack.contiguous)  # the way back up passes over all that is on its way
            for on_its_way in (self._in_flight, self._with_broker):
                for sequence in [each for each in on_its_way if _is_stored(each, ack)]:
                    sent = on_its_way.pop(sequence)
                    topic = sent.message.topic
                    self._arrived[topic] = max(self._arrived.get(topic, 0), sent.number)
            for sequence in [each for each in self._recent if _is_stored(each, ack)]:
                del self._recent[sequence]
                self._fresh.pop(sequence, None)
            for sequence in [each for each, sent in self._with_broker.items() if self._is_lost(sent, now_us)]:
                if _is_within(sequence, ack.missing):
                    del self._with_broker[sequence]
                    if sequence in self._recent:
                        self._fresh[sequence] = None
        self._wake.set()

    def step(self) -> float:
        """Send what is due; seconds until something may be due again. Raises OutboxError."""
        while True:
            with self._lock:
                sequence, wait_s = self._choose(self._clock.monotonic_us())
            if sequence is None or not self._send(sequence):
                return 0.0 if self._outbox.clear() else wait_s

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

    def _age(self, now_us: int) -> None:
        """What is no longer new joins the backlog."""
        while self._recent:
            sequence, posted_us = next(iter(self._recent.items()))
            if len(self._recent) <= FRESH_MOST and now_us - posted_us <= FRESH_US:
                return
            del self._recent[sequence]
            if sequence in self._fresh:
                del self._fresh[sequence]
                self._cursor = min(self._cursor, sequence - 1)

    def _is_lost(self, sent: _Sent, now_us: int) -> bool:
        """One topic keeps its order (MQTT 5, 4.6): what was sent before something that is stored will not come. What
        was not overtaken may be on its way to a slow coordinator, and again would make that slower yet."""
        age_us = now_us - sent.at_us
        was_overtaken = sent.number < self._arrived.get(sent.message.topic, 0)
        return age_us >= (RETRY_US if was_overtaken else GIVEN_UP_US)

    def _choose(self, now_us: int) -> tuple[int | None, float]:
        """The next row to send, or how long nothing is due."""
        self._age(now_us)
        overdue = next((s for s, sent in self._in_flight.items() if now_us - sent.at_us >= RETRY_US), None)
        if overdue is not None:
            return overdue, IDLE_S
        unacknowledged = len(self._in_flight) + len(self._with_broker)
        if self._fresh and len(self._in_flight) < WINDOW and unacknowledged < FRESH_UNACKNOWLEDGED:
            return next(iter(self._fresh)), IDLE_S
        if len(self._in_flight) >= WINDOW - WINDOW_FRESH or unacknowledged >= BACKLOG_UNACKNOWLEDGED:
            return self._probe(now_us), IDLE_S
        sequence = self._next_of_backlog()
        if sequence is None:
            return self._probe(now_us), IDLE_S
        if now_us < self._next_backlog_us:
            return None, (self._next_backlog_us - now_us) / 1e6
        self._next_backlog_us = now_us + self._backlog_interval_us
        self._cursor = sequence
        return sequence, IDLE_S

    def _next_of_backlog(self) -> int | None:
        """The first row that is neither on its way nor new nor stored; in memory, over what is on its way at most."""
        held = self._outbox.status()
        sequence = max(self._cursor + 1, held.oldest_sequence)
        while sequence < held.next_sequence:
            stored = next((part for part in self._stored if part.first <= sequence <= part.last), None)
            if stored is not None:
                sequence = stored.last + 1
            elif sequence in self._in_flight or sequence in self._with_broker or sequence in self._fresh:
                sequence += 1
            else:
                break
        self._cursor = min(sequence, held.next_sequence) - 1
        return sequence if sequence < held.next_sequence else None

    def _probe(self, now_us: int) -> int | None:
        newest = max(self._with_broker, default=None)
        if newest is None or self._in_flight or now_us - self._with_broker[newest].at_us < self._probe_after_us:
            return None
        self._probe_after_us = min(self._probe_after_us * 2, LONGEST_PROBE_US)
        return newest

    def _message(self, sequence: int, now_us: int) -> BusMessage | None:
        """None: acknowledged meanwhile, or nothing that could be told."""
        try:
            envelope = self._outbox.read(sequence)
        except UnreadableRow as err:
            return self._as_it_is(sequence, err)
        if envelope is None:
            return None
        posted_us = self._recent.get(sequence)
        hops_us = envelope.hops_us if posted_us is None else {**envelope.hops_us, "outbox": now_us - posted_us}
        payload = encode(envelope.model_copy(update={"sent_at_us": self._now_us(), "hops_us": hops_us}))
        address = topic_of(envelope.body).address(site=envelope.site, node=envelope.node)
        return BusMessage(address, payload, qos=1)

    def _as_it_is(self, sequence: int, row: UnreadableRow) -> BusMessage | None:
        """What another version wrote is the coordinator's to judge: it knows it, or keeps it in quarantine and tells a
        person. Of a damaged row nothing can be told but the gap."""
        try:
            told = {**json.loads(row.text), "sequence": sequence, "sent_at_us": self._now_us()}
            topic = EVIDENCE if told["body"]["type"] == "evidence" else EVENTS
            address = topic.address(site=str(told["site"]), node=str(told["node"]))
        except (ValueError, TypeError, LookupError):
            address = ""
        if not self._has_complained:
            self._has_complained = True
            log.warning("message cannot be read", reason=str(row), is_sent=bool(address))
        return BusMessage(address, json.dumps(told).encode(), qos=1) if address else None

    def _send(self, sequence: int) -> bool:
        """False when there is no session or no room; the row then waits in its lane."""
        now_us = self._clock.monotonic_us()
        message = self._message(sequence, now_us)
        if message is None:
            with self._lock:
                for known in (self._in_flight, self._with_broker, self._fresh, self._recent):
                    known.pop(sequence, None)
            return True
        with self._lock:
            self._sendings += 1
            self._fresh.pop(sequence, None)
            self._with_broker.pop(sequence, None)
            self._in_flight[sequence] = _Sent(now_us, self._sendings, message)
        if self._publish(message):
            return True
        with self._lock:
            self._in_flight.pop(sequence, None)
            if sequence in self._recent:
                self._fresh[sequence] = None
                self._fresh.move_to_end(sequence, last=False)
            else:
                self._cursor = min(self._cursor, sequence - 1)
        return False


def _is_stored(sequence: int, ack: Ack) -> bool:
    return sequence <= ack.contiguous or _is_within(sequence, ack.stored_beyond)


def _is_within(sequence: int, ranges: tuple[SequenceRange, ...]) -> bool:
    return any(part.first <= sequence <= part.last for part in ranges)
