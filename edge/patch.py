"""How likely a spot lies in a piece of its plane: of ground, or of picture.

The spot is a Gaussian, not a dot: near an edge, or where the error outgrows the piece, "inside" is a probability.
"""

import math
from itertools import pairwise

import numpy as np
import shapely
from shapely.geometry import Polygon

from edge.plane import Place, Spot

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


class Patch:
    """A polygon, grown outwards by `margin`, in units of its plane."""

    def __init__(self, outline: Polygon, *, margin: float = 0.0) -> None:
        self._shape = outline.buffer(margin) if margin else outline
        shapely.prepare(self._shape)
        self._sides = tuple(
            (x, y, to_x - x, to_y - y, (to_x - x) ** 2 + (to_y - y) ** 2)
            for ring in (self._shape.exterior, *self._shape.interiors)
            for (x, y), (to_x, to_y) in pairwise(ring.coords)
        )  # where each begins, where it leads and how far, squared

    def holds(self, place: Place) -> bool:
        """Is the best estimate itself in it?"""
        return bool(shapely.intersects_xy(self._shape, *place))

    def probability(self, spot: Spot) -> float:
        """Chance, 0 to 1, that what stands at `spot` is in it.

        Farther from every edge than the farthest of the points it is 1 or 0, and none of them is asked.
        """
        if self._edge_distance(spot.place) > _REACH * spot.sigma:
            return 1.0 if self.holds(spot.place) else 0.0
        a = math.sqrt(spot.var_x)  # Cholesky factor [[a, 0], [b, c]] of the covariance
        b = spot.cov_xy / a if a > 0.0 else 0.0
        c = math.sqrt(max(spot.var_y - b * b, 0.0))
        x = spot.x + a * _UNIT[:, 0]
        y = spot.y + b * _UNIT[:, 0] + c * _UNIT[:, 1]
        return float(np.mean(shapely.intersects_xy(self._shape, x, y)))

    def _edge_distance(self, place: Place) -> float:
        """To the nearest side; written out, as a zone has few and this is asked for each object in each picture."""
        nearest2 = math.inf
        for x, y, along_x, along_y, length2 in self._sides:
            away_x, away_y = place[0] - x, place[1] - y
            share = min(max((away_x * along_x + away_y * along_y) / length2, 0.0), 1.0)
            nearest2 = min(nearest2, (away_x - share * along_x) ** 2 + (away_y - share * along_y) ** 2)
        return math.sqrt(nearest2)
