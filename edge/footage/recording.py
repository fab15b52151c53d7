"""What is being kept of one camera just now: a clip, the sightings during it, and a snapshot of each event in it.

Events that begin while a recording runs share it. The detecting thread tells it what it saw, which costs a few
references, under its owner's lock; everything slow is done by `write` and after it, on the thread of the footage.
"""

import contextlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from contract.envelope import Envelope, Origin
from contract.events import Event, Sighting
from contract.evidence import Evidence, EvidenceKind, MediaType
from contract.geo import BoxPx
from contract.kinds import Severity
from contract.site import CameraPose
from detectors.frame import Frame, ImageBgr
from edge.footage.clip import CLIP_ERRORS, Clip, ClipFacts, Masked, PassedThrough
from edge.footage.mask import Mask
from edge.footage.ring import Cut, Ring, StoredPacket
from edge.footage.shelf import Manifest, Take, digest, loudest
from edge.footage.snapshot import BETTER, Candidate, candidate, jpeg
from edge.perception.track import Track

Paint = Callable[[ImageBgr, int], ImageBgr]  # a picture and its capture time to what may be stored of it
CLIP, DETECTIONS = "clip", "detections.jsonl"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class View:
    """One camera. ring: None where its source has no packets. mask: None where nothing of the view is masked.
    pose: where it always looks; None: it moves."""

    camera: str
    origin: Origin
    ring: Ring | None
    mask: Mask | None
    pose: CameraPose | None


@dataclass(frozen=True, slots=True)
class Moment:
    """What one judged frame showed. tracks: all that was followed, where a mask must cover it."""

    captured_at_us: int
    sightings: tuple[Sighting, ...]
    pose: CameraPose | None
    tracks: Sequence[Track] = ()

    def line(self) -> str:
        sightings = ",".join(sighting.model_dump_json() for sighting in self.sightings)
        return f'{{"captured_at_us":{self.captured_at_us},"sightings":[{sightings}]}}\n'


@dataclass(frozen=True, slots=True)
class Rolls:
    """How long a clip is, microseconds: before its event, after it, and at most from the event on."""

    pre_us: int
    post_us: int
    longest_us: int


@dataclass(slots=True)
class _Subject:
    """One event, or what a person asked for, whose id stands for that of an event. track: None: no picture is wanted.
    waiting: a picture that is better than the one on the disk and not encoded yet."""

    event_id: uuid.UUID
    trace_id: str
    severity: Severity
    track: int | None
    is_open: bool = True
    rank: float = 0.0
    waiting: Candidate | None = None
    file: str | None = None
    box: BoxPx | None = None
    taken_at_us: int = 0


