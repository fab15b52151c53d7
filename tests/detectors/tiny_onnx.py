"""YOLOX-shaped networks of a few kilobytes, written byte by byte: tests of bad models need no download.

output = rows + mean brightness of the picture * gain. Field numbers are those of onnx.proto3.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
FLOAT, INT, INTS = 1, 2, 7
SIDE_PX = 64
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


def tiny_yolox(
    rows: FloatArray, *, gain: FloatArray | None = None, batch: int | str = 1, side_px: int = SIDE_PX
) -> bytes:
    """The file of a network with one input `images` and one output `output`."""
    gain = np.zeros_like(rows) if gain is None else gain
    nodes = [
        _node("ReduceMean", ["images"], "lines", axes=[3], keepdims=0),
        _node("ReduceMean", ["lines"], "mean", axes=[1, 2], keepdims=1),
        _node("Mul", ["mean", "gain"], "shine"),
        _node("Add", ["shine", "rows"], "output"),
    ]
    graph = b"".join(
        [
            *(_bytes(1, node) for node in nodes),
            _bytes(2, b"tiny"),
            _bytes(5, _tensor("gain", gain[None])),
            _bytes(5, _tensor("rows", rows[None])),
            _bytes(11, _value("images", [batch, 3, side_px, side_px])),
            _bytes(12, _value("output", [batch, *rows.shape])),
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


def _tensor(name: str, values: FloatArray) -> bytes:
    dims = b"".join(_int(1, side) for side in values.shape)
    return dims + _int(2, FLOAT) + _bytes(8, name.encode()) + _bytes(9, values.astype("<f4").tobytes())


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(_bytes(1, _int(1, d) if isinstance(d, int) else _bytes(2, d.encode())) for d in shape)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _int(1, FLOAT) + _bytes(2, dims)))
