"""Constant-velocity Kalman filters over many boxes at once, in steps of real time.

Each of the four coordinates (centre x, centre y, width, height) is its own two-state filter, so a batch is plain array
arithmetic. Noise is in box heights: a person near the camera moves more pixels than one far away.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Per coordinate: cx, cy, width, height; in box heights (times seconds to some power).
# Jitter is of the order SORT and DeepSORT assume (1/20 of the height); people walk at about one height a second.
MEASURED_SIGMA = np.array([0.05, 0.05, 0.07, 0.07])  # what a detector's box jitters, one standard deviation
START_SPEED_SIGMA = np.array([1.0, 0.5, 0.1, 0.1])  # per second
ACCELERATION_DENSITY = np.array([0.25, 0.1, 0.01, 0.01])  # heights^2 / s^3, continuous white-noise acceleration
DRIFT_DENSITY = np.array([0.0, 0.0, 0.02, 0.02])  # heights^2 / s: sizes wander as a body turns

POSITION, SPEED, VAR_POSITION, COV, VAR_SPEED = range(5)


@dataclass(frozen=True, slots=True)
class Motion:
    """n filters. state: (5, n, 4), along the first axis position (px), speed (px/s) and the three different entries of
    the 2 x 2 covariance: variance of the position, covariance, variance of the speed."""

    state: Floats

    @classmethod
    def none(cls) -> "Motion":
        return cls(np.zeros((5, 0, 4)))

    @classmethod
    def started_at(cls, xyxy_px: Floats) -> "Motion":
        """Filters that have seen one box each; (n, 4) boxes."""
        state = np.zeros((5, len(xyxy_px), 4))
        state[POSITION] = position = _centre_form(xyxy_px)
        state[VAR_POSITION] = (MEASURED_SIGMA * position[:, 3:]) ** 2
        state[VAR_SPEED] = (START_SPEED_SIGMA * position[:, 3:]) ** 2
        return cls(state)

    def where(self, keep: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> "Motion":
        return Motion(self.state[:, keep])

    def joined(self, other: "Motion") -> "Motion":
        return Motion(np.concatenate([self.state, other.state], axis=1))

    def predicted(self, dt_s: float) -> "Motion":
        """`dt_s` later, nothing seen in between."""
        position, speed, var_position, cov, var_speed = self.state
        height2 = position[:, 3:] ** 2
        gained = ACCELERATION_DENSITY * height2  # variance of the speed per second
        state = np.empty_like(self.state)
        state[POSITION] = position + dt_s * speed
        state[SPEED] = speed
        state[VAR_POSITION] = var_position + dt_s * (
            2 * cov + dt_s * (var_speed + dt_s / 3 * gained) + DRIFT_DENSITY * height2
        )
        state[COV] = cov + dt_s * (var_speed + dt_s / 2 * gained)
        state[VAR_SPEED] = var_speed + dt_s * gained
        return Motion(state)

    def corrected(self, rows: npt.NDArray[np.intp], xyxy_px: Floats, sigma_scale: Floats) -> "Motion":
        """After filters `rows` have seen boxes, as many by 4, whose errors are `sigma_scale` times the usual."""
        seen = _centre_form(xyxy_px)
        before = self.state[:, rows]
        noise = (MEASURED_SIGMA * seen[:, 3:] * sigma_scale[:, None]) ** 2
        total = before[VAR_POSITION] + noise
        gain, gain_speed = before[VAR_POSITION] / total, before[COV] / total
        residual = seen - before[POSITION]
        after = np.empty_like(before)
        after[POSITION] = before[POSITION] + gain * residual
        after[SPEED] = before[SPEED] + gain_speed * residual
        after[VAR_POSITION] = (1 - gain) * before[VAR_POSITION]
        after[COV] = (1 - gain) * before[COV]
        after[VAR_SPEED] = before[VAR_SPEED] - gain_speed * before[COV]
        state = self.state.copy()
        state[:, rows] = after
        return Motion(state)

    def boxes(self) -> Floats:
        """(n, 4) left, top, right, bottom, px."""
        position = self.state[POSITION]
        half = np.maximum(position[:, 2:], 1.0) / 2  # a size that shrank while nobody looked stays a box
        return np.concatenate([position[:, :2] - half, position[:, :2] + half], axis=1)


def _centre_form(xyxy_px: Floats) -> Floats:
    """(n, 4) corners to centre x, centre y, width, height."""
    size = xyxy_px[:, 2:] - xyxy_px[:, :2]
    return np.concatenate([xyxy_px[:, :2] + size / 2, size], axis=1)
