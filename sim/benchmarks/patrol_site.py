"""The site of the patrol benchmark: 60 points for four copters, three no-fly areas and two halls among them."""

import math
from random import Random

from contract.docks import Dock
from contract.geo import GeoPoint, LocalFrame, PointEnu
from contract.roaming import RoamingPoint
from contract.site import Area, Building, Geofence, Place, Response, Site
from contract.site import Origin as SiteOrigin
from sim.benchmarks.copters import copters

VEHICLES, POINTS, SEED = 4, 60, 7
HALF_M, EDGE_M = 160.0, 25.0  # half of the site's side; points keep so far from its fence
STAY_S = 8.0  # four looks
APART_M, CLEAR_M = 15.0, 18.0  # points from each other, from what is in the way
AREAS = ((-85.0, 70.0, 18.0), (40.0, -95.0, 15.0), (95.0, 85.0, 15.0))  # east, north, half side
HALLS = ((-60.0, -70.0, 16.0), (75.0, 0.0, 14.0))
DOCKS = ((-9.0, -9.0), (9.0, -9.0), (-9.0, 9.0), (9.0, 9.0))
FRAME = LocalFrame(GeoPoint(lat_deg=52.1, lon_deg=13.2), ground_amsl_m=45.0)


def patrol_site() -> Site:
    return Site(
        schema_version=1,
        id="bench",
        name="Site of the patrol benchmark",
        time_zone="UTC",
        origin=SiteOrigin(lat_deg=52.1, lon_deg=13.2, ground_amsl_m=45.0),
        geofence=Geofence(polygon=_square(0.0, 0.0, HALF_M)),
        no_fly=tuple(Area(id=f"area-{n}", polygon=_square(*area)) for n, area in enumerate(AREAS)),
        buildings=tuple(
            Building(id=f"hall-{n}", polygon=_square(*hall), height_m=20.0) for n, hall in enumerate(HALLS)
        ),
        docks=tuple(Dock(id=f"dock-{n}", position=_geo(*place)) for n, place in enumerate(DOCKS)),
        rally_points=(Place(id="rally", position=_geo(0.0, -20.0)),),
        vehicles=copters(30.0 + 5.0 * n for n in range(VEHICLES)),
        response=Response(air_altitude_m=20.0),
    )


def patrol_points() -> tuple[RoamingPoint, ...]:
    """Half of them along the fence, half at random inside, in reach of a straight way home."""
    chance, places = Random(SEED), _along_fence(POINTS // 2)  # noqa: S311 - a site, no secret
    reach_m = HALF_M - EDGE_M
    while len(places) < POINTS:
        place = PointEnu(chance.uniform(-reach_m, reach_m), chance.uniform(-reach_m, reach_m))
        if all(place.horizontal_distance_m(other) >= APART_M for other in places) and _is_clear(place):
            places.append(place)
    looks = (0.0, 90.0, 180.0, 270.0)
    return tuple(
        RoamingPoint(id=f"p{n:02}", position=FRAME.to_geo(place)[0], dwell_s=STAY_S, look_deg=looks)
        for n, place in enumerate(places)
    )


def _along_fence(count: int) -> list[PointEnu]:
    """On a square inside the fence, but where an area hides the straight way home."""
    side_m, tried = 2.0 * (HALF_M - EDGE_M), 4 * count
    places: list[PointEnu] = []
    for n in range(tried):
        side, along_m = divmod(4.0 * side_m * n / tried, side_m)
        east_m, north_m = along_m - side_m / 2, side_m / 2
        for _ in range(int(side)):
            east_m, north_m = north_m, -east_m
        place = PointEnu(east_m, north_m)
        if _is_clear(place) and all(
            place.horizontal_distance_m(other) >= 4.0 * side_m / count / 1.4 for other in places
        ):
            places.append(place)
    return places[:count]


def _is_clear(place: PointEnu) -> bool:
    """Of what stands about, and of the shadow that an area throws, seen from the docks."""
    for east_m, north_m, half_m in (*AREAS, *HALLS):
        out_m, keep_m = math.hypot(east_m, north_m), half_m * math.sqrt(2.0) + CLEAR_M
        along_m = (place.east_m * east_m + place.north_m * north_m) / out_m
        across_m = abs(place.east_m * north_m - place.north_m * east_m) / out_m
        if along_m > out_m - keep_m and across_m < keep_m * max(along_m / out_m, 1.0):
            return False
    return True


def _square(east_m: float, north_m: float, half_m: float) -> tuple[GeoPoint, ...]:
    corners = ((-half_m, -half_m), (half_m, -half_m), (half_m, half_m), (-half_m, half_m))
    return tuple(_geo(east_m + east, north_m + north) for east, north in corners)


def _geo(east_m: float, north_m: float) -> GeoPoint:
    return FRAME.to_geo(PointEnu(east_m, north_m))[0]
