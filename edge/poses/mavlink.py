"""The pose of a camera on one of our vehicles, from the MAVLink that its coordinator or autopilot forwards to a port.

It only listens: nothing is packed and nothing is sent. GLOBAL_POSITION_INT says where, ATTITUDE how the vehicle lies in
the air, GIMBAL_DEVICE_ATTITUDE_STATUS where the camera looks, SYSTEM_TIME what the vehicle's clock shows. All three are
kept for a few seconds and taken at the moment of the frame; what is stale or cannot be is no pose.
Whoever reaches the port can send here: keep it on loopback or on the vehicle's own network.
"""

import math
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.clock import Clock
from contract.geo import GeoPoint, LocalFrame
from contract.site import CameraPose
from detectors.frame import Frame
from edge.errors import SetUpError
from edge.perception.sight import heading_pitch_roll, turned
from edge.pose import FeedPlace, OpenedPoses
from edge.pose_settings import MavlinkPoseSettings
from edge.timeline import Timeline

Message = Any  # pymavlink has no types
Vector = npt.NDArray[np.float64]

AUTOPILOT_COMPONENT = 1  # MAV_COMP_ID_AUTOPILOT1
HELD_US = 500_000  # after the last message; a copter is metres away then, and the gimbal may have turned
WIDEST_GAP_US = 2_000_000
KEPT = 500  # of each kind; 10 s at 50 Hz
HELD_TURN_DEG_S = 10.0  # what an attitude that is only held may be wrong by, a second
HELD_ACCELERATION_M_S2 = 3.0  # the same of a position, which is carried on by its velocity
FASTEST_M_S = 100.0
JUMP_M = 50.0  # beyond what speed explains: a filter that settles
FARTHEST_M = 20_000.0  # from the site's origin
HEIGHTS_M = (-500.0, 9_000.0)
CLOCKS_AGREE_US = 200_000  # what a link delays; the vehicle's clock is believed when it is no further off
DRIFT_FRAC = 1e-4  # of two crystals
REBOOTED_US = 5_000_000  # off by more, boot time was begun anew
WAIT_S = 0.2  # until a stop is noticed
DATAGRAM_BYTES = 2_048  # of one; more than a network carries in one piece
WANTED = frozenset(
    (
        mavlink.MAVLINK_MSG_ID_SYSTEM_TIME,
        mavlink.MAVLINK_MSG_ID_ATTITUDE,
        mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT,
        mavlink.MAVLINK_MSG_ID_GIMBAL_DEVICE_ATTITUDE_STATUS,
    )
)
GIMBAL_FLAGS = mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_VEHICLE_FRAME, mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_EARTH_FRAME


@dataclass(frozen=True, slots=True)
class Mount:
    """How a camera without a gimbal is fixed to its vehicle: clockwise from the nose, above level, clockwise about its
    line of sight."""

    heading_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0


