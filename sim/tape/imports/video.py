"""Any video with what belongs to it: ground truth of MOTChallenge, recorded detections, recorded poses, the site.

Truth counts frames from 1 in the order in which they are shown; detections and poses count microseconds from the first
picture. All of it must belong to the video: a row beyond its end is refused.
"""

import heapq
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detectors.record import Recording, read_recording
from edge.poses.recorded import read_poses
from sim.score.mot import read_mot
from sim.tape.errors import TapeError
from sim.tape.items import SITE_FILE, Beside, Item, Message, Note, detections, detections_topic, pose, truth
from sim.tape.video import PacketReader

TRUTH_LABEL = "person"  # what MOTChallenge's pedestrian benchmarks mark


@dataclass(frozen=True, slots=True)
class Belongings:
    """What lies beside a video."""

    site: Path | None = None
    gt: Path | None = None
    detections: Path | None = None
    poses: Path | None = None


class VideoImport:
    """`remark`: the file is not whole. `said`: what else a person should know; both are complete at the end."""

    def __init__(
        self, path: Path, *, camera: str, start_us: int, belongings: Belongings, monotonic_us: Callable[[], int]
    ) -> None:
        self._path = path
        self._camera = camera
        self._start_us = start_us
        self._belongings = belongings
        self._monotonic_us = monotonic_us
        self._video = PacketReader(path, camera)
        self._pictures = 0

    @property
    def remark(self) -> str:
        return self._video.remark

    @property
    def said(self) -> str:
        return f"{self._pictures} pictures"

    def items(self) -> Iterator[Item]:
        """Raises TapeError, ScoreError, ModelError, SetUpError or FeedUnreadable with one line."""
        beside = self._belongings
        times_us = self._times_us()
        self._pictures = len(times_us)
        if beside.site is not None:
            yield Beside(SITE_FILE, "application/yaml", beside.site.read_bytes(), self._start_us)
        streams: list[Iterator[Item]] = [self._packets()]
        if beside.detections is not None:
            recording = read_recording(beside.detections)
            yield detections_note(self._camera, recording)
            streams.append(self._detections(recording, beside.detections, times_us))
        if beside.gt is not None:
            streams.append(self._truth(beside.gt, times_us))
        if beside.poses is not None:
            streams.append(pose(self._camera, self._start_us + pts, it) for pts, it in read_poses(beside.poses))
        yield from heapq.merge(*streams, key=lambda item: item.log_us)

    def _packets(self) -> Iterator[Item]:
        return self._video.items(start_us=self._start_us, monotonic_us=self._monotonic_us)

    def _times_us(self) -> "array[int]":
        """When each picture is shown, in that order."""
        messages = (item for item in self._packets() if isinstance(item, Message))
        times_us = array("q", sorted(message.at_us for message in messages))
        if not times_us:
            raise TapeError(f"{self._path}: expected a video, got no packet with a time stamp")
        return times_us

    def _detections(self, recording: Recording, path: Path, times_us: "array[int]") -> Iterator[Message]:
        last_us = times_us[-1] - self._start_us
        if int(recording.pts_us[-1]) > last_us:
            raise TapeError(
                f"{path}: expected detections up to {last_us} us, the last picture of {self._path.name}, "
                f"got {int(recording.pts_us[-1])} us"
            )
        yield from detection_messages(self._camera, recording, start_us=self._start_us)

    def _truth(self, path: Path, times_us: "array[int]") -> Iterator[Message]:
        for frame, (identities, boxes) in read_mot(path).by_frame().items():
            if frame > len(times_us):
                raise TapeError(f"{path}: expected frames 1 to {len(times_us)} of {self._path.name}, got {frame}")
            corners = np.column_stack((boxes[:, :2], boxes[:, :2] + boxes[:, 2:])).round(2).tolist()
            objects = [
                {"id": identity, "label": TRUTH_LABEL, "xyxy_px": xyxy}
                for identity, xyxy in zip(identities.tolist(), corners, strict=True)
            ]
            yield truth(self._camera, times_us[frame - 1], objects)


def detections_note(camera: str, recording: Recording) -> Note:
    """Which model saw them and what its classes mean: the header of the recorded detections."""
    return Note(detections_topic(camera), {"header": recording.header.model_dump_json()})


def detection_messages(camera: str, recording: Recording, *, start_us: int) -> Iterator[Message]:
    for pts_us, found in zip(recording.pts_us.tolist(), recording.detections, strict=True):
        boxes = np.round(found.xyxy_px.astype(np.float64), 1).tolist()
        scores = np.round(found.score.astype(np.float64), 4).tolist()
        rows = [
            [*box, score, index] for box, score, index in zip(boxes, scores, found.class_index.tolist(), strict=True)
        ]
        yield detections(camera, start_us + pts_us, rows)
