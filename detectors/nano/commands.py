"""`vedette-models train`, `export`, `label`, `evaluate`. What trains is imported when it is used: an extra."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from contract.clock import SystemClock
from detectors.building.training import TrainingOptions
from detectors.building.training import train as train_ultralytics
from detectors.errors import ModelError
from detectors.nano.data import read_part
from detectors.nano.evaluate import evaluate as evaluate_one
from detectors.nano.evaluate import of_folder, of_video
from detectors.nano.evaluation_page import table
from detectors.nano.evaluation_page import write as write_page
from detectors.nano.export import NAME, write_int8
from detectors.nano.export import export as export_run
from detectors.nano.label import Doubt, Teacher
from detectors.nano.label import label as label_all
from detectors.nano.network import CLASSES
from detectors.nano.smoke import smoke as smoke_all
from detectors.nano.state import Plan, load_state
from detectors.nano.trainer import Limits, Watch
from detectors.nano.trainer import Progress as Told
from detectors.nano.trainer import train as train_nano
from detectors.opening import open_file
from detectors.registry import DEFAULT_MODEL, find_model, model_cache, model_folders
from detectors.signing import read_key, sign

Trainer = Literal["vedette", "ultralytics"]


# Which options of `train` mean something together; what a training is like is fixed by its first piece.
TOGETHER = {
    "--smoke": {"data", "out", "smoke"},
    "--resume": {"data", "out", "resume", "minutes", "cache_gb", "trainer"},
    "ultralytics": {"data", "out", "trainer", "start", "epochs", "side", "batch", "device", "seed"},
    "vedette": {"data", "out", "trainer", "minutes", "steps", "begin", "rate", "side", "batch", "seed", "cache_gb"},
}


def train(
    ctx: typer.Context,
    data: Annotated[
        list[Path] | None,
        typer.Option(help="Folder with images/train, images/val and labels or annotations; may be given again."),
    ] = None,
    *,
    out: Annotated[
        Path | None,
        typer.Option(help="A new folder for state, curve and result; out/trained if none. --smoke keeps nothing then."),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.1, help="This piece ends itself after so long.")] = 150.0,
    steps: Annotated[int, typer.Option(min=10, help="Of the whole training, over all pieces.")] = 12_000,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training in --out, as it was begun, with the same --data.")
    ] = False,
    begin: Annotated[
        Path | None, typer.Option("--from", help="Begin with what this other training came to, not at random.")
    ] = None,
    rate: Annotated[float, typer.Option(min=1e-6, max=0.1, help="The highest of learning.")] = 2e-3,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="The whole way in a minute, on drawn pictures if no data is given.")
    ] = False,
    side: Annotated[int | None, typer.Option(min=32, max=4096, help="Side of the network, px; default 416.")] = None,
    batch: Annotated[int, typer.Option(min=1, max=1024, help="Pictures at once.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is random.")] = 0,
    cache_gb: Annotated[float, typer.Option(min=0.0, help="Decoded pictures to keep in memory, GB.")] = 6.0,
    trainer: Annotated[Trainer, typer.Option("--with", help="Our own network, or ultralytics (AGPL-3.0).")] = "vedette",
    start: Annotated[
        str | None, typer.Option(help="ultralytics: a .pt file to go on from, or an architecture: yolo11n.yaml.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, max=10_000, help="ultralytics: times through the data.")] = 100,
    device: Annotated[str, typer.Option(help="ultralytics: cpu, or a GPU as torch numbers them: 0.")] = "cpu",
) -> None:
    """Train the small detector vedette-nano on labelled pictures, on a CPU; what comes out is under your own licence.

    It saves itself every few minutes; after --minutes it ends and says how to go on. The schedule spans all pieces.
    With --start or --with ultralytics that extra trains instead (AGPL-3.0: 'vedette-models licence'), and --data is its
    YAML file. Exit code 1: --smoke learned nothing.

    Example: vedette-models train --data out/site --out out/nano --minutes 60 && vedette-models export out/nano
    """
    folders, run = data or [], out or Path("out") / "trained"
    is_theirs = bool(start) or trainer == "ultralytics"
    _check_together(ctx, "--smoke" if smoke else "ultralytics" if is_theirs else "--resume" if resume else "vedette")
    if is_theirs:
        if len(folders) != 1:
            raise ModelError(f"ultralytics: expected one --data, its YAML file, got {len(folders)}")
        options = TrainingOptions(epochs=epochs, side_px=side or 640, batch=batch, device=device, seed=seed)
        best = train_ultralytics(folders[0], start or "yolo11n.yaml", run, options, model_cache(os.environ))
        typer.echo(f"trained: {best}; next: vedette-models validate {best} {folders[0]}, vedette-models build {best}")
        return
    side_px = side or 416
    if side_px % 32:
        raise ModelError(f"--side: expected a multiple of 32 px, got {side_px}")
    if not folders and not smoke:
        raise ModelError("--data: expected a folder of labelled pictures, got none")
    with _bar() as watch:
        if smoke:
            with tempfile.TemporaryDirectory() as work:
                smoked = smoke_all(folders, out or Path(work), clock=SystemClock(), watch=watch)
            typer.echo(
                f"smoke: mean AP50 on held-out pictures {smoked.untrained:.3f} before, {smoked.trained:.3f} trained, "
                f"{smoked.exported:.3f} exported, in the runtime"
            )
            return
        plan = None if resume else Plan(steps=steps, batch=batch, side_px=side_px, seed=seed, rate=rate)
        limits = Limits(minutes=minutes, cache_gb=cache_gb)
        before = load_state(begin) if begin else None
        done = train_nano(folders, run, plan, limits, clock=SystemClock(), watch=watch, start=before)
    if done.done < done.plan.steps:
        again = " ".join(f"--data {folder}" for folder in folders)
        typer.echo(
            f"{run}: {done.done} of {done.plan.steps} steps; go on: vedette-models train {again} --out {run} --resume"
        )
    else:
        typer.echo(f"{run}: all {done.plan.steps} steps; next: vedette-models export {run} --out {run / 'model'}")


def _check_together(ctx: typer.Context, what: str) -> None:
    """Raises ModelError for an option that would be ignored."""
    for each in ctx.command.params:
        source = ctx.get_parameter_source(each.name or "")
        if source is not None and source.name == "COMMANDLINE" and each.name not in TOGETHER[what]:
            raise ModelError(f"{each.opts[0]}: means nothing for {what}: leave it out")


def export(
    run: Annotated[Path, typer.Argument(help="The folder that 'train' wrote.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder for NAME.onnx and NAME.yaml.")] = Path("out") / "model",
    name: Annotated[str, typer.Option(help="What to call it.")] = NAME,
    side: Annotated[
        int | None, typer.Option(min=32, max=4096, help="Another side than it was trained for, px.")
    ] = None,
    training_data: Annotated[str, typer.Option(help="What it learned from, for its manifest.")] = "",
    calibrate: Annotated[
        list[Path] | None,
        typer.Option(help="Data set whose pictures make NAME-int8 too: train calibrates, val judges. May be repeated."),
    ] = None,
    by: Annotated[Path | None, typer.Option(help="Sign what is written with this private key.")] = None,
) -> None:
    """Write a trained network as an ONNX file with manifest and card; a training need not be over for that.

    Example: vedette-models export out/nano --out models --calibrate out/site
    """
    if side and side % 32:
        raise ModelError(f"--side: expected a multiple of 32 px, got {side}")
    key = read_key(by) if by else None
    made = [export_run(run, out, name=name, side_px=side, training_data=training_data)]
    typer.echo(f"{name}: {made[0].path}: {made[0].manifest.size_bytes / 1e6:.1f} MB")
    if calibrate:
        small, mean_ap = write_int8(made[0], calibrate, at_us=SystemClock().wall_us())
        typer.echo(f"{small.manifest.name}: {small.path}: mean AP {mean_ap:.3f} of FP32's own boxes")
        made.append(small)
    if key:
        for file in made:
            sign(file.path.with_suffix(".yaml"), key)


def label(
    videos: Annotated[list[Path], typer.Argument(help="Recordings.")],
    *,
    out: Annotated[Path, typer.Option(help="A new folder: images, annotations, card.")],
    licence: Annotated[str, typer.Option(help="Of the recordings, and whom to name, for the card.")],
    teacher: Annotated[str, typer.Option(help="Name or path of the model that looks.")] = DEFAULT_MODEL,
    every: Annotated[int, typer.Option(min=1, help="Which pictures: each so many of them.")] = 5,
    part: Annotated[
        Literal["train", "val", "test"] | None,
        typer.Option(help="All into this part; else the last fifth of each recording is val, the rest train."),
    ] = None,
    sure: Annotated[float, typer.Option(min=0.0, max=1.0, help="A box from this score on is a label.")] = 0.5,
    least: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="One from this on is left out: neither learned nor judged.")
    ] = 0.15,
) -> None:
    """Let a model label recordings that have no labels, to train on them with 'train --data', beside others.

    Example: vedette-models label gate.mp4 yard.mp4 --out sets/ours --licence "our own cameras"
    """
    if least > sure:
        raise ModelError(f"--least: expected at most --sure {sure:g}, got {least:g}")
    file = find_model(teacher, folders=model_folders(os.environ), cache=model_cache(os.environ))
    looks = Teacher(file, open_file(file, score_min=least), Doubt(sure=sure, least=least))
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True)) as bar:
        watch = partial(_seen, bar, bar.add_task("looking", total=None))
        counts = label_all(videos, out, looks, every=every, only=part, licence=licence, watch=watch)
    typer.echo(f"{out}: {', '.join(f'{count} pictures {name}' for name, count in counts.items())}; see card.md")


def evaluate(
    models: Annotated[list[str], typer.Argument(help="Names or paths of models.")],
    *,
    data: Annotated[Path | None, typer.Option(help="Labelled pictures, as 'vedette-sim dataset' writes.")] = None,
    part: Annotated[Literal["train", "val", "test"], typer.Option(help="Which of its pictures.")] = "test",
    video: Annotated[Path | None, typer.Option(help="A recording instead, with --truth.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Persons in every frame, MOTChallenge form.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for table, figures and curves.")] = Path("out") / "evaluation",
) -> None:
    """What models find in pictures that none of them has seen: AP50, recall, by distance, light and view.

    Example: vedette-models evaluate vedette-nano yolox-nano --data out/site --out out/evaluation
    """
    if (data is None) == (video is None) or (video is None) != (truth is None):
        raise ModelError("evaluate: expected either --data, or --video with --truth")
    findings = []
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=Console(stderr=True)) as bar:
        for model in models:
            file = find_model(model, folders=model_folders(os.environ), cache=model_cache(os.environ))
            detector = open_file(file, score_min=0.01)
            labelled = [] if data is None else read_part([data], part)
            shown = of_video(video, truth) if video and truth else of_folder(labelled)
            task = bar.add_task(file.manifest.name, total=len(labelled) or None)
            findings.append(evaluate_one(file.manifest.name, detector, shown, watch=partial(_seen, bar, task)))
    write_page(findings, out, title=video.name if video else f"{data.name}, {part}" if data else "")
    typer.echo(table(findings))


def _seen(bar: Progress, task: TaskID, count: int) -> None:
    bar.update(task, completed=count)


@contextmanager
def _bar() -> Iterator[Watch]:
    """A bar with what a person who waits wants to know: speed, loss, AP50 of the latest judgement."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("reading the pictures", total=None)

        def watch(told: Told) -> None:
            speed = told.done_here * told.plan.batch / max(told.seconds, 1e-3)
            judged = " ".join(f"{name} {told.ap50[name]:.3f}" for name in CLASSES if name in told.ap50)
            words = f"{speed:.1f} pictures/s, loss {told.losses.total:.2f}{', AP50 ' + judged if judged else ''}"
            bar.update(task, completed=told.done, total=told.plan.steps, description=words)

        yield watch
