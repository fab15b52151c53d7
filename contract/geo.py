"""Where things are: WGS84 points, a site's local frame, and heights that always say above what.

Order is always lat, lon; headings are clockwise from true north; the local frame is east, north, up.
Heights above mean sea level are used as if above the ellipsoid: over one site the difference is a constant
and cancels.
"""

import math
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field

from contract.frozen import Degrees7, Frozen, Metres3, Pixels1

WGS84_A_M = 6_378_137.0  # semi-major axis, NGA.STND.0036
WGS84_E2 = 6.694379990141316e-3  # first eccentricity squared, NGA.STND.0036


class AltitudeFrame(str, Enum):
    """What a height is measured from."""

    AMSL = "amsl"
    AGL = "agl"
    ABOVE_HOME = "above_home"


class Altitude(Frozen):
    """A height, never without its frame."""

    m: Metres3
    frame: AltitudeFrame


class GeoPoint(Frozen):
    """WGS84 position, degrees; (0, 0) is refused: it is what an unset receiver reports."""

    lat_deg: Annotated[Degrees7, Field(ge=-90.0, le=90.0)]
    lon_deg: Annotated[Degrees7, Field(ge=-180.0, le=180.0)]

    def model_post_init(self, _context: object) -> None:
        if self.lat_deg == 0.0 and self.lon_deg == 0.0:
            raise ValueError("a position of exactly (0, 0) is an unset receiver, not a place")


@dataclass(frozen=True, slots=True)
class PointEnu:
    """Metres east, north and up of a site's origin."""

    east_m: float
    north_m: float
    up_m: float = 0.0

    def horizontal_distance_m(self, other: "PointEnu") -> float:
        return math.hypot(self.east_m - other.east_m, self.north_m - other.north_m)


PixelPoint = tuple[float, float]  # x right, y down, px of the full frame


class BoxPx(Frozen):
    """Axis-aligned box in pixels of the full frame; x right, y down, origin at the top-left corner of pixel (0, 0)."""

    x_px: Pixels1
    y_px: Pixels1
    width_px: Annotated[Pixels1, Field(ge=0.0)]
    height_px: Annotated[Pixels1, Field(ge=0.0)]


class GroundFix(Frozen):
    """A located point on the ground with its error: covariance of (east, north) in square metres."""

    point: GeoPoint
    var_east_m2: Annotated[Metres3, Field(ge=0.0)]
    cov_east_north_m2: Metres3
    var_north_m2: Annotated[Metres3, Field(ge=0.0)]

    @property
    def sigma_m(self) -> float:
        """One standard deviation along the worst direction, metres: root of the larger eigenvalue."""
        mean = (self.var_east_m2 + self.var_north_m2) / 2
        half_gap = math.hypot((self.var_east_m2 - self.var_north_m2) / 2, self.cov_east_north_m2)
        return math.sqrt(max(mean + half_gap, 0.0))


def _to_ecef(lat_deg: float, lon_deg: float, height_m: float) -> tuple[float, float, float]:
    lat, lon = math.radians(lat_deg), math.radians(lon_deg)
    n = WGS84_A_M / math.sqrt(1.0 - WGS84_E2 * math.sin(lat) ** 2)
    return (
        (n + height_m) * math.cos(lat) * math.cos(lon),
        (n + height_m) * math.cos(lat) * math.sin(lon),
        (n * (1.0 - WGS84_E2) + height_m) * math.sin(lat),
    )


def _from_ecef(x: float, y: float, z: float) -> tuple[float, float, float]:
    """Geodetic latitude, longitude (degrees) and height (m); Bowring's iteration, below 1e-9 m near the ground."""
    p = math.hypot(x, y)
    lat = math.atan2(z, p * (1.0 - WGS84_E2))
    height = 0.0
    for _ in range(4):
        n = WGS84_A_M / math.sqrt(1.0 - WGS84_E2 * math.sin(lat) ** 2)
        height = p * math.cos(lat) + z * math.sin(lat) - WGS84_A_M**2 / n
        lat = math.atan2(z, p * (1.0 - WGS84_E2 * n / (n + height)))
    return math.degrees(lat), math.degrees(math.atan2(y, x)), height


