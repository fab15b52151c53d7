"""The trained network as an ONNX file that the head `yolox` reads: onnx.helper and the layer list, nothing else.

Input `images` (1, 3, side, side), BGR 0 to 255; output (1, cells, 5 + classes): cx cy w h as the network says them,
objectness and scores as probabilities. The division by 255 lies in the weights of the first convolution.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

from detectors.detections import FloatArray
from detectors.nano.network import CLASSES, INPUT, POOL_PX, STRIDES_PX, Layer, Network

OPSET = 17
IR = 8  # of the same time as the opset: older runtimes refuse a newer one


def write_onnx(network: Network, weights: Mapping[str, tuple[FloatArray, FloatArray]], *, side_px: int) -> ModelProto:
    """weights: of each convolution the kernel (rows, columns, in, out) with batch normalisation folded into it, and the
    bias (out)."""
    writer = _Writer()
    for layer in network.layers:
        writer.layer(layer, weights.get(layer.name))
    rows = []
    for (box, kind), stride_px in zip(network.outputs, STRIDES_PX, strict=True):
        where, there = writer.split(box)
        scores = writer.node("Sigmoid", [writer.node("Concat", [there, kind], axis=1)])
        joined = writer.node("Concat", [where, scores], axis=1)
        shape = writer.constant(np.array([1, 5 + len(CLASSES), (side_px // stride_px) ** 2], np.int64))
        rows.append(writer.node("Reshape", [joined, shape]))
    every = writer.node("Concat", rows, axis=2)
    writer.node("Transpose", [every], name="output", perm=[0, 2, 1])
    cells = sum((side_px // stride_px) ** 2 for stride_px in STRIDES_PX)
    graph = helper.make_graph(
        writer.nodes,
        "vedette-nano",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [1, 3, side_px, side_px])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, cells, 5 + len(CLASSES)])],
        writer.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="vedette")
    model.ir_version = IR
    checker.check_model(model, full_check=True)
    return model


class _Writer:
    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def layer(self, layer: Layer, weights: "tuple[FloatArray, FloatArray] | None") -> None:
        inputs, name = list(layer.inputs), layer.name
        if layer.kind in ("conv", "predict"):
            assert weights is not None
            kernel, bias = weights
            if inputs == [INPUT]:
                kernel = kernel / np.float32(255)
            inputs += [self.constant(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))), self.constant(bias)]
            is_active = layer.kind == "conv" and layer.is_active
            made = self.node(
                "Conv",
                inputs,
                name=f"{name}_conv" if is_active else name,
                kernel_shape=[layer.kernel] * 2,
                strides=[layer.stride] * 2,
                pads=[layer.kernel // 2] * 4,
            )
            if is_active:
                self.node("Relu", [made], name=name)
        elif layer.kind == "concat":
            self.node("Concat", inputs, name=name, axis=1)
        elif layer.kind == "add":
            self.node("Add", inputs, name=name)
        elif layer.kind == "pool":
            self.node("MaxPool", inputs, name=name, kernel_shape=[POOL_PX] * 2, pads=[POOL_PX // 2] * 4)
        else:
            scales = self.constant(np.array([1, 1, 2, 2], np.float32))
            options = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            self.node("Resize", [*inputs, "", scales], name=name, **options)

    def split(self, box: str) -> tuple[str, str]:
        """Where the box is, and whether there is one."""
        names = [f"{box}_where", f"{box}_there"]
        sizes = self.constant(np.array([4, 1], np.int64))
        self.nodes.append(helper.make_node("Split", [box, sizes], names, name=f"{box}_split", axis=1))
        return names[0], names[1]

    def node(self, operator: str, inputs: list[str], *, name: str | None = None, **attributes: Any) -> str:
        name = name or f"{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def constant(self, values: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]") -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name
