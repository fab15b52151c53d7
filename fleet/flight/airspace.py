"""Where a site's vehicles may be, and by which lines: its fence, no-fly areas and buildings as geometry.

Heights are above home, and home is taken to lie on the site's ground as every dock does. No-fly areas bind what flies;
buildings bind whatever is not well above them. "Not nearer than it is now": a vehicle that stands closer to a limit
than the margin may leave, never approach.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import shapely
from shapely import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

from contract.geo import GeoPoint, GeoPolygon, PointEnu
from contract.site import Site
from fleet.flight.corridors import Corridors
from fleet.flight.rally import rally_points

BUILDING_CLEARANCE_M = 5.0  # above a roof: barometer drift of a sortie (2 m) + what stands on roofs (3 m)
MOST_PLACES = 2048  # remembered in the frame: of vehicles, persons, docks, the corners and stops of every plan
SLACK_M = 1e-3  # what rounding may do to a distance that should be equal


@dataclass(frozen=True, slots=True)
class Reach:
    """The rectangle that something lies in. What is far from it, as most of a large site is, need not be measured."""

    west_m: float
    south_m: float
    east_m: float
    north_m: float

    def is_apart(self, other: "Reach", than_m: float) -> bool:
        """True only where nothing in the one is as near as this to anything in the other."""
        return (
            other.west_m > self.east_m + than_m
            or other.south_m > self.north_m + than_m
            or other.east_m < self.west_m - than_m
            or other.north_m < self.south_m - than_m
        )

    def is_far(self, point: PointEnu, than_m: float) -> bool:
        """The same of a point."""
        east_m, north_m = point.east_m, point.north_m
        return (
            east_m > self.east_m + than_m
            or north_m > self.north_m + than_m
            or east_m < self.west_m - than_m
            or north_m < self.south_m - than_m
        )


def reach_of(points: Iterable[PointEnu]) -> Reach:
    corners = [(point.east_m, point.north_m) for point in points]
    easts, norths = [east for east, _ in corners], [north for _, north in corners]
    return Reach(min(easts), min(norths), max(easts), max(norths))


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A footprint to stay out of; `top_m` None reaches to the sky and binds only what flies."""

    name: str
    footprint: Polygon
    top_m: float | None
    reach: Reach


