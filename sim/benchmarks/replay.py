"""Throughput and accuracy of a replay, against bare inference over the same frames in the same run, and its tracker's
cost against another one's on the same boxes.

Blocks of the pipeline and of bare inference take turns, because a machine's speed drifts: two runs one after the other
compare the hours, not the programs. Every block of the pipeline decodes its own frames; none is read ahead for free.
"""

import statistics
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import numpy as np
import numpy.typing as npt
import onnxruntime
from rich.console import Console
from rich.progress import track as with_bar
from rich.table import Table

from contract.clock import Clock
from contract.geo import GroundFix, distance_m
from contract.site import CameraPose
from detectors.detections import Detections
from detectors.detector import Detector, Prepared
from detectors.frame import Frame
from detectors.opening import open_file
from detectors.registry import ModelFile
from edge.perception.locate import Locator
from edge.source import CapturedBy, SourceOptions, open_source
from sim.benchmarks.looks import WithLooks, measure_looks
from sim.benchmarks.tracking import TrackCost, measure_tracking
from sim.inputs import read_site
from sim.playback import Place, Playback
from sim.score.mot import MIN_IOU, Boxes, iou, read_mot, score_mot

BLOCK_FRAMES = 32  # their tensors, 160 MB at 640 x 640, are kept for bare inference
THREADS = 2  # inside one inference, as the detector's own default
PERSON = 0  # COCO
RATIO_BAR, MOTA_BAR, IDF1_BAR = 0.85, 0.85, 0.80
GROUND_BAR_M = 0.5
TRACK_RATIO_BAR = 1.0


@dataclass(frozen=True, slots=True)
class Throughput:
    """`ratio`: frames a second of the whole pipeline over those of bare inference; `ratio_p50`: the same, median of the
    blocks. `*_ms`: a frame's; detect: preparing not included.

    ground_p50_m, ground_p95_m: how far apart the foot points of a track's box and of the true box that it overlaps most
    lie on the ground, both through the same calibration. with_looks: None without a model for them.
    """

    frames: int
    pipeline_fps: float
    bare_fps: float
    ratio: float
    ratio_p50: float
    detect_ms: float
    track: TrackCost
    mota: float
    idf1: float
    switches: int
    with_looks: WithLooks | None
    ground_p50_m: float
    ground_p95_m: float

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        bars = (
            ("pipeline over bare inference", self.ratio, RATIO_BAR),
            ("MOTA", self.mota, MOTA_BAR),
            ("IDF1", self.idf1, IDF1_BAR),
        )
        missed = [f"{name}: expected at least {bar}, got {value:.3f}" for name, value, bar in bars if value < bar]
        if self.track.ratio is not None and self.track.ratio > TRACK_RATIO_BAR:
            missed.append(f"tracking: expected at most {TRACK_RATIO_BAR:g} times the peer, got {self.track.ratio:.2f}")
        if not self.ground_p50_m <= GROUND_BAR_M:
            missed.append(f"foot points: expected a median of at most {GROUND_BAR_M} m, got {self.ground_p50_m:.2f} m")
        return missed

    def table(self) -> Table:
        table = Table("replay", "measured", "at least")
        table.add_row("frames", str(self.frames), "")
        table.add_row("whole pipeline, frames/s", f"{self.pipeline_fps:.1f}", "")
        table.add_row("bare inference, frames/s", f"{self.bare_fps:.1f}", "")
        table.add_row("ratio (median of blocks)", f"{self.ratio:.3f} ({self.ratio_p50:.3f})", f"{RATIO_BAR}")
        table.add_row("detecting, ms a frame", f"{self.detect_ms:.2f}", "")
        table.add_row("tracking, ms of processor time a frame", f"{self.track.ms:.2f}", "")
        if self.track.peer_ms is not None:
            table.add_row("ByteTrack of trackers, the same boxes", f"{self.track.peer_ms:.2f}", "")
            table.add_row("tracking over ByteTrack's", f"{self.track.ratio:.2f}", f"at most {TRACK_RATIO_BAR:g}")
        table.add_row("MOTA", f"{self.mota:.4f}", f"{MOTA_BAR}")
        table.add_row("IDF1", f"{self.idf1:.4f}", f"{IDF1_BAR}")
        table.add_row("numbers that changed hands", str(self.switches), "")
        if (looks := self.with_looks) is not None:
            told = f"{looks.mota:.4f}, {looks.idf1:.4f}, {looks.switches}"
            table.add_row("with looks: MOTA, IDF1, numbers that changed hands", told, "")
            told = f"{looks.ms:.2f} ({looks.counts.asked}, {looks.counts.capped})"
            table.add_row("looks, ms a frame (crops looked at, over the cap)", told, "")
        apart = f"{self.ground_p50_m:.2f} ({self.ground_p95_m:.2f})"
        table.add_row("foot points apart on the ground, m, median (p95)", apart, f"at most {GROUND_BAR_M}")
        return table