class MavlinkPoses:
    """Of the camera on one vehicle. `mount` None: it hangs on a gimbal that tells its attitude.

    is_above_home: its height is taken as above home, and home stands on the site's ground; else above mean sea level.
    `hear` and `listen` are one thread's, `at` is the pipeline's. `clock`: the one that stamps the frames.
    """

    def __init__(
        self,
        *,
        system_id: int,
        frame: LocalFrame,
        clock: Clock,
        mount: Mount | None = None,
        is_above_home: bool = True,
        position_sigma_m: float = 1.5,
        attitude_sigma_deg: float = 1.0,
    ) -> None:
        self._system_id = system_id
        self._frame = frame
        self._clock = clock
        self._mount = None if mount is None else turned(mount.heading_deg, mount.pitch_deg, mount.roll_deg)
        self._is_above_home = is_above_home
        self._position_sigma_m = position_sigma_m
        self._attitude_sigma_deg = attitude_sigma_deg
        self._boot = BootClock(clock)
        self._places, self._lies, self._looks = (
            Timeline(between, held_us=HELD_US, widest_gap_us=WIDEST_GAP_US, kept=KEPT)
            for between in (_mixed, _turned_between, _turned_between)
        )
        self.refused = 0  # messages of this vehicle that say what cannot be

    def at(self, frame: Frame) -> CameraPose | None:
        at_us = frame.captured_at_us
        place, lie = self._places.at(at_us), self._lies.at(at_us)
        look = lie if self._mount is not None else self._looks.at(at_us)
        if place is None or lie is None or look is None:
            return None
        axes = _rotation(look[0][:4])
        if self._mount is not None:
            axes = axes @ self._mount
        elif look[0][4]:  # relative to the vehicle's heading
            axes = turned(heading_pitch_roll(_rotation(lie[0]))[0], 0.0, 0.0) @ axes
        heading_deg, pitch_deg, roll_deg = heading_pitch_roll(axes)
        late_s, turning_s = place[1] / 1e6, max(abs(lie[1]), abs(look[1])) / 1e6
        east_m, north_m, up_m = place[0][:3] + place[0][3:] * late_s
        return CameraPose(
            east_m=float(east_m),
            north_m=float(north_m),
            up_m=float(up_m),
            heading_deg=heading_deg,
            pitch_deg=pitch_deg,
            roll_deg=roll_deg,
            position_sigma_m=math.hypot(self._position_sigma_m, HELD_ACCELERATION_M_S2 * late_s**2 / 2.0),
            attitude_sigma_deg=math.hypot(self._attitude_sigma_deg, HELD_TURN_DEG_S * turning_s),
        )

    def listen(self, address: tuple[str, int], stop: threading.Event) -> None:
        """Hear datagrams until `stop` is set. Raises SetUpError when the address cannot be had."""
        host, port = address
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as heard:
            try:
                heard.bind(address)
            except OSError as err:
                raise SetUpError(f"pose: expected to listen at udpin:{host}:{port}, got {err.strerror}") from err
            heard.settimeout(WAIT_S)
            while not stop.is_set():
                try:
                    datagram = heard.recv(DATAGRAM_BYTES)
                except TimeoutError:
                    continue
                except OSError:  # the network went away under the socket
                    stop.wait(WAIT_S)
                    continue
                self.hear(datagram)

    def hear(self, datagram: bytes) -> None:
        """One datagram, from whomever."""
        for message in messages_in(datagram):
            if message.get_srcSystem() != self._system_id:
                continue
            is_autopilot = message.get_srcComponent() == AUTOPILOT_COMPONENT
            take = self._takers(is_autopilot=is_autopilot).get(message.get_type())
            if take is not None and not take(message):
                self.refused += 1

    def _takers(self, *, is_autopilot: bool) -> dict[str, Callable[[Message], bool]]:
        if not is_autopilot:
            return {"GIMBAL_DEVICE_ATTITUDE_STATUS": self._take_look}
        return {
            "GLOBAL_POSITION_INT": self._take_place,
            "ATTITUDE": self._take_lie,
            "GIMBAL_DEVICE_ATTITUDE_STATUS": self._take_look,
            "SYSTEM_TIME": self._boot.take_system_time,
        }

    # Each: what a message says, at its own moment; False where it cannot be.

    def _take_place(self, message: Message) -> bool:
        lat_deg, lon_deg = message.lat / 1e7, message.lon / 1e7
        if (lat_deg, lon_deg) == (0.0, 0.0) or abs(lat_deg) > 90.0 or abs(lon_deg) > 180.0:
            return False
        above_home_m = message.relative_alt / 1e3
        amsl_m = self._frame.ground_amsl_m + above_home_m if self._is_above_home else message.alt / 1e3
        velocity = np.array([message.vy, message.vx, -message.vz]) / 100.0
        if not HEIGHTS_M[0] <= amsl_m <= HEIGHTS_M[1] or np.linalg.norm(velocity) > FASTEST_M_S:
            return False
        where = self._frame.to_enu(GeoPoint(lat_deg=lat_deg, lon_deg=lon_deg), amsl_m=amsl_m)
        if math.hypot(where.east_m, where.north_m) > FARTHEST_M:
            return False
        return self._add(self._places, message, np.array([where.east_m, where.north_m, where.up_m, *velocity]))

    def _take_lie(self, message: Message) -> bool:
        angles = (message.yaw, message.pitch, message.roll)
        if not all(math.isfinite(angle) and abs(angle) <= 2.0 * math.pi for angle in angles):
            return False
        return self._add(self._lies, message, _quaternion(*angles))

    def _take_look(self, message: Message) -> bool:
        q = np.array(message.q, np.float64)
        if not np.isfinite(q).all() or not 0.9 < np.linalg.norm(q) < 1.1:
            return False
        relative, absolute = message.flags & GIMBAL_FLAGS[0], message.flags & GIMBAL_FLAGS[1]
        if relative and absolute:
            return False
        if not relative and not absolute:  # as the dialect says of older gimbals
            relative = not message.flags & mavlink.GIMBAL_DEVICE_FLAGS_YAW_LOCK
        return self._add(self._looks, message, np.array([*(q / np.linalg.norm(q)), 1.0 if relative else 0.0]))

    def _add(self, timeline: Timeline[Vector], message: Message, value: Vector) -> bool:
        at_us = self._boot.moment_us(message.time_boot_ms)
        if at_us is None:  # the vehicle began anew
            for each in (self._places, self._lies, self._looks):
                each.clear()
            at_us = self._clock.wall_us()
        last = timeline.last()
        if last is not None:
            last_us, before = last
            if timeline is self._places:
                passed_s = (at_us - last_us) / 1e6
                if passed_s < WIDEST_GAP_US / 1e6 and _jumped(before, value, passed_s):
                    return False
            elif len(value) == 5 and value[4] != before[4]:
                timeline.clear()  # the frame of the angles changed: nothing lies between
            elif np.dot(before[:4], value[:4]) < 0.0:
                value[:4] *= -1.0  # the same turn, told the other way round
        timeline.add(at_us, value)
        return True


