"""How likely a located point lies on a piece of ground.

The point is a Gaussian, not a dot: near an edge, or where the error outgrows the ground, "inside" is a probability.
"""

import math
from itertools import pairwise

import numpy as np
import shapely
from shapely.geometry import Polygon

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
_REACH = float(np.hypot(_UNIT[:, 0], _UNIT[:, 1]).max()) * (1.0 + 1e-9)  # of the farthest point, in sigmas


class Ground:
    """A polygon in the site's frame, grown outwards by `margin_m`."""

    def __init__(self, polygon: GeoPolygon, frame: LocalFrame, *, margin_m: float = 0.0) -> None:
        corners = [frame.to_enu(corner) for corner in polygon]
        self._shape = Polygon([(c.east_m, c.north_m) for c in corners])
        if margin_m:
            self._shape = self._shape.buffer(margin_m)
        shapely.prepare(self._shape)
        self._sides = tuple(
            (x, y, to_x - x, to_y - y, (to_x - x) ** 2 + (to_y - y) ** 2)
            for ring in (self._shape.exterior, *self._shape.interiors)
            for (x, y), (to_x, to_y) in pairwise(ring.coords)
        )  # where each begins, where it leads and how far, squared

    def holds(self, point: PointEnu) -> bool:
        """Is the best estimate itself on this ground?"""
        return bool(shapely.intersects_xy(self._shape, point.east_m, point.north_m))

    def probability(self, point: PointEnu, fix: GroundFix) -> float:
        """Chance, 0 to 1, that what stands at `point` with the covariance of `fix` is on this ground.

        Farther from every edge than the farthest of the points it is 1 or 0, and none of them is asked.
        """
        if self._edge_distance_m(point) > _REACH * fix.sigma_m:
            return 1.0 if self.holds(point) else 0.0
        a = math.sqrt(fix.var_east_m2)  # Cholesky factor [[a, 0], [b, c]] of the covariance
        b = fix.cov_east_north_m2 / a if a > 0.0 else 0.0
        c = math.sqrt(max(fix.var_north_m2 - b * b, 0.0))
        east = point.east_m + a * _UNIT[:, 0]
        north = point.north_m + b * _UNIT[:, 0] + c * _UNIT[:, 1]
        return float(np.mean(shapely.intersects_xy(self._shape, east, north)))

    def _edge_distance_m(self, point: PointEnu) -> float:
        """To the nearest side; written out, as a zone has few and this is asked for each object in each picture."""
        nearest_m2 = math.inf
        for x, y, east_m, north_m, length_m2 in self._sides:
            away_e, away_n = point.east_m - x, point.north_m - y
            share = min(max((away_e * east_m + away_n * north_m) / length_m2, 0.0), 1.0)
            nearest_m2 = min(nearest_m2, (away_e - share * east_m) ** 2 + (away_n - share * north_m) ** 2)
        return math.sqrt(nearest_m2)
