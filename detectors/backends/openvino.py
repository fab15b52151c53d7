"""ONNX files on an Intel CPU, by OpenVINO, in a precision that is always named.

Left alone, OpenVINO computes in bfloat16 on every CPU that can: other boxes on other machines. Here float32 is the
default, and bfloat16 comes only when asked for; the identity then says `openvino/bf16`.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import openvino
from pydantic import Field

from detectors.detections import FloatArray
from detectors.errors import InferenceError, ModelError
from detectors.lane import NetworkOptions
from detectors.network import FLOAT, NetworkDetector, Port, input_of
from detectors.registry import ModelFile

OPENS = (".onnx",)


class Options(NetworkOptions):
    threads: Annotated[int, Field(ge=1, le=64)] = 2  # inside one inference, or inferences beside each other
    precision: Literal["f32", "bf16"] = "f32"


def open_model(file: ModelFile, options: Options) -> NetworkDetector:
    """Raises ModelError when the file is not a model, or not one its head can read."""
    core = openvino.Core()
    if options.precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise ModelError(
            "backend 'openvino': precision: expected f32, as this CPU does not compute in bf16, got 'bf16'"
        )
    try:
        model = core.read_model(file.path)
    except RuntimeError as err:
        raise ModelError(f"{file.path}: not an ONNX model: {_reason(err)}") from err
    port = input_of(file, [_port(each) for each in model.inputs])

    def compiled(streams: int) -> openvino.CompiledModel:
        settings = {
            "INFERENCE_PRECISION_HINT": options.precision,
            "INFERENCE_NUM_THREADS": options.threads,
            "NUM_STREAMS": streams,
        }
        try:
            model.reshape([-1 if port.takes_batches else 1, 3, port.height_px, port.width_px])
            return core.compile_model(model, "CPU", settings)
        except RuntimeError as err:
            raise ModelError(f"{file.path}: the model does not run: {_reason(err)}") from err

    def lanes() -> list[OpenvinoNetwork]:
        beside = compiled(options.threads)
        return [OpenvinoNetwork(beside) for _ in range(options.threads)]

    return NetworkDetector(
        OpenvinoNetwork(compiled(1)),
        file,
        options,
        port=port,
        backend="openvino" if options.precision == "f32" else f"openvino/{options.precision}",
        batch_max=options.threads,
        open_lanes=lanes if options.threads > 1 else None,
    )


class OpenvinoNetwork:
    """One request, asked again and again: input and outputs are never copied."""

    def __init__(self, compiled: openvino.CompiledModel) -> None:
        self._request = compiled.create_infer_request()
        self._outputs = range(len(compiled.outputs))

    def run(self, tensor: FloatArray) -> Sequence[FloatArray]:
        try:
            self._request.set_input_tensor(openvino.Tensor(tensor, shared_memory=True))
            self._request.infer()
        except RuntimeError as err:
            raise InferenceError(_reason(err)) from err
        return [self._request.get_output_tensor(index).data for index in self._outputs]


def _port(port: openvino.Output) -> Port:
    sides = tuple(side.get_length() if side.is_static else str(side) for side in port.partial_shape)
    kind = FLOAT if port.element_type == openvino.Type.f32 else str(port.element_type)
    return Port(port.any_name, kind, sides)


def _reason(err: Exception) -> str:
    """OpenVINO tells first where in its sources it stood; the last line says what was wrong."""
    lines = [line.strip() for line in str(err).splitlines() if line.strip()]
    return lines[-1] if lines else type(err).__name__
