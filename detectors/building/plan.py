"""An ONNX file into a TensorRT plan, on the one API path that serves 10.3 to 11.

The network is strongly typed: precision is what the ONNX file says (onnx_file.py, quantise.py), never a flag of the
builder, because TensorRT 11 has none. Nothing here needs a GPU but `build_serialized_network` itself.
"""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from detectors.engines import BatchProfile
from detectors.errors import ModelError
from detectors.tensorrt_module import listener


@dataclass(frozen=True, slots=True)
class Plan:
    """What the builder gives: the plan, and the timings that make the next build of a like network faster."""

    plan: bytes
    timing_cache: bytes


def build_plan(
    trt: ModuleType,
    onnx: bytes,
    *,
    name: str,
    profile: BatchProfile,
    workspace_bytes: int,
    timing_cache: bytes = b"",
) -> Plan:
    """`trt` is the module, so that TensorRT-RTX, which builds without a GPU, can stand in for it in tests.

    `name` is for messages. Raises ModelError, with TensorRT's own first word on it, for what it does not parse or does
    not build; running out of memory is one of these.
    """
    logger = listener(trt)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(onnx):
        reasons = [parser.get_error(index).desc() for index in range(parser.num_errors)]
        raise ModelError(
            f"{name}: TensorRT does not parse it: {(reasons or [logger.first_error()])[0].splitlines()[0]}"
        )
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace_bytes)
    _set_batches(builder, network, config, profile, name=name)
    timings = config.create_timing_cache(timing_cache)
    if not config.set_timing_cache(timings, False):  # of another device or release: start with none
        config.set_timing_cache(config.create_timing_cache(b""), False)
    logger.forget()
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ModelError(f"{name}: TensorRT {trt.__version__} does not build it: {logger.first_error()}")
    return Plan(bytes(plan), bytes(config.get_timing_cache().serialize()))


def _set_batches(builder: Any, network: Any, config: Any, profile: BatchProfile, *, name: str) -> None:
    picture = network.get_input(0)
    batch, *shape = picture.shape
    if batch != -1:
        if (batch, profile.most) != (1, 1):
            raise ModelError(f"{name}: its batch is fixed at {batch}: expected an open one for {profile.most} at once")
        return
    shapes = builder.create_optimization_profile()
    shapes.set_shape(picture.name, (1, *shape), (profile.best, *shape), (profile.most, *shape))
    if config.add_optimization_profile(shapes) < 0:
        raise ModelError(f"{name}: TensorRT takes no batch of 1 to {profile.most} pictures of {tuple(shape)}")
