"""Gives one vehicle the key that it signs with, and proves that it does. No site, no coordinator, nothing moves it.

SETUP_SIGNING carries the key in the clear, has no acknowledgement, and is heard only while disarmed. What proves it is
a frame that the key vouches for, and an answer to a question that we signed. Nothing of it is logged.
"""

import importlib
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import anyio
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.clock import Clock
from contract.site import VehicleKind
from fleet.broker_settings import is_loopback
from fleet.errors import SetUpError
from fleet.flight.mavlink_codec import AUTOPILOT_COMPONENT_ID, Encoder, Frame, FrameParser, Message
from fleet.flight.mavlink_frames import MAVLINK_2, SIGNED
from fleet.flight.mavlink_port import request_message
from fleet.flight.mavlink_signing import Signing, stamp_at
from fleet.flight.mavlink_sources import Address
from fleet.flight.mavlink_transport import Connection, make_transport, parse_connection
from fleet.flight.telemetry import Airframe, firmware_text
from fleet.fly import NotDone

HEARD_WITHIN_S = 60.0
ANSWERS_WITHIN_S = 10.0
AGAIN_S = 1.0
_HELD_FRAMES = 256


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who would get the key."""

    system_id: int
    uid: str
    firmware: str

    @property
    def name(self) -> str:
        return f"system {self.system_id}"


def private_connection(text: str, *, in_the_open: bool) -> Connection:
    """Where a key may be said aloud: a cable, this machine, or wherever somebody takes it upon himself. Raises
    SetUpError."""
    connection = parse_connection(text)
    if connection.scheme == "serial" or is_loopback(connection.host) or in_the_open:
        return connection
    raise SetUpError(
        f"connection '{connection}': expected a cable (serial:DEVICE:BAUD) or this machine: whoever listens on "
        "the way has the key; --in-the-open says that nobody does"
    )


async def sign(
    connection: Connection,
    *,
    kind: VehicleKind,
    key: bytes,
    clock: Clock,
    system_id: int | None,
    agrees: Callable[[Candidate], bool],
    say: Callable[[str], None],
) -> Candidate:
    """Until the vehicle signs with `key`. Raises NotDone, before or after it was sent, and SetUpError."""
    line = _Line(connection)
    visit = _Visit(line, Signing(key, clock=clock), key, kind, clock, system_id, agrees, say)
    outcome: list[Candidate | NotDone] = []
    with ExitStack() as stack:
        await line.transport.open(line.hear)
        stack.callback(line.transport.close)
        async with anyio.create_task_group() as group:
            group.start_soon(line.transport.run, name="transport")
            try:
                outcome.append(await visit.give())
            except NotDone as err:  # told plainly, not as a group
                outcome.append(err)
            group.cancel_scope.cancel()
    if isinstance(outcome[0], NotDone):
        raise outcome[0]
    return outcome[0]


@dataclass(frozen=True, slots=True)
class _Visit:
    """One vehicle from hello to proof; each step raises NotDone."""

    line: "_Line"
    signing: Signing
    key: bytes
    kind: VehicleKind
    clock: Clock
    system_id: int | None
    agrees: Callable[[Candidate], bool]
    say: Callable[[str], None]

    async def give(self) -> Candidate:
        beat = await self._met()
        candidate = await self._identified(beat)
        if not self.agrees(candidate):
            raise NotDone("nobody agreed; the key was not sent")
        beat_now = await self.line.first(
            lambda frame: frame.name == "HEARTBEAT" and frame.system_id == candidate.system_id,
            within_s=ANSWERS_WITHIN_S,
        )
        if beat_now is None or beat_now.message.base_mode & mavlink.MAV_MODE_FLAG_SAFETY_ARMED:
            raise NotDone(f"{candidate.name}: expected it disarmed, as it takes a key on the ground only")
        await self._give_key(candidate)
        await self._ask_signed(candidate)
        return candidate

    async def _met(self) -> Frame:
        self.say("waits for an autopilot")
        beat = await self.line.first(
            lambda frame: frame.name == "HEARTBEAT" and self.system_id in (None, frame.system_id),
            saying=lambda: self.line.encoded(mavlink.MAVLink_timesync_message(0, 1)),
            within_s=HEARD_WITHIN_S,
        )
        if beat is None:
            raise NotDone(f"expected an autopilot's heartbeat within {HEARD_WITHIN_S:.0f} s")
        if beat.raw[0] == MAVLINK_2 and beat.raw[2] & SIGNED:
            if self.signing.accepts(beat.raw):
                raise NotDone(f"system {beat.system_id} signs with this key already")
            raise NotDone(f"system {beat.system_id} signs already, with another key: only who has that can change it")
        return beat

    async def _identified(self, beat: Frame) -> Candidate:
        airframe: Airframe = importlib.import_module(f"fleet.flight.vehicles.{self.kind.value}").Driver.airframe
        is_ours = beat.message.type in airframe.heartbeat_types
        if not is_ours or beat.message.autopilot != mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA:
            raise NotDone(
                f"system {beat.system_id}: expected an ArduPilot {airframe.called}, got a heartbeat of type "
                f"{beat.message.type}, autopilot {beat.message.autopilot}"
            )
        version = await self.line.first(
            lambda frame: frame.name == "AUTOPILOT_VERSION" and frame.system_id == beat.system_id,
            saying=lambda: self.line.encoded(request_message(beat.system_id, mavlink.MAVLINK_MSG_ID_AUTOPILOT_VERSION)),
            within_s=ANSWERS_WITHIN_S,
        )
        if version is None:
            raise NotDone(f"system {beat.system_id}: expected it to say who it is within {ANSWERS_WITHIN_S:.0f} s")
        message = version.message
        uid = bytes(int(byte) for byte in message.uid2).rstrip(b"\0").hex() or f"{int(message.uid):016x}"
        return Candidate(beat.system_id, uid, firmware_text(int(message.flight_sw_version)))

    async def _give_key(self, candidate: Candidate) -> None:
        self.say("sends the key")
        signed = await self.line.first(
            lambda frame: self._vouches(frame, candidate),
            saying=lambda: self.line.encoded(
                mavlink.MAVLink_setup_signing_message(
                    candidate.system_id, AUTOPILOT_COMPONENT_ID, list(self.key), stamp_at(self.clock.wall_us())
                )
            ),
            within_s=ANSWERS_WITHIN_S,
        )
        if signed is None:
            raise NotDone(
                f"{candidate.name}: the key was sent, and nothing came that is signed with it within "
                f"{ANSWERS_WITHIN_S:.0f} s: take it for known to whoever listened, and draw another"
            )

    async def _ask_signed(self, candidate: Candidate) -> None:
        self.say("it signs; asks it something signed")
        asked = self.clock.monotonic_us() * 1000 + candidate.system_id
        question = mavlink.MAVLink_timesync_message(0, asked)
        answer = await self.line.first(
            lambda frame: (
                self._vouches(frame, candidate) and frame.name == "TIMESYNC" and int(frame.message.ts1) == asked
            ),
            saying=lambda: self.signing.sign(self.line.encoded(question, flags=SIGNED)),
            within_s=ANSWERS_WITHIN_S,
        )
        if answer is None:
            raise NotDone(f"{candidate.name}: it signs with the key, but does not answer what we sign: see its clock")

    def _vouches(self, frame: Frame, candidate: Candidate) -> bool:
        return frame.system_id == candidate.system_id and self.signing.accepts(frame.raw)


class _Line:
    """One connection and the autopilots' frames on it. Written to the line alone: no log ever sees the key."""

    def __init__(self, connection: Connection) -> None:
        self.transport = make_transport(connection)
        self._parser, self._encoder = FrameParser(), Encoder()
        self._frames: deque[Frame] = deque(maxlen=_HELD_FRAMES)
        self._came = anyio.Event()
        self._address: Address | None = None

    def hear(self, data: bytes, address: Address) -> None:
        feed = self._parser.feed_datagram if self.transport.keeps_datagrams else self._parser.feed_stream
        for frame in feed(data):
            if frame.component_id == AUTOPILOT_COMPONENT_ID:
                self._address = address
                self._frames.append(frame)
                self._came.set()

    def encoded(self, message: Message, *, flags: int = 0) -> bytes:
        return self._encoder.encode(message, flags=flags)

    async def first(
        self, fits: Callable[[Frame], bool], *, within_s: float, saying: Callable[[], bytes] | None = None
    ) -> Frame | None:
        """The first frame from now on that fits; meanwhile something is said each second."""
        self._frames.clear()
        found: Frame | None = None
        with anyio.move_on_after(within_s):
            while found is None:
                address = self._address or self.transport.dialled
                if saying is not None and address is not None:
                    self.transport.send(saying(), address)
                with anyio.move_on_after(AGAIN_S):
                    found = await self._next(fits)
        return found

    async def _next(self, fits: Callable[[Frame], bool]) -> Frame:
        while True:
            while self._frames:
                frame = self._frames.popleft()
                if fits(frame):
                    return frame
            self._came = anyio.Event()
            await self._came.wait()
