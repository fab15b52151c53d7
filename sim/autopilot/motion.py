"""How a body moves when it is asked to: speeds, accelerations and turns are limited, nothing jumps.

East, north, up in metres from where the vehicle was switched on; up 0 is the ground, which is flat here.
"""

import math
from dataclasses import dataclass

from contract.geo import PointEnu

GRAVITY_M_S2 = 9.81
TERMINAL_FALL_M_S = 25.0  # a quad that tumbles
DRAG_PER_M = 0.0018  # tangent of a quad's lean for each (m/s)^2 of air: 10 deg at 10 m/s, 18 m/s at 30 deg


@dataclass(slots=True)
class Motion:
    """Where a body is, how it moves, where its nose points (clockwise from north)."""

    east_m: float = 0.0
    north_m: float = 0.0
    up_m: float = 0.0
    east_m_s: float = 0.0
    north_m_s: float = 0.0
    up_m_s: float = 0.0
    heading_deg: float = 0.0
    turn_deg_s: float = 0.0
    accel_east_m_s2: float = 0.0
    accel_north_m_s2: float = 0.0

    @property
    def ground_speed_m_s(self) -> float:
        return math.hypot(self.east_m_s, self.north_m_s)

    def through_air_m_s(self, wind_m_s: tuple[float, float]) -> tuple[float, float]:
        """Velocity east and north relative to air that moves with `wind_m_s`."""
        return self.east_m_s - wind_m_s[0], self.north_m_s - wind_m_s[1]

    @property
    def point(self) -> PointEnu:
        return PointEnu(self.east_m, self.north_m, self.up_m)

    def stopping_point(self, accel_m_s2: float) -> PointEnu:
        """Where it comes to rest when it brakes now."""
        speed = self.ground_speed_m_s
        ahead_s = speed / (2 * accel_m_s2)
        return PointEnu(self.east_m + self.east_m_s * ahead_s, self.north_m + self.north_m_s * ahead_s, self.up_m)

    def fly(
        self, *, east_m_s: float, north_m_s: float, up_m_s: float, accel_m_s2: float, accel_up_m_s2: float, dt_s: float
    ) -> None:
        """Change velocity towards the demand no faster than the accelerations allow, then move."""
        change_east, change_north = east_m_s - self.east_m_s, north_m_s - self.north_m_s
        change = math.hypot(change_east, change_north)
        share = min(1.0, accel_m_s2 * dt_s / change) if change > 0 else 0.0
        self.accel_east_m_s2 = change_east * share / dt_s
        self.accel_north_m_s2 = change_north * share / dt_s
        self.east_m_s += change_east * share
        self.north_m_s += change_north * share
        self.up_m_s += limited(up_m_s - self.up_m_s, accel_up_m_s2 * dt_s)
        self._move(dt_s)

    def fall(self, *, wind_east_m_s: float, wind_north_m_s: float, dt_s: float) -> None:
        """Motors off: gravity and wind decide."""
        share = min(1.0, dt_s / 2.0)
        self.east_m_s += (wind_east_m_s - self.east_m_s) * share
        self.north_m_s += (wind_north_m_s - self.north_m_s) * share
        self.up_m_s = max(self.up_m_s - GRAVITY_M_S2 * dt_s, -TERMINAL_FALL_M_S)
        self._move(dt_s)

    def drive(self, *, speed_m_s: float, accel_m_s2: float, dt_s: float) -> None:
        """On wheels: along the nose only. A turn just made has turned the way, not taken speed."""
        now_m_s = math.copysign(self.ground_speed_m_s, self.forward_speed_m_s)
        new_m_s = now_m_s + limited(speed_m_s - now_m_s, accel_m_s2 * dt_s)
        heading = math.radians(self.heading_deg)
        self.east_m_s, self.north_m_s = new_m_s * math.sin(heading), new_m_s * math.cos(heading)
        self._move(dt_s)

    @property
    def forward_speed_m_s(self) -> float:
        heading = math.radians(self.heading_deg)
        return self.east_m_s * math.sin(heading) + self.north_m_s * math.cos(heading)

    def turn(self, heading_deg: float, *, rate_deg_s: float, dt_s: float) -> None:
        """Turn the short way towards a heading."""
        change = limited(turn_between_deg(self.heading_deg, heading_deg), rate_deg_s * dt_s)
        self.heading_deg = (self.heading_deg + change) % 360.0
        self.turn_deg_s = change / dt_s

    def rest(self) -> None:
        """On the ground, still."""
        self.up_m = 0.0
        self.east_m_s = self.north_m_s = self.up_m_s = self.turn_deg_s = 0.0
        self.accel_east_m_s2 = self.accel_north_m_s2 = 0.0

    def _move(self, dt_s: float) -> None:
        self.east_m += self.east_m_s * dt_s
        self.north_m += self.north_m_s * dt_s
        self.up_m += self.up_m_s * dt_s


def air_speed_at_lean_m_s(lean_rad: float) -> float:
    """Steady speed through the air of a quad that leans so far."""
    return math.sqrt(math.tan(lean_rad) / DRAG_PER_M)


def limited(value: float, limit: float) -> float:
    return max(-limit, min(limit, value))


def turn_between_deg(start_deg: float, end_deg: float) -> float:
    """The short way round, -180 to 180."""
    return (end_deg - start_deg + 180.0) % 360.0 - 180.0


def approach_speed_m_s(distance_m: float, *, speed_m_s: float, accel_m_s2: float) -> float:
    """Fastest speed from which it still stops at the target: proportional close by, square root further out."""
    linear_m = accel_m_s2  # with a gain of 1/s the two branches meet here
    if distance_m <= linear_m:
        return min(speed_m_s, distance_m)
    return min(speed_m_s, math.sqrt(2 * accel_m_s2 * (distance_m - linear_m / 2)))
