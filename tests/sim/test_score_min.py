"""The threshold of a run: the scenario's, or the one that `vedette-sim run --score-min` asks for."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from sim.run_command import register
from tests.sim.a_run import INTRUDER, lines, run, scenario, write_scenario


def played(scenario_path: Path, out: Path, *arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    wide = {"COLUMNS": "200", "NO_COLOR": "1"}
    result = CliRunner().invoke(app, ["run", str(scenario_path), "--out", str(out), *arguments], env=wide)
    return result.exit_code, result.output


def test_a_modelled_eye_leaves_out_what_is_weaker_than_its_feed_allows(tmp_path: Path) -> None:
    feed = {"camera": "fence-cam", "eye": {"sees": "modelled"}}

    weak = run(tmp_path / "weak", scenario(actors=[INTRUDER], feeds=[{**feed, "score_min": 0.4}]))
    strict = run(tmp_path / "strict", scenario(actors=[INTRUDER], feeds=[{**feed, "score_min": 0.95}]))

    assert [line["label"] for line in lines(weak, type="track", stage="start")] == ["person"]
    assert lines(strict, type="track") == []


def test_another_threshold_needs_no_copied_file_and_the_run_says_which_it_was(tmp_path: Path) -> None:
    path = write_scenario(tmp_path, scenario(actors=[INTRUDER]))

    codes = [
        played(path, tmp_path / "own")[0],
        played(path, tmp_path / "strict", "--score-min", "0.95")[0],
    ]

    assert codes == [0, 0]
    said = [json.loads((tmp_path / name / "run.json").read_text("utf-8"))["score_min"] for name in ("own", "strict")]
    assert said == [{"fence-cam": 0.0}, {"fence-cam": 0.95}]
    assert [len(lines(tmp_path / name, type="alarm")) for name in ("own", "strict")] == [1, 0]


@pytest.mark.parametrize("threshold", ["1.1", "-0.1", "often"])
def test_what_is_no_threshold_is_refused(tmp_path: Path, threshold: str) -> None:
    path = write_scenario(tmp_path, scenario())

    exit_code, output = played(path, tmp_path / "out", "--score-min", threshold)

    assert exit_code == 2
    assert "--score-min" in output
    assert not (tmp_path / "out").exists()
