"""What may come in between: no place to stand, people who stay, a landing not yet over, a recall."""

from typing import Any

import pytest

from contract.geo import distance_m
from contract.tasks import TaskKind, TaskState
from fleet.flight.orders import FlyMission, GoTo
from fleet.flight.vehicle import FlightMode
from fleet.flight.world import PeopleSeen, TrackedPerson
from tests.fleet.flight.flown import Flown, fly
from tests.fleet.flight.stage import geo, make_site, place, rover
from tests.fleet.flight.tasks import make_task

LOOK = make_task(TaskKind.INVESTIGATE)
ROUND = make_task(TaskKind.PATROL, number=2)
ROVER_ROUND = {
    "id": "lane",
    "vehicle": "rover",
    "altitude_m": 0.0,
    "every_min": 15,
    "waypoints": [{"position": place(60, 90)}, {"position": place(60, 140)}],
}


def test_a_recall_task_is_done_when_the_vehicle_shows_that_it_comes() -> None:
    async def scene() -> None:
        flown, recall = Flown(), make_task(TaskKind.RECALL, number=3)
        async with flown.running():
            flown.submit(ROUND)
            await flown.until(lambda: flown.vehicle.state.mission_seq == 1)
            flown.submit(recall)
            done = await flown.until_final(recall)
        assert done.state is TaskState.DONE
        assert flown.vehicle.state.mode is FlightMode.RETURN
        assert flown.last(ROUND).state is TaskState.SUSPENDED

    fly(scene)


def test_without_a_place_to_stand_it_holds_once_and_goes_on_when_there_is_one() -> None:
    async def scene() -> None:
        flown = Flown()
        crowd = [(100.0 + 25 * i, 170.0 + 25 * j) for i in range(-3, 4) for j in range(-2, 4)]

        def everybody() -> None:
            now_us = flown.clock.monotonic_us()
            flown.people = tuple(TrackedPerson(geo(e, n), 0.5, now_us) for e, n in crowd)

        flown.script = lambda: flown.see(100, 200)
        async with flown.running():
            flown.submit(LOOK)
            await flown.until(lambda: "m to the stand-off" in flown.last(LOOK).progress)
            flown.script = everybody
            await flown.until(lambda: flown.last(LOOK).progress.startswith("waits: drone: no stand-off point"))
            end_us = flown.clock.monotonic_us() + 5_000_000
            await flown.until(lambda: flown.clock.monotonic_us() > end_us)
            assert flown.kinds.count("Hold") == 1
            flown.script = lambda: flown.see(100, 200)
            done = await flown.until_final(LOOK)
        assert done.state is TaskState.DONE
        assert flown.monitor.is_latched("drone") is None

    fly(scene)


def test_somebody_who_walked_on_during_the_launch_is_looked_at_from_another_place() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            flown.submit(LOOK)
            await flown.until(lambda: (flown.vehicle.state.above_home_m or 0.0) > 3.0)
            flown.script = lambda: flown.see(100, 185)
            flown.tasking.retarget(LOOK.task_id, geo(100, 185), 0.5)
            done = await flown.until_final(LOOK)
        assert done.state is TaskState.DONE
        gone_to = [order.point for order in flown.vehicle.orders if isinstance(order, GoTo)]
        assert LOOK.stand_off not in gone_to
        assert 28.0 < distance_m(gone_to[0], geo(100, 185)) < 29.0

    fly(scene)


def test_a_watch_goes_on_after_the_look_until_its_turn_is_over() -> None:
    async def scene() -> None:
        flown = Flown()
        flown.script = lambda: flown.see(100, 200)
        async with flown.running():
            flown.submit(LOOK)
            flown.tasking.keep_watch(LOOK.task_id, is_watch=True)
            await flown.until(lambda: flown.last(LOOK).progress.startswith("on scene"))
            end_us = flown.clock.monotonic_us() + 240_000_000  # longer than a look may take in all
            await flown.until(lambda: flown.clock.monotonic_us() > end_us)
            assert flown.last(LOOK).state is TaskState.EXECUTING
            flown.tasking.keep_watch(LOOK.task_id, is_watch=False)
            done = await flown.until_final(LOOK)
        assert done.state is TaskState.DONE
        assert flown.clock.monotonic_us() - end_us < 2_000_000

    fly(scene)


