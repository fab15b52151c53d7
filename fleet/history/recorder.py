"""What the map shows, kept: once a second, and at once when more than a place changes; five times a second at most.

It looks on the coordinator's loop and does nothing else there: what was seen is handed over as plain values, and who
writes encodes and compresses them. A second without a frame is a second in which nobody recorded; nothing is made up.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Protocol

import anyio
import anyio.lowlevel
import structlog

from contract.clock import Clock
from contract.envelope import Origin
from contract.kinds import Severity
from fleet.history.blocks import Frame, Scene, Thing, encoded
from fleet.history.files import HOUR_US, HistoryFiles
from fleet.picture.coverage import Trouble

LOOK_S = 0.2
EACH_US = 950_000  # looks come a little late, never a whole second apart
BLOCK_US = 10_000_000  # a kill loses as much at most
MAX_FRAMES = 60  # of a block
GAP_US = 3_000_000  # further apart is not one recording
MAX_WAITING = 6  # blocks for a disk that hangs; then the oldest is lost, and that is said
log = structlog.get_logger()

Part = tuple[str, Mapping[str, Thing]]  # kind; id -> thing
_Scene = dict[str, dict[str, Thing]]
Aside = Callable[[Callable[[], None]], Awaitable[None]]


class Seen(Protocol):
    """The site as it is now."""

    def news(self) -> object:
        """Equal to the one before while nothing changed that is written at once."""
        ...

    def parts(self) -> Iterator[Part]:
        """All that there is now, in parts that are put together; what changes between two of them is as it then is."""
        ...


class Recorder:
    """`failed`: why nothing is kept now; None while it is."""

    def __init__(self, files: HistoryFiles, seen: Seen, clock: Clock) -> None:
        self._files, self._seen, self._clock = files, seen, clock
        self._frames: list[Frame] = []
        self._waiting: deque[list[Frame]] = deque(maxlen=MAX_WAITING)
        self._has_more = anyio.Event()
        self._news: object = None
        self._looked_us: int | None = None
        self.failed: str | None = None
        self.frames_kept = 0

    @property
    def has_waiting(self) -> bool:
        """Is there something for `write` to do?"""
        return bool(self._waiting)

    async def run(self, aside: Aside) -> None:
        """Until cancelled. `aside` runs what may wait for the disk."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._look_forever, name="history")
            tasks.start_soon(self._write_forever, aside, name="history files")

    async def _look_forever(self) -> None:
        while True:
            await anyio.sleep(LOOK_S)
            if self._is_due():
                wall_us, scene = self._clock.wall_us(), _Scene()
                for kind, things in self._seen.parts():
                    scene.setdefault(kind, {}).update(things)
                    await anyio.lowlevel.checkpoint()
                self._take(wall_us, scene)

    async def _write_forever(self, aside: Aside) -> None:
        while True:
            await self._has_more.wait()
            self._has_more = anyio.Event()
            await aside(self.write)

    def look(self) -> None:
        """One look at the site without letting others in; a frame, where it is time for one."""
        if self._is_due():
            wall_us, scene = self._clock.wall_us(), _Scene()
            for kind, things in self._seen.parts():
                scene.setdefault(kind, {}).update(things)
            self._take(wall_us, scene)

    def _is_due(self) -> bool:
        now_us, news = self._clock.monotonic_us(), self._seen.news()
        if self._looked_us is not None and now_us - self._looked_us < EACH_US and news == self._news:
            return False
        self._looked_us, self._news = now_us, news
        return True

    def _take(self, wall_us: int, scene: Scene) -> None:
        if self._frames and not self._continues(wall_us):
            self._close()
        self._frames.append((wall_us, scene))

    def _continues(self, wall_us: int) -> bool:
        first_us, last_us = self._frames[0][0], self._frames[-1][0]
        return (
            0 < wall_us - last_us <= GAP_US
            and wall_us - first_us < BLOCK_US
            and wall_us // HOUR_US == first_us // HOUR_US
            and len(self._frames) < MAX_FRAMES
        )

    def _close(self) -> None:
        if len(self._waiting) == MAX_WAITING:
            self._say("the disk does not keep up")
        self._waiting.append(self._frames)
        self._frames = []
        self._has_more.set()

    def write(self) -> None:
        """What waits, to the disk; what it does not take is lost. Never raises for the disk."""
        while self._waiting:
            frames = self._waiting.popleft()
            try:
                self._files.append(encoded(frames), from_us=frames[0][0])
            except OSError as err:
                self._say(err.strerror or str(err))
            else:
                self.frames_kept += len(frames)
                self._say(None)

    def write_out(self) -> None:
        """At the end: also what makes no whole block yet."""
        if self._frames:
            self._close()
        self.write()

    def troubles(self) -> tuple[Trouble, ...]:
        if self.failed is None:
            return ()
        title = f"what the map shows is not recorded: {self.failed}"
        return (Trouble("device:coordinator:history", title, (), Severity.LOW, Origin.LIVE),)

    def _say(self, failed: str | None) -> None:
        if failed is not None and self.failed is None:
            log.warning("history is not recorded", reason=failed)
        elif failed is None and self.failed is not None:
            log.info("history is recorded again")
        self.failed = failed
