"""Two variants of a plan, model or threshold over the same scenarios: what changed, and could it be chance?

Everything is paired: the same attack, the same intruder, the same zone of the same scenario and seed in both, so that
hard scenarios do not hide what a change did. False alarms have no pair; their rates are compared as Poisson counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from sim.score.score import Score
from sim.score.sections import AttackOutcome

RESAMPLES = 10_000
SEED = 20_260_101  # of the resampling: the same page every time
CHUNK = 1_000  # resamples drawn at once
TAIL = 0.025  # of each side of an interval
RunKey = tuple[str, int]  # scenario, seed
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Variant:
    """`runs`: a score for each scenario and seed."""

    name: str
    runs: Mapping[RunKey, Score]


class Reading(str, Enum):
    BETTER = "better"
    WORSE = "worse"
    CHANCE = "could be chance"
    UNKNOWN = "too little to say"


@dataclass(frozen=True, slots=True)
class Figure:
    """What is compared. `counts`: the sentence when it is a count over all pairs; without, it is the mean over them."""

    name: str
    unit: str
    more_is_better: bool
    counts: str | None
    of: Callable[[Score], Mapping[tuple[str, ...], float]]


@dataclass(frozen=True, slots=True)
class Difference:
    """`a`, `b`: sum or mean over what both have. The interval is of `change`, b - a; None with fewer than two pairs.
    `by_chance`: how often swapping a and b at random within the pairs changes as much."""

    figure: str
    unit: str
    more_is_better: bool
    counts: str | None
    pairs: int
    a: float | None
    b: float | None
    change: float | None
    low: float | None
    high: float | None
    by_chance: float | None

    @property
    def reading(self) -> Reading:
        """Few pairs that all went one way have a narrow interval and prove little, so both must agree."""
        if self.low is None or self.high is None or self.change is None or self.by_chance is None:
            return Reading.UNKNOWN
        if self.low <= 0.0 <= self.high:
            return Reading.CHANCE
        if self.by_chance >= 2 * TAIL:
            return Reading.UNKNOWN
        return Reading.BETTER if (self.change > 0) == self.more_is_better else Reading.WORSE


@dataclass(frozen=True, slots=True)
class RateChange:
    """False alarms per camera-day of both; the interval is of `ratio`, b over a."""

    count_a: int
    count_b: int
    days_a: float
    days_b: float
    ratio: float | None
    low: float | None
    high: float | None

    @property
    def rate_a(self) -> float | None:
        return self.count_a / self.days_a if self.days_a else None

    @property
    def rate_b(self) -> float | None:
        return self.count_b / self.days_b if self.days_b else None

    @property
    def reading(self) -> Reading:
        if self.low is None:
            return Reading.UNKNOWN
        if self.low <= 1.0 and (self.high is None or self.high >= 1.0):
            return Reading.CHANCE
        return Reading.WORSE if self.low > 1.0 else Reading.BETTER


@dataclass(frozen=True, slots=True)
class Comparison:
    """`b` against `a`, over the runs that both have. `only_in_one`: scenarios and seeds that could not be paired."""

    a: Variant
    b: Variant
    runs: tuple[RunKey, ...]
    only_in_one: tuple[RunKey, ...]
    differences: tuple[Difference, ...]
    false_alarms: RateChange


def compare(a: Variant, b: Variant) -> Comparison:
    both = tuple(sorted(a.runs.keys() & b.runs.keys()))
    return Comparison(
        a=a,
        b=b,
        runs=both,
        only_in_one=tuple(sorted(a.runs.keys() ^ b.runs.keys())),
        differences=tuple(_difference(figure, a, b, both) for figure in FIGURES),
        false_alarms=_rate_change(a, b, both),
    )


def _found(score: Score) -> dict[tuple[str, ...], float]:
    return {key: float(score.attacks[k].outcome is AttackOutcome.DETECTED) for key, k in _attack_keys(score).items()}


def _found_at_all(score: Score) -> dict[tuple[str, ...], float]:
    return {key: float(score.attacks[k].time_to_alarm_s is not None) for key, k in _attack_keys(score).items()}


def _time_to_alarm(score: Score) -> dict[tuple[str, ...], float]:
    times = {key: score.attacks[k].time_to_alarm_s for key, k in _attack_keys(score).items()}
    return {key: time_s for key, time_s in times.items() if time_s is not None}


def _attack_keys(score: Score) -> dict[tuple[str, ...], int]:
    """Actor, zone and which of its stays: truth, so the same in every run of the scenario."""
    keys: dict[tuple[str, ...], int] = {}
    for k, attack in enumerate(score.attacks):
        nth = sum(attack.actor == each.actor and attack.zone == each.zone for each in score.attacks[:k])
        keys[attack.actor, attack.zone, str(nth)] = k
    return keys


def _time_to_scene(score: Score) -> dict[tuple[str, ...], float]:
    """Of the first incident about each intruder in which anybody came."""
    times: dict[tuple[str, ...], float] = {}
    for answer in score.response.each:
        if answer.actor is not None and answer.time_to_scene_s is not None:
            times.setdefault((answer.actor,), answer.time_to_scene_s)
    return times


def _reached(score: Score) -> dict[tuple[str, ...], float]:
    times = _time_to_scene(score)
    return {(attack.actor,): float((attack.actor,) in times) for attack in score.attacks}


def _error(score: Score) -> dict[tuple[str, ...], float]:
    return {(): score.geolocation_m.all.p95} if score.geolocation_m.all.p95 is not None else {}


def _unseen(score: Score) -> dict[tuple[str, ...], float]:
    unseen_s = score.longest_unobserved_s.intruder_s
    return {} if unseen_s is None else {(): unseen_s}


def _revisit(score: Score) -> dict[tuple[str, ...], float]:
    return {(zone,): gap.vehicles_s for zone, gap in score.longest_unobserved_s.zones.items()}


FOUND = "finds {amount} of {pairs} attacks in time"
FOUND_AT_ALL = "finds {amount} of {pairs} attacks, in time or late"
REACHED = "has {amount} of {pairs} intruders in a vehicle's view"
FIGURES = (
    Figure("attacks found in time", "", more_is_better=True, counts=FOUND, of=_found),
    Figure("attacks found, late ones too", "", more_is_better=True, counts=FOUND_AT_ALL, of=_found_at_all),
    Figure("time to alarm", "s", more_is_better=False, counts=None, of=_time_to_alarm),
    Figure("intruders a vehicle reached", "", more_is_better=True, counts=REACHED, of=_reached),
    Figure("time to scene", "s", more_is_better=False, counts=None, of=_time_to_scene),
    Figure("error on the ground, p95", "m", more_is_better=False, counts=None, of=_error),
    Figure("longest time an intruder is unseen", "s", more_is_better=False, counts=None, of=_unseen),
    Figure("longest time no vehicle watches a zone", "s", more_is_better=False, counts=None, of=_revisit),
)


def _difference(figure: Figure, a: Variant, b: Variant, runs: Sequence[RunKey]) -> Difference:
    before, after = [], []
    for run in runs:
        of_a, of_b = figure.of(a.runs[run]), figure.of(b.runs[run])
        for key in of_a:
            if key in of_b:
                before.append(of_a[key])
                after.append(of_b[key])
    n = len(before)
    changes = np.array(after) - np.array(before)
    factor = 1.0 if figure.counts is not None or not n else 1.0 / n
    low, high = bootstrap(changes) if n > 1 else (None, None)

    def scaled(value: float | None) -> float | None:
        return None if value is None or not n else value * factor

    return Difference(
        figure=figure.name,
        unit=figure.unit,
        more_is_better=figure.more_is_better,
        counts=figure.counts,
        pairs=n,
        a=scaled(sum(before)),
        b=scaled(sum(after)),
        change=scaled(float(changes.sum())),
        low=scaled(low),
        high=scaled(high),
        by_chance=by_chance(changes) if n > 1 else None,
    )


def bootstrap(changes: Floats) -> tuple[float, float]:
    """95 % limits of the sum of paired changes, by resampling the pairs (percentile method, Efron 1979)."""
    draws = np.random.default_rng(SEED)
    sums = [
        changes[draws.integers(len(changes), size=(CHUNK, len(changes)))].sum(axis=1) for _ in range(RESAMPLES // CHUNK)
    ]
    low, high = np.percentile(np.concatenate(sums), (100 * TAIL, 100 * (1 - TAIL)))
    return float(low), float(high)


def by_chance(changes: Floats) -> float:
    """Share of random swaps within the pairs that change the sum at least as much (Fisher's sign-flip test)."""
    draws = np.random.default_rng(SEED)
    came = abs(changes.sum()) - 1e-9
    as_much = sum(
        int((np.abs(draws.choice((-1.0, 1.0), size=(CHUNK, len(changes))) @ changes) >= came).sum())
        for _ in range(RESAMPLES // CHUNK)
    )
    return (as_much + 1) / (RESAMPLES + 1)


def _rate_change(a: Variant, b: Variant, runs: Sequence[RunKey]) -> RateChange:
    counts = [sum(each.runs[run].false_alarms.count for run in runs) for each in (a, b)]
    days = [sum(each.runs[run].false_alarms.camera_days for run in runs) for each in (a, b)]
    ratio, low, high = rate_ratio(counts[0], counts[1], days[0], days[1])
    return RateChange(counts[0], counts[1], days[0], days[1], ratio, low, high)


def rate_ratio(
    count_a: int, count_b: int, days_a: float, days_b: float
) -> tuple[float | None, float | None, float | None]:
    """Ratio of two Poisson rates, b over a, with its exact 95 % limits: given the total, b is binomial (Clopper and
    Pearson 1934). A limit that is infinite is None, and all are None when nothing was counted."""
    if not (count_a + count_b and days_a and days_b):
        return None, None, None
    low = float(beta.ppf(TAIL, count_b, count_a + 1)) if count_b else 0.0
    high = float(beta.ppf(1 - TAIL, count_b + 1, count_a)) if count_a else 1.0
    scale = days_a / days_b
    ratio = count_b / count_a * scale if count_a else None
    return ratio, low / (1 - low) * scale, high / (1 - high) * scale if high < 1.0 else None
