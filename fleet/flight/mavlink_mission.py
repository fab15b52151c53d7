"""Missions, fences and rally points as items, and the transfer of them over a link that loses frames.

The traps: ArduPilot's item 0 of a mission is home and is not stored; an upload overwrites in place, so a broken one
leaves a mixture of old and new; and an acknowledgement says "arrived", only the read-back says what the vehicle holds.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.geo import GeoPoint
from fleet.flight.errors import CommandRefused, FlightError, NoAnswer, NotConfirmed
from fleet.flight.mavlink_codec import AUTOPILOT_COMPONENT_ID, Message
from fleet.flight.mavlink_port import Act, Inbox, degrees_e7
from fleet.flight.orders import FlyMission, MissionItem, SafetyPlan

ROUND_TRIP_S = 0.3  # assumed until measured
RESEND_AFTER_ROUND_TRIPS = 1.5  # RULINGS 21
RESEND_AT_LEAST_S = 0.1
SILENCE_S = 8.0  # what the vehicle itself waits for us
UPLOAD_TRIES = 2
FENCE_SETTLES_S = 1.2  # a read sooner than 1 s after the acknowledgement can be stale or empty
CLEAR_TRIES = 5
_NOTHING = (0.0, 0.0, 0.0, 0.0)
MOST_ITEMS = 2_000  # more than any autopilot keeps
FIRST_ITEM_SEQ = 2  # of a mission: 0 is home, 1 the speed

ACCEPTED = mavlink.MAV_MISSION_ACCEPTED
INVALID_SEQUENCE = mavlink.MAV_MISSION_INVALID_SEQUENCE
RELATIVE, ABSOLUTE = mavlink.MAV_FRAME_GLOBAL_RELATIVE_ALT, mavlink.MAV_FRAME_GLOBAL
_SAME_FRAME = {6: 3, 5: 0, 11: 10}
_SIMPLE_REASONS = {
    2: "unsupported frame",
    3: "unsupported command",
    4: "no space",
    12: "invalid height",
    14: "busy with another ground station",
}


class MissionKind(IntEnum):
    """MAV_MISSION_TYPE."""

    MISSION = 0
    FENCE = 1
    RALLY = 2


@dataclass(frozen=True, slots=True)
class Item:
    """One item as on the wire: x, y degrees * 1e7; z metres in `frame`."""

    command: int
    frame: int
    params: tuple[float, float, float, float]
    x: int
    y: int
    z: float


def mission_of(order: FlyMission, *, home: GeoPoint) -> tuple[Item, ...]:
    """Home, speed, then each item of the order."""
    speed = (float(mavlink.SPEED_TYPE_GROUNDSPEED), order.speed_m_s, -1.0, 0.0)
    return (
        Item(mavlink.MAV_CMD_NAV_WAYPOINT, ABSOLUTE, _NOTHING, *degrees_e7(home), 0.0),
        Item(mavlink.MAV_CMD_DO_CHANGE_SPEED, ABSOLUTE, speed, 0, 0, 0.0),
        *(each for item in order.items for each in _leg_of(item)),
    )


def _leg_of(item: MissionItem) -> Iterator[Item]:
    """A waypoint, with the dwell as its hold time. With looks one for each, behind the point that nose or gimbal turns
    to: a command between two waypoints is carried out when the first is reached, and unlike a yaw a region of interest
    outlives the start of the second (ArduPilot: Mode Auto, wp_start)."""
    if not item.look_at:
        yield _waypoint(item, item.dwell_s)
        return
    yield _waypoint(item, 0.0)
    for point in item.look_at:
        yield Item(mavlink.MAV_CMD_DO_SET_ROI_LOCATION, RELATIVE, _NOTHING, *degrees_e7(point), 0.0)
        yield _waypoint(item, item.dwell_s / len(item.look_at))
    yield Item(mavlink.MAV_CMD_DO_SET_ROI_NONE, RELATIVE, _NOTHING, 0, 0, 0.0)


def _waypoint(item: MissionItem, stay_s: float) -> Item:
    hold = (float(math.ceil(stay_s)), 0.0, 0.0, 0.0)
    return Item(mavlink.MAV_CMD_NAV_WAYPOINT, RELATIVE, hold, *degrees_e7(item.point), item.above_home_m or 0.0)


def first_seqs(order: FlyMission) -> tuple[int, ...]:
    """Where the items of an order begin; the first brings its speed with it."""
    lengths = (sum(1 for _ in _leg_of(item)) for item in order.items)
    _, *others = accumulate(lengths, initial=FIRST_ITEM_SEQ)
    return (FIRST_ITEM_SEQ - 1, *others[:-1])


def item_of_seq(seq: int, beginnings: Sequence[int]) -> int:
    """The item that is under way. beginnings: `first_seqs` of the mission; empty, as of one without looks."""
    return max(bisect_right(beginnings, seq) - 1 if beginnings else seq - FIRST_ITEM_SEQ, 0)


def fence_of(plan: SafetyPlan) -> tuple[Item, ...]:
    """Every vertex says how many its polygon has; the first is not repeated."""
    rings = [(mavlink.MAV_CMD_NAV_FENCE_POLYGON_VERTEX_INCLUSION, plan.inclusion)]
    rings += [(mavlink.MAV_CMD_NAV_FENCE_POLYGON_VERTEX_EXCLUSION, e.polygon) for e in plan.exclusions]
    return tuple(
        Item(command, ABSOLUTE, (float(len(ring)), 0.0, 0.0, 0.0), *degrees_e7(point), 0.0)
        for command, ring in rings
        for point in ring
    )


def rally_of(plan: SafetyPlan) -> tuple[Item, ...]:
    if plan.rally is None:
        return ()
    height_m = float(round(plan.return_altitude_m or 0.0))  # kept in whole metres
    return (Item(mavlink.MAV_CMD_NAV_RALLY_POINT, RELATIVE, _NOTHING, *degrees_e7(plan.rally), height_m),)


def means_the_same(sent: Item, read: Item) -> bool:
    """What the vehicle holds against what was sent: frames fold, NaN reads back 0, some parameters are its own."""
    if sent.command != read.command:
        return False
    has_place = sent.command not in (mavlink.MAV_CMD_DO_CHANGE_SPEED, mavlink.MAV_CMD_DO_SET_ROI_NONE)
    if has_place:
        if abs(sent.x - read.x) > 1 or abs(sent.y - read.y) > 1:
            return False
        is_fence = 5000 <= sent.command < 5100
        folds = [_SAME_FRAME.get(item.frame, item.frame) for item in (sent, read)]
        if not is_fence and (
            folds[0] != folds[1] or not abs(sent.z - read.z) <= 0.011
        ):  # in whole centimetres; NaN is no height
            return False
    own = {
        mavlink.MAV_CMD_NAV_LOITER_TIME: (2,),
        mavlink.MAV_CMD_NAV_LAND: (3,),
        mavlink.MAV_CMD_DO_CHANGE_SPEED: (2, 3),
    }.get(sent.command, ())
    return all(
        abs((0.0 if math.isnan(a) else a) - (0.0 if math.isnan(b) else b)) <= 0.01
        for i, (a, b) in enumerate(zip(sent.params, read.params, strict=True))
        if i not in own
    )


def difference(sent: Sequence[Item], read: Sequence[Item], kind: MissionKind) -> str | None:
    """Where what is held differs from what was sent; home is the vehicle's own."""
    skip = 1 if kind is MissionKind.MISSION else 0
    if len(sent) != len(read):
        return f"expected {len(sent)} items, it holds {len(read)}"
    for seq in range(skip, len(sent)):
        if not means_the_same(sent[seq], read[seq]):
            return f"item {seq}: expected {sent[seq]}, it holds {read[seq]}"
    return None


