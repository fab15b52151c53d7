"""What is sorted out before it is judged changes nothing: the same as judging every place, every leg and every pair."""

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from contract.geo import PointEnu
from contract.site import Site
from fleet.decision.assignment import NEAR_ENOUGH_S, Need, assign
from fleet.decision.dispatch import (
    BEARING_STEP_DEG,
    OF_SENSOR_RANGE,
    STAND_OFF_SLACK_M,
    WIDER_M,
    Candidate,
    Plan,
    able_to_go,
    plan_of,
)
from fleet.decision.legal_paths import legal_corners
from fleet.flight.way import Stop, Way, line_refusals, margin_m, way_refusals
from fleet.flight.world import World
from tests.fleet.flight.stage import NOW_US, PARAMETERS, drone, geo, make_site, person, square, world

SPEED_M_S = 8.0
places = st.tuples(st.integers(15, 285), st.integers(15, 285))
sightings = st.tuples(st.integers(0, 320), st.integers(0, 320))  # some beyond the fence
areas = st.lists(st.tuples(st.integers(40, 240), st.integers(40, 240), st.integers(5, 50)), min_size=1, max_size=3)


def site_with(no_fly: list[tuple[int, int, int]], **changes: object) -> Site:
    corners = [{"id": f"area-{n}", "polygon": square(*each)} for n, each in enumerate(no_fly)]
    return make_site(no_fly=corners, buildings=[], **changes)


def candidate_of(at: World, *, height_m: float = 25.0) -> Candidate:
    (vehicle,) = at.vehicles
    found = able_to_go(vehicle, world=at, parameters=PARAMETERS, now_us=NOW_US, busy=None, height_m=height_m)
    assert isinstance(found, Candidate), found
    return found


