"""A line in its plane: which way it is crossed, and how sure it is that somebody stands on the side he seems to."""

import math
from collections.abc import Sequence
from itertools import pairwise

from edge.plane import Place, Spot


class DrawnLine:
    """Straight from each place to the next, in units of its plane. Who stands on it stands on its left."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._parts = tuple(pairwise(places))

    def crossings(self, start: Place, end: Place) -> int:
        """How often the straight way from `start` to `end` leads from left to right, less how often the other way.

        A point that two parts share belongs to one of them, so that a way through it crosses once and not twice.
        """
        count = 0
        for a, b in self._parts:
            came_from_left, goes_left = _is_left(start, a, b), _is_left(end, a, b)
            if came_from_left is not goes_left and _is_left(a, start, end) is not _is_left(b, start, end):
                count += 1 if came_from_left else -1
        return count

    def distance(self, place: Place) -> float:
        return _length(self._away(place))

    def side(self, spot: Spot) -> tuple[float, float]:
        """Units to the line, and the chance, 0.5 to 1, that what stands at `spot` is on the side of the nearest part
        that it seems to be on."""
        away_x, away_y = self._away(spot.place)
        distance = _length((away_x, away_y))
        if distance == 0.0:
            return 0.0, 0.5
        along_x, along_y = away_x / distance, away_y / distance
        variance = along_x**2 * spot.var_x + 2 * along_x * along_y * spot.cov_xy + along_y**2 * spot.var_y
        if variance <= 0.0:
            return distance, 1.0
        return distance, 0.5 * (1.0 + math.erf(distance / math.sqrt(2.0 * variance)))

    def _away(self, place: Place) -> Place:
        """From the nearest place of the line to `place`."""
        return min((_away(place, a, b) for a, b in self._parts), key=_length)


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
