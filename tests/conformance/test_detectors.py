"""Every detector backend through one suite; a new file in detectors/backends is picked up by itself.

A backend that opens models must find what onnxruntime finds in the shared model; `scripted` plays what onnxruntime saw.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest

from contract.labels import Label
from detectors import plugins
from detectors.detections import Detections
from detectors.detector import Detector
from detectors.frame import Frame
from detectors.opening import open_detector, open_scripted
from detectors.record import record

pytestmark = pytest.mark.shared

FRAMES = 6
SCORE_MIN = 0.3


@pytest.fixture(scope="module")
def frames(shared: Path) -> list[Frame]:
    feed = cv2.VideoCapture(str(shared / "feeds" / "vtest.avi"))
    frames = []
    for index in range(FRAMES):
        was_read, image = feed.read()
        assert was_read
        frames.append(Frame(image.astype(np.uint8), index * 100_000, index * 100_000, index, 0))
    feed.release()
    return frames


def open_real(shared: Path, backend: str) -> Detector:
    path = shared / "models" / "yolox_nano_640x640.onnx"
    return open_detector(str(path), folders=(), cache=Path(), backend=backend, score_min=SCORE_MIN)


@pytest.fixture(scope="module")
def reference(shared: Path, frames: list[Frame]) -> list[Detections]:
    detector = open_real(shared, "onnxruntime")
    return [detector.detect([detector.prepare(frame)])[0] for frame in frames]


@pytest.fixture(scope="module", params=plugins.names("backends"))
def detector(
    request: pytest.FixtureRequest, shared: Path, frames: list[Frame], tmp_path_factory: pytest.TempPathFactory
) -> Detector:
    if request.param != "scripted":
        return open_real(shared, request.param)
    path = tmp_path_factory.mktemp("recording") / "vtest.jsonl"
    record(frames, open_real(shared, "onnxruntime"), path, source="vtest.avi")
    return open_scripted(path)


def test_it_finds_what_the_reference_finds(
    detector: Detector, frames: list[Frame], reference: list[Detections]
) -> None:
    for frame, expected in zip(frames, reference, strict=True):
        (found,) = detector.detect([detector.prepare(frame)])
        strong = found.where(found.score >= SCORE_MIN + 0.01)
        wanted = expected.where(expected.score >= SCORE_MIN + 0.01)
        order = np.lexsort((strong.xyxy_px[:, 0].round(), strong.class_index))
        wanted_order = np.lexsort((wanted.xyxy_px[:, 0].round(), wanted.class_index))
        np.testing.assert_array_equal(strong.class_index[order], wanted.class_index[wanted_order])
        np.testing.assert_allclose(strong.xyxy_px[order], wanted.xyxy_px[wanted_order], atol=0.5)
        np.testing.assert_allclose(strong.score[order], wanted.score[wanted_order], atol=0.01)


def test_a_batch_is_its_frames_in_order(detector: Detector, frames: list[Frame]) -> None:
    one_by_one = [detector.detect([detector.prepare(frame)])[0] for frame in frames]
    together = detector.detect([detector.prepare(frame) for frame in frames])
    for single, batched in zip(one_by_one, together, strict=True):
        np.testing.assert_allclose(batched.xyxy_px, single.xyxy_px, atol=0.01)
        np.testing.assert_array_equal(batched.class_index, single.class_index)


def test_boxes_are_as_the_seam_promises(detector: Detector, frames: list[Frame]) -> None:
    (found,) = detector.detect([detector.prepare(frames[0])])
    height_px, width_px = frames[0].image_bgr.shape[:2]
    dtypes = [str(each.dtype) for each in (found.xyxy_px, found.score, found.class_index)]
    assert dtypes == ["float32", "float32", "int32"]
    assert (np.diff(found.score) <= 0).all()
    assert (found.xyxy_px[:, :2] >= 0).all()
    assert (found.xyxy_px[:, 2:] <= [width_px, height_px]).all()
    assert (found.xyxy_px[:, 2:] > found.xyxy_px[:, :2]).all()
    persons = [index for index in found.class_index if detector.labels[index] is Label.PERSON]
    assert len(persons) >= 4


def test_a_frame_is_not_written_to(detector: Detector, frames: list[Frame]) -> None:
    before = frames[0].image_bgr.copy()
    detector.detect([detector.prepare(frames[0])])
    np.testing.assert_array_equal(frames[0].image_bgr, before)


def test_it_says_whose_weights_speak(detector: Detector, shared: Path) -> None:
    assert detector.identity.name == "yolox-nano-640x640"
    assert detector.identity.sha256 == "d015b03bd08c2d5fb7d1144c732d4dc52389aae24470702413efd4c8a04f91f5"
    assert detector.identity.backend in plugins.names("backends")
