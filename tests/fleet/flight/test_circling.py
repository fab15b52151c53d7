"""An orbit that a person ordered, flown."""

import pytest

from contract.geo import distance_m
from contract.tasks import TaskKind, TaskState
from fleet.flight.errands import ARRIVED_M
from fleet.flight.orders import GoTo, Orbit
from fleet.flight.vehicle import FlightMode
from fleet.flight.world import Consent
from tests.fleet.flight.flown import Flown, fly
from tests.fleet.flight.stage import geo
from tests.fleet.flight.tasks import make_task

MIDDLE = geo(120, 160)
ROUND = make_task(
    TaskKind.ORBIT,
    target=MIDDLE,
    stand_off=geo(120, 130),
    stand_off_altitude_m=25.0,
    radius_m=30.0,
    turns=1,
    approved_by="Ada",
)
BY_ADA = Consent(approved_by="Ada")


def test_it_flies_once_around_the_point_and_comes_home_by_itself() -> None:
    async def scene() -> None:
        flown, away_m = Flown(), list[float]()

        def measure() -> None:
            if flown.vehicle.state.mode is FlightMode.AUTO and flown.vehicle.state.position is not None:
                away_m.append(distance_m(flown.vehicle.state.position, MIDDLE))

        flown.script = measure
        async with flown.running():
            flown.submit(ROUND, consent=BY_ADA)
            done = await flown.until_final(ROUND)
            assert (done.state, done.reason) == (TaskState.DONE, "")
            await flown.until(lambda: flown.vehicle.state.mode is FlightMode.RETURN)
        assert flown.kinds == ["Launch", "GoTo", "Orbit", "ReturnHome"]
        to_circle, around = flown.vehicle.orders[1:3]
        assert isinstance(to_circle, GoTo)
        assert isinstance(around, Orbit)
        assert distance_m(to_circle.point, geo(120, 130)) < 0.1
        assert around.from_deg == pytest.approx(180.0, abs=0.1)
        assert 29.0 < min(away_m) <= max(away_m) < 30.0 + ARRIVED_M  # it is on the circle when it is that near
        assert max(away_m[len(away_m) // 4 :]) < 30.5
        assert flown.monitor.is_latched("drone") is None

    fly(scene)


def test_it_tells_how_far_around_it_is() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            flown.submit(ROUND, consent=BY_ADA)
            await flown.until_final(ROUND)
        said = [change.progress for change in flown.changes]
        assert any("m to the circle" in each for each in said)
        assert "on the circle, 50 %" in said

    fly(scene)


def test_when_somebody_comes_near_it_stands_ends_the_task_and_the_monitor_need_not() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            flown.submit(ROUND, consent=BY_ADA)
            await flown.until(lambda: flown.last(ROUND).progress == "on the circle, 10 %")
            flown.script = lambda: flown.see(120, 200)
            done = await flown.until_final(ROUND)
        assert (done.state, done.reason) == (TaskState.FAILED, "somebody came near the circle")
        assert "Hold" in flown.kinds
        assert flown.monitor.is_latched("drone") is None

    fly(scene)


def test_a_circle_through_a_no_fly_area_is_refused_at_the_gate() -> None:
    async def scene() -> None:
        flown = Flown()
        bad = ROUND.model_copy(update={"target": geo(215, 105), "stand_off": geo(185, 105)})
        async with flown.running():
            flown.submit(bad, consent=BY_ADA)
            done = await flown.until_final(bad)
        assert done.state in (TaskState.REFUSED, TaskState.FAILED)
        assert "no-fly" in done.reason
        assert "Orbit" not in flown.kinds

    fly(scene)


@pytest.mark.parametrize("lacking", ["target", "stand_off", "radius_m", "turns"])
def test_a_task_that_does_not_say_all_of_its_circle_moves_nothing(lacking: str) -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            flown.submit(half := ROUND.model_copy(update={lacking: None}), consent=BY_ADA)
            done = await flown.until_final(half)
        assert done.state is TaskState.REFUSED
        assert flown.kinds == []

    fly(scene)


def test_a_cancelled_circle_is_left_at_once() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            flown.submit(ROUND, consent=BY_ADA)
            await flown.until(lambda: flown.last(ROUND).progress == "on the circle, 10 %")
            flown.tasking.cancel(ROUND.task_id, "Bo")
            done = await flown.until_final(ROUND, within_s=1.0)
        assert (done.state, done.reason) == (TaskState.CANCELLED, "cancelled by Bo")

    fly(scene)
