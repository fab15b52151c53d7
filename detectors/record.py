"""Detections on disk: written once by a real detector, played back by the `scripted` backend, keyed by PTS.

JSON lines: the header, then one line a frame, `{"pts_us": 40000, "boxes": [[x1, y1, x2, y2, score, class], ...]}`.
Pixels are kept to 0.1 and scores to 0.0001, so a recording is the same bytes on every machine that saw the same boxes.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from contract.frozen import Frozen, Sha256
from contract.labels import Label
from detectors.detections import Detections
from detectors.detector import Detector
from detectors.errors import ModelError
from detectors.frame import Frame

Pixels = Annotated[int, Field(ge=1, le=65_536)]


class Header(Frozen):
    """What saw what: the model with its weights and backend, the size of the frames, the name of the feed."""

    format: Literal["vedette-detections-1"] = "vedette-detections-1"
    model: str
    sha256: Sha256
    backend: str
    labels: Annotated[tuple[Label, ...], Field(min_length=1)]
    width_px: Pixels
    height_px: Pixels
    source: str


@dataclass(frozen=True, slots=True)
class Recording:
    """`pts_us`: (n,) int64, strictly rising; `detections`: n of them, same order."""

    header: Header
    pts_us: npt.NDArray[np.int64]
    detections: tuple[Detections, ...]


def record(frames: Iterable[Frame], detector: Detector, path: Path, *, source: str) -> int:
    """Judge every frame and write the recording; how many frames. The file appears when it is complete.

    Raises DetectorError as the detector does, and ModelError when there is no frame at all.
    """
    waiting = iter(frames)
    first = next(waiting, None)
    if first is None:
        raise ModelError(f"{source}: no frame to record")
    height_px, width_px = first.image_bgr.shape[:2]
    header = header_of(detector, width_px=width_px, height_px=height_px, source=source)

    def rows() -> Iterator[tuple[int, Detections]]:
        for frame in chain((first,), waiting):
            (found,) = detector.detect([detector.prepare(frame)])
            yield frame.pts_us, found

    return write_recording(path, header, rows())


def write_recording(path: Path, header: Header, rows: Iterable[tuple[int, Detections]]) -> int:
    """Rows of rising `pts_us`; how many. The file appears when it is complete."""
    part = path.with_name(path.name + ".part")
    count = 0
    with part.open("w", encoding="utf-8", newline="\n") as file:
        file.write(header.model_dump_json() + "\n")
        for pts_us, found in rows:
            file.write(_row(pts_us, found))
            count += 1
    part.replace(path)
    return count


def header_of(detector: Detector, *, width_px: int, height_px: int, source: str) -> Header:
    identity = detector.identity
    return Header(
        model=identity.name,
        sha256=identity.sha256,
        backend=identity.backend,
        labels=detector.labels,
        width_px=width_px,
        height_px=height_px,
        source=source,
    )


def read_recording(path: Path) -> Recording:
    """Raises ModelError with one line that names file and line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        raise ModelError(f"{path}: not a readable recording: {err}") from err
    try:
        header = Header.model_validate_json(lines[0] if lines else "")
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "header"
        raise ModelError(f"{path}:1: not a recording of detections: {where}: {first['msg']}") from err
    if len(lines) == 1:
        raise ModelError(f"{path}: expected at least one frame after the header, got none")
    times: list[int] = []
    detections: list[Detections] = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            pts_us, found = _parse_row(line, class_count=len(header.labels))
        except (ValueError, KeyError, TypeError) as err:
            raise ModelError(f"{path}:{number}: not a row of boxes: {err}") from err
        if times and pts_us <= times[-1]:
            raise ModelError(f"{path}:{number}: expected a pts_us after {times[-1]}, got {pts_us}")
        times.append(pts_us)
        detections.append(found)
    return Recording(header, np.array(times, np.int64), tuple(detections))


def _row(pts_us: int, found: Detections) -> str:
    boxes = np.round(found.xyxy_px.astype(np.float64), 1).tolist()
    scores = np.round(found.score.astype(np.float64), 4).tolist()
    rows = [[*box, score, index] for box, score, index in zip(boxes, scores, found.class_index.tolist(), strict=True)]
    return json.dumps({"pts_us": pts_us, "boxes": rows}, separators=(",", ":")) + "\n"


def _parse_row(line: str, *, class_count: int) -> tuple[int, Detections]:
    row = json.loads(line)
    pts_us = row["pts_us"]
    if type(pts_us) is not int:
        raise ValueError(f"expected a whole pts_us, got {pts_us!r}")
    boxes = np.array(row["boxes"], np.float64).reshape(-1, 6) if row["boxes"] else np.zeros((0, 6))
    score, index = boxes[:, 4], boxes[:, 5]
    good = np.isfinite(boxes).all(axis=1) & (score >= 0) & (score <= 1) & (index >= 0) & (index < class_count)
    if not good.all():
        raise ValueError(f"expected x1, y1, x2, y2, score 0 to 1, class below {class_count}, got {boxes[~good][0]}")
    return pts_us, Detections(boxes[:, :4].astype(np.float32), score.astype(np.float32), index.astype(np.int32))
