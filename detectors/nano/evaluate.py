"""What models find in pictures that they have not seen, side by side: `vedette-models evaluate`.

A model's classes count by what its manifest calls them: a bicycle is a vehicle here. Every model gets the whole picture
at its own input size.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

from contract.labels import Label
from detectors.detections import Detections
from detectors.detector import Detector
from detectors.errors import ModelError
from detectors.frame import Frame, ImageBgr
from detectors.nano.ap import Matched, matched
from detectors.nano.data import IGNORED, Boxes, FloatArray, IntArray, Labelled, read_picture
from detectors.nano.network import CLASSES

KINDS = {Label.PERSON: 0, Label.MOTOR_VEHICLE: 1, Label.BICYCLE: 1, Label.ANIMAL: 2}  # of `CLASSES`
PERSON = 0
PERSON_MIN_PX = 24.0  # high; smaller ones are left out of "person24"
FALSE_PER_PICTURE = 0.1  # at which a recall is told
SURE = 0.5  # a score
DISTANCES_M = (0.0, 15.0, 30.0, 60.0, 1000.0)

Watch = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture, and what is in it."""

    image: ImageBgr
    boxes: Boxes
    about: Mapping[str, str]
    distance_m: FloatArray | None


@dataclass(frozen=True, slots=True)
class Findings:
    """One model on one set. ap50: by class, and "person24" of persons at least 24 px high, of what there is in it;
    recall: of those at one false box in ten pictures; false_boxes: persons a picture, from `SURE` on, that are none;
    the others: the recall by distance, and AP50 of "person24" by light and by view; curve: (n, 2) recall and precision
    of "person24"."""

    model: str
    pictures: int
    ap50: dict[str, float]
    recall: float | None
    false_boxes: float
    by_distance: dict[str, float]
    by_light: dict[str, float]
    by_view: dict[str, float]
    curve: FloatArray


def of_folder(labelled: Sequence[Labelled]) -> Iterator[Shown]:
    for each in labelled:
        yield Shown(read_picture(each.path), each.boxes, each.about, each.distance_m)


def of_video(video: Path, truth: Path) -> Iterator[Shown]:
    """Every frame, and the persons that a MOTChallenge file names in it (frame 1 is the first). Raises ModelError."""
    try:
        rows = np.loadtxt(truth, delimiter=",", ndmin=2, usecols=range(6))
    except (OSError, ValueError) as err:
        raise ModelError(f"{truth}: expected lines of frame,id,left,top,width,height: {err}") from err
    for number, image in enumerate(pictures_of(video), start=1):
        here = rows[rows[:, 0] == number, 2:6]
        boxes = Boxes.of([(x, y, x + width, y + height, PERSON) for x, y, width, height in here.tolist()])
        yield Shown(image, boxes, {}, None)


def pictures_of(video: Path) -> Iterator[ImageBgr]:
    """Every picture of a recording. Raises ModelError."""
    try:
        with av.open(str(video)) as opened:
            for picture in opened.decode(video=0):
                yield picture.to_ndarray(format="bgr24")
    except (av.error.FFmpegError, OSError, IndexError) as err:
        raise ModelError(f"{video}: expected a recorded video: {err}") from err


def kinds_of(detector: Detector) -> IntArray:
    """(classes,): what each class of a model is of `CLASSES`, or `IGNORED`."""
    return np.array([KINDS.get(label, IGNORED) for label in detector.labels], np.int32)


def evaluate(name: str, detector: Detector, pictures: Iterator[Shown], *, watch: Watch) -> Findings:
    """Raises ModelError where there is no picture, and what the detector raises."""
    kind_of = kinds_of(detector)
    truth: list[Boxes] = []
    about: list[Mapping[str, str]] = []
    away_m: list[FloatArray | None] = []
    found: list[Detections] = []
    for index, shown in enumerate(pictures):
        (seen,) = detector.detect([detector.prepare(Frame(shown.image, index, index, index, 0))])
        found.append(Detections(seen.xyxy_px, seen.score, kind_of[seen.class_index]))
        truth.append(shown.boxes)
        about.append(shown.about)
        away_m.append(shown.distance_m)
        watch(index + 1)
    high = [_without_small(boxes) for boxes in truth]
    persons = matched(high, found, PERSON)
    if not truth:
        raise ModelError("expected pictures, got none")
    classes = {kind: matched(truth, found, index) for index, kind in enumerate(CLASSES)}
    ap50 = {kind: each.average_precision() for kind, each in {"person24": persons, **classes}.items() if each.wanted}
    sure = persons.label[persons.score >= SURE]
    believed = persons.allowing(int(FALSE_PER_PICTURE * len(truth)))
    hits = persons.label[:believed] >= 0
    return Findings(
        name,
        len(truth),
        ap50,
        float(hits.sum() / persons.wanted) if persons.wanted else None,
        float((sure < 0).sum() / len(truth)),
        _by_distance(persons, believed, high, away_m),
        _by_word(high, found, [each.get("light") for each in about]),
        _by_word(high, found, [each.get("view") for each in about]),
        _curve(persons),
    )


def _without_small(boxes: Boxes) -> Boxes:
    is_small = boxes.xyxy_px[:, 3] - boxes.xyxy_px[:, 1] < PERSON_MIN_PX
    ignored = is_small & (boxes.class_index == PERSON)
    return Boxes(boxes.xyxy_px, np.where(ignored, IGNORED, boxes.class_index).astype(np.int32))


def _by_distance(
    persons: Matched, believed: int, truth: Sequence[Boxes], away_m: Sequence[FloatArray | None]
) -> dict[str, float]:
    """Recall of persons in each band, of those whose distance is known."""
    if any(each is None for each in away_m):
        return {}
    there = {
        (picture, label): float(distance_m[label])
        for picture, (boxes, distance_m) in enumerate(zip(truth, away_m, strict=True))
        if distance_m is not None
        for label in np.flatnonzero(boxes.class_index == PERSON).tolist()
    }
    seen = set(zip(persons.picture[:believed].tolist(), persons.label[:believed].tolist(), strict=True))
    bands = {}
    for near_m, far_m in pairwise(DISTANCES_M):
        wanted = {key for key, distance_m in there.items() if near_m <= distance_m < far_m}
        if wanted:
            bands[f"{near_m:g} to {far_m:g} m"] = len(wanted & seen) / len(wanted)
    return bands


def _by_word(truth: Sequence[Boxes], found: Sequence[Detections], words: Sequence[str | None]) -> dict[str, float]:
    result = {}
    for word in sorted({each for each in words if each is not None}):
        chosen = [index for index, each in enumerate(words) if each == word]
        persons = matched([truth[each] for each in chosen], [found[each] for each in chosen], PERSON)
        if persons.wanted:
            result[word] = persons.average_precision()
    return result


def _curve(persons: Matched) -> FloatArray:
    hits = (persons.label >= 0).cumsum()
    recall, precision = hits / max(persons.wanted, 1), hits / np.arange(1, len(hits) + 1)
    return np.stack([recall, precision], axis=1).astype(np.float32)
