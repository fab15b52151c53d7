"""Vehicles that roam over the same points in turns: their legal legs, the time each takes, a watch over many rounds.

Times are those of vehicles that fly at cruise speed, climb first and lose `speed / brake` at each corner.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from contract.geo import PointEnu
from contract.roaming import RoamingPatrol
from contract.site import Site, Vehicle
from fleet.decision.dispatch import DRIVE_OFF_S, TAKE_OFF_S
from fleet.decision.patrol_paths import PatrolPaths, patrol_paths
from fleet.decision.predictability import counted_bits, most_bits
from fleet.decision.rounds import Round, Times, draw_round
from fleet.flight.energy import CONSUMPTION, LEAST_HEADWAY_M_S, home_frac, stopping_m
from fleet.flight.rally import alternate_of, rally_points

GNSS_SIGMA_M = 1.5  # what a vehicle under way reports, one standard deviation
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Legs:
    """Of vehicles of one kind and speed that share points. `paths` lead between the docks in the vehicles' order, then
    the points. `times` begin at the dock that is farthest from each point; a vehicle of a nearer one is earlier by
    early_s[vehicle, point]. home_s: from leaving the farthest point until it is down."""

    vehicles: tuple[Vehicle, ...]
    paths: PatrolPaths
    times: Times
    early_s: Floats
    home_s: float

    @property
    def unlike_s(self) -> float:
        """How much sooner one vehicle may be somewhere than another."""
        return float(self.early_s.max())


def margin_m(vehicle: Vehicle) -> float:
    """What the gate will want between a leg and every limit."""
    return 2.0 * GNSS_SIGMA_M + stopping_m(vehicle.kind, vehicle.cruise_speed_m_s)


def paths_of(site: Site, vehicles: Sequence[Vehicle], places: Sequence[PointEnu], *, altitude_m: float) -> PatrolPaths:
    """From the docks of `vehicles`, in their order, and `places` to each other; each of them could always come home."""
    frame, docks = site.local_frame(), {dock.id: dock.position for dock in site.docks}
    home = [frame.to_enu(docks[vehicle.dock]) for vehicle in vehicles]
    names = {vehicle.id for vehicle in vehicles}
    rally = [frame.to_enu(place) for name, place in rally_points(site).items() if name in names]
    return patrol_paths(
        site,
        (*home, *places),
        flies=vehicles[0].kind.flies,
        height_m=altitude_m,
        margin_m=max(margin_m(vehicle) for vehicle in vehicles),
        homes=(*home, *rally),
        return_height_m=min(vehicle.return_altitude_m or 0.0 for vehicle in vehicles),
    )


def legs_of(
    site: Site, vehicles: Sequence[Vehicle], *, altitude_m: float, points: Sequence[PointEnu], stay_s: Sequence[float]
) -> Legs:
    """Infinite times where no legal way leads."""
    paths = paths_of(site, vehicles, points, altitude_m=altitude_m)
    first, count = vehicles[0], len(vehicles)
    model, speed_m_s = CONSUMPTION[first.kind], first.cruise_speed_m_s
    leg_s = paths.length_m / speed_m_s + speed_m_s / model.brake_m_s2
    off_s = TAKE_OFF_S + altitude_m / model.climb_m_s if first.kind.flies else DRIVE_OFF_S
    outs_s = leg_s[:count, count:] + off_s
    between_s = leg_s[count:, count:].copy()
    np.fill_diagonal(between_s, 0.0)
    out_s = outs_s.max(axis=0)
    early_s = np.where(np.isfinite(out_s), out_s, 0.0) - np.where(np.isfinite(out_s), outs_s, 0.0)
    home_s = max(_home_s(site, vehicle, altitude_m, point) for vehicle in vehicles for point in points)
    return Legs(tuple(vehicles), paths, Times(out_s, between_s, np.array(stay_s, dtype=np.float64)), early_s, home_s)


def _home_s(site: Site, vehicle: Vehicle, altitude_m: float, point: PointEnu) -> float:
    """To whichever landing place is farther; without wind, which is the battery's matter."""
    docks = {dock.id: dock.position for dock in site.docks}
    places = [place for place in (docks[vehicle.dock], alternate_of(site, vehicle.id)) if place is not None]
    frac = home_frac(
        vehicle.kind,
        distance_m=max(point.horizontal_distance_m(site.local_frame().to_enu(place)) for place in places),
        height_m=altitude_m,
        return_height_m=vehicle.return_altitude_m or 0.0,
        speed_m_s=vehicle.cruise_speed_m_s,
        wind_m_s=0.0,
    )
    assert frac is not None  # without wind every vehicle makes way
    return frac * CONSUMPTION[vehicle.kind].endurance_s


def against_wind(legs: Legs, wind_m_s: float) -> float:
    """How many times longer a way takes in this wind."""
    vehicle = legs.vehicles[0]
    against_m_s = wind_m_s if CONSUMPTION[vehicle.kind].feels_wind else 0.0
    return vehicle.cruise_speed_m_s / max(vehicle.cruise_speed_m_s - against_m_s, LEAST_HEADWAY_M_S)


