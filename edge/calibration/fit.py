"""From point pairs to a camera's pose and, where asked, its focal length and first distortion term.

Least squares on the error of reprojection in pixels (Hartley and Zisserman, Multiple View Geometry, 2nd ed., ch. 7),
from every start that OpenCV's solvers offer. Points of one plane, the normal case, have two mirrored solutions: both
are tried. Rotations are steps from the start, so no attitude is special; angles are told as CameraPose has them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares, nnls
from scipy.spatial.transform import Rotation

from contract.site import CameraPose, Lens, OpenCvLens
from edge.calibration.pairs import Mark
from edge.errors import CalibrationError
from edge.perception.lens import Points, open_lens
from edge.perception.locate import LOWEST_M, axes

FloatArray = npt.NDArray[np.float64]

POSE_NAMES = ("east_m", "north_m", "up_m", "heading_deg", "pitch_deg", "roll_deg")
POINTS_LEAST = {"pose": 4, "focal": 5, "distortion": 6}  # one more than its unknowns need, so that errors show
FOCAL_STARTS = (1.0, 0.5, 0.7, 1.4, 2.0, 3.0)  # of the site file's focal length
SUSPECTS = 8  # points with the largest residuals, each left out once
STARTS_MOST = 3  # refined, of those found
UNSEEN_PX = 1e4  # error of a point behind the camera: any pose that shows it is better
OUTLIER_PX = 3.0  # a start is found in spite of points that are further off
AGREES_FRAC = 0.05  # of the picture's width: points that are further off on average are not these
DISTORTION_MOST = 1.0
STEP = 1e-6  # of numerical derivatives: metres, radians, shares
FLAT_FRAC = 0.02  # points whose third extent is less than this part of the first lie in a plane
LINE_FRAC = 0.01  # and on a line, by the second


@dataclass(frozen=True, slots=True)
class Asked:
    """What is unknown beside the pose."""

    focal: bool = False
    distortion: bool = False


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the points say.

    sigma: one standard deviation of each value of the pose, and of `focal_px` and `k1` where they were asked for.
    residuals_px: (n, 2), where the fitted camera shows each point, minus where it was clicked. ground_m: (n,), how far
    from its place on the ground, at its height, a click comes down; NaN at and above the horizon.
    noise_px: one standard deviation of a click that the sigmas assume.
    """

    lens: Lens
    pose: CameraPose
    sigma: dict[str, float]
    residuals_px: FloatArray
    ground_m: FloatArray
    noise_px: float

    @property
    def rms_px(self) -> float:
        """Root of the mean squared distance, pixels."""
        return _rms_px(self.residuals_px)


@dataclass(frozen=True, slots=True)
class _Camera:
    """centre: east, north, up in metres. turn: (3, 3), columns are right, down, forward."""

    lens: Lens
    centre: FloatArray
    turn: FloatArray

    def moved(self, step: FloatArray, asked: Asked) -> "_Camera":
        """`step`: three metres, three radians about the camera's own axes, then what was asked for."""
        turn = self.turn @ Rotation.from_rotvec(step[3:6]).as_matrix()
        return _Camera(_changed(self.lens, step[6:], asked), self.centre + step[:3], turn)

    def pixels(self, places: FloatArray) -> Points:
        """(n, 3) to (n, 2); NaN behind the camera."""
        in_camera = (places - self.centre) @ self.turn
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            directions = np.where(in_camera[:, 2:] > 1e-6, in_camera[:, :2] / in_camera[:, 2:], np.nan)
            return open_lens(self.lens).pixels(directions)

    def ground(self, pixels: Points, heights_m: FloatArray) -> FloatArray:
        """(n, 2) east and north where each pixel's ray reaches its height; NaN where it does not come down to it."""
        directions = open_lens(self.lens).directions(pixels)
        rays = np.column_stack((directions, np.ones(len(pixels)))) @ self.turn.T
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = (heights_m - self.centre[2]) / rays[:, 2]
            reach[~(reach > 0.0)] = np.nan
            return np.asarray(self.centre[:2] + rays[:, :2] * reach[:, None])

    def values(self) -> FloatArray:
        """As CameraPose names them: metres and degrees."""
        right, forward = self.turn[:, 0], self.turn[:, 2]
        heading = math.atan2(forward[0], forward[1])
        pitch = math.asin(min(1.0, max(-1.0, forward[2])))
        level_right = np.array([math.cos(heading), -math.sin(heading), 0.0])
        level_down = np.cross(forward, level_right)
        roll = math.atan2(right @ level_down, right @ level_right)
        return np.concatenate((self.centre, np.degrees([heading, pitch, roll])))


