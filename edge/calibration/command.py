"""`vedette-edge calibrate`."""

import os
import threading
from contextlib import closing
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
import yaml
from rich.console import Console
from rich.table import Table

from contract.clock import SystemClock
from contract.site import Camera, Lens, Site
from detectors.frame import Frame, ImageBgr
from edge.calibration.doubts import doubts_about
from edge.calibration.drawing import draw_calibration
from edge.calibration.fit import Asked, Calibration, fit_camera
from edge.calibration.pairs import Mark, read_pairs
from edge.errors import CalibrationError, SetUpError
from edge.settings import EdgeSettings, read_configuration, read_site, source_of
from edge.source import SourceOptions, expect_lens_size, open_source


def calibrate(
    points: Annotated[Path, typer.Argument(help="YAML or CSV: x_px, y_px and lat_deg, lon_deg or east_m, north_m.")],
    *,
    camera: Annotated[str, typer.Option(help="Which camera of the site file.")],
    config: Annotated[Path | None, typer.Option(help="The node's YAML file; it names the site file.")] = None,
    site: Annotated[Path | None, typer.Option(help="The site file, where there is no node yet.")] = None,
    picture: Annotated[
        Path | None, typer.Option(help="A picture or a recording; with --config a frame of the feed when left out.")
    ] = None,
    focal: Annotated[bool, typer.Option("--focal", help="Find the focal length too.")] = False,
    distortion: Annotated[bool, typer.Option("--distortion", help="Find the first distortion term k1 too.")] = False,
    click_px: Annotated[float, typer.Option(min=0.1, max=50, help="One standard deviation of a click.")] = 1.0,
    grid_m: Annotated[float | None, typer.Option(min=0.5, max=100, help="Cells of the grid; else 5 or 10.")] = None,
    out: Annotated[Path, typer.Option(help="The picture with the grid: PNG or JPEG.")] = Path("calibration.png"),
) -> None:
    """Where a camera stands and looks, from points that were measured on the ground.

    The camera stands in the site file already, with its lens and a guessed pose. Points on the ground are enough; four
    at least, six or more are better, spread over the picture. Prints the residuals and what to write into the site
    file. Exit code 2: no pose follows from these points.

    Example: vedette-edge calibrate points.csv --camera fence-cam --config edge.yaml
    """
    asked = Asked(focal=focal, distortion=distortion)
    settings, place = _site(config, site)
    stands = place.camera(camera)
    if stands.pose is None:
        raise CalibrationError(f"camera '{camera}': expected a fixed one, it is carried by '{stands.vehicle}'")
    frame = place.local_frame()
    marks = read_pairs(points, frame=frame, lens=stands.lens)
    image = _picture(picture, stands, settings, config)
    found = fit_camera(marks, stands.lens, asked=asked, click_sigma_px=click_px)
    _write(out, draw_calibration(image, marks, found, frame=frame, grid_m=grid_m))
    console = Console(soft_wrap=True)
    console.print(_residuals(marks, found))
    console.print(_values(found))
    for doubt in doubts_about(marks, found, asked=asked, click_sigma_px=click_px):
        console.print(f"weak: {doubt}", style="yellow", markup=False, highlight=False)
    typer.echo(f"\n{out}: does the grid lie flat on the ground? If so, for camera '{camera}' of the site file:\n")
    typer.echo(snippet(found, with_lens=focal or distortion))


def snippet(found: Calibration, *, with_lens: bool) -> str:
    """YAML for the camera's entry in the site file, indented as it stands there."""
    pose = {name: round(value, 4) for name, value in found.pose.model_dump().items()}
    parts: dict[str, object] = {"pose": pose}
    if with_lens:
        lens = found.lens.model_dump(exclude_defaults=True)
        parts = {"lens": {k: round(v, 5) if isinstance(v, float) else v for k, v in lens.items()}, **parts}
    text = yaml.safe_dump(parts, sort_keys=False)
    return "".join(f"    {line}\n" for line in text.splitlines())


def _site(config: Path | None, site: Path | None) -> tuple[EdgeSettings | None, Site]:
    if config is not None and site is None:
        return read_configuration(config)
    if site is not None and config is None:
        return None, read_site(site)
    raise SetUpError("calibrate: expected exactly one of --config and --site")


def _picture(path: Path | None, camera: Camera, settings: EdgeSettings | None, config: Path | None) -> ImageBgr:
    frame = _still(path) if path is not None else None
    if frame is None:
        frame = _first_frame(_address(path, camera, settings, config))
    expect_lens_size(frame, camera)
    return frame.image_bgr


def _still(path: Path) -> Frame | None:
    """None for what is no photograph; it may be a recording."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as err:
        raise CalibrationError(f"{path}: {err.strerror}") from err
    image = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION) if data.size else None
    return None if image is None else Frame(np.asarray(image, np.uint8), 0, 0, 0, 0)


def _address(path: Path | None, camera: Camera, settings: EdgeSettings | None, config: Path | None) -> SourceOptions:
    if path is not None:
        return SourceOptions(url=str(path))
    if settings is None or config is None:
        raise SetUpError("calibrate: expected a --picture where no --config names a feed")
    for feed in settings.feeds:
        if feed.camera == camera.id:
            return source_of(feed, folder=config.parent, environment=os.environ)
    raise SetUpError(f"{config}: expected a feed of camera '{camera.id}', found none; or give a --picture")


def _first_frame(options: SourceOptions) -> Frame:
    """Raises FeedError."""
    with closing(open_source(options, clock=SystemClock()).frames(threading.Event())) as frames:
        return next(frames)


def _write(path: Path, image: ImageBgr) -> None:
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise CalibrationError(f"{path}: expected a name that ends with .png or .jpg")
    is_coded, data = cv2.imencode(path.suffix, image)
    assert is_coded
    try:
        path.write_bytes(data.tobytes())
    except OSError as err:
        raise CalibrationError(f"{path}: {err.strerror}") from err


def _residuals(marks: tuple[Mark, ...], found: Calibration) -> Table:
    table = Table("point", "x px", "y px", "off right px", "off down px", "off on the ground m", box=None)
    for mark, (right, down), ground_m in zip(marks, found.residuals_px, found.ground_m, strict=True):
        ground = f"{ground_m:.2f}" if np.isfinite(ground_m) else "at the horizon"
        table.add_row(mark.name, f"{mark.x_px:.1f}", f"{mark.y_px:.1f}", f"{right:+.2f}", f"{down:+.2f}", ground)
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _values(found: Calibration) -> Table:
    lens: Lens = found.lens
    values = {**found.pose.model_dump(), "focal_px": getattr(lens, "fx_px", 0.0), "k1": getattr(lens, "k1", 0.0)}
    title = f"rms {found.rms_px:.2f} px; standard deviations for clicks of {found.noise_px:.2f} px"
    table = Table("value", "found", "± one sigma", box=None, title=title, title_justify="left")
    for name, sigma in found.sigma.items():
        table.add_row(name, f"{values[name]:.3f}", f"{sigma:.3f}")
    for column in table.columns[1:]:
        column.justify = "right"
    return table