async def upload_verified(
    act: Act, kind: MissionKind, items: Sequence[Item], *, said: str, on_left: Callable[[], None] = lambda: None
) -> None:
    """Upload, wait until it settled, read back and compare. Whatever fails, no mixture stays in the vehicle: it is
    cleared before the error is raised, or `on_left` is called, when it does not say that it was.
    Raises CommandRefused, NoAnswer, NotConfirmed, LinkDown."""
    done = False
    try:
        for tries_left in reversed(range(UPLOAD_TRIES)):
            try:
                await _upload_once(act, kind, items, said=said)
                break
            except (NoAnswer, NotConfirmed):
                if not tries_left:
                    raise
        done = True
    finally:
        if not done:
            await _leave_no_mixture(act, kind, on_left)


async def _upload_once(act: Act, kind: MissionKind, items: Sequence[Item], *, said: str) -> None:
    await (_Upload(act, kind, items, said=said).run() if items else clear(act, kind))
    if kind is not MissionKind.MISSION:
        await act.until(lambda: False, within_s=FENCE_SETTLES_S)
    wrong = difference(items, await download(act, kind), kind)
    if wrong is not None:
        raise NotConfirmed(f"{act.name}: {said}: read back differs: {wrong}")


async def _leave_no_mixture(act: Act, kind: MissionKind, on_left: Callable[[], None]) -> None:
    is_cleared = False
    try:
        if act.overtaken_by is None:  # else somebody flies it home, and nothing comes between
            act.send(clear_message(act.port.system_id, kind))
            await clear(act, kind)
            is_cleared = True
    except FlightError as err:
        act.progress(f"could not clear what was half uploaded: {err}")
    finally:
        if not is_cleared:
            on_left()


