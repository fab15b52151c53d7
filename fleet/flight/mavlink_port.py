"""One vehicle's end of its link, and one order on its way through it.

The last order wins: an act that another order overtook sends nothing more, not even a repeat. That is what keeps a
retransmitted "go there" from undoing a "return home" that the safety monitor sent from its own thread in between.
"""

import contextlib
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator

import anyio
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.clock import Clock
from contract.geo import GeoPoint
from fleet.flight.errors import CommandRefused, NoAnswer, NotConfirmed
from fleet.flight.mavlink_codec import AUTOPILOT_COMPONENT_ID, Frame, Message
from fleet.flight.mavlink_link import Link
from fleet.flight.orders import Approval, Sent
from fleet.flight.telemetry import Telemetry
from fleet.flight.vehicle import Progress

ACK_WITHIN_S = 0.7  # then the command is sent again
COMMAND_TRIES = 7
IN_PROGRESS_S = 10.0  # what an "in progress" buys the vehicle
MODE_WITHIN_S = 3.0  # three heartbeats
MODE_TRIES = 3
_REASON_WITHIN_S = 0.3  # the STATUSTEXT that explains a refusal may come just after it
_POLL_S = 0.02  # how late a wait notices that time is up
_INBOX_MESSAGES = 256  # oldest dropped; every exchange repeats what it misses

RESULT_WORDS = {
    mavlink.MAV_RESULT_TEMPORARILY_REJECTED: "temporarily rejected",
    mavlink.MAV_RESULT_DENIED: "denied",
    mavlink.MAV_RESULT_UNSUPPORTED: "unsupported",
    mavlink.MAV_RESULT_FAILED: "failed",
}

Inbox = deque[Message]


