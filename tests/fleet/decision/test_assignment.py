"""Who looks at what when there is more than one sighting: the best for all, told in plain words, and no flapping."""

import itertools
import random
from typing import Any

import pytest

from contract.site import Site
from fleet.decision.assignment import Assignment, Need, assign
from fleet.decision.dispatch import Dispatch, choose
from fleet.flight.vehicle import VehicleState
from tests.fleet.flight.stage import NOW_US, PARAMETERS, drone, geo, make_site, square, world

NAMES = ("alpha", "beta", "gamma")


def site_of(*names: str, **changes: Any) -> Site:
    first = make_site().model_dump(mode="json")["vehicles"][0]
    vehicles = [
        {**first, "id": name, "system_id": n, "return_altitude_m": 20.0 + 6.0 * n} for n, name in enumerate(names, 1)
    ]
    return make_site(vehicles=vehicles, patrols=[], no_fly=[], buildings=[], **changes)


def copter(name: str, east_m: float, north_m: float, **changes: Any) -> VehicleState:
    height_m = 20.0 + 6.0 * NAMES.index(name)
    return drone(vehicle_id=name, position=geo(east_m, north_m), above_home_m=height_m, **changes)


def need(name: str, east_m: float, north_m: float, priority: int = 2, by: str | None = None) -> Need:
    return Need(name, geo(east_m, north_m), 0.5, priority, by)


def assigned(needs: list[Need], *fleet: VehicleState, site: Site | None = None, **how: Any) -> Assignment:
    return assign(
        needs,
        fleet,
        world=world(*fleet, site=site or site_of(*(each.vehicle_id for each in fleet))),
        parameters=PARAMETERS,
        now_us=NOW_US,
        heights={each.vehicle_id: each.above_home_m or 0.0 for each in fleet},
        **how,
    )


def who(found: Assignment) -> dict[str, str]:
    return {name: plan.vehicle.vehicle_id for name, plan in found.plans.items()}


def test_the_nearest_is_left_to_the_sighting_that_nobody_else_reaches_soon() -> None:
    alpha, beta = copter("alpha", 150, 150), copter("beta", 250, 150)
    needs = [need("a", 210, 150), need("b", 40, 150)]

    found = assigned(needs, alpha, beta)

    assert who(found) == {"a": "beta", "b": "alpha"}
    assert found.considered("a")[0].why.startswith("chosen: ")
    assert found.considered("a")[1].why.endswith("and it goes to b")


def test_the_most_urgent_is_served_however_far_it_is() -> None:
    needs = [need("near", 100, 140, priority=2), need("far", 260, 260, priority=1)]

    assert who(assigned(needs, copter("alpha", 100, 100))) == {"far": "alpha"}


def test_a_tie_goes_to_the_lower_id() -> None:
    alpha, beta = (drone(vehicle_id=name, position=geo(e, 100)) for name, e in (("alpha", 80), ("beta", 120)))
    heights = {"alpha": 25.0, "beta": 25.0}
    at = world(alpha, beta, site=site_of("alpha", "beta"))

    for fleet in ((alpha, beta), (beta, alpha)):
        found = assign([need("a", 100, 200)], fleet, world=at, parameters=PARAMETERS, now_us=NOW_US, heights=heights)
        assert who(found) == {"a": "alpha"}


@pytest.mark.parametrize("seed", range(6))
def test_of_a_small_fleet_it_is_the_best_of_all_that_are_possible(seed: int) -> None:
    chance = random.Random(seed)
    fleet = [copter(name, chance.uniform(40, 260), chance.uniform(40, 260)) for name in NAMES]
    site = site_of(*NAMES)
    needs = [need(f"n{n}", chance.uniform(60, 240), chance.uniform(60, 240), chance.randint(1, 2)) for n in range(3)]
    at = world(*fleet, site=site)
    arrives_s: dict[tuple[str, str], float] = {}
    for each, vehicle in itertools.product(needs, fleet):
        alone = choose(
            each.target,
            each.sigma_m,
            vehicles=[vehicle],
            tasks=(),
            world=at,
            parameters=PARAMETERS,
            now_us=NOW_US,
            heights={vehicle.vehicle_id: vehicle.above_home_m or 0.0},
        )
        if isinstance(alone, Dispatch):
            arrives_s[each.id, vehicle.vehicle_id] = alone.arrives_in_s
    plans = [dict(zip((n.id for n in needs), order, strict=True)) for order in itertools.permutations(NAMES)]

    def cost(plan: dict[str, str]) -> tuple[int, int, float]:
        unserved = [each.priority for each in needs if (each.id, plan[each.id]) not in arrives_s]
        return unserved.count(1), unserved.count(2), sum(arrives_s.get(pair, 0.0) for pair in plan.items())

    found = assigned(needs, *fleet, site=site, is_best=True)

    took = (len([n for n in needs if n.id not in found.plans and n.priority == p]) for p in (1, 2))
    total_s = sum(plan.arrives_in_s for plan in found.plans.values())
    assert (*took, total_s) == pytest.approx(min(map(cost, plans)), abs=0.01)


def test_one_under_way_does_not_change_for_a_little() -> None:
    for jitter_m in (-3.0, 0.0, 3.0):
        alpha, beta = copter("alpha", 150, 100), copter("beta", 150 + jitter_m, 110)
        assert who(assigned([need("a", 150, 250, by="alpha")], alpha, beta)) == {"a": "alpha"}


def test_one_under_way_changes_when_another_is_there_far_sooner() -> None:
    alpha, beta = copter("alpha", 20, 20), copter("beta", 250, 230)

    assert who(assigned([need("a", 270, 270, by="alpha")], alpha, beta)) == {"a": "beta"}


def test_one_under_way_leaves_only_for_what_is_worthier() -> None:
    alpha = copter("alpha", 100, 100)

    same = assigned([need("a", 200, 200, by="alpha"), need("b", 100, 150)], alpha)
    worthier = assigned([need("a", 200, 200, by="alpha"), need("b", 100, 150, priority=1)], alpha)

    assert who(same) == {"a": "alpha"}
    assert who(worthier) == {"b": "alpha"}


def test_a_low_battery_loses_and_says_why() -> None:
    found = assigned([need("a", 150, 250)], copter("alpha", 150, 200, battery_frac=0.3), copter("beta", 60, 60))

    assert who(found) == {"a": "beta"}
    (why,) = [each.why for each in found.considered("a") if each.vehicle_id == "alpha"]
    assert why.startswith("no stand-off point: battery 30%, expected ")


def test_a_no_fly_area_between_home_and_the_sighting_lets_another_go_and_says_so() -> None:
    site = site_of("alpha", "beta").model_copy(
        update={"no_fly": make_site(no_fly=[{"id": "school", "polygon": square(90, 100, 60)}]).no_fly}
    )
    alpha = copter("alpha", 120, 40, home=geo(120, 40))
    beta = copter("beta", 260, 120, home=geo(260, 120))

    found = assigned([need("a", 120, 215)], alpha, beta, site=site)

    assert who(found) == {"a": "beta"}
    (why,) = [each.why for each in found.considered("a") if each.vehicle_id == "alpha"]
    assert "no-fly area 'school'" in why


def test_nobody_and_nothing_are_answers() -> None:
    assert assigned([], copter("alpha", 100, 100)).plans == {}
    assert assign([need("a", 1, 1)], [], world=world(), parameters=PARAMETERS, now_us=NOW_US).plans == {}


def test_a_strange_priority_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a priority of 1 to 5, got 9"):
        need("a", 1, 1, priority=9)
