"""One track of one source over time: its own filter, and what it was a moment ago.

Sources are compared at the moment in which both saw, so one that comes late is held against what the others knew then.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from contract.envelope import Origin
from contract.labels import Label
from fleet.picture.motion import Floats, Motion
from fleet.picture.observation import Observation

LEAST_SIGMA_M = 0.1  # what any place is uncertain by: the ground is no plane
START_SPEED_M_S = {Label.MOTOR_VEHICLE: 10.0, Label.BICYCLE: 5.0}
WALKING_M_S = 2.0  # one standard deviation, each way
DENSITY_M2_S3 = {Label.MOTOR_VEHICLE: 3.0, Label.BICYCLE: 1.0}
WALKING_M2_S3 = 0.5  # a person who walks turns or stops within a second or two
HISTORY_US = 3_000_000
MAX_HISTORY = 64
LEAST_VOTE = 0.01
JUMPED = 60.0  # squared Mahalanobis distance: its number was given to somebody else
Key = tuple[str, str]  # source, track


@dataclass(frozen=True, slots=True)
class _Moment:
    at_us: int
    point_m: Floats
    covariance_m2: Floats
    motion: Motion


@dataclass(slots=True)
class SourceTrack:
    """`met`: tracks of its source that were ever there at one time with it, so that they are somebody else."""

    key: Key
    origin: Origin
    born_us: int
    heard_us: int  # our monotonic clock
    seen_us: int  # by the sensor's time, placed or not
    votes: dict[Label, float] = field(default_factory=dict)  # sums of scores
    met: dict[str, None] = field(default_factory=dict)
    is_present: bool = True
    _moments: list[_Moment] = field(default_factory=list)

    @property
    def source(self) -> str:
        return self.key[0]

    @property
    def label(self) -> Label:
        return winner(self.votes)

    @property
    def count(self) -> int:
        """Of places in the last seconds."""
        return len(self._moments)

    @property
    def placed_us(self) -> int:
        """When it was last seen where it is, by the sensor's time."""
        return self._moments[-1].at_us if self._moments else self.born_us

    def take(self, seen: Observation, at_us: int) -> bool:
        """One more sight, also one that comes late. False when it is somewhere quite else: it begins anew there."""
        self.votes[seen.label] = self.votes.get(seen.label, 0.0) + max(seen.score, LEAST_VOTE)
        point_m = np.array((seen.east_m, seen.north_m))
        covariance_m2 = np.array(
            ((seen.var_east_m2, seen.cov_east_north_m2), (seen.cov_east_north_m2, seen.var_north_m2))
        )
        covariance_m2 += np.eye(2) * LEAST_SIGMA_M**2
        place = bisect_right(self._moments, at_us, key=lambda moment: moment.at_us)
        later = self._moments[place:]
        del self._moments[place:]
        is_same = self._add(at_us, point_m, covariance_m2)
        for each in later:
            self._add(each.at_us, each.point_m, each.covariance_m2)
        newest_us = self._moments[-1].at_us
        while len(self._moments) > MAX_HISTORY or self._moments[0].at_us < newest_us - HISTORY_US:
            del self._moments[0]
        return is_same

    def _add(self, at_us: int, point_m: Floats, covariance_m2: Floats) -> bool:
        label = self.label
        speed_m_s = START_SPEED_M_S.get(label, WALKING_M_S)
        fresh = Motion.started(at_us, point_m, covariance_m2, speed_sigma_m_s=speed_m_s)
        if not self._moments:
            self._moments.append(_Moment(at_us, point_m, covariance_m2, fresh))
            return True
        before = self._moments[-1].motion.predicted(at_us, density_m2_s3=self.density_m2_s3)
        is_same = before.surprise(point_m, covariance_m2) <= JUMPED
        motion = before.corrected(point_m, covariance_m2) if is_same else fresh
        if not is_same:
            self._moments.clear()
        self._moments.append(_Moment(at_us, point_m, covariance_m2, motion))
        return is_same

    @property
    def density_m2_s3(self) -> float:
        return density_m2_s3(self.label)

    def at(self, at_us: int) -> Motion | None:
        """As it is told to others at a moment; None before its first.

        How much of a fix's error stays the same from frame to frame (the camera's pose) and how much is drawn anew (the
        box) is not known here. The filter takes all of it as drawn anew; what is told has all of it once more, as an
        error that stays. So one camera never talks itself into being sure.
        """
        place = bisect_right(self._moments, at_us, key=lambda moment: moment.at_us)
        if not place:
            return None
        moment = self._moments[place - 1]
        return moment.motion.predicted(at_us, density_m2_s3=self.density_m2_s3).blurred(moment.covariance_m2)


def density_m2_s3(label: Label) -> float:
    """How willingly something changes its velocity: of white-noise acceleration."""
    return DENSITY_M2_S3.get(label, WALKING_M2_S3)


def winner(votes: Mapping[Label, float]) -> Label:
    """What most of it says; of equals the first in the alphabet."""
    return min(votes, key=lambda label: (-votes[label], label.value), default=Label.OTHER)
