"""Which file a model's name means: a path given, the folders, the cache, then a download; the first found wins.

The bytes are checked against the manifest every time, not only when they came over the network.
"""

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from pydantic import ValidationError

from detectors.errors import DownloadError, ModelError
from detectors.manifest import MODELS, Manifest, read_manifest, shipped_manifests
from detectors.signing import check_trust

DEFAULT_MODEL = "yolox-nano"
BUILT_IN = "vedette-nano"  # its file comes with Vedette

Downloader = Callable[[Manifest, Path], None]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model found. `note` says, for a person, what was assumed; empty when nothing was."""

    path: Path
    sha256: str
    manifest: Manifest
    note: str = ""


def model_folders(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Folders of VEDETTE_MODELS, separated by colons."""
    return tuple(Path(part) for part in environment.get("VEDETTE_MODELS", "").split(":") if part)


def model_cache(environment: Mapping[str, str]) -> Path:
    """Where downloaded models are kept: VEDETTE_CACHE, else ~/.cache/vedette/models."""
    if given := environment.get("VEDETTE_CACHE"):
        return Path(given)
    home = environment.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "vedette" / "models"


def find_model(
    name_or_path: str | None, *, folders: Sequence[Path], cache: Path, download: Downloader | None = None
) -> ModelFile:
    """The file of a model, its bytes checked. None means the default model if it is here, else the built-in one.

    `download` None: nothing is fetched. Only a path that a person gives may name a model that nobody added, and never
    an engine (docs/adr/0005-custody-of-models.md). Raises ModelError when there is no such model, when nobody added it,
    when its bytes are not what the manifest promises, or when it is signed by nobody whom the folders trust
    (detectors/signing.py), DownloadError when it could only come over the network and did not.
    """
    file = _found(name_or_path, folders=folders, cache=cache, download=download)
    check_trust(file.manifest, file.path, (*folders, cache))
    return file


def _found(name_or_path: str | None, *, folders: Sequence[Path], cache: Path, download: Downloader | None) -> ModelFile:
    if name_or_path is None:
        try:
            return _found(DEFAULT_MODEL, folders=folders, cache=cache, download=None)
        except DownloadError:
            note = f"{DEFAULT_MODEL} is not here, {BUILT_IN} looks instead; or: vedette-models pull {DEFAULT_MODEL}"
            return replace(_found(BUILT_IN, folders=folders, cache=cache, download=None), note=note)
    name = name_or_path
    if "/" in name or name.endswith(".onnx"):
        return read_model(Path(name))
    shipped = shipped_manifests().get(name)
    file_names = [f"{name}.onnx", *([_file_name(shipped)] if shipped and shipped.url else [])]
    for folder in (*folders, cache, MODELS):
        for file_name in file_names:
            if (folder / file_name).is_file():
                return _added(_identify(folder / file_name, shipped=shipped), name=name, shipped=shipped)
    looked = ", ".join(str(folder) for folder in (*folders, cache))
    if shipped is None:
        raise ModelError(f"model '{name}': not one of {', '.join(shipped_manifests())}, and no {name}.onnx in {looked}")
    if shipped.url is None:
        raise DownloadError(f"model '{name}': not on this machine, and nobody offers it: put {name}.onnx into {looked}")
    if download is None:
        raise DownloadError(f"model '{name}': not on this machine; fetch it with: vedette-models pull {name}")
    target = cache / f"{name}.onnx"
    download(shipped, target)
    return _identify(target, shipped=shipped)


def read_model(path: Path) -> ModelFile:
    """The file that a person names, its bytes checked; whom it is by is not. Raises ModelError."""
    if not path.is_file():
        raise ModelError(f"model '{path}': no such file")
    return _identify(path, shipped=None)


def add_model(file: ModelFile, *, name: str, cache: Path) -> ModelFile:
    """Copy a model into the cache with its manifest. Raises ModelError when the name is taken or cannot be a name."""
    if name in shipped_manifests():
        raise ModelError(f"model '{name}': that name belongs to a model Vedette knows; choose another")
    try:
        manifest = Manifest.model_validate({**file.manifest.model_dump(), "name": name})
    except ValidationError as err:
        raise ModelError(f"model '{name}': {err.errors(include_url=False)[0]['msg']}") from err
    if manifest.sha256 != file.sha256:
        raise ModelError(f"{file.path}: expected sha256 {manifest.sha256} as its manifest says, got {file.sha256}")
    target = cache / f"{name}.onnx"
    if target.is_file() and sha256_of(target) != file.sha256:
        raise ModelError(f"{target}: another model has that name already; choose another, or remove the file")
    return store_model(file.path, manifest, target)


def store_model(source: Path, manifest: Manifest, target: Path) -> ModelFile:
    """Copy a model to `target`, its manifest beside it; what was there before is replaced. Raises ModelError."""
    part, described = (target.with_name(f"{target.name}{ending}") for ending in (".part", ".yaml.part"))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, part)
        described.write_text(yaml.safe_dump(manifest.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
        part.replace(target)
        described.replace(target.with_suffix(".yaml"))
    except OSError as err:
        raise ModelError(f"{target}: {err.strerror or err}") from err
    return ModelFile(target, manifest.sha256, manifest)


def assumed_manifest(path: Path, *, sha256: str) -> Manifest:
    """For a file that nothing is known about: the default's head and classes."""
    default = shipped_manifests()[DEFAULT_MODEL]
    slug = "".join(letter if letter.isalnum() else "-" for letter in path.stem.lower()).strip("-")[:63] or "unnamed"
    return default.model_copy(
        update={
            "name": slug,
            "url": None,
            "sha256": sha256,
            "size_bytes": path.stat().st_size,
            "licence": "unknown",
            "source": "unknown",
            "training_data": "unknown",
            "input": None,
            "compares": None,
            "signature": None,
        }
    )


def sha256_of(path: Path) -> str:
    """Raises ModelError when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as err:
        raise ModelError(f"{path}: {err.strerror or err}") from err
    return digest.hexdigest()


def _identify(path: Path, *, shipped: Manifest | None) -> ModelFile:
    """A manifest beside the file counts before one that is shipped by name, that before one shipped by content."""
    sha256 = sha256_of(path)
    beside = path.with_suffix(".yaml")
    manifest = read_manifest(beside) if beside.is_file() else shipped
    if manifest is None:
        manifest = next((known for known in shipped_manifests().values() if known.sha256 == sha256), None)
    if manifest is None and path.suffix == ".engine":
        raise ModelError(
            f"{path}: an engine is machine code and this one has no manifest: 'vedette-models build' one here"
        )
    if manifest is None:
        note = f"{path.name} has no manifest: YOLOX head and COCO classes assumed"
        return ModelFile(path, sha256, assumed_manifest(path, sha256=sha256), note)
    if manifest.sha256 != sha256:
        raise ModelError(f"{path}: expected sha256 {manifest.sha256} (model '{manifest.name}'), got {sha256}")
    return ModelFile(path, sha256, manifest)


def _added(file: ModelFile, *, name: str, shipped: Manifest | None) -> ModelFile:
    """Under a name that Vedette knows, other weights than its own want somebody who added them."""
    is_other = shipped is not None and file.sha256 != shipped.sha256 and not file.manifest.added_by
    if file.note or is_other:
        raise ModelError(
            f"{file.path}: nobody added it: vedette-models add {file.path} --name {name}, and look who made it"
        )
    return file


def _file_name(manifest: Manifest) -> str:
    return (manifest.url or "").rsplit("/", 1)[-1]
