"""`vedette-sim replay`: a recorded video through the edge pipeline, as fast as it goes.

Nothing is dropped and time comes from the recording, so what is written depends on the detections alone. Exit codes:
0 done, 2 wrong input (a damaged video too: what could be read is kept), 78 wrong site file.
"""

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from datetime import datetime
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
from edge.source import RECORDING_START, SourceOptions, open_source
from sim.playback import Place, Playback
from sim.score.errors import ScoreError
from sim.score.mot import Boxes, MotScore, read_mot, score_mot

BAR_EACH_FRAMES = 10
INPUT_ERRORS = (EdgeError, DetectorError, ScoreError, OSError)


@dataclass(frozen=True, slots=True)
class Played:
    """`seconds`: from opening the video to its last event; `remark`: what was wrong with the video."""

    frames: int
    seconds: float
    fps: float
    tracks: int
    events: int
    remark: str


def register(app: typer.Typer) -> None:
    app.command("replay")(replay)


def replay(
    video: Annotated[Path, typer.Argument(help="Any recorded video.")],
    *,
    site: Annotated[Path | None, typer.Option(help="Site file: locates what is seen and applies its rules.")] = None,
    camera: Annotated[str | None, typer.Option(help="The site's camera that took the video.")] = None,
    model: Annotated[str | None, typer.Option(help="Name or path of the detector's model.")] = None,
    detections: Annotated[Path | None, typer.Option(help="Recorded detections to play instead of a model.")] = None,
    gt: Annotated[Path | None, typer.Option(help="Ground truth in MOTChallenge format, to score against.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; out/replay/<video> if left out.")] = None,
    annotate: Annotated[bool, typer.Option("--annotate", help="Write annotated.mp4 too.")] = False,
    start: Annotated[str | None, typer.Option(help="Moment of the first frame, such as 2026-01-01T00:00:00Z.")] = None,
) -> None:
    """Play a recorded video through the edge pipeline: events.jsonl, tracks.txt, score.json, annotated.mp4."""
    console = Console(highlight=False)
    try:
        place = None if site is None else _place(site, camera)
        truth = None if gt is None else read_mot(gt)
        options = SourceOptions(url=str(video), start=_moment(start))
        if site is None and camera is not None:
            raise SetUpError("--camera needs --site: it is one of the site's")
        length_us = _length_us(video)
        detector = _detector(model, detections, console)
        folder = out or Path("out") / "replay" / video.stem
        folder.mkdir(parents=True, exist_ok=True)
        played = _play(options, detector, place, folder, annotate=annotate, length_us=length_us, console=console)
        score = None if truth is None else score_mot(truth, persons(read_mot(folder / "tracks.txt"), detector.labels))
        _write_score(folder / "score.json", video, detector, played, score)
    except DocumentError as err:
        typer.echo(f"vedette-sim replay: {err}", err=True)
        raise typer.Exit(78) from err
    except INPUT_ERRORS as err:
        typer.echo(f"vedette-sim replay: {err}", err=True)
        raise typer.Exit(2) from err
    console.print(_table(played, score, folder))
    if played.remark:
        typer.echo(f"vedette-sim replay: {video}: {played.remark}; {played.frames} frames were played", err=True)
        raise typer.Exit(2)


def persons(boxes: Boxes, labels: Sequence[Label]) -> Boxes:
    """What ground truth of pedestrians is compared with."""
    return boxes.where(np.array([labels[index] is Label.PERSON for index in boxes.class_index.tolist()], np.bool_))


def _moment(text: str | None) -> datetime:
    if text is None:
        return RECORDING_START
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as err:
        raise SetUpError(f"--start: expected a moment such as 2026-01-01T00:00:00Z, got '{text}'") from err
    if moment.tzinfo is None:
        raise SetUpError(f"--start: expected a moment with its zone such as {text}Z, got '{text}'")
    return moment


def _place(path: Path, camera_id: str | None) -> Place:
    """Raises DocumentError with one line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise DocumentError(f"{path}: {getattr(err, 'strerror', None) or 'expected UTF-8 text'}") from err
    site = parse_site(text, source=str(path))
    camera = _only_camera(site) if camera_id is None else site.camera(camera_id)
    if camera.pose is None:
        raise DocumentError(f"camera '{camera.id}': expected a fixed camera, got one carried by '{camera.vehicle}'")
    return Place(site, camera, camera.pose)


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


def _play(
    options: SourceOptions,
    detector: Detector,
    place: Place | None,
    folder: Path,
    *,
    annotate: bool,
    length_us: int | None,
    console: Console,
) -> Played:
    clock: Clock = SystemClock()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with ExitStack() as stack:
        bar = stack.enter_context(Progress(*columns, console=console, transient=True))
        task = bar.add_task(Path(options.url).name, total=length_us)
        playback = stack.enter_context(Playback(folder, detector, place, annotate=annotate))
        source = open_source(options, clock=clock)
        started_us = clock.monotonic_us()
        for frame in stack.enter_context(closing(playback.play(source))):
            if frame.index % BAR_EACH_FRAMES == 0:
                bar.update(task, completed=frame.pts_us)
        playback.end()
        seconds = (clock.monotonic_us() - started_us) / 1e6
    fps = round(playback.frames / seconds, 2)
    return Played(playback.frames, seconds, fps, playback.tracks, playback.events, source.remark)


def _write_score(path: Path, video: Path, detector: Detector, played: Played, score: MotScore | None) -> None:
    result = {
        "video": video.name,
        "model": detector.identity.model_dump(),
        **asdict(played),
        "mot": None if score is None else asdict(score),
    }
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _table(played: Played, score: MotScore | None, folder: Path) -> Table:
    table = Table(show_header=False)
    table.add_row("frames", f"{played.frames} ({played.fps:.1f} a second)")
    table.add_row("tracks", str(played.tracks))
    table.add_row("events", str(played.events))
    if score is not None:
        table.add_row("MOTA", f"{score.mota:.4f}")
        table.add_row("IDF1", f"{score.idf1:.4f}")
        table.add_row("misses, false, switches", f"{score.misses}, {score.false_positives}, {score.switches}")
    table.add_row("results", str(folder))
    return table
