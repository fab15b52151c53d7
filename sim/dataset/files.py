"""A set on disk: pictures, YOLO labels, COCO annotations, the card and a sheet to look at.

Each place leaves a part in `.places` when its files are whole, so that what was begun can go on; `finish` turns the
parts into annotations and removes them.
"""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from sim.dataset.errors import DatasetError
from sim.dataset.labels import KINDS, LEARNED_VISIBLE_FRAC, LEAST_LEVELS, LEAST_PX, Picture
from sim.dataset.plan import SPLITS, Plan

QUALITY = 94  # of the JPEG files; what a camera's codec does was done before
PARTS, PLAN = ".places", "plan.json"
HEIGHTS_PX = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 10_000)
COLOURS_BGR = {1: (40, 40, 255), 2: (255, 120, 0), 3: (0, 210, 255)}
IGNORED_BGR = (200, 0, 200)
SHEET_CELL_PX = (480, 320)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Name:
    """Of one picture."""

    split: str
    number: int

    def image(self, out: Path) -> Path:
        return out / "images" / self.split / f"{self.number:06d}.jpg"

    def label(self, out: Path) -> Path:
        return out / "labels" / self.split / f"{self.number:06d}.txt"


def begin(out: Path, plan: Plan) -> None:
    """Raises DatasetError where something else lies there."""
    asked = plan.document()
    path = out / PARTS / PLAN
    if path.is_file():
        begun = json.loads(path.read_text(encoding="utf-8"))
        if begun != asked:
            raise DatasetError(f"{out}: was begun with other options {begun}; remove it or ask for the same")
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DatasetError(f"{out}: expected no such folder or an empty one; remove it or choose another")
    for split in SPLITS:
        (out / "images" / split).mkdir(parents=True, exist_ok=True)
        (out / "labels" / split).mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asked), encoding="utf-8")


def write_picture(out: Path, name: Name, picture: Picture, *, site_seed: int) -> tuple[Json, list[Json]]:
    """The files of one picture; its entries for COCO, whose annotations have no id yet."""
    height, width = picture.image_bgr.shape[:2]
    done, data = cv2.imencode(".jpg", picture.image_bgr, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
    assert done
    name.image(out).write_bytes(data.tobytes())
    annotations, lines = [], []
    for each in picture.labelled:
        x1, y1, x2, y2 = each.xyxy_px
        wide, high, kind = x2 - x1, y2 - y1, KINDS.index(each.kind)
        annotations.append(
            {
                "image_id": name.number,
                "category_id": kind + 1,
                "bbox": [x1, y1, wide, high],
                "area": wide * high,
                "iscrowd": 0 if each.is_learned else 1,
                "visible_frac": each.visible_frac,
                "distance_m": each.distance_m,
            }
        )
        if each.is_learned:
            middle = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height)
            lines.append(f"{kind} {middle[0]:.6f} {middle[1]:.6f} {wide / width:.6f} {high / height:.6f}\n")
    name.label(out).write_text("".join(lines), encoding="ascii")
    image = {
        "id": name.number,
        "file_name": name.image(out).name,
        "width": width,
        "height": height,
        "light": picture.light,
        "view": picture.view,
        "weather": picture.weather,
        "site_seed": site_seed,
    }
    return image, annotations


def part_of(out: Path, split: str, place: int) -> Path:
    return out / PARTS / f"{split}-{place:05d}.json"


