"""A model built for a runtime: its precision put into the ONNX file, compared with FP32, and only then taken in.

A model made worse than allowed is a Disagreement: nothing is replaced, what ran before keeps running.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import ModuleType

from onnx import ModelProto

from detectors.backends import tensorrt as tensorrt_backend
from detectors.building.agreement import Agreement, agreement
from detectors.building.frames import SplitFrames
from detectors.building.onnx_file import open_batch, read_onnx, to_half
from detectors.building.plan import build_plan
from detectors.building.quantise import by_sensitivity, fold, quantise
from detectors.cuda import Cuda
from detectors.detections import Detections
from detectors.detector import Detector
from detectors.engines import BatchProfile, EngineFile, EngineKey, engine_folder, store_engine
from detectors.errors import Disagreement, ModelError
from detectors.frame import Frame
from detectors.manifest import Manifest, Precision
from detectors.opening import open_file
from detectors.registry import ModelFile, sha256_of, store_model

FALL_MAX: dict[Precision, float] = {"fp32": 0.005, "fp16": 0.01, "int8": 0.05}  # of mean AP at IoU 0.5
KEPT_FLOAT = (0.0, 0.05, 0.15)  # share of the most sensitive convolutions, tried in turn until INT8 agrees
WORKSPACE_BYTES = 1 << 30  # TensorRT takes what it needs of it while it builds
COMPARED_SCORE_MIN = 0.05  # weak boxes too: they show how far a score moved


@dataclass(frozen=True, slots=True)
class Adding:
    """Who lets a model in, and when."""

    by: str
    at_us: int


def build_model(
    file: ModelFile,
    frames: SplitFrames,
    target: Path,
    *,
    precision: Precision,
    batch_most: int,
    fall_max: float,
    adding: Adding,
) -> tuple[ModelFile, Agreement]:
    """Write an ONNX file of this precision to `target` (its stem is the name), manifest beside it.

    Raises ModelError for what cannot be built from, Disagreement when none of the tries stays within `fall_max`.
    """
    if file.manifest.precision != "fp32":
        raise ModelError(f"{file.path}: expected a model in fp32 to build from, got one in {file.manifest.precision}")
    reference = open_file(file, score_min=COMPARED_SCORE_MIN)
    expected = look(reference, frames.judged)
    best = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{target.stem}.onnx"
        for model in _tries(file, reference, frames.calibration, precision=precision, batch_most=batch_most):
            path.write_bytes(model.SerializeToString())
            built = ModelFile(path, sha256_of(path), _manifest(file, path, precision=precision, adding=adding))
            seen = look(open_file(built, score_min=COMPARED_SCORE_MIN), frames.judged, at_once=batch_most)
            agreed = agreement(expected, seen)
            best = max(best, agreed.mean_ap)
            if agreed.mean_ap >= 1.0 - fall_max:
                return store_model(path, built.manifest, target), agreed
    raise _behind(target.stem, best, fall_max)


def build_engine(
    trt: ModuleType,
    cuda: Cuda,
    model: ModelFile,
    frames: SplitFrames,
    cache: Path,
    *,
    reference: ModelFile,
    profile: BatchProfile,
    fall_max: float,
    adding: Adding,
) -> tuple[EngineFile, Agreement]:
    """An engine of `model` for this device, compared with `reference` on onnxruntime before it replaces an older one.

    Raises ModelError when TensorRT does not build or load it, Disagreement when it falls behind by more than allowed.
    """
    device = cuda.device()
    timings = engine_folder(cache) / _timing_name(device, trt.__version__)
    built = build_plan(
        trt,
        model.path.read_bytes(),
        name=str(model.path),
        profile=profile,
        workspace_bytes=WORKSPACE_BYTES,
        timing_cache=timings.read_bytes() if timings.is_file() else b"",
    )
    options = tensorrt_backend.Options(score_min=COMPARED_SCORE_MIN)
    detector = tensorrt_backend.open_plan(trt, cuda, built.plan, model, options, name=f"engine of {model.path}")
    expected = look(open_file(reference, score_min=COMPARED_SCORE_MIN), frames.judged)
    agreed = agreement(expected, look(detector, frames.judged, at_once=profile.most))
    if agreed.mean_ap < 1.0 - fall_max:
        raise _behind(f"engine of {model.path}", agreed.mean_ap, fall_max)
    key = EngineKey(
        device=device,
        tensorrt=trt.__version__,
        model_sha256=model.sha256,
        precision=model.manifest.precision,
        profile=profile,
    )
    stored = store_engine(
        cache, model=model.manifest.name, key=key, plan=built.plan, added_by=adding.by, added_at_us=adding.at_us
    )
    timings.write_bytes(built.timing_cache)
    return stored, agreed


def look(detector: Detector, frames: Sequence[Frame], *, at_once: int = 1) -> list[Detections]:
    """What a detector sees in each frame, `at_once` of them in one call."""
    waiting = iter(frames)
    seen: list[Detections] = []
    while batch := list(islice(waiting, at_once)):
        seen += detector.detect([detector.prepare(frame) for frame in batch])
    return seen


def _tries(
    file: ModelFile, detector: Detector, frames: Sequence[Frame], *, precision: Precision, batch_most: int
) -> Iterator[ModelProto]:
    model = read_onnx(file.path)
    if batch_most > 1:
        model = open_batch(model)
    if precision == "fp32":
        yield model
    elif precision == "fp16":
        yield to_half(model)
    else:
        pictures = [detector.prepare(frame).tensor[None] for frame in frames]
        folded = fold(model)
        ranking = by_sensitivity(folded, pictures)
        for share in KEPT_FLOAT:
            yield quantise(folded, pictures, keep_float=ranking[: round(share * len(ranking))])


def _manifest(file: ModelFile, path: Path, *, precision: Precision, adding: Adding) -> Manifest:
    return file.manifest.model_copy(
        update={
            "name": path.stem,
            "url": None,
            "sha256": sha256_of(path),
            "size_bytes": path.stat().st_size,
            "precision": precision,
            "derived_from": file.sha256,
            "signature": None,
            "added_by": adding.by,
            "added_at_us": adding.at_us,
        }
    )


def _behind(what: str, mean_ap: float, fall_max: float) -> Disagreement:
    return Disagreement(
        f"{what}: expected a mean AP of {1 - fall_max:.3f} or more of FP32's own boxes, got {mean_ap:.3f}"
    )


def _timing_name(device: str, tensorrt: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in f"timings-{device}-{tensorrt}") + ".bin"
