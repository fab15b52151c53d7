"""`vedette-sim import`: what others recorded becomes a tape (.mcap), a QGroundControl plan lines of a site file.

The suffix says what a file is: .tlog, .plan, a transport stream with MISB metadata, or else a video. Exit codes:
0 done, 2 wrong input (a truncated recording too: what could be read is kept), 78 wrong site file.
"""

from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

from contract.clock import SystemClock
from contract.errors import DocumentError
from detectors.errors import DetectorError
from edge.errors import EdgeError
from edge.source import RECORDING_START
from sim.inputs import moment_of, read_site
from sim.score.errors import ScoreError
from sim.tape.errors import TapeError
from sim.tape.imports.klv import KlvImport
from sim.tape.imports.tlog import TlogImport
from sim.tape.imports.video import Belongings, VideoImport
from sim.tape.plan import as_yaml, read_plan
from sim.tape.unpacking import AERIAL, is_recording
from sim.tape.writer import TapeWriter

INPUT_ERRORS = (TapeError, EdgeError, DetectorError, ScoreError, OSError)


def register(app: typer.Typer) -> None:
    app.command("import")(import_recording)


def import_recording(
    file: Annotated[Path, typer.Argument(help="A .tlog, a .ts with metadata, any video, or a .plan.")],
    *,
    out: Annotated[Path | None, typer.Option(help="The tape; the file's name with .mcap if left out.")] = None,
    site: Annotated[
        Path | None, typer.Option(help="Site file, kept on the tape; it says where east and north begin.")
    ] = None,
    camera: Annotated[str | None, typer.Option(help="Name of the camera that took the video.")] = None,
    start: Annotated[str | None, typer.Option(help="Moment of a video's first frame: 2026-01-01T00:00:00Z.")] = None,
    gt: Annotated[Path | None, typer.Option(help="Ground truth of a video in MOTChallenge format.")] = None,
    detections: Annotated[Path | None, typer.Option(help="Recorded detections of a video.")] = None,
    poses: Annotated[Path | None, typer.Option(help="Recorded poses of a video's camera.")] = None,
    vehicle: Annotated[str, typer.Option(help="Who flies a plan's patrol.")] = "drone-1",
) -> None:
    """Make a tape of a recording, or lines of a site file of a plan."""
    try:
        if file.suffix.lower() == ".plan":
            name = "".join(c if c.isalnum() else "-" for c in file.stem.lower()).strip("-") or "plan"
            typer.echo(as_yaml(read_plan(file, vehicle=vehicle, name=name)), nl=False)
            return
        source = _source(
            file, site=site, camera=camera, start=start, belongings=Belongings(site, gt, detections, poses)
        )
        path = out or file.with_suffix(".mcap")
        if path.resolve() == file.resolve():
            raise TapeError(f"{file}: it is a tape already")
        try:
            with TapeWriter(path) as tape:
                tape.write_all(source.items())
        except INPUT_ERRORS:
            path.unlink(missing_ok=True)  # half of what was asked for is not it
            raise
    except DocumentError as err:
        typer.echo(f"vedette-sim import: {err}", err=True)
        raise typer.Exit(78) from err
    except INPUT_ERRORS as err:
        typer.echo(f"vedette-sim import: {err}", err=True)
        raise typer.Exit(2) from err
    typer.echo(f"{path}: {tape.messages} messages; {source.said}")
    if source.remark:
        typer.echo(f"vedette-sim import: {file}: {source.remark}; what could be read is in {path}", err=True)
        raise typer.Exit(2)


def _source(
    file: Path, *, site: Path | None, camera: str | None, start: str | None, belongings: Belongings
) -> TlogImport | KlvImport | VideoImport:
    """Raises DocumentError, TapeError and FeedUnreadable."""
    clock = SystemClock()
    place = None if site is None else read_site(site)
    beside = [name for name in ("gt", "detections", "poses") if getattr(belongings, name) is not None]
    if is_recording(file) and (beside or start is not None):
        raise TapeError(f"--{beside[0] if beside else 'start'}: {file} says that itself; it is for plain videos")
    if file.suffix.lower() == ".tlog":
        return TlogImport(file)
    if is_recording(file):
        frame = None if place is None else place.local_frame()
        return KlvImport(file, camera=camera or AERIAL, frame=frame, monotonic_us=clock.monotonic_us)
    if camera is None:
        raise TapeError("--camera: expected the name of the camera that took the video")
    if place is not None:
        place.camera(camera)
    start_us = round(_moment(start).timestamp() * 1e6)
    return VideoImport(file, camera=camera, start_us=start_us, belongings=belongings, monotonic_us=clock.monotonic_us)


def _moment(text: str | None) -> datetime:
    if text is None:
        return RECORDING_START
    try:
        moment = moment_of(text)
    except ValueError as err:
        raise TapeError(f"--start: {err}") from err
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
