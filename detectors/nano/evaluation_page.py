"""What `evaluate` found, for people: a table in Markdown, JSON with all numbers, and one picture."""

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from detectors.errors import BackendMissing
from detectors.nano.evaluate import Findings
from detectors.nano.network import CLASSES

COLUMNS = (
    ("person24", "persons from 24 px"),
    ("person", "all persons"),
    ("vehicle", "vehicles"),
    ("animal", "animals"),
)


def table(findings: Sequence[Findings]) -> str:
    """A line for each model."""
    lines = [
        "| model | "
        + " | ".join(words for _, words in COLUMNS)
        + " | recall at 0.1 false boxes a picture | false persons a picture, from 0.5 |"
    ]
    lines.append("|---" * (len(COLUMNS) + 3) + "|")
    for each in findings:
        figures = " | ".join(f"{each.ap50[key]:.3f}" if key in each.ap50 else "-" for key, _ in COLUMNS)
        recall = "-" if each.recall is None else f"{each.recall:.3f}"
        lines.append(f"| {each.model} | {figures} | {recall} | {each.false_boxes:.2f} |")
    return "\n".join(lines)


def write(findings: Sequence[Findings], out: Path, *, title: str) -> None:
    """table.md, figures.json and curves.png in `out`. Raises BackendMissing without matplotlib."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "table.md").write_text(table(findings) + "\n", encoding="utf-8")
    figures = [
        {
            "model": each.model,
            "pictures": each.pictures,
            "ap50": each.ap50,
            "recall_at_0.1_false_a_picture": each.recall,
            "false_persons_a_picture": each.false_boxes,
            "recall_by_distance": each.by_distance,
            "ap50_by_light": each.by_light,
            "ap50_by_view": each.by_view,
        }
        for each in findings
    ]
    (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    _draw(findings, out / "curves.png", title=title)


def _draw(findings: Sequence[Findings], path: Path, *, title: str) -> None:
    try:
        figure_of: Any = import_module("matplotlib.figure").Figure
    except ImportError as err:
        raise BackendMissing(f"drawing curves: {err}; install vedette[train]") from err
    groups = (
        ("AP50 by class", [{name: each.ap50[name] for name in CLASSES if name in each.ap50} for each in findings]),
        ("recall of persons by distance", [each.by_distance for each in findings]),
        ("AP50 of persons by light", [each.by_light for each in findings]),
        ("AP50 of persons by view", [each.by_view for each in findings]),
    )
    bars = [(words, values) for words, values in groups if any(len(of_model) > 1 for of_model in values)]
    figure = figure_of(figsize=(4.2 * (1 + len(bars)), 4.0), layout="constrained")
    figure.suptitle(title)
    first, *others = figure.subplots(1, 1 + len(bars), squeeze=False)[0]
    for each in findings:
        words = f"AP50 {each.ap50['person24']:.2f}" if "person24" in each.ap50 else "nobody there"
        first.plot(each.curve[:, 0], each.curve[:, 1], label=f"{each.model}: {words}")
    first.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02), title="persons from 24 px high")
    first.grid(alpha=0.3)
    first.legend(loc="lower left")
    for axes, (words, values) in zip(others, bars, strict=True):
        names = list(dict.fromkeys(name for each in values for name in each))
        wide = 0.8 / len(findings)
        for place, (each, of_model) in enumerate(zip(findings, values, strict=True)):
            left = [index + (place - (len(findings) - 1) / 2) * wide for index in range(len(names))]
            axes.bar(left, [of_model.get(name, 0.0) for name in names], wide, label=each.model)
        axes.set_xticks(range(len(names)), names, rotation=20)
        axes.set(ylim=(0, 1), title=words)
        axes.grid(axis="y", alpha=0.3)
    figure.savefig(path, dpi=110)
