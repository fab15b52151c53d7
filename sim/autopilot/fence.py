"""Where the vehicle may be: polygons and circles it was given, and its own circle about home and height limits.

Uploading does not enable. `breach` answers for a point; what follows (FENCE_ACTION) is the vehicle's business.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contract.geo import PointEnu
from sim.autopilot.items import CIRCLE_EXCLUSION, CIRCLE_INCLUSION, INCLUSION, Item

MIN_VERTICES, MAX_VERTICES = 3, 255
BREACH_NONE, BREACH_MIN_ALT, BREACH_MAX_ALT, BREACH_BOUNDARY = 0, 1, 2, 3  # FENCE_BREACH
TYPE_MAX_ALT, TYPE_CIRCLE, TYPE_POLYGON, TYPE_MIN_ALT = 1, 2, 4, 8  # bits of FENCE_TYPE

Ring = tuple[PointEnu, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """A polygon, or a circle when `radius_m` is set (its ring is the centre alone)."""

    ring: Ring
    is_inclusion: bool
    radius_m: float | None = None

    def depth_m(self, point: PointEnu) -> float:
        """How far inside the permitted side; negative is a breach."""
        if self.radius_m is not None:
            inside_m = self.radius_m - self.ring[0].horizontal_distance_m(point)
        else:
            edge_m = min(_distance_to_side(point, a, b) for a, b in _sides(self.ring))
            inside_m = edge_m if _contains(self.ring, point) else -edge_m
        return inside_m if self.is_inclusion else -inside_m


class BadFence(ValueError):
    """The text is what STATUSTEXT says."""


def shapes_of(items: Sequence[Item], place: Callable[[Item], PointEnu]) -> tuple[Shape, ...]:
    """Shapes of a fence as uploaded. Raises BadFence."""
    shapes: list[Shape] = []
    at = 0
    while at < len(items):
        item = items[at]
        if item.command in (CIRCLE_INCLUSION, CIRCLE_EXCLUSION):
            if not item.params[0] > 0:
                raise BadFence(f"Fence: item {at} radius {item.params[0]:.0f} is not positive")
            shapes.append(Shape((place(item),), item.command == CIRCLE_INCLUSION, item.params[0]))
            at += 1
            continue
        count = int(item.params[0])
        ring = items[at : at + count]
        if not MIN_VERTICES <= count <= MAX_VERTICES:
            raise BadFence(f"Fence: item {at} invalid vertex count {count}")
        if len(ring) < count or any(v.command != item.command or v.params[0] != item.params[0] for v in ring):
            raise BadFence(f"Fence: item {at} expected {count} vertices in a row")
        shapes.append(Shape(tuple(place(v) for v in ring), item.command == INCLUSION))
        at += count
    return tuple(shapes)


@dataclass(frozen=True, slots=True)
class FenceLimits:
    """Everything that is on, in metres: heights above home, circle about home."""

    home: PointEnu
    shapes: tuple[Shape, ...] = ()
    radius_m: float | None = None
    max_up_m: float | None = None
    min_up_m: float | None = None

    def boundary_depth_m(self, point: PointEnu) -> float:
        """Metres to the nearest side of any shape, negative outside; a point inside one inclusion of several is in."""
        depths = [shape.depth_m(point) for shape in self.shapes if not shape.is_inclusion]
        inclusions = [shape.depth_m(point) for shape in self.shapes if shape.is_inclusion]
        if inclusions:
            depths.append(max(inclusions))
        if self.radius_m is not None:
            depths.append(self.radius_m - self.home.horizontal_distance_m(point))
        return min(depths, default=math.inf)

    def breach(self, point: PointEnu) -> int:
        """FENCE_BREACH of a point whose up is above home."""
        if self.boundary_depth_m(point) < 0:
            return BREACH_BOUNDARY
        if self.max_up_m is not None and point.up_m > self.max_up_m:
            return BREACH_MAX_ALT
        if self.min_up_m is not None and point.up_m < self.min_up_m:
            return BREACH_MIN_ALT
        return BREACH_NONE


def _sides(ring: Ring) -> list[tuple[PointEnu, PointEnu]]:
    return list(zip(ring, ring[1:] + ring[:1], strict=True))


def _contains(ring: Ring, point: PointEnu) -> bool:
    inside = False
    for a, b in _sides(ring):
        if (a.north_m > point.north_m) != (b.north_m > point.north_m):
            share = (point.north_m - a.north_m) / (b.north_m - a.north_m)
            inside ^= point.east_m < a.east_m + share * (b.east_m - a.east_m)
    return inside


def _distance_to_side(point: PointEnu, a: PointEnu, b: PointEnu) -> float:
    east, north = b.east_m - a.east_m, b.north_m - a.north_m
    length2 = east * east + north * north
    share = 0.0
    if length2 > 0:
        share = max(0.0, min(1.0, ((point.east_m - a.east_m) * east + (point.north_m - a.north_m) * north) / length2))
    return math.hypot(point.east_m - a.east_m - share * east, point.north_m - a.north_m - share * north)
