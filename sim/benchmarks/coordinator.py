"""The coordinator killed a hundred times under load, half of them on either store."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from contract.clock import Clock
from sim.postgres import Postgres
from sim.soak.coordinator_kills import Survived, kill_coordinator

KILLS = 50  # of each store


@dataclass(frozen=True, slots=True)
class Kills:
    """By kind of store."""

    stores: dict[str, Survived]

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        return [f"{name}: {words}" for name, of in self.stores.items() for words in of.wrong]

    def table(self) -> Table:
        table = Table("coordinator", "kills", "messages", "incidents", "wrong")
        for name, of in self.stores.items():
            table.add_row(name, str(of.kills), str(of.messages), str(of.incidents), str(len(of.wrong)))
        return table


def measure_kills(folder: Path, *, clock: Clock, console: Console) -> Kills:
    """About three seconds a kill. Raises DemoError when a part does not come back."""
    stores = {}
    with Postgres(is_durable=True) as server, Progress(console=console, transient=True) as bar:
        for seed, (name, place) in enumerate({"SQLite": None, "PostgreSQL": server.database()}.items(), 1):
            task = bar.add_task(name, total=KILLS)
            stores[name] = kill_coordinator(
                folder / name,
                place,
                kills=KILLS,
                seed=seed,
                clock=clock,
                on_kill=lambda task=task: bar.update(task, advance=1),  # type: ignore[misc]
            )
    return Kills(stores)
