"""Where a site's vehicles may be, and by which lines: its fence, no-fly areas and buildings as geometry.

Heights are above home, and home is taken to lie on the site's ground as every dock does. No-fly areas bind what flies;
buildings bind whatever is not well above them. "Not nearer than it is now": a vehicle that stands closer to a limit
than the margin may leave, never approach.
"""

from dataclasses import dataclass
from functools import lru_cache

import shapely
from shapely import LineString, MultiPoint, Point, Polygon
from shapely.geometry.base import BaseGeometry

from contract.geo import GeoPoint, GeoPolygon, PointEnu
from contract.site import Site

BUILDING_CLEARANCE_M = 5.0  # above a roof: barometer drift of a sortie (2 m) + what stands on roofs (3 m)
MOST_PLACES = 2048  # remembered in the frame: of vehicles, persons, docks, the corners and stops of every plan
SLACK_M = 1e-3  # what rounding may do to a distance that should be equal


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A footprint to stay out of; `top_m` None reaches to the sky and binds only what flies."""

    name: str
    footprint: Polygon
    top_m: float | None


class Airspace:
    """Geometry of one site in its ENU frame, built once."""

    def __init__(self, site: Site) -> None:
        self.frame = site.local_frame()
        self._remembered = lru_cache(maxsize=MOST_PLACES)(self.frame.to_enu)
        self._fence = self._polygon(site.geofence.polygon)
        self._boundary = self._fence.exterior
        shapely.prepare([self._fence, self._boundary])
        self._obstacles = (
            *(Obstacle(f"no-fly area '{a.id}'", self._polygon(a.polygon), None) for a in site.no_fly),
            *(Obstacle(f"building '{b.id}'", self._polygon(b.polygon), b.height_m) for b in site.buildings),
        )
        shapely.prepare([o.footprint for o in self._obstacles])

    def _polygon(self, corners: GeoPolygon) -> Polygon:
        return Polygon([self._xy(self.enu(corner)) for corner in corners])

    @staticmethod
    def _xy(point: PointEnu) -> tuple[float, float]:
        return point.east_m, point.north_m

    def enu(self, point: GeoPoint) -> PointEnu:
        """On the ground; a place is asked for again and again until it changes."""
        return self._remembered(point)

    def geo(self, point: PointEnu) -> GeoPoint:
        return self.frame.to_geo(point)[0]

    def inside_by_m(self, point: PointEnu) -> float:
        """Distance to the fence: positive inside, negative outside."""
        spot = Point(self._xy(point))
        distance_m: float = self._boundary.distance(spot)
        return distance_m if self._fence.covers(spot) else -distance_m

    def leg_refusals(
        self, a: PointEnu, b: PointEnu, *, flies: bool, lowest_m: float, margin_m: float
    ) -> tuple[str, ...]:
        """Why the straight leg from `a`, where the vehicle is or will be, to `b` must not be taken; empty when it may.

        `lowest_m` is the least height of the leg. `b` keeps `margin_m` from the fence whatever `a` does.
        """
        return (
            *self._fence_refusals(_line(a, b), a, "the way", margin_m=margin_m),
            *self._target_refusals(b, margin_m),
            *self._obstacle_refusals(
                _line(a, b), a, "the way", flies=flies, clears_m=lowest_m - BUILDING_CLEARANCE_M, margin_m=margin_m
            ),
        )

    def return_refusals(
        self,
        a: PointEnu,
        b: PointEnu,
        place: PointEnu,
        *,
        flies: bool,
        height_m: float,
        margin_m: float,
    ) -> tuple[str, ...]:
        """Why the straight line to `place` at `height_m` is not clear from every point between `a` and `b`: those lines
        together are the triangle of the three."""
        triangle = MultiPoint([self._xy(a), self._xy(b), self._xy(place)]).convex_hull
        what = "the straight way home"
        return (
            *self._fence_refusals(triangle, place, what, margin_m=margin_m, or_point=a),
            *self._obstacle_refusals(
                triangle, place, what, flies=flies, clears_m=height_m - BUILDING_CLEARANCE_M, margin_m=margin_m
            ),
        )

    def sees(self, eye: PointEnu, eye_height_m: float, target: PointEnu) -> bool:
        """Is the straight view from `eye` to the ground at `target` free of buildings? One that holds the target by its
        drawn outline does not count: nobody is located inside a wall."""
        line, spot = _line(eye, target), Point(self._xy(target))
        for obstacle in self._obstacles:
            if obstacle.top_m is None or obstacle.footprint.covers(spot) or not obstacle.footprint.intersects(line):
                continue
            nearest_m = obstacle.footprint.intersection(line).distance(spot)
            if eye_height_m * nearest_m / line.length < obstacle.top_m:
                return False
        return True

    def _fence_refusals(
        self, shape: BaseGeometry, start: PointEnu, what: str, *, margin_m: float, or_point: PointEnu | None = None
    ) -> list[str]:
        if not self._fence.covers(shape):
            return [f"{what} leaves the geofence"]
        nearest_m = self._boundary.distance(shape)
        limit_m = min(margin_m, self.inside_by_m(start))
        if or_point is not None:
            limit_m = min(limit_m, self.inside_by_m(or_point))
        if nearest_m < limit_m - SLACK_M:
            return [f"{what} comes within {nearest_m:.1f} m of the geofence, expected at least {limit_m:.1f} m"]
        return []

    def _target_refusals(self, target: PointEnu, margin_m: float) -> list[str]:
        inside_m = self.inside_by_m(target)
        if inside_m >= margin_m:
            return []
        return [f"the destination lies {inside_m:.1f} m inside the geofence, expected at least {margin_m:.1f} m"]

    def _obstacle_refusals(
        self, shape: BaseGeometry, start: PointEnu, what: str, *, flies: bool, clears_m: float, margin_m: float
    ) -> list[str]:
        reasons = []
        for obstacle in self._obstacles:
            if obstacle.top_m is None and not flies:
                continue
            if flies and obstacle.top_m is not None and obstacle.top_m <= clears_m:
                continue
            gap_m = obstacle.footprint.distance(shape)
            if gap_m == 0.0:
                reasons.append(f"{what} crosses {obstacle.name}")
            elif gap_m < margin_m and gap_m < obstacle.footprint.distance(Point(self._xy(start))) - SLACK_M:
                reasons.append(f"{what} comes within {gap_m:.1f} m of {obstacle.name}, expected {margin_m:.1f} m")
        return reasons


def _line(a: PointEnu, b: PointEnu) -> LineString:
    return LineString([(a.east_m, a.north_m), (b.east_m, b.north_m)])
