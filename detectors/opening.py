"""The one door to a detector, for a camera node and for the simulator.

`auto` is no backend: it is the fastest of them for this model on this machine (detectors/fastest.py).
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from contract.clock import SystemClock
from detectors import plugins
from detectors.detector import Detector
from detectors.errors import ModelError
from detectors.fastest import open_fastest
from detectors.registry import Downloader, ModelFile, find_model

AUTO = "auto"

Say = Callable[[str], None]


def _to_nobody(_: str) -> None:
    """Who opens a detector does not want to know how it was chosen."""


def open_detector(
    model: str | None,
    *,
    folders: Sequence[Path],
    cache: Path,
    backend: str = "onnxruntime",
    download: Downloader | None = None,
    say: Say = _to_nobody,
    **options: object,
) -> Detector:
    """Find a model (None: the default one) and open it with a backend, or with `auto`.

    `options` are the fields of that backend's `Options` (onnxruntime: score_min, iou_max, threads). `say` gets a line
    about what was assumed or chosen. Raises ModelError or DownloadError with one line.
    """
    file = find_model(model, folders=folders, cache=cache, download=download)
    if file.note:
        say(file.note)
    return open_file(file, backend=backend, cache=cache, say=say, **options)


def open_file(
    file: ModelFile,
    *,
    backend: str = "onnxruntime",
    cache: Path | None = None,
    say: Say = _to_nobody,
    **options: object,
) -> Detector:
    """Open a model that is already found; `cache` is for what a backend keeps beside it. Raises ModelError."""
    if backend != AUTO:
        return _open(backend, file, _with_cache(backend, options, cache))

    def open_with(name: str) -> Detector:
        known = plugins.load("backends", name).Options.model_fields
        fitting = {key: value for key, value in options.items() if key in known}
        return _open(name, file, _with_cache(name, fitting, cache))

    detector, line = open_fastest(file, open_with=open_with, options=options, cache=cache, clock=SystemClock())
    say(line)
    return detector


def open_scripted(recording: Path, **options: object) -> Detector:
    """Play detections recorded by `detectors.record`. Raises ModelError when the file is not a recording."""
    return _open("scripted", recording, options)


def _with_cache(backend: str, options: Mapping[str, object], cache: Path | None) -> Mapping[str, object]:
    """`cache` is an option like any other for the backends that keep something."""
    if cache is None or "cache" not in plugins.load("backends", backend).Options.model_fields:
        return options
    return {"cache": cache, **options}


def _open(backend: str, what: ModelFile | Path, options: Mapping[str, object]) -> Detector:
    module = plugins.load("backends", backend)
    if isinstance(what, ModelFile) and not hasattr(module, "OPENS"):
        raise ModelError(f"{what.path}: backend '{backend}' opens no models: expected one that runs networks")
    try:
        chosen = module.Options.model_validate(options)
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"backend '{backend}': {where}: {first['msg']}, got {first['input']!r}") from err
    return cast(Detector, module.open_model(what, chosen))
