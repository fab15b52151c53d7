"""How much of bare inference a node's whole pipeline keeps: several feeds, one process, decoding included.

Bare rounds and rounds of the pipeline take turns in one run and use the same network: the same machine differs from
itself by a factor of two. While a bare round runs, the decoding threads wait with full queues, as they do after every
round of the pipeline, so that no decoding is given away.
"""

import random
import resource
import threading
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from rich.table import Table

from contract.clock import Clock
from contract.envelope import Origin
from contract.geo import GeoPoint, LocalFrame, PointEnu
from contract.site import Camera, CameraPose, Geofence, OpenCvLens, Site, Zone
from contract.site import Origin as SiteOrigin
from detectors.detector import Detector, Prepared
from detectors.frame import Frame
from detectors.network import NetworkDetector
from detectors.scheduler import Batching
from edge.crew import Crew
from edge.errors import FeedLost, SetUpError
from edge.feed import Feed
from edge.link.outbox import Outbox
from edge.link.zone_memory import ZoneMemory
from edge.lookout import Witness
from edge.node import Node
from edge.peer import Peer
from edge.pipeline import StepResult
from edge.poses.fixed import FixedPose
from edge.source import SourceOptions
from edge.sources.file import FileSource

BARS = {1: 0.93, 4: 0.90}  # feeds to the least share of bare inference
PEER_BARS = {1: 1.0, 2: 1.6}  # feeds to how many times as fast as the peer, on the same runtime
KEPT_FRAMES = 16
WARM_FRAMES = 20
FRAME_WITHIN_S = 5.0
STOP_S = 10.0
ORIGIN = SiteOrigin(lat_deg=52.1, lon_deg=13.2, ground_amsl_m=45.0)
MAST = CameraPose(east_m=0.0, north_m=0.0, up_m=6.0, heading_deg=0.0, pitch_deg=-20.0)


@dataclass(frozen=True, slots=True)
class Kept:
    """Frames a second of all feeds together and what the pipeline makes of others' frames: medians over the rounds, of
    ratios within one round.

    bare_fps: one frame after the other; batched_fps: as many at once as the backend makes use of, boxes included.
    processor_share: processor time of a frame in bare inference over that of a frame in the pipeline, the least of the
    rounds of each. Others on the machine disturb it less than they disturb the clock.
    peer_fps: what the pipeline to compare with makes of the same clip (edge/peer.py).
    """

    feeds: int
    bare_fps: float
    batched_fps: float
    pipeline_fps: float
    share: float
    processor_share: float
    peer_fps: float | None = None
    times_peer: float | None = None


@dataclass(frozen=True, slots=True)
class Throughput:
    """What one model kept with each number of feeds."""

    model: str
    backend: str
    video: str
    kept: tuple[Kept, ...]

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        shares = [
            f"{each.feeds} feeds: expected at least {BARS[each.feeds]:.2f} of bare inference, got {each.share:.3f}"
            for each in self.kept
            if each.share < BARS.get(each.feeds, 0.0)
        ]
        times = [
            f"{each.feeds} feeds: expected {PEER_BARS[each.feeds]:.1f} times the peer, got {each.times_peer:.2f}"
            for each in self.kept
            if each.times_peer is not None and each.times_peer < PEER_BARS.get(each.feeds, 0.0)
        ]
        return shares + times

    def table(self) -> Table:
        title = f"{self.model} on {self.backend}, {self.video}, decoding included"
        headings = ("feeds", "bare fps", "in batches", "pipeline fps", "share", "processor", "at least")
        table = Table(*headings, title=title)
        has_peer = any(each.peer_fps is not None for each in self.kept)
        if has_peer:
            table.add_column("peer fps")
            table.add_column("times the peer")
            table.add_column("at least")
        for column in table.columns:
            column.justify = "right"
        for each in self.kept:
            speeds = (_words(fps, 1) for fps in (each.bare_fps, each.batched_fps, each.pipeline_fps))
            shares = (_words(share, 3) for share in (each.share, each.processor_share))
            row = [str(each.feeds), *speeds, *shares, _words(BARS.get(each.feeds), 2)]
            if has_peer:
                row += [_words(each.peer_fps, 1), _words(each.times_peer, 2), _words(PEER_BARS.get(each.feeds), 1)]
            table.add_row(*row)
        return table


