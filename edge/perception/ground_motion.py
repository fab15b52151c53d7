"""Where followed objects stand on the ground and how they walk: what finds again who was hidden or out of the picture.

A constant-velocity filter for each object over the fixes of its boxes, in metres and in steps of real time, all at
once. The ground does not move with the camera: who was lost from the picture because it turned away is where he was, or
a little further on.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract.site import CameraPose
from edge.perception.locate import Fixes, Locator

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

START_SPEED_SIGMA_M_S = 1.5  # of somebody just seen: a walk, any way
ACCELERATION_DENSITY = 0.25  # m^2 / s^3, each axis: who walks at 1.4 m/s has turned or stopped within some seconds
POSE_TAU_S = 5.0  # how long an error of the camera's pose stays what it was: GNSS longer, a gimbal less
POSE_NEW_FRAC = 0.2  # of the pose's variance: what is new in each frame, by jitter and by time stamps

EAST, NORTH, SPEED_EAST, SPEED_NORTH, VAR, COV, VAR_SPEED, WIDTH, HEIGHT, AT_US = range(10)
COLUMNS = 10


@dataclass(frozen=True, slots=True)
class Ground:
    """The ground as one camera sees it from one pose."""

    locator: Locator
    pose: CameraPose

    def fixes(self, boxes_xyxy_px: Floats) -> Fixes:
        return self.locator.fixes(boxes_xyxy_px, self.pose)


@dataclass(frozen=True, slots=True)
class GroundMotion:
    """n objects. state: (n, 10); metres and metres a second each way; variance of a coordinate, between it and its
    speed, of the speed; width and height in pixels times the distance ahead; when it was last located, us. NaN: never.

    Its variances know nothing of the pose's error, which is the same for all and changes slowly."""

    state: Floats

    @classmethod
    def unknown(cls, count: int) -> "GroundMotion":
        return cls(np.full((count, COLUMNS), np.nan))

    def where(self, keep: npt.NDArray[np.bool_] | Rows) -> "GroundMotion":
        return GroundMotion(self.state[keep])

    def joined(self, other: "GroundMotion") -> "GroundMotion":
        return GroundMotion(np.concatenate([self.state, other.state]))

    @property
    def is_known(self) -> npt.NDArray[np.bool_]:
        """(n,) located at least once."""
        return ~np.isnan(self.state[:, AT_US])

    def corrected(
        self, rows: Rows, fixes: Fixes, *, boxes_xyxy_px: Floats, ground: Ground, at_us: int, has_moved: bool
    ) -> "GroundMotion":
        """After objects `rows` were located by these boxes, as many. has_moved: the camera, since the last frame."""
        seen = np.isfinite(fixes.by_box_m2[:, 0, 0])
        rows, points, by_box = rows[seen], fixes.points_m[seen], fixes.by_box_m2[seen]
        noise = _mean_variance(by_box)
        if has_moved:
            noise += POSE_NEW_FRAC * (_mean_variance(fixes.covariance_m2[seen]) - noise)
        old = self.state[rows]
        dt_s = (at_us - old[:, AT_US]) / 1e6
        var, cov, var_speed = _grown(old, dt_s)
        gain, gain_speed = var / (var + noise), cov / (var + noise)
        new = np.empty_like(old)
        off = points - old[:, EAST : NORTH + 1] - dt_s[:, None] * old[:, SPEED_EAST : SPEED_NORTH + 1]
        new[:, EAST : NORTH + 1] = points - (1 - gain)[:, None] * off
        new[:, SPEED_EAST : SPEED_NORTH + 1] = old[:, SPEED_EAST : SPEED_NORTH + 1] + gain_speed[:, None] * off
        new[:, VAR], new[:, COV], new[:, VAR_SPEED] = (1 - gain) * var, (1 - gain) * cov, var_speed - gain_speed * cov
        first = np.isnan(dt_s)
        new[first, EAST : NORTH + 1], new[first, SPEED_EAST : SPEED_NORTH + 1] = points[first], 0.0
        new[first, VAR], new[first, COV], new[first, VAR_SPEED] = noise[first], 0.0, START_SPEED_SIGMA_M_S**2
        size = boxes_xyxy_px[seen, 2:] - boxes_xyxy_px[seen, :2]
        new[:, WIDTH : HEIGHT + 1] = size * ground.locator.depths_m(points, ground.pose)[:, None]
        new[:, AT_US] = at_us
        state = self.state.copy()
        state[rows] = new
        return GroundMotion(state)

    def points_m(self, at_us: int) -> Floats:
        """(n, 2) where they are by now."""
        dt_s = (at_us - self.state[:, AT_US]) / 1e6
        points: Floats = self.state[:, :2] + dt_s[:, None] * self.state[:, SPEED_EAST : SPEED_NORTH + 1]
        return points

    def gaps(self, fixes: Fixes, *, at_us: int, has_moved: bool) -> Floats:
        """(n, m) squared Mahalanobis distance between where they are by now and m boxes; NaN where one is not known.

        has_moved: the camera, so that its pose may be wrong in another way than when they were last located.
        """
        dt_s = (at_us - self.state[:, AT_US]) / 1e6
        apart = fixes.points_m - self.points_m(at_us)[:, None]
        covariance = fixes.by_box_m2 + _grown(self.state, dt_s)[0][:, None, None, None] * np.eye(2)
        if has_moved:
            by_pose = fixes.covariance_m2 - fixes.by_box_m2
            covariance = covariance + 2.0 * (1.0 - np.exp(-dt_s / POSE_TAU_S))[:, None, None, None] * by_pose
        a, b, d = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
        east, north = apart[..., 0], apart[..., 1]
        gaps: Floats = (d * east**2 - 2.0 * b * east * north + a * north**2) / (a * d - b * b)
        return gaps

    def boxes(self, ground: Ground, *, at_us: int) -> Floats:
        """(n, 4) where they are to be seen by now, px; NaN for who is behind the camera or not known."""
        points = self.points_m(at_us)
        feet = ground.locator.project(np.column_stack((points, np.zeros(len(points)))), ground.pose)
        size = self.state[:, WIDTH : HEIGHT + 1] / ground.locator.depths_m(points, ground.pose)[:, None]
        across = size[:, 0] / 2
        return np.column_stack((feet[:, 0] - across, feet[:, 1] - size[:, 1], feet[:, 0] + across, feet[:, 1]))


def _mean_variance(covariance_m2: Floats) -> Floats:
    """(n,) of both ways, for (n, 2, 2)."""
    return np.asarray((covariance_m2[:, 0, 0] + covariance_m2[:, 1, 1]) / 2)


def _grown(state: Floats, dt_s: Floats) -> tuple[Floats, Floats, Floats]:
    """Variance of a coordinate, between it and its speed, and of the speed, `dt_s` later."""
    var, cov, var_speed = state[:, VAR], state[:, COV], state[:, VAR_SPEED]
    return (
        var + dt_s * (2 * cov + dt_s * (var_speed + dt_s * ACCELERATION_DENSITY / 3)),
        cov + dt_s * (var_speed + dt_s * ACCELERATION_DENSITY / 2),
        var_speed + dt_s * ACCELERATION_DENSITY,
    )
