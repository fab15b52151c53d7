"""Telemetry that must be asked for: unasked, an autopilot says little more than its heartbeat.

What never comes is asked for seldom, not given up: a stream also stops when the autopilot reboots.
"""

import contextlib
from collections.abc import Mapping

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from fleet.flight.errors import LinkDown
from fleet.flight.mavlink_port import Port, command_long, request_message
from fleet.flight.telemetry import Telemetry

INTERVALS_US: Mapping[int, int] = {  # by message id, in microseconds of the vehicle's time
    mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT: 200_000,
    mavlink.MAVLINK_MSG_ID_ATTITUDE: 500_000,
    mavlink.MAVLINK_MSG_ID_MISSION_CURRENT: 500_000,
    mavlink.MAVLINK_MSG_ID_POSITION_TARGET_GLOBAL_INT: 500_000,
    mavlink.MAVLINK_MSG_ID_GPS_RAW_INT: 1_000_000,
    mavlink.MAVLINK_MSG_ID_SYS_STATUS: 1_000_000,
    mavlink.MAVLINK_MSG_ID_EKF_STATUS_REPORT: 1_000_000,
    mavlink.MAVLINK_MSG_ID_FENCE_STATUS: 1_000_000,
    mavlink.MAVLINK_MSG_ID_EXTENDED_SYS_STATE: 1_000_000,
    mavlink.MAVLINK_MSG_ID_HOME_POSITION: 2_000_000,
    mavlink.MAVLINK_MSG_ID_WIND: 1_000_000,
    mavlink.MAVLINK_MSG_ID_ADSB_VEHICLE: 200_000,  # one aircraft at a time
}
FOR_CAMERAS_US: Mapping[int, int] = {  # what places the picture of a camera that a vehicle carries
    mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT: 100_000,
    mavlink.MAVLINK_MSG_ID_ATTITUDE: 50_000,
    mavlink.MAVLINK_MSG_ID_GIMBAL_DEVICE_ATTITUDE_STATUS: 50_000,
    mavlink.MAVLINK_MSG_ID_SYSTEM_TIME: 1_000_000,
}
STOPPED_AFTER_US = 5_000_000  # more than two of the slowest interval
STOPPED_AFTER_INTERVALS = 10  # a position that another station stopped is asked for before the monitor misses it
STOPPED_LEAST_US = 2_000_000  # no link is so bad that it loses two seconds of a fast stream
ASK_AGAIN_US = 3_000_000
ASK_SELDOM_US = (
    15_000_000  # after three unanswered requests: this vehicle may not have it (a rover has no wind, most no receiver)
)


class Streams:
    """What was asked of one vehicle, and when."""

    def __init__(self, port: Port, *, for_cameras: bool = False) -> None:
        """`for_cameras`: what it says is passed on to who must know where its camera looks."""
        self._port = port
        self._intervals_us = {**INTERVALS_US, **FOR_CAMERAS_US} if for_cameras else INTERVALS_US
        self._asked: dict[int, tuple[int, int]] = {}  # message id -> (when last, how often unanswered)

    def forget(self) -> None:
        """The autopilot rebooted: everything is asked for at once."""
        self._asked.clear()

    def ask(self, telemetry: Telemetry) -> None:
        """Ask for what is missing now, if it is time to."""
        now_us = self._port.now_us()
        heard_us = telemetry.state.heard_at_us
        if heard_us is None or now_us - heard_us > STOPPED_AFTER_US:
            return
        wanted = [message_id for message_id in self._intervals_us if self._is_silent(telemetry, message_id, now_us)]
        if telemetry.state.autopilot_uid is None:
            wanted.append(mavlink.MAVLINK_MSG_ID_AUTOPILOT_VERSION)
        self._asked = {message_id: asked for message_id, asked in self._asked.items() if message_id in wanted}
        for message_id in wanted:
            asked_us, times = self._asked.get(message_id, (None, 0))
            if asked_us is None or now_us - asked_us >= (ASK_AGAIN_US if times < 3 else ASK_SELDOM_US):
                self._asked[message_id] = (now_us, times + 1)
                self._ask_for(message_id)

    def _ask_for(self, message_id: int) -> None:
        system_id, interval_us = self._port.system_id, self._intervals_us.get(message_id)
        message = (
            request_message(system_id, message_id)
            if interval_us is None
            else command_long(system_id, mavlink.MAV_CMD_SET_MESSAGE_INTERVAL, float(message_id), float(interval_us))
        )
        with contextlib.suppress(LinkDown):  # asked again soon
            self._port.send_harmless(message)

    def _is_silent(self, telemetry: Telemetry, message_id: int, now_us: int) -> bool:
        heard_us = telemetry.heard.get(str(mavlink.mavlink_map[message_id].msgname))
        limit_us = min(
            STOPPED_AFTER_US, max(STOPPED_LEAST_US, STOPPED_AFTER_INTERVALS * self._intervals_us[message_id])
        )
        return heard_us is None or now_us - heard_us > limit_us
