"""The run benchmark: its yard keeps cameras and vehicles busy, and its figures are judged by what is asked."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from contract.clock import SystemClock
from sim.benchmarks.run import RunSpeed, Soak, measure_soak
from sim.benchmarks.yard import write_idle_yard, write_watched_yard
from sim.run import clock_of, play
from sim.scenario_file import load_scenario
from tests.sim.a_run import lines

GOOD = RunSpeed(
    watched=12.0,
    watched_by_processor=13.0,
    crowded=8.0,
    crowded_by_processor=8.5,
    idle=4.0,
    idle_by_processor=4.5,
    load=0.5,
)
FLAT = Soak(slope_mb_h=0.2, noise_mb=0.3, first_mb=200.0, last_mb=200.4, hours=2.0, real_times=20.0)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute, in which the first intruder is not there yet."""
    folder = tmp_path_factory.mktemp("yard")
    loaded = load_scenario(write_watched_yard(folder, length_s=30.0, rate_hz=5.0))
    play(loaded, folder / "run", clock=clock_of(loaded), seed=1)
    return folder / "run"


def test_somebody_is_followed_by_every_camera_of_the_yard(watched: Path) -> None:
    followed = {row["camera"] for row in lines(watched, "sightings")}

    assert followed == {"cam-1", "cam-2", "cam-3", "cam-4"}
    assert {row["state"] for row in lines(watched, type="node", state="online")} == {"online"}


def test_the_copters_of_the_yard_patrol(watched: Path) -> None:
    patrols = {row["vehicle"] for row in lines(watched, type="task", kind="patrol")}

    assert patrols == {"drone-1", "drone-3"}


def test_an_idle_yard_has_as_many_vehicles_as_are_asked_for(tmp_path: Path) -> None:
    loaded = load_scenario(write_idle_yard(tmp_path, length_s=60.0, vehicles=100))

    assert len(loaded.scenario.vehicles) == 100
    assert loaded.scenario.feeds == ()


def test_good_figures_miss_nothing_and_each_below_its_bar_is_named() -> None:
    assert GOOD.missed == []
    assert replace(GOOD, watched=9.5, idle=2.0).missed == [
        "4 cameras and 4 vehicles, times real time: expected at least 10, got 9.50",
        "100 idle vehicles, times real time: expected at least 3, got 2.00",
    ]


def test_memory_may_grow_by_its_noise_and_no_more() -> None:
    assert FLAT.missed == []
    assert replace(FLAT, noise_mb=6.0, slope_mb_h=2.5).missed == []
    assert replace(FLAT, slope_mb_h=5.0).missed == ["memory: expected to grow by at most 1.0 MB an hour, grew by 5.0"]


def test_a_short_soak_measures_a_slope() -> None:
    soak = measure_soak(clock=SystemClock(), console=Console(quiet=True), length_s=31.0, warm_s=0.0)

    assert soak.first_mb > 20.0
    assert soak.real_times > 0.0
