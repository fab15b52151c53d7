"""Ways of two of ours that meet, and the heights that keep copters apart."""

from dataclasses import replace
from typing import Any

import pytest

from contract.geo import PointEnu
from contract.site import Site
from contract.tasks import TaskKind, TaskState
from fleet.flight.airspace import Airspace
from fleet.flight.decision_record import judge_again, record_of
from fleet.flight.gate import Approved, RefusedOrder
from fleet.flight.orders import FlyMission, GoTo, Launch, MissionItem, Order
from fleet.flight.separation import courses_of
from fleet.flight.slots import SlotBook, slot_heights
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.watch import Route
from fleet.flight.way import Stop
from fleet.flight.world import Course, World
from tests.fleet.flight.flown import Flown, fly
from tests.fleet.flight.stage import AIRSPACE, SITE, ask, drone, drone_on_pad, geo, make_site, rover, world
from tests.fleet.flight.tasks import make_task

FLEET = make_site().model_dump(mode="json")["vehicles"]
SECOND = make_site(
    vehicles=[
        *FLEET,
        {**FLEET[0], "id": "wasp", "system_id": 3, "return_altitude_m": 40.0},
        {**FLEET[1], "id": "mule", "system_id": 4},
    ]
)
SECOND_AIRSPACE = Airspace(SECOND)
GO = GoTo(point=geo(100, 180), above_home_m=25.0, speed_m_s=8.0)  # north from (100, 100)


def wasp(**changes: Any) -> VehicleState:
    """In the air over (60, 150), on its way east at 25 m."""
    return drone(**{"vehicle_id": "wasp", "system_id": 3, "position": geo(60, 150), **changes})


def mule(east_m: float, north_m: float, **changes: Any) -> VehicleState:
    return rover(**{"vehicle_id": "mule", "system_id": 4, "position": geo(east_m, north_m), **changes})


def course(
    vehicle_id: str, *points: tuple[float, float, float], speed_m_s: float = 8.0, stays_s: float = 0.0
) -> Course:
    return Course(vehicle_id, tuple((PointEnu(e, n), h) for e, n, h in points), speed_m_s, stays_s)


def reasons(order: Order, *vehicles: VehicleState, courses: tuple[Course, ...]) -> tuple[str, ...]:
    there = world(*vehicles, site=SECOND, courses=courses)
    decision = ask(order, vehicles[0], within=there)
    return decision.reasons if isinstance(decision, RefusedOrder) else ()


class TestInTheAir:
    @pytest.mark.parametrize(
        ("its", "meets"),
        [
            pytest.param(((60, 150, 25), (140, 150, 25)), True, id="crosses at the same height"),
            pytest.param(((60, 150, 29), (140, 150, 29)), True, id="crosses 4 m above"),
            pytest.param(((60, 150, 31), (140, 150, 31)), False, id="crosses 6 m above"),
            pytest.param(((60, 150, 50), (140, 150, 11)), True, id="crosses on its way down"),
            pytest.param(((60, 150, 25), (89, 150, 25)), False, id="ends 11 m beside"),
            pytest.param(((60, 150, 25), (91, 150, 25)), True, id="ends 9 m beside"),
            pytest.param(((60, 150, 25), (60, 250, 25), (120, 250, 25)), False, id="goes round"),
        ],
    )
    def test_two_ways_keep_apart_by_height_or_by_distance_whoever_is_where_first(
        self, *, its: tuple[tuple[float, float, float], ...], meets: bool
    ) -> None:
        refused = reasons(GO, drone(), wasp(above_home_m=its[0][2]), courses=(course("wasp", *its),))
        assert bool(refused) == meets

    def test_the_reason_names_who_and_how_near(self) -> None:
        assert reasons(GO, drone(), wasp(), courses=(course("wasp", (60, 150, 25), (91, 150, 25)),)) == (
            "the way comes within 9.0 m of that of 'wasp' and 0.0 m of its height, expected 10.0 m or 5.0 m of height",
        )

    def test_a_launch_under_anothers_way_waits(self) -> None:
        over = course("wasp", (0, 40, 25), (200, 40, 25))
        assert len(reasons(Launch(25.0), drone_on_pad(), wasp(position=geo(0, 40)), courses=(over,))) == 1
        assert reasons(Launch(15.0), drone_on_pad(), wasp(position=geo(0, 40)), courses=(over,)) == ()

    def test_one_that_is_on_anothers_way_may_move_away_from_it(self) -> None:
        towards = course("wasp", (100, 20, 25), (100, 95, 25))
        assert reasons(GO, drone(), wasp(position=geo(100, 20)), courses=(towards,)) == ()
        back = replace(GO, point=geo(100, 60))
        assert len(reasons(back, drone(), wasp(position=geo(100, 20)), courses=(towards,))) == 1
        along = course("wasp", (100, 200, 25), (100, 90, 25))
        assert len(reasons(GO, drone(), wasp(position=geo(100, 200)), courses=(along,))) == 1

    def test_a_patrol_is_judged_over_all_its_legs(self) -> None:
        patrol = FlyMission(tuple(MissionItem(geo(*at), 25.0) for at in ((100, 180), (60, 180), (60, 120))), 0, 8.0)
        its = (course("wasp", (20, 150, 25), (70, 150, 25)),)
        assert reasons(GO, drone(), wasp(position=geo(20, 150)), courses=its) == ()
        assert len(reasons(patrol, drone(), wasp(position=geo(20, 150)), courses=its)) == 1

    def test_a_rovers_way_below_is_no_matter(self) -> None:
        its = (course("rover", (60, 150, 0), (140, 150, 0)),)
        assert reasons(GO, drone(), rover(position=geo(60, 150)), courses=its) == ()

    def test_safety_14_a_decision_made_of_courses_judges_the_same_again(self) -> None:
        there = world(drone(), wasp(), site=SECOND, courses=(course("wasp", (60, 150, 25), (140, 150, 25)),))
        decision = ask(GO, drone(), within=there)
        again = judge_again(record_of(decision), SECOND)

        assert isinstance(decision, RefusedOrder)
        assert isinstance(again, RefusedOrder)
        assert again.reasons == decision.reasons


