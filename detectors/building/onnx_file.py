"""An ONNX file made ready for a build: an opset that can be quantised, a batch that is open, FP16 in the file itself.

Inputs and outputs stay float32 in every precision, so that the same letterbox and heads serve them all.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper, version_converter
from onnxruntime.transformers.float16 import convert_float_to_float16

from detectors.errors import ModelError, first_line

OPSET_MIN = 13  # the first with a scale for each channel
BATCH = "batch"


def read_onnx(path: Path) -> ModelProto:
    """A model of opset 13 or later, all nodes named. Raises ModelError."""
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
        opset = next(each.version for each in model.opset_import if each.domain in {"", "ai.onnx"})
        if opset < OPSET_MIN:
            model = version_converter.convert_version(model, OPSET_MIN)
    except Exception as err:  # protobuf, the checker and the converter each raise their own
        raise ModelError(f"{path}: not an ONNX model that can be built from: {first_line(err)}") from err
    for index, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{index}"
    return model


def to_half(model: ModelProto) -> ModelProto:
    """Weights and arithmetic in float16."""
    half: ModelProto = convert_float_to_float16(model, keep_io_types=True)
    return half


def open_batch(model: ModelProto) -> ModelProto:
    """The same network for any number of pictures at once.

    A Reshape to [1, ...] becomes one to [0, ...], which ONNX reads as "as many as came in". Whether that holds for a
    model is seen when it runs: `vedette-models build` compares every picture of a batch.
    """
    opened = ModelProto()
    opened.CopyFrom(model)
    graph = opened.graph
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    del graph.value_info[:]  # the shapes in between were for one picture
    constants = _constants(opened)
    for node in graph.node:
        if node.op_type != "Reshape" or node.input[1] not in constants:
            continue
        target = numpy_helper.to_array(constants[node.input[1]]).copy()
        if len(target) > 1 and target[0] == 1:
            target[0] = 0
            name = f"{node.name}_any_batch"
            graph.initializer.append(numpy_helper.from_array(target.astype(np.int64), name))
            node.input[1] = name
    return opened


def _constants(model: ModelProto) -> dict[str, TensorProto]:
    found = {each.name: each for each in model.graph.initializer}
    found |= {node.output[0]: _value(node) for node in model.graph.node if node.op_type == "Constant"}
    return found


def _value(node: NodeProto) -> TensorProto:
    value: TensorProto = node.attribute[0].t
    return value
