"""What is asked of the planner of patrols and what it answers, as they travel between processes and to the console."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from contract.frozen import Frozen, Identifier
from contract.geo import GeoPoint
from contract.roaming import RoamingPatrol
from contract.site import Site, Vehicle
from fleet.errors import NotPossible


def patrolling(site: Site, names: Iterable[str]) -> tuple[Vehicle, ...]:
    """The vehicles of these names, once each; all of the site where none is named. Raises NotPossible."""
    known = {vehicle.id: vehicle for vehicle in site.vehicles}
    wanted = list(dict.fromkeys(names)) or list(known)
    strange = next((name for name in wanted if name not in known), None)
    if strange is not None or not wanted:
        raise NotPossible(
            f"expected vehicles of site '{site.id}' ({', '.join(known) or 'none'}), got '{strange or ''}'"
        )
    return tuple(known[name] for name in wanted)


class PlanAsked(Frozen):
    """The same as `vedette-fleet plan` asks."""

    vehicles: Annotated[tuple[Identifier, ...], Field(max_length=16, description="who patrols; none: all")] = ()
    gap_min: Annotated[
        float | None, Field(ge=0.1, le=1440, description="longest gap; none: 15 % over the best fixed plan")
    ] = None
    charge_min: Annotated[float, Field(ge=0, le=600, description="from landing until fully charged")] = 40.0
    wind_m_s: Annotated[float, Field(ge=0, le=20, description="in which it must be possible")] = 3.0
    randomness: Annotated[float, Field(ge=0, le=1, description="0: a fixed round; 1: as random as can be")] = 0.8
    spacing_m: Annotated[float, Field(ge=5, le=500, description="between points, where the site names none")] = 40.0
    dwell_s: Annotated[float, Field(ge=0, le=600, description="stay at such a point")] = 8.0
    rounds: Annotated[int, Field(ge=2, le=200, description="rounds of each team to look at")] = 40
    seed: int = 0


class PlannedTeam(Frozen):
    """patrol: as it goes into the site file's `roaming`. route: the shortest round on the map, from the dock.
    bits: entropy of the next visit given the past; of_most_frac: by the most that such rounds can have."""

    patrol: RoamingPatrol
    route: tuple[GeoPoint, ...]
    longest_wait_s: float
    mean_wait_s: float
    longest_round_s: float
    bits: float
    of_most_frac: float


class CoverageGrid(Frozen):
    """looks_per_h: rows from south to north, cells from west to east; null: outside the fence."""

    south_west: GeoPoint
    north_east: GeoPoint
    cell_m: float
    looks_per_h: tuple[tuple[float | None, ...], ...]


class PatrolPlan(Frozen):
    """gap_s: kept in each round; fixed_gap_s: of the best plan without any chance. left_out: points without a legal
    way."""

    teams: tuple[PlannedTeam, ...]
    gap_s: float
    fixed_gap_s: float
    longest_wait_s: float
    covered_frac: float
    coverage: CoverageGrid
    left_out: tuple[str, ...]
