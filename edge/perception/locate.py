"""From a box to a point on the ground, with its error: foot point, lens, pose, plane.

The ground is the plane up = 0 of the site's frame. The foot is the middle of the box's lower edge; where that edge is
the edge of the picture the feet are outside it, and the point is kept with an error that says so.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
LOWEST_M = 0.2  # below, a ray along the ground meets it anywhere
FARTHEST_M = 500.0  # beyond, a pixel is tens of metres and a fix says nothing
FARTHEST_OF_HEIGHT = 10.0  # but from high up it is the angle that tells: a line of sight 6 degrees below the horizon
STEEP_DEG = 60.0  # below the horizon; from further above, a height is mostly the error of the box
STEP_RAD = 1e-5  # of the numerical derivatives by attitude
STEP_PX = 0.1
PIXEL_STEPS = np.array([[[0, 0]], [[1, 0]], [[0, 1]], [[-1, 0]], [[0, -1]]]) * STEP_PX


def axes(pose: CameraPose) -> FloatArray:
    """(3, 3): columns are the camera's right, down and forward in east, north, up. Conventions of CameraPose."""
    return _axes(*np.radians([pose.heading_deg, pose.pitch_deg, pose.roll_deg]))


def foot_sigma_px(height_px: float, *, is_hidden: bool) -> float:
    """How far, each way, a foot is from the middle of the lower edge of its box. `is_hidden`: below the picture."""
    share = HIDDEN_FOOT_SIGMA_OF_HEIGHT if is_hidden else FOOT_SIGMA_OF_HEIGHT
    return max(FOOT_SIGMA_LEAST_PX, share * height_px)


def _axes(heading: float, pitch: float, roll: float) -> FloatArray:
    sin_h, cos_h, sin_p, cos_p = math.sin(heading), math.cos(heading), math.sin(pitch), math.cos(pitch)
    level_right = np.array([cos_h, -sin_h, 0.0])
    forward = np.array([sin_h * cos_p, cos_h * cos_p, sin_p])
    level_down = np.array([sin_h * sin_p, cos_h * sin_p, -cos_p])  # forward x level_right
    right = math.cos(roll) * level_right + math.sin(roll) * level_down
    down = math.cos(roll) * level_down - math.sin(roll) * level_right
    return np.column_stack((right, down, forward))


class _View:
    """What does not change while the pose stays: the axes, and those of poses turned a little each way."""

    def __init__(self, pose: CameraPose) -> None:
        angles = np.radians([pose.heading_deg, pose.pitch_deg, pose.roll_deg])
        steps = np.concatenate((np.eye(3), -np.eye(3))) * STEP_RAD
        self.pose = pose
        self.axes = _axes(*angles)
        self.turned = np.stack([_axes(*(angles + step)) for step in steps])  # (6, 3, 3): + + + - - -
        self.centre = np.array([pose.east_m, pose.north_m, pose.up_m])


