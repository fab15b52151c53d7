"""A vehicle's own safe behaviour as parameters: by meaning, through a table per firmware version, with units.

One meaning has other names and other units in other versions (a return altitude in cm became one in m), so a value is
never written without its row here, and a version that is not in the table is not written to at all (SAFETY 10).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.site import VehicleKind
from fleet.flight.errors import CommandRefused, NoAnswer, NotConfirmed
from fleet.flight.mavlink_codec import AUTOPILOT_COMPONENT_ID, Message, finite
from fleet.flight.mavlink_port import Act, Inbox
from fleet.flight.orders import SafetyPlan

ANSWER_WITHIN_S = 0.5
TRIES = 8  # an unknown name gets no answer at all: that, too, costs this many tries
TOLERANCE_FRAC = 1e-4  # floats of 32 bits


class Meaning(str, Enum):
    """What a parameter does; values in the unit of the name."""

    GROUND_STATION_ID = "ground station system id"
    RETURN_ALTITUDE_M = "return altitude"
    CEILING_M = "fence ceiling"
    FENCE_TYPE = "fence type"
    FENCE_ACTION = "fence action"
    FENCE_ENABLED = "fence enabled"
    LINK_LOSS = "ground station failsafe"
    LINK_LOSS_ACTION = "failsafe action"
    LOW_BATTERY_ACTION = "low battery action"
    RETURN_MAY_BE_HOME = "home beside the rally point"
    RALLY_LIMIT_KM = "rally point's reach"


@dataclass(frozen=True, slots=True)
class Name:
    """One name of a parameter and how many of its units make one of the meaning's."""

    name: str
    units: float = 1.0


Names = Mapping[Meaning, tuple[Name, ...]]  # tried in this order; an unknown name is silence

_SINCE_4_5: Names = {
    Meaning.GROUND_STATION_ID: (Name("SYSID_MYGCS"), Name("MAV_GCS_SYSID")),
    Meaning.RETURN_ALTITUDE_M: (Name("RTL_ALT", 100.0), Name("RTL_ALT_M")),
    Meaning.CEILING_M: (Name("FENCE_ALT_MAX"),),
    Meaning.FENCE_TYPE: (Name("FENCE_TYPE"),),
    Meaning.FENCE_ACTION: (Name("FENCE_ACTION"),),
    Meaning.FENCE_ENABLED: (Name("FENCE_ENABLE"),),
    Meaning.LINK_LOSS: (Name("FS_GCS_ENABLE"),),
    Meaning.LINK_LOSS_ACTION: (Name("FS_ACTION"),),
    Meaning.LOW_BATTERY_ACTION: (Name("BATT_FS_LOW_ACT"),),
    Meaning.RETURN_MAY_BE_HOME: (Name("RALLY_INCL_HOME"),),
    Meaning.RALLY_LIMIT_KM: (Name("RALLY_LIMIT_KM"),),
}
_SINCE_4_7_DEV: Names = {**_SINCE_4_5, Meaning.GROUND_STATION_ID: (Name("MAV_GCS_SYSID"), Name("SYSID_MYGCS"))}
_SINCE_4_7: Names = {**_SINCE_4_7_DEV, Meaning.RETURN_ALTITUDE_M: (Name("RTL_ALT_M"), Name("RTL_ALT", 100.0))}
_TABLE: Mapping[tuple[int, int, bool], Names] = {  # major, minor, is a development build
    (4, 5, False): _SINCE_4_5,
    (4, 6, False): _SINCE_4_5,
    (4, 6, True): _SINCE_4_5,
    (4, 7, True): _SINCE_4_7_DEV,
    (4, 7, False): _SINCE_4_7,
}

# Copter: polygons (4) and the ceiling (1); never the circle (2), whose 150 m nobody here chose. Rover: polygons.
COPTER_FENCE_TYPE, ROVER_FENCE_TYPE = 5.0, 4.0
COPTER_RTL, COPTER_BATTERY_RTL, COPTER_FENCE_RTL = 1.0, 2.0, 1.0
# A rover that nobody listens to stops: a straight line home on the ground crosses whatever is in the way.
ROVER_LINK_LOSS_ON, ROVER_HOLD = 1.0, 2.0


def _names(version: int) -> Names | None:
    major, minor, kind = version >> 24 & 0xFF, version >> 16 & 0xFF, version & 0xFF
    return _TABLE.get((major, minor, kind == mavlink.FIRMWARE_VERSION_TYPE_DEV))


def listed_versions() -> tuple[tuple[int, int, bool], ...]:
    """Major, minor, is a development build: those whose names and units are known."""
    return tuple(_TABLE)


def is_listed(version: int) -> bool:
    """Do we know the names and units of this AUTOPILOT_VERSION.flight_sw_version?"""
    return _names(version) is not None


