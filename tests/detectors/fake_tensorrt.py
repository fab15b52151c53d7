"""TensorRT 10.3 to 11 as far as our run time calls it, over the fake CUDA runtime of fake_cudart.c.

It insists on what the real one leaves undefined: every tensor has an address before a run, every address is memory that
is alive and large enough, shapes lie within the profile, and nothing is computed before somebody waits for the stream.
"""

import ctypes
import enum
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from detectors.backends import tensorrt as backend
from detectors.cuda import Cuda, open_cuda
from detectors.detections import FloatArray
from detectors.network import NetworkDetector
from detectors.registry import ModelFile
from tests.detectors.tiny_onnx import SIDE_PX, rows_of

Compute = Callable[[FloatArray], FloatArray]
PERSON = (8.0, 8.0, 24.0, 40.0, 0.0, 0)
JOB = ctypes.CFUNCTYPE(ctypes.c_int)
PLAN = b"a plan"
ILLEGAL_ACCESS = 700


class TensorIOMode(enum.Enum):
    INPUT = 1
    OUTPUT = 2


class ILogger:
    ERROR = "error"
    INTERNAL_ERROR = "internal error"

    def log(self, severity: str, message: str) -> None:
        raise NotImplementedError


class Context:
    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._addresses: dict[str, int] = {}
        self._count = -1
        self._jobs: list[object] = []  # a queued callback must outlive its queue

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert name == "images"
        fits = tuple(shape[1:]) == self._engine.picture and 1 <= shape[0] <= self._engine.most
        if fits:
            self._count = shape[0]
        else:
            message = f"shape {tuple(shape)} is outside the profile"
            self._engine.logger.log(ILogger.ERROR, message)
        return fits

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        assert self._count > 0, "the shape of the input comes first"
        return (self._count, *(self._engine.picture if name == "images" else self._engine.output))

    def set_tensor_address(self, name: str, address: int) -> bool:
        assert name in {"images", "output"}
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        assert self._count > 0, "the shape of the input comes first"
        if set(self._addresses) != {"images", "output"}:
            self._engine.logger.log(ILogger.ERROR, "a tensor has no address")
            return False
        if self._engine.refuses:
            self._engine.logger.log(ILogger.INTERNAL_ERROR, self._engine.refuses)
            return False
        shapes = {name: self.get_tensor_shape(name) for name in self._addresses}
        job = JOB(lambda: self._engine.compute_at(self._addresses, shapes))
        self._jobs = [job]
        code: int = self._engine.library.fake_enqueue(ctypes.c_void_p(stream_handle), job)
        return code == 0


class Engine:
    """One input `images`, one output `output`; `compute` stands for the network."""

    def __init__(self, library: ctypes.CDLL, compute: Compute, *, picture: tuple[int, ...], most: int) -> None:
        self.library = library
        self.picture, self.most = picture, most
        self.refuses = ""
        self.compute = compute
        self.output: tuple[int, ...] = compute(np.zeros((1, *picture), np.float32)).shape[1:]
        self.logger: ILogger
        self.num_io_tensors = 2
        self.output_dtype = "float32"
        self.has_room = True

    def compute_at(self, addresses: dict[str, int], shapes: dict[str, tuple[int, ...]]) -> int:
        memory = {}
        for name, shape in shapes.items():
            size_bytes = 4 * int(np.prod(shape))
            if not self.library.fake_is_live(ctypes.c_void_p(addresses[name]), ctypes.c_size_t(size_bytes)):
                return ILLEGAL_ACCESS
            raw = (ctypes.c_float * (size_bytes // 4)).from_address(addresses[name])
            memory[name] = np.frombuffer(memoryview(raw).cast("B"), np.float32).reshape(shape)
        memory["output"][:] = self.compute(memory["images"])
        return 0

    def get_tensor_name(self, index: int) -> str:
        return ("images", "output")[index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if name == "images" else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name: str) -> str:
        return "float32" if name == "images" else self.output_dtype

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        first = 1 if self.most == 1 else -1
        return (first, *(self.picture if name == "images" else self.output))

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[tuple[int, ...]]:
        assert (name, profile_index) == ("images", 0)
        return [(count, *self.picture) for count in (1, self.most, self.most)]

    def create_execution_context(self) -> Context | None:
        if not self.has_room:
            self.logger.log(ILogger.ERROR, "Requested amount of GPU memory could not be allocated")
            return None
        return Context(self)


def fake_module(engine: Engine) -> SimpleNamespace:
    """The module `tensorrt`. Its runtime knows one plan; anything else it answers with None, as the real one does."""

    class Runtime:
        def __init__(self, logger: ILogger) -> None:
            self._logger = logger

        def deserialize_cuda_engine(self, plan: bytes) -> Engine | None:
            engine.logger = self._logger
            if plan == PLAN:
                return engine
            self._logger.log(ILogger.ERROR, "magicTag of the plan is wrong\nmore of it")
            return None

    return SimpleNamespace(
        __version__="10.3.0", ILogger=ILogger, Runtime=Runtime, TensorIOMode=TensorIOMode, float32="float32"
    )


def bright_person(pictures: FloatArray) -> FloatArray:
    """One person in each picture, as sure as the picture is bright."""
    raw = np.repeat(rows_of(PERSON)[None], len(pictures), axis=0)
    raw[:, 0, 4] = pictures.mean(axis=(1, 2, 3)) / 255
    return raw


class Machine:
    """A device, its memory, and an engine that runs on it."""

    def __init__(self, library_path: Path, *, most: int) -> None:
        self.library = ctypes.CDLL(str(library_path))
        self.cuda: Cuda = open_cuda((str(library_path),))
        self.engine = Engine(self.library, bright_person, picture=(3, SIDE_PX, SIDE_PX), most=most)
        self.trt: SimpleNamespace = fake_module(self.engine)

    def open(self, file: ModelFile, *, plan: bytes = PLAN) -> NetworkDetector:
        return backend.open_plan(self.trt, self.cuda, plan, file, backend.Options(), name="gate.engine")  # type: ignore[arg-type]

    def live_blocks(self) -> int:
        count: int = self.library.fake_live_blocks()
        return count
