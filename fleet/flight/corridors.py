"""Ways through the air that copters keep to between dock and work, where the site draws some; pure geometry.

Outside of them a way is at most as long as it takes to get in and out again: whoever stands beside a corridor enters it
the shortest way. A way keeps to one corridor, so one must lead from the docks to wherever work may be.
"""

from collections.abc import Callable, Sequence

from shapely import LineString, Point, union_all
from shapely.geometry.base import BaseGeometry

from contract.airspace import Corridor
from contract.geo import GeoPoint, PointEnu

ROUNDING_M = 1.0  # outlines are drawn with corners where they are round


class Corridors:
    """Those of one site in its ENU frame."""

    def __init__(self, corridors: Sequence[Corridor], enu: Callable[[GeoPoint], PointEnu]) -> None:
        self._middles = [LineString([_xy(enu(point)) for point in each.points]) for each in corridors]
        outlines = [line.buffer(each.width_m / 2.0) for line, each in zip(self._middles, corridors, strict=True)]
        self._all: BaseGeometry = union_all(outlines)

    def refusals(self, start: PointEnu, end: PointEnu) -> list[str]:
        """Why the straight way between the two is not kept to corridors."""
        outside_m, allowed_m = self._outside_m(start, end), self._beside_m(start) + self._beside_m(end)
        if outside_m <= allowed_m + ROUNDING_M:
            return []
        return [f"{outside_m:.0f} m of the way lie outside the corridors, expected at most {allowed_m:.0f} m"]

    def via(self, start: PointEnu, end: PointEnu) -> tuple[PointEnu, ...]:
        """The corners of the shortest way from `start` to `end` along one corridor; none where straight on is right."""
        if not self._middles or not self.refusals(start, end):
            return ()
        ways = [_along(middle, start, end) for middle in self._middles]
        return min(ways, key=lambda way: LineString([_xy(place) for place in (start, *way, end)]).length)

    def _outside_m(self, start: PointEnu, end: PointEnu) -> float:
        if not self._middles:
            return 0.0
        return float(LineString([_xy(start), _xy(end)]).difference(self._all).length)

    def _beside_m(self, place: PointEnu) -> float:
        return float(self._all.distance(Point(_xy(place)))) if self._middles else 0.0


def _along(middle: LineString, start: PointEnu, end: PointEnu) -> tuple[PointEnu, ...]:
    """Onto the middle line at its nearest place, along it, and off again."""
    enters_m, leaves_m = (float(middle.project(Point(_xy(place)))) for place in (start, end))
    low_m, high_m = sorted((enters_m, leaves_m))
    corners = [Point(corner) for corner in middle.coords]
    between = [corner for corner in corners if low_m < float(middle.project(corner)) < high_m]
    if enters_m > leaves_m:
        between.reverse()
    places = [middle.interpolate(enters_m), *between, middle.interpolate(leaves_m)]
    return tuple(dict.fromkeys(PointEnu(place.x, place.y) for place in places))


def _xy(point: PointEnu) -> tuple[float, float]:
    return point.east_m, point.north_m
