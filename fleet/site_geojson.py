"""A site's shapes as GeoJSON (RFC 7946: longitude first, degrees) and back into a site document.

Each feature says what it is in its properties: `kind` and `id`. Reading back changes shapes of things that are there
and adds zones, lines, no-fly areas and rally points; nothing is removed, and no vehicle, camera or dock is made.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contract.geo import GeoPoint, PointEnu
from contract.site import Site
from fleet.site_document import Fault

JsonObject = dict[str, Any]
MOST_FEATURES = 2_000
POLYGONS = {"zone": "zones", "no_fly": "no_fly", "building": "buildings"}
POINTS = {"rally_point": "rally_points", "dock": "docks"}
MADE = ("zone", "line", "no_fly", "rally_point")  # may be new; of the others only the shape is taken
KINDS = ("geofence", *POLYGONS, "line", *POINTS)


def features_of(site: Site) -> JsonObject:
    """A FeatureCollection. Cameras and the points of patrols are told; they are not read back."""
    return {"type": "FeatureCollection", "features": list(_features(site))}


def _features(site: Site) -> Iterator[JsonObject]:
    fence = {
        "kind": "geofence",
        "id": "geofence",
        "floor_m": site.geofence.floor_m,
        "ceiling_m": site.geofence.ceiling_m,
    }
    yield _feature(_polygon(site.geofence.polygon), fence)
    for zone in site.zones:
        if zone.polygon is not None:
            watched = {"name": zone.name, "cameras": list(zone.cameras), "severity": zone.severity.value}
            yield _feature(_polygon(zone.polygon), {"kind": "zone", "id": zone.id, **watched})
    for line in site.lines:
        if line.points is not None:
            watched = {"name": line.name, "cameras": list(line.cameras), "direction": line.direction.value}
            yield _feature(_line(line.points), {"kind": "line", "id": line.id, **watched})
    for area in site.no_fly:
        yield _feature(_polygon(area.polygon), {"kind": "no_fly", "id": area.id})
    for building in site.buildings:
        yield _feature(
            _polygon(building.polygon), {"kind": "building", "id": building.id, "height_m": building.height_m}
        )
    for dock in site.docks:
        yield _feature(_point(dock.position), {"kind": "dock", "id": dock.id})
    for place in site.rally_points:
        yield _feature(_point(place.position), {"kind": "rally_point", "id": place.id})
    frame = site.local_frame()
    for camera in site.cameras:
        if camera.pose is not None:
            at = frame.to_geo(PointEnu(camera.pose.east_m, camera.pose.north_m))[0]
            pose = camera.pose.model_dump(mode="json")
            yield _feature(_point(at), {"kind": "camera", "id": camera.id, "pose": pose})
    for patrol in site.patrols:
        way = [each.position for each in patrol.waypoints]
        yield _feature(_line(way), {"kind": "patrol", "id": patrol.id, "vehicle": patrol.vehicle})


def merged(document: Mapping[str, Any], collection: object) -> tuple[JsonObject, tuple[str, ...], tuple[Fault, ...]]:
    """The document with the shapes of a FeatureCollection, what was taken in words, and what could not be."""
    found = dict(document)
    if not isinstance(collection, Mapping) or collection.get("type") != "FeatureCollection":
        return found, (), (Fault("", "expected GeoJSON with type FeatureCollection"),)
    features = collection.get("features")
    if not isinstance(features, list) or len(features) > MOST_FEATURES:
        return found, (), (Fault("features", f"expected a list of at most {MOST_FEATURES}"),)
    taken, faults = [], []
    for number, feature in enumerate(features):
        try:
            said = _take(found, feature)
        except ValueError as err:
            faults.append(Fault(f"features.{number}", str(err)))
        else:
            if said:
                taken.append(said)
    return found, tuple(taken), tuple(faults)


def _take(document: JsonObject, feature: object) -> str:
    if not isinstance(feature, Mapping) or not isinstance(feature.get("geometry"), Mapping):
        raise ValueError("expected a Feature with a geometry")  # noqa: TRY004 - of the document, not of a call
    properties = feature.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    kind, name = properties.get("kind"), properties.get("id")
    if kind in ("camera", "patrol"):
        return ""
    if kind not in KINDS or not isinstance(kind, str):
        raise ValueError(f"properties.kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    geometry = feature["geometry"]
    if kind == "geofence":
        document["geofence"] = {**document["geofence"], "polygon": _read_polygon(geometry)}
        return "the geofence"
    if not isinstance(name, str):
        raise ValueError("properties.id: required, but missing")  # noqa: TRY004 - as above
    group = "lines" if kind == "line" else POLYGONS.get(kind) or POINTS[kind]
    if kind == "line":
        shape: JsonObject = {"points": _read_line(geometry)}
    elif kind in POLYGONS:
        shape = {"polygon": _read_polygon(geometry)}
    else:
        shape = {"position": _read_point(geometry)}
    things = [dict(each) for each in document.get(group) or ()]
    there = next((each for each in things if each.get("id") == name), None)
    if there is not None:
        there |= shape
        there.pop("image_px", None)
    elif kind not in MADE:
        raise ValueError(f"{kind} '{name}': there is none; of a {kind} only the shape can be read")
    else:
        things.append(_new(kind, name, properties, document) | shape)
    document[group] = things
    return f"{kind} '{name}'{'' if there is not None else ' (new)'}"


def _new(kind: str, name: str, properties: Mapping[str, Any], document: Mapping[str, Any]) -> JsonObject:
    if kind not in ("zone", "line"):
        return {"id": name}
    cameras = properties.get("cameras")
    if not isinstance(cameras, list) or not cameras:
        fixed = [each["id"] for each in document.get("cameras") or () if each.get("pose")]
        raise ValueError(f"{kind} '{name}' is new: properties.cameras: who covers it? ({', '.join(fixed) or 'none'})")
    kept = {key: properties[key] for key in ("labels", "severity", "direction", "dwell_s") if key in properties}
    if kind == "zone":
        kept.pop("direction", None)
    return {"id": name, "name": properties.get("name") or name, "cameras": cameras, **kept}


def _feature(geometry: JsonObject, properties: JsonObject) -> JsonObject:
    return {"type": "Feature", "id": f"{properties['kind']}/{properties['id']}", "geometry": geometry} | {
        "properties": properties
    }


def _pair(point: GeoPoint) -> list[float]:
    return [round(point.lon_deg, 7), round(point.lat_deg, 7)]


def _point(point: GeoPoint) -> JsonObject:
    return {"type": "Point", "coordinates": _pair(point)}


def _line(points: Sequence[GeoPoint]) -> JsonObject:
    return {"type": "LineString", "coordinates": [_pair(each) for each in points]}


def _polygon(points: Sequence[GeoPoint]) -> JsonObject:
    """Closed, as RFC 7946 wants it, outer ring counterclockwise."""
    twice = sum(
        a.lon_deg * b.lat_deg - b.lon_deg * a.lat_deg for a, b in zip(points, [*points[1:], *points[:1]], strict=True)
    )
    ring = list(points) if twice > 0 else list(reversed(points))
    return {"type": "Polygon", "coordinates": [[_pair(each) for each in [*ring, ring[0]]]]}


def _read_polygon(geometry: Mapping[str, Any]) -> list[JsonObject]:
    rings = _coordinates(geometry, "Polygon")
    if len(rings) != 1:
        raise ValueError(f"geometry: expected a polygon of one ring, got {len(rings)}: holes are not known here")
    if not isinstance(rings[0], list) or len(rings[0]) < 4 or rings[0][0] != rings[0][-1]:
        raise ValueError("geometry: expected a ring that ends where it began")
    return [_read_pair(each) for each in rings[0][:-1]]


def _read_line(geometry: Mapping[str, Any]) -> list[JsonObject]:
    return [_read_pair(each) for each in _coordinates(geometry, "LineString")]


def _read_point(geometry: Mapping[str, Any]) -> JsonObject:
    return _read_pair(_coordinates(geometry, "Point"))


def _coordinates(geometry: Mapping[str, Any], kind: str) -> list[Any]:
    found = geometry.get("coordinates")
    if geometry.get("type") != kind or not isinstance(found, list) or not found:
        raise ValueError(f"geometry: expected a {kind}, got {geometry.get('type')!r}")
    return found


def _read_pair(pair: object) -> JsonObject:
    if not isinstance(pair, list) or len(pair) < 2 or not all(isinstance(each, int | float) for each in pair[:2]):
        raise ValueError("geometry: expected pairs of longitude and latitude")
    return {"lat_deg": pair[1], "lon_deg": pair[0]}
