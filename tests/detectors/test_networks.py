"""What every backend that runs ONNX files says about a wrong file, a wrong frame, a wrong answer."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from contract.labels import Label
from detectors.errors import BackendMissing, InferenceError, ModelError
from detectors.frame import Frame
from detectors.manifest import InputSize, Manifest
from detectors.network import NetworkDetector
from detectors.opening import open_detector, open_file
from detectors.plugins import load
from detectors.registry import ModelFile
from tests.detectors.tiny_onnx import SIDE_PX, columns_of, ends_of, rows_of, tiny_yolox

PERSON = (8.0, 8.0, 24.0, 40.0, 0.9, 0)
CAR_ON_HIM = (9.0, 8.0, 25.0, 40.0, 0.8, 1)
HIM_AGAIN = (10.0, 8.0, 26.0, 40.0, 0.7, 0)

Open = Callable[..., NetworkDetector]


@pytest.fixture(params=["onnxruntime", "openvino"])
def open_with(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Write the content as a file and open it with a backend."""
    try:
        load("backends", request.param)
    except BackendMissing as err:
        pytest.skip(str(err))

    def call(content: bytes, *, head: str = "yolox", size: InputSize | None = None, score_min: float = 0.1) -> object:
        path = tmp_path / "tiny.onnx"
        path.write_bytes(content)
        manifest = Manifest(
            name="tiny",
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content) or 1,
            licence="Apache-2.0",
            source="here",
            training_data="none",
            head=head,
            input=size,
            classes=("person", "car"),
            labels={Label.PERSON: ("person",)},
        )
        return open_file(ModelFile(path, manifest.sha256, manifest), backend=request.param, score_min=score_min)

    return call  # type: ignore[return-value]


def frame(*, pts_us: int = 0, height_px: int = 2 * SIDE_PX) -> Frame:
    image = np.zeros((height_px, 2 * SIDE_PX, 3), np.uint8)
    return Frame(image_bgr=image, pts_us=pts_us, captured_at_us=pts_us, index=0, decode_us=0)


@pytest.mark.parametrize(
    ("head", "raw"),
    [
        pytest.param("yolox", rows_of(PERSON, CAR_ON_HIM, HIM_AGAIN), id="yolox"),
        pytest.param("yolo", columns_of(PERSON, CAR_ON_HIM, HIM_AGAIN), id="yolo"),
    ],
)
def test_of_boxes_on_one_object_the_best_of_each_class_stays(open_with: Open, head: str, raw: np.ndarray) -> None:
    detector = open_with(tiny_yolox(raw), head=head)
    (found,) = detector.detect([detector.prepare(frame())])
    np.testing.assert_allclose(found.xyxy_px, [[16, 16, 48, 80], [18, 16, 50, 80]], atol=1e-3)
    assert found.score.tolist() == pytest.approx([0.9, 0.8])
    assert found.class_index.tolist() == [0, 1]


def test_an_end_to_end_model_has_chosen_itself(open_with: Open) -> None:
    detector = open_with(tiny_yolox(ends_of(HIM_AGAIN, PERSON)), head="yolo_end2end")
    (found,) = detector.detect([detector.prepare(frame())])
    np.testing.assert_allclose(found.xyxy_px, [[16, 16, 48, 80], [20, 16, 52, 80]], atol=1e-3)


@pytest.mark.parametrize("batch", [1, "n"], ids=["fixed batch", "open batch"])
def test_a_batch_may_be_of_any_length(open_with: Open, batch: int | str) -> None:
    detector = open_with(tiny_yolox(rows_of(PERSON), batch=batch))
    for count in (3, 0, 1, 2):
        found = detector.detect([detector.prepare(frame()) for _ in range(count)])
        assert [each.score.tolist() for each in found] == [pytest.approx([0.9])] * count


GOOD = tiny_yolox(rows_of(PERSON))


@pytest.mark.parametrize(
    ("content", "head", "says"),
    [
        pytest.param(b"", "yolox", "not an ONNX model", id="empty"),
        pytest.param(b"RIFF, not a model" * 100, "yolox", "not an ONNX model", id="garbage"),
        pytest.param(GOOD[: len(GOOD) // 2], "yolox", "not an ONNX model", id="truncated"),
        pytest.param(
            tiny_yolox(rows_of(PERSON), output_count=2),
            "yolox",
            r"head 'yolox' expects one float output \(1, 84, 7\), got \(1, 84, 7\), \(1, 84, 7\)",
            id="two outputs",
        ),
        pytest.param(
            tiny_yolox(rows_of(PERSON, class_count=3)), "yolox", r"got \(1, 84, 8\)", id="another number of classes"
        ),
        pytest.param(GOOD, "yolo", r"head 'yolo' expects one float output \(1, 6, 84\), got \(1, 84, 7\)", id="head"),
        pytest.param(GOOD, "yolo_end2end", r"expects one float output \(1, 300, 6\)", id="not end to end"),
        pytest.param(tiny_yolox(rows_of(PERSON), side_px=50), "yolox", "expected one input .* got images", id="50 px"),
        pytest.param(tiny_yolox(rows_of(PERSON), batch=4), "yolox", "expected one input .* got images", id="batch 4"),
    ],
)
def test_a_file_that_is_not_this_heads_model_is_refused_in_one_line(
    open_with: Open, content: bytes, head: str, says: str
) -> None:
    with pytest.raises(ModelError, match=says) as refusal:
        open_with(content, head=head)
    assert "tiny.onnx" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_backend_that_plays_recordings_opens_no_model(tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(GOOD)
    with pytest.raises(ModelError, match=r"tiny\.onnx: backend 'scripted' opens no models"):
        open_detector(str(path), folders=(), cache=tmp_path, backend="scripted")


def test_a_manifest_of_another_size_is_refused(open_with: Open) -> None:
    with pytest.raises(ModelError, match=r"its manifest says height, width \(64, 96\), the model \(64, 64\)"):
        open_with(GOOD, size=InputSize(width_px=96, height_px=64))


@pytest.mark.parametrize(
    ("head", "raw"),
    [
        pytest.param("yolox", np.full((84, 7), np.nan, np.float32), id="yolox"),
        pytest.param("yolo", np.full((6, 84), np.nan, np.float32), id="yolo"),
        pytest.param("yolo_end2end", np.full((300, 6), np.nan, np.float32), id="end to end"),
    ],
)
def test_nan_is_an_error_that_names_model_and_frame(open_with: Open, head: str, raw: np.ndarray) -> None:
    detector = open_with(tiny_yolox(raw), head=head)
    with pytest.raises(InferenceError, match=r"tiny\.onnx: frame at 1234 us: expected scores .* got nan") as failure:
        detector.detect([detector.prepare(frame(pts_us=1234))])
    assert "\n" not in str(failure.value)


def test_after_a_wrong_frame_the_next_one_is_judged(open_with: Open) -> None:
    detector = open_with(GOOD)
    with pytest.raises(InferenceError, match=r"frame at 7 us: expected a picture .* got \(0, 128, 3\) uint8"):
        detector.prepare(frame(pts_us=7, height_px=0))
    assert [len(found) for found in detector.detect([detector.prepare(frame())])] == [1]
