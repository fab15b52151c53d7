"""Everything a training needs to go on: one .npz file, replaced as a whole."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from detectors.errors import ModelError
from detectors.nano.forward import Weights

FILE = "state.npz"
PLAN = "plan"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is fixed at the beginning, so that the schedule spans every piece. side_px: of the finished network; rate:
    the highest of learning; pictures: that it learns from, where they are known."""

    steps: int
    batch: int
    side_px: int
    seed: int
    rate: float = 2e-3
    pictures: int | None = None


@dataclass(frozen=True, slots=True)
class State:
    """done: steps. groups: weights, averages and their slow followers, first and second moments."""

    plan: Plan
    done: int
    groups: dict[str, Weights]


def save_state(state: State, folder: Path) -> None:
    part = folder / f"{FILE}.part"
    arrays: dict[str, Any] = {
        f"{group}:{name}": values for group, weights in state.groups.items() for name, values in weights.items()
    }
    arrays[PLAN] = np.array(json.dumps({**asdict(state.plan), "done": state.done}))
    with part.open("wb") as file:
        np.savez(file, **arrays)
    part.replace(folder / FILE)


def load_state(folder: Path) -> State:
    """Raises ModelError when there is none that can be read."""
    try:
        with np.load(folder / FILE, allow_pickle=False) as file:
            plan = json.loads(str(file[PLAN]))
            done = int(plan.pop("done"))
            groups: dict[str, Weights] = {}
            for key in file.files:
                if key != PLAN:
                    group, name = key.split(":", 1)
                    groups.setdefault(group, {})[name] = file[key]
            return State(Plan(**plan), done, groups)
    except (OSError, ValueError, KeyError, TypeError, BadZipFile) as err:
        raise ModelError(f"{folder / FILE}: no state of a training: {err}") from err
