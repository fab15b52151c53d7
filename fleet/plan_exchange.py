"""Patrols to QGroundControl's .plan files and back (developer guide, "Plan File Format"; version 1).

A plan that is read gives waypoints with their stays, one height above home, and the fence, if there is one. What a
patrol cannot say (surveys, jumps, heights that differ) is told, not guessed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contract.errors import DocumentError
from contract.geo import GeoPoint
from contract.site import Patrol, Site
from fleet.plan_file import RELATIVE_ALT, RETURN, TAKE_OFF, WAYPOINT, document, visited

LOITER_TIME, LAND = 19, 21  # MAV_CMD
MAX_PLAN_LETTERS = 500_000
MOST_WAYPOINTS = 200  # of a patrol
_PLACES = {WAYPOINT: "waypoint", LOITER_TIME: "loiter"}
_PASSED_OVER = (TAKE_OFF, RETURN, LAND)


@dataclass(frozen=True, slots=True)
class PlanStop:
    position: GeoPoint
    dwell_s: float


@dataclass(frozen=True, slots=True)
class PlanRead:
    """altitude_m: above home. remarks: what was left out."""

    stops: tuple[PlanStop, ...]
    altitude_m: float | None
    fence: tuple[GeoPoint, ...] | None
    keep_out: tuple[tuple[GeoPoint, ...], ...]
    remarks: tuple[str, ...]


def patrol_plan(site: Site, patrol: Patrol) -> str:
    """The patrol's waypoints from its dock and back, with the site's fence and no-fly areas."""
    vehicle = next(each for each in site.vehicles if each.id == patrol.vehicle)
    home = next(each.position for each in site.docks if each.id == vehicle.dock)
    flies = vehicle.kind.flies
    stops = [item for each in patrol.waypoints for item in visited(each, patrol.altitude_m, flies=flies)]
    return document(site, vehicle, stops, home=home, height_m=patrol.altitude_m)


def read_plan(text: str) -> PlanRead:
    """Raises DocumentError with one line."""
    if len(text) > MAX_PLAN_LETTERS:
        raise DocumentError(f"plan: expected at most {MAX_PLAN_LETTERS} letters, got {len(text)}")
    try:
        plan = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise DocumentError("plan: not JSON") from err
    if not isinstance(plan, dict) or plan.get("fileType") != "Plan":
        raise DocumentError("plan: expected fileType Plan, as QGroundControl writes it")
    mission = plan.get("mission")
    items = mission.get("items") if isinstance(mission, dict) else None
    if not isinstance(items, list):
        raise DocumentError("plan: mission.items: expected a list")
    stops, heights_m, remarks = [], [], []
    for number, item in enumerate(items):
        where = f"plan: mission.items.{number}"
        command = item.get("command") if isinstance(item, dict) else None
        if command in _PASSED_OVER:
            continue
        if command not in _PLACES or item.get("type") != "SimpleItem":
            kind = item.get("complexItemType") or item.get("type") if isinstance(item, dict) else "nothing"
            remarks.append(f"item {number + 1} left out: {kind}, command {command}")
            continue
        if item.get("frame") != RELATIVE_ALT:
            raise DocumentError(f"{where}: expected heights above home (frame 3), got frame {item.get('frame')}")
        params = _numbers(item.get("params"), where)
        stops.append(PlanStop(_place(params[4], params[5], where), min(max(params[0], 0.0), 600.0)))
        heights_m.append(params[6])
    if len(stops) < 2 or len(stops) > MOST_WAYPOINTS:
        raise DocumentError(f"plan: expected 2 to {MOST_WAYPOINTS} waypoints, got {len(stops)}")
    if max(heights_m) - min(heights_m) > 0.5:
        remarks.append(
            f"heights from {min(heights_m):g} to {max(heights_m):g} m: a patrol has one, the highest was taken"
        )
    fence, keep_out = _fences(plan.get("geoFence"), remarks)
    return PlanRead(tuple(stops), max(heights_m), fence, keep_out, tuple(remarks))


def _fences(fence: object, remarks: list[str]) -> tuple[tuple[GeoPoint, ...] | None, tuple[tuple[GeoPoint, ...], ...]]:
    if not isinstance(fence, Mapping):
        return None, ()
    if fence.get("circles"):
        remarks.append("circles of the fence left out: a site has polygons")
    inside: list[tuple[GeoPoint, ...]] = []
    outside: list[tuple[GeoPoint, ...]] = []
    for number, polygon in enumerate(fence.get("polygons") or ()):
        where = f"plan: geoFence.polygons.{number}"
        corners = polygon.get("polygon") if isinstance(polygon, Mapping) else None
        if not isinstance(corners, list) or len(corners) < 3:
            raise DocumentError(f"{where}: expected at least 3 corners")
        ring = tuple(_corner(each, where) for each in corners)
        (inside if polygon.get("inclusion") else outside).append(ring)
    if len(inside) > 1:
        remarks.append(f"{len(inside)} fences: a site has one, the first was taken")
    return (inside[0] if inside else None), tuple(outside)


def _corner(pair: object, where: str) -> GeoPoint:
    if not isinstance(pair, list) or len(pair) != 2:
        raise DocumentError(f"{where}: expected pairs of latitude and longitude")
    return _place(pair[0], pair[1], where)


def _place(lat_deg: object, lon_deg: object, where: str) -> GeoPoint:
    try:
        return GeoPoint.model_validate({"lat_deg": lat_deg, "lon_deg": lon_deg})
    except ValueError as err:
        raise DocumentError(f"{where}: expected a position, got {lat_deg!r}, {lon_deg!r}") from err


def _numbers(params: Any, where: str) -> list[float]:
    if not isinstance(params, list) or len(params) != 7:
        raise DocumentError(f"{where}: expected 7 params")
    found = [0.0 if each is None else each for each in params]
    if not all(isinstance(each, int | float) and abs(each) < 1e9 for each in found):
        raise DocumentError(f"{where}: expected numbers in params")
    return [float(each) for each in found]
