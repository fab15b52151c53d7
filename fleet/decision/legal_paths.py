"""The shortest way around no-fly areas and buildings and inside the fence: a visibility graph over their corners.

Which leg may be taken is the gate's own judgement (`fleet.flight.way.line_refusals`, the straight ways home from it
among them); the geometry in here only finds the corners worth asking about. What depends on the site and the margin is
worked out once, a corner's view of the others when it is first asked for.
"""

import heapq
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
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
MOST_KNOWN = 512  # answers of one graph, of a byte for each corner

Judge = Callable[[PointEnu, PointEnu], bool]


class _Graph:
    """The corners of the free space at one margin, and which of them see each other."""

    def __init__(self, fence: Polygon, blocks: Iterable[Polygon], margin: float) -> None:
        blocks = list(blocks)
        self._free = _free_space(fence, blocks, margin)
        self.corners = _inner_corners(_free_space(fence, blocks, margin + BEYOND_M))
        self.places = [PointEnu(east, north) for east, north in self.corners.tolist()]
        self._views: dict[int, list[int]] = {}
        self._known: dict[Hashable, NDArray[np.bool_]] = {}
        shapely.prepare(self._free)

    def seen_from(self, corner: int) -> list[int]:
        """Indices of the corners in straight view of that one."""
        if corner not in self._views:
            lines = _lines(self.corners[corner], self.corners)
            self._views[corner] = np.flatnonzero(shapely.covers(self._free, lines)).tolist()
        return self._views[corner]

    def seen_by(self, place: PointEnu, among: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of those corners see a place that keeps the margin itself."""
        seen: NDArray[np.bool_] = among.copy()
        lines = _lines(np.array(_xy(place)), self.corners[among])
        seen[among] = np.asarray(shapely.covers(self._free, lines), dtype=np.bool_)
        return seen

    def remembered(self, key: Hashable, work: Callable[[], NDArray[np.bool_]]) -> NDArray[np.bool_]:
        """Of each corner, for one vehicle or one place: asked for again with each point that a way is looked for to."""
        if key not in self._known:
            if len(self._known) >= MOST_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[key] = work()
        return self._known[key]


class LegalPaths:
    """Those of one site. It holds no airspace: airspaces are what these are remembered by."""

    def __init__(self, site: Site, airspace: Airspace) -> None:
        self._fence = _polygon(site.geofence.polygon, airspace)
        self._boundary = self._fence.exterior
        shapely.prepare([self._fence, self._boundary])
        self._no_fly = [(f"no-fly area '{each.id}'", _polygon(each.polygon, airspace)) for each in site.no_fly]
        self._buildings = [
            (each.height_m, f"building '{each.id}'", _polygon(each.polygon, airspace)) for each in site.buildings
        ]
        self._graphs: dict[tuple[float, tuple[str, ...]], _Graph] = {}
        self._unions: dict[tuple[str, ...], BaseGeometry] = {}

    def around(
        self,
        start: PointEnu,
        end: PointEnu,
        *,
        margin: float,
        homes: Sequence[PointEnu],
        height_m: float | None,
        home_m: float | None,
        is_legal: Judge,
    ) -> tuple[PointEnu, ...] | None:
        """The corners of the shortest way whose every leg `is_legal`; () straight on, None when none is found.

        Heights above home; None on the ground, where no-fly areas do not bind and every building does.
        """
        if is_legal(start, end):
            return ()
        if not is_legal(end, end):  # the place itself, and the straight ways home from it
            return None
        graph = self._graph(margin, height_m)
        at = graph.corners
        if not len(at):
            return None
        to_end_m = np.hypot(at[:, 0] - end.east_m, at[:, 1] - end.north_m)
        from_start_m = np.hypot(at[:, 0] - start.east_m, at[:, 1] - start.north_m)
        longest_m = max(LONGEST_DETOUR * start.horizontal_distance_m(end), LEAST_DETOUR_M)
        sees_homes = graph.remembered((*homes, home_m), lambda: self._sees(homes, at, home_m))
        may_go = graph.remembered(
            (margin, start, height_m), lambda: self.may_go(start, at, margin=margin, height_m=height_m)
        )
        near = sees_homes & (from_start_m + to_end_m <= longest_m)
        return _search(graph, start, end, near=near, first=near & may_go, is_legal=is_legal)

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

    def may_stay(
        self, spots: NDArray[np.float64], *, homes: Sequence[PointEnu], margin: float, home_m: float | None
    ) -> NDArray[np.bool_]:
        """Of places (n, 2): False where the gate lets nobody stay: too near the fence, or outside, or where a straight
        way to one of `homes` crosses something. Quick; what is True is still to be judged. `home_m` above home."""
        may = np.asarray(shapely.contains_xy(self._fence, spots), dtype=np.bool_)
        may[may] = ~shapely.dwithin(self._boundary, shapely.points(spots[may]), max(margin - SLACK_M, 0.0))
        may[may] = self._sees(homes, spots[may], home_m)
        return may

    def _sees(self, homes: Sequence[PointEnu], spots: NDArray[np.float64], home_m: float | None) -> NDArray[np.bool_]:
        clear = np.ones(len(spots), dtype=np.bool_)
        for home in homes:
            clear[clear] = ~shapely.intersects(self._union(home_m), _lines(np.array(_xy(home)), spots[clear]))
        return clear

    def may_go(
        self, start: PointEnu, spots: NDArray[np.float64], *, margin: float, height_m: float | None
    ) -> NDArray[np.bool_]:
        """Of places (n, 2): False where the straight way there comes too near to something, or leaves the fence."""
        union, lines = self._union(height_m), _lines(np.array(_xy(start)), spots)
        keeps_m = max(min(margin, union.distance(Point(_xy(start)))) - SLACK_M, 0.0)  # "not nearer than it is now"
        may = np.asarray(~shapely.dwithin(union, lines, keeps_m), dtype=np.bool_)
        may[may] = shapely.covers(self._fence, lines[may])
        return may

    def _union(self, height_m: float | None) -> BaseGeometry:
        blocks = self._blocks(height_m)
        names = tuple(name for name, _ in blocks)
        if names not in self._unions:
            self._unions[names] = shapely.union_all([footprint for _, footprint in blocks])
            shapely.prepare(self._unions[names])
        return self._unions[names]

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
    margin, level_m = margin_m(vehicle, spec.cruise_speed_m_s), height_m or 0.0

    def is_legal(a: PointEnu, b: PointEnu) -> bool:
        leg = Way(Stop(a, level_m, False), (Stop(b, level_m, True),))
        return not line_refusals(leg, margin, spec, vehicle, world)

    return _paths_of(world).around(
        start,
        end,
        margin=margin,
        homes=_homes(vehicle, world),
        height_m=height_m,
        home_m=_home_m(spec),
        is_legal=is_legal,
    )


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
    paths, margin, at = _paths_of(world), margin_m(vehicle, spec.cruise_speed_m_s), _array(spots)
    may = paths.may_stay(at, homes=_homes(vehicle, world), margin=margin, home_m=_home_m(spec))
    may[may] = paths.may_go(start, at[may], margin=margin, height_m=height_m)
    return [bool(each) for each in may]


def worth_staying(spots: Sequence[PointEnu], *, vehicle: VehicleState, spec: Vehicle, world: World) -> list[bool]:
    """For each spot: False where the gate would certainly not let this vehicle stay, whichever way it comes."""
    margin = margin_m(vehicle, spec.cruise_speed_m_s)
    may = _paths_of(world).may_stay(_array(spots), homes=_homes(vehicle, world), margin=margin, home_m=_home_m(spec))
    return [bool(each) for each in may]


def _homes(vehicle: VehicleState, world: World) -> list[PointEnu]:
    places = (vehicle.home, world.airspace.rally_points.get(vehicle.vehicle_id))
    return [world.airspace.enu(place) for place in places if place is not None]


def _home_m(spec: Vehicle) -> float | None:
    return (spec.return_altitude_m or 0.0) if spec.kind.flies else None


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
    first: NDArray[np.bool_],
    is_legal: Judge,
) -> tuple[PointEnu, ...] | None:
    """A* over the corners `near`, to the `first` of them straight from the start; a leg is judged only when it would be
    the next of the shortest way. Ties: lower index."""
    places, sees_end = graph.places, graph.seen_by(end, near)
    if not sees_end.any():
        return None
    beyond = len(places)  # stands for `end`
    came_from: dict[int, int] = {}
    reached_m: dict[int, float] = {-1: 0.0}
    waiting: list[tuple[float, float, int, int]] = []  # length at best, length so far, from, to

    def place_of(index: int) -> PointEnu:
        return start if index < 0 else end if index == beyond else places[index]

    def offer(from_index: int, to_index: int) -> None:
        so_far_m = reached_m[from_index] + place_of(from_index).horizontal_distance_m(place_of(to_index))
        at_best_m = so_far_m + place_of(to_index).horizontal_distance_m(end)
        heapq.heappush(waiting, (at_best_m, so_far_m, from_index, to_index))

    for corner in np.flatnonzero(first).tolist():
        offer(-1, corner)
    judged = 0
    while waiting and judged < MOST_JUDGED:
        _, so_far_m, from_index, to_index = heapq.heappop(waiting)
        if to_index in reached_m:
            continue
        judged += 1
        if not is_legal(place_of(from_index), place_of(to_index)):
            continue
        reached_m[to_index], came_from[to_index] = so_far_m, from_index
        if to_index == beyond:
            return tuple(places[each] for each in _chain(came_from, beyond))
        if sees_end[to_index]:
            offer(to_index, beyond)
        for corner in graph.seen_from(to_index):
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


def _array(spots: Sequence[PointEnu]) -> NDArray[np.float64]:
    return np.array([_xy(spot) for spot in spots]).reshape(-1, 2)


def _xy(point: PointEnu) -> tuple[float, float]:
    return point.east_m, point.north_m
