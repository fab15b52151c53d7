import hashlib
from pathlib import Path

import numpy as np
import pytest

from contract.labels import Label
from detectors.detections import FloatArray
from detectors.detector import Detector
from detectors.errors import ModelError
from detectors.frame import Frame
from detectors.manifest import Manifest
from detectors.opening import open_detector, open_file
from detectors.registry import ModelFile
from tests.detectors.tiny_onnx import SIDE_PX, rows_of, tiny_yolox

PERSON = (8.0, 8.0, 24.0, 40.0, 0.9, 0)


def model_file(folder: Path, content: bytes) -> ModelFile:
    path = folder / "tiny.onnx"
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    manifest = Manifest(
        name="tiny",
        sha256=sha256,
        size_bytes=len(content) or 1,
        licence="Apache-2.0",
        source="here",
        training_data="none",
        head="yolox",
        classes=("person", "car"),
        labels={Label.PERSON: ("person",)},
    )
    return ModelFile(path, sha256, manifest)


def open_tiny(folder: Path, rows: FloatArray, *, gain: FloatArray | None = None, batch: int | str = 1) -> Detector:
    return open_file(model_file(folder, tiny_yolox(rows, gain=gain, batch=batch)))


def frame(brightness: int = 0, *, pts_us: int = 0) -> Frame:
    image = np.full((2 * SIDE_PX, 2 * SIDE_PX, 3), brightness, np.uint8)
    return Frame(image_bgr=image, pts_us=pts_us, captured_at_us=pts_us, index=0, decode_us=0)


def test_a_box_of_the_network_is_a_box_of_the_frame(tmp_path: Path) -> None:
    detector = open_tiny(tmp_path, rows_of(PERSON, (0, 0, 8, 8, 0.05, 1)))
    (found,) = detector.detect([detector.prepare(frame())])
    np.testing.assert_allclose(found.xyxy_px, [[16, 16, 48, 80]], atol=1e-3)
    assert found.score.tolist() == pytest.approx([0.9])
    assert detector.labels[found.class_index[0]] is Label.PERSON
    assert detector.labels == (Label.PERSON, Label.OTHER)
    assert detector.identity.backend == "onnxruntime"


@pytest.mark.parametrize("batch", [1, "n"], ids=["fixed batch", "open batch"])
def test_answers_come_in_the_order_of_the_frames(tmp_path: Path, batch: int | str) -> None:
    rows = rows_of((8, 8, 24, 40, 0.0, 0))
    gain = np.zeros_like(rows)
    gain[0, 4] = 1 / 255  # objectness is the brightness
    detector = open_tiny(tmp_path, rows, gain=gain, batch=batch)
    found = detector.detect([detector.prepare(frame(level)) for level in (51, 204, 102)])
    assert [each.score.tolist() for each in found] == [pytest.approx([level]) for level in (0.2, 0.8, 0.4)]


GOOD = tiny_yolox(rows_of(PERSON))


def test_an_operator_nobody_knows_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"tiny\.onnx: not an ONNX model") as refusal:
        open_file(model_file(tmp_path, GOOD.replace(b"ReduceMean", b"ReduceWean")))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("backend", "options", "says"),
    [
        pytest.param("onnxruntime", {"score_min": 7}, "backend 'onnxruntime': score_min: .* got 7", id="out of range"),
        pytest.param("onnxruntime", {"speed": 1}, "backend 'onnxruntime': speed: .* got 1", id="unknown option"),
        pytest.param(
            "abacus", {}, "expected one of backends .*onnxruntime, .*scripted.*, got 'abacus'", id="no such backend"
        ),
    ],
)
def test_wrong_options_are_one_line(tmp_path: Path, backend: str, options: dict[str, int], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        open_file(model_file(tmp_path, GOOD), backend=backend, cache=None, say=print, **options)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["yolox_nano_416", "yolox_nano_640x640"])
def test_a_truncated_yolox_is_refused(shared: Path, tmp_path: Path, name: str) -> None:
    content = (shared / "models" / f"{name}.onnx").read_bytes()
    path = tmp_path / "half.onnx"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match=r"half\.onnx: not an ONNX model"):
        open_detector(str(path), folders=(), cache=tmp_path)


@pytest.mark.shared
def test_a_model_with_another_purpose_is_refused(shared: Path, tmp_path: Path) -> None:
    path = shared / "models" / "person-reidentification-retail-0248.onnx"
    with pytest.raises(ModelError, match=r"expected one input .* got inputs:0 tensor\(float\) \[1, 256, 128, 3\]"):
        open_detector(str(path), folders=(), cache=tmp_path)
