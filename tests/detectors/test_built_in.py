"""The detector that comes with Vedette: here without a download, and it sees persons on the committed cameras."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from contract.labels import Label
from detectors.errors import DownloadError
from detectors.frame import Frame
from detectors.opening import open_file
from detectors.registry import BUILT_IN, DEFAULT_MODEL, find_model, store_model
from tests.conftest import ROOT

MODELS = (BUILT_IN, f"{BUILT_IN}-int8")


def test_it_looks_where_the_default_is_not_here_and_says_so(tmp_path: Path) -> None:
    found = find_model(None, folders=(), cache=tmp_path)

    assert found.manifest.name == BUILT_IN
    assert (
        found.note == f"{DEFAULT_MODEL} is not here, {BUILT_IN} looks instead; or: vedette-models pull {DEFAULT_MODEL}"
    )


def test_what_is_better_and_here_is_taken(tmp_path: Path) -> None:
    file = find_model(BUILT_IN, folders=(), cache=tmp_path)
    better = file.manifest.model_copy(update={"name": DEFAULT_MODEL, "added_by": "Ada", "added_at_us": 1})
    store_model(file.path, better, tmp_path / f"{DEFAULT_MODEL}.onnx")

    assert find_model(None, folders=(), cache=tmp_path).path == tmp_path / f"{DEFAULT_MODEL}.onnx"


def test_another_model_that_is_not_here_is_not_replaced_by_it(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="fetch it with: vedette-models pull yolox-nano"):
        find_model(DEFAULT_MODEL, folders=(), cache=tmp_path)


@pytest.mark.parametrize("name", MODELS)
def test_it_is_small_and_free(name: str, tmp_path: Path) -> None:
    manifest = find_model(name, folders=(), cache=tmp_path).manifest

    assert manifest.size_bytes <= 4_000_000
    assert manifest.licence == "Apache-2.0"


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("camera", ["fence-cam", "drone-1-cam"])
def test_it_sees_the_person_that_is_there(name: str, camera: str, tmp_path: Path) -> None:
    feed = cv2.VideoCapture(str(ROOT / "sim" / "recordings" / f"{camera}.mp4"))
    detector = open_file(find_model(name, folders=(), cache=tmp_path), score_min=0.3)
    seen = []
    for index in range(240):
        was_read, image = feed.read()
        if not was_read:
            break
        if index % 10 == 0:
            frame = Frame(image.astype(np.uint8), index, index, index, 0)
            (found,) = detector.detect([detector.prepare(frame)])
            seen.append(any(detector.labels[each] is Label.PERSON for each in found.class_index))
    feed.release()

    assert sum(seen) >= 0.4 * len(seen), f"a person in {sum(seen)} of {len(seen)} pictures"