class TestOnTheGround:
    DRIVE = GoTo(point=geo(60, 200), above_home_m=None, speed_m_s=2.0)  # north from (60, 40), 80 s

    @pytest.mark.parametrize(
        ("its", "speed_m_s", "meets"),
        [
            # the other crosses at north 100: we are there 28 s from now at the soonest and 64 s at the latest
            pytest.param(((0, 100, 0), (120, 100, 0)), 2.0, True, id="both are there in half a minute"),
            pytest.param(((50, 100, 0), (120, 100, 0)), 8.0, False, id="it is gone long before"),
            pytest.param(((50, 100, 0), (120, 100, 0)), 1.0, True, id="it may be late"),
            pytest.param(((-200, 100, 0), (120, 100, 0)), 1.0, False, id="we are gone long before"),
            pytest.param(((0, 100, 0), (61, 100, 0)), 8.0, True, id="it comes soon and stays there"),
            pytest.param(((0, 100, 0), (50, 100, 0)), 2.0, False, id="it stops 10 m beside"),
        ],
    )
    def test_two_rovers_cross_at_different_times_or_not_at_all(
        self, *, its: tuple[tuple[float, float, float], ...], speed_m_s: float, meets: bool
    ) -> None:
        other = mule(its[0][0], its[0][1])
        refused = reasons(self.DRIVE, rover(), other, courses=(course("mule", *its, speed_m_s=speed_m_s),))
        assert bool(refused) == meets

    def test_the_reason_says_when(self) -> None:
        its = course("mule", (0, 100, 0), (120, 100, 0), speed_m_s=2.0)
        assert reasons(self.DRIVE, rover(), mule(0, 100), courses=(its,)) == (
            "the way meets that of 'mule' after about 28 s, when it is there too, expected 10 s between them",
        )

    def test_where_one_stops_for_good_no_other_passes_later(self) -> None:
        its = course("mule", (60, 220, 0), (60, 30, 0), speed_m_s=0.5)
        assert len(reasons(self.DRIVE, rover(), mule(60, 220), courses=(its,))) == 1

    def test_one_that_stays_on_its_way_may_be_late_by_that(self) -> None:
        its = course("mule", (50, 100, 0), (55, 100, 0), (120, 100, 0), speed_m_s=8.0, stays_s=30.0)
        assert len(reasons(self.DRIVE, rover(), mule(50, 100), courses=(its,))) == 1


class TestCourses:
    def found(self, *states: VehicleState, **routes: Route) -> dict[str, tuple[tuple[float, float, float], ...]]:
        courses = courses_of(states, routes, site=SECOND, airspace=SECOND_AIRSPACE)
        return {
            each.vehicle_id: tuple((round(p.east_m), round(p.north_m), h) for p, h in each.points) for each in courses
        }

    def test_what_was_ordered_begins_where_the_vehicle_is(self) -> None:
        told = self.found(drone(), drone=Route((Stop(PointEnu(100, 180), 31.0, True),)))
        assert told == {"drone": ((100, 100, 25.0), (100, 180, 31.0))}

    def test_a_way_home_is_known_without_an_order(self) -> None:
        assert self.found(drone(mode=FlightMode.RETURN)) == {
            "drone": ((100, 100, 25.0), (100, 100, 30.0), (40, 40, 30.0), (40, 40, 0.0))
        }
        assert self.found(drone(mode=FlightMode.LAND)) == {"drone": ((100, 100, 25.0), (100, 100, 0.0))}
        assert self.found(rover(position=geo(60, 90), mode=FlightMode.RETURN)) == {
            "rover": ((60, 90, 0.0), (60, 40, 0.0))
        }

    def test_who_goes_nowhere_has_none(self) -> None:
        assert self.found(drone(), drone_on_pad(vehicle_id="wasp"), mule(0, 0, position=None)) == {}


