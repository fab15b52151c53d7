"""`vedette-edge`: run a node, check that its configuration would run, find where its cameras stand.

Exit codes: 0 done, 1 it ran and the answer is no, 2 wrong usage or input (model, recording), 78 wrong configuration.
"""

import logging
import os
import random
import shutil
import signal
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import structlog
import typer
from rich.console import Console

from contract.clock import AnchoredClock, SystemClock
from contract.errors import DocumentError
from contract.events import FeedState
from contract.site import Site
from detectors.errors import DetectorError
from detectors.fetch import download
from detectors.opening import open_file
from detectors.registry import find_model, model_cache, model_folders
from edge.bench import measure
from edge.board import read_board
from edge.calibration.command import calibrate
from edge.configuration_memory import ConfigurationMemory
from edge.device import Device, Disk
from edge.doctor.command import examine, json_of, table_of
from edge.doctor.finding import Verdict
from edge.errors import CalibrationError, EdgeError, FeedError, OutboxError, SetUpError
from edge.feed import Feed, view_of
from edge.footage.live_view import LiveView
from edge.footage.shelf import Shelf
from edge.from_afar import Local
from edge.kernel_time import read_kernel_time
from edge.link.outbox import Outbox
from edge.link.uplink import Uplink
from edge.link.upload import Uploader
from edge.link.zone_memory import ZoneMemory
from edge.log import log_to_stderr
from edge.lookout import Witness
from edge.metrics import NodeMetrics
from edge.metrics_door import serving
from edge.node import Keeping, Node
from edge.opencv import stay_on_this_thread
from edge.opening import Opener, SharedModel, batching_for
from edge.peer import Peer
from edge.pipeline import StepResult
from edge.remote import Applied, Remote
from edge.service_manager import ServiceManager
from edge.settings import (
    CoordinatorSettings,
    EdgeSettings,
    EvidenceSettings,
    WatchSettings,
    broker_of,
    coordinator_of,
    door_of,
    read_configuration,
    rolls_of,
    room_of,
)
from edge.source import expect_lens_size

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="An edge node: cameras in, events out. Exit codes: 0 done, 1 no, 2 wrong input, 78 wrong configuration.",
)
ConfigPath = Annotated[Path, typer.Argument(help="The node's YAML file; its relative paths count from its folder.")]
WRONG_INPUT, WRONG_CONFIGURATION = 2, 78
log = structlog.get_logger()
CHANCE = random.Random()  # noqa: S311 - spreads retries over time


@app.command()
def run(config: ConfigPath) -> None:
    """Run a node until Ctrl-C or SIGTERM."""
    watch(config)


def watch(config: Path, *, witness: Witness | None = None) -> None:
    """The whole life of a node on this thread. `witness` is told of each judged frame before its events are stored."""
    stay_on_this_thread()
    settings, site = read_configuration(config)
    folder = config.parent
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    data_dir = folder / settings.data_dir
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise SetUpError(f"data_dir {data_dir}: {err.strerror}") from err
    broker = broker_of(settings.broker, folder=folder, environment=os.environ)
    with Outbox(data_dir / "outbox.sqlite", new_id=uuid.uuid4) as outbox:
        memory = ConfigurationMemory(data_dir / "configuration.json")
        remote = Remote(Local(settings.watch, site, folder), _opener(settings, folder), memory, clock=SystemClock())
        metrics = NodeMetrics()

        def build(applied: Applied, feeds: list[Feed]) -> Node:
            return _node(
                settings,
                applied.watch,
                applied.site,
                feeds,
                outbox=outbox,
                zone_memory=ZoneMemory(data_dir / "zones.json"),
                disk=Disk(lambda: shutil.disk_usage(data_dir).free, room_of(applied.watch.evidence).free_bytes),
                keeping=_keeping(settings, applied.watch.evidence, data_dir, folder),
                witness=_each(metrics.judged, witness),
                remote=remote,
                live=_live_view(settings, applied.site, feeds, folder),
            )

        node = remote.begin(build)
        metrics.watch(node)
        uplink = Uplink(
            broker,
            client_id=f"vedette-{site.id}-{settings.node}",
            will=node.last_will,
            on_session=node.session_opened,
            on_delivered=node.delivered,
            chance=CHANCE,
        )
        manager = ServiceManager.of(os.environ, clock=SystemClock(), pid=os.getpid())
        with _telling(settings, folder, node, metrics):
            node.run(uplink, stop, serve_bus=uplink.run, on_watch=manager.beat)
            manager.stopping()
        waiting = len(outbox)
    unread = [status for status in node.statuses() if status.state is FeedState.LOST]
    if settings.exit_when_ended and unread:
        _end(unread[0].detail, code=WRONG_INPUT)
    if settings.exit_when_ended and waiting:
        _end(f"{waiting} events wait in {data_dir} for a coordinator to acknowledge them", code=1)


