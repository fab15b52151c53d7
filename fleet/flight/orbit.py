"""A circle as the straight legs it is flown by, the same for the gate that judges it and the vehicle that flies it.

The trap: the legs run inside the circle. There are so many of them that none leaves it by more than `SAG_M`.
"""

import math

from contract.geo import LocalFrame, PointEnu
from fleet.flight.orders import FlyMission, MissionItem, Orbit

SAG_M = 0.5  # less than the error of a position
LEGS_AT_LEAST = 12
RADIUS_AT_LEAST_M, RADIUS_AT_MOST_M = 5.0, 200.0  # below, ArduPilot's waypoint radius of 2 m eats the corners
TURNS_AT_MOST = 10


def orbit_refusals(order: Orbit) -> list[str]:
    """What makes an orbit no orbit at all."""
    reasons = []
    if not RADIUS_AT_LEAST_M <= order.radius_m <= RADIUS_AT_MOST_M:
        expected = f"{RADIUS_AT_LEAST_M:.0f} to {RADIUS_AT_MOST_M:.0f} m"
        reasons.append(f"expected an orbit with a radius of {expected}, got {order.radius_m} m")
    if not math.isfinite(order.from_deg):
        reasons.append(f"expected a direction in which the orbit begins, got {order.from_deg}")
    if not 1 <= order.turns <= TURNS_AT_MOST:
        reasons.append(f"expected 1 to {TURNS_AT_MOST} turns of an orbit, got {order.turns}")
    return reasons


def mission_of_orbit(order: Orbit) -> FlyMission:
    """Clockwise from `from_deg` and back to it, `turns` times. The order must be one that `orbit_refusals` accepts.

    A chord of n to the circle is r (1 - cos(pi / n)) away from it in its middle.
    """
    legs = max(LEGS_AT_LEAST, math.ceil(math.pi / math.acos(1.0 - SAG_M / order.radius_m)))
    frame = LocalFrame(order.centre, ground_amsl_m=0.0)
    ring = []
    for i in range(legs):
        bearing = math.radians(order.from_deg) + 2.0 * math.pi * i / legs
        point = PointEnu(order.radius_m * math.sin(bearing), order.radius_m * math.cos(bearing))
        ring.append(MissionItem(frame.to_geo(point)[0], order.above_home_m))
    return FlyMission((*ring * order.turns, ring[0]), from_index=0, speed_m_s=order.speed_m_s)
