"""The shortest legal ways between many places at once: round obstacles, inside the fence, home always in reach.

A visibility graph (Lozano-Perez and Wesley, 1979): the corners of every obstacle, grown by the margin, and of the
fence, shrunk by it, are joined by each straight leg that is free; Dijkstra finds the rest. It only proposes: what is
flown goes through the gate, which judges each leg again.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csgraph
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from contract.geo import GeoPolygon, PointEnu
from contract.site import Site
from fleet.flight.airspace import BUILDING_CLEARANCE_M

BESIDE_M = 0.5  # corners lie this much outside of what they go round
MOST_CORNERS = 400  # of a site's obstacles; the graph has a leg for each pair
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PatrolPaths:
    """Between `places`: length_m[i, j], infinite where there is no legal way."""

    places: tuple[PointEnu, ...]
    length_m: Floats
    _nodes: tuple[PointEnu, ...]
    _before: NDArray[np.int32]

    def way(self, start: int, end: int) -> tuple[PointEnu, ...]:
        """The corners from `start` to `end`, both included. The length must be finite."""
        chain = [end]
        while chain[-1] != start:
            chain.append(int(self._before[start, chain[-1]]))
        return tuple(self._nodes[node] for node in reversed(chain))


def patrol_paths(
    site: Site,
    places: Sequence[PointEnu],
    *,
    flies: bool,
    height_m: float,
    margin_m: float,
    homes: Sequence[PointEnu] = (),
    return_height_m: float = 0.0,
) -> PatrolPaths:
    """`homes`: where the straight way must be free from every point of every leg, at `return_height_m`; ground vehicles
    (heights of no meaning) drive round every building and under no-fly areas."""
    frame = site.local_frame()

    def outline(corners: GeoPolygon) -> Polygon:
        return Polygon([(p.east_m, p.north_m) for p in (frame.to_enu(corner) for corner in corners)])

    def obstacles(at_m: float, grown_m: float) -> BaseGeometry:
        areas = [outline(area.polygon) for area in site.no_fly if flies]
        roofs = [outline(b.polygon) for b in site.buildings if not flies or b.height_m > at_m - BUILDING_CLEARANCE_M]
        return shapely.union_all([_grown(each, grown_m) for each in (*areas, *roofs)])

    fence = _grown(outline(site.geofence.polygon), -margin_m)
    blocked = obstacles(height_m, margin_m)
    around = _corners(obstacles(height_m, margin_m + BESIDE_M)) + _corners(_grown(fence, -BESIDE_M))
    shapely.prepare([fence, blocked])
    spots = shapely.points(around).reshape(-1)
    free = shapely.covers(fence, spots) & ~shapely.intersects(blocked, spots)
    nodes = (*places, *(PointEnu(*xy) for xy, is_free in zip(around, free, strict=True) if is_free))[:MOST_CORNERS]
    first, second = (np.array(side) for side in np.triu_indices(len(nodes), 1))
    xy = np.array([(node.east_m, node.north_m) for node in nodes])
    lines = shapely.linestrings(np.stack([xy[first], xy[second]], axis=1))
    legal = shapely.covers(fence, lines) & ~shapely.intersects(blocked, lines)
    beside_home = obstacles(return_height_m, BESIDE_M)
    shapely.prepare(beside_home)
    for home in homes if not beside_home.is_empty else ():
        corner = np.broadcast_to((home.east_m, home.north_m), (len(first), 2))
        swept = shapely.convex_hull(shapely.multipoints(np.stack([xy[first], xy[second], corner], axis=1)))
        legal &= ~shapely.intersects(beside_home, swept)
    graph = np.full((len(nodes), len(nodes)), np.inf)
    apart_m = np.hypot(*(xy[first] - xy[second]).T)
    graph[first[legal], second[legal]] = np.maximum(apart_m[legal], 1e-9)  # two places may be one
    length_m, before = csgraph.dijkstra(
        csgraph.csgraph_from_dense(graph, null_value=np.inf),
        directed=False,
        indices=range(len(places)),
        return_predecessors=True,
    )
    return PatrolPaths(tuple(places), length_m[:, : len(places)], nodes, before)


def _grown(shape: BaseGeometry, by_m: float) -> BaseGeometry:
    return shape.buffer(by_m, join_style="mitre", mitre_limit=2.0)


def _corners(shape: BaseGeometry) -> list[tuple[float, float]]:
    rings = itertools.chain.from_iterable((part.exterior, *part.interiors) for part in shapely.get_parts(shape))
    return [(float(x), float(y)) for ring in rings for x, y in list(ring.coords)[:-1]]
