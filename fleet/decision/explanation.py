"""The ranking of the fleet for one sighting: who would go, by which way and with what battery, and why not the others.

It is worked out a vehicle at a time, so that whoever runs the loop may do what is more urgent in between. All of it is
of the moment that was asked about. Pure.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from contract.geo import GeoPoint
from contract.tasks import Task
from fleet.decision.assignment import Need, assign
from fleet.decision.dispatch import (
    Candidate,
    Considered,
    Energy,
    Plan,
    able_to_go,
    busy_with,
    energy_of,
    plan_of,
    straight_on,
)
from fleet.flight.gate import GateParameters
from fleet.flight.vehicle import VehicleState
from fleet.flight.way import Way
from fleet.flight.world import World


@dataclass(frozen=True, slots=True)
class Moment:
    """What a choice is made of. `heights` and `unavailable` by vehicle, as in `choose_among`."""

    vehicles: tuple[VehicleState, ...]
    tasks: tuple[Task, ...]
    world: World
    parameters: GateParameters
    now_us: int
    unavailable: Mapping[str, str]
    heights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class WayStop:
    """`above_home_m` is None for a ground vehicle."""

    point: GeoPoint
    above_home_m: float | None


@dataclass(frozen=True, slots=True)
class Chance:
    """One vehicle, soonest first; `rank` from 1, None: it cannot go. Of one that may not take the straight way and has
    no other, `way` and `energy` are those of the straight one; both None where not even that is known."""

    vehicle_id: str
    why: str
    rank: int | None = None
    is_chosen: bool = False
    arrives_in_s: float | None = None
    stand_off: GeoPoint | None = None
    length_m: float | None = None
    detour_m: float | None = None
    around: tuple[str, ...] = ()
    battery_frac: float | None = None
    energy: Energy | None = None
    way: tuple[WayStop, ...] = ()


class Explanation:
    """`work` until it says that nothing is left; then `chances`, and `chosen`: who goes, None for nobody."""

    def __init__(self, need: Need, others: Sequence[Need], moment: Moment) -> None:
        self.need = need
        self.chosen: str | None = None
        self.chances: tuple[Chance, ...] = ()  # who can go, soonest first, then who cannot, by id
        self._others, self._moment = others, moment
        self._busy = busy_with(moment.tasks) | dict(moment.unavailable)
        self._waiting = sorted(moment.vehicles, key=lambda each: each.vehicle_id, reverse=True)
        self._found: dict[str, tuple[Candidate, Plan | str]] = {}  # of who may go anywhere at all
        self._is_done = False

    def work(self) -> bool:
        """One vehicle more, at last the choice among all that wait. False when there was nothing left to do."""
        if self._is_done:
            return False
        if self._waiting:
            self._work_out(self._waiting.pop())
        else:
            self._choose()
            self._is_done = True
        return True

    def _work_out(self, vehicle: VehicleState) -> None:
        moment, need, name = self._moment, self.need, vehicle.vehicle_id
        candidate = able_to_go(
            vehicle,
            world=moment.world,
            parameters=moment.parameters,
            now_us=moment.now_us,
            busy=self._busy.get(name),
            height_m=moment.heights.get(name, moment.world.site.response.air_altitude_m),
        )
        if isinstance(candidate, Candidate):
            found = plan_of(
                candidate, target=need.target, sigma_m=need.sigma_m, world=moment.world, now_us=moment.now_us
            )
            self._found[name] = candidate, found

    def _choose(self) -> None:
        moment = self._moment
        found = assign(
            [self.need, *self._others],
            moment.vehicles,
            world=moment.world,
            parameters=moment.parameters,
            now_us=moment.now_us,
            unavailable=self._busy,
            heights=moment.heights,
            known={(self.need.id, name): plan for name, (_, plan) in self._found.items()},
        )
        plan = found.plans.get(self.need.id)
        self.chosen = None if plan is None else plan.vehicle.vehicle_id
        chances = [self._chance(each) for each in found.considered(self.need.id)]
        chances.sort(key=_order)
        able = sum(each.arrives_in_s is not None for each in chances)
        self.chances = tuple(
            replace(each, rank=rank if rank <= able else None, is_chosen=each.vehicle_id == self.chosen)
            for rank, each in enumerate(chances, 1)
        )

    def _chance(self, told: Considered) -> Chance:
        name, world = told.vehicle_id, self._moment.world
        vehicle = next(each for each in self._moment.vehicles if each.vehicle_id == name)
        chance = Chance(name, told.why, battery_frac=vehicle.battery_frac)
        if name not in self._found:
            return chance
        candidate, found = self._found[name]
        way: Way | None
        if isinstance(found, Plan):
            way = found.way
            chance = replace(
                chance,
                arrives_in_s=found.arrives_in_s,
                stand_off=found.stand_off,
                detour_m=found.detour_m,
                around=found.around,
            )
        else:
            way = straight_on(candidate, target=self.need.target, sigma_m=self.need.sigma_m, world=world)
        if way is None:
            return chance
        return replace(
            chance,
            length_m=way.length_m,
            energy=energy_of(way, vehicle, candidate.spec, world),
            way=tuple(
                WayStop(world.airspace.geo(stop.point), stop.height_m if vehicle.kind.flies else None)
                for stop in (way.start, *way.stops)
            ),
        )


def _order(chance: Chance) -> tuple[float, str]:
    return math.inf if chance.arrives_in_s is None else round(chance.arrives_in_s, 3), chance.vehicle_id
