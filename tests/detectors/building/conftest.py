"""YOLOX-Nano in every precision, built once: the slow part of these tests."""

from pathlib import Path

import pytest

from detectors.building.agreement import Agreement
from detectors.building.frames import SplitFrames, split_frames
from detectors.building.make import FALL_MAX, Adding, build_model
from detectors.manifest import Precision
from detectors.registry import ModelFile, find_model

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")
BATCH = 4
ADDING = Adding(by="Ada", at_us=1_767_225_600_000_000)

Built = dict[Precision, tuple[ModelFile, Agreement]]


@pytest.fixture(scope="session")
def yolox(shared: Path) -> ModelFile:
    return find_model(str(shared / "models" / "yolox_nano_416.onnx"), folders=(), cache=Path("/nowhere"))


@pytest.fixture(scope="session")
def frames(shared: Path) -> SplitFrames:
    return split_frames(shared / "feeds" / "vtest.avi", count=8)


@pytest.fixture(scope="session")
def built(yolox: ModelFile, frames: SplitFrames, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """With an open batch of up to four."""
    folder = tmp_path_factory.mktemp("built")
    return {
        precision: build_model(
            yolox,
            frames,
            folder / f"nano-{precision}.onnx",
            precision=precision,
            batch_most=BATCH,
            fall_max=FALL_MAX[precision],
            adding=ADDING,
        )
        for precision in PRECISIONS
    }
