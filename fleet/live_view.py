"""Who looks through which camera, and what its node sends for it: each picture goes to all viewers, the same bytes.

A node is asked for a camera while somebody looks; for stills of it beside, where a browser plays no video. The pictures
since the last key frame are kept, so that who comes second begins at once; a viewer who is too slow goes on at the next
key frame, and nobody else notices. All of it belongs to the API's loop: nothing here touches what the coordinator's
loop does for safety.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from contract.clock import Clock
from contract.errors import ContractError
from contract.frozen import Frozen
from contract.live import JPEG, Ask, Backlog, Codec, Offer, PictureHead, Showing, Watch, WatchStills, head_of, read_word
from contract.site import Site
from fleet.errors import NotFound, Refused
from fleet.metrics import Metrics

MAX_VIEWERS = 32
MAX_WATCHED = 16  # cameras at once
MAX_GROUP_BYTES = 8_000_000  # kept of one camera since its last key frame
MAX_BACKLOG_BYTES = 8_000_000  # waiting for one viewer
# What a node may send: 16 MB a second, each message counted 16 kB more, so that many small ones are dear too.
BYTES_A_SECOND, BURST_BYTES, MESSAGE_BYTES = 16_000_000, 32_000_000, 16_384


class Outlet:
    """What waits for one connection, on the API's loop: words go before pictures, and of one matter only the last."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self.backlog = Backlog(max_bytes=MAX_BACKLOG_BYTES)
        self.is_over = False
        self._something = asyncio.Event()

    def say(self, about: str, word: Frozen) -> None:
        self._words.pop(about, None)
        self._words[about] = word.model_dump_json()
        self._something.set()

    def show(self, message: bytes, *, is_key: bool, now_us: int) -> int:
        """How many pictures are lost by it."""
        dropped_before = self.backlog.dropped
        self.backlog.put(message, is_key=is_key, now_us=now_us)
        self._something.set()
        return self.backlog.dropped - dropped_before

    def end(self) -> None:
        self.is_over = True
        self._something.set()

    async def take(self) -> str | bytes | None:
        """The next message; None: the connection has to end."""
        while True:
            if self.is_over:
                return None
            if self._words:
                return self._words.pop(next(iter(self._words)))
            if (message := self.backlog.take()) is not None:
                return message
            self._something.clear()
            await self._something.wait()


class Link(Outlet):
    """One connection of a node. has_stills: it understands WatchStills."""

    def __init__(self, views: "LiveViews", node: str, clock: Clock, *, has_stills: bool = False) -> None:
        super().__init__()
        self.node = node
        self.has_stills = has_stills
        self._views = views
        self._clock = clock
        self._spent_bytes, self._spent_us = 0.0, clock.monotonic_us()

    def hear(self, message: str | bytes) -> float:
        """Take what the node says; how many seconds to rest before the next. Raises ContractError."""
        if isinstance(message, str):
            word = read_word(message)
            if not isinstance(word, Offer):
                raise ContractError(f"expected an offer, got {word.type}")
            self._views.offered(self, word)
        else:
            self._views.picture(self, head_of(message), message)
        now_us = self._clock.monotonic_us()
        earned = (now_us - self._spent_us) * BYTES_A_SECOND / 1e6
        self._spent_bytes = max(self._spent_bytes - earned, 0.0) + len(message) + MESSAGE_BYTES
        self._spent_us = now_us
        return max(self._spent_bytes - BURST_BYTES, 0.0) / BYTES_A_SECOND


class _Show:
    """A camera that somebody looks through, in one form."""

    def __init__(self) -> None:
        self.viewers: list[Outlet] = []
        self.group: list[tuple[bytes, bool]] = []  # since the last key frame; whether each is one
        self.group_bytes = 0

    def put(self, head: PictureHead, message: bytes, now_us: int) -> int:
        """How many pictures viewers lost by being slow."""
        if head.is_key:
            self.group, self.group_bytes = [], 0
        if (head.is_key or self.group) and self.group_bytes + len(message) <= MAX_GROUP_BYTES:
            self.group.append((message, head.is_key))
            self.group_bytes += len(message)
        else:
            self.group, self.group_bytes = [], 0
        return sum(viewer.show(message, is_key=head.is_key, now_us=now_us) for viewer in self.viewers)


