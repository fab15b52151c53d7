"""Time as an argument: the only module of the contract that asks the machine anything.

Wall time is for people and records; every age and every wait is monotonic.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks, always named. The simulator's virtual clock is the second implementation."""

    def wall_us(self) -> int:
        """Microseconds since the Unix epoch, UTC. It may step."""
        ...

    def monotonic_us(self) -> int:
        """Microseconds since some fixed moment. It never steps and never runs backwards."""
        ...


class SystemClock:
    """This machine's clocks."""

    def wall_us(self) -> int:
        return time.time_ns() // 1_000

    def monotonic_us(self) -> int:
        return time.monotonic_ns() // 1_000


class AnchoredClock:
    """Wall time that cannot step: read once at construction, then carried by the monotonic clock. A Clock itself.

    Live frames are stamped by it, so that a corrected wall clock never reorders them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._anchor_us = clock.wall_us() - clock.monotonic_us()

    def now_us(self) -> int:
        """Microseconds since the Unix epoch, UTC, as of the anchor."""
        return self._anchor_us + self._clock.monotonic_us()

    def wall_us(self) -> int:
        return self.now_us()

    def monotonic_us(self) -> int:
        return self._clock.monotonic_us()
