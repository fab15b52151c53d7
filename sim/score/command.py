"""`vedette-sim score`: judge a run's folder again and write score.json, junit.xml and report.html into it.

Exit codes: 0 every expectation is met, 1 one is not, 2 the folder is no run or is damaged.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.table import Table

from contract.documents import parse_document
from contract.errors import DocumentError
from sim.report.report import headline, story, write_report, written
from sim.score.errors import ScoreError
from sim.score.expectations import Outcome, check_expectations, write_junit
from sim.score.run_folder import read_run
from sim.score.score import Score, score_of, write_score
from sim.score.sections import ScoreParameters


def register(app: typer.Typer) -> None:
    app.command("score")(score)


def score(
    folder: Annotated[Path, typer.Argument(help="Folder of a run.")],
    *,
    parameters: Annotated[Path | None, typer.Option(help="YAML file of constants to judge by.")] = None,
) -> None:
    """Judge a run again: score.json, junit.xml, report.html."""
    console = Console(highlight=False)
    try:
        judged, outcomes = judge_folder(folder, _parameters(parameters))
    except (ScoreError, DocumentError, OSError) as err:
        typer.echo(f"vedette-sim score: {err}", err=True)
        raise typer.Exit(2) from err
    console.print(summary(judged, outcomes))
    console.print(str(folder / "report.html"))
    if not all(outcome.is_met for outcome in outcomes):
        raise typer.Exit(1)


def judge_folder(folder: Path, parameters: ScoreParameters) -> tuple[Score, list[Outcome]]:
    """Write the three judgements of a run into its folder. Raises ScoreError or DocumentError with one line."""
    run = read_run(folder)
    judged = score_of(run, parameters)
    outcomes = check_expectations(run.scenario, judged)
    write_score(folder / "score.json", judged)
    write_junit(folder / "junit.xml", outcomes, scenario=run.scenario.id)
    write_report(run, judged)
    return judged, outcomes


def summary(judged: Score, outcomes: list[Outcome]) -> Group:
    """For a terminal: the verdict, the story, and a row for each expectation."""
    lines = [f"[bold]{judged.scenario}[/]: {headline(outcomes)}", story(judged)]
    if not outcomes:
        return Group(*lines)
    table = Table("", "figure", "expected", "came")
    for outcome in outcomes:
        mark = "[green]met[/]" if outcome.is_met else "[red]not met[/]"
        table.add_row(mark, outcome.expectation.what, outcome.bounds, written(outcome.value, digits=4))
    return Group(*lines, table)


def _parameters(path: Path | None) -> ScoreParameters:
    if path is None:
        return ScoreParameters()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise DocumentError(f"{path}: {getattr(err, 'strerror', None) or 'expected UTF-8 text'}") from err
    return parse_document(text, ScoreParameters, source=str(path))
