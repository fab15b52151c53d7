"""`vedette-fleet sign-vehicle`: the key that a vehicle signs with, given to it over a cable."""

import logging
import os
from functools import partial
from typing import Annotated

import anyio
import typer

from contract.clock import SystemClock
from contract.site import VehicleKind
from fleet.errors import SetUpError
from fleet.flight.mavlink_signing import parse_key
from fleet.fly import NotDone
from fleet.log import log_to_stderr
from fleet.sign import Candidate, private_connection, sign

NOT_PROVEN, WRONG_CONFIGURATION = 1, 78


def sign_vehicle(
    *,
    connect: Annotated[str, typer.Option(help="serial:DEVICE:BAUD, a cable; tcp, udpout or udpin on this machine")],
    kind: Annotated[VehicleKind, typer.Option(help="what drives it")],
    key_env: Annotated[str, typer.Option(help="environment variable that holds the key, 64 hexadecimal digits")],
    system_id: Annotated[
        int | None, typer.Option(min=1, max=250, help="its MAVLink id; the first that is heard")
    ] = None,
    in_the_open: Annotated[
        bool, typer.Option("--in-the-open", help="any connection: nobody listens on the way, and I answer for it")
    ] = False,
    yes_simulated: Annotated[
        bool, typer.Option("--yes-simulated", help="it is a simulator: nobody is asked before it gets the key")
    ] = False,
) -> None:
    """Give a vehicle the key that it signs with, and prove that it does.

    From then on it hears only who has the key. Exit code 0: it signs, and answers what is signed; 1: it does not.
    """
    log_to_stderr(logging.WARNING)
    try:
        connection = private_connection(connect, in_the_open=in_the_open)
        key = _key(key_env)
        candidate = anyio.run(
            partial(
                sign,
                connection,
                kind=kind,
                key=key,
                clock=SystemClock(),
                system_id=system_id,
                agrees=partial(_agrees, connect, key_env, is_simulated=yes_simulated),
                say=_say,
            )
        )
    except SetUpError as err:
        typer.echo(f"vedette-fleet sign-vehicle: {err}", err=True)
        raise typer.Exit(WRONG_CONFIGURATION) from err
    except NotDone as err:
        typer.echo(f"vedette-fleet sign-vehicle: {err}", err=True)
        raise typer.Exit(NOT_PROVEN) from err
    typer.echo(f"{candidate.name} signs with the key in {key_env}, and answers what is signed with it")


def _key(name: str) -> bytes:
    text = os.environ.get(name)
    if text is None:
        raise SetUpError(f"expected the environment variable {name} to hold the key, it is not set")
    return parse_key(text, source=name)


def _agrees(connect: str, key_env: str, candidate: Candidate, *, is_simulated: bool) -> bool:
    """Shows who it is; of what is no simulator, somebody types its name."""
    typer.echo(f"{candidate.name}: firmware {candidate.firmware}, autopilot {candidate.uid}, on {connect}")
    if is_simulated:
        return True
    typer.echo(
        f"It will hear only who has the key in {key_env}, which goes over this line in the clear: a cable, no radio."
    )
    return bool(typer.prompt(f"Type '{candidate.name}' to go on", default="", show_default=False) == candidate.name)


def _say(progress: str) -> None:
    typer.echo(progress, err=True)