class Airspace:
    """Geometry of one site in its ENU frame, built once."""

    def __init__(self, site: Site) -> None:
        self.frame = site.local_frame()
        self.rally_points = rally_points(site)
        self._remembered = lru_cache(maxsize=MOST_PLACES)(self.frame.to_enu)
        self._fence = self._polygon(site.geofence.polygon)
        self._boundary = self._fence.exterior
        shapely.prepare([self._fence, self._boundary])
        self._obstacles = (
            *(self._obstacle(f"no-fly area '{a.id}'", a.polygon, None) for a in site.no_fly),
            *(self._obstacle(f"building '{b.id}'", b.polygon, b.height_m) for b in site.buildings),
        )
        shapely.prepare([o.footprint for o in self._obstacles])
        self._inside_remembered = lru_cache(maxsize=MOST_PLACES)(self._inside_by_m)
        self._no_fly = shapely.union_all([o.footprint for o in self._obstacles if o.top_m is None])
        shapely.prepare(self._no_fly)
        self.corridors = Corridors(site.airspace.corridors, self.enu)

    def _polygon(self, corners: GeoPolygon) -> Polygon:
        return Polygon([self._xy(self.enu(corner)) for corner in corners])

    def _obstacle(self, name: str, corners: GeoPolygon, top_m: float | None) -> Obstacle:
        return Obstacle(name, self._polygon(corners), top_m, reach_of(self.enu(corner) for corner in corners))

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
        return self._inside_remembered(point)

    def _inside_by_m(self, point: PointEnu) -> float:
        spot = Point(self._xy(point))
        distance_m: float = self._boundary.distance(spot)
        return distance_m if self._fence.covers(spot) else -distance_m

    def inside_each_by_m(self, points: Iterable[PointEnu]) -> list[float]:
        """The same of many at once. Point by point the interpreter would change hands with every one of them, and who
        waits for it waits for all."""
        places = [self._xy(point) for point in points]
        if not places:
            return []
        spots = shapely.points(places)
        covered, distances_m = shapely.covers(self._fence, spots), shapely.distance(self._boundary, spots)
        return [
            distance_m if is_in else -distance_m
            for is_in, distance_m in zip(covered.tolist(), distances_m.tolist(), strict=True)
        ]

    def no_fly_at(self, point: PointEnu) -> str | None:
        """The no-fly area that a point lies in, by name; None: in none."""
        spot = Point(self._xy(point))
        if not self._no_fly.intersects(spot):
            return None
        return next((o.name for o in self._obstacles if o.top_m is None and o.footprint.intersects(spot)), None)

    def leg_refusals(
        self, a: PointEnu, b: PointEnu, *, flies: bool, lowest_m: float, starts_at_m: float, margin_m: float
    ) -> tuple[str, ...]:
        """Why the straight leg from `a`, where the vehicle is or will be, to `b` must not be taken; empty when it may.

        `lowest_m` is the least height of the leg, `starts_at_m` that of `a`: who is above a roof now is not beside the
        wall. `b` keeps `margin_m` from the fence whatever `a` does.
        """
        line, reach = _path(a, b), reach_of((a, b))
        clears_m = lowest_m - BUILDING_CLEARANCE_M
        is_over_m = starts_at_m - BUILDING_CLEARANCE_M
        return (
            *self._fence_refusals(line, a, "the way", margin_m=margin_m),
            *self._target_refusals(b, margin_m),
            *self._obstacle_refusals(
                line, reach, a, "the way", flies=flies, clears_m=clears_m, is_over_m=is_over_m, margin_m=margin_m
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
        triangle, reach = _path(a, b, place).convex_hull, reach_of((a, b, place))
        what, clears_m = "the straight way home", height_m - BUILDING_CLEARANCE_M
        return (
            *self._fence_refusals(triangle, place, what, margin_m=margin_m, or_point=a),
            *self._obstacle_refusals(
                triangle, reach, place, what, flies=flies, clears_m=clears_m, is_over_m=clears_m, margin_m=margin_m
            ),
        )

    def clear_of_roofs_m(self, point: PointEnu, *, within_m: float) -> float:
        """The least height that clears every building so near; 0 where there is none."""
        spot = Point(self._xy(point))
        tops_m = (o.top_m for o in self._obstacles if o.top_m is not None and o.footprint.distance(spot) <= within_m)
        return max((top_m + BUILDING_CLEARANCE_M for top_m in tops_m), default=0.0)

    def sees(self, eye: PointEnu, eye_height_m: float, target: PointEnu) -> bool:
        """Is the straight view from `eye` to the ground at `target` free of buildings? One that holds the target by its
        drawn outline does not count: nobody is located inside a wall."""
        line, spot = _path(eye, target), Point(self._xy(target))
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
        self,
        shape: BaseGeometry,
        reach: Reach,
        start: PointEnu,
        what: str,
        *,
        flies: bool,
        clears_m: float,
        is_over_m: float,
        margin_m: float,
    ) -> list[str]:
        """`clears_m`: roofs of that height are passed over; `is_over_m`: from the start, which they excuse nothing."""
        reasons = []
        far_m = max(margin_m, 0.0) + SLACK_M
        for obstacle in self._obstacles:
            if reach.is_apart(obstacle.reach, far_m):
                continue
            if obstacle.top_m is None and not flies:
                continue
            if flies and obstacle.top_m is not None and obstacle.top_m <= clears_m:
                continue
            gap_m = obstacle.footprint.distance(shape)
            if gap_m == 0.0:
                reasons.append(f"{what} crosses {obstacle.name}")
                continue
            if gap_m >= margin_m:
                continue
            is_over = flies and obstacle.top_m is not None and obstacle.top_m <= is_over_m
            if is_over or gap_m < obstacle.footprint.distance(Point(self._xy(start))) - SLACK_M:
                reasons.append(f"{what} comes within {gap_m:.1f} m of {obstacle.name}, expected {margin_m:.1f} m")
        return reasons


def _path(*points: PointEnu) -> LineString:
    path: LineString = shapely.linestrings([(point.east_m, point.north_m) for point in points])
    return path