def _words(number: float | None, digits: int) -> str:
    return "" if number is None else f"{number:.{digits}f}"


def measure(
    video: Path,
    open_detector: Callable[[], Detector],
    *,
    feeds: Sequence[int] = (1, 2, 4),
    rounds: int = 8,
    frames: int = 40,
    clock: Clock,
    peer: Callable[[int], Peer] | None = None,
) -> Throughput:
    """`rounds` times `frames` frames bare, through a node and through the `peer` of so many feeds, for each number.

    The detector is opened twice, as one that was given batches keeps to what is best for them.
    Raises FeedUnreadable for what is no video, DetectorError as the detector does and SetUpError as the peer does.
    """
    detector, alone = open_detector(), open_detector()
    if not (isinstance(detector, NetworkDetector) and isinstance(alone, NetworkDetector)):
        raise SetUpError(f"backend '{detector.identity.backend}': expected one that runs networks")
    with closing(_source(video, clock).frames(threading.Event())) as decoded:
        kept = list(islice(decoded, KEPT_FRAMES))
    return Throughput(
        model=detector.identity.name,
        backend=detector.identity.backend,
        video=video.name,
        kept=tuple(
            _kept(video, detector, alone, kept, count, rounds=rounds, frames=frames, clock=clock, peer=peer)
            for count in feeds
        ),
    )


def _kept(
    video: Path,
    detector: NetworkDetector,
    alone: NetworkDetector,
    some: Sequence[Frame],
    feeds: int,
    *,
    rounds: int,
    frames: int,
    clock: Clock,
    peer: Callable[[int], Peer] | None,
) -> Kept:
    ready = cycle([detector.prepare(frame) for frame in some])
    height_px, width_px = some[0].image_bgr.shape[:2]
    site = _site(feeds, width_px=width_px, height_px=height_px)
    bare: list[_Time] = []
    batched: list[_Time] = []
    ours: list[_Time] = []
    theirs: list[_Time] = []
    readers, counted = Crew(threading.Event()), _Round()
    with Outbox(Path(":memory:"), new_id=lambda: uuid.UUID(int=1)) as outbox, ExitStack() as stack:
        other = None if peer is None else stack.enter_context(peer(feeds))
        node = _node(site, video, detector, outbox=outbox, clock=clock, witness=counted.note)
        try:
            for reader in node.readers:
                readers.start(reader.camera, reader.run)
            counted.judge(node, WARM_FRAMES * feeds)
            for _ in range(rounds):
                bare.append(_timed(lambda: _infer(alone, islice(ready, frames)), clock))
                batched.append(_timed(lambda: _detect(detector, ready, frames), clock))
                ours.append(_timed(lambda: counted.judge(node, frames), clock))
                if other is not None:
                    theirs.append(_timed(partial(other.judge, frames), clock))
        finally:
            node.stop_reading()
            readers.join(STOP_S)
        readers.raise_crash()
    return Kept(
        feeds=feeds,
        bare_fps=median(each.fps for each in bare),
        batched_fps=median(each.fps for each in batched),
        pipeline_fps=median(each.fps for each in ours),
        share=_median_ratio(ours, bare),
        processor_share=min(each.processor_s for each in bare) / min(each.processor_s for each in ours),
        peer_fps=median(each.fps for each in theirs) if theirs else None,
        times_peer=_median_ratio(ours, theirs) if theirs else None,
    )


@dataclass(frozen=True, slots=True)
class _Time:
    """fps; processor_s: of all threads of this process, a frame."""

    fps: float
    processor_s: float


def _median_ratio(ours: Sequence[_Time], theirs: Sequence[_Time]) -> float:
    return median(mine.fps / other.fps for mine, other in zip(ours, theirs, strict=True))


def _timed(work: Callable[[], int], clock: Clock) -> _Time:
    """`work` says how many frames it was."""
    started_us, before_s = clock.monotonic_us(), _processor_s()
    frames = work()
    took_us, processor_s = clock.monotonic_us() - started_us, _processor_s() - before_s
    return _Time(frames * 1e6 / took_us, processor_s / frames)


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _detect(detector: NetworkDetector, ready: Iterator[Prepared], frames: int) -> int:
    count = 0
    while count < frames:
        count += len(detector.detect(list(islice(ready, detector.batch_max))))
    return count


