"""The backlog benchmark: a small one drains to the last row, and its figures are judged by what is asked."""

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from contract.clock import SystemClock
from sim.benchmarks.backlog import Backlog, measure_backlog
from sim.benchmarks.figures import Spread

GOOD = Backlog(
    rows=1000,
    file_mb=1.0,
    open_s=0.01,
    session_s=0.0,
    rows_s=900.0,
    growth_mb=3.0,
    new=Spread(10, 4.0, 8.0, 9.0, 9.0),
    stored=1010,
    expected=1010,
    file_after_mb=0.1,
)


def test_a_backlog_drains_to_the_last_row(tmp_path: Path) -> None:
    measured = measure_backlog(tmp_path, clock=SystemClock(), console=Console(quiet=True), rows=300)

    assert measured.new is not None
    assert measured.stored == measured.expected == 300 + measured.new.count


def test_good_figures_miss_nothing_and_each_that_is_not_is_named() -> None:
    bad = replace(GOOD, stored=1009, open_s=2.5, session_s=3.0, growth_mb=80.0, new=None)

    assert GOOD.missed == []
    assert bad.missed == [
        "rows stored: expected 1010, got 1009",
        "opening the outbox: expected at most 1 s, got 2.50 s",
        "a new session: expected at most 1 s, got 3.00 s",
        "memory: expected to grow by at most 50 MB, grew by 80 MB",
        "a new event to its acknowledgement: expected p99 of at most 250 ms, got none",
    ]
