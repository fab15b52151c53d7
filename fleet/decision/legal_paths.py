"""The shortest way around no-fly areas and buildings and inside the fence: a visibility graph over their corners.

Which leg may be taken is the gate's own judgement (`fleet.flight.way.line_refusals`, the straight ways home from it
among them); the geometry in here only finds the corners worth asking about. What depends on the site and the margin is
worked out once, a corner's view of the others when it is first asked for.
"""

import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from weakref import WeakKeyDictionary

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Point, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient

from contract.geo import GeoPolygon, PointEnu
from contract.site import Site, Vehicle
from fleet.flight.airspace import BUILDING_CLEARANCE_M, SLACK_M, Airspace
from fleet.flight.vehicle import VehicleState
from fleet.flight.way import Stop, Way, line_refusals, margin_m
from fleet.flight.world import World

MARGIN_STEP_M = 0.5  # margins are rounded up to this, so that vehicles of a kind share one graph
BEYOND_M = 0.05  # corners lie so far outside the margin: what rounding may take away
LONGEST_DETOUR = 3.0  # times the straight line
LEAST_DETOUR_M = 200.0
MOST_JUDGED = 120  # legs put to the gate's judgement for one way
MOST_GRAPHS = 16  # remembered for one site
MOST_SHADOWS = 512
FAR_M = 100_000.0  # as far as a shadow reaches

Judge = Callable[[PointEnu, PointEnu], bool]


class _Graph:
    """The corners of the free space at one margin, and which of them see each other."""

    def __init__(self, fence: Polygon, blocks: Iterable[Polygon], margin: float) -> None:
        blocks = list(blocks)
        self._free = _free_space(fence, blocks, margin)
        self.corners = _inner_corners(_free_space(fence, blocks, margin + BEYOND_M))
        self._views: dict[int, NDArray[np.intp]] = {}
        shapely.prepare(self._free)

    def seen_from(self, corner: int) -> NDArray[np.intp]:
        """Indices of the corners in straight view of that one."""
        if corner not in self._views:
            lines = _lines(self.corners[corner], self.corners)
            self._views[corner] = np.flatnonzero(shapely.covers(self._free, lines))
        return self._views[corner]

    def seen_by(self, place: PointEnu) -> NDArray[np.bool_]:
        """Which corners see a place that keeps the margin itself."""
        seen: NDArray[np.bool_] = shapely.covers(self._free, _lines(np.array(_xy(place)), self.corners))
        return seen


