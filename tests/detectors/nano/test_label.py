"""A teacher's sure boxes become labels, its doubts are ignored, and the end of each recording is kept for judging."""

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from detectors.errors import ModelError
from detectors.manifest import shipped_manifests
from detectors.nano.data import IGNORED, read_part, read_picture
from detectors.nano.label import Doubt, Part, Teacher, label
from detectors.registry import ModelFile
from tests.detectors.nano.test_evaluate import AWAY, HIGH, LOW, Says

FILE = ModelFile(Path("a-teacher.onnx"), "ab" * 32, shipped_manifests()["yolox-nano"], "nobody signed it")
Video = Callable[[str, int], Path]


@pytest.fixture
def video(tmp_path: Path) -> Video:
    def write(name: str, count: int) -> Path:
        with av.open(str(tmp_path / name), "w") as out:
            stream = out.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 160, 64, "yuv420p"
            for index in range(count):
                picture = np.full((64, 160, 3), 10 * index, np.uint8)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
            out.mux(stream.encode(None))
        return tmp_path / name

    return write


def labelled(
    videos: Sequence[Path],
    out: Path,
    *said: Sequence[tuple[tuple[int, int, int, int], float, int]],
    every: int = 1,
    only: Part | None = None,
) -> dict[str, int]:
    teacher = Teacher(FILE, Says(*said), Doubt(sure=0.5, least=0.2))
    return label(videos, out, teacher, every=every, only=only, licence="CC-BY 4.0, somebody", watch=lambda _: None)


def test_a_sure_box_is_a_label_a_doubt_is_ignored_and_the_rest_is_nothing(video: Video, tmp_path: Path) -> None:
    seen = [(HIGH, 0.5, 1), (AWAY, 0.49, 2), (LOW, 0.19, 1), (LOW, 0.9, 0)]  # the last is of no class of ours

    labelled([video("gate.mp4", 1)], tmp_path / "set", seen, only="test")

    (one,) = read_part([tmp_path / "set"], "test")
    assert one.boxes.xyxy_px.tolist() == [list(HIGH), list(AWAY)]
    assert one.boxes.class_index.tolist() == [0, IGNORED]
    card = (tmp_path / "set" / "card.md").read_text()
    assert "yolox-nano saw them with a score of 0.5" in card
    assert f"The teacher: sha256 {'ab' * 32}; nobody signed it." in card
    assert "gate.mp4. Licence and attribution: CC-BY 4.0, somebody." in card


def test_the_last_fifth_of_each_recording_is_val(video: Video, tmp_path: Path) -> None:
    counts = labelled([video("a.mp4", 10), video("b.mp4", 5)], tmp_path / "set", *[[]] * 15)

    assert counts == {"train": 12, "val": 3}
    means = [float(read_picture(each.path).mean()) for each in read_part([tmp_path / "set"], "val")]
    assert means == pytest.approx([80, 90, 40], abs=5)


def test_only_so_many_pictures_are_taken(video: Video, tmp_path: Path) -> None:
    assert labelled([video("a.mp4", 10)], tmp_path / "set", *[[]] * 4, every=3, only="test") == {"test": 4}


def test_a_folder_that_is_not_new_is_refused(video: Video, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected a new or empty folder"):
        labelled([video("a.mp4", 1)], tmp_path)


def test_what_was_interrupted_is_no_set_and_is_begun_again(video: Video, tmp_path: Path) -> None:
    gate, out = video("gate.mp4", 3), tmp_path / "set"

    with pytest.raises(IndexError):  # the teacher knows of one picture only
        labelled([gate], out, [(HIGH, 0.9, 1)], only="train")
    assert not out.exists()

    assert labelled([gate], out, [], [], [], only="train") == {"train": 3}
    assert [len(each.boxes.class_index) for each in read_part([out], "train")] == [0, 0, 0]
    assert not out.with_name("set.part").exists()


def test_a_folder_that_cannot_be_written_is_said(video: Video, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ModelError, match="not written: Not a directory"):
        labelled([video("gate.mp4", 1)], tmp_path / "file" / "set", [])


def test_what_is_no_video_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing to see")

    with pytest.raises(ModelError, match=r"notes\.txt: expected a recorded video"):
        labelled([tmp_path / "notes.txt"], tmp_path / "set")
