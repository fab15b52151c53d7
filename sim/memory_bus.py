"""MQTT without a network: topics, sessions, retained messages, wills and expiry as MQTT 5 has them, in virtual time.

A broker that goes down forgets everything, as one that is killed may: sessions, retained messages, what it held for
others (RULINGS 1). What is of QoS 1 is asked again until it is answered, as TCP would. Messages are the real codec's
bytes.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import count
from typing import Generic, TypeVar

import anyio
from paho.mqtt.client import topic_matches_sub as paho_matches

from contract.bus import BusMessage, Handler
from contract.clock import Clock
from contract.topics import KEEP_ALIVE_S
from sim.impairment import Impairment

Item = TypeVar("Item")
Tap = Callable[[BusMessage], None]
HELD_MESSAGES = 10_000  # for a session whose client has not said that it has them; past that the oldest go
CONNECT_AGAIN_S = 0.5
ASK_AGAIN_S = 1.0
GIVEN_UP_AFTER_S = 1.5 * KEEP_ALIVE_S  # MQTT 5, 3.1.2.10: a silent client


matches = lru_cache(maxsize=4096)(paho_matches)  # a site has few topics, and each is asked for all the time


@dataclass(frozen=True, slots=True)
class _Held:
    message: BusMessage
    since_us: int

    def left_at(self, now_us: int) -> BusMessage | None:
        """What is delivered now; None once it has expired."""
        if self.message.expiry_s is None:
            return self.message
        left_s = self.message.expiry_s - (now_us - self.since_us) // 1_000_000
        return replace(self.message, expiry_s=left_s) if left_s > 0 else None


@dataclass(slots=True)
class _Session:
    """`unheard`: what is of QoS 1 and its client has not acknowledged, oldest first."""

    filters: dict[str, int] = field(default_factory=dict)
    unheard: dict[int, _Held] = field(default_factory=dict)


class MemoryBroker:
    """`tap` hears every publication that reached the broker."""

    def __init__(self, clock: Clock, *, tap: Tap | None = None) -> None:
        self._clock = clock
        self._tap = tap
        self._sessions: dict[str, _Session] = {}
        self._retained: dict[str, _Held] = {}
        self._clients: dict[str, MemoryClient] = {}
        self._numbers = count()
        self.is_up = True

    def go_down(self) -> None:
        self.is_up = False
        self._sessions.clear()
        self._retained.clear()
        for client in self._clients.values():
            client.lost()
        self._clients.clear()

    def come_up(self) -> None:
        self.is_up = True

    # For clients

    def connect(self, client: "MemoryClient") -> None:
        """A second client of one name takes over from the first (3.1.4); what a session held is delivered (4.4)."""
        old = self._clients.get(client.client_id)
        if old is not None and old is not client:
            old.lost()
            self.give_up(old)
        if client.is_clean:
            self._sessions.pop(client.client_id, None)
        self._clients[client.client_id] = client
        session = self._sessions.setdefault(client.client_id, _Session())
        now_us = self._clock.monotonic_us()
        for number, held in tuple(session.unheard.items()):
            message = held.left_at(now_us)
            if message is None:
                del session.unheard[number]
            else:
                client.deliver(message, heard=partial(session.unheard.pop, number, None))

    def give_up(self, client: "MemoryClient") -> None:
        """It broke off without a word: its will is said (3.1.2.5)."""
        if self._clients.get(client.client_id) is client:
            del self._clients[client.client_id]
            if client.is_clean:
                self._sessions.pop(client.client_id, None)
            if client.will is not None:
                self.publish(client.will)

    def subscribe(self, client: "MemoryClient", topic_filter: str, qos: int) -> None:
        session, now_us = self._sessions[client.client_id], self._clock.monotonic_us()
        session.filters[topic_filter] = qos
        for topic, held in self._retained.items():
            message = held.left_at(now_us)
            if message is not None and matches(topic_filter, topic):
                self._give(client.client_id, session, replace(message, qos=min(qos, message.qos)))

    def publish(self, message: BusMessage) -> None:
        if not self.is_up:
            return
        if self._tap is not None:
            self._tap(message)
        if message.retain and message.payload:
            self._retained[message.topic] = _Held(message, self._clock.monotonic_us())
        elif message.retain:  # 3.3.1.3: no payload, nothing retained any more
            self._retained.pop(message.topic, None)
        for client_id, session in self._sessions.items():
            granted = [qos for each, qos in session.filters.items() if matches(each, message.topic)]
            if granted:
                self._give(client_id, session, replace(message, retain=False, qos=min(max(granted), message.qos)))

    def _give(self, client_id: str, session: _Session, message: BusMessage) -> None:
        client = self._clients.get(client_id)
        heard: Callable[[], object] | None = None
        if message.qos:
            number = next(self._numbers)
            session.unheard[number] = _Held(message, self._clock.monotonic_us())
            if len(session.unheard) > HELD_MESSAGES:
                del session.unheard[next(iter(session.unheard))]
            heard = partial(session.unheard.pop, number, None)
        if client is not None:
            client.deliver(message, heard=heard)


class MemoryClient:
    """One client's connection, a contract.bus.Bus: connects again for ever while it runs.

    is_clean: a new session each time, as a node has; `make_will` is asked at each connection, `on_session` follows each
    new session, `on_delivered` each PUBACK.
    """

    def __init__(
        self,
        broker: MemoryBroker,
        client_id: str,
        *,
        link: Impairment,
        is_clean: bool,
        make_will: Callable[[], BusMessage] | None = None,
        on_session: Callable[[], None] | None = None,
        on_delivered: Callable[[BusMessage], None] | None = None,
    ) -> None:
        self.client_id, self.is_clean = client_id, is_clean
        self.will: BusMessage | None = None
        self.is_connected = False
        self._broker, self._link, self._make_will = broker, link, make_will
        self._on_session, self._on_delivered = on_session, on_delivered
        self._handlers: list[tuple[str, Handler]] = []
        self._life = 0  # what is under way for an earlier connection never arrives

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        """Before `run`."""
        self._handlers.append((topic_filter, handler))

    async def run(self) -> None:
        """Until cancelled, which is `die`."""
        try:
            while True:
                await self._stay_connected()
                await anyio.sleep(CONNECT_AGAIN_S)
        finally:
            self.die()

    def die(self) -> None:
        """From now on not a word comes or goes; the broker says the will when it misses us."""
        if self.is_connected:
            self.lost()
            asyncio.get_running_loop().call_later(GIVEN_UP_AFTER_S, self._broker.give_up, self)

    async def _stay_connected(self) -> None:
        if not self._reaches_broker():
            return
        self.will = None if self._make_will is None else self._make_will()
        self._life += 1
        self.is_connected = True
        self._broker.connect(self)
        for topic_filter, _ in self._handlers:
            self._broker.subscribe(self, topic_filter, 1)
        if self._on_session is not None:
            self._on_session()
        silent_s = 0.0
        while self.is_connected:
            await anyio.sleep(CONNECT_AGAIN_S)
            silent_s = 0.0 if self._reaches_broker() else silent_s + CONNECT_AGAIN_S
            if silent_s >= GIVEN_UP_AFTER_S:
                self.lost()
                self._broker.give_up(self)

    def _reaches_broker(self) -> bool:
        return self._broker.is_up and not self._link.is_lost

    def lost(self) -> None:
        """The connection is no more."""
        self.is_connected = False
        self._life += 1

    def publish(self, message: BusMessage) -> bool:
        if not self.is_connected:
            return False
        self._send(message)
        return True

    def _send(self, message: BusMessage) -> None:
        delays_s = self._link.delays_s()
        if not delays_s and message.qos:
            self._later(ASK_AGAIN_S, lambda: self._send(message))
        for delay_s in delays_s:
            self._later(delay_s, lambda: self._arrived(message))

    def _arrived(self, message: BusMessage) -> None:
        self._broker.publish(message)
        if message.qos and self._on_delivered is not None:
            acknowledged = self._on_delivered
            for delay_s in self._link.delays_s()[:1]:
                self._later(delay_s, lambda: acknowledged(message))

    def deliver(self, message: BusMessage, *, heard: Callable[[], object] | None) -> None:
        """The broker's way to us. `heard`: our PUBACK, None for QoS 0."""
        if not self.is_connected:  # nobody is there, and the broker has not noticed
            return
        delays_s = self._link.delays_s()
        if not delays_s and heard is not None:
            self._later(ASK_AGAIN_S, lambda: self.deliver(message, heard=heard))
        for delay_s in delays_s:
            self._later(delay_s, lambda: self._hear(message, heard))

    def _hear(self, message: BusMessage, heard: Callable[[], object] | None) -> None:
        if heard is not None:
            heard()
        for topic_filter, handler in self._handlers:
            if matches(topic_filter, message.topic):
                handler(message)
                return

    def _later(self, delay_s: float, act: Callable[[], None]) -> None:
        life = self._life

        def unless_lost() -> None:
            if self._life == life:
                act()

        asyncio.get_running_loop().call_later(delay_s, unless_lost)


class Inbox(Generic[Item]):
    """What came for somebody who asks for it, oldest first; past `most` the oldest go."""

    def __init__(self, most: int) -> None:
        self._waiting: deque[Item] = deque(maxlen=most)
        self._something = anyio.Event()

    def put(self, item: Item) -> None:
        self._waiting.append(item)
        self._something.set()

    async def take(self, at_most: int) -> Sequence[Item]:
        """Waits for one, then takes what else is there."""
        while not self._waiting:
            self._something = anyio.Event()
            await self._something.wait()
        return [self._waiting.popleft() for _ in range(min(at_most, len(self._waiting)))]
