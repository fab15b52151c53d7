"""One MAVLink connection, shared by the vehicles behind it: routes by system id, answers where each was last heard.

Two ways to send, on purpose: `send_harmless` takes only what cannot move a vehicle, everything else is
`send_commanding`, which only mavlink_port.py calls on behalf of an approved order or a coming home.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import anyio
import structlog
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.clock import Clock
from fleet.flight.errors import LinkDown
from fleet.flight.mavlink_codec import AUTOPILOT_COMPONENT_ID, Encoder, Frame, FrameParser, Message
from fleet.flight.mavlink_frames import SIGNED
from fleet.flight.mavlink_quality import SequenceLoss
from fleet.flight.mavlink_signing import Signing
from fleet.flight.mavlink_sources import Address, SourceWatch, Verdict
from fleet.flight.mavlink_transport import Transport
from fleet.flight.tlog import Tlog

# What cannot move a vehicle (RULINGS 14). COMMAND_LONG counts only with one of the commands below.
HARMLESS_MESSAGES = frozenset(
    {
        "HEARTBEAT",
        "TIMESYNC",
        "PARAM_REQUEST_READ",
        "PARAM_REQUEST_LIST",
        "MISSION_REQUEST_LIST",
        "MISSION_REQUEST_INT",
        "MISSION_ACK",
    }
)
HARMLESS_COMMANDS = frozenset({mavlink.MAV_CMD_SET_MESSAGE_INTERVAL, mavlink.MAV_CMD_REQUEST_MESSAGE})

HEARTBEAT_PERIOD_US = 1_000_000  # in the vehicle's time: a failsafe counts its own seconds
MOST_PACE = 20.0
_TICK_S = 0.05  # how late a heartbeat may be
_MOST_STRANGERS = 32  # system ids we name in the log before we only count

TRAFFIC = "ADSB_VEHICLE"  # also of a receiver beside the autopilot, a component of its own
OnFrame = Callable[[Frame, bool], None]  # the frame, and whether its sender has a new address
_log = structlog.get_logger(__name__)


def is_harmless(message: Message) -> bool:
    name = message.get_type()
    if name == "COMMAND_LONG":
        return int(message.command) in HARMLESS_COMMANDS
    return name in HARMLESS_MESSAGES


@dataclass(slots=True)
class _Peer:
    on_frame: OnFrame
    signing: Signing | None
    unsigned_frames: int = 0  # that its key does not vouch for
    watch: SourceWatch = field(default_factory=SourceWatch)
    loss: SequenceLoss = field(default_factory=SequenceLoss)
    pace: float = 1.0


class Link:
    """Open it, `run` it in a task group, close it; sending is safe from any thread."""

    def __init__(
        self,
        name: str,
        *,
        transport: Transport,
        encoder: Encoder,
        clock: Clock,
        tlog: Tlog,
        is_alive: Callable[[], bool],
        signing: Mapping[int, Signing] | None = None,
        forward: Callable[[bytes], None] | None = None,
        on_traffic: Callable[[Message], None] | None = None,
    ) -> None:
        """`signing`: system ids with a key; of these only signed frames count, and what goes to them is signed.
        `forward` hears every frame that our vehicles, and what they carry, are believed to have sent; `on_traffic` what
        their receivers say about other aircraft."""
        self.name = name
        self.system_id = encoder.system_id
        self.component_id = encoder.component_id
        self.dropped_frames = 0
        self._transport = transport
        self._encoder = encoder
        self._clock = clock
        self._tlog = tlog
        self._is_alive = is_alive
        self._signing = dict(signing or {})
        self._forward = forward
        self._on_traffic = on_traffic
        self._parser = FrameParser()
        self._peers: dict[int, _Peer] = {}
        self._strangers: set[int] = set()
        self._was_alive = True
        self._sending = threading.Lock()

    def attach(self, system_id: int, on_frame: OnFrame) -> None:
        """Frames of this system's autopilot go to `on_frame`, on the loop's thread."""
        self._peers[system_id] = _Peer(on_frame, self._signing.get(system_id))

    @property
    def local_port(self) -> int | None:
        """The UDP port we listen on, while open."""
        return self._transport.local_port

    @property
    def bad_bytes(self) -> int:
        return self._parser.bad_bytes

    def loss_frac(self, system_id: int) -> float | None:
        """Of the autopilot's own frames: what else it carries counts for itself, and is lost before it gets here."""
        return self._peers[system_id].loss.loss_frac

    @property
    def is_forwarded(self) -> bool:
        return self._forward is not None

    def is_forged(self, system_id: int) -> bool:
        """Frames came under its id that are not signed with its key, or were heard before; they moved nothing."""
        return self._peers[system_id].unsigned_frames > 0

    def is_quarantined(self, system_id: int) -> bool:
        return self._peers[system_id].watch.quarantined

    def keep_pace(self, system_id: int, pace: float) -> None:
        """How many of its seconds pass in one of ours: above 1 only for a simulator that runs ahead."""
        self._peers[system_id].pace = pace

    async def open(self) -> None:
        """Raises SetUpError when the connection can never work."""
        await self._transport.open(self._receive)

    def close(self) -> None:
        self._transport.close()

    async def run(self) -> None:
        """Heartbeats, and whatever the transport needs, until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._transport.run, name=f"transport {self.name}")
            tasks.start_soon(self._beat, name=f"heartbeat {self.name}")

    def send_harmless(self, system_id: int, message: Message) -> None:
        """Raises LinkDown, or ValueError for a message that could move a vehicle."""
        if not is_harmless(message):
            raise ValueError(f"{message.get_type()} is not on the list of harmless messages")
        self._send(system_id, message)

    def send_commanding(self, system_id: int, message: Message) -> None:
        """Raises LinkDown when the vehicle was never heard, is quarantined or the socket takes nothing."""
        self._send(system_id, message)

    def _send(self, system_id: int, message: Message) -> None:
        peer = self._peers[system_id]
        watch = peer.watch
        if watch.quarantined:
            raise LinkDown(f"system {system_id} on {self.name}: two sources claim this id, neither is commanded")
        if watch.address is None:
            raise LinkDown(f"system {system_id} on {self.name}: never heard, so there is no address to send to")
        if not self._transmit(message, watch.address, peer.signing):
            raise LinkDown(f"system {system_id} on {self.name}: the socket takes nothing")

    def _transmit(self, message: Message, address: Address, signing: Signing | None) -> bool:
        with self._sending:  # signed frames that overtake each other are refused
            if signing is None:
                raw = self._encoder.encode(message)
            else:
                raw = signing.sign(self._encoder.encode(message, flags=SIGNED))
            sent = self._transport.send(raw, address)
        if sent:
            self._tlog.record(raw)
        else:
            self.dropped_frames += 1
        return sent

    def _receive(self, data: bytes, address: Address) -> None:
        keeps_datagrams = self._transport.keeps_datagrams
        frames = self._parser.feed_datagram(data) if keeps_datagrams else self._parser.feed_stream(data)
        for frame in frames:
            self._tlog.record(frame.raw)
            peer = self._peers.get(frame.system_id)
            if peer is None:
                self._note_stranger(frame.system_id)
            elif peer.signing is not None and not peer.signing.accepts(frame.raw):
                self._note_unsigned(frame.system_id, peer)
            elif frame.component_id == AUTOPILOT_COMPONENT_ID:
                self._route(frame, peer, address)
            elif peer.watch.address == address and not peer.watch.quarantined:
                self._pass_on(frame)

    def _route(self, frame: Frame, peer: _Peer, address: Address) -> None:
        verdict = peer.watch.hear(address, self._clock.monotonic_us())
        if verdict is Verdict.CONFLICT:
            _log.error("two sources claim one system id", system_id=frame.system_id, link=self.name)
        elif verdict is Verdict.MOVED:
            _log.warning("vehicle has a new address", system_id=frame.system_id, address=str(address))
        if verdict in (Verdict.USE, Verdict.MOVED):
            if verdict is Verdict.MOVED:
                peer.loss.begin_anew()
            peer.loss.count(frame.sequence)
            peer.on_frame(frame, verdict is Verdict.MOVED)
            self._pass_on(frame)

    def _pass_on(self, frame: Frame) -> None:
        """What is for more than the vehicle itself, from a sender that is believed."""
        if self._on_traffic is not None and frame.name == TRAFFIC:
            self._on_traffic(frame.message)
        if self._forward is not None:
            self._forward(frame.raw)

    def _note_unsigned(self, system_id: int, peer: _Peer) -> None:
        peer.unsigned_frames += 1
        if peer.unsigned_frames & (peer.unsigned_frames - 1) == 0:  # the first, the second, the fourth: seldom enough
            _log.warning(
                "not signed with this vehicle's key, or heard before",
                system_id=system_id,
                link=self.name,
                frames=peer.unsigned_frames,
            )

    def _note_stranger(self, system_id: int) -> None:
        if system_id not in self._strangers and len(self._strangers) < _MOST_STRANGERS:
            self._strangers.add(system_id)
            _log.info("system id not of this site is ignored", system_id=system_id, link=self.name)

    async def _beat(self) -> None:
        """SAFETY 9: no heartbeat unless gate and monitor live, so that the vehicle's own failsafe can work. None to a
        quarantined id either: both of its sources then come home by themselves."""
        due_us = self._clock.monotonic_us()
        while True:
            now_us = self._clock.monotonic_us()
            if now_us >= due_us:
                pace = min(max((peer.pace for peer in self._peers.values()), default=1.0), MOST_PACE)
                due_us = max(due_us + round(HEARTBEAT_PERIOD_US / max(pace, 1.0)), now_us)
                alive = self._is_alive()
                if alive != self._was_alive:
                    _log.warning("heartbeats resume" if alive else "heartbeats withheld: gate or monitor is late")
                    self._was_alive = alive
                if alive:
                    self._send_heartbeat()
            await anyio.sleep(_TICK_S)

    def _send_heartbeat(self) -> None:
        """Once to each address; once more for each vehicle there that wants it signed."""
        peers = list(self._peers.values())
        is_safe_to_dial = not any(peer.watch.quarantined for peer in peers)
        to: dict[tuple[Address, Signing | None], None] = {}  # a set that keeps its order
        for peer in peers:
            if peer.watch.address and not peer.watch.quarantined:
                to[peer.watch.address, peer.signing] = None
            if self._transport.dialled and is_safe_to_dial:
                to[self._transport.dialled, peer.signing] = None
        for address, signing in to:
            beat = mavlink.MAVLink_heartbeat_message(
                mavlink.MAV_TYPE_GCS, mavlink.MAV_AUTOPILOT_INVALID, 0, 0, mavlink.MAV_STATE_ACTIVE, 3
            )
            self._transmit(beat, address, signing)
