"""`vedette-fleet store upgrade|check`: the tables of the store, without a coordinator."""

from pathlib import Path
from typing import Annotated

import typer

from fleet.errors import SetUpError, StoreError
from fleet.records.store import condition_of, open_store
from fleet.settings import load_settings, load_store

WRONG_CONFIGURATION = 78
store_app = typer.Typer(no_args_is_help=True, help="The store's tables: of which version they are, and a newer one.")
Config = Annotated[Path, typer.Argument(help="the coordinator's YAML file")]


@store_app.command()
def check(config: Config) -> None:
    """Say of which version the store is and whether it is whole; change nothing. Exit code 1 unless it is both new and
    whole."""
    try:
        condition = condition_of(load_store(load_settings(config)))
    except (SetUpError, StoreError) as err:
        _stop(err)
    typer.echo(condition.words)
    raise typer.Exit(0 if condition.is_good else 1)


@store_app.command()
def upgrade(config: Config) -> None:
    """Make the store, or bring its tables to this version; `run` does the same. Stop the coordinator and make a backup
    first."""
    try:
        place = load_store(load_settings(config))
        if isinstance(place, Path):
            place.parent.mkdir(parents=True, exist_ok=True)
        with open_store(place, alone=True):
            pass
        typer.echo(condition_of(place).words)
    except (SetUpError, StoreError) as err:
        _stop(err)
    except OSError as err:
        _stop(SetUpError(f"store {place}: {err.strerror}"))


def _stop(err: SetUpError | StoreError) -> None:
    typer.echo(f"vedette-fleet: {err}", err=True)
    raise typer.Exit(WRONG_CONFIGURATION) from err
