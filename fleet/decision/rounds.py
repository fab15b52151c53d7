"""One round over the points of a roaming patrol, drawn so that no point waits longer than it may.

Before each step every point that might come next is tried: can the rest still be visited in time? One of a few orders
must prove it. Among those that pass, chance decides, nearer ones preferred. The order that proved the last step stays
at hand, so a round that could be begun can be finished.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from fleet.decision.predictability import entropy_bits

Floats = NDArray[np.float64]
EARLY_S = 1e-6  # what rounding may do to two sums that should be equal
LEAST_SCALE_S = 1e-9  # where all points are one


@dataclass(frozen=True, slots=True)
class Times:
    """What a vehicle needs, seconds: from launch to arrival at each point, between two, and its stay there."""

    out_s: Floats  # [n]
    between_s: Floats  # [n, n]
    stay_s: Floats  # [n]

    def arrivals_s(self, order: Sequence[int] | NDArray[np.int64]) -> Floats:
        """From launch, for a whole round in `order`."""
        chain = np.asarray(order)
        steps = np.concatenate(
            [self.out_s[chain[:1]], (self.stay_s[chain[:-1]] + self.between_s[chain[:-1], chain[1:]])]
        )
        return np.cumsum(steps)


@dataclass(frozen=True, slots=True)
class Round:
    """`arrive_s[k]` is when order[k] is reached, from launch; `bits` the entropy of each choice; `in_time`: were all
    points due within their time?"""

    order: tuple[int, ...]
    arrive_s: tuple[float, ...]
    length_s: float  # until the last point is left
    bits: tuple[float, ...]
    in_time: bool


def draw_round(
    times: Times,
    *,
    due_s: Floats,
    limit_s: float,
    known: Sequence[Sequence[int]],
    randomness: float,
    chance: Random,
) -> Round:
    """`due_s[p]`: from launch, when p must be reached at the latest; `limit_s`: when the last point must be left.

    `known`: whole orders to fall back on, the first preferred: the fixed round, and the last one drawn. Where none of
    them keeps every time, the most urgent point comes first and the round is marked.
    """
    drawing = _Drawing(times, due_s, limit_s, [np.asarray(order) for order in known])
    if not drawing.has_proof():
        order = tuple(int(p) for p in np.argsort(due_s, kind="stable"))
        return _round(times, order, (), in_time=False)
    bits = []
    while drawing.left:
        options, arrive_s = drawing.options()
        shares = _shares(arrive_s, randomness=randomness, scale_s=drawing.scale_s, usual=drawing.usual(options))
        bits.append(entropy_bits(shares))
        drawing.go(_pick(options, shares, chance))
    return _round(times, tuple(drawing.order), tuple(bits), in_time=True)


def _round(times: Times, order: tuple[int, ...], bits: tuple[float, ...], *, in_time: bool) -> Round:
    arrive_s = times.arrivals_s(order)
    length_s = float(arrive_s[-1] + times.stay_s[order[-1]])
    return Round(order, tuple(float(s) for s in arrive_s), length_s, bits, in_time)


def _shares(arrive_s: Floats, *, randomness: float, scale_s: float, usual: int) -> Floats:
    """How likely each option is. 0: only the usual one; 1: each alike; between: often the usual one, else the nearer
    the likelier, by exp(-seconds / scale)."""
    usually = np.zeros(len(arrive_s))
    usually[usual] = 1.0
    if randomness <= 0.0:
        return usually
    warmth_s = scale_s * randomness / (1.0 - randomness) if randomness < 1.0 else np.inf
    weights = np.exp(-(arrive_s - arrive_s.min()) / warmth_s)
    return np.asarray(randomness * weights / weights.sum() + (1.0 - randomness) * usually)


def _pick(options: NDArray[np.int64], shares: Floats, chance: Random) -> int:
    drawn = int(np.searchsorted(np.cumsum(shares), chance.random(), side="right"))
    likely = np.flatnonzero(shares > 0.0)
    return int(options[min(drawn, likely[-1])])


class _Drawing:
    """A round under way: where it is, what is left, and an order of the rest that is known to be in time."""

    def __init__(self, times: Times, due_s: Floats, limit_s: float, known: list[NDArray[np.int64]]) -> None:
        self._times, self._due_s, self._limit_s, self._known = times, due_s + EARLY_S, limit_s + EARLY_S, known
        self._by_due = np.argsort(due_s, kind="stable")
        self.scale_s = float(times.between_s.mean()) + LEAST_SCALE_S
        self.order: list[int] = []
        self._free_at_s = 0.0  # when the vehicle leaves where it is
        self._proofs: dict[int, NDArray[np.int64]] = {}
        self._safe: NDArray[np.int64] = known[0]
        self.left = set(range(len(due_s)))

    def has_proof(self) -> bool:
        """Is there a whole order in time? Then it is kept."""
        for order in (*self._known, self._by_due):
            arrive_s = self._times.arrivals_s(order)
            if (arrive_s <= self._due_s[order]).all() and arrive_s[-1] + self._times.stay_s[order[-1]] <= self._limit_s:
                self._safe = order
                return True
        return False

    def usual(self, options: NDArray[np.int64]) -> int:
        """The option that the safe order takes, as an index."""
        return int(np.flatnonzero(options == self._safe[0])[0])

    def options(self) -> tuple[NDArray[np.int64], Floats]:
        """Points that may come next, and when each would be reached."""
        times, rest = self._times, np.array(sorted(self.left))
        to_s = times.between_s[self.order[-1]] if self.order else times.out_s
        arrive_s = self._free_at_s + to_s[rest]
        self._proofs = {}
        for orders in self._ways_on(rest):
            self._prove(rest, arrive_s, orders)
        self._proofs[int(self._safe[0])] = self._safe[1:]
        passed = np.array([int(p) in self._proofs for p in rest])
        return rest[passed], arrive_s[passed]

    def go(self, point: int) -> None:
        to_s = self._times.between_s[self.order[-1]] if self.order else self._times.out_s
        self._free_at_s += float(to_s[point] + self._times.stay_s[point])
        self.order.append(point)
        self.left.discard(point)
        self._safe = self._proofs[point]

    def _ways_on(self, rest: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """For each point of `rest` an order of the others, tables of [len(rest), len(rest) - 1]."""
        fixed = self._known[0]  # on from the point, in either direction
        kept = fixed[np.isin(fixed, rest)]
        turned = [np.roll(kept, -int(np.flatnonzero(kept == p)[0])) for p in rest]
        tables = [np.array([each[1:] for each in turned]), np.array([each[:0:-1] for each in turned])]
        for order in (self._safe, self._by_due):
            kept = order[np.isin(order, rest)]
            tables.append(np.array([kept[kept != p] for p in rest]))
        return tables

    def _prove(self, rest: NDArray[np.int64], arrive_s: Floats, orders: NDArray[np.int64]) -> None:
        times = self._times
        chains = np.concatenate([rest[:, None], orders.reshape(len(rest), -1)], axis=1).astype(np.int64)
        steps = times.stay_s[chains[:, :-1]] + times.between_s[chains[:, :-1], chains[:, 1:]]
        at_s = arrive_s[:, None] + np.concatenate([np.zeros((len(rest), 1)), np.cumsum(steps, axis=1)], axis=1)
        good = (at_s <= self._due_s[chains]).all(axis=1)
        good &= at_s[:, -1] + times.stay_s[chains[:, -1]] <= self._limit_s
        for row in np.flatnonzero(good):
            self._proofs.setdefault(int(rest[row]), chains[row, 1:])
