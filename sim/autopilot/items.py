"""Mission, fence and rally items as the vehicle keeps them: not quite as they were sent.

A reader who expects a byte-equal read-back is wrong: frames fold to 0, 3 or 10 and some parameters change.
"""

import math
from dataclasses import dataclass, replace

from pymavlink.dialects.v20 import ardupilotmega as mavlink

WAYPOINT, LOITER_UNLIM, LOITER_TIME, RTL, LAND, TAKEOFF = 16, 17, 19, 20, 21, 22
DELAY, CONDITION_YAW, DO_JUMP, DO_CHANGE_SPEED = 93, 115, 177, 178
DO_SET_ROI_LOCATION, DO_SET_ROI_NONE, DO_SET_ROI = 195, 197, 201
INCLUSION, EXCLUSION, CIRCLE_INCLUSION, CIRCLE_EXCLUSION, RALLY_POINT = 5001, 5002, 5003, 5004, 5100

WITH_POSITION = frozenset({WAYPOINT, LOITER_UNLIM, LOITER_TIME, LAND, TAKEOFF, DO_SET_ROI_LOCATION, DO_SET_ROI})
WITHOUT_POSITION = frozenset({RTL, DELAY, CONDITION_YAW, DO_JUMP, DO_CHANGE_SPEED, DO_SET_ROI_NONE})
NAVIGATION = frozenset({WAYPOINT, LOITER_UNLIM, LOITER_TIME, RTL, LAND, TAKEOFF, DELAY})
FENCE_COMMANDS = frozenset({INCLUSION, EXCLUSION, CIRCLE_INCLUSION, CIRCLE_EXCLUSION})

AMSL, RELATIVE, TERRAIN = 0, 3, 10  # MAV_FRAME as read back
FOLDED_FRAMES = {0: AMSL, 5: AMSL, 3: RELATIVE, 6: RELATIVE, 10: TERRAIN, 11: TERRAIN}


@dataclass(frozen=True, slots=True)
class Item:
    """One stored item; x, y are degrees times 1e7, z metres in `frame`."""

    command: int
    frame: int
    params: tuple[float, float, float, float]
    x: int
    y: int
    z: float


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an upload ends: a MAV_MISSION_RESULT."""

    result: int


def mission_item_as_kept(sent: Item) -> Item | Rejection:
    """What is stored for an item of mission_type 0, or why not."""
    if sent.frame not in FOLDED_FRAMES and sent.frame != mavlink.MAV_FRAME_MISSION:
        return Rejection(mavlink.MAV_MISSION_UNSUPPORTED_FRAME)
    if sent.command not in WITH_POSITION | WITHOUT_POSITION:
        return Rejection(mavlink.MAV_MISSION_UNSUPPORTED)
    for i, value in enumerate(sent.params[:3]):
        if not math.isfinite(value):
            return Rejection(mavlink.MAV_MISSION_INVALID_PARAM1 + i)
    if not math.isfinite(sent.z):
        return Rejection(mavlink.MAV_MISSION_INVALID_PARAM7)
    p1, p2, p3, p4 = sent.params
    p4 = 0.0 if math.isnan(p4) else p4
    if sent.command == LOITER_TIME:
        p3 = 1.0
    if sent.command == LAND:
        p4 = 1.0
    if sent.command in WITHOUT_POSITION:
        return Item(sent.command, AMSL, (p1, p2, p3, p4), 0, 0, 0.0)
    bad = _bad_position(sent)
    if bad is not None:
        return Rejection(bad)
    frame = FOLDED_FRAMES.get(sent.frame, AMSL)
    return Item(sent.command, frame, (p1, p2, p3, p4), sent.x, sent.y, round(sent.z, 2))


def fence_item_as_kept(sent: Item) -> Item | Rejection:
    """Frame 3 or 0 goes in, frame 0 comes back."""
    if sent.command not in FENCE_COMMANDS:
        return Rejection(mavlink.MAV_MISSION_UNSUPPORTED)
    if FOLDED_FRAMES.get(sent.frame) not in (AMSL, RELATIVE):
        return Rejection(mavlink.MAV_MISSION_UNSUPPORTED_FRAME)
    bad = _bad_position(sent)
    return (
        Rejection(bad) if bad is not None else replace(sent, frame=AMSL, z=0.0, params=(sent.params[0], 0.0, 0.0, 0.0))
    )


def rally_item_as_kept(sent: Item) -> Item | Rejection:
    """A rally point's height is above home."""
    if sent.command != RALLY_POINT:
        return Rejection(mavlink.MAV_MISSION_UNSUPPORTED)
    if FOLDED_FRAMES.get(sent.frame) != RELATIVE:
        return Rejection(mavlink.MAV_MISSION_UNSUPPORTED_FRAME)
    bad = _bad_position(sent)
    return Rejection(bad) if bad is not None else replace(sent, frame=RELATIVE, params=(0.0, 0.0, 0.0, 0.0))


def _bad_position(item: Item) -> int | None:
    if abs(item.x) > 900_000_000:
        return int(mavlink.MAV_MISSION_INVALID_PARAM5_X)
    if abs(item.y) > 1_800_000_000:
        return int(mavlink.MAV_MISSION_INVALID_PARAM6_Y)
    return None