async def clear(act: Act, kind: MissionKind) -> None:
    """Each type on its own: the vehicle refuses type 255."""
    with act.port.listening("MISSION_ACK") as inbox:
        for _ in range(CLEAR_TRIES):
            act.send(clear_message(act.port.system_id, kind))
            until_us = act.port.now_us() + 1_000_000
            while (ack := await act.take(inbox, until_us=until_us)) is not None:
                if int(ack.mission_type) == kind and int(ack.type) == ACCEPTED:
                    return
    raise NoAnswer(f"{act.name}: clearing {kind.name.lower()}: not accepted after {CLEAR_TRIES} tries")


def clear_message(system_id: int, kind: MissionKind) -> Message:
    return mavlink.MAVLink_mission_clear_all_message(system_id, AUTOPILOT_COMPONENT_ID, int(kind))


class _RoundTrip:
    """How long an answer takes here, smoothed; when to send again follows from it."""

    def __init__(self) -> None:
        self._s = ROUND_TRIP_S

    def measured(self, took_us: int) -> None:
        self._s += 0.3 * (min(took_us / 1e6, 2.0) - self._s)

    @property
    def resend_us(self) -> int:
        return round(max(RESEND_AT_LEAST_S, RESEND_AFTER_ROUND_TRIPS * self._s) * 1e6)