def fit_camera(marks: Sequence[Mark], lens: Lens, *, asked: Asked, click_sigma_px: float = 1.0) -> Calibration:
    """Raises CalibrationError, one line, where no pose above the ground follows from these points.

    `click_sigma_px`: one standard deviation of a click; where the residuals say more, they are believed.
    """
    places, pixels = _arrays(marks)
    _check_kind(len(marks), lens, asked)
    _check_spread(places)
    camera, residuals = _best(places, pixels, lens, asked)
    unknowns = 6 + asked.focal + asked.distortion
    spread_px = math.sqrt((residuals**2).sum() / (residuals.size - unknowns))
    noise_px = max(spread_px, click_sigma_px)
    jacobian = _slope(lambda step: camera.moved(step, asked).pixels(places).ravel(), unknowns)
    covariance = np.linalg.pinv(jacobian.T @ jacobian) * noise_px**2
    by_values = _slope(lambda step: _unwrapped(camera.moved(step, asked).values(), camera.values()), unknowns)
    sigma = dict(zip(POSE_NAMES, np.sqrt(np.diag(by_values @ covariance @ by_values.T)).tolist(), strict=True))
    if asked.focal and isinstance(camera.lens, OpenCvLens):
        sigma["focal_px"] = math.sqrt(covariance[6, 6]) * camera.lens.fx_px
    if asked.distortion:
        sigma["k1"] = math.sqrt(covariance[-1, -1])
    position_sigma_m, attitude_sigma_deg = _told_sigmas(camera, asked, places, pixels, covariance)
    pose = CameraPose(
        **dict(zip(POSE_NAMES, camera.values().tolist(), strict=True)),
        position_sigma_m=position_sigma_m,
        attitude_sigma_deg=attitude_sigma_deg,
    )
    ground_m = np.linalg.norm(camera.ground(pixels, places[:, 2]) - places[:, :2], axis=1)
    return Calibration(camera.lens, pose, sigma, residuals, ground_m, noise_px)


def suspect(marks: Sequence[Mark], found: Calibration, *, asked: Asked) -> tuple[Mark, float] | None:
    """The one point without which the others agree three times better, and their error in pixels without it.

    None where no single point stands out, and where too few would be left to say so.
    """
    if len(marks) <= _least(asked) or found.rms_px < 1.0:
        return None
    trials = []
    worst = np.argsort(-np.linalg.norm(found.residuals_px, axis=1))[:SUSPECTS]
    for mark in (marks[index] for index in worst):
        others = [other for other in marks if other is not mark]
        places, pixels = _arrays(others)
        try:
            _check_spread(places)
            _, residuals = _best(places, pixels, found.lens, asked)
        except CalibrationError:
            continue
        trials.append((_rms_px(residuals), mark))
    rms_px, mark = min(trials, key=lambda trial: trial[0], default=(math.inf, marks[0]))
    return (mark, rms_px) if rms_px < found.rms_px / 3.0 else None


def is_flat(places: FloatArray) -> bool:
    """Do the points lie in one plane?"""
    extents = _extents(places)
    return bool(extents[2] < FLAT_FRAC * extents[0])


def _best(places: FloatArray, pixels: Points, lens: Lens, asked: Asked) -> tuple[_Camera, FloatArray]:
    """The camera above the ground that explains the points best, and what is left, (n, 2) px."""
    found: list[tuple[float, _Camera, FloatArray]] = []
    for starts in (_solved(places, pixels, lens, asked), _looks_from_around(places, lens)):
        for start in _most_promising(starts, places, pixels):
            camera = _refined(start, places, pixels, asked)
            residuals = camera.pixels(places) - pixels
            if camera.centre[2] > LOWEST_M and np.isfinite(residuals).all():
                found.append((float((residuals**2).sum()), camera, residuals))
        if found and min(found, key=_cost)[0] < AGREES_FRAC**2 * lens.width_px**2 * len(places):
            break
    if not found:
        raise CalibrationError(
            "no camera above the ground sees these points like this: are two of them swapped, or x and y?"
        )
    _, camera, residuals = min(found, key=_cost)
    if _rms_px(residuals) > AGREES_FRAC * lens.width_px:
        raise CalibrationError(
            f"points and picture do not agree: {_rms_px(residuals):.0f} px on average at best: are two points swapped, "
            f"is it another picture, or is the lens's focal length far off?"
        )
    return camera, residuals


