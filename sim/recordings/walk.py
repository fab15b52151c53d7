"""Where the demo's intruder is at a moment, and how his limbs are: pure, no renderer.

His place is the point of the ground under his hips. Time starts with the fixed camera's recording; he never stops
pacing, so a recording may begin at any time.
"""

import math
from dataclasses import dataclass
from itertools import chain, cycle

TURN_S = 0.7  # to face a new direction
STEP_UP_S = 0.3  # from standing to full stride
LEG_M = 0.83  # hip to ankle of the figure


@dataclass(frozen=True, slots=True)
class Leg:
    """Straight to a point, and how long he stands there."""

    east_m: float
    north_m: float
    speed_m_s: float
    pause_s: float = 0.0


START = (-1.3, 72.0)  # outside, left of the fixed camera's picture
IN = (Leg(0.5, 60.0, 1.4), Leg(-1.0, 52.0, 1.4, pause_s=3.0))  # through the open gate at north 60
PACING = (
    Leg(2.6, 53.2, 0.8, pause_s=2.0),
    Leg(0.6, 51.6, 0.8, pause_s=2.5),
    Leg(1.8, 54.0, 0.8, pause_s=2.0),
    Leg(-1.0, 52.6, 0.8, pause_s=2.5),
)


@dataclass(frozen=True, slots=True)
class Stance:
    """`swing` is the gait's phase in radians, `stride` 0 (stands) to 1 (walks)."""

    east_m: float
    north_m: float
    heading_deg: float
    speed_m_s: float
    swing: float
    stride: float


def stance_at(at_s: float) -> Stance:
    """How he is `at_s` after the start."""
    here, heading, phase = START, None, 0.0
    for leg in chain(IN, cycle(PACING)):
        there = (leg.east_m, leg.north_m)
        length_m = math.dist(here, there)
        leg_s = length_m / leg.speed_m_s
        course = math.degrees(math.atan2(there[0] - here[0], there[1] - here[1]))
        turned = course if heading is None else heading + _between(heading, course) * min(at_s / TURN_S, 1.0)
        per_m = math.tau / (4.0 * LEG_M * math.sin(_swing_rad(leg.speed_m_s)))
        if at_s < leg_s:
            share = at_s / leg_s
            return Stance(
                east_m=here[0] + share * (there[0] - here[0]),
                north_m=here[1] + share * (there[1] - here[1]),
                heading_deg=turned,
                speed_m_s=leg.speed_m_s,
                swing=phase + per_m * length_m * share,
                stride=min(at_s / STEP_UP_S, (leg_s - at_s) / STEP_UP_S, 1.0),
            )
        at_s, here, heading, phase = at_s - leg_s, there, course, phase + per_m * length_m
        if at_s < leg.pause_s:
            return Stance(*here, heading_deg=course, speed_m_s=0.0, swing=phase, stride=0.0)
        at_s -= leg.pause_s
    raise AssertionError("he paces for ever")


def _between(a_deg: float, b_deg: float) -> float:
    return (b_deg - a_deg + 180.0) % 360.0 - 180.0


def _swing_rad(speed_m_s: float) -> float:
    """How far a thigh swings to either side: people take longer steps when they walk faster."""
    return 0.22 + 0.13 * speed_m_s


def limb_angles(stance: Stance) -> dict[str, float]:
    """Radians forward of hanging straight down, by the figure's body."""
    angles: dict[str, float] = {}
    for side, phase in (("l", stance.swing), ("r", stance.swing + math.pi)):
        wide = _swing_rad(stance.speed_m_s) * stance.stride
        thigh = wide * math.sin(phase)
        bend = stance.stride * (0.08 + 0.75 * max(0.0, math.cos(phase)) ** 2)  # bent while the leg comes forward
        arm = -0.9 * wide * math.sin(phase)
        angles |= {
            f"{side}femur": thigh + 0.3 * bend,
            f"{side}tibia": thigh - 0.7 * bend,
            f"{side}humerus": arm,
            f"{side}radius": arm + 0.2 + 0.3 * wide,
        }
    return angles
