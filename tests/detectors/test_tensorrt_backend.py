"""The run-time path, by our real ctypes calls, against a CUDA runtime and a TensorRT that watch order and memory."""

import gc
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from contract.labels import Label
from detectors.backends import tensorrt as backend
from detectors.cuda import open_cuda
from detectors.engines import BatchProfile, EngineKey, store_engine
from detectors.errors import BackendMissing, InferenceError, ModelError
from detectors.frame import Frame
from detectors.manifest import Manifest
from detectors.network import NetworkDetector
from detectors.registry import ModelFile
from tests.detectors.fake_tensorrt import PLAN, Engine, Machine
from tests.detectors.tiny_onnx import SIDE_PX

ORIN = "Orin (compute 8.7, 8 multiprocessors)"


@pytest.fixture
def model(tmp_path: Path) -> ModelFile:
    path = tmp_path / "gate.onnx"
    path.write_bytes(b"what the engine was built from")
    manifest = Manifest(
        name="gate",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size_bytes=1,
        licence="Apache-2.0",
        source="here",
        training_data="none",
        head="yolox",
        classes=("person", "car"),
        labels={Label.PERSON: ("person",)},
    )
    return ModelFile(path, manifest.sha256, manifest)


def frame(brightness: int) -> Frame:
    return Frame(np.full((2 * SIDE_PX, 2 * SIDE_PX, 3), brightness, np.uint8), 0, 0, 0, 0)


def scores(detector: NetworkDetector, *levels: int) -> list[float]:
    """Of the one person in a picture of each brightness, to a thousandth."""
    found = detector.detect([detector.prepare(frame(level)) for level in levels])
    return [round(each.score.tolist()[0], 3) for each in found]


def test_a_box_comes_back_from_the_device(machine: Machine, model: ModelFile) -> None:
    detector = machine.open(model)
    (found,) = detector.detect([detector.prepare(frame(204))])
    np.testing.assert_allclose(found.xyxy_px, [[16, 16, 48, 80]], atol=1e-3)
    assert found.score.tolist() == pytest.approx([0.8])
    assert (detector.identity.backend, detector.identity.sha256) == ("tensorrt", model.sha256)


@pytest.mark.parametrize("counts", [(1, 1), (3, 1, 4), (9, 2)], ids=["one by one", "changing", "more than fit"])
def test_every_picture_of_every_batch_gets_its_own_answer(
    machine: Machine, model: ModelFile, counts: tuple[int, ...]
) -> None:
    detector = machine.open(model)
    for count in counts:
        levels = [51 + 17 * index for index in range(count)]
        assert scores(detector, *levels) == [round(level / 255, 3) for level in levels]


def test_an_engine_for_one_picture_takes_a_batch_one_by_one(machine: Machine, model: ModelFile) -> None:
    machine.engine.most = 1
    assert scores(machine.open(model), 102, 204) == [0.4, 0.8]


def test_two_groups_of_feeds_do_not_share_memory(machine: Machine, model: ModelFile) -> None:
    north, south = machine.open(model), machine.open(model)
    raw = north.infer(north.prepare(frame(204)))
    assert scores(south, 51) == [0.2]
    assert raw[0, 4] == pytest.approx(0.8)


def test_memory_lives_as_long_as_somebody_looks_at_it_and_no_longer(machine: Machine, model: ModelFile) -> None:
    detector = machine.open(model)
    held = machine.live_blocks()
    raw = detector.infer(detector.prepare(frame(204)))
    del detector
    gc.collect()
    assert raw[0, 4] == pytest.approx(0.8)  # given back, it would read 0xDD
    assert 0 < machine.live_blocks() < held
    del raw
    gc.collect()
    assert machine.live_blocks() == 0


def test_a_jetson_copies_nothing(machine: Machine) -> None:
    buffer = machine.cuda.buffer(64)
    assert buffer.is_shared == (buffer.device_address == buffer.host.ctypes.data)
    assert buffer.is_shared == machine.cuda.is_dram_shared()
    assert machine.live_blocks() == (1 if buffer.is_shared else 2)


