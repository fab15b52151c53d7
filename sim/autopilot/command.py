"""`vedette-sim autopilot`: one simulated vehicle until Ctrl-C, for any ground station on this machine."""

import asyncio
import contextlib
from typing import Annotated

import typer
from pydantic import ValidationError

from contract.geo import GeoPoint
from sim.autopilot.spec import AutopilotSpec, Kind
from sim.autopilot.udp import BadAddress, SimulatedFleet, parse_connection


def register(app: typer.Typer) -> None:
    app.command("autopilot")(autopilot)


def autopilot(
    *,
    kind: Annotated[Kind, typer.Option(help="what it is")] = Kind.COPTER,
    connect: Annotated[
        str, typer.Option(help="udpout:127.0.0.1:PORT to send to, or tcp:127.0.0.1:PORT to listen on")
    ] = "udpout:127.0.0.1:14550",
    home: Annotated[str, typer.Option(help="LAT,LON,AMSL,HEADING in degrees and metres")] = "52.1,5.1,40,0",
    system_id: Annotated[int, typer.Option(min=1, max=250)] = 1,
    speedup: Annotated[float, typer.Option(min=0.1, max=100.0, help="vehicle seconds a real second")] = 1.0,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    booted_s: Annotated[float, typer.Option(min=0.0, help="how long ago it was switched on, vehicle seconds")] = 0.0,
) -> None:
    """Run a simulated vehicle that speaks MAVLink, on loopback."""
    try:
        place, amsl_m, heading_deg = parse_home(home)
        parse_connection(connect)
    except BadAddress as err:
        typer.echo(f"vedette-sim autopilot: {err}", err=True)
        raise typer.Exit(2) from err
    spec = AutopilotSpec(
        kind=kind,
        system_id=system_id,
        home=place,
        home_amsl_m=amsl_m,
        heading_deg=heading_deg,
        connect=connect,
        boot_s_already=booted_s,
        seed=seed,
    )
    typer.echo(f"{kind.value} {system_id} on {connect}, {speedup:g} times real time; Ctrl-C ends it")
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(_live(spec, speedup))
        except OSError as err:
            typer.echo(f"vedette-sim autopilot: {connect}: {err.strerror or err}", err=True)
            raise typer.Exit(2) from err


async def _live(spec: AutopilotSpec, speedup: float) -> None:
    async with SimulatedFleet([spec], speedup=speedup):
        await asyncio.Event().wait()


def parse_home(text: str) -> tuple[GeoPoint, float, float]:
    """Raises BadAddress."""
    try:
        lat_deg, lon_deg, amsl_m, heading_deg = (float(part) for part in text.split(","))
        return GeoPoint(lat_deg=lat_deg, lon_deg=lon_deg), amsl_m, heading_deg % 360.0
    except (ValueError, ValidationError) as err:
        raise BadAddress(f"--home '{text}': expected LAT,LON,AMSL,HEADING of a place on earth") from err
