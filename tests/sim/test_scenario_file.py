"""What is wrong with a scenario is one line: file, line, key, what was expected and what came; exit code 2."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from contract.errors import DocumentError
from sim import run_command
from sim.scenario_file import load_scenario
from tests.conftest import ROOT
from tests.sim.a_run import INTRUDER, scenario, write_scenario

RECORDING = ROOT / "sim" / "recordings" / "fence-cam.detections.jsonl"
FEED = {"camera": "fence-cam", "eye": {"sees": "modelled"}}
Json = dict[str, Any]


def complaint_of(path: Path) -> str:
    """What `vedette-sim run` says of a file that it does not run, after the file's folder."""
    app = typer.Typer()
    app.callback()(lambda: None)
    run_command.register(app)
    result = CliRunner().invoke(app, ["run", str(path), "--out", str(path.parent / "out")])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert result.stdout.strip() == ""
    return result.stderr.strip().removeprefix("vedette-sim run: ").replace(f"{path.parent}/", "")


WRONG = [
    pytest.param({"wheather": {}}, "small.yaml:10: wheather: unknown key", id="unknown key"),
    pytest.param(
        {"feeds": [{**FEED, "rate": 3}]}, "small.yaml:10: feeds.0.rate: unknown key", id="unknown key further in"
    ),
    pytest.param({"length_s": "long"}, "small.yaml:5: length_s: Input should be a valid number", id="no number"),
    pytest.param({"site": "nowhere.yaml"}, "small.yaml:4: site: nowhere.yaml: No such file", id="no site"),
    pytest.param({"scenery": "none.yaml"}, "small.yaml:10: scenery: none.yaml: No such file", id="no scenery"),
    pytest.param(
        {"feeds": [{"camera": "fence-cam", "eye": {"sees": "recorded", "detections": "none.jsonl"}}]},
        "small.yaml:10: feeds.0.eye.detections: found no file 'none.jsonl'",
        id="no detections",
    ),
    pytest.param(
        {"feeds": [{"camera": "fence-cam", "eye": {"sees": "dreamt"}}]}, "small.yaml:8: feeds.0.eye: ", id="no such eye"
    ),
    pytest.param(
        {"actors": [{"id": "far", "route": [{"east_m": 0, "north_m": 0}, {"east_m": 400, "north_m": 0}]}]},
        "small.yaml:15: actors.'far'.route.1: expected within 200 m of the geofence, got 400 east, 0 north",
        id="an actor outside the world",
    ),
    pytest.param(
        {"actors": [{"id": "dog", "kind": "animal", "gait": "run", "route": [{"east_m": 0, "north_m": 0}]}]},
        "small.yaml:11: actors.'dog': actor 'dog': only a person has a gait",
        id="an animal with a person's gait",
    ),
    pytest.param({"actors": [INTRUDER, INTRUDER]}, "actors.'thief'.id: 'thief' stands here twice", id="actor twice"),
    pytest.param(
        {"feeds": [{**FEED, "glance": True}]}, "expected an eye that is modelled and sketched", id="glance at nothing"
    ),
    pytest.param({"feeds": [FEED, FEED]}, "feeds.1.camera: 'fence-cam' stands here twice", id="feed twice"),
    pytest.param(
        {"vehicles": [{"id": "rover-1"}, {"id": "rover-1"}]},
        "vehicles.'rover-1'.id: 'rover-1' stands here twice",
        id="vehicle twice",
    ),
    pytest.param(
        {"feeds": [{**FEED, "camera": "cam-9"}]},
        "small.yaml:7: feeds.0.camera: expected a camera (drone-1-cam, fence-cam), got 'cam-9'",
        id="a feed of a camera that the site has not",
    ),
    pytest.param(
        {"vehicles": [{"id": "boat-1"}]},
        "small.yaml:11: vehicles.'boat-1'.id: expected a vehicle (drone-1, rover-1), got 'boat-1'",
        id="a vehicle that the site has not",
    ),
    pytest.param(
        {"faults": [{"kind": "camera_lost", "camera": "cam-9", "at_s": 1}]},
        "small.yaml:12: faults.0.camera: expected a camera at work (fence-cam), got 'cam-9'",
        id="a fault of a camera that the site has not",
    ),
    pytest.param(
        {"faults": [{"kind": "camera_lost", "camera": "drone-1-cam", "at_s": 1}]},
        "faults.0.camera: expected a camera at work (fence-cam), got 'drone-1-cam'",
        id="a fault of a camera without a feed",
    ),
    pytest.param(
        {"faults": [{"kind": "gnss_lost", "vehicle": "drone-1", "at_s": 1}]},
        "faults.0.vehicle: expected a vehicle at work (there is none), got 'drone-1'",
        id="a fault of a vehicle that is switched off",
    ),
    pytest.param(
        {"faults": [{"kind": "node_kill", "node": "edge-9", "at_s": 1}]},
        "faults.0.node: expected a node at work (edge-1), got 'edge-9'",
        id="a fault of a node that the site has not",
    ),
    pytest.param(
        {"faults": [{"kind": "link_lost", "of": "edge-drone-1", "at_s": 1}]},
        "faults.0.of: expected a vehicle or node at work (edge-1), got 'edge-drone-1'",
        id="a lost link of a node without a feed",
    ),
    pytest.param(
        {"faults": [{"kind": "clock_step", "of": "fence-cam", "at_s": 1, "by_s": 5}]},
        "faults.0.of: expected a node at work or the coordinator (coordinator, edge-1), got 'fence-cam'",
        id="a clock that nobody has",
    ),
    pytest.param(
        {"faults": [{"kind": "broker_down", "at_s": 1, "for_s": 9}, {"kind": "broker_down", "at_s": 5}]},
        "faults.1.at_s: overlaps the broker_down that begins at 1 s",
        id="two faults of which one would end the other",
    ),
    pytest.param(
        {"faults": [{"kind": "broker_down", "at_s": 21}]},
        "small.yaml:12: faults.0.at_s: expected within the scenario's 20 s",
        id="a fault after the end",
    ),
    pytest.param(
        {
            "vehicles": [{"id": "drone-1"}],
            "faults": [{"kind": "pilot_takes", "vehicle": "drone-1", "at_s": 1, "mode": "HOLD", "leaves_in": "LAND"}],
        },
        "faults.0.mode: expected a mode of this kind of vehicle (ALT_HOLD, AUTO, BRAKE, GUIDED, LAND, LOITER, POSHOLD,"
        " RTL, STABILIZE), got 'HOLD'",
        id="a pilot's mode that only rovers have",
    ),
    pytest.param(
        {
            "vehicles": [{"id": "drone-1"}],
            "faults": [{"kind": "other_station", "vehicle": "drone-1", "at_s": 1, "acts": [{"do": "set_mode"}]}],
        },
        "'set_mode': expected a mode, got None",
        id="another station that sets no mode",
    ),
    pytest.param(
        {
            "vehicles": [{"id": "drone-1"}],
            "faults": [
                {"kind": "same_id", "vehicle": "drone-1", "named": "rover-1", "at_s": 1, "east_m": 0, "north_m": 0}
            ],
        },
        "faults.0.named: expected a name of its own, 'rover-1' is one of the site's vehicles",
        id="a stranger by the name of one of ours",
    ),
    pytest.param({"faults": [{"kind": "earthquake", "at_s": 1}]}, "small.yaml:11: faults.0: ", id="no such fault"),
    pytest.param(
        {"operator": [{"do": "hold", "target": "strip", "at_s": 1}]},
        "operator.0.target: expected a vehicle (drone-1, rover-1), got 'strip'",
        id="an order to a zone that vehicles get",
    ),
    pytest.param(
        {"operator": [{"do": "recall_all", "target": "drone-1", "at_s": 1}]},
        "small.yaml:11: operator.0: 'recall_all': expected no target, got 'drone-1'",
        id="an order that needs no target",
    ),
    pytest.param(
        {"expectations": [{"what": "alert.f1", "at_least": 0.9, "at_most": 0.5}]},
        "small.yaml:11: expectations.0: 'alert.f1': nothing is at least 0.9 and at most 0.5",
        id="an expectation that nothing meets",
    ),
    pytest.param(
        {"expectations": [{"what": "alert.beauty", "at_least": 1}]},
        "small.yaml:11: expectations: 'alert.beauty': expected one of",
        id="an expectation of no figure",
    ),
    pytest.param(
        {"cell_groups": {"near": ["walk-10m"]}},
        "small.yaml:12: cell_groups.near.0: expected a cell of an actor, got 'walk-10m'",
        id="a group of a cell that nobody attacks",
    ),
    pytest.param({"start": "1905-07-01T00:00:00Z"}, "small.yaml:10: start: Input should be greater", id="before 1970"),
    pytest.param({"start": "2026-01-01T00:00:00"}, "small.yaml:10: start: ", id="a start without a time zone"),
    pytest.param({"seed": -1}, "small.yaml:10: seed: ", id="a seed below zero"),
]


