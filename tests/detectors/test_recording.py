import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from contract.events import ModelIdentity
from contract.labels import Label
from detectors.detections import Detections
from detectors.detector import Detector, Prepared
from detectors.errors import InferenceError, ModelError
from detectors.frame import Frame
from detectors.opening import open_file, open_scripted
from detectors.record import read_recording, record
from tests.detectors.test_onnxruntime import model_file
from tests.detectors.tiny_onnx import rows_of, tiny_yolox

INTERVAL_US = 40_000


def frame(index: int, *, brightness: int = 0, side_px: int = 128) -> Frame:
    image = np.full((side_px, side_px, 3), brightness, np.uint8)
    pts_us = index * INTERVAL_US
    return Frame(image_bgr=image, pts_us=pts_us, captured_at_us=pts_us, index=index, decode_us=0)


@pytest.fixture
def detector(tmp_path: Path) -> Detector:
    """One box whose score is the brightness of the picture."""
    rows = rows_of((8.123, 8.0, 24.0, 40.0, 0.0, 1))
    gain = np.zeros_like(rows)
    gain[0, 4] = 1 / 255
    return open_file(model_file(tmp_path, tiny_yolox(rows, gain=gain)))


def recorded(detector: Detector, tmp_path: Path, count: int = 4) -> Path:
    path = tmp_path / "gate.jsonl"
    assert record((frame(i, brightness=60 + i) for i in range(count)), detector, path, source="gate.mp4") == count
    return path


def test_what_was_recorded_is_played_to_a_tenth_of_a_pixel(detector: Detector, tmp_path: Path) -> None:
    path = recorded(detector, tmp_path)
    played = open_scripted(path)
    for index in (2, 0, 3, 1):
        (real,) = detector.detect([detector.prepare(frame(index, brightness=60 + index))])
        (found,) = played.detect([played.prepare(frame(index))])
        np.testing.assert_allclose(found.xyxy_px, real.xyxy_px, atol=0.051)
        np.testing.assert_allclose(found.score, real.score, atol=0.00006)
        np.testing.assert_array_equal(found.class_index, real.class_index)
    assert played.labels == (Label.PERSON, Label.OTHER)
    assert played.identity == ModelIdentity(name="tiny", sha256=detector.identity.sha256, backend="scripted")


def test_a_recording_is_lines_a_person_can_read(detector: Detector, tmp_path: Path) -> None:
    header, first, *_ = recorded(detector, tmp_path).read_text().splitlines()
    assert json.loads(header) == {
        "format": "vedette-detections-1",
        "model": "tiny",
        "sha256": detector.identity.sha256,
        "backend": "onnxruntime",
        "labels": ["person", "other"],
        "width_px": 128,
        "height_px": 128,
        "source": "gate.mp4",
    }
    assert first == '{"pts_us":0,"boxes":[[16.2,16.0,48.0,80.0,0.2353,1]]}'


def test_recording_twice_writes_the_same_bytes(detector: Detector, tmp_path: Path) -> None:
    once = recorded(detector, tmp_path).read_bytes()
    assert recorded(detector, tmp_path).read_bytes() == once


@pytest.mark.parametrize(("off_us", "is_known"), [(19_999, True), (-20_000, True), (20_001, False)])
def test_a_frame_is_recognised_within_half_an_interval(
    detector: Detector, tmp_path: Path, off_us: int, is_known: bool
) -> None:
    played = open_scripted(recorded(detector, tmp_path))
    index = 3 if off_us > 0 else 0
    late = Frame(frame(0).image_bgr, index * INTERVAL_US + off_us, 0, index, 0)
    if is_known:
        (found,) = played.detect([played.prepare(late)])
        assert found.score.tolist() == pytest.approx([(60 + index) / 255], abs=1e-4)
    else:
        with pytest.raises(InferenceError, match=r"gate\.jsonl: expected a recorded frame at 140001 us, got none"):
            played.detect([played.prepare(late)])


def test_a_frame_of_another_size_is_an_error(detector: Detector, tmp_path: Path) -> None:
    played = open_scripted(recorded(detector, tmp_path))
    with pytest.raises(InferenceError, match="expected frames of 128x128, got 64x64"):
        played.detect([played.prepare(frame(0, side_px=64))])


def test_weak_boxes_can_be_left_out(detector: Detector, tmp_path: Path) -> None:
    played = open_scripted(recorded(detector, tmp_path), score_min=0.24)
    counts = [len(found) for found in played.detect([played.prepare(frame(i)) for i in range(4)])]
    assert counts == [0, 0, 1, 1]  # 60, 61, 62, 63 of 255


HEADER = (
    '{"model":"tiny","sha256":"'
    + "0" * 64
    + '","backend":"onnxruntime","labels":["person"],"width_px":64,"height_px":64,'
    '"source":"a"}'
)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        pytest.param([], "1: not a recording of detections", id="empty"),
        pytest.param(["no JSON"], "1: not a recording of detections", id="no header"),
        pytest.param(['{"format":"other"}'], "1: not a recording of detections: format", id="another format"),
        pytest.param([HEADER], "expected at least one frame after the header", id="no frames"),
        pytest.param([HEADER, '{"pts_us":0,"boxes":[[1,2'], "2: not a row of boxes", id="truncated"),
        pytest.param([HEADER, '{"pts_us":0}'], "2: not a row of boxes", id="no boxes"),
        pytest.param(
            [HEADER, '{"pts_us":0.5,"boxes":[]}'], "2: .* expected a whole pts_us, got 0.5", id="half a microsecond"
        ),
        pytest.param([HEADER, '{"pts_us":0,"boxes":[[1,2,3,4,0.5]]}'], "2: not a row of boxes", id="five numbers"),
        pytest.param(
            [HEADER, '{"pts_us":0,"boxes":[[1,2,3,4,0.5,1]]}'], "2: .* class below 1", id="a class nobody knows"
        ),
        pytest.param([HEADER, '{"pts_us":0,"boxes":[[1,2,3,NaN,0.5,0]]}'], "2: not a row of boxes", id="not a number"),
        pytest.param(
            [HEADER, '{"pts_us":9,"boxes":[]}', '{"pts_us":9,"boxes":[]}'],
            "3: expected a pts_us after 9, got 9",
            id="twice",
        ),
    ],
)
def test_a_damaged_recording_is_refused_with_its_line(tmp_path: Path, lines: Sequence[str], says: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("".join(line + "\n" for line in lines))
    with pytest.raises(ModelError, match=says) as refusal:
        read_recording(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_feed_without_frames_leaves_no_file(detector: Detector, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gate\.mp4: no frame to record"):
        record([], detector, tmp_path / "none.jsonl", source="gate.mp4")
    assert not list(tmp_path.glob("none*"))


def test_a_failing_detector_never_leaves_a_recording(detector: Detector, tmp_path: Path) -> None:
    class Failing:
        identity, labels, prepare = detector.identity, detector.labels, staticmethod(detector.prepare)

        def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
            raise InferenceError(f"lost at {batch[0].pts_us}")

    with pytest.raises(InferenceError, match="lost at 0"):
        record([frame(0)], Failing(), tmp_path / "gate.jsonl", source="gate.mp4")
    assert not (tmp_path / "gate.jsonl").exists()
