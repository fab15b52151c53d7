"""Which patrols are due, and a patrol as the mission it is flown by.

Slots count in elapsed time from the start of a window, so a day of 23 or 25 hours neither loses nor repeats one; only
the window's ends follow the site's clock on the wall.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from contract.geo import GeoPoint, LocalFrame, PointEnu
from contract.site import Patrol, Site
from fleet.flight.orders import FlyMission, MissionItem

LOOK_M = 50.0  # far enough that an error of metres hardly turns it, near enough that a gimbal looks down on ground


def due_patrols(site: Site, *, last_started_at_us: Mapping[str, int], now_us: int) -> tuple[Patrol, ...]:
    """Patrols that have not started since their latest slot. All times are wall time, microseconds UTC."""
    due = []
    for patrol in site.patrols:
        slot_us = latest_slot_us(patrol, time_zone=site.time_zone, now_us=now_us)
        started_us = last_started_at_us.get(patrol.id)
        if slot_us is not None and (started_us is None or started_us < slot_us):
            due.append(patrol)
    return tuple(due)


def latest_slot_us(patrol: Patrol, *, time_zone: str, now_us: int) -> int | None:
    """Start of the slot that `now_us` lies in; None outside the patrol's hours."""
    zone = ZoneInfo(time_zone)
    now = datetime.fromtimestamp(now_us / 1e6, timezone.utc)
    for days_back in (0, 1):
        day = now.astimezone(zone).date() - timedelta(days=days_back)
        start, end = patrol.hours.from_day(day, zone)
        if start <= now < end:
            every = timedelta(minutes=patrol.every_min)
            slot = start + every * ((now - start) // every)
            return round(slot.timestamp() * 1e6)
    return None


def mission_of(patrol: Patrol, *, flies: bool, speed_m_s: float) -> FlyMission:
    """All laps, one after the other, from the first waypoint. What drives looks where it goes."""
    lap = tuple(
        MissionItem(
            waypoint.position,
            patrol.altitude_m if flies else None,
            waypoint.dwell_s,
            looked_at_from(waypoint.position, waypoint.look_deg) if flies else (),
        )
        for waypoint in patrol.waypoints
    )
    return FlyMission(items=lap * patrol.laps, from_index=0, speed_m_s=speed_m_s)


def looked_at_from(here: GeoPoint, look_deg: Sequence[float]) -> tuple[GeoPoint, ...]:
    """On the ground, `LOOK_M` away in these directions, clockwise from north."""
    frame = LocalFrame(here, ground_amsl_m=0.0)
    turns = [math.radians(each) for each in look_deg]
    return tuple(frame.to_geo(PointEnu(LOOK_M * math.sin(turn), LOOK_M * math.cos(turn)))[0] for turn in turns)
