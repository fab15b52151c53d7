"""From a model to an engine that is taken in, on the fake device. TensorRT's own builder: test_tensorrt_rtx.py."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest

from detectors.building import make
from detectors.building.frames import SplitFrames
from detectors.building.plan import Plan, build_plan
from detectors.detections import FloatArray
from detectors.engines import BatchProfile, EngineFile, engine_folder, find_engine
from detectors.errors import Disagreement, ModelError
from detectors.frame import Frame
from detectors.registry import ModelFile
from tests.detectors.building.conftest import ADDING
from tests.detectors.fake_tensorrt import PERSON, PLAN, Machine
from tests.detectors.test_onnxruntime import model_file
from tests.detectors.tiny_onnx import rows_of, tiny_yolox

FRAMES = tuple(
    Frame(np.full((128, 128, 3), level, np.uint8), index, index, index, 0)
    for index, level in enumerate((120, 160, 200))
)


@pytest.fixture
def model(tmp_path: Path) -> ModelFile:
    """On onnxruntime it sees what the engine of the fake machine sees."""
    rows = rows_of(PERSON)
    gain = np.zeros_like(rows)
    gain[0, 4] = 1 / 255
    file = model_file(tmp_path, tiny_yolox(rows, gain=gain, batch="n"))
    return replace(file, manifest=file.manifest.model_copy(update={"precision": "fp16"}))


class Builder:
    """In place of `build_plan`: remembers what it was given, and the device says what the new plan sees."""

    def __init__(self) -> None:
        self.timing_caches: list[bytes] = []
        self.onnx = b""

    def build(self, trt: object, onnx: bytes, *, timing_cache: bytes, **_: object) -> Plan:
        self.timing_caches.append(timing_cache)
        self.onnx = onnx
        return Plan(PLAN, b"timings")


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Builder:
    builder = Builder()
    monkeypatch.setattr(make, "build_plan", builder.build)
    return builder


def build(machine: Machine, model: ModelFile, cache: Path) -> EngineFile:
    engine, _ = make.build_engine(
        machine.trt,  # type: ignore[arg-type]
        machine.cuda,
        model,
        SplitFrames((), FRAMES),
        cache,
        reference=model,
        profile=BatchProfile(best=2, most=4),
        fall_max=0.01,
        adding=ADDING,
    )
    return engine


def test_an_engine_that_agrees_is_found_by_what_it_is_tied_to(
    machine: Machine, model: ModelFile, builder: Builder, tmp_path: Path
) -> None:
    engine = build(machine, model, tmp_path)
    assert builder.onnx == model.path.read_bytes()
    found = find_engine(tmp_path, device=machine.cuda.device(), tensorrt="10.3.0", model_sha256=model.sha256)
    assert found == engine
    assert (found.read(), found.record.added_by, found.record.key.precision) == (PLAN, ADDING.by, "fp16")
    assert found.record.key.profile == BatchProfile(best=2, most=4)


def test_the_timings_of_one_build_serve_the_next(
    machine: Machine, model: ModelFile, builder: Builder, tmp_path: Path
) -> None:
    build(machine, model, tmp_path)
    build(machine, model, tmp_path)
    assert builder.timing_caches == [b"", b"timings"]


@pytest.mark.usefixtures("builder")
def test_an_engine_that_sees_less_is_not_taken_in_and_the_old_one_stays(
    machine: Machine, model: ModelFile, tmp_path: Path
) -> None:
    build(machine, model, tmp_path)
    before = {path.name: path.read_bytes() for path in engine_folder(tmp_path).iterdir()}
    sees_all = machine.engine.compute

    def half_blind(pictures: FloatArray) -> FloatArray:
        raw = sees_all(pictures)
        raw[raw[:, 0, 4] < 0.5, 0, 4] = 0.0
        return raw

    machine.engine.compute = half_blind
    with pytest.raises(Disagreement, match=r"engine of .*tiny\.onnx: expected a mean AP of 0\.990 .*, got 0\.667"):
        build(machine, model, tmp_path)
    assert {path.name: path.read_bytes() for path in engine_folder(tmp_path).iterdir()} == before


@pytest.mark.usefixtures("builder")
def test_a_device_without_room_keeps_the_old_engine(machine: Machine, model: ModelFile, tmp_path: Path) -> None:
    old = build(machine, model, tmp_path)
    machine.engine.has_room = False
    with pytest.raises(ModelError, match="TensorRT cannot make room to run it"):
        build(machine, model, tmp_path)
    assert old.read() == PLAN


class Logger:
    INTERNAL_ERROR, ERROR = 0, 1


def test_a_build_that_runs_out_of_memory_is_one_line_with_tensorrts_own_word() -> None:
    trt = MagicMock(__version__="10.13.3", ILogger=Logger)
    trt.Builder.return_value.create_network.return_value.get_input.return_value.shape = (-1, 3, 64, 64)
    config = trt.Builder.return_value.create_builder_config.return_value
    config.add_optimization_profile.return_value = 0

    def out_of_memory(_network: object, _config: object) -> None:
        (listening,) = trt.Builder.call_args.args
        listening.log(Logger.ERROR, "[allocate::31] Error Code 1: Cuda Runtime (out of memory)\nmore")

    trt.Builder.return_value.build_serialized_network.side_effect = out_of_memory
    with pytest.raises(ModelError, match=r"yard\.onnx: TensorRT 10\.13\.3 does not build it: .*out of memory\)$"):
        build_plan(trt, b"onnx", name="yard.onnx", profile=BatchProfile(best=1, most=4), workspace_bytes=1 << 20)
