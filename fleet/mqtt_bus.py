"""The coordinator's link to the broker: MQTT 5, a persistent session, connected for ever again.

The broker's word is never proof of anything here: what overflows the bounded queues is dropped, and a node sends an
event again until the coordinator's own Ack covers it (SAFETY 15). Sending never waits for the network.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import aiomqtt
import anyio
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from contract.bus import BusMessage
from contract.clock import Clock
from contract.topics import ACK, KEEP_ALIVE_S, SESSION_EXPIRY_S, TOPICS, Direction
from fleet.broker_settings import BrokerSettings
from fleet.errors import SetUpError
from fleet.picture.arrival import Arrival, Unread

MAX_UNREAD = 11_000  # past that messages are dropped
MAX_OUTBOX = 1000
BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
TIMEOUT_S = 5.0

log = structlog.get_logger()


class MqttBus:
    """`run` inside a task group; `receive` gives what came; `publish` hands over for sending."""

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        site_id: str,
        clock: Clock,
        also: Sequence[str] = (),
        on_link: Callable[[bool], None] = lambda _is_connected: None,
    ) -> None:
        """also: topics outside the table that are listened to. on_link: told when the connection comes and goes."""
        self._also, self._on_link = tuple(also), on_link
        self._settings = settings
        self._site_id = site_id
        self._clock = clock
        self.is_connected = False
        self._unread = Unread()
        self._outbox_in: MemoryObjectSendStream[BusMessage]
        self._outbox_out: MemoryObjectReceiveStream[BusMessage]
        self._acks: dict[str, BusMessage] = {}  # by topic: the newest of what waits to be sent

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["MqttBus"]:
        """Connected in the background for as long as the block runs. Raises SetUpError for unusable certificates."""
        tls, password = tls_context(self._settings), password_of(self._settings)
        self._outbox_in, self._outbox_out = anyio.create_memory_object_stream[BusMessage](MAX_OUTBOX)
        with self._outbox_in, self._outbox_out:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._stay_connected, tls, password, name="broker link")
                yield self
                tasks.cancel_scope.cancel()

    async def receive(self, *, at_most: int) -> list[Arrival]:
        """As `Unread.take`."""
        return await self._unread.take(at_most=at_most)

    def publish(self, message: BusMessage) -> bool:
        """False when there is no connection or no room. An ack waits for the connection: what a session kept is read
        before we are through with subscribing. Of the acks to a node only the newest waits: it says all that older ones
        did, and after an outage commands would wait behind hundreds of them until they expire."""
        is_ack = message.topic.endswith(f"/{ACK.name}")
        if not self.is_connected and not is_ack:
            return False
        if message.topic not in self._acks:
            try:
                self._outbox_in.send_nowait(message)
            except anyio.WouldBlock:
                return False
        if is_ack:
            self._acks[message.topic] = message
        return True

    async def _stay_connected(self, tls: ssl.SSLContext | None, password: str | None) -> None:
        failures = 0
        while True:
            try:
                async with self._client(tls, password) as client:
                    await self._subscribe(client)
                    log.info("broker connected", host=self._settings.host, port=self._settings.port)
                    failures, self.is_connected = 0, True
                    self._on_link(True)
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(self._send, client, tasks.cancel_scope, name="broker sending")
                        await self._read(client)
                        tasks.cancel_scope.cancel()
            except aiomqtt.MqttError as err:
                if failures == 0:
                    log.warning("no broker", host=self._settings.host, port=self._settings.port, reason=str(err))
            finally:
                if self.is_connected:
                    self.is_connected = False
                    self._on_link(False)
            await anyio.sleep(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)])
            failures += 1

    def _client(self, tls: ssl.SSLContext | None, password: str | None) -> aiomqtt.Client:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        return aiomqtt.Client(
            self._settings.host,
            self._settings.port,
            username=self._settings.username,
            password=password,
            identifier=f"vedette-coordinator-{self._site_id}",
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=False,
            properties=properties,
            keepalive=KEEP_ALIVE_S,
            queue_type=_handing_to(self._arrived),
            max_queued_outgoing_messages=MAX_OUTBOX,
            tls_context=tls,
            timeout=TIMEOUT_S,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],  # an ack does not wait for the one before it
        )

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        """To all in one question: with its answer comes what waited meanwhile, and a second would wait behind that."""
        topics = [topic for topic in TOPICS if topic.direction is Direction.NODE_TO_COORDINATOR]
        wanted = [(topic.filter(site=self._site_id), SubscribeOptions(qos=topic.qos)) for topic in topics]
        wanted += [(topic, SubscribeOptions(qos=1)) for topic in self._also]
        answers = await client.subscribe(wanted)
        for (topic_filter, _), answer in zip(wanted, answers, strict=True):
            if isinstance(answer, ReasonCode) and answer.is_failure:
                raise aiomqtt.MqttError(f"subscription to {topic_filter} refused: {answer}")

    async def _read(self, client: aiomqtt.Client) -> None:
        """Until the connection breaks."""
        try:
            async for _ in client.messages:
                pass  # they come by `_arrived`
        except aiomqtt.MqttError as err:
            log.warning("broker lost", host=self._settings.host, port=self._settings.port, reason=str(err))

    def _arrived(self, message: aiomqtt.Message) -> None:
        if len(self._unread) >= MAX_UNREAD:
            raise asyncio.QueueFull
        expiry_s = getattr(message.properties, "MessageExpiryInterval", None)
        received = BusMessage(
            str(message.topic), message.payload, message.qos, retain=message.retain, expiry_s=expiry_s
        )
        self._unread.put(Arrival(received, self._clock.wall_us(), self._clock.monotonic_us()))

    async def _send(self, client: aiomqtt.Client, scope: anyio.CancelScope) -> None:
        """What cannot be sent is dropped: an Ack comes again with the redelivery, a command expires."""
        try:
            while True:
                waited = await self._outbox_out.receive()
                message = self._acks.pop(waited.topic, waited)
                properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
                if message.expiry_s is not None:
                    properties.MessageExpiryInterval = message.expiry_s
                await client.publish(message.topic, message.payload, message.qos, message.retain, properties=properties)
        except aiomqtt.MqttError:
            scope.cancel()


def tls_context(settings: BrokerSettings) -> ssl.SSLContext | None:
    """Raises SetUpError for unusable certificates."""
    tls = settings.tls
    if tls is None:
        return None
    try:
        context = ssl.create_default_context(cafile=str(tls.ca_file))
        if tls.cert_file is not None:
            context.load_cert_chain(tls.cert_file, tls.key_file)
    except (OSError, ssl.SSLError) as err:
        raise SetUpError(f"broker.tls: {err}") from err
    return context


def password_of(settings: BrokerSettings) -> str | None:
    """Raises SetUpError where the environment does not have it."""
    name = settings.password_env
    if name is None:
        return None
    if name not in os.environ:
        raise SetUpError(f"broker.password_env: the environment has no {name}")
    return os.environ[name]


def _handing_to(arrived: Callable[[aiomqtt.Message], None]) -> type["asyncio.Queue[aiomqtt.Message]"]:
    """A queue that keeps nothing. The client's own gives out one message in three passes of the loop, so that a burst
    of a hundred would take as many seconds as the loop has other work."""

    class Hand(asyncio.Queue[aiomqtt.Message]):
        def put_nowait(self, item: aiomqtt.Message) -> None:
            arrived(item)

    return Hand
