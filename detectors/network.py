"""What every runtime that runs a network shares: the picture in, the head's boxes out, and what is refused at opening.

A runtime brings a `Network`; its outputs may be memory that the next run overwrites, so boxes are read at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog

from contract.events import ModelIdentity
from contract.labels import Label
from detectors.detections import Detections, FloatArray
from detectors.detector import Prepared
from detectors.errors import InferenceError, ModelError
from detectors.frame import Frame
from detectors.lane import Lane, Lanes, Network, NetworkOptions
from detectors.letterbox import GREY, Letterbox
from detectors.registry import ModelFile

log = structlog.get_logger()
FLOAT = "tensor(float)"  # onnxruntime's word for float32


@dataclass(frozen=True, slots=True)
class Port:
    """One declared input of a network. A dimension left open is anything but a number."""

    name: str
    kind: str
    shape: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class InputPort:
    """The one input of a network that looks at pictures: [1 or open, 3, height_px, width_px]."""

    name: str
    width_px: int
    height_px: int
    takes_batches: bool


def input_of(file: ModelFile, ports: Sequence[Port]) -> InputPort:
    """Raises ModelError for anything but pictures, and where the manifest says another size."""
    shapes = ", ".join(f"{each.name} {each.kind} {list(each.shape)}" for each in ports)
    wrong = ModelError(f"{file.path}: expected one input {FLOAT} [1, 3, height, width], got {shapes or 'none'}")
    if len(ports) != 1 or ports[0].kind != FLOAT or len(ports[0].shape) != 4 or ports[0].shape[1] != 3:
        raise wrong
    batch, _, *declared = ports[0].shape
    size = file.manifest.input
    if size is not None:
        expected = (size.height_px, size.width_px)
        if any(isinstance(got, int) and got != want for got, want in zip(declared, expected, strict=True)):
            raise ModelError(f"{file.path}: its manifest says height, width {expected}, the model {tuple(declared)}")
        declared = list(expected)
    height_px, width_px = declared
    if not isinstance(height_px, int) or not isinstance(width_px, int) or height_px % 32 or width_px % 32:
        raise wrong
    if isinstance(batch, int) and batch != 1:
        raise wrong
    return InputPort(ports[0].name, width_px, height_px, takes_batches=not isinstance(batch, int))


class NetworkDetector:
    """A model on a runtime. A batch goes through the network together where the model takes batches, else in turn.

    `open_lanes`: networks to be run beside each other, for a runtime whose batches are done sooner so. They are opened
    when the first batch comes and take the place of `network` for good, lone frames included: memory for both is not to
    be had everywhere. From then on `infer` is not to be used beside `detect`.
    batch_max: frames that are worth being handed over at once.

    Opening it looks at a grey picture once, and raises ModelError when the network does not run or does not give what
    its head reads: the shapes a file declares may be symbols, those it delivers are not.
    """

    def __init__(
        self,
        network: Network,
        file: ModelFile,
        options: NetworkOptions,
        *,
        port: InputPort,
        backend: str,
        batch_max: int = 1,
        open_lanes: Callable[[], Sequence[Network]] | None = None,
    ) -> None:
        self._file = file
        self._options = options
        self._port = port
        self._lane = self._lane_of(network)
        self._open_lanes = open_lanes
        self._lanes: Lanes | None = None
        self._letterbox = Letterbox(width_px=port.width_px, height_px=port.height_px, picture=self._lane.head.picture)
        self._stack: FloatArray = np.empty((0, 3, port.height_px, port.width_px), np.float32)
        self.batch_max = batch_max
        self.identity = ModelIdentity(name=file.manifest.name, sha256=file.sha256, backend=backend)
        self.labels: tuple[Label, ...] = file.manifest.class_labels()
        self._try_once()

    def prepare(self, frame: Frame) -> Prepared:
        return self._letterbox.fit(frame)

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        if len(batch) > 1 and self._lanes is None and self._open_lanes is not None:
            self._lanes = self._opened_lanes(self._open_lanes)
        if self._lanes is not None:
            return self._lanes.detect(batch)
        if len(batch) > 1 and self._port.takes_batches:
            raws = self._lane.run(self._stacked(batch))
            return [self._lane.boxes(raw, prepared) for raw, prepared in zip(raws, batch, strict=True)]
        return [self._lane.detect(prepared) for prepared in batch]

    def infer(self, prepared: Prepared) -> FloatArray:
        """The head's raw output for one frame; valid until the next run."""
        raw: FloatArray = self._lane.run(prepared.tensor[None])[0]
        return raw

    def boxes(self, raw: FloatArray, prepared: Prepared) -> Detections:
        """Raises InferenceError, naming model and frame, when `raw` is nonsense."""
        return self._lane.boxes(raw, prepared)

    def _opened_lanes(self, open_lanes: Callable[[], Sequence[Network]]) -> Lanes | None:
        """Where they do not open, one network goes on alone, and it is not tried again."""
        self._open_lanes = None
        try:
            lanes = [self._lane_of(network) for network in open_lanes()]
        except ModelError as err:
            log.warning("frames are looked at one after the other", model=str(self._file.path), reason=str(err))
            return None
        self._lane = lanes[0]  # for `infer`
        return Lanes(lanes)

    def _lane_of(self, network: Network) -> Lane:
        return Lane(network, self._file, self._options, width_px=self._port.width_px, height_px=self._port.height_px)

    def _stacked(self, batch: Sequence[Prepared]) -> FloatArray:
        if len(self._stack) < len(batch):
            self._stack = np.empty((len(batch), *self._stack.shape[1:]), np.float32)
        return np.stack([prepared.tensor for prepared in batch], out=self._stack[: len(batch)])

    def _try_once(self) -> None:
        file, grey = self._file, np.full((1, *self._stack.shape[1:]), GREY, np.float32)
        try:
            outputs: Sequence[Any] = self._lane.network.run(grey)
        except InferenceError as err:
            raise ModelError(f"{file.path}: the model does not run: {err}") from err
        got = [getattr(output, "shape", ()) for output in outputs]
        expected = (1, *self._lane.head.output_shape)
        if got != [expected] or outputs[0].dtype != np.float32:
            shapes = ", ".join(str(shape) for shape in got)
            raise ModelError(
                f"{file.path}: head '{file.manifest.head}' expects one float output {expected}, got {shapes}"
            )
