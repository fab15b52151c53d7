"""Where to patrol: the points that a site names, else its fence and its zones, at even distances."""

import shapely
from shapely import LineString, Polygon
from shapely.geometry.base import BaseGeometry

from contract.geo import GeoPoint, PointEnu, heading_deg
from contract.roaming import RoamingPoint
from contract.site import Site, Vehicle
from fleet.decision.team import margin_m, paths_of

INSIDE_M = 2.0  # beyond the margin that the gate wants
LOOKS_DEG = (-60.0, 0.0, 60.0)  # beside and ahead
APART_FRAC = 0.5  # of the spacing: nearer to each other two points are one


def named_points(site: Site) -> tuple[RoamingPoint, ...]:
    """Those of the site's roaming patrols, each once, else of its fixed ones."""
    named = {point.id: point for patrol in site.roaming for point in patrol.points}
    if named:
        return tuple(named.values())
    return tuple(
        RoamingPoint(id=f"{patrol.id}-{number}"[:63], position=waypoint.position, dwell_s=waypoint.dwell_s)
        for patrol in site.patrols
        for number, waypoint in enumerate(patrol.waypoints, 1)
    )


def points_along(site: Site, *, spacing_m: float, dwell_s: float, farthest_margin_m: float) -> tuple[RoamingPoint, ...]:
    """Along the fence from inside, looking out, and round every zone and line, looking at it."""
    frame = site.local_frame()

    def ring(points: tuple[GeoPoint, ...]) -> list[tuple[float, float]]:
        return [(p.east_m, p.north_m) for p in (frame.to_enu(point) for point in points)]

    fence = Polygon(ring(site.geofence.polygon)).buffer(-farthest_margin_m - INSIDE_M, join_style="mitre")
    ways: list[tuple[str, BaseGeometry, bool]] = [("fence", part.exterior, True) for part in shapely.get_parts(fence)]
    ways += [(each.id, LineString(ring(each.drawn)), False) for each in site.watched if each.drawn]
    found: list[RoamingPoint] = []
    taken: list[PointEnu] = []
    for name, way, looks_out in ways:
        number = 0
        for step in range(max(round(way.length / spacing_m), 1)):
            spot = way.interpolate(step * spacing_m)
            place = PointEnu(spot.x, spot.y)
            if any(place.horizontal_distance_m(other) < APART_FRAC * spacing_m for other in taken):
                continue
            centre = (
                PointEnu(fence.centroid.x, fence.centroid.y) if looks_out else PointEnu(way.centroid.x, way.centroid.y)
            )
            look_deg = heading_deg(centre, place) if looks_out else heading_deg(place, centre)
            looks_deg = [round(look_deg + turn_deg, 1) % 360.0 for turn_deg in LOOKS_DEG]
            number += 1
            taken.append(place)
            point = RoamingPoint(
                id=f"{name}-{number}"[:63],
                position=frame.to_geo(place)[0],
                dwell_s=dwell_s,
                look_deg=tuple(looks_deg),
            )
            found.append(point)
    return tuple(found)


def reachable(
    site: Site, points: tuple[RoamingPoint, ...], vehicles: tuple[Vehicle, ...], *, altitudes_m: tuple[float, ...]
) -> tuple[tuple[RoamingPoint, ...], tuple[str, ...]]:
    """Points to which at least one vehicle has a legal way there and home, and the names of the others."""
    frame = site.local_frame()
    places = [frame.to_enu(point.position) for point in points]
    can: set[str] = set()
    for vehicle, altitude_m in zip(vehicles, altitudes_m, strict=True):
        lengths_m = paths_of(site, (vehicle,), places, altitude_m=altitude_m).length_m[0, 1:]
        can |= {point.id for point, length_m in zip(points, lengths_m, strict=True) if length_m < float("inf")}
    return tuple(p for p in points if p.id in can), tuple(p.id for p in points if p.id not in can)


def farthest_margin_m(vehicles: tuple[Vehicle, ...]) -> float:
    return max(margin_m(vehicle) for vehicle in vehicles)