class Port:
    """Sends to one system and hands its messages to whoever listens; waits are for the loop, sending for any thread."""

    def __init__(self, link: Link, system_id: int, *, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self._pulse: anyio.Event | None = None  # only while somebody waits
        self._inboxes: dict[str, list[Inbox]] = {}
        self._turn = threading.Lock()
        self._act: Act | None = None
        self.system_id = system_id

    def deliver(self, frame: Frame) -> None:
        for inbox in self._inboxes.get(frame.name, ()):
            inbox.append(frame.message)
        if self._pulse is not None:
            self._pulse.set()
            self._pulse = None

    @contextlib.contextmanager
    def listening(self, *names: str) -> Iterator[Inbox]:
        """Messages of these names from now on."""
        inbox: Inbox = deque(maxlen=_INBOX_MESSAGES)
        for name in names:
            self._inboxes.setdefault(name, []).append(inbox)
        try:
            yield inbox
        finally:
            for name in names:
                self._inboxes[name] = [other for other in self._inboxes[name] if other is not inbox]

    def is_for_us(self, message: Message) -> bool:
        """Two ground stations on a vehicle hear each other's answers; what has no target is for everybody."""
        if "target_system" not in message.fieldnames:
            return True
        return (int(message.target_system), int(message.target_component)) == (
            self._link.system_id,
            self._link.component_id,
        )

    def now_us(self) -> int:
        return self._clock.monotonic_us()

    async def next_pulse(self) -> None:
        """Until a message came, or a moment passed."""
        if self._pulse is None:
            self._pulse = anyio.Event()
        with anyio.move_on_after(_POLL_S):
            await self._pulse.wait()

    def send_harmless(self, message: Message) -> None:
        self._link.send_harmless(self.system_id, message)

    def begin(self, act: "Act") -> None:
        """From now on only `act` may command; the one before is overtaken."""
        with self._turn:
            if self._act is not None:
                self._act.overtaken_by = act.what
            self._act = act

    def send_for(self, act: "Act", message: Message) -> None:
        """Raises CommandRefused when `act` was overtaken, LinkDown."""
        with self._turn:
            act.raise_if_overtaken()
            self._link.send_commanding(self.system_id, message)

    def send_beside(self, message: Message) -> None:
        """One message that overtakes nobody: what an approved order left to be put right. Raises LinkDown."""
        with self._turn:
            self._link.send_commanding(self.system_id, message)

    def send_home(self, message: Message, *, what: str) -> None:
        """One message that overtakes whatever order is under way; from any thread. Raises LinkDown."""
        with self._turn:
            if self._act is not None:
                self._act.overtaken_by = what
            self._link.send_commanding(self.system_id, message)


class Act:
    """One approved order being carried out: what it sent, when, and its waits."""

    def __init__(
        self, port: Port, approval: Approval, *, telemetry: Callable[[], Telemetry], on_progress: Progress
    ) -> None:
        self.port = port
        self.approval = approval
        self.what = type(approval.order).__name__
        self.overtaken_by: str | None = None
        self.progress = on_progress
        self.telemetry = telemetry
        self._boots = telemetry().boots
        self._messages: list[str] = []
        self._first_sent_at_us: int | None = None
        self._acknowledged_at_us: int | None = None

    @property
    def name(self) -> str:
        return f"{self.approval.vehicle_id}: {self.what}"

    def raise_if_overtaken(self) -> None:
        if self.overtaken_by is not None:
            raise CommandRefused(f"{self.name}: overtaken by {self.overtaken_by}")

    def raise_if_expired(self) -> None:
        late_us = self.port.now_us() - self.approval.expires_at_us
        if late_us >= 0:
            raise CommandRefused(f"{self.name}: the approval expired {late_us / 1e6:.1f} s ago")

    def sent(self) -> Sent:
        first_us = self.port.now_us() if self._first_sent_at_us is None else self._first_sent_at_us
        return Sent(self.approval.order, tuple(self._messages), first_us, self._acknowledged_at_us)

    def send(self, message: Message, *, said: str | None = None) -> None:
        """`said` is how it reads in the journal; None for a repeat or a part of something larger."""
        at_us = self.port.now_us()
        self.port.send_for(self, message)
        if self._first_sent_at_us is None:
            self._first_sent_at_us = at_us
        if said is not None:
            self._messages.append(said)

    async def until(self, is_true: Callable[[], bool], *, within_s: float) -> bool:
        """Wait for the vehicle's state; time ends in the vehicle's seconds or in ours, whichever is first (SAFETY 7).

        Raises CommandRefused when overtaken and NotConfirmed when the autopilot rebooted meanwhile.
        """
        end_us = self.port.now_us() + round(within_s * 1e6)
        boot_ms = self.telemetry().boot_ms
        while not is_true():
            self.raise_if_overtaken()
            now = self.telemetry()
            if now.boots != self._boots:
                raise NotConfirmed(f"{self.name}: the autopilot rebooted")
            vehicle_s = 0.0 if now.boot_ms is None or boot_ms is None else (now.boot_ms - boot_ms) / 1000
            if vehicle_s > within_s or self.port.now_us() >= end_us:
                return False
            await self.port.next_pulse()
        return True

    async def take(self, inbox: Inbox, *, until_us: int) -> Message | None:
        """The next message for us, or None when our clock reaches `until_us`. Raises CommandRefused when overtaken."""
        while True:
            while inbox:
                message = inbox.popleft()
                if self.port.is_for_us(message):
                    return message
            self.raise_if_overtaken()
            if self.port.now_us() >= until_us:
                return None
            await self.port.next_pulse()

    async def command(self, command: int, *params: float, said: str) -> None:
        """COMMAND_LONG until acknowledged. Raises CommandRefused, NoAnswer, LinkDown."""
        await self._exchange(
            command,
            lambda confirmation: command_long(self.port.system_id, command, *params, confirmation=confirmation),
            said=said,
        )

    async def command_at(
        self,
        command: int,
        point: GeoPoint,
        *,
        above_home_m: float,
        params: tuple[float, float, float, float],
        said: str,
    ) -> None:
        """COMMAND_INT with a place until acknowledged. Raises CommandRefused, NoAnswer, LinkDown."""
        x, y = degrees_e7(point)
        await self._exchange(
            command,
            lambda _: mavlink.MAVLink_command_int_message(
                self.port.system_id,
                AUTOPILOT_COMPONENT_ID,
                mavlink.MAV_FRAME_GLOBAL_RELATIVE_ALT,
                command,
                0,
                0,
                *params,
                x,
                y,
                above_home_m,
            ),
            said=said,
        )

    async def _exchange(self, command: int, build: Callable[[int], Message], *, said: str) -> None:
        started_us = self.port.now_us()
        with self.port.listening("COMMAND_ACK") as inbox:
            for attempt in range(COMMAND_TRIES):
                self.send(build(attempt), said=said if attempt == 0 else None)
                result = await self._result(inbox, command)
                if result == mavlink.MAV_RESULT_ACCEPTED:
                    if self._acknowledged_at_us is None:
                        self._acknowledged_at_us = self.port.now_us()
                    return
                if result is not None:
                    reason = await self.reason_since(started_us)
                    word = RESULT_WORDS.get(result, f"result {result}")
                    raise CommandRefused(f"{self.name}: {said}: {word}" + (f": {reason}" if reason else ""))
        raise NoAnswer(f"{self.name}: {said}: no acknowledgement after {COMMAND_TRIES} tries")

    async def _result(self, inbox: Inbox, command: int) -> int | None:
        until_us = self.port.now_us() + round(ACK_WITHIN_S * 1e6)
        while (ack := await self.take(inbox, until_us=until_us)) is not None:
            if int(ack.command) != command:
                continue
            if int(ack.result) != mavlink.MAV_RESULT_IN_PROGRESS:
                return int(ack.result)
            until_us = self.port.now_us() + round(IN_PROGRESS_S * 1e6)
        return None

    async def reason_since(self, at_us: int) -> str:
        """What the vehicle said about it; empty when it said nothing."""

        def said() -> list[str]:
            return [text.text for text in self.telemetry().texts if text.at_us >= at_us]

        await self.until(lambda: bool(said()), within_s=_REASON_WITHIN_S)
        return said()[-1] if said() else ""

    async def take_mode(self, custom_mode: int, *, called: str) -> None:
        """Into a mode; true when a heartbeat says so, never by the acknowledgement alone."""
        for _ in range(MODE_TRIES):
            await self.command(
                mavlink.MAV_CMD_DO_SET_MODE,
                mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED,
                custom_mode,
                said=f"DO_SET_MODE {called}",
            )
            if await self.mode_is(custom_mode, since_us=self.port.now_us(), within_s=MODE_WITHIN_S):
                return
        shown = self.telemetry().state.custom_mode
        raise NotConfirmed(f"{self.name}: mode {called} was acknowledged, but the heartbeat says {shown}")

    async def mode_is(self, custom_mode: int, *, since_us: int, within_s: float) -> bool:
        """Does a heartbeat after `since_us` show this mode? Asks for one, so as not to wait for the next second."""
        self.port.send_harmless(request_message(self.port.system_id, mavlink.MAVLINK_MSG_ID_HEARTBEAT))

        def shows() -> bool:
            now = self.telemetry()
            return (now.mode_at_us or 0) >= since_us and now.state.custom_mode == custom_mode

        return await self.until(shows, within_s=within_s)


def degrees_e7(point: GeoPoint) -> tuple[int, int]:
    return round(point.lat_deg * 1e7), round(point.lon_deg * 1e7)


def command_long(system_id: int, command: int, *params: float, confirmation: int = 0) -> Message:
    padded = (*params, *(0.0,) * (7 - len(params)))
    return mavlink.MAVLink_command_long_message(system_id, AUTOPILOT_COMPONENT_ID, command, confirmation, *padded)


def reposition(system_id: int, point: GeoPoint, *, above_home_m: float) -> Message:
    """DO_REPOSITION at the vehicle's own speed and heading; it changes to GUIDED for it."""
    return mavlink.MAVLink_command_int_message(
        system_id,
        AUTOPILOT_COMPONENT_ID,
        mavlink.MAV_FRAME_GLOBAL_RELATIVE_ALT,
        mavlink.MAV_CMD_DO_REPOSITION,
        *(0, 0),
        *(-1.0, float(mavlink.MAV_DO_REPOSITION_FLAGS_CHANGE_MODE), 0.0, math.nan),
        *degrees_e7(point),
        above_home_m,
    )


def request_message(system_id: int, message_id: int) -> Message:
    return command_long(system_id, mavlink.MAV_CMD_REQUEST_MESSAGE, float(message_id))
