"""Values at moments, asked for in between; one thread may add while another asks."""

import threading
from bisect import bisect_right
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Timeline(Generic[T]):
    """Between two values `between(first, second, share)` answers; before the first and after the last, that one for
    `held_us`; over a gap wider than `widest_gap_us` nobody does. Only the `kept` newest stay, all when None.
    """

    def __init__(
        self, between: Callable[[T, T, float], T], *, held_us: int, widest_gap_us: int, kept: int | None = None
    ) -> None:
        self._between = between
        self._held_us = held_us
        self._widest_gap_us = widest_gap_us
        self._kept = kept
        self._times_us: list[int] = []
        self._values: list[T] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._times_us)

    def add(self, at_us: int, value: T) -> None:
        """One that is not later than the last is passed over."""
        with self._lock:
            if self._times_us and at_us <= self._times_us[-1]:
                return
            self._times_us.append(at_us)
            self._values.append(value)
            if self._kept is not None and len(self._times_us) > self._kept:
                del self._times_us[0], self._values[0]

    def clear(self) -> None:
        with self._lock:
            self._times_us, self._values = [], []

    def last(self) -> tuple[int, T] | None:
        with self._lock:
            return (self._times_us[-1], self._values[-1]) if self._times_us else None

    def at(self, at_us: int) -> tuple[T, int] | None:
        """The value, and how far beyond it was asked for, microseconds: 0 in between, negative before the first."""
        with self._lock:
            if not self._times_us:
                return None
            after = bisect_right(self._times_us, at_us)
            before = after - 1
            if before < 0 or after == len(self._times_us):
                nearest = max(0, before)
                late_us = at_us - self._times_us[nearest]
                return (self._values[nearest], late_us) if abs(late_us) <= self._held_us else None
            start_us, end_us = self._times_us[before], self._times_us[after]
            first, second = self._values[before], self._values[after]
        if end_us - start_us > self._widest_gap_us:
            return None
        return self._between(first, second, (at_us - start_us) / (end_us - start_us)), 0
