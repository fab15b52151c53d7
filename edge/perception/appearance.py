"""What followed persons look like: asked only where motion and ground allow a box to be somebody who was hidden.

It is a witness between allowed answers, never an identity by itself.

Looks are personal data. They live in this object's memory as long as their track is followed, and nowhere else: none is
stored, sent or logged, and none outlives its track (docs/architecture.md).
"""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from contract.frozen import Frozen
from detectors.detections import FloatArray
from detectors.errors import InferenceError
from detectors.frame import ImageBgr

Crop = npt.NDArray[np.uint8]
Pair = tuple[int, int, float]  # row of an object, of a box, and what it would cost to take the one for the other

# Cosine distances, 0 to 2, as person-reidentification-retail-0248 measures them (docs/benchmarks.md): of one person
# seconds apart 0.2, 99 % below 0.56; of two persons 0.8, 1 % below 0.45.
NEUTRAL = 0.45  # says nothing either way
DIFFERENT_MIN = 0.65  # somebody else: hardly anybody is that far from himself
HIDDEN_MIN_S = 0.3  # shorter, and it was the detector that blinked
CLEAR_IOU_MAX = 0.05  # with any other box: a crop of two persons looks like neither
KEEP_US = 500_000  # between two views of one person that are kept
KEPT = 4  # views of one person, the last ones
RETRY_US = 10_000_000  # after a fault, until the model is asked again


class AppearanceSettings(Frozen):
    """A second witness for persons who come out from behind something; never an identity. What somebody looks like is
    personal data: it is kept in memory while he is followed, and never stored, sent or logged."""

    model: Annotated[
        str, Field(min_length=1, description="name of an ONNX model for re-identification of persons, or its path")
    ]
    per_s_max: Annotated[
        int, Field(ge=5, le=100, description="crops looked at a second at most; beyond it, motion and ground decide")
    ] = 10


class LooksAtCrops(Protocol):
    """detectors.embedding.Embedder; that of a benchmark takes the time too."""

    def crop(self, image_bgr: ImageBgr, xyxy_px: Sequence[float], /) -> Crop: ...

    def embed(self, crop: Crop, /) -> FloatArray:
        """(d,) of length 1. Raises InferenceError."""
        ...


@dataclass(slots=True)
class AppearanceCounts:
    """Since it was opened. asked: crops looked at; capped: those that were not, for the cap; faults: that failed."""

    asked: int = 0
    capped: int = 0
    faults: int = 0


@dataclass(slots=True)
class _Person:
    """The last clear views of one, and their vectors as far as anybody asked. kept_us: when the last was taken."""

    kept_us: int
    crops: deque[Crop] = field(default_factory=lambda: deque(maxlen=KEPT))
    mean: FloatArray | None = None


class Appearance:
    """One camera's. In each frame `begin`, then any number of `distance`, then `keep`.

    per_s_max: crops looked at in a second of the feed's time, and at most so many in one frame. fault: why the model
    says nothing; empty while it does.
    """

    def __init__(self, model: LooksAtCrops, *, per_s_max: int) -> None:
        self._model = model
        self._per_s_max = per_s_max
        self._left = float(per_s_max)
        self._persons: dict[int, _Person] = {}
        self._seen: dict[int, FloatArray | None] = {}  # of this frame, by box
        self._image: ImageBgr | None = None
        self._now_us: int | None = None
        self._silent_until_us: int | None = None
        self.counts = AppearanceCounts()
        self.fault = ""

    def begin(self, image_bgr: ImageBgr, *, captured_at_us: int) -> None:
        """A new frame."""
        since_us = 0 if self._now_us is None else captured_at_us - self._now_us
        self._left = min(self._left + since_us / 1e6 * self._per_s_max, float(self._per_s_max))
        self._image, self._now_us = image_bgr, captured_at_us
        self._seen.clear()

    def distance(self, identity: int, *, box: int, xyxy_px: Sequence[float]) -> float | None:
        """Cosine distance, 0 to 2, between a person's last views and box number `box` of this frame; None: nobody
        knows."""
        person = self._persons.get(identity)
        if person is None:
            return None
        if person.mean is None:
            vectors = self._embedded(person.crops)
            person.mean = None if vectors is None else _mean(vectors)
        if person.mean is None:
            return None
        if box not in self._seen and self._image is not None:
            seen = self._embedded([self._model.crop(self._image, xyxy_px)])
            self._seen[box] = None if seen is None else seen[0]
        vector = self._seen.get(box)
        return None if vector is None else float(1.0 - person.mean @ vector)

    def keep(self, clear: Iterable[tuple[int, Sequence[float]]], *, followed: Collection[int]) -> None:
        """clear: number and box of those who are seen well in this frame; who is no longer `followed` is forgotten."""
        image, now_us = self._image, self._now_us
        if image is None or now_us is None:
            return
        for identity, xyxy_px in clear:
            person = self._persons.get(identity)
            if person is None:
                person = self._persons[identity] = _Person(now_us)
            elif now_us - person.kept_us < KEEP_US:
                continue
            person.kept_us, person.mean = now_us, None
            person.crops.append(self._model.crop(image, xyxy_px))
        for identity in self._persons.keys() - set(followed):
            del self._persons[identity]
        self._image = None  # a frame is not held longer than it is judged
        self._seen.clear()

    def forget(self) -> None:
        """Everybody: the feed is gone, and nobody is seen."""
        self._persons.clear()
        self._seen.clear()
        self._image = None

    def _embedded(self, crops: Collection[Crop]) -> list[FloatArray] | None:
        """None where the cap or a fault forbids it."""
        assert self._now_us is not None
        if self._silent_until_us is not None and self._now_us < self._silent_until_us:
            return None
        if self._left < len(crops):
            self.counts.capped += len(crops)
            return None
        self._left -= len(crops)
        self.counts.asked += len(crops)
        try:
            vectors = [self._model.embed(crop) for crop in crops]
        except InferenceError as err:
            self.counts.faults += 1
            self.fault, self._silent_until_us = str(err), self._now_us + RETRY_US
            return None
        self.fault, self._silent_until_us = "", None
        return vectors


@dataclass(frozen=True, slots=True)
class Witness:
    """What appearance says in one frame of n objects and m boxes.

    identity, is_back: (n) their numbers, and whether it is a person that was hidden. xyxy_px, is_clear: (m) the boxes,
    and whether they show one person alone.
    """

    appearance: Appearance
    identity: Sequence[int]
    is_back: Sequence[bool]
    xyxy_px: Sequence[Sequence[float]]
    is_clear: Sequence[bool]

    def weighed(self, pairs: Iterable[Pair], *, span: float) -> list[Pair]:
        """The pairs without those that look quite different, cheaper where they look alike and dearer where not.

        Nothing is added: what is not among `pairs`, motion and ground do not allow. span: of their costs.
        """
        left = []
        for i, j, cost in pairs:
            apart = None
            if self.is_back[i] and self.is_clear[j]:
                apart = self.appearance.distance(self.identity[i], box=j, xyxy_px=self.xyxy_px[j])
            if apart is None:
                left.append((i, j, cost))
            elif apart < DIFFERENT_MIN:
                left.append((i, j, cost + span * (apart - NEUTRAL)))
        return left


def _mean(vectors: Sequence[FloatArray]) -> FloatArray:
    """Of length 1."""
    total = np.sum(vectors, axis=0, dtype=np.float64)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), np.float32)
