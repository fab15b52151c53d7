"""The card of an exported model: what it learned from, how it did, what it must not be trusted with."""

import csv
from pathlib import Path

from detectors.errors import ModelError
from detectors.manifest import Manifest
from detectors.nano.network import CLASSES
from detectors.nano.state import State

LIMITS = """\
## Limits

The figures above are of pictures like those that it learned from. Judge it on pictures of your own cameras, by
day and by night, before you rely on it: `vedette-models evaluate`. What it never saw it may call a person or nothing at
all. Nobody's safety may depend on it alone.
"""


def write_card(path: Path, manifest: Manifest, state: State, curve: Path) -> None:
    """`curve`: curve.csv of the training. Raises ModelError when it cannot be read."""
    assert manifest.input is not None
    plan = state.plan
    rows = [
        ("network's picture", f"{manifest.input.width_px} x {manifest.input.height_px} px, BGR"),
        ("classes", ", ".join(manifest.classes)),
        ("file", f"{manifest.size_bytes / 1e6:.2f} MB, sha256 {manifest.sha256}"),
        ("licence", manifest.licence),
        ("learned from", manifest.training_data),
        (
            "training",
            f"{state.done} of {plan.steps} steps of {plan.batch} pictures, seed {plan.seed}, rate {plan.rate:g}",
        ),
        *_judged(curve),
    ]
    table = "\n".join(["| | |", "|---|---|", *(f"| {name} | {words} |" for name, words in rows)])
    path.write_text(f"# {manifest.name}\n\n{table}\n\n{LIMITS}", encoding="utf-8")


def _judged(curve: Path) -> list[tuple[str, str]]:
    """The latest judgement of the training, if there was one."""
    try:
        lines = list(csv.DictReader(curve.read_text(encoding="utf-8").splitlines()))
        judged = [line for line in lines if line[f"ap50_{CLASSES[0]}"]]
        if not judged:
            return []
        words = ", ".join(f"{name} {line}" for name in CLASSES if (line := judged[-1][f"ap50_{name}"]))
        return [(f"AP50 at step {judged[-1]['step']}", f"{words}, on up to 300 pictures of val")]
    except (OSError, KeyError, csv.Error) as err:
        raise ModelError(f"{curve}: expected the curve of a training: {err}") from err