@dataclass(slots=True)
class Recording:
    """`begin` one with the start of an event. until_us: capture time of the last picture wanted."""

    view: View
    rolls: Rolls
    take_id: uuid.UUID
    told_at_us: int
    until_us: int
    cut: Cut | None
    subjects: dict[uuid.UUID, _Subject] = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)
    is_sealed: bool = False  # no event joins it any more
    complete_since_us: int | None = None  # monotonic: its clip needs nothing more
    folder: Path | None = None  # where it is written; None: nothing is yet
    _clip: Clip | None = None
    _packets: list[StoredPacket] = field(default_factory=list)  # taken, and not written yet
    _lines_us: tuple[int, int] | None = None  # first and last of the sightings on the disk

    @classmethod
    def begin(cls, view: View, rolls: Rolls, envelope: Envelope, *, earlier: Sequence[Moment]) -> "Recording":
        """`earlier`: what was seen before the event, as far back as is known."""
        event = envelope.body
        assert isinstance(event, Event)
        from_us = min(event.started_at_us, envelope.captured_at_us) - rolls.pre_us
        cut = None if view.ring is None else view.ring.cut(from_us)
        recording = cls(
            view=view,
            rolls=rolls,
            take_id=event.event_id,
            told_at_us=envelope.captured_at_us,
            until_us=envelope.captured_at_us + rolls.longest_us,
            cut=cut,
        )
        start_us = from_us if cut is None else min(from_us, cut.start_us)
        recording.moments = [moment for moment in earlier if moment.captured_at_us >= start_us]
        recording.join(envelope)
        return recording

    @classmethod
    def on_order(
        cls, view: View, rolls: Rolls, cut: Cut, *, order_id: uuid.UUID, trace_id: str, until_us: int
    ) -> "Recording":
        """What a person asked for, from the beginning of `cut` on; no event joins it."""
        return cls(
            view=view,
            rolls=rolls,
            take_id=order_id,
            told_at_us=cut.start_us,
            until_us=until_us,
            cut=cut,
            subjects={order_id: _Subject(order_id, trace_id, Severity.LOW, None, is_open=False)},
            is_sealed=True,
        )

    # Told by the detecting thread

    def takes_in(self, started_at_us: int) -> bool:
        """An event that starts then has its time in this recording, with half a clip at least still to come."""
        return not self.is_sealed and started_at_us <= self.told_at_us + self.rolls.longest_us // 2

    def join(self, envelope: Envelope) -> None:
        event = envelope.body
        assert isinstance(event, Event)
        self.subjects[event.event_id] = _Subject(
            event.event_id, envelope.trace_id, event.severity, event.sighting.track
        )
        self.until_us = self.told_at_us + self.rolls.longest_us

    def ended(self, event_id: uuid.UUID, at_us: int) -> None:
        subject = self.subjects.get(event_id)
        if subject is None:
            return
        subject.is_open = False
        if not any(each.is_open for each in self.subjects.values()):
            self.until_us = min(at_us + self.rolls.post_us, self.told_at_us + self.rolls.longest_us)

    def saw(self, moment: Moment, frame: Frame, seen: Sequence[Sighting]) -> None:
        """`seen`: those of the moment's sightings that the frame itself shows."""
        if moment.captured_at_us > self.until_us:
            return
        self.moments.append(moment)
        by_track = {sighting.track: sighting for sighting in seen}
        for subject in self.subjects.values():
            sighting = None if subject.track is None else by_track.get(subject.track)
            if subject.is_open and sighting is not None:
                offered = candidate(sighting, frame, moment.pose)
                if offered.rank > BETTER * subject.rank:
                    subject.rank, subject.waiting = offered.rank, offered

    def pictures(self, *, known_until_us: int | None) -> list[tuple[_Subject, Candidate]]:
        """Pictures to be encoded, each once; of a mask that follows objects only those that are known to be painted
        right (see write_packets)."""
        found = [
            (each, each.waiting)
            for each in self.subjects.values()
            if each.waiting is not None
            and (known_until_us is None or each.waiting.frame.captured_at_us <= known_until_us or not self._follows)
        ]
        for subject, _ in found:
            subject.waiting = None
        return found

    # On the thread of the footage

    def write(
        self,
        folder: Path,
        *,
        moments: Sequence[Moment],
        pictures: Sequence[tuple[_Subject, Candidate]],
        paint: Paint,
        quality: int,
    ) -> None:
        """What came since the last call. Raises OSError, and ValueError for a picture that cannot be encoded."""
        self.folder = folder
        if moments:
            with (folder / DETECTIONS).open("a", encoding="utf-8") as file:
                file.writelines(moment.line() for moment in moments)
            first_us = moments[0].captured_at_us if self._lines_us is None else self._lines_us[0]
            self._lines_us = (first_us, moments[-1].captured_at_us)
        for subject, offered in pictures:
            image = offered.frame.image_bgr
            if self.view.mask is not None:
                image = paint(image, offered.frame.captured_at_us)
            name = subject.file or f"snapshot-{len(list(folder.glob('snapshot-*'))) + 1}.jpg"
            (folder / name).write_bytes(jpeg(image, quality=quality))
            subject.file, subject.box, subject.taken_at_us = name, offered.box, offered.frame.captured_at_us

    def take_packets(self) -> None:
        """What came since the last call, to be written."""
        if self.cut is not None:
            self._packets += self.cut.take()

    def seal_where_it_ends(self) -> None:
        """No event joins any more once a packet is there that the clip will not hold, or no more will come. Under the
        owner's lock, as joining is."""
        if self.cut is not None:
            self.is_sealed |= self.cut.is_over or any(p.captured_at_us > self.until_us for p in self._packets)

    def write_packets(self, paint: Paint, *, known_until_us: int | None) -> None:
        """Packets into the clip; of a masked view that moves, or whose mask follows objects, only those of which it is
        known by now how to paint them (None: no more will be). A clip that fails ends here; the rest of the evidence
        goes on."""
        if self.cut is None or self.folder is None:
            return
        waits = self._follows or (self.view.mask is not None and self.view.pose is None)
        ready = len(self._packets)
        if waits and known_until_us is not None:
            ready = next((n for n, p in enumerate(self._packets) if p.captured_at_us > known_until_us), ready)
        try:
            for packet in self._packets[:ready]:
                if packet.captured_at_us > self.until_us:
                    self.end_clip()
                    return
                if self._clip is None:
                    self._clip = self._opened_clip(self.cut, paint)
                self._clip.add(packet)
        except CLIP_ERRORS as err:
            log.warning("clip cannot be written", camera=self.view.camera, reason=str(err))
            self._give_up_clip()
            return
        del self._packets[:ready]
        if self.cut.is_over and not self._packets:
            self.end_clip()

    @property
    def newest_us(self) -> int:
        """Capture time of the newest packet that is not written yet; 0 where there is none."""
        return self._packets[-1].captured_at_us if self._packets else 0

    @property
    def has_pictures(self) -> bool:
        """Some are not encoded yet."""
        return any(each.waiting is not None for each in self.subjects.values())

    @property
    def needs_packets(self) -> bool:
        return self.cut is not None

    def end_clip(self) -> None:
        """What is not in it now never will be."""
        self.is_sealed |= self.cut is not None
        if self.cut is not None:
            self.cut.close()
        self.cut = None
        self._packets.clear()

    def finished(self, *, stored_at_us: int) -> Take | None:
        """Every file whole, and what to say of each; None when there is nothing. Raises OSError."""
        assert self.folder is not None
        self.end_clip()
        manifests: list[Manifest] = []
        shared: list[_File] = []
        clip = self._closed_clip()
        if clip is not None:
            name = f"{CLIP}.{'mp4' if clip.media_type is MediaType.MP4 else 'nut'}"
            (self.folder / CLIP).rename(self.folder / name)
            shared.append(_File(name, EvidenceKind.CLIP, clip, *digest(self.folder / name)))
        if self._lines_us is not None:
            lines = ClipFacts(*self._lines_us, MediaType.JSON_LINES, "jsonl", plays_in_browser=False)
            shared.append(_File(DETECTIONS, EvidenceKind.DETECTIONS, lines, *digest(self.folder / DETECTIONS)))
        for subject in self.subjects.values():
            own: list[_File] = []
            if subject.file is not None:
                facts = ClipFacts(subject.taken_at_us, subject.taken_at_us, MediaType.JPEG, "jpeg", True)
                own.append(_File(subject.file, EvidenceKind.SNAPSHOT, facts, *digest(self.folder / subject.file)))
            manifests += [self._manifest(subject, file) for file in (*shared, *own)]
        if not manifests:
            return None
        return Take(
            take_id=self.take_id,
            severity=loudest(subject.severity for subject in self.subjects.values()),
            stored_at_us=stored_at_us,
            bytes=sum({each.file: each.evidence.bytes for each in manifests}.values()),
            manifests=tuple(manifests),
        )

    def abandon(self) -> None:
        """Nothing of it is kept."""
        self.end_clip()
        self._give_up_clip()

    @property
    def _follows(self) -> bool:
        return self.view.mask is not None and self.view.mask.follows

    def _opened_clip(self, cut: Cut, paint: Paint) -> Clip:
        assert self.folder is not None
        if self.view.mask is None:
            return PassedThrough(self.folder / CLIP, cut.reel)
        return Masked(self.folder / CLIP, cut.reel, paint)

    def _closed_clip(self) -> ClipFacts | None:
        if self._clip is None:
            return None
        try:
            facts = self._clip.close()
        except CLIP_ERRORS as err:
            log.warning("clip cannot be closed", camera=self.view.camera, reason=str(err))
            facts = None
        self._clip = None
        if facts is None:
            self._remove_clip()
        return facts

    def _give_up_clip(self) -> None:
        clip, self._clip = self._clip, None
        self.end_clip()
        if clip is not None:
            with contextlib.suppress(*CLIP_ERRORS):
                clip.close()
        self._remove_clip()

    def _remove_clip(self) -> None:
        if self.folder is not None:
            (self.folder / CLIP).unlink(missing_ok=True)

    def _manifest(self, subject: _Subject, file: "_File") -> Manifest:
        evidence = Evidence(
            event_id=subject.event_id,
            kind=file.kind,
            camera=self.view.camera,
            sha256=file.sha256,
            bytes=file.bytes,
            start_us=file.facts.start_us,
            end_us=file.facts.end_us,
            media_type=file.facts.media_type,
            codec=file.facts.codec,
            plays_in_browser=file.facts.plays_in_browser,
            is_masked=self.view.mask is not None and file.kind is not EvidenceKind.DETECTIONS,
            box=subject.box if file.kind is EvidenceKind.SNAPSHOT else None,
        )
        return Manifest(file=file.name, origin=self.view.origin, trace_id=subject.trace_id, evidence=evidence)


@dataclass(frozen=True, slots=True)
class _File:
    """One file of a recording, whole."""

    name: str
    kind: EvidenceKind
    facts: ClipFacts
    sha256: str
    bytes: int
