"""From a frame to events: the file to read first.

    frame -> detect -> track -> locate on the ground -> filters -> rules -> events -> envelopes

Synchronous and pure of I/O: no socket, file, thread or clock of its own. Detecting stands outside `step`, because one
accelerator serves many cameras and may take their frames as a batch:

    detections = detector.detect([detector.prepare(frame)])[0]
    result = pipeline.step(frame, detections)
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract.envelope import Envelope, Origin, derive_trace_id
from contract.events import (
    Event,
    ModelIdentity,
    Sighting,
    Tracks,
    derive_event_id,
    derive_message_id,
)
from contract.geo import BoxPx, GroundFix, LocalFrame
from contract.hours import Switch
from contract.kinds import EventKind, Severity
from contract.labels import Label
from contract.site import CameraPose, Line, Site, Watched, Zone
from detectors.detections import Detections
from detectors.frame import Frame
from edge.perception.appearance import Appearance
from edge.perception.egomotion import FlowMotion, Moved, PoseMotion
from edge.perception.filters import Filters
from edge.perception.ground_motion import Ground
from edge.perception.locate import Fixes, Locator
from edge.perception.movement import LABELS as MOVEMENT_LABELS
from edge.perception.movement import Movement
from edge.perception.track import Track, TrackState
from edge.perception.tracking import Tracker
from edge.plane import plane_of
from edge.pose import PoseSource
from edge.rule import Finding, Rule, Subject, is_of_movement, open_rule, severity_of, watches
from edge.sender import Sender

AS_IT_COMES: Mapping[type[Watched], EventKind] = {Zone: EventKind.INTRUSION, Line: EventKind.LINE_CROSSING}
BELIEVED = (TrackState.CONFIRMED, TrackState.COASTING)


@dataclass(frozen=True, slots=True)
class Watch:
    """One rule on one zone or line; the rules on one share its switch. severity, is_of_movement: see edge/rule.py."""

    kind: EventKind
    watched: Zone | Line
    rule: Rule
    switch: Switch
    severity: Severity
    is_of_movement: bool


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one frame led to.

    tracks: all of the tracker's, tentative and just lost ones too; subjects: the believed ones, located, without what
    the camera's filters hold back.
    events: envelopes without a sequence (the outbox gives it); hops_us: how long each step took, empty without a clock.
    pose: of the camera; None: not known, or no frame was judged.
    """

    captured_at_us: int
    trace_id: str
    tracks: Sequence[Track]
    subjects: tuple[Subject, ...]
    events: tuple[Envelope, ...]
    hops_us: Mapping[str, int]
    pose: CameraPose | None = None

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        return tuple(subject.sighting for subject in self.subjects)