def _most_promising(starts: Sequence[_Camera], places: FloatArray, pixels: Points) -> list[_Camera]:
    def middle_error_px(start: _Camera) -> float:
        errors = np.nan_to_num(start.pixels(places) - pixels, nan=UNSEEN_PX)
        return float(np.median(np.linalg.norm(errors, axis=1)))

    return sorted(starts, key=middle_error_px)[:STARTS_MOST]


def _cost(found: tuple[float, _Camera, FloatArray]) -> float:
    return found[0]


def _solved(places: FloatArray, pixels: Points, lens: Lens, asked: Asked) -> list[_Camera]:
    """What OpenCV's solvers find: for each focal length one camera, of a plane also its mirror image."""
    middle = places.mean(axis=0)
    cameras = []
    for share in FOCAL_STARTS if asked.focal else FOCAL_STARTS[:1]:
        changed = _changed(lens, np.array([math.log(share)]), Asked(focal=True)) if share != 1.0 else lens
        directions = open_lens(changed).directions(pixels)
        if not np.isfinite(directions).all():
            continue
        solvers = [cv2.SOLVEPNP_SQPNP, *([cv2.SOLVEPNP_IPPE] if is_flat(places) else [])]
        for solver in solvers:
            try:
                _, turns, shifts, _ = cv2.solvePnPGeneric(
                    places - middle, directions, np.eye(3), np.zeros(4), flags=solver
                )
            except cv2.error:  # what it says of points it cannot use
                continue
            for turn, shift in zip(turns, shifts, strict=True):
                to_world = Rotation.from_rotvec(np.ravel(turn)).as_matrix().T
                cameras.append(_Camera(changed, middle - to_world @ np.ravel(shift), to_world))
    return cameras


def _looks_from_around(places: FloatArray, lens: Lens) -> list[_Camera]:
    """Eight cameras around the points that look at their middle, for what the solvers do not find."""
    middle = places.mean(axis=0)
    reach_m = 1.5 * float(np.linalg.norm(places - middle, axis=1).max())
    cameras = []
    for heading_deg in range(0, 360, 45):
        pose = CameraPose(east_m=0.0, north_m=0.0, up_m=0.0, heading_deg=float(heading_deg), pitch_deg=-25.0)
        turn = axes(pose)
        centre = middle - turn[:, 2] * reach_m
        cameras.append(_Camera(lens, centre, turn))
    return cameras


def _refined(start: _Camera, places: FloatArray, pixels: Points, asked: Asked) -> _Camera:
    """First with a loss that forgives single bad points, then plain least squares."""
    camera, unknowns = start, 6 + asked.focal + asked.distortion
    bend = start.lens.k1 if asked.distortion and isinstance(start.lens, OpenCvLens) else 0.0

    def errors(step: FloatArray) -> FloatArray:
        return np.nan_to_num(camera.moved(step, asked).pixels(places) - pixels, nan=UNSEEN_PX).ravel()

    for loss in ("soft_l1", "linear"):
        limit = np.full(unknowns, np.inf)
        if asked.focal:
            limit[6] = math.log(4.0)
        if asked.distortion:
            limit[-1] = DISTORTION_MOST - abs(bend)
        fitted = least_squares(
            errors,
            np.zeros(unknowns),
            bounds=(-limit, limit),
            x_scale="jac",
            loss=loss,
            f_scale=OUTLIER_PX,
            max_nfev=100,
        )
        camera = camera.moved(fitted.x, asked)
        bend = camera.lens.k1 if asked.distortion and isinstance(camera.lens, OpenCvLens) else 0.0
    return camera


def _changed(lens: Lens, step: FloatArray, asked: Asked) -> Lens:
    """`step`: the logarithm of the share of the focal length, then what is added to k1; each if asked."""
    if not isinstance(lens, OpenCvLens) or not (asked.focal or asked.distortion):
        return lens
    share = math.exp(step[0]) if asked.focal else 1.0
    k1 = lens.k1 + (float(step[-1]) if asked.distortion else 0.0)
    return lens.model_copy(update={"fx_px": lens.fx_px * share, "fy_px": lens.fy_px * share, "k1": k1})


