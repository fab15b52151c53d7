"""What makes a calibration weak, each in one line that says what to do."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from shapely.geometry import MultiPoint

from contract.site import Lens, OpenCvLens
from edge.calibration.fit import Asked, Calibration, suspect
from edge.calibration.pairs import Mark
from edge.perception.lens import open_lens

FEW = 6  # points; with the lens asked for, two more
SMALL_FRAC = 0.08  # of the picture inside the points' hull
LINE_FRAC = 0.12  # second extent of the points over the first
POSITION_SIGMA_M, ATTITUDE_SIGMA_DEG = 0.5, 0.5
FOCAL_SIGMA_FRAC = 0.03
STEEP_DEG = 80.0


def doubts_about(marks: Sequence[Mark], found: Calibration, *, asked: Asked, click_sigma_px: float) -> tuple[str, ...]:
    """Empty where all is well."""
    lens, pose = found.lens, found.pose
    doubts = []
    few = FEW + 2 * (asked.focal or asked.distortion)
    if len(marks) < few:
        doubts.append(f"only {len(marks)} points: a wrong one hardly shows; {few} or more are better")
    if (odd := suspect(marks, found, asked=asked)) is not None:
        mark, rms_px = odd
        doubts.append(
            f"point '{mark.name}': without it the others agree to {rms_px:.1f} px, with it to {found.rms_px:.1f} px"
        )
    elif found.rms_px > 3.0 * math.sqrt(2.0) * click_sigma_px:
        doubts.append(
            f"points are {found.rms_px:.1f} px off on average, more than clicks explain: survey or lens is off"
        )
    doubts += _about_spread(marks, lens)
    weak = [
        f"{name} to {sigma:.2g} {'m' if name.endswith('_m') else 'deg'}"
        for name, sigma in found.sigma.items()
        if (name.endswith("_m") and sigma > POSITION_SIGMA_M) or (name.endswith("_deg") and sigma > ATTITUDE_SIGMA_DEG)
    ]
    if weak and abs(pose.pitch_deg) <= STEEP_DEG:
        doubts.append(f"known only roughly: {', '.join(weak)}; add points nearer, farther and to the sides")
    if abs(pose.pitch_deg) > STEEP_DEG:
        doubts.append(
            "the camera looks straight down: heading and roll are nearly the same turn, only their sum is known"
        )
    if isinstance(lens, OpenCvLens) and found.sigma.get("focal_px", 0.0) > FOCAL_SIGMA_FRAC * lens.fx_px:
        doubts.append(
            f"focal length known to {found.sigma['focal_px']:.0f} px only: take it from the data sheet, or add"
        )
    corners = np.array([[0, 0], [lens.width_px, 0], [0, lens.height_px], [lens.width_px, lens.height_px]], np.float64)
    if not np.isfinite(open_lens(lens).directions(corners)).all():
        doubts.append(
            "the fitted distortion does not hold in the corners of the picture: leave it out, or add points there"
        )
    return tuple(doubts)


def _about_spread(marks: Sequence[Mark], lens: Lens) -> list[str]:
    doubts = []
    covered = MultiPoint([(mark.x_px, mark.y_px) for mark in marks]).convex_hull.area / (lens.width_px * lens.height_px)
    across = {mark.x_px < lens.width_px / 2 for mark in marks}
    down = {mark.y_px < lens.height_px / 2 for mark in marks}
    if len(across) == len(down) == 1:
        corner = f"{'upper' if down.pop() else 'lower'} {'left' if across.pop() else 'right'}"
        doubts.append(f"all points are in the {corner} corner of the picture: the rest of it is guessed")
    elif covered < SMALL_FRAC:
        doubts.append(f"the points span {covered:.0%} of the picture: outside them the ground is guessed")
    places = np.array([(mark.place.east_m, mark.place.north_m, mark.place.up_m) for mark in marks])
    extents: npt.NDArray[np.float64] = np.linalg.svd(places - places.mean(axis=0), compute_uv=False)
    if extents[1] < LINE_FRAC * extents[0]:
        doubts.append("the points lie nearly on one line: add some beside it")
    return doubts
