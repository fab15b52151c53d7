"""What a node is told from afar beside its zones: a whole configuration, a feed anew, the model anew.

One after the other, on a thread of its own. Everything is read, checked and opened before anything is touched; feeds
that stay as they are lose no frame. What cannot be had is refused with one line, and the old goes on.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from contract.clock import Clock
from contract.configuration import (
    ConfigurationRefused,
    DesiredConfiguration,
    ReportedConfiguration,
    site_digest,
)
from contract.errors import DocumentError
from contract.site import Site
from detectors.errors import DetectorError
from detectors.scheduler import Batching
from edge.configuration_memory import ConfigurationMemory
from edge.errors import EdgeError
from edge.feed import Feed
from edge.from_afar import Local, accepted
from edge.link.commands import Errand
from edge.opening import Opener, SharedModel, batching_for, expect_answer
from edge.posts import Lineup
from edge.settings import EvidenceSettings, FeedSettings, ModelSettings, WatchSettings

WAITING = 16
TAKE_S = 0.2
LONGEST_REASON = 400
Exchange = Callable[[Lineup, Batching, EvidenceSettings], None]
Built = TypeVar("Built")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Applied:
    """What a node runs. desired: None where it is the node's own file's."""

    watch: WatchSettings
    site: Site
    site_sha256: str
    model: SharedModel
    since_us: int
    desired: DesiredConfiguration | None = None


class Remote:
    """`begin` builds the node; from `run` on, `exchange` (the node's) puts others in their place."""

    def __init__(self, local: Local, opener: Opener, memory: ConfigurationMemory, *, clock: Clock) -> None:
        self._local = local
        self._opener = opener
        self._memory = memory
        self._clock = clock
        self._work: queue.Queue[DesiredConfiguration | Errand] = queue.Queue(WAITING)
        self._exchange: Exchange | None = None
        self._refused: ConfigurationRefused | None = None
        self._refused_sha256 = ""
        self._remark = ""
        self._told: ReportedConfiguration | None = None
        self.applied = self._of(local.watch, local.site)

    def begin(self, build: Callable[[Applied, list[Feed]], Built]) -> Built:
        """What `build` makes of the configuration that was kept, or where there is none that can be run, of the node's
        own file. Raises what the latter raises."""
        try:
            desired = self._memory.load()
            if desired is not None:
                watch, site = accepted(desired, self._local)
                kept = self._of(watch, site, desired=desired)
                built = build(kept, self._opener.feeds(watch, site, model=kept.model))
                self.applied = kept
                log.warning("this node runs a configuration from afar, not its own file's", version=desired.version)
                return built
        except Exception as err:  # noqa: BLE001 - whatever it trips over, a node that does not start watches nothing
            reason = _reason(err)
            self._remark = _one_line(f"the node runs its own file: what came from afar cannot be run again: {reason}")
            log.warning("configuration from afar cannot be run again: the node's own file is", reason=reason)
        own = self.applied
        return build(own, self._opener.feeds(own.watch, own.site, model=own.model))

    def attach(self, exchange: Exchange) -> None:
        self._exchange = exchange

    # On the bus's and the watch's threads

    def want(self, desired: DesiredConfiguration) -> None:
        """To be applied. Where too much waits it is dropped: it stays with the broker, and comes again."""
        try:
            self._work.put_nowait(desired)
        except queue.Full:
            log.warning("a wanted configuration is passed over: too much waits", version=desired.version)

    def carry_out(self, errand: Errand) -> None:
        """Raises EdgeError where too much waits."""
        try:
            self._work.put_nowait(errand)
        except queue.Full as err:
            raise EdgeError(f"{WAITING} things are waiting to be done already") from err

    def session_opened(self) -> None:
        """The broker may have forgotten what was said."""
        self._told = None

    def tell(self, say: Callable[[ReportedConfiguration], bool]) -> None:
        """Where it changed."""
        now = self.reported
        if now != self._told and say(now):
            self._told = now

    @property
    def reported(self) -> ReportedConfiguration:
        applied = self.applied
        return ReportedConfiguration(
            version=None if applied.desired is None else applied.desired.version,
            sha256=None if applied.desired is None else applied.desired.sha256,
            site_sha256=applied.site_sha256,
            since_us=applied.since_us,
            refused=self._refused,
            remark=self._remark,
        )

    # On its own thread

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                work = self._work.get(timeout=TAKE_S)
            except queue.Empty:
                continue
            if isinstance(work, DesiredConfiguration):
                self.consider(work)
            else:
                self._do(work)

    def consider(self, desired: DesiredConfiguration) -> None:
        """Apply it, or refuse it. The same version again changes nothing."""
        known = self.applied.desired
        if known is not None and (known.version, known.sha256) == (desired.version, desired.sha256):
            return
        refused = self._refused
        if refused is not None and (refused.version, self._refused_sha256) == (desired.version, desired.sha256):
            return
        if known is not None and desired.version <= known.version:
            self._refuse(desired, f"expected a version after {known.version}, which this node runs")
            return
        try:
            self._apply(desired)
        except Exception as err:
            self._refuse(desired, _reason(err))
            log.warning("configuration refused", version=desired.version, reason=_reason(err), exc_info=_is_bug(err))

    def _refuse(self, desired: DesiredConfiguration, reason: str) -> None:
        at_us = self._clock.wall_us()
        self._refused = ConfigurationRefused(version=desired.version, reason=reason, at_us=at_us)
        self._refused_sha256 = desired.sha256

    def _apply(self, desired: DesiredConfiguration) -> None:
        old = self.applied
        watch, site = accepted(desired, self._local)
        has_same_model = _detector(watch.model) == _detector(old.watch.model)
        new = self._of(watch, site, model=old.model if has_same_model else None, desired=desired)
        before = {feed.camera: _essence(feed, old.watch, old.site) for feed in old.watch.feeds}
        changed = [feed for feed in watch.feeds if before.get(feed.camera) != _essence(feed, watch, site)]
        if not has_same_model and any(feed.detections is None for feed in watch.feeds):
            expect_answer(new.model())
        feeds = self._opener.feeds(watch, site, model=new.model, only=[feed.camera for feed in changed])
        self._memory.keep(desired)
        try:
            self._put_in_place(new, feeds)
        except BaseException:
            self._memory.keep(old.desired)
            raise
        self.applied, self._refused, self._remark = new, None, ""
        anew = ", ".join(feed.camera for feed in changed) or "none"
        log.info("configuration applied", version=desired.version, opened_anew=anew)

    def _do(self, errand: Errand) -> None:
        """RESTART_FEED of one camera, RELOAD_MODEL of all that use it."""
        applied, camera = self.applied, errand.command.camera
        try:
            if camera is not None:
                feeds = self._opener.feeds(applied.watch, applied.site, model=applied.model, only=[camera])
                self._put_in_place(applied, feeds)
            else:
                self._reload(applied)
        except (DocumentError, EdgeError, DetectorError) as err:
            errand.done(_one_line(str(err)))
        else:
            errand.done()

    def _reload(self, applied: Applied) -> None:
        """The new one is opened beside the old and asked; the old stays where it cannot answer."""
        cameras = [feed.camera for feed in applied.watch.feeds if feed.detections is None]
        if not cameras:
            raise EdgeError("no feed of this node uses a model")
        new = self._of(applied.watch, applied.site, desired=applied.desired)
        expect_answer(new.model())
        feeds = self._opener.feeds(applied.watch, applied.site, model=new.model, only=cameras)
        self._put_in_place(new, feeds)
        self.applied = new

    def _put_in_place(self, new: Applied, fresh: list[Feed]) -> None:
        """Raises SetUpError and EdgeError, and then nothing has changed."""
        assert self._exchange is not None
        cameras = tuple(feed.camera for feed in new.watch.feeds)
        lineup = Lineup(new.site, new.watch.rules, cameras, tuple(fresh))
        detectors = [new.model() for feed in new.watch.feeds if feed.detections is None]
        self._exchange(lineup, batching_for(new.watch.model, detectors), new.watch.evidence)

    def _of(
        self,
        watch: WatchSettings,
        site: Site,
        *,
        model: SharedModel | None = None,
        desired: DesiredConfiguration | None = None,
    ) -> Applied:
        opened = model or SharedModel(lambda: self._opener.model(watch.model))
        return Applied(watch, site, site_digest(site), opened, self._clock.wall_us(), desired)


def _detector(model: ModelSettings) -> ModelSettings:
    """What the detector is made of; how its batches are filled is not."""
    return model.model_copy(update={"batch_max": None, "batch_wait_ms": 0.0})


def _essence(feed: FeedSettings, watch: WatchSettings, site: Site) -> tuple[object, ...]:
    """Two feeds with an equal one need no opening anew."""
    ring = (watch.evidence.kept, watch.evidence.pre_roll_s, watch.evidence.ring_mb)
    model = None if feed.detections is not None else _detector(watch.model)
    place = (site.origin, site.time_zone, site.camera(feed.camera), site.watched_by(feed.camera))
    return (feed, model, ring, watch.rules, *place)


def _is_bug(err: Exception) -> bool:
    return not isinstance(err, DocumentError | EdgeError | DetectorError)


def _reason(err: Exception) -> str:
    return _one_line(f"{type(err).__name__}: {err}" if _is_bug(err) else str(err))


def _one_line(reason: str) -> str:
    return " ".join(reason.split())[:LONGEST_REASON]
