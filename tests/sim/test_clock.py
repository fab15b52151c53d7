"""Virtual time: what is due comes in order, at its moment, and at once; nothing waits for the machine."""

import asyncio
import itertools

import anyio
import pytest

from sim.clock import ShiftedClock, StandsStill, VirtualClock, pacemaker, run_virtually
from tests.conftest import ManualClock

START_US = 1_767_225_600_000_000


@pytest.fixture
def virtual() -> VirtualClock:
    return VirtualClock(START_US)


def test_a_virtual_day_takes_no_time_and_ends_on_the_microsecond(virtual: VirtualClock) -> None:
    async def main() -> None:
        await anyio.sleep(86_400.0)

    run_virtually(main, clock=virtual)

    assert virtual.monotonic_us() == 86_400_000_000
    assert virtual.wall_us() == START_US + 86_400_000_000


def test_timers_come_in_the_order_of_their_times(virtual: VirtualClock) -> None:
    came: list[tuple[int, str]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def note(name: str) -> None:
            came.append((virtual.monotonic_us(), name))

        for delay_s, name in ((0.3, "c"), (0.1, "a"), (0.2, "b"), (0.0, "now")):
            loop.call_later(delay_s, note, name)
        await anyio.sleep(1.0)

    run_virtually(main, clock=virtual)

    assert came == [(0, "now"), (100_000, "a"), (200_000, "b"), (300_000, "c")]


def test_timers_of_one_moment_come_in_the_order_in_which_they_were_set(virtual: VirtualClock) -> None:
    came: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for number in range(1_000):
            loop.call_later(0.1, came.append, number)
        await anyio.sleep(0.05)
        for number in range(1_000, 2_000):
            loop.call_later(0.05, came.append, number)
        await anyio.sleep(1.0)

    run_virtually(main, clock=virtual)

    assert came == list(range(2_000))


def test_time_stands_still_while_there_is_something_to_do_now(virtual: VirtualClock) -> None:
    came: list[tuple[int, str]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def first() -> None:
            came.append((virtual.monotonic_us(), "first"))
            loop.call_soon(second)

        def second() -> None:
            came.append((virtual.monotonic_us(), "second"))
            loop.call_soon(lambda: came.append((virtual.monotonic_us(), "third")))

        loop.call_later(0.1, first)
        loop.call_later(0.100001, lambda: came.append((virtual.monotonic_us(), "a microsecond later")))
        await anyio.sleep(1.0)

    run_virtually(main, clock=virtual)

    assert came == [(100_000, "first"), (100_000, "second"), (100_000, "third"), (100_001, "a microsecond later")]


def test_a_cancelled_timer_never_comes(virtual: VirtualClock) -> None:
    came: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        timers = [loop.call_later(0.1, came.append, "cancelled") for _ in range(500)]
        loop.call_later(0.1, came.append, "kept")
        for timer in timers:
            timer.cancel()
        await anyio.sleep(1.0)

    run_virtually(main, clock=virtual)

    assert came == ["kept"]


def test_a_deadline_ends_a_wait_on_its_microsecond(virtual: VirtualClock) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError), anyio.fail_after(0.1):
            await anyio.sleep(5.0)

    run_virtually(main, clock=virtual)

    assert virtual.monotonic_us() == 100_000


@pytest.mark.parametrize("already_s", [0.0, 1.0, 3_600.123457, 604_800.7])
def test_many_small_waits_add_up_exactly_however_late_it_is(virtual: VirtualClock, already_s: float) -> None:
    async def main() -> None:
        await anyio.sleep(already_s)
        for _ in range(1_000):
            await anyio.sleep(0.033333)

    run_virtually(main, clock=virtual)

    assert virtual.monotonic_us() == round(already_s * 1e6) + 33_333_000


def test_waiting_until_a_deadline_that_is_no_whole_microsecond_ends(virtual: VirtualClock) -> None:
    """Its owner asks again until its time has come; that must not take for ever."""
    asked = 0

    async def main() -> None:
        nonlocal asked
        loop = asyncio.get_running_loop()
        until_s = loop.time() + 0.1000004
        while loop.time() < until_s:
            asked += 1
            await anyio.sleep(until_s - loop.time())

    run_virtually(main, clock=virtual)

    assert virtual.monotonic_us() == 100_001
    assert asked <= 2


def test_a_run_in_which_everybody_waits_for_somebody_is_an_error_and_no_silence(virtual: VirtualClock) -> None:
    async def main() -> None:
        await anyio.Event().wait()

    with pytest.raises(StandsStill, match="nothing is scheduled"):
        run_virtually(main, clock=virtual)


def test_who_sleeps_for_ever_does_not_hide_that_everybody_waits(virtual: VirtualClock) -> None:
    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            await anyio.sleep(1.0)
            await anyio.Event().wait()

    with pytest.raises(StandsStill):
        run_virtually(main, clock=virtual)

    assert virtual.monotonic_us() == 1_000_000


def test_a_task_that_never_waits_is_told_instead_of_turning_for_ever(
    virtual: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.clock.TURNS_AT_ONE_MOMENT", 1000)

    async def main() -> None:
        await anyio.sleep(1.0)
        for _ in range(900):
            await anyio.sleep(0.0)  # busy, and then goes on
        await anyio.sleep(1.0)
        for _ in itertools.count():
            await anyio.sleep(0.0)

    with pytest.raises(StandsStill, match="never waits"):
        run_virtually(main, clock=virtual)

    assert virtual.monotonic_us() == 2_000_000


def test_what_a_callback_raises_ends_the_run(virtual: VirtualClock) -> None:
    def crash() -> None:
        raise ValueError("a bug in a callback")

    async def main() -> None:
        asyncio.get_running_loop().call_later(1.0, crash)
        await anyio.sleep(10.0)

    with pytest.raises(ValueError, match="a bug in a callback"):
        run_virtually(main, clock=virtual)

    assert virtual.monotonic_us() == 1_000_000


def test_what_a_run_returns_is_handed_on(virtual: VirtualClock) -> None:
    async def main() -> str:
        await anyio.sleep(1.0)
        return "done"

    assert run_virtually(main, clock=virtual) == "done"


def test_a_pace_hears_each_stretch_before_it_is_skipped(virtual: VirtualClock) -> None:
    heard: list[tuple[int, float]] = []

    async def main() -> None:
        await anyio.sleep(1.5)
        await anyio.sleep(0.5)

    run_virtually(main, clock=virtual, pace=lambda seconds: heard.append((virtual.monotonic_us(), seconds)))

    assert heard == [(0, 1.5), (1_500_000, 0.5)]


def test_a_pacemaker_sleeps_only_for_what_is_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ManualClock()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        real.advance(seconds)

    monkeypatch.setattr("sim.clock.time.sleep", sleep)
    pace = pacemaker(10.0, real)

    pace(1.0)
    real.advance(5.0)  # the machine was slow
    pace(1.0)
    pace(52.0)

    assert slept == pytest.approx([0.1, 0.25, 0.05])


def test_another_machines_wall_clock_may_be_set_and_its_monotonic_one_may_not(virtual: VirtualClock) -> None:
    shifted = ShiftedClock(virtual)
    virtual.advance(1_000_000)

    shifted.shift_us = -3_600_000_000

    assert shifted.wall_us() == START_US + 1_000_000 - 3_600_000_000
    assert shifted.monotonic_us() == 1_000_000
