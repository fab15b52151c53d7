"""`vedette-sim run`: a scenario from its file to its judgement.

Exit codes: 0 every expectation is met, 1 one is not, 2 wrong input (one line that names file, line and key).
"""

import logging
import shutil
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from contract.clock import Clock, SystemClock
from contract.errors import DocumentError
from detectors.errors import DetectorError
from edge.errors import EdgeError
from fleet.errors import FleetError
from sim.clock import RealClock, pacemaker
from sim.run import clock_of, play
from sim.scenario import FeedPlan, Loaded, Rendered
from sim.scenario_file import expect_recordings, load_scenario
from sim.score.command import judge_folder, summary
from sim.score.errors import ScoreError
from sim.score.expectations import check_paths
from sim.score.sections import ScoreParameters
from sim.world.errors import WorldError

INPUT_ERRORS = (DocumentError, DetectorError, EdgeError, FleetError, ScoreError, WorldError, OSError)


def register(app: typer.Typer) -> None:
    app.command("run")(run)


def run(
    scenario: Annotated[Path, typer.Argument(help="Scenario file.")],
    *,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; out/run/<scenario> if left out.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write the outcome as JUnit here too.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Another seed than the scenario's.")] = None,
    speed: Annotated[
        str,
        typer.Option(help="max; 1: in real time over a real broker and UDP; else scenario seconds in a second."),
    ] = "max",
    site: Annotated[
        Path | None, typer.Option(help="Another site file than the scenario names: a plan's variant.")
    ] = None,
    score_min: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Every feed's score_min instead of the scenario's.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Draw rendered feeds and look with a real detector.")] = False,
    model: Annotated[
        str | None, typer.Option(help="Name or path of the detector of every rendered feed; with --live or --record.")
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Keep what that detector sees, as recordings.")] = False,
    recordings: Annotated[
        Path | None, typer.Option(help="Folder that they are played from and kept in, instead of the scenario's.")
    ] = None,
) -> None:
    """Play a scenario with the whole stack on a virtual clock, and judge it: events.jsonl, score.json, report.html."""
    console = Console(highlight=False)
    try:
        pace = _pace(speed)
        loaded = load_scenario(scenario, site_path=site)
        if score_min is not None:
            loaded = with_score_min(loaded, score_min)
        if model is not None:
            loaded = with_model(loaded, model, is_live=live or record)
        if record and model is not None and recordings is None:
            raise DocumentError(f"--record --model {model}: expected --recordings too, or it takes the place of others")
        if recordings is not None:
            loaded = with_recordings(loaded, recordings)
        check_paths(loaded)
        if not (live or record):
            expect_recordings(loaded)
        folder = out or Path("out") / "run" / loaded.scenario.id
        chosen = loaded.scenario.seed if seed is None else seed
        _play(loaded, folder, seed=chosen, pace=pace, live=live or record, record=record, console=console)
        judged, outcomes = judge_folder(folder, ScoreParameters())
        if junit is not None:
            shutil.copyfile(folder / "junit.xml", junit)
    except INPUT_ERRORS as err:
        typer.echo(f"vedette-sim run: {err}", err=True)
        raise typer.Exit(2) from err
    console.print(summary(judged, outcomes))
    console.print(str(folder / "report.html"))
    if not all(outcome.is_met for outcome in outcomes):
        raise typer.Exit(1)


def with_score_min(loaded: Loaded, score_min: float) -> Loaded:
    """The same scenario with another threshold at every feed."""
    return _with_feeds(loaded, [feed.model_copy(update={"score_min": score_min}) for feed in loaded.scenario.feeds])


def with_model(loaded: Loaded, model: str, *, is_live: bool) -> Loaded:
    """The same scenario with another detector at every rendered feed; a path counts from where we are.

    Raises DocumentError where nothing would look with it.
    """
    feeds = loaded.scenario.feeds
    if not is_live or not any(isinstance(feed.eye, Rendered) for feed in feeds):
        raise DocumentError(f"--model {model}: expected --live or --record, and a rendered feed: nothing else looks")
    name = str(Path(model).absolute()) if Path(model).is_file() else model
    return _with_rendered(loaded, lambda eye: eye.model_copy(update={"model": name}))


def with_recordings(loaded: Loaded, folder: Path) -> Loaded:
    """The same scenario with the recordings of another detector: of the same names, in a folder of their own.

    Raises DocumentError where none is named, or two would be one file.
    """
    named = [feed.eye.recording for feed in loaded.scenario.feeds if isinstance(feed.eye, Rendered)]
    names = [Path(name).name for name in named if name]
    if not names or len(set(names)) < len(names):
        raise DocumentError(f"--recordings {folder}: expected feeds with recordings of different names, got {names}")

    def elsewhere(eye: Rendered) -> Rendered:
        name = eye.recording and str(folder.absolute() / Path(eye.recording).name)
        return eye.model_copy(update={"recording": name})

    return _with_rendered(loaded, elsewhere)


def _with_rendered(loaded: Loaded, change: Callable[[Rendered], Rendered]) -> Loaded:
    feeds = loaded.scenario.feeds
    eyes = [change(feed.eye) if isinstance(feed.eye, Rendered) else feed.eye for feed in feeds]
    return _with_feeds(loaded, [feed.model_copy(update={"eye": eye}) for feed, eye in zip(feeds, eyes, strict=True)])


def _with_feeds(loaded: Loaded, feeds: Sequence[FeedPlan]) -> Loaded:
    return loaded.model_copy(update={"scenario": loaded.scenario.model_copy(update={"feeds": tuple(feeds)})})


def _pace(speed: str) -> float | None:
    if speed == "max":
        return None
    try:
        pace = float(speed)
    except ValueError:
        pace = 0.0
    if not 0.0 < pace < float("inf"):
        raise DocumentError(f"--speed: expected max or a number above 0, got '{speed}'")
    return pace


def _play(
    loaded: Loaded,
    folder: Path,
    *,
    seed: int,
    pace: float | None,
    live: bool,
    record: bool,
    console: Console,
) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with ExitStack() as stack:
        virtual, real = clock_of(loaded), RealClock(clock_of(loaded).wall_us())
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(_logged(folder / "system.log", real if pace == 1.0 else virtual))
        eyes = None
        if live:
            from sim.rendering import live_eyes  # noqa: PLC0415 - only this needs a renderer

            eyes = stack.enter_context(live_eyes(loaded, folder, seed=seed, console=console))
        bar = stack.enter_context(Progress(*columns, console=console, transient=True))
        task = bar.add_task(loaded.scenario.id, total=loaded.scenario.length_s)

        def on_second(at_s: float) -> None:
            bar.update(task, completed=at_s)

        if pace == 1.0:
            from sim.real_time import play_in_real_time  # noqa: PLC0415 - only this needs a broker

            rigs = play_in_real_time(loaded, folder, clock=real, seed=seed, eyes=eyes, on_second=on_second)
        else:
            paced = None if pace is None else pacemaker(pace, SystemClock())
            rigs = play(loaded, folder, clock=virtual, seed=seed, eyes=eyes, pace=paced, on_second=on_second)
        if record:
            from sim.rendering import keep_recordings  # noqa: PLC0415

            for path in keep_recordings(loaded, rigs):
                console.print(f"recorded: {path}")


@contextmanager
def _logged(path: Path, clock: Clock) -> Iterator[None]:
    """What the parts log goes there, with the scenario's seconds instead of a date."""

    def stamped(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
        return {"at_s": round(clock.monotonic_us() / 1e6, 3), **event}

    with path.open("w", encoding="utf-8") as file:
        structlog.configure(
            processors=[structlog.processors.add_log_level, stamped, structlog.processors.KeyValueRenderer()],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            logger_factory=structlog.WriteLoggerFactory(file),
        )
        try:
            yield
        finally:
            structlog.reset_defaults()