class Pipeline:
    """One camera. Without poses, locator and frame nobody knows where it stands: then nothing is located. `movement` is
    for rules about what has no name, where the camera is fixed."""

    def __init__(
        self,
        camera: str,
        *,
        sender: Sender,
        origin: Origin,
        model: ModelIdentity,
        labels: tuple[Label, ...],
        tracker: Tracker,
        poses: PoseSource | None,
        locator: Locator | None,
        frame: LocalFrame | None,
        watches: Iterable[Watch],
        filters: Filters | None = None,
        movement: Movement | None = None,
        monotonic_us: Callable[[], int] | None = None,
    ) -> None:
        self.camera = camera
        self._sender = sender
        self._origin = origin
        self._model = model
        self._labels = labels
        self._tracker = tracker
        self._poses = poses
        self._locator = locator
        self._frame = frame
        self._pose_motion = None if locator is None else PoseMotion(locator)
        self._flow_motion = FlowMotion()
        self._boxes_px: npt.NDArray[np.float64] = np.zeros((0, 4))  # of all that was tracked in the last frame
        self._watches = tuple(watches)
        self._filters = filters
        self._movement = movement
        self._switches = {watch.watched.id: watch.switch for watch in self._watches}
        self._monotonic_us = monotonic_us
        self.is_placed = True  # at the last frame it was known where the camera is, or nobody ever wanted to

    def step(
        self, frame: Frame, detections: Detections, *, earlier_hops_us: Mapping[str, int] | None = None
    ) -> StepResult:
        """Judge one frame. `earlier_hops_us`: what the caller measured before (queue, detect)."""
        hops = _Hops(self._monotonic_us, {"decode": frame.decode_us, **(earlier_hops_us or {})})

        pose = None if self._poses is None else self._poses.at(frame)
        self.is_placed = self._poses is None or pose is not None
        moved = self._moved(frame, pose)
        ground = None if pose is None or self._locator is None else Ground(self._locator, pose)
        tracks = self._tracker.update(
            detections, captured_at_us=frame.captured_at_us, moved=moved, ground=ground, image_bgr=frame.image_bgr
        )
        hops.mark("track")
        if pose is None:
            self._boxes_px = np.array([track.xyxy_px for track in tracks]).reshape(-1, 4)

        believed = [track for track in tracks if track.state in BELIEVED]
        fixes = _fixes(believed, ground)
        if fixes is not None:
            self._tracker.located(believed, fixes)
        subjects = self._subjects(believed, fixes, self._labels)
        if self._filters is not None:
            subjects = self._filters.told(subjects, tracks, pose)
        hops.mark("locate")

        findings = self._judge(subjects, self._unnamed(frame, tracks, pose, ground), frame.captured_at_us)
        hops.mark("rule")

        return self._result(frame.captured_at_us, tracks, subjects, findings, hops_us=hops.us, pose=pose)

    def close(self, captured_at_us: int) -> StepResult:
        """The feed is gone: end whatever is still open. `captured_at_us` is the last frame's."""
        if self.appearance is not None:
            self.appearance.forget()
        return self._result(captured_at_us, (), (), self._judge((), (), captured_at_us), hops_us={})

    def number_tracks_after(self, other: "Pipeline") -> None:
        """`other` judged this camera before: no track's number, and so no event's id, comes twice (SAFETY 17)."""
        self._tracker.next_id = other._tracker.next_id
        if self._movement is not None and other._movement is not None:
            self._movement.tracker.next_id = other._movement.tracker.next_id

    @property
    def filtered(self) -> Mapping[str, int]:
        """Sightings that a filter took away, by filter."""
        return {} if self._filters is None else self._filters.taken

    @property
    def appearance(self) -> Appearance | None:
        """Its counts and its fault are for whoever asks; None where it is not used."""
        return self._tracker.appearance

    @property
    def is_set(self) -> bool:
        """Some zone of this camera must be empty."""
        return any(switch.is_set for switch in self._switches.values())

    def set_zone(self, zone: str, *, at_us: int | None = None) -> None:
        """From the next frame on, `zone` must be empty: a person's word (see Switch), given at `at_us` where that was
        earlier. Safe from another thread."""
        self._say(zone, is_set=True, at_us=at_us)

    def unset_zone(self, zone: str, *, at_us: int | None = None) -> None:
        """From the next frame on `zone` raises nothing; what is open in it ends there."""
        self._say(zone, is_set=False, at_us=at_us)

    def tracks_message(self, result: StepResult) -> Envelope:
        """The believed tracks of one step, for the live map."""
        return self._sender.envelope(
            Tracks(camera=self.camera, sightings=result.sightings),
            message_id=self._sender.derive_id(f"tracks/{self.camera}/{result.captured_at_us}"),
            captured_at_us=result.captured_at_us,
            origin=self._origin,
            trace_id=result.trace_id,
            hops_us=result.hops_us,
        )

    def _moved(self, frame: Frame, pose: CameraPose | None) -> Moved | None:
        """What the camera's own movement did to the picture: by its pose, or where that is missing by the picture."""
        if self._poses is None or self._pose_motion is None:
            return None
        moved = self._pose_motion.to(pose)
        if pose is not None:
            self._flow_motion.forget()
            return moved
        return self._flow_motion.to(frame, self._boxes_px)

    def _say(self, zone: str, *, is_set: bool, at_us: int | None) -> None:
        if zone in self._switches:
            self._switches[zone].say(is_set=is_set, at_us=at_us)

    def _subjects(self, tracks: Sequence[Track], fixes: Fixes | None, labels: Sequence[Label]) -> list[Subject]:
        """Believed tracks, located. labels: what their class indices mean."""
        if fixes is None or self._locator is None:
            return [self._subject(track, None, labels) for track in tracks]
        told = self._locator.told(fixes)
        return [self._subject(track, fix, labels) for track, fix in zip(tracks, told, strict=True)]

    def _subject(self, track: Track, fix: GroundFix | None, labels: Sequence[Label]) -> Subject:
        left, top, right, bottom = track.xyxy_px
        sighting = Sighting(
            camera=self.camera,
            track=track.track_id,
            label=labels[track.class_index],
            score=track.score,
            box=BoxPx(x_px=left, y_px=top, width_px=right - left, height_px=bottom - top),
            ground=fix,
        )
        point = None if fix is None or self._frame is None else self._frame.to_enu(fix.point)
        return Subject(sighting, is_seen=track.state is TrackState.CONFIRMED, point=point)

    def _unnamed(
        self, frame: Frame, named: Sequence[Track], pose: CameraPose | None, ground: Ground | None
    ) -> Sequence[Subject]:
        """What moves and the detector has no name for, where a rule asks for it."""
        if self._movement is None:
            return ()
        moving = [t for t in self._movement.tracks(frame, named=named, pose=pose) if t.state in BELIEVED]
        return self._subjects(moving, _fixes(moving, ground), MOVEMENT_LABELS)

    def _judge(
        self, subjects: Sequence[Subject], unnamed: Sequence[Subject], captured_at_us: int
    ) -> list[tuple[Watch, Finding]]:
        findings = []
        for watch in self._watches:
            seen = unnamed if watch.is_of_movement else subjects
            if not watch.switch.at(captured_at_us):
                seen = ()
            findings += [(watch, finding) for finding in watch.rule.judge(seen, captured_at_us=captured_at_us)]
        return findings

    def _result(
        self,
        captured_at_us: int,
        tracks: Sequence[Track],
        subjects: Sequence[Subject],
        findings: Sequence[tuple[Watch, Finding]],
        *,
        hops_us: Mapping[str, int],
        pose: CameraPose | None = None,
    ) -> StepResult:
        trace_id = derive_trace_id(
            outbox_id=self._sender.outbox_id,
            boot=self._sender.boot,
            camera=self.camera,
            captured_at_us=captured_at_us,
        )
        events = []
        for watch, finding in findings:
            event = self._event(watch, finding)
            envelope = self._sender.envelope(
                event,
                message_id=derive_message_id(event),
                captured_at_us=captured_at_us,
                origin=self._origin,
                trace_id=trace_id,
                hops_us=hops_us,
            )
            events.append(envelope)
        return StepResult(captured_at_us, trace_id, tracks, tuple(subjects), tuple(events), hops_us, pose)

    def _event(self, watch: Watch, finding: Finding) -> Event:
        event_id = derive_event_id(
            outbox_id=self._sender.outbox_id,
            boot=self._sender.boot,
            rule=watch.kind.value,
            zone=watch.watched.id,
            camera=self.camera,
            track=finding.sighting.track,
            started_at_us=finding.started_at_us,
        )
        return Event(
            event_id=event_id,
            kind=watch.kind,
            stage=finding.stage,
            revision=finding.revision,
            zone=watch.watched.id,
            severity=watch.severity,
            certainty=finding.certainty,
            started_at_us=finding.started_at_us,
            sighting=finding.sighting,
            model=self._model,
            direction=finding.direction,
        )


