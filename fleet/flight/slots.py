"""Heights that copters share: a slot is one copter's for its task, and two never share one where they could meet.

The height a copter returns at is its own and no slot (SAFETY 10). What is taken is kept until the copter is on the
ground or on its way home, whatever becomes of the task: the height is in use as long as somebody is up there.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise

from contract.airspace import SLOT_SEPARATION_M
from contract.geo import PointEnu
from contract.site import Site
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.way import AIR_SEPARATION_M, is_airborne, leg_gap_m

SHARED_FROM_M = 3.0 * AIR_SEPARATION_M  # between two ways at one height: each may be blown or believe itself beside
COMES_DOWN = (FlightMode.RETURN, FlightMode.LAND)


@dataclass(frozen=True, slots=True)
class Claim:
    """Who has a height. `path` None: it follows a sighting, and may be anywhere."""

    vehicle_id: str
    height_m: float
    path: tuple[PointEnu, ...] | None


def slot_heights(site: Site) -> tuple[float, ...]:
    """The site's slots, rising. Derived ones lie around the height that copters look from, within the band, and keep
    clear of every height that another returns at."""
    if site.airspace.slots_m:
        return site.airspace.slots_m
    fence = site.geofence
    middle_m = min(max(site.response.air_altitude_m, fence.floor_m), fence.ceiling_m)
    returns = [v.return_altitude_m for v in site.vehicles if v.return_altitude_m is not None]
    below = int((middle_m - fence.floor_m) // SLOT_SEPARATION_M)
    above = int((fence.ceiling_m - middle_m) // SLOT_SEPARATION_M)
    heights = [middle_m + step * SLOT_SEPARATION_M for step in range(-below, above + 1)]
    if len(returns) > 1:
        heights = [h for h in heights if all(abs(h - back_m) >= SLOT_SEPARATION_M for back_m in returns)]
    return tuple(heights) or (middle_m,)


class SlotBook:
    """Who has which height. For tasking's thread."""

    def __init__(self, site: Site) -> None:
        self._heights = slot_heights(site)
        self._is_given = bool(site.airspace.slots_m)
        self._claims: dict[str, Claim] = {}

    @property
    def claims(self) -> tuple[Claim, ...]:
        return tuple(self._claims.values())

    def find(
        self, vehicle_id: str, preferred_m: float, path: tuple[PointEnu, ...] | None, vehicles: Iterable[VehicleState]
    ) -> float | str:
        """The free height nearest to the one preferred, or in words who has them all. A height that the site's file
        asks for need not be a slot, unless it names slots."""
        taken = self._taken(vehicle_id, vehicles)
        heights = self._heights if self._is_given else (preferred_m, *self._heights)
        for height_m in sorted(dict.fromkeys(heights), key=lambda h: (abs(h - preferred_m), h)):
            if not any(_meet(Claim(vehicle_id, height_m, path), claim) for claim in taken):
                return height_m
        had = ", ".join(f"'{c.vehicle_id}' has {c.height_m:.0f} m" for c in taken)
        return f"no height is free: {had}"

    def take(
        self, vehicle_id: str, preferred_m: float, path: tuple[PointEnu, ...] | None, vehicles: Iterable[VehicleState]
    ) -> float | str:
        """As `find`, and then it is this vehicle's instead of the one it had; on a refusal it keeps that."""
        found = self.find(vehicle_id, preferred_m, path, vehicles)
        if not isinstance(found, str):
            self._claims[vehicle_id] = Claim(vehicle_id, found, path)
        return found

    def free(self, vehicle_id: str) -> None:
        self._claims.pop(vehicle_id, None)

    def _taken(self, vehicle_id: str, vehicles: Iterable[VehicleState]) -> list[Claim]:
        """Claims of others, and whoever else is up there: adopted after a restart, in a pilot's hands."""
        found = [claim for claim in self._claims.values() if claim.vehicle_id != vehicle_id]
        known: Collection[str] = {vehicle_id, *(claim.vehicle_id for claim in found)}
        for other in vehicles:
            if other.vehicle_id in known or not is_airborne(other) or other.mode in COMES_DOWN:
                continue
            found.append(Claim(other.vehicle_id, other.above_home_m or 0.0, None))
        return found


def _meet(one: Claim, other: Claim) -> bool:
    if abs(one.height_m - other.height_m) >= SLOT_SEPARATION_M:
        return False
    if one.path is None or other.path is None:
        return True
    legs = [(a, b, c, d) for a, b in pairwise(one.path) for c, d in pairwise(other.path)]
    return min((leg_gap_m(*four) for four in legs), default=0.0) < SHARED_FROM_M
