from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detectors.building.agreement import IOU_MIN, STRONG, iou
from detectors.building.frames import SplitFrames, split_frames, spread_frames
from detectors.building.make import COMPARED_SCORE_MIN, build_model, look
from detectors.detections import Detections
from detectors.detector import Detector
from detectors.errors import Disagreement, ModelError
from detectors.manifest import Precision, read_manifest
from detectors.opening import open_file
from detectors.registry import ModelFile, find_model
from tests.detectors.building.conftest import ADDING, PRECISIONS, Built

pytestmark = pytest.mark.shared
PERSON = 0


def make(
    yolox: ModelFile, frames: SplitFrames, target: Path, *, precision: Precision, fall_max: float = 0.0
) -> ModelFile:
    built, _ = build_model(yolox, frames, target, precision=precision, batch_most=1, fall_max=fall_max, adding=ADDING)
    return built


@pytest.mark.parametrize("precision", PRECISIONS)
def test_what_is_built_sees_what_its_model_sees(built: Built, precision: Precision) -> None:
    _, agreed = built[precision]
    assert agreed.boxes > 80
    least = {"fp32": 1.0, "fp16": 0.99, "int8": 0.95}[precision]
    assert min(agreed.recall, agreed.precision, agreed.mean_ap) >= least


@pytest.mark.parametrize("precision", PRECISIONS)
def test_its_manifest_says_what_it_was_built_from_and_by_whom(
    built: Built, yolox: ModelFile, precision: Precision
) -> None:
    file, _ = built[precision]
    assert find_model(f"nano-{precision}", folders=(file.path.parent,), cache=Path("/nowhere")) == file
    manifest = read_manifest(file.path.with_suffix(".yaml"))
    assert (manifest.precision, manifest.derived_from, manifest.url) == (precision, yolox.sha256, None)
    assert (manifest.added_by, manifest.added_at_us) == (ADDING.by, ADDING.at_us)
    assert (manifest.classes, manifest.licence) == (yolox.manifest.classes, yolox.manifest.licence)


def test_the_precision_is_in_the_file_itself(built: Built) -> None:
    import onnx

    kinds = {
        precision: Counter(node.op_type for node in onnx.load(str(built[precision][0].path)).graph.node)
        for precision in PRECISIONS
    }
    weights = {
        precision: Counter(each.data_type for each in onnx.load(str(built[precision][0].path)).graph.initializer)
        for precision in PRECISIONS
    }
    assert kinds["fp32"]["Cast"] == kinds["fp32"]["QuantizeLinear"] == 0
    assert kinds["fp16"]["Cast"] == 2  # what goes in and what comes out stays float32
    assert weights["fp16"][onnx.TensorProto.FLOAT16] > 200
    assert kinds["int8"]["Conv"] == 113
    assert weights["int8"][onnx.TensorProto.INT8] >= 83  # all convolutions but the 30 depthwise ones


def test_a_batch_is_the_same_as_one_by_one(built: Built, frames: SplitFrames) -> None:
    detector = open_file(built["fp32"][0])
    together = look(detector, frames.judged[:4], at_once=4)
    alone = look(detector, frames.judged[:4])
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.xyxy_px, other.xyxy_px, atol=0.01)
        np.testing.assert_allclose(one.score, other.score, atol=1e-4)


def test_a_build_that_falls_behind_leaves_what_was_there(
    yolox: ModelFile, frames: SplitFrames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = make(yolox, frames, tmp_path / "gate-fp16.onnx", precision="fp16", fall_max=0.01)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def blind(detector: Detector, seen: object, *, at_once: int = 1) -> list[Detections]:
        found = look(detector, frames.judged, at_once=at_once)
        is_built = detector.identity.sha256 != yolox.sha256
        return [each.where(each.score > 0.8) for each in found] if is_built else found

    monkeypatch.setattr("detectors.building.make.look", blind)
    with pytest.raises(
        Disagreement, match=r"gate-fp16: expected a mean AP of 0\.990 or more of FP32's own boxes, got 0\.\d"
    ):
        make(yolox, frames, old.path, precision="fp16", fall_max=0.01)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_only_fp32_is_built_from(built: Built, frames: SplitFrames, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected a model in fp32 to build from, got one in fp16"):
        make(built["fp16"][0], frames, tmp_path / "again.onnx", precision="int8")


def test_a_truncated_model_is_one_line(yolox: ModelFile, frames: SplitFrames, tmp_path: Path) -> None:
    half = tmp_path / "half.onnx"
    half.write_bytes(yolox.path.read_bytes()[:100_000])
    with pytest.raises(ModelError, match=r"half\.onnx: not an ONNX model") as refusal:
        make(replace(yolox, path=half), frames, tmp_path / "gate.onnx", precision="fp32")
    assert "\n" not in str(refusal.value)


def persons_found(model: ModelFile, shared: Path, *, count: int) -> tuple[int, int]:
    """Of the ground truth's persons in frames spread over vtest.avi: how many are found, how many there are."""
    rows = np.loadtxt(shared / "truth" / "PETS09-S2L1-gt.txt", delimiter=",")
    detector = open_file(model, score_min=COMPARED_SCORE_MIN)
    found = present = 0
    for frame in spread_frames(shared / "feeds" / "vtest.avi", count=count):
        truth = rows[rows[:, 0] == frame.index + 1, 2:6].astype(np.float32)
        truth[:, 2:] += truth[:, :2]
        (seen,) = look(detector, [frame])
        persons = seen.where((seen.class_index == PERSON) & (seen.score >= STRONG))
        found += int((iou(truth, persons.xyxy_px).max(axis=1, initial=0.0) >= IOU_MIN).sum())
        present += len(truth)
    return found, present


def test_int8_finds_the_persons_of_the_ground_truth_within_three_points_of_fp32(
    built: Built, yolox: ModelFile, shared: Path
) -> None:
    whole, present = persons_found(yolox, shared, count=20)
    small, _ = persons_found(built["int8"][0], shared, count=20)
    assert present > 100
    assert whole / present > 0.5
    assert small / present >= whole / present - 0.03


def test_frames_are_spread_evenly_and_none_is_on_both_sides(shared: Path) -> None:
    split = split_frames(shared / "feeds" / "vtest.avi", count=5)
    both = sorted([*(each.index for each in split.calibration), *(each.index for each in split.judged)])
    assert both == list(range(0, 795, both[1]))
    assert 10 <= len(both) < 20
    assert set(both) == {each.index for each in spread_frames(shared / "feeds" / "vtest.avi", count=10)}


def test_a_video_of_nothing_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "notes.avi"
    path.write_text("no video")
    with pytest.raises(ModelError, match=r"notes\.avi: expected a recorded video, got none"):
        split_frames(path, count=2)
    with pytest.raises(ModelError, match=r"gone\.avi: expected a recorded video, got none"):
        split_frames(tmp_path / "gone.avi", count=2)