@pytest.mark.parametrize(("parts", "expected"), WRONG)
def test_what_is_wrong_is_one_line_and_exit_code_2(tmp_path: Path, parts: Json, expected: str) -> None:
    path = write_scenario(tmp_path, scenario(**parts))

    complaint = complaint_of(path)

    assert expected in complaint
    assert re.match(r"small\.yaml:\d+: \w", complaint)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("- a\n- b\n", "small.yaml: expected a mapping of keys, got list", id="a list"),
        pytest.param("", "small.yaml: expected a mapping of keys, got NoneType", id="an empty file"),
        pytest.param("id: [\n", "small.yaml:2: ", id="no YAML"),
        pytest.param("id: a\nid: b\n", "small.yaml:2: key 'id' stands here twice", id="a key twice"),
    ],
)
def test_a_file_that_holds_no_scenario_is_one_line(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(text)

    assert expected in complaint_of(path)


def test_a_scenario_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    assert complaint_of(tmp_path / "none.yaml") == "none.yaml: No such file or directory"


def test_a_scenario_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_bytes(b"id: \xff\xfe")

    assert complaint_of(path) == "small.yaml: expected UTF-8 text"


def test_a_broken_site_is_named_with_its_own_line(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("schema_version: 1\nid: yard\n")

    assert complaint_of(write_scenario(tmp_path, scenario(site="site.yaml"))).startswith("site.yaml:1: ")


def test_a_broken_scenery_is_named_with_its_own_line(tmp_path: Path) -> None:
    (tmp_path / "scenery.yaml").write_text("lamps:\n  - {east_m: 1, north_m: 2, height_m: -3}\n")

    complaint = complaint_of(write_scenario(tmp_path, scenario(scenery="scenery.yaml")))

    assert complaint == "scenery.yaml:2: lamps.0.height_m: Input should be greater than 0, got -3"


def test_detections_that_are_cut_short_are_named_with_their_line(tmp_path: Path) -> None:
    text = RECORDING.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    (tmp_path / "cut.jsonl").write_text("".join(lines[:40]) + lines[40][:25], encoding="utf-8")
    feed = {"camera": "fence-cam", "eye": {"sees": "recorded", "detections": "cut.jsonl"}}

    assert complaint_of(write_scenario(tmp_path, scenario(feeds=[feed]))).startswith("cut.jsonl:41: ")


@pytest.mark.parametrize(
    ("recording", "expected"),
    [
        pytest.param(None, "small.yaml:8: feeds.0.eye: no recording: run it with --live", id="none named"),
        pytest.param("none.jsonl", "small.yaml:11: feeds.0.eye.recording: found no file 'none.jsonl'", id="none there"),
    ],
)
def test_a_rendered_feed_without_a_recording_says_how_to_have_one(
    tmp_path: Path, recording: str | None, expected: str
) -> None:
    eye = {"sees": "rendered", "model": "yolox_nano_416x416", "recording": recording}

    complaint = complaint_of(write_scenario(tmp_path, scenario(feeds=[{"camera": "fence-cam", "eye": eye}])))

    assert complaint.startswith(expected)
    assert complaint.endswith("run it with --live")


@pytest.mark.parametrize("speed", ["fast", "0", "-1", "inf", "nan"])
def test_a_speed_that_is_none_is_one_line(tmp_path: Path, speed: str) -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    run_command.register(app)

    result = CliRunner().invoke(app, ["run", str(write_scenario(tmp_path, scenario())), "--speed", speed])

    assert result.exit_code == 2
    assert result.stderr == f"vedette-sim run: --speed: expected max or a number above 0, got '{speed}'\n"


def test_the_first_thing_that_is_wrong_is_told_and_how_many_more(tmp_path: Path) -> None:
    faults = [{"kind": "camera_lost", "camera": f"cam-{number}", "at_s": number} for number in range(3)]

    with pytest.raises(DocumentError, match=r"faults\.0\.camera: .*'cam-0' \(and 2 more\)"):
        load_scenario(write_scenario(tmp_path, scenario(faults=faults)))


def test_faults_that_add_up_may_overlap(tmp_path: Path) -> None:
    faults = [{"kind": "bad_link", "of": "edge-1", "loss_frac": 0.1, "at_s": number} for number in range(3)]

    assert len(load_scenario(write_scenario(tmp_path, scenario(faults=faults))).scenario.faults) == 3
