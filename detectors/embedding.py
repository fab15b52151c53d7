"""Crops of persons to vectors that are near each other where the persons look alike: for networks of re-identification.

A vector tells a person from others for some seconds in one camera's view. It names nobody, and it is personal data: who
asks for one keeps it in memory only, no longer than he needs it.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from detectors import plugins
from detectors.detections import FloatArray
from detectors.errors import InferenceError, ModelError
from detectors.frame import ImageBgr
from detectors.lane import Network
from detectors.registry import ModelFile, find_model

CHANNELS = 3
LONGEST = 4096  # numbers of a vector; what gives more is a detector
GREY = 114
Crop = npt.NDArray[np.uint8]


class Embedder:
    """One network that looks at one crop at a time: BGR, 0 to 255, stretched to its input."""

    def __init__(
        self, network: Network, file: ModelFile, *, width_px: int, height_px: int, channels_last: bool
    ) -> None:
        self._network = network
        self._file = file
        self._size_px = (width_px, height_px)
        self._channels_last = channels_last

    def crop(self, image_bgr: ImageBgr, xyxy_px: Sequence[float]) -> Crop:
        """(height, width, 3) uint8: what the box shows, as large as the network wants it. The box meets the picture."""
        height_px, width_px = image_bgr.shape[:2]
        left, top = max(int(xyxy_px[0]), 0), max(int(xyxy_px[1]), 0)
        right, bottom = min(int(xyxy_px[2]) + 1, width_px), min(int(xyxy_px[3]) + 1, height_px)
        shown = image_bgr[top:bottom, left:right]
        return np.asarray(cv2.resize(shown, self._size_px, interpolation=cv2.INTER_LINEAR), np.uint8)

    def embed(self, crop: Crop) -> FloatArray:
        """(d,) of length 1. Raises InferenceError."""
        picture = crop if self._channels_last else crop.transpose(2, 0, 1)
        outputs = self._network.run(np.ascontiguousarray(picture[None], np.float32))
        vector = np.asarray(outputs[0], np.float32).reshape(-1)
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0.0:
            raise InferenceError(f"{self._file.path}: expected a vector with a length, got one of length {length}")
        return np.asarray(vector / length, np.float32)


def open_embedder(name_or_path: str, *, folders: Sequence[Path], cache: Path) -> Embedder:
    """On onnxruntime, on one core: found and checked as a detector's model is. Nothing is fetched.

    Raises ModelError, also for a network of another kind, and BackendMissing without onnxruntime.
    """
    file = find_model(name_or_path, folders=folders, cache=cache)
    backend = plugins.load("backends", "onnxruntime")
    session = backend.open_session(file, threads=1)
    ports = session.get_inputs()
    shape = list(ports[0].shape)
    sizes = [size for size in shape[1:] if isinstance(size, int) and size > 0]
    if len(ports) != 1 or len(shape) != 4 or len(sizes) != 3 or CHANNELS not in (sizes[0], sizes[2]):
        got = ", ".join(str(list(port.shape)) for port in ports)
        raise ModelError(f"{file.path}: expected one input [1, height, width, 3] or [1, 3, height, width], got {got}")
    channels_last = sizes[2] == CHANNELS
    height_px, width_px = sizes[:2] if channels_last else sizes[1:]
    network: Network = backend.OnnxNetwork(session)
    embedder = Embedder(network, file, width_px=width_px, height_px=height_px, channels_last=channels_last)
    try:
        length = len(embedder.embed(np.full((height_px, width_px, CHANNELS), GREY, np.uint8)))
    except InferenceError as err:
        raise ModelError(f"{file.path}: the model does not run: {err}") from err
    if not 2 <= length <= LONGEST:
        raise ModelError(f"{file.path}: expected a vector of 2 to {LONGEST} numbers, got {length}")
    return embedder
