"""The card of an exported model: what it learned from, how it did, what it must not be trusted with."""

import csv
from pathlib import Path

from detectors.errors import ModelError
from detectors.manifest import Manifest
from detectors.nano.network import CLASSES
from detectors.nano.state import State
from detectors.nano.trainer import JUDGED_MOST

LIMITS = """\
## Limits

The figures above are of pictures like those that it learned from. Judge it on pictures of your own cameras, by
day and by night, before you rely on it: `vedette-models evaluate`. What it never saw it may call a person or nothing at
all. Nobody's safety may depend on it alone.
"""


def write_card(path: Path, manifest: Manifest, state: State, curve: Path) -> None:
    """`curve`: curve.csv of the training. Raises ModelError when it cannot be read, or the card not written."""
    plan, size = state.plan, manifest.input
    assert size is not None
    rows = [
        ("network's picture", f"{size.width_px} x {size.height_px} px, BGR"),
        ("classes", ", ".join(manifest.classes)),
        ("file", f"{manifest.size_bytes / 1e6:.2f} MB, sha256 {manifest.sha256}"),
        ("licence", manifest.licence),
        ("learned from", manifest.training_data),
        (
            "training",
            f"{state.done} of {plan.steps} steps of {plan.batch} pictures, seed {plan.seed}, rate {plan.rate:g}",
        ),
        *_judged(curve, until=state.done),
    ]
    table = "\n".join(["| | |", "|---|---|", *(f"| {name} | {words} |" for name, words in rows)])
    try:
        path.write_text(f"# {manifest.name}\n\n{table}\n\n{LIMITS}", encoding="utf-8")
    except OSError as err:
        raise ModelError(f"{path}: {err.strerror or err}") from err


def _judged(curve: Path, *, until: int) -> list[tuple[str, str]]:
    """The latest judgement of the training up to that step, if there was one; the curve may run ahead of the state."""
    try:
        lines = list(csv.DictReader(curve.read_text(encoding="utf-8").splitlines()))
        judged = [line for line in lines if int(line["step"]) <= until and _ap50(line)]
        if not judged:
            return []
        last = judged[-1]
        words = ", ".join(f"{name} {ap50}" for name, ap50 in _ap50(last).items())
        return [
            (f"AP50 at step {last['step']}", f"{words}, on up to {JUDGED_MOST} pictures of val at {last['side_px']} px")
        ]
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as err:
        raise ModelError(f"{curve}: expected the curve of a training: {err}") from err


def _ap50(line: dict[str, str]) -> dict[str, str]:
    return {name: ap50 for name in CLASSES if (ap50 := line[f"ap50_{name}"])}
