"""`vedette-models label`: recordings without labels, looked at by a teacher, become a data set of the usual form.

What the teacher is sure of is a label, what it doubts is neither learned nor judged (`iscrowd`). It is as blind as its
teacher: a figure on such a set says how far two models agree.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2

from detectors.detector import Detector
from detectors.errors import ModelError
from detectors.frame import Frame
from detectors.nano.data import IGNORED
from detectors.nano.evaluate import Watch, kinds_of, pictures_of
from detectors.nano.network import CLASSES

QUALITY = 94  # of the JPEG files
VAL_FRAC = 0.2  # of each recording, its end: neighbours in time look alike

Part = Literal["train", "val", "test"]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Scores: from `sure` on a box is a label, from `least` on it is left out of everything, below it is nothing."""

    sure: float = 0.5
    least: float = 0.15


@dataclass(frozen=True, slots=True)
class Teacher:
    """name: as the card says it."""

    name: str
    detector: Detector
    doubt: Doubt


def label(
    videos: Sequence[Path], out: Path, teacher: Teacher, *, every: int, only: Part | None, licence: str, watch: Watch
) -> dict[str, int]:
    """images/PART, annotations/PART.json and card.md in the new folder `out`; returns how many pictures each part has.

    The end of each recording is `val`, what comes before it `train`; or all of it is `only`. Raises ModelError for a
    folder that is not new, or what is no video; and what the teacher raises.
    """
    if out.exists() and any(out.iterdir()):
        raise ModelError(f"{out}: expected a new or empty folder")
    written: dict[Part, Json] = {}
    done = 0
    for video in videos:
        ends_at = (1 - VAL_FRAC) * sum(1 for _ in pictures_of(video))
        for index, image in enumerate(pictures_of(video)):
            if index % every:
                continue
            usual: Part = "train" if index < ends_at else "val"
            part = only or usual
            document = written.setdefault(part, _empty())
            number = len(document["images"])
            path = out / "images" / part / f"{number:06d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            is_written = cv2.imwrite(str(path), image, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
            assert is_written
            height_px, width_px = image.shape[:2]
            document["images"].append(
                {"id": number, "file_name": path.name, "width": width_px, "height": height_px, "recording": video.name}
            )
            frame = Frame(image, done, done, done, 0)
            for each in _labelled(teacher, frame):
                document["annotations"].append({"id": len(document["annotations"]), "image_id": number, **each})
            done += 1
            watch(done)
    if not written:
        raise ModelError(f"{', '.join(map(str, videos))}: expected pictures, got none")
    counts: dict[str, int] = {part: len(document["images"]) for part, document in sorted(written.items())}
    (out / "annotations").mkdir()
    for part, document in written.items():
        (out / "annotations" / f"{part}.json").write_text(json.dumps(document), encoding="utf-8")
    (out / "card.md").write_text(_card(videos, teacher, counts, licence=licence), encoding="utf-8")
    return counts


def _empty() -> Json:
    categories = [{"id": index + 1, "name": name} for index, name in enumerate(CLASSES)]
    return {"images": [], "annotations": [], "categories": categories}


def _labelled(teacher: Teacher, frame: Frame) -> Iterator[Json]:
    detector = teacher.detector
    (seen,) = detector.detect([detector.prepare(frame)])
    kinds = kinds_of(detector)[seen.class_index]
    for (x1, y1, x2, y2), score, kind in zip(seen.xyxy_px.tolist(), seen.score.tolist(), kinds.tolist(), strict=True):
        if kind == IGNORED or score < teacher.doubt.least:
            continue
        yield {
            "category_id": kind + 1,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": (x2 - x1) * (y2 - y1),
            "iscrowd": int(score < teacher.doubt.sure),
            "score": round(score, 3),
        }


def _card(videos: Sequence[Path], teacher: Teacher, counts: dict[str, int], *, licence: str) -> str:
    name, doubt = teacher.name, teacher.doubt
    lines = [
        "# Recordings labelled by a model",
        "",
        f"No person looked at these boxes: {name} saw them with a score of {doubt.sure:g} or more. From",
        f"{doubt.least:g} on they are `iscrowd`, neither learned nor judged. What it does not see has no label.",
        "",
        f"Recordings: {', '.join(video.name for video in videos)}. Licence and attribution: {licence}.",
        "",
        *(f"- {part}: {count} pictures" for part, count in counts.items()),
    ]
    return "\n".join(lines) + "\n"
