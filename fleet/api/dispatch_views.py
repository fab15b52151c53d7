"""Who would be sent to an incident, and why not the others, as people see it."""

import uuid

from contract.frozen import Frozen, Identifier, TimeUs
from contract.geo import GeoPoint
from fleet.decision.dispatch import Energy
from fleet.decision.explanation import Chance, Explanation


class EnergyView(Frozen):
    """Shares of a full battery: there, `observe_s` on station, home from the farthest stop, the reserve; needs: the
    sum, what the gate asks for."""

    there_frac: float
    on_station_frac: float
    back_frac: float
    reserve_frac: float
    needs_frac: float


class WayStopView(Frozen):
    point: GeoPoint
    above_home_m: float | None  # null on the ground


class ChanceView(Frozen):
    """One vehicle. rank: from 1, the soonest; null: it cannot go, and why says why. Then way and energy are those of
    the straight way that it must not take; without any where not even that is known."""

    vehicle: Identifier
    rank: int | None
    is_chosen: bool
    why: str
    arrives_in_s: float | None
    battery_frac: float | None
    energy: EnergyView | None
    length_m: float | None
    detour_m: float | None  # more than straight on
    around: tuple[str, ...]
    stand_off: GeoPoint | None
    way: tuple[WayStopView, ...]


class DispatchView(Frozen):
    """chosen: who would go now; null: nobody. on_it: who is on the way or looks already. Ranked, the soonest first."""

    incident_id: uuid.UUID
    at_us: TimeUs
    target: GeoPoint
    sigma_m: float
    chosen: Identifier | None
    on_it: Identifier | None
    vehicles: tuple[ChanceView, ...]


def dispatch_view(explanation: Explanation, *, incident_id: uuid.UUID, at_us: int, on_it: str | None) -> DispatchView:
    return DispatchView(
        incident_id=incident_id,
        at_us=at_us,
        target=explanation.need.target,
        sigma_m=explanation.need.sigma_m,
        chosen=explanation.chosen,
        on_it=on_it,
        vehicles=tuple(_chance(each) for each in explanation.chances),
    )


def _chance(chance: Chance) -> ChanceView:
    return ChanceView(
        vehicle=chance.vehicle_id,
        rank=chance.rank,
        is_chosen=chance.is_chosen,
        why=chance.why,
        arrives_in_s=chance.arrives_in_s,
        battery_frac=chance.battery_frac,
        energy=None if chance.energy is None else _energy(chance.energy),
        length_m=chance.length_m,
        detour_m=chance.detour_m,
        around=chance.around,
        stand_off=chance.stand_off,
        way=tuple(WayStopView(point=stop.point, above_home_m=stop.above_home_m) for stop in chance.way),
    )


def _energy(energy: Energy) -> EnergyView:
    return EnergyView(
        there_frac=energy.there_frac,
        on_station_frac=energy.on_station_frac,
        back_frac=energy.back_frac,
        reserve_frac=energy.reserve_frac,
        needs_frac=energy.needs_frac,
    )