def usable_charge_s(site: Site, legs: Legs, *, charge_frac: float, wind_m_s: float) -> float:
    """How long such a charge lasts on a round: less the reserve, and the way home from the farthest point."""
    above_reserve_s = (charge_frac - site.response.battery_reserve_frac) * CONSUMPTION[
        legs.vehicles[0].kind
    ].endurance_s
    return above_reserve_s - site.response.observe_s - legs.home_s * against_wind(legs, wind_m_s)


def longest_round_s(site: Site, legs: Legs, *, charge_frac: float, wind_m_s: float) -> float:
    """Of a round over all points, every way of it against the wind."""
    stay_s = float(legs.times.stay_s.sum())
    usable_s = usable_charge_s(site, legs, charge_frac=charge_frac, wind_m_s=wind_m_s)
    return (usable_s - stay_s) / against_wind(legs, wind_m_s) + stay_s


def battery_frac(site: Site, legs: Legs, *, length_s: float, wind_m_s: float) -> float:
    """Charge that a round of `length_s` needs: `longest_round_s` the other way round."""
    stay_s = float(legs.times.stay_s.sum())
    used_s = (length_s - stay_s + legs.home_s) * against_wind(legs, wind_m_s) + stay_s + site.response.observe_s
    return used_s / CONSUMPTION[legs.vehicles[0].kind].endurance_s + site.response.battery_reserve_frac


@dataclass(frozen=True, slots=True)
class Team:
    """A roaming patrol and the legs of its vehicles."""

    patrol: RoamingPatrol
    legs: Legs

    @property
    def fixed(self) -> tuple[int, ...]:
        return tuple(range(len(self.patrol.points)))

    @property
    def gap_s(self) -> float:
        return self.patrol.longest_gap_min * 60.0

    @property
    def every_s(self) -> float:
        return self.patrol.every_min * 60.0


def team_of(site: Site, patrol: RoamingPatrol) -> Team:
    frame = site.local_frame()
    specs = {vehicle.id: vehicle for vehicle in site.vehicles}
    legs = legs_of(
        site,
        [specs[name] for name in patrol.vehicles],
        altitude_m=patrol.altitude_m,
        points=[frame.to_enu(point.position) for point in patrol.points],
        stay_s=[point.dwell_s for point in patrol.points],
    )
    return Team(patrol, legs)


def next_round(
    team: Team, *, due_s: Floats, last: Sequence[int] | None, chance: Random, randomness: float | None = None
) -> Round:
    """`due_s`: see rounds.py; `last`: the order of the round before; `randomness` None: the patrol's own."""
    return draw_round(
        team.legs.times,
        due_s=due_s,
        limit_s=team.patrol.round_min * 60.0,
        known=[team.fixed, *([last] if last else [])],
        randomness=team.patrol.randomness if randomness is None else randomness,
        chance=chance,
    )


@dataclass(frozen=True, slots=True)
class Watch:
    """Many rounds of one team. gaps_s[p]: from each arrival at a point to the next; `bits`: mean entropy of a visit for
    one who knows plan, program and all that was, but not the secret; `counted`: see predictability.counted_bits."""

    gaps_s: tuple[tuple[float, ...], ...]
    rounds: tuple[Round, ...]
    bits: float
    counted: float

    @property
    def longest_gap_s(self) -> float:
        return max(max(gaps) for gaps in self.gaps_s)

    @property
    def share(self) -> float:
        """Of the most entropy that rounds over so many points can have, 0 to 1."""
        return self.bits / (most_bits(len(self.gaps_s)) or 1.0)


def watch(team: Team, *, rounds: int, chance: Random, randomness: float | None = None) -> Watch:
    """As the coordinator would fly them if all goes as planned; `rounds` is at least 2."""
    points = len(team.patrol.points)
    seen_s: list[list[float]] = [[] for _ in range(points)]
    drawn: list[Round] = []
    for number in range(rounds):
        start_s = number * team.every_s
        due_s = np.array([times[-1] + team.gap_s - start_s if times else np.inf for times in seen_s])
        last = drawn[-1].order if drawn else None
        drawn.append(next_round(team, due_s=due_s, last=last, chance=chance, randomness=randomness))
        early_s = team.legs.early_s[number % len(team.legs.vehicles), drawn[-1].order[0]]
        for point, arrive_s in zip(drawn[-1].order, drawn[-1].arrive_s, strict=True):
            seen_s[point].append(start_s + arrive_s - early_s)
    gaps_s = tuple(tuple(float(gap) for gap in np.diff(times)) for times in seen_s)
    bits = [bits for each in drawn[1:] for bits in each.bits]  # the first begins without a past
    visits = [point for each in drawn for point in each.order]
    return Watch(gaps_s, tuple(drawn), float(np.mean(bits)) if bits else 0.0, counted_bits(visits))
