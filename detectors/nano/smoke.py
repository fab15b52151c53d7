"""The whole way in about a minute: learn a little, find more than before, export, and see the same in the runtime."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract.clock import Clock
from detectors.errors import Disagreement
from detectors.frame import Frame
from detectors.nano.ap import ap50
from detectors.nano.data import read_part, read_picture
from detectors.nano.drawn import draw_data
from detectors.nano.export import export
from detectors.nano.state import Plan
from detectors.nano.trainer import Limits, Progress, Watch, train
from detectors.opening import open_file

PLAN = Plan(steps=240, batch=8, side_px=160, seed=1)
LEARNED_MIN = 0.05  # mean AP50 on pictures it has not seen; random weights find nothing
RUNTIME_FALL_MAX = 0.05  # of mean AP50, from the trainer's own look to the exported file's


@dataclass(frozen=True, slots=True)
class Smoked:
    """Mean AP50 on held-out pictures: of the trainer, and of the exported model in the runtime."""

    trained: float
    exported: float


def smoke(folders: Sequence[Path], work: Path, *, clock: Clock, watch: Watch) -> Smoked:
    """In the new folder `work`, on drawn pictures when no data is given. Raises Disagreement when it learned nothing,
    or when the exported model sees less than the trained one."""
    if not folders:
        draw_data(work / "drawn", counts={"train": 96, "val": 32}, side_px=PLAN.side_px, seed=PLAN.seed)
        folders = [work / "drawn"]
    found: dict[str, float] = {}

    def note(progress: Progress) -> None:
        found.update(progress.ap50)
        watch(progress)

    limits = Limits(minutes=10, judge_steps=PLAN.steps, judged_most=64, cache_gb=1.0)
    train(folders, work / "run", PLAN, limits, clock=clock, watch=note)
    trained = float(np.mean(list(found.values())))
    if trained < LEARNED_MIN:
        raise Disagreement(f"training: expected a mean AP50 of {LEARNED_MIN} on held-out pictures, got {trained:.3f}")
    exported = judge_exported(work / "run", folders, work / "model", most=limits.judged_most)
    if exported < trained - RUNTIME_FALL_MAX:
        raise Disagreement(f"export: expected the mean AP50 {trained:.3f} of the training, got {exported:.3f}")
    return Smoked(trained, exported)


def judge_exported(run: Path, folders: Sequence[Path], out: Path, *, most: int) -> float:
    """Mean AP50 of the exported model as the runtime opens it."""
    detector = open_file(export(run, out), score_min=0.01)
    part = read_part(folders, "val")
    chosen = np.unique(np.linspace(0, len(part) - 1, min(most, len(part))).round().astype(int)).tolist()
    seen = []
    for index in chosen:
        frame = Frame(read_picture(part[index].path), index, index, index, 0)
        seen += detector.detect([detector.prepare(frame)])
    return float(np.mean(list(ap50([part[index].boxes for index in chosen], seen).values())))
