"""A training ends itself, goes on where it was, and refuses what it cannot go on with. Needs the extra 'train'."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.clock import SystemClock
from detectors.errors import ModelError
from detectors.nano.drawn import draw_data
from detectors.nano.learner import Learner, rate_at
from detectors.nano.network import CLASSES, nano
from detectors.nano.state import Plan, load_state
from detectors.nano.trainer import Limits, Progress, train

PLAN = Plan(steps=3, batch=2, side_px=64, seed=5)


def quiet(_: Progress) -> None:
    pass


def test_the_rate_warms_up_and_falls_to_a_fiftieth() -> None:
    plan = Plan(steps=1000, batch=1, side_px=64, seed=0, rate=1.0)

    rates = [rate_at(plan, step) for step in range(plan.steps)]

    assert rates[0] < 0.05
    assert max(rates) == pytest.approx(1.0, abs=0.04)
    assert rates[-1] == pytest.approx(0.02, abs=0.001)
    assert all(np.diff(rates[31:]) < 0)


def test_there_is_nothing_to_go_on_with_in_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"state\.npz: no state of a training"):
        load_state(tmp_path)


def test_pieces_make_the_same_training_as_one_go(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="the extra 'train' is not installed")
    data, whole, pieces = tmp_path / "data", tmp_path / "whole", tmp_path / "pieces"
    draw_data(data, counts={"train": 4, "val": 2}, side_px=64, seed=0)
    clock = SystemClock()

    train([data], whole, PLAN, Limits(minutes=5), clock=clock, watch=quiet)
    first = train([data], pieces, PLAN, Limits(minutes=0), clock=clock, watch=quiet)
    assert first.done == 1
    train([data], pieces, None, Limits(minutes=5), clock=clock, watch=quiet)

    once, twice = load_state(whole), load_state(pieces)
    assert once.done == twice.done == PLAN.steps
    assert once.plan == twice.plan == replace(PLAN, pictures=4)
    for name, values in once.groups["slow_weights"].items():
        assert twice.groups["slow_weights"][name] == pytest.approx(values, abs=0.02), name
    lines = list(csv.DictReader((pieces / "curve.csv").read_text().splitlines()))
    assert [line["step"] for line in lines] == ["1", "3"]
    assert any(lines[-1][f"ap50_{name}"] for name in CLASSES)
    with pytest.raises(ModelError, match="expected the 4 pictures it began with, got 8"):
        train([data, data], pieces, None, Limits(minutes=5), clock=clock, watch=quiet)
    with pytest.raises(ModelError, match="a training lies there already"):
        train([data], whole, PLAN, Limits(minutes=5), clock=clock, watch=quiet)


def test_a_training_can_begin_with_what_another_came_to() -> None:
    pytest.importorskip("tensorflow", reason="the extra 'train' is not installed")
    earlier = Learner.begin(nano(), PLAN).state()

    later = Learner.begin(nano(), replace(PLAN, seed=6), earlier)

    assert later.done == 0
    for name, values in later.slow()[0].items():
        assert np.array_equal(values, earlier.groups["slow_weights"][name]), name
