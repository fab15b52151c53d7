"""People who cross each other's way before several cameras, as a tracker and a locator would tell of them.

Of each camera: a pose that is a little wrong all the time, a foot that jitters in every frame, people who are lost for
a while and come back under another number, two who pass closely and swap numbers, and words that come late. Places and
their covariance go by the angles at which the camera sees them, as in edge/perception/locate.py.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from contract.envelope import Origin
from contract.labels import Label
from fleet.picture.observation import Look, Observation

FRAME_US = 200_000
YARD_M = (30.0, 16.0)
SPEED_M_S = (0.8, 1.8)
POSE_SIGMA_RAD, FOOT_SIGMA_RAD = math.radians(0.3), math.radians(0.25)  # of the pose for good, of the foot each frame
LOST_EACH_S, LOST_S = 12.0, (0.4, 3.0)  # how often a camera loses somebody, and for how long
KEEPS_NUMBER_S = 1.0  # lost for longer, somebody has another number
SWAP_M, SWAP_FRAC = 0.6, 0.03  # so near each other, two swap numbers with this chance in a frame
LATEST_US = 400_000
Point = tuple[float, float]


class Walker:
    """Somebody who walks from point to point of the yard, and at times stands."""

    def __init__(self, chance: random.Random, *, length_s: float) -> None:
        self._legs: list[tuple[float, float, Point, Point]] = []
        at_s, here = 0.0, _somewhere(chance)
        while at_s <= length_s:
            there = _somewhere(chance) if chance.random() < 0.8 else here
            took_s = max(math.dist(here, there) / chance.uniform(*SPEED_M_S), 1.0)
            self._legs.append((at_s, at_s + took_s, here, there))
            at_s, here = at_s + took_s, there

    def at(self, at_s: float) -> Point:
        start_s, end_s, a, b = next(leg for leg in self._legs if leg[1] > at_s)
        part = (at_s - start_s) / (end_s - start_s)
        return a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])


def _somewhere(chance: random.Random) -> Point:
    return chance.uniform(0.0, YARD_M[0]), chance.uniform(0.0, YARD_M[1])


@dataclass(slots=True)
class CrossingCamera:
    """Stands at `place`, `up_m` high. numbers: what its tracker calls each walker now."""

    name: str
    place: Point
    up_m: float
    chance: random.Random
    heading_off_rad: float = 0.0
    pitch_off_rad: float = 0.0
    numbers: dict[int, int] = field(default_factory=dict)
    lost_until_s: dict[int, float] = field(default_factory=dict)
    lost_from_s: dict[int, float] = field(default_factory=dict)
    given: int = 0

    def __post_init__(self) -> None:
        self.heading_off_rad = self.chance.gauss(0.0, POSE_SIGMA_RAD)
        self.pitch_off_rad = self.chance.gauss(0.0, POSE_SIGMA_RAD)

    def look(self, at_s: float, places: list[Point]) -> Look:
        seen = []
        for who in range(len(places)):
            if self.lost_until_s.get(who, -1.0) > at_s:
                continue
            if self.chance.random() < FRAME_US / 1e6 / LOST_EACH_S:
                self.lost_from_s[who], self.lost_until_s[who] = at_s, at_s + self.chance.uniform(*LOST_S)
                continue
            if who not in self.numbers or at_s - self.lost_from_s.pop(who, at_s) > KEEPS_NUMBER_S:
                self.given += 1
                self.numbers[who] = self.given
            seen.append(who)
        self._swap(seen, places)
        return Look(
            source=self.name,
            at_us=round(at_s * 1e6),
            origin=Origin.SIMULATED,
            observations=tuple(self._told(self.numbers[who], places[who]) for who in seen),
        )

    def _swap(self, seen: list[int], places: list[Point]) -> None:
        for one in seen:
            for other in seen:
                if one < other and math.dist(places[one], places[other]) < SWAP_M and self.chance.random() < SWAP_FRAC:
                    self.numbers[one], self.numbers[other] = self.numbers[other], self.numbers[one]

    def _told(self, number: int, place: Point) -> Observation:
        east_m, north_m = place[0] - self.place[0], place[1] - self.place[1]
        reach_m, heading = math.hypot(east_m, north_m), math.atan2(east_m, north_m)
        along_m = (reach_m**2 + self.up_m**2) / self.up_m  # metres on the ground for a radian of pitch
        along = along_m * (self.pitch_off_rad + self.chance.gauss(0.0, FOOT_SIGMA_RAD))
        across = reach_m * (self.heading_off_rad + self.chance.gauss(0.0, FOOT_SIGMA_RAD))
        sin, cos = math.sin(heading), math.cos(heading)
        variance = POSE_SIGMA_RAD**2 + FOOT_SIGMA_RAD**2
        var_along, var_across = along_m**2 * variance, reach_m**2 * variance
        return Observation(
            track=str(number),
            east_m=place[0] + sin * along + cos * across,
            north_m=place[1] + cos * along - sin * across,
            var_east_m2=sin * sin * var_along + cos * cos * var_across,
            cov_east_north_m2=sin * cos * (var_along - var_across),
            var_north_m2=cos * cos * var_along + sin * sin * var_across,
            label=Label.PERSON,
            score=0.8,
        )


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame: who stood where, what the cameras saw, and what of all that has come by now."""

    number: int
    at_s: float
    places: list[Point]
    looks: list[Look]
    came: list[Look]


def cameras_around(chance: random.Random) -> list[CrossingCamera]:
    """Two on masts at the yard's ends, one at its side, one from above as a drone's."""
    east_m, north_m = YARD_M
    stands = [("west", (-6.0, 3.0), 4.0), ("east", (east_m + 6.0, north_m - 3.0), 4.0), ("south", (15.0, -8.0), 5.0)]
    stands.append(("drone", (20.0, north_m + 18.0), 20.0))
    return [CrossingCamera(name, place, up_m, random.Random(chance.random())) for name, place, up_m in stands]  # noqa: S311


def crossing(*, seed: int, people: int, length_s: float) -> Iterator[Moment]:
    chance = random.Random(seed)  # noqa: S311
    walkers = [Walker(chance, length_s=length_s) for _ in range(people)]
    cameras = cameras_around(chance)
    coming: list[tuple[int, Look]] = []
    for number in range(round(length_s * 1e6) // FRAME_US):
        at_s = number * FRAME_US / 1e6
        places = [walker.at(at_s) for walker in walkers]
        looks = [camera.look(at_s, places) for camera in cameras]
        coming += [(round(at_s * 1e6) + chance.randrange(LATEST_US), look) for look in looks]
        came = [look for when_us, look in coming if when_us <= at_s * 1e6]
        coming = [(when_us, look) for when_us, look in coming if when_us > at_s * 1e6]
        yield Moment(number, at_s, places, looks, came)
