"""`vedette-sim dataset OUT`: labelled pictures of worlds made by chance.

Every worker draws whole places; what a place looks like follows from its seed, whatever the number of workers.
"""

import json
import multiprocessing
import os
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from contract.clock import SystemClock
from sim.dataset.errors import DatasetError
from sim.dataset.files import Name, begin, finish, part_of, write_picture
from sim.dataset.plan import MAX_SEED, SPLITS, Plan, Share
from sim.world.errors import WorldError
from sim.world.opening import choose_opengl

Job = tuple[Path, str, int, Share]  # folder, split, number of the place, the place


def register(app: typer.Typer) -> None:
    app.command("dataset")(dataset)


def dataset(
    out: Annotated[Path, typer.Argument(help="Folder to write; what was begun there with the same options goes on.")],
    *,
    pictures: Annotated[int, typer.Option(min=0, help="To learn from.")] = 10_000,
    val: Annotated[int, typer.Option(min=0, help="To choose between models by.")] = 600,
    test: Annotated[int, typer.Option(min=0, help="To judge by: the same ones whatever the seed.")] = 1_000,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED - 1, help="Of train and val; equal seeds, equal bytes.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Processes that draw.")] = 2,
) -> None:
    """Draw persons, vehicles and animals in worlds made by chance, with boxes, as COCO and YOLO.

    For example `vedette-sim dataset sets/small --pictures 1000 --val 100 --test 100`; then look at sheet.jpg.
    """
    clock = SystemClock()
    began_us = clock.monotonic_us()
    plan = Plan(train=pictures, val=val, test=test, seed=seed)
    try:
        command = f"vedette-sim dataset {out.name} --pictures {pictures} --val {val} --test {test} --seed {seed}"
        card = write_set(out, plan, workers=workers, command=command, console=Console(stderr=True))
    except (DatasetError, WorldError, OSError) as err:
        typer.echo(f"vedette-sim dataset: {err}", err=True)
        raise typer.Exit(2) from err
    took_s = (clock.monotonic_us() - began_us) / 1e6
    drawn = sum(split["pictures"] for split in card["splits"].values())
    typer.echo(f"{out}: {drawn} pictures in {took_s:.0f} s; see card.md and sheet.jpg")


def write_set(
    out: Path, plan: Plan, *, workers: int, command: str, console: Console
) -> dict[str, dict[str, dict[str, int]]]:
    """All splits; returns what card.json says. Raises DatasetError, WorldError."""
    if plan.train + plan.val + plan.test == 0:
        raise DatasetError("--pictures, --val and --test: expected at least one picture, got none")
    check_renderer()
    begin(out, plan)
    jobs = [(out, split, number, share) for split in SPLITS for number, share in enumerate(plan.places(split))]
    left = [job for job in jobs if not part_of(out, job[1], job[2]).is_file()]
    columns = (TextColumn("drawing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("pictures", total=sum(job[3].count for job in jobs))
        progress.advance(bar, sum(job[3].count for job in jobs) - sum(job[3].count for job in left))
        for count in _drawn(left, workers):
            progress.advance(bar, count)
    return finish(out, plan, command=command, version=version("vedette"))


def _drawn(jobs: Iterable[Job], workers: int) -> Iterator[int]:
    """Pictures done, as they come."""
    if workers == 1:
        yield from (draw_place(job) for job in jobs)
        return
    os.environ.setdefault("LP_NUM_THREADS", "1")  # of Mesa: one a process, the processes share the cores
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(draw_place, jobs)


def draw_place(job: Job) -> int:
    """Every picture of one place, then its part."""
    choose_opengl()
    from sim.dataset.place import Place  # noqa: PLC0415 - reads MUJOCO_GL
    from sim.dataset.shots import shot  # noqa: PLC0415

    out, split, number, share = job
    images, annotations = [], []
    with Place(share.site_seed) as place:
        for index in range(share.count):
            name = Name(split, share.first + index)
            image, found = write_picture(out, name, shot(place, index), site_seed=share.site_seed)
            images.append(image)
            annotations += found
    part = part_of(out, split, number)
    whole = part.with_suffix(".tmp")
    whole.write_text(json.dumps({"images": images, "annotations": annotations}), encoding="utf-8")
    whole.rename(part)
    return share.count


def check_renderer() -> None:
    """Raises WorldError where the extra `sim` or a renderer is missing, before any process is started."""
    choose_opengl()
    try:
        from sim.world.figure import humanoid  # noqa: PLC0415 - reads MUJOCO_GL
    except ModuleNotFoundError as err:
        raise WorldError(f"{err.name}: rendering needs the extra 'sim' (pip install 'vedette[sim]')") from err
    humanoid()