def _fixes(tracks: Sequence[Track], ground: Ground | None) -> Fixes | None:
    """Where they stand; not known of those whose box is not where they are."""
    if ground is None or not tracks:
        return None
    return ground.fixes(np.array([[math.nan] * 4 if track.is_away else track.xyxy_px for track in tracks]))


class _Hops:
    """How long each step took; nothing at all without a clock, so that a replay is the same twice."""

    def __init__(self, monotonic_us: Callable[[], int] | None, earlier_us: Mapping[str, int]) -> None:
        self._monotonic_us = monotonic_us
        self.us = dict(earlier_us) if monotonic_us else {}
        self._last_us = monotonic_us() if monotonic_us else 0

    def mark(self, step: str) -> None:
        if self._monotonic_us:
            now_us = self._monotonic_us()
            self.us[step] = now_us - self._last_us
            self._last_us = now_us


def watches_of(
    site: Site, camera: str, rules: Mapping[EventKind, Mapping[str, object]] | None = None
) -> tuple[Watch, ...]:
    """The rules on each zone and line that `camera` covers: its own, or those of the node (`rules`, kind to options).

    One that would have none has the one that is meant for it: nothing that was drawn is left unwatched.
    """
    frame, lens = site.local_frame(), site.camera(camera).lens
    found = []
    for watched in site.watched_by(camera):
        switch, plane = watched.switch(site.time_zone), plane_of(watched, frame=frame, lens=lens)
        of_node = {kind: each for kind, each in (rules or {}).items() if isinstance(watched, watches(kind))}
        for kind, options in (watched.rules or of_node or {AS_IT_COMES[type(watched)]: {}}).items():
            rule = open_rule(kind, watched, plane=plane, options=options)
            found.append(
                Watch(kind, watched, rule, switch, severity_of(kind, watched), is_of_movement=is_of_movement(kind))
            )
    return tuple(found)
