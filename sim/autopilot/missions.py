"""The mission protocol's vehicle side: mission (type 0), fence (1) and rally (2).

MISSION_COUNT truncates a mission at once and items overwrite in place, so a broken upload leaves a mixture. A fence
is taken over whole or not at all, and a read within a second of its ACK still gives the old one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from sim.autopilot import items as kept
from sim.autopilot.fence import BadFence, shapes_of
from sim.autopilot.items import Item, Rejection
from sim.autopilot.link import Link
from sim.autopilot.machine import WARNING, Machine

Message = Any  # pymavlink has no types
MISSION, FENCE, RALLY = 0, 1, 2
REQUEST_AGAIN_S = 1.0
GIVE_UP_S = 8.0
FENCE_IS_STALE_S = 1.0
MAX_ITEMS = {MISSION: 700, FENCE: 400, RALLY: 30}
KEEPERS: dict[int, Callable[[Item], Item | Rejection]] = {
    MISSION: kept.mission_item_as_kept,
    FENCE: kept.fence_item_as_kept,
    RALLY: kept.rally_item_as_kept,
}


@dataclass(slots=True)
class Upload:
    """One transfer under way, from one station."""

    link: Link
    sender: tuple[int, int]
    mission_type: int
    count: int
    received: list[Item]
    heard_at_s: float
    asked_at_s: float
    next_seq: int = 0


class MissionServer:
    """Answers what stations ask; `step` repeats requests and gives up on silent ones."""

    def __init__(self, machine: Machine, *, asks_with_mission_request: bool) -> None:
        self._machine = machine
        self._asks_with_mission_request = asks_with_mission_request
        self.forget_transfers()

    def forget_transfers(self) -> None:
        """After a reboot."""
        self._uploads: dict[int, Upload] = {}
        self._fence_before: list[Item] = []
        self._fence_fresh_at_s = 0.0

    def step(self) -> list[tuple[Link, Message]]:
        now_s = self._machine.now_s
        said: list[tuple[Link, Message]] = []
        for upload in list(self._uploads.values()):
            if now_s - upload.heard_at_s >= GIVE_UP_S:
                del self._uploads[upload.mission_type]
                cancelled = mavlink.MAV_MISSION_OPERATION_CANCELLED
                said.append((upload.link, _ack(upload.sender, upload.mission_type, cancelled)))
            elif now_s - upload.asked_at_s >= REQUEST_AGAIN_S:
                said.append((upload.link, self._request(upload)))
        return said

    def receive(self, link: Link, message: Message) -> list[Message]:
        """Answers to one message of the protocol."""
        sender = (message.get_srcSystem(), message.get_srcComponent())
        name = message.get_type()
        if name == "MISSION_SET_CURRENT":
            self._machine.mission.jump_to(message.seq)
            return []
        if name == "MISSION_ACK":
            return []
        mission_type = message.mission_type
        if mission_type not in KEEPERS:
            return [_ack(sender, mission_type, mavlink.MAV_MISSION_UNSUPPORTED)]
        if name == "MISSION_COUNT":
            return self._on_count(link, sender, message)
        if name == "MISSION_ITEM_INT":
            return self._on_item(sender, message)
        if name == "MISSION_CLEAR_ALL":
            return [_ack(sender, mission_type, self._clear(sender, mission_type))]
        if name == "MISSION_REQUEST_LIST":
            return [mavlink.MAVLink_mission_count_message(*sender, len(self._readable(mission_type)), mission_type)]
        return [self._read(sender, message.seq, mission_type)]

    # Up

    def _on_count(self, link: Link, sender: tuple[int, int], message: Message) -> list[Message]:
        mission_type, count = message.mission_type, message.count
        if self._is_busy_with_another(sender, mission_type):
            return [_ack(sender, mission_type, mavlink.MAV_MISSION_DENIED)]
        if count > MAX_ITEMS[mission_type]:
            return [_ack(sender, mission_type, mavlink.MAV_MISSION_NO_SPACE)]
        if mission_type != FENCE:
            del self._items(mission_type)[count:]
            self._changed(mission_type)
        now_s = self._machine.now_s
        upload = Upload(link, sender, mission_type, count, [], now_s, now_s)
        self._uploads[mission_type] = upload
        return [self._request(upload)] if count else [self._finish(upload)]

    def _on_item(self, sender: tuple[int, int], message: Message) -> list[Message]:
        mission_type = message.mission_type
        upload = self._uploads.get(mission_type)
        if upload is None:
            return [_ack(sender, mission_type, mavlink.MAV_MISSION_ERROR)]
        if message.seq != upload.next_seq:
            return [_ack(sender, mission_type, mavlink.MAV_MISSION_INVALID_SEQUENCE)]
        if upload.sender != sender:
            return [_ack(sender, mission_type, mavlink.MAV_MISSION_DENIED)]
        params = (message.param1, message.param2, message.param3, message.param4)
        sent = Item(message.command, message.frame, params, message.x, message.y, message.z)
        item = KEEPERS[mission_type](sent)
        if isinstance(item, Rejection):
            del self._uploads[mission_type]
            return [_ack(sender, mission_type, item.result)]
        upload.heard_at_s = self._machine.now_s
        upload.next_seq += 1
        self._put(upload, message.seq, item)
        return [self._request(upload)] if upload.next_seq < upload.count else [self._finish(upload)]

    def _put(self, upload: Upload, seq: int, item: Item) -> None:
        if upload.mission_type == FENCE:
            upload.received.append(item)
            return
        items = self._items(upload.mission_type)
        items[seq : seq + 1] = [item]
        self._changed(upload.mission_type)

    def _finish(self, upload: Upload) -> Message:
        del self._uploads[upload.mission_type]
        result = mavlink.MAV_MISSION_ACCEPTED
        if upload.mission_type == FENCE:
            result = self._take_fence(upload.received)
        return _ack(upload.sender, upload.mission_type, result)

    def _take_fence(self, items: list[Item]) -> int:
        machine = self._machine
        try:
            shapes_of(items, machine.item_point)
        except BadFence as err:
            machine.say(WARNING, str(err))
            return int(mavlink.MAV_MISSION_ERROR)
        self._fence_before = list(machine.fence_items)
        self._fence_fresh_at_s = machine.now_s + FENCE_IS_STALE_S
        machine.fence_items[:] = items
        machine.settings_changed()
        return int(mavlink.MAV_MISSION_ACCEPTED)

    def _request(self, upload: Upload) -> Message:
        upload.asked_at_s = self._machine.now_s
        kind = (
            mavlink.MAVLink_mission_request_message
            if self._asks_with_mission_request
            else mavlink.MAVLink_mission_request_int_message
        )
        return kind(*upload.sender, upload.next_seq, upload.mission_type)

    # Down

    def _read(self, sender: tuple[int, int], seq: int, mission_type: int) -> Message:
        items = self._readable(mission_type)
        if seq >= len(items):
            return _ack(sender, mission_type, mavlink.MAV_MISSION_INVALID_SEQUENCE)
        item = self._home_item() if mission_type == MISSION and seq == 0 else items[seq]
        is_current = mission_type == MISSION and seq == self._machine.mission.seq
        return mavlink.MAVLink_mission_item_int_message(
            *sender,
            seq,
            item.frame,
            item.command,
            int(is_current),
            1,
            *item.params,
            item.x,
            item.y,
            item.z,
            mission_type,
        )

    def _home_item(self) -> Item:
        point, amsl_m = self._machine.to_geo(self._machine.home)
        where = (round(point.lat_deg * 1e7), round(point.lon_deg * 1e7))
        return Item(kept.WAYPOINT, kept.AMSL, (0.0, 0.0, 0.0, 0.0), *where, round(amsl_m, 2))

    def _clear(self, sender: tuple[int, int], mission_type: int) -> int:
        if self._is_busy_with_another(sender, mission_type):
            return int(mavlink.MAV_MISSION_DENIED)
        self._uploads.pop(mission_type, None)
        if mission_type == FENCE:
            return self._take_fence([])
        if mission_type == MISSION and self._machine.mission.is_running:
            return int(mavlink.MAV_MISSION_ERROR)
        self._items(mission_type).clear()
        self._changed(mission_type)
        return int(mavlink.MAV_MISSION_ACCEPTED)

    # Stores

    def _items(self, mission_type: int) -> list[Item]:
        machine = self._machine
        return {MISSION: machine.mission.items, FENCE: machine.fence_items, RALLY: machine.rally_items}[mission_type]

    def _readable(self, mission_type: int) -> list[Item]:
        if mission_type == FENCE and self._machine.now_s < self._fence_fresh_at_s:
            return self._fence_before
        return self._items(mission_type)

    def _changed(self, mission_type: int) -> None:
        if mission_type == MISSION:
            self._machine.mission.items_changed()
        else:
            self._machine.settings_changed()

    def _is_busy_with_another(self, sender: tuple[int, int], mission_type: int) -> bool:
        upload = self._uploads.get(mission_type)
        return upload is not None and upload.sender != sender


def _ack(sender: tuple[int, int], mission_type: int, result: int) -> Message:
    return mavlink.MAVLink_mission_ack_message(*sender, result, mission_type)
