"""Every detector backend through one suite; a new file in detectors/backends is picked up by itself.

A backend that opens models must find what onnxruntime finds: with the real network of the shared folder on a street,
and with networks of random weights, one for each head, on the committed cameras. `scripted` plays what onnxruntime saw,
`auto` is whichever backend it chooses. A backend whose runtime is not on this machine is skipped and says why.
"""

import hashlib
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from contract.labels import Label
from detectors import plugins
from detectors.detections import Detections
from detectors.detector import Detector
from detectors.errors import BackendMissing
from detectors.frame import Frame
from detectors.licence import SHOWN
from detectors.manifest import InputSize, Manifest
from detectors.nano.data import read_part, read_picture
from detectors.nano.drawn import draw_data
from detectors.opening import AUTO, open_file, open_scripted
from detectors.record import record
from detectors.registry import ModelFile, find_model
from tests.conftest import ROOT, SHARED
from tests.detectors.tiny_onnx import looking_network

REFERENCE = "onnxruntime"
SCORE_MIN = 0.3
SCORE_TOLERANCE = 0.01
BOX_TOLERANCE_PX = 1.0
WIDTH_PX, HEIGHT_PX = 640, 480  # of the looking networks
REAL = "yolox-nano on a street"
SHIPPED = "yolox-nano on the pictures that ultralytics ships"
TRAINED = "what a training exported"  # VEDETTE_TRAINED_MODEL names the file: the job of .ci/run that trains one
LOOKING = {"yolox": "yolox at the fence", "yolo": "yolo at the fence", "yolo_end2end": "yolo_end2end at the fence"}


@dataclass(frozen=True)
class Case:
    """A model and the frames it is asked about."""

    file: ModelFile
    frames: list[Frame]
    least: int  # boxes in every frame


def frames_of(path: Path, *, every: int, count: int) -> list[Frame]:
    feed = cv2.VideoCapture(str(path))
    frames = []
    for index in range(every * count):
        was_read, image = feed.read()
        assert was_read
        if index % every == 0:
            frames.append(Frame(image.astype(np.uint8), index * 100_000, index * 100_000, index, 0))
    feed.release()
    return frames


def looking_file(folder: Path, head: str) -> ModelFile:
    classes = ("person", "car", "dog")
    content = looking_network(head, width_px=WIDTH_PX, height_px=HEIGHT_PX, class_count=len(classes))
    path = folder / f"{head}.onnx"
    path.write_bytes(content)
    manifest = Manifest(
        name=f"looking-{head.replace('_', '-')}",
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        licence="Apache-2.0",
        source="tests",
        training_data="none",
        head=head,
        input=InputSize(width_px=WIDTH_PX, height_px=HEIGHT_PX),
        classes=classes,
        labels={Label.PERSON: ("person",)},
    )
    return ModelFile(path, manifest.sha256, manifest)


@pytest.fixture(
    scope="module",
    params=[*LOOKING, TRAINED, *(pytest.param(name, marks=pytest.mark.shared) for name in (REAL, SHIPPED))],
    ids=lambda param: LOOKING.get(param, param),
)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("model")
    if request.param in LOOKING:
        clips = [ROOT / "sim" / "recordings" / f"{camera}.mp4" for camera in ("fence-cam", "drone-1-cam")]
        frames = [frame for clip in clips for frame in frames_of(clip, every=60, count=2)]
        times = [Frame(each.image_bgr, index * 100_000, 0, index, 0) for index, each in enumerate(frames)]
        return Case(looking_file(folder, request.param), times, least=15)
    if request.param == TRAINED:
        return trained_case(folder)
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside this checkout")
    file = find_model(str(SHARED / "models" / "yolox_nano_640x640.onnx"), folders=(), cache=folder)
    if request.param == REAL:
        return Case(file, frames_of(SHARED / "feeds" / "vtest.avi", every=1, count=6), least=4)
    package = find_spec("ultralytics")
    if package is None or package.origin is None:
        pytest.skip("no ultralytics in this environment, which brings the pictures")
    pictures = sorted((Path(package.origin).parent / "assets").glob("*.jpg"))
    assert len(pictures) == 2
    frames = []
    for number, picture in enumerate(pictures):
        image, canvas = cv2.imread(str(picture)), np.zeros((1080, 1280, 3), np.uint8)  # a feed has one size
        assert image is not None
        canvas[: image.shape[0], : image.shape[1]] = image
        frames.append(Frame(canvas, number * 100_000, 0, number, 0))
    return Case(file, frames, least=2)


