"""How a person's limbs are at a moment of its gait: pure, no renderer.

Angles are radians in the plane of motion: limbs forward of hanging straight down, whatever the trunk does; trunk
forward of upright.
"""

import math
from dataclasses import dataclass

from sim.actors import Standing
from sim.scenario import Gait

LEG_M = 0.83  # hip to ankle of the figure
CYCLE_M = {Gait.RUN: 2.6, Gait.CROUCH: 0.9, Gait.CRAWL: 0.8}  # two steps; a walk's follows from its swing
FOOT_AHEAD = math.pi / 2.0


@dataclass(frozen=True, slots=True)
class Limbs:
    """One side."""

    thigh: float
    shin: float
    foot: float
    upper_arm: float
    forearm: float


@dataclass(frozen=True, slots=True)
class Posture:
    """`lean` of the hips, `bend` of the spine on top of it, `neck` back again where the eyes look ahead."""

    lean: float
    bend: float
    neck: float
    left: Limbs
    right: Limbs


def posture_of(standing: Standing) -> Posture:
    """Of a person on its way, or where it stopped."""
    gait, speed_m_s = standing.actor.gait, standing.speed_m_s
    stride = 1.0 if speed_m_s > 0.0 else 0.0
    cycle_m = CYCLE_M.get(gait) or 4.0 * LEG_M * math.sin(_swing_of_walk(speed_m_s))
    phase = math.tau * standing.walked_m / cycle_m
    left, right = (_limbs(gait, phase + half, stride, speed_m_s) for half in (0.0, math.pi))
    lean, bend, neck = {
        Gait.WALK: (0.03, 0.04, 0.0),
        Gait.RUN: (0.10 * stride, 0.12 * stride, -0.15 * stride),
        Gait.CROUCH: (0.62, 0.55, -0.80),
        Gait.CRAWL: (1.50, 0.0, -0.75),
    }[gait]
    return Posture(lean, bend, neck, left, right)


def _swing_of_walk(speed_m_s: float) -> float:
    """How far a thigh swings to either side: people take longer steps when they walk faster."""
    return 0.22 + 0.13 * speed_m_s


def _limbs(gait: Gait, phase: float, stride: float, speed_m_s: float) -> Limbs:
    """`phase` 0: the leg passes under the hips on its way forward, where its knee is bent most."""
    swing, lift = stride * math.sin(phase), stride * max(0.0, math.cos(phase)) ** 2
    if gait is Gait.WALK:
        wide = _swing_of_walk(speed_m_s)
        knee = stride * 0.08 + 0.75 * lift
        thigh, arm = wide * swing + 0.3 * knee, -0.9 * wide * swing
        return Limbs(thigh, thigh - knee, FOOT_AHEAD + thigh - knee, arm, arm + 0.2 + 0.3 * wide)
    if gait is Gait.RUN:
        thigh = 0.20 * stride + 0.60 * swing
        shin = thigh - 0.25 * stride - 1.35 * lift
        arm = -0.70 * swing - 0.15 * stride
        return Limbs(thigh, shin, FOOT_AHEAD + 0.8 * shin, arm, arm + 0.2 + 1.2 * stride)
    if gait is Gait.CROUCH:
        thigh = 1.28 + 0.30 * swing
        shin = thigh - 1.95 - 0.25 * lift
        arm = 0.35 - 0.25 * swing
        return Limbs(thigh, shin, FOOT_AHEAD + 0.3 * shin, arm, arm + 0.9)
    thigh = 0.95 + 0.30 * swing
    arm = -0.75 - 0.35 * swing
    return Limbs(thigh, -1.50, -1.55, arm, arm + 1.95)
