"""A line on the ground: which way it is crossed, and how sure it is that somebody stands on the side he seems to."""

import math
from itertools import pairwise

from contract.geo import GeoPath, GroundFix, LocalFrame, PointEnu

Place = tuple[float, float]  # metres east and north


class GroundLine:
    """Straight from each point to the next, in the site's frame. Who stands on it stands on its left."""

    def __init__(self, points: GeoPath, frame: LocalFrame) -> None:
        places = [(p.east_m, p.north_m) for p in map(frame.to_enu, points)]
        self._parts = tuple(pairwise(places))

    def crossings(self, start: PointEnu, end: PointEnu) -> int:
        """How often the straight way from `start` to `end` leads from left to right, less how often the other way.

        A point that two parts share belongs to one of them, so that a way through it crosses once and not twice.
        """
        p, q = (start.east_m, start.north_m), (end.east_m, end.north_m)
        count = 0
        for a, b in self._parts:
            came_from_left, goes_left = _is_left(p, a, b), _is_left(q, a, b)
            if came_from_left is not goes_left and _is_left(a, p, q) is not _is_left(b, p, q):
                count += 1 if came_from_left else -1
        return count

    def distance_m(self, point: PointEnu) -> float:
        return _length(self._away(point))

    def side(self, point: PointEnu, fix: GroundFix) -> tuple[float, float]:
        """Metres to the line, and the chance, 0.5 to 1, that what stands at `point` with the covariance of `fix` is on
        the side of the nearest part that it seems to be on."""
        away_e, away_n = self._away(point)
        distance_m = _length((away_e, away_n))
        if distance_m == 0.0:
            return 0.0, 0.5
        along_e, along_n = away_e / distance_m, away_n / distance_m
        variance_m2 = (
            along_e**2 * fix.var_east_m2 + 2 * along_e * along_n * fix.cov_east_north_m2 + along_n**2 * fix.var_north_m2
        )
        if variance_m2 <= 0.0:
            return distance_m, 1.0
        return distance_m, 0.5 * (1.0 + math.erf(distance_m / math.sqrt(2.0 * variance_m2)))

    def _away(self, point: PointEnu) -> Place:
        """From the nearest place of the line to `point`."""
        return min((_away((point.east_m, point.north_m), a, b) for a, b in self._parts), key=_length)


def _is_left(point: Place, a: Place, b: Place) -> bool:
    """Of somebody who stands at `a` and looks to `b`."""
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0]) >= 0.0


def _away(point: Place, a: Place, b: Place) -> Place:
    """From the nearest place between `a` and `b` to `point`."""
    along = b[0] - a[0], b[1] - a[1]
    away = point[0] - a[0], point[1] - a[1]
    share = (away[0] * along[0] + away[1] * along[1]) / (along[0] ** 2 + along[1] ** 2)
    share = min(max(share, 0.0), 1.0)
    return away[0] - share * along[0], away[1] - share * along[1]


def _length(vector: Place) -> float:
    return math.hypot(*vector)
