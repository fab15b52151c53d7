"""Evidence of events: told by the detecting thread what it sees, writes files and says what it has on its own.

    saw (detecting thread) -> recordings -> files on the shelf -> a manifest each, through the outbox

Nothing here may hold an event up: a disk or a codec that fails costs evidence, is said, and no more.
"""

import threading
import uuid
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from contract.clock import Clock
from contract.envelope import Envelope
from contract.events import Event, Sighting, Stage
from contract.evidence import derive_evidence_id
from contract.site import CameraPose
from detectors.frame import Frame, ImageBgr
from edge.errors import OutboxError
from edge.footage.covers import AROUND_US, Judged
from edge.footage.recording import Moment, Recording, Rolls, View
from edge.footage.shelf import Shelf, Take
from edge.pipeline import StepResult
from edge.sender import Sender

STEP_S = 0.25
TIDY_US = 1_000_000
PATIENCE_US = 3_000_000  # for the last sightings of a clip that is whole, where the camera is judged no more
JUDGED_WITHIN_US = 5_000_000  # packets that wait longer to be painted do so without knowing: memory is bounded
REMEMBERED_US = 15_000_000  # of what was seen, beside the pre-roll: longer than a group of pictures
POSE_US = 500_000  # a pose further away in time says nothing of a camera that moves
log = structlog.get_logger()


@dataclass(slots=True)
class _Camera:
    view: View
    moments: deque[Moment] = field(default_factory=deque)  # the last seconds
    recordings: list[Recording] = field(default_factory=list)
    judged_us: int = 0  # capture time of the last judged frame
    is_closed: bool = True  # no frame is being judged

    @property
    def painted_until_us(self) -> int:
        """Until then everything is known that a mask needs: one that follows objects also asks what comes after."""
        follows = self.view.mask is not None and self.view.mask.follows
        return self.judged_us - (AROUND_US if follows else 0)


