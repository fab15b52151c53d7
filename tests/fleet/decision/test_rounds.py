"""Rounds that chance draws: never a point too late, never a round too long, and the same from the same seed."""

from random import Random

import numpy as np
import pytest

from contract.geo import PointEnu
from contract.roaming import RoamingPatrol, RoamingPoint
from contract.site import Site
from fleet.decision.patrol_paths import patrol_paths
from fleet.decision.planning import Plan, Wanted, chance_of, plan
from fleet.decision.team import battery_frac, legs_of, longest_round_s, team_of, watch
from fleet.errors import NotPossible
from sim.benchmarks.patrol_site import FRAME, patrol_points, patrol_site

SITE = patrol_site()
POINTS = patrol_points()
CHARGE_S, WIND_M_S = 2400.0, 3.0


def planned(points: tuple[RoamingPoint, ...], vehicles: int, *, gap_s: float | None = None) -> Plan:
    chosen = SITE.vehicles[:vehicles]
    return plan(SITE, Wanted(points, chosen, CHARGE_S, WIND_M_S, randomness=0.9, gap_s=gap_s))


@pytest.fixture(scope="module")
def pair() -> Plan:
    """Two copters, and few enough points for each alone: they take turns."""
    return planned(POINTS[:12], 2)


@pytest.mark.parametrize("randomness", [0.3, 0.9, 1.0])
def test_no_point_waits_longer_than_is_promised_whatever_chance_draws(pair: Plan, randomness: float) -> None:
    (team,) = pair.teams
    for seed in range(5):
        seen = watch(team, rounds=6, chance=Random(seed), randomness=randomness)

        assert seen.longest_gap_s <= team.gap_s + 1e-3
        assert all(each.in_time and each.length_s <= team.patrol.round_min * 60.0 + 1e-3 for each in seen.rounds)
        assert all(sorted(each.order) == sorted(team.fixed) for each in seen.rounds)


def test_vehicles_charge_in_turns_while_the_other_goes_on(pair: Plan) -> None:
    (team,) = pair.teams

    assert len(team.legs.vehicles) == 2
    back_s = 2 * team.every_s - (team.patrol.round_min * 60.0 + team.legs.home_s)
    assert back_s >= CHARGE_S - 1e-6  # each starts every second time, and is charged by then
    assert pair.fixed_gap_s < 0.6 * planned(POINTS[:12], 1).fixed_gap_s


def test_a_round_fits_into_the_battery_against_the_wind(pair: Plan) -> None:
    (team,) = pair.teams
    limit_s = longest_round_s(SITE, team.legs, charge_frac=0.95, wind_m_s=WIND_M_S)

    assert team.patrol.round_min * 60.0 <= limit_s + 1e-6
    needs = battery_frac(SITE, team.legs, length_s=limit_s, wind_m_s=WIND_M_S)
    assert needs == pytest.approx(0.95)
    assert team.patrol.battery_frac <= needs + 1e-9


def test_the_same_seed_draws_the_same_rounds_and_another_draws_others(pair: Plan) -> None:
    (team,) = pair.teams
    first, again, other = (watch(team, rounds=3, chance=chance_of(seed, "roam-1")).rounds for seed in (1, 1, 2))

    assert first == again != other


def test_without_chance_every_round_is_the_shortest(pair: Plan) -> None:
    (team,) = pair.teams
    seen = watch(team, rounds=4, chance=Random(1), randomness=0.0)

    assert {each.order for each in seen.rounds} == {team.fixed}
    assert seen.bits == 0.0


def test_a_gap_that_cannot_be_kept_is_refused_with_the_least_that_can() -> None:
    with pytest.raises(NotPossible, match=r"expected a gap of at least \d+\.\d min, which is the best found, got 1\.0"):
        planned(POINTS[:6], 1, gap_s=60.0)


def test_more_points_than_batteries_can_reach_are_refused() -> None:
    with pytest.raises(NotPossible, match="40 points are too many for one battery each of 1 vehicles"):
        planned(POINTS[:40], 1)


def test_legs_go_round_no_fly_areas_and_the_way_home_stays_free() -> None:
    (area,) = [each for each in SITE.no_fly if each.id == "area-1"]  # south of the docks
    corners = [FRAME.to_enu(corner) for corner in area.polygon]
    west, east = min(c.east_m for c in corners) - 25.0, max(c.east_m for c in corners) + 25.0
    north = (min(c.north_m for c in corners) + max(c.north_m for c in corners)) / 2
    ends = (PointEnu(west, north), PointEnu(east, north))
    flown = patrol_paths(SITE, ends, flies=True, height_m=20.0, margin_m=10.0)
    driven = patrol_paths(SITE, ends, flies=False, height_m=0.0, margin_m=3.0)

    assert flown.length_m[0, 1] > east - west + 1.0
    assert len(flown.way(0, 1)) > 2
    assert driven.length_m[0, 1] == pytest.approx(east - west)
    behind = PointEnu(60.0, -142.0)
    shadowed = patrol_paths(
        SITE, (PointEnu(0.0, 0.0), behind), flies=True, height_m=20.0, margin_m=10.0, homes=(PointEnu(0.0, 0.0),)
    )
    assert np.isinf(shadowed.length_m[0, 1])


def test_a_planned_patrol_in_a_site_file_is_the_same_team_again(pair: Plan) -> None:
    (team,) = pair.teams
    site = Site.model_validate(SITE.model_copy(update={"roaming": (team.patrol,)}).model_dump())
    (patrol,) = site.roaming

    assert isinstance(patrol, RoamingPatrol)
    np.testing.assert_allclose(team_of(site, patrol).legs.times.between_s, team.legs.times.between_s)


def test_a_vehicle_of_a_nearer_dock_is_earlier_by_what_it_saves() -> None:
    frame, stays_s = SITE.local_frame(), [5.0, 5.0]
    places = [frame.to_enu(point.position) for point in POINTS[:2]]
    legs = legs_of(SITE, SITE.vehicles[:2], altitude_m=20.0, points=places, stay_s=stays_s)

    assert legs.early_s.min() == 0.0
    assert legs.early_s.max() == legs.unlike_s > 0.0
