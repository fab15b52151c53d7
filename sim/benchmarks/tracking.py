"""What tracking costs a frame, beside ByteTrack of `trackers` on the same boxes: in turns, each over the whole clip."""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detectors.detections import Detections
from edge.errors import SetUpError
from edge.perception.tracking import Tracker

VARIABLE = "VEDETTE_TRACKERS_PYTHON"  # an interpreter that has trackers, which never lives in ours (RULINGS 23)
SCRIPT = Path(__file__).with_name("trackers_peer.py")
ROUNDS = 7
END_S = 10.0
Found = Sequence[tuple[int, Detections]]  # pts_us and what was detected, frame by frame


@dataclass(frozen=True, slots=True)
class TrackCost:
    """ms: processor time of a frame, median of the rounds; peer_ms: the same of the other tracker, None where there was
    none; ratio: ours over theirs, median of the rounds."""

    ms: float
    peer_ms: float | None = None
    ratio: float | None = None


def measure_tracking(found: Found, frame_size_px: tuple[int, int]) -> TrackCost:
    """Raises SetUpError when the interpreter that was named cannot do it."""
    python = os.environ.get(VARIABLE)
    if not python:
        return TrackCost(statistics.median(_ours_ms(found, frame_size_px) for _ in range(ROUNDS)))
    ours, theirs = [], []
    with _peer(Path(python), found) as peer_ms:
        for _ in range(ROUNDS):
            ours.append(_ours_ms(found, frame_size_px))
            theirs.append(peer_ms())
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    return TrackCost(statistics.median(ours), statistics.median(theirs), ratio)


def _ours_ms(found: Found, frame_size_px: tuple[int, int]) -> float:
    tracker = Tracker(frame_size_px=frame_size_px)
    before_ns = time.process_time_ns()
    for pts_us, detections in found:
        tracker.update(detections, captured_at_us=pts_us)
    return (time.process_time_ns() - before_ns) / len(found) / 1e6


@contextmanager
def _peer(python: Path, found: Found) -> Iterator[Callable[[], float]]:
    """Calling it tracks everything once; ms of processor time a frame."""
    with tempfile.TemporaryDirectory(prefix="vedette-boxes-") as folder:
        boxes = Path(folder) / "boxes.npz"
        each = [detections for _, detections in found]
        np.savez(
            boxes,
            xyxy_px=np.concatenate([one.xyxy_px for one in each]),
            score=np.concatenate([one.score for one in each]),
            class_index=np.concatenate([one.class_index for one in each]),
            ends=np.cumsum([len(one.score) for one in each]),
        )
        try:
            process = subprocess.Popen(  # noqa: S603 - the interpreter that a person named
                [str(python), str(SCRIPT), str(boxes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        except OSError as err:
            raise SetUpError(f"{VARIABLE}={python}: {err.strerror}") from err

        def said() -> str:
            assert process.stdout is not None
            line = process.stdout.readline().strip()
            if not line:
                raise SetUpError(f"{VARIABLE}={python}: expected an interpreter with trackers, it ended without a word")
            return line

        def round_ms() -> float:
            assert process.stdin is not None
            process.stdin.write("once\n")
            process.stdin.flush()
            return float(said())

        try:
            while said() != "ready":
                pass
            yield round_ms
        finally:
            process.kill()
            process.communicate(timeout=END_S)
