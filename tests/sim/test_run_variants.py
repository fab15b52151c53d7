"""What a run varies without a copied scenario: the threshold of every feed, and the site with its plans."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from sim.run_command import register, with_model, with_recordings
from sim.scenario import Rendered
from sim.scenario_file import load_scenario
from tests.conftest import ROOT
from tests.sim.a_run import INTRUDER, STERILE, lines, run, scenario, write_scenario


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


def test_another_site_is_another_plan_and_the_run_keeps_it(tmp_path: Path) -> None:
    path = write_scenario(tmp_path, scenario(actors=[INTRUDER]))
    slower = tmp_path / "slower.yaml"
    text = STERILE.read_text(encoding="utf-8")
    slower.write_text(text.replace("    cameras: [fence-cam]", "    cameras: [fence-cam]\n    dwell_s: 60"), "utf-8")

    exit_code, _ = played(path, tmp_path / "out", "--site", str(slower))

    assert exit_code == 0
    assert (tmp_path / "out" / "site.yaml").read_bytes() == slower.read_bytes()
    assert lines(tmp_path / "out", type="alarm") == []


def test_a_site_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    path = write_scenario(tmp_path, scenario())

    exit_code, output = played(path, tmp_path / "out", "--site", str(tmp_path / "none.yaml"))

    assert exit_code == 2
    assert output == f"vedette-sim run: {tmp_path / 'none.yaml'}: No such file or directory\n"


def test_another_detector_looks_at_every_rendered_feed() -> None:
    loaded = load_scenario(ROOT / "sim" / "scenarios" / "night-closed-loop.yaml")

    changed = with_model(loaded, "vedette-nano", is_live=True)

    eyes = [feed.eye for feed in changed.scenario.feeds]
    assert [eye.model for eye in eyes if isinstance(eye, Rendered)] == ["vedette-nano"] * 2
    assert [feed.camera for feed in changed.scenario.feeds] == [feed.camera for feed in loaded.scenario.feeds]


@pytest.mark.parametrize("live", [[], ["--live"]], ids=["a recording is played", "nothing is rendered"])
def test_another_detector_where_none_looks_is_refused(tmp_path: Path, live: list[str]) -> None:
    path = write_scenario(tmp_path, scenario(actors=[INTRUDER]))

    exit_code, output = played(path, tmp_path / "out", "--model", "vedette-nano", *live)

    assert exit_code == 2
    assert output.startswith("vedette-sim run: --model vedette-nano: expected --live or --record, and a rendered feed")
    assert not (tmp_path / "out").exists()


def test_recordings_of_another_detector_lie_in_a_folder_of_their_own(tmp_path: Path) -> None:
    loaded = load_scenario(ROOT / "sim" / "scenarios" / "sterile-dark.yaml")

    (feed,) = with_recordings(loaded, tmp_path / "ours").scenario.feeds

    assert isinstance(feed.eye, Rendered)
    assert feed.eye.recording == str(tmp_path / "ours" / "sterile-dark.fence-cam.jsonl")


def test_recordings_that_are_not_there_are_named(tmp_path: Path) -> None:
    path = ROOT / "sim" / "scenarios" / "sterile-dark.yaml"

    exit_code, output = played(path, tmp_path / "out", "--recordings", str(tmp_path / "none"))

    assert exit_code == 2
    assert f"found no file '{tmp_path / 'none' / 'sterile-dark.fence-cam.jsonl'}': run it with --live" in output


def test_another_detector_does_not_take_the_place_of_what_was_recorded(tmp_path: Path) -> None:
    path = ROOT / "sim" / "scenarios" / "sterile-dark.yaml"

    exit_code, output = played(path, tmp_path / "out", "--record", "--model", "vedette-nano")

    assert exit_code == 2
    assert "--record --model vedette-nano: expected --recordings too" in output
    assert not (tmp_path / "out").exists()


def test_a_folder_of_recordings_where_none_is_named_is_refused(tmp_path: Path) -> None:
    path = write_scenario(tmp_path, scenario(actors=[INTRUDER]))

    exit_code, output = played(path, tmp_path / "out", "--recordings", str(tmp_path))

    assert exit_code == 2
    assert "expected feeds with recordings of different names, got []" in output
