"""What other ground stations do to a vehicle, as far as it can be heard on our link. No I/O.

Nobody tells us: there is no "somebody else commanded me". What gives it away is an acknowledgement that names somebody
else, a parameter that is no longer what we read back, and a target that is no longer ours. On a link of its own another
station's acknowledgements are not heard; a changed mode, target or parameter is, whoever changed it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.geo import GeoPoint, distance_m
from fleet.flight.ardupilot_parameters import is_same
from fleet.flight.mavlink_codec import Message, finite
from fleet.flight.telemetry import Telemetry
from fleet.flight.vehicle import FlightMode

SAME_TARGET_M = 1.5
OTHER_TARGET_M = 5.0  # further than any rounding of ours
LATE_US = 2_000_000  # so late a value from before our own write may still come

# What tells, films or turns a camera. Everything else that another station commands may move the vehicle.
_READS = frozenset(
    {
        mavlink.MAV_CMD_GET_MESSAGE_INTERVAL,
        mavlink.MAV_CMD_SET_MESSAGE_INTERVAL,
        mavlink.MAV_CMD_REQUEST_MESSAGE,
        mavlink.MAV_CMD_REQUEST_PROTOCOL_VERSION,
        mavlink.MAV_CMD_REQUEST_AUTOPILOT_CAPABILITIES,
        mavlink.MAV_CMD_DO_GIMBAL_MANAGER_PITCHYAW,
        mavlink.MAV_CMD_DO_GIMBAL_MANAGER_CONFIGURE,
        mavlink.MAV_CMD_DO_DIGICAM_CONFIGURE,
        mavlink.MAV_CMD_DO_DIGICAM_CONTROL,
        mavlink.MAV_CMD_DO_MOUNT_CONFIGURE,
        mavlink.MAV_CMD_DO_MOUNT_CONTROL,
    }
)
_CAMERA_FROM, _CAMERA_BEFORE = mavlink.MAV_CMD_IMAGE_START_CAPTURE, mavlink.MAV_CMD_CONTROL_HIGH_LATENCY
_KINDS = {0: "mission", 1: "fence", 2: "rally points"}  # MAV_MISSION_TYPE
_TAKEN = (mavlink.MAV_RESULT_ACCEPTED, mavlink.MAV_RESULT_IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that we did not do, in words. `undoes_safety`: fence, rally point or failsafes may not be ours now."""

    what: str
    undoes_safety: bool = False


@dataclass(slots=True)
class OtherStations:
    """Of one vehicle. `us` and `vehicle`: (system, component) and system id.

    `held`: parameters by name as we read them back. `sent_to`: the point of our last confirmed order in GUIDED.
    """

    us: tuple[int, int]
    vehicle: int
    held: Mapping[str, float] = field(default_factory=dict)
    safety_doubts: int = 0  # acts so far that undo it
    _doubted: dict[str, int] = field(default_factory=dict)  # parameters that were told to be others, since when
    _sent_to: GeoPoint | None = None
    _was_shown: bool = False
    _other_since_us: int | None = None

    def expect_parameters(self, held: Mapping[str, float]) -> None:
        self.held = held
        self._doubted.clear()

    def expect_target(self, point: GeoPoint | None) -> None:
        """None: it goes nowhere that we told it to."""
        self._sent_to, self._was_shown, self._other_since_us = point, False, None

    def hear(self, message: Message, telemetry: Telemetry, now_us: int) -> Act | None:
        """One message of the vehicle, and what it is known to do after it."""
        act = self._act(message, telemetry, now_us)
        self.safety_doubts += act is not None and act.undoes_safety
        return act

    def _act(self, message: Message, telemetry: Telemetry, now_us: int) -> Act | None:
        name = message.get_type()
        if name == "COMMAND_ACK":
            return self._hear_ack(message)
        if name == "MISSION_ACK":
            return self._hear_mission_ack(message)
        if name == "PARAM_VALUE":
            return self._hear_parameter(message, now_us)
        if name == "POSITION_TARGET_GLOBAL_INT":
            return self._hear_target(telemetry, now_us)
        return None

    def _other(self, message: Message) -> int | None:
        """System id of the station that is answered, when it is another; what the vehicle carries is the vehicle."""
        to = (int(message.target_system), int(message.target_component))
        return None if to == self.us or to[0] in (0, self.vehicle) else to[0]

    def _hear_ack(self, message: Message) -> Act | None:
        other, command = self._other(message), int(message.command)
        if other is None or int(message.result) not in _TAKEN or not may_move(command):
            return None
        undoes_safety = command in (mavlink.MAV_CMD_DO_FENCE_ENABLE, mavlink.MAV_CMD_PREFLIGHT_STORAGE)
        return Act(f"ground station {other} commanded {_name(command)}", undoes_safety)

    def _hear_mission_ack(self, message: Message) -> Act | None:
        other, kind = self._other(message), int(message.mission_type)
        if other is None or int(message.type) != mavlink.MAV_MISSION_ACCEPTED:
            return None
        return Act(f"ground station {other} changed its {_KINDS.get(kind, 'plans')}", undoes_safety=kind != 0)

    def _hear_parameter(self, message: Message, now_us: int) -> Act | None:
        """Another value that is told again after anything late has come."""
        name, value = str(message.param_id).rstrip("\0"), finite(message.param_value)
        held = self.held.get(name)
        if held is None or value is None:
            return None
        if is_same(value, held):
            self._doubted.pop(name, None)
            return None
        if now_us - self._doubted.setdefault(name, now_us) < LATE_US:
            return None
        del self._doubted[name]
        return Act(f"{name} was changed from {held:g} to {value:g}", undoes_safety=True)

    def doubted(self, now_us: int) -> tuple[str, ...]:
        """Parameters to be asked for again now."""
        return tuple(name for name, since_us in self._doubted.items() if now_us - since_us >= LATE_US)

    def _hear_target(self, telemetry: Telemetry, now_us: int) -> Act | None:
        """Two reports of another target, and a heartbeat between them that still says GUIDED: coming home has targets
        of its own."""
        target, state = telemetry.target, telemetry.state
        if self._sent_to is None or target is None or state.mode is not FlightMode.GUIDED:
            self._other_since_us = None
            return None
        away_m = distance_m(target, self._sent_to)
        if away_m <= OTHER_TARGET_M or not self._was_shown:
            self._was_shown = self._was_shown or away_m <= SAME_TARGET_M
            self._other_since_us = None
            return None
        if self._other_since_us is None:
            self._other_since_us = now_us
        if (telemetry.mode_at_us or 0) <= self._other_since_us:
            return None
        self.expect_target(None)
        return Act(f"its target was moved by {away_m:.0f} m")


def may_move(command: int) -> bool:
    """MAV_CMD."""
    return command not in _READS and not _CAMERA_FROM <= command < _CAMERA_BEFORE


def _name(command: int) -> str:
    if command == mavlink.MAVLINK_MSG_ID_SET_MODE:  # the old message is answered under its own number
        return "SET_MODE"
    entry = mavlink.enums["MAV_CMD"].get(command)
    return f"command {command}" if entry is None else str(entry.name).removeprefix("MAV_CMD_")
