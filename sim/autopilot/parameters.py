"""The parameters a vehicle keeps, by the names and units of its firmware.

Inside, one name and one unit each (4.6's); on the wire 4.7 has other names and other units for the same meaning.
"""

from dataclasses import dataclass

from sim.autopilot.spec import Firmware

REAL32, INT8, INT16, INT32 = 9, 2, 4, 6  # MAV_PARAM_TYPE

COPTER: dict[str, tuple[float, int]] = {
    "SYSID_THISMAV": (1, INT16),
    "SYSID_MYGCS": (255, INT16),
    "SR0_POSITION": (0, INT16),
    "SR0_EXTRA1": (0, INT16),
    "SR0_EXT_STAT": (0, INT16),
    "ARMING_CHECK": (1, INT32),
    "DISARM_DELAY": (10, INT8),  # s
    "ANGLE_MAX": (3000, INT16),  # cdeg of lean
    "PILOT_SPEED_UP": (250, INT16),  # cm/s
    "PILOT_SPEED_DN": (0, INT16),  # cm/s; 0: as up
    "WPNAV_SPEED": (1000, REAL32),  # cm/s
    "WPNAV_SPEED_UP": (250, REAL32),  # cm/s
    "WPNAV_SPEED_DN": (150, REAL32),  # cm/s
    "WPNAV_ACCEL": (250, REAL32),  # cm/s/s
    "WPNAV_ACCEL_Z": (100, REAL32),  # cm/s/s
    "WPNAV_RADIUS": (200, REAL32),  # cm
    "WP_YAW_BEHAVIOR": (2, INT8),  # nose to the next waypoint, except in RTL
    "LAND_SPEED": (50, INT16),  # cm/s
    "LAND_ALT_LOW": (1000, INT16),  # cm
    "RTL_ALT": (1500, INT32),  # cm above home
    "RTL_CLIMB_MIN": (0, INT16),  # cm
    "RTL_CONE_SLOPE": (3, REAL32),
    "RTL_SPEED": (0, INT16),  # cm/s; 0: WPNAV_SPEED
    "RTL_LOIT_TIME": (5000, INT32),  # ms
    "MIS_RESTART": (0, INT8),
    "FS_GCS_ENABLE": (0, INT8),
    "FS_GCS_TIMEOUT": (5, REAL32),  # s
    "FS_EKF_ACTION": (1, INT8),
    "FS_OPTIONS": (16, INT32),
    "FENCE_ENABLE": (0, INT8),
    "FENCE_TYPE": (7, INT8),
    "FENCE_ACTION": (1, INT8),
    "FENCE_ALT_MAX": (100, REAL32),  # m above home
    "FENCE_ALT_MIN": (-10, REAL32),  # m above home
    "FENCE_RADIUS": (150, REAL32),  # m about home
    "FENCE_MARGIN": (2, REAL32),  # m
    "FENCE_TOTAL": (0, INT8),
    "AVOID_ENABLE": (3, INT8),
    "RALLY_TOTAL": (0, INT8),
    "RALLY_LIMIT_KM": (0.3, REAL32),
    "RALLY_INCL_HOME": (1, INT8),
    "BATT_CAPACITY": (5200, INT32),  # mAh
    "BATT_LOW_VOLT": (10.5, REAL32),
    "BATT_LOW_MAH": (0, REAL32),
    "BATT_LOW_TIMER": (10, INT8),  # s
    "BATT_CRT_VOLT": (0, REAL32),
    "BATT_CRT_MAH": (0, REAL32),
    "BATT_FS_LOW_ACT": (0, INT8),
    "BATT_FS_CRT_ACT": (0, INT8),
    "BATT_ARM_MAH": (0, INT32),
    "MNT1_TYPE": (1, INT8),
    "INITIAL_MODE": (0, INT8),
}

