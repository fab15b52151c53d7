"""ONNX files on the CPU, by onnxruntime.

Spinning is off: on cores that decode as well, waiting threads that spin double the time of everything else.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as native
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
from detectors.letterbox import letterbox
from detectors.registry import ModelFile

OPENS = ".onnx"
RUNTIME_ERRORS = (
    native.EPFail,
    native.Fail,
    native.InvalidArgument,
    native.InvalidGraph,
    native.InvalidProtobuf,
    native.NoModel,
    native.NoSuchFile,
    native.NotImplemented,
    native.RuntimeException,
)


class Options(Frozen):
    score_min: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1  # a tracker makes use of weak boxes; an alarm needs more
    iou_max: Annotated[float, Field(gt=0.0, le=1.0)] = 0.6  # of two boxes of one class, above this they are one object
    threads: Annotated[int, Field(ge=1, le=64)] = 2  # inside one inference


def open_model(file: ModelFile, options: Options) -> "OnnxDetector":
    """Raises ModelError when the file is not a model, or not one its head can read."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 4  # what is wrong is raised, once
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(str(file.path), settings, providers=["CPUExecutionProvider"])
    except RUNTIME_ERRORS as err:
        raise ModelError(f"{file.path}: not an ONNX model: {_first_line(err)}") from err
    detector = OnnxDetector(session, file, options)
    detector.try_once(file)
    return detector


class OnnxDetector:
    """One session; a model of fixed batch 1 takes its frames one by one."""

    def __init__(self, session: onnxruntime.InferenceSession, file: ModelFile, options: Options) -> None:
        self._session = session
        self._options = options
        self._name = str(file.path)
        self._input, self._width_px, self._height_px, self._takes_batches = _input_of(session, file)
        self._head = plugins.load("heads", file.manifest.head).Head(
            width_px=self._width_px, height_px=self._height_px, class_count=len(file.manifest.classes)
        )
        self.identity = ModelIdentity(name=file.manifest.name, sha256=file.sha256, backend="onnxruntime")
        self.labels: tuple[Label, ...] = file.manifest.class_labels()

    def prepare(self, frame: Frame) -> Prepared:
        return letterbox(frame, width_px=self._width_px, height_px=self._height_px)

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        if self._takes_batches and len(batch) > 1:
            raws = list(self._run(np.stack([prepared.tensor for prepared in batch])))
        else:
            raws = [self._run(prepared.tensor[None])[0] for prepared in batch]
        return [self._boxes(raw, prepared) for raw, prepared in zip(raws, batch, strict=True)]

    def _boxes(self, raw: FloatArray, prepared: Prepared) -> Detections:
        try:
            found = self._head.decode(raw, score_min=self._options.score_min)
        except InferenceError as err:
            raise InferenceError(f"{self._name}: frame at {prepared.pts_us} us: {err}") from err
        return suppress(to_frame(found, prepared), iou_max=self._options.iou_max)

    def _run(self, tensor: FloatArray) -> FloatArray:
        try:
            outputs: list[FloatArray] = self._session.run(None, {self._input: tensor})
        except RUNTIME_ERRORS as err:
            raise InferenceError(f"{self._name}: {_first_line(err)}") from err
        return outputs[0]

    def try_once(self, file: ModelFile) -> None:
        """A grey picture through the network: the shapes a file declares may be symbols, those it delivers are not.

        Raises ModelError when they are not what the head reads.
        """
        try:
            outputs = self._session.run(
                None, {self._input: np.full((1, 3, self._height_px, self._width_px), 114.0, np.float32)}
            )
        except RUNTIME_ERRORS as err:
            raise ModelError(f"{file.path}: the model does not run: {_first_line(err)}") from err
        got = [getattr(output, "shape", ()) for output in outputs]
        expected = (1, *self._head.output_shape)
        if got != [expected] or outputs[0].dtype != np.float32:
            shapes = ", ".join(str(shape) for shape in got)
            raise ModelError(
                f"{file.path}: head '{file.manifest.head}' expects one float output {expected}, got {shapes}"
            )


def _input_of(session: onnxruntime.InferenceSession, file: ModelFile) -> tuple[str, int, int, bool]:
    """Name, width, height, and whether the batch is open. Raises ModelError for anything but pictures."""
    inputs = session.get_inputs()
    shapes = ", ".join(f"{each.name} {each.type} {each.shape}" for each in inputs)
    wrong = ModelError(f"{file.path}: expected one input tensor(float) [1, 3, height, width], got {shapes or 'none'}")
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 4 or inputs[0].shape[1] != 3:
        raise wrong
    batch, _, *declared = inputs[0].shape  # a dimension left open is a name or None
    size = file.manifest.input
    if size is not None:
        expected = (size.height_px, size.width_px)
        if any(isinstance(got, int) and got != want for got, want in zip(declared, expected, strict=True)):
            raise ModelError(f"{file.path}: its manifest says height, width {expected}, the model {tuple(declared)}")
        declared = list(expected)
    if not all(isinstance(side, int) and side % 32 == 0 for side in declared) or (
        isinstance(batch, int) and batch != 1
    ):
        raise wrong
    return inputs[0].name, declared[1], declared[0], not isinstance(batch, int)


def _first_line(err: Exception) -> str:
    return str(err).strip().splitlines()[0]
