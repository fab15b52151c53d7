"""Feeds, detectors and the evidence shelf as the settings ask for them, built and not yet started."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from contract.clock import AnchoredClock, Clock
from contract.site import Site
from detectors.detector import Detector
from detectors.embedding import open_embedder
from detectors.fetch import download
from detectors.frame import Frame
from detectors.network import NetworkDetector
from detectors.opening import open_detector, open_scripted
from detectors.registry import model_cache, model_folders
from detectors.scheduler import Batching
from edge.feed import Feed, Looks
from edge.perception.appearance import AppearanceSettings
from edge.pose import FeedPlace, open_poses
from edge.settings import (
    FeedSettings,
    ModelSettings,
    WatchSettings,
    batching_of,
    has_glance,
    ring_of,
    source_of,
    tiling_of,
)
from edge.source import open_source


@dataclass(frozen=True)
class Opener:
    """folder: relative paths count from it. environment: holds passwords and where models lie. `say` gets a line about
    what was assumed or chosen. has_live_view: rings are kept for it."""

    folder: Path
    environment: Mapping[str, str]
    clock: Clock
    say: Callable[[str], None]
    has_live_view: bool = False

    def model(self, model: ModelSettings) -> Detector:
        """Raises DetectorError."""
        given = {"score_min": model.score_min, "threads": model.threads}
        return open_detector(
            None if model.name is None else self._name(model.name),
            folders=model_folders(self.environment),
            cache=model_cache(self.environment),
            backend=model.backend,
            download=download,
            say=self.say,
            **{key: value for key, value in given.items() if value is not None},
        )

    def feeds(
        self, settings: WatchSettings, site: Site, *, model: Callable[[], Detector], only: Collection[str] | None = None
    ) -> list[Feed]:
        """`only` these cameras, or all. Those without recorded detections share the `model`. Raises SetUpError,
        DocumentError, FeedError and DetectorError, each with one line."""
        # One anchor for all openings: a stepped wall clock never reorders their frames.
        clock = AnchoredClock(self.clock)
        chosen = [feed for feed in settings.feeds if only is None or feed.camera in only]
        return [self._feed(feed, settings, site, model=model, clock=clock) for feed in chosen]

    def _feed(
        self, feed: FeedSettings, settings: WatchSettings, site: Site, *, model: Callable[[], Detector], clock: Clock
    ) -> Feed:
        place = FeedPlace(site.camera(feed.camera), site, url=feed.url, folder=self.folder, clock=clock)
        poses = open_poses(feed.poses, place)
        ring = ring_of(settings.evidence, has_live_view=self.has_live_view)
        options = source_of(feed, folder=self.folder, environment=self.environment, ring=ring)
        options = replace(options, metadata=poses.metadata)
        open_source(options, clock=clock)  # says now what is wrong with the address
        return Feed(
            camera=feed.camera,
            open_source=partial(open_source, options, clock=clock),
            origin=feed.origin,
            detector=model() if feed.detections is None else open_scripted(self.folder / feed.detections),
            poses=poses.source,
            listen=poses.listen,
            rate_min_hz=feed.rate_min_hz,
            tiling=tiling_of(feed),
            filters=feed.filters,
            appearance=None if feed.appearance is None else self._looks(feed.appearance),
            has_glance=has_glance(feed, site.camera(feed.camera)),
            ring=ring,
            masks=feed.masks,
        )

    def _looks(self, settings: AppearanceSettings) -> Looks:
        folders, cache = model_folders(self.environment), model_cache(self.environment)
        model = open_embedder(self._name(settings.model), folders=folders, cache=cache)
        return Looks(model, settings.per_s_max)

    def _name(self, given: str) -> str:
        """Of a model: a path counts from the folder."""
        return str(self.folder / given) if "/" in given else given


class SharedModel:
    """One detector for all feeds that use the model, opened when it is first asked for."""

    def __init__(self, open_it: Callable[[], Detector]) -> None:
        self._open = open_it
        self._detector: Detector | None = None

    def __call__(self) -> Detector:
        """Raises DetectorError."""
        if self._detector is None:
            self._detector = self._open()
        return self._detector


def batching_for(model: ModelSettings, detectors: Sequence[Detector]) -> Batching:
    """As the settings say, else as many frames as one of the detectors makes use of."""
    useful = max((each.batch_max for each in detectors if isinstance(each, NetworkDetector)), default=1)
    return batching_of(model, useful=useful)


def expect_answer(detector: Detector) -> None:
    """Raises DetectorError for a detector that opens and cannot look at a picture."""
    black = np.zeros((480, 640, 3), np.uint8)
    detector.detect([detector.prepare(Frame(black, 0, 0, 0, 0))])
