"""`vedette-models build NAME.pt`, in the environment that holds the extra 'ultralytics' and no other of ours."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from contract.labels import Label
from detectors.building.onnx_file import open_batch, read_onnx
from detectors.building.quantise import fold
from detectors.frame import Frame
from detectors.opening import open_file
from detectors.registry import ModelFile, find_model, sha256_of
from tests.conftest import ROOT
from tests.detectors.test_ultralytics import VARIABLE


class Exported:
    """What is in the cache, and what was said on the way."""

    def __init__(self, file: ModelFile, folder: Path, refusals: list[str]) -> None:
        self.file, self.folder, self.refusals = file, folder, refusals


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    if not os.environ.get(VARIABLE):
        pytest.skip(f"{VARIABLE} names no interpreter with the extra 'ultralytics'")
    folder = tmp_path_factory.mktemp("trained")
    cache = folder / "cache"
    command = [os.environ[VARIABLE], "-m", "tests.detectors.building.trained_model", str(folder), str(cache)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    refusals = [line for line in done.stderr.splitlines() if line.startswith("refused: ")]
    return Exported(find_model("gate11n", folders=(), cache=cache), folder, refusals)


def test_a_trained_file_becomes_a_model_that_runs_without_ultralytics(exported: Exported) -> None:
    detector = open_file(exported.file)
    image = np.full((480, 640, 3), 90, np.uint8)
    (found,) = detector.detect([detector.prepare(Frame(image, 0, 0, 0, 0))])
    assert len(found) == 0  # nobody trained it
    assert (detector.labels[0], detector.labels[2]) == (Label.PERSON, Label.MOTOR_VEHICLE)


def test_its_manifest_says_where_it_comes_from(exported: Exported) -> None:
    manifest = exported.file.manifest
    assert (manifest.head, len(manifest.classes), manifest.added_by) == ("yolo", 80, "Ada")
    assert manifest.derived_from == sha256_of(exported.folder / "Gate11n.pt")
    assert manifest.licence.startswith("AGPL-3.0")
    assert sorted(path.name for path in exported.folder.iterdir() if path.is_file()) == ["Gate11n.pt"]


def test_what_is_refused_is_one_line(exported: Exported) -> None:
    before, wrong = exported.refusals
    assert "vedette-models licence" in before
    assert "Gate11n.pt: ultralytics does not export it: " in wrong


def test_its_batch_opens_and_its_convolutions_can_be_quantised(exported: Exported, tmp_path: Path) -> None:
    import onnx

    opened = fold(open_batch(read_onnx(exported.file.path)))
    path = tmp_path / "open.onnx"
    onnx.save(opened, str(path))
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    pictures = np.random.default_rng(0).uniform(0, 1, (2, 3, 640, 640)).astype(np.float32)
    (together,) = session.run(None, {"images": pictures})
    alone = [session.run(None, {"images": picture[None]})[0][0] for picture in pictures]
    np.testing.assert_allclose(together, alone, atol=1e-2)
    assert together.shape == (2, 84, 8400)
