"""Roaming patrols at work: which is due, whose turn it is, the order of the next round, and what was visited when.

Kept in memory: after a restart the longest gap counts from the first new round. The order is drawn from a secret, so
that who has plan and program still cannot tell it; a replay gives the secret and draws the same.
"""

import hashlib
import hmac
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from functools import cache
from random import Random
from zoneinfo import ZoneInfo

import numpy as np

from contract.geo import PointEnu
from contract.roaming import RoamingPatrol
from contract.site import Patrol, Site, Vehicle, Waypoint
from contract.tasks import Task, Visit
from fleet.decision.patrol import due_patrols
from fleet.decision.team import next_round, paths_of, team_of
from fleet.errors import Refused
from fleet.flight.gate import GateParameters, readiness_refusals
from fleet.flight.vehicle import VehicleState
from fleet.flight.world import World

NEVER_US = -1


class Roaming:
    """Of one site. `secret`: who knows it can foretell every round."""

    def __init__(self, site: Site, *, secret: str) -> None:
        self._site, self._secret, self._zone = site, secret.encode(), ZoneInfo(site.time_zone)
        self._patrols = {patrol.id: patrol for patrol in site.roaming}
        self._team = cache(lambda patrol_id: team_of(site, self._patrols[patrol_id]))
        self._seen_us: dict[tuple[str, str], int] = {}  # patrol, point: when it was last left
        self._last: dict[str, tuple[int, ...]] = {}  # patrol: the order of its last round
        self._started_us: dict[str, int] = {}  # patrol, roaming or not: when it last started
        self._flew_us: dict[str, int] = {}  # vehicle: when its last round began

    def started(self, patrol_id: str, *, at_us: int) -> None:
        """A patrol's slot is taken, whoever remembers it from before a restart."""
        self._started_us[patrol_id] = max(self._started_us.get(patrol_id, 0), at_us)

    def starts(
        self, *, can_start: Callable[[str, float], bool], now_us: int
    ) -> Iterator[tuple[str, str, tuple[Visit, ...]]]:
        """Patrol, vehicle and visits of what starts now, fixed patrols too. `can_start`: is a vehicle idle, ready and
        charged so far? What nobody can start stays due."""
        for patrol in due_patrols(self._site, last_started_at_us=self._started_us, now_us=now_us):
            if can_start(patrol.vehicle, 0.0):
                yield patrol.id, patrol.vehicle, ()
        for roaming in self.due(now_us=now_us):
            ready = next((name for name in self.turns(roaming) if can_start(name, roaming.battery_frac)), None)
            if ready is not None:
                yield roaming.id, ready, self.draw(roaming, ready, now_us=now_us)

    def due(self, *, now_us: int) -> tuple[RoamingPatrol, ...]:
        """Roaming patrols whose next round may start. All times are wall time, microseconds UTC."""
        if not self._patrols:
            return ()
        local = datetime.fromtimestamp(now_us / 1e6, timezone.utc).astimezone(self._zone).time()
        return tuple(
            patrol
            for patrol in self._patrols.values()
            if patrol.hours.contains(local)
            and now_us - self._started_us.get(patrol.id, -math.inf) >= patrol.every_min * 60e6
        )

    def turns(self, patrol: RoamingPatrol) -> list[str]:
        """Its vehicles, the longest rested first."""
        return sorted(patrol.vehicles, key=lambda name: self._flew_us.get(name, NEVER_US))

    def draw(self, patrol: RoamingPatrol, vehicle_id: str, *, now_us: int) -> tuple[Visit, ...]:
        """The points of a round that starts now, in their order, each with when it is due. What has waited too long
        already, after a night or an outage, is due at once and comes first."""
        team = self._team(patrol.id)
        due_us = [self._due_us(patrol, point.id) for point in patrol.points]
        due_s = np.array([math.inf if due is None else (due - now_us) / 1e6 for due in due_us])
        drawn = next_round(team, due_s=due_s, last=self._last.get(patrol.id), chance=self._chance(patrol.id, now_us))
        self._last[patrol.id], self._flew_us[vehicle_id] = drawn.order, now_us
        first_due_us = now_us + round(patrol.longest_gap_min * 60e6)
        return tuple(
            Visit(point=patrol.points[number].id, due_at_us=due_us[number] or first_due_us) for number in drawn.order
        )

    def _due_us(self, patrol: RoamingPatrol, point_id: str) -> int | None:
        seen_us = self._seen_us.get((patrol.id, point_id))
        return None if seen_us is None else seen_us + round(patrol.longest_gap_min * 60e6)

    def _chance(self, patrol_id: str, now_us: int) -> Random:
        word = f"{self._site.id}/{patrol_id}/{now_us}".encode()
        return Random(hmac.new(self._secret, word, hashlib.sha256).digest())  # noqa: S311 - seeded with 256 secret bits

    def note(self, before: Task | None, after: Task, *, at_us: int) -> None:
        """Points that are gone from a task's visits were just left."""
        if before is None or after.patrol not in self._patrols:
            return
        left = {visit.point for visit in after.visits}
        for visit in before.visits:
            if visit.point not in left:
                self._seen_us[after.patrol, visit.point] = at_us


