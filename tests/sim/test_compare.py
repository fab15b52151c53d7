"""`vedette-sim compare`: folders in, a table and a page out."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import typer
from typer.testing import CliRunner

from sim.compare import register
from tests.sim.score.run_builder import alarm, build, walker


def compared(*arguments: object) -> tuple[int, str]:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    result = CliRunner().invoke(app, ["compare", *map(str, arguments)], env={"COLUMNS": "200"})
    return result.exit_code, result.output


def variant(folder: Path, *, found: int, seeds: tuple[int, ...] = (1, 2)) -> Path:
    actors = [walker(f"w{k}", enters_at_s=60.0 * k + 60.0) for k in range(10)]
    events = [alarm(60.0 * k + 62.0, number=k) for k in range(found)]
    for seed in seeds:
        build(folder / f"seed-{seed}", actors=actors, events=events, length_s=900.0, seed=seed)
    return folder


def test_folders_of_runs_are_compared_run_by_run(tmp_path: Path) -> None:
    a, b = variant(tmp_path / "plan-a", found=3), variant(tmp_path / "plan-b", found=8)
    page_path = tmp_path / "out" / "compare.html"

    exit_code, output = compared(a, b, "--out", page_path)
    page = page_path.read_text(encoding="utf-8")

    assert exit_code == 0
    assert "plan-b is better in attacks found in time" in output
    assert re.search(r"plan-b finds 10 more of 20 attacks in time \(95 %: \+[5-7] to \+1[3-5]\)\.", page)
    assert "Neither raises a false alarm (0 and 0 in 0.021 and 0.021 camera-days)." in page
    assert not re.search(r"(src|href)=", page)
    assert "<script" not in page
    for drawing in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL):
        ET.fromstring(drawing)


def test_two_single_runs_are_compared_too(tmp_path: Path) -> None:
    a, b = (variant(tmp_path / name, found=4) / "seed-1" for name in ("day", "night"))

    exit_code, output = compared(a, b, "--out", tmp_path / "compare.html")

    assert exit_code == 0
    assert "night/seed-1: no difference to day/seed-1 that could not be chance" in output
    assert "night/seed-1 finds as many of 10 attacks in time (95 %: 0 to 0)." in output


def test_the_same_folders_give_the_same_page(tmp_path: Path) -> None:
    a, b = variant(tmp_path / "a", found=3), variant(tmp_path / "b", found=5)

    compared(a, b, "--out", tmp_path / "one.html")
    compared(a, b, "--out", tmp_path / "two.html")

    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_more_than_two_are_each_compared_with_the_first(tmp_path: Path) -> None:
    folders = [variant(tmp_path / name, found=found, seeds=(1,)) for name, found in (("a", 2), ("b", 9), ("c", 2))]

    exit_code, output = compared(*folders, "--out", tmp_path / "compare.html")

    assert exit_code == 0
    assert "b is better in attacks found in time" in output
    assert "c: no difference to a that could not be chance" in output


@pytest.mark.parametrize(
    ("names", "message"),
    [
        pytest.param(("a",), "expected two folders or more, got 1", id="one"),
        pytest.param(("a", "empty"), "empty: expected a run folder or a folder of them, found no run.json", id="none"),
        pytest.param(("a", "other"), "other: expected a run of a scenario and seed that", id="nothing in both"),
        pytest.param(("a", "twice"), "expected one run of by-hand with seed 1 in", id="a run twice"),
    ],
)
def test_folders_that_cannot_be_compared_are_one_line(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    variant(tmp_path / "a", found=1, seeds=(1,))
    (tmp_path / "empty").mkdir()
    variant(tmp_path / "other", found=1, seeds=(7,))
    variant(tmp_path / "twice", found=1, seeds=(1,))
    build(tmp_path / "twice" / "again", seed=1)

    exit_code, output = compared(*(tmp_path / name for name in names), "--out", tmp_path / "compare.html")

    assert exit_code == 2
    assert message in output
    assert output.startswith("vedette-sim compare: ")
    assert output.count("\n") == 1
    assert not (tmp_path / "compare.html").exists()
