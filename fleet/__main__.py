"""`vedette-fleet`: the coordinator's command line.

Exit codes: 0 done, 1 it ran and the answer is no, 2 wrong usage, 78 wrong configuration. Stopping `run` (SIGTERM,
Ctrl-C) commands no vehicle.
"""

import logging
import signal
import sys
from pathlib import Path
from typing import Annotated

import anyio
import structlog
import typer

from contract.clock import SystemClock
from fleet.app import running
from fleet.errors import SetUpError
from fleet.fly_command import fly
from fleet.records.auth import Role, new_token
from fleet.settings import load_settings, load_signing_keys, load_site, load_tokens

WRONG_CONFIGURATION = 78
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
Config = Annotated[Path, typer.Argument(help="the coordinator's YAML file")]


@app.command()
def run(config: Config) -> None:
    """Run the coordinator until SIGTERM or Ctrl-C."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        anyio.run(_run, config)
    except SetUpError as err:
        _stop(err)


@app.command()
def check(config: Config) -> None:
    """Read configuration, site and tokens; start nothing."""
    try:
        settings = load_settings(config)
        site = load_site(settings)
        tokens = load_tokens(settings.http)
        signed = load_signing_keys(settings)
    except SetUpError as err:
        _stop(err)
    access = "demo mode: no tokens, loopback only" if tokens is None else f"{len(tokens.people)} tokens"
    typer.echo(
        f"site {site.id}: {len(site.cameras)} cameras, {len(site.zones)} zones, {len(site.lines)} lines, "
        f"{len(site.vehicles)} vehicles, {len(signed)} of them signed; {access}"
    )


@app.command()
def user(name: str, role: Role = Role.VIEWER) -> None:
    """Make a token; shown once, the line with its hash goes into the variable named by http.tokens_env."""
    try:
        token, line = new_token(name, role)
    except SetUpError as err:
        typer.echo(str(err), err=True)
        raise typer.Exit(2) from err
    typer.echo(f"token: {token}\nline:  {line}")


app.command()(fly)


async def _run(config: Path) -> None:
    settings = load_settings(config)
    async with running(settings, SystemClock()) as coordinator:
        typer.echo(f"listening on {coordinator.url}")
        sys.stdout.flush()
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for _ in signals:
                return


def _stop(err: SetUpError) -> None:
    typer.echo(f"vedette-fleet: {err}", err=True)
    raise typer.Exit(WRONG_CONFIGURATION) from err


def main() -> None:
    app()


if __name__ == "__main__":
    main()
