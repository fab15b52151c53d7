"""Where everybody is at any moment: a pure function of the scenario, shared by renderer, sensor model and score.

An actor walks its route at its speed, waits where it says so, and is gone before its start and, unless it stays, after
its end. East, north in metres of the site's frame; heading clockwise from north.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from contract.labels import Label
from sim.scenario import Actor, ActorKind, Gait

GAIT_SPEED_M_S = {Gait.WALK: 1.4, Gait.RUN: 3.5, Gait.CROUCH: 0.8, Gait.CRAWL: 0.4}
KIND_SPEED_M_S = {ActorKind.ANIMAL: 1.5, ActorKind.MOTOR_VEHICLE: 5.0}
# Upright extent of what is seen, metres: height, width across the line of sight, length along the way.
GAIT_SIZE_M = {
    Gait.WALK: (1.75, 0.55, 0.6),
    Gait.RUN: (1.70, 0.60, 0.9),
    Gait.CROUCH: (1.15, 0.60, 0.8),
    Gait.CRAWL: (0.70, 0.65, 1.15),
}
KIND_SIZE_M = {ActorKind.ANIMAL: (0.60, 0.30, 0.9), ActorKind.MOTOR_VEHICLE: (1.5, 1.8, 4.4)}
LABELS = {
    ActorKind.PERSON: Label.PERSON,
    ActorKind.ANIMAL: Label.ANIMAL,
    ActorKind.MOTOR_VEHICLE: Label.MOTOR_VEHICLE,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """One actor at one moment. `walked_m`: how far it has come, which sets the phase of its gait."""

    actor: Actor
    east_m: float
    north_m: float
    heading_deg: float
    speed_m_s: float
    walked_m: float

    @property
    def size_m(self) -> tuple[float, float, float]:
        """Height, width, length."""
        if self.actor.kind is ActorKind.PERSON:
            return GAIT_SIZE_M[self.actor.gait]
        return KIND_SIZE_M[self.actor.kind]


@dataclass(frozen=True, slots=True)
class _Leg:
    """From one moment to the next, straight; of no length while it waits."""

    starts_at_s: float
    ends_at_s: float
    east_m: float
    north_m: float
    east_m_s: float
    north_m_s: float
    heading_deg: float
    walked_m: float


class Walk:
    """One actor's whole way."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self._legs = tuple(_legs(actor))
        self._starts = [leg.starts_at_s for leg in self._legs]
        self.ends_at_s = self._legs[-1].ends_at_s

    def at(self, time_s: float) -> Standing | None:
        """None while it is not there."""
        if time_s < self.actor.starts_at_s or (time_s > self.ends_at_s and not self.actor.stays):
            return None
        leg = self._legs[max(bisect_right(self._starts, time_s) - 1, 0)]
        on_s = min(time_s, leg.ends_at_s) - leg.starts_at_s
        is_moving = time_s <= leg.ends_at_s
        speed_m_s = math.hypot(leg.east_m_s, leg.north_m_s)
        return Standing(
            actor=self.actor,
            east_m=leg.east_m + leg.east_m_s * on_s,
            north_m=leg.north_m + leg.north_m_s * on_s,
            heading_deg=leg.heading_deg,
            speed_m_s=speed_m_s if is_moving else 0.0,
            walked_m=leg.walked_m + speed_m_s * on_s,
        )


def everybody(walks: Iterable[Walk], time_s: float) -> list[Standing]:
    """All that are there, in the order of the scenario."""
    return [standing for walk in walks if (standing := walk.at(time_s)) is not None]


def speed_of(actor: Actor) -> float:
    if actor.speed_m_s is not None:
        return actor.speed_m_s
    return GAIT_SPEED_M_S[actor.gait] if actor.kind is ActorKind.PERSON else KIND_SPEED_M_S[actor.kind]


def _legs(actor: Actor) -> Iterable[_Leg]:
    now_s, walked_m, heading_deg = actor.starts_at_s, 0.0, 0.0
    speed_m_s = speed_of(actor)
    if len(actor.route) > 1:
        heading_deg = _heading_deg(
            actor.route[0].east_m, actor.route[0].north_m, actor.route[1].east_m, actor.route[1].north_m
        )
    first = actor.route[0]
    yield _Leg(now_s, now_s + first.wait_s, first.east_m, first.north_m, 0.0, 0.0, heading_deg, walked_m)
    now_s += first.wait_s
    for here, there in pairwise(actor.route):
        east_m, north_m = there.east_m - here.east_m, there.north_m - here.north_m
        length_m = math.hypot(east_m, north_m)
        if length_m > 0:
            heading_deg = _heading_deg(here.east_m, here.north_m, there.east_m, there.north_m)
            took_s = length_m / speed_m_s
            yield _Leg(
                now_s,
                now_s + took_s,
                here.east_m,
                here.north_m,
                east_m / took_s,
                north_m / took_s,
                heading_deg,
                walked_m,
            )
            now_s += took_s
            walked_m += length_m
        if there.wait_s > 0 or there is actor.route[-1]:
            yield _Leg(now_s, now_s + there.wait_s, there.east_m, there.north_m, 0.0, 0.0, heading_deg, walked_m)
            now_s += there.wait_s


def _heading_deg(east_m: float, north_m: float, to_east_m: float, to_north_m: float) -> float:
    return math.degrees(math.atan2(to_east_m - east_m, to_north_m - north_m)) % 360.0
