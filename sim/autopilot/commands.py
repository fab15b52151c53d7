"""MAV_CMD by MAV_CMD: what the vehicle does and what it acknowledges.

COMMAND_LONG and COMMAND_INT share one table; what only one of them carries says so itself.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.geo import PointEnu
from sim.autopilot.copter import Copter
from sim.autopilot.items import FOLDED_FRAMES, Item
from sim.autopilot.machine import INFO, Machine
from sim.autopilot.spec import Kind
from sim.autopilot.telemetry import BUILDERS

if TYPE_CHECKING:
    from sim.autopilot.autopilot import Autopilot
    from sim.autopilot.link import Link

ACCEPTED, DENIED, UNSUPPORTED, FAILED = 0, 2, 3, 4  # MAV_RESULT
FORCE = 21196.0
MAX_RATE_HZ = 50.0
ONLY_TELEMETRY = frozenset({mavlink.MAV_CMD_SET_MESSAGE_INTERVAL, mavlink.MAV_CMD_REQUEST_MESSAGE})


@dataclass(frozen=True, slots=True)
class Call:
    """One command as it came. x, y are degrees times 1e7 in both kinds of message; NaN positions are 0."""

    command: int
    params: tuple[float, float, float, float]
    x: int
    y: int
    z: float
    frame: int
    is_int: bool

    def flag(self, index: int) -> bool:
        return self.params[index] > 0.5


Handler = Callable[["Autopilot", "Link", Call], int]


def execute(autopilot: "Autopilot", link: "Link", call: Call) -> int:
    """MAV_RESULT of a command."""
    handler = HANDLERS.get(call.command)
    return UNSUPPORTED if handler is None else handler(autopilot, link, call)


def target_of(machine: Machine, call: Call) -> PointEnu | None:
    """A point to go to; None for what is no place on earth or has no usable frame."""
    if call.frame not in FOLDED_FRAMES or not math.isfinite(call.z) or (call.x == 0 and call.y == 0):
        return None
    if abs(call.x) > 900_000_000 or abs(call.y) > 1_800_000_000:
        return None
    return machine.item_point(Item(call.command, FOLDED_FRAMES[call.frame], call.params, call.x, call.y, call.z))


def _arm(autopilot: "Autopilot", _link: "Link", call: Call) -> int:
    machine, forced = autopilot.machine, call.params[1] == FORCE
    done = machine.arm(forced=forced) if call.flag(0) else machine.disarm(forced=forced)
    return ACCEPTED if done else FAILED


def _take_off(autopilot: "Autopilot", _link: "Link", call: Call) -> int:
    machine = autopilot.machine
    if not isinstance(machine, Copter):
        return UNSUPPORTED
    return ACCEPTED if machine.take_off(call.z) else FAILED


def _set_mode(autopilot: "Autopilot", _link: "Link", call: Call) -> int:
    if not int(call.params[0]) & mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED:
        return DENIED
    return ACCEPTED if autopilot.machine.set_mode(int(call.params[1])) else FAILED


def _return(autopilot: "Autopilot", _link: "Link", _call: Call) -> int:
    machine = autopilot.machine
    return ACCEPTED if machine.set_mode(machine.returning) else FAILED


def _land(autopilot: "Autopilot", _link: "Link", _call: Call) -> int:
    machine = autopilot.machine
    if not isinstance(machine, Copter):
        return UNSUPPORTED
    return ACCEPTED if machine.set_mode(machine.mode_type.LAND) else FAILED


def _reposition(autopilot: "Autopilot", _link: "Link", call: Call) -> int:
    machine = autopilot.machine
    if not call.is_int:
        return UNSUPPORTED
    may_change_mode = bool(int(call.params[1]) & mavlink.MAV_DO_REPOSITION_FLAGS_CHANGE_MODE)
    target = target_of(machine, call)
    if target is None or (machine.mode is not machine.guided and not may_change_mode):
        return DENIED
    if not machine.may_go_to(target) or not machine.set_mode(machine.guided):
        return FAILED
    machine.go_to(target)
    return ACCEPTED


def _pause_or_continue(autopilot: "Autopilot", _link: "Link", call: Call) -> int:
    machine = autopilot.machine
    if machine.spec.kind is Kind.ROVER:
        return UNSUPPORTED
    if call.params[0] not in (0.0, 1.0):
        return DENIED
    return ACCEPTED if (machine.go_on() if call.flag(0) else machine.pause()) else FAILED


def _change_speed(autopilot: "Autopilot", _link: "Link", call: Call) -> int:
    machine, speed_m_s = autopilot.machine, call.params[1]
    if not 0 < speed_m_s < math.inf or call.params[0] not in (0.0, 1.0):
        return DENIED
    if machine.mode not in (machine.guided, machine.auto, machine.returning):
        return FAILED
    machine.speed_override_m_s = speed_m_s
    return ACCEPTED


def _look_at(autopilot: "Autopilot", _link: "Link", call: Call) -> int:
    machine = autopilot.machine
    if call.x == 0 and call.y == 0:
        machine.look_at(None)
        return ACCEPTED
    target = target_of(machine, call)
    if target is None:
        return FAILED
    machine.look_at(target)
    return ACCEPTED


def _look_ahead(autopilot: "Autopilot", _link: "Link", _call: Call) -> int:
    autopilot.machine.look_at(None)
    return ACCEPTED


def _gimbal(autopilot: "Autopilot", _link: "Link", call: Call) -> int:
    """MAV_CMD_DO_GIMBAL_MANAGER_PITCHYAW: a locked yaw is from north, another follows the nose."""
    machine = autopilot.machine
    if not machine.spec.has_gimbal:
        return UNSUPPORTED
    if not math.isfinite(call.params[0]):
        return DENIED
    machine.look_at(None)
    machine.gimbal_pitch_deg = max(-90.0, min(25.0, call.params[0]))
    is_locked = round(call.x / 1e7) & mavlink.GIMBAL_MANAGER_FLAGS_YAW_LOCK  # its fifth parameter
    if is_locked and math.isfinite(call.params[1]):
        machine.gimbal_heading_deg = call.params[1] % 360.0
    return ACCEPTED


def _turn(autopilot: "Autopilot", _link: "Link", call: Call) -> int:
    machine = autopilot.machine
    if not isinstance(machine, Copter):
        return UNSUPPORTED
    if not machine.is_under_way() or machine.mode not in (machine.guided, machine.auto):
        return FAILED
    way = -1.0 if call.params[2] < 0 else 1.0
    machine.turn_to(machine.motion.heading_deg + way * call.params[0] if call.flag(3) else call.params[0])
    return ACCEPTED


def _start_mission(autopilot: "Autopilot", _link: "Link", call: Call) -> int:
    if call.params[0] != 0 or call.params[1] != 0:
        return DENIED
    return ACCEPTED if autopilot.machine.start_mission() else FAILED


def _set_current(autopilot: "Autopilot", _link: "Link", call: Call) -> int:
    machine, seq = autopilot.machine, int(call.params[0])
    if call.params[1] == 1:
        machine.mission.reset()
        if machine.mode is machine.auto and machine.armed:
            machine.mission.start_or_resume()
    if seq < 0:  # -1: leave the sequence number alone
        return ACCEPTED
    return ACCEPTED if machine.mission.jump_to(seq) else DENIED


def _enable_fence(autopilot: "Autopilot", _link: "Link", call: Call) -> int:
    if call.params[0] not in (0.0, 1.0):
        return FAILED
    autopilot.machine.enable_fence(is_on=call.flag(0))
    return ACCEPTED


def _set_home(autopilot: "Autopilot", _link: "Link", call: Call) -> int:
    machine = autopilot.machine
    if not machine.ekf_ready:
        return FAILED
    place = machine.motion.point if call.flag(0) else target_of(machine, call)
    if place is None:
        return DENIED
    machine.home = PointEnu(place.east_m, place.north_m)
    machine.home_is_locked = True
    machine.home_was_told = False
    machine.settings_changed()  # circle and heights go with it
    return ACCEPTED


def _set_interval(autopilot: "Autopilot", link: "Link", call: Call) -> int:
    message_id, interval_us = int(call.params[0]), call.params[1]
    if message_id not in BUILDERS:
        autopilot.machine.say(INFO, f"No ap_message for mavlink id ({message_id})")
        return DENIED
    interval_s: float | None = max(interval_us / 1e6, 1 / MAX_RATE_HZ)
    if interval_us <= 0:  # 0: back to the default, which is silence for all but the heartbeat; -1: silence
        interval_s = 1.0 if interval_us == 0 and message_id == mavlink.MAVLINK_MSG_ID_HEARTBEAT else None
    link.set_interval(message_id, interval_s, now_s=autopilot.machine.now_s)
    return ACCEPTED


def _request_message(autopilot: "Autopilot", link: "Link", call: Call) -> int:
    message_id = int(call.params[0])
    if message_id not in BUILDERS:
        autopilot.machine.say(INFO, f"No ap_message for mavlink id ({message_id})")
        return DENIED
    autopilot.report(link, message_id)
    return ACCEPTED


def _request_capabilities(autopilot: "Autopilot", link: "Link", _call: Call) -> int:
    autopilot.report(link, mavlink.MAVLINK_MSG_ID_AUTOPILOT_VERSION)
    return ACCEPTED


def _run_checks(autopilot: "Autopilot", _link: "Link", _call: Call) -> int:
    return FAILED if autopilot.machine.armed else ACCEPTED


def _reboot(autopilot: "Autopilot", _link: "Link", call: Call) -> int:
    if autopilot.machine.armed or not call.flag(0):
        return FAILED
    autopilot.wants_reboot = True
    return ACCEPTED


HANDLERS: dict[int, Handler] = {
    mavlink.MAV_CMD_COMPONENT_ARM_DISARM: _arm,
    mavlink.MAV_CMD_NAV_TAKEOFF: _take_off,
    mavlink.MAV_CMD_NAV_RETURN_TO_LAUNCH: _return,
    mavlink.MAV_CMD_NAV_LAND: _land,
    mavlink.MAV_CMD_DO_SET_MODE: _set_mode,
    mavlink.MAV_CMD_DO_REPOSITION: _reposition,
    mavlink.MAV_CMD_DO_PAUSE_CONTINUE: _pause_or_continue,
    mavlink.MAV_CMD_DO_CHANGE_SPEED: _change_speed,
    mavlink.MAV_CMD_DO_SET_ROI_LOCATION: _look_at,
    mavlink.MAV_CMD_DO_SET_ROI: _look_at,
    mavlink.MAV_CMD_DO_SET_ROI_NONE: _look_ahead,
    mavlink.MAV_CMD_DO_GIMBAL_MANAGER_PITCHYAW: _gimbal,
    mavlink.MAV_CMD_CONDITION_YAW: _turn,
    mavlink.MAV_CMD_MISSION_START: _start_mission,
    mavlink.MAV_CMD_DO_SET_MISSION_CURRENT: _set_current,
    mavlink.MAV_CMD_DO_FENCE_ENABLE: _enable_fence,
    mavlink.MAV_CMD_DO_SET_HOME: _set_home,
    mavlink.MAV_CMD_SET_MESSAGE_INTERVAL: _set_interval,
    mavlink.MAV_CMD_REQUEST_MESSAGE: _request_message,
    mavlink.MAV_CMD_REQUEST_AUTOPILOT_CAPABILITIES: _request_capabilities,
    mavlink.MAV_CMD_RUN_PREARM_CHECKS: _run_checks,
    mavlink.MAV_CMD_PREFLIGHT_REBOOT_SHUTDOWN: _reboot,
}
