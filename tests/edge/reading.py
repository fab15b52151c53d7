"""A camera's thread over a live feed in real time, with a judge that takes every frame."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from contract.clock import SystemClock
from contract.events import FeedState
from contract.site import Camera, OpenCvLens
from detectors.frame import Frame
from edge.camera import CameraFeed
from edge.intake import Intake
from edge.source import Source, SourceOptions, open_source
from tests.edge.test_camera import intake_of, prepare
from tests.edge.yard import site

CAMERA: Camera = site().camera("mast").model_copy(update={"lens": OpenCvLens.pinhole(160, 120, focal_px=100.0)})


@dataclass
class Reading:
    feed: CameraFeed
    intake: Intake

    def wait_for(self, *states: FeedState, timeout_s: float = 15.0) -> str:
        """Judge frames until the camera is in one of these; the detail then."""
        until_s = time.monotonic() + timeout_s
        while True:
            if self.intake.take(0.02):
                self.feed.judged(inference_us=1)
            status = self.feed.status()
            if status.state in states:
                return status.detail
            assert time.monotonic() < until_s, f"expected {states} within {timeout_s} s, got {status}"


@contextmanager
def reading(options: SourceOptions) -> Iterator[Reading]:
    clock = SystemClock()
    intake = intake_of(clock)
    feed = CameraFeed(
        CAMERA,
        lambda: open_source(options, clock=clock),
        prepare=prepare,
        intake=intake,
        clock=clock,
        chance=random.Random(1),
    )
    thread = threading.Thread(target=feed.run)
    thread.start()
    try:
        yield Reading(feed, intake)
    finally:
        feed.stop()
        thread.join(10.0)
        assert not thread.is_alive()


def taken(source: Source, count: int) -> list[Frame]:
    """Its first frames; then it is stopped."""
    stop, frames = threading.Event(), list[Frame]()
    for frame in source.frames(stop):
        frames.append(frame)
        if len(frames) == count:
            stop.set()
    return frames
