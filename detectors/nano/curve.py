"""How a training went, drawn from its curve.csv: what was wrong, and what it found, step by step."""

import csv
from importlib import import_module
from pathlib import Path
from typing import Any

from detectors.errors import BackendMissing
from detectors.nano.network import CLASSES

CURVE = "curve.csv"  # in the folder of a training
LOSSES = ("box", "objectness", "class")


def draw_curve(path: Path, out: Path) -> None:
    """Losses to the left, AP50 of each class to the right. Raises BackendMissing without matplotlib."""
    try:
        figure_of: Any = import_module("matplotlib.figure").Figure
    except ImportError as err:
        raise BackendMissing(f"drawing a curve: {err}; install vedette[train]") from err
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    figure = figure_of(figsize=(11.0, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = [int(line["step"]) for line in lines]
    for name in LOSSES:
        left.plot(steps, [float(line[name]) for line in lines], label=name, linewidth=1)
    left.set(yscale="log", xlabel="step", title="loss")
    for name in CLASSES:
        told = [(int(line["step"]), float(line[f"ap50_{name}"])) for line in lines if line[f"ap50_{name}"]]
        if told:
            right.plot(*zip(*told, strict=True), marker="o", label=name)
    right.set(ylim=(0, 1), xlabel="step", title="AP50 on pictures it has not seen")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    figure.savefig(out, dpi=110)
