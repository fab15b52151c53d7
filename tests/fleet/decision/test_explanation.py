"""Why this vehicle and not the other: what is in the way, what the battery lacks, and who is needed elsewhere."""

from collections.abc import Sequence
from typing import Any

import pytest

from contract.geo import distance_m
from contract.site import Site
from fleet.decision.assignment import Need
from fleet.decision.explanation import Chance, Explanation, Moment
from fleet.flight.vehicle import VehicleState
from tests.fleet.decision.test_assignment import copter, need, site_of
from tests.fleet.flight.stage import NOW_US, PARAMETERS, geo, make_site, rover, square, world


def explained(
    wanted: Need, *fleet: VehicleState, site: Site | None = None, others: Sequence[Need] = (), **changes: Any
) -> Explanation:
    at = world(*fleet, site=site or site_of(*(each.vehicle_id for each in fleet)))
    moment = Moment(
        **{
            "vehicles": fleet,
            "tasks": (),
            "world": at,
            "parameters": PARAMETERS,
            "now_us": NOW_US,
            "unavailable": {},
            "heights": {each.vehicle_id: each.above_home_m or 0.0 for each in fleet},
            **changes,
        }
    )
    explanation = Explanation(wanted, others, moment)
    while explanation.work():
        pass
    return explanation


def of(explanation: Explanation, name: str) -> Chance:
    (chance,) = [each for each in explanation.chances if each.vehicle_id == name]
    return chance


def with_school(*names: str, at: tuple[int, int, int]) -> Site:
    fence = {"polygon": square(-10, -10, 320), "floor_m": 10.0, "ceiling_m": 60.0}
    site = site_of(*names, geofence=fence)
    return site.model_copy(update={"no_fly": make_site(no_fly=[{"id": "school", "polygon": square(*at)}]).no_fly})


def test_a_no_fly_area_between_the_nearest_drone_and_the_intruder_shows_the_way_round_and_another_wins() -> None:
    site = with_school("alpha", "beta", at=(110, 225, 30))
    alpha, beta = copter("alpha", 60, 270, home=geo(40, 40)), copter("beta", 190, 150, home=geo(190, 150))

    found = explained(need("a", 190, 285), alpha, beta, site=site)

    assert found.chosen == "beta"
    nearest, other = of(found, "alpha"), of(found, "beta")
    assert (other.rank, nearest.rank) == (1, 2)
    assert distance_m(geo(60, 270), geo(190, 285)) < distance_m(geo(190, 150), geo(190, 285))
    assert nearest.around == ("no-fly area 'school'",)
    assert nearest.detour_m is not None
    assert nearest.detour_m > 5.0
    assert "m around no-fly area 'school', " in nearest.why
    assert nearest.why.endswith("s after beta")
    corners = nearest.way[1:-1]
    assert distance_m(nearest.way[0].point, geo(60, 270)) < 0.01
    assert nearest.way[-1].point == nearest.stand_off
    frame = site.local_frame()
    for corner in corners:  # beside the school, not in it
        place = frame.to_enu(corner.point)
        assert not (96 < place.east_m < 154 and 211 < place.north_m < 269)
    assert corners
    assert {stop.above_home_m for stop in nearest.way} == {alpha.above_home_m}


def test_alone_the_nearest_drone_flies_round_it() -> None:
    site = with_school("alpha", at=(110, 225, 30))

    found = explained(need("a", 190, 285), copter("alpha", 60, 270, home=geo(40, 40)), site=site)

    assert found.chosen == "alpha"
    assert of(found, "alpha").why.endswith("m around no-fly area 'school', the soonest")


def test_where_the_area_leaves_no_way_the_refused_straight_one_is_shown() -> None:
    site = with_school("alpha", at=(90, 100, 60))

    found = explained(need("a", 120, 215), copter("alpha", 120, 40, home=geo(120, 40)), site=site)

    alpha = of(found, "alpha")
    assert (found.chosen, alpha.rank, alpha.arrives_in_s, alpha.stand_off) == (None, None, None, None)
    assert "no-fly area 'school'" in alpha.why
    assert len(alpha.way) == 2
    assert distance_m(alpha.way[0].point, geo(120, 40)) < 0.01


def test_a_low_battery_loses_and_the_figures_say_by_how_much() -> None:
    alpha, beta = copter("alpha", 150, 200, battery_frac=0.3), copter("beta", 60, 60)

    found = explained(need("a", 150, 250), alpha, beta)

    low, fit = of(found, "alpha"), of(found, "beta")
    assert (found.chosen, low.rank, fit.rank) == ("beta", None, 1)
    assert low.energy is not None
    assert low.battery_frac == 0.3
    assert low.why == (
        f"no stand-off point: battery 30%, expected {low.energy.needs_frac:.0%}: the way, home again and the reserve"
    )
    parts = (low.energy.there_frac, low.energy.on_station_frac, low.energy.back_frac, low.energy.reserve_frac)
    assert sum(parts) == pytest.approx(low.energy.needs_frac)
    assert all(part > 0.0 for part in parts)
    assert low.energy.needs_frac > 0.3


def test_each_part_of_the_energy_is_what_the_way_takes() -> None:
    near, far = copter("alpha", 150, 200), copter("beta", 150, 60)

    found = explained(need("a", 150, 250), near, far)

    one, other = of(found, "alpha").energy, of(found, "beta").energy
    assert one is not None
    assert other is not None
    headway_m_s = 8.0 - 2.0  # the wind counts against it
    assert other.there_frac - one.there_frac == pytest.approx(140.0 / headway_m_s / 900.0, abs=1e-4)
    assert one.on_station_frac == other.on_station_frac == pytest.approx(make_site().response.observe_s / 900.0)
    assert one.reserve_frac == make_site().response.battery_reserve_frac


def test_who_is_needed_elsewhere_says_where_and_that_it_is_more_urgent() -> None:
    alpha = copter("alpha", 100, 100)

    found = explained(need("a", 100, 160, priority=4), alpha, others=[need("b", 250, 250, priority=1)])

    assert found.chosen is None
    assert of(found, "alpha").rank == 1
    assert of(found, "alpha").why.endswith("and it goes to b, which is more urgent")


def test_who_may_not_go_anywhere_is_last_with_its_reason() -> None:
    alpha, beta = copter("alpha", 150, 150), copter("beta", 60, 60)

    found = explained(need("a", 150, 250), alpha, beta, unavailable={"alpha": "latched by the safety monitor"})

    assert [(each.vehicle_id, each.rank, each.why) for each in found.chances][1] == (
        "alpha",
        None,
        "latched by the safety monitor",
    )
    assert of(found, "alpha").way == ()


def test_a_rover_has_a_way_without_heights() -> None:
    found = explained(need("a", 100, 200), rover(), site=make_site(buildings=[], no_fly=[]))

    assert {stop.above_home_m for stop in of(found, "rover").way} == {None}


def test_it_takes_one_piece_of_work_for_each_vehicle_and_one_for_the_choice() -> None:
    fleet = [copter(name, 60.0 + 60.0 * n, 60) for n, name in enumerate(("alpha", "beta", "gamma"))]
    at = world(*fleet, site=site_of("alpha", "beta", "gamma"))
    moment = Moment(tuple(fleet), (), at, PARAMETERS, NOW_US, {}, {each.vehicle_id: 25.0 for each in fleet})
    explanation = Explanation(need("a", 150, 250), (), moment)

    pieces = 0
    while explanation.work():
        pieces += 1

    assert pieces == 4
    assert len(explanation.chances) == 3
