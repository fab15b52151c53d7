"""A patrol that a named person pauses, lets go on, and sends to its next waypoint."""

import uuid

import pytest

from contract.geo import distance_m
from contract.tasks import TaskKind, TaskState
from fleet.errors import NotFound, Refused, StoreError
from fleet.flight import pausing
from fleet.flight.orders import FlyMission
from fleet.flight.pausing import PAUSE_LIMIT_US
from fleet.flight.vehicle import FlightMode
from tests.fleet.flight.flown import Flown, fly
from tests.fleet.flight.tasks import make_task

ROUND = make_task(TaskKind.PATROL, number=2)
LOOK = make_task(TaskKind.INVESTIGATE)


def missions(flown: Flown) -> list[int]:
    return [order.from_index for order in flown.vehicle.orders if isinstance(order, FlyMission)]


def acts(flown: Flown) -> list[tuple[str, str]]:
    entries = (*flown.journal.entries, *flown.deferred.held)
    return [(entry.act, entry.actor) for entry in entries if entry.act in ("pause", "resume", "skip")]


def test_a_paused_patrol_holds_until_a_person_lets_it_go_on_and_both_are_on_record() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            flown.submit(ROUND)
            await flown.until(lambda: flown.vehicle.state.mission_seq == 1)
            flown.tasking.pause(ROUND.task_id, "Ada")
            await flown.until(lambda: flown.vehicle.state.mode is FlightMode.HOLD, within_s=1.0)
            await flown.until(lambda: flown.last(ROUND).progress == "paused by Ada at waypoint 2 of 3", within_s=1.0)
            assert (flown.last(ROUND).state, flown.last(ROUND).paused_by) == (TaskState.EXECUTING, "Ada")
            where, end_us = flown.vehicle.state.position, flown.clock.monotonic_us() + 60_000_000
            await flown.until(lambda: flown.clock.monotonic_us() > end_us)
            assert flown.vehicle.state.position == where
            assert flown.monitor.is_latched("drone") is None
            with pytest.raises(Refused, match="Ada has paused it already"):
                flown.tasking.pause(ROUND.task_id, "Bob")

            flown.tasking.resume(ROUND.task_id, "Bob")
            assert flown.last(ROUND).paused_by is None
            done = await flown.until_final(ROUND)
        assert done.state is TaskState.DONE
        assert missions(flown) == [0, 1]
        assert sorted(acts(flown)) == [("pause", "Ada"), ("resume", "Bob")]

    fly(scene)


def test_a_skipped_waypoint_is_not_flown_to() -> None:
    async def scene() -> None:
        flown = Flown()
        nearest_m = [1e9]

        def look() -> None:
            second = flown.tasking._desks["drone"].site.patrols[0].waypoints[1].position
            assert flown.vehicle.state.position is not None
            nearest_m[0] = min(nearest_m[0], distance_m(flown.vehicle.state.position, second))

        flown.script = look
        async with flown.running():
            flown.submit(ROUND)
            await flown.until(lambda: flown.last(ROUND).progress.startswith("waypoint 1 of 3"))
            flown.tasking.skip(ROUND.task_id, "Ada")
            flown.tasking.skip(ROUND.task_id, "Ada")
            with pytest.raises(Refused, match="on its last waypoint"):
                flown.tasking.skip(ROUND.task_id, "Ada")
            done = await flown.until_final(ROUND)
        assert done.state is TaskState.DONE
        assert missions(flown) == [0, 2]
        assert nearest_m[0] > 20.0
        assert acts(flown) == [("skip", "Ada"), ("skip", "Ada")]

    fly(scene)


def test_one_that_is_skipped_while_paused_goes_on_behind_it() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            flown.submit(ROUND)
            flown.tasking.pause(ROUND.task_id, "Ada")  # before it was launched: it stays on its pad
            await flown.until(lambda: flown.last(ROUND).progress == "paused by Ada at waypoint 1 of 3", within_s=1.0)
            assert flown.kinds == []
            flown.tasking.skip(ROUND.task_id, "Ada")
            flown.tasking.resume(ROUND.task_id, "Ada")
            done = await flown.until_final(ROUND)
        assert done.state is TaskState.DONE
        assert missions(flown) == [1]

    fly(scene)