@app.command()
def check(config: ConfigPath) -> None:
    """Read the configuration, the site and the model, and open every feed."""
    settings, site = read_configuration(config)
    folder = config.parent
    broker_of(settings.broker, folder=folder, environment=os.environ).tls_context()
    if settings.coordinator is not None:
        coordinator_of(settings.coordinator, folder=folder, environment=os.environ).tls_context()
    if settings.metrics is not None:
        door_of(settings.metrics, folder=folder).tls_context()
    opener = _opener(settings, folder)
    feeds = opener.feeds(settings, site, model=SharedModel(lambda: opener.model(settings.model)))
    with Outbox(Path(":memory:"), new_id=uuid.uuid4) as outbox:
        _node(settings, settings, site, feeds, outbox=outbox, zone_memory=ZoneMemory(None))
    for feed in feeds:
        with closing(feed.open_source().frames(threading.Event())) as frames:
            frame = next(frames)
        expect_lens_size(frame, site.camera(feed.camera))
        feed.detector.detect([feed.detector.prepare(frame)])
        height_px, width_px = frame.image_bgr.shape[:2]
        zones = ", ".join(zone.id for zone in site.watched_by(feed.camera)) or "none"
        typer.echo(f"camera '{feed.camera}': {width_px}x{height_px}, {feed.detector.identity.name}, zones: {zones}")
    typer.echo(f"{config}: node '{settings.node}' of site '{site.id}' is ready to run")


