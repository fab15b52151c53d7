"""What a second witness, the looks of persons, makes of the same boxes and what it costs: the whole clip once more."""

import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from contract.clock import Clock
from detectors.detections import Detections, FloatArray
from detectors.detector import Detector, Prepared
from detectors.embedding import Embedder, open_embedder
from detectors.frame import Frame, ImageBgr
from edge.perception.appearance import Appearance, AppearanceCounts, Crop
from edge.source import Source
from sim.playback import Place, Playback
from sim.score.mot import Boxes, read_mot, score_mot

PER_S_MAX = 10  # as a node's default


@dataclass(frozen=True, slots=True)
class WithLooks:
    """ms: a frame's, for crops and vectors; counts: of the whole clip."""

    mota: float
    idf1: float
    switches: int
    ms: float
    counts: AppearanceCounts


def measure_looks(
    source: Source,
    found: Sequence[Detections],
    *,
    detector: Detector,
    place: Place,
    model: Path,
    truth: Boxes,
    class_index: int,
    clock: Clock,
) -> WithLooks:
    """`found`: boxes of each frame of `source`. Raises what replaying and opening raise."""
    timed = _Timed(open_embedder(str(model), folders=(), cache=Path()), clock)
    appearance = Appearance(timed, per_s_max=PER_S_MAX)
    with tempfile.TemporaryDirectory(prefix="vedette-looks-") as name:
        playback = Playback(Path(name), _Found(detector, found), place, appearance=appearance)
        with playback, closing(playback.play(source)) as played:
            for _ in played:
                pass
            playback.end()
        tracks = read_mot(Path(name) / "tracks.txt")
    score = score_mot(truth, tracks.where(tracks.class_index == class_index))
    ms = timed.took_us / max(playback.frames, 1) / 1e3
    return WithLooks(score.mota, score.idf1, score.switches, ms, appearance.counts)


class _Timed:
    """An embedder and how long it took."""

    def __init__(self, embedder: Embedder, clock: Clock) -> None:
        self._embedder = embedder
        self._clock = clock
        self.took_us = 0

    def crop(self, image_bgr: ImageBgr, xyxy_px: Sequence[float]) -> Crop:
        started_us = self._clock.monotonic_us()
        crop = self._embedder.crop(image_bgr, xyxy_px)
        self.took_us += self._clock.monotonic_us() - started_us
        return crop

    def embed(self, crop: Crop) -> FloatArray:
        started_us = self._clock.monotonic_us()
        vector = self._embedder.embed(crop)
        self.took_us += self._clock.monotonic_us() - started_us
        return vector


class _Found:
    """A detector that says of each frame in turn what it said before."""

    def __init__(self, detector: Detector, found: Sequence[Detections]) -> None:
        self._detector = detector
        self._rest = iter(found)
        self.identity, self.labels = detector.identity, detector.labels

    def prepare(self, frame: Frame) -> Prepared:
        return self._detector.prepare(frame)

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        return [next(self._rest) for _ in batch]
