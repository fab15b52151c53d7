"""Where something is on the ground and how it moves: a constant-velocity Kalman filter, and estimates made one.

State: east, north (m), east, north (m/s). Constant velocity with white-noise acceleration (Bar-Shalom, Li, Kirubarajan,
Estimation with Applications to Tracking and Navigation, 2001, section 6.2.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
# Which entries of the covariance white-noise acceleration reaches by place, by both and by speed.
_PLACE, _SPEED = np.diag([1.0, 1.0, 0.0, 0.0]), np.diag([0.0, 0.0, 1.0, 1.0])
_BOTH = np.eye(4, k=2) + np.eye(4, k=-2)


@dataclass(frozen=True, slots=True)
class Motion:
    """mean: (4,); covariance: (4, 4), symmetric and positive definite."""

    at_us: int
    mean: Floats
    covariance: Floats

    @classmethod
    def started(cls, at_us: int, point_m: Floats, covariance_m2: Floats, *, speed_sigma_m_s: float) -> "Motion":
        """Seen once: (2,) where, (2, 2) how surely; it may move either way."""
        covariance = np.zeros((4, 4))
        covariance[:2, :2] = covariance_m2
        covariance[2, 2] = covariance[3, 3] = speed_sigma_m_s**2
        return cls(at_us, np.concatenate((point_m, np.zeros(2))), covariance)

    def predicted(self, at_us: int, *, density_m2_s3: float) -> "Motion":
        """At another moment, nothing seen in between. A moment before its own is taken as its own."""
        dt_s = (at_us - self.at_us) / 1e6
        if dt_s <= 0.0:
            return self
        step = np.eye(4)
        step[0, 2] = step[1, 3] = dt_s
        noise = density_m2_s3 * (dt_s**3 / 3.0 * _PLACE + dt_s**2 / 2.0 * _BOTH + dt_s * _SPEED)
        return Motion(at_us, step @ self.mean, step @ self.covariance @ step.T + noise)

    def corrected(self, point_m: Floats, covariance_m2: Floats) -> "Motion":
        """After it was seen at (2,) with an error of (2, 2)."""
        gain = self.covariance[:, :2] @ inverse_2x2(self.covariance[:2, :2] + covariance_m2)
        covariance = self.covariance - gain @ self.covariance[:2]
        return Motion(self.at_us, self.mean + gain @ (point_m - self.mean[:2]), (covariance + covariance.T) / 2.0)

    def surprise(self, point_m: Floats, covariance_m2: Floats) -> float:
        """Squared Mahalanobis distance of a sight of it, two degrees of freedom."""
        beside = point_m - self.mean[:2]
        return float(beside @ inverse_2x2(self.covariance[:2, :2] + covariance_m2) @ beside)

    def blurred(self, covariance_m2: Floats) -> "Motion":
        """With a further error of its place that has nothing to do with its own."""
        covariance = self.covariance.copy()
        covariance[:2, :2] += covariance_m2
        return Motion(self.at_us, self.mean, covariance)

    def distance_m(self, other: "Motion") -> float:
        return float(np.hypot(*(self.mean[:2] - other.mean[:2])))


def apart(a: Motion, b: Motion) -> float:
    """Squared Mahalanobis distance of two estimates of one moment, four degrees of freedom."""
    beside = a.mean - b.mean
    return float(beside @ np.linalg.solve(a.covariance + b.covariance, beside))


def intersected(estimates: Sequence[Motion]) -> Motion:
    """One estimate of several of one moment, whatever errors they share.

    Covariance intersection: never surer than right, however the estimates are correlated (Julier and Uhlmann, A
    Non-divergent Estimation Algorithm in the Presence of Unknown Correlations, ACC 1997), with weights in closed form,
    inverse to the trace (Niehsen, Information Fusion Based on Fast Covariance Intersection Filtering, FUSION 2002).
    """
    if len(estimates) == 1:
        return estimates[0]
    trust = np.array([1.0 / (each.covariance[0, 0] + each.covariance[1, 1]) for each in estimates])
    trust /= trust.sum()
    inverses = [weight * np.linalg.inv(each.covariance) for weight, each in zip(trust.tolist(), estimates, strict=True)]
    covariance = np.linalg.inv(sum(inverses[1:], inverses[0]))
    told = [inverse @ each.mean for inverse, each in zip(inverses, estimates, strict=True)]
    return Motion(estimates[0].at_us, covariance @ sum(told[1:], told[0]), (covariance + covariance.T) / 2.0)


def inverse_2x2(matrix: Floats) -> Floats:
    """Of a symmetric one; written out, as numpy's own takes four times as long."""
    a, b, d = float(matrix[0, 0]), float(matrix[0, 1]), float(matrix[1, 1])
    return np.array(((d, -b), (-b, a))) / (a * d - b * b)
