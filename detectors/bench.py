"""How long each step of each model takes on each backend, in turns within one run on the same frames.

Only figures of one run compare: the same machine differs from itself by a factor of two within a day.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import TypeVar

import cv2
import numpy as np

from contract.clock import Clock
from detectors import plugins
from detectors.errors import DetectorError, ModelError
from detectors.frame import Frame
from detectors.network import NetworkDetector
from detectors.opening import open_file
from detectors.registry import ModelFile
from detectors.turns import Job, time_in_turns

Item = TypeVar("Item")

KEPT_FRAMES = 16
NOT_BY_DEFAULT = ("scripted", "ultralytics")  # runs no network; another licence


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians of one model on one backend.

    frame_ms: from a decoded frame to boxes; slow_frame_ms: nine frames in ten take less.
    """

    model: str
    backend: str
    letterbox_ms: float
    network_ms: float
    boxes_ms: float
    frame_ms: float
    slow_frame_ms: float

    @property
    def network_share(self) -> float:
        """The bare network's part of a frame's time."""
        return self.network_ms / self.frame_ms


@dataclass(frozen=True, slots=True)
class Refused:
    """A backend that does not run a model, and why."""

    model: str
    backend: str
    why: str


@dataclass(frozen=True, slots=True)
class Contender:
    model: str
    backend: str
    detector: NetworkDetector


def default_backends() -> tuple[str, ...]:
    """Every backend that runs networks, but for the one under another licence."""
    return tuple(name for name in plugins.names("backends") if name not in NOT_BY_DEFAULT)


def enter(
    files: Sequence[ModelFile], *, backends: Sequence[str], threads: int, cache: Path
) -> tuple[list[Contender], list[Refused]]:
    """Open every model with every backend; a backend may be followed by its precision: `openvino/bf16`."""
    contenders, refused = [], []
    for file in files:
        for backend in backends or default_backends():
            name, _, precision = backend.partition("/")
            options: dict[str, str | int] = {"precision": precision} if precision else {}
            try:
                if "threads" in plugins.load("backends", name).Options.model_fields:
                    options["threads"] = threads
                detector = open_file(file, backend=name, cache=cache, say=lambda _: None, **options)
            except DetectorError as err:
                refused.append(Refused(file.manifest.name, backend, str(err)))
                continue
            if isinstance(detector, NetworkDetector):
                contenders.append(Contender(file.manifest.name, backend, detector))
            else:
                refused.append(Refused(file.manifest.name, backend, "runs no network"))
    return contenders, refused


def measure(contenders: Sequence[Contender], frames: Sequence[Frame], *, rounds: int, clock: Clock) -> list[Measured]:
    """In the order of the contenders. Raises InferenceError as a detector does."""
    jobs: dict[str, Job] = {}
    for number, contender in enumerate(contenders):
        jobs |= {f"{number} {step}": job for step, job in _steps(contender.detector, frames)}
    took_ms = time_in_turns(jobs, rounds=rounds, clock=clock)
    measured = []
    for number, contender in enumerate(contenders):
        letterbox_ms, network_ms, boxes_ms, frame_ms = (
            took_ms[f"{number} {step}"] for step in ("letterbox", "network", "boxes", "frame")
        )
        measured.append(
            Measured(
                model=contender.model,
                backend=contender.backend,
                letterbox_ms=median(letterbox_ms),
                network_ms=median(network_ms),
                boxes_ms=median(boxes_ms),
                frame_ms=median(frame_ms),
                slow_frame_ms=float(np.quantile(frame_ms, 0.9)),
            )
        )
    return measured


def _steps(detector: NetworkDetector, frames: Sequence[Frame]) -> Iterator[tuple[str, Job]]:
    """Each step on ready input, and all of them; every call takes the next frame."""
    prepared = [detector.prepare(frame) for frame in frames]
    raws = [(detector.infer(each).copy(), each) for each in prepared]

    yield "letterbox", _each(frames, detector.prepare)
    yield "network", _each(prepared, detector.infer)
    yield "boxes", _each(raws, lambda raw_and_frame: detector.boxes(*raw_and_frame))
    yield "frame", _each(frames, lambda frame: detector.detect([detector.prepare(frame)]))


def _each(items: Iterable[Item], do: Callable[[Item], object]) -> Job:
    turning = cycle(items)
    return lambda: do(next(turning))


def frames_of(video: Path) -> list[Frame]:
    """Frames spread over a recording. Raises ModelError when it cannot be read."""
    feed = cv2.VideoCapture(str(video))
    count = int(feed.get(cv2.CAP_PROP_FRAME_COUNT))
    frames = []
    for index in np.linspace(0, max(count - 1, 0), KEPT_FRAMES, dtype=int).tolist():
        feed.set(cv2.CAP_PROP_POS_FRAMES, index)
        was_read, image = feed.read()
        if was_read:
            frames.append(Frame(image.astype(np.uint8), index * 40_000, index * 40_000, index, 0))
    feed.release()
    if not frames:
        raise ModelError(f"{video}: expected a recording with frames, got none")
    return frames


def noise() -> list[Frame]:
    """One picture of 1920x1080 in which there is nothing to be found."""
    image = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), np.uint8)
    return [Frame(image, pts_us=0, captured_at_us=0, index=0, decode_us=0)]
