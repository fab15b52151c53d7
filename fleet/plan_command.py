"""`vedette-fleet plan`: patrols for several vehicles, as pictures, as plans of QGroundControl and for the site file."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer
import yaml
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from fleet.errors import NotPossible, SetUpError
from fleet.plan_answer import patrolling
from fleet.settings import read_site

NOT_POSSIBLE, WRONG_USAGE, WRONG_CONFIGURATION = 1, 2, 78


def plan(
    site: Annotated[Path, typer.Argument(help="the site file: points, vehicles, docks, what is in the way")],
    *,
    vehicles: Annotated[str | None, typer.Option(help="who patrols, ids with commas between; all of the site")] = None,
    gap_min: Annotated[
        float | None, typer.Option(min=0.1, help="longest gap, minutes; 15 % over the best fixed plan")
    ] = None,
    charge_min: Annotated[float, typer.Option(min=0.0, help="minutes from landing until fully charged again")] = 40.0,
    wind_m_s: Annotated[float, typer.Option(min=0.0, max=20.0, help="wind in which it must be possible")] = 3.0,
    randomness: Annotated[float, typer.Option(min=0.0, max=1.0, help="0: a fixed round; 1: as random as can be")] = 0.8,
    spacing_m: Annotated[
        float, typer.Option(min=5.0, help="metres between points along fence and zones, where the site names none")
    ] = 40.0,
    dwell_s: Annotated[float, typer.Option(min=0.0, max=600.0, help="stay at such a point, seconds")] = 8.0,
    rounds: Annotated[int, typer.Option(min=2, max=1000, help="rounds of each team to look at")] = 40,
    seed: Annotated[int, typer.Option(help="of the rounds shown here; the coordinator draws others")] = 0,
    out: Annotated[Path, typer.Option(help="folder for pictures, .plan files and roaming.yaml")] = Path("out/plan"),
) -> None:
    """Plan patrols that keep a longest gap and cannot be foretold.

    Exit codes: 0 done, 1 no such plan is possible, 2 wrong usage, 78 wrong site file.
    """
    try:
        where = read_site(site)
    except SetUpError as err:
        _stop(str(err), WRONG_CONFIGURATION, err)
    try:
        chosen = patrolling(where, () if vehicles is None else (name.strip() for name in vehicles.split(",")))
    except NotPossible as err:
        _stop(str(err), WRONG_USAGE, err)
    try:
        from fleet.decision import planning  # noqa: PLC0415
        from fleet.decision.team import watch  # noqa: PLC0415
        from fleet.plan_file import plan_text  # noqa: PLC0415
        from fleet.plan_making import wanted_of  # noqa: PLC0415
        from fleet.plan_pictures import draw  # noqa: PLC0415
    except ModuleNotFoundError as err:
        _stop(
            f"expected the packages of the extra 'plan' (pip install 'vedette[fleet,plan]'), got no {err.name}", 78, err
        )
    console = Console()
    try:
        with Progress(console=console, transient=True) as progress:
            bar = progress.add_task("points", total=None)
            wanted, left_out = wanted_of(
                where,
                chosen,
                spacing_m=spacing_m,
                dwell_s=dwell_s,
                charge_min=charge_min,
                wind_m_s=wind_m_s,
                randomness=randomness,
                gap_min=gap_min,
            )
            made = planning.plan(where, wanted, say=lambda what: progress.update(bar, description=what))
            progress.update(bar, description="rounds", total=len(made.teams) + 1, completed=0)
            watches = []
            for team in made.teams:
                chance = planning.chance_of(seed, team.patrol.id)
                watches.append(watch(team, rounds=rounds, chance=chance))
                progress.advance(bar)
            out.mkdir(parents=True, exist_ok=True)
            progress.update(bar, description="pictures")
            written = list(draw(made, watches, out))
            for team in made.teams:
                for number, vehicle in enumerate(team.legs.vehicles):
                    written.append(out / f"{vehicle.id}.plan")
                    written[-1].write_text(plan_text(where, team, number), encoding="utf-8")
            written.append(out / "roaming.yaml")
            patrols = [team.patrol.model_dump(mode="json", exclude_defaults=True) for team in made.teams]
            written[-1].write_text(yaml.safe_dump({"roaming": patrols}, sort_keys=False, width=120), encoding="utf-8")
    except NotPossible as err:
        _stop(str(err), NOT_POSSIBLE, err)
    except OSError as err:
        _stop(f"{err.filename or out}: {err.strerror}", WRONG_CONFIGURATION, err)
    for name in left_out:
        console.print(f"left out: no vehicle has a legal way to point '{name}' and straight home from there")
    table = Table("vehicles", "points", "every", "round", "waits", "bits", "of most", "battery")
    for team, seen in zip(made.teams, watches, strict=True):
        table.add_row(
            ", ".join(team.patrol.vehicles),
            str(len(team.patrol.points)),
            f"{team.patrol.every_min:.1f}",
            f"{max(each.length_s for each in seen.rounds) / 60:.1f}",
            f"{seen.longest_gap_s / 60:.1f}",
            f"{seen.bits:.2f}",
            f"{seen.share:.0%}",
            f"{team.patrol.battery_frac - where.response.battery_reserve_frac:.0%}",
        )
    console.print("every, round, waits: minutes between starts, of the longest round, of the longest wait at a point")
    console.print("bits: entropy of the next visit given the past; of most: by the most that such rounds can have")
    console.print("battery: charge of one round and its way home, against the wind")
    console.print(table)
    console.print(
        f"longest gap {made.gap_s / 60:.1f} min, kept in each of {rounds} rounds; best fixed plan "
        f"{made.fixed_gap_s / 60:.1f} min; {', '.join(str(path) for path in written)}",
        soft_wrap=True,
    )


def _stop(said: str, code: int, err: Exception | None = None) -> NoReturn:
    typer.echo(f"vedette-fleet plan: {said}", err=True)
    raise typer.Exit(code) from err
