"""Where a subject stands, in the plane that a zone or line is drawn in: the ground, or the picture of a fixed camera.

On the ground a unit is a metre. In a picture it is a pixel, and y points up, so that left is left. What a pixel is in
metres is told there by the subject itself: it is taken to be as high as a person. Lengths from moment to moment are
measured on the ground also there, wherever the camera can locate.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import shapely
from shapely.geometry import Polygon

from contract.events import Sighting
from contract.geo import GeoPoint, GroundFix, LocalFrame, PointEnu
from contract.site import Lens, Line, Zone
from edge.perception.locate import foot_sigma_px

TALL_M = 1.7
STEP_PX = 8  # heights are rounded up to it, so that there are few scales
EDGE_FRAC = 0.01  # of the picture's height: what is drawn that near to its lower edge goes on below it, where feet are

Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Spot:
    """x, y and their covariance in units of the plane; `unit_m`: metres of one. point, fix: the same on the ground,
    where that is known."""

    x: float
    y: float
    var_x: float
    cov_xy: float
    var_y: float
    unit_m: float
    point: PointEnu | None
    fix: GroundFix | None

    @property
    def place(self) -> Place:
        return self.x, self.y

    @property
    def sigma(self) -> float:
        """One standard deviation along the worst direction, units: root of the larger eigenvalue."""
        mean = (self.var_x + self.var_y) / 2
        return math.sqrt(max(mean + math.hypot((self.var_x - self.var_y) / 2, self.cov_xy), 0.0))

    @property
    def sigma_m(self) -> float:
        return self.sigma * self.unit_m if self.fix is None else self.fix.sigma_m

    def distance_m(self, other: "Spot") -> float:
        if self.point is not None and other.point is not None:
            return self.point.horizontal_distance_m(other.point)
        return math.hypot(self.x - other.x, self.y - other.y) * (self.unit_m + other.unit_m) / 2


class Plane(Protocol):
    """Units, and where things are in it."""

    def outline(self, zone: Zone) -> Polygon: ...

    def path(self, line: Line) -> list[Place]: ...

    def spot(self, sighting: Sighting, point: PointEnu | None) -> Spot | None:
        """`point`: `sighting.ground` in the site's frame. None: it is nowhere in this plane."""
        ...


class OnGround:
    """East and north of the site's origin, metres."""

    def __init__(self, frame: LocalFrame) -> None:
        self._frame = frame

    def outline(self, zone: Zone) -> Polygon:
        return Polygon(self.places(zone.polygon or ()))

    def path(self, line: Line) -> list[Place]:
        return self.places(line.points or ())

    def spot(self, sighting: Sighting, point: PointEnu | None) -> Spot | None:
        fix = sighting.ground
        if fix is None or point is None:
            return None
        return Spot(
            point.east_m, point.north_m, fix.var_east_m2, fix.cov_east_north_m2, fix.var_north_m2, 1.0, point, fix
        )

    def places(self, points: Iterable[GeoPoint]) -> list[Place]:
        return [(enu.east_m, enu.north_m) for enu in map(self._frame.to_enu, points)]


class InPicture:
    """Pixels of a picture `height_px` high, y up. The foot counts, the middle of the box's lower edge."""

    def __init__(self, *, height_px: int) -> None:
        self._height_px = height_px
        self._edge_y = (EDGE_FRAC - 1.0) * height_px

    def outline(self, zone: Zone) -> Polygon:
        outline = Polygon([(x, -y) for x, y in zone.image_px or ()])
        left, bottom, right, _ = outline.bounds
        if bottom > self._edge_y:
            return outline
        at_edge = outline.intersection(shapely.box(left, bottom, right, self._edge_y))
        pieces = [piece for piece in shapely.get_parts(at_edge) if piece.area > 0.0]
        below = [shapely.box(p.bounds[0], -2.0 * self._height_px, p.bounds[2], self._edge_y) for p in pieces]
        whole = shapely.union_all([outline, *below])
        assert isinstance(whole, Polygon)
        return whole

    def path(self, line: Line) -> list[Place]:
        places = [(x, -y) for x, y in line.image_px or ()]
        before, after = ([(x, -2.0 * self._height_px)] if y <= self._edge_y else [] for x, y in (places[0], places[-1]))
        return [*before, *places, *after]

    def spot(self, sighting: Sighting, point: PointEnu | None) -> Spot | None:
        box = sighting.box
        foot_px = box.y_px + box.height_px
        variance = foot_sigma_px(box.height_px, is_hidden=foot_px >= self._height_px - 1.0) ** 2
        unit_m = TALL_M / (STEP_PX * max(math.ceil(box.height_px / STEP_PX), 1))
        x = box.x_px + box.width_px / 2
        return Spot(x, -foot_px, variance, 0.0, variance, unit_m, point, sighting.ground)


def plane_of(watched: Zone | Line, *, frame: LocalFrame, lens: Lens) -> Plane:
    """`lens`: of the camera that looks at it."""
    return InPicture(height_px=lens.height_px) if watched.drawn_px else OnGround(frame)
