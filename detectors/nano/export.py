"""From the state of a training to a model that Vedette opens: NAME.onnx and its manifest."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from contract.labels import Label
from detectors.building.frames import SplitFrames
from detectors.detections import FloatArray
from detectors.errors import BackendMissing
from detectors.frame import Frame
from detectors.manifest import InputSize, Manifest
from detectors.nano.card import write_card
from detectors.nano.curve import CURVE
from detectors.nano.data import read_part, read_picture
from detectors.nano.forward import fold
from detectors.nano.network import CLASSES, nano
from detectors.nano.state import State, load_state
from detectors.registry import ModelFile, sha256_of, store_model

NAME = "vedette-nano"
CALIBRATED = 48  # pictures
LABELS = {Label.PERSON: ("person",), Label.MOTOR_VEHICLE: ("vehicle",), Label.ANIMAL: ("animal",)}


def export(run: Path, out: Path, *, name: str = NAME, side_px: int | None = None, training_data: str = "") -> ModelFile:
    """The slow weights of the training in `run` as out/NAME.onnx, .yaml and .md, its card. Raises ModelError."""
    state = load_state(run)
    side_px = side_px or state.plan.side_px
    content = onnx_bytes(state, side_px=side_px)
    out.mkdir(parents=True, exist_ok=True)
    made = out / f".{name}.onnx.made"
    made.write_bytes(content)
    sha256 = sha256_of(made)
    manifest = Manifest(
        name=name,
        sha256=sha256,
        size_bytes=len(content),
        licence="Apache-2.0",
        source=f"vedette-models train, {state.done} of {state.plan.steps} steps, seed {state.plan.seed}",
        training_data=training_data or "pictures given to vedette-models train",
        head="yolox",
        input=InputSize(width_px=side_px, height_px=side_px),
        classes=CLASSES,
        labels=LABELS,
    )
    try:
        write_card(out / f"{name}.md", manifest, state, run / CURVE)
        return store_model(made, manifest, out / f"{name}.onnx")
    finally:
        made.unlink()


def onnx_bytes(state: State, *, side_px: int) -> bytes:
    """Raises BackendMissing without the extra `build`."""
    try:
        from detectors.nano.onnx_writer import write_onnx  # noqa: PLC0415 - onnx is an extra
    except ImportError as err:
        raise BackendMissing(f"writing a model: {err}; install vedette[build]") from err
    network = nano()
    folded: dict[str, tuple[FloatArray, FloatArray]] = fold(
        network, state.groups["slow_weights"], state.groups["slow_averages"]
    )
    content: bytes = write_onnx(network, folded, side_px=side_px).SerializeToString()
    return content


def write_int8(file: ModelFile, folders: Sequence[Path], *, at_us: int) -> tuple[ModelFile, float]:
    """NAME-int8 beside it, by `building.make`, and its mean AP on FP32's own boxes.

    Pictures of `train` calibrate, those of `val` judge. Raises Disagreement when it falls too far behind.
    """
    try:
        from detectors.building.make import FALL_MAX, Adding, build_model  # noqa: PLC0415 - onnx is an extra
    except ImportError as err:
        raise BackendMissing(f"writing a model: {err}; install vedette[build]") from err
    name = f"{file.manifest.name}-int8"
    made, agreed = build_model(
        file,
        SplitFrames(_frames(folders, "train"), _frames(folders, "val")),
        file.path.with_name(f"{name}.onnx"),
        precision="int8",
        batch_most=1,
        fall_max=FALL_MAX["int8"],
        adding=Adding(by="vedette-models export", at_us=at_us),
    )
    return made, agreed.mean_ap


def _frames(folders: Sequence[Path], part: str) -> tuple[Frame, ...]:
    labelled = read_part(folders, part)
    chosen = np.unique(np.linspace(0, len(labelled) - 1, CALIBRATED).round().astype(int)).tolist()
    return tuple(Frame(read_picture(labelled[index].path), index, index, index, 0) for index in chosen)
