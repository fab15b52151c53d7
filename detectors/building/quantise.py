"""FP32 to INT8: QuantizeLinear and DequantizeLinear around the convolutions, by onnxruntime's static quantisation.

What goes into a convolution is quantised, what comes out is not: TensorRT joins the activation to the convolution by
itself, and a rounded input of a SiLU costs more than it saves. Depthwise convolutions stay float: one scale for many
channels of different range ruins a small network (YOLOX-Nano finds nobody with them, nearly everybody without).
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto, NodeProto, helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from detectors.detections import FloatArray

INT8_MAX = 127
OPTIONS = {
    "ActivationSymmetric": True,  # TensorRT knows no zero point
    "WeightSymmetric": True,
    "QuantizeBias": False,
    "OpTypesToExcludeOutputQuantization": ["Conv"],
}


def fold(model: ModelProto) -> ModelProto:
    """Constants folded, batch normalisation in the convolutions, every shape written down."""
    with tempfile.TemporaryDirectory() as folder:
        path, folded = Path(folder) / "model.onnx", Path(folder) / "folded.onnx"
        path.write_bytes(model.SerializeToString())
        quant_pre_process(str(path), str(folded), skip_symbolic_shape=True)
        return onnx.load(str(folded))


def by_sensitivity(folded: ModelProto, pictures: Sequence[FloatArray]) -> list[str]:
    """Names of the dense convolutions, the one that 8 bits hurt most first.

    By the signal-to-noise ratio of its input: mean square over the variance of rounding, (largest / 127)^2 / 12.
    """
    convolutions = _dense(folded)
    probe = ModelProto()
    probe.CopyFrom(folded)
    del probe.graph.output[:]
    for name in dict.fromkeys(node.input[0] for node in convolutions):
        probe.graph.output.append(helper.make_empty_tensor_value_info(name))
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4  # it would tell what the probe has no more use for
    session = onnxruntime.InferenceSession(probe.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    largest, square = np.zeros(len(names)), np.zeros(len(names))
    for picture in pictures:
        for index, values in enumerate(session.run(None, {folded.graph.input[0].name: picture})):
            largest[index] = max(largest[index], float(np.abs(values).max()))
            square[index] += float(np.square(values, dtype=np.float64).mean())
    noise = np.square(largest / INT8_MAX) / 12
    ratio = dict(zip(names, square / np.maximum(noise, np.finfo(np.float64).tiny), strict=True))
    return [node.name for node in sorted(convolutions, key=lambda node: (ratio[node.input[0]], node.name))]


def quantise(folded: ModelProto, pictures: Sequence[FloatArray], *, keep_float: Sequence[str]) -> ModelProto:
    """Q/DQ around every dense convolution but those of `keep_float`; ranges are what `pictures` (1, 3, h, w) reach."""
    chosen = [node.name for node in _dense(folded) if node.name not in set(keep_float)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        quantize_static(
            folded,
            str(path),
            _Reader(folded.graph.input[0].name, pictures),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            nodes_to_quantize=chosen,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options=OPTIONS,
        )
        return onnx.load(str(path))


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, pictures: Sequence[FloatArray]) -> None:
        self._feeds: Iterator[dict[str, FloatArray]] = iter([{name: picture} for picture in pictures])

    def get_next(self) -> dict[str, FloatArray] | None:
        return next(self._feeds, None)


def _dense(model: ModelProto) -> list[NodeProto]:
    return [node for node in model.graph.node if node.op_type == "Conv" and _groups(node) == 1]


def _groups(node: NodeProto) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
