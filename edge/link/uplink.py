"""The node's MQTT 5 connection.

Every connection is a new session of a new client: what was in flight when the last one broke is the courier's to send
again, with an honest `sent_at_us`, never the library's from its own memory. The library's thread only fills a queue;
handlers run on the thread that runs `run`.
"""

import queue
import random
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from contract.bus import BusMessage, Handler
from contract.topics import KEEP_ALIVE_S
from edge.errors import SetUpError

CONNECT_S = 5.0
FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S = 0.5, 10.0
NO_MATCHING_SUBSCRIBERS = 16  # a PUBACK that says: taken, and thrown away (MQTT 5, 3.4.2.1)
AT_ONCE = 20  # messages of QoS 1 without a PUBACK, where the broker does not ask for fewer (Receive Maximum, 3.2.2.3.3)
QUEUED = 64  # of QoS 1 with the library; more wait on our disk
TELEMETRY = 32  # of QoS 0 that the socket has not taken: on a link that is slow they give way to events
SOCKET_BYTES = 65_536  # what the kernel may hold back for a slow link; it takes twice as much
INBOX = 1000  # messages the handlers have not seen; more are dropped and counted
LOOPBACK = ("127.0.0.1", "::1", "localhost")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and how to log in. Raises SetUpError for what SAFETY 22 forbids.

    ca, certificate, key: paths of PEM files; without `ca` the connection is plain, which only loopback may be.
    """

    host: str
    port: int
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    user: str | None = None
    password: str | None = None

    def __post_init__(self) -> None:
        if self.host in LOOPBACK:
            return
        if self.ca is None:
            raise SetUpError(f"broker {self.host}: expected tls for an address that is not loopback, got none")
        if self.certificate is None and self.user is None:
            raise SetUpError(f"broker {self.host}: expected a certificate or a user with a password, got neither")

    def tls_context(self) -> ssl.SSLContext | None:
        """Raises SetUpError for files that are missing or not what they should be."""
        if self.ca is None:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except OSError as err:
            raise SetUpError(f"broker {self.host}: tls: {err.strerror or err}") from err
        return context


@dataclass(frozen=True, slots=True)
class _Published:
    mid: int
    reason: ReasonCode


@dataclass(frozen=True, slots=True)
class _Connected:
    """at_once: what the broker takes; None where it does not say."""

    at_once: int | None


@dataclass(frozen=True, slots=True)
class _Gone:
    reason: str


class Uplink:
    """A contract.bus.Bus over MQTT. Subscribe before `run`.

    will: made anew for each connection; on_session: called on each new session, after subscribing; on_delivered: called
    with each message of QoS 1 that the broker has taken.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        client_id: str,
        will: Callable[[], BusMessage],
        on_session: Callable[[], None],
        on_delivered: Callable[[BusMessage], None],
        chance: random.Random,
    ) -> None:
        self._broker = broker
        self._tls = broker.tls_context()
        self._client_id = client_id
        self._will = will
        self._on_session = on_session
        self._on_delivered = on_delivered
        self._chance = chance
        self._handlers: list[tuple[str, Handler]] = []
        self._inbox: queue.Queue[_Connected | _Gone | _Published | BusMessage] = queue.Queue(INBOX)
        self._lock = threading.Lock()
        self._client: mqtt.Client | None = None  # while connected
        self._on_the_way: dict[int, BusMessage] = {}
        self._telemetry: deque[mqtt.MQTTMessageInfo] = deque()
        self._at_once = AT_ONCE
        self.dropped = 0

    @property
    def is_connected(self) -> bool:
        return self._client is not None

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        self._handlers.append((topic_filter, handler))

    def publish(self, message: BusMessage) -> bool:
        with self._lock:
            if self._client is None or (message.qos == 0 and self._is_behind()):
                return False
            info = self._client.publish(
                message.topic, message.payload, message.qos, message.retain, _expiry(message.expiry_s)
            )
            if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                return False
            if message.qos > 0:
                self._on_the_way[info.mid] = message
            else:
                self._telemetry.append(info)
            return True

    def _is_behind(self) -> bool:
        while self._telemetry and self._telemetry[0].is_published():
            self._telemetry.popleft()
        return len(self._telemetry) >= TELEMETRY

    def run(self, stop: threading.Event) -> None:
        """Connect, serve, connect again, until `stop` is set."""
        back_off_s = FIRST_BACK_OFF_S
        was_connected = True
        while not stop.is_set():
            at_once = self._at_once
            client = self._new_client(at_once)
            reason = self._connect(client)
            if reason is None:
                is_served, reason = self._serve(client, stop)
                if self._at_once != at_once:
                    continue
                was_connected = was_connected or is_served
                if is_served:
                    back_off_s = FIRST_BACK_OFF_S
            if stop.is_set():
                return
            if was_connected:  # once on loss, not at every try
                log.warning("broker is away", host=self._broker.host, port=self._broker.port, reason=reason)
                was_connected = False
            stop.wait(back_off_s * self._chance.uniform(0.5, 1.0))
            back_off_s = min(back_off_s * 2, LONGEST_BACK_OFF_S)

    def _connect(self, client: mqtt.Client) -> str | None:
        """None, or why not."""
        try:
            client.connect(self._broker.host, self._broker.port, keepalive=KEEP_ALIVE_S, clean_start=True)
        except (OSError, ValueError) as err:
            return str(err)
        return None

    def _serve(self, client: mqtt.Client, stop: threading.Event) -> tuple[bool, str]:
        """Until the connection is gone or `stop` is set: was there a session, and why did it end?"""
        had_session = False
        client.loop_start()
        try:
            while not stop.is_set():
                try:
                    item = self._inbox.get(timeout=0.2)
                except queue.Empty:
                    if had_session and not client.is_connected():
                        return had_session, "connection lost"
                    continue
                if isinstance(item, _Gone):
                    return had_session, item.reason
                if isinstance(item, _Connected):
                    if item.at_once is not None and item.at_once < self._at_once:  # the library cannot change it now
                        self._at_once = max(item.at_once, 1)  # for the library 0 is no limit
                        return had_session, f"it takes {item.at_once} messages at once"
                    had_session = True
                    self._open_session(client)
                elif isinstance(item, _Published):
                    self._note_published(item)
                else:
                    self._dispatch(item)
            return had_session, "stopped"
        finally:
            with self._lock:
                self._client = None
                self._on_the_way.clear()
                self._telemetry.clear()
            client.disconnect()
            client.loop_stop()
            self._inbox = queue.Queue(INBOX)

    def _open_session(self, client: mqtt.Client) -> None:
        options = SubscribeOptions(qos=1, retainAsPublished=True)  # a retained command must be known as one
        if self._handlers:
            client.subscribe([(topic_filter, options) for topic_filter, _ in self._handlers])
        with self._lock:
            self._client = client
        log.info("broker is there", host=self._broker.host, port=self._broker.port)
        self._on_session()

    def _note_published(self, published: _Published) -> None:
        with self._lock:
            message = self._on_the_way.pop(published.mid, None)
        if message is None:
            return
        if published.reason.is_failure:
            log.warning("broker refused a message", topic=message.topic, reason=str(published.reason))
        elif published.reason.value != NO_MATCHING_SUBSCRIBERS:
            self._on_delivered(message)

    def _dispatch(self, message: BusMessage) -> None:
        for topic_filter, handler in self._handlers:
            if mqtt.topic_matches_sub(topic_filter, message.topic):
                handler(message)

    def _new_client(self, at_once: int) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=self._client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        client.connect_timeout = CONNECT_S
        client.max_inflight_messages = at_once
        client.max_queued_messages = QUEUED
        if self._tls is not None:
            client.tls_set_context(self._tls)
        if self._broker.user is not None:
            client.username_pw_set(self._broker.user, self._broker.password)
        will = self._will()
        client.will_set(will.topic, will.payload, will.qos, will.retain)
        inbox = self._inbox

        def on_connect(_c: Any, _u: Any, _flags: Any, reason: ReasonCode, properties: Any) -> None:
            at_once = getattr(properties, "ReceiveMaximum", None)
            self._put(inbox, _Gone(str(reason)) if reason.is_failure else _Connected(at_once))

        def on_disconnect(_c: Any, _u: Any, _flags: Any, reason: ReasonCode, _p: Any) -> None:
            self._put(inbox, _Gone(str(reason)))

        def on_publish(_c: Any, _u: Any, mid: int, reason: ReasonCode, _p: Any) -> None:
            self._put(inbox, _Published(mid, reason))

        def on_message(_c: Any, _u: Any, message: mqtt.MQTTMessage) -> None:
            expiry_s = getattr(message.properties, "MessageExpiryInterval", None)
            self._put(inbox, BusMessage(message.topic, bytes(message.payload), message.qos, message.retain, expiry_s))

        client.on_socket_open = _set_up
        client.on_connect = on_connect
        client.on_disconnect = on_disconnect
        client.on_publish = on_publish
        client.on_message = on_message
        return client

    def _put(self, inbox: "queue.Queue[Any]", item: object) -> None:
        try:
            inbox.put(item, timeout=1.0)
        except queue.Full:
            self.dropped += 1


def _set_up(_c: Any, _u: Any, connection: Any) -> None:
    """What follows another message does not wait until that was acknowledged: 40 ms (m), the kernel's delay."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _expiry(expiry_s: int | None) -> Properties | None:
    if expiry_s is None:
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho left its __init__ untyped
    properties.MessageExpiryInterval = expiry_s
    return properties
