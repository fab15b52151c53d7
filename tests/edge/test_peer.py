"""The pipeline to compare with: a process a feed, in an interpreter of its own."""

import sys
from pathlib import Path

import pytest

from detectors.errors import ModelError
from detectors.licence import show_licence
from edge.errors import SetUpError
from edge.peer import Peer

STAND_IN = """
import os

assert (os.environ["YOLO_OFFLINE"], os.environ["YOLO_AUTOINSTALL"]) == ("1", "false")

class YOLO:
    def __init__(self, model, task):
        print("loading", model)

    def track(self, *, source, **_):
        for _ in range(5):  # frames of a clip that is played again and again
            yield object()
        open(source, "a").write("played ")
"""


@pytest.fixture
def ultralytics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ultralytics.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Of a machine on which the licence was shown."""
    show_licence(tmp_path / "cache")
    return tmp_path / "cache"


@pytest.mark.usefixtures("ultralytics")
def test_each_feed_judges_its_share_of_the_frames_and_the_clip_never_ends(tmp_path: Path, cache: Path) -> None:
    clip = tmp_path / "clip"
    clip.touch()

    with Peer(Path(sys.executable), clip, tmp_path / "model.onnx", feeds=2, cache=cache) as peer:
        assert peer.judge(9) == 10
        assert peer.judge(8) == 8

    assert clip.read_text() == "played " * 2  # one frame to come up, five and four: twice five, in both


@pytest.mark.parametrize(
    ("python", "says"),
    [(Path("/no/such/python"), "No such file"), (Path(sys.executable), "No module named 'ultralytics'")],
)
def test_an_interpreter_without_ultralytics_is_one_line(tmp_path: Path, cache: Path, python: Path, says: str) -> None:
    peer = Peer(python, tmp_path / "clip", tmp_path / "model.onnx", feeds=1, cache=cache)

    with pytest.raises(SetUpError, match=f"expected an interpreter with ultralytics: .*{says}"), peer:
        pass


def test_nothing_is_started_before_the_licence_was_shown(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="vedette-models licence"):
        Peer(Path(sys.executable), tmp_path / "clip", tmp_path / "model.onnx", feeds=1, cache=tmp_path)
