"""Patrols for several vehicles over many points, found with OR-Tools: who visits what, in which order, how often.

Vehicles of one kind and speed may form a team that flies the same round in turns while the others charge. Every size of
team is tried; the plan whose worst point waits least is kept. What the allowed gap leaves is then given to chance:
half of it for longer rounds, half for visits that come early or late.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from contract.geo import PointEnu
from contract.roaming import RoamingPatrol, RoamingPoint
from contract.site import Site, Vehicle
from fleet.decision.team import (
    Legs,
    Team,
    against_wind,
    battery_frac,
    legs_of,
    longest_round_s,
    usable_charge_s,
)
from fleet.errors import NotPossible

FULL_FRAC = 0.95  # what a charger that is done gives for sure
GAP_ALLOWANCE = 1.15  # of the best fixed round's longest gap, where nobody says how long it may be
TICKS_PER_S = 10  # the solver counts in whole numbers
UNREACHABLE_TICKS = 10_000_000
SPAN_WEIGHT = 100  # the longest round counts so much more than the sum of all
SOLUTIONS = 150  # then the search ends: a count and not a time, so that a plan can be made again
SEARCH_LIMIT_S = 3  # on a machine that is very slow
LONGER_ROUNDS = 0.5  # share of what is given to chance


@dataclass(frozen=True, slots=True)
class Wanted:
    """`gap_s` None: GAP_ALLOWANCE over the best fixed plan; `charge_s`: from landing until full again."""

    points: tuple[RoamingPoint, ...]
    vehicles: tuple[Vehicle, ...]
    charge_s: float
    wind_m_s: float
    randomness: float
    gap_s: float | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A team's fixed round: points of `Wanted` in order, from launch until the last is left."""

    vehicles: tuple[Vehicle, ...]
    order: tuple[int, ...]
    legs: Legs
    length_s: float

    def cycle_s(self, length_s: float, charge_s: float) -> float:
        """From one start to the next, when rounds take so long."""
        return (length_s + self.legs.home_s + charge_s) / len(self.vehicles)


@dataclass(frozen=True, slots=True)
class Plan:
    """fixed_gap_s: longest wait of the best plan without any chance; gap_s: what this one keeps."""

    site: Site
    teams: tuple[Team, ...]
    fixed_gap_s: float
    gap_s: float
    wanted: Wanted
    routes: tuple[Route, ...]

    def within(self, gap_s: float) -> "Plan":
        """The same rounds with another longest gap. Raises NotPossible."""
        return _within(self.site, self.wanted, self.routes, fixed_gap_s=self.fixed_gap_s, gap_s=gap_s)


def plan(site: Site, wanted: Wanted, *, say: Callable[[str], None] = lambda _: None) -> Plan:
    """Raises NotPossible with one line: no legal way, too little battery, or a gap that cannot be kept."""
    best: list[Route] | None = None
    best_gap_s = np.inf
    for size in _sizes(wanted.vehicles):
        groups = _groups(wanted.vehicles, size)
        say(f"{len(groups)} {'team' if len(groups) == 1 else 'teams'} of up to {size}")
        routes = _routes(site, wanted, groups)
        gap_s = max((_fixed_gap_s(route, wanted.charge_s) for route in routes or ()), default=np.inf)
        if gap_s < best_gap_s:
            best, best_gap_s = routes, gap_s
    if best is None:
        raise NotPossible(
            f"{len(wanted.points)} points are too many for one battery each of {len(wanted.vehicles)} vehicles: "
            f"expected fewer points, shorter stays or more vehicles"
        )
    gap_s = GAP_ALLOWANCE * best_gap_s if wanted.gap_s is None else wanted.gap_s
    return _within(site, wanted, tuple(best), fixed_gap_s=float(best_gap_s), gap_s=gap_s)


