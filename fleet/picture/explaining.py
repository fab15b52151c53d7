"""Which site tracks are our own: vehicles and staff that say where they are, assigned one to one.

One rover explains one site track, however many are near it, and a person is never explained by a vehicle; so who walks
beside one of ours stays in the picture.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from contract.labels import Label
from fleet.picture.motion import Motion
from fleet.picture.observation import Known
from fleet.picture.source_track import density_m2_s3, winner

GATE = 9.21  # chi-square, 2 degrees of freedom, 99 %
KEPT = 4.0  # of the squared distance, for the one it explained last: two that pass each other do not swap
TOGETHER_US = 2_000_000  # a position so much older or younger than the sight says nothing of it
EXPLAIN_AFTER = 3  # looks in a row
LOSE_AFTER = 3
Seen = tuple[Motion, Mapping[Label, float], frozenset[str]]  # where, what it was taken for, who sees it now


@dataclass(slots=True)
class _Pair:
    site: uuid.UUID
    hits: int = 0
    misses: int = 0


class Explaining:
    """Over time: an explanation needs three looks in a row, and ends after three without."""

    def __init__(self) -> None:
        self._pairs: dict[str, _Pair] = {}

    def of(self, site: uuid.UUID) -> str | None:
        found = (name for name, pair in self._pairs.items() if pair.site == site and pair.hits >= EXPLAIN_AFTER)
        return next(found, None)

    def forget(self, site: uuid.UUID) -> None:
        self._pairs = {name: pair for name, pair in self._pairs.items() if pair.site != site}

    def look(self, known: Sequence[Known], sites: Mapping[uuid.UUID, Seen]) -> None:
        ours = sorted(known, key=lambda each: (each.id, each.at_us, sorted(each.sources or ())))
        columns = sorted(sites, key=lambda each: each.hex)
        cost = np.full((len(ours), len(columns)), GATE * 10.0)
        for row, each in enumerate(ours):
            pair = self._pairs.get(each.id)
            for column, site in enumerate(columns):
                far = _far(each, sites[site])
                if far is not None:
                    cost[row, column] = far - (KEPT if pair is not None and pair.site == site else 0.0)
        found: dict[str, tuple[float, uuid.UUID]] = {}
        for row, column in zip(*(each.tolist() for each in linear_sum_assignment(cost)), strict=True):
            name, value = ours[row].id, float(cost[row, column])
            if value <= GATE and (name not in found or value < found[name][0]):
                found[name] = (value, columns[column])
        for name in {*self._pairs, *found}:
            self._follow(name, found[name][1] if name in found else None)

    def _follow(self, name: str, site: uuid.UUID | None) -> None:
        pair = self._pairs.get(name)
        if pair is None or (site is not None and pair.site != site):
            if site is not None:
                self._pairs[name] = _Pair(site, hits=1)
        elif site is not None:
            pair.hits, pair.misses = pair.hits + 1, 0
        else:
            pair.misses += 1
            if pair.misses >= LOSE_AFTER or pair.hits < EXPLAIN_AFTER:
                del self._pairs[name]


def _far(known: Known, seen: Seen) -> float | None:
    """Squared Mahalanobis distance; None where it cannot be it."""
    motion, votes, sources = seen
    if abs(known.at_us - motion.at_us) > TOGETHER_US or not votes or not votes.keys() <= known.labels:
        return None
    if known.sources is not None and not (sources and sources <= known.sources):
        return None
    then = motion.predicted(known.at_us, density_m2_s3=density_m2_s3(winner(votes)))
    return then.surprise(np.array((known.east_m, known.north_m)), np.eye(2) * known.sigma_m**2)