class TestSlots:
    def test_they_lie_around_the_height_that_copters_look_from_within_the_band(self) -> None:
        assert slot_heights(SITE) == (13.0, 19.0, 25.0, 31.0, 37.0, 43.0, 49.0, 55.0)

    def test_they_keep_clear_of_the_heights_that_others_return_at(self) -> None:
        assert slot_heights(SECOND) == (13.0, 19.0, 49.0, 55.0)

    def test_the_sites_own_go_before(self) -> None:
        assert slot_heights(make_site(airspace={"slots_m": [20, 50]})) == (20.0, 50.0)

    @pytest.mark.parametrize("slot_m", [28, 34])
    def test_none_of_them_is_where_one_of_several_returns(self, slot_m: float) -> None:
        site = SECOND.model_dump(mode="json")
        with pytest.raises(ValueError, match="6 m from every return_altitude_m"):
            Site.model_validate({**site, "airspace": {"slots_m": [slot_m]}})

    def test_two_never_have_one_height_and_it_is_free_when_one_is_home(self) -> None:
        book = SlotBook(SITE)
        assert book.take("drone", 25.0, None, ()) == 25.0
        assert book.take("wasp", 25.0, None, ()) == 19.0
        assert book.take("drone", 25.0, None, ()) == 25.0
        book.free("drone")
        assert book.take("wasp", 25.0, None, ()) == 25.0

    def test_two_share_one_where_their_ways_are_far_apart(self) -> None:
        book = SlotBook(SITE)
        west, east = (PointEnu(50, 50), PointEnu(50, 250)), (PointEnu(100, 50), PointEnu(100, 250))
        crossing = (PointEnu(0, 100), PointEnu(90, 100))
        assert book.take("drone", 25.0, west, ()) == 25.0
        assert book.take("wasp", 25.0, east, ()) == 25.0
        assert book.find("moth", 25.0, crossing, ()) == 19.0

    def test_whoever_is_up_there_without_a_task_of_ours_has_his_height(self) -> None:
        book = SlotBook(SITE)
        assert book.find("drone", 25.0, None, [drone(), wasp(above_home_m=27.0)]) == 19.0
        assert book.find("drone", 25.0, None, [drone(), wasp(above_home_m=27.0, mode=FlightMode.RETURN)]) == 25.0

    def test_when_none_is_free_it_says_who_has_them(self) -> None:
        book = SlotBook(make_site(airspace={"slots_m": [20, 50]}))
        assert (book.take("drone", 25.0, None, ()), book.take("wasp", 25.0, None, ())) == (20.0, 50.0)
        assert book.take("moth", 25.0, None, ()) == "no height is free: 'drone' has 20 m, 'wasp' has 50 m"


class TestTasking:
    def test_a_task_waits_for_a_height_and_goes_when_one_is_freed(self) -> None:
        async def scene() -> None:
            flown = Flown(site=make_site(airspace={"slots_m": [30]}))
            slots = flown.tasking._tools.slots
            assert slots.take("wasp", 30.0, None, ()) == 30.0
            task = make_task(TaskKind.INVESTIGATE)
            async with flown.running():
                flown.submit(task)
                await flown.until(lambda: flown.last(task).progress == "waits: no height is free: 'wasp' has 30 m")
                assert not any(isinstance(order, Launch) for order in flown.vehicle.orders)
                slots.free("wasp")
                done = await flown.until_final(task)
                assert [claim.vehicle_id for claim in slots.claims] == ["drone"]
                await flown.until(lambda: slots.claims == ())  # on its way home
            assert (done.state, done.stand_off_altitude_m) == (TaskState.DONE, 30.0)
            assert Launch(30.0) in flown.vehicle.orders

        fly(scene)

    def test_a_task_that_finds_none_is_refused_with_who_has_them(self) -> None:
        async def scene() -> None:
            flown = Flown(site=make_site(airspace={"slots_m": [30]}))
            flown.tasking._tools.slots.take("wasp", 30.0, None, ())
            task = make_task(TaskKind.INVESTIGATE)
            async with flown.running():
                flown.submit(task)
                refused = await flown.until_final(task)
            assert (refused.state, refused.reason) == (TaskState.REFUSED, "no height is free: 'wasp' has 30 m")

        fly(scene)


def test_nobody_elses_course_leaves_the_gate_as_it_was() -> None:
    there: World = world(drone(), courses=(course("drone", (100, 100, 25), (100, 180, 25)),))
    assert isinstance(ask(GO, drone(), within=there), Approved)
    assert AIRSPACE.clear_of_roofs_m(PointEnu(195, 210), within_m=6.0) == 13.0