def first_that_passes(candidate: Candidate, target: PointEnu, at: World) -> PointEnu | None:
    """Every stand-off point in turn, nearest bearing first, each put to the gate's judgement."""
    start = candidate.start
    towards = math.atan2(start.east_m - target.east_m, start.north_m - target.north_m)
    for wider_m in WIDER_M:
        radius_m = at.site.response.air_stand_off_m + 0.5 + STAND_OFF_SLACK_M + wider_m
        if math.hypot(radius_m, candidate.height_m) > OF_SENSOR_RANGE * candidate.spec.sensor_range_m:
            return None
        for step in range(360 // BEARING_STEP_DEG):
            turn = towards + math.radians((step + 1) // 2 * (1 if step % 2 else -1) * BEARING_STEP_DEG)
            spot = PointEnu(target.east_m + radius_m * math.sin(turn), target.north_m + radius_m * math.cos(turn))
            way = Way(Stop(start, 25.0, False), (Stop(spot, 25.0, True),))
            if not way_refusals(way, speed_m_s=SPEED_M_S, vehicle=candidate.vehicle, world=at, now_us=NOW_US):
                return spot
    return None


@settings(max_examples=150, deadline=None)
@given(no_fly=areas, start=places, target=sightings, people=st.lists(places, max_size=2))
def test_the_stand_off_point_is_the_first_of_all_that_the_gate_lets_pass(
    no_fly: list[tuple[int, int, int]],
    start: tuple[int, int],
    target: tuple[int, int],
    people: list[tuple[int, int]],
) -> None:
    at = world(drone(position=geo(*start)), site=site_with(no_fly), people=[person(*each) for each in people])
    candidate, aim = candidate_of(at), at.airspace.enu(geo(*target))

    found = plan_of(candidate, target=geo(*target), sigma_m=0.5, world=at, now_us=NOW_US)

    expected = first_that_passes(candidate, aim, at)
    straight = isinstance(found, Plan) and len(found.way.stops) == 1
    assert straight is (expected is not None)
    if isinstance(found, Plan) and expected is not None:
        assert at.airspace.enu(found.stand_off).horizontal_distance_m(expected) < 0.01


def shortest_m(start: PointEnu, end: PointEnu, corners: list[PointEnu], at: World) -> float:
    """Over any of the corners, each leg put to the gate's judgement; infinite where there is no way."""
    (vehicle,) = at.vehicles
    spec = at.spec(vehicle.vehicle_id)
    chain = [start, *corners, end]
    length_m = np.full((len(chain), len(chain)), np.inf)
    for a, b in itertools.permutations(range(len(chain)), 2):
        leg = Way(Stop(chain[a], 25.0, False), (Stop(chain[b], 25.0, True),))
        if not line_refusals(leg, margin_m(vehicle, spec.cruise_speed_m_s), spec, vehicle, at):
            length_m[a, b] = chain[a].horizontal_distance_m(chain[b])
    for via in range(len(chain)):  # Floyd and Warshall
        length_m = np.minimum(length_m, length_m[:, via, None] + length_m[None, via, :])
    return float(length_m[0, -1])


@settings(max_examples=40, deadline=None)
@given(no_fly=areas.filter(lambda each: len(each) == 1), start=places, end=places, home=places)
def test_the_way_around_is_the_shortest_of_all_over_the_corners(
    no_fly: list[tuple[int, int, int]], start: tuple[int, int], end: tuple[int, int], home: tuple[int, int]
) -> None:
    at = world(drone(position=geo(*start), home=geo(*home)), site=site_with(no_fly, rally_points=[]))
    (vehicle,) = at.vehicles
    begin, goal = at.airspace.enu(geo(*start)), PointEnu(*end)
    east, north, size = no_fly[0]
    out_m = math.ceil(margin_m(vehicle, SPEED_M_S) / 0.5) * 0.5 + 0.05
    low, high = -out_m, size + out_m
    corners = [PointEnu(east + e, north + n) for e, n in itertools.product((low, high), repeat=2)]

    found = legal_corners(begin, goal, vehicle=vehicle, spec=at.spec("drone"), height_m=25.0, world=at)

    best_m = shortest_m(begin, goal, corners, at)
    if found is None:
        assert best_m == math.inf
    else:
        chain = [begin, *found, goal]
        assert sum(a.horizontal_distance_m(b) for a, b in itertools.pairwise(chain)) == pytest.approx(best_m, abs=0.5)


@pytest.mark.parametrize("is_best", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_a_fleet_among_no_fly_areas_is_assigned_as_if_every_pair_had_been_worked_out(seed: int, is_best: bool) -> None:
    chance = random.Random(seed)
    first = make_site().model_dump(mode="json")["vehicles"][0]
    names = [f"copter-{n}" for n in range(7)]
    vehicles = [
        {**first, "id": name, "system_id": 1 + n, "return_altitude_m": 30.0 + n} for n, name in enumerate(names)
    ]
    no_fly = [(chance.randint(60, 200), chance.randint(60, 200), chance.randint(10, 40)) for _ in range(2)]
    site = site_with(no_fly, vehicles=vehicles, patrols=[], rally_points=[])
    docks = [geo(chance.uniform(30, 270), chance.uniform(30, 270)) for _ in names]
    fleet = [
        drone(vehicle_id=name, position=dock, home=dock, armed=False, above_home_m=0.0)
        for name, dock in zip(names, docks, strict=True)
    ]
    needs = [
        Need(f"n{n}", geo(chance.uniform(40, 320), chance.uniform(40, 320)), 0.5, chance.randint(1, 3))
        for n in range(8)
    ]
    at = world(*fleet, site=site)

    found = assign(needs, fleet, world=at, parameters=PARAMETERS, now_us=NOW_US, is_best=is_best)

    arrives_s = np.full((len(needs), len(fleet)), np.inf)
    for column, vehicle in enumerate(fleet):
        candidate = able_to_go(vehicle, world=at, parameters=PARAMETERS, now_us=NOW_US, busy=None, height_m=25.0)
        assert isinstance(candidate, Candidate), candidate
        for row, need in enumerate(needs):
            plan = plan_of(candidate, target=need.target, sigma_m=need.sigma_m, world=at, now_us=NOW_US)
            arrives_s[row, column] = plan.arrives_in_s if isinstance(plan, Plan) else np.inf
    nobody_s = np.array([10.0**12 / 1000.0**need.priority for need in needs])
    each_s = np.hstack([arrives_s, np.where(np.eye(len(needs)) > 0, nobody_s, np.inf)])
    costs_s = np.where(np.isfinite(each_s), each_s, 1e15)
    rows, columns = linear_sum_assignment(costs_s)
    served = {needs[row].id for row, column in zip(rows, columns, strict=True) if column < len(fleet)}
    best_s = sum(arrives_s[row, column] for row, column in zip(rows, columns, strict=True) if column < len(fleet))
    priorities = sorted(need.priority for need in needs if need.id in served)
    assert sorted(need.priority for need in needs if need.id in found.plans) == priorities
    total_s = sum(plan.arrives_in_s for plan in found.plans.values())
    allowed_s = 0.0 if is_best else len(needs) * (NEAR_ENOUGH_S + WIDER_M[-1] / SPEED_M_S)
    assert best_s - 0.01 <= total_s <= best_s + allowed_s + 0.01
    assert not (is_best and set(found.plans) != served)
