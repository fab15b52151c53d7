"""Engines of this very device, by TensorRT 10.3 to 11: the backend for a Jetson.

The model is an ONNX file as for every backend; what runs is the engine built from it (`vedette-models build`), found in
the cache by the file's hash. A detector has its own execution context, stream and buffers: one for each feed group.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from detectors.cuda import Buffer, Cuda, open_cuda
from detectors.detections import FloatArray
from detectors.engines import find_engine
from detectors.errors import InferenceError, ModelError
from detectors.lane import NetworkOptions
from detectors.network import FLOAT, NetworkDetector, Port, input_of
from detectors.registry import ModelFile
from detectors.tensorrt_module import import_tensorrt, listener

OPENS = (".onnx",)
FLOAT_BYTES = 4


class Options(NetworkOptions):
    cache: Path | None = None  # the engines are kept here


def open_model(file: ModelFile, options: Options) -> NetworkDetector:
    """Raises BackendMissing without TensorRT or a device, ModelError without an engine of this model for both."""
    trt, cuda = import_tensorrt(), open_cuda()
    if options.cache is None:
        raise ModelError(f"{file.path}: backend 'tensorrt' needs the cache that its engines are kept in")
    try:
        device = cuda.device()
    except InferenceError as err:
        raise ModelError(f"backends 'tensorrt': {err}") from err
    found = find_engine(options.cache, device=device, tensorrt=trt.__version__, model_sha256=file.sha256)
    return open_plan(trt, cuda, found.read(), file, options, name=str(found.path))


def open_plan(
    trt: ModuleType, cuda: Cuda, plan: bytes, file: ModelFile, options: Options, *, name: str
) -> NetworkDetector:
    """Raises ModelError, with TensorRT's own first word on it, when it does not load `plan` or has no memory for it."""
    logger = listener(trt)
    engine = trt.Runtime(logger).deserialize_cuda_engine(plan)  # None, not an exception, when it cannot
    if engine is None:
        raise ModelError(f"{name}: TensorRT {trt.__version__} does not load it: {logger.first_error()}")
    context = engine.create_execution_context()
    if context is None:
        raise ModelError(f"{name}: TensorRT cannot make room to run it: {logger.first_error()}")
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    inputs = [each for each in names if engine.get_tensor_mode(each) == trt.TensorIOMode.INPUT]
    port = input_of(file, [Port(each, _kind(trt, engine, each), _shape(engine, each)) for each in inputs])
    most = engine.get_tensor_profile_shape(port.name, 0)[2][0] if port.takes_batches else 1
    shape = (most, 3, port.height_px, port.width_px)
    context.set_input_shape(port.name, shape)
    try:
        picture = _bind(cuda, context, port.name, shape)
        outputs = [
            _bind(cuda, context, each, _output_shape(trt, engine, context, each, name=name))
            for each in names
            if each not in inputs
        ]
        network = TensorRtNetwork(cuda, context, logger, picture=picture, outputs=outputs)
    except InferenceError as err:
        raise ModelError(f"{name}: {err}") from err
    return NetworkDetector(network, file, options, port=port, backend="tensorrt", batch_max=most)


@dataclass(frozen=True, slots=True)
class Bound:
    """A tensor with its memory, enough for the largest batch. values: (most, ...) float32, a view of the buffer."""

    name: str
    values: FloatArray
    buffer: Buffer

    def size_bytes(self, count: int) -> int:
        """Of the first `count` pictures."""
        return FLOAT_BYTES * count * prod(self.values.shape[1:])


class TensorRtNetwork:
    """One execution context. Addresses are set once; only the number of pictures changes."""

    def __init__(self, cuda: Cuda, context: Any, logger: Any, *, picture: Bound, outputs: Sequence[Bound]) -> None:
        self._cuda = cuda
        self._context = context
        self._logger = logger
        self._picture = picture
        self._outputs = outputs
        self._stream = cuda.stream()
        self._count = len(picture.values)  # pictures that the context is set to

    def run(self, tensor: FloatArray) -> Sequence[FloatArray]:
        """What is more than the engine takes at once goes in several passes."""
        most = len(self._picture.values)
        if len(tensor) <= most:
            return self._pass(tensor)
        passes = [
            [output.copy() for output in self._pass(tensor[start : start + most])]
            for start in range(0, len(tensor), most)
        ]
        return [np.concatenate(parts) for parts in zip(*passes, strict=True)]

    def _pass(self, tensor: FloatArray) -> Sequence[FloatArray]:
        count = len(tensor)
        self._logger.forget()
        np.copyto(self._picture.values[:count], tensor)
        if count != self._count:
            if not self._context.set_input_shape(self._picture.name, tensor.shape):
                raise InferenceError(f"TensorRT refuses {count} pictures: {self._logger.first_error()}")
            self._count = count
        self._cuda.to_device(self._picture.buffer, self._picture.size_bytes(count), self._stream)
        if not self._context.execute_async_v3(self._stream):
            raise InferenceError(f"TensorRT does not run: {self._logger.first_error()}")
        for output in self._outputs:
            self._cuda.to_host(output.buffer, output.size_bytes(count), self._stream)
        self._cuda.wait(self._stream)
        return [output.values[:count] for output in self._outputs]


def _bind(cuda: Cuda, context: Any, tensor: str, shape: tuple[int, ...]) -> Bound:
    buffer = cuda.buffer(FLOAT_BYTES * prod(shape))
    context.set_tensor_address(tensor, buffer.device_address)
    return Bound(tensor, buffer.host.view(np.float32).reshape(shape), buffer)


def _output_shape(trt: ModuleType, engine: Any, context: Any, tensor: str, *, name: str) -> tuple[int, ...]:
    """Of the largest batch. A shape that depends on what is seen means suppression inside the engine."""
    shape = tuple(context.get_tensor_shape(tensor))
    if _kind(trt, engine, tensor) != FLOAT or min(shape, default=-1) < 0:
        raise ModelError(
            f"{name}: expected outputs of float32 with a shape known beforehand, got {tensor} "
            f"{engine.get_tensor_dtype(tensor)} {shape}: export the model without non-maximum suppression"
        )
    return shape


def _kind(trt: ModuleType, engine: Any, tensor: str) -> str:
    return FLOAT if engine.get_tensor_dtype(tensor) == trt.float32 else str(engine.get_tensor_dtype(tensor))


def _shape(engine: Any, tensor: str) -> tuple[object, ...]:
    return tuple(side if side >= 0 else None for side in engine.get_tensor_shape(tensor))
