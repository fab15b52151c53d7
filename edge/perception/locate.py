"""From a box to a point on the ground, with its error: foot point, lens, pose, plane.

The ground is the plane up = 0 of the site's frame. The foot is the middle of the box's lower edge; where that edge is
the edge of the picture the feet are outside it, and the point is kept with an error that says so.
"""

from collections.abc import Iterator
from itertools import chain

import numpy as np
import numpy.typing as npt

from contract.geo import GroundFix, LocalFrame, PointEnu
from contract.site import CameraPose, Lens
from edge.perception.lens import Points, open_lens

FloatArray = npt.NDArray[np.float64]

FOOT_SIGMA_OF_HEIGHT = 0.04  # of the box's height: where feet are against the box's edge, YOLOX on walking persons
FOOT_SIGMA_LEAST_PX = 2.0
HIDDEN_FOOT_SIGMA_OF_HEIGHT = 0.3  # feet below the edge of the picture: half a leg
GROUND_SIGMA_M = 0.1  # unevenness of a kept yard
FARTHEST_M = 500.0  # beyond, a pixel is tens of metres and a fix says nothing
STEP_RAD = 1e-5  # of the numerical derivatives by attitude
STEP_PX = 0.1


def axes(pose: CameraPose) -> FloatArray:
    """(3, 3): columns are the camera's right, down and forward in east, north, up. Conventions of CameraPose."""
    return _axes(*np.radians([pose.heading_deg, pose.pitch_deg, pose.roll_deg]))


def _axes(heading: float, pitch: float, roll: float) -> FloatArray:
    level_right = np.array([np.cos(heading), -np.sin(heading), 0.0])
    forward = np.array([np.sin(heading) * np.cos(pitch), np.cos(heading) * np.cos(pitch), np.sin(pitch)])
    level_down = np.cross(forward, level_right)
    right = np.cos(roll) * level_right + np.sin(roll) * level_down
    down = np.cos(roll) * level_down - np.sin(roll) * level_right
    return np.column_stack((right, down, forward))


class Locator:
    """One camera's lens on one site."""

    def __init__(self, *, lens: Lens, frame: LocalFrame) -> None:
        self._lens = open_lens(lens)
        self._height_px = lens.height_px
        self.frame_size_px = (lens.width_px, lens.height_px)
        self._frame = frame

    def locate(self, boxes_xyxy_px: npt.NDArray[np.floating], pose: CameraPose) -> list[GroundFix | None]:
        """(n, 4) boxes of the full frame to n fixes; None for a foot at or above the horizon or beyond FARTHEST_M."""
        boxes = np.asarray(boxes_xyxy_px, np.float64).reshape(-1, 4)
        feet = np.column_stack(((boxes[:, 0] + boxes[:, 2]) / 2.0, boxes[:, 3]))
        points = self._on_ground(feet, pose)
        covariances = self._covariances(boxes, feet, pose)
        return [self._fix(point, covariance) for point, covariance in zip(points, covariances, strict=True)]

    def project(self, points_enu: FloatArray, pose: CameraPose) -> Points:
        """(n, 3) points east, north, up to (n, 2) pixels of the full frame; NaN for what is behind the camera."""
        in_camera = (np.asarray(points_enu, np.float64) - _centre(pose)) @ axes(pose)
        depth = in_camera[:, 2:]
        with np.errstate(divide="ignore", invalid="ignore"):
            directions = np.where(depth > 1e-6, in_camera[:, :2] / depth, np.nan)
        return self._lens.pixels(directions)

    def _on_ground(self, pixels: Points, pose: CameraPose, *, turned: FloatArray | None = None) -> FloatArray:
        """(n, 2) east, north; NaN where the ray does not come down near enough. `turned` replaces the pose's axes."""
        directions = self._lens.directions(pixels)
        rays = np.column_stack((directions, np.ones(len(directions)))) @ (axes(pose) if turned is None else turned).T
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(rays[:, 2] < 0.0, -pose.up_m / rays[:, 2], np.nan)
            offsets = rays[:, :2] * reach[:, None]
            offsets[~(np.hypot(offsets[:, 0], offsets[:, 1]) < FARTHEST_M)] = np.nan
        points: FloatArray = offsets + _centre(pose)[:2]
        return points

    def _covariances(self, boxes: FloatArray, feet: Points, pose: CameraPose) -> FloatArray:
        """(n, 2, 2) square metres, first order: errors of pixel, position, height and attitude taken as independent."""
        heights = boxes[:, 3] - boxes[:, 1]
        is_hidden = boxes[:, 3] >= self._height_px - 1.0
        share = np.where(is_hidden, HIDDEN_FOOT_SIGMA_OF_HEIGHT, FOOT_SIGMA_OF_HEIGHT)
        foot_sigma_px = np.maximum(FOOT_SIGMA_LEAST_PX, share * heights)
        turn_sigma = np.radians(pose.attitude_sigma_deg)
        height_sigma_m = np.hypot(pose.position_sigma_m, GROUND_SIGMA_M)
        parts = chain(
            ((slope * foot_sigma_px[:, None]) for slope in self._slopes_by_pixel(feet, pose)),
            ((slope * turn_sigma) for slope in self._slopes_by_attitude(feet, pose)),
            [self._slope_by_height(feet, pose) * height_sigma_m],
        )
        covariances = sum(part[:, :, None] * part[:, None, :] for part in parts)
        return np.asarray(covariances) + np.eye(2) * pose.position_sigma_m**2

    def _slopes_by_pixel(self, feet: Points, pose: CameraPose) -> Iterator[FloatArray]:
        for axis in range(2):
            step = np.zeros(2)
            step[axis] = STEP_PX
            ahead, behind = self._on_ground(feet + step, pose), self._on_ground(feet - step, pose)
            yield (ahead - behind) / (2.0 * STEP_PX)

    def _slopes_by_attitude(self, feet: Points, pose: CameraPose) -> Iterator[FloatArray]:
        angles = np.radians([pose.heading_deg, pose.pitch_deg, pose.roll_deg])
        for axis in range(3):
            step = np.zeros(3)
            step[axis] = STEP_RAD
            ahead = self._on_ground(feet, pose, turned=_axes(*(angles + step)))
            behind = self._on_ground(feet, pose, turned=_axes(*(angles - step)))
            yield (ahead - behind) / (2.0 * STEP_RAD)

    def _slope_by_height(self, feet: Points, pose: CameraPose) -> FloatArray:
        """A camera twice as high sees the same pixel twice as far away."""
        return (self._on_ground(feet, pose) - _centre(pose)[:2]) / pose.up_m

    def _fix(self, point: FloatArray, covariance: FloatArray) -> GroundFix | None:
        if not (np.isfinite(point).all() and np.isfinite(covariance).all()):
            return None
        place, _ = self._frame.to_geo(PointEnu(float(point[0]), float(point[1])))
        return GroundFix(
            point=place,
            var_east_m2=float(covariance[0, 0]),
            cov_east_north_m2=float(covariance[0, 1]),
            var_north_m2=float(covariance[1, 1]),
        )


def _centre(pose: CameraPose) -> FloatArray:
    return np.array([pose.east_m, pose.north_m, pose.up_m])
