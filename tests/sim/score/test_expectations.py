"""Expectations: the path is checked before a run, the figure after it."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from contract.errors import DocumentError
from sim.score.expectations import check_expectations, check_paths, figure, write_junit
from sim.score.run_folder import read_run
from sim.score.score import score_run
from tests.sim.score.run_builder import alarm, build, walker


def folder_expecting(folder: Path, *expectations: dict[str, Any]) -> Path:
    actors = [walker(cell="walk-10m")]
    return build(
        folder, actors=actors, events=[alarm(12.5)], expectations=expectations, cell_groups={"bar": ["walk-10m"]}
    )


def test_a_figure_is_held_to_its_bounds(tmp_path: Path) -> None:
    folder = folder_expecting(
        tmp_path,
        {"what": "alert.f1", "at_least": 0.9},
        {"what": "cells.walk-10m.detected", "at_least": 1, "at_most": 1},
        {"what": "alert.time_to_alarm_s.p50", "at_most": 2.0},
        {"what": "geolocation_m.all.p95", "at_most": 3.0},
    )

    outcomes = check_expectations(read_run(folder).scenario, score_run(folder))

    assert [outcome.is_met for outcome in outcomes] == [True, True, False, False]
    assert outcomes[2].text == "alert.time_to_alarm_s.p50: expected at most 2, got 2.5"
    assert outcomes[3].text == "geolocation_m.all.p95: expected at most 3, got nothing that could be measured"


@pytest.mark.parametrize(
    "path",
    [
        "groups.bar.f1",
        "false_alarms.count",
        "tracking.cameras.cam-1.mota",
        "longest_unobserved_s.zones.yard.vehicles_s",
        "latency_ms.mavlink_ack.p95",
        "tasks.investigate.done",
        "response.over_minimum.p50",
        "events.lost",
        "vehicles.drone-1.no_fly_s",
    ],
)
def test_a_figure_of_the_score_may_be_expected(tmp_path: Path, path: str) -> None:
    folder = folder_expecting(tmp_path, {"what": path, "at_least": 0})

    check_paths(read_run(folder).loaded)

    assert figure(score_run(folder), "false_alarms.count") == 0.0


@pytest.mark.parametrize(
    ("path", "message"),
    [
        pytest.param(
            "alert.f2", "expected one of tp, fp, fn, recall, precision, f1, time_to_alarm_s, got 'f2'", id="key"
        ),
        pytest.param("alerts", "expected one of schema_version, scenario", id="section"),
        pytest.param("cells.run-10m.f1", "expected a cell of an actor (walk-10m), got 'run-10m'", id="cell"),
        pytest.param("groups.all.f1", "expected one of the scenario's cell_groups (bar), got 'all'", id="group"),
        pytest.param("tracking.cameras.cam-9.mota", "expected a camera with a feed (cam-1), got 'cam-9'", id="camera"),
        pytest.param("latency_ms.glass.p50", "expected a hop (decode, queue", id="hop"),
        pytest.param("alert", "expected a figure, and 'alert' is not one", id="a section is no figure"),
        pytest.param("alert.f1.p50", "'alert.f1' has no part 'p50'", id="beyond"),
        pytest.param("refused.by_reason.wind", "'refused.by_reason' has no part 'wind'", id="free words"),
        pytest.param("attacks.length", "'attacks' has no part 'length'", id="a list"),
        pytest.param("scenario", "expected a figure, and 'scenario' is not one", id="a word"),
    ],
)
def test_an_expectation_of_nothing_is_refused_before_the_run(tmp_path: Path, path: str, message: str) -> None:
    folder = folder_expecting(tmp_path, {"what": path, "at_least": 1})

    with pytest.raises(DocumentError) as raised:
        check_paths(read_run(folder).loaded)

    assert f"{folder / 'scenario.yaml'}:" in str(raised.value)
    assert f"expectations: '{path}': {message}" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_junit_has_a_case_for_the_run_and_for_each_expectation(tmp_path: Path) -> None:
    folder = folder_expecting(tmp_path, {"what": "alert.tp", "at_least": 1}, {"what": "alert.fp", "at_least": 1})
    outcomes = check_expectations(read_run(folder).scenario, score_run(folder))

    write_junit(folder / "junit.xml", outcomes, scenario="by-hand")

    suite = ET.parse(folder / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    assert [case.get("name") for case in suite] == ["run", "alert.tp", "alert.fp"]
    assert [failure.get("message") for failure in suite.iter("failure")] == ["alert.fp: expected at least 1, got 0"]


def test_junit_says_why_a_run_did_not_end(tmp_path: Path) -> None:
    write_junit(tmp_path / "junit.xml", [], scenario="by-hand", run_failed="the coordinator did not start")

    suite = ET.parse(tmp_path / "junit.xml").getroot()[0]
    assert [(case.get("name"), case[0].get("message")) for case in suite] == [("run", "the coordinator did not start")]
