"""The detecting thread: takes the cameras' frames in turn, has them judged, and hands on what follows.

A detector that fails is a state of its camera; its scene is never taken for an empty one (SAFETY 18).
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from contract.clock import Clock
from contract.envelope import Envelope
from contract.events import Event, Stage
from detectors.detector import Detector
from detectors.errors import DetectorError
from edge.camera import CameraFeed
from edge.errors import OutboxError
from edge.intake import Intake, Ready
from edge.pipeline import Pipeline, StepResult

TAKE_S = 0.1
TRACKS_US = 200_000  # 5 Hz
UNPOSTED = 10_000  # events kept in memory while the disk takes none: hours of them
Witness = Callable[[str, StepResult], None]  # told the camera and what each judged frame led to
log = structlog.get_logger()


@dataclass(slots=True)
class Scene:
    """One camera at work. `last_us`: capture time of its last judged frame; None when nothing is open."""

    reader: CameraFeed
    detector: Detector
    pipeline: Pipeline
    last_us: int | None = None
    opening: int = 0
    tracks_told_us: int = 0


class Lookout:
    """`post` makes an event durable or raises OutboxError; `tell_tracks` is best effort."""

    def __init__(
        self,
        scenes: Sequence[Scene],
        intake: Intake,
        *,
        post: Callable[[Envelope], object],
        tell_tracks: Callable[[Envelope], None],
        clock: Clock,
        witness: Witness | None = None,
    ) -> None:
        self._scenes = {scene.reader.camera: scene for scene in scenes}
        self._intake = intake
        self._post = post
        self._tell_tracks = tell_tracks
        self._clock = clock
        self._witness = witness
        self._unposted: deque[Envelope] = deque(maxlen=UNPOSTED)
        self.fault = ""  # why events cannot be stored; empty when they can

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; whatever is open then is ended."""
        while not stop.is_set():
            self.turn(TAKE_S)
        for scene in self._scenes.values():
            self._close(scene)
        self._post_waiting()

    def turn(self, wait_s: float) -> bool:
        """Judge the next frame, waiting so long for it; False when there was none."""
        ready = self._intake.take(wait_s)
        if ready is not None:
            self._judge(ready, self._scenes[ready.camera])
        else:
            self._close_scenes_without_feed()
        self._post_waiting()
        return ready is not None

    @property
    def unposted(self) -> int:
        """Events that only this process knows."""
        return len(self._unposted)

    @property
    def is_done(self) -> bool:
        """Every feed is a recording that was read and judged to its end."""
        is_judged = all(scene.reader.is_finished and scene.last_us is None for scene in self._scenes.values())
        return is_judged and not self._unposted

    def _judge(self, ready: Ready, scene: Scene) -> None:
        if ready.opening != scene.opening:
            self._close(scene)
            scene.opening = ready.opening
        taken_us = self._clock.monotonic_us()
        try:
            (detections,) = scene.detector.detect([ready.prepared])
        except DetectorError as err:
            scene.reader.failed(str(err))
            return
        detected_us = self._clock.monotonic_us()
        hops_us = {"queue": taken_us - ready.put_at_us, "detect": detected_us - taken_us}
        result = scene.pipeline.step(ready.frame, detections, earlier_hops_us=hops_us)
        scene.last_us = result.captured_at_us
        scene.reader.judged(inference_us=detected_us - taken_us)
        self._unposted.extend(result.events)
        if self._witness is not None:
            self._witness(ready.camera, result)
        if detected_us - scene.tracks_told_us >= TRACKS_US:
            scene.tracks_told_us = detected_us
            self._tell_tracks(scene.pipeline.tracks_message(result))

    def _close_scenes_without_feed(self) -> None:
        for camera, scene in self._scenes.items():
            if scene.reader.is_over and not self._intake.waiting(camera):
                self._close(scene)

    def _close(self, scene: Scene) -> None:
        if scene.last_us is not None:
            result = scene.pipeline.close(scene.last_us)
            self._unposted.extend(result.events)
            if self._witness is not None:
                self._witness(scene.reader.camera, result)
            scene.last_us = None

    def _post_waiting(self) -> None:
        """In order; what the disk does not take waits in memory, and the fault is there to be published."""
        while self._unposted:
            try:
                self._post(self._unposted[0])
            except OutboxError as err:
                if not self.fault:
                    log.error("events cannot be stored", reason=str(err))  # noqa: TRY400 - one line, no traceback
                self.fault = str(err)
                return
            self.fault = ""
            _log_event(self._unposted.popleft())


def _log_event(envelope: Envelope) -> None:
    event = envelope.body
    if isinstance(event, Event) and event.stage is not Stage.UPDATE:
        log.info(
            "event told",
            kind=event.kind.value,
            stage=event.stage.value,
            zone=event.zone,
            camera=event.sighting.camera,
            track=event.sighting.track,
            certainty=event.certainty.value,
            event_id=str(event.event_id),
            trace_id=envelope.trace_id,
        )
