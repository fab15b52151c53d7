"""No event lost and none doubled: kill -9 again and again, then everything a node needs taken from it in turn."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from contract.clock import Clock
from sim.soak import yard
from sim.soak.audit import Audit, audit
from sim.soak.kills import kill_again_and_again
from sim.soak.outages import Outage, break_and_mend, small_disk
from sim.soak.stage import Stage

WARM_UP_FRAMES = 3 * yard.FRAMES_PER_S * len(yard.CAMERAS)


@dataclass(frozen=True, slots=True)
class Series:
    """What was done, and the truth after it."""

    what: str
    audit: Audit


@dataclass(frozen=True, slots=True)
class Faults:
    """`kills`: how many at which moment. `left_out`: what this machine does not allow."""

    kills: Mapping[str, int]
    series: tuple[Series, ...]
    left_out: tuple[str, ...]

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        return [f"{each.what}: {words}" for each in self.series for words in each.audit.wrong]

    def table(self) -> Table:
        heads = ("lives", "frames", "events fired", "stored", "cut off by a kill", "people told", "files", "wrong")
        table = Table("faults", *heads, title_justify="left")
        for column in table.columns[1:]:
            column.justify = "right"
        for each in self.series:
            found = each.audit
            counts = (found.lives, found.frames, found.fired, found.stored, found.cut, found.visits, found.files)
            table.add_row(each.what, *map(str, counts), str(len(found.wrong)))
        table.add_section()
        for moment, times in self.kills.items():
            table.add_row(f"killed {moment}", str(times))
        for each_left in self.left_out:
            table.add_row(f"left out: {each_left}")
        return table


def measure_faults(folder: Path, *, kills: int, outage_s: float, clock: Clock, console: Console) -> Faults:
    """About three seconds a kill, and twice `outage_s` for each outage. Raises DemoError when a part ends by itself or
    does not come back."""
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("kills", total=kills)
        with Stage(_made(folder / "kills"), clock=clock) as stage:
            moments = kill_again_and_again(
                stage,
                kills=kills,
                chance=random.Random(kills),  # noqa: S311 - moments to be killed at
                on_kill=lambda: bar.update(task, advance=1),
            )
            series = [Series(f"{kills} times kill -9", audit(stage, was_killed=True))]
        bar.remove_task(task)
        left_out = []
        task = bar.add_task("outages", total=len(Outage))
        for outage in Outage:
            bar.update(task, description=outage.value)
            with small_disk(folder / outage.name.lower()) as is_small:
                if outage is Outage.DISK_FULL and not is_small:
                    left_out.append(f"{outage.value} (nobody may mount a small one here)")
                else:
                    series.append(_through(outage, folder, outage_s=outage_s, clock=clock))
            bar.advance(task)
    return Faults({moment.value: times for moment, times in sorted(moments.items())}, tuple(series), tuple(left_out))


def _through(outage: Outage, folder: Path, *, outage_s: float, clock: Clock) -> Series:
    data_dir = folder / outage.name.lower() / "node"
    with Stage(
        _made(folder / f"{outage.name.lower()}-run"), clock=clock, length_s=3 * outage_s + 300.0, data_dir=data_dir
    ) as stage:
        stage.begin_life().wait_for_frames(WARM_UP_FRAMES)
        break_and_mend(stage, outage, for_s=outage_s)
        stage.stop_node()
        stage.drain()
        keeps_files = outage in (Outage.BROKER, Outage.BOTH)
        return Series(f"{outage.value}, {outage_s:g} s", audit(stage, was_killed=False, keeps_files=keeps_files))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
