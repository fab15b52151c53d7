"""The picture with the ground grid laid over it, the points, and an arrow from each click to where the pose shows it.

What a person checks at a glance: the grid must lie flat on the ground and run along what is straight there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from contract.geo import LocalFrame, PointEnu
from contract.site import CameraPose, Lens
from detectors.frame import ImageBgr
from edge.calibration.fit import Calibration, FloatArray
from edge.calibration.pairs import Mark
from edge.perception.lens import open_lens
from edge.perception.locate import Locator, axes

FONT = cv2.FONT_HERSHEY_SIMPLEX
GRID, AXIS, CLICK, ARROW, SHADE, WORDS = (
    (200, 220, 120),
    (80, 220, 255),
    (60, 60, 255),
    (255, 80, 255),
    (0, 0, 0),
    (255, 255, 255),
)  # BGR
SHADOW = ((-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0))
PIECES = 40  # straight pieces of one grid line: a lens bends it
ARROW_SCALE = 10  # times as long as the residual, which otherwise nobody sees
NEAREST_M, FARTHEST_M = 20.0, 120.0  # how far from the camera the grid reaches: beyond, lines merge
BEYOND = 1.5  # times as far as the farthest point, and as the corners of the picture from its middle
FINE_M, COARSE_M, FINE_TO_M = 5.0, 10.0, 70.0  # cells, and the reach up to which they are fine
LINES_MOST = 60  # each way


def draw_calibration(
    picture: ImageBgr, marks: Sequence[Mark], found: Calibration, *, frame: LocalFrame, grid_m: float | None = None
) -> ImageBgr:
    """A new picture of the same size. `grid_m`: width of a cell; None: 5 or 10 m, by how much is seen."""
    drawn: ImageBgr = np.array(picture, order="C")
    unit = max(drawn.shape[1] / 1280.0, 0.7)  # of fonts and lines, so that it reads the same at every size
    foot = PointEnu(found.pose.east_m, found.pose.north_m)
    farthest_m = max(mark.place.horizontal_distance_m(foot) for mark in marks)
    reach_m = min(max(BEYOND * farthest_m, NEAREST_M), FARTHEST_M)
    low, high = _seen(found.lens, found.pose, frame, reach_m=reach_m)
    if (high > low).all():
        grid = _Grid(low, high, grid_m or (FINE_M if reach_m <= FINE_TO_M else COARSE_M), reach_m)
        _draw_grid(drawn, found, grid, frame=frame, unit=unit)
    for mark, residual in zip(marks, found.residuals_px, strict=True):
        click = np.array([mark.x_px, mark.y_px])
        _arrow(drawn, click, click + ARROW_SCALE * residual, unit)
        cv2.drawMarker(drawn, _at(click), CLICK, cv2.MARKER_CROSS, round(18 * unit), max(1, round(2 * unit)))
        _write(drawn, mark.name, click + np.array([8.0, -8.0]) * unit, unit, CLICK)
    legend = (
        f"grid on the site's ground, east and north in m; arrows: residuals x{ARROW_SCALE}, rms {found.rms_px:.1f} px"
    )
    _write(drawn, legend, np.array([10.0 * unit, drawn.shape[0] - 12.0 * unit]), unit, WORDS)
    return drawn


@dataclass(frozen=True, slots=True)
class _Grid:
    """low, high: east, north in metres. reach_m: from the camera."""

    low: FloatArray
    high: FloatArray
    cell_m: float
    reach_m: float


def _seen(lens: Lens, pose: CameraPose, frame: LocalFrame, *, reach_m: float) -> tuple[FloatArray, FloatArray]:
    """Least and greatest east, north of the ground in view, at most `reach_m` away."""
    locator = Locator(lens=lens, frame=frame)
    across, down = np.meshgrid(np.linspace(0, lens.width_px, 24), np.linspace(0, lens.height_px - 2, 24))
    feet = np.column_stack((across.ravel(), down.ravel(), across.ravel(), down.ravel()))
    fixes = [fix for fix in locator.locate(feet, pose) if fix is not None]
    points = np.array([(p.east_m, p.north_m) for p in (frame.to_enu(fix.point) for fix in fixes)]).reshape(-1, 2)
    centre = np.array([pose.east_m, pose.north_m])
    near = points[np.linalg.norm(points - centre, axis=1) <= reach_m]
    if not len(near):
        return np.zeros(2), np.zeros(2)
    return near.min(axis=0), near.max(axis=0)


def _draw_grid(drawn: ImageBgr, found: Calibration, grid: _Grid, *, frame: LocalFrame, unit: float) -> None:
    locator = Locator(lens=found.lens, frame=frame)
    height_px, width_px = drawn.shape[:2]
    for axis, name in enumerate(("E", "N")):
        other = 1 - axis
        for value_m in _lines(grid.low[axis], grid.high[axis], grid.cell_m):
            along = np.zeros((PIECES + 1, 3))
            along[:, axis] = value_m
            along[:, other] = np.linspace(grid.low[other] - grid.cell_m, grid.high[other] + grid.cell_m, PIECES + 1)
            away = np.hypot(along[:, 0] - found.pose.east_m, along[:, 1] - found.pose.north_m)
            pixels = locator.project(along, found.pose)
            pixels[(away > grid.reach_m) | _is_far_outside(along, found)] = np.nan
            colour = AXIS if value_m == 0 else GRID
            for start, end in pairwise(pixels):
                if np.isfinite([start, end]).all():
                    cv2.line(drawn, _at(start), _at(end), colour, max(1, round(unit)), cv2.LINE_AA)
            is_inside = (pixels > 0).all(axis=1) & (pixels < [width_px - 60 * unit, height_px - 30 * unit]).all(axis=1)
            if (inside := pixels[is_inside]).size:
                lowest = inside[np.argmax(inside[:, 1])]
                _write(drawn, f"{name}{value_m:g}", lowest + np.array([3.0, -3.0]) * unit, unit, colour)


def _is_far_outside(places: FloatArray, found: Calibration) -> npt.NDArray[np.bool_]:
    """What is further from the axis than the picture's corners: a bent lens may fold it back into the picture."""
    lens, pose = found.lens, found.pose
    corners = np.array([[0, 0], [lens.width_px, 0], [0, lens.height_px], [lens.width_px, lens.height_px]], np.float64)
    reach = np.linalg.norm(open_lens(lens).directions(corners), axis=1)
    farthest = BEYOND * float(np.nanmax(reach)) if np.isfinite(reach).any() else 1.0
    in_camera = (places - np.array([pose.east_m, pose.north_m, pose.up_m])) @ axes(pose)
    outside: npt.NDArray[np.bool_] = np.hypot(in_camera[:, 0], in_camera[:, 1]) > farthest * in_camera[:, 2]
    return outside


def _lines(low_m: float, high_m: float, cell_m: float) -> Iterator[float]:
    first, last = int(np.ceil(low_m / cell_m)), int(np.floor(high_m / cell_m))
    step = max(1, (last - first) // LINES_MOST + 1)
    for number in range(first, last + 1, step):
        yield number * cell_m


def _arrow(drawn: ImageBgr, start: FloatArray, end: FloatArray, unit: float) -> None:
    if np.hypot(*(end - start)) >= 1.0:
        cv2.arrowedLine(drawn, _at(start), _at(end), ARROW, max(1, round(2 * unit)), cv2.LINE_AA, tipLength=0.25)


def _write(drawn: ImageBgr, words: str, at: FloatArray, unit: float, colour: tuple[int, int, int]) -> None:
    size, weight = 0.5 * unit, max(1, round(unit))
    for aside in SHADOW:  # the same letters aside: fatter ones would be wider too
        cv2.putText(drawn, words, _at(at + np.array(aside)), FONT, size, SHADE, weight, cv2.LINE_AA)
    cv2.putText(drawn, words, _at(at), FONT, size, colour, weight, cv2.LINE_AA)


def _at(pixel: FloatArray) -> tuple[int, int]:
    return round(float(pixel[0])), round(float(pixel[1]))
