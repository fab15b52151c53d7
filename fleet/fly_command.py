"""`vedette-fleet fly`: try a vehicle on any MAVLink autopilot, real or simulated."""

import getpass
import logging
import uuid
from functools import partial
from pathlib import Path
from typing import Annotated

import anyio
import typer

from contract.clock import SystemClock
from contract.documents import parse_document
from contract.errors import DocumentError
from contract.site import VehicleKind
from fleet.errors import SetUpError
from fleet.flight.sortie import Done
from fleet.flight.sortie_script import SortieScript
from fleet.fly import Meeting, NotDone, Wanted
from fleet.fly import fly as fly_sortie
from fleet.log import log_to_stderr
from fleet.settings import read_site, read_text

NOT_PROVEN, WRONG_CONFIGURATION = 1, 78


def fly(
    *,
    connect: Annotated[
        str, typer.Option(help="udpin:HOST:PORT, udpout:HOST:PORT, tcp:HOST:PORT or serial:DEVICE:BAUD")
    ],
    kind: Annotated[VehicleKind, typer.Option(help="what drives it")],
    site: Annotated[Path, typer.Option(help="the site file: its fence, no-fly areas and heights")],
    script: Annotated[Path, typer.Option(help="what to do, such as deploy/sorties/basic.yaml")],
    vehicle: Annotated[str | None, typer.Option(help="which of the site's vehicles; its first of that kind")] = None,
    system_id: Annotated[
        int | None, typer.Option(min=1, max=250, help="its MAVLink id; the first that is heard")
    ] = None,
    by: Annotated[str | None, typer.Option(help="who answers for it; the name of the user of this machine")] = None,
    out: Annotated[Path, typer.Option(help="folder for journal.jsonl and flight.tlog")] = Path("out/sortie"),
    yes_simulated: Annotated[
        bool, typer.Option("--yes-simulated", help="it is a simulator: nobody is asked before its motors start")
    ] = False,
) -> None:
    """Fly a scripted sortie with one vehicle and prove each step by the vehicle's own state.

    Through the gate, under the safety monitor. Ctrl-C tells it to come home. Exit code 0: every step was proven; 1: one
    was not, and it was told to come home.
    """
    log_to_stderr(logging.WARNING)
    try:
        wanted = Wanted(
            connect=connect,
            kind=kind,
            site=read_site(site),
            script=parse_document(read_text(script), SortieScript, source=str(script)),
            folder=out,
            approved_by=by or getpass.getuser(),
            is_simulated=yes_simulated,
            vehicle=vehicle,
            system_id=system_id,
        )
        anyio.run(
            partial(
                fly_sortie,
                wanted,
                clock=SystemClock(),
                new_id=uuid.uuid4,
                agrees=partial(_agrees, wanted),
                tell=_tell,
                say=_say,
            )
        )
    except (SetUpError, DocumentError) as err:
        typer.echo(f"vedette-fleet fly: {err}", err=True)
        raise typer.Exit(WRONG_CONFIGURATION) from err
    except NotDone as err:
        typer.echo(f"vedette-fleet fly: {err}", err=True)
        raise typer.Exit(1) from err
    typer.echo(f"{wanted.script.id}: every step was proven; {out}/journal.jsonl and {out}/flight.tlog tell how")


def _agrees(wanted: Wanted, meeting: Meeting) -> bool:
    """Shows who it is; of what is no simulator, whoever answers for it types its name."""
    state, away_m = meeting.state, meeting.from_site_m
    where = f"{away_m:.0f} m outside the fence" if away_m > 0 else f"{-away_m:.0f} m inside the fence"
    typer.echo(
        f"{meeting.vehicle}: {wanted.kind.value}, firmware {state.firmware}, autopilot {state.autopilot_uid}, "
        f"system id {state.system_id}, {where} of site '{wanted.site.id}'"
    )
    if wanted.is_simulated:
        return True
    typer.echo("Its motors will start. Nobody may be near it, and the pilot's transmitter must be in somebody's hands.")
    return bool(typer.prompt(f"Type '{meeting.vehicle}' to go on", default="", show_default=False) == meeting.vehicle)


def _tell(done: Done) -> None:
    typer.echo(f"{done.took_s:7.1f} s  {done.step:8}  {done.proof}")


def _say(progress: str) -> None:
    typer.echo(f"{'':9}  {'':8}  {progress}", err=True)
