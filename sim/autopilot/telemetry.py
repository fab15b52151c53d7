"""A vehicle's state as MAVLink messages, one small function a message; None where there is nothing to say yet."""

import math
from collections.abc import Callable
from typing import Any

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from sim.autopilot.copter import Copter
from sim.autopilot.machine import EKF_READY_S, GYROS_READY_S, Machine
from sim.autopilot.motion import DRAG_PER_M, GRAVITY_M_S2
from sim.autopilot.spec import Kind
from sim.autopilot.truth import camera_direction_deg

Message = Any  # pymavlink has no types
Builder = Callable[[Machine], Message | None]

FIX_AFTER_S = 20.0
PREARM_BIT = mavlink.MAV_SYS_STATUS_PREARM_CHECK  # 0x10000000
SENSORS = (
    mavlink.MAV_SYS_STATUS_SENSOR_3D_GYRO
    | mavlink.MAV_SYS_STATUS_SENSOR_3D_ACCEL
    | mavlink.MAV_SYS_STATUS_SENSOR_3D_MAG
    | mavlink.MAV_SYS_STATUS_SENSOR_GPS
    | mavlink.MAV_SYS_STATUS_SENSOR_BATTERY
    | PREARM_BIT
)
CAPABILITIES = (
    mavlink.MAV_PROTOCOL_CAPABILITY_MISSION_INT
    | mavlink.MAV_PROTOCOL_CAPABILITY_COMMAND_INT
    | mavlink.MAV_PROTOCOL_CAPABILITY_MAVLINK2
    | mavlink.MAV_PROTOCOL_CAPABILITY_MISSION_FENCE
    | mavlink.MAV_PROTOCOL_CAPABILITY_MISSION_RALLY
    | mavlink.MAV_PROTOCOL_CAPABILITY_SET_POSITION_TARGET_GLOBAL_INT
)
OFFICIAL, DEV = mavlink.FIRMWARE_VERSION_TYPE_OFFICIAL, mavlink.FIRMWARE_VERSION_TYPE_DEV
VERSIONS = {"4.6": (4, 6, 3, OFFICIAL), "4.7-dev": (4, 7, 0, DEV), "4.7": (4, 7, 0, OFFICIAL)}
EKF_BEFORE, EKF_AFTER = 167, 831  # constant position; absolute position, horizontal and vertical
EKF_GPS_GLITCHING = 0x8000
VARIANCE_GOOD, VARIANCE_BAD = 0.05, 1.2  # FS_EKF_THRESH is 0.8
UNIX_AT_BOOT_US = 1_767_225_600_000_000  # 2026-01-01: the simulated receiver's own time


def heartbeat(machine: Machine) -> Message:
    base_mode = mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED | (mavlink.MAV_MODE_FLAG_SAFETY_ARMED if machine.armed else 0)
    return mavlink.MAVLink_heartbeat_message(
        mavlink.MAV_TYPE_QUADROTOR if machine.spec.kind is Kind.COPTER else mavlink.MAV_TYPE_GROUND_ROVER,
        mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA,
        base_mode,
        int(machine.mode),
        machine.system_status(),
        3,
    )


def global_position_int(machine: Machine) -> Message | None:
    if machine.now_s < FIX_AFTER_S:
        return None
    point, amsl_m = machine.reported_position()
    motion = machine.motion
    knows_speed = machine.navigation.is_usable(machine.now_s)
    return mavlink.MAVLink_global_position_int_message(
        boot_ms(machine),
        round(point.lat_deg * 1e7),
        round(point.lon_deg * 1e7),
        round(amsl_m * 1000),
        round(motion.up_m * 1000),
        round(motion.north_m_s * 100) if knows_speed else 0,
        round(motion.east_m_s * 100) if knows_speed else 0,
        round(-motion.up_m_s * 100),
        round(motion.heading_deg * 100) % 36000,
    )


