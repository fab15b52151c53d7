"""`vedette-sim bench`: what must hold in figures, each section in one run, printed and kept in bench.json.

Exit codes: 0 every figure is good, 1 at least one is not, 2 wrong input.
"""

import asyncio
import json
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import structlog
import typer
from rich.console import Console
from rich.table import Table

from contract.clock import Clock, SystemClock
from contract.errors import DocumentError
from detectors.errors import DetectorError
from detectors.registry import ModelFile, find_model, model_cache, model_folders
from edge.errors import EdgeError
from sim.demo_setup import DemoError
from sim.score.errors import ScoreError
from sim.world.errors import WorldError

CHECKOUT = Path(__file__).parent.parent
PETS2009 = CHECKOUT / "deploy" / "sites" / "pets2009.yaml"
INPUT_ERRORS = (DemoError, DocumentError, EdgeError, DetectorError, ScoreError, WorldError, OSError)


class Measured(Protocol):
    """The figures of a section: a frozen dataclass."""

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        ...

    def table(self) -> Table: ...


@dataclass(frozen=True, slots=True)
class Bench:
    """What a section may need. `shared`: the folder of recordings, models and truth. kills, outage_s: of `faults`."""

    shared: Path
    folder: Path
    clock: Clock
    console: Console
    kills: int
    outage_s: float


def _model(path: Path) -> ModelFile:
    return find_model(str(path), folders=model_folders(os.environ), cache=model_cache(os.environ))


def _replay(bench: Bench) -> Measured:
    from sim.benchmarks.replay import measure_throughput  # noqa: PLC0415

    return measure_throughput(
        bench.shared / "feeds" / "vtest.avi",
        _model(bench.shared / "models" / "yolox_nano_640x640.onnx"),
        bench.shared / "truth" / "PETS09-S2L1-gt.txt",
        PETS2009,
        clock=bench.clock,
        console=bench.console,
        looks_model=bench.shared / "models" / "person-reidentification-retail-0248.onnx",
    )


def _feeds(bench: Bench) -> Measured:
    from detectors.opening import open_file  # noqa: PLC0415
    from edge.bench import measure  # noqa: PLC0415

    file = _model(bench.shared / "models" / "yolox_nano_640x640.onnx")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))  # events by the hundred
    return measure(bench.shared / "feeds" / "vtest.avi", lambda: open_file(file, threads=2), clock=bench.clock)


def _gate(bench: Bench) -> Measured:
    from sim.benchmarks.gate import measure_gate  # noqa: PLC0415

    return measure_gate(bench.shared / "feeds" / "vtest.avi", clock=bench.clock, console=bench.console)


def _latency(bench: Bench) -> Measured:
    from sim.benchmarks.latency import measure_latency  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="vedette-latency-") as folder:
        return asyncio.run(measure_latency(Path(folder), clock=bench.clock, console=bench.console))


def _memory(bench: Bench) -> Measured:
    from sim.benchmarks.memory import measure_memory  # noqa: PLC0415

    model = bench.shared / "models" / "yolox_nano_640x640.onnx"
    options = ["--model", str(model)] if model.is_file() else []
    with tempfile.TemporaryDirectory(prefix="vedette-memory-") as folder:
        return asyncio.run(measure_memory(Path(folder), demo_options=options, clock=bench.clock, console=bench.console))


def _idle(bench: Bench) -> Measured:
    from sim.benchmarks.idle import measure_idle  # noqa: PLC0415

    model = _model(bench.shared / "models" / "yolox_nano_640x640.onnx").path
    with tempfile.TemporaryDirectory(prefix="vedette-idle-") as folder:
        return asyncio.run(measure_idle(Path(folder), model=model, clock=bench.clock, console=bench.console))


def _flat(bench: Bench) -> Measured:
    from sim.benchmarks.flat import measure_flatness  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="vedette-flat-") as folder:
        plot = bench.folder / "flat.png"
        return asyncio.run(measure_flatness(Path(folder), plot=plot, clock=bench.clock, console=bench.console))


def _vehicles(bench: Bench) -> Measured:
    from sim.benchmarks.vehicles import measure_vehicles  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="vedette-vehicles-") as folder:
        return asyncio.run(measure_vehicles(Path(folder), clock=bench.clock, console=bench.console))


def _decision(bench: Bench) -> Measured:
    from sim.benchmarks.decision import measure_decision  # noqa: PLC0415

    return measure_decision(console=bench.console)


def _fusion(bench: Bench) -> Measured:
    from sim.benchmarks.fusion import measure_fusion  # noqa: PLC0415

    return measure_fusion(console=bench.console)


def _patrol(bench: Bench) -> Measured:
    from sim.benchmarks.patrol import measure_patrol  # noqa: PLC0415

    return measure_patrol(bench.folder / "patrol.png", clock=bench.clock, console=bench.console)


def _assignment(bench: Bench) -> Measured:
    from sim.benchmarks.assignment import measure_assignment  # noqa: PLC0415

    return measure_assignment(console=bench.console)


def _mission(bench: Bench) -> Measured:
    from sim.benchmarks.mission import measure_mission  # noqa: PLC0415

    return measure_mission(console=bench.console)


def _world(bench: Bench) -> Measured:
    from sim.benchmarks.world import measure_world  # noqa: PLC0415

    model = bench.shared / "models" / "yolox_nano_416.onnx"
    return measure_world(model, clock=bench.clock, console=bench.console)


def _drone(bench: Bench) -> Measured:
    from detectors.opening import open_file  # noqa: PLC0415
    from sim.benchmarks.drone import measure_drone  # noqa: PLC0415

    file = _model(bench.shared / "models" / "yolox_nano_736x1280.onnx")
    return measure_drone(open_file(file), bench.folder / "drone.png", console=bench.console)