def test_what_a_run_refuses_is_an_error_in_its_own_words_and_the_next_frame_is_tried(
    machine: Machine, model: ModelFile
) -> None:
    detector = machine.open(model)
    machine.engine.refuses = "Cuda Runtime: launch failed"
    with pytest.raises(InferenceError, match=r"gate\.onnx: TensorRT does not run: Cuda Runtime: launch failed"):
        scores(detector, 51)
    machine.engine.refuses = ""
    assert scores(detector, 51) == [0.2]


def test_a_fault_of_the_device_is_an_error_with_its_number(machine: Machine, model: ModelFile) -> None:
    detector = machine.open(model)
    machine.engine.compute_at = lambda addresses, shapes: 700  # type: ignore[method-assign]
    with pytest.raises(InferenceError, match=r"cudaStreamSynchronize: an illegal memory access .* \(CUDA error 700\)"):
        scores(detector, 51)


def test_no_memory_is_one_line_and_leaves_none_behind(machine: Machine, model: ModelFile) -> None:
    machine.library.fake_memory_for(1)
    with pytest.raises(ModelError, match=r"^gate\.engine: cuda\w+: out of memory \(CUDA error 2\)$"):
        machine.open(model)
    gc.collect()
    assert machine.live_blocks() == 0


def spoil_output(engine: Engine) -> None:
    engine.output_dtype = "float16"


def spoil_room(engine: Engine) -> None:
    engine.has_room = False


def spoil_rows(engine: Engine) -> None:
    engine.compute = lambda pictures: np.zeros((len(pictures), 85, 7), np.float32)
    engine.output = (85, 7)


def spoil_shape(engine: Engine) -> None:
    engine.output = (-1, 7)


@pytest.mark.parametrize(
    ("spoil", "plan", "says"),
    [
        pytest.param(
            None, b"else", r"TensorRT 10\.3\.0 does not load it: magicTag of the plan is wrong$", id="another plan"
        ),
        pytest.param(
            spoil_room, PLAN, "TensorRT cannot make room to run it: Requested amount of GPU memory", id="no room"
        ),
        pytest.param(spoil_output, PLAN, "expected outputs of float32 .* got output float16", id="half output"),
        pytest.param(spoil_shape, PLAN, "export the model without non-maximum suppression", id="suppression inside"),
        pytest.param(spoil_rows, PLAN, r"expects one float output \(1, 84, 7\), got \(1, 85, 7\)", id="another head"),
    ],
)
def test_an_engine_that_does_not_fit_is_refused_in_one_line(
    machine: Machine, model: ModelFile, spoil: Callable[[Engine], None] | None, plan: bytes, says: str
) -> None:
    if spoil:
        spoil(machine.engine)
    with pytest.raises(ModelError, match=says) as refusal:
        machine.open(model, plan=plan)
    assert "\n" not in str(refusal.value)


def test_the_engine_of_this_device_and_release_is_found_in_the_cache(
    machine: Machine, model: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "import_tensorrt", lambda: machine.trt)
    monkeypatch.setattr(backend, "open_cuda", lambda: machine.cuda)
    options = backend.Options(cache=tmp_path / "cache")
    with pytest.raises(
        ModelError, match=r"expected an engine of this model for Orin .* TensorRT 10\.3\.0: there is none"
    ):
        backend.open_model(model, options)
    key = EngineKey(
        device=ORIN, tensorrt="10.3.0", model_sha256=model.sha256, precision="fp16", profile=BatchProfile(most=4)
    )
    store_engine(tmp_path / "cache", model="gate", key=key, plan=PLAN, added_by="Ada", added_at_us=1)
    assert scores(backend.open_model(model, options), 102) == [0.4]


def test_without_cuda_or_tensorrt_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch, model: ModelFile) -> None:
    with pytest.raises(BackendMissing, match=r"no CUDA runtime here: expected one of libcudart\.so\.99"):
        open_cuda(("libcudart.so.99",))
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(BackendMissing, match=r"on a Jetson it comes with JetPack .* install vedette\[tensorrt\]"):
        backend.open_model(model, backend.Options())
