"""The copters of a site as far as the wire goes, each in the air and on a port of its own: `... SITE PORT BOOT_US`.

Frames are encoded once; what changes (time, place, sequence number, checksum) is written over. Each says what an
autopilot streams, 30 messages a second, three at a time as its own loop has it, acknowledges every command and takes up
the mode that it is told. BOOT_US: wall time from which all boot times count, so that a position says when it was sent.
"""

import math
import selectors
import socket
import struct
import sys
from pathlib import Path
from typing import Any

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.clock import Clock, SystemClock
from contract.geo import GeoPoint
from fleet.flight.mavlink_codec import AUTOPILOT_COMPONENT_ID
from fleet.flight.mavlink_frames import decode, encode
from sim.embedded_broker import LOOPBACK
from sim.inputs import read_site

Message = Any  # pymavlink has no types
TURNS_A_SECOND, MESSAGES_A_TURN = 10, 3
MESSAGES_A_SECOND = TURNS_A_SECOND * MESSAGES_A_TURN
POLL_S = 0.002
HEIGHT_M = 30.0
ROUND_TURNS = 200  # of the circle that each flies
ROUND_E7 = 450  # its radius, 5 m, in degrees * 1e7 of latitude
SEQUENCE_AT, PAYLOAD_AT = 4, 10
TIME, TIME_AND_PLACE = struct.Struct("<I"), struct.Struct("<Iii")
TIMED = frozenset({"ATTITUDE", "GLOBAL_POSITION_INT", "POSITION_TARGET_GLOBAL_INT"})  # whose payload begins with a time
GUIDED = 4
SENSORS = 0x1000FC2F  # gyros to battery, and the pre-arm check: all well
ESTIMATE_GOOD = 831  # EKF flags with an absolute position


class Template:
    """One message of one vehicle, as a frame to be written over."""

    def __init__(self, message: Message, system_id: int) -> None:
        self._raw = bytearray(encode(message, sequence=0, system_id=system_id, component_id=AUTOPILOT_COMPONENT_ID))
        self._extra = bytes((type(message).crc_extra,))
        self._is_timed = message.get_type() in TIMED

    def frame(self, sequence: int, boot_ms: int, place_e7: tuple[int, int] | None = None) -> bytes:
        raw = self._raw
        raw[SEQUENCE_AT] = sequence
        if place_e7 is not None:
            TIME_AND_PLACE.pack_into(raw, PAYLOAD_AT, boot_ms, *place_e7)
        elif self._is_timed:
            TIME.pack_into(raw, PAYLOAD_AT, boot_ms)
        crc = mavlink.x25crc(bytes(raw[1:-2]) + self._extra).crc
        raw[-2:] = bytes((crc & 0xFF, crc >> 8))
        return bytes(raw)


class Copter:
    """One of them. `turn` sends what is due in one of its ten turns a second, `listen` answers what came."""

    def __init__(self, system_id: int, home: GeoPoint, *, port: int, boot_us: int, clock: Clock) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((LOOPBACK, port))
        self.socket.setblocking(False)
        self._system_id, self._boot_us, self._clock = system_id, boot_us, clock
        self._home_e7 = round(home.lat_deg * 1e7), round(home.lon_deg * 1e7)
        self._sequence = 0
        self._heartbeat = _heartbeat(GUIDED)
        lat_e7, lon_e7 = self._home_e7
        self._fast = [Template(each, system_id) for each in _fast(lat_e7, lon_e7)]
        self._slow = [Template(each, system_id) for each in _slow(lat_e7, lon_e7)]
        self._answers = {mavlink.MAVLINK_MSG_ID_AUTOPILOT_VERSION: _version(system_id)}

    def turn(self, turn: int) -> None:
        attitude, speed, position = self._fast
        self._send(attitude)
        if turn % 2:
            self._send(speed)
        else:
            angle = 2.0 * math.pi * turn / ROUND_TURNS
            lat_e7, lon_e7 = self._home_e7
            self._send(
                position, (lat_e7 + round(ROUND_E7 * math.cos(angle)), lon_e7 + round(ROUND_E7 * math.sin(angle)))
            )
        number = turn % TURNS_A_SECOND
        if number:
            self._send(self._slow[number - 1])
        else:
            self._say(self._heartbeat)

    def listen(self) -> None:
        while True:
            try:
                raw = self.socket.recv(1024)
            except OSError:  # nothing more
                return
            message = decode(raw)
            if message is not None and message.get_type() == "COMMAND_LONG":
                self._obey(message)

    def _obey(self, message: Message) -> None:
        command = int(message.command)
        sender = (message.get_srcSystem(), message.get_srcComponent())
        self._say(mavlink.MAVLink_command_ack_message(command, mavlink.MAV_RESULT_ACCEPTED, 0, 0, *sender))
        if command == mavlink.MAV_CMD_DO_SET_MODE:
            self._heartbeat = _heartbeat(int(message.param2))
            self._say(self._heartbeat)
        elif command == mavlink.MAV_CMD_REQUEST_MESSAGE and int(message.param1) in self._answers:
            self._say(self._answers[int(message.param1)])

    def _say(self, message: Message) -> None:
        self._send(Template(message, self._system_id))

    def _send(self, template: Template, place_e7: tuple[int, int] | None = None) -> None:
        boot_ms = (self._clock.wall_us() - self._boot_us) // 1000
        self._sequence = (self._sequence + 1) % 256
        try:
            self.socket.send(template.frame(self._sequence, boot_ms, place_e7))
        except OSError:  # nobody listens yet
            return


