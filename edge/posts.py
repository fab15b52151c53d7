"""The cameras of a node at work, each a reader, a scene of the lookout and a view of the footage; they can be exchanged
while the others go on.

A camera's new reader begins when its old one has ended: two must never hold one port or one device.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from contract.kinds import EventKind
from contract.site import Site
from edge.crew import Crew
from edge.feed import Feed, Surroundings, scene_of, view_of
from edge.footage.recording import View
from edge.link.zone_memory import ZoneMemory
from edge.lookout import Lookout, Scene
from edge.pipeline import Pipeline

PAUSE_S = 15.0  # for a batch to be judged; longer, and the detector hangs


@dataclass(frozen=True, slots=True)
class Lineup:
    """What the cameras of a node shall be. cameras: all of them, in their order; fresh: those of them that begin, or
    begin anew; the others go on."""

    site: Site
    rules: Mapping[EventKind, Mapping[str, object]]
    cameras: tuple[str, ...]
    fresh: tuple[Feed, ...]


class Keeper(Protocol):
    """Who keeps or shows what the cameras show."""

    def replace(self, gone: Collection[str], views: Iterable[View], /) -> None:
        """Between two frames: the cameras in `gone` were closed, those of `views` begin."""
        ...


@dataclass(slots=True)
class _Post:
    """stop: ends its poses; its reader has its own."""

    feed: Feed
    scene: Scene
    stop: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def camera(self) -> str:
        return self.feed.camera

    def leave(self) -> None:
        """Returns at once; its threads end within the read time-out of its source."""
        self.scene.reader.stop()
        self.stop.set()


class Posts:
    """Raises SetUpError for a camera that is not this node's."""

    def __init__(
        self, feeds: Sequence[Feed], around: Surroundings, *, zone_memory: ZoneMemory, now_us: Callable[[], int]
    ) -> None:
        self._around = around
        self._zone_memory = zone_memory
        self._now_us = now_us
        self._lock = threading.Lock()  # a person's word reaches every scene, one that just begins too
        self._crew: Crew | None = None  # while they are at work
        self._is_over = False
        self._gone: dict[str, Pipeline] = {}  # what last judged a camera that was taken away
        self._posts = tuple(_Post(feed, scene_of(feed, around)) for feed in feeds)
        for post in self._posts:
            around.intake.enter(post.camera, detector=id(post.scene.detector))
        self._recall(self._posts)

    @property
    def scenes(self) -> tuple[Scene, ...]:
        return tuple(post.scene for post in self._posts)

    @property
    def feeds(self) -> tuple[Feed, ...]:
        return tuple(post.feed for post in self._posts)

    @property
    def site(self) -> Site:
        return self._around.site

    @property
    def zones(self) -> tuple[str, ...]:
        """That one of the cameras covers, lines too."""
        return self._zones_of(self._posts)

    def set_zone(self, zone: str) -> None:
        """On the disk when it returns. Raises EdgeError."""
        self._say(zone, is_set=True)

    def unset_zone(self, zone: str) -> None:
        self._say(zone, is_set=False)

    def start(self, crew: Crew) -> None:
        """Each with a thread of its own."""
        with self._lock:
            self._crew = crew
        for post in self._posts:
            self._start(post, after=None)

    def stop(self) -> None:
        """For good; returns at once."""
        with self._lock:
            self._is_over = True
            for post in self._posts:
                post.leave()

    def exchange(self, lineup: Lineup, lookout: Lookout, keepers: Sequence[Keeper]) -> None:
        """The events of who goes end, and are told. Raises SetUpError for feeds that cannot be put together, and
        EdgeError where the detector hangs: then nothing has changed. One caller at a time."""
        around = replace(self._around, site=lineup.site, rules=lineup.rules)
        begin = [_Post(feed, scene_of(feed, around)) for feed in lineup.fresh]
        views = [view_of(feed, lineup.site) for feed in lineup.fresh]
        fresh = {post.camera for post in begin}
        leave = {post.camera: post for post in self._posts if post.camera in fresh or post.camera not in lineup.cameras}

        def swap() -> None:
            for post in leave.values():
                post.leave()
                around.intake.leave(post.camera)
                self._gone[post.camera] = post.scene.pipeline
            for post in begin:
                around.intake.enter(post.camera, detector=id(post.scene.detector))
            lookout.replace(leave.keys(), [post.scene for post in begin])
            for keeper in keepers:
                keeper.replace(leave.keys(), views)
            for post in begin:
                if post.camera in self._gone:
                    post.scene.pipeline.number_tracks_after(self._gone.pop(post.camera))
            at_work = {post.camera: post for post in (*self._posts, *begin)}
            with self._lock:
                self._around = around
                self._posts = tuple(at_work[camera] for camera in lineup.cameras)
                self._recall(begin)

        lookout.between_batches(swap, timeout_s=PAUSE_S)
        for post in begin:
            self._start(post, after=leave.get(post.camera))

    def _start(self, post: _Post, *, after: _Post | None) -> None:
        with self._lock:
            if self._crew is None:
                return
            if self._is_over:
                post.leave()
            earlier = [] if after is None else after.threads
            post.threads.append(self._crew.start(f"feed {post.camera}", _following(earlier, post.scene.reader.run)))
            listen = post.feed.listen
            if listen is not None:
                work = _following(earlier, lambda: listen(post.stop))
                post.threads.append(self._crew.start(f"poses {post.camera}", work))

    def _zones_of(self, posts: Sequence[_Post]) -> tuple[str, ...]:
        site = self._around.site
        return tuple(sorted({zone.id for post in posts for zone in site.watched_by(post.camera)}))

    def _recall(self, posts: Sequence[_Post]) -> None:
        """What people last said of the zones holds for who begins."""
        for zone, word in self._zone_memory.load(self._zones_of(self._posts)).items():
            _switch(posts, zone, is_set=word.is_set, at_us=word.at_us)

    def _say(self, zone: str, *, is_set: bool) -> None:
        with self._lock:
            self._zone_memory.remember(zone, is_set=is_set, at_us=self._now_us())
            _switch(self._posts, zone, is_set=is_set, at_us=None)


def _switch(posts: Sequence[_Post], zone: str, *, is_set: bool, at_us: int | None) -> None:
    for post in posts:
        if is_set:
            post.scene.pipeline.set_zone(zone, at_us=at_us)
        else:
            post.scene.pipeline.unset_zone(zone, at_us=at_us)


def _following(earlier: Sequence[threading.Thread], work: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        for thread in earlier:
            thread.join()
        work()

    return run