@app.command()
def doctor(
    config: ConfigPath,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs instead of for people.")] = False,
) -> None:
    """Test this device and say what to do: software, disk, clock, heat, broker, feeds, model.

    It may run beside a node. Exit code 1: something is wrong; warnings alone are 0.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    settings, site = read_configuration(config)
    found = examine(
        settings,
        site,
        config.parent,
        open_model=lambda: _opener(settings, config.parent).model(settings.model),
        environment=os.environ,
        clock=SystemClock(),
    )
    findings = list(found)
    if as_json:
        typer.echo(json_of(findings))
    else:
        Console().print(table_of(findings))
    faulty = sum(finding.verdict is Verdict.WRONG for finding in findings)
    if faulty:
        _end(f"{config}: {faulty} of {len(findings)} things are wrong", code=1)


@app.command()
def bench(
    video: Annotated[Path, typer.Argument(help="A recording; every feed plays it again and again.")],
    *,
    model: Annotated[str | None, typer.Option(help="Name or path; the default model when left out.")] = None,
    backend: Annotated[
        str, typer.Option(help="File of detectors/backends that runs networks; `openvino/bf16`.")
    ] = "onnxruntime",
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads of one inference.")] = 2,
    feeds: Annotated[list[int] | None, typer.Option(min=1, max=32, help="How many; may be repeated.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Each is one of bare inference and one of the pipeline.")] = 8,
    frames: Annotated[int, typer.Option(min=1, help="Of one round.")] = 40,
    against: Annotated[
        Path | None,
        typer.Option(
            help="Python that has ultralytics (AGPL-3.0): its `YOLO.track` takes its turns, a process a feed."
        ),
    ] = None,
) -> None:
    """What share of bare inference the whole pipeline keeps, in turns of one run. Exit code 1: less than it must."""
    stay_on_this_thread()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    folders, cache, say = model_folders(os.environ), model_cache(os.environ), partial(typer.echo, err=True)
    file = find_model(model, folders=folders, cache=cache, download=download)
    name, _, precision = backend.partition("/")
    options = {"precision": precision} if precision else {}
    measured = measure(
        video,
        lambda: open_file(file, backend=name, cache=cache, say=say, threads=threads, **options),
        feeds=feeds or [1, 2, 4],
        rounds=rounds,
        frames=frames,
        clock=SystemClock(),
        peer=None if against is None else lambda count: Peer(against, video, file.path, feeds=count, cache=cache),
    )
    Console().print(measured.table())
    if measured.missed:
        _end("; ".join(measured.missed), code=1)


app.command()(calibrate)


def main() -> None:
    log_to_stderr()
    try:
        app()
    except (DocumentError, SetUpError) as err:
        _end(err, code=WRONG_CONFIGURATION)
    except (DetectorError, FeedError, CalibrationError) as err:
        _end(err, code=WRONG_INPUT)
    except (OutboxError, EdgeError) as err:
        _end(err, code=1)


def _each(first: Witness, second: Witness | None) -> Witness:
    if second is None:
        return first

    def both(camera: str, result: StepResult) -> None:
        first(camera, result)
        second(camera, result)

    return both


def _keeping(settings: EdgeSettings, evidence: EvidenceSettings, data_dir: Path, folder: Path) -> Keeping | None:
    if not evidence.kept:
        return None
    shelf = Shelf(data_dir / "evidence", room_of(evidence), wall_us=SystemClock().wall_us)
    shelf.open()
    return Keeping(shelf, rolls_of(evidence), evidence.jpeg_quality, _uploader(settings.coordinator, folder))


def _uploader(settings: CoordinatorSettings | None, folder: Path) -> Uploader | None:
    """Raises SetUpError."""
    if settings is None:
        return None
    coordinator = coordinator_of(settings, folder=folder, environment=os.environ)
    coordinator.tls_context()  # says now what is wrong with it
    bytes_per_s = None if settings.upload_kb_s is None else settings.upload_kb_s * 1e3
    return Uploader(coordinator, bytes_per_s=bytes_per_s, clock=SystemClock(), chance=CHANCE)


@contextmanager
def _telling(settings: EdgeSettings, folder: Path, node: Node, metrics: NodeMetrics) -> Iterator[None]:
    """The door for figures, open. A port that somebody else has is no reason not to watch."""
    with ExitStack() as open_doors:
        if settings.metrics is not None:
            door = door_of(settings.metrics, folder=folder)
            door.tls_context()
            try:
                port = open_doors.enter_context(serving(door, figures=metrics.exposition, wrong=lambda: node.wrong))
                log.info("figures are told", at=f"{door.host}:{port}/metrics")
            except SetUpError as err:
                log.warning("figures are not told", reason=str(err))
        yield


def _opener(settings: EdgeSettings, folder: Path) -> Opener:
    say = partial(typer.echo, err=True)
    return Opener(folder, os.environ, SystemClock(), say=say, has_live_view=settings.has_live_view)


def _node(
    settings: EdgeSettings,
    watch: WatchSettings,
    site: Site,
    feeds: list[Feed],
    *,
    outbox: Outbox,
    zone_memory: ZoneMemory,
    disk: Disk | None = None,
    keeping: Keeping | None = None,
    witness: Witness | None = None,
    remote: Remote | None = None,
    live: LiveView | None = None,
) -> Node:
    return Node(
        site=site,
        node=settings.node,
        feeds=feeds,
        outbox=outbox,
        zone_memory=zone_memory,
        clock=SystemClock(),
        chance=CHANCE,
        software=f"vedette-edge {version('vedette')}",
        rules=watch.rules,
        batching=batching_for(watch.model, [feed.detector for feed in feeds]),
        exit_when_ended=settings.exit_when_ended,
        keeping=keeping,
        witness=witness,
        device=Device(read_board, read_kernel_time, disk),
        remote=remote,
        live=live,
    )


def _live_view(settings: EdgeSettings, site: Site, feeds: list[Feed], folder: Path) -> LiveView | None:
    if settings.coordinator is None or not settings.has_live_view:
        return None
    coordinator = coordinator_of(settings.coordinator, folder=folder, environment=os.environ)
    coordinator.tls_context()  # says now what is wrong with its files
    views = [view_of(feed, site) for feed in feeds]
    return LiveView(views, coordinator, clock=AnchoredClock(SystemClock()), chance=CHANCE)


def _end(reason: object, *, code: int) -> NoReturn:
    typer.echo(f"vedette-edge: {reason}", err=True)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
