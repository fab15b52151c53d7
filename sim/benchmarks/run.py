"""How many times real time a run goes in one process, and whether its memory stays where it is over hours.

Nothing is rendered and no model runs: detections are played back, so what is measured is everything else. `soak` plays
two simulated hours and fits a line to the resident memory after the first ten minutes.
"""

import logging
import os
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from contract.clock import Clock
from sim.benchmarks.yard import write_idle_yard, write_watched_yard
from sim.run import clock_of, play
from sim.scenario_file import load_scenario

WATCHED_S, CROWDED_S, RATE_HZ = 600.0, 120.0, 10.0
IDLE_S, IDLE_VEHICLES = 60.0, 100
WATCHED_BAR, IDLE_BAR = 10.0, 3.0  # times real time, what issue 3 asks
SOAK_S, SOAK_RATE_HZ, WARM_S = 7_200.0, 2.0, 600.0
LOOK_EACH_S = 10.0
SLOPE_BAR_MB_H = 1.0  # a line through noise of this allocator is flatter than that
PAGE_BYTES = os.sysconf("SC_PAGESIZE")


@dataclass(frozen=True, slots=True)
class RunSpeed:
    """Seconds of the scenario in a second of the machine, and of its processor time alone; the load while measuring.

    crowded: with two persons before each camera all the time; there is no bar for that.
    """

    watched: float
    watched_by_processor: float
    crowded: float
    crowded_by_processor: float
    idle: float
    idle_by_processor: float
    load: float

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        bars = (
            ("4 cameras and 4 vehicles, times real time", self.watched, WATCHED_BAR),
            (f"{IDLE_VEHICLES} idle vehicles, times real time", self.idle, IDLE_BAR),
        )
        return [f"{name}: expected at least {bar:g}, got {value:.2f}" for name, value, bar in bars if value < bar]

    def table(self) -> Table:
        table = Table("run, times real time", "measured", "by processor time", "at least")
        watched, idle = (f"{bar:g}" for bar in (WATCHED_BAR, IDLE_BAR))
        table.add_row(
            f"4 cameras at {RATE_HZ:g} frames/s, 4 vehicles, {WATCHED_S / 60:g} min",
            f"{self.watched:.1f}",
            f"{self.watched_by_processor:.1f}",
            watched,
        )
        table.add_row(
            f"the same, two persons before each camera, {CROWDED_S / 60:g} min",
            f"{self.crowded:.1f}",
            f"{self.crowded_by_processor:.1f}",
            "",
        )
        table.add_row(
            f"{IDLE_VEHICLES} idle vehicles, {IDLE_S:g} s", f"{self.idle:.1f}", f"{self.idle_by_processor:.1f}", idle
        )
        table.add_row("load of the machine while measuring", f"{self.load:.1f}", "", "")
        return table


@dataclass(frozen=True, slots=True)
class Soak:
    """`slope_mb_h`: megabytes that resident memory grows in a simulated hour, least squares; `noise_mb`: what is left
    beside that line, one standard deviation."""

    slope_mb_h: float
    noise_mb: float
    first_mb: float
    last_mb: float
    hours: float
    real_times: float

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        bar = max(SLOPE_BAR_MB_H, self.noise_mb / self.hours)
        if self.slope_mb_h <= bar:
            return []
        return [f"memory: expected to grow by at most {bar:.1f} MB an hour, grew by {self.slope_mb_h:.1f}"]

    def table(self) -> Table:
        table = Table(f"memory over {self.hours:g} h, 4 cameras and 4 vehicles", "MB")
        table.add_row("after ten minutes", f"{self.first_mb:.1f}")
        table.add_row("at the end", f"{self.last_mb:.1f}")
        table.add_row("slope an hour", f"{self.slope_mb_h:+.2f}")
        table.add_row("noise", f"{self.noise_mb:.2f}")
        table.add_row("times real time", f"{self.real_times:.1f}")
        return table


def measure_run(*, clock: Clock, console: Console) -> RunSpeed:
    with tempfile.TemporaryDirectory(prefix="vedette-run-") as name:
        folder = Path(name)
        watched = write_watched_yard(_made(folder / "watched"), length_s=WATCHED_S, rate_hz=RATE_HZ)
        crowded = write_watched_yard(_made(folder / "crowded"), length_s=CROWDED_S, rate_hz=RATE_HZ, is_crowded=True)
        idle = write_idle_yard(_made(folder / "idle"), length_s=IDLE_S, vehicles=IDLE_VEHICLES)
        watched_s, watched_processor_s = _timed(watched, clock=clock, console=console)
        load = os.getloadavg()[0]
        crowded_s, crowded_processor_s = _timed(crowded, clock=clock, console=console)
        idle_s, idle_processor_s = _timed(idle, clock=clock, console=console)
    return RunSpeed(
        watched=WATCHED_S / watched_s,
        watched_by_processor=WATCHED_S / watched_processor_s,
        crowded=CROWDED_S / crowded_s,
        crowded_by_processor=CROWDED_S / crowded_processor_s,
        idle=IDLE_S / idle_s,
        idle_by_processor=IDLE_S / idle_processor_s,
        load=load,
    )


def measure_soak(*, clock: Clock, console: Console, length_s: float = SOAK_S, warm_s: float = WARM_S) -> Soak:
    """Resident memory every ten simulated seconds."""
    looks: list[tuple[float, float]] = []

    def look(at_s: float) -> None:
        if at_s >= warm_s and at_s % LOOK_EACH_S == 0:
            looks.append((at_s / 3600.0, resident_mb()))

    with tempfile.TemporaryDirectory(prefix="vedette-soak-") as name:
        scenario = write_watched_yard(Path(name), length_s=length_s, rate_hz=SOAK_RATE_HZ)
        took_s, _ = _timed(scenario, clock=clock, console=console, on_second=look)
    hours, mb = zip(*looks, strict=True)
    slope, at_zero = statistics.linear_regression(hours, mb)
    beside = [each - (at_zero + slope * hour) for hour, each in looks]
    return Soak(slope, statistics.pstdev(beside), mb[0], mb[-1], length_s / 3600.0, length_s / took_s)


def resident_mb() -> float:
    """Of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES / 1e6


def _timed(
    scenario: Path, *, clock: Clock, console: Console, on_second: Callable[[float], None] = lambda _: None
) -> tuple[float, float]:
    """Seconds of the machine and of its processor that the scenario took."""
    loaded = load_scenario(scenario)
    with (scenario.parent / "system.log").open("w") as log, Progress(console=console, transient=True) as bar:
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            logger_factory=structlog.WriteLoggerFactory(log),
        )
        task = bar.add_task(scenario.parent.name, total=loaded.scenario.length_s)

        def each_second(at_s: float) -> None:
            bar.update(task, completed=at_s)
            on_second(at_s)

        began_us, began_s = clock.monotonic_us(), _processor_s()
        play(loaded, scenario.parent / "run", clock=clock_of(loaded), seed=1, on_second=each_second)
        return (clock.monotonic_us() - began_us) / 1e6, _processor_s() - began_s


def _processor_s() -> float:
    times = os.times()
    return times.user + times.system


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
