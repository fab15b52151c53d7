"""The extra 'ultralytics' for real, in an environment of its own (its OpenCV would overwrite ours)."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from detectors.frame import Frame
from detectors.opening import open_file
from detectors.registry import find_model
from tests.conftest import ROOT
from tests.detectors.ultralytics_model import IOU_MAX, SCORE_MIN, rows

VARIABLE = "VEDETTE_ULTRALYTICS_PYTHON"


@pytest.fixture(scope="module")
def python() -> str:
    if not os.environ.get(VARIABLE):
        pytest.skip(f"{VARIABLE} names no interpreter with the extra 'ultralytics'")
    return os.environ[VARIABLE]


def run(python: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [python, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ultralytics")
    feed = cv2.VideoCapture(str(ROOT / "sim" / "recordings" / "fence-cam.mp4"))
    was_read, image = feed.read()
    assert was_read
    cv2.imwrite(str(folder / "picture.png"), image)
    return folder


@pytest.fixture(scope="module")
def seen(python: str, folder: Path) -> dict[str, Any]:
    done = run(python, "-m", "tests.detectors.ultralytics_model", str(folder), str(folder / "picture.png"))
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_a_trained_file_and_its_export_on_onnxruntime_see_the_same(seen: dict[str, Any], folder: Path) -> None:
    file = find_model(str(folder / "lively.onnx"), folders=(), cache=folder)
    file = replace(file, manifest=file.manifest.model_copy(update={"head": "yolo"}))
    detector = open_file(file, cache=None, say=print, score_min=SCORE_MIN, iou_max=IOU_MAX)
    read = cv2.imread(str(folder / "picture.png"))
    assert read is not None
    image = read.astype(np.uint8)
    (found,) = detector.detect([detector.prepare(Frame(image, pts_us=0, captured_at_us=0, index=0, decode_us=0))])
    assert len(found) > 50
    assert seen["identity"]["backend"] == "ultralytics"
    assert (unmatched(rows(found), seen["ours"]), unmatched(seen["ours"], rows(found))) == ([], [])


def test_our_picture_and_suppression_are_those_of_ultralytics(seen: dict[str, Any]) -> None:
    """Away from the frame's edge: we clip before boxes are suppressed, ultralytics after."""
    if seen["theirs"] is None:
        pytest.skip("the torchvision of that interpreter does not load beside its torch")
    ours, theirs = inside(seen["ours"]), inside(seen["theirs"])
    assert len(theirs) > 20
    assert (unmatched(ours, seen["theirs"]), unmatched(theirs, seen["ours"])) == ([], [])


def test_it_goes_through_the_suite_of_all_backends(python: str) -> None:
    suite = "tests/conformance/test_detectors.py"
    done = run(python, "-m", "pytest", "-q", suite, "-k", "ultralytics", "-o", "filterwarnings=default", "-rs")
    assert done.returncode == 0, done.stdout
    assert "No module named 'ultralytics'" not in done.stdout


def inside(found: list[list[float]]) -> list[list[float]]:
    return [row for row in found if min(row[:2]) > 20 and row[2] < 1280 - 20 and row[3] < 720 - 20]


def unmatched(found: list[list[float]], among: list[list[float]]) -> list[list[float]]:
    """Boxes well above the threshold without a twin within 1 px and 0.01."""
    others = np.array(among)
    left = []
    for row in found:
        near = np.abs(others[:, :4] - row[:4]).max(axis=1) <= 1
        twins = near & (np.abs(others[:, 4] - row[4]) <= 0.01) & (others[:, 5] == row[5])
        if row[4] >= SCORE_MIN + 0.01 and not twins.any():
            left.append(row)
    return left
