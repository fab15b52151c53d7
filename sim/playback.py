"""A recording through one camera's pipeline into a folder: tracks.txt, events.jsonl and, when asked for, annotated.mp4.

Decoding runs beside detecting. The ids in the files are derived from the names of site and camera alone, so two runs
over the same detections write the same bytes.
"""

import uuid
from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TextIO

from contract.envelope import Origin
from contract.events import EVENT_NAMESPACE
from contract.site import Camera, CameraPose, Site
from detectors.detector import Detector, Prepared
from detectors.frame import Frame
from edge.errors import SetUpError
from edge.perception.appearance import Appearance
from edge.perception.locate import Locator
from edge.perception.tracking import Tracker
from edge.pipeline import Pipeline, Watch, watches_of
from edge.pose import PoseSource
from edge.poses.fixed import FixedPose
from edge.poses.recorded import RecordedPoses
from edge.sender import Sender
from edge.source import Source
from sim.annotate import Outline, Painter, VideoFile, outline_of
from sim.event_log import EventLog
from sim.read_ahead import ready_frames
from sim.track_file import shown, write_tracks

NOWHERE = "replay"  # site, node and camera of a video that nobody placed


@dataclass(frozen=True, slots=True)
class Place:
    """Where the camera stands that took the video; `poses`: recorded ones of a camera that moves."""

    site: Site
    camera: Camera
    pose: CameraPose | None
    poses: Path | None = None

    def pose_source(self) -> PoseSource | None:
        """Raises SetUpError for recorded poses that are damaged."""
        if self.poses is not None:
            return RecordedPoses(self.poses)
        return None if self.pose is None else FixedPose(self.pose)


class Playback:
    """A context that holds the open files, which are complete when it is left."""

    def __init__(
        self,
        folder: Path,
        detector: Detector,
        place: Place | None,
        *,
        annotate: bool = False,
        appearance: Appearance | None = None,
    ) -> None:
        self._folder = folder
        self._detector = detector
        self._place = place
        self._annotate = annotate
        self._appearance = appearance
        self._files = ExitStack()
        self._last_us = 0
        self.frames = 0
        self._painter: Painter | None = None
        self._pipeline: Pipeline | None = None

    def __enter__(self) -> "Playback":
        with ExitStack() as files:
            self._tracks = files.enter_context(self._opened("tracks.txt"))
            events = files.enter_context(self._opened("events.jsonl"))
            camera = self._place.camera.id if self._place else NOWHERE
            self._events = EventLog(
                lambda _, line: events.write(line + "\n"), camera=camera, labels=self._detector.labels
            )
            if self._annotate:
                self._video = files.enter_context(VideoFile(self._folder / "annotated.mp4"))
            self._files = files.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def _opened(self, name: str) -> TextIO:
        return (self._folder / name).open("w", encoding="utf-8", newline="\n")

    def play(self, source: Source) -> Generator[Frame, None, None]:
        """Each frame when it is judged and written; more sources carry on from there. Raises FeedUnreadable,
        SetUpError and DetectorError."""
        with closing(ready_frames(source, self._detector.prepare)) as frames:
            for frame, prepared in frames:
                self._judge(frame, prepared)
                yield frame

    def end(self) -> None:
        """There are no more frames: end whatever is open."""
        if self._pipeline is not None:
            self._events.close(self._last_us, self._pipeline.close(self._last_us).events)

    @property
    def tracks(self) -> int:
        """Objects that were believed at some time."""
        return self._events.tracks

    @property
    def events(self) -> int:
        return self._events.told.total()

    @property
    def told(self) -> dict[str, int]:
        """Events that started, by rule and place."""
        return dict(sorted(self._events.told.items()))

    def _judge(self, frame: Frame, prepared: Prepared) -> None:
        if self._pipeline is None:
            self._pipeline = self._open(frame)
        (detections,) = self._detector.detect([prepared])
        result = self._pipeline.step(frame, detections)
        self._events.write(frame.captured_at_us, result.tracks, result.events)
        tracks = shown(result.tracks, captured_at_us=frame.captured_at_us)
        write_tracks(self._tracks, tracks, index=frame.index)
        if self._painter is not None:
            self._video.write(self._painter.painted(frame, tracks, result.events), pts_us=frame.pts_us)
        self.frames += 1
        self._last_us = frame.captured_at_us

    def _open(self, frame: Frame) -> Pipeline:
        """The size of the first frame is that of all."""
        height_px, width_px = frame.image_bgr.shape[:2]
        place, labels = self._place, self._detector.labels
        local = locator = poses = None
        watches: tuple[Watch, ...] = ()
        outlines: list[Outline] = []
        if place is not None:
            lens = place.camera.lens
            if (lens.width_px, lens.height_px) != (width_px, height_px):
                raise SetUpError(
                    f"camera '{place.camera.id}': expected frames of {lens.width_px}x{lens.height_px}, "
                    f"got {width_px}x{height_px}"
                )
            local = place.site.local_frame()
            locator = Locator(lens=lens, frame=local)
            poses = place.pose_source()
            watches = watches_of(place.site, place.camera.id)
            if place.pose is not None:
                for watched in place.site.watched_by(place.camera.id):
                    outlines += outline_of(watched, frame=local, locator=locator, pose=place.pose)
        if self._annotate:
            self._painter = Painter(labels=labels, outlines=outlines)
        return Pipeline(
            place.camera.id if place else NOWHERE,
            sender=_sender(place),
            origin=Origin.REPLAYED,
            model=self._detector.identity,
            labels=labels,
            tracker=Tracker(labels=labels, frame_size_px=(width_px, height_px), appearance=self._appearance),
            poses=poses,
            locator=locator,
            frame=local,
            watches=watches,
        )


def _sender(place: Place | None) -> Sender:
    site, node, camera = (place.site.id, place.camera.node, place.camera.id) if place else (NOWHERE,) * 3
    return Sender(site=site, node=node, outbox_id=uuid.uuid5(EVENT_NAMESPACE, f"{site}/{camera}"), boot=1)
