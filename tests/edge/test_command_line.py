"""`vedette-edge`: one clear line and the right exit code for everything a person can get wrong."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.__main__ import main
from tests.edge.conftest import MakeVideo
from tests.edge.yard import site, write_empty_yard

Settings = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path, make_video: MakeVideo) -> Path:
    """A node that is ready to run."""
    write_empty_yard(tmp_path, make_video(frames=20), frames=20)
    return tmp_path


def _settings() -> Settings:
    feed = {"camera": "mast", "url": "yard.mp4", "origin": "replayed", "detections": "yard.jsonl"}
    return {
        "node": "edge-1",
        "site_file": "yard.yaml",
        "data_dir": "data",
        "broker": {"port": 1},
        "feeds": [feed],
        "exit_when_ended": True,
    }


def _call(command: str, folder: Path, settings: Settings | str, monkeypatch: pytest.MonkeyPatch) -> int:
    config = folder / "edge.yaml"
    config.write_text(settings if isinstance(settings, str) else yaml.safe_dump(settings))
    monkeypatch.setattr(sys, "argv", ["vedette-edge", command, str(config)])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(SystemExit) as caught:
        main()
    code = caught.value.code
    return code if isinstance(code, int) else 0


def test_a_node_that_is_ready_says_what_it_will_watch(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = _settings()
    assert _call("check", folder, settings, monkeypatch) == 0
    assert capsys.readouterr().out.splitlines() == [
        "camera 'mast': 160x120, by-hand, zones: gate",
        f"{folder}/edge.yaml: node 'edge-1' of site 'yard' is ready to run",
    ]


def _change(**changes: object) -> Callable[[Settings], Settings]:
    return lambda settings: {**settings, **changes}


def _feed(**changes: object) -> Callable[[Settings], Settings]:
    return lambda settings: {**settings, "feeds": [{**settings["feeds"][0], **changes}]}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(_change(speed=3), (78, "speed: unknown key"), id="unknown key"),
        pytest.param(_change(site_file="no.yaml"), (78, "no.yaml: No such file or directory"), id="no site file"),
        pytest.param(_feed(camera="roof"), (78, "expected a camera of this site (mast), got 'roof'"), id="no camera"),
        pytest.param(_change(node="edge-9"), (78, "expected one of node 'edge-9'"), id="another node's camera"),
        pytest.param(_change(broker={"host": "mq.site"}), (78, "expected tls for an address that is not"), id="no tls"),
        pytest.param(
            _change(broker={"host": "mq.site", "tls": {"ca": "no.pem"}}), (78, "expected a certificate"), id="no login"
        ),
        pytest.param(
            _change(broker={"host": "mq.site", "user": "u", "tls": {"ca": "no.pem"}}), (78, "No such file"), id="no ca"
        ),
        pytest.param(
            _change(rules={"intrusion": {"loudness": 11}}), (78, "rules.intrusion.loudness"), id="rule option"
        ),
        pytest.param(
            _feed(url="ftp://cam/1"),
            (78, "expected a path or one of file, gst, rtp, rtsp, udp, v4l2, got 'ftp'"),
            id="scheme",
        ),
        pytest.param(_feed(pose_file="no.jsonl"), (78, "no.jsonl: No such file"), id="no poses"),
        pytest.param(
            _feed(pose={"kind": "klv"}),
            (78, "expected poses in MISB metadata (KLV) in a data stream"),
            id="no metadata",
        ),
        pytest.param(
            _feed(url="v4l2:///etc/passwd"), (78, "expected a device as in v4l2:///dev/video0"), id="no device"
        ),
        pytest.param(_feed(url="no.mp4"), (2, "no.mp4: expected a video file, found none"), id="no video"),
        pytest.param(_feed(url="yard.yaml"), (2, "yard.yaml: expected a video"), id="not a video"),
        pytest.param(_feed(detections="no.jsonl"), (2, "no.jsonl"), id="no recorded detections"),
        pytest.param(_feed(detections="yard.yaml"), (2, "yard.yaml"), id="not recorded detections"),
    ],
)
def test_check_says_what_is_wrong_in_one_line(
    change: Callable[[Settings], Settings],
    expected: tuple[int, str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, message = expected
    assert _call("check", folder, change(_settings()), monkeypatch) == code
    said = capsys.readouterr().err
    assert said.startswith("vedette-edge: ")
    assert said.count("\n") == 1
    assert message in said


def test_a_zone_of_two_points_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = site().model_dump(mode="json")
    data["zones"][0]["polygon"] = data["zones"][0]["polygon"][:2]
    (folder / "yard.yaml").write_text(yaml.safe_dump(data))
    assert _call("check", folder, _settings(), monkeypatch) == 78
    assert "zones.'gate'.polygon: a polygon needs at least 3 points, got 2" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_video_of_another_size_than_the_lens_is_wrong_input(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "yard.yaml").write_text(yaml.safe_dump(site().model_dump(mode="json")))
    assert _call(command, folder, _settings(), monkeypatch) == 2
    expected = "camera 'mast': expected pictures of 640x480 as its lens in the site file says, got 160x120"
    assert expected in capsys.readouterr().err


def test_a_model_that_is_none_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.onnx").write_bytes(b"not a model")
    settings = {**_settings(), "model": {"name": "./bad.onnx"}}
    del settings["feeds"][0]["detections"]
    assert _call("check", folder, settings, monkeypatch) == 2
    assert "bad.onnx" in capsys.readouterr().err


def test_run_ends_with_its_recordings_though_no_broker_is_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = folder / "edge.yaml"
    config.write_text(yaml.safe_dump(_settings()))
    monkeypatch.setattr(sys, "argv", ["vedette-edge", "run", str(config)])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code in (None, 0)
    assert (folder / "data" / "outbox.sqlite").is_file()


def test_run_of_an_unreadable_recording_is_wrong_input(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _call("run", folder, _feed(url="no.mp4")(_settings()), monkeypatch) == 2
    assert "no.mp4: expected a video file, found none" in capsys.readouterr().err


def test_two_nodes_never_share_an_outbox(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "outbox.sqlite").write_text("something else " * 100)
    assert _call("run", folder, _settings(), monkeypatch) == 1
    assert "outbox.sqlite: cannot be opened" in capsys.readouterr().err
