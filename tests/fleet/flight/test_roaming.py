"""A roaming patrol on a flown vehicle: its visits in the order that was drawn, and what an alarm leaves of them."""

from contract.site import Site
from contract.tasks import TaskKind, TaskState, Visit
from fleet.flight.orders import FlyMission
from tests.fleet.flight.flown import Flown, fly
from tests.fleet.flight.stage import drone_on_pad, geo, make_site, place
from tests.fleet.flight.tasks import make_task

POINTS = {"a": (60, 150), "b": (60, 240), "c": (150, 240)}
FAR_US = 2**52
LOOK = make_task(TaskKind.INVESTIGATE)


def roaming_site() -> Site:
    patrol = {
        "id": "roam",
        "vehicles": ["drone"],
        "altitude_m": 25.0,
        "points": [{"id": name, "position": place(*at), "dwell_s": 0.0} for name, at in POINTS.items()],
        "every_min": 20,
        "round_min": 8,
        "longest_gap_min": 24,
        "battery_frac": 0.5,
    }
    return make_site(roaming=[patrol])


def visits(**due_us: int) -> tuple[Visit, ...]:
    return tuple(Visit(point=name, due_at_us=due) for name, due in due_us.items())


def flown_to(flown: Flown) -> list[list[str]]:
    """Names of the points of each mission, in their order."""
    names = {geo(*at): name for name, at in POINTS.items()}
    missions = [order for order in flown.vehicle.orders if isinstance(order, FlyMission)]
    return [list(dict.fromkeys(names[item.point] for item in order.items if item.point in names)) for order in missions]


def test_it_makes_its_visits_in_the_order_that_was_drawn_and_tells_of_each() -> None:
    async def scene() -> None:
        flown = Flown(drone_on_pad(), site=roaming_site())
        task = make_task(TaskKind.PATROL, patrol="roam", visits=visits(b=FAR_US, a=FAR_US, c=FAR_US))
        async with flown.running():
            flown.submit(task)
            done = await flown.until_final(task)

        assert done.state is TaskState.DONE
        assert done.visits == ()
        assert flown_to(flown) == [["b", "a", "c"]]
        left = list(dict.fromkeys("".join(visit.point for visit in each.visits) for each in flown.changes))
        assert left == ["bac", "ac", "c", ""]

    fly(scene)


def test_after_an_alarm_it_goes_on_with_what_is_left_where_the_gap_is_most_at_risk() -> None:
    async def scene() -> None:
        flown = Flown(drone_on_pad(), site=roaming_site())
        soon_us = flown.clock.wall_us() + 60_000_000
        task = make_task(TaskKind.PATROL, number=2, patrol="roam", visits=visits(a=FAR_US, b=FAR_US, c=soon_us))
        async with flown.running():
            flown.submit(task)
            await flown.until(lambda: flown.vehicle.state.mission_seq == 1)
            flown.script = lambda: flown.see(100, 200)
            flown.submit(LOOK)
            await flown.until_final(LOOK)
            flown.script = lambda: None
            done = await flown.until_final(task)

        assert done.state is TaskState.DONE
        assert flown_to(flown) == [["a", "b", "c"], ["c", "b"]]

    fly(scene)


def test_a_patrol_that_has_no_legal_way_to_its_point_is_refused_with_its_name() -> None:
    async def scene() -> None:
        site = roaming_site()
        (patrol,) = site.roaming
        inside = patrol.points[0].model_copy(update={"position": geo(215, 75)})  # of the no-fly area
        patrol = patrol.model_copy(update={"points": (inside, *patrol.points[1:])})
        flown = Flown(drone_on_pad(), site=site.model_copy(update={"roaming": (patrol,)}))
        task = make_task(TaskKind.PATROL, patrol="roam", visits=visits(a=FAR_US, b=FAR_US))
        async with flown.running():
            flown.submit(task)
            ended = await flown.until_final(task)

        assert ended.state is TaskState.REFUSED
        assert "no legal way to point 'a'" in ended.reason
        assert flown.kinds == []

    fly(scene)
