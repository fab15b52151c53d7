"""Corridors: what counts as kept to, the way along one, and that gate, dispatch and tasking keep to it."""

from itertools import pairwise

import pytest

from contract.geo import PointEnu
from contract.site import Site
from contract.tasks import TaskKind, TaskState
from fleet.decision.dispatch import Dispatch, choose
from fleet.flight.airspace import Airspace
from fleet.flight.gate import Approved, RefusedOrder
from fleet.flight.orders import FlyMission, GoTo, Launch
from tests.fleet.flight.flown import Flown, fly
from tests.fleet.flight.stage import NOW_US, PARAMETERS, ask, drone, drone_on_pad, geo, make_site, place, world
from tests.fleet.flight.tasks import make_task

# from beside the docks at (40, 40) north along east 20, then east along north 260
BEND = {"id": "west", "points": [place(20, 40), place(20, 260), place(180, 260)], "width_m": 20}
SITE = make_site(airspace={"corridors": [BEND]})
CORRIDORS = Airspace(SITE).corridors
NONE = Airspace(make_site()).corridors


def at(east_m: float, north_m: float) -> PointEnu:
    return PointEnu(east_m, north_m)


@pytest.mark.parametrize(
    ("start", "end", "outside"),
    [
        pytest.param(at(20, 50), at(25, 200), None, id="inside all the way"),
        pytest.param(at(40, 100), at(20, 100), None, id="the shortest way in"),
        pytest.param(at(100, 260), at(100, 235), None, id="the shortest way out"),
        pytest.param(at(40, 100), at(40, 105), None, id="a step beside it"),
        pytest.param(at(20, 60), at(150, 260), "lie outside", id="across the bend"),
        pytest.param(at(40, 40), at(100, 200), "lie outside", id="straight from the dock"),
    ],
)
def test_outside_a_way_is_as_long_as_getting_in_and_out(start: PointEnu, end: PointEnu, outside: str | None) -> None:
    refusals = CORRIDORS.refusals(start, end)
    assert (len(refusals), outside is None or outside in refusals[0]) == (0 if outside is None else 1, True)
    assert NONE.refusals(start, end) == []


def test_the_way_goes_in_along_round_the_bend_and_out() -> None:
    along = CORRIDORS.via(at(40, 40), at(100, 200))

    assert [(round(p.east_m, 1), round(p.north_m, 1)) for p in along] == [(20, 40), (20, 260), (100, 260)]
    assert CORRIDORS.via(at(100, 200), at(40, 40)) == tuple(reversed(along))
    chain = (at(40, 40), *along, at(100, 200))
    assert [CORRIDORS.refusals(a, b) for a, b in pairwise(chain)] == [[]] * 4
    assert NONE.via(at(40, 40), at(100, 200)) == ()


def test_the_gate_sends_nobody_straight_across() -> None:
    beside = drone(position=geo(40, 100))
    across = ask(GoTo(geo(100, 240), 25.0, 8.0), beside, within=world(beside, site=SITE))

    assert isinstance(across, RefusedOrder)
    assert across.reasons == ("152 m of the way lie outside the corridors, expected at most 20 m",)
    assert isinstance(ask(GoTo(geo(20, 100), 25.0, 8.0), beside, within=world(beside, site=SITE)), Approved)
    assert isinstance(ask(Launch(25.0), drone_on_pad(), within=world(drone_on_pad(), site=SITE)), Approved)


def test_dispatch_counts_the_way_along_the_corridor() -> None:
    def seconds(site: Site) -> float:
        there = world(drone_on_pad(), site=site)
        found = choose(
            geo(140, 220),
            0.5,
            vehicles=(drone_on_pad(),),
            tasks=(),
            world=there,
            parameters=PARAMETERS,
            now_us=NOW_US,
        )
        assert isinstance(found, Dispatch)
        return found.arrives_in_s

    assert seconds(SITE) > seconds(make_site()) + 8.0


def test_a_task_and_a_patrol_fly_along_the_corridor() -> None:
    async def scene() -> None:
        flown = Flown(site=SITE)
        look, round_ = make_task(TaskKind.INVESTIGATE), make_task(TaskKind.PATROL, number=2)
        async with flown.running():
            flown.submit(look)
            done = await flown.until_final(look)
            places = [order.point for order in flown.vehicle.orders if isinstance(order, GoTo)]
            assert done.state is TaskState.DONE, done.reason
            flown.submit(round_)
            await flown.until(lambda: any(isinstance(order, FlyMission) for order in flown.vehicle.orders))
        spots = [flown.airspace.enu(point) for point in places]
        assert [(round(p.east_m), round(p.north_m)) for p in spots[:2]] == [(20, 40), (20, 170)]
        assert flown.airspace.corridors.refusals(spots[-2], spots[-1]) == []

    fly(scene)
