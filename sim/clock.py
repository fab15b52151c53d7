"""Virtual time: an event loop that never waits. When nothing is left to do now, the clock jumps to what is due next.

Everything on the loop sees one clock that stands still while code runs, so the order of events depends on nothing but
what was scheduled. A loop with nothing scheduled at all, or with a task that never waits, would stand still for ever:
that is an error here.
"""

import asyncio
import heapq
import math
import selectors
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context
from itertools import count
from typing import Any, TypeVar

import anyio

from contract.clock import Clock, SystemClock

Result = TypeVar("Result")
ROUNDING_US = 1e-3
SLICE_S = 0.25  # of a paced wait: how soon Ctrl-C is heard
TURNS_AT_ONE_MOMENT = 1_000_000  # far beyond what a busy second of a large site takes: half a minute of turning


class VirtualClock:
    """A contract.clock.Clock that only the loop moves. `monotonic_us` counts from 0 at `start_us` (Unix epoch, UTC)."""

    def __init__(self, start_us: int) -> None:
        self._start_us = start_us
        self._now_us = 0

    def wall_us(self) -> int:
        return self._start_us + self._now_us

    def monotonic_us(self) -> int:
        return self._now_us

    def advance(self, by_us: int) -> None:
        self._now_us += by_us


class RealClock:
    """Real time, counted as a scenario's: monotonic from 0 now, wall from `start_us`."""

    def __init__(self, start_us: int) -> None:
        self._start_us = start_us
        self._clock = SystemClock()
        self.begin()

    def begin(self) -> None:
        """It is 0 now: everything is set up."""
        self._began_us = self._clock.monotonic_us()

    def wall_us(self) -> int:
        return self._start_us + self.monotonic_us()

    def monotonic_us(self) -> int:
        return self._clock.monotonic_us() - self._began_us


class ShiftedClock:
    """Another machine's clock: its wall time may be set, its monotonic time may not."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.shift_us = 0

    def wall_us(self) -> int:
        return self._clock.wall_us() + self.shift_us

    def monotonic_us(self) -> int:
        return self._clock.monotonic_us()


class StandsStill(RuntimeError):
    """Every task waits for something that nobody will do, or one never waits."""


class _Jump(selectors.DefaultSelector):
    """Where a loop would sleep until its next timer, time passes at once; no file is ever looked at."""

    def __init__(self, clock: VirtualClock, pace: Callable[[float], None] | None) -> None:
        super().__init__()
        self._clock, self._pace = clock, pace
        self.crash: BaseException | None = None
        self._turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.crash is not None:
            crash, self.crash = self.crash, None
            raise crash
        if timeout is None:
            raise StandsStill("nothing is scheduled and no file is read here")
        self._turns += 1
        if timeout > 0:
            self._turns = 0
            if self._pace is not None:
                self._pace(timeout)
            self._clock.advance(max(1, round(timeout * 1e6)))
        elif self._turns > TURNS_AT_ONE_MOMENT:
            self._turns = 0  # to be able to end what is left
            raise StandsStill(f"{TURNS_AT_ONE_MOMENT} turns of the loop without waiting: a task never waits")
        return []


class _Timer(asyncio.TimerHandle):
    """Of two that are due at one moment the one that was scheduled first comes first; asyncio's own are in no order."""

    __slots__ = ("order",)
    order: tuple[int, int]  # microsecond and number

    def __lt__(self, other: "_Timer") -> bool:  # type: ignore[override]  # a virtual loop has no other timers
        return self.order < other.order


class VirtualLoop(asyncio.SelectorEventLoop):
    """Whatever a callback raises ends the run: a loop that only logged it would go on without what should have been."""

    def __init__(self, clock: VirtualClock, pace: Callable[[float], None] | None = None) -> None:
        self._virtual = clock
        self._jump = _Jump(clock, pace)
        self._numbers = count()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._virtual.monotonic_us() / 1e6

    def call_at(  # type: ignore[override]  # the typeshed's signature is variadic in a way nobody can repeat
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """On a whole microsecond: what is due within the rounding of a float is due then. A deadline that was just
        missed by less than that comes a microsecond later, or its owner would ask for ever. What is due at infinity is
        not scheduled, so that a run in which only such waits are left is seen to stand still."""
        if math.isinf(when):
            return _Timer(when, callback, args, self, context)
        now_us = self._virtual.monotonic_us()
        due_us = math.ceil(when * 1e6 - ROUNDING_US)
        if due_us <= now_us and when > self.time():
            due_us = now_us + 1
        timer = _Timer(due_us / 1e6, callback, args, self, context)
        timer.order = (due_us, next(self._numbers))
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]  # asyncio's own, since 3.4
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        crash = context.get("exception")
        if crash is None:
            super().call_exception_handler(context)
        elif self._jump.crash is None:
            self._jump.crash = crash


def run_virtually(
    main: Callable[[], Awaitable[Result]], *, clock: VirtualClock, pace: Callable[[float], None] | None = None
) -> Result:
    """Run `main` to its end on a loop that follows `clock`. `pace` is called with the seconds about to be skipped."""
    options: Mapping[str, Any] = {"loop_factory": lambda: VirtualLoop(clock, pace)}
    return anyio.run(main, backend="asyncio", backend_options=dict(options))


def pacemaker(speed: float, clock: Clock) -> Callable[[float], None]:
    """Lets virtual time pass `speed` times as fast as on the real `clock`, or slower where the machine cannot."""
    began_us = clock.monotonic_us()
    skipped_s = 0.0

    def pace(seconds: float) -> None:
        nonlocal skipped_s
        skipped_s += seconds
        while (early_s := skipped_s / speed - (clock.monotonic_us() - began_us) / 1e6) > 0:
            time.sleep(min(early_s, SLICE_S))

    return pace