def gps_raw_int(machine: Machine) -> Message:
    has_fix = machine.now_s >= FIX_AFTER_S and not machine.navigation.is_lost
    point, amsl_m = machine.receiver_position()
    motion = machine.motion
    course = math.degrees(math.atan2(motion.east_m_s, motion.north_m_s)) % 360.0
    return mavlink.MAVLink_gps_raw_int_message(
        round(machine.now_s * 1e6),
        3 if has_fix else 1,
        round(point.lat_deg * 1e7) if has_fix else 0,
        round(point.lon_deg * 1e7) if has_fix else 0,
        round(amsl_m * 1000) if has_fix else 0,
        121 if has_fix else 9999,
        200 if has_fix else 9999,
        round(motion.ground_speed_m_s * 100),
        round(course * 100) % 36000,
        10 if has_fix else 0,
        round(amsl_m * 1000) if has_fix else 0,
        300 if has_fix else 0,
        400 if has_fix else 0,
        300 if has_fix else 0,
    )


def attitude(machine: Machine) -> Message:
    roll, pitch = lean_rad(machine)
    motion = machine.motion
    yaw = math.radians((motion.heading_deg + 180.0) % 360.0 - 180.0)
    return mavlink.MAVLink_attitude_message(
        boot_ms(machine), roll, pitch, yaw, 0.0, 0.0, math.radians(motion.turn_deg_s)
    )


def lean_rad(machine: Machine) -> tuple[float, float]:
    """Roll right and pitch up of a quad that accelerates and holds against the air; wheels stay level."""
    if not machine.is_under_way() or machine.spec.kind is Kind.ROVER:
        return 0.0, 0.0
    motion = machine.motion
    air_east, air_north = motion.through_air_m_s(machine.wind.vector)
    drag = math.hypot(air_east, air_north) * DRAG_PER_M
    east = motion.accel_east_m_s2 / GRAVITY_M_S2 + air_east * drag
    north = motion.accel_north_m_s2 / GRAVITY_M_S2 + air_north * drag
    heading = math.radians(motion.heading_deg)
    forward = north * math.cos(heading) + east * math.sin(heading)
    right = east * math.cos(heading) - north * math.sin(heading)
    return math.atan(right), -math.atan(forward)


def sys_status(machine: Machine) -> Message:
    health = SENSORS & ~PREARM_BIT
    if machine.navigation.is_lost or machine.now_s < FIX_AFTER_S:
        health &= ~mavlink.MAV_SYS_STATUS_SENSOR_GPS
    if machine.now_s < GYROS_READY_S:
        health &= ~mavlink.MAV_SYS_STATUS_SENSOR_3D_GYRO
    if machine.pre_arm_ok:
        health |= PREARM_BIT
    battery = machine.battery
    return mavlink.MAVLink_sys_status_message(
        SENSORS,
        SENSORS,
        health,
        200,
        round(battery.voltage_v * 1000),
        round(battery.current_a * 100),
        battery.remaining_percent,
        *(0, 0, 0, 0, 0, 0),
    )


def battery_status(machine: Machine) -> Message:
    battery = machine.battery
    voltages = [round(battery.voltage_v * 1000)] + [65535] * 9
    return mavlink.MAVLink_battery_status_message(
        0, 0, 0, 32767, voltages, round(battery.current_a * 100), round(battery.used_mah), -1, battery.remaining_percent
    )


def vfr_hud(machine: Machine) -> Message:
    motion = machine.motion
    _, amsl_m = machine.reported_position()
    return mavlink.MAVLink_vfr_hud_message(
        math.hypot(*motion.through_air_m_s(machine.wind.vector)),
        motion.ground_speed_m_s,
        round(motion.heading_deg) % 360,
        45 if machine.is_under_way() else 0,
        amsl_m,
        motion.up_m_s,
    )


def ekf_status_report(machine: Machine) -> Message:
    """A position that jumped is a high variance of position alone; velocities that are missing too are a failsafe."""
    navigation = machine.navigation
    is_usable = navigation.is_usable(machine.now_s)
    flags = EKF_AFTER if machine.ekf_ready else EKF_BEFORE
    if navigation.is_glitching:
        flags |= EKF_GPS_GLITCHING
    return mavlink.MAVLink_ekf_status_report_message(
        flags,
        VARIANCE_GOOD if is_usable else VARIANCE_BAD,
        VARIANCE_GOOD if is_usable and not navigation.is_glitching else VARIANCE_BAD,
        VARIANCE_GOOD,
        VARIANCE_GOOD,
        0.0,
    )