def finish(out: Path, plan: Plan, *, command: str, version: str) -> Json:
    """Annotations, data.yaml, card and sheet from the parts; returns card.json."""
    sets = {split: _whole(out, plan, split) for split in SPLITS}
    (out / "annotations").mkdir(exist_ok=True)
    for split, document in sets.items():
        (out / "annotations" / f"{split}.json").write_text(json.dumps(document), encoding="utf-8")
    data = {"path": ".", **{split: f"images/{split}" for split in SPLITS}, "names": dict(enumerate(KINDS))}
    (out / "data.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    card = _card(sets, plan, command=command, version=version)
    (out / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    (out / "card.md").write_text(_written(card), encoding="utf-8")
    split = next(split for split in SPLITS if sets[split]["images"])
    write_sheet(out, split, sets[split])
    shutil.rmtree(out / PARTS)
    return card


def _whole(out: Path, plan: Plan, split: str) -> Json:
    images: list[Json] = []
    annotations: list[Json] = []
    for place in range(len(plan.places(split))):
        part = json.loads(part_of(out, split, place).read_text(encoding="utf-8"))
        images += part["images"]
        annotations += part["annotations"]
    for number, annotation in enumerate(annotations, start=1):
        annotation["id"] = number
    categories = [{"id": number, "name": kind} for number, kind in enumerate(KINDS, start=1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def _card(sets: dict[str, Json], plan: Plan, *, command: str, version: str) -> Json:
    return {
        "name": "Vedette rendered set",
        "licence": "Apache-2.0",
        "made_by": f"vedette {version}",
        "command": command,
        **plan.document(),
        "ignored": f"visible_frac below {LEARNED_VISIBLE_FRAC}, less than {LEAST_PX:g} px high, or less than "
        f"{LEAST_LEVELS:g} grey levels within the box (dark, haze): iscrowd 1, not in YOLO",
        "splits": {split: _counts(document) for split, document in sets.items()},
    }


def _counts(document: Json) -> Json:
    images, annotations = document["images"], document["annotations"]
    learned = [each for each in annotations if not each["iscrowd"]]
    with_any = {each["image_id"] for each in annotations}
    heights = np.histogram([each["bbox"][3] for each in learned if each["category_id"] == 1], HEIGHTS_PX)[0]
    return {
        "pictures": len(images),
        "empty": sum(image["id"] not in with_any for image in images),
        "boxes": {kind: sum(each["category_id"] == number for each in learned) for number, kind in enumerate(KINDS, 1)},
        "ignored": len(annotations) - len(learned),
        **{key: dict(sorted(Counter(image[key] for image in images).items())) for key in ("light", "view", "weather")},
        "person_heights_px": {
            f"{low}-{high}": int(count) for low, high, count in zip(HEIGHTS_PX, HEIGHTS_PX[1:], heights, strict=False)
        },
        "site_seeds": sorted({image["site_seed"] for image in images}),
    }


def _written(card: Json) -> str:
    lines = [
        f"# {card['name']}\n",
        "Pictures of worlds made by chance, drawn by MuJoCo, with boxes from the renderer. No person, place or",
        f"recording is real. Licence {card['licence']}; made by {card['made_by']}:\n",
        f"    {card['command']}\n",
        "The test split follows from fixed seeds of its own: its places are never in train or val, whatever the seed.",
        f"Neither learned nor judged: {card['ignored']}.\n",
    ]
    columns = list(card["splits"])
    lines += ["| | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for key in ("pictures", "empty", "ignored"):
        lines.append(f"| {key} | " + " | ".join(str(card["splits"][split][key]) for split in columns) + " |")
    for key in ("boxes", "light", "view", "weather", "person_heights_px"):
        names = list(dict.fromkeys(name for split in columns for name in card["splits"][split][key]))
        for name in names:
            counts = (str(card["splits"][split][key].get(name, 0)) for split in columns)
            lines.append(f"| {key.replace('_', ' ')}: {name} | " + " | ".join(counts) + " |")
    seeds = ((split, card["splits"][split]["site_seeds"]) for split in columns)
    lines += ["", *(f"Places of {split}: {len(s)}, seeds {s[0]} to {s[-1]}." for split, s in seeds if s)]
    return "\n".join(lines) + "\n"


def write_sheet(out: Path, split: str, document: Json, *, across: int = 6) -> None:
    """Pictures drawn by chance with their boxes: red persons, blue vehicles, yellow animals, violet ignored."""
    rng = np.random.default_rng(0)
    images: Sequence[Json] = document["images"]
    chosen = rng.choice(len(images), min(across * across, len(images)), replace=False)
    width, height = SHEET_CELL_PX
    sheet = np.full((height * across, width * across, 3), 40, np.uint8)
    for cell, index in enumerate(sorted(chosen.tolist())):
        info = images[index]
        image = cv2.imread(str(out / "images" / split / info["file_name"]))
        assert image is not None
        scale = min(width / info["width"], height / info["height"])
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for each in document["annotations"]:
            if each["image_id"] == info["id"]:
                x, y, wide, high = (part * scale for part in each["bbox"])
                colour = IGNORED_BGR if each["iscrowd"] else COLOURS_BGR[each["category_id"]]
                cv2.rectangle(image, (round(x) - 1, round(y) - 1), (round(x + wide), round(y + high)), colour, 1)
        top, left = height * (cell // across), width * (cell % across)
        sheet[top : top + image.shape[0], left : left + image.shape[1]] = image
    cv2.imwrite(str(out / "sheet.jpg"), sheet, (cv2.IMWRITE_JPEG_QUALITY, 90))
