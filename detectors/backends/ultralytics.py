"""Any .pt, .onnx or .engine that ultralytics loads; an extra under another licence (detectors/licence.py).

Ultralytics runs the network and nothing else: picture, boxes and suppression are ours, as for every backend. A .pt file
is a pickle, which runs code when it is read: open only what you trust.
"""

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from detectors.detections import FloatArray
from detectors.errors import InferenceError, ModelError, first_line
from detectors.heads import yolo_end2end
from detectors.lane import NetworkOptions
from detectors.licence import import_ultralytics
from detectors.network import InputPort, NetworkDetector
from detectors.registry import ModelFile

OPENS = (".pt",)  # what only this backend opens; the rest it opens when it is named
SIDE_PX = 640  # of a model that was trained and not exported, when no manifest says another


class Options(NetworkOptions):
    threads: Annotated[int, Field(ge=1, le=64)] = 2  # of torch, which has one setting for the whole process
    device: Annotated[str, Field(pattern=r"^(cpu|cuda(:\d+)?)$")] = "cpu"
    cache: Path | None = None  # where it is kept that the licence was shown


def open_model(file: ModelFile, options: Options) -> NetworkDetector:
    """Raises BackendMissing without the extra, ModelError before its licence was shown or for no model."""
    loader = import_ultralytics(options.cache, "ultralytics.nn.autobackend")
    torch = import_module("torch")
    torch.set_num_threads(options.threads)
    try:
        loaded = loader.AutoBackend(str(file.path), device=torch.device(options.device), verbose=False)
    except Exception as err:  # what reading a pickle raises is anybody's choice
        raise ModelError(f"{file.path}: ultralytics does not load it: {first_line(err)}") from err
    height_px, width_px = getattr(loaded, "imgsz", None) or (SIDE_PX, SIDE_PX)
    if file.manifest.input is not None:
        height_px, width_px = file.manifest.input.height_px, file.manifest.input.width_px
    network = TorchNetwork(loaded, torch, options.device)
    is_trained = file.path.suffix == ".pt"
    if file.note and (is_trained or "names" in (loaded.metadata or {})):  # what it says counts, not what was assumed
        file = _as_it_says(file, loaded.names, network.run(np.zeros((1, 3, height_px, width_px), np.float32))[0])
    port = InputPort("images", width_px, height_px, takes_batches=is_trained)
    return NetworkDetector(network, file, options, port=port, backend="ultralytics")


class TorchNetwork:
    """What ultralytics loaded, from arrays to arrays."""

    def __init__(self, loaded: Any, torch: Any, device: str) -> None:
        self._loaded = loaded
        self._torch = torch
        self._device = device

    def run(self, tensor: FloatArray) -> Sequence[FloatArray]:
        try:
            with self._torch.inference_mode():
                answer = self._loaded(self._torch.from_numpy(tensor).to(self._device))
        except Exception as err:  # of whichever runtime ultralytics chose
            raise InferenceError(first_line(err)) from err
        boxes = answer[0] if isinstance(answer, list | tuple) else answer  # the rest is for training
        return [boxes.float().cpu().numpy()]


def _as_it_says(file: ModelFile, names: dict[int, str], raw: FloatArray) -> ModelFile:
    classes = tuple(names[index] for index in sorted(names))
    labels = {label: tuple(name for name in known if name in classes) for label, known in file.manifest.labels.items()}
    head = "yolo_end2end" if raw.shape[1:] == yolo_end2end.Head.output_shape else "yolo"
    manifest = file.manifest.model_copy(update={"head": head, "classes": classes, "labels": labels})
    return replace(file, manifest=manifest)
