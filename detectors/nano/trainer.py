"""A training from labelled pictures to the state that `export` reads; it can be stopped and gone on with."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from contract.clock import Clock
from detectors.errors import ModelError
from detectors.nano.augment import MILD, Strength
from detectors.nano.curve import CURVE, draw_curve
from detectors.nano.data import Pictures, read_part
from detectors.nano.judge import judge
from detectors.nano.learner import Learner, Losses, rate_at
from detectors.nano.loader import Batch, Recipe, batches, draw_batch
from detectors.nano.network import CLASSES, nano
from detectors.nano.state import FILE, Plan, State, load_state, save_state

COLUMNS = ("step", "side_px", "rate", "box", "objectness", "class", "answering", *(f"ap50_{name}" for name in CLASSES))
SMALL_FRAC = 0.7  # of the steps at three quarters of the side, which takes half of the time
MILD_FRAC = 0.88  # from here on whole pictures, as the cameras see them (YOLOX: the last epochs without mosaic)
NOTED_EVERY = 20  # steps
JUDGED_MOST = 300  # pictures of val


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one piece: when it ends itself, and how often it saves and judges itself."""

    minutes: float
    save_minutes: float = 3.0
    judge_steps: int = 1000
    judged_most: int = JUDGED_MOST
    cache_gb: float = 6.0


@dataclass(frozen=True, slots=True)
class Progress:
    """Told after every step. seconds: of this piece, since its first step; ap50: of the latest judgement."""

    plan: Plan
    done: int
    done_here: int
    seconds: float
    losses: Losses
    ap50: dict[str, float]


Watch = Callable[[Progress], None]


def recipe_at(plan: Plan, step: int) -> Recipe:
    """Smaller pictures first, whole ones last."""
    small_px = max(32, round(plan.side_px * 0.75 / 32) * 32)
    side_px = small_px if step < plan.steps * SMALL_FRAC else plan.side_px
    return Recipe(side_px, Strength() if step < plan.steps * MILD_FRAC else MILD)


def train(
    folders: Sequence[Path],
    out: Path,
    plan: Plan | None,
    limits: Limits,
    *,
    clock: Clock,
    watch: Watch,
    start: State | None = None,
) -> Learner:
    """One piece of a training into the folder `out`; plan None goes on with what lies there. start: another training,
    whose result this one begins with.

    Raises ModelError for data that cannot be read or is not what the training began with, or a folder that holds a
    training already, or none.
    """
    if plan and (out / FILE).is_file():
        raise ModelError(f"{out}: a training lies there already: go on with it (--resume), or choose another folder")
    train_part, judged_part = read_part(folders, "train"), read_part(folders, "val")
    if plan:
        learner = Learner.begin(nano(), replace(plan, pictures=len(train_part)), start)
    else:
        learner = Learner(nano(), load_state(out))
    plan = learner.plan
    if plan.pictures not in (None, len(train_part)):
        raise ModelError(f"{out}: expected the {plan.pictures} pictures it began with, got {len(train_part)}")
    out.mkdir(parents=True, exist_ok=True)
    half_bytes = int(limits.cache_gb * 1e9)
    pictures = Pictures(train_part, side_most_px=plan.side_px * 2, cache_bytes=half_bytes)
    judged = Pictures(judged_part, side_most_px=plan.side_px * 2, cache_bytes=half_bytes // 8)
    draw = partial(_draw, pictures, plan)
    begun_us = saved_us = clock.monotonic_us()
    ap50: dict[str, float] = {}
    first = learner.done
    for batch in batches(draw, range(first, plan.steps)):
        losses = learner.learn(batch)
        now_us = clock.monotonic_us()
        is_last = learner.done == plan.steps or now_us - begun_us > limits.minutes * 60e6
        if learner.done % limits.judge_steps == 0 or learner.done == plan.steps:
            ap50 = judge(learner, judged, most=limits.judged_most)
            _note(out, learner, batch, losses, ap50)
        elif learner.done % NOTED_EVERY == 0 or is_last:
            _note(out, learner, batch, losses, {})
        if is_last or now_us - saved_us > limits.save_minutes * 60e6:
            save_state(learner.state(), out)
            saved_us = now_us
        watch(Progress(plan, learner.done, learner.done - first, (now_us - begun_us) / 1e6, losses, ap50))
        if is_last:
            break
    draw_curve(out / CURVE, out / "curve.png")
    return learner


def _draw(pictures: Pictures, plan: Plan, step: int) -> Batch:
    return draw_batch(pictures, step=step, size=plan.batch, recipe=recipe_at(plan, step), seed=plan.seed)


def _note(out: Path, learner: Learner, batch: Batch, losses: Losses, ap50: dict[str, float]) -> None:
    """A line of the curve; a piece that was cut off leaves lines that the next one writes once more."""
    path = out / CURVE
    is_new = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(COLUMNS)
        figures = (
            rate_at(learner.plan, learner.done - 1),
            losses.box,
            losses.objectness,
            losses.kind,
            losses.answering,
        )
        judged = (f"{ap50[name]:.4f}" if name in ap50 else "" for name in CLASSES)
        writer.writerow([learner.done, batch.pictures.shape[1], *(f"{each:.5g}" for each in figures), *judged])
