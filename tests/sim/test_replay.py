"""A recorded video through the whole edge, with detections that were recorded too: no model is run here."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from contract.labels import Label
from detectors.record import Header
from sim.annotate import RED, VideoFile, track_colour
from sim.replay import register
from tests.edge.yard import person_px, site

FRAMES, FPS = 60, 10
WIDTH_PX, HEIGHT_PX = 640, 480

app = typer.Typer()
app.callback()(lambda: None)
register(app)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["replay", *map(str, arguments)])


def walker(index: int) -> tuple[float, float, float, float]:
    """Somebody who walks along 20 m north, from 9 m west into the zone that reaches from 5 m west to 5 m east."""
    return person_px(-9.0 + index * 0.15, 20.0)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "walk.mp4"
    with VideoFile(path) as file:
        for index in range(FRAMES):
            image = np.full((HEIGHT_PX, WIDTH_PX, 3), 90, np.uint8)
            file.write(image, pts_us=round(index * 1e6 / FPS))
    return path


@pytest.fixture
def detections(tmp_path: Path) -> Path:
    header = Header(
        model="test-model",
        sha256="0" * 64,
        backend="onnxruntime",
        labels=(Label.PERSON, Label.MOTOR_VEHICLE),
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        source="walk.mp4",
    )
    rows = [
        json.dumps({"pts_us": round(index * 1e6 / FPS), "boxes": [[*np.round(walker(index), 1).tolist(), 0.9, 0]]})
        for index in range(FRAMES)
    ]
    path = tmp_path / "walk.jsonl"
    path.write_text("\n".join([header.model_dump_json(), *rows]) + "\n")
    return path


@pytest.fixture
def yard(tmp_path: Path) -> Path:
    path = tmp_path / "yard.yaml"
    path.write_text(site().model_dump_json(exclude_none=True))
    return path


def test_a_video_becomes_tracks_events_and_a_score(video: Path, detections: Path, tmp_path: Path) -> None:
    result = run(video, "--detections", detections, "--out", tmp_path / "out")

    assert result.exit_code == 0, result.output
    rows = [line.split(",") for line in (tmp_path / "out" / "tracks.txt").read_text().splitlines()]
    assert [row[0] for row in rows] == [str(n) for n in range(3, FRAMES + 1)]  # believed from the third frame on
    left, top, right, bottom = walker(2)
    assert rows[0][1] == "1"
    assert [float(word) for word in rows[0][2:6]] == pytest.approx([left, top, right - left, bottom - top], abs=0.11)
    assert rows[0][6:] == ["0.9000", "0", "-1", "-1"]
    events = [json.loads(line) for line in (tmp_path / "out" / "events.jsonl").read_text().splitlines()]
    assert [(e["type"], e["stage"], e["track"]) for e in events] == [("track", "start", 1), ("track", "end", 1)]
    score = json.loads((tmp_path / "out" / "score.json").read_text())
    assert (score["frames"], score["tracks"], score["events"], score["mot"]) == (FRAMES, 1, 0, None)


def test_with_a_site_who_walks_into_a_zone_is_located_and_told_of(
    video: Path, detections: Path, yard: Path, tmp_path: Path
) -> None:
    result = run(video, "--detections", detections, "--site", yard, "--camera", "mast", "--out", tmp_path / "out")

    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in (tmp_path / "out" / "events.jsonl").read_text().splitlines()]
    events = [line["body"] for line in lines if "body" in line]
    assert events[0]["stage"] == "start"
    assert events[-1]["stage"] == "end"
    assert {(e["zone"], e["sighting"]["track"]) for e in events} == {("gate", 1)}
    assert {line["origin"] for line in lines if "body" in line} == {"replayed"}
    # The zone begins 5 m west, which he passes in frame 27; half a second of dwell makes it frame 32.
    assert (events[0]["started_at_us"] - 1_767_225_600_000_000) / 1e6 == pytest.approx(3.2, abs=0.15)


def test_the_same_detections_give_the_same_bytes(video: Path, detections: Path, yard: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert run(video, "--detections", detections, "--site", yard, "--out", tmp_path / name).exit_code == 0

    for file in ("tracks.txt", "events.jsonl"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_start_moves_every_time(video: Path, detections: Path, tmp_path: Path) -> None:
    start = "2026-03-01T12:00:00Z"
    result = run(video, "--detections", detections, "--out", tmp_path / "out", "--start", start)

    assert result.exit_code == 0, result.output
    first = json.loads((tmp_path / "out" / "events.jsonl").read_text().splitlines()[0])
    assert first["captured_at_us"] == 1_772_366_400_000_000 + 200_000


def test_ground_truth_gives_the_two_figures(video: Path, detections: Path, tmp_path: Path) -> None:
    truth = tmp_path / "gt.txt"
    rows = []
    for index in range(FRAMES):
        left, top, right, bottom = walker(index)
        rows.append(f"{index + 1},7,{left},{top},{right - left},{bottom - top},1,-1,-1,-1\n")
    truth.write_text("".join(rows))

    result = run(video, "--detections", detections, "--gt", truth, "--out", tmp_path / "out")

    assert result.exit_code == 0, result.output
    mot = json.loads((tmp_path / "out" / "score.json").read_text())["mot"]
    assert mot["mota"] == pytest.approx(58 / 60)  # two frames pass before he is believed
    assert mot["idf1"] == pytest.approx(2 * 58 / (60 + 58))
    assert "0.9667" in result.output


def test_the_annotated_video_shows_boxes_zone_and_banner(
    video: Path, detections: Path, yard: Path, tmp_path: Path
) -> None:
    result = run(video, "--detections", detections, "--site", yard, "--out", tmp_path / "out", "--annotate")

    assert result.exit_code == 0, result.output
    with av.open(str(tmp_path / "out" / "annotated.mp4")) as container:
        frames = list(container.decode(video=0))
    images = [frame.to_ndarray(format="bgr24").astype(int) for frame in frames]
    assert [round(frame.time * FPS) for frame in frames if frame.time is not None] == list(range(FRAMES))
    left, top, _, bottom = (round(edge) for edge in walker(10))
    on_edge = images[10][(top + bottom) // 2, left]
    assert np.abs(on_edge - track_colour(1)).max() < 90  # compressed
    assert np.abs(images[0][(top + bottom) // 2, left] - 90).max() < 12  # nobody is believed yet
    zone_side = images[0][300:480, :, :].reshape(-1, 3)
    assert (zone_side[:, 2] - zone_side[:, 0] > 60).any()  # yellow
    assert np.abs(images[40][4, 400] - RED).max() < 40
    assert np.abs(images[20][4, 400] - 90).max() < 12  # no banner before he is in the zone


def test_a_truncated_video_keeps_what_was_decoded_and_says_so(detections: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.avi"
    with av.open(str(whole), "w") as target:
        stream = target.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        for index in range(FRAMES):
            noise = np.random.default_rng(index).integers(0, 255, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="bgr24")))
        target.mux(stream.encode())
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    result = run(cut, "--detections", detections, "--out", tmp_path / "out")

    assert result.exit_code == 2
    played = json.loads((tmp_path / "out" / "score.json").read_text())["frames"]
    assert 20 <= played <= 40
    assert f"{played} frames were played" in result.stderr
    assert len((tmp_path / "out" / "tracks.txt").read_text().splitlines()) == played - 2


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        pytest.param(["{missing}"], 2, "No such file", id="missing video"),
        pytest.param(["{text}"], 2, "expected a video", id="not a video"),
        pytest.param(["{video}", "--model", "{text}"], 2, "not an ONNX model", id="not a model"),
        pytest.param(["{video}", "--model", "./none.onnx"], 2, "no such file", id="missing model"),
        pytest.param(["{video}", "--detections", "{text}"], 2, "not a recording of detections", id="not a recording"),
        pytest.param(["{video}", "--model", "x", "--detections", "y"], 2, "expected one of the two", id="both"),
        pytest.param(["{video}", "--gt", "{text}"], 2, "expected numbers with commas", id="not ground truth"),
        pytest.param(["{video}", "--start", "noon"], 2, "--start: expected a moment", id="not a moment"),
        pytest.param(["{video}", "--start", "2026-01-01T00:00:00"], 2, "with its zone", id="no time zone"),
        pytest.param(["{video}", "--camera", "mast"], 2, "--camera needs --site", id="camera without site"),
        pytest.param(["{video}", "--site", "{text}"], 78, "text.onnx", id="not a site"),
        pytest.param(["{video}", "--site", "{missing}"], 78, "No such file", id="missing site"),
        pytest.param(["{video}", "--site", "{yard}", "--camera", "roof"], 78, "got 'roof'", id="wrong camera"),
    ],
)
def test_wrong_input_is_one_line_and_an_exit_code(
    arguments: list[str], exit_code: int, words: str, *, video: Path, yard: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.onnx"
    text.write_text("no video, no model, no site\n")
    known = {"missing": str(tmp_path / "missing"), "text": str(text), "video": str(video), "yard": str(yard)}

    result = run(*(argument.format(**known) for argument in arguments), "--out", tmp_path / "out")

    assert result.exit_code == exit_code, result.output
    assert words in result.stderr
    assert result.stderr.startswith("vedette-sim replay: ")
    assert result.stderr.count("\n") == 1


def test_frames_of_another_size_than_the_camera_of_the_site_are_refused(
    detections: Path, yard: Path, tmp_path: Path
) -> None:
    path = tmp_path / "small.mp4"
    with VideoFile(path) as file:
        file.write(np.zeros((120, 160, 3), np.uint8), pts_us=0)

    result = run(path, "--detections", detections, "--site", yard, "--out", tmp_path / "out")

    assert result.exit_code == 2
    assert "camera 'mast': expected frames of 640x480, got 160x120" in result.stderr
