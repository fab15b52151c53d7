"""What runs at a site, listened to: broker, MAVLink, live cameras. Nothing is ever said back.

Each tap has a thread of its own and hands what it hears to one bounded queue; when the disk cannot keep up, the newest
is dropped and counted: the site never waits for its recorder.
"""

import queue
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import av
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from contract.clock import AnchoredClock, Clock
from contract.topics import KEEP_ALIVE_S, TOPICS
from edge.decode import READ_ERRORS
from edge.link.uplink import Broker
from edge.live import TIMEOUT_S
from edge.source import redacted
from edge.sources.rtsp import OPTIONS
from fleet.flight.mavlink_codec import FrameParser
from sim.tape.imports.tlog import frame_items
from sim.tape.items import Item, log_line
from sim.tape.tlog import TlogFollower
from sim.tape.video import Recoder

QUEUE_ITEMS = 5_000  # some 10 s of a busy site
LOOK_S = 0.2
RETRY_S = 2.0
RE_ANCHOR_US = 1_000_000  # a camera whose clock runs away from ours by this much is tied to it anew


class Heard:
    """The queue; `dropped` counts what found no room."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Item | HeardOnBus] = queue.Queue(QUEUE_ITEMS)
        self.dropped = 0

    def put(self, item: "Item | HeardOnBus") -> None:
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self.dropped += 1

    def get(self) -> "Item | HeardOnBus | None":
        """None when nothing came within LOOK_S."""
        try:
            return self._queue.get(timeout=LOOK_S)
        except queue.Empty:
            return None


class HeardOnBus:
    """A publication, as it came, not read yet."""

    __slots__ = ("payload", "received_at_us", "topic")

    def __init__(self, topic: str, payload: bytes, received_at_us: int) -> None:
        self.topic, self.payload, self.received_at_us = topic, payload, received_at_us


class Tap(Protocol):
    """Listens from `start` to `stop`."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class BrokerTap:
    """Every topic of one site, over MQTT 5, with a session that the broker forgets; connects again for ever."""

    def __init__(self, broker: Broker, *, site: str, client_id: str, heard: Heard, clock: Clock) -> None:
        """Raises SetUpError for certificates that are missing or not what they should be."""
        self._broker = broker
        self._site = site
        self._heard = heard
        self._clock = clock
        self.is_subscribed = threading.Event()
        self._client = client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5)
        tls = broker.tls_context()
        if tls is not None:
            client.tls_set_context(tls)
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        client.reconnect_delay_set(min_delay=1, max_delay=5)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect

    def start(self) -> None:
        self._client.connect_async(self._broker.host, self._broker.port, keepalive=KEEP_ALIVE_S, clean_start=True)
        self._client.loop_start()

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: mqtt.Client, _u: Any, _flags: Any, reason: ReasonCode, _p: Any) -> None:
        if not reason.is_failure:
            options = SubscribeOptions(qos=1)
            client.subscribe([(topic.filter(site=self._site), options) for topic in TOPICS])

    def _on_subscribe(self, _c: Any, _u: Any, _mid: int, reasons: list[ReasonCode], _p: Any) -> None:
        refused = next((str(reason) for reason in reasons if reason.is_failure), None)
        if refused is None:
            self.is_subscribed.set()
        else:
            self._heard.put(
                log_line(self._clock.wall_us(), name="recorder", text=f"the broker refuses topics: {refused}")
            )

    def _on_message(self, _c: Any, _u: Any, message: mqtt.MQTTMessage) -> None:
        self._heard.put(HeardOnBus(message.topic, bytes(message.payload), self._clock.wall_us()))

    def _on_disconnect(self, _c: Any, _u: Any, _flags: Any, reason: ReasonCode, _p: Any) -> None:
        if reason.is_failure:
            self._heard.put(log_line(self._clock.wall_us(), name="recorder", text=f"the broker is away: {reason}"))


class _Threaded(ABC):
    """A tap whose thread runs `_listen` until `_stop` is set."""

    def __init__(self, name: str) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(name=name, target=self._listen, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=2 * sum(TIMEOUT_S))

    @abstractmethod
    def _listen(self) -> None: ...


class MavlinkFileTap(_Threaded):
    """The coordinator's own capture as it grows: what is written to it from now on."""

    def __init__(self, path: Path, *, heard: Heard) -> None:
        super().__init__("tap of the capture")
        self._follower = TlogFollower(path)
        self._heard = heard

    def _listen(self) -> None:
        while True:
            is_last = self._stop.is_set()
            for record in self._follower.new_records():
                for item in frame_items(record.at_us, record.frame):
                    self._heard.put(item)
            if is_last:
                return
            self._stop.wait(LOOK_S)


class MavlinkUdpTap(_Threaded):
    """A port that somebody forwards MAVLink to. Raises OSError when it is taken."""

    def __init__(self, host: str, port: int, *, heard: Heard, clock: Clock) -> None:
        super().__init__(f"tap of udp port {port}")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self._socket.settimeout(LOOK_S)
        self._heard = heard
        self._clock = clock
        self._parsers: dict[object, FrameParser] = {}

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    def _listen(self) -> None:
        with self._socket:
            while not self._stop.is_set():
                try:
                    data, sender = self._socket.recvfrom(65_535)
                except TimeoutError:
                    continue
                at_us = self._clock.wall_us()
                for frame in self._parsers.setdefault(sender, FrameParser()).feed_datagram(data):
                    for item in frame_items(at_us, frame):
                        self._heard.put(item)


class CameraTap(_Threaded):
    """A second client of a live camera; its packets from the first key frame on, stamped by arrival."""

    def __init__(self, url: str, camera: str, *, heard: Heard, clock: Clock) -> None:
        super().__init__(f"tap of camera {camera}")
        self._url = url
        self._camera = camera
        self._heard = heard
        self._clock = clock

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                self._read()
                reason = "it closed the connection"
            except READ_ERRORS as err:
                reason = err.strerror or type(err).__name__
            if not self._stop.is_set():
                text = f"camera {self._camera} ({redacted(self._url)}) is away: {reason}"
                self._heard.put(log_line(self._clock.wall_us(), name="recorder", text=text))
                self._stop.wait(RETRY_S)

    def _read(self) -> None:
        stamps = ArrivalStamps(AnchoredClock(self._clock).now_us)
        with av.open(self._url, options={**OPTIONS, "rtsp_transport": "tcp"}, timeout=TIMEOUT_S) as container:
            stream = container.streams.video[0]
            coder, has_key = Recoder(self._camera, stream), False
            base_us = float(stream.time_base or 0) * 1e6
            self._heard.put(coder.note())
            for packet in container.demux(stream):
                if self._stop.is_set() or packet.size == 0:  # an empty one: how FFmpeg says that the stream is gone
                    return
                has_key = has_key or packet.is_keyframe
                if has_key:
                    for message in coder.messages(packet, lambda pts: stamps.at_us(pts and round(pts * base_us))):
                        self._heard.put(message)


class ArrivalStamps:
    """The camera's even steps on our clock: tied at the first packet, and anew when the two run apart."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._offset_us: int | None = None

    def at_us(self, pts_us: int | None) -> int:
        """None: a packet without a time stamp is of now."""
        now_us = self._now_us()
        if pts_us is None:
            return now_us
        if self._offset_us is None or abs(pts_us + self._offset_us - now_us) > RE_ANCHOR_US:
            self._offset_us = now_us - pts_us
        return pts_us + self._offset_us
