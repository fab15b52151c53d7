r"""Evidence of events: told by the detecting thread what it sees, writes files and says what it has on its own.

    saw (detecting thread) -> recordings -> files on the shelf -> a manifest each, through the outbox
                                                             \-> their bytes, offered to the uploader

Nothing here may hold an event up: a disk or a codec that fails costs evidence, is said, and no more.
"""

import threading
import uuid
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from contract.clock import Clock
from contract.envelope import Envelope
from contract.events import Event, Sighting, Stage
from contract.evidence import derive_evidence_id
from contract.frozen import Sha256
from contract.site import CameraPose
from detectors.frame import Frame, ImageBgr
from edge.errors import EdgeError, OutboxError
from edge.footage.covers import AROUND_US, Judged
from edge.footage.on_order import Order, PictureOrder, files_of, keep_picture
from edge.footage.recording import Moment, Recording, Rolls, View
from edge.footage.shelf import Room, Shelf, Take
from edge.link.upload import Offer, Uploader
from edge.pipeline import StepResult
from edge.sender import Sender

STEP_S = 0.25
TIDY_US = 1_000_000
PATIENCE_US = 3_000_000  # for the last sightings of a clip that is whole, where the camera is judged no more
JUDGED_WITHIN_US = 5_000_000  # packets that wait longer to be painted do so without knowing: memory is bounded
REMEMBERED_US = 15_000_000  # of what was seen, beside the pre-roll: longer than a group of pictures
POSE_US = 500_000  # a pose further away in time says nothing of a camera that moves
ORDERS = 8  # pictures or recordings of one camera at a time that a person may wait for
log = structlog.get_logger()


@dataclass(slots=True)
class _Camera:
    view: View
    moments: deque[Moment] = field(default_factory=deque)  # the last seconds
    recordings: list[Recording] = field(default_factory=list)
    pictures: list[PictureOrder] = field(default_factory=list)
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
        uploader: Uploader | None = None,
    ) -> None:
        self._cameras = {view.camera: _Camera(view) for view in views}
        self._leaving: list[_Camera] = []  # gone or opened anew; what was being recorded of them comes to its end
        self._orders: dict[uuid.UUID, Order] = {}  # clips that a person asked for
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
                for asked in known.pictures:
                    if asked.frame is None:
                        asked.frame, asked.pose = frame, result.pose

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
            all_known = (*self._cameras.values(), *self._leaving)
            return not self._untold and not any(known.recordings or known.pictures for known in all_known)

    # Whoever changes the configuration, or asks for a picture

    def replace(self, gone: Collection[str], views: Iterable[View]) -> None:
        """Between two frames: the cameras in `gone` were closed, those of `views` begin."""
        with self._lock:
            self._leaving += [self._cameras.pop(camera) for camera in gone if camera in self._cameras]
            self._cameras |= {view.camera: _Camera(view) for view in views}

    def use(self, *, rolls: Rolls, jpeg_quality: int, room: Room) -> None:
        """From the next event on."""
        self._rolls, self._jpeg_quality = rolls, jpeg_quality
        self._shelf.room = room

    def take_picture(self, camera: str, order: Order, *, within_s: float) -> None:
        """The next frame that is judged, kept. Raises EdgeError where there is no room for it."""
        with self._lock:
            known = self._with_room(camera)
            if len(known.pictures) >= ORDERS:
                raise EdgeError(f"camera '{camera}': {ORDERS} pictures are being waited for")
            known.pictures.append(PictureOrder(order, self._clock.monotonic_us() + round(within_s * 1e6)))

    def take_clip(self, camera: str, order: Order, *, before_s: float, after_s: float) -> None:
        """From `before_s` ago, as far as the ring goes back, to `after_s` from now. Raises EdgeError where there are no
        packets, or no room."""
        with self._lock:
            known = self._with_room(camera)
            if len(known.recordings) >= ORDERS:
                raise EdgeError(f"camera '{camera}': {ORDERS} recordings run already")
            now_us = known.judged_us
            ring = known.view.ring
            cut = None if ring is None or not now_us else ring.cut(now_us - round(before_s * 1e6))
            if cut is None:
                raise EdgeError(f"camera '{camera}': expected encoded pictures to cut a clip from, got none")
            until_us = now_us + round(after_s * 1e6)
            recording = Recording.on_order(
                known.view, self._rolls, cut, order_id=order.order_id, trace_id=order.trace_id, until_us=until_us
            )
            recording.moments = [each for each in known.moments if cut.start_us <= each.captured_at_us <= until_us]
            known.recordings.append(recording)
            self._orders[order.order_id] = order

    def _with_room(self, camera: str) -> _Camera:
        if not self._has_room:
            raise EdgeError("no room for evidence: the disk is left to the events")
        if camera not in self._cameras:
            raise EdgeError(f"camera '{camera}': it is gone")
        return self._cameras[camera]

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
        for known in self._known():
            for recording in self._running(known):
                self._advance(known, recording)
            self._keep_pictures(known)
        self._tell()

    def finish(self) -> None:
        """Every recording ends with what it has."""
        for known in self._known():
            for recording in self._running(known):
                with self._lock:
                    recording.until_us = min(recording.until_us, known.judged_us)
                    known.is_closed = True
                self._advance(known, recording, is_last=True)
        self._tell()

    def _known(self) -> list[_Camera]:
        with self._lock:
            self._leaving = [known for known in self._leaving if known.recordings or known.pictures]
            return [*self._cameras.values(), *self._leaving]

    def _keep_pictures(self, known: _Camera) -> None:
        now_us = self._clock.monotonic_us()
        with self._lock:
            taken = [asked for asked in known.pictures if asked.frame is not None]
            known.pictures = [asked for asked in known.pictures if asked.frame is None and now_us < asked.until_us]
            self._untold += len(taken)
        for asked in taken:
            try:
                take = keep_picture(
                    asked,
                    known.view,
                    self._shelf,
                    quality=self._jpeg_quality,
                    stored_at_us=self._clock.wall_us(),
                )
            except (OSError, ValueError) as err:
                self._shelf.drop(asked.order.order_id)
                asked.order.done(f"camera '{known.view.camera}': the picture cannot be kept: {err}", ())
            else:
                asked.order.done("", files_of(take))

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
        self._answer(recording, "", files_of(take))
        log.info("evidence kept", camera=known.view.camera, files=len(take.manifests), bytes=take.bytes)

    def _lose(self, known: _Camera, recording: Recording, reason: str) -> None:
        self.lost += len(recording.subjects)
        recording.abandon()
        self._shelf.drop(recording.take_id)
        self._forget(known, recording)
        self._answer(recording, f"camera '{known.view.camera}': {reason}", ())
        log.warning("evidence lost", camera=known.view.camera, events=len(recording.subjects), reason=reason)

    def _answer(self, recording: Recording, reason: str, files: Sequence[Sha256]) -> None:
        """To who asked for it, where somebody did."""
        order = self._orders.pop(recording.take_id, None)
        if order is not None:
            order.done(reason, files)

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
