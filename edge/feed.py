"""One camera of a node: what reads, judges, places and keeps its pictures, and how these are put together."""

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from contract.clock import Clock
from contract.envelope import Origin
from contract.kinds import EventKind
from contract.site import Site
from detectors.detector import Detector
from detectors.tiling import TiledDetector, Tiling
from edge.area import PrivacyMask
from edge.camera import CameraFeed
from edge.errors import SetUpError
from edge.footage.mask import Mask
from edge.footage.recording import View
from edge.footage.ring import Ring
from edge.intake import Intake
from edge.lookout import RATE_MIN_HZ, Scene
from edge.perception.appearance import Appearance, LooksAtCrops
from edge.perception.filters import FilterOptions, Filters
from edge.perception.glance import Glance
from edge.perception.locate import Locator
from edge.perception.motion import Motion
from edge.perception.movement import Movement
from edge.perception.tracking import Tracker
from edge.pipeline import Pipeline, watches_of
from edge.pose import PoseSource
from edge.sender import Sender
from edge.source import Source

SWEEP_HZ = 1.0  # of a picture in which nothing moves: as often as SAFETY 21 wants a look


@dataclass(frozen=True, slots=True)
class Looks:
    """per_s_max: crops a second."""

    model: LooksAtCrops
    per_s_max: int


@dataclass(frozen=True, slots=True)
class Feed:
    """One camera of the site, with what reads, judges and places its frames.

    rate_min_hz: inferences a second that it keeps while a zone of its is set, whatever the other feeds do.
    tiling: look for far objects too. filters: what of still things is not told.
    has_glance: the camera is fixed, and its detector sees what moves and a slow sweep.
    appearance: a model for what persons look like, and how much it may be asked.
    listen: the life of poses that come on their own, on a thread.
    ring: where its source keeps its packets. masks: what of it is never stored.
    """

    camera: str
    open_source: Callable[[], Source]
    origin: Origin
    detector: Detector
    poses: PoseSource
    rate_min_hz: float = RATE_MIN_HZ
    tiling: Tiling | None = None
    filters: FilterOptions | None = None
    appearance: Looks | None = None
    has_glance: bool = False
    listen: Callable[[threading.Event], None] | None = None
    ring: Ring | None = None
    masks: tuple[PrivacyMask, ...] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the feeds of a node share."""

    site: Site
    node: str
    sender: Sender
    intake: Intake
    clock: Clock
    chance: random.Random
    rules: Mapping[EventKind, Mapping[str, object]] | None = None


def scene_of(feed: Feed, around: Surroundings) -> Scene:
    """Raises SetUpError for a camera of another node, and for areas drawn in the picture of a camera that moves."""
    site = around.site
    camera = site.camera(feed.camera)
    if camera.node != around.node:
        raise SetUpError(f"camera '{camera.id}': expected one of node '{around.node}', got one of '{camera.node}'")
    areas = (*(feed.filters.still_areas if feed.filters else ()), *feed.masks)
    drawn = [f"{area.what} '{area.id}'" for area in areas if area.image_px]
    if drawn and camera.pose is None:
        raise SetUpError(f"camera '{camera.id}': {drawn[0]}: expected ground, as the camera moves")
    frame = site.local_frame()
    locator = Locator(lens=camera.lens, frame=frame)
    watches = watches_of(site, camera.id, around.rules)
    looks = feed.appearance
    has_movement = camera.pose is not None and any(watch.is_of_movement for watch in watches)
    pipeline = Pipeline(
        camera.id,
        sender=around.sender,
        origin=feed.origin,
        model=feed.detector.identity,
        labels=feed.detector.labels,
        tracker=Tracker(
            labels=feed.detector.labels,
            frame_size_px=locator.frame_size_px,
            appearance=None if looks is None else Appearance(looks.model, per_s_max=looks.per_s_max),
        ),
        poses=feed.poses,
        locator=locator,
        frame=frame,
        watches=watches,
        filters=None if feed.filters is None else Filters(feed.filters, locator=locator, frame=frame),
        movement=Movement(locator) if has_movement else None,
        monotonic_us=around.clock.monotonic_us,
    )
    tiles = None if feed.tiling is None else TiledDetector(feed.detector, feed.tiling, find_motion=Motion().find)
    detector = tiles or feed.detector
    reader = CameraFeed(
        camera,
        feed.open_source,
        prepare=detector.prepare,
        intake=around.intake,
        clock=around.clock,
        chance=around.chance,
        glance=Glance(rate_min_hz=min(feed.rate_min_hz, SWEEP_HZ)) if feed.has_glance else None,
    )
    return Scene(reader, detector, pipeline, feed.rate_min_hz, tiles)


def view_of(feed: Feed, site: Site) -> View:
    """With its mask, where one meets the view: what is not masked is passed through as it came."""
    camera, frame = site.camera(feed.camera), site.local_frame()
    locator = Locator(lens=camera.lens, frame=frame)
    mask = Mask(feed.masks, locator=locator, frame=frame, labels=feed.detector.labels)
    return View(camera.id, feed.origin, feed.ring, mask if mask.meets(camera.pose) else None, camera.pose)