def home_position(machine: Machine) -> Message | None:
    if machine.now_s < EKF_READY_S:
        return None
    point, amsl_m = machine.to_geo(machine.home)
    return mavlink.MAVLink_home_position_message(
        round(point.lat_deg * 1e7),
        round(point.lon_deg * 1e7),
        round(amsl_m * 1000),
        machine.home.north_m,
        machine.home.east_m,
        0.0,
        [1.0, 0.0, 0.0, 0.0],
        *(0.0, 0.0, 0.0),
    )


def gps_global_origin(machine: Machine) -> Message | None:
    if machine.now_s < EKF_READY_S:
        return None
    origin = machine.frame.origin
    return mavlink.MAVLink_gps_global_origin_message(
        round(origin.lat_deg * 1e7), round(origin.lon_deg * 1e7), round(machine.spec.home_amsl_m * 1000)
    )


def wind(machine: Machine) -> Message:
    return mavlink.MAVLink_wind_message(machine.wind.from_deg, machine.wind.m_s, 0.0)


def mission_current(machine: Machine) -> Message:
    run = machine.mission
    return mavlink.MAVLink_mission_current_message(run.seq, max(0, len(run.items) - 1), int(run.state))


def fence_status(machine: Machine) -> Message | None:
    """Nothing while the fence is off."""
    if not machine.parameters["FENCE_ENABLE"]:
        return None
    return mavlink.MAVLink_fence_status_message(
        1 if machine.breach_type else 0, machine.breach_count, machine.breach_type, round(machine.breach_at_s * 1000)
    )


