"""`vedette-sim replay`: a recording through the edge pipeline, as fast as it goes, and on the map.

A recording is any video, a tape (.mcap), an aerial video with MISB metadata (.ts) or a MAVLink capture (.tlog). Nothing
is dropped and time comes from the recording, so what is written depends on the detections alone. Exit codes: 0 done,
2 wrong input (a damaged recording too: what could be read is kept), 78 wrong site file.
"""

import json
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from contract.clock import Clock, SystemClock
from contract.errors import DocumentError
from contract.labels import Label
from contract.site import Camera, Site, parse_site
from detectors.detector import Detector
from detectors.errors import DetectorError
from detectors.opening import open_detector, open_scripted
from detectors.progress import download_with_bar
from detectors.registry import model_cache, model_folders
from edge.decode import opened_video
from edge.errors import EdgeError, SetUpError
from edge.source import RECORDING_START, Source, SourceOptions, open_source
from sim.inputs import moment_of, read_site
from sim.playback import Place, Playback
from sim.score.errors import ScoreError
from sim.score.mot import Boxes, MotScore, read_mot, score_mot
from sim.tape.errors import TapeError
from sim.tape.source import TapeSource
from sim.tape.unpacking import Unpacked, is_recording, site_text, unpack

BAR_EACH_FRAMES = 10
INPUT_ERRORS = (EdgeError, DetectorError, ScoreError, TapeError, OSError)


@dataclass(frozen=True, slots=True)
class Played:
    """`seconds`: from opening the video to its last event; `told`: its events by rule and place; `remark`: what was
    wrong with the video."""

    frames: int
    seconds: float
    fps: float
    tracks: int
    events: int
    told: dict[str, int]
    remark: str


def register(app: typer.Typer) -> None:
    app.command("replay")(replay)


def replay(
    video: Annotated[Path, typer.Argument(help="Any recorded video, a tape (.mcap) or a MAVLink capture (.tlog).")],
    *,
    site: Annotated[Path | None, typer.Option(help="Site file: locates what is seen and applies its rules.")] = None,
    camera: Annotated[str | None, typer.Option(help="The site's camera that took the video.")] = None,
    model: Annotated[str | None, typer.Option(help="Name or path of the detector's model.")] = None,
    detections: Annotated[Path | None, typer.Option(help="Recorded detections to play instead of a model.")] = None,
    recorded: Annotated[bool, typer.Option("--recorded", help="Play the detections that are on the tape.")] = False,
    map_only: Annotated[bool, typer.Option("--map-only", help="Draw where it was; detect nothing.")] = False,
    gt: Annotated[Path | None, typer.Option(help="Ground truth in MOTChallenge format, to score against.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; out/replay/<video> if left out.")] = None,
    annotate: Annotated[bool, typer.Option("--annotate", help="Write annotated.mp4 too.")] = False,
    start: Annotated[str | None, typer.Option(help="Moment of the first frame, such as 2026-01-01T00:00:00Z.")] = None,
) -> None:
    """Play a recording through the edge pipeline: events.jsonl, tracks.txt, score.json, annotated.mp4; map.html of
    what says where it was."""
    console = Console(highlight=False)
    folder = out or Path("out") / "replay" / video.stem
    played: Played | None = None
    score: MotScore | None = None
    try:
        if site is None and camera is not None and not is_recording(video):
            raise SetUpError("--camera needs --site: it is one of the site's")
        unpacked = _unpack(video, folder, site, camera) if is_recording(video) else None
        if unpacked is None and (recorded or map_only):
            raise SetUpError(f"{video}: --recorded and --map-only are for recordings that hold more than pictures")
        if unpacked is None or (unpacked.camera is not None and not map_only):
            place = _place(site, camera, video, unpacked)
            truth = None if gt is None else read_mot(gt)
            source, length_us = _source(video, start, unpacked, judged_only=recorded)
            if recorded:
                detections = _recorded(video, unpacked, detections)
            detector = _detector(model, detections, console)
            folder.mkdir(parents=True, exist_ok=True)
            with Playback(folder, detector, place, annotate=annotate) as playback:
                played = _play(video.name, source, playback, length_us=length_us, console=console)
            if truth is not None:
                score = score_mot(truth, persons(read_mot(folder / "tracks.txt"), detector.labels))
            _write_score(folder / "score.json", video, detector, played, score)
    except DocumentError as err:
        typer.echo(f"vedette-sim replay: {err}", err=True)
        raise typer.Exit(78) from err
    except INPUT_ERRORS as err:
        typer.echo(f"vedette-sim replay: {err}", err=True)
        raise typer.Exit(2) from err
    console.print(_table(played, score, unpacked, folder))
    remark = (unpacked.remark if unpacked else "") or (played.remark if played else "")
    if remark:
        kept = unpacked.said if played is None and unpacked else f"{played.frames if played else 0} frames were played"
        typer.echo(f"vedette-sim replay: {video}: {remark}; {kept}", err=True)
        raise typer.Exit(2)


def _unpack(video: Path, folder: Path, site: Path | None, camera: str | None) -> Unpacked:
    frame = None if site is None else read_site(site).local_frame()
    if frame is None and (text := site_text(video)) is not None:
        frame = parse_site(text, source=f"{video}: site.yaml").local_frame()
    return unpack(video, folder, camera=camera, frame=frame, monotonic_us=SystemClock().monotonic_us)


