"""Takes the cameras' frames as they are due, has them looked at, judges what was seen and hands on what follows.

A detector that fails is a state of its camera; its scene is never taken for an empty one (SAFETY 18).
"""

import threading
import uuid
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent import futures
from dataclasses import dataclass, field
from queue import SimpleQueue

import numpy as np
import structlog

from contract.clock import Clock
from contract.envelope import Envelope
from contract.events import Event, FeedHealth, Stage
from detectors.detections import Detections
from detectors.detector import Detector
from detectors.errors import DetectorError
from detectors.frame import Frame
from detectors.scheduler import Claim
from detectors.tiling import TiledDetector
from edge.board import Heat
from edge.camera import CameraFeed
from edge.errors import EdgeError, OutboxError
from edge.intake import Intake, Ready
from edge.perception.track import boxes_px
from edge.pipeline import Pipeline, StepResult

TAKE_S = 0.1
TRACKS_US = 200_000  # 5 Hz
NOBODY_US = 1_000_000  # that still nobody is tracked
UNPOSTED = 10_000  # events kept in memory while the disk takes none: hours of them
RATE_MIN_HZ = 2.0  # unless configured: who walks is 3 s in a zone of 5 m, which is six looks
ALARMED_WEIGHT, UNSET_WEIGHT = 4.0, 0.25  # of what the minimum rates leave; a set and quiet camera has 1
UNSET_RATE_FRAC = 0.25  # of its minimum rate: enough to know that the camera is judged
Witness = Callable[[str, StepResult], None]  # told the camera and what each judged frame led to
Keep = Callable[[str, StepResult, Frame | None], None]  # the same with the frame; None: the feed is gone
log = structlog.get_logger()


@dataclass(slots=True)
class Scene:
    """One camera at work. `tiles`: its detector, where that looks at tiles and wants to know where somebody is.

    last_us: capture time of its last judged frame; None when nothing is open.
    tracks_told_us, tracks_told: when its tracks were last told, and how many.
    """

    reader: CameraFeed
    detector: Detector
    pipeline: Pipeline
    rate_min_hz: float
    tiles: TiledDetector | None = None
    last_us: int | None = None
    opening: int = 0
    tracks_told_us: int = 0
    tracks_told: int = 0
    claim: Claim | None = None
    open_events: set[uuid.UUID] = field(default_factory=set)

    def wanted_claim(self) -> Claim:
        """What it may ask of the detector now: with an open event more, with no zone set little, never nothing."""
        if self.open_events:
            return Claim(self.rate_min_hz, ALARMED_WEIGHT)
        if self.pipeline.is_set:
            return Claim(self.rate_min_hz)
        return Claim(UNSET_RATE_FRAC * self.rate_min_hz, UNSET_WEIGHT)

    def rate_most_hz(self, heat: Heat) -> float | None:
        """The rate it is held to while the board is hot: what is unset and quiet first, then what is set and quiet. No
        feed falls below its minimum, and one with an open event is not held (SAFETY 20). None: not held."""
        if self.open_events or heat is Heat.COOL or (self.pipeline.is_set and heat is not Heat.HOT):
            return None
        return self.wanted_claim().rate_min_hz

    def health(self) -> FeedHealth:
        return self.reader.health().model_copy(update={"filtered": dict(self.pipeline.filtered)})

    def note(self, events: Sequence[Envelope]) -> None:
        """Events that were told: those that started and did not end make the camera alarmed."""
        for envelope in events:
            event = envelope.body
            if isinstance(event, Event) and event.stage is Stage.END:
                self.open_events.discard(event.event_id)
            elif isinstance(event, Event):
                self.open_events.add(event.event_id)


