"""What `vedette-edge doctor` prints."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.table import Table
from rich.text import Text

from contract.clock import Clock
from contract.site import Site
from detectors.detector import Detector
from edge.board import read_board
from edge.doctor.finding import Finding, Verdict, wrong
from edge.doctor.link import look_at_broker, look_at_coordinator
from edge.doctor.machine import look_at_board, look_at_clock, look_at_disk, look_at_memory, look_at_software
from edge.doctor.pictures import look_at_feed, look_at_model
from edge.errors import SetUpError
from edge.kernel_time import read_kernel_time
from edge.settings import EdgeSettings, broker_of, coordinator_of, source_of

COLOURS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.WRONG: "bold red"}


def examine(
    settings: EdgeSettings,
    site: Site,
    folder: Path,
    *,
    open_model: Callable[[], Detector],
    environment: Mapping[str, str],
    clock: Clock,
) -> Iterator[Finding]:
    """Everything, cheapest first, each as it is known. Raises DocumentError for a camera that the site has not."""
    yield from look_at_software()
    yield from look_at_disk(folder / settings.data_dir, clock=clock)
    yield look_at_memory()
    yield look_at_clock(read_kernel_time(), clock=clock)
    yield from look_at_board(read_board())
    try:
        broker = broker_of(settings.broker, folder=folder, environment=environment)
    except SetUpError as err:
        yield wrong("broker", str(err), "see broker in docs/configuration.md")
    else:
        client_id = f"vedette-{site.id}-{settings.node}-doctor"
        yield from look_at_broker(broker, client_id=client_id, clock=clock)
    if settings.coordinator is not None:
        try:
            coordinator = coordinator_of(settings.coordinator, folder=folder, environment=environment)
        except SetUpError as err:
            yield wrong("coordinator", str(err), "see coordinator in docs/configuration.md")
        else:
            yield look_at_coordinator(coordinator)
    for feed in settings.feeds:
        camera = site.camera(feed.camera)
        try:
            options = source_of(feed, folder=folder, environment=environment)
        except SetUpError as err:
            yield wrong(f"feed {feed.camera}", str(err), "see feeds in docs/configuration.md")
        else:
            yield from look_at_feed(camera, options, clock=clock)
    if owed := [feed.rate_min_hz for feed in settings.feeds if feed.detections is None]:
        yield from look_at_model(open_model, owed_hz=sum(owed), clock=clock)


def table_of(findings: Sequence[Finding]) -> Table:
    """For people."""
    table = Table("", "", "found", "what to do", box=None, pad_edge=False)
    for finding in findings:
        verdict = Text(finding.verdict.value, COLOURS[finding.verdict])
        table.add_row(verdict, finding.what, Text(finding.found), Text(finding.hint))
    return table


def json_of(findings: Sequence[Finding]) -> str:
    """For programs: a list of `what`, `verdict`, `found`, `hint`."""
    return json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2)
