"""`vedette-sim compare A B`: two runs, or two variants of a plan, model or threshold over a set of scenarios.

A and B are run folders or folders of run folders; a variant is called what its folder is called. Runs are judged
again, so that both are by the same definitions. Exit codes: 0 compared, 2 a folder is no run, or nothing is in both.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from contract.errors import DocumentError
from sim.report.comparison import headline, sentences, table_rows, write_comparison
from sim.score.comparing import Comparison, RunKey, Variant, compare
from sim.score.errors import ScoreError
from sim.score.run_folder import is_run_folder
from sim.score.score import Score, score_run


def register(app: typer.Typer) -> None:
    app.command("compare")(compare_variants)


def compare_variants(
    folders: Annotated[list[Path], typer.Argument(help="Runs, or folders of runs; the first is compared against.")],
    *,
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("compare.html"),
) -> None:
    """Compare runs or folders of runs: what changed, and could it be chance?"""
    console = Console(highlight=False)
    try:
        comparisons = compare_folders(folders)
        out.parent.mkdir(parents=True, exist_ok=True)
        write_comparison(out, comparisons)
    except (ScoreError, DocumentError, OSError) as err:
        typer.echo(f"vedette-sim compare: {err}", err=True)
        raise typer.Exit(2) from err
    for comparison in comparisons:
        console.print(_table(comparison))
        for _, sentence in sentences(comparison):
            console.print(sentence)
    console.print(str(out))


def compare_folders(folders: list[Path]) -> list[Comparison]:
    """The first against each other one. Raises ScoreError or DocumentError with one line."""
    if len(folders) < 2:
        raise ScoreError(f"expected two folders or more, got {len(folders)}")
    variants = [_variant(folder, _name(folder, folders)) for folder in folders]
    comparisons = [compare(variants[0], other) for other in variants[1:]]
    for folder, comparison in zip(folders[1:], comparisons, strict=True):
        if not comparison.runs:
            raise ScoreError(f"{folder}: expected a run of a scenario and seed that {folders[0]} has too, got none")
    return comparisons


def _name(folder: Path, folders: list[Path]) -> str:
    """What it is called; with its parent where that is not enough to tell them apart."""
    mine = folder.resolve()
    is_alone = sum(each.resolve().name == mine.name for each in folders) == 1
    return mine.name if is_alone else f"{mine.parent.name}/{mine.name}"


def _variant(folder: Path, name: str) -> Variant:
    runs = [folder] if is_run_folder(folder) else sorted(each.parent for each in folder.glob("*/run.json"))
    if not runs:
        raise ScoreError(f"{folder}: expected a run folder or a folder of them, found no run.json")
    scores: dict[RunKey, Score] = {}
    for run in runs:
        score = score_run(run)
        key = (score.scenario, score.seed)
        if key in scores:
            raise ScoreError(f"{run}: expected one run of {key[0]} with seed {key[1]} in {folder}, got two")
        scores[key] = score
    return Variant(name, scores)


def _table(comparison: Comparison) -> Table:
    table = Table(title=headline(comparison), title_justify="left")
    table.add_column("figure")
    for column in (comparison.a.name, comparison.b.name, "change", "95 % interval", "pairs"):
        table.add_column(column, justify="right")
    table.add_column("reading")
    for reading, cells in table_rows(comparison):
        table.add_row(*cells, reading.value)
    return table