_COPTER_ONLY = ("ANGLE_MAX", "PILOT_", "WPNAV_", "LAND_", "RTL_", "DISARM_DELAY", "WP_YAW", "FS_EKF", "RALLY_INCL")
ROVER: dict[str, tuple[float, int]] = {
    **{name: row for name, row in COPTER.items() if not name.startswith(_COPTER_ONLY)},
    "FENCE_TYPE": (6, INT8),
    "WP_SPEED": (2, REAL32),  # m/s
    "WP_RADIUS": (2, REAL32),  # m
    "RTL_SPEED": (0, REAL32),  # m/s; 0: WP_SPEED
    "CRUISE_SPEED": (2, REAL32),  # m/s
    "ATC_ACCEL_MAX": (1, REAL32),  # m/s/s
    "ATC_STR_RAT_MAX": (120, REAL32),  # deg/s
    "FS_ACTION": (2, INT8),  # 1 RTL, 2 HOLD
    "FS_TIMEOUT": (1.5, REAL32),  # s
    "RALLY_INCL_HOME": (1, INT8),
    "BATT_CAPACITY": (10000, INT32),  # mAh
}

# 4.6 name -> (newer name, newer value for one 4.6 unit)
_IDS_RENAMED: dict[str, tuple[str, float]] = {
    "SYSID_THISMAV": ("MAV_SYSID", 1),
    "SYSID_MYGCS": ("MAV_GCS_SYSID", 1),
    "SR0_POSITION": ("MAV1_POSITION", 1),
    "SR0_EXTRA1": ("MAV1_EXTRA1", 1),
    "SR0_EXT_STAT": ("MAV1_EXT_STAT", 1),
}
RENAMED: dict[Firmware, dict[str, tuple[str, float]]] = {
    "4.6": {},
    "4.7-dev": _IDS_RENAMED,
    "4.7": {**_IDS_RENAMED, "RTL_ALT": ("RTL_ALT_M", 0.01), "WPNAV_SPEED": ("WP_SPD", 0.01)},
}


@dataclass(frozen=True, slots=True)
class WireValue:
    """A parameter as PARAM_VALUE says it."""

    name: str
    value: float
    type: int
    index: int


class Parameters:
    """All parameters of one vehicle."""

    def __init__(self, table: dict[str, tuple[float, int]], *, firmware: Firmware) -> None:
        self._values = {name: float(value) for name, (value, _) in table.items()}
        self._types = {name: kind for name, (_, kind) in table.items()}
        self._wire = {name: RENAMED[firmware].get(name, (name, 1.0)) for name in table}
        self._skips = firmware == "4.7"
        if self._skips:
            self._wire["ARMING_CHECK"] = ("ARMING_SKIPCHK", 1.0)
            self._values["ARMING_CHECK"] = 0.0  # the other way round: which checks to skip
        self._by_wire = {wire: name for name, (wire, _) in self._wire.items()}
        self._order = sorted(self._by_wire)

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    @property
    def checks_before_arming(self) -> bool:
        """ARMING_CHECK names what to check, ARMING_SKIPCHK (4.7) what to skip."""
        return (self["ARMING_CHECK"] == 0) == self._skips

    def set_inside(self, name: str, value: float) -> None:
        """What the vehicle itself changes (FENCE_ENABLE by command)."""
        self._values[name] = value

    def __len__(self) -> int:
        return len(self._order)

    def read(self, wire_name: str) -> WireValue | None:
        name = self._by_wire.get(wire_name)
        if name is None:
            return None
        value = self._values[name] * self._wire[name][1]
        return WireValue(wire_name, value, self._types[name], self._order.index(wire_name))

    def read_at(self, index: int) -> WireValue | None:
        return self.read(self._order[index]) if 0 <= index < len(self._order) else None

    def write(self, wire_name: str, value: float) -> WireValue | None:
        """None for a name this firmware does not have: no answer then."""
        name = self._by_wire.get(wire_name)
        if name is None or value != value:  # noqa: PLR0124 - NaN
            return None
        whole = value if self._types[name] == REAL32 else float(round(value))
        self._values[name] = whole / self._wire[name][1]
        return self.read(wire_name)