class Footage:
    """`saw` is the detecting thread's; `step` and `finish` another's. `post` makes a message durable or raises
    OutboxError."""

    def __init__(
        self,
        views: Iterable[View],
        shelf: Shelf,
        *,
        rolls: Rolls,
        jpeg_quality: int,
        sender: Sender,
        post: Callable[[Envelope], object],
        clock: Clock,
    ) -> None:
        self._cameras = {view.camera: _Camera(view) for view in views}
        self._shelf = shelf
        self._rolls = rolls
        self._jpeg_quality = jpeg_quality
        self._sender = sender
        self._post = post
        self._clock = clock
        self._lock = threading.Lock()
        self._posted: set[tuple[uuid.UUID, int]] = set()  # manifests of takes that are not all in the outbox
        self._tidied_us = clock.monotonic_us() - TIDY_US
        self._has_room = True
        self._untold = len(shelf.unposted)  # takes on the shelf that are not in the outbox
        self.lost = 0  # events without evidence

    # The detecting thread

    def saw(self, camera: str, result: StepResult, frame: Frame | None) -> None:
        """What a judged frame led to; without a frame: the feed is gone, and what was open has ended."""
        known = self._cameras[camera]
        mask = known.view.mask
        tracks = result.tracks if mask is not None and mask.follows else ()
        moment = Moment(result.captured_at_us, result.sightings, result.pose, tracks)
        with self._lock:
            known.is_closed = frame is None
            known.judged_us = result.captured_at_us
            if frame is not None:
                if known.moments and known.moments[-1].captured_at_us >= result.captured_at_us:
                    known.moments.clear()  # the feed begins again, or its clock was set back
                known.moments.append(moment)
                oldest_us = result.captured_at_us - self._rolls.pre_us - REMEMBERED_US
                while known.moments[0].captured_at_us < oldest_us:
                    known.moments.popleft()
            for envelope in result.events:
                self._note(known, envelope)
            if frame is not None:
                seen = [*_told(result), *(subject.sighting for subject in result.subjects if subject.is_seen)]
                for recording in known.recordings:
                    recording.saw(moment, frame, seen)

    def _note(self, known: _Camera, envelope: Envelope) -> None:
        event = envelope.body
        if not isinstance(event, Event):
            return
        if event.stage is Stage.END:
            for recording in known.recordings:
                recording.ended(event.event_id, envelope.captured_at_us)
        elif event.stage is Stage.START:
            running = next((each for each in known.recordings if each.takes_in(envelope.captured_at_us)), None)
            if running is not None:
                running.join(envelope)
            else:
                earlier = [each for each in known.moments if each.captured_at_us < envelope.captured_at_us]
                known.recordings.append(Recording.begin(known.view, self._rolls, envelope, earlier=earlier))

    @property
    def is_idle(self) -> bool:
        """Everything that was seen is on the shelf and told."""
        with self._lock:
            return not self._untold and not any(known.recordings for known in self._cameras.values())

    # Its own thread

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; then what runs is finished with what there is."""
        while not stop.wait(STEP_S):
            self.step()
        self.finish()

    def step(self) -> None:
        """What is due."""
        now_us = self._clock.monotonic_us()
        if now_us - self._tidied_us >= TIDY_US:
            self._tidied_us = now_us
            self._tidy()
        for known in self._cameras.values():
            for recording in self._running(known):
                self._advance(known, recording)
        self._tell()

    def finish(self) -> None:
        """Every recording ends with what it has."""
        for known in self._cameras.values():
            for recording in self._running(known):
                with self._lock:
                    recording.until_us = min(recording.until_us, known.judged_us)
                    known.is_closed = True
                self._advance(known, recording, is_last=True)
        self._tell()

    def _tidy(self) -> None:
        had_room, self._has_room = self._has_room, self._shelf.has_room()
        if had_room and not self._has_room:
            log.warning("no room for evidence: the disk is left to the events")
        elif self._has_room and not had_room:
            log.info("room for evidence again")

    def _running(self, known: _Camera) -> list[Recording]:
        with self._lock:
            return list(known.recordings)

    def _advance(self, known: _Camera, recording: Recording, *, is_last: bool = False) -> None:
        if not self._has_room:
            self._lose(known, recording, "no room")
            return
        recording.take_packets()
        with self._lock:
            recording.seal_where_it_ends()
            moments, recording.moments = recording.moments, []
            known_until_us = None if is_last or self._is_left_alone(known, recording) else known.painted_until_us
            pictures = recording.pictures(known_until_us=known_until_us)
        paint = partial(self._painted, known)
        try:
            folder = recording.folder or self._shelf.begin(recording.take_id)
            recording.write(folder, moments=moments, pictures=pictures, paint=paint, quality=self._jpeg_quality)
            recording.write_packets(paint, known_until_us=known_until_us)
            if is_last or self._is_complete(known, recording):
                self._store(known, recording)
        except (OSError, ValueError) as err:
            self._lose(known, recording, str(err))

    def _is_complete(self, known: _Camera, recording: Recording) -> bool:
        """The clip has its end, and so have the sightings; from then on no event joins."""
        if recording.needs_packets:
            return False
        now_us = self._clock.monotonic_us()
        if recording.complete_since_us is None:
            recording.complete_since_us = now_us
        with self._lock:
            is_judged = known.is_closed or known.judged_us > recording.until_us
            if not is_judged and not self._is_left_alone(known, recording):
                return False
            recording.is_sealed = True
            return not recording.moments and not recording.has_pictures

    def _is_left_alone(self, known: _Camera, recording: Recording) -> bool:
        """Nothing more will be judged of it, or not soon: what is not known by now stays unknown. Under the lock."""
        if known.is_closed or recording.newest_us - known.judged_us > JUDGED_WITHIN_US:
            return True
        if known.view.ring is None or recording.complete_since_us is None:
            return False
        return self._clock.monotonic_us() - recording.complete_since_us >= PATIENCE_US

    def _store(self, known: _Camera, recording: Recording) -> None:
        take = recording.finished(stored_at_us=self._clock.wall_us())
        if take is None:
            self._lose(known, recording, "nothing was seen")
            return
        self._shelf.keep(take)
        with self._lock:
            self._untold += 1
        self._forget(known, recording)
        log.info("evidence kept", camera=known.view.camera, files=len(take.manifests), bytes=take.bytes)

    def _lose(self, known: _Camera, recording: Recording, reason: str) -> None:
        self.lost += len(recording.subjects)
        recording.abandon()
        self._shelf.drop(recording.take_id)
        self._forget(known, recording)
        log.warning("evidence lost", camera=known.view.camera, events=len(recording.subjects), reason=reason)

    def _forget(self, known: _Camera, recording: Recording) -> None:
        with self._lock:
            known.recordings.remove(recording)

    def _poses_at(self, known: _Camera, at_us: int) -> Sequence[CameraPose]:
        """The poses between which a moving camera was; none where that is not known."""
        if known.view.pose is not None:
            return [known.view.pose]
        with self._lock:
            moments = list(known.moments)
        after = bisect_left(moments, at_us, key=lambda moment: moment.captured_at_us)
        is_exact = after < len(moments) and moments[after].captured_at_us == at_us
        around = moments[after : after + 1] if is_exact else moments[max(after - 1, 0) : after + 1]
        poses = [each.pose for each in around if each.pose is not None and abs(each.captured_at_us - at_us) <= POSE_US]
        return poses if len(poses) == (1 if is_exact else 2) else []

    def _painted(self, known: _Camera, image: ImageBgr, at_us: int) -> ImageBgr:
        """What may be stored of a picture of that moment."""
        mask = known.view.mask
        assert mask is not None
        with self._lock:
            moments = list(known.moments) if mask.follows else []
        judged = [Judged(each.captured_at_us, each.tracks, each.pose) for each in moments]
        return mask.painted(image, self._poses_at(known, at_us), at_us=at_us, judged=judged)

    def _tell(self) -> None:
        for take in self._shelf.unposted:
            try:
                self._post_all(take)
            except OutboxError:  # the lookout says so too; the next step tries again
                break
        with self._lock:
            self._untold = len(self._shelf.unposted)

    def _post_all(self, take: Take) -> None:
        """Raises OutboxError; what was posted until then is not posted again in this life."""
        sender = self._sender
        for number, manifest in enumerate(take.manifests):
            if (take.take_id, number) in self._posted:
                continue
            evidence = manifest.evidence
            envelope = sender.envelope(
                evidence,
                message_id=derive_evidence_id(evidence, outbox_id=sender.outbox_id, boot=sender.boot),
                captured_at_us=evidence.end_us,
                origin=manifest.origin,
                trace_id=manifest.trace_id,
            )
            self._post(envelope)
            self._posted.add((take.take_id, number))
        self._shelf.mark_posted(take)
        self._posted -= {(take.take_id, number) for number in range(len(take.manifests))}


def _told(result: StepResult) -> list[Sighting]:
    """What the events of a frame name: of what has no name of the detector's, there is no other word."""
    events = [envelope.body for envelope in result.events]
    return [each.sighting for each in events if isinstance(each, Event) and each.stage is not Stage.END]
