"""What makes one simulated vehicle: who it is, where it stands, how its world is. Heights of `home` are AMSL."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from contract.geo import GeoPoint

Firmware = Literal["4.6", "4.7-dev", "4.7"]


class Kind(str, Enum):
    COPTER = "copter"
    ROVER = "rover"


@dataclass(frozen=True, slots=True)
class AutopilotSpec:
    """One vehicle. `connect` is where the UDP rim sends it: udpout:127.0.0.1:PORT, or tcp:127.0.0.1:PORT to listen."""

    kind: Kind
    system_id: int
    home: GeoPoint
    home_amsl_m: float
    heading_deg: float = 0.0
    connect: str = "udpout:127.0.0.1:14550"
    boot_s_already: float = 0.0  # how long ago it was switched on, in its own seconds
    seed: int = 1
    firmware: Firmware = "4.6"
    wind_m_s: float = 3.0
    wind_from_deg: float = 250.0
    battery_frac: float = 1.0  # charge when switched on
    has_gimbal: bool = True  # else its camera is fixed to the nose
    asks_with_mission_request: bool = False  # as some firmware does even for INT uploads
