"""TensorRT engines on disk: which device, release, model and profile each is for, and who let it in.

An engine is machine code. Only one with a record in the cache of this machine is loaded: it was built here, or a person
added it; its bytes are checked every time.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, model_validator

from contract.documents import parse_document
from contract.errors import DocumentError
from contract.frozen import Frozen, Sha256, TimeUs
from detectors.errors import ModelError
from detectors.manifest import Precision

SUFFIX = ".engine"

Batch = Annotated[int, Field(ge=1, le=64)]


class BatchProfile(Frozen):
    """How many pictures an engine takes at once: from one to `most`; it is tuned for `best`."""

    best: Batch = 1
    most: Batch = 1

    @model_validator(mode="after")
    def _best_is_possible(self) -> "BatchProfile":
        if self.best > self.most:
            raise ValueError(f"expected best to be at most {self.most}, got {self.best}")
        return self


class EngineKey(Frozen):
    """All that an engine is tied to. `model_sha256` is of the ONNX file it was built from, whose precision it has."""

    device: str
    tensorrt: str
    model_sha256: Sha256
    precision: Precision
    profile: BatchProfile


class EngineRecord(Frozen):
    """Stands beside the engine as YAML. `file` is its name there, `sha256` and `size_bytes` are of its bytes."""

    format: Literal["vedette-engine-1"] = "vedette-engine-1"
    model: str
    key: EngineKey
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+\.engine$")]
    sha256: Sha256
    size_bytes: Annotated[int, Field(gt=0)]
    added_by: str
    added_at_us: TimeUs


@dataclass(frozen=True, slots=True)
class EngineFile:
    """An engine that may be loaded."""

    path: Path
    record: EngineRecord

    def read(self) -> bytes:
        """Raises ModelError when the bytes are not those of the record."""
        try:
            plan = self.path.read_bytes()
        except OSError as err:
            raise ModelError(f"{self.path}: {err.strerror or err}") from err
        got = hashlib.sha256(plan).hexdigest()
        if got != self.record.sha256:
            raise ModelError(f"{self.path}: expected sha256 {self.record.sha256} as its record says, got {got}")
        return plan


def engine_folder(cache: Path) -> Path:
    """Where this machine keeps its engines."""
    return cache / "engines"


def known_engines(cache: Path) -> list[EngineFile]:
    """Every engine with a record. Raises ModelError when a record is damaged."""
    return [_of_record(path) for path in _record_paths(cache)]


def _record_paths(cache: Path) -> list[Path]:
    return sorted(engine_folder(cache).glob("*.yaml"))


def _of_record(path: Path) -> EngineFile:
    record = read_record(path)
    return EngineFile(path.with_name(record.file), record)


def find_engine(cache: Path, *, device: str, tensorrt: str, model_sha256: str) -> EngineFile:
    """The engine of a model for this device and release; of several, the one that takes most pictures at once.

    Raises ModelError that says what there is instead, and how to build it. A damaged record hides no other engine.
    """
    known, damaged = list[EngineFile](), list[str]()
    for path in _record_paths(cache):
        try:
            known.append(_of_record(path))
        except ModelError as err:
            damaged.append(str(err))
    of_model = [each for each in known if each.record.key.model_sha256 == model_sha256]
    here = [each for each in of_model if (each.record.key.device, each.record.key.tensorrt) == (device, tensorrt)]
    if here:
        return max(here, key=lambda each: (each.record.key.profile.most, each.record.added_at_us))
    found = [f"{each.path.name} is for {_place(each.record.key)}" for each in of_model]
    others = "; ".join(found + damaged) or "there is none"
    raise ModelError(
        f"{engine_folder(cache)}: expected an engine of this model for {device} with TensorRT {tensorrt}: {others}; "
        "build it on this device: vedette-models build NAME --runtime tensorrt"
    )


def store_engine(
    cache: Path, *, model: str, key: EngineKey, plan: bytes, added_by: str, added_at_us: int
) -> EngineFile:
    """Write an engine; the one it replaces goes when the new one is in place. Raises ModelError."""
    sha256 = hashlib.sha256(plan).hexdigest()
    record = EngineRecord(
        model=model,
        key=key,
        file=f"{_stem(model, key)}-{sha256[:12]}{SUFFIX}",
        sha256=sha256,
        size_bytes=len(plan),
        added_by=added_by,
        added_at_us=added_at_us,
    )
    folder = engine_folder(cache)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{record.file}.part"
        part.write_bytes(plan)
        part.replace(folder / record.file)
        _write_record(folder / f"{_stem(model, key)}.yaml", record)
        for old in folder.glob(f"{_stem(model, key)}-*{SUFFIX}"):
            if old.name != record.file:
                old.unlink()
    except OSError as err:
        raise ModelError(f"{folder}: {err.strerror or err}") from err
    return EngineFile(folder / record.file, record)


def add_engine(path: Path, cache: Path, *, added_by: str, added_at_us: int) -> EngineFile:
    """Let in an engine that another machine of the same kind built, with the record that lies beside it.

    Raises ModelError for any other engine: nobody knows what it was built from.
    """
    records = [read_record(each) for each in sorted(path.parent.glob("*.yaml")) if _is_record(each)]
    record = next((each for each in records if each.file == path.name), None)
    if record is None:
        raise ModelError(f"{path}: {_origin(path)}; expected its record beside it, as 'vedette-models build' writes it")
    plan = EngineFile(path, record).read()
    return store_engine(
        cache, model=record.model, key=record.key, plan=plan, added_by=added_by, added_at_us=added_at_us
    )


def read_record(path: Path) -> EngineRecord:
    """Raises ModelError with one line."""
    try:
        return parse_document(path.read_text(encoding="utf-8"), EngineRecord, source=str(path))
    except DocumentError as err:
        raise ModelError(str(err)) from err
    except (OSError, UnicodeDecodeError) as err:
        raise ModelError(f"{path}: not a readable record: {err}") from err


def _write_record(path: Path, record: EngineRecord) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(yaml.safe_dump(record.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
    part.replace(path)


def _is_record(path: Path) -> bool:
    with path.open("rb") as file:
        return b"vedette-engine-" in file.read(256)


def _origin(path: Path) -> str:
    """Whose engine it looks like. Ultralytics puts a length, 4 bytes little-endian, and JSON before the plan."""
    try:
        with path.open("rb") as file:
            head = file.read(5)
    except OSError as err:
        raise ModelError(f"{path}: {err.strerror or err}") from err
    if head[4:] == b"{" and 0 < int.from_bytes(head[:4], "little") < 1 << 20:
        return "an engine that ultralytics exported, which does not say for which device and TensorRT"
    return "an engine of unknown origin"


def _stem(model: str, key: EngineKey) -> str:
    digest = hashlib.sha256(key.model_dump_json().encode()).hexdigest()
    return f"{model}-{digest[:12]}"


def _place(key: EngineKey) -> str:
    return f"{key.device} with TensorRT {key.tensorrt}"
