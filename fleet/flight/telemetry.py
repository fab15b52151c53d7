"""What a vehicle says, message by message, into an immutable snapshot; pure: no clock, no socket, no log.

Zero is how MAVLink says nothing: a latitude and longitude of 0, a battery of -1, a heading of 65535 and a fix below 3
all become None here. A value that cannot be (latitude 91, NaN) is discarded and counted.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.geo import GeoPoint
from fleet.flight.mavlink_codec import Message, finite
from fleet.flight.snapshots import renewed
from fleet.flight.vehicle import FlightMode, VehicleState

HEARTBEAT_LATE_US = 3_000_000  # three missed heartbeats
EKF_POSITION_ABSOLUTE, EKF_CONSTANT_POSITION, EKF_GNSS_GLITCHING = 0x10, 0x80, 0x8000
EKF_REJECTS_FROM = 1.0  # of a variance: the measurement lies outside the filter's gate
PREARM_BIT = 0x10000000
REBOOT_STEP_MS = 5_000  # boot time that falls by more than this is a reboot, not a reordered datagram
PACE_OVER_US = 2_000_000  # long enough that the jitter of a link does not look like a fast clock
HEIGHT_LIMITS_M = (-1_000.0, 20_000.0)  # above home or the sea: nothing that we command is beyond
_BEST_FIX = 8  # GPS_FIX_TYPE
_LAST_MISSION_STATE = 5
_TEXT_CHARACTERS = 200

Changes = dict[str, Any]  # fields of Telemetry; what a message changes is written once, whole


@dataclass(frozen=True, slots=True)
class Airframe:
    """What tells one kind of vehicle from another on the wire."""

    called: str
    heartbeat_types: frozenset[int]
    modes: Mapping[int, FlightMode]
    autopilot: int = mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA


@dataclass(frozen=True, slots=True)
class Text:
    """One STATUSTEXT, whole."""

    at_us: int
    text: str


@dataclass(frozen=True)  # renewed with each message
class Telemetry:
    """`state` as the rest of the fleet sees it, and what only its driver needs. `*_at_us`: monotonic at receipt."""

    state: VehicleState
    bound_uid: str | None
    boot_ms: int | None = None
    boots: int = 0  # reboots seen
    pace: float = 1.0  # the vehicle's seconds in one of ours; a simulator may run ahead
    paced_from: tuple[int, int] | None = None  # boot_ms and when we heard it
    mode_at_us: int | None = None  # when custom_mode was last said
    wrong_type: int | None = None
    firmware_version: int | None = None  # AUTOPILOT_VERSION.flight_sw_version
    prearm_ok: bool | None = None
    prearm_text: str = ""
    target: GeoPoint | None = None
    target_at_us: int | None = None
    reached_seq: int | None = None
    gimbal_heading_deg: float | None = None  # clockwise from north
    fence_breach: int | None = None
    safety_refusal: str = ""  # why the last upload of fence and failsafes came to nothing
    texts: tuple[Text, ...] = ()
    discarded: int = 0
    heard: Mapping[str, int] = field(default_factory=dict)  # message name -> last receipt


def hear(telemetry: Telemetry, message: Message, *, now_us: int, airframe: Airframe) -> Telemetry:
    """The snapshot after one message."""
    name = message.get_type()
    changes: Changes = {}
    if name == "HEARTBEAT":
        changes = _heartbeat(telemetry, message, now_us, airframe)
    elif (read := _READERS.get(name)) is not None:
        try:
            changes = read(telemetry, message, now_us)
        except (ValidationError, ValueError):
            return renewed(telemetry, discarded=telemetry.discarded + 1)
    return renewed(telemetry, heard={**telemetry.heard, name: now_us}, **changes)


def moved(telemetry: Telemetry) -> Telemetry:
    """Whoever speaks now has a new address: who it is must be asked anew."""
    return renewed(telemetry, state=renewed(telemetry.state, autopilot_uid=None, safety_uploaded=False))


def late_s(telemetry: Telemetry, now_us: int) -> int | None:
    """Whole seconds since the last heartbeat; None while it is not late."""
    heard_us = telemetry.state.heard_at_us
    if heard_us is None or now_us - heard_us <= HEARTBEAT_LATE_US:
        return None
    return round((now_us - heard_us) / 1e6)


def not_ready_because(
    telemetry: Telemetry, *, now_us: int, is_listed: Callable[[int], bool], is_quarantined: bool, is_forged: bool
) -> tuple[str, ...]:
    """Everything that speaks against launching, in plain words; empty means ready."""
    state = telemetry.state
    if is_quarantined:
        return ("quarantined: two sources claim this system id",)
    if state.heard_at_us is None:
        return ("not heard yet: what comes under its id is not signed with its key" if is_forged else "not heard yet",)
    silent_s = late_s(telemetry, now_us)
    if silent_s is not None:
        return (f"no heartbeat for {silent_s} s",)
    uid, bound = state.autopilot_uid, telemetry.bound_uid
    version = telemetry.firmware_version
    reasons = {
        f"its heartbeat is of type {telemetry.wrong_type}, another kind of vehicle": telemetry.wrong_type is not None,
        "autopilot UID not known yet": uid is None,
        f"autopilot UID is {uid}, expected {bound}": None not in (uid, bound) and uid != bound,
        "firmware version not known yet": version is None,
        f"firmware {state.firmware} is not in the parameter table": version is not None and not is_listed(version),
        "still starting up": state.system_status in (0, 1, 2),
        "critical: a failsafe is active": state.system_status in (5, 6),
        "no position": state.position is None,
        "no home position": state.home is None,
        "no battery level": state.battery_frac is None,
        "no GNSS fix": state.gnss_fix is None,
        "position estimate not ready (EKF)": not state.ekf_ready,
        f"pre-arm: {telemetry.prearm_text or 'refused, no reason given yet'}": _is_prearm_refused(telemetry),
        "outside its fence": bool(telemetry.fence_breach),
        _without_safety(telemetry.safety_refusal): not state.safety_uploaded,
    }
    return tuple(reason for reason, applies in reasons.items() if applies)


def _without_safety(why: str) -> str:
    return "safety not uploaded" + (f": {why}" if why else "")


def _is_prearm_refused(telemetry: Telemetry) -> bool:
    """The bit is judged for the current mode: in one that can never be armed (RTL after a landing) it says nothing."""
    state = telemetry.state
    return telemetry.prearm_ok is False and not state.armed and state.mode in (FlightMode.GUIDED, FlightMode.MANUAL)


def firmware_text(version: int) -> str:
    """4.7.0-dev of flight_sw_version 0x04070000; the last byte is FIRMWARE_VERSION_TYPE."""
    kinds = {0: "-dev", 64: "-alpha", 128: "-beta", 192: "-rc", 255: ""}
    kind = kinds.get(version & 0xFF, f"-type{version & 0xFF}")
    return f"{version >> 24 & 0xFF}.{version >> 16 & 0xFF}.{version >> 8 & 0xFF}{kind}"


def _heartbeat(telemetry: Telemetry, message: Message, now_us: int, airframe: Airframe) -> Changes:
    kind, autopilot = int(message.type), int(message.autopilot)
    is_ours = kind in airframe.heartbeat_types and autopilot == airframe.autopilot
    custom_mode = int(message.custom_mode)
    state = renewed(
        telemetry.state,
        heard_at_us=now_us,
        custom_mode=custom_mode if is_ours else None,
        mode=airframe.modes.get(custom_mode, FlightMode.OTHER) if is_ours else None,
        armed=bool(int(message.base_mode) & mavlink.MAV_MODE_FLAG_SAFETY_ARMED),
        system_status=int(message.system_status),
    )
    return {"state": state, "mode_at_us": now_us, "wrong_type": None if is_ours else kind}


def _global_position(telemetry: Telemetry, message: Message, now_us: int) -> Changes:
    changes = _booted(telemetry, int(message.time_boot_ms), now_us)
    position = _point(int(message.lat), int(message.lon))
    heading = int(message.hdg)
    state = renewed(
        changes.get("state", telemetry.state),
        position=position,
        position_at_us=now_us,
        above_home_m=_height_m(message.relative_alt) if position else None,
        amsl_m=_height_m(message.alt) if position else None,
        velocity_north_m_s=int(message.vx) / 100,
        velocity_east_m_s=int(message.vy) / 100,
        heading_deg=heading / 100 % 360 if heading <= 36_000 else None,
    )
    return {**changes, "state": state}


def _booted(telemetry: Telemetry, boot_ms: int, now_us: int) -> Changes:
    if telemetry.boot_ms is None or boot_ms >= telemetry.boot_ms - REBOOT_STEP_MS:
        return {"boot_ms": boot_ms, **_paced(telemetry, boot_ms, now_us)}
    state = renewed(
        telemetry.state, safety_uploaded=False, autopilot_uid=None, home=None, ekf_ready=None, is_landed=None
    )
    boots = telemetry.boots + 1
    return {
        "state": state,
        "boot_ms": boot_ms,
        "boots": boots,
        "paced_from": None,
        "prearm_ok": None,
        "prearm_text": "",
    }


def _paced(telemetry: Telemetry, boot_ms: int, now_us: int) -> Changes:
    if telemetry.paced_from is None:
        return {"paced_from": (boot_ms, now_us)}
    since_ms, since_us = telemetry.paced_from
    if now_us - since_us < PACE_OVER_US:
        return {}
    pace = (boot_ms - since_ms) * 1000 / (now_us - since_us)
    return {"pace": pace, "paced_from": (boot_ms, now_us)}


def _gps(telemetry: Telemetry, message: Message, now_us: int) -> Changes:
    fix = int(message.fix_type)
    accuracy_mm = int(message.h_acc)
    has_fix = 3 <= fix <= _BEST_FIX
    state = renewed(
        telemetry.state,
        gnss_fix=fix if has_fix else None,
        gnss_sigma_m=accuracy_mm / 1000 if has_fix and accuracy_mm else None,
    )
    return {"state": state}


def _system_status(telemetry: Telemetry, message: Message, now_us: int) -> Changes:
    percent = int(message.battery_remaining)
    known = 0 <= percent <= 100
    prearm_ok = None
    if int(message.onboard_control_sensors_present) & PREARM_BIT:
        prearm_ok = bool(int(message.onboard_control_sensors_health) & PREARM_BIT)
    state = renewed(
        telemetry.state,
        battery_frac=percent / 100 if known else None,
        battery_at_us=now_us if known else telemetry.state.battery_at_us,
    )
    return {"state": state, "prearm_ok": prearm_ok}


def _ekf(telemetry: Telemetry, message: Message, now_us: int) -> Changes:
    """Not ready either while it rejects what its receiver says: where it is then is a guess that grows."""
    flags, variance = int(message.flags), finite(message.pos_horiz_variance)
    is_doubted = bool(flags & (EKF_CONSTANT_POSITION | EKF_GNSS_GLITCHING)) or (variance or 0.0) >= EKF_REJECTS_FROM
    ready = bool(flags & EKF_POSITION_ABSOLUTE) and not is_doubted
    return {"state": renewed(telemetry.state, ekf_ready=ready)}


def _home(telemetry: Telemetry, message: Message, now_us: int) -> Changes:
    return {"state": renewed(telemetry.state, home=_point(int(message.latitude), int(message.longitude)))}


def _mission_current(telemetry: Telemetry, message: Message, now_us: int) -> Changes:
    said = int(message.mission_state)
    state = renewed(
        telemetry.state, mission_seq=int(message.seq), mission_state=said if 0 < said <= _LAST_MISSION_STATE else None
    )
    return {"state": state}


def _mission_reached(telemetry: Telemetry, message: Message, now_us: int) -> Changes:
    return {"reached_seq": int(message.seq)}


def _wind(telemetry: Telemetry, message: Message, now_us: int) -> Changes:
    return {"state": renewed(telemetry.state, wind_m_s=_plausible(message.speed, most=100.0))}


def _target(telemetry: Telemetry, message: Message, now_us: int) -> Changes:
    target = _point(int(message.lat_int), int(message.lon_int))
    return {"target": target, "target_at_us": now_us}


def _attitude(telemetry: Telemetry, message: Message, now_us: int) -> Changes:
    return _booted(telemetry, int(message.time_boot_ms), now_us)


def _version(telemetry: Telemetry, message: Message, now_us: int) -> Changes:
    """The twelve bytes of the board in uid2, else uid. A simulation may have no identity; a real vehicle must."""
    uid2 = bytes(int(byte) for byte in message.uid2)
    short = f"{int(message.uid):016x}"
    uid = uid2.rstrip(b"\0").hex() or (short if int(message.uid) or telemetry.state.simulated else None)
    version = int(message.flight_sw_version)
    state = renewed(telemetry.state, autopilot_uid=uid, firmware=firmware_text(version))
    return {"state": state, "firmware_version": version, "bound_uid": telemetry.bound_uid or uid}


def _status_text(telemetry: Telemetry, message: Message, now_us: int) -> Changes:
    """Long texts come in chunks of 50 characters with one id."""
    part = "".join(c for c in str(message.text) if c.isprintable())
    last = telemetry.texts[-1] if telemetry.texts else None
    if int(message.id) and int(message.chunk_seq) and last is not None:
        whole = Text(last.at_us, (last.text + part)[:_TEXT_CHARACTERS])
        texts = (*telemetry.texts[:-1], whole)
    else:
        whole = Text(now_us, part)
        texts = (*telemetry.texts[-7:], whole)
    prearm = whole.text.removeprefix("PreArm: ") if whole.text.startswith("PreArm: ") else telemetry.prearm_text
    state = renewed(telemetry.state, last_text=whole.text)
    return {"state": state, "texts": texts, "prearm_text": prearm}


def _fence(telemetry: Telemetry, message: Message, now_us: int) -> Changes:
    return {"fence_breach": int(message.breach_type) if int(message.breach_status) else None}


def _landed(telemetry: Telemetry, message: Message, now_us: int) -> Changes:
    """Taking off and landing are both in the air; undefined is unknown."""
    said = int(message.landed_state)
    is_known = said in (
        mavlink.MAV_LANDED_STATE_ON_GROUND,
        mavlink.MAV_LANDED_STATE_IN_AIR,
        mavlink.MAV_LANDED_STATE_TAKEOFF,
        mavlink.MAV_LANDED_STATE_LANDING,
    )
    is_landed = said == mavlink.MAV_LANDED_STATE_ON_GROUND if is_known else None
    return {"state": renewed(telemetry.state, is_landed=is_landed)}


def _gimbal(telemetry: Telemetry, message: Message, now_us: int) -> Changes:
    """Which way the camera looks: its yaw is from north, or from the nose where the flags say so; the dialect says of
    gimbals that set neither flag that a locked yaw is from north."""
    w, x, y, z = (_plausible_part(part) for part in message.q)
    yaw_deg = math.degrees(math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z)))
    flags = int(message.flags)
    from_north = flags & mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_EARTH_FRAME
    if not flags & (mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_EARTH_FRAME | mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_VEHICLE_FRAME):
        from_north = flags & mavlink.GIMBAL_DEVICE_FLAGS_YAW_LOCK
    nose_deg = 0.0 if from_north else telemetry.state.heading_deg
    return {"gimbal_heading_deg": None if nose_deg is None else (nose_deg + yaw_deg) % 360.0}


def _point(lat_e7: int, lon_e7: int) -> GeoPoint | None:
    """None for an unset receiver; raises ValidationError for a place that is not on Earth."""
    if lat_e7 == 0 and lon_e7 == 0:
        return None
    return GeoPoint(lat_deg=lat_e7 / 1e7, lon_deg=lon_e7 / 1e7)


def _height_m(height_mm: int) -> float:
    height_m = int(height_mm) / 1000
    if not HEIGHT_LIMITS_M[0] <= height_m <= HEIGHT_LIMITS_M[1]:
        raise ValueError(f"expected {HEIGHT_LIMITS_M[0]:.0f} to {HEIGHT_LIMITS_M[1]:.0f} m, got {height_m}")
    return height_m


def _plausible(value: object, *, most: float) -> float:
    number = finite(value)
    if number is None or not 0 <= number <= most:
        raise ValueError(f"expected 0 to {most}, got {value}")
    return number


def _plausible_part(value: object) -> float:
    """Of a quaternion of length 1."""
    number = finite(value)
    if number is None or abs(number) > 1.01:
        raise ValueError(f"expected a part of a unit quaternion, got {value}")
    return number


_READERS: dict[str, Callable[[Telemetry, Message, int], Changes]] = {
    "GLOBAL_POSITION_INT": _global_position,
    "GPS_RAW_INT": _gps,
    "SYS_STATUS": _system_status,
    "EKF_STATUS_REPORT": _ekf,
    "HOME_POSITION": _home,
    "MISSION_CURRENT": _mission_current,
    "MISSION_ITEM_REACHED": _mission_reached,
    "WIND": _wind,
    "POSITION_TARGET_GLOBAL_INT": _target,
    "ATTITUDE": _attitude,
    "AUTOPILOT_VERSION": _version,
    "STATUSTEXT": _status_text,
    "FENCE_STATUS": _fence,
    "EXTENDED_SYS_STATE": _landed,
    "GIMBAL_DEVICE_ATTITUDE_STATUS": _gimbal,
}