def _within(site: Site, wanted: Wanted, routes: tuple[Route, ...], *, fixed_gap_s: float, gap_s: float) -> Plan:
    if gap_s < fixed_gap_s:
        raise NotPossible(
            f"expected a gap of at least {fixed_gap_s / 60:.1f} min, which is the best found, got {gap_s / 60:.1f} min"
        )
    teams = tuple(
        _team(site, wanted, route, name=f"roam-{number}", gap_s=gap_s) for number, route in enumerate(routes, 1)
    )
    return Plan(site, teams, fixed_gap_s, gap_s, wanted, routes)


def _fixed_gap_s(route: Route, charge_s: float) -> float:
    early_s = route.legs.early_s[:, 0]
    return route.cycle_s(route.length_s, charge_s) + float(early_s.max() - early_s.min())


def _sizes(vehicles: Sequence[Vehicle]) -> list[int]:
    counts = [len(alike) for alike in _alike(vehicles)]
    return [size for size in range(1, max(counts) + 1) if all(n % size == 0 or n < size for n in counts)]


def _alike(vehicles: Sequence[Vehicle]) -> list[list[Vehicle]]:
    kinds: dict[tuple[str, float], list[Vehicle]] = {}
    for vehicle in vehicles:
        kinds.setdefault((vehicle.kind.value, vehicle.cruise_speed_m_s), []).append(vehicle)
    return list(kinds.values())


def _groups(vehicles: Sequence[Vehicle], size: int) -> list[tuple[Vehicle, ...]]:
    return [tuple(alike[start : start + size]) for alike in _alike(vehicles) for start in range(0, len(alike), size)]


def altitude_m(site: Site, vehicle: Vehicle) -> float:
    """Where it patrols: the height that it looks from."""
    if not vehicle.kind.flies:
        return 0.0
    return min(max(site.response.air_altitude_m, site.geofence.floor_m), site.geofence.ceiling_m)


def _routes(site: Site, wanted: Wanted, teams: Sequence[tuple[Vehicle, ...]]) -> list[Route] | None:
    """The fixed rounds whose longest is shortest; None when no solution is found."""
    frame = site.local_frame()
    places = [frame.to_enu(point.position) for point in wanted.points]
    stay_s = [point.dwell_s for point in wanted.points]
    legs = [legs_of(site, team, altitude_m=altitude_m(site, team[0]), points=places, stay_s=stay_s) for team in teams]
    _refuse_out_of_reach(wanted, legs)
    orders = _solve(site, wanted, legs)
    if orders is None:
        return None
    routes = []
    for team, order in zip(teams, orders, strict=True):
        if len(order) < 2:  # a vehicle too many: it has nothing to roam over
            if order:
                return None
            continue
        own = _legs_over(site, wanted, team, order, places)
        length_s = float(own.times.arrivals_s(range(len(order)))[-1] + own.times.stay_s[-1])
        routes.append(Route(team, tuple(order), own, length_s))
    return routes


def _legs_over(
    site: Site, wanted: Wanted, team: Sequence[Vehicle], order: Sequence[int], places: Sequence[PointEnu]
) -> Legs:
    return legs_of(
        site,
        team,
        altitude_m=altitude_m(site, team[0]),
        points=[places[point] for point in order],
        stay_s=[wanted.points[point].dwell_s for point in order],
    )


def _refuse_out_of_reach(wanted: Wanted, legs: Sequence[Legs]) -> None:
    reached = np.any([np.isfinite(each.times.out_s) for each in legs], axis=0)
    if not reached.all():
        names = [point.id for point, can in zip(wanted.points, reached, strict=True) if not can]
        raise NotPossible(f"no vehicle has a legal way to point '{names[0]}' ({len(names)} such points)")


