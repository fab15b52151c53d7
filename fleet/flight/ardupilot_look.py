"""Turns a vehicle's camera or nose to a point on the ground, and returns when one of them is seen to point there.

Who has a gimbal that pans turns that, a copter without one its nose, by the same command; a vehicle that acknowledged
it may still look elsewhere. What a gimbal says is asked for while we wait: one that never answers is not there.
"""

import math
from collections.abc import Awaitable, Callable

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.geo import GeoPoint, LocalFrame
from fleet.flight.errors import CommandRefused, NotConfirmed
from fleet.flight.mavlink_port import Act, command_long, request_message

WITHIN_DEG = 10.0  # far inside half of any lens
NOSE_WITHIN_S = 6.0  # half a turn at ArduPilot's 60 degrees a second, and a start and a stop
GIMBAL_WITHIN_S = 3.0  # gimbals turn faster
ASK_EACH_S = 0.5
GIMBAL_FRESH_US = 1_500_000
RIGHT_BELOW_M = 2.0  # nearer than this a point has no direction


async def look_at(act: Act, point: GeoPoint, *, has_nose: bool) -> None:
    """By region of interest, else by the gimbal's own command, else (`has_nose`) by turning where it stands.

    Raises CommandRefused, NoAnswer, NotConfirmed (acknowledged, and neither camera nor nose shows it), LinkDown.
    """
    _ask_gimbal(act)
    ways: list[Callable[[Act, GeoPoint], Awaitable[None]]] = [look_by_region, _look_by_gimbal]
    if has_nose:
        ways.append(_look_by_nose)
    refusal: CommandRefused | None = None
    for way in ways:
        if way is _look_by_gimbal and gimbal_heading_deg(act) is None:
            continue  # nobody to command
        try:
            await way(act, point)
        except CommandRefused as err:
            act.raise_if_overtaken()
            refusal = err
            continue
        if await _points_there(act, point, within_s=NOSE_WITHIN_S if has_nose else GIMBAL_WITHIN_S):
            return
    if refusal is not None:
        raise refusal
    off = _off_deg(act, point)
    shown = "its direction is not known" if off is None else f"{off:.0f} degrees beside it"
    raise NotConfirmed(f"{act.name}: acknowledged, but neither camera nor nose points there: {shown}")


async def look_by_region(act: Act, point: GeoPoint) -> None:
    """It follows the point while it moves; acknowledged is not yet turned."""
    await act.command_at(
        mavlink.MAV_CMD_DO_SET_ROI_LOCATION,
        point,
        above_home_m=0.0,
        params=(0.0, 0.0, 0.0, 0.0),
        said=f"DO_SET_ROI_LOCATION {point.lat_deg:.7f},{point.lon_deg:.7f}",
    )


def look_ahead(act: Act) -> None:
    """A gimbal stays on what it looked at until told otherwise; a vehicle without one may refuse this unheard."""
    act.send(command_long(act.port.system_id, mavlink.MAV_CMD_DO_SET_ROI_NONE))


async def _look_by_gimbal(act: Act, point: GeoPoint) -> None:
    """Yaw in the earth frame, so that it does not matter where the nose points."""
    away = _away(act, point)
    if away is None:
        raise CommandRefused(f"{act.name}: where it is is not known")
    bearing_deg, distance_m = away
    height_m = act.telemetry().state.above_home_m or 0.0
    pitch_deg = -math.degrees(math.atan2(height_m, distance_m))
    lock = mavlink.GIMBAL_MANAGER_FLAGS_YAW_LOCK | mavlink.GIMBAL_MANAGER_FLAGS_YAW_IN_EARTH_FRAME
    yaw_deg = math.remainder(bearing_deg, 360.0)
    await act.command(
        mavlink.MAV_CMD_DO_GIMBAL_MANAGER_PITCHYAW,
        *(pitch_deg, yaw_deg, math.nan, math.nan, float(lock), 0.0, 0.0),
        said=f"DO_GIMBAL_MANAGER_PITCHYAW {pitch_deg:.0f}, {yaw_deg:.0f} degrees",
    )


async def _look_by_nose(act: Act, point: GeoPoint) -> None:
    away = _away(act, point)
    if away is None:
        raise CommandRefused(f"{act.name}: where it is is not known")
    await act.command(
        mavlink.MAV_CMD_CONDITION_YAW,
        *(away[0], 0.0, 0.0, 0.0),  # at its own rate, the shorter way round, clockwise from north
        said=f"CONDITION_YAW {away[0]:.0f} degrees",
    )


async def _points_there(act: Act, point: GeoPoint, *, within_s: float) -> bool:
    ask_at_us = act.port.now_us()

    def shows() -> bool:
        nonlocal ask_at_us
        if act.port.now_us() >= ask_at_us:
            ask_at_us = act.port.now_us() + round(ASK_EACH_S * 1e6)
            _ask_gimbal(act)
        away, off = _away(act, point), _off_deg(act, point)
        return (away is not None and away[1] <= RIGHT_BELOW_M) or (off is not None and off <= WITHIN_DEG)

    return await act.until(shows, within_s=within_s)


def gimbal_heading_deg(act: Act) -> float | None:
    """Where a gimbal that answers looks; None where there is none."""
    now = act.telemetry()
    heard_us = now.heard.get("GIMBAL_DEVICE_ATTITUDE_STATUS")
    if heard_us is None or act.port.now_us() - heard_us > GIMBAL_FRESH_US:
        return None
    return now.gimbal_heading_deg


def _off_deg(act: Act, point: GeoPoint) -> float | None:
    """How far beside the point the gimbal looks, or without one the nose."""
    away, camera_deg = _away(act, point), gimbal_heading_deg(act)
    looks_deg = act.telemetry().state.heading_deg if camera_deg is None else camera_deg
    return None if away is None or looks_deg is None else abs(math.remainder(looks_deg - away[0], 360.0))


def _away(act: Act, point: GeoPoint) -> tuple[float, float] | None:
    """Direction in degrees from north and distance in metres."""
    here = act.telemetry().state.position
    if here is None:
        return None
    way = LocalFrame(here, ground_amsl_m=0.0).to_enu(point)
    return math.degrees(math.atan2(way.east_m, way.north_m)) % 360.0, math.hypot(way.east_m, way.north_m)


def _ask_gimbal(act: Act) -> None:
    act.port.send_harmless(request_message(act.port.system_id, mavlink.MAVLINK_MSG_ID_GIMBAL_DEVICE_ATTITUDE_STATUS))