class Lookout:
    """`post` makes an event durable or raises OutboxError; `tell_tracks` is best effort; `keep` is for evidence and for
    live view; `heat` is the board's."""

    def __init__(
        self,
        scenes: Sequence[Scene],
        intake: Intake,
        *,
        post: Callable[[Envelope], object],
        tell_tracks: Callable[[Envelope], object],
        clock: Clock,
        witness: Witness | None = None,
        keep: Sequence[Keep] = (),
        heat: Callable[[], Heat] = lambda: Heat.COOL,
    ) -> None:
        self._heat = heat
        self._scenes = {scene.reader.camera: scene for scene in scenes}
        self._intake = intake
        self._post = post
        self._tell_tracks = tell_tracks
        self._clock = clock
        self._witness = witness
        self._keep = tuple(keep)
        self._unposted: deque[Envelope] = deque(maxlen=UNPOSTED)
        self._errands: SimpleQueue[tuple[futures.Future[None], Callable[[], None]]] = SimpleQueue()
        self._is_over = False
        self.fault = ""  # why events cannot be stored; empty when they can

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; whatever is open then is ended.

        While what one batch showed is followed up here, a thread of its own looks at the next, if one waits already:
        the accelerator has no pause, and a frame that comes alone is followed up at once.
        """
        batches: SimpleQueue[list[Ready] | None] = SimpleQueue()
        answers: SimpleQueue[list[_Seen] | Exception] = SimpleQueue()
        looker = threading.Thread(name="detector", target=self._look_at_all, args=(batches, answers), daemon=True)
        looker.start()
        seen: list[_Seen] = []
        while not stop.is_set():
            if not self._errands.empty():
                self._follow_up(seen)
                seen = []
                self._run_errands()
            if not seen:  # however busy the others are, what was open in the view of a camera that is gone ends
                self._close_scenes_without_feed()
            self._claim()
            batch = self._intake.take(0.0 if seen else TAKE_S)
            if any(self._scenes[ready.camera].tiles for ready in batch):
                self._follow_up(seen)  # first: it says where the tiles must be
                seen = []
            if batch:
                batches.put(batch)
            self._follow_up(seen)
            seen = _answer(answers) if batch else []
        batches.put(None)
        self._follow_up(seen)
        self._is_over = True
        while not self._errands.empty():
            self._errands.get()[0].cancel()
        for scene in self._scenes.values():
            self._close(scene)
        self._post_waiting()

    def turn(self) -> bool:
        """Judge one batch of what waits, on this thread; whether more waits."""
        self._run_errands()
        self._claim()
        batch = self._intake.take(0.0)
        if batch:
            self._follow_up(self._look(batch))
        self._close_scenes_without_feed()
        self._post_waiting()
        return self._intake.has_frames

    def between_batches(self, errand: Callable[[], None], *, timeout_s: float) -> None:
        """Have it run on the thread that judges, while no frame is being looked at; done on return. Raises EdgeError
        where the detector keeps that thread: then it was not begun and never will be."""
        future: futures.Future[None] = futures.Future()
        self._errands.put((future, errand))
        try:
            future.result(0.0 if self._is_over else timeout_s)
        except futures.CancelledError as err:
            raise EdgeError("the node is stopping") from err
        except futures.TimeoutError as err:
            if future.cancel():
                why = "the node is stopping" if self._is_over else f"the detector did not pause within {timeout_s:g} s"
                raise EdgeError(why) from err
            future.result()

    def replace(self, gone: Collection[str], fresh: Sequence[Scene]) -> None:
        """Only as an errand. The cameras in `gone` are judged no more, and what is open in their view ends; the others
        go on as if nothing had been."""
        for camera in gone:
            self._close(self._scenes[camera])
        left = {camera: scene for camera, scene in self._scenes.items() if camera not in gone}
        self._scenes = left | {scene.reader.camera: scene for scene in fresh}
        self._post_waiting()

    @property
    def unposted(self) -> int:
        """Events that only this process knows."""
        return len(self._unposted)

    @property
    def is_done(self) -> bool:
        """Every feed is a recording that was read and judged to its end."""
        is_judged = all(scene.reader.is_finished and scene.last_us is None for scene in self._scenes.values())
        return is_judged and not self._unposted

    def _claim(self) -> None:
        heat = self._heat()
        for camera, scene in self._scenes.items():
            scene.reader.rate_most_hz = scene.rate_most_hz(heat)
            claim = scene.wanted_claim()
            if claim != scene.claim:
                scene.claim = claim
                scene.reader.rate_owed_hz = claim.rate_min_hz
                self._intake.set_claim(camera, claim)

    def _run_errands(self) -> None:
        while not self._errands.empty():
            future, errand = self._errands.get()
            if future.set_running_or_notify_cancel():
                try:
                    errand()
                except Exception as err:  # noqa: BLE001 - raised where it was asked for
                    future.set_exception(err)
                else:
                    future.set_result(None)

    def _look_at_all(
        self, batches: "SimpleQueue[list[Ready] | None]", answers: "SimpleQueue[list[_Seen] | Exception]"
    ) -> None:
        """The detector's thread. An error goes to who waits for the answer."""
        for batch in iter(batches.get, None):
            try:
                answers.put(self._look(batch))
            except Exception as err:  # noqa: BLE001 - the outermost loop of a thread; the lookout raises it
                answers.put(err)

    def _look(self, batch: Sequence[Ready]) -> "list[_Seen]":
        """Frames of one detector, one a camera. Touches nothing but the detector: it may have a thread of its own."""
        taken_us = self._clock.monotonic_us()
        try:
            found = self._scenes[batch[0].camera].detector.detect([ready.prepared for ready in batch])
        except DetectorError as err:
            if len(batch) == 1:
                return [_Seen(batch[0], str(err), taken_us, 0)]
            return [seen for ready in batch for seen in self._look([ready])]  # one camera's fault is not that of all
        inference_us = self._clock.monotonic_us() - taken_us
        return [_Seen(ready, each, taken_us, inference_us) for ready, each in zip(batch, found, strict=True)]

    def _follow_up(self, batch: "Sequence[_Seen]") -> None:
        for seen in batch:
            scene = self._scenes[seen.ready.camera]
            if seen.ready.opening != scene.opening:
                self._close(scene)
                scene.opening = seen.ready.opening
            if isinstance(seen.found, str):
                scene.reader.failed(seen.found)
            else:
                self._step(scene, seen, seen.found)
        self._post_waiting()

    def _step(self, scene: Scene, seen: "_Seen", detections: Detections) -> None:
        now_us = self._clock.monotonic_us()
        hops_us = {"queue": seen.taken_us - seen.ready.put_at_us, "detect": now_us - seen.taken_us}
        result = scene.pipeline.step(seen.ready.frame, detections, earlier_hops_us=hops_us)
        scene.last_us = result.captured_at_us
        is_followed, is_placed = bool(result.tracks), scene.pipeline.is_placed
        looks = scene.pipeline.appearance
        aside = "" if looks is None or not looks.fault else f"appearance is not used: {looks.fault}"
        scene.reader.judged(inference_us=seen.inference_us, is_followed=is_followed, is_placed=is_placed, aside=aside)
        self._take_in(scene, result, seen.ready.frame)
        if scene.tiles is not None:
            scene.tiles.follow(boxes_px(result.tracks).astype(np.float32))
        tracked = len(result.subjects)
        if now_us - scene.tracks_told_us >= (TRACKS_US if tracked or scene.tracks_told else NOBODY_US):
            scene.tracks_told_us, scene.tracks_told = now_us, tracked
            self._tell_tracks(scene.pipeline.tracks_message(result))

    def _take_in(self, scene: Scene, result: StepResult, frame: Frame | None) -> None:
        self._unposted.extend(result.events)
        scene.note(result.events)
        for keep in self._keep:
            keep(scene.reader.camera, result, frame)
        if self._witness is not None:
            self._witness(scene.reader.camera, result)

    def _close_scenes_without_feed(self) -> None:
        for camera, scene in self._scenes.items():
            if scene.reader.is_over and not self._intake.waiting(camera):
                self._close(scene)

    def _close(self, scene: Scene) -> None:
        if scene.last_us is not None:
            self._take_in(scene, scene.pipeline.close(scene.last_us), None)
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


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the detector said of a frame: boxes, or why there are none. taken_us: monotonic."""

    ready: Ready
    found: Detections | str
    taken_us: int
    inference_us: int


def _answer(answers: "SimpleQueue[list[_Seen] | Exception]") -> list[_Seen]:
    answer = answers.get()
    if isinstance(answer, Exception):
        raise answer
    return answer


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
