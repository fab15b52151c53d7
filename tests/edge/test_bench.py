"""The benchmark of a node runs a real node and says what it misses."""

import sys
from functools import partial
from pathlib import Path

import pytest

from contract.clock import SystemClock
from detectors.opening import open_detector
from edge.__main__ import main
from edge.bench import Kept, Throughput, measure
from edge.errors import FeedUnreadable
from tests.detectors.tiny_onnx import rows_of, tiny_yolox
from tests.edge.conftest import MakeVideo

PERSON = rows_of((10, 10, 30, 50, 0.9, 0), class_count=80)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Sees one person, always in the same place."""
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_yolox(PERSON))
    return path


def test_every_round_is_measured_through_real_feeds(model: Path, make_video: MakeVideo, tmp_path: Path) -> None:
    opened = partial(open_detector, str(model), folders=(), cache=tmp_path / "cache")
    measured = measure(make_video(frames=20), opened, feeds=(1, 3), rounds=2, frames=30, clock=SystemClock())
    assert [each.feeds for each in measured.kept] == [1, 3]
    assert all(each.bare_fps > each.pipeline_fps > 0 for each in measured.kept)  # next to nothing is inferred
    assert all(0 < each.processor_share < 1 for each in measured.kept)
    assert measured.backend == "onnxruntime"
    assert measured.table().row_count == 2


def test_what_is_missed_is_said() -> None:
    kept = tuple(Kept(feeds, 50.0, 60.0, 40.0, share, 0.9) for feeds, share in ((1, 0.93), (2, 0.2), (4, 0.88)))
    measured = Throughput("tiny", "onnxruntime", "yard.mp4", kept)
    assert measured.missed == ["4 feeds: expected at least 0.90 of bare inference, got 0.880"]


def test_what_is_no_video_is_wrong_input(model: Path, tmp_path: Path) -> None:
    opened = partial(open_detector, str(model), folders=(), cache=tmp_path / "cache")
    with pytest.raises(FeedUnreadable, match=r"no\.mp4: expected a video file, found none"):
        measure(tmp_path / "no.mp4", opened, clock=SystemClock())


def test_the_command_prints_a_table_and_its_exit_code_is_the_answer(
    model: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    video = make_video(frames=20)
    words = [
        "vedette-edge",
        "bench",
        str(video),
        "--model",
        str(model),
        "--feeds",
        "1",
        "--rounds",
        "1",
        "--frames",
        "5",
    ]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1  # of so small a network no pipeline keeps much
    said = capsys.readouterr()
    assert "bare fps" in said.out
    assert "1 feeds: expected at least 0.93 of bare inference" in said.err