def measure_throughput(
    video: Path,
    model: ModelFile,
    truth: Path,
    site_file: Path,
    *,
    clock: Clock,
    console: Console,
    looks_model: Path | None = None,
) -> Throughput:
    """One replay of `video`, and one more with `looks_model` where that is there. Raises what replaying raises, and
    ScoreError."""
    site = read_site(site_file)
    (camera,) = site.cameras
    assert camera.pose is not None
    detector = _Tapped(open_file(model), clock)
    bare = _bare_session(model.path)
    source = open_source(SourceOptions(str(video)), clock=clock)
    pipeline_us: list[int] = []
    bare_us: list[int] = []
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as name:
        folder = Path(name)
        playback = Playback(folder, detector, Place(site, camera, camera.pose))
        with playback, closing(source.frames(Event())) as frames:
            for block in with_bar(_blocks(frames), description="replay", console=console, transient=True):
                started_us = clock.monotonic_us()
                with closing(playback.play(block)) as played:
                    for _ in played:
                        pass
                pipeline_us.append(clock.monotonic_us() - started_us)
                bare_us.append(_time_bare(bare, detector.take_tensors(), clock))
            playback.end()
        tracks = read_mot(folder / "tracks.txt")
    real, persons = read_mot(truth), tracks.where(tracks.class_index == PERSON)
    score = score_mot(real, persons)
    count, lens = playback.frames, camera.lens
    apart_m = apart_on_the_ground_m(real, persons, Locator(lens=lens, frame=site.local_frame()), camera.pose)
    with_looks = None
    if looks_model is not None and looks_model.is_file():
        with_looks = measure_looks(
            open_source(SourceOptions(str(video)), clock=clock),
            [each for _, each in detector.found],
            detector=detector,
            place=Place(site, camera, camera.pose),
            model=looks_model,
            truth=real,
            class_index=PERSON,
            clock=clock,
        )
    return Throughput(
        frames=count,
        pipeline_fps=count / sum(pipeline_us) * 1e6,
        bare_fps=count / sum(bare_us) * 1e6,
        ratio=sum(bare_us) / sum(pipeline_us),
        ratio_p50=statistics.median(b / p for b, p in zip(bare_us, pipeline_us, strict=True) if b),
        detect_ms=detector.detect_us / count / 1e3,
        track=measure_tracking(detector.found, (lens.width_px, lens.height_px)),
        mota=score.mota,
        idf1=score.idf1,
        switches=score.switches,
        with_looks=with_looks,
        ground_p50_m=float(np.median(apart_m)),
        ground_p95_m=float(np.quantile(apart_m, 0.95)),
    )


def apart_on_the_ground_m(truth: Boxes, tracks: Boxes, locator: Locator, pose: CameraPose) -> list[float]:
    """How far the feet of each true box are from those of the track that overlaps it most, if one does by half."""
    apart, tracks_of = [], tracks.by_frame()
    for frame, (_, real) in truth.by_frame().items():
        if frame not in tracks_of:
            continue
        found = tracks_of[frame][1]
        overlap = iou(real, found)
        best = overlap.argmax(axis=1)
        rows = np.flatnonzero(overlap[np.arange(len(real)), best] >= MIN_IOU)
        pairs = zip(_fixes(locator, real[rows], pose), _fixes(locator, found[best[rows]], pose), strict=True)
        apart += [distance_m(a.point, b.point) for a, b in pairs if a is not None and b is not None]
    return apart


def _fixes(locator: Locator, xywh_px: npt.NDArray[np.float64], pose: CameraPose) -> Sequence[GroundFix | None]:
    return locator.locate(np.concatenate([xywh_px[:, :2], xywh_px[:, :2] + xywh_px[:, 2:]], axis=1), pose)


class _Block:
    """The next frames of an open source, as a source of its own."""

    is_live = is_paced = False
    is_quiet = False
    captured_by = CapturedBy.RECORDING
    corrupt_packets = 0
    remark = ""

    def __init__(self, rest: Iterator[Frame]) -> None:
        self._rest = rest
        self.given = 0

    def frames(self, stop: Event) -> Generator[Frame, None, None]:
        while self.given < BLOCK_FRAMES and not stop.is_set() and (frame := next(self._rest, None)) is not None:
            self.given += 1
            yield frame


def _blocks(frames: Iterator[Frame]) -> Iterator[_Block]:
    block = None
    while block is None or block.given == BLOCK_FRAMES:
        block = _Block(frames)
        yield block


class _Tapped:
    """A detector that keeps what went in and out of it."""

    def __init__(self, detector: Detector, clock: Clock) -> None:
        self._detector = detector
        self._clock = clock
        self._tensors: list[npt.NDArray[np.float32]] = []
        self.identity, self.labels = detector.identity, detector.labels
        self.found: list[tuple[int, Detections]] = []
        self.detect_us = 0

    def prepare(self, frame: Frame) -> Prepared:
        prepared = self._detector.prepare(frame)
        self._tensors.append(prepared.tensor)
        return prepared

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        started_us = self._clock.monotonic_us()
        found = self._detector.detect(batch)
        self.detect_us += self._clock.monotonic_us() - started_us
        self.found += [(prepared.pts_us, each) for prepared, each in zip(batch, found, strict=True)]
        return found

    def take_tensors(self) -> list[npt.NDArray[np.float32]]:
        tensors, self._tensors = self._tensors, []
        return tensors


def _bare_session(path: Path) -> onnxruntime.InferenceSession:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = THREADS
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])


def _time_bare(session: onnxruntime.InferenceSession, tensors: Sequence[npt.NDArray[np.float32]], clock: Clock) -> int:
    name = session.get_inputs()[0].name
    started_us = clock.monotonic_us()
    for tensor in tensors:
        session.run(None, {name: tensor[None]})
    return clock.monotonic_us() - started_us
