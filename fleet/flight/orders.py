"""What can be asked of a vehicle, as values; an order becomes a command only inside an Approval.

Heights are metres above home, speeds metres a second over ground.
"""

import uuid
from dataclasses import dataclass

from contract.geo import GeoPoint, GeoPolygon


@dataclass(frozen=True, slots=True)
class MissionItem:
    """One leg: fly or drive to `point`, stay `dwell_s`. `above_home_m` is None for a ground vehicle. `look_at`: points
    that it is turned to in turn while it stays, each for the same time."""

    point: GeoPoint
    above_home_m: float | None
    dwell_s: float = 0.0
    look_at: tuple[GeoPoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Exclusion:
    name: str
    polygon: GeoPolygon


@dataclass(frozen=True, slots=True)
class SafetyPlan:
    """What a vehicle must know to be safe without us (SAFETY 10), by meaning, not by parameter name."""

    inclusion: GeoPolygon
    exclusions: tuple[Exclusion, ...]
    ceiling_m: float | None  # None for a ground vehicle
    return_altitude_m: float | None
    rally: GeoPoint | None
    ground_station_system_id: int
    returns_to_rally: bool = False  # never home: that is a dock which may be shut


@dataclass(frozen=True, slots=True)
class UploadSafety:
    plan: SafetyPlan


@dataclass(frozen=True, slots=True)
class Launch:
    """From the ground to `above_home_m`; a ground vehicle is armed and stays (None)."""

    above_home_m: float | None


@dataclass(frozen=True, slots=True)
class GoTo:
    """To a point that is safe to be at, then look at another."""

    point: GeoPoint
    above_home_m: float | None
    speed_m_s: float
    look_at: GeoPoint | None = None


@dataclass(frozen=True, slots=True)
class LookAt:
    """Turn camera or nose to a point on the ground without going anywhere."""

    point: GeoPoint


@dataclass(frozen=True, slots=True)
class Orbit:
    """Round `centre` clockwise, `turns` times, looking at it; begins at `from_deg`, clockwise from north, as seen from
    the centre. What the circle is made of is fleet/flight/orbit.py."""

    centre: GeoPoint
    radius_m: float
    above_home_m: float | None
    speed_m_s: float
    from_deg: float
    turns: int = 1


@dataclass(frozen=True, slots=True)
class FlyMission:
    """Upload `items`, read back, start at `from_index` (index into items, from 0)."""

    items: tuple[MissionItem, ...]
    from_index: int
    speed_m_s: float


@dataclass(frozen=True, slots=True)
class Hold:
    pass


@dataclass(frozen=True, slots=True)
class ReturnHome:
    pass


@dataclass(frozen=True, slots=True)
class ToDock:
    """Fly to above the vehicle's own dock, at its own return height; the Land that follows goes into it."""

    point: GeoPoint
    above_home_m: float
    speed_m_s: float


@dataclass(frozen=True, slots=True)
class Land:
    pass


@dataclass(frozen=True, slots=True)
class HoldLow:
    """Straight down over `point`, where it is, to `above_home_m`, and stay there: how a copter gives way."""

    point: GeoPoint
    above_home_m: float


@dataclass(frozen=True, slots=True)
class Disarm:
    """On the ground only: what flies must say itself that it has landed, and be no higher than home."""


ComingHome = Hold | HoldLow | ReturnHome | Land  # HoldLow is the safety monitor's alone
Order = UploadSafety | Launch | GoTo | LookAt | Orbit | FlyMission | Hold | ReturnHome | ToDock | Land | Disarm


@dataclass(frozen=True, slots=True)
class Approval:
    """The gate's yes to one order for one vehicle, as clipped. Made by fleet/flight/gate.py and nobody else."""

    decision_id: uuid.UUID
    vehicle_id: str
    order: Order
    expires_at_us: int  # monotonic; a vehicle refuses to carry out an expired approval


@dataclass(frozen=True, slots=True)
class Sent:
    """What really went out, and when the vehicle said yes (monotonic, our clock)."""

    order: Order
    messages: tuple[str, ...]
    first_sent_at_us: int
    acknowledged_at_us: int | None
