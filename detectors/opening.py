"""The one door to a detector, for a camera node and for the simulator."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from detectors import plugins
from detectors.detector import Detector
from detectors.errors import ModelError
from detectors.registry import Downloader, ModelFile, find_model


def open_detector(
    model: str | None,
    *,
    folders: Sequence[Path],
    cache: Path,
    backend: str = "onnxruntime",
    download: Downloader | None = None,
    **options: object,
) -> Detector:
    """Find a model (None: the default one) and open it with a backend.

    `options` are the fields of that backend's `Options` (onnxruntime: score_min, iou_max, threads).
    Raises ModelError or DownloadError with one line.
    """
    return open_file(find_model(model, folders=folders, cache=cache, download=download), backend=backend, **options)


def open_file(file: ModelFile, *, backend: str = "onnxruntime", **options: object) -> Detector:
    """Open a model that is already found. Raises ModelError."""
    return _open(backend, file, options)


def open_scripted(recording: Path, **options: object) -> Detector:
    """Play detections recorded by `detectors.record`. Raises ModelError when the file is not a recording."""
    return _open("scripted", recording, options)


def _open(backend: str, what: ModelFile | Path, options: Mapping[str, object]) -> Detector:
    module = plugins.load("backends", backend)
    try:
        chosen = module.Options.model_validate(options)
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"backend '{backend}': {where}: {first['msg']}, got {first['input']!r}") from err
    return cast(Detector, module.open_model(what, chosen))