class LocalFrame:
    """The tangent plane at a site's origin; conversions are exact (through ECEF), good to any distance a site has."""

    def __init__(self, origin: GeoPoint, *, ground_amsl_m: float) -> None:
        self.origin = origin
        self.ground_amsl_m = ground_amsl_m
        self._ecef = _to_ecef(origin.lat_deg, origin.lon_deg, ground_amsl_m)
        lat, lon = math.radians(origin.lat_deg), math.radians(origin.lon_deg)
        sin_lat, cos_lat, sin_lon, cos_lon = math.sin(lat), math.cos(lat), math.sin(lon), math.cos(lon)
        self._east = (-sin_lon, cos_lon, 0.0)
        self._north = (-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat)
        self._up = (cos_lat * cos_lon, cos_lat * sin_lon, sin_lat)

    def to_enu(self, point: GeoPoint, *, amsl_m: float | None = None) -> PointEnu:
        """ENU of `point` at `amsl_m` (default: the height of the origin's ground)."""
        height_m = self.ground_amsl_m if amsl_m is None else amsl_m
        x, y, z = _to_ecef(point.lat_deg, point.lon_deg, height_m)
        x, y, z = x - self._ecef[0], y - self._ecef[1], z - self._ecef[2]
        (ex, ey), (nx, ny, nz), (ux, uy, uz) = self._east[:2], self._north, self._up
        return PointEnu(ex * x + ey * y, nx * x + ny * y + nz * z, ux * x + uy * y + uz * z)  # often, so written out

    def to_geo(self, point: PointEnu) -> tuple[GeoPoint, float]:
        """WGS84 position and height above mean sea level (m) of an ENU point."""
        (ex, ey, _), (nx, ny, nz), (ux, uy, uz) = self._east, self._north, self._up
        east, north, up = point.east_m, point.north_m, point.up_m
        x, y, z = self._ecef
        ecef = (
            x + (ex * east + nx * north + ux * up),
            y + (ey * east + ny * north + uy * up),
            z + (nz * north + uz * up),
        )
        lat_deg, lon_deg, height_m = _from_ecef(*ecef)
        return GeoPoint(lat_deg=lat_deg, lon_deg=lon_deg), height_m


def distance_m(a: GeoPoint, b: GeoPoint) -> float:
    """Horizontal distance on the tangent plane at `a`; for points of one site."""
    enu = LocalFrame(a, ground_amsl_m=0.0).to_enu(b)
    return math.hypot(enu.east_m, enu.north_m)


def heading_deg(a: PointEnu, b: PointEnu) -> float:
    """Direction from `a` to `b`, clockwise from north, 0 <= h < 360."""
    return math.degrees(math.atan2(b.east_m - a.east_m, b.north_m - a.north_m)) % 360.0


Corner = tuple[float, float]


def _simple_polygon(points: tuple[GeoPoint, ...]) -> tuple[GeoPoint, ...]:
    _expect_corners(points)
    frame = LocalFrame(points[0], ground_amsl_m=0.0)
    _expect_simple([(enu.east_m, enu.north_m) for enu in map(frame.to_enu, points)])
    return points


def _simple_outline(corners: tuple[PixelPoint, ...]) -> tuple[PixelPoint, ...]:
    _expect_corners(corners)
    _expect_simple(list(corners))
    return corners


def _expect_corners(points: tuple[object, ...]) -> None:
    if len(points) < 3:
        raise ValueError(f"a polygon needs at least 3 points, got {len(points)}")
    if len(set(points)) < len(points):
        raise ValueError("a polygon must not name a point twice (the last side closes by itself)")


def _expect_simple(ring: list[Corner]) -> None:
    """Square metres or square pixels, an area of less than 0.01 is none."""
    sides = list(zip(ring, ring[1:] + ring[:1], strict=True))
    for i, (a, b) in enumerate(sides):
        for j, (c, d) in enumerate(sides[i + 2 :], i + 2):
            if (i, j) != (0, len(sides) - 1) and _sides_cross(a, b, c, d):
                raise ValueError(f"a polygon must not cross itself: side {i + 1} meets side {j + 1}")
    if abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in sides)) < 0.02:
        raise ValueError("a polygon needs an area: its points lie on one line")


def _sides_cross(a: Corner, b: Corner, c: Corner, d: Corner) -> bool:
    def turn(p: Corner, q: Corner, r: Corner) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    def apart(p: float, q: float, r: float, s: float) -> bool:
        return max(p, q) < min(r, s) or max(r, s) < min(p, q)

    if apart(a[0], b[0], c[0], d[0]) or apart(a[1], b[1], c[1], d[1]):
        return False
    return turn(a, b, c) * turn(a, b, d) <= 0 and turn(c, d, a) * turn(c, d, b) <= 0


# At least 3 distinct corners, first not repeated, sides that do not cross, some area.
GeoPolygon = Annotated[tuple[GeoPoint, ...], AfterValidator(_simple_polygon)]


PathT = TypeVar("PathT", bound=tuple[object, ...])


def _path(points: PathT) -> PathT:
    if len(points) < 2:
        raise ValueError(f"a line needs at least 2 points, got {len(points)}")
    if any(a == b for a, b in pairwise(points)):
        raise ValueError("a line must not name a point twice in a row")
    return points


# At least 2 points, each another than the one before.
GeoPath = Annotated[tuple[GeoPoint, ...], AfterValidator(_path)]

# The same two, drawn in a camera's picture.
PixelPolygon = Annotated[tuple[PixelPoint, ...], AfterValidator(_simple_outline)]
PixelPath = Annotated[tuple[PixelPoint, ...], AfterValidator(_path)]