class LegalPaths:
    """Those of one site. It holds no airspace: airspaces are what these are remembered by."""

    def __init__(self, site: Site, airspace: Airspace) -> None:
        self._fence = _polygon(site.geofence.polygon, airspace)
        self._no_fly = [(f"no-fly area '{each.id}'", _polygon(each.polygon, airspace)) for each in site.no_fly]
        self._buildings = [
            (each.height_m, f"building '{each.id}'", _polygon(each.polygon, airspace)) for each in site.buildings
        ]
        self._graphs: dict[tuple[float, tuple[str, ...]], _Graph] = {}
        self._shadows: dict[tuple[tuple[PointEnu, ...], tuple[str, ...]], BaseGeometry] = {}
        self._unions: dict[tuple[str, ...], BaseGeometry] = {}

    def around(
        self, start: PointEnu, end: PointEnu, *, margin: float, height_m: float | None, is_legal: Judge
    ) -> tuple[PointEnu, ...] | None:
        """The corners of the shortest way whose every leg `is_legal`; () straight on, None when none is found.

        `height_m` above home; None on the ground, where no-fly areas do not bind and every building does.
        """
        if is_legal(start, end):
            return ()
        if not is_legal(end, end):  # the place itself, and the straight ways home from it
            return None
        graph = self._graph(margin, height_m)
        if not len(graph.corners):
            return None
        at = graph.corners
        to_end_m = np.hypot(at[:, 0] - end.east_m, at[:, 1] - end.north_m)
        from_start_m = np.hypot(at[:, 0] - start.east_m, at[:, 1] - start.north_m)
        longest_m = max(LONGEST_DETOUR * start.horizontal_distance_m(end), LEAST_DETOUR_M)
        near = from_start_m + to_end_m <= longest_m
        sees_end = graph.seen_by(end)
        return _search(graph, start, end, near=near, sees_end=sees_end, is_legal=is_legal)

    def _graph(self, margin: float, height_m: float | None) -> _Graph:
        rounded_m = math.ceil(margin / MARGIN_STEP_M) * MARGIN_STEP_M
        blocks = self._blocks(height_m)
        key = rounded_m, tuple(name for name, _ in blocks)
        if key not in self._graphs:
            if len(self._graphs) >= MOST_GRAPHS:
                del self._graphs[next(iter(self._graphs))]
            self._graphs[key] = _Graph(self._fence, [footprint for _, footprint in blocks], rounded_m)
        return self._graphs[key]

    def _blocks(self, height_m: float | None) -> list[tuple[str, Polygon]]:
        """What must be gone around at that height, by name."""
        if height_m is None:
            return [(name, footprint) for _, name, footprint in self._buildings]
        clears_m = height_m - BUILDING_CLEARANCE_M
        return [*self._no_fly, *((name, footprint) for top_m, name, footprint in self._buildings if top_m > clears_m)]

    def not_blocked(
        self,
        start: PointEnu,
        spots: Sequence[PointEnu],
        *,
        homes: Iterable[PointEnu],
        margin: float,
        height_m: float | None,
        home_m: float | None,
    ) -> list[bool]:
        """For each spot: False where the straight way to it comes too near to something, or the one from it to one of
        `homes` crosses something. Quick; what is True is still to be judged. Heights above home, None on the ground."""
        at = np.array([_xy(spot) for spot in spots])
        clear = ~shapely.contains_xy(self._shadow(tuple(homes), home_m), at)
        union = self._union(height_m)
        seen = [bool(each) for each in clear]
        lines = _lines(np.array(_xy(start)), at[clear])
        keeps_m = max(min(margin, union.distance(Point(_xy(start)))) - SLACK_M, 0.0)  # "not nearer than it is now"
        too_near = shapely.dwithin(union, lines, keeps_m).tolist()
        for index, is_too_near in zip(np.flatnonzero(clear).tolist(), too_near, strict=True):
            seen[index] = not is_too_near
        return seen

    def _union(self, height_m: float | None) -> BaseGeometry:
        blocks = self._blocks(height_m)
        names = tuple(name for name, _ in blocks)
        if names not in self._unions:
            self._unions[names] = shapely.union_all([footprint for _, footprint in blocks])
            shapely.prepare(self._unions[names])
        return self._unions[names]

    def _shadow(self, homes: tuple[PointEnu, ...], height_m: float | None) -> BaseGeometry:
        """From where the straight way to one of `homes` crosses something."""
        blocks = self._blocks(height_m)
        key = homes, tuple(name for name, _ in blocks)
        if key not in self._shadows:
            if len(self._shadows) >= MOST_SHADOWS:
                del self._shadows[next(iter(self._shadows))]
            shadow = shapely.union_all([_shadow_of(footprint, home) for _, footprint in blocks for home in homes])
            shapely.prepare(shadow)
            self._shadows[key] = shadow
        return self._shadows[key]

    def between(self, start: PointEnu, end: PointEnu, *, margin: float, height_m: float | None) -> tuple[str, ...]:
        """What the straight way comes too near to; the fence where it is nothing else."""
        line = shapely.linestrings([_xy(start), _xy(end)])
        names = tuple(name for name, footprint in self._blocks(height_m) if footprint.distance(line) < margin)
        return names or ("the fence",)


_KNOWN: "WeakKeyDictionary[Airspace, LegalPaths]" = WeakKeyDictionary()


def legal_corners(
    start: PointEnu, end: PointEnu, *, vehicle: VehicleState, spec: Vehicle, height_m: float | None, world: World
) -> tuple[PointEnu, ...] | None:
    """Where this vehicle turns on its way from `start` to `end` at its cruise speed: along a corridor where the site
    draws some, else around what is in the way; None when there is no such way."""
    if spec.kind.flies and (via := world.airspace.corridors.via(start, end)):
        return via
    paths = _paths_of(world)
    margin, level_m = margin_m(vehicle, spec.cruise_speed_m_s), height_m or 0.0

    def is_legal(a: PointEnu, b: PointEnu) -> bool:
        leg = Way(Stop(a, level_m, False), (Stop(b, level_m, True),))
        return not line_refusals(leg, margin, spec, vehicle, world)

    return paths.around(start, end, margin=margin, height_m=height_m, is_legal=is_legal)


def names_between(
    start: PointEnu, end: PointEnu, *, vehicle: VehicleState, spec: Vehicle, height_m: float | None, world: World
) -> tuple[str, ...]:
    """What this vehicle would go around on its way, in the words of the gate."""
    margin = margin_m(vehicle, spec.cruise_speed_m_s)
    return _paths_of(world).between(start, end, margin=margin, height_m=height_m)


