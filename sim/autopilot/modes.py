"""Mode numbers of ArduPilot, by kind of vehicle. The same number means another mode on the other kind.

Modes of the two kinds never share a set: as integers POSHOLD and INITIALISING are equal.
"""

from dataclasses import dataclass
from enum import IntEnum


class Mode(IntEnum):
    """A number as in HEARTBEAT.custom_mode."""

    @property
    def needs_position(self) -> bool:
        return self in _TRAITS[type(self)].needs_position

    @property
    def is_armable(self) -> bool:
        return self in _TRAITS[type(self)].armable

    @property
    def is_simulated(self) -> bool:
        """Others are refused, as a mode is that the firmware was built without."""
        return self not in _TRAITS[type(self)].not_simulated


class CopterMode(Mode):
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


class RoverMode(Mode):
    MANUAL = 0
    HOLD = 4
    LOITER = 5
    AUTO = 10
    RTL = 11
    SMART_RTL = 12
    GUIDED = 15
    INITIALISING = 16


@dataclass(frozen=True, slots=True)
class _Traits:
    needs_position: frozenset[Mode]
    armable: frozenset[Mode]
    not_simulated: frozenset[Mode]


_C, _R = CopterMode, RoverMode
_TRAITS: dict[type[Mode], _Traits] = {
    CopterMode: _Traits(
        needs_position=frozenset({_C.AUTO, _C.GUIDED, _C.LOITER, _C.RTL, _C.POSHOLD, _C.BRAKE}),
        armable=frozenset({_C.STABILIZE, _C.ALT_HOLD, _C.LOITER, _C.POSHOLD, _C.GUIDED}),
        not_simulated=frozenset({_C.CIRCLE, _C.SMART_RTL}),
    ),
    RoverMode: _Traits(
        needs_position=frozenset({_R.AUTO, _R.GUIDED, _R.LOITER, _R.RTL}),
        armable=frozenset({_R.MANUAL, _R.HOLD, _R.LOITER, _R.AUTO, _R.GUIDED}),
        not_simulated=frozenset({_R.SMART_RTL, _R.INITIALISING}),
    ),
}
