"""A look that a person ordered from where the copter is, flown."""

from contract.geo import distance_m
from contract.tasks import TaskKind, TaskState
from fleet.flight.orders import GoTo, LookAt
from fleet.flight.vehicle import FlightMode
from fleet.flight.world import Consent
from tests.fleet.flight.flown import Flown, fly
from tests.fleet.flight.stage import geo
from tests.fleet.flight.tasks import make_task

POINT = geo(150, 180)
PATROL = make_task(TaskKind.PATROL)
LOOK = make_task(TaskKind.LOOK, number=2, target=POINT, approved_by="Ada")
BY_ADA = Consent(approved_by="Ada")


async def look_from_its_patrol(flown: Flown) -> None:
    flown.submit(PATROL)
    await flown.until(lambda: flown.last(PATROL).progress.startswith("waypoint 2"))
    flown.submit(LOOK, consent=BY_ADA)


def test_a_patrol_waits_for_the_look_and_goes_on_after_it() -> None:
    async def scene() -> None:
        flown, stood = Flown(), []
        async with flown.running():
            await look_from_its_patrol(flown)
            await flown.until(lambda: "looks at the point" in flown.last(LOOK).progress)
            stood.append(flown.vehicle.state)
            assert flown.last(PATROL).state is TaskState.SUSPENDED
            done = await flown.until_final(LOOK)
            stood.append(flown.vehicle.state)
            await flown.until(lambda: flown.last(PATROL).state is TaskState.EXECUTING)
        assert (done.state, done.reason) == (TaskState.DONE, "")
        before, after = stood
        assert before.mode is after.mode is FlightMode.GUIDED
        assert before.position is not None
        assert after.position is not None
        assert distance_m(before.position, after.position) < 1.0
        at = flown.kinds.index("LookAt")
        stay, turn = flown.vehicle.orders[at - 1 : at + 1]
        assert isinstance(stay, GoTo)
        assert turn == LookAt(POINT)
        assert distance_m(stay.point, after.position) < 1.0
        assert stay.above_home_m == 25.0  # a height of its own, here the patrol's
        assert flown.kinds[at + 1] == "FlyMission"

    fly(scene)


def test_it_lasts_half_a_minute_and_then_the_copter_comes_home() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            await look_from_its_patrol(flown)
            flown.tasking.cancel(PATROL.task_id, "Ada")
            await flown.until(lambda: "looks at the point" in flown.last(LOOK).progress)
            since_us = flown.clock.monotonic_us()
            await flown.until_final(LOOK)
            took_s = (flown.clock.monotonic_us() - since_us) / 1e6
            await flown.until(lambda: flown.vehicle.state.mode is FlightMode.RETURN)
        assert 29.0 < took_s < 32.0

    fly(scene)


def test_a_camera_that_does_not_turn_ends_the_task_with_that_reason() -> None:
    async def scene() -> None:
        flown = Flown()
        flown.vehicle.refuses = lambda order: "DO_SET_ROI: denied" if isinstance(order, LookAt) else None
        async with flown.running():
            await look_from_its_patrol(flown)
            done = await flown.until_final(LOOK)
        assert (done.state, done.reason) == (TaskState.FAILED, "DO_SET_ROI: denied")

    fly(scene)


def test_who_stands_on_the_ground_is_not_armed_for_it() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            flown.submit(LOOK, consent=BY_ADA)
            done = await flown.until_final(LOOK)
        assert (done.state, done.reason) == (TaskState.REFUSED, "it is not in the air: send it to go and look")
        assert flown.kinds == []

    fly(scene)


def test_the_turn_stands_in_the_audit_log_with_who_ordered_it() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            await look_from_its_patrol(flown)
            await flown.until_final(LOOK)
        (entry,) = [each for each in flown.journal.entries if each.act == "order LookAt"]
        assert (entry.actor, entry.subject, entry.trace_id) == ("Ada", "drone", LOOK.trace_id)

    fly(scene)


def test_when_somebody_comes_near_it_holds_ends_the_look_and_the_monitor_need_not() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            await look_from_its_patrol(flown)
            await flown.until(lambda: "looks at the point" in flown.last(LOOK).progress)
            spot = flown.vehicle.spot
            flown.script = lambda: flown.see(spot.east_m + 20.0, spot.north_m)
            done = await flown.until_final(LOOK)
        assert (done.state, done.reason) == (TaskState.FAILED, "somebody came near")
        assert "Hold" in flown.kinds
        assert flown.monitor.is_latched("drone") is None

    fly(scene)
