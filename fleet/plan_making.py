"""A plan of patrols as numbers and geometry, for the console; `vedette-fleet plan` makes pictures and files of it.

Needs the packages of the extra 'plan'.
"""

from itertools import pairwise

import numpy as np

from contract.geo import PointEnu
from contract.site import Site, Vehicle
from fleet.decision import planning
from fleet.decision.plan_points import farthest_margin_m, named_points, points_along, reachable
from fleet.decision.team import Team, Watch, watch
from fleet.plan_answer import CoverageGrid, PatrolPlan, PlanAsked, PlannedTeam, patrolling
from fleet.plan_coverage import Coverage, coverage

CELL_M, MOST_CELLS = 5.0, 60  # of the answer: what a map shows


def made(site: Site, asked: PlanAsked) -> PatrolPlan:
    """Raises NotPossible with one line."""
    wanted, left_out = wanted_of(
        site,
        patrolling(site, asked.vehicles),
        spacing_m=asked.spacing_m,
        dwell_s=asked.dwell_s,
        charge_min=asked.charge_min,
        wind_m_s=asked.wind_m_s,
        randomness=asked.randomness,
        gap_min=asked.gap_min,
    )
    plan = planning.plan(site, wanted)
    watches = [
        watch(team, rounds=asked.rounds, chance=planning.chance_of(asked.seed, team.patrol.id)) for team in plan.teams
    ]
    seen = coverage(plan, watches, cell_m=CELL_M, most_cells=MOST_CELLS)
    return PatrolPlan(
        teams=tuple(_team(site, team, each) for team, each in zip(plan.teams, watches, strict=True)),
        gap_s=plan.gap_s,
        fixed_gap_s=plan.fixed_gap_s,
        longest_wait_s=max(each.longest_gap_s for each in watches),
        covered_frac=seen.covered_frac,
        coverage=_grid(site, seen),
        left_out=left_out,
    )


def wanted_of(
    site: Site,
    vehicles: tuple[Vehicle, ...],
    *,
    spacing_m: float,
    dwell_s: float,
    charge_min: float,
    wind_m_s: float,
    randomness: float,
    gap_min: float | None,
) -> tuple[planning.Wanted, tuple[str, ...]]:
    """What the planner is asked, and the points that are left out: no vehicle has a legal way there. The site's own
    points, or some along its fence and zones where it names none."""
    points = named_points(site) if site.roaming else ()
    points = points or points_along(
        site, spacing_m=spacing_m, dwell_s=dwell_s, farthest_margin_m=farthest_margin_m(vehicles)
    )
    altitudes_m = tuple(planning.altitude_m(site, vehicle) for vehicle in vehicles)
    points, left_out = reachable(site, points, vehicles, altitudes_m=altitudes_m)
    wanted = planning.Wanted(
        points=points,
        vehicles=vehicles,
        charge_s=charge_min * 60.0,
        wind_m_s=wind_m_s,
        randomness=randomness,
        gap_s=None if gap_min is None else gap_min * 60.0,
    )
    return wanted, left_out


def _team(site: Site, team: Team, seen: Watch) -> PlannedTeam:
    frame, docks = site.local_frame(), len(team.legs.vehicles)
    stops = [0, *range(docks, docks + len(team.patrol.points))]
    ways = [team.legs.paths.way(start, end) for start, end in pairwise(stops)]
    route = [ways[0][0], *(corner for way in ways for corner in way[1:])]
    waits_s = np.concatenate(seen.gaps_s)
    return PlannedTeam(
        patrol=team.patrol,
        route=tuple(frame.to_geo(PointEnu(each.east_m, each.north_m))[0] for each in route),
        longest_wait_s=seen.longest_gap_s,
        mean_wait_s=float(waits_s.mean()),
        longest_round_s=max(each.length_s for each in seen.rounds),
        bits=seen.bits,
        of_most_frac=seen.share,
    )


def _grid(site: Site, seen: Coverage) -> CoverageGrid:
    half_m = seen.cell_m / 2.0
    south_west = PointEnu(float(seen.x[0, 0]) - half_m, float(seen.y[0, 0]) - half_m)
    north_east = PointEnu(float(seen.x[-1, -1]) + half_m, float(seen.y[-1, -1]) + half_m)
    frame = site.local_frame()
    rows = tuple(
        tuple(None if np.isnan(value) else round(float(value), 2) for value in row) for row in seen.looks_per_h
    )
    return CoverageGrid(
        south_west=frame.to_geo(south_west)[0],
        north_east=frame.to_geo(north_east)[0],
        cell_m=seen.cell_m,
        looks_per_h=rows,
    )
