"""Networks of a few kilobytes, written byte by byte: tests of models and backends need no download.

Of `tiny_yolox` the output is known: rows + mean brightness of the picture * gain. A `looking_network` has random
weights: what it calls an object, nobody knows before, but every runtime has to say the same. Field numbers are those
of onnx.proto3.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
FLOAT, INT64 = 1, 7  # of a tensor
INT, INTS = 2, 7  # of an attribute
SIDE_PX = 64
BOX_CELLS = 6.0  # side of a looking network's boxes
CELLS = 64 + 16 + 4  # strides 8, 16, 32


def rows_of(*boxes: tuple[float, float, float, float, float, int], class_count: int = 2) -> FloatArray:
    """Raw output that holds (x1, y1, x2, y2, score, class) in input pixels, in the cells of stride 8."""
    rows = np.zeros((CELLS, 5 + class_count), np.float32)
    for cell, (x1, y1, x2, y2, score, index) in enumerate(boxes):
        centre = np.array([x1 + x2, y1 + y2]) / 2 / 8 - [cell % 8, cell // 8]
        size = np.log(np.array([x2 - x1, y2 - y1]) / 8)
        rows[cell, :5] = [*centre, *size, score]
        rows[cell, 5 + index] = 1.0
    return rows


def columns_of(*boxes: tuple[float, float, float, float, float, int], class_count: int = 2) -> FloatArray:
    """Raw output of head `yolo` that holds (x1, y1, x2, y2, score, class) in input pixels."""
    columns = np.zeros((4 + class_count, CELLS), np.float32)
    for cell, (x1, y1, x2, y2, score, index) in enumerate(boxes):
        columns[:4, cell] = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
        columns[4 + index, cell] = score
    return columns


def ends_of(*boxes: tuple[float, float, float, float, float, int]) -> FloatArray:
    """Raw output of head `yolo_end2end` that holds (x1, y1, x2, y2, score, class) in input pixels."""
    rows = np.zeros((300, 6), np.float32)
    rows[: len(boxes)] = boxes
    return rows


def looking_network(head: str, *, width_px: int, height_px: int, class_count: int) -> bytes:
    """Cells as `head` has them; each cell's mean colour makes its box and its scores. Fixed batch 1.

    For `yolo_end2end` the picture must have 300 cells of 32 px.
    """
    random = np.random.default_rng(14)
    white = 255.0 if head == "yolox" else 1.0
    strides_px = (32,) if head == "yolo_end2end" else (8, 16, 32)
    score_count = {"yolox": 1 + class_count, "yolo": class_count, "yolo_end2end": 1}[head]
    contrast = random.normal(0, 1, (score_count, 3, 3, 3))
    contrast -= contrast.mean(axis=(2, 3), keepdims=True)  # an even surface is nothing
    score_weights = (contrast * 4 / white).astype(np.float32)
    box_weights = (random.normal(0, 0.5, (4, 3)) / white).astype(np.float32)
    nodes, values = [], [_tensor("score_bias", np.full(score_count, -2.0, np.float32))]
    values += [_tensor("score_weights", score_weights), _tensor("four", np.array([0, 4, -1]))]
    values += [_tensor("box_weights", box_weights[..., None, None]), _tensor("many", np.array([0, score_count, -1]))]
    for stride in strides_px:
        nodes += [
            _node("AveragePool", ["images"], f"mean{stride}", kernel_shape=[stride] * 2, strides=[stride] * 2),
            _node("Conv", [f"mean{stride}", "box_weights"], f"b{stride}"),
            _node("Reshape", [f"b{stride}", "four"], f"boxes{stride}"),
            _node("Conv", [f"mean{stride}", "score_weights", "score_bias"], f"s{stride}", pads=[1] * 4),
            _node("Reshape", [f"s{stride}", "many"], f"scores{stride}"),
        ]
    grid = _grid(head, strides_px, width_px=width_px, height_px=height_px)
    values.append(_tensor("grid", grid[None]))
    nodes += [
        _node("Concat", [f"boxes{stride}" for stride in strides_px], "offsets", axis=2),
        _node("Add", ["offsets", "grid"], "boxes"),
        _node("Concat", [f"scores{stride}" for stride in strides_px], "logits", axis=2),
        _node("Sigmoid", ["logits"], "scores"),
    ]
    parts = ["boxes", "scores"]
    if head == "yolo_end2end":
        values.append(_tensor("class", random.integers(0, class_count, (1, 1, grid.shape[1])).astype(np.float32)))
        parts.append("class")
    last = "output" if head == "yolo" else "columns"
    nodes.append(_node("Concat", parts, last, axis=1))
    shape = [4 + score_count + (head == "yolo_end2end"), grid.shape[1]]
    if head != "yolo":
        nodes.append(_node("Transpose", ["columns"], "output", perm=[0, 2, 1]))
        shape.reverse()
    return _file(nodes, values, [1, 3, height_px, width_px], [[1, *shape]])


def _grid(head: str, strides_px: Sequence[int], *, width_px: int, height_px: int) -> FloatArray:
    """(4, cells): what is added to the offsets, so that boxes overlap their neighbours' and are where their cell is."""
    columns = []
    for stride in strides_px:
        y, x = np.divmod(np.arange(width_px // stride * (height_px // stride)), width_px // stride)
        x, y, size = (x + 0.5) * stride, (y + 0.5) * stride, np.full(len(x), BOX_CELLS * stride)
        if head == "yolox":
            zero, log_cells = np.zeros(len(x)), np.full(len(x), np.log(BOX_CELLS))
            columns.append(np.stack([zero, zero, log_cells, log_cells]))
        elif head == "yolo":
            columns.append(np.stack([x, y, size, size]))
        else:
            columns.append(np.stack([x - stride, y - stride, x + stride, y + stride]))
    return np.concatenate(columns, axis=1).astype(np.float32)


def tiny_yolox(
    rows: FloatArray,
    *,
    gain: FloatArray | None = None,
    batch: int | str = 1,
    side_px: int = SIDE_PX,
    output_count: int = 1,
) -> bytes:
    """The file of a network with one input `images` and the output `output`; further ones are the same again."""
    gain = np.zeros_like(rows) if gain is None else gain
    nodes = [
        _node("ReduceMean", ["images"], "lines", axes=[3], keepdims=0),
        _node("ReduceMean", ["lines"], "mean", axes=[1, 2], keepdims=1),
        _node("Mul", ["mean", "gain"], "shine"),
        _node("Add", ["shine", "rows"], "output"),
    ]
    more = [f"output{number}" for number in range(2, output_count + 1)]
    nodes += [_node("Identity", ["output"], name) for name in more]
    values = [_tensor("gain", gain[None]), _tensor("rows", rows[None])]
    return _file(nodes, values, [batch, 3, side_px, side_px], [[batch, *rows.shape]] * output_count)


def _file(
    nodes: Sequence[bytes], values: Sequence[bytes], taken: Sequence[int | str], given: Sequence[Sequence[int | str]]
) -> bytes:
    outputs = [f"output{number}" if number > 1 else "output" for number in range(1, len(given) + 1)]
    graph = b"".join(
        [
            *(_bytes(1, node) for node in nodes),
            _bytes(2, b"tiny"),
            *(_bytes(5, value) for value in values),
            _bytes(11, _value("images", taken)),
            *(_bytes(12, _value(name, shape)) for name, shape in zip(outputs, given, strict=True)),
        ]
    )
    return _int(1, 8) + _bytes(7, graph) + _bytes(8, _int(2, 13))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _node(kind: str, inputs: Sequence[str], output: str, **attributes: int | list[int]) -> bytes:
    parts = [*(_bytes(1, name.encode()) for name in inputs), _bytes(2, output.encode()), _bytes(4, kind.encode())]
    for name, value in attributes.items():
        body = _int(3, value) + _int(20, INT) if isinstance(value, int) else b""
        if isinstance(value, list):
            body = b"".join(_int(8, each) for each in value) + _int(20, INTS)
        parts.append(_bytes(5, _bytes(1, name.encode()) + body))
    return b"".join(parts)


def _tensor(name: str, values: npt.NDArray[Any]) -> bytes:
    kind, dtype = (FLOAT, "<f4") if values.dtype == np.float32 else (INT64, "<i8")
    dims = b"".join(_int(1, side) for side in values.shape)
    return dims + _int(2, kind) + _bytes(8, name.encode()) + _bytes(9, values.astype(dtype).tobytes())


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(_bytes(1, _int(1, d) if isinstance(d, int) else _bytes(2, d.encode())) for d in shape)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _int(1, FLOAT) + _bytes(2, dims)))
