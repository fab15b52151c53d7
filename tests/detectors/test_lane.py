"""Frames of one batch beside each other: as many at a time as there are lanes, answers in order, errors kept."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from detectors.detections import FloatArray
from detectors.detector import Prepared
from detectors.errors import InferenceError
from detectors.lane import Lane, Lanes, NetworkOptions
from detectors.opening import open_file
from tests.detectors.test_onnxruntime import PERSON, frame, model_file
from tests.detectors.tiny_onnx import SIDE_PX, rows_of, tiny_yolox

TOGETHER_S = 10.0
ROWS = rows_of(PERSON)


class Meeting:
    """A network whose runs wait for one another: without company none of them ends. A bright picture is refused."""

    def __init__(self, company: threading.Barrier) -> None:
        self._company = company

    def run(self, tensor: FloatArray) -> Sequence[FloatArray]:
        self._company.wait(TOGETHER_S)
        brightness = float(tensor.max())
        if brightness > 200.0:
            raise InferenceError("too bright")
        rows = ROWS.copy()
        rows[0, 4] = 0.5 + brightness / 1000.0
        return [rows[None]]


def lanes(folder: Path, count: int) -> Lanes:
    company, file = threading.Barrier(count), model_file(folder, tiny_yolox(ROWS))
    return Lanes(
        [Lane(Meeting(company), file, NetworkOptions(), width_px=SIDE_PX, height_px=SIDE_PX) for _ in range(count)]
    )


def picture(brightness: float) -> Prepared:
    tensor = np.full((3, SIDE_PX, SIDE_PX), brightness, np.float32)
    return Prepared(tensor, 1.0, 0.0, 0.0, SIDE_PX, SIDE_PX, pts_us=round(brightness))


def test_as_many_frames_as_lanes_are_looked_at_at_once_and_answered_in_order(tmp_path: Path) -> None:
    found = lanes(tmp_path, 2).detect([picture(level) for level in (10.0, 40.0, 20.0, 30.0)])
    assert [each.score.tolist() for each in found] == [[pytest.approx(0.5 + s / 1000)] for s in (10, 40, 20, 30)]


def test_a_frame_that_fails_is_an_error_and_the_lane_is_free_again(tmp_path: Path) -> None:
    two = lanes(tmp_path, 2)
    with pytest.raises(InferenceError, match=r"tiny\.onnx: too bright"):
        two.detect([picture(10.0), picture(250.0)])
    assert [len(each) for each in two.detect([picture(10.0), picture(20.0)])] == [1, 1]


def test_a_frame_that_fails_holds_up_nobody_and_takes_nobody_with_it(tmp_path: Path) -> None:
    """Its neighbour is done when the error comes, so a lone frame right after it meets no lane that is still busy."""
    file, calls = model_file(tmp_path, tiny_yolox(ROWS)), list[str]()

    class Slow:
        def run(self, tensor: FloatArray) -> Sequence[FloatArray]:
            calls.append("begins")
            if float(tensor.max()) > 200.0:
                raise InferenceError("too bright")
            threading.Event().wait(0.05)
            calls.append("ends")
            return [ROWS[None]]

    both = Lanes([Lane(Slow(), file, NetworkOptions(), width_px=SIDE_PX, height_px=SIDE_PX) for _ in range(2)])
    with pytest.raises(InferenceError, match="too bright"):
        both.detect([picture(250.0), picture(10.0)])
    assert sorted(calls) == ["begins", "begins", "ends"]
    assert [len(each) for each in both.detect([picture(10.0)])] == [1]


def test_other_weights_at_the_same_place_are_never_run_under_the_old_name(tmp_path: Path) -> None:
    file = model_file(tmp_path, tiny_yolox(ROWS))
    detector = open_file(file)
    file.path.write_bytes(tiny_yolox(rows_of((8, 8, 24, 40, 0.0, 0))))
    frames = [detector.prepare(frame()) for _ in range(2)]
    assert [len(found) for found in detector.detect(frames)] == [1, 1]
    assert [len(found) for found in detector.detect(frames[:1])] == [1]


def test_the_threads_of_a_detector_end_with_it(tmp_path: Path) -> None:
    others = lane_threads()
    beside = lanes(tmp_path, 2)
    opened = lane_threads() - others
    assert len(opened) == 2
    del beside
    for thread in opened:
        thread.join(TOGETHER_S)
    assert not any(thread.is_alive() for thread in opened)


def lane_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("lane ")}
