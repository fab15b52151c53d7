"""MQTT without a network: topics, sessions, retained messages, wills and expiry as MQTT 5 has them, in virtual time.

A broker that goes down forgets everything, as one that is killed may: sessions, retained messages, what it held for
others (RULINGS 1). Messages are the real codec's bytes.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import anyio
from paho.mqtt.client import topic_matches_sub

from contract.bus import BusMessage, Handler
from contract.clock import Clock
from contract.topics import KEEP_ALIVE_S
from sim.impairment import Impairment

Item = TypeVar("Item")
Tap = Callable[[BusMessage], None]
HELD_MESSAGES = 10_000  # for a session whose client is away; past that the oldest go
CONNECT_AGAIN_S = 0.5
GIVEN_UP_AFTER_S = 1.5 * KEEP_ALIVE_S  # MQTT 5, 3.1.2.10: a silent client


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
    filters: dict[str, int] = field(default_factory=dict)
    held: deque[_Held] = field(default_factory=lambda: deque(maxlen=HELD_MESSAGES))


class MemoryBroker:
    """`tap` hears every publication that reached the broker."""

    def __init__(self, clock: Clock, *, tap: Tap | None = None) -> None:
        self._clock = clock
        self._tap = tap
        self._sessions: dict[str, _Session] = {}
        self._retained: dict[str, BusMessage] = {}
        self._clients: dict[str, MemoryClient] = {}
        self.is_up = True

    def go_down(self) -> None:
        self.is_up = False
        self._sessions.clear()
        self._retained.clear()
        for client in tuple(self._clients.values()):
            client.lost()
        self._clients.clear()

    def come_up(self) -> None:
        self.is_up = True

    # For clients

    def connect(self, client: "MemoryClient", *, is_clean: bool) -> None:
        old = self._clients.get(client.client_id)
        if old is not None and old is not client:
            old.lost()
        if is_clean:
            self._sessions.pop(client.client_id, None)
        self._clients[client.client_id] = client
        self._sessions.setdefault(client.client_id, _Session())

    def disconnect(self, client: "MemoryClient", *, says_will: bool) -> None:
        """`says_will`: it broke off without a word."""
        if self._clients.get(client.client_id) is client:
            del self._clients[client.client_id]
            if client.is_clean:
                self._sessions.pop(client.client_id, None)
            if says_will and client.will is not None:
                self.publish(client.will())

    def subscribe(self, client: "MemoryClient", topic_filter: str, qos: int) -> None:
        self._sessions[client.client_id].filters[topic_filter] = qos
        for topic, message in self._retained.items():
            if topic_matches_sub(topic_filter, topic):
                client.deliver(message)

    def resume(self, client: "MemoryClient") -> None:
        """Deliver what was held while it was away."""
        session = self._sessions[client.client_id]
        held, now_us = tuple(session.held), self._clock.monotonic_us()
        session.held.clear()
        for each in held:
            message = each.left_at(now_us)
            if message is not None:
                client.deliver(message)

    def publish(self, message: BusMessage) -> None:
        if not self.is_up:
            return
        if self._tap is not None:
            self._tap(message)
        if message.retain:
            self._retained[message.topic] = message
        fresh = replace(message, retain=False)
        for client_id, session in self._sessions.items():
            qos = max(
                (q for each, q in session.filters.items() if topic_matches_sub(each, message.topic)), default=None
            )
            if qos is None:
                continue
            client = self._clients.get(client_id)
            granted = replace(fresh, qos=min(qos, message.qos))
            if client is not None:
                client.deliver(granted)
            elif granted.qos:
                session.held.append(_Held(granted, self._clock.monotonic_us()))


class MemoryClient:
    """One client's connection, a contract.bus.Bus: connects again for ever while it runs.

    is_clean: a new session each time, as a node has; `will` is made anew for each loss, `on_session` follows each new
    session, `on_delivered` each PUBACK.
    """

    def __init__(
        self,
        broker: MemoryBroker,
        client_id: str,
        *,
        link: Impairment,
        is_clean: bool,
        will: Callable[[], BusMessage] | None = None,
        on_session: Callable[[], None] | None = None,
        on_delivered: Callable[[BusMessage], None] | None = None,
    ) -> None:
        self.client_id, self.will, self.is_clean = client_id, will, is_clean
        self.is_connected = False
        self._broker, self._link = broker, link
        self._on_session, self._on_delivered = on_session, on_delivered
        self._handlers: list[tuple[str, Handler]] = []
        self._life = 0  # what is under way for an earlier connection never arrives

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        """Before `run`."""
        self._handlers.append((topic_filter, handler))

    async def run(self) -> None:
        """Until cancelled; being cancelled is being killed: the broker says the will when it misses us."""
        try:
            while True:
                await self._stay_connected()
                await anyio.sleep(CONNECT_AGAIN_S)
        finally:
            was_connected, self.is_connected = self.is_connected, False
            self._life += 1
            if was_connected:
                asyncio.get_running_loop().call_later(GIVEN_UP_AFTER_S, self._gone)

    async def _stay_connected(self) -> None:
        if not self._broker.is_up or self._link.is_lost:
            return
        self._broker.connect(self, is_clean=self.is_clean)
        self._life += 1
        self.is_connected = True
        for topic_filter, _ in self._handlers:
            self._broker.subscribe(self, topic_filter, 1)
        self._broker.resume(self)
        if self._on_session is not None:
            self._on_session()
        silent_s = 0.0
        while self.is_connected:
            await anyio.sleep(CONNECT_AGAIN_S)
            silent_s = silent_s + CONNECT_AGAIN_S if self._link.is_lost else 0.0
            if silent_s >= GIVEN_UP_AFTER_S:
                self.is_connected = False
                self._gone()

    def _gone(self) -> None:
        """The broker gives the client up, unless it is back."""
        if not self.is_connected:
            self._broker.disconnect(self, says_will=True)

    def lost(self) -> None:
        """The broker's word that the connection is no more."""
        self.is_connected = False
        self._life += 1

    def publish(self, message: BusMessage) -> bool:
        if not self.is_connected:
            return False
        for delay_s in self._link.delays_s():
            self._later(delay_s, lambda: self._arrived(message))
        return True

    def _arrived(self, message: BusMessage) -> None:
        self._broker.publish(message)
        if message.qos and self._on_delivered is not None:
            acknowledged = self._on_delivered
            for delay_s in self._link.delays_s()[:1]:
                self._later(delay_s, lambda: acknowledged(message))

    def deliver(self, message: BusMessage) -> None:
        """The broker's way to us."""
        delays = self._link.delays_s()
        if not delays and message.qos:  # it asks again until it is told
            self._later(1.0, lambda: self.deliver(message))
        for delay_s in delays:
            self._later(delay_s, lambda: self._hear(message))

    def _hear(self, message: BusMessage) -> None:
        for topic_filter, handler in self._handlers:
            if topic_matches_sub(topic_filter, message.topic):
                handler(message)
                return

    def _later(self, delay_s: float, act: Callable[[], None]) -> None:
        life = self._life

        def unless_lost() -> None:
            if self._life == life and self._broker.is_up:
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
