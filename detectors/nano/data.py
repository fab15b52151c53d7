"""Labelled pictures: folders with images/PART/*.jpg, labels/PART/*.txt (YOLO) or annotations/PART.json (COCO).

The COCO file counts where there is one, because only it says what is to be ignored (`iscrowd`): neither learned as an
object nor as background.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from detectors.errors import ModelError
from detectors.frame import ImageBgr
from detectors.nano.network import CLASSES

PARTS = ("train", "val", "test")
ABOUT = ("light", "view")
IGNORED = -1
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Boxes:
    """xyxy_px: (n, 4); class_index: (n,) of `CLASSES`, or `IGNORED`."""

    xyxy_px: FloatArray
    class_index: IntArray

    @classmethod
    def of(cls, rows: Sequence[tuple[float, float, float, float, int]]) -> "Boxes":
        table = np.array(rows, np.float32).reshape(-1, 5)
        return cls(table[:, :4].copy(), table[:, 4].astype(np.int32))


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture file and what is in it. about: what else its COCO file says of the picture, light and view;
    distance_m: (n,) of each box, nan where it is not known."""

    path: Path
    boxes: Boxes
    about: Mapping[str, str] = field(default_factory=dict)
    distance_m: FloatArray | None = None


def read_part(folders: Sequence[Path], part: str) -> list[Labelled]:
    """All pictures of that part, in the order of the folders and of their names. Raises ModelError without any."""
    found = [labelled for folder in folders for labelled in _read(folder, part)]
    if not found:
        raise ModelError(f"{', '.join(map(str, folders))}: expected pictures in images/{part}, found none")
    return found


def read_picture(path: Path) -> ImageBgr:
    """Raises ModelError for what is no picture."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ModelError(f"{path}: not a readable picture")
    return image.astype(np.uint8, copy=False)


class Pictures:
    """Decoded pictures, the longer side at most `side_most_px`, kept while they fit into `cache_bytes`."""

    def __init__(self, labelled: Sequence[Labelled], *, side_most_px: int, cache_bytes: int) -> None:
        self.labelled = labelled
        self._side_most_px = side_most_px
        self._free_bytes = cache_bytes
        self._kept: dict[int, tuple[ImageBgr, Boxes]] = {}

    def __len__(self) -> int:
        return len(self.labelled)

    def __getitem__(self, index: int) -> tuple[ImageBgr, Boxes]:
        if index in self._kept:
            return self._kept[index]
        found = self._load(self.labelled[index])
        if self._free_bytes >= found[0].nbytes:
            self._free_bytes -= found[0].nbytes
            self._kept[index] = found
        return found

    def _load(self, labelled: Labelled) -> tuple[ImageBgr, Boxes]:
        image, boxes = read_picture(labelled.path), labelled.boxes
        scale = self._side_most_px / max(image.shape[:2])
        if scale >= 1:
            return image, boxes
        height_px, width_px = (max(1, round(side * scale)) for side in image.shape[:2])
        small = cv2.resize(image, (width_px, height_px), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        factor = np.array([width_px / image.shape[1], height_px / image.shape[0]] * 2, np.float32)
        return small, Boxes(boxes.xyxy_px * factor, boxes.class_index)


def _read(folder: Path, part: str) -> list[Labelled]:
    if not folder.is_dir():
        raise ModelError(f"data '{folder}': no such folder")
    annotations = folder / "annotations" / f"{part}.json"
    if annotations.is_file():
        return _read_coco(annotations, folder / "images" / part)
    paths = sorted(path for path in (folder / "images" / part).glob("*") if path.suffix in (".jpg", ".png"))
    return [Labelled(path, _read_yolo(folder / "labels" / part / f"{path.stem}.txt", path)) for path in paths]


def _read_coco(path: Path, images: Path) -> list[Labelled]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        names = {each["id"]: each["name"] for each in document["categories"]}
        if unknown := sorted(set(names.values()) - set(CLASSES)):
            raise ModelError(f"{path}: expected categories of {', '.join(CLASSES)}, got '{unknown[0]}'")
        rows: dict[Any, list[tuple[float, float, float, float, int]]] = {each["id"]: [] for each in document["images"]}
        away_m: dict[Any, list[float]] = {each["id"]: [] for each in document["images"]}
        for each in document["annotations"]:
            x, y, width, height = each["bbox"]
            index = IGNORED if each.get("iscrowd") else CLASSES.index(names[each["category_id"]])
            rows[each["image_id"]].append((x, y, x + width, y + height, index))
            away_m[each["image_id"]].append(float(each.get("distance_m", math.nan)))
        return [
            Labelled(
                images / Path(each["file_name"]).name,
                Boxes.of(rows[each["id"]]),
                {name: str(each[name]) for name in ABOUT if name in each},
                np.array(away_m[each["id"]], np.float32),
            )
            for each in sorted(document["images"], key=lambda each: str(each["file_name"]))
        ]
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise ModelError(f"{path}: not COCO annotations: {type(err).__name__} {err}") from err


def _read_yolo(path: Path, picture: Path) -> Boxes:
    if not path.is_file():
        return Boxes.of([])
    height_px, width_px = read_picture(picture).shape[:2]
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            name, *numbers = line.split()
            x, y, width, height = (float(each) for each in numbers)
            index = int(name)
            CLASSES[index]
        except (ValueError, IndexError) as err:
            raise ModelError(f"{path}: line {number}: expected 'class cx cy width height', got '{line}'") from err
        left, top, right, bottom = x - width / 2, y - height / 2, x + width / 2, y + height / 2
        rows.append((left * width_px, top * height_px, right * width_px, bottom * height_px, index))
    return Boxes.of(rows)
