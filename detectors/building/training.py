"""Detectors trained and validated by ultralytics, on a data set in its own form (a YAML file that names the folders).

Training ends with a .pt file; `trained.export_trained` makes of it what every backend runs. A .pt file is a pickle:
reading it runs what is in it, so it comes from a path that a person gives.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detectors.errors import ModelError, first_line
from detectors.licence import import_ultralytics


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """side_px: of the square network; device: 'cpu', or as torch numbers them, '0'; seed: of all that is random."""

    epochs: int
    side_px: int
    batch: int
    device: str
    seed: int


@dataclass(frozen=True, slots=True)
class Validation:
    """Mean AP over classes at IoU 0.5, over IoU 0.5 to 0.95, precision and recall where F1 is best; by_class: mean AP
    over IoU 0.5 to 0.95 of each class that is in the data."""

    map_50: float
    map_50_95: float
    precision: float
    recall: float
    by_class: dict[str, float]


def train(data: Path, start: str, out: Path, options: TrainingOptions, cache: Path) -> Path:
    """The best weights of the run in the new folder `out`.

    start: a .pt file, or an architecture such as yolo11n.yaml, which begins with random weights. Raises BackendMissing
    without the extra, ModelError before its licence was shown or for what it does not train.
    """
    if start.endswith(".pt") and not Path(start).is_file():
        raise ModelError(f"model '{start}': no such file; an architecture (yolo11n.yaml) begins with random weights")
    if out.exists():
        raise ModelError(f"{out}: expected a folder that is not there yet")
    model = _open(start, data, cache)
    try:
        model.train(
            data=str(data),
            epochs=options.epochs,
            imgsz=options.side_px,
            batch=options.batch,
            device=options.device,
            seed=options.seed,
            deterministic=True,
            workers=0,
            amp=False,  # which would fetch a model to try itself out on
            project=str(out.parent.absolute()),
            name=out.name,
        )
    except Exception as err:  # what a library of that size raises is not listed anywhere
        raise ModelError(f"{data}: ultralytics does not train on it: {first_line(err)}") from err
    return Path(model.trainer.best)


def validate(trained: Path, data: Path, *, side_px: int, device: str, cache: Path) -> Validation:
    """On the validation part of the data. Raises as `train` does."""
    if not trained.is_file():
        raise ModelError(f"model '{trained}': no such file")
    model = _open(str(trained), data, cache)
    try:
        judged = model.val(data=str(data), imgsz=side_px, device=device, workers=0, plots=False, verbose=False)
    except Exception as err:
        raise ModelError(f"{trained}: ultralytics does not validate it on {data}: {first_line(err)}") from err
    box = judged.box
    by_class = {judged.names[index]: float(box.maps[index]) for index in box.ap_class_index.tolist()}
    return Validation(float(box.map50), float(box.map), float(box.mp), float(box.mr), by_class)


def _open(model: str, data: Path, cache: Path) -> Any:
    yolo = import_ultralytics(cache).YOLO
    if not data.is_file():
        raise ModelError(f"data '{data}': no such file")
    try:
        return yolo(model, task="detect")
    except Exception as err:
        raise ModelError(f"{model}: ultralytics does not open it: {first_line(err)}") from err
