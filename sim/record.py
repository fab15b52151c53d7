"""`vedette-sim record`: a running site onto a tape: every topic, MAVLink, camera packets as they are coded.

It only listens. What runs is read from the configuration files of its nodes and its coordinator; `--run FOLDER` finds
those of a demo, also of nodes that start later. Exit codes: 0 done, 2 wrong input, 78 wrong configuration.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from contract.clock import Clock, SystemClock
from contract.errors import DocumentError
from contract.site import Site
from edge.errors import EdgeError
from edge.link.uplink import Broker
from fleet.errors import SetUpError
from fleet.settings import FleetSettings, load_settings, load_site
from sim.tape.errors import TapeError
from sim.tape.recorder import Recorder
from sim.tape.taps import Heard, MavlinkFileTap, MavlinkUdpTap, Tap

FLEET_FILE = "fleet.yaml"
INPUT_ERRORS = (TapeError, EdgeError, OSError)


def register(app: typer.Typer) -> None:
    app.command("record")(record)


def record(
    *,
    out: Annotated[Path, typer.Option(help="The tape, FILE.mcap.")],
    run: Annotated[Path | None, typer.Option(help="Folder of a running demo: out/demo-...; finds the rest.")] = None,
    fleet: Annotated[Path | None, typer.Option(help="Configuration of the coordinator.")] = None,
    edge: Annotated[list[Path] | None, typer.Option(help="Configuration of an edge node; once for each.")] = None,
    mavlink: Annotated[
        str | None, typer.Option(help="udpin:HOST:PORT that MAVLink is forwarded to, not the coordinator's capture.")
    ] = None,
    for_s: Annotated[float | None, typer.Option("--for", min=0.1, help="Seconds; until Ctrl-C if left out.")] = None,
) -> None:
    """Listen to a running site and write everything it says onto a tape."""
    stop = threading.Event()
    timer = None if for_s is None else threading.Timer(for_s, stop.set)
    try:
        doors = find_doors(run=run, fleet=fleet, nodes=edge or [])
        recorder = doors.recorder(out, mavlink=mavlink, clock=SystemClock())
        with recorder:
            typer.echo(f"recording site '{doors.site.id}' to {out}; Ctrl-C ends it")
            if timer is not None:
                timer.start()
            try:
                recorder.run(stop)
            except KeyboardInterrupt:
                stop.set()
    except (DocumentError, SetUpError) as err:
        typer.echo(f"vedette-sim record: {err}", err=True)
        raise typer.Exit(78) from err
    except INPUT_ERRORS as err:
        typer.echo(f"vedette-sim record: {err}", err=True)
        raise typer.Exit(2) from err
    finally:
        if timer is not None:
            timer.cancel()
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(recorder.by_schema.items()) if kind)
    typer.echo(f"{out}: {kinds or 'nothing was said'}; {recorder.dropped} dropped, {recorder.refused} not understood")


@dataclass(frozen=True, slots=True)
class Doors:
    """Where a running site can be listened to. `run`: looked at again and again, for nodes that start later."""

    site: Site
    site_file: Path
    broker: Broker
    capture: Path
    nodes: tuple[Path, ...]
    run: Path | None

    def recorder(self, out: Path, *, mavlink: str | None, clock: Clock) -> Recorder:
        """Raises TapeError and OSError with one line."""
        return Recorder(
            out,
            site=self.site,
            site_text=self.site_file.read_bytes(),
            broker=self.broker,
            node_files=self.node_files,
            mavlink=_mavlink_tap(mavlink, self.capture, clock),
            clock=clock,
        )

    def node_files(self) -> list[Path]:
        beside = sorted(self.run.glob("*.yaml")) if self.run is not None else []
        return [*self.nodes, *(path for path in beside if path.name != FLEET_FILE)]


def find_doors(*, run: Path | None, fleet: Path | None, nodes: list[Path]) -> Doors:
    """Raises SetUpError, EdgeError or TapeError with one line."""
    if fleet is None and run is not None:
        fleet = run / FLEET_FILE
    if fleet is None:
        raise TapeError("expected --run FOLDER of a demo, or --fleet FILE and --edge FILE of each node")
    settings = load_settings(fleet)
    return Doors(
        site=load_site(settings),
        site_file=settings.site_file,
        broker=_broker(settings),
        capture=settings.data_dir / "flight.tlog",
        nodes=tuple(nodes),
        run=run,
    )


def _mavlink_tap(address: str | None, capture: Path, clock: Clock) -> Callable[[Heard], Tap]:
    """The address that is given, or else the coordinator's own capture. Raises TapeError."""
    if address is None:
        return lambda heard: MavlinkFileTap(capture, heard=heard)
    parts = address.split(":")
    if len(parts) != 3 or parts[0] != "udpin" or not parts[2].isdecimal() or int(parts[2]) > 65_535:
        raise TapeError(f"--mavlink: expected udpin:HOST:PORT, got '{address}'")
    return lambda heard: MavlinkUdpTap(parts[1], int(parts[2]), heard=heard, clock=clock)


def _broker(settings: FleetSettings) -> Broker:
    """As the coordinator reaches it. Raises SetUpError."""
    broker, tls = settings.broker, settings.broker.tls
    return Broker(
        host=broker.host,
        port=broker.port,
        ca=str(tls.ca_file) if tls else None,
        certificate=str(tls.cert_file) if tls and tls.cert_file else None,
        key=str(tls.key_file) if tls and tls.key_file else None,
        user=broker.username,
        password=os.environ.get(broker.password_env) if broker.password_env else None,
    )
