"""`vedette-models train` and `validate`, in the environment that holds the extra 'ultralytics' and no other of ours."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from detectors.building.training import TrainingOptions, train
from detectors.errors import BackendMissing
from tests.conftest import ROOT
from tests.detectors.test_ultralytics import VARIABLE


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[str], Path]:
    if not os.environ.get(VARIABLE):
        pytest.skip(f"{VARIABLE} names no interpreter with the extra 'ultralytics'")
    folder = tmp_path_factory.mktemp("training")
    command = [os.environ[VARIABLE], "-m", "tests.detectors.building.train_one", str(folder), str(folder / "cache")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    refusals = [line for line in done.stderr.splitlines() if line.startswith("refused: ")]
    return json.loads(done.stdout.splitlines()[-1]), refusals, folder


def test_training_leaves_its_best_weights_and_the_curves(trained: tuple[dict[str, Any], list[str], Path]) -> None:
    found, _, folder = trained

    assert Path(found["best"]) == folder / "run" / "weights" / "best.pt"
    assert Path(found["best"]).stat().st_size > 1_000_000
    assert (folder / "run" / "results.png").is_file()


def test_validation_names_the_classes_of_the_data(trained: tuple[dict[str, Any], list[str], Path]) -> None:
    found, _, _ = trained

    assert list(found["by_class"]) == ["square"]
    assert found["by_class"]["square"] == pytest.approx(found["map_50_95"])
    assert all(0.0 <= found[figure] <= 1.0 for figure in ("map_50", "precision", "recall"))


def test_what_is_not_there_is_one_line(trained: tuple[dict[str, Any], list[str], Path]) -> None:
    _, (no_start, no_data), _ = trained

    assert "model 'no.pt': no such file; an architecture (yolo11n.yaml) begins with random weights" in no_start
    assert "no.yaml': no such file" in no_data


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detectors.licence.find_spec", lambda _: None)
    options = TrainingOptions(epochs=1, side_px=64, batch=4, device="cpu", seed=1)

    with pytest.raises(BackendMissing, match=r"install vedette\[ultralytics\]"):
        train(tmp_path / "data.yaml", "yolo11n.yaml", tmp_path / "out", options, tmp_path / "cache")
