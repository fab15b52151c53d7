"""What every runtime that runs a network shares: the picture in, the head's boxes out, and what is refused at opening.

A runtime brings a `Network`; its outputs may be memory that the next run overwrites, so boxes are read at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import numpy as np
from pydantic import Field

from contract.events import ModelIdentity
from contract.frozen import Frozen
from contract.labels import Label
from detectors import plugins
from detectors.boxes import suppress, to_frame
from detectors.detections import Detections, FloatArray
from detectors.detector import Prepared
from detectors.errors import InferenceError, ModelError
from detectors.frame import Frame
from detectors.letterbox import GREY, Letterbox
from detectors.registry import ModelFile

FLOAT = "tensor(float)"  # onnxruntime's word for float32


class NetworkOptions(Frozen):
    """What can be said to every runtime."""

    score_min: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1  # a tracker makes use of weak boxes; an alarm needs more
    iou_max: Annotated[float, Field(gt=0.0, le=1.0)] = 0.6  # of two boxes of one class, above this they are one object


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


class Network(Protocol):
    """A network ready to run."""

    def run(self, tensor: FloatArray) -> Sequence[FloatArray]:
        """Every output for (n, 3, height, width). Raises InferenceError with the runtime's own words."""
        ...


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
    """A model on a runtime; one of fixed batch 1 takes its frames one by one.

    Opening it looks at a grey picture once, and raises ModelError when the network does not run or does not give what
    its head reads: the shapes a file declares may be symbols, those it delivers are not.
    """

    def __init__(
        self, network: Network, file: ModelFile, options: NetworkOptions, *, port: InputPort, backend: str
    ) -> None:
        self._network = network
        self._options = options
        self._name = str(file.path)
        self._takes_batches = port.takes_batches
        self._shape = (3, port.height_px, port.width_px)
        self._head = plugins.load("heads", file.manifest.head).Head(
            width_px=port.width_px, height_px=port.height_px, class_count=len(file.manifest.classes)
        )
        self._letterbox = Letterbox(width_px=port.width_px, height_px=port.height_px, picture=self._head.picture)
        self._stack: FloatArray = np.empty((0, *self._shape), np.float32)
        self.identity = ModelIdentity(name=file.manifest.name, sha256=file.sha256, backend=backend)
        self.labels: tuple[Label, ...] = file.manifest.class_labels()
        self._try_once(file)

    def prepare(self, frame: Frame) -> Prepared:
        return self._letterbox.fit(frame)

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        if self._takes_batches and len(batch) > 1:
            raws = self._run(self._stacked(batch))
            return [self.boxes(raw, prepared) for raw, prepared in zip(raws, batch, strict=True)]
        return [self.boxes(self.infer(prepared), prepared) for prepared in batch]

    def infer(self, prepared: Prepared) -> FloatArray:
        """The head's raw output for one frame; valid until the next run."""
        raw: FloatArray = self._run(prepared.tensor[None])[0]
        return raw

    def boxes(self, raw: FloatArray, prepared: Prepared) -> Detections:
        """Raises InferenceError, naming model and frame, when `raw` is nonsense."""
        try:
            found: Detections = self._head.decode(raw, score_min=self._options.score_min)
        except InferenceError as err:
            raise InferenceError(f"{self._name}: frame at {prepared.pts_us} us: {err}") from err
        found = to_frame(found, prepared)
        return suppress(found, iou_max=self._options.iou_max) if self._head.overlaps else found

    def _run(self, tensor: FloatArray) -> FloatArray:
        try:
            return self._network.run(tensor)[0]
        except InferenceError as err:
            raise InferenceError(f"{self._name}: {err}") from err

    def _stacked(self, batch: Sequence[Prepared]) -> FloatArray:
        if len(self._stack) < len(batch):
            self._stack = np.empty((len(batch), *self._shape), np.float32)
        return np.stack([prepared.tensor for prepared in batch], out=self._stack[: len(batch)])

    def _try_once(self, file: ModelFile) -> None:
        try:
            outputs: Sequence[Any] = self._network.run(np.full((1, *self._shape), GREY, np.float32))
        except InferenceError as err:
            raise ModelError(f"{file.path}: the model does not run: {err}") from err
        got = [getattr(output, "shape", ()) for output in outputs]
        expected = (1, *self._head.output_shape)
        if got != [expected] or outputs[0].dtype != np.float32:
            shapes = ", ".join(str(shape) for shape in got)
            raise ModelError(
                f"{file.path}: head '{file.manifest.head}' expects one float output {expected}, got {shapes}"
            )