def _heartbeat(mode: int) -> Message:
    base = mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED | mavlink.MAV_MODE_FLAG_SAFETY_ARMED
    return mavlink.MAVLink_heartbeat_message(
        mavlink.MAV_TYPE_QUADROTOR, mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA, base, mode, mavlink.MAV_STATE_ACTIVE, 3
    )


def _fast(lat_e7: int, lon_e7: int) -> tuple[Message, Message, Message]:
    """Attitude, speeds, position: ten, five and five times a second."""
    up_mm = round(HEIGHT_M * 1000)
    return (
        mavlink.MAVLink_attitude_message(0, 0.05, -0.03, 1.2, 0.01, 0.01, 0.3),
        mavlink.MAVLink_vfr_hud_message(1.6, 1.6, 90, 45, 45.0 + HEIGHT_M, 0.1),
        mavlink.MAVLink_global_position_int_message(0, lat_e7, lon_e7, 45_000 + up_mm, up_mm, 20, 30, -1, 9000),
    )


def _slow(lat_e7: int, lon_e7: int) -> tuple[Message, ...]:
    """Once a second, as the heartbeat."""
    amsl_mm = round((45.0 + HEIGHT_M) * 1000)
    place = (lat_e7, lon_e7)
    return (
        mavlink.MAVLink_sys_status_message(SENSORS, SENSORS, SENSORS, 200, 15_400, 1800, 87, 0, 0, 0, 0, 0, 0),
        mavlink.MAVLink_gps_raw_int_message(1, 3, *place, amsl_mm, 121, 200, 160, 9000, 10, amsl_mm, 300, 400, 300),
        mavlink.MAVLink_ekf_status_report_message(ESTIMATE_GOOD, 0.05, 0.05, 0.05, 0.05, 0.0),
        mavlink.MAVLink_fence_status_message(0, 0, 0, 0),
        mavlink.MAVLink_wind_message(90.0, 3.0, 0.0),
        mavlink.MAVLink_battery_status_message(0, 0, 0, 32767, [15_400] + [65535] * 9, 1800, 400, -1, 87),
        mavlink.MAVLink_home_position_message(*place, 45_000, 0.0, 0.0, 0.0, [1.0, 0.0, 0.0, 0.0], 0.0, 0.0, 0.0),
        mavlink.MAVLink_mission_current_message(1, 5, 3),
        mavlink.MAVLink_position_target_global_int_message(0, 0, 0xFFF8, *place, 75.0, *(0.0,) * 8),
    )


def _version(system_id: int) -> Message:
    zeros = [0] * 8
    released = 0x040603FF  # 4.6.3
    return mavlink.MAVLink_autopilot_version_message(0, released, 0, 0, 0, zeros, zeros, zeros, 0, 0, system_id)


def send(site_path: Path, port: int, boot_us: int, *, clock: Clock) -> None:
    """Until it is ended from outside. Vehicles take their turns one after the other, evenly spread."""
    site = read_site(site_path)
    docks = {dock.id: dock.position for dock in site.docks}
    copters = [
        Copter(each.system_id, docks[each.dock], port=port, boot_us=boot_us, clock=clock) for each in site.vehicles
    ]
    with selectors.DefaultSelector() as selector:
        for copter in copters:
            selector.register(copter.socket, selectors.EVENT_READ, copter)
        started_us, taken = clock.monotonic_us(), 0
        each_us = 1e6 / (TURNS_A_SECOND * len(copters))
        while True:
            due = int((clock.monotonic_us() - started_us) / each_us)
            for turn in range(taken, due):
                copters[turn % len(copters)].turn(turn // len(copters))
            taken = due
            for key, _ in selector.select(POLL_S):
                key.data.listen()


if __name__ == "__main__":
    send(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), clock=SystemClock())
