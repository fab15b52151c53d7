"""ONNX files on the CPU, by onnxruntime; in the precision of the file.

Spinning is off: on cores that decode as well, waiting threads that spin double the time of everything else.
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as native
from pydantic import Field

from detectors.detections import FloatArray
from detectors.errors import InferenceError, ModelError, first_line
from detectors.lane import NetworkOptions
from detectors.network import NetworkDetector, Port, input_of
from detectors.registry import ModelFile, sha256_of

OPENS = (".onnx",)
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


class Options(NetworkOptions):
    threads: Annotated[int, Field(ge=1, le=64)] = 2  # inside one inference, or inferences beside each other


def open_model(file: ModelFile, options: Options) -> NetworkDetector:
    """Raises ModelError when the file is not a model, or not one its head can read."""
    session = open_session(file, threads=options.threads)
    port = input_of(file, [Port(each.name, each.type, tuple(each.shape)) for each in session.get_inputs()])
    return NetworkDetector(
        OnnxNetwork(session),
        file,
        options,
        port=port,
        backend="onnxruntime",
        batch_max=options.threads,
        open_lanes=partial(_lanes, file, options.threads) if options.threads > 1 else None,
    )


def _lanes(file: ModelFile, count: int) -> list["OnnxNetwork"]:
    """One session, which may be shared; of the same bytes as before, whatever lies there now."""
    if sha256_of(file.path) != file.sha256:
        raise ModelError(f"{file.path}: it is another file than the one that was opened")
    return [OnnxNetwork(open_session(file, threads=1))] * count


def open_session(file: ModelFile, *, threads: int) -> onnxruntime.InferenceSession:
    """Raises ModelError when the file is not a model."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 4  # what is wrong is raised, once
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(file.path), settings, providers=["CPUExecutionProvider"])
    except RUNTIME_ERRORS as err:
        raise ModelError(f"{file.path}: not an ONNX model: {first_line(err)}") from err


class OnnxNetwork:
    """One session."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._input = session.get_inputs()[0].name

    def run(self, tensor: FloatArray) -> Sequence[FloatArray]:
        try:
            outputs: Sequence[FloatArray] = self._session.run(None, {self._input: tensor})
        except RUNTIME_ERRORS as err:
            raise InferenceError(first_line(err)) from err
        return outputs
