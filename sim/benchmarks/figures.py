"""Spreads of measured times. A percentile is a value that was measured (nearest rank), never one in between."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """Of `count` times, in milliseconds."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


def percentile(rising: list[int], percent: float) -> int:
    """The smallest value that at least `percent` of a rising, not empty list do not exceed."""
    return rising[max(math.ceil(len(rising) * percent / 100.0), 1) - 1]


def spread(times_us: Iterable[int]) -> Spread | None:
    """None when nothing was measured."""
    rising = sorted(times_us)
    if not rising:
        return None
    p50, p95, p99 = (percentile(rising, percent) / 1000.0 for percent in (50.0, 95.0, 99.0))
    return Spread(len(rising), p50, p95, p99, rising[-1] / 1000.0)