def test_a_watch_does_not_outlast_the_battery_that_home_needs() -> None:
    async def scene() -> None:
        flown = Flown()
        flown.script = lambda: flown.see(100, 200)
        async with flown.running():
            flown.submit(LOOK)
            flown.tasking.keep_watch(LOOK.task_id, is_watch=True)
            await flown.until(lambda: flown.last(LOOK).progress.startswith("on scene"))
            flown.vehicle.set(battery_frac=0.08)
            await flown.until(lambda: flown.vehicle.state.mode is FlightMode.RETURN)
            await flown.until(lambda: flown.last(LOOK).state is not TaskState.EXECUTING)
        assert flown.last(LOOK).state is TaskState.SUSPENDED
        assert flown.monitor.is_latched("drone") is not None

    fly(scene)


def test_people_who_stay_near_the_way_end_the_patrol() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            flown.submit(ROUND)
            await flown.until(lambda: flown.vehicle.state.mission_seq == 1)
            flown.script = lambda: flown.see(66, 220)
            ended = await flown.until_final(ROUND)
        assert (ended.state, ended.reason) == (TaskState.FAILED, "people stayed near the way")

    fly(scene)


def test_a_sighting_that_keeps_coming_and_going_is_given_up_in_the_end() -> None:
    async def scene() -> None:
        flown = Flown(with_monitor=False)
        ticks = [0]

        def blink() -> None:
            ticks[0] += 1
            flown.see(100, 200)
            flown.vehicle.set(heading_deg=180.0 if ticks[0] // 100 % 2 else 0.0)

        flown.vehicle.refuses = lambda order: "no gimbal" if type(order).__name__ == "LookAt" else None
        flown.script = blink
        async with flown.running():
            flown.submit(LOOK)
            ended = await flown.until_final(LOOK)
        assert (ended.state, ended.reason) == (TaskState.FAILED, "the sighting was not looked at in time")

    fly(scene)


def test_a_vehicle_that_is_just_landing_is_waited_for() -> None:
    async def scene() -> None:
        flown, second = Flown(), make_task(TaskKind.PATROL, number=7)
        async with flown.running():
            flown.submit(ROUND)
            await flown.until_final(ROUND)
            await flown.until(lambda: (flown.vehicle.state.above_home_m or 9.0) < 0.9)
            assert flown.vehicle.state.armed
            flown.submit(second)
            await flown.until(lambda: flown.last(second).progress == "waits: it has just landed and disarms")
            done = await flown.until_final(second)
        assert done.state is TaskState.DONE
        assert flown.kinds.count("Launch") == 2

    fly(scene)


def test_motors_that_never_stop_after_a_landing_end_the_task() -> None:
    async def scene() -> None:
        flown, second = Flown(with_monitor=False), make_task(TaskKind.PATROL, number=7)
        async with flown.running():
            flown.submit(ROUND)
            await flown.until_final(ROUND)
            await flown.until(lambda: (flown.vehicle.state.above_home_m or 9.0) < 0.9)
            flown.vehicle.is_stuck = True
            flown.submit(second)
            ended = await flown.until_final(second, within_s=35.0)
        assert (ended.state, ended.reason) == (TaskState.FAILED, "on the ground, and the motors stay armed")

    fly(scene)


@pytest.mark.parametrize(
    ("change", "state", "words"),
    [
        pytest.param({"patrol": "nowhere"}, TaskState.REFUSED, "got 'nowhere'", id="a patrol the site does not have"),
    ],
)
def test_a_patrol_of_another_site_is_refused(change: dict[str, Any], state: TaskState, words: str) -> None:
    async def scene() -> None:
        flown, strange = Flown(), make_task(TaskKind.PATROL, number=8, **change)
        async with flown.running():
            flown.submit(strange)
            ended = await flown.until_final(strange)
        assert ended.state is state
        assert words in ended.reason

    fly(scene)


def test_safety_01_a_rover_slows_down_for_somebody_who_comes_near_its_way() -> None:
    async def scene() -> None:
        site = make_site(patrols=[ROVER_ROUND])
        flown, lane = Flown(rover(armed=False), site=site), make_task(TaskKind.PATROL, vehicle="rover", patrol="lane")
        async with flown.running():
            flown.submit(lane)
            await flown.until(lambda: flown.last(lane).state is TaskState.EXECUTING)
            flown.script = lambda: flown.see(80, 140)
            done = await flown.until_final(lane)
        assert done.state is TaskState.DONE
        speeds = [order.speed_m_s for order in flown.vehicle.orders if isinstance(order, FlyMission)]
        assert (speeds[0], set(speeds[1:])) == (2.0, {1.0})

    fly(scene)


def test_safety_01_a_rover_on_its_way_to_look_slows_down_too() -> None:
    async def scene() -> None:
        flown = Flown(rover(armed=False))
        look = make_task(
            TaskKind.INVESTIGATE,
            vehicle="rover",
            target=geo(60, 140),
            stand_off=geo(60, 124),
            stand_off_altitude_m=None,
        )
        async with flown.running():
            flown.submit(look)
            await flown.until(lambda: flown.last(look).state is TaskState.EXECUTING)
            flown.script = lambda: flown.see(60, 140)
            done = await flown.until_final(look)
        assert done.state is TaskState.DONE
        speeds = [order.speed_m_s for order in flown.vehicle.orders if isinstance(order, GoTo)]
        assert (speeds[0], set(speeds[1:])) == (2.0, {1.0})

    fly(scene)


def test_a_lost_position_ends_the_task() -> None:
    async def scene() -> None:
        flown = Flown(with_monitor=False)
        flown.script = lambda: flown.see(100, 200)
        async with flown.running():
            flown.submit(LOOK)
            await flown.until(lambda: "m to the stand-off" in flown.last(LOOK).progress)
            flown.vehicle.is_stuck = True
            flown.vehicle.set(position=None)
            flown.vehicle.step = lambda dt_s: flown.vehicle.hear()  # type: ignore[method-assign]
            ended = await flown.until_final(LOOK)
        assert (ended.state, ended.reason) == (TaskState.FAILED, "position is not known")

    fly(scene)


def test_safety_12_one_that_somebody_else_arms_or_moves_while_idle_is_not_ours() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            await flown.until(lambda: flown.tasking.completed_cycle_at_us is not None)
            flown.vehicle.set(armed=True)
            await flown.until(lambda: flown.tasking.unavailable() == {"drone": "armed, and not by us"}, within_s=1.0)
        assert flown.vehicle.orders == []

        returning = Flown()
        async with returning.running():
            returning.submit(ROUND)
            await returning.until_final(ROUND)
            await returning.until(lambda: returning.vehicle.state.mode is FlightMode.RETURN)
            returning.vehicle.set(mode=FlightMode.OTHER)
            await returning.until(lambda: returning.tasking.unavailable() != {}, within_s=1.0)
        assert returning.tasking.unavailable() == {"drone": "mode changed to other, and not by us"}

    fly(scene)


def test_people_are_remembered_a_while_and_the_stalest_are_forgotten_first() -> None:
    people = PeopleSeen(forget_s=10.0)

    def at(track: int, at_s: float) -> tuple[str, int, TrackedPerson]:
        return ("mast", track, TrackedPerson(geo(track, 1), 0.5, round(at_s * 1e6)))

    people.see([at(1, 1.0), at(2, 5.0)], now_us=5_000_000)
    people.see([at(1, 6.0)], now_us=6_000_000)
    assert [p.seen_at_us for p in people.snapshot] == [6_000_000, 5_000_000]
    people.see([], now_us=15_500_000)
    assert [p.seen_at_us for p in people.snapshot] == [6_000_000]
    people.see([at(track, 16.0 + track / 1000) for track in range(300)], now_us=17_000_000)
    assert len(people.snapshot) == 256