def _told_sigmas(
    camera: _Camera, asked: Asked, places: FloatArray, pixels: Points, covariance: FloatArray
) -> tuple[float, float]:
    """position_sigma_m and attitude_sigma_deg for the site file, rounded up to 1 cm and 0.01 degrees.

    The errors of a fitted pose hang together: what moves the camera also turns it, and the ground hardly notices. The
    site file has two independent ones. They are chosen so that the errors they give on the ground come nearest those
    of the whole covariance at the points, and nowhere there below them; never 0, as no survey is that good.
    """
    heights = places[:, 2]
    clicks = camera.pixels(places)
    by_step = _slope(lambda step: camera.moved(step, asked).ground(clicks, heights).ravel(), len(covariance))
    whole = np.einsum("ij,jk,ik->i", by_step, covariance, by_step).reshape(-1, 2).sum(axis=1)
    about = by_step[:, 3:6] @ np.linalg.pinv(_slope(lambda step: camera.moved(step, Asked()).values(), 6)[3:, 3:])
    by_position = (by_step[:, :3] ** 2).sum(axis=1).reshape(-1, 2).sum(axis=1)
    by_attitude = (about**2).sum(axis=1).reshape(-1, 2).sum(axis=1)
    known = np.isfinite(whole + by_position + by_attitude)
    if not known.any():
        return 0.0, 0.0
    parts = np.column_stack((by_position, by_attitude))[known] / whole[known, None]
    share = _no_less_than_zero(parts)
    share *= max(1.0, 1.0 / float((parts @ share).min()))
    position_m, attitude_deg = np.sqrt(share)
    return max(math.ceil(position_m * 100.0), 1) / 100.0, max(math.ceil(attitude_deg * 100.0), 1) / 100.0


def _no_less_than_zero(parts: FloatArray) -> FloatArray:
    """Non-negative x for which `parts` x comes nearest 1."""
    shares, _ = nnls(parts, np.ones(len(parts)))
    return np.asarray(shares)


def _slope(of: Callable[[FloatArray], FloatArray], unknowns: int) -> FloatArray:
    """Central differences at 0: (values, unknowns)."""
    steps = np.eye(unknowns) * STEP
    slopes: FloatArray = np.column_stack([(of(step) - of(-step)) / (2.0 * STEP) for step in steps])
    return slopes


def _unwrapped(values: FloatArray, near: FloatArray) -> FloatArray:
    """The same angles, without the jump at half a turn."""
    turned: FloatArray = values.copy()
    turned[3:] = near[3:] + (values[3:] - near[3:] + 180.0) % 360.0 - 180.0
    return turned


def _check_kind(points: int, lens: Lens, asked: Asked) -> None:
    if not isinstance(lens, OpenCvLens) and (asked.focal or asked.distortion):
        raise CalibrationError(f"a lens of model '{lens.model}' keeps its values: only the pose can be found with it")
    if points < _least(asked):
        what = " and ".join(["the pose", *(["the focal length"] * asked.focal), *(["distortion"] * asked.distortion)])
        raise CalibrationError(f"expected at least {_least(asked)} points for {what}, got {points}")


def _check_spread(places: FloatArray) -> None:
    extents = _extents(places)
    if extents[1] < LINE_FRAC * extents[0]:
        raise CalibrationError("the points lie on one line: any turn about it explains them; add one beside it")


def _least(asked: Asked) -> int:
    return POINTS_LEAST["distortion" if asked.distortion else "focal" if asked.focal else "pose"]


def _extents(places: FloatArray) -> FloatArray:
    """Of the cloud along its three own axes, longest first."""
    return np.asarray(np.linalg.svd(places - places.mean(axis=0), compute_uv=False))


def _arrays(marks: Sequence[Mark]) -> tuple[FloatArray, Points]:
    places = np.array([(mark.place.east_m, mark.place.north_m, mark.place.up_m) for mark in marks]).reshape(-1, 3)
    return places, np.array([(mark.x_px, mark.y_px) for mark in marks]).reshape(-1, 2)


def _rms_px(residuals: FloatArray) -> float:
    return math.sqrt((residuals**2).sum() / max(len(residuals), 1))