def _solve(site: Site, wanted: Wanted, legs: Sequence[Legs]) -> list[list[int]] | None:
    """Points of each team in order. Node 0 is the start of all and their end: a round ends at its last point."""
    count = len(wanted.points)
    index = pywrapcp.RoutingIndexManager(count + 1, len(legs), 0)
    routing = pywrapcp.RoutingModel(index)
    times, charges, capacities = [], [], []
    for number, each in enumerate(legs):
        times.append(routing.RegisterTransitMatrix(_ticks(each, slower=1.0).tolist()))
        routing.SetArcCostEvaluatorOfVehicle(times[-1], number)
        slower = against_wind(each, wanted.wind_m_s)
        charges.append(routing.RegisterTransitMatrix(_ticks(each, slower=slower).tolist()))
        usable_s = usable_charge_s(site, each, charge_frac=FULL_FRAC, wind_m_s=wanted.wind_m_s)
        capacities.append(int(usable_s * TICKS_PER_S))
    if min(capacities) <= 0:
        return None
    routing.AddDimensionWithVehicleTransits(times, 0, UNREACHABLE_TICKS, True, "time")
    routing.GetDimensionOrDie("time").SetGlobalSpanCostCoefficient(SPAN_WEIGHT)
    routing.AddDimensionWithVehicleTransitAndCapacity(charges, 0, capacities, True, "charge")
    search = pywrapcp.DefaultRoutingSearchParameters()
    search.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
    search.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    search.solution_limit = SOLUTIONS
    search.time_limit.FromSeconds(SEARCH_LIMIT_S)
    found = routing.SolveWithParameters(search)
    if found is None:
        return None
    orders: list[list[int]] = []
    for number in range(len(legs)):
        node, order = found.Value(routing.NextVar(routing.Start(number))), []
        while not routing.IsEnd(node):
            order.append(index.IndexToNode(node) - 1)
            node = found.Value(routing.NextVar(node))
        orders.append(order)
    return orders


def _ticks(legs: Legs, *, slower: float) -> np.ndarray:
    """[from, to] in ticks, ways `slower` times as long; a point's stay is part of the way on from it."""
    times, count = legs.times, len(legs.times.stay_s)
    table = np.zeros((count + 1, count + 1))
    table[0, 1:] = times.out_s * slower
    table[1:, 1:] = times.between_s * slower + times.stay_s[:, None]
    table[1:, 0] = times.stay_s
    table = np.where(np.isfinite(table), table * TICKS_PER_S, UNREACHABLE_TICKS)
    np.fill_diagonal(table, 0.0)
    return np.rint(table).astype(np.int64)


def _team(site: Site, wanted: Wanted, route: Route, *, name: str, gap_s: float) -> Team:
    """The fixed round with what may be given to chance; where the gap leaves nothing of it, none."""
    spare_s = gap_s - route.legs.unlike_s - route.cycle_s(route.length_s, wanted.charge_s)
    most_s = longest_round_s(site, route.legs, charge_frac=FULL_FRAC, wind_m_s=wanted.wind_m_s)
    longer_s = min(LONGER_ROUNDS * spare_s * len(route.vehicles), most_s - route.length_s)
    length_s = route.length_s + max(longer_s, 0.0)
    every_s = route.cycle_s(length_s, wanted.charge_s)
    needs = battery_frac(site, route.legs, length_s=length_s, wind_m_s=wanted.wind_m_s)
    patrol = RoamingPatrol(
        id=name,
        vehicles=tuple(vehicle.id for vehicle in route.vehicles),
        altitude_m=altitude_m(site, route.vehicles[0]),
        points=tuple(wanted.points[point] for point in route.order),
        every_min=every_s / 60.0,
        round_min=length_s / 60.0,
        longest_gap_min=gap_s / 60.0,
        battery_frac=min(needs, 1.0),
        randomness=wanted.randomness if spare_s > 0.0 else 0.0,
    )
    return Team(patrol, route.legs)


def chance_of(seed: int, patrol_id: str) -> Random:
    """For drawings that must come out the same again."""
    return Random(f"{seed}/{patrol_id}")  # noqa: S311 - shows a plan, decides nothing