def test_a_way_behind_the_skipped_waypoint_that_the_gate_refuses_is_not_taken() -> None:
    async def scene() -> None:
        flown = Flown()
        flown.vehicle.refuses = lambda order: (
            "outside" if isinstance(order, FlyMission) and order.from_index == 1 else None
        )
        async with flown.running():
            flown.submit(ROUND)
            await flown.until(lambda: flown.last(ROUND).progress.startswith("waypoint 1 of 3"))
            flown.tasking.skip(ROUND.task_id, "Ada")
            await flown.until(lambda: flown.last(ROUND).reason == "not skipped: outside", within_s=1.0)
            done = await flown.until_final(ROUND)
        assert done.state is TaskState.DONE
        assert missions(flown) == [0, 1]

    fly(scene)


def test_a_paused_patrol_makes_way_for_an_alarm_and_is_still_paused_after_it() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            flown.submit(ROUND)
            await flown.until(lambda: flown.vehicle.state.mission_seq == 1)
            flown.tasking.pause(ROUND.task_id, "Ada")
            await flown.until(lambda: flown.last(ROUND).progress.startswith("paused by Ada"))
            flown.script = lambda: flown.see(100, 200)
            flown.submit(LOOK)
            assert (await flown.until_final(LOOK)).state is TaskState.DONE
            flown.script = lambda: None
            await flown.until(lambda: flown.kinds[-1] == "Hold")
            await flown.until(lambda: flown.last(ROUND).progress == "paused by Ada at waypoint 2 of 3")
            flown.tasking.resume(ROUND.task_id, "Ada")
            assert (await flown.until_final(ROUND)).state is TaskState.DONE

    fly(scene)


def test_somebody_near_the_way_is_waited_for_when_it_goes_on() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            flown.submit(ROUND)
            await flown.until(lambda: flown.vehicle.state.mission_seq == 1)
            flown.tasking.pause(ROUND.task_id, "Ada")
            await flown.until(lambda: flown.last(ROUND).progress.startswith("paused by Ada"))
            flown.script = lambda: flown.see(66, 220)
            flown.tasking.resume(ROUND.task_id, "Ada")
            await flown.until(lambda: "somebody is near" in flown.last(ROUND).progress, within_s=3.0)
            flown.tasking.pause(ROUND.task_id, "Bob")
            await flown.until(lambda: flown.last(ROUND).progress.startswith("paused by Bob"), within_s=3.0)
            flown.script, flown.people = lambda: None, ()
            flown.tasking.resume(ROUND.task_id, "Bob")
            assert (await flown.until_final(ROUND)).state is TaskState.DONE
        assert flown.monitor.is_latched("drone") is None

    fly(scene)


def test_a_patrol_that_nobody_lets_go_on_comes_home(monkeypatch: pytest.MonkeyPatch) -> None:
    assert PAUSE_LIMIT_US == 15 * 60_000_000
    monkeypatch.setattr(pausing, "PAUSE_LIMIT_US", 60_000_000)

    async def scene() -> None:
        flown = Flown(with_monitor=False)
        async with flown.running():
            flown.submit(ROUND)
            await flown.until(lambda: flown.vehicle.state.mission_seq == 1)
            flown.tasking.pause(ROUND.task_id, "Ada")
            ended = await flown.until_final(ROUND, within_s=70.0)
            await flown.until(lambda: flown.vehicle.state.mode is FlightMode.RETURN)
        assert (ended.state, ended.reason) == (
            TaskState.FAILED,
            "paused by Ada, and nobody let it go on for 1 min",
        )

    fly(scene)


def test_safety_06_a_pause_waits_for_no_store_but_going_on_does() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            flown.submit(ROUND)
            await flown.until(lambda: flown.vehicle.state.mission_seq == 1)
            flown.journal.is_dead = True
            flown.tasking.pause(ROUND.task_id, "Ada")
            await flown.until(lambda: flown.vehicle.state.mode is FlightMode.HOLD, within_s=1.0)
            for move in (flown.tasking.resume, flown.tasking.skip):
                with pytest.raises(StoreError):
                    move(ROUND.task_id, "Ada")
            assert flown.last(ROUND).paused_by == "Ada"
            assert acts(flown) == [("pause", "Ada")]

    fly(scene)


def test_only_a_patrol_that_is_under_way_is_paused_or_let_go_on() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            flown.submit(LOOK)
            with pytest.raises(Refused, match="expected a patrol, it is of kind investigate"):
                flown.tasking.pause(LOOK.task_id, "Ada")
            with pytest.raises(NotFound):
                flown.tasking.pause(uuid.UUID(int=99), "Ada")
            flown.submit(ROUND)
            with pytest.raises(Refused, match="it is not paused"):
                flown.tasking.resume(ROUND.task_id, "Ada")

    fly(scene)
