"""The report: one file, complete, escaped, with the verdict in words."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import typer
from typer.testing import CliRunner

from sim.report.report import story, written
from sim.report.svg import Scale, clock, ticks, time_ticks
from sim.score.command import register
from sim.score.score import score_run
from tests.sim.score.run_builder import (
    BOX,
    alarm,
    build,
    decision,
    event,
    event_id,
    sighting,
    task,
    vehicle,
    view,
    walker,
)

JPEG = b"\xff\xd8\xff\xe0not really\xff\xd9"


def judged(folder: Path, *arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    result = CliRunner().invoke(app, ["score", str(folder), *arguments])
    return result.exit_code, result.output


def full_run(folder: Path, *, at_most: float = 0.0) -> Path:
    truth = [view(at_s, ("intruder", BOX)) for at_s in (11.0, 12.0, 13.0)]
    sightings = [sighting(at_s, at=(10.2, at_s - 10.0)) for at_s in (11.0, 12.0, 13.0)]
    events = [
        event(12.0),
        alarm(12.4, event=str(event_id(1))),
        task(13.0, "sent"),
        task(14.0, "accepted"),
        decision(14.0, "refused", "wind 11.2 m/s, expected at most 10.0 m/s"),
        task(30.0, "done"),
        alarm(50.0, number=2, incident="inc-2"),
    ]
    vehicles = [vehicle(0.0, 10, -80, 0), vehicle(20.0, 10, -29, 30)]
    build(
        folder,
        actors=[walker(cell="walk-10m")],
        events=events,
        truth=truth,
        sightings=sightings,
        vehicles=vehicles,
        title="Fence & <gate>",
        expectations=[{"what": "alert.tp", "at_least": 1}, {"what": "false_alarms.count", "at_most": at_most}],
    )
    return folder


def test_a_report_is_one_file_that_asks_for_nothing(tmp_path: Path) -> None:
    folder = full_run(tmp_path)
    (folder / "pictures").mkdir()
    (folder / "pictures" / "one.jpg").write_bytes(JPEG)
    (folder / "pictures" / "captions.json").write_text(json.dumps({"one.jpg": "the walker at 12 s"}))

    exit_code, _ = judged(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")

    assert exit_code == 1
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    assert "the walker at 12 s" in page
    assert page.count("data:image/jpeg;base64,") == 1


def test_a_report_says_the_verdict_and_the_story_in_words(tmp_path: Path) -> None:
    folder = full_run(tmp_path)

    judged(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")

    assert "1 of 2 expectations not met" in page
    assert "1 of 1 attack alarmed in time. 1 false alarm." in page
    assert "wind # m/s, expected at most # m/s" in page
    assert "Fence &amp; &lt;gate&gt;" in page
    assert "<gate>" not in page


def test_the_drawings_are_well_formed_and_show_what_happened(tmp_path: Path) -> None:
    folder = full_run(tmp_path)

    judged(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    drawings = [ET.fromstring(each) for each in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)]

    labels = [drawing.get("aria-label", "").split()[0] for drawing in drawings]
    assert labels == ["Map", "Timeline", "Distribution", "Time"]
    titles = [each.text for each in drawings[0].iter("title")]
    assert "drone-1 has intruder in view 7.6 s after the alarm" in titles
    assert "cam-1 at 12.0 s: 0.20 m off" in titles
    assert "alarm at 12.4 s: detected" in titles


def test_a_run_in_which_nothing_happened_has_a_report_too(tmp_path: Path) -> None:
    folder = build(tmp_path, actors=[])

    exit_code, output = judged(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")

    assert exit_code == 0
    assert "Nobody attacked. No false alarm." in page
    assert "No attack was alarmed." in page
    assert "expects nothing of it" in output


def test_the_exit_code_says_whether_everything_expected_came(tmp_path: Path) -> None:
    assert judged(full_run(tmp_path / "strict"))[0] == 1
    assert judged(full_run(tmp_path / "lax", at_most=1.0))[0] == 0
    assert judged(tmp_path)[0] == 2


def test_other_constants_judge_otherwise(tmp_path: Path) -> None:
    folder = full_run(tmp_path)
    (tmp_path / "strict.yaml").write_text("window_s: 1.0\n")

    judged(folder, "--parameters", str(tmp_path / "strict.yaml"))

    score = json.loads((folder / "score.json").read_text())
    assert (score["parameters"]["window_s"], score["alert"]["tp"]) == (1.0, 0)


def test_unknown_constants_are_one_line(tmp_path: Path) -> None:
    folder = full_run(tmp_path)
    (tmp_path / "wrong.yaml").write_text("windows: 1.0\n")

    exit_code, output = judged(folder, "--parameters", str(tmp_path / "wrong.yaml"))

    assert exit_code == 2
    assert output == f"vedette-sim score: {tmp_path / 'wrong.yaml'}:1: windows: unknown key\n"


def test_captions_that_are_no_texts_are_one_line(tmp_path: Path) -> None:
    folder = full_run(tmp_path)
    (folder / "pictures").mkdir()
    (folder / "pictures" / "captions.json").write_text("[]")

    exit_code, output = judged(folder)

    assert exit_code == 2
    assert "captions.json: expected an object of file to caption, got list" in output


def test_the_story_names_lateness_and_answers(tmp_path: Path) -> None:
    score = score_run(build(tmp_path, events=[alarm(25.0), task(26.0, "sent")]))

    assert story(score) == (
        "0 of 1 attack alarmed in time, 1 more too late. No false alarm. "
        "Vehicles answered 1 of 1 incidents, on scene in 0 of 1."
    )


@pytest.mark.parametrize(
    ("value", "expected"), [(None, "–"), (0.0, "0 s"), (12.50, "12.5 s"), (12345.678, "12 345.68 s"), (-0.3, "-0.3 s")]
)
def test_a_figure_is_written_for_a_person(value: float | None, expected: str) -> None:
    assert written(value, "s") == expected


def test_axes_have_round_values() -> None:
    assert ticks(0.0, 1.7) == [0.0, 0.5, 1.0, 1.5]
    assert ticks(-0.4, 10.5) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert time_ticks(600.0) == [0.0, 120.0, 240.0, 360.0, 480.0, 600.0]
    assert (clock(75.0), clock(3725.0)) == ("1:15", "1:02:05")
    assert Scale(0.0, 10.0, 100.0, 200.0)(2.5) == 125.0
