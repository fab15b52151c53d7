r"""Evidence of events: told by the detecting thread what it sees, writes files and says what it has on its own.

    saw (detecting thread) -> recordings -> files on the shelf -> a manifest each, through the outbox
                                                             \-> their bytes, offered to the uploader

Nothing here may hold an event up: a disk or a codec that fails costs evidence, is said, and no more.
"""

import threading
import uuid
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from contract.clock import Clock
from contract.envelope import Envelope
from contract.events import Event, Sighting, Stage
from contract.evidence import derive_evidence_id
from contract.site import CameraPose
from detectors.frame import Frame
from edge.errors import OutboxError
from edge.footage.recording import Moment, Recording, Rolls, View
from edge.footage.shelf import Shelf, Take
from edge.link.upload import Offer, Uploader
from edge.pipeline import StepResult
from edge.sender import Sender

STEP_S = 0.25
TIDY_US = 1_000_000
PATIENCE_US = 3_000_000  # for the last sightings of a clip that is whole, where the camera is judged no more
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
        uploader: Uploader | None = None,
    ) -> None:
        self._cameras = {view.camera: _Camera(view) for view in views}
        self._shelf = shelf
        self._rolls = rolls
        self._jpeg_quality = jpeg_quality
        self._sender = sender
        self._post = post
        self._clock = clock
        self._uploader = uploader
        self._lock = threading.Lock()
        self._posted: set[tuple[uuid.UUID, int]] = set()  # manifests of takes that are not all in the outbox
        self._tidied_us = clock.monotonic_us() - TIDY_US
        self._has_room = True
        self._untold = len(shelf.unposted)  # takes on the shelf that are not in the outbox
        self._unsent = 0  # takes whose files the coordinator shall have and has not
        self.lost = 0  # events without evidence

    # The detecting thread

    def saw(self, camera: str, result: StepResult, frame: Frame | None) -> None:
        """What a judged frame led to; without a frame: the feed is gone, and what was open has ended."""
        known = self._cameras[camera]
        moment = Moment(result.captured_at_us, result.sightings, result.pose)
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

    @property
    def is_sent(self) -> bool:
        """The coordinator has every file that it shall have."""
        with self._lock:
            return not self._unsent

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
            pictures = recording.pictures()
            known_until_us = None if known.is_closed else known.judged_us
        try:
            folder = recording.folder or self._shelf.begin(recording.take_id)
            recording.write(folder, moments=moments, pictures=pictures, quality=self._jpeg_quality)
            recording.write_packets(lambda at_us: self._poses_at(known, at_us), known_until_us=known_until_us)
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
            has_clip = known.view.ring is not None
            waited = now_us - recording.complete_since_us >= PATIENCE_US
            if not is_judged and not (has_clip and waited):
                return False
            recording.is_sealed = True
            return not recording.moments

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

    def _tell(self) -> None:
        for take in self._shelf.unposted:
            try:
                self._post_all(take)
            except OutboxError:  # the lookout says so too; the next step tries again
                break
        if self._uploader is not None:
            for take_id in self._uploader.arrived():
                self._shelf.mark_uploaded(take_id)
            self._uploader.offer(self._offer(take) for take in self._shelf.unsent)
        with self._lock:
            self._unsent = 0 if self._uploader is None else len(self._shelf.unsent)
            self._untold = len(self._shelf.unposted)

    def _offer(self, take: Take) -> Offer:
        return Offer(take, {each.evidence.sha256: self._shelf.file(take, each.file) for each in take.manifests})

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
