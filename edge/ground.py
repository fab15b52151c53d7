"""How likely a located point lies on a piece of ground.

The point is a Gaussian, not a dot: near an edge, or where the error outgrows the ground, "inside" is a probability.
"""

import math

import numpy as np
import shapely
from shapely.geometry import Point, Polygon

from contract.geo import GeoPolygon, GroundFix, LocalFrame, PointEnu

RINGS, SPOKES = 16, 24  # 384 equally likely points: within 0.018 of the exact value at any straight edge
GOLDEN_ANGLE_RAD = math.pi * (3.0 - math.sqrt(5.0))  # turns each ring, so that no spoke lines up with an edge


def _unit_gaussian() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(RINGS * SPOKES, 2) points of equal weight: radii at the mid-quantiles of the Rayleigh distribution."""
    ring = np.repeat(np.arange(RINGS), SPOKES)
    spoke = np.tile(np.arange(SPOKES), RINGS)
    radius = np.sqrt(-2.0 * np.log(1.0 - (ring + 0.5) / RINGS))
    angle = spoke * (2.0 * math.pi / SPOKES) + ring * GOLDEN_ANGLE_RAD
    return np.column_stack((radius * np.cos(angle), radius * np.sin(angle)))


_UNIT = _unit_gaussian()


class Ground:
    """A polygon in the site's frame, grown outwards by `margin_m`."""

    def __init__(self, polygon: GeoPolygon, frame: LocalFrame, *, margin_m: float = 0.0) -> None:
        corners = [frame.to_enu(corner) for corner in polygon]
        self._shape = Polygon([(c.east_m, c.north_m) for c in corners])
        if margin_m:
            self._shape = self._shape.buffer(margin_m)
        shapely.prepare(self._shape)

    def holds(self, point: PointEnu) -> bool:
        """Is the best estimate itself on this ground?"""
        return bool(self._shape.covers(Point(point.east_m, point.north_m)))

    def probability(self, point: PointEnu, fix: GroundFix) -> float:
        """Chance, 0 to 1, that what stands at `point` with the covariance of `fix` is on this ground."""
        a = math.sqrt(fix.var_east_m2)  # Cholesky factor [[a, 0], [b, c]] of the covariance
        b = fix.cov_east_north_m2 / a if a > 0.0 else 0.0
        c = math.sqrt(max(fix.var_north_m2 - b * b, 0.0))
        east = point.east_m + a * _UNIT[:, 0]
        north = point.north_m + b * _UNIT[:, 0] + c * _UNIT[:, 1]
        return float(np.mean(shapely.intersects_xy(self._shape, east, north)))
