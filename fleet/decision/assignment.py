"""Which vehicle looks at which sighting: the best for the whole fleet at once, not for one sighting after the other.

First as many as can be of the most urgent, then of the next, and among such plans the least sum of arrivals. A pair's
exact way is worked out only when it would be chosen. Of a few needs it counts until then with its earliest arrival, and
what comes out is the best plan. Of many it counts with its likely one, straight on to the nearest stand-off point: that
is hardly ever other, and too late at most by the way between the circles. So a plan that is near enough to the best of
the likely is near the best of all, and ends the work. Pure; equal inputs are equal plans.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from contract.geo import GeoPoint
from contract.tasks import Task
from fleet.decision.dispatch import (
    SAME_S,
    Candidate,
    Considered,
    Dispatch,
    NoVehicle,
    Plan,
    able_to_go,
    arrivals_each_s,
    busy_with,
    considered,
    dispatch_of,
    in_words,
    plan_of,
    targets_of,
)
from fleet.flight.gate import GateParameters
from fleet.flight.vehicle import VehicleState
from fleet.flight.world import World

MOST_PRIORITY, LEAST_PRIORITY = 1, 5
SWITCH_S = 20.0  # what another vehicle, or another sighting, must gain before one under way changes
LATEST_S = 10_000.0  # arrivals beyond are none
FEW_NEEDS = 20  # up to so many the best plan is worked out to its end
NEAR_ENOUGH_S = 0.75  # a need, on average, from the best likely plan: 2 s from the best of all at 8 m/s


@dataclass(frozen=True, slots=True)
class Need:
    """A sighting somebody should look at. `priority` 1 is the most urgent, 5 the least; `by` is on its way already."""

    id: str
    target: GeoPoint
    sigma_m: float
    priority: int = LEAST_PRIORITY
    by: str | None = None

    def __post_init__(self) -> None:
        if not MOST_PRIORITY <= self.priority <= LEAST_PRIORITY:
            raise ValueError(
                f"need '{self.id}': expected a priority of {MOST_PRIORITY} to {LEAST_PRIORITY}, got {self.priority}"
            )


@dataclass(frozen=True, slots=True)
class Assignment:
    """`plans` by need: one without is looked at by nobody. `considered` tells of a need's every vehicle, the chosen
    first."""

    plans: Mapping[str, Plan]
    considered: Callable[[str], tuple[Considered, ...]]


def assign(
    needs: Iterable[Need],
    fleet: Iterable[VehicleState],
    *,
    world: World,
    parameters: GateParameters,
    now_us: int,
    unavailable: Mapping[str, str] | None = None,
    heights: Mapping[str, float] | None = None,
    is_best: bool | None = None,
    known: Mapping[tuple[str, str], Plan | str] | None = None,
) -> Assignment:
    """`unavailable`: why a vehicle may not be chosen, by id; `heights` as in `choose`. `is_best`: no plan may have a
    lesser sum of arrivals; if left out, only of up to `FEW_NEEDS`. `known`: what `plan_of` said already, by need and
    vehicle."""
    wanted = sorted(needs, key=lambda need: (need.priority, need.id))
    able: list[Candidate] = []
    unable: list[Considered] = []
    for vehicle in sorted(fleet, key=lambda each: each.vehicle_id):
        name = vehicle.vehicle_id
        found = able_to_go(
            vehicle,
            world=world,
            parameters=parameters,
            now_us=now_us,
            busy=(unavailable or {}).get(name),
            height_m=(heights or {}).get(name, world.site.response.air_altitude_m),
        )
        if isinstance(found, str):
            unable.append(Considered(name, None, found))
        else:
            able.append(found)
    table = _Table(wanted, able, world, now_us)
    table.know(known or {})
    chosen = table.solve(is_best=len(wanted) <= FEW_NEEDS if is_best is None else is_best)
    plans = {wanted[row].id: table.exact(row, column) for row, column in chosen.items()}
    rows = {need.id: row for row, need in enumerate(wanted)}
    return Assignment(
        plans={need: plan for need, plan in plans.items() if isinstance(plan, Plan)},
        considered=lambda need_id: (*table.explained(rows[need_id], chosen), *unable),
    )


class _Table:
    """Needs (rows) by vehicles (columns): arrivals in seconds, the earliest and the likely until they are exact."""

    def __init__(self, needs: list[Need], able: list[Candidate], world: World, now_us: int) -> None:
        self._needs, self._able, self._world, self._now_us = needs, able, world, now_us
        self._exact: dict[tuple[int, int], Plan | str] = {}
        self._earliest_s = np.full((len(needs), len(able)), np.inf)
        self._likely_s, self._sure_s = self._earliest_s.copy(), self._earliest_s.copy()
        targets = targets_of([(need.target, need.sigma_m) for need in needs], world.airspace)
        for column, candidate in enumerate(able):
            self._earliest_s[:, column], self._likely_s[:, column] = arrivals_each_s(candidate, targets, world)
        names = [candidate.vehicle.vehicle_id for candidate in able]
        present = {need.by: row for row, need in enumerate(needs) if need.by in names}
        self._switch_s = np.zeros_like(self._earliest_s)
        for name, row in present.items():
            column = names.index(name)
            self._switch_s[row, :] = SWITCH_S
            self._switch_s[:, column] = SWITCH_S
        for name, row in present.items():
            self._switch_s[row, names.index(name)] = 0.0
        self._extra_s = self._switch_s + self._ties_s()
        self._nobody_s = _nobody_s(needs, len(able))

    def know(self, found: Mapping[tuple[str, str], Plan | str]) -> None:
        rows = {need.id: row for row, need in enumerate(self._needs)}
        columns = {candidate.vehicle.vehicle_id: column for column, candidate in enumerate(self._able)}
        for (need_id, name), plan in found.items():
            self._keep((rows[need_id], columns[name]), plan)

    def exact(self, row: int, column: int) -> Plan | str:
        pair = row, column
        if pair not in self._exact:
            need = self._needs[row]
            found = plan_of(
                self._able[column], target=need.target, sigma_m=need.sigma_m, world=self._world, now_us=self._now_us
            )
            self._keep(pair, found)
        return self._exact[pair]

    def _keep(self, pair: tuple[int, int], found: Plan | str) -> None:
        self._exact[pair] = found
        arrives_s = found.arrives_in_s if isinstance(found, Plan) else np.inf
        self._earliest_s[pair] = self._likely_s[pair] = self._sure_s[pair] = arrives_s

    def solve(self, *, is_best: bool) -> dict[int, int]:
        """The column of each row that gets one."""
        arrives_s, within_s = (self._earliest_s, 0.0) if is_best else (self._likely_s, NEAR_ENOUGH_S)
        while True:
            chosen, about_s = self._best(arrives_s)
            open_pairs = [pair for pair in chosen.items() if pair not in self._exact]
            if not open_pairs:
                return chosen
            for row, column in open_pairs:
                if isinstance(self.exact(row, column), str) and not is_best:
                    self._open_next(row)
            sure, sure_s = self._best(self._sure_s)
            if sure_s - about_s <= within_s * len(self._needs):
                return sure

    def _open_next(self, row: int) -> None:
        """Some vehicle that can go there, the likely soonest. What keeps one from it, such as the place, keeps others
        from it too, and each of them would send the rest of the fleet elsewhere until its way is worked out."""
        while np.isfinite(self._likely_s[row]).any():
            if isinstance(self.exact(row, int(np.argmin(self._likely_s[row]))), Plan):
                return

    def _best(self, arrives_s: NDArray[np.float64]) -> tuple[dict[int, int], float]:
        """The best plan with those arrivals, and what it costs; each row has a column of its own that means nobody."""
        rows, columns = arrives_s.shape
        if not rows or not columns:
            return {}, 0.0
        costs = np.full((rows, columns + rows), LATEST_S * self._nobody_s.max())
        can = np.isfinite(arrives_s)
        costs[:, :columns][can] = (np.round(arrives_s, 3) + self._extra_s)[can]
        costs[np.arange(rows), columns + np.arange(rows)] = self._nobody_s
        found = linear_sum_assignment(costs)
        pairs = zip(*(each.tolist() for each in found), strict=True)
        return {row: column for row, column in pairs if column < columns}, float(costs[found].sum())

    def _ties_s(self) -> NDArray[np.float64]:
        """So little that only a tie notices: the first need gets the vehicle with the lower id."""
        rows, columns = self._earliest_s.shape
        return SAME_S / 2 * np.outer((rows - np.arange(rows)) / rows, np.arange(columns) / columns) / max(rows, 1)

    def explained(self, row: int, chosen: Mapping[int, int]) -> list[Considered]:
        """Every vehicle in plain words, the chosen first, then by arrival; None for what cannot go at all."""
        column = chosen.get(row)
        best = None if column is None else self._exact[row, column]
        goes_to = {other: self._needs[its] for its, other in chosen.items()}
        lines: list[tuple[float, str, Considered]] = []
        for other, candidate in enumerate(self._able):
            name, soonest_s = candidate.vehicle.vehicle_id, float(self._earliest_s[row, other])
            plan = self._exact.get((row, other)) if np.isfinite(soonest_s) else self.exact(row, other)
            if isinstance(plan, str):
                line = Considered(name, None, plan)
            else:
                why = in_words(plan) if plan else f"{soonest_s:.0f} s at the earliest"
                if other == column:
                    why = f"chosen: {why}, {'the best for all that wait' if len(self._needs) > 1 else 'the soonest'}"
                elif other in goes_to:
                    its = goes_to[other]
                    urgent = ", which is more urgent" if its.priority < self._needs[row].priority else ""
                    why = f"{why}, and it goes to {its.id}{urgent}"
                elif isinstance(best, Plan):
                    why = f"{why}, {_beside(plan, soonest_s - best.arrives_in_s, best.vehicle.vehicle_id)}"
                else:
                    why = f"{why}, but what it does now is worth more"
                line = considered(plan, why) if plan else Considered(name, soonest_s, why)
            at_s = -1.0 if other == column else soonest_s
            lines.append((at_s, name, line))
        return [line for _, _, line in sorted(lines, key=lambda each: each[:2])]


def _nobody_s(needs: Sequence[Need], vehicles: int) -> NDArray[np.float64]:
    """What it costs that nobody goes: for each level more than all arrivals of a plan together. That is enough: whoever
    is served in addition takes the place of one other at most."""
    levels = sorted({need.priority for need in needs}, reverse=True)
    step_s = 2.0 * LATEST_S * max(min(len(needs), vehicles), 1)
    return np.array([step_s * (levels.index(need.priority) + 1) for need in needs])


def _beside(plan: Plan | None, later_s: float, other: str) -> str:
    """Of one that does not go: how much later it is than the one that does."""
    if later_s >= 0.0:
        return f"{later_s:.0f} s after {other}"
    sooner = f"{-later_s:.0f} s before {other}"
    return f"{sooner}, too little to change" if plan else f"{sooner} if its way were straight, which was not worked out"


def choose_among(
    need: Need,
    others: Iterable[Need],
    *,
    vehicles: Iterable[VehicleState],
    tasks: Iterable[Task],
    world: World,
    parameters: GateParameters,
    now_us: int,
    unavailable: Mapping[str, str] | None = None,
    heights: Mapping[str, float] | None = None,
) -> Dispatch | str:
    """Who looks at `need`, when `others` wait as well, or why nobody: the nearest may be left to one of those."""
    states, taken = list(vehicles), busy_with(tasks) | dict(unavailable or {})

    def assigned(needs: Sequence[Need]) -> Assignment:
        return assign(
            needs, states, world=world, parameters=parameters, now_us=now_us, unavailable=taken, heights=heights
        )

    found = assigned([need])
    if need.id in found.plans and (rest := list(others)):  # where nobody can go, who else waits matters to nobody
        found = assigned([need, *rest])
    plan = found.plans.get(need.id)
    considered_each = found.considered(need.id)
    return NoVehicle(considered_each).reason if plan is None else dispatch_of(plan, considered_each)
