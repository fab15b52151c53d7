"""A quiet camera is shown to the detector at its minimum rate, a busy one wholly."""

import numpy as np
import pytest

from edge.perception.gate import HELD_US, Gate

FRAME_US = 40_000  # 25 a second


def passed(gate: Gate, *, frames: int, busy: range = range(0), start: int = 0) -> list[int]:
    return [
        index
        for index in range(start, start + frames)
        if gate.passes(is_busy=index in busy, captured_at_us=index * FRAME_US)
    ]


@pytest.mark.parametrize("rate_hz", [1.0, 2.0, 5.0])
def test_where_nothing_moves_the_minimum_rate_passes(rate_hz: float) -> None:
    shown = passed(Gate(rate_min_hz=rate_hz), frames=1000)
    assert shown[0] == 0
    assert rate_hz <= len(shown) / 40.0 <= 1.2 * rate_hz
    assert np.diff(shown).max() * FRAME_US <= 1e6 / rate_hz


def test_while_something_moves_and_for_a_while_after_all_passes() -> None:
    held = HELD_US // FRAME_US
    shown = passed(Gate(rate_min_hz=1.0), frames=500, busy=range(105, 120))
    assert set(range(105, 119 + held)) <= set(shown)
    assert len([index for index in shown if index < 105]) <= 5
    assert len([index for index in shown if index >= 119 + held]) <= 13


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    gate = Gate(rate_min_hz=1.0)
    assert passed(gate, frames=200, busy=range(199, 200), start=100_000)
    shown = passed(gate, frames=100, start=10_000)
    assert 4 <= len(shown) <= 5