def _infer(detector: NetworkDetector, ready: Iterable[Prepared]) -> int:
    count = 0
    for prepared in ready:
        detector.infer(prepared)
        count += 1
    return count


class _Round:
    """Counts what a node judges, and stops it after so many frames or when none come."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._wanted = self._judged = 0

    def judge(self, node: Node, frames: int) -> int:
        """So many frames and those looked at meanwhile; how many. Raises FeedLost where they do not come."""
        self._stop, self._wanted, self._judged = threading.Event(), frames, 0
        alarm = threading.Timer(frames * FRAME_WITHIN_S, self._stop.set)
        alarm.start()
        try:
            node.look_out(self._stop)
        finally:
            alarm.cancel()
        if self._judged < frames:
            raise FeedLost(f"bench: expected {frames} frames, got {self._judged}")
        return self._judged

    def note(self, _camera: str, result: StepResult) -> None:
        """A witness; what ends when a round ends is no frame."""
        self._judged += bool(result.hops_us)
        if self._judged >= self._wanted:
            self._stop.set()


class _Endless:
    """A recording again and again, with time that goes on."""

    is_live = is_paced = False
    is_quiet = False
    corrupt_packets = 0
    remark = ""

    def __init__(self, video: Path, clock: Clock) -> None:
        self._video, self._clock = video, clock
        self.captured_by = FileSource.captured_by

    def frames(self, stop: threading.Event) -> Generator[Frame, None, None]:
        index, offset_us, last_us = 0, 0, 0
        while not stop.is_set():
            for frame in _source(self._video, self._clock).frames(stop):
                last_us = frame.pts_us + offset_us
                at_us = frame.captured_at_us + offset_us
                yield replace(frame, pts_us=last_us, captured_at_us=at_us, index=index)
                index += 1
            offset_us = last_us + 1_000_000


def _source(video: Path, clock: Clock) -> FileSource:
    return FileSource(SourceOptions(url=str(video)), clock)


def _node(
    site: Site, video: Path, detector: NetworkDetector, *, outbox: Outbox, clock: Clock, witness: Witness
) -> Node:
    feeds = [
        Feed(camera.id, lambda: _Endless(video, clock), Origin.REPLAYED, detector, FixedPose(MAST))
        for camera in site.cameras
    ]
    return Node(
        site=site,
        node="edge-1",
        feeds=feeds,
        outbox=outbox,
        zone_memory=ZoneMemory(None),
        clock=clock,
        chance=random.Random(1),  # noqa: S311 - spreads retries
        software="vedette-edge bench",
        batching=Batching(detector.batch_max),
        witness=witness,
    )


def _site(cameras: int, *, width_px: int, height_px: int) -> Site:
    """A camera for each feed, and one zone before all of them."""
    bare = Site(
        schema_version=1,
        id="bench",
        name="Bench",
        time_zone="UTC",
        origin=ORIGIN,
        geofence=Geofence(polygon=_square(60.0)),
    )
    lens = OpenCvLens.pinhole(width_px, height_px, focal_px=float(width_px))
    ids = tuple(f"camera-{number}" for number in range(1, cameras + 1))
    return bare.model_copy(
        update={
            "cameras": tuple(Camera(id=each, node="edge-1", lens=lens, pose=MAST) for each in ids),
            "zones": (Zone(id="yard", name="Yard", polygon=_square(15.0), cameras=ids),),
        }
    )


def _square(half_m: float) -> tuple[GeoPoint, ...]:
    """A square before the mast."""
    frame = LocalFrame(GeoPoint(lat_deg=ORIGIN.lat_deg, lon_deg=ORIGIN.lon_deg), ground_amsl_m=ORIGIN.ground_amsl_m)
    corners = ((-half_m, 0.0), (half_m, 0.0), (half_m, 2 * half_m), (-half_m, 2 * half_m))
    return tuple(frame.to_geo(PointEnu(east_m, north_m))[0] for east_m, north_m in corners)