@dataclass(frozen=True, slots=True)
class Fixes:
    """n boxes on the ground, NaN where they are not located. points_m: (n, 2) east, north; covariance_m2: (n, 2, 2);
    by_box_m2: the part of it that is the boxes' own; the rest is the pose's, and nearly the same in the next frame."""

    points_m: FloatArray
    covariance_m2: FloatArray
    by_box_m2: FloatArray

    def where(self, keep: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "Fixes":
        return Fixes(self.points_m[keep], self.covariance_m2[keep], self.by_box_m2[keep])


class Locator:
    """One camera's lens on one site."""

    def __init__(self, *, lens: Lens, frame: LocalFrame) -> None:
        self._lens = open_lens(lens)
        self._height_px = lens.height_px
        self.frame_size_px = (lens.width_px, lens.height_px)
        self._frame = frame
        self._view: _View | None = None

    def locate(self, boxes_xyxy_px: npt.NDArray[np.floating], pose: CameraPose) -> list[GroundFix | None]:
        """(n, 4) boxes of the full frame to n fixes; None for a foot at or above the horizon or too far away, and for
        all from a camera that lies on the ground."""
        return self.told(self.fixes(boxes_xyxy_px, pose))

    def fixes(self, boxes_xyxy_px: npt.NDArray[np.floating], pose: CameraPose) -> Fixes:
        """The same in metres of the site."""
        boxes = np.asarray(boxes_xyxy_px, np.float64).reshape(-1, 4)
        if pose.up_m < LOWEST_M:
            return Fixes(*(np.full((len(boxes), *shape), np.nan) for shape in ((2,), (2, 2), (2, 2))))
        view = self._view_of(pose)
        feet = boxes[:, 2:].copy()
        feet[:, 0] = (boxes[:, 0] + boxes[:, 2]) / 2.0
        offsets = self._offsets(feet, view)
        return Fixes(offsets[0] + view.centre[:2], *self._covariances(boxes, offsets, pose))

    def told(self, fixes: Fixes) -> list[GroundFix | None]:
        """As they are told to others."""
        rows = zip(fixes.points_m.tolist(), fixes.covariance_m2.tolist(), strict=True)
        return [self._fix(point, covariance) for point, covariance in rows]

    def sizes_m(self, boxes_xyxy_px: npt.NDArray[np.floating], pose: CameraPose) -> FloatArray:
        """(n, 4) boxes of the full frame to (n, 2) width and height in metres of what stands upright on the ground.

        NaN: the foot is outside the picture or at the horizon; for the height too, where the line of sight is steeper
        than STEEP_DEG. The width lies on the ground between the lower corners; the height is where the ray through the
        middle of the upper edge passes over the foot.
        """
        boxes = np.asarray(boxes_xyxy_px, np.float64).reshape(-1, 4)
        view = self._view_of(pose)
        middle = (boxes[:, 0] + boxes[:, 2]) / 2.0
        across = np.stack([boxes[:, 0], boxes[:, 2], middle, middle])
        down = np.stack([boxes[:, 3], boxes[:, 3], boxes[:, 3], boxes[:, 1]])
        directions = self._lens.directions(np.stack([across, down], axis=2).reshape(-1, 2)).reshape(4, -1, 2)
        rays = np.concatenate((directions, np.ones((4, len(boxes), 1))), axis=2) @ view.axes.T
        is_hidden = boxes[:, 3] >= self._height_px - 1.0
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where((rays[:3, :, 2] < 0.0) & ~is_hidden, -pose.up_m / rays[:3, :, 2], np.nan)
            left, right, foot = rays[:3, :, :2] * reach[:, :, None]
            level = np.hypot(rays[3, :, 0], rays[3, :, 1])
            height = pose.up_m + np.hypot(foot[:, 0], foot[:, 1]) / level * rays[3, :, 2]
        height[level < math.cos(math.radians(STEEP_DEG)) * np.linalg.norm(rays[3], axis=1)] = np.nan
        return np.column_stack((np.hypot(*(right - left).T), height))

    def moved(self, boxes_xyxy_px: FloatArray, *, before: CameraPose, after: CameraPose) -> FloatArray:
        """(n, 4) boxes seen from one pose to where they are seen from another, had nothing moved but the camera.

        What stands on the ground keeps its foot and grows as it comes nearer; what is at the horizon, above it or too
        far keeps its direction and size. A box that is behind the camera now is NaN.
        """
        boxes = np.asarray(boxes_xyxy_px, np.float64).reshape(-1, 4)
        old, new = _View(before), _View(after)
        feet = np.column_stack(((boxes[:, 0] + boxes[:, 2]) / 2.0, boxes[:, 3]))
        rays = np.column_stack((self._lens.directions(feet), np.ones(len(feet)))) @ old.axes.T
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(rays[:, 2] < 0.0, -before.up_m / rays[:, 2], np.inf)
            is_near = np.linalg.norm(rays[:, :2], axis=1) * reach < FARTHEST_M
            reach = np.where(is_near, reach, 1e6)  # metres: so far that the camera's own way is nothing
            points = old.centre + rays * reach[:, None]
            depth = (points - new.centre) @ new.axes[:, 2]
            scale = np.where(is_near, reach / depth, 1.0)  # the ray's depth in the old view is 1 a unit of reach
        size = (boxes[:, 2:] - boxes[:, :2]) * scale[:, None]
        foot = self.project(points, after)
        return np.column_stack(
            (foot[:, 0] - size[:, 0] / 2, foot[:, 1] - size[:, 1], foot[:, 0] + size[:, 0] / 2, foot[:, 1])
        )

    def depths_m(self, points_m: FloatArray, pose: CameraPose) -> FloatArray:
        """(n, 2) points of the ground to how far they are ahead, along the optical axis."""
        view = self._view_of(pose)
        offsets = np.column_stack((points_m, np.zeros(len(points_m)))) - view.centre
        depths: FloatArray = offsets @ view.axes[:, 2]
        return depths

    def project(self, points_enu: FloatArray, pose: CameraPose) -> Points:
        """(n, 3) points east, north, up to (n, 2) pixels of the full frame; NaN for what is behind the camera."""
        view = self._view_of(pose)
        in_camera = (np.asarray(points_enu, np.float64) - view.centre) @ view.axes
        depth = in_camera[:, 2:]
        with np.errstate(divide="ignore", invalid="ignore"):
            directions = np.where(depth > 1e-6, in_camera[:, :2] / depth, np.nan)
        return self._lens.pixels(directions)

    def rays(self, pixels: Points, pose: CameraPose) -> FloatArray:
        """(n, 2) pixels of the full frame to (n, 3) directions east, north, up, of any length; NaN where the lens has
        no direction."""
        directions = self._lens.directions(np.asarray(pixels, np.float64))
        in_camera = np.column_stack((directions, np.ones(len(directions))))
        rays: FloatArray = in_camera @ self._view_of(pose).axes.T
        return rays

    def _view_of(self, pose: CameraPose) -> _View:
        if self._view is None or self._view.pose != pose:
            self._view = _View(pose)
        return self._view

    def _offsets(self, feet: Points, view: _View) -> FloatArray:
        """(11, n, 2) metres east and north of the camera, NaN where a ray does not come down near enough.

        Row 0 is the foot itself; rows 1 to 4 a pixel step right, down, left, up; rows 5 to 10 the pose turned by
        heading, pitch, roll and back. All in one batch: most of the cost is numpy's calls, not their size.
        """
        in_camera = np.ones((5, len(feet), 3))
        in_camera[:, :, :2] = self._lens.directions((feet + PIXEL_STEPS).reshape(-1, 2)).reshape(5, -1, 2)
        rays = np.concatenate((in_camera @ view.axes.T, in_camera[0] @ view.turned.transpose(0, 2, 1)))
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(rays[:, :, 2] < 0.0, -view.pose.up_m / rays[:, :, 2], np.nan)
            offsets: FloatArray = rays[:, :, :2] * reach[:, :, None]
            farthest_m = max(FARTHEST_M, FARTHEST_OF_HEIGHT * view.pose.up_m)
            offsets[~(np.hypot(offsets[:, :, 0], offsets[:, :, 1]) < farthest_m)] = np.nan
        return offsets

    def _covariances(self, boxes: FloatArray, offsets: FloatArray, pose: CameraPose) -> tuple[FloatArray, FloatArray]:
        """(n, 2, 2) square metres, first order: errors of pixel, position, height and attitude taken as independent;
        and the part that is the pixels'."""
        heights_px = boxes[:, 3] - boxes[:, 1]
        is_hidden = boxes[:, 3] >= self._height_px - 1.0
        share = np.where(is_hidden, HIDDEN_FOOT_SIGMA_OF_HEIGHT, FOOT_SIGMA_OF_HEIGHT)
        sigma_px = np.maximum(FOOT_SIGMA_LEAST_PX, share * heights_px)
        by_pixel = (offsets[1:3] - offsets[3:5]) / (2.0 * STEP_PX) * sigma_px[:, None]
        by_attitude = (offsets[5:8] - offsets[8:11]) / (2.0 * STEP_RAD) * math.radians(pose.attitude_sigma_deg)
        by_height = offsets[:1] / pose.up_m * math.hypot(pose.position_sigma_m, GROUND_SIGMA_M)
        parts = np.concatenate((by_pixel, by_attitude, by_height))
        covariances: FloatArray = np.einsum("kni,knj->nij", parts, parts) + np.eye(2) * pose.position_sigma_m**2
        return covariances, np.einsum("kni,knj->nij", by_pixel, by_pixel)

    def _fix(self, point: Sequence[float], covariance: Sequence[Sequence[float]]) -> GroundFix | None:
        (var_east_m2, cov_east_north_m2), (_, var_north_m2) = covariance
        if not math.isfinite(var_east_m2 + cov_east_north_m2 + var_north_m2):  # as it is where the point is not known
            return None
        place, _ = self._frame.to_geo(PointEnu(point[0], point[1]))
        return GroundFix(
            point=place, var_east_m2=var_east_m2, cov_east_north_m2=cov_east_north_m2, var_north_m2=var_north_m2
        )
