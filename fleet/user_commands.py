"""`vedette-fleet user` and `vedette-fleet token`: who may come in; a running coordinator follows within seconds.

Passwords never come by here: a person chooses one behind a link that is good once.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from contract.clock import SystemClock
from fleet.api.models import PersonName
from fleet.errors import SetUpError, StoreError
from fleet.records.auth import Role
from fleet.records.people import People
from fleet.records.store import open_store
from fleet.settings import FleetSettings, load_settings, load_store

WRONG_CONFIGURATION = 78
_ME = f"user {os.getuid()} at the command line"
_DAY_US = 86_400_000_000
user_app = typer.Typer(no_args_is_help=True, help="People who sign in; a running coordinator follows within seconds.")
token_app = typer.Typer(no_args_is_help=True, help="Tokens with which programs ask in a person's name.")
Config = Annotated[Path, typer.Argument(help="the coordinator's YAML file")]
Name = Annotated[str, typer.Argument(help="the person's name, as it stands beside every order")]
TokenName = Annotated[str, typer.Argument(help="what the token is for")]
Pilot = Annotated[bool, typer.Option("--pilot", help="may also let vehicles go, beside any role")]


@user_app.command("add")
def add_user(config: Config, name: Name, *, role: Role = Role.VIEWER, pilot: Pilot = False) -> None:
    """Let a person in. Prints a link, good once and for a day, with which the person chooses a password."""
    with _people(config) as (people, settings):
        typer.echo(_link_of(settings, people.add(_named(name), role, is_pilot=pilot, by=_ME)))


@user_app.command("list")
def list_users(config: Config) -> None:
    """Who is let in, and as what."""
    with _people(config) as (people, _):
        for user in people.users():
            states = [user.role.value, *(["pilot"] if user.is_pilot else [])]
            states += ["disabled"] if user.is_disabled else [] if user.password else ["no password yet"]
            typer.echo(f"{user.name}  {', '.join(states)}")


@user_app.command("role")
def give_role(config: Config, name: Name, role: Role, *, pilot: Pilot = False) -> None:
    """Give another role, in force at once."""
    with _people(config) as (people, _):
        people.give_role(name, role, is_pilot=pilot, by=_ME)
    typer.echo(f"'{name}' is {role.value}{' and pilot' if pilot else ''}")


@user_app.command("disable")
def disable_user(config: Config, name: Name) -> None:
    """Let a person in no more: sessions, tokens and links are void. `reset` lets them in again."""
    with _people(config) as (people, _):
        people.disable(name, by=_ME)
    typer.echo(f"'{name}' is let in no more")


@user_app.command("reset")
def reset_user(config: Config, name: Name) -> None:
    """Forget a person's password, sessions and tokens. Prints a link with which they choose a new password."""
    with _people(config) as (people, settings):
        typer.echo(_link_of(settings, people.reset(name, by=_ME, even_the_last=True)))


@token_app.command("add")
def add_token(
    config: Config,
    person: Name,
    name: TokenName,
    *,
    scope: Annotated[list[Role], typer.Option(help="rule of the routes it opens; give it once for each")],
    days: Annotated[int, typer.Option(min=1, max=366, help="until it expires")] = 90,
) -> None:
    """Make a token, shown once. It may never do more than its person, and goes when the person does."""
    with _people(config) as (people, _):
        typer.echo(f"token: {people.add_token(person, _named(name), scope, lasts_us=days * _DAY_US, by=_ME)}")


@token_app.command("list")
def list_tokens(config: Config) -> None:
    """Tokens that are good, whose they are and until when."""
    with _people(config) as (people, _):
        names = {user.key: user.name for user in people.users()}
        for token in people.tokens():
            until = datetime.fromtimestamp(token.expires_at_us // 1_000_000, tz=timezone.utc)
            scopes = ", ".join(sorted(scope.value for scope in token.scopes))
            typer.echo(f"{names[token.user]}  {token.name}  {scopes}  until {until:%Y-%m-%d %H:%M}Z")


@token_app.command("revoke")
def revoke_token(config: Config, person: Name, name: TokenName) -> None:
    """It opens nothing any more."""
    with _people(config) as (people, _):
        people.revoke_token(person, name, by=_ME)
    typer.echo(f"token '{name}' of '{person}' is void")


def link(url: str, secret: str) -> str:
    """Behind the #, so that it stands in nobody's log of requests."""
    return f"{url}/#set-up={secret}"


def _link_of(settings: FleetSettings, secret: str) -> str:
    http = settings.http
    host = f"[{http.host}]" if ":" in http.host else http.host
    url = f"{'https' if http.tls_cert else 'http'}://{host}:{http.port}"
    return f"good once, for a day: {link(url, secret)}"


def _named(name: str) -> str:
    try:
        return TypeAdapter[str](PersonName).validate_python(name)
    except ValidationError as err:
        raise SetUpError(f"'{name[:80]}': expected a name of 2 to 80 letters, without spaces at its ends") from err


@contextmanager
def _people(config: Path) -> Iterator[tuple[People, FleetSettings]]:
    """Those in the coordinator's store, made when missing; what goes wrong is one line."""
    try:
        settings = load_settings(config)
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        with open_store(load_store(settings)) as store:
            people = People(store, SystemClock())
            people.refresh()
            yield people, settings
    except (SetUpError, StoreError) as err:
        _stop(str(err))
    except OSError as err:
        _stop(f"data_dir {settings.data_dir}: {err.strerror}")


def _stop(reason: str) -> None:
    typer.echo(f"vedette-fleet: {reason}", err=True)
    raise typer.Exit(WRONG_CONFIGURATION)
