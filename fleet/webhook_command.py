"""`vedette-fleet webhook test`: one signed message to a receiver, to see that it arrives and is believed."""

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import anyio
import typer

from contract.clock import SystemClock
from fleet.errors import SetUpError
from fleet.notify.receiver import TEST_EVENT, Answer, Outcome, Receiver
from fleet.notify.webhooks import SCHEMA_VERSION
from fleet.records.news import NAMESPACE
from fleet.settings import load_settings, load_site, load_webhooks

NO, WRONG_CONFIGURATION = 1, 78
webhook_app = typer.Typer(no_args_is_help=True, help="Who is told what happens, by signed HTTP requests.")


@webhook_app.callback()
def _several() -> None:
    """A group, of one command so far."""


@webhook_app.command("test")
def test_webhook(
    config: Annotated[Path, typer.Argument(help="the coordinator's YAML file")],
    name: Annotated[str, typer.Argument(help="the receiver, as `webhooks` names it")],
) -> None:
    """Send one message of the event 'test'. Exit code 1 unless the receiver takes it."""
    try:
        settings = load_settings(config)
        site = load_site(settings)
        outcome = anyio.run(_send, _named(load_webhooks(settings), name), site.id)
    except SetUpError as err:
        _stop(str(err), WRONG_CONFIGURATION)
    if outcome.answer is not Answer.TAKEN:
        _stop(f"webhook '{name}': not taken: {outcome.words}", NO)
    typer.echo(f"webhook '{name}': taken: {outcome.words}")


def _named(receivers: Sequence[Receiver], name: str) -> Receiver:
    """Raises SetUpError."""
    for receiver in receivers:
        if receiver.name == name:
            return receiver
    known = ", ".join(each.name for each in receivers) or "none"
    raise SetUpError(f"webhooks: expected a receiver of this file ({known}), got '{name}'")


async def _send(receiver: Receiver, site_id: str) -> Outcome:
    at_us = SystemClock().wall_us()
    delivery = uuid.uuid5(NAMESPACE, f"{TEST_EVENT}/{receiver.name}/{at_us}")
    about = {"schema_version": SCHEMA_VERSION, "id": str(delivery), "event": TEST_EVENT, "at_us": at_us}
    body = json.dumps({**about, "site": site_id}, separators=(",", ":")).encode()
    async with receiver.client() as client:
        return await receiver.send(client, body, delivery=delivery, event=TEST_EVENT, at_us=at_us)


def _stop(reason: str, code: int) -> NoReturn:
    typer.echo(f"vedette-fleet: {reason}", err=True)
    raise typer.Exit(code)
