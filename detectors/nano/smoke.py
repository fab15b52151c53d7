"""The whole way in about a minute: learn a little, find more than before, export, and see the same in the runtime."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract.clock import Clock
from detectors.errors import Disagreement
from detectors.frame import Frame
from detectors.nano.ap import ap50
from detectors.nano.data import Pictures, read_part, read_picture
from detectors.nano.drawn import draw_data
from detectors.nano.export import export
from detectors.nano.judge import judge
from detectors.nano.learner import Learner
from detectors.nano.network import nano
from detectors.nano.state import Plan
from detectors.nano.trainer import Limits, Progress, Watch, train
from detectors.opening import open_file

PLAN = Plan(steps=240, batch=8, side_px=160, seed=1)
LEARNED_MIN = 0.1  # that mean AP50 must rise by, on pictures it has not seen
JUDGED = 64  # pictures
RUNTIME_FALL_MAX = 0.05  # of mean AP50, from the trainer's own look to the exported file's


@dataclass(frozen=True, slots=True)
class Smoked:
    """Mean AP50 on held-out pictures: before it learned anything, after, and of the exported model in the runtime."""

    untrained: float
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

    held_out = Pictures(read_part(folders, "val"), side_most_px=2 * PLAN.side_px, cache_bytes=0)
    untrained = _mean(judge(Learner.begin(nano(), PLAN), held_out, most=JUDGED))
    limits = Limits(minutes=10, judge_steps=PLAN.steps, judged_most=JUDGED, cache_gb=1.0)
    train(folders, work / "run", PLAN, limits, clock=clock, watch=note)
    trained = _mean(found)
    if trained < untrained + LEARNED_MIN:
        raise Disagreement(
            f"training: expected the mean AP50 on held-out pictures to rise by {LEARNED_MIN}, "
            f"got {untrained:.3f} before and {trained:.3f} after"
        )
    exported = judge_exported(work / "run", folders, work / "model", most=JUDGED)
    if exported < trained - RUNTIME_FALL_MAX:
        raise Disagreement(f"export: expected the mean AP50 {trained:.3f} of the training, got {exported:.3f}")
    return Smoked(untrained, trained, exported)


def judge_exported(run: Path, folders: Sequence[Path], out: Path, *, most: int) -> float:
    """Mean AP50 of the exported model as the runtime opens it."""
    detector = open_file(export(run, out), score_min=0.01)
    part = read_part(folders, "val")
    chosen = np.unique(np.linspace(0, len(part) - 1, min(most, len(part))).round().astype(int)).tolist()
    seen = []
    for index in chosen:
        frame = Frame(read_picture(part[index].path), index, index, index, 0)
        seen += detector.detect([detector.prepare(frame)])
    return _mean(ap50([part[index].boxes for index in chosen], seen))


def _mean(by_class: Mapping[str, float]) -> float:
    return float(np.mean(list(by_class.values())))
