"""Crops to vectors: which networks are taken, and what they give."""

from pathlib import Path

import numpy as np
import pytest

from detectors.embedding import open_embedder
from detectors.errors import DownloadError, ModelError
from tests.detectors.tiny_onnx import looking_network

RETAIL = "person-reidentification-retail-0248"


@pytest.mark.shared
def test_a_crop_gives_a_vector_of_length_one_whatever_its_size(shared: Path, tmp_path: Path) -> None:
    embedder = open_embedder(RETAIL, folders=[shared / "models"], cache=tmp_path)
    picture = np.random.default_rng(1).integers(0, 255, (200, 100, 3)).astype(np.uint8)

    crop = embedder.crop(picture, (-5.0, 20.0, 60.0, 260.0))
    vector = embedder.embed(crop)

    assert crop.shape == (256, 128, 3)
    assert vector.shape == (256,)
    assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-5)
    assert np.array_equal(vector, embedder.embed(crop))


def test_a_detector_is_no_embedder(tmp_path: Path) -> None:
    path = tmp_path / "detector.onnx"
    path.write_bytes(looking_network("yolox", width_px=64, height_px=64, class_count=80))
    with pytest.raises(ModelError, match=r"detector\.onnx: expected a vector of 2 to 4096 numbers, got 7140"):
        open_embedder(str(path), folders=(), cache=tmp_path)


def test_a_name_that_is_not_here_says_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=f"put {RETAIL}.onnx into {tmp_path}"):
        open_embedder(RETAIL, folders=(), cache=tmp_path)


def test_other_bytes_under_the_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / f"{RETAIL}.onnx").write_bytes(b"somebody else's")
    with pytest.raises(ModelError, match="expected sha256 43891ce6"):
        open_embedder(RETAIL, folders=[tmp_path], cache=tmp_path)