def worth_judging(
    start: PointEnu,
    spots: Sequence[PointEnu],
    *,
    vehicle: VehicleState,
    spec: Vehicle,
    height_m: float | None,
    world: World,
) -> list[bool]:
    """For each spot: False where the gate would certainly refuse the straight way there, or a straight way home."""
    homes = [vehicle.home, world.airspace.rally_points.get(vehicle.vehicle_id)]
    return _paths_of(world).not_blocked(
        start,
        spots,
        homes=[world.airspace.enu(place) for place in homes if place is not None],
        margin=margin_m(vehicle, spec.cruise_speed_m_s),
        height_m=height_m,
        home_m=(spec.return_altitude_m or 0.0) if spec.kind.flies else None,
    )


def _paths_of(world: World) -> LegalPaths:
    paths = _KNOWN.get(world.airspace)
    if paths is None:
        paths = _KNOWN[world.airspace] = LegalPaths(world.site, world.airspace)
    return paths


def _search(
    graph: _Graph,
    start: PointEnu,
    end: PointEnu,
    *,
    near: NDArray[np.bool_],
    sees_end: NDArray[np.bool_],
    is_legal: Judge,
) -> tuple[PointEnu, ...] | None:
    """A* over the corners; a leg is judged only when it would be the next of the shortest way. Ties: lower index."""
    places = [PointEnu(east, north) for east, north in graph.corners.tolist()]
    beyond = len(places)  # stands for `end`
    places.append(end)
    came_from: dict[int, int] = {}
    reached_m: dict[int, float] = {-1: 0.0}
    waiting: list[tuple[float, float, int, int]] = []  # length at best, length so far, from, to

    def offer(from_index: int, to_index: int) -> None:
        here = start if from_index < 0 else places[from_index]
        so_far_m = reached_m[from_index] + here.horizontal_distance_m(places[to_index])
        at_best_m = so_far_m + places[to_index].horizontal_distance_m(end)
        heapq.heappush(waiting, (at_best_m, so_far_m, from_index, to_index))

    for corner in np.flatnonzero(near).tolist():
        offer(-1, corner)
    judged = 0
    while waiting and judged < MOST_JUDGED:
        _, so_far_m, from_index, to_index = heapq.heappop(waiting)
        if to_index in reached_m:
            continue
        judged += 1
        if not is_legal(start if from_index < 0 else places[from_index], places[to_index]):
            continue
        reached_m[to_index], came_from[to_index] = so_far_m, from_index
        if to_index == beyond:
            return tuple(places[each] for each in _chain(came_from, beyond))
        if sees_end[to_index]:
            offer(to_index, beyond)
        for corner in graph.seen_from(to_index).tolist():
            if near[corner] and corner not in reached_m:
                offer(to_index, corner)
    return None


def _chain(came_from: dict[int, int], last: int) -> list[int]:
    chain: list[int] = []
    at = came_from[last]
    while at >= 0:
        chain.append(at)
        at = came_from[at]
    return chain[::-1]


def _shadow_of(block: Polygon, light: PointEnu) -> BaseGeometry:
    """What lies behind the edges of a block, as seen from `light`."""
    near = np.asarray(block.exterior.coords)[:, :2]
    away = near - np.array(_xy(light))
    far = near + away * (FAR_M / np.maximum(np.hypot(away[:, 0], away[:, 1]), 1e-9))[:, None]
    behind = np.stack([near[:-1], near[1:], far[1:], far[:-1], near[:-1]], axis=1)
    return shapely.union_all(shapely.make_valid(shapely.polygons(behind)))


def _free_space(fence: Polygon, blocks: list[Polygon], margin: float) -> BaseGeometry:
    inside = fence.buffer(-margin, join_style="mitre")
    return inside.difference(shapely.union_all([block.buffer(margin, join_style="mitre") for block in blocks]))


def _inner_corners(free: BaseGeometry) -> NDArray[np.float64]:
    """Corners (n, 2) that a shortest way may turn at: those where the free space turns around what is not free."""
    found: list[NDArray[np.float64]] = []
    for part in shapely.get_parts(free):
        if not isinstance(part, Polygon) or part.is_empty:
            continue
        turned = orient(part)  # free on the left of every ring
        for ring in (turned.exterior, *turned.interiors):
            at = np.asarray(ring.coords)[:-1, :2]
            into, out = at - np.roll(at, 1, axis=0), np.roll(at, -1, axis=0) - at
            found.append(at[into[:, 0] * out[:, 1] - into[:, 1] * out[:, 0] < 0.0])
    return np.concatenate(found) if found else np.empty((0, 2))


def _lines(place: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.object_]:
    ends = np.stack([np.broadcast_to(place, corners.shape), corners], axis=1)
    return np.asarray(shapely.linestrings(ends))


def _polygon(corners: GeoPolygon, airspace: Airspace) -> Polygon:
    return Polygon([_xy(airspace.enu(corner)) for corner in corners])


def _xy(point: PointEnu) -> tuple[float, float]:
    return point.east_m, point.north_m
