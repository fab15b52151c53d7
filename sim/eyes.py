"""What looks at a simulated camera's frames: a model of a detector, recorded detections, or a real detector.

All three are detectors.Detector, so the node cannot tell. A frame is recognised by its PTS, which counts from the
scenario's beginning; what a fault did to the picture is applied here where there are no pixels.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from contract.events import ModelIdentity
from contract.labels import Label
from detectors.backends.scripted import NOTHING
from detectors.detections import Detections
from detectors.detector import Detector, Prepared
from detectors.errors import InferenceError
from detectors.frame import Frame
from sim.scenario import Modelled
from sim.sight import Seen

BLURRED_PX_A_SIGMA = 12.0  # height below which a detector loses what is blurred by one pixel
LABELS = (Label.PERSON, Label.ANIMAL, Label.MOTOR_VEHICLE)
BOX_MIN_PX = 1.0  # of a modelled box each way: jitter may turn a sliver at the picture's edge inside out
KEPT_SHOTS = 64  # taken and not yet looked at


@dataclass(frozen=True, slots=True)
class Shot:
    """What one picture shows. `pts_us` is when the light fell: of a frozen camera, long ago."""

    pts_us: int
    seen: tuple[Seen, ...] = ()
    is_black: bool = False
    blur_sigma_px: float = 0.0


class ModelledEye:
    """No pixels: a box for every actor in view, kept by chance as its height allows (sim.scenario.Modelled)."""

    def __init__(
        self, model: Modelled, *, chance: random.Random, size_px: tuple[int, int], score_min: float = 0.0
    ) -> None:
        self._model, self._chance, self._size_px, self._score_min = model, chance, size_px, score_min
        self._shots: dict[int, Shot] = {}
        self.identity = ModelIdentity(name="modelled", sha256="0" * 64, backend="modelled")
        self.labels = LABELS

    def show(self, pts_us: int, shot: Shot) -> None:
        """What the frame with that PTS holds."""
        _keep(self._shots, pts_us, shot)

    def prepare(self, frame: Frame) -> Prepared:
        return _prepared(frame)

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        looked = (self._look(_taken(self._shots, prepared)) for prepared in batch)
        return [found.where(found.score >= self._score_min) for found in looked]

    def _look(self, shot: Shot) -> Detections:
        if shot.is_black:
            return Detections.none()
        rows = []
        for seen in shot.seen:
            height_px = seen.height_px * seen.visible_frac - BLURRED_PX_A_SIGMA * shot.blur_sigma_px
            share = (height_px - self._model.blind_px) / (self._model.sure_px - self._model.blind_px)
            if share > 0 and self._chance.random() < share:
                left, top, right, bottom = box = self._jittered(seen)
                if right - left >= BOX_MIN_PX and bottom - top >= BOX_MIN_PX:
                    rows.append((box, min(0.9, 0.4 + 0.4 * share), LABELS.index(seen.label)))
        rows.sort(key=lambda row: -row[1])
        if not rows:
            return Detections.none()
        boxes, scores, classes = zip(*rows, strict=True)
        return Detections(np.array(boxes, np.float32), np.array(scores, np.float32), np.array(classes, np.int32))

    def _jittered(self, seen: Seen) -> list[float]:
        width_px, height_px = self._size_px
        limits = (width_px, height_px, width_px, height_px)
        moved = (edge + self._chance.gauss(0.0, self._model.jitter_px) for edge in seen.xyxy_px)
        return [round(min(max(edge, 0.0), limit), 1) for edge, limit in zip(moved, limits, strict=True)]


class RecordedEye:
    """Recorded detections of the moment the picture shows; what is black or too blurred is left out."""

    def __init__(self, recorded: Detector) -> None:
        self._recorded = recorded
        self._shots: dict[int, Shot] = {}
        self.identity, self.labels = recorded.identity, recorded.labels

    def show(self, pts_us: int, shot: Shot) -> None:
        _keep(self._shots, pts_us, shot)

    def prepare(self, frame: Frame) -> Prepared:
        return _prepared(frame)

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        return [self._look(prepared) for prepared in batch]

    def _look(self, prepared: Prepared) -> Detections:
        shot = _taken(self._shots, prepared)
        if shot.is_black:
            return Detections.none()
        (found,) = self._recorded.detect([replace(prepared, pts_us=shot.pts_us)])
        if shot.blur_sigma_px == 0.0:
            return found
        heights_px = found.xyxy_px[:, 3] - found.xyxy_px[:, 1]
        return found.where(heights_px > BLURRED_PX_A_SIGMA * shot.blur_sigma_px)


class PixelEye:
    """A real detector, which sees in the pixels what the faults did. `kept`: what it saw, for a recording."""

    def __init__(self, detector: Detector, *, score_min: float) -> None:
        self._detector, self._score_min = detector, score_min
        self.identity, self.labels = detector.identity, detector.labels
        self.kept: list[tuple[int, Detections]] = []

    def show(self, pts_us: int, shot: Shot) -> None:
        """The pixels say it."""

    def prepare(self, frame: Frame) -> Prepared:
        return self._detector.prepare(frame)

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        found = self._detector.detect(batch)
        self.kept += [(prepared.pts_us, each) for prepared, each in zip(batch, found, strict=True)]
        return [each.where(each.score >= self._score_min) for each in found]


Eye = ModelledEye | RecordedEye | PixelEye


def _prepared(frame: Frame) -> Prepared:
    height_px, width_px = frame.image_bgr.shape[:2]
    return Prepared(NOTHING, 1.0, 0.0, 0.0, width_px, height_px, frame.pts_us)


def _keep(shots: dict[int, Shot], pts_us: int, shot: Shot) -> None:
    shots[pts_us] = shot
    if len(shots) > KEPT_SHOTS:
        del shots[next(iter(shots))]


def _taken(shots: dict[int, Shot], prepared: Prepared) -> Shot:
    shot = shots.pop(prepared.pts_us, None)
    if shot is None:
        raise InferenceError(f"simulated camera: no picture was taken at {prepared.pts_us} us")
    return shot
