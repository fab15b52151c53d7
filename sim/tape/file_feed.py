"""A recording that a node plays as slowly as it was taken: which moment is its first picture?

The node never says so, but what it says leaves one answer. A Health that counts n decoded frames was sent after the
n-th picture and before the next; a Tracks is stamped with the exact moment of one picture. Together: one start.
"""

from collections.abc import Iterator
from pathlib import Path

from contract.clock import Clock
from contract.envelope import Envelope
from contract.events import Health, Tracks
from edge.decode import opened_video
from edge.settings import FeedSettings
from sim.tape.imports.video import Belongings, VideoImport
from sim.tape.items import Item, log_line

WAIT_FOR_TRACKS_US = 10_000_000  # without anybody in the picture the start is known to one frame
ALIVE_US = 2_000_000  # a node says its Health so often: until then it plays on


class FileFeed:
    """One feed of a node; its paths count from `folder`."""

    def __init__(self, settings: FeedSettings, *, folder: Path, node: str, clock: Clock) -> None:
        """Raises FeedUnreadable."""
        self.camera = settings.camera
        self._settings = settings
        self._folder = folder
        self._node = node
        self._clock = clock
        with opened_video(str(folder / settings.url), monotonic_us=clock.monotonic_us) as video:
            self._period_us = video.frame_period_us
        self._latest_us: int | None = None
        self._first_told_us = self._last_told_us = 0
        self._stamp_us: int | None = None
        self._items: Iterator[Item] | None = None
        self._next: Item | None = None  # not played yet

    def hear(self, envelope: Envelope) -> None:
        body = envelope.body
        if envelope.node != self._node:
            return
        if isinstance(body, Health):
            frames = next((feed.frames_decoded for feed in body.feeds if feed.camera == self.camera), 0)
            if frames > 0:
                latest_us = envelope.sent_at_us - (frames - 1) * self._period_us
                self._first_told_us = self._first_told_us or envelope.sent_at_us
                self._last_told_us = envelope.sent_at_us
                self._latest_us = latest_us if self._latest_us is None else min(latest_us, self._latest_us)
        elif isinstance(body, Tracks) and body.camera == self.camera:
            self._stamp_us = envelope.captured_at_us

    def start_us(self, now_us: int) -> int | None:
        """None while it is not known well enough."""
        if self._latest_us is None:
            return None
        if self._stamp_us is None:
            return self._latest_us if now_us - self._first_told_us >= WAIT_FOR_TRACKS_US else None
        return self._stamp_us + (self._latest_us - self._stamp_us) // self._period_us * self._period_us

    def due(self, now_us: int, *, is_last: bool = False) -> Iterator[Item]:
        """What the node has played by now and was not given yet; `is_last`: with the start as well as it is known.
        Raises as VideoImport does."""
        if self._items is None:
            start_us = self._latest_us if is_last and self._stamp_us is None else self.start_us(now_us)
            if start_us is None:
                return
            self._items = self._opened(start_us)
        played_until_us = min(now_us, self._last_told_us + ALIVE_US)
        while True:
            self._next = self._next or next(self._items, None)
            if self._next is None or self._next.log_us > played_until_us:
                return
            item, self._next = self._next, None
            yield item

    def _opened(self, start_us: int) -> Iterator[Item]:
        folder, settings = self._folder, self._settings
        video = VideoImport(
            folder / settings.url,
            camera=self.camera,
            start_us=start_us,
            belongings=Belongings(
                detections=folder / settings.detections if settings.detections else None,
                poses=folder / settings.pose_file if settings.pose_file else None,
            ),
            monotonic_us=self._clock.monotonic_us,
        )
        how = "by a track's stamp" if self._stamp_us is not None else "within a frame"
        yield log_line(start_us, name="recorder", text=f"camera {self.camera}: first picture known {how}")
        yield from video.items()