def wanted(plan: SafetyPlan, kind: VehicleKind) -> dict[Meaning, float]:
    """What must stand in the vehicle, in the units of the meanings; the fence goes on last."""
    always = {
        Meaning.GROUND_STATION_ID: float(plan.ground_station_system_id),
        Meaning.FENCE_TYPE: COPTER_FENCE_TYPE if kind.flies else ROVER_FENCE_TYPE,
        Meaning.FENCE_ACTION: COPTER_FENCE_RTL if kind.flies else ROVER_HOLD,
        Meaning.LINK_LOSS: COPTER_RTL if kind.flies else ROVER_LINK_LOSS_ON,
        Meaning.LOW_BATTERY_ACTION: COPTER_BATTERY_RTL if kind.flies else ROVER_HOLD,
    }
    if not kind.flies:
        return {**always, Meaning.LINK_LOSS_ACTION: ROVER_HOLD, Meaning.FENCE_ENABLED: 1.0}
    if plan.ceiling_m is None or plan.return_altitude_m is None:
        raise CommandRefused("a copter's safety plan needs a ceiling and a return altitude")
    heights = {Meaning.CEILING_M: plan.ceiling_m, Meaning.RETURN_ALTITUDE_M: plan.return_altitude_m}
    # AP_Rally: without home among the choices and without a limit, a return goes to the rally point from anywhere.
    away = {Meaning.RETURN_MAY_BE_HOME: 0.0, Meaning.RALLY_LIMIT_KM: 0.0} if plan.returns_to_rally else {}
    return {**always, **heights, **away, Meaning.FENCE_ENABLED: 1.0}


class Parameters:
    """Reads and writes of one vehicle's parameters, by meaning."""

    def __init__(self, act: Act, *, version: int) -> None:
        names = _names(version)
        if names is None:
            raise CommandRefused(f"{act.name}: firmware version {version:#010x} is not in the parameter table")
        self._act = act
        self._names = names

    async def read(self, meaning: Meaning) -> tuple[Name, float]:
        """The name this vehicle knows it by, and its value in the meaning's unit. Raises NoAnswer."""
        tried = self._names[meaning]
        for name in tried:
            value = await self._ask(name.name)
            if value is not None:
                return name, value / name.units
        names = " or ".join(name.name for name in tried)
        raise NoAnswer(f"{self._act.name}: {meaning.value}: no answer to {names}")

    async def write(self, meaning: Meaning, name: Name, value: float) -> None:
        """Set and read back. Raises NotConfirmed when another value comes back, NoAnswer."""
        act, raw = self._act, value * name.units
        with act.port.listening("PARAM_VALUE") as inbox:
            for attempt in range(TRIES):
                said = f"PARAM_SET {name.name} {raw:g}" if attempt == 0 else None
                act.send(_set_message(act.port.system_id, name.name, raw), said=said)
                if await self._value_of(name.name, inbox) is not None:
                    break
        held = await self._ask(name.name)
        if held is None:
            raise NoAnswer(f"{act.name}: {meaning.value}: {name.name} does not answer any more")
        if not is_same(held, raw):
            raise NotConfirmed(f"{act.name}: {meaning.value}: expected {name.name} {raw:g}, it holds {held:g}")

    async def _ask(self, name: str) -> float | None:
        port = self._act.port
        request = parameter_request(port.system_id, name)
        with port.listening("PARAM_VALUE") as inbox:
            for _ in range(TRIES):
                port.send_harmless(request)
                value = await self._value_of(name, inbox)
                if value is not None:
                    return value
        return None

    async def _value_of(self, name: str, inbox: Inbox) -> float | None:
        until_us = self._act.port.now_us() + round(ANSWER_WITHIN_S * 1e6)
        while (answer := await self._act.take(inbox, until_us=until_us)) is not None:
            if str(answer.param_id).rstrip("\0") == name:
                return finite(answer.param_value)
        return None


def is_same(a: float, b: float) -> bool:
    """What is no finite number is never the same."""
    return math.isfinite(a) and math.isfinite(b) and abs(a - b) <= TOLERANCE_FRAC * max(abs(a), abs(b), 1.0)


def parameter_request(system_id: int, name: str) -> Message:
    return mavlink.MAVLink_param_request_read_message(system_id, AUTOPILOT_COMPONENT_ID, name.encode(), -1)


def _set_message(system_id: int, name: str, value: float) -> Message:
    """ArduPilot takes values as floats whatever the type it keeps."""
    return mavlink.MAVLink_param_set_message(
        system_id, AUTOPILOT_COMPONENT_ID, name.encode(), value, mavlink.MAV_PARAM_TYPE_REAL32
    )
