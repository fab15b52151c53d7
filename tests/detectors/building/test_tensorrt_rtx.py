"""Our builder for real, on this processor: TensorRT-RTX builds engines without a GPU. It cannot run them here."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from detectors.registry import ModelFile
from tests.conftest import ROOT, need
from tests.detectors.building.conftest import BATCH, PRECISIONS, Built
from tests.detectors.tiny_onnx import rows_of, tiny_yolox

RELEASE = "1.7.1.116"
pytestmark = pytest.mark.system

Answers = dict[str, dict[str, object]]
Build = Callable[..., Answers]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """What became of each file, by its name."""
    folder = tmp_path_factory.mktemp("rtx")
    wanted = [f"tensorrt-rtx-cu13-{part}=={RELEASE}" for part in ("bindings", "libs")]
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-compile",
    ]
    got = subprocess.run([*pip, "--target", str(folder), *wanted], capture_output=True, text=True, check=False)
    need(got.returncode == 0, f"{', '.join(wanted)} from the package registry: {got.stderr.strip()[-300:]}")
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"}

    def run(*files: Path, batch: int) -> Answers:
        command = [sys.executable, "-m", "tests.detectors.building.rtx", str(batch), *map(str, files)]
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
        assert told.returncode == 0, told.stderr
        answers = [json.loads(line) for line in told.stdout.splitlines()]
        return {answer.pop("file"): answer for answer in answers}

    return run


@pytest.mark.shared
def test_yolox_builds_in_every_precision_for_one_to_four_pictures(build: Build, built: Built) -> None:
    answers = build(*(built[precision][0].path for precision in PRECISIONS), batch=BATCH)
    sizes = {name: answer.get("bytes", answer) for name, answer in answers.items()}
    assert list(sizes) == ["nano-fp32.onnx", "nano-fp16.onnx", "nano-int8.onnx"]
    half, full = sizes["nano-fp16.onnx"], sizes["nano-fp32.onnx"]
    assert isinstance(half, int)
    assert isinstance(full, int)
    assert isinstance(sizes["nano-int8.onnx"], int)
    assert half < 0.8 * full  # half the weights: the precision of the file is that of the engine


def test_what_does_not_parse_or_fit_is_one_line_and_the_next_file_builds(build: Build, tmp_path: Path) -> None:
    content = tiny_yolox(rows_of((8, 8, 24, 40, 0.9, 0)))
    good, half = tmp_path / "good.onnx", tmp_path / "half.onnx"
    good.write_bytes(content)
    half.write_bytes(content[: len(content) // 2])
    parsed = build(half, good, batch=1)
    assert str(parsed["half.onnx"]["error"]).startswith("half.onnx: TensorRT does not parse it: ")
    assert "\n" not in str(parsed["half.onnx"]["error"])
    assert list(parsed["good.onnx"]) == ["bytes"]
    fixed = build(good, batch=2)
    assert fixed["good.onnx"]["error"] == "good.onnx: its batch is fixed at 1: expected an open one for 2 at once"


@pytest.mark.shared
def test_a_model_of_fixed_batch_builds_as_it_is(build: Build, yolox: ModelFile) -> None:
    answers = build(yolox.path, batch=1)
    assert list(answers[yolox.path.name]) == ["bytes"]
