"""Constant-velocity Kalman filters over many boxes at once, in steps of real time.

Each of the four coordinates (centre x, centre y, width, height) is its own two-state filter, so a batch is plain array
arithmetic. Noise is in box heights: a person near the camera moves more pixels than one far away.
"""

from dataclasses import dataclass
from functools import lru_cache

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
        _, speed, _, cov, var_speed = self.state
        state = self.state + _gained(dt_s) * self.state[POSITION, :, 3:] ** 2
        state[POSITION] += dt_s * speed
        state[VAR_POSITION] += dt_s * (2 * cov + dt_s * var_speed)
        state[COV] += dt_s * var_speed
        return Motion(state)

    def shifted(self, xyxy_px: Floats) -> "Motion":
        """As if seen in these boxes; speeds and errors stay. For a camera that moved."""
        state = self.state.copy()
        state[POSITION] = _centre_form(xyxy_px)
        return Motion(state)

    def corrected(self, rows: npt.NDArray[np.intp], xyxy_px: Floats, sigma_scale: Floats) -> "Motion":
        """After filters `rows`, in rising order, have seen as many boxes of `sigma_scale` times the usual error."""
        seen, is_all = _centre_form(xyxy_px), len(rows) == self.state.shape[1]
        before = self.state if is_all else self.state[:, rows]
        variances = before[VAR_POSITION : COV + 1]  # of the position, and between it and the speed
        noise = (MEASURED_SIGMA * (seen[:, 3] * sigma_scale)[:, None]) ** 2
        gains = variances / (before[VAR_POSITION] + noise)
        after = np.empty_like(before)
        after[: SPEED + 1] = before[: SPEED + 1] + gains * (seen - before[POSITION])
        after[VAR_POSITION : COV + 1] = (1 - gains[0]) * variances
        after[VAR_SPEED] = before[VAR_SPEED] - gains[1] * before[COV]
        if is_all:
            return Motion(after)
        state = self.state.copy()
        state[:, rows] = after
        return Motion(state)

    def boxes(self) -> Floats:
        """(n, 4) left, top, right, bottom, px."""
        centre = self.state[POSITION, :, :2]
        half = np.maximum(self.state[POSITION, :, 2:], 1.0) / 2  # a size that shrank while nobody looked stays a box
        return np.concatenate([centre - half, centre + half], axis=1)


@lru_cache(maxsize=16)  # frames come at few different intervals
def _gained(dt_s: float) -> Floats:
    """(5, 1, 4): what chance adds to each entry in `dt_s`, per square of the box's height."""
    gained = np.zeros((5, 1, 4))
    gained[VAR_POSITION] = dt_s * (dt_s**2 / 3 * ACCELERATION_DENSITY + DRIFT_DENSITY)
    gained[COV] = dt_s**2 / 2 * ACCELERATION_DENSITY
    gained[VAR_SPEED] = dt_s * ACCELERATION_DENSITY
    gained.flags.writeable = False
    return gained


def _centre_form(xyxy_px: Floats) -> Floats:
    """(n, 4) corners to centre x, centre y, width, height."""
    size = xyxy_px[:, 2:] - xyxy_px[:, :2]
    return np.concatenate([xyxy_px[:, :2] + size / 2, size], axis=1)
