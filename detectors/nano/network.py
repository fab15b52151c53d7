"""The network, described once: what trains it and what writes it as ONNX both read this list.

Plain 3x3 and 1x1 convolutions with ReLU, which quantise well and train fast on a CPU: a backbone of cross-stage blocks,
pooling over several sizes, a pyramid that goes down and up again, and for each of three grids (strides 8, 16, 32) one
branch for boxes and objectness and one for classes. A forward pass at 416x416 takes about 0.5 billion multiplications.
"""

from dataclasses import dataclass
from typing import Literal

CLASSES = ("person", "vehicle", "animal")
STRIDES_PX = (8, 16, 32)
INPUT = "images"
POOL_PX = 5  # three in a row see 5, 9 and 13 cells, as in YOLOv5's fast pyramid pooling
BOX_CHANNELS = 5  # cx cy w h objectness
BATCH_EPSILON = 1e-3  # of batch normalisation

Kind = Literal["conv", "predict", "concat", "add", "upsample", "pool"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One step; `inputs` are names of earlier ones. `conv` is convolution, batch normalisation and, where `is_active`,
    ReLU; `predict` a 1x1 convolution with a bias and nothing after it. Both pad to keep side / stride cells."""

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    channels: int
    channels_in: int = 0
    kernel: int = 1
    stride: int = 1
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class Network:
    """outputs: for each stride the names of its box and its class prediction."""

    layers: tuple[Layer, ...]
    outputs: tuple[tuple[str, str], ...]

    def convolutions(self) -> list[Layer]:
        """All that have weights."""
        return [layer for layer in self.layers if layer.kind in ("conv", "predict")]

    def weight_count(self) -> int:
        """With batch normalisation folded: weights and biases."""
        return sum((layer.kernel**2 * layer.channels_in + 1) * layer.channels for layer in self.convolutions())


@dataclass(frozen=True, slots=True)
class Widths:
    """Channels: of the five steps of the backbone, of the pyramid and of the heads."""

    backbone: tuple[int, int, int, int, int] = (16, 24, 48, 96, 160)
    neck: int = 64
    head: int = 48


def nano(widths: Widths | None = None) -> Network:
    """The network of `vedette-nano`; other widths for trying out."""
    w = widths or Widths()
    build = _Builder()
    x = build.conv(INPUT, "stem", w.backbone[0], kernel=3, stride=2)
    stages = []
    for index, (channels, depth) in enumerate(zip(w.backbone[1:], (1, 1, 2, 1), strict=True), start=1):
        x = build.conv(x, f"down{index}", channels, kernel=3, stride=2)
        x = build.block(x, f"stage{index}", channels, depth=depth)
        stages.append(x)
    fine, middle, coarse = stages[1], stages[2], build.pyramid_pool(stages[3], "pool", w.neck)
    middle_up = build.merge(build.upsample(coarse, "up4"), middle, "top4", w.neck)
    level3 = build.merge(build.upsample(middle_up, "up3"), fine, "top3", w.neck)
    level4 = build.merge(build.conv(level3, "low3", w.neck, kernel=3, stride=2), middle_up, "low4", w.neck)
    level5 = build.merge(build.conv(level4, "low4_down", w.neck, kernel=3, stride=2), coarse, "low5", w.neck)
    outputs = []
    for level, stride_px in zip((level3, level4, level5), STRIDES_PX, strict=True):
        box = build.conv(level, f"box{stride_px}", w.head, kernel=3)
        kind = build.conv(level, f"class{stride_px}", w.head, kernel=3)
        outputs.append(
            (
                build.predict(box, f"box{stride_px}_out", BOX_CHANNELS),
                build.predict(kind, f"class{stride_px}_out", len(CLASSES)),
            )
        )
    return Network(tuple(build.layers), tuple(outputs))


class _Builder:
    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self._channels = {INPUT: 3}

    def conv(
        self, x: str, name: str, channels: int, *, kernel: int = 1, stride: int = 1, is_active: bool = True
    ) -> str:
        return self._add(Layer(name, "conv", (x,), channels, self._channels[x], kernel, stride, is_active))

    def predict(self, x: str, name: str, channels: int) -> str:
        return self._add(Layer(name, "predict", (x,), channels, self._channels[x]))

    def upsample(self, x: str, name: str) -> str:
        return self._add(Layer(name, "upsample", (x,), self._channels[x]))

    def merge(self, x: str, other: str, name: str, channels: int) -> str:
        return self.block(self._concat((x, other), f"{name}_both"), name, channels, depth=1)

    def block(self, x: str, name: str, channels: int, *, depth: int) -> str:
        """Half of the channels go through `depth` residual pairs of 3x3; all that passed by is joined at the end."""
        half = channels // 2
        seen = [self.conv(x, f"{name}_past", half), self.conv(x, f"{name}_in", half)]
        for index in range(depth):
            first = self.conv(seen[-1], f"{name}_a{index}", half, kernel=3)
            second = self.conv(first, f"{name}_b{index}", half, kernel=3)
            seen.append(self._add(Layer(f"{name}_sum{index}", "add", (seen[-1], second), half)))
        return self.conv(self._concat(tuple(seen), f"{name}_all"), name, channels)

    def pyramid_pool(self, x: str, name: str, channels: int) -> str:
        seen = [self.conv(x, f"{name}_in", channels)]
        for index in range(3):
            seen.append(self._add(Layer(f"{name}{index}", "pool", (seen[-1],), channels)))
        return self.conv(self._concat(tuple(seen), f"{name}_all"), name, channels)

    def _concat(self, names: tuple[str, ...], name: str) -> str:
        return self._add(Layer(name, "concat", names, sum(self._channels[each] for each in names)))

    def _add(self, layer: Layer) -> str:
        self._channels[layer.name] = layer.channels
        self.layers.append(layer)
        return layer.name
