"""`vedette-models label`: recordings without labels, looked at by a teacher, become a data set of the usual form.

What the teacher is sure of is a label, what it doubts is neither learned nor judged (`iscrowd`). It is as blind as its
teacher: a figure on such a set says how far two models agree.
"""

import json
import shutil
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
from detectors.registry import ModelFile

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
    """file: the model that `detector` runs."""

    file: ModelFile
    detector: Detector
    doubt: Doubt


def label(
    videos: Sequence[Path], out: Path, teacher: Teacher, *, every: int, only: Part | None, licence: str, watch: Watch
) -> dict[str, int]:
    """images/PART, annotations/PART.json and card.md in the new folder `out`; returns how many pictures each part has.

    The end of each recording is `val`, what comes before it `train`; or all of it is `only`. What is unfinished stands
    in OUT.part. Raises ModelError for a folder that is not new or cannot be written, or what is no video; and what the
    teacher raises.
    """
    unfinished = out.with_name(f"{out.name}.part")
    try:
        if out.exists() and any(out.iterdir()):
            raise ModelError(f"{out}: expected a new or empty folder")
        shutil.rmtree(unfinished, ignore_errors=True)
        counts = _write(videos, unfinished, teacher, every=every, only=only, watch=watch)
        (unfinished / "card.md").write_text(_card(videos, teacher, counts, licence=licence), encoding="utf-8")
        unfinished.replace(out)
    except OSError as err:
        raise ModelError(f"{out}: not written: {err.strerror or err}") from err
    return counts


def _write(
    videos: Sequence[Path], out: Path, teacher: Teacher, *, every: int, only: Part | None, watch: Watch
) -> dict[str, int]:
    written: dict[Part, Json] = {}
    done = 0
    for video in videos:
        ends_at = 0.0 if only else (1 - VAL_FRAC) * sum(1 for _ in pictures_of(video))
        for index, image in enumerate(pictures_of(video)):
            if index % every:
                continue
            part = only or ("train" if index < ends_at else "val")
            document = written.setdefault(part, _empty())
            number = len(document["images"])
            path = out / "images" / part / f"{number:06d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            if not cv2.imwrite(str(path), image, (cv2.IMWRITE_JPEG_QUALITY, QUALITY)):
                raise ModelError(f"{path}: not written: is there room?")
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
    (out / "annotations").mkdir()
    for part, document in written.items():
        (out / "annotations" / f"{part}.json").write_text(json.dumps(document), encoding="utf-8")
    return {part: len(document["images"]) for part, document in sorted(written.items())}


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
    file, doubt = teacher.file, teacher.doubt
    lines = [
        "# Recordings labelled by a model",
        "",
        f"No person looked at these boxes: {file.manifest.name} saw them with a score of {doubt.sure:g} or more. From",
        f"{doubt.least:g} on they are `iscrowd`, neither learned nor judged. What it does not see has no label.",
        "",
        f"The teacher: sha256 {file.sha256}{'; ' + file.note if file.note else ''}.",
        "",
        f"Recordings: {', '.join(video.name for video in videos)}. Licence and attribution: {licence}.",
        "",
        *(f"- {part}: {count} pictures" for part, count in counts.items()),
    ]
    return "\n".join(lines) + "\n"