def trained_case(folder: Path) -> Case:
    """On drawn pictures in which it sees a person, as it learned to."""
    given = os.environ.get("VEDETTE_TRAINED_MODEL")
    if not given:
        pytest.skip("VEDETTE_TRAINED_MODEL names no model of 'vedette-models train --smoke'")
    file = find_model(given, folders=(), cache=folder)
    draw_data(folder / "drawn", counts={"val": 16}, side_px=160, seed=1)
    images = [read_picture(each.path) for each in read_part([folder / "drawn"], "val")]
    frames = [Frame(image, index * 100_000, 0, index, 0) for index, image in enumerate(images)]
    detector = open_file(file, backend=REFERENCE, score_min=SCORE_MIN)
    person = detector.labels.index(Label.PERSON)
    seen = look(detector, frames)
    telling = [frame for frame, found in zip(frames, seen, strict=True) if person in found.class_index]
    assert len(telling) >= 3
    return Case(file, telling, least=1)


@pytest.fixture(scope="module")
def reference(case: Case) -> list[Detections]:
    return look(open_file(case.file, backend=REFERENCE, score_min=SCORE_MIN), case.frames)


@pytest.fixture(scope="module", params=[*plugins.names("backends"), AUTO])
def detector(request: pytest.FixtureRequest, case: Case, tmp_path_factory: pytest.TempPathFactory) -> Detector:
    folder = tmp_path_factory.mktemp("cache")
    (folder / SHOWN).write_text("shown to whoever runs the suite")
    if request.param == "scripted":
        seen_by = open_file(case.file, backend=REFERENCE, score_min=SCORE_MIN)
        record(case.frames, seen_by, folder / "seen.jsonl", source="test")
        return open_scripted(folder / "seen.jsonl")
    try:
        return open_file(case.file, backend=request.param, cache=folder, score_min=SCORE_MIN)
    except BackendMissing as err:
        pytest.skip(str(err))


def look(detector: Detector, frames: list[Frame]) -> list[Detections]:
    return [detector.detect([detector.prepare(frame)])[0] for frame in frames]


def unmatched(found: Detections, among: Detections) -> list[str]:
    """Boxes well above the threshold that have no twin."""
    left = []
    for box, score, index in zip(found.xyxy_px, found.score, found.class_index, strict=True):
        near = np.abs(among.xyxy_px - box).max(axis=1) <= BOX_TOLERANCE_PX
        twins = near & (among.class_index == index) & (np.abs(among.score - score) <= SCORE_TOLERANCE)
        if score >= SCORE_MIN + SCORE_TOLERANCE and not twins.any():
            left.append(f"class {index} {score:.4f} at {box.round(1).tolist()}")
    return left


def test_it_finds_what_the_reference_finds_and_nothing_else(
    detector: Detector, case: Case, reference: list[Detections]
) -> None:
    for found, expected in zip(look(detector, case.frames), reference, strict=True):
        assert len(expected) >= case.least
        assert (unmatched(expected, found), unmatched(found, expected)) == ([], [])


def test_a_batch_is_its_frames_in_order(detector: Detector, case: Case) -> None:
    one_by_one = look(detector, case.frames)
    together = detector.detect([detector.prepare(frame) for frame in case.frames])
    for single, batched in zip(one_by_one, together, strict=True):
        assert (unmatched(single, batched), unmatched(batched, single)) == ([], [])


def test_boxes_are_as_the_seam_promises(detector: Detector, case: Case) -> None:
    for frame, found in zip(case.frames, look(detector, case.frames), strict=True):
        height_px, width_px = frame.image_bgr.shape[:2]
        dtypes = [str(each.dtype) for each in (found.xyxy_px, found.score, found.class_index)]
        assert dtypes == ["float32", "float32", "int32"]
        assert (np.diff(found.score) <= 0).all()
        assert (found.xyxy_px[:, :2] >= 0).all()
        assert (found.xyxy_px[:, 2:] <= [width_px, height_px]).all()
        assert (found.xyxy_px[:, 2:] > found.xyxy_px[:, :2]).all()
        persons = [index for index in found.class_index if detector.labels[index] is Label.PERSON]
        assert len(persons) >= min(2, case.least)


def test_what_was_found_is_not_overwritten_by_the_next_frame(detector: Detector, case: Case) -> None:
    (first,) = detector.detect([detector.prepare(case.frames[0])])
    before = (first.xyxy_px.copy(), first.score.copy(), first.class_index.copy())
    detector.detect([detector.prepare(case.frames[-1])])
    np.testing.assert_array_equal(first.xyxy_px, before[0])
    np.testing.assert_array_equal(first.score, before[1])
    np.testing.assert_array_equal(first.class_index, before[2])


def test_a_frame_is_not_written_to(detector: Detector, case: Case) -> None:
    before = case.frames[0].image_bgr.copy()
    detector.detect([detector.prepare(case.frames[0])])
    np.testing.assert_array_equal(case.frames[0].image_bgr, before)


def test_it_says_whose_weights_speak(detector: Detector, case: Case) -> None:
    assert (detector.identity.name, detector.identity.sha256) == (case.file.manifest.name, case.file.sha256)
    assert detector.identity.backend in plugins.names("backends")
