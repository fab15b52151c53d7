"""What a recording holds beside its pictures, as the files that the edge pipeline and a map reader take.

A tape, an aerial video with metadata and a MAVLink capture are read the same way: as items. Poses and detections are
those of one camera and count from its first picture, as everywhere else.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from contract.geo import GeoPoint, LocalFrame, PointEnu
from contract.site import CameraPose
from sim.tape.errors import TapeError
from sim.tape.imports.klv import KlvImport, has_metadata
from sim.tape.imports.tlog import TlogImport
from sim.tape.items import (
    LOCAL_FRAME,
    SITE_FILE,
    Beside,
    Item,
    Message,
    Note,
    detections_topic,
    pose_topic,
    video_topic,
)
from sim.tape.reader import Survey, TapeReader, survey
from sim.tape.track_map import TrackMap

TRANSPORT_STREAMS = (".ts", ".m2ts", ".mts", ".mpg", ".mpegts")
AERIAL = "aerial"  # the camera of a video that nobody named


@dataclass(frozen=True, slots=True)
class Unpacked:
    """`camera` None: no pictures. `start_us`: its first one. `points`: places of the tracks on the map.
    `judged_until_us`: the last picture with recorded detections. `remark`: what is not whole; `said`: what else a
    person should know."""

    camera: str | None
    start_us: int
    length_us: int | None
    is_tape: bool
    poses: Path | None
    detections: Path | None
    judged_until_us: int
    points: int
    remark: str
    said: str


def is_recording(path: Path) -> bool:
    """More than pictures? Raises TapeError for a transport stream that cannot be read at all."""
    suffix = path.suffix.lower()
    return suffix in (".mcap", ".tlog") or (suffix in TRANSPORT_STREAMS and path.is_file() and has_metadata(path))


def site_text(path: Path) -> str | None:
    """The site file on a tape, where it stands before all messages. Raises TapeError."""
    if path.suffix.lower() != ".mcap":
        return None
    for item in TapeReader(path).items():
        if isinstance(item, Beside) and item.name == SITE_FILE:
            return item.data.decode("utf-8", errors="replace")
        if isinstance(item, Message):
            break
    return None


def unpack(
    path: Path, folder: Path, *, camera: str | None, frame: LocalFrame | None, monotonic_us: Callable[[], int]
) -> Unpacked:
    """Write poses.jsonl, detections.jsonl, track.geojson, footprints.geojson and map.html, as far as there is
    anything for them. `frame`: of the site that poses are wanted in. Raises TapeError and FeedUnreadable."""
    suffix = path.suffix.lower()
    if suffix == ".tlog":
        capture = TlogImport(path)
        files, points = _write(capture.places(), folder, camera=None, start_us=0, frame=None, title=path.name)
        return Unpacked(None, 0, None, False, None, None, 0, points, capture.remark, capture.said)
    if suffix == ".mcap":
        return _unpack_tape(path, folder, camera=camera, frame=frame)
    name = camera or AERIAL
    clip = KlvImport(path, camera=name, frame=frame, monotonic_us=monotonic_us)
    start_us = clip.start_us
    files, points = _write(clip.items(), folder, camera=name, start_us=start_us, frame=None, title=path.name)
    return Unpacked(name, start_us, None, False, files.poses, None, 0, points, clip.remark, clip.said)


def _unpack_tape(path: Path, folder: Path, *, camera: str | None, frame: LocalFrame | None) -> Unpacked:
    found = survey(path)
    chosen = _camera(found, camera, path)
    start_us = 0 if chosen is None else _first_picture_us(path, chosen)
    reader = TapeReader(path)
    files, points = _write(reader.items(), folder, camera=chosen, start_us=start_us, frame=frame, title=path.name)
    length_us = None if found.last_us is None else max(found.last_us - start_us, 0)
    said = f"{sum(found.topics.values())} messages on {len(found.topics)} topics"
    return Unpacked(
        camera=chosen,
        start_us=start_us,
        length_us=length_us,
        is_tape=True,
        poses=files.poses,
        detections=files.detections,
        judged_until_us=files.judged_until_us,
        points=points,
        remark=reader.remark,
        said=said,
    )


def _camera(found: Survey, wanted: str | None, path: Path) -> str | None:
    cameras = found.cameras()
    if wanted is not None and wanted not in cameras:
        raise TapeError(f"{path}: expected pictures of camera '{wanted}', got those of: {', '.join(cameras) or 'none'}")
    if wanted is None and len(cameras) > 1:
        raise TapeError(f"{path}: --camera must say whose pictures to play, of: {', '.join(cameras)}")
    return wanted or next(iter(cameras), None)


def _first_picture_us(path: Path, camera: str) -> int:
    topic = video_topic(camera)
    return next(i.at_us for i in TapeReader(path).items() if isinstance(i, Message) and i.topic == topic)


@dataclass(slots=True)
class _Files:
    poses: Path | None = None
    detections: Path | None = None
    judged_until_us: int = 0


def _write(
    items: Iterable[Item], folder: Path, *, camera: str | None, start_us: int, frame: LocalFrame | None, title: str
) -> tuple[_Files, int]:
    files = _Files()
    open_files: dict[str, TextIO] = {}
    of_tape: LocalFrame | None = None
    last_us = {pose_topic(camera or ""): -1, detections_topic(camera or ""): -1}
    with ExitStack() as stack:
        page = stack.enter_context(TrackMap(folder, title=title))

        def write(name: str, line: str) -> Path:
            path = folder / name
            if name not in open_files:
                open_files[name] = stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))
            open_files[name].write(line + "\n")
            return path

        for item in page.watching(items):
            if isinstance(item, Note):
                if item.name == LOCAL_FRAME:
                    of_tape = _frame(item)
                elif camera is not None and item.name == detections_topic(camera):
                    files.detections = write("detections.jsonl", item.words.get("header", "{}"))
            elif isinstance(item, Message) and camera is not None and item.topic in last_us:
                pts_us = item.at_us - start_us
                if pts_us <= last_us[item.topic]:
                    continue  # before the first picture, or told twice
                last_us[item.topic] = pts_us
                try:
                    content = item.content()
                    if item.topic == pose_topic(camera):
                        pose = _moved(_pose(content), of_tape, frame)
                        files.poses = write("poses.jsonl", json.dumps({"pts_us": pts_us, **pose.model_dump()}))
                    else:
                        row = {"pts_us": pts_us, "boxes": content["boxes"]}
                        write("detections.jsonl", json.dumps(row, separators=(",", ":")))
                        files.judged_until_us = item.at_us
                except (ValueError, KeyError):
                    continue  # one damaged message; its neighbours stand in for it
    return files, page.points


def _pose(content: dict[str, object]) -> CameraPose:
    return CameraPose.model_validate({key: value for key, value in content.items() if key != "timestamp"})


def _frame(note: Note) -> LocalFrame | None:
    try:
        point = GeoPoint(lat_deg=float(note.words["lat_deg"]), lon_deg=float(note.words["lon_deg"]))
        return LocalFrame(point, ground_amsl_m=float(note.words["ground_amsl_m"]))
    except (ValueError, KeyError):
        return None


def _moved(pose: CameraPose, of_tape: LocalFrame | None, wanted: LocalFrame | None) -> CameraPose:
    """The pose in the wanted site's metres; north of two frames of one site differs by less than a pose's own error."""
    if of_tape is None or wanted is None:
        return pose
    place, amsl_m = of_tape.to_geo(PointEnu(pose.east_m, pose.north_m, pose.up_m))
    there = wanted.to_enu(place, amsl_m=amsl_m)
    return pose.model_copy(update={"east_m": there.east_m, "north_m": there.north_m, "up_m": there.up_m})