def is_fit(vehicle: VehicleState, world: World, parameters: GateParameters, *, charge_frac: float, now_us: int) -> bool:
    """Is a vehicle on the ground, ready and charged so far? `now_us` is monotonic."""
    if vehicle.armed or vehicle.not_ready_because or vehicle.battery_frac is None or vehicle.battery_frac < charge_frac:
        return False
    return not readiness_refusals(vehicle, world.spec(vehicle.vehicle_id), world, parameters, now_us)


def by_urgency(visits: Sequence[Visit], *, ends_us: int) -> tuple[Visit, ...]:
    """How an interrupted round goes on: as it was drawn, unless a point is due before the rest could take until
    (`ends_us`): then what is due sooner comes sooner."""
    if all(visit.due_at_us >= ends_us for visit in visits):
        return tuple(visits)
    return tuple(sorted(visits, key=lambda visit: visit.due_at_us))


def round_as_patrol(
    site: Site, patrol: RoamingPatrol, vehicle: Vehicle, visits: Sequence[Visit], *, here: PointEnu
) -> tuple[Patrol, tuple[int, ...]]:
    """The visits as waypoints, by legal ways from `here`, and which waypoint ends each visit.

    Raises Refused where there is no legal way, and when it has more waypoints than one mission holds.
    """
    frame, points = site.local_frame(), {point.id: point for point in patrol.points}
    stops = [points[visit.point] for visit in visits]
    places = [here, *(frame.to_enu(stop.position) for stop in stops)]
    paths = paths_of(site, (vehicle,), places, altitude_m=patrol.altitude_m)
    waypoints: list[Waypoint] = []
    ends: list[int] = []
    for number, stop in enumerate(stops, 1):  # node 0 is the dock, node 1 here
        if not np.isfinite(paths.length_m[number, number + 1]):
            raise Refused(f"no legal way to point '{stop.id}'")
        corners = paths.way(number, number + 1)[1:-1]
        waypoints += [Waypoint(position=frame.to_geo(corner)[0]) for corner in corners]
        waypoints.append(Waypoint(position=stop.position, dwell_s=stop.dwell_s, look_deg=stop.look_deg))
        ends.append(len(waypoints) - 1)
    if len(waypoints) == 1:  # a mission has two; the first is the same place without a stay
        waypoints.insert(0, Waypoint(position=waypoints[0].position))
        ends = [1]
    if len(waypoints) > 200:
        raise Refused(f"{len(waypoints)} waypoints are more than one mission holds (200)")
    as_patrol = Patrol(
        id=patrol.id,
        vehicle=vehicle.id,
        altitude_m=patrol.altitude_m,
        waypoints=tuple(waypoints),
        every_min=patrol.every_min,
        hours=patrol.hours,
    )
    return as_patrol, tuple(ends)
