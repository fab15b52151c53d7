"""How well an observer can foretell the next visit: entropy of the next point given the past, in bits a visit.

0 is a fixed round. The most that rounds over n points can have, each point once a round, is log2(n!) / n: every order
as likely as any other.
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def entropy_bits(shares: NDArray[np.float64]) -> float:
    """Of one choice, whose shares add up to 1."""
    some = shares[shares > 0.0]
    return float(-(some * np.log2(some)).sum()) + 0.0


def most_bits(points: int) -> float:
    """Mean over a round in which every order of `points` is equally likely."""
    return math.lgamma(points + 1) / math.log(2.0) / points if points > 1 else 0.0


def entropy_rate_bits(chances: NDArray[np.float64]) -> float:
    """Of a Markov chain that gets from everywhere to everywhere; chances[i, j]: from i next to j.

    Cover and Thomas, Elements of Information Theory, 2nd edition, theorem 4.2.4: each state's entropy, weighted by
    how often the chain is there.
    """
    states = len(chances)
    balance = np.vstack([chances.T - np.eye(states), np.ones(states)])
    often = np.linalg.lstsq(balance, np.append(np.zeros(states), 1.0), rcond=None)[0]
    return float(sum(share * entropy_bits(row) for share, row in zip(often, chances, strict=True)))


def counted_bits(visits: Sequence[Hashable]) -> float:
    """Of the next visit given the one before, counted: what an observer sees who only notes which follows which.

    H(pairs) - H(first of each pair), both with the bias correction of Miller (1955): plus (kinds - 1) / 2N nats.
    """
    pairs = list(pairwise(visits))
    if not pairs:
        return 0.0
    return max(_corrected_bits(Counter(pairs)) - _corrected_bits(Counter(first for first, _ in pairs)), 0.0)


def _corrected_bits(counts: Counter[Hashable]) -> float:
    total = counts.total()
    plain = entropy_bits(np.array(list(counts.values()), dtype=np.float64) / total)
    return plain + (len(counts) - 1) / (2.0 * total * math.log(2.0))
