"""`vedette-edge doctor`: feeds and model, the table, the exit code."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from contract.clock import SystemClock
from contract.site import Camera
from detectors.detections import Detections
from detectors.detector import Prepared
from detectors.errors import ModelError
from edge.__main__ import main
from edge.doctor.finding import Finding, Verdict
from edge.doctor.pictures import look_at_feed, look_at_model
from edge.source import SourceOptions
from tests.conftest import ManualClock
from tests.edge.conftest import MakeVideo
from tests.edge.rtsp_camera import RtspCamera, serving
from tests.edge.test_node import Eyes
from tests.edge.yard import site


def camera(width_px: int = 160, height_px: int = 120) -> Camera:
    mast = site().cameras[0]
    lens = mast.lens.model_copy(update={"width_px": width_px, "height_px": height_px})
    return mast.model_copy(update={"lens": lens})


def found_at(url: str, mast: Camera | None = None) -> dict[str, Finding]:
    found = look_at_feed(mast or camera(), SourceOptions(url=url), clock=SystemClock())
    return {each.what: each for each in found}


def test_a_feed_that_fits_its_lens_is_well(make_video: MakeVideo) -> None:
    found = found_at(str(make_video(frames=20)))  # ten a second, a key frame each half second

    assert {name: each.verdict for name, each in found.items()} == {
        "feed mast": Verdict.OK,
        "key frames mast": Verdict.OK,
    }
    assert found["feed mast"].found.startswith("160x120, first picture after ")
    assert found["key frames mast"].found == "every 0.50 s, at most 0.50"


def test_a_live_camera_is_watched_for_its_key_frames() -> None:
    with serving(RtspCamera(frames=40)) as rtsp:
        found = found_at(rtsp.url)

    assert found["feed mast"].verdict is Verdict.OK
    assert found["key frames mast"].found == "every 0.40 s, at most 0.40"


def test_rare_key_frames_are_a_warning(make_video: MakeVideo) -> None:
    found = found_at(str(make_video(frames=12, fps=2)))

    assert found["key frames mast"].verdict is Verdict.WARNING
    assert found["key frames mast"].found == "every 2.50 s, at most 2.50"


@pytest.mark.parametrize(
    ("url", "mast", "expected"),
    [
        pytest.param("no.mp4", camera(), "no.mp4: expected a video file, found none", id="no file"),
        pytest.param("rtsp://127.0.0.1:1/yard", camera(), "Connection refused", id="no camera"),
        pytest.param("ftp://camera/1", camera(), "expected a path or one of", id="no such way"),
    ],
)
def test_a_feed_that_gives_nothing_is_wrong(url: str, mast: Camera, expected: str) -> None:
    found = found_at(url, mast)

    assert list(found) == ["feed mast"]
    assert found["feed mast"].verdict is Verdict.WRONG
    assert expected in found["feed mast"].found


def test_pictures_of_another_size_than_the_lens_are_wrong(make_video: MakeVideo) -> None:
    found = found_at(str(make_video(frames=2)), camera(640, 480))

    assert "expected pictures of 640x480" in found["feed mast"].found


class Slow(Eyes):
    """Takes its time on the clock of the test."""

    def __init__(self, clock: ManualClock, *, took_s: float) -> None:
        super().__init__()
        self._clock, self._took_s = clock, took_s

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        self._clock.advance(self._took_s)
        return super().detect(batch)


@pytest.mark.parametrize(
    ("took_s", "verdict"), [(0.02, Verdict.OK), (0.1, Verdict.WARNING), (0.2, Verdict.WRONG)], ids=str
)
def test_a_model_too_slow_for_the_minimum_rates_is_wrong(took_s: float, verdict: Verdict, clock: ManualClock) -> None:
    """Four feeds at two a second."""
    _, inference = look_at_model(lambda: Slow(clock, took_s=took_s), owed_hz=8.0, clock=clock)

    assert inference.verdict is verdict
    assert inference.found.startswith(f"{took_s * 1e3:.1f} ms; the minimum rates ask for 8 a second")


def test_a_model_that_is_not_there_is_wrong(clock: ManualClock) -> None:
    def missing() -> Eyes:
        raise ModelError("model 'owl': not known")

    (found,) = look_at_model(missing, owed_hz=2.0, clock=clock)

    assert (found.what, found.verdict, found.found) == ("model", Verdict.WRONG, "model 'owl': not known")


@pytest.fixture
def config(tmp_path: Path, make_video: MakeVideo) -> Path:
    """A node whose broker is not there; its detections are recorded, so no model is asked for."""
    (tmp_path / "yard.mp4").write_bytes(make_video(frames=20).read_bytes())
    placed = site().model_dump(mode="json")
    placed["cameras"][0]["lens"].update(width_px=160, height_px=120)
    (tmp_path / "yard.yaml").write_text(yaml.safe_dump(placed))
    feed = {"camera": "mast", "url": "yard.mp4", "origin": "replayed", "detections": "none.jsonl"}
    node = {"node": "edge-1", "site_file": "yard.yaml", "data_dir": "data", "broker": {"port": 1}, "feeds": [feed]}
    (tmp_path / "edge.yaml").write_text(yaml.safe_dump(node))
    return tmp_path / "edge.yaml"


def _call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["vedette-edge", "doctor", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code if isinstance(caught.value.code, int) else 0


def test_what_is_wrong_makes_the_exit_code(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _call(monkeypatch, "--json", str(config)) == 1

    said = capsys.readouterr()
    found = {each["what"]: each for each in json.loads(said.out)}
    assert found["broker"]["verdict"] == "wrong"
    assert found["broker"]["hint"] == "is it running, is the address right, is a firewall between?"
    assert found["feed mast"]["verdict"] == "ok"
    assert "model" not in found
    assert f"1 of {len(found)} things are wrong" in said.err


def test_people_get_a_table(config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    _call(monkeypatch, str(config))

    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["ok", "feed", "mast", "160x120,"] in [row[:4] for row in rows]
    assert ["wrong", "broker", "127.0.0.1:1:"] in [row[:3] for row in rows]


def test_a_wrong_configuration_is_one_line(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text("node: edge-1\n")

    assert _call(monkeypatch, str(config)) == 78
    assert capsys.readouterr().err.count("\n") == 1