def open_poses(settings: MavlinkPoseSettings, place: FeedPlace) -> OpenedPoses:
    mount = settings.mount
    poses = MavlinkPoses(
        system_id=settings.system_id,
        frame=place.site.local_frame(),
        clock=place.clock,
        mount=None if mount is None else Mount(**mount.model_dump()),
        is_above_home=settings.height == "above_home",
        position_sigma_m=settings.position_sigma_m,
        attitude_sigma_deg=settings.attitude_sigma_deg,
    )
    return OpenedPoses(poses, listen=partial(poses.listen, settings.address))


class BootClock:
    """The vehicle's time since its boot, as moments of our clock.

    By the message that was least delayed so far; by what the vehicle's own clock shows, where that is no further from
    ours than a link delays.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_us: int | None = None  # our clock minus boot time
        self._heard_us = 0
        self._told_us: int | None = None  # the vehicle's clock minus boot time

    def moment_us(self, boot_ms: int) -> int | None:
        """None: the vehicle's boot time began anew, or jumped; from now on it counts anew."""
        now_us = self._clock.wall_us()
        offset_us = now_us - boot_ms * 1_000
        if self._offset_us is None or abs(offset_us - self._offset_us) > REBOOTED_US:
            is_first = self._offset_us is None
            self._offset_us, self._heard_us, self._told_us = offset_us, now_us, None
            return now_us if is_first else None
        drifted_us = self._offset_us + round((now_us - self._heard_us) * DRIFT_FRAC)
        self._offset_us, self._heard_us = min(offset_us, drifted_us), now_us
        if self._told_us is not None and abs(self._told_us - self._offset_us) <= CLOCKS_AGREE_US:
            return self._told_us + boot_ms * 1_000
        return self._offset_us + boot_ms * 1_000

    def take_system_time(self, message: Message) -> bool:
        told_us = message.time_unix_usec - message.time_boot_ms * 1_000
        self._told_us = told_us if message.time_unix_usec else None  # 0: it does not know yet
        return True


def messages_in(datagram: bytes) -> Iterator[Message]:
    """The messages of WANTED in whole frames from the first byte on; at the first byte that is none, it ends."""
    at, decoder = 0, mavlink.MAVLink(None)
    while at + 8 <= len(datagram):
        length, kind = _header(datagram, at)
        if length is None or at + length > len(datagram):
            return
        if kind in WANTED:
            try:
                yield decoder.decode(bytearray(datagram[at : at + length]))
            except (mavlink.MAVError, struct.error):
                return
        at += length


def _header(data: bytes, at: int) -> tuple[int | None, int]:
    """Length of the frame that begins there, None where none does, and the number of its message."""
    if data[at] == mavlink.PROTOCOL_MARKER_V1:
        return data[at + 1] + 8, data[at + 5]
    if data[at] != mavlink.PROTOCOL_MARKER_V2 or at + 12 > len(data):
        return None, 0
    signature_bytes = 13 if data[at + 2] & mavlink.MAVLINK_IFLAG_SIGNED else 0
    return data[at + 1] + 12 + signature_bytes, int.from_bytes(data[at + 7 : at + 10], "little")


def _mixed(first: Vector, second: Vector, share: float) -> Vector:
    return first + share * (second - first)


def _turned_between(first: Vector, second: Vector, share: float) -> Vector:
    """Quaternions of messages that follow each other are near: the straight way, made a turn again, is near enough."""
    mixed = _mixed(first, second, share)
    mixed[:4] /= np.linalg.norm(mixed[:4])
    return mixed


def _jumped(before: Vector, after: Vector, passed_s: float) -> bool:
    return bool(np.linalg.norm(after[:3] - before[:3]) > FASTEST_M_S * max(passed_s, 0.0) + JUMP_M)


def _quaternion(yaw: float, pitch: float, roll: float) -> Vector:
    """w, x, y, z of yaw, then pitch, then roll, radians (the aeronautical frame of ATTITUDE)."""
    (sy, sp, sr), (cy, cp, cr) = np.sin([yaw / 2, pitch / 2, roll / 2]), np.cos([yaw / 2, pitch / 2, roll / 2])
    return np.array(
        [
            cr * cp * cy + sr * sp * sy,
            sr * cp * cy - cr * sp * sy,
            cr * sp * cy + sr * cp * sy,
            cr * cp * sy - sr * sp * cy,
        ]
    )


def _rotation(quaternion: Vector) -> Vector:
    """(3, 3): columns are forward, right and down of what is turned, in north, east, down."""
    w, x, y, z = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
