"""A QGroundControl plan (.plan) as the pieces of a site file that mean the same.

Waypoints become a patrol, the first inclusion fence the geofence, exclusion fences no-fly areas, safe points rally
points. What a site file cannot say is named in `left_out`, never dropped in silence; a person reads the result before
it becomes part of a site.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from contract.frozen import Frozen
from contract.geo import GeoPoint, LocalFrame, PointEnu
from contract.site import Area, Geofence, Patrol, Place, Waypoint
from sim.tape.errors import TapeError

CIRCLE_CORNERS = 24  # inscribed for an inclusion, circumscribed for an exclusion: never the less safe side
WAYPOINTS = {16, 17, 19, 82}  # NAV_WAYPOINT, NAV_LOITER_UNLIM, NAV_LOITER_TIME, NAV_SPLINE_WAYPOINT
NOT_GROUND = {20: "return to launch", 21: "landing", 22: "take-off", 84: "vertical take-off", 85: "vertical landing"}
ABOVE_SEA, ABOVE_HOME = (0, 5), (3, 6)  # MAV_FRAME
PATROL_EVERY_MIN = 60.0
_Model = TypeVar("_Model", bound=Frozen)


@dataclass(frozen=True, slots=True)
class SitePieces:
    """`left_out`: one line for each thing of the plan that a site file cannot say."""

    geofence: Geofence | None
    no_fly: tuple[Area, ...]
    rally_points: tuple[Place, ...]
    patrols: tuple[Patrol, ...]
    left_out: tuple[str, ...]


def read_plan(path: Path, *, vehicle: str, name: str) -> SitePieces:
    """`vehicle`: who patrols; `name`: of the patrol, and what other names begin with. Raises TapeError with one line
    that names the file and the key."""
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise TapeError(f"{path}: {err.strerror}") from err
    except json.JSONDecodeError as err:
        raise TapeError(f"{path}:{err.lineno}: expected a plan in JSON: {err.msg}") from err
    except (UnicodeDecodeError, RecursionError) as err:
        raise TapeError(f"{path}: expected a plan in JSON, got something else") from err
    if not isinstance(plan, dict) or plan.get("fileType") != "Plan":
        raise TapeError(f"{path}: fileType: expected 'Plan' as QGroundControl writes it, got something else")
    return _Reading(path, plan, vehicle, name).pieces()


def as_yaml(pieces: SitePieces) -> str:
    """Keys of a site file; what was left out stands first, as comments."""
    parts: dict[str, Any] = {}
    if pieces.geofence is not None:
        parts["geofence"] = _plain(pieces.geofence)
    for key in ("no_fly", "rally_points", "patrols"):
        found: Sequence[Frozen] = getattr(pieces, key)
        if found:
            parts[key] = [_plain(each) for each in found]
    comments = "".join(f"# left out: {line}\n" for line in pieces.left_out)
    return comments + (yaml.safe_dump(parts, sort_keys=False, width=120) if parts else "")


def _plain(piece: Frozen) -> dict[str, Any]:
    return piece.model_dump(mode="json", exclude_none=True, exclude_defaults=True)


class _Reading:
    """One plan; every error names its key."""

    def __init__(self, path: Path, plan: dict[str, Any], vehicle: str, name: str) -> None:
        self._path = path
        self._plan = plan
        self._vehicle = vehicle
        self._name = name
        self._left_out: list[str] = []

    def pieces(self) -> SitePieces:
        inclusions, exclusions = self._fences()
        for number, _ in enumerate(inclusions[1:], 2):
            self._left_out.append(f"inclusion fence {number}: a site has one geofence, and this plan's first is taken")
        geofence = self._made(Geofence, "geoFence", polygon=inclusions[0]) if inclusions else None
        no_fly = tuple(
            self._made(Area, "geoFence", id=f"{self._name}-no-fly-{number}", polygon=ring)
            for number, ring in enumerate(exclusions, 1)
        )
        points = self._part("rallyPoints").get("points", [])
        rally = tuple(
            self._made(
                Place, "rallyPoints", id=f"{self._name}-rally-{number}", position=self._point(point, "rallyPoints")
            )
            for number, point in enumerate(points, 1)
        )
        return SitePieces(geofence, no_fly, rally, self._patrols(), tuple(self._left_out))

    def _fences(self) -> tuple[list[tuple[GeoPoint, ...]], list[tuple[GeoPoint, ...]]]:
        inclusions: list[tuple[GeoPoint, ...]] = []
        exclusions: list[tuple[GeoPoint, ...]] = []
        fence = self._part("geoFence")
        for number, polygon in enumerate(fence.get("polygons", [])):
            key = f"geoFence.polygons.{number}"
            ring = tuple(self._point(point, key) for point in self._value(polygon, "polygon", key))
            (inclusions if polygon.get("inclusion", True) else exclusions).append(ring)
        for number, entry in enumerate(fence.get("circles", [])):
            key = f"geoFence.circles.{number}"
            circle, is_inclusion = self._value(entry, "circle", key), bool(entry.get("inclusion", True))
            centre = self._point(self._value(circle, "center", key), key)
            radius_m = self._number(self._value(circle, "radius", key), f"{key}.radius")
            ring = _ring(centre, radius_m if is_inclusion else radius_m / math.cos(math.pi / CIRCLE_CORNERS))
            (inclusions if is_inclusion else exclusions).append(ring)
        return inclusions, exclusions

    def _patrols(self) -> tuple[Patrol, ...]:
        waypoints: list[Waypoint] = []
        heights_m: set[float] = set()
        mission = self._part("mission")
        home_amsl_m = self._home_amsl_m(mission)
        for key, item in self._simple_items(mission):
            command: Any = self._value(item, "command", key)
            if command not in WAYPOINTS:
                self._left_out.append(f"{key}: {NOT_GROUND.get(command, f'command {command}')}")
                continue
            params = self._value(item, "params", key)
            if not isinstance(params, list) or len(params) != 7:
                raise TapeError(f"{self._path}: {key}.params: expected 7 numbers, got {params!r}")
            dwell_s = 0.0 if command == 17 else self._number(params[0] or 0.0, f"{key}.params.0")
            position = self._point(params[4:6], key)
            waypoints.append(self._made(Waypoint, key, position=position, dwell_s=dwell_s))
            height_m, frame = self._number(params[6], f"{key}.params.6"), item.get("frame")
            if frame in ABOVE_SEA and home_amsl_m is not None:
                heights_m.add(round(height_m - home_amsl_m, 1))
            elif frame in ABOVE_HOME:
                heights_m.add(round(height_m, 1))
            else:
                self._left_out.append(f"{key}: its height, which is in frame {frame} (above terrain or unknown)")
        if len(waypoints) < 2:
            if waypoints:
                self._left_out.append("mission: a patrol needs at least 2 waypoints, got 1")
            return ()
        if not heights_m:
            raise TapeError(f"{self._path}: mission.items: expected a waypoint with a height above home, got none")
        if len(heights_m) > 1:
            self._left_out.append(f"mission: heights {sorted(heights_m)}: a patrol has one, the highest is taken")
        patrol = self._made(
            Patrol,
            "mission",
            id=self._name,
            vehicle=self._vehicle,
            altitude_m=max(heights_m),
            waypoints=tuple(waypoints),
            every_min=PATROL_EVERY_MIN,
        )
        return (patrol,)

    def _simple_items(self, mission: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """In the order of flight; a survey or a scan lists what it is flown as."""
        for number, item in enumerate(mission.get("items", [])):
            key = f"mission.items.{number}"
            if self._value(item, "type", key) == "SimpleItem":
                yield key, item
                continue
            inner = item.get("TransectStyleComplexItem", {})
            flown = inner.get("Items") if isinstance(inner, dict) else None
            if not isinstance(flown, list):
                self._left_out.append(
                    f"{key}: {item.get('complexItemType', 'an item')}, which says not how it is flown"
                )
                continue
            for index, each in enumerate(flown):
                yield f"{key}.Items.{index}", each

    def _home_amsl_m(self, mission: dict[str, Any]) -> float | None:
        home = mission.get("plannedHomePosition")
        if home is None:
            return None
        if not isinstance(home, list) or len(home) != 3:
            raise TapeError(f"{self._path}: mission.plannedHomePosition: expected lat, lon, height, got {home!r}")
        return self._number(home[2], "mission.plannedHomePosition.2")

    def _part(self, key: str) -> dict[str, Any]:
        part = self._plan.get(key, {})
        if not isinstance(part, dict):
            raise TapeError(f"{self._path}: {key}: expected a mapping, got {type(part).__name__}")
        return part

    def _value(self, part: object, key: str, where: str) -> Any:
        if not isinstance(part, dict) or key not in part:
            raise TapeError(f"{self._path}: {where}.{key}: required, but missing")
        return part[key]

    def _number(self, value: object, key: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise TapeError(f"{self._path}: {key}: expected a number, got {value!r}")
        return float(value)

    def _point(self, value: object, key: str) -> GeoPoint:
        if not isinstance(value, list) or len(value) < 2:
            raise TapeError(f"{self._path}: {key}: expected latitude and longitude, got {value!r}")
        return self._made(GeoPoint, key, lat_deg=self._number(value[0], key), lon_deg=self._number(value[1], key))

    def _made(self, model: type[_Model], key: str, **values: object) -> _Model:
        try:
            return model.model_validate(values)
        except ValidationError as err:
            first = err.errors(include_url=False)[0]
            where = ".".join([key, *map(str, first["loc"])])
            raise TapeError(f"{self._path}: {where}: {first['msg'].removeprefix('Value error, ')}") from err


def _ring(centre: GeoPoint, radius_m: float) -> tuple[GeoPoint, ...]:
    frame = LocalFrame(centre, ground_amsl_m=0.0)
    turns = (2.0 * math.pi * corner / CIRCLE_CORNERS for corner in range(CIRCLE_CORNERS))
    return tuple(frame.to_geo(PointEnu(radius_m * math.sin(turn), radius_m * math.cos(turn)))[0] for turn in turns)
