"""`vedette-fleet`: the coordinator's command line.

Exit codes: 0 done, 1 it ran and the answer is no, 2 wrong usage, 78 wrong configuration. Stopping `run` (SIGTERM,
Ctrl-C) commands no vehicle.
"""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import anyio
import typer

from contract.clock import SystemClock
from contract.site import Site
from fleet.app import running
from fleet.errors import SetUpError, StoreError
from fleet.fly_command import fly
from fleet.log import log_to_stderr
from fleet.plan_command import plan
from fleet.records.auth import digest_of, drawn_token
from fleet.records.node_credentials import NodeCredentials
from fleet.records.store import open_store
from fleet.records.store_command import store_app
from fleet.report_command import report_app
from fleet.settings import (
    load_procedures,
    load_settings,
    load_signing_keys,
    load_site,
    load_store,
    load_webhooks,
)
from fleet.sign_command import sign_vehicle
from fleet.sop_command import sop_app
from fleet.user_commands import link, token_app, user_app
from fleet.webhook_command import webhook_app

WRONG_CONFIGURATION = 78
_ME = f"user {os.getuid()} at the command line"
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
node_app = typer.Typer(no_args_is_help=True, help="Credentials of edge nodes; a running coordinator follows at once.")
app.add_typer(node_app, name="node")
app.add_typer(user_app, name="user")
app.add_typer(token_app, name="token")
Config = Annotated[Path, typer.Argument(help="the coordinator's YAML file")]
NodeId = Annotated[str, typer.Argument(help="an edge node, as the site file's cameras name it")]


@app.command()
def run(config: Config) -> None:
    """Run the coordinator until SIGTERM or Ctrl-C."""
    log_to_stderr()
    try:
        anyio.run(_run, config)
    except SetUpError as err:
        _stop(err)


@app.command()
def check(config: Config) -> None:
    """Read configuration, site and keys; start nothing."""
    try:
        settings = load_settings(config)
        site = load_site(settings)
        signed = load_signing_keys(settings)
        load_store(settings)
        book = load_procedures(settings, site)
        load_webhooks(settings)
    except SetUpError as err:
        _stop(err)
    access = "people sign in" if settings.http.sign_in else "open demo: no sign-in, loopback only"
    typer.echo(
        f"site {site.id}: {len(site.cameras)} cameras, {len(site.zones)} zones, {len(site.lines)} lines, "
        f"{len(site.vehicles)} vehicles, {len(signed)} of them signed; "
        f"{0 if book is None else len(book.procedures)} procedures; {access}"
    )


app.add_typer(store_app, name="store")
app.add_typer(sop_app, name="sop")
app.add_typer(report_app, name="report")
app.add_typer(webhook_app, name="webhook")
app.command()(fly)
app.command()(plan)
app.command()(sign_vehicle)


@node_app.command("add")
def add_node(
    config: Config,
    node: NodeId,
    *,
    sha256: Annotated[
        str | None, typer.Option(help="hash of a token made elsewhere (deploy/provision.sh); one is made if left out")
    ] = None,
) -> None:
    """Let a node or another sensor in. Its token is shown once; of a node, for the variable named by its
    coordinator.token_env."""
    token = drawn_token()
    with _credentials(config) as (credentials, site):
        nodes = sorted({camera.node for camera in site.cameras} | {sensor.id for sensor in site.sensors})
        if node not in nodes:
            raise SetUpError(f"expected a node or sensor of site '{site.id}' ({', '.join(nodes)}), got '{node}'")
        credentials.add(node, sha256 or digest_of(token), by=_ME, at_us=SystemClock().wall_us())
    typer.echo(f"token: {token}" if sha256 is None else f"node '{node}' is let in")


@node_app.command("list")
def list_nodes(config: Config) -> None:
    """Nodes that have a token."""
    with _credentials(config) as (credentials, _):
        for node, added_at_us in credentials.listed():
            typer.echo(
                f"{node}  since {datetime.fromtimestamp(added_at_us // 1_000_000, tz=timezone.utc):%Y-%m-%d %H:%M}Z"
            )


@node_app.command("remove")
def remove_node(config: Config, node: NodeId) -> None:
    """Let a node in no more."""
    with _credentials(config) as (credentials, _):
        credentials.remove(node, by=_ME, at_us=SystemClock().wall_us())
    typer.echo(f"node '{node}' is let in no more")


@contextmanager
def _credentials(config: Path) -> Iterator[tuple[NodeCredentials, Site]]:
    """Those in the coordinator's store, made when missing; what goes wrong is one line."""
    try:
        settings = load_settings(config)
        site = load_site(settings)
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        with open_store(load_store(settings)) as store:
            yield NodeCredentials(store), site
    except (SetUpError, StoreError) as err:
        _stop(err)
    except OSError as err:
        _stop(SetUpError(f"data_dir {settings.data_dir}: {err.strerror}"))


SWITCH_S = 0.0005  # so long monitor and API wait for a loop that computes, at each message that they send
COLLECT_AFTER = (50_000, 20, 20)  # of an ingest under load a fifth was collecting, which found nothing


async def _run(config: Path) -> None:
    settings = load_settings(config)
    async with running(settings, SystemClock()) as coordinator:
        gc.collect()
        gc.freeze()  # what stands by now lives to the end: no collection walks through it again, with everybody waiting
        gc.set_threshold(*COLLECT_AFTER)
        sys.setswitchinterval(SWITCH_S)
        typer.echo(f"listening on {coordinator.url}")
        if coordinator.first_secret is not None:
            typer.echo(f"first administrator, within an hour: {link(coordinator.url, coordinator.first_secret)}")
        sys.stdout.flush()
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for _ in signals:
                return


def _stop(err: SetUpError | StoreError) -> None:
    typer.echo(f"vedette-fleet: {err}", err=True)
    raise typer.Exit(WRONG_CONFIGURATION) from err


def main() -> None:
    app()


if __name__ == "__main__":
    main()
