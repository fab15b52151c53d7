"""A node that keeps evidence of a recording with somebody in it, and what it said and kept."""

import hashlib
import random
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import av
import numpy as np

from contract.clock import SystemClock
from contract.envelope import Origin
from contract.events import Event, Stage
from contract.evidence import Evidence, EvidenceKind
from edge.area import PrivacyMask
from edge.feed import Feed
from edge.footage.recording import Rolls
from edge.footage.ring import Ring
from edge.footage.shelf import DAY_US, Room, Shelf
from edge.link.outbox import Outbox
from edge.link.upload import Uploader
from edge.link.zone_memory import ZoneMemory
from edge.node import Keeping, Node
from edge.poses.fixed import FixedPose
from edge.source import SourceOptions, open_source
from tests.edge.test_node import Bus, Eyes
from tests.edge.yard import person_px, site

INSIDE, ALONE = (0.0, 20.0), None
ROLLS = Rolls(pre_us=1_000_000, post_us=1_000_000, longest_us=10_000_000)
ROOM = Room(keep_us=30 * DAY_US, max_bytes=100_000_000, free_bytes=0)
START = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
COMES_US, GOES_US = 3_000_000, 6_000_000  # somebody, in the recording


def film_yard(path: Path) -> Path:
    """10 s at 10 fps with a key frame each 0.8 s: grey that gets brighter, and somebody white while he is there."""
    left, top, right, bottom = (round(side) for side in person_px(*INSIDE))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"preset": "ultrafast", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        stream.codec_context.gop_size = 8
        for n in range(100):
            image = np.full((480, 640, 3), 40 + n, np.uint8)
            if COMES_US <= n * 100_000 < GOES_US:
                image[top:bottom, left:right] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return path


@dataclass
class Played:
    """What a node said and kept."""

    folder: Path
    bus: Bus

    @property
    def event(self) -> Event:
        return next(event for event in self.bus.events() if event.stage is Stage.START)

    def of(self, kind: EvidenceKind) -> Evidence:
        return next(each for each in self.evidence if each.kind is kind)

    @property
    def evidence(self) -> list[Evidence]:
        return [each.body for each in self.bus.envelopes if isinstance(each.body, Evidence)]

    def file(self, kind: EvidenceKind) -> Path:
        """The file of that digest."""
        wanted = self.of(kind).sha256
        files = [path for path in (self.folder / "evidence").glob("*/*") if path.is_file()]
        return next(path for path in files if hashlib.sha256(path.read_bytes()).hexdigest() == wanted)


def eyes() -> Eyes:
    return Eyes(lambda pts_us: INSIDE if COMES_US <= pts_us < GOES_US else ALONE)


@contextmanager
def keeping_node(
    folder: Path,
    video: Path,
    *,
    masks: tuple[PrivacyMask, ...] = (),
    rolls: Rolls = ROLLS,
    shelf: Shelf | None = None,
    ring: Ring | None = None,
    uploader: Uploader | None = None,
) -> Iterator[tuple[Node, Outbox]]:
    yard = site()
    pose = yard.cameras[0].pose
    assert pose is not None
    ring = ring or Ring(seconds=2.0, max_bytes=10_000_000)
    options = SourceOptions(str(video), start=START, ring=ring)
    feed = Feed(
        "mast",
        lambda: open_source(options, clock=SystemClock()),
        Origin.REPLAYED,
        eyes(),
        FixedPose(pose),
        ring=ring,
        masks=masks,
    )
    shelf = shelf or Shelf(folder / "evidence", ROOM, wall_us=SystemClock().wall_us)
    shelf.open()
    with Outbox(folder / "outbox.sqlite", new_id=uuid.uuid4) as outbox:
        node = Node(
            site=yard,
            node="edge-1",
            feeds=[feed],
            outbox=outbox,
            zone_memory=ZoneMemory(folder / "zones.json"),
            clock=SystemClock(),
            chance=random.Random(1),
            software="test",
            exit_when_ended=True,
            keeping=Keeping(shelf, rolls, jpeg_quality=90, uploader=uploader),
        )
        yield node, outbox


def play(folder: Path, video: Path, **given: object) -> Played:
    """The whole recording, until everything is acknowledged."""
    bus = Bus()
    with keeping_node(folder, video, **given) as (node, outbox):  # type: ignore[arg-type]
        node.run(bus, threading.Event())
        assert len(outbox) == 0
    return Played(folder, bus)
