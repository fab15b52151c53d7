"""What people are told about how long each step takes."""

from collections.abc import Iterator

import pytest

from fleet.hops import MAX_RECENT, HopFigure, Hops
from fleet.metrics import Metrics
from fleet.records.store import open_store
from tests.conftest import ManualClock


@pytest.fixture
def hops() -> Iterator[Hops]:
    with open_store(None) as store:
        yield Hops(clock=ManualClock(), metrics=Metrics(), store=store)


def test_what_has_not_happened_has_no_figure(hops: Hops) -> None:
    assert hops.figures() == ()


def test_steps_are_told_by_camera_in_the_order_they_are_taken(hops: Hops) -> None:
    for took_us in range(1, 101):
        hops.add("0" * 32, "track", took_us, camera="gate-a")
        hops.add("0" * 32, "detect", 1000 * took_us, camera="gate-a")
    hops.add("0" * 32, "gate", 7)
    assert hops.figures() == (
        HopFigure("gate", None, 1, 7, 7),
        HopFigure("detect", "gate-a", 100, 50_000, 95_000),
        HopFigure("track", "gate-a", 100, 50, 95),
    )


def test_only_the_latest_count(hops: Hops) -> None:
    for took_us in [9_000_000] * MAX_RECENT + [1] * MAX_RECENT:
        hops.add("0" * 32, "rule", took_us, camera="gate-a")
    (figure,) = hops.figures()
    assert (figure.count, figure.p95_us) == (MAX_RECENT, 1)


def test_a_step_that_the_network_made_up_is_left_out(hops: Hops) -> None:
    hops.add("0" * 32, "made-up", 1, camera="gate-a")
    assert hops.figures() == ()