def _run(bench: Bench) -> Measured:
    from sim.benchmarks.run import measure_run  # noqa: PLC0415

    return measure_run(clock=bench.clock, console=bench.console)


def _soak(bench: Bench) -> Measured:
    from sim.benchmarks.run import measure_soak  # noqa: PLC0415

    return measure_soak(clock=bench.clock, console=bench.console)


def _backlog(bench: Bench) -> Measured:
    from sim.benchmarks.backlog import measure_backlog  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="vedette-backlog-", dir=bench.folder) as folder:  # /tmp may be in memory
        return measure_backlog(Path(folder), clock=bench.clock, console=bench.console)


def _ingest(bench: Bench) -> Measured:
    from sim.benchmarks.ingest import measure_ingest  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="vedette-ingest-", dir=bench.folder) as folder:  # /tmp may be in memory
        return measure_ingest(Path(folder).resolve(), clock=bench.clock, console=bench.console)


def _faults(bench: Bench) -> Measured:
    from sim.benchmarks.faults import measure_faults  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="vedette-faults-", ignore_cleanup_errors=True) as folder:
        return measure_faults(
            Path(folder), kills=bench.kills, outage_s=bench.outage_s, clock=bench.clock, console=bench.console
        )


def _kills(bench: Bench) -> Measured:
    from sim.benchmarks.coordinator import measure_kills  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="vedette-kills-", dir=bench.folder) as folder:
        return measure_kills(Path(folder).resolve(), clock=bench.clock, console=bench.console)


def _console(bench: Bench) -> Measured:
    from sim.benchmarks.console import measure_console  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="vedette-console-", ignore_cleanup_errors=True) as folder:
        return measure_console(Path(folder).resolve(), clock=bench.clock, console=bench.console)


def _history(bench: Bench) -> Measured:
    from sim.benchmarks.history import measure_history  # noqa: PLC0415

    return measure_history(CHECKOUT / "deploy" / "sites" / "sterile.yaml", console=bench.console)


# Each imports only what it needs.
SECTIONS: Mapping[str, Callable[[Bench], Measured]] = {
    "replay": _replay,
    "feeds": _feeds,
    "gate": _gate,
    "latency": _latency,
    "memory": _memory,
    "flat": _flat,
    "idle": _idle,
    "vehicles": _vehicles,
    "decision": _decision,
    "fusion": _fusion,
    "assignment": _assignment,
    "mission": _mission,
    "patrol": _patrol,
    "world": _world,
    "drone": _drone,
    "run": _run,
    "ingest": _ingest,
    "console": _console,
    "history": _history,
    "soak": _soak,
    "backlog": _backlog,
    "faults": _faults,
    "kills": _kills,
}
LONG = ("soak", "backlog", "faults", "kills")  # only when asked for
WHICH = f"Of {', '.join(SECTIONS)}; all but {', '.join(LONG)} if left out."


def register(app: typer.Typer) -> None:
    app.command("bench")(bench)


def bench(
    sections: Annotated[list[str] | None, typer.Argument(help=WHICH)] = None,
    *,
    out: Annotated[Path, typer.Option(help="Folder of bench.json.")] = Path("out") / "bench",
    shared: Annotated[Path, typer.Option(help="Folder of recordings, models and truth.")] = CHECKOUT.parent / "shared",
    kills: Annotated[int, typer.Option(min=0, help="Of faults: times that the node is killed.")] = 200,
    outage_s: Annotated[float, typer.Option(min=1.0, help="Of faults: seconds that each outage lasts.")] = 180.0,
) -> None:
    """Measure, print, keep, and judge by what is asked.

    replay: accuracy, speed and tracking on a clip with ground truth. feeds: what a node keeps of bare inference.
    gate: a glance at a picture before the detector. latency: from a frame to incident, vehicle and acknowledgement.
    vehicles: a hundred on one coordinator. decision: of the safety gate. assignment: of a fleet.
    mission: an upload over bad links. memory: the demo's processes.
    flat: a node's memory over 100 000 frames. idle: feeds in which nothing happens.
    vehicles: a hundred on one coordinator. decision: of the safety gate. assignment: of a fleet.
    mission: an upload over bad links. memory: the demo's processes.
    flat: a node's memory over 100 000 frames. idle: feeds in which nothing happens.
    fusion: several cameras on one map. world: the rendered world. run: scenarios in virtual time.
    soak: memory of hours of them.
    ingest: events a second on both stores, until a console sees them, and with a million stored.
    console: the operator's page in a browser, until it stands there, with a full site, and from an event to the queue.
    history: what the map showed, kept for an hour and told again.
    kills: the coordinator killed a hundred times, on both stores.
    """
    console = Console(highlight=False)
    results: dict[str, dict[str, Any]] = {}
    missed: list[str] = []
    try:
        chosen = {name: _section(name) for name in sections or [each for each in SECTIONS if each not in LONG]}
        out.mkdir(parents=True, exist_ok=True)
        for name, measure in chosen.items():
            measured = measure(Bench(shared, out, SystemClock(), console, kills, outage_s))
            console.print(measured.table())
            missed += [f"{name}: {words}" for words in measured.missed]
            results[name] = {**asdict(measured), "missed": measured.missed}  # type: ignore[call-overload]
        (out / "bench.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    except INPUT_ERRORS as err:
        typer.echo(f"vedette-sim bench: {err}", err=True)
        raise typer.Exit(2) from err
    for words in missed:
        typer.echo(f"vedette-sim bench: {words}", err=True)
    raise typer.Exit(1 if missed else 0)


def _section(name: str) -> Callable[[Bench], Measured]:
    if name not in SECTIONS:
        raise EdgeError(f"expected a section, one of {', '.join(SECTIONS)}, got '{name}'")
    return SECTIONS[name]
