"""What one site document changes against another, in words: what was added, removed, moved and by how many metres.

Pure. Metres are those of the older document's local frame.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from contract.frozen import Frozen
from contract.geo import GeoPoint, LocalFrame
from contract.site import Camera, Site

LEAST_M = 0.02  # coordinates are told to 11 mm
LEAST_M2 = 1.0
_SHAPES = ("polygon", "points", "position")
_GROUPS = (
    ("zone", "zones"),
    ("line", "lines"),
    ("no-fly area", "no_fly"),
    ("building", "buildings"),
    ("camera", "cameras"),
    ("sensor", "sensors"),
    ("dock", "docks"),
    ("rally point", "rally_points"),
    ("vehicle", "vehicles"),
    ("patrol", "patrols"),
    ("roaming patrol", "roaming"),
)


class How(str, Enum):
    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """kind: as in the site file, for people; id: empty of what is there once."""

    kind: str
    id: str
    how: How
    words: str


def changes(before: Site, after: Site) -> tuple[Change, ...]:
    """In the order of the site file; empty: both say the same."""
    return tuple(_changes(before, after))


def _changes(before: Site, after: Site) -> Iterator[Change]:
    if before.id != after.id:
        words = f"site '{before.id}' becomes '{after.id}': nodes and archives go by the old name"
        yield Change("site", after.id, How.CHANGED, words)
    frame = before.local_frame()
    if before.origin != after.origin:
        shift_m = _apart_m(frame, _point(before.origin), _point(after.origin))
        words = f"the origin moves by {shift_m:.1f} m: every camera's pose moves with it"
        yield Change("origin", "", How.MOVED, words)
    yield from _one(frame, "geofence", "", before.geofence, after.geofence)
    for kind, field in _GROUPS:
        old: Mapping[str, Frozen] = {each.id: each for each in getattr(before, field)}
        new: Mapping[str, Frozen] = {each.id: each for each in getattr(after, field)}
        for name in [*old, *(each for each in new if each not in old)]:
            if name not in new:
                yield Change(kind, name, How.REMOVED, f"{kind} '{name}' is removed")
            elif name not in old:
                yield Change(kind, name, How.ADDED, _added(frame, kind, name, new[name]))
            else:
                yield from _one(frame, kind, name, old[name], new[name])
    for field in ("name", "time_zone"):
        if getattr(before, field) != getattr(after, field):
            words = f"{field}: {getattr(before, field)} becomes {getattr(after, field)}"
            yield Change("site", "", How.CHANGED, words)
    for field in ("response", "airspace"):
        keys = _differing(getattr(before, field), getattr(after, field))
        if keys:
            yield Change(field, "", How.CHANGED, f"{field}: {'; '.join(keys)}")


def _one(frame: LocalFrame, kind: str, name: str, old: Frozen, new: Frozen) -> Iterator[Change]:
    if old == new:
        return
    who = f"{kind} '{name}'" if name else f"the {kind}"
    said = _moved(frame, old, new)
    if isinstance(old, Camera) and isinstance(new, Camera):
        said += _turned(old, new)
    rest = _differing(old, new, apart=(*_SHAPES, "pose"))
    if not said and not rest:
        return
    how = How.MOVED if said else How.CHANGED
    yield Change(kind, name, how, f"{who}: {'; '.join([*said, *rest])}")


def _added(frame: LocalFrame, kind: str, name: str, new: Frozen) -> str:
    polygon = getattr(new, "polygon", None)
    size = f", {area_m2(frame, polygon):.0f} m²" if polygon else ""
    return f"{kind} '{name}' is added{size}"


def _moved(frame: LocalFrame, old: Frozen, new: Frozen) -> list[str]:
    """Of the shape on the ground: by how much its middle moved, its farthest corner, and how its size changed."""
    said = []
    for field in _SHAPES:
        was, now = _shape(old, field), _shape(new, field)
        if was == now:
            continue
        if not was or not now:
            said.append(f"drawn {'on the ground' if now else 'in a picture'} now")
            continue
        shift_m = _apart_m(frame, *(_middle(each) for each in (was, now)))
        if len(was) == len(now):
            farthest_m = max(_apart_m(frame, a, b) for a, b in zip(was, now, strict=True))
            if farthest_m >= LEAST_M:
                corner = f", a corner by {farthest_m:.1f} m" if len(was) > 1 and farthest_m > shift_m + LEAST_M else ""
                said.append(f"moved by {shift_m:.1f} m{corner}")
        else:
            said.append(f"{len(now)} corners instead of {len(was)}, its middle moved by {shift_m:.1f} m")
        if field == "polygon":
            before_m2, after_m2 = area_m2(frame, was), area_m2(frame, now)
            if abs(after_m2 - before_m2) >= LEAST_M2:
                size = "larger" if after_m2 > before_m2 else "smaller"
                said.append(f"{size} by {abs(after_m2 - before_m2):.0f} m² ({before_m2:.0f} to {after_m2:.0f})")
    return said


def _turned(old: Camera, new: Camera) -> list[str]:
    if old.pose is None or new.pose is None or old.pose == new.pose:
        return [] if (old.pose is None) == (new.pose is None) else ["fixed and carried change places"]
    was, now, said = old.pose, new.pose, []
    shift_m = math.dist((was.east_m, was.north_m, was.up_m), (now.east_m, now.north_m, now.up_m))
    if shift_m >= LEAST_M:
        said.append(f"moved by {shift_m:.2f} m (height {was.up_m:.2f} to {now.up_m:.2f} m)")
    for what in ("heading", "pitch", "roll"):
        turn_deg = (getattr(now, f"{what}_deg") - getattr(was, f"{what}_deg") + 180.0) % 360.0 - 180.0
        if abs(turn_deg) >= 0.005:
            said.append(f"{what} turned by {turn_deg:+.2f}°")
    if (was.position_sigma_m, was.attitude_sigma_deg) != (now.position_sigma_m, now.attitude_sigma_deg):
        said.append(f"stated error {now.position_sigma_m:g} m, {now.attitude_sigma_deg:g}°")
    return said


def _differing(old: Frozen, new: Frozen, *, apart: Sequence[str] = ()) -> list[str]:
    was, now = old.model_dump(mode="json"), new.model_dump(mode="json")
    keys = [key for key in now if key not in apart and was.get(key) != now[key]]
    return [_key(key, was.get(key), now[key]) for key in keys]


def _key(key: str, was: Any, now: Any) -> str:
    if isinstance(was, list | dict) or isinstance(now, list | dict):
        if isinstance(was, list) and isinstance(now, list) and all(isinstance(each, str) for each in was + now):
            return f"{key} {', '.join(was) or 'none'} becomes {', '.join(now) or 'none'}"
        return f"{key} changed"
    return f"{key} {_said(was)} becomes {_said(now)}"


def _said(value: object) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _shape(thing: Frozen, field: str) -> tuple[GeoPoint, ...]:
    found = getattr(thing, field, None)
    if isinstance(found, GeoPoint):
        return (found,)
    return tuple(each for each in found or () if isinstance(each, GeoPoint))


def _point(thing: Any) -> GeoPoint:
    return GeoPoint(lat_deg=thing.lat_deg, lon_deg=thing.lon_deg)


def _middle(points: Sequence[GeoPoint]) -> GeoPoint:
    count = len(points)
    return GeoPoint(lat_deg=sum(p.lat_deg for p in points) / count, lon_deg=sum(p.lon_deg for p in points) / count)


def _apart_m(frame: LocalFrame, a: GeoPoint, b: GeoPoint) -> float:
    return frame.to_enu(a).horizontal_distance_m(frame.to_enu(b))


def area_m2(frame: LocalFrame, polygon: Sequence[GeoPoint]) -> float:
    """Square metres within, by the shoelace formula."""
    corners = [frame.to_enu(each) for each in polygon]
    twice = sum(
        a.east_m * b.north_m - b.east_m * a.north_m for a, b in zip(corners, [*corners[1:], *corners[:1]], strict=True)
    )
    return abs(twice) / 2.0
