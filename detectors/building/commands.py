"""`vedette-models build`, `verify` and `validate`.

What builds is imported when it is used: onnx is an extra, and `list` or `pull` do without it.
"""

import getpass
import os
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, Literal

import typer

from contract.clock import SystemClock
from detectors.building.agreement import Agreement, agreement
from detectors.building.frames import split_frames, spread_frames
from detectors.cuda import open_cuda
from detectors.engines import BatchProfile
from detectors.errors import BackendMissing, Disagreement, DownloadError, ModelError
from detectors.manifest import Precision, shipped_manifests
from detectors.opening import open_file
from detectors.registry import ModelFile, find_model, model_cache, model_folders
from detectors.tensorrt_module import import_tensorrt

Frames = Annotated[int, typer.Option(min=2, max=2000, help="How many frames of the video, spread evenly.")]
Runtime = Literal["onnxruntime", "tensorrt"]
Side = Annotated[int, typer.Option(min=32, max=4096, help="Side of the square network, px; a multiple of 32.")]
Device = Annotated[str, typer.Option(help="cpu, or a GPU as torch numbers them: 0.")]


def build(
    model: Annotated[str, typer.Argument(help="Name or path of a model in FP32, or a .pt file of ultralytics.")],
    *,
    calibrate: Annotated[
        Path,
        typer.Option(help="A recorded video of the place: half of the frames calibrate, the others judge the result."),
    ],
    runtime: Annotated[Runtime, typer.Option(help="What will run it.")] = "onnxruntime",
    precision: Annotated[Precision, typer.Option(help="Of weights and arithmetic.")] = "fp32",
    batch: Annotated[int, typer.Option(min=1, max=64, help="Most pictures at once.")] = 1,
    frames: Frames = 64,
    fall_max: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="How far mean AP may fall behind FP32; by precision if left out."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write NAME.onnx and its manifest here instead of into the cache.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who lets it in; who is logged in if left out.")] = None,
) -> None:
    """Build a model for a runtime; it is taken in only if it sees what the FP32 model sees.

    The result is a model of its own, NAME-PRECISION; with TensorRT also an engine for this very device.
    Exit code 1: it was built and falls too far behind; what was there stays.

    Example: vedette-models build yolox-nano --runtime tensorrt --precision fp16 --batch 4 --calibrate gate.mp4
    """
    make, cache = _builder("make"), model_cache(os.environ)
    adding = make.Adding(by=by or person(), at_us=SystemClock().wall_us())
    if model.endswith(".pt"):
        export = _builder("trained").export_trained
        source: ModelFile = export(Path(model), cache, added_by=adding.by, added_at_us=adding.at_us)
    else:
        source = _find(model)
    allowed = make.FALL_MAX[precision] if fall_max is None else fall_max
    chosen = split_frames(calibrate, count=frames // 2)
    if runtime == "tensorrt":
        trt, cuda = import_tensorrt(), open_cuda()  # before minutes of work, not after
    built, agreed = make.build_model(
        source,
        chosen,
        out or cache / f"{source.manifest.name}-{precision}.onnx",
        precision=precision,
        batch_most=batch,
        fall_max=allowed,
        adding=adding,
    )
    typer.echo(f"{built.manifest.name}: {built.path}: {_words(agreed)}")
    if runtime == "tensorrt":
        engine, agreed = make.build_engine(
            trt,
            cuda,
            built,
            chosen,
            cache,
            reference=source,
            profile=BatchProfile(best=batch, most=batch),
            fall_max=allowed,
            adding=adding,
        )
        typer.echo(f"{built.manifest.name}: {engine.path}: {_words(agreed)}")


def verify(
    model: Annotated[str, typer.Argument(help="Name or path of a model.")],
    *,
    frames: Annotated[
        Path | None, typer.Option(help="A recorded video to compare on; without it only the bytes are checked.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Name or path of the model to compare with; the one it was built from if none.")
    ] = None,
    backend: Annotated[str, typer.Option(help="What runs the model; the other one runs on onnxruntime.")] = (
        "onnxruntime"
    ),
    count: Frames = 64,
    fall_max: Annotated[float, typer.Option(min=0.0, max=1.0, help="How far its mean AP may fall behind.")] = 0.05,
) -> None:
    """Check a model's bytes, and that it sees what another one sees.

    Exit code 1: it falls too far behind. The boxes of the other model, above a score of 0.3, are taken for the truth.

    Example: vedette-models verify yolox-nano-int8 --frames gate.mp4
    """
    file = _find(model)
    typer.echo(f"{file.manifest.name}: {file.path}: sha256 {file.sha256}{' (nobody added it)' if file.note else ''}")
    if frames is None:
        return
    make = _builder("make")
    other = _find(against) if against else _source_of(file)
    pictures = spread_frames(frames, count=count)
    cache, score_min = model_cache(os.environ), make.COMPARED_SCORE_MIN
    expected = make.look(open_file(other, score_min=score_min), pictures)
    seen = make.look(open_file(file, backend=backend, cache=cache, score_min=score_min), pictures)
    agreed = agreement(expected, seen)
    typer.echo(f"{file.manifest.name} on {backend}, {len(pictures)} frames: {_words(agreed)}")
    if agreed.mean_ap < 1.0 - fall_max:
        raise Disagreement(f"{file.manifest.name}: its mean AP falls by more than {fall_max:g}")


def validate(
    model: Annotated[Path, typer.Argument(help="A .pt file of ultralytics, or what it exported.")],
    data: Annotated[Path, typer.Argument(help="Data set of ultralytics; its part `val` judges.")],
    *,
    side: Side = 640,
    device: Device = "cpu",
) -> None:
    """How well a trained model finds what is labelled, by the extra 'ultralytics' (AGPL-3.0).

    Example: vedette-models validate out/yard/weights/best.pt yard.yaml
    """
    found = _builder("training").validate(model, data, side_px=side, device=device, cache=model_cache(os.environ))
    typer.echo(
        f"{model}: mAP50 {found.map_50:.3f}, mAP50-95 {found.map_50_95:.3f}, "
        f"precision {found.precision:.3f}, recall {found.recall:.3f}"
    )
    for name, mean_ap in found.by_class.items():
        typer.echo(f"  {name}: mAP50-95 {mean_ap:.3f}")


def person() -> str:
    """Who is logged in, as far as the machine knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _builder(part: str) -> ModuleType:
    try:
        return import_module(f"detectors.building.{part}")
    except ImportError as err:
        raise BackendMissing(f"building models: {err}; install vedette[build]") from err


def _find(name: str) -> ModelFile:
    return find_model(name, folders=model_folders(os.environ), cache=model_cache(os.environ))


def _source_of(file: ModelFile) -> ModelFile:
    """The model that one was built from, wherever it lies under its own name."""
    wanted = file.manifest.derived_from
    if wanted is None:
        raise ModelError(
            f"{file.path}: it was not built from another model: say with --against what to compare it with"
        )
    folders, cache = model_folders(os.environ), model_cache(os.environ)
    names = {path.stem for folder in (*folders, cache) for path in folder.glob("*.onnx")} | set(shipped_manifests())
    for name in sorted(names):
        try:
            found = _find(name)
        except (ModelError, DownloadError):
            continue  # not to be had, or damaged: then it is not the one
        if found.sha256 == wanted:
            return found
    raise ModelError(f"{file.path}: the model it was built from (sha256 {wanted}) is not here: name it with --against")


def _words(agreed: Agreement) -> str:
    return (
        f"of {agreed.boxes} boxes of FP32 {agreed.recall:.1%} found, {agreed.precision:.1%} of its own right, "
        f"mean AP {agreed.mean_ap:.3f}"
    )
