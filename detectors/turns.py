"""Work timed in turns: every round does each job once, so what slows the machine for a while slows all of them.

The order is drawn anew each round: threads of one runtime that wait awake for more work slow whatever comes next.
Compare the medians of one run with each other; a figure by itself says what the machine was doing.
"""

from collections.abc import Callable, Mapping
from statistics import median

import numpy as np

from contract.clock import Clock

Job = Callable[[], object]


def time_in_turns(jobs: Mapping[str, Job], *, rounds: int, clock: Clock) -> dict[str, list[float]]:
    """How long each job took in each round, ms. Every job is done once before, untimed. What a job raises comes out."""
    for job in jobs.values():
        job()
    took_ms: dict[str, list[float]] = {name: [] for name in jobs}
    chance = np.random.default_rng(0)
    for _ in range(rounds):
        for name in chance.permutation(list(jobs)).tolist():
            started_us = clock.monotonic_us()
            jobs[name]()
            took_ms[name].append((clock.monotonic_us() - started_us) / 1000)
    return took_ms


def medians_ms(took_ms: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: median(each) for name, each in took_ms.items()}
