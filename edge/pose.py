"""Where a camera is and looks when a frame was taken; a pose source is one file in edge/poses."""

import importlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from contract.clock import Clock
from contract.site import Camera, CameraPose, Site
from detectors.frame import Frame
from edge.errors import SetUpError
from edge.pose_settings import PoseSettings
from edge.source import Metadata

_LENGTHS = ("east_m", "north_m", "up_m", "pitch_deg", "position_sigma_m", "attitude_sigma_deg")
_TURNS = ("heading_deg", "roll_deg")


class PoseSource(Protocol):
    """Recorded poses go by the frame's place in its recording, measured ones by its time: so a whole frame is asked."""

    def at(self, frame: Frame) -> CameraPose | None:
        """None: not known at that moment, and then nothing is located."""
        ...


@dataclass(frozen=True, slots=True)
class FeedPlace:
    """Whose poses are wanted. `url` and `clock`: of the feed's source; relative paths count from `folder`."""

    camera: Camera
    site: Site
    url: str
    folder: Path
    clock: Clock


@dataclass(frozen=True, slots=True)
class OpenedPoses:
    """metadata: wants the data streams of the feed. listen: a thread's whole life, where poses come on their own."""

    source: PoseSource
    metadata: Metadata | None = None
    listen: Callable[[threading.Event], None] | None = None


def open_poses(settings: PoseSettings, place: FeedPlace) -> OpenedPoses:
    """By edge/poses/<kind>.py. Raises SetUpError, also where something is drawn in the picture of a camera that moves,
    and FeedUnreadable for a recording that should tell its poses."""
    camera, kind = place.camera.id, settings.kind
    drawn = [watched.id for watched in place.site.watched_by(camera) if watched.drawn_px]
    if drawn and kind != "fixed":
        raise SetUpError(f"feed '{camera}': expected a fixed pose, as '{drawn[0]}' is drawn in its picture, got {kind}")
    opened: OpenedPoses = importlib.import_module(f"edge.poses.{settings.kind}").open_poses(settings, place)
    return opened


def between(first: CameraPose, second: CameraPose, share: float) -> CameraPose:
    """`share` of the way from the first to the second, angles the short way round."""
    values = {}
    for name in _LENGTHS:
        a, b = getattr(first, name), getattr(second, name)
        values[name] = a + share * (b - a)
    for name in _TURNS:
        a, b = getattr(first, name), getattr(second, name)
        values[name] = a + share * ((b - a + 180.0) % 360.0 - 180.0)
    return CameraPose(**values)