def _source(
    video: Path, start: str | None, unpacked: Unpacked | None, *, judged_only: bool
) -> tuple[Source, int | None]:
    """The pictures and how long they promise to be; says at once when there are none. Raises FeedUnreadable."""
    if unpacked is None:
        return open_source(SourceOptions(str(video), start=_moment(start)), clock=SystemClock()), _length_us(video)
    if start is not None:
        raise SetUpError(f"--start: {video} says itself when it was")
    if unpacked.is_tape and unpacked.camera is not None:
        until_us = unpacked.judged_until_us if judged_only else None
        return TapeSource(video, unpacked.camera, start_us=unpacked.start_us, until_us=until_us), unpacked.length_us
    began = datetime.fromtimestamp(unpacked.start_us / 1e6, tz=timezone.utc)
    return open_source(SourceOptions(str(video), start=began), clock=SystemClock()), _length_us(video)


def _recorded(video: Path, unpacked: Unpacked | None, detections: Path | None) -> Path:
    if detections is not None:
        raise SetUpError("--recorded and --detections: expected one of the two")
    if unpacked is None or unpacked.detections is None:
        raise SetUpError(
            f"{video}: expected recorded detections of camera '{unpacked and unpacked.camera}', found none"
        )
    return unpacked.detections


def persons(boxes: Boxes, labels: Sequence[Label]) -> Boxes:
    """What ground truth of pedestrians is compared with."""
    return boxes.where(np.array([labels[index] is Label.PERSON for index in boxes.class_index.tolist()], np.bool_))


def _moment(text: str | None) -> datetime:
    if text is None:
        return RECORDING_START
    try:
        moment = moment_of(text)
    except ValueError as err:
        raise SetUpError(f"--start: {err}") from err
    if moment.tzinfo is None:
        raise SetUpError(f"--start: expected a moment with its zone such as {text}Z, got '{text}'")
    return moment


def _place(path: Path | None, camera_id: str | None, video: Path, unpacked: Unpacked | None) -> Place | None:
    """None: nobody knows where it was taken. Raises DocumentError with one line."""
    text = site_text(video) if path is None and unpacked is not None else None
    if path is None and text is None:
        return None
    site = read_site(path) if path is not None else parse_site(text or "", source=f"{video}: site.yaml")
    chosen = camera_id or (unpacked.camera if unpacked is not None and unpacked.is_tape else None)
    camera = _only_camera(site) if chosen is None else site.camera(chosen)
    poses = unpacked.poses if unpacked is not None and camera.pose is None else None
    if camera.pose is None and poses is None:
        raise DocumentError(f"camera '{camera.id}': expected a fixed camera, got one carried by '{camera.vehicle}'")
    return Place(site, camera, camera.pose, poses)


def _only_camera(site: Site) -> Camera:
    fixed = [camera for camera in site.cameras if camera.pose is not None]
    if len(fixed) != 1:
        known = ", ".join(camera.id for camera in fixed) or "none"
        raise DocumentError(f"site '{site.id}': --camera must say which fixed camera took the video, of: {known}")
    return fixed[0]


def _length_us(video: Path) -> int | None:
    """What the file promises; says at once when it is no video. Raises FeedUnreadable."""
    with opened_video(str(video), monotonic_us=SystemClock().monotonic_us) as opened:
        return opened.length_us


def _detector(model: str | None, detections: Path | None, console: Console) -> Detector:
    if detections is not None:
        if model is not None:
            raise SetUpError("--model and --detections: expected one of the two")
        return open_scripted(detections)
    return open_detector(
        model,
        folders=model_folders(os.environ),
        cache=model_cache(os.environ),
        download=download_with_bar(console),
    )


def _play(name: str, source: Source, playback: Playback, *, length_us: int | None, console: Console) -> Played:
    clock: Clock = SystemClock()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=length_us)
        started_us = clock.monotonic_us()
        with closing(playback.play(source)) as frames:
            for frame in frames:
                if frame.index % BAR_EACH_FRAMES == 0:
                    bar.update(task, completed=frame.pts_us)
        playback.end()
        seconds = (clock.monotonic_us() - started_us) / 1e6
    fps = round(playback.frames / seconds, 2)
    return Played(
        playback.frames, seconds, fps, playback.tracks, playback.events, told=playback.told, remark=source.remark
    )


def _write_score(path: Path, video: Path, detector: Detector, played: Played, score: MotScore | None) -> None:
    result = {
        "video": video.name,
        "model": detector.identity.model_dump(),
        **asdict(played),
        "mot": None if score is None else asdict(score),
    }
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _table(played: Played | None, score: MotScore | None, unpacked: Unpacked | None, folder: Path) -> Table:
    table = Table(show_header=False)
    if unpacked is not None:
        table.add_row("recording", unpacked.said)
    if unpacked is not None and unpacked.points:
        table.add_row("map", f"{folder / 'map.html'} ({unpacked.points} places)")
    if played is not None:
        table.add_row("frames", f"{played.frames} ({played.fps:.1f} a second)")
        table.add_row("tracks", str(played.tracks))
        table.add_row("events", str(played.events))
        for what, number in played.told.items():
            table.add_row(f"  {what}", str(number))
    if score is not None:
        table.add_row("MOTA", f"{score.mota:.4f}")
        table.add_row("IDF1", f"{score.idf1:.4f}")
        table.add_row("misses, false, switches", f"{score.misses}, {score.false_positives}, {score.switches}")
    table.add_row("results", str(folder))
    return table