class LiveViews:
    """Everybody who looks, and every node that shows."""

    def __init__(self, site: Site, *, clock: Clock, metrics: Metrics) -> None:
        self._node_of = {camera.id: camera.node for camera in site.cameras}
        self._clock = clock
        self._metrics = metrics
        self._links: dict[str, Link] = {}
        self._codecs: dict[str, Codec] = {}  # of the cameras of joined nodes
        self._shows: dict[str, _Show] = {}
        self._still_shows: dict[str, _Show] = {}

    # People

    @contextmanager
    def viewing(self, camera: str, *, as_stills: bool = False) -> Iterator[Outlet]:
        """A viewer of the camera; `as_stills`: who can show nothing but JPEG. Raises NotFound and Refused."""
        if camera not in self._node_of:
            raise NotFound(f"expected a camera of the site, got '{camera[:80]}'")
        shows = self._still_shows if as_stills else self._shows
        every = [*self._shows.values(), *self._still_shows.values()]
        if sum(len(show.viewers) for show in every) >= MAX_VIEWERS:
            raise Refused(f"{MAX_VIEWERS} people look already")
        if camera not in shows and len(every) >= MAX_WATCHED:
            raise Refused(f"{MAX_WATCHED} cameras are looked through already")
        viewer = Outlet()
        show = shows.get(camera)
        if show is None:
            show = shows[camera] = _Show()
            self._ask(camera, as_stills=as_stills)
        now_us = self._clock.monotonic_us()
        for message, is_key in show.group:
            viewer.show(message, is_key=is_key, now_us=now_us)
        show.viewers.append(viewer)
        viewer.say(camera, self._showing(camera))
        self._metrics.live_viewers.inc()
        try:
            yield viewer
        finally:
            self._metrics.live_viewers.dec()
            show.viewers.remove(viewer)
            if not show.viewers:
                del shows[camera]
                self._ask(camera, as_stills=as_stills)

    def answer(self, camera: str, viewer: Outlet, ask: Ask) -> None:
        """What can be expected, and the time."""
        viewer.say(camera, self._showing(camera, asked_at_ms=ask.asked_at_ms))

    # Nodes

    @contextmanager
    def joined(self, node: str, *, has_stills: bool = False) -> Iterator[Link]:
        """A node's connection; it takes the place of an earlier one, which may be dead without knowing."""
        link = Link(self, node, self._clock, has_stills=has_stills)
        before = self._links.get(node)
        if before is not None:
            before.end()
        self._links[node] = link
        self._metrics.live_nodes.set(len(self._links))
        for camera in self._cameras_of(node):
            if camera in self._shows:
                self._ask(camera, as_stills=False)
            if camera in self._still_shows:
                self._ask(camera, as_stills=True)
        self._tell_viewers(node)
        try:
            yield link
        finally:
            if self._links.get(node) is link:
                del self._links[node]
                self._metrics.live_nodes.set(len(self._links))
                for camera in self._cameras_of(node):
                    self._codecs.pop(camera, None)
                self._tell_viewers(node)

    def offered(self, link: Link, offer: Offer) -> None:
        """Raises ContractError for a camera of another node."""
        for camera in offer.cameras:
            self._expect_its_own(link, camera.camera)
        if self._links.get(link.node) is link:
            self._codecs.update({each.camera: each.codec for each in offer.cameras if each.codec is not None})
            self._tell_viewers(link.node)

    def picture(self, link: Link, head: PictureHead, message: bytes) -> None:
        """Raises ContractError for a camera of another node. What nobody looks at any more is let go."""
        self._expect_its_own(link, head.camera)
        shows = self._shows_of(link, head)
        if not shows or self._links.get(link.node) is not link:
            return
        if head.codec == JPEG and not head.is_key:
            raise ContractError(f"camera '{head.camera}': expected each {JPEG} to be a key frame")
        self._metrics.live_bytes.inc(len(message))
        for show in shows:
            self._metrics.live_dropped.inc(show.put(head, message, self._clock.monotonic_us()))

    def _shows_of(self, link: Link, head: PictureHead) -> list[_Show]:
        """Whose picture it is: a JPEG of a camera that sends video is a still, and who wants stills gets what else
        there is from a node that has none."""
        is_still = head.codec == JPEG and self._codecs.get(head.camera, JPEG) != JPEG
        found = [] if is_still else [self._shows.get(head.camera)]
        if head.codec == JPEG or not link.has_stills:
            found.append(self._still_shows.get(head.camera))
        return [show for show in found if show is not None]

    def _expect_its_own(self, link: Link, camera: str) -> None:
        if self._node_of.get(camera) != link.node:
            raise ContractError(f"expected a camera of node '{link.node}', got '{camera}'")

    def _ask(self, camera: str, *, as_stills: bool) -> None:
        """Tell its node what is wanted of it now, in the form that has changed."""
        link = self._links.get(self._node_of[camera])
        if link is None:
            return
        if as_stills and link.has_stills:
            link.say(f"{camera} {JPEG}", WatchStills(camera=camera, is_wanted=camera in self._still_shows))
        else:
            is_wanted = camera in self._shows or (camera in self._still_shows and not link.has_stills)
            link.say(camera, Watch(camera=camera, is_wanted=is_wanted))

    def _tell_viewers(self, node: str) -> None:
        for camera in self._cameras_of(node):
            for show in (self._shows.get(camera), self._still_shows.get(camera)):
                for viewer in () if show is None else show.viewers:
                    viewer.say(camera, self._showing(camera))

    def _showing(self, camera: str, *, asked_at_ms: int | None = None) -> Showing:
        is_here = self._node_of[camera] in self._links
        return Showing(
            camera=camera,
            is_node_here=is_here,
            codec=self._codecs.get(camera),
            now_us=self._clock.wall_us(),
            most_cameras=MAX_WATCHED,
            asked_at_ms=asked_at_ms,
        )

    def _cameras_of(self, node: str) -> list[str]:
        return [camera for camera, its_node in self._node_of.items() if its_node == node]
