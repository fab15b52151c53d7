"""What the demo takes of this machine: proportional set size of all its processes together, at its peak.

The demo runs as a person would start it, in a process of its own; whatever this benchmark itself holds does not count.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from contract.clock import Clock
from sim.children import Child, pss_bytes

MEMORY_BAR_MB = 700.0
LOOK_EACH_S = 0.5
DEMO_WITHIN_S = 240.0


@dataclass(frozen=True, slots=True)
class Memory:
    """`processes`: command and megabytes of each, at the moment of the peak. `demo_exit_code` None: cut short."""

    peak_mb: float
    processes: tuple[tuple[str, float], ...]
    demo_exit_code: int | None

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        missed = []
        if not 0.0 < self.peak_mb <= MEMORY_BAR_MB:
            missed.append(f"memory of the demo: expected at most {MEMORY_BAR_MB:.0f} MB, got {self.peak_mb:.0f} MB")
        if self.demo_exit_code != 0:
            missed.append(f"the demo that was measured: expected exit code 0, got {self.demo_exit_code}")
        return missed

    def table(self) -> Table:
        table = Table("memory of the demo at its peak, PSS", "MB", title_justify="left")
        table.columns[1].justify = "right"
        for command, mb in self.processes:
            table.add_row(command, f"{mb:.0f}")
        table.add_section()
        table.add_row(f"together (at most {MEMORY_BAR_MB:.0f})", f"{self.peak_mb:.0f}", style="bold")
        return table


async def measure_memory(folder: Path, *, demo_options: Sequence[str], clock: Clock, console: Console) -> Memory:
    """Run the demo to its end and look at its processes meanwhile. `folder` gets its logs."""
    arguments = ["sim", "demo", "--port", "0", "--headless", "--until-done", "--out", str(folder), *demo_options]
    peak: dict[int, int] = {}
    names: dict[int, str] = {}
    deadline_us = clock.monotonic_us() + int(DEMO_WITHIN_S * 1e6)
    with (
        Child("demo", arguments, log_path=folder / "demo.log") as demo,
        console.status("the demo runs, to be measured"),
    ):
        assert demo.pid is not None
        while demo.exit_code is None and clock.monotonic_us() < deadline_us:
            now = {pid: pss for pid in process_tree(demo.pid) if (pss := pss_bytes(pid)) is not None}
            names.update({pid: _command(pid) for pid in now.keys() - names.keys()})
            peak = max(peak, now, key=lambda each: sum(each.values()))
            await asyncio.sleep(LOOK_EACH_S)
        exit_code = demo.exit_code
    processes = tuple((names[pid], pss / 1e6) for pid, pss in sorted(peak.items()))
    return Memory(sum(mb for _, mb in processes), processes, exit_code)


def process_tree(pid: int) -> Iterable[int]:
    """A process and all that descend from it."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            pids = children.read_text().split()
        except OSError:  # it has just ended
            continue
        for child in pids:
            yield from process_tree(int(child))


def _command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return str(pid)
    if any("iotcore" in word for word in words):
        return "broker"
    return " ".join(Path(word).name for word in words[words.index("-m") + 1 :][:3]) if "-m" in words else words[0]
