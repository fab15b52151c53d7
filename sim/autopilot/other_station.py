"""Another ground station on a vehicle's own link: it beats, orders and meddles as any program there can.

It has the system id that all of them are shipped with. What it says comes to the vehicle as bytes; what the vehicle
answers it goes out on the one link, so that whoever else listens there hears it too.
"""

from collections.abc import Iterable
from typing import Any

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.geo import GeoPoint

SYSTEM_ID, COMPONENT_ID = 255, mavlink.MAV_COMP_ID_MISSIONPLANNER
BEAT_EACH_S = 1.0
Message = Any  # pymavlink has no types


class OtherStation:
    """`acts`: seconds after it came, and what it sends then. `step` it in the vehicle's own seconds."""

    def __init__(self, acts: Iterable[tuple[float, Message]]) -> None:
        self._codec = mavlink.MAVLink(None, srcSystem=SYSTEM_ID, srcComponent=COMPONENT_ID)
        self._acts = sorted(acts, key=lambda act: act[0])
        self._now_s = self._beats_at_s = 0.0

    def step(self, dt_s: float) -> list[bytes]:
        """What it sends meanwhile."""
        self._now_s += dt_s
        due: list[Message] = []
        if self._now_s >= self._beats_at_s:
            self._beats_at_s += BEAT_EACH_S
            due.append(
                mavlink.MAVLink_heartbeat_message(mavlink.MAV_TYPE_GCS, mavlink.MAV_AUTOPILOT_INVALID, 0, 0, 4, 3)
            )
        while self._acts and self._acts[0][0] <= self._now_s:
            due.append(self._acts.pop(0)[1])
        return [bytes(message.pack(self._codec)) for message in due]


def go_to(system_id: int, point: GeoPoint, above_home_m: float) -> Message:
    """MAV_CMD_DO_REPOSITION, which changes to GUIDED by itself."""
    x, y = round(point.lat_deg * 1e7), round(point.lon_deg * 1e7)
    frame, command = mavlink.MAV_FRAME_GLOBAL_RELATIVE_ALT, mavlink.MAV_CMD_DO_REPOSITION
    return mavlink.MAVLink_command_int_message(
        system_id, 1, frame, command, 0, 0, -1.0, 1.0, 0.0, float("nan"), x, y, above_home_m
    )


def set_mode(system_id: int, number: int) -> Message:
    return _command(system_id, mavlink.MAV_CMD_DO_SET_MODE, mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED, number)


def stop_positions(system_id: int) -> Message:
    """The vehicle's rates belong to its link, so this stops them for everybody on it."""
    return _command(system_id, mavlink.MAV_CMD_SET_MESSAGE_INTERVAL, mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT, -1.0)


def _command(system_id: int, command: int, one: float, two: float) -> Message:
    return mavlink.MAVLink_command_long_message(system_id, 1, command, 0, one, two, 0.0, 0.0, 0.0, 0.0, 0.0)
