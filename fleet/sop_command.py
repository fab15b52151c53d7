"""`vedette-fleet sop`: procedures checked and tried before a night depends on them."""

import json
import re
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from fleet.decision.sop_document import Procedure, ProcedureBook
from fleet.decision.sop_lint import findings
from fleet.decision.sop_trial import DEEDS, Happening, tried
from fleet.errors import SetUpError
from fleet.settings import read_procedures, read_site

ANSWER_IS_NO, WRONG_USAGE, WRONG_CONFIGURATION = 1, 2, 78
sop_app = typer.Typer(no_args_is_help=True, help="Standard operating procedures: check a file, try it, its schema.")
File = Annotated[Path, typer.Argument(help="the procedures file")]
SiteFile = Annotated[Path, typer.Option("--site", help="the site file whose zones it names")]


@sop_app.command()
def check(file: File, site: SiteFile) -> None:
    """Read the file and say what in it is surely not meant: dead steps, endless waits, zones without a procedure.

    Exit codes: 0 nothing found, 1 findings, 78 the file is wrong.
    """
    try:
        where = read_site(site)
        found = findings(read_procedures(file, where), where)
    except SetUpError as err:
        _stop(str(err), WRONG_CONFIGURATION)
    for each in found:
        typer.echo(f"{each.where}: {each.what}")
    if found:
        raise typer.Exit(ANSWER_IS_NO)
    typer.echo("nothing to complain of")


@sop_app.command("try")
def try_out(
    file: File,
    site: SiteFile,
    *,
    procedure: Annotated[str | None, typer.Option(help="which; the first of the file if left out")] = None,
    happens: Annotated[
        list[str] | None,
        typer.Option(help=f"SECONDS:WHAT, again for each; WHAT: {', '.join(DEEDS)}; approve=NAME, veto=NAME"),
    ] = None,
    for_s: Annotated[float, typer.Option(min=1.0, max=86_400.0, help="how long to look, seconds")] = 900.0,
) -> None:
    """Show what would happen, and when. Commands nothing.

    Example: vedette-fleet sop try night.yaml --site site.yaml --happens 20:approve=anna --happens 60:on-scene

    Exit codes: 0 it came to its end, 1 it still waits, 2 wrong usage, 78 the file is wrong.
    """
    try:
        book = read_procedures(file, read_site(site))
    except SetUpError as err:
        _stop(str(err), WRONG_CONFIGURATION)
    chosen = _chosen(book, procedure)
    trial = tried(chosen, [_happening(each) for each in happens or ()], for_s=for_s)
    table = Table(title=f"{chosen.name}, as it would go", title_justify="left")
    table.add_column("s", justify="right")
    table.add_column("what")
    for told in trial.told:
        table.add_row(f"{told.at_s:g}", told.what)
    Console(highlight=False, markup=False).print(table)
    if not trial.run.is_over:
        typer.echo(f"after {for_s:g} s it is still at '{trial.run.step}' ({trial.run.phase.value})")
        raise typer.Exit(ANSWER_IS_NO)


@sop_app.command()
def schema() -> None:
    """Print the JSON Schema of a procedures file, for editors."""
    typer.echo(json.dumps(procedures_schema(), indent=1, sort_keys=True))


def procedures_schema() -> dict[str, object]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ProcedureBook.model_json_schema()}


def _chosen(book: ProcedureBook, name: str | None) -> Procedure:
    if name is None:
        return book.procedures[0]
    known = {each.id: each for each in book.procedures}
    if name not in known:
        _stop(f"--procedure: expected one of {', '.join(known)}, got '{name}'", WRONG_USAGE)
    return known[name]


def _happening(text: str) -> Happening:
    match = re.fullmatch(r"(\d{1,6}(?:\.\d+)?):([a-z-]+)(?:=(.{2,80}))?", text)
    deed = next((each for each in DEEDS if match is not None and each == match[2]), None)
    if match is None or deed is None or (deed in ("approve", "veto")) != (match[3] is not None):
        _stop(f"--happens: expected SECONDS:WHAT such as 60:on-scene or 20:approve=anna, got '{text}'", WRONG_USAGE)
    return Happening(float(match[1]), deed, match[3] or "")


def _stop(message: str, code: int) -> NoReturn:
    typer.echo(f"vedette-fleet: {message}", err=True)
    raise typer.Exit(code)
