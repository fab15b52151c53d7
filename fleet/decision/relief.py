"""Who stays with an incident, and when the next one is sent: nobody leaves before the next one sees the point.

The battery comes first: who has only the way home and the site's reserve left leaves, relieved or not, long before the
safety monitor would order it. Pure.
"""

from dataclasses import dataclass
from enum import Enum

from contract.site import Vehicle as VehicleSpec
from fleet.flight.energy import CONSUMPTION, home_frac
from fleet.flight.vehicle import VehicleState
from fleet.flight.way import landing_places
from fleet.flight.world import World

HANDOVER_S = 10.0  # both look at the point, so that a look through fence or foliage is no relief
EARLY_S = 30.0  # a launch that is refused once and asked for again, or a dock that opens slowly


class Act(str, Enum):
    STAY = "stay"
    SEND_NEXT = "send next"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who is on station, and how long it has had the point in view without a break; None: it has not."""

    vehicle: VehicleState
    spec: VehicleSpec
    sees_for_s: float | None


@dataclass(frozen=True, slots=True)
class Next:
    """Who was sent to relieve it; `sees_for_s` as of the watcher."""

    vehicle_id: str
    sees_for_s: float | None


@dataclass(frozen=True, slots=True)
class Relief:
    """What the watcher does, and why. `stays_s`: how long its battery lets it; None: not known."""

    act: Act
    why: str
    stays_s: float | None


def can_stay_s(vehicle: VehicleState, spec: VehicleSpec, world: World) -> float | None:
    """How long until it has left what the way home and the reserve take; 0 when that is so. None: something about it is
    not known."""
    wind_m_s = world.wind_for(vehicle) if spec.kind.flies else 0.0
    if vehicle.battery_frac is None or vehicle.position is None or vehicle.home is None or wind_m_s is None:
        return None
    here = world.airspace.enu(vehicle.position)
    places = landing_places(vehicle.home, vehicle.vehicle_id, world)
    back_frac = home_frac(
        spec.kind,
        distance_m=max(here.horizontal_distance_m(place) for place in places),
        height_m=vehicle.above_home_m or 0.0,
        return_height_m=spec.return_altitude_m or 0.0,
        speed_m_s=spec.cruise_speed_m_s,
        wind_m_s=wind_m_s,
    )
    if back_frac is None:
        return 0.0  # against this wind it makes no way home: it should be on it
    left_frac = vehicle.battery_frac - back_frac - world.site.response.battery_reserve_frac
    return max(left_frac, 0.0) * CONSUMPTION[spec.kind].endurance_s


def relief_of(
    watcher: Watcher, coming: Next | None, *, next_takes_s: float | None, ends_in_s: float | None, world: World
) -> Relief:
    """What is to be done now. `next_takes_s`: until the soonest other vehicle would be there, None: no other can go.
    `ends_in_s`: how long the point is still to be watched, None: nobody knows."""
    stays_s = can_stay_s(watcher.vehicle, watcher.spec, world)
    if ends_in_s is not None and ends_in_s <= 0.0:
        return Relief(Act.LEAVE, "nobody need watch it any longer", stays_s)
    if stays_s is not None and stays_s <= 0.0:
        return Relief(Act.LEAVE, "its battery holds the way home and the reserve, and no more", stays_s)
    if coming is not None:
        if coming.sees_for_s is not None and coming.sees_for_s >= HANDOVER_S:
            return Relief(Act.LEAVE, f"{coming.vehicle_id} is there and sees it", stays_s)
        return Relief(Act.STAY, f"until {coming.vehicle_id} is there and sees it for {HANDOVER_S:.0f} s", stays_s)
    if stays_s is not None and ends_in_s is not None and stays_s >= ends_in_s:
        return Relief(Act.STAY, f"it can stay {stays_s:.0f} s, {ends_in_s:.0f} s are asked for", stays_s)
    if next_takes_s is None:
        return Relief(Act.STAY, "no other vehicle can go", stays_s)
    if stays_s is None:
        return Relief(Act.SEND_NEXT, "how long it can stay is not known", stays_s)
    before_s = next_takes_s + HANDOVER_S + EARLY_S
    if stays_s <= before_s:
        return Relief(Act.SEND_NEXT, f"it can stay {stays_s:.0f} s, and the next takes {next_takes_s:.0f} s", stays_s)
    return Relief(Act.STAY, f"the next is sent in {stays_s - before_s:.0f} s", stays_s)
