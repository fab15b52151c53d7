"""Mode numbers of ArduPilot, by kind of vehicle. The same word has another number on the other kind."""

from enum import IntEnum


class CopterMode(IntEnum):
    STABILIZE = 0
    ALT_HOLD = 2
    AUTO = 3
    GUIDED = 4
    LOITER = 5
    RTL = 6
    CIRCLE = 7
    LAND = 9
    POSHOLD = 16
    BRAKE = 17
    SMART_RTL = 21


class RoverMode(IntEnum):
    MANUAL = 0
    HOLD = 4
    LOITER = 5
    AUTO = 10
    RTL = 11
    SMART_RTL = 12
    GUIDED = 15
    INITIALISING = 16


NEEDS_POSITION: frozenset[IntEnum] = frozenset(
    {
        *(CopterMode.AUTO, CopterMode.GUIDED, CopterMode.LOITER, CopterMode.RTL, CopterMode.POSHOLD, CopterMode.BRAKE),
        *(RoverMode.AUTO, RoverMode.GUIDED, RoverMode.LOITER, RoverMode.RTL),
    }
)
# Known numbers this simulation cannot fly: asking for one is refused, as for a mode the firmware was built without.
NOT_SIMULATED: frozenset[IntEnum] = frozenset(
    {CopterMode.CIRCLE, CopterMode.SMART_RTL, RoverMode.SMART_RTL, RoverMode.INITIALISING}
)
ARMABLE: frozenset[IntEnum] = frozenset(
    {
        *(CopterMode.STABILIZE, CopterMode.ALT_HOLD, CopterMode.LOITER, CopterMode.POSHOLD, CopterMode.GUIDED),
        *(RoverMode.MANUAL, RoverMode.HOLD, RoverMode.LOITER, RoverMode.AUTO, RoverMode.GUIDED),
    }
)