def position_target_global_int(machine: Machine) -> Message | None:
    """The target in force; its altitude is AMSL whatever frame it was given in."""
    if machine.target is None or not machine.has_navigation_target():
        return None
    point, amsl_m = machine.to_geo(machine.target)
    return mavlink.MAVLink_position_target_global_int_message(
        boot_ms(machine),
        mavlink.MAV_FRAME_GLOBAL,
        0xFFF8,
        round(point.lat_deg * 1e7),
        round(point.lon_deg * 1e7),
        amsl_m,
        *(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    )


def gimbal_device_attitude_status(machine: Machine) -> Message | None:
    """Where the camera looks, in the earth frame; nothing without a gimbal."""
    if not machine.spec.has_gimbal:
        return None
    heading_deg, pitch_deg = camera_direction_deg(machine)
    yaw, pitch = math.radians(heading_deg) / 2, math.radians(pitch_deg) / 2
    q = [
        math.cos(yaw) * math.cos(pitch),
        -math.sin(yaw) * math.sin(pitch),
        math.cos(yaw) * math.sin(pitch),
        math.sin(yaw) * math.cos(pitch),
    ]
    flags = mavlink.GIMBAL_DEVICE_FLAGS_YAW_LOCK | mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_EARTH_FRAME
    return mavlink.MAVLink_gimbal_device_attitude_status_message(0, 0, boot_ms(machine), flags, q, 0.0, 0.0, 0.0, 0)


def adsb_vehicle(machine: Machine) -> Message | None:
    return machine.receiver.take(machine.now_s)


def extended_sys_state(machine: Machine) -> Message:
    in_air = isinstance(machine, Copter) and machine.is_under_way()
    return mavlink.MAVLink_extended_sys_state_message(
        0, mavlink.MAV_LANDED_STATE_IN_AIR if in_air else mavlink.MAV_LANDED_STATE_ON_GROUND
    )


def system_time(machine: Machine) -> Message:
    has_time = machine.now_s >= FIX_AFTER_S
    unix_us = UNIX_AT_BOOT_US + round(machine.now_s * 1e6) if has_time else 0
    return mavlink.MAVLink_system_time_message(unix_us, boot_ms(machine))


def autopilot_version(machine: Machine) -> Message:
    """The identity is in uid2 (uid stays 0), as ArduPilot has it: twelve bytes of the board."""
    major, minor, patch, kind = VERSIONS[machine.spec.firmware]
    version = major << 24 | minor << 16 | patch << 8 | kind
    zeros = [0] * 8
    return mavlink.MAVLink_autopilot_version_message(
        CAPABILITIES, version, 0, 0, 0, zeros, zeros, zeros, 0, 0, 0, list(board_uid(machine))
    )


def board_uid(machine: Machine) -> bytes:
    return f"SIM{machine.spec.seed:06d}{machine.spec.system_id:03d}".encode()[:12].ljust(18, b"\0")


def boot_ms(machine: Machine) -> int:
    return round(machine.now_s * 1000) & 0xFFFFFFFF


# What REQUEST_DATA_STREAM means by its groups: older ground stations ask that way.
STREAMS: dict[int, tuple[int, ...]] = {
    mavlink.MAV_DATA_STREAM_EXTENDED_STATUS: (
        mavlink.MAVLINK_MSG_ID_SYS_STATUS,
        mavlink.MAVLINK_MSG_ID_GPS_RAW_INT,
        mavlink.MAVLINK_MSG_ID_MISSION_CURRENT,
        mavlink.MAVLINK_MSG_ID_POSITION_TARGET_GLOBAL_INT,
        mavlink.MAVLINK_MSG_ID_FENCE_STATUS,
    ),
    mavlink.MAV_DATA_STREAM_POSITION: (mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT,),
    mavlink.MAV_DATA_STREAM_EXTRA1: (mavlink.MAVLINK_MSG_ID_ATTITUDE,),
    mavlink.MAV_DATA_STREAM_EXTRA2: (mavlink.MAVLINK_MSG_ID_VFR_HUD,),
    mavlink.MAV_DATA_STREAM_EXTRA3: (
        mavlink.MAVLINK_MSG_ID_EKF_STATUS_REPORT,
        mavlink.MAVLINK_MSG_ID_WIND,
        mavlink.MAVLINK_MSG_ID_BATTERY_STATUS,
        mavlink.MAVLINK_MSG_ID_SYSTEM_TIME,
        mavlink.MAVLINK_MSG_ID_ADSB_VEHICLE,
    ),
}
STREAMS[mavlink.MAV_DATA_STREAM_ALL] = tuple(message_id for group in STREAMS.values() for message_id in group)

BUILDERS: dict[int, Builder] = {
    mavlink.MAVLINK_MSG_ID_HEARTBEAT: heartbeat,
    mavlink.MAVLINK_MSG_ID_SYS_STATUS: sys_status,
    mavlink.MAVLINK_MSG_ID_SYSTEM_TIME: system_time,
    mavlink.MAVLINK_MSG_ID_GPS_RAW_INT: gps_raw_int,
    mavlink.MAVLINK_MSG_ID_ATTITUDE: attitude,
    mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT: global_position_int,
    mavlink.MAVLINK_MSG_ID_MISSION_CURRENT: mission_current,
    mavlink.MAVLINK_MSG_ID_VFR_HUD: vfr_hud,
    mavlink.MAVLINK_MSG_ID_POSITION_TARGET_GLOBAL_INT: position_target_global_int,
    mavlink.MAVLINK_MSG_ID_BATTERY_STATUS: battery_status,
    mavlink.MAVLINK_MSG_ID_AUTOPILOT_VERSION: autopilot_version,
    mavlink.MAVLINK_MSG_ID_FENCE_STATUS: fence_status,
    mavlink.MAVLINK_MSG_ID_WIND: wind,
    mavlink.MAVLINK_MSG_ID_EKF_STATUS_REPORT: ekf_status_report,
    mavlink.MAVLINK_MSG_ID_HOME_POSITION: home_position,
    mavlink.MAVLINK_MSG_ID_GPS_GLOBAL_ORIGIN: gps_global_origin,
    mavlink.MAVLINK_MSG_ID_EXTENDED_SYS_STATE: extended_sys_state,
    mavlink.MAVLINK_MSG_ID_GIMBAL_DEVICE_ATTITUDE_STATUS: gimbal_device_attitude_status,
    mavlink.MAVLINK_MSG_ID_ADSB_VEHICLE: adsb_vehicle,
}
