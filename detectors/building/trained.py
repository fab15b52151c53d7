"""A model as ultralytics trains it (.pt) into an ONNX file that every other backend runs, without ultralytics.

A .pt file is a pickle: reading it runs what is in it. It is read only here and in the ultralytics backend, from a path
that a person gives.
"""

import shutil
import tempfile
from pathlib import Path

import onnx

from detectors.errors import ModelError, first_line
from detectors.heads import yolo_end2end
from detectors.licence import import_ultralytics
from detectors.manifest import InputSize, Manifest, shipped_manifests
from detectors.registry import DEFAULT_MODEL, ModelFile, sha256_of, store_model

SUFFIX = ".pt"
OPSET = 17  # the newest that onnxruntime and TensorRT of every supported Python and JetPack read
LICENCE = "AGPL-3.0 (or an Ultralytics enterprise licence)"


def export_trained(path: Path, cache: Path, *, added_by: str, added_at_us: int) -> ModelFile:
    """Put NAME.onnx in FP32 into the cache, NAME being the file's; classes are what the file says.

    Raises BackendMissing without the extra, ModelError before its licence was shown or for what is no such model.
    """
    if not path.is_file():
        raise ModelError(f"model '{path}': no such file")
    yolo = import_ultralytics(cache).YOLO
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(shutil.copy(path, folder))  # the export lands beside it
        try:
            model = yolo(str(copied))
            names = dict(model.names)
            exported = Path(model.export(format="onnx", opset=OPSET, simplify=False, nms=False, verbose=False))
        except Exception as err:  # what reading a pickle raises is anybody's choice
            raise ModelError(f"{path}: ultralytics does not export it: {first_line(err)}") from err
        *_, height_px, width_px = _shape(exported, "input")
        labels = shipped_manifests()[DEFAULT_MODEL].labels
        classes = tuple(names[index] for index in sorted(names))
        manifest = Manifest(
            name=path.stem.lower(),
            sha256=sha256_of(exported),
            size_bytes=exported.stat().st_size,
            licence=LICENCE,
            source=f"exported from {path.name} by ultralytics",
            training_data="unknown",
            head="yolo_end2end" if _shape(exported, "output")[1:] == yolo_end2end.Head.output_shape else "yolo",
            input=InputSize(width_px=width_px, height_px=height_px),
            classes=classes,
            labels={label: tuple(name for name in known if name in classes) for label, known in labels.items()},
            derived_from=sha256_of(path),
            added_by=added_by,
            added_at_us=added_at_us,
        )
        return store_model(exported, manifest, cache / f"{manifest.name}.onnx")


def _shape(path: Path, side: str) -> tuple[int, ...]:
    """Of the one tensor on a side of an ONNX file."""
    graph = getattr(onnx.load(str(path)).graph, side)
    return tuple(each.dim_value for each in graph[0].type.tensor_type.shape.dim)
