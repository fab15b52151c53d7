"""What a bad link does to messages: some are lost, late, doubled or overtaken, each by its own seeded chance."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from sim.scenario import BadLink

OVERTAKEN_S = 0.2


@dataclass(slots=True)
class Impairment:
    """One direction-less link. `base_s` is its delay on a good day; `is_lost`: nothing passes at all."""

    chance: random.Random
    base_s: float
    is_lost: bool = False
    faults: list[BadLink] = field(default_factory=list)

    def delays_s(self) -> list[float]:
        """When each copy of one message arrives, from now; none when it is lost."""
        if self.is_lost:
            return []
        if not self.faults:
            return [self.base_s]
        delays = [self.base_s + sum(fault.delay_s for fault in self.faults)]
        for fault in self.faults:
            if self._happens(fault.loss_frac):
                return []
            if self._happens(fault.reorder_frac):
                delays[0] += self.chance.uniform(0.0, fault.delay_s + OVERTAKEN_S)
            if self._happens(fault.duplicate_frac):
                delays.append(delays[0] + self.chance.uniform(0.0, fault.delay_s + OVERTAKEN_S))
        return delays

    def _happens(self, share: float) -> bool:
        return share > 0 and self.chance.random() < share


def impairments(names: Iterable[str], *, seed: int, base_s: float) -> dict[str, Impairment]:
    """One for each name, each with chances of its own."""
    return {name: Impairment(random.Random(f"{seed}/link/{name}"), base_s) for name in names}  # noqa: S311 - weather