class _Upload:
    """One upload. The vehicle asks, we answer; what it asks for twice it gets twice.

    When its next request is lost we send the item again; an acknowledgement 13 (wrong sequence) to an item sent more
    than once says that it had arrived, so the next one goes. Any other 13 is an echo and is ignored until time-out.
    """

    def __init__(self, act: Act, kind: MissionKind, items: Sequence[Item], *, said: str) -> None:
        self._act, self._kind, self._items, self._said = act, kind, items, said
        self._trip = _RoundTrip()
        self._at = -1  # the item last sent; -1 is the count
        self._times = 0  # how often it was sent
        self._furthest = -2
        self._sent_us = self._progress_us = act.port.now_us()

    async def run(self) -> None:
        act = self._act
        started_us = act.port.now_us()
        with act.port.listening("MISSION_REQUEST", "MISSION_REQUEST_INT", "MISSION_ACK") as inbox:
            self._send(-1, said=self._said)
            while act.port.now_us() - self._progress_us < SILENCE_S * 1e6:
                message = await self._take(inbox)
                if message is None:
                    self._send(self._at)
                elif message.get_type() != "MISSION_ACK":
                    self._on_request(int(message.seq))
                elif int(message.type) == ACCEPTED or await self._on_refusal(int(message.type), started_us):
                    return
        raise self._silence()

    def _silence(self) -> NoAnswer:
        return NoAnswer(f"{self._act.name}: {self._said}: silence at item {max(self._at, 0)} of {len(self._items)}")

    async def _take(self, inbox: Inbox) -> Message | None:
        """The next message of this transfer; None when it is time to send again."""
        while (message := await self._act.take(inbox, until_us=self._sent_us + self._trip.resend_us)) is not None:
            if int(message.mission_type) == self._kind:
                return message
        return None

    def _on_request(self, seq: int) -> None:
        """A repeat is answered too and never restarts anything."""
        if 0 <= seq < len(self._items):
            if seq > self._at and self._times == 1:
                self._trip.measured(self._act.port.now_us() - self._sent_us)
            self._send(seq)

    async def _on_refusal(self, result: int, started_us: int) -> bool:
        """True when the upload is over and only the read-back can tell how; raises when it is over for good."""
        is_last = self._at == len(self._items) - 1
        if result == INVALID_SEQUENCE:
            if self._times > 1 and not is_last:
                self._send(self._at + 1)
            return self._times > 1 and is_last
        if result == mavlink.MAV_MISSION_ERROR and is_last and self._times > 1:
            return True  # our repeat of the last item met a finished upload: its acknowledgement was lost
        if result == mavlink.MAV_MISSION_OPERATION_CANCELLED:  # it waited 8 s for us in vain
            raise self._silence()
        act = self._act
        reason = _SIMPLE_REASONS.get(result) or await act.reason_since(started_us) or f"MAV_MISSION_RESULT {result}"
        raise CommandRefused(f"{act.name}: {self._said}: refused at item {max(self._at, 0)}: {reason}")

    def _send(self, seq: int, *, said: str | None = None) -> None:
        self._times = self._times + 1 if seq == self._at else 1
        self._at = seq
        self._sent_us = self._act.port.now_us()
        if seq > self._furthest:
            self._furthest, self._progress_us = seq, self._sent_us
        target = (self._act.port.system_id, AUTOPILOT_COMPONENT_ID)
        if seq < 0:
            message = mavlink.MAVLink_mission_count_message(*target, len(self._items), int(self._kind))
        else:
            item = self._items[seq]
            message = mavlink.MAVLink_mission_item_int_message(
                *(*target, seq, item.frame, item.command, 0, 1),
                *(*item.params, item.x, item.y, item.z, int(self._kind)),
            )
        self._act.send(message, said=said)


async def download(act: Act, kind: MissionKind) -> tuple[Item, ...]:
    """All items the vehicle holds. Nothing in it can move a vehicle. Raises NoAnswer, NotConfirmed,
    LinkDown."""
    port, trip = act.port, _RoundTrip()
    target = (port.system_id, AUTOPILOT_COMPONENT_ID)
    with port.listening("MISSION_COUNT", "MISSION_ITEM_INT") as inbox:

        async def ask(request: Message, fits: Callable[[Message], bool]) -> Message:
            end_us = port.now_us() + round(SILENCE_S * 1e6)
            while port.now_us() < end_us:
                asked_us = port.now_us()
                port.send_harmless(request)
                while (answer := await act.take(inbox, until_us=asked_us + trip.resend_us)) is not None:
                    if int(answer.mission_type) == kind and fits(answer):
                        trip.measured(port.now_us() - asked_us)
                        return answer
            raise NoAnswer(f"{act.name}: reading {kind.name.lower()} back: silence")

        def is_count(message: Message) -> bool:
            return str(message.get_type()) == "MISSION_COUNT"

        def is_item(wanted: int) -> Callable[[Message], bool]:
            return lambda message: str(message.get_type()) == "MISSION_ITEM_INT" and int(message.seq) == wanted

        count = await ask(mavlink.MAVLink_mission_request_list_message(*target, int(kind)), is_count)
        if int(count.count) > MOST_ITEMS:
            raise NotConfirmed(
                f"{act.name}: {kind.name.lower()}: expected {MOST_ITEMS} items at most, got {count.count}"
            )
        items = [
            _item(await ask(mavlink.MAVLink_mission_request_int_message(*target, seq, int(kind)), is_item(seq)))
            for seq in range(int(count.count))
        ]
        port.send_harmless(mavlink.MAVLink_mission_ack_message(*target, ACCEPTED, int(kind)))
    return tuple(items)


def _item(message: Message) -> Item:
    params = (float(message.param1), float(message.param2), float(message.param3), float(message.param4))
    return Item(int(message.command), int(message.frame), params, int(message.x), int(message.y), float(message.z))
