"""Who is sent, from where he looks, and what is said about the others."""

from collections.abc import Iterable
from typing import Any

import pytest

from contract.geo import GeoPoint, distance_m
from contract.site import Site
from contract.tasks import Task, TaskKind, TaskState
from fleet.decision.dispatch import Dispatch, NoVehicle, choose
from fleet.flight.orders import GoTo
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.world import TrackedPerson
from tests.fleet.flight.stage import (
    NOW_US,
    PARAMETERS,
    SITE,
    ask,
    drone,
    drone_on_pad,
    geo,
    make_site,
    person,
    rover,
    square,
    world,
)
from tests.fleet.flight.tasks import make_task


def send(
    *vehicles: VehicleState,
    target: GeoPoint | None = None,
    sigma_m: float = 0.5,
    people: Iterable[TrackedPerson] = (),
    tasks: Iterable[Task] = (),
    site: Site = SITE,
    **how: Any,
) -> Dispatch | NoVehicle:
    return choose(
        target or geo(100, 200),
        sigma_m,
        vehicles=vehicles,
        tasks=tasks,
        world=world(*vehicles, people=people, site=site),
        parameters=PARAMETERS,
        now_us=NOW_US,
        **how,
    )


def sent(*vehicles: VehicleState, **how: Any) -> Dispatch:
    found = send(*vehicles, **how)
    assert isinstance(found, Dispatch), found
    return found


def test_safety_01_a_sighting_is_never_a_destination() -> None:
    found = sent(drone())

    assert distance_m(geo(100, 200), found.stand_off) == pytest.approx(28.5, abs=0.01)  # 25 + sigma 0.5 + slack 3
    assert distance_m(geo(100, 171.5), found.stand_off) < 0.01  # the nearest point: straight ahead of it
    assert found.above_home_m == 25.0


def test_a_ground_vehicle_stops_at_its_own_distance_and_has_no_height() -> None:
    found = sent(rover())

    assert distance_m(geo(100, 200), found.stand_off) == pytest.approx(15.5, abs=0.01)
    assert (found.above_home_m, found.speed_m_s) == (None, 2.0)


def test_the_soonest_goes_and_the_other_hears_why_not() -> None:
    found = sent(rover(position=geo(100, 178)), drone_on_pad())

    assert found.vehicle_id == "rover"
    assert found.arrives_in_s == pytest.approx(3.25, abs=0.01)
    assert found.reason == "chosen: 3 s to a point 16 m from the sighting, the soonest"
    assert [(c.vehicle_id, c.why) for c in found.considered[1:]] == [
        ("drone", "35 s at the earliest, 31 s after rover")
    ]


def test_a_tie_goes_to_the_lower_id_whatever_the_order_given() -> None:
    twin = make_site(
        patrols=[],
        vehicles=[
            {
                **make_site().model_dump(mode="json")["vehicles"][0],
                "id": name,
                "system_id": n,
                "return_altitude_m": 30 + n,
            }
            for n, name in enumerate(("beta", "alpha"), 1)
        ],
    )
    alpha, beta = (
        drone(vehicle_id=name, armed=True, position=geo(100 + dx, 100)) for name, dx in (("alpha", -20), ("beta", 20))
    )

    assert sent(beta, alpha, site=twin).vehicle_id == "alpha"
    assert sent(alpha, beta, site=twin).vehicle_id == "alpha"


def test_equal_questions_have_equal_answers() -> None:
    assert send(drone(), rover()) == send(drone(), rover())


def test_a_point_near_somebody_else_is_passed_over() -> None:
    found = sent(drone(), people=[person(100, 200), person(100, 160)])

    for someone in (geo(100, 200), geo(100, 160)):
        assert distance_m(someone, found.stand_off) >= 25.5


def test_a_point_behind_a_building_is_passed_over() -> None:
    site = make_site(buildings=[{"id": "hall", "polygon": square(90, 180, 20), "height_m": 19.0}])
    found = sent(drone(), target=geo(100, 205), site=site)

    assert distance_m(geo(100, 176.5), found.stand_off) > 5.0  # not from the near side: the hall is in between


def test_no_point_left_is_said_with_its_reason() -> None:
    found = send(
        drone(),
        target=geo(215, 75),
        sigma_m=0.5,
        site=make_site(no_fly=[{"id": "all", "polygon": square(120, 1, 170)}]),
    )

    assert isinstance(found, NoVehicle)
    assert found.reason == "drone: no stand-off point: the way crosses no-fly area 'all'"


def test_a_sensor_that_does_not_reach_over_the_stand_off_is_no_use() -> None:
    found = send(drone(), sigma_m=40.0)
    assert isinstance(found, NoVehicle)
    assert "its sensor does not reach" in found.reason


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"battery_frac": None}, "battery is not known", id="unknown refuses"),
        pytest.param({"battery_frac": 0.3}, "no stand-off point: battery 30%", id="too little battery"),
        pytest.param({"mode": FlightMode.MANUAL}, "a pilot has it", id="a pilot"),
        pytest.param({"vehicle_id": "stranger"}, "is not a vehicle of this site", id="not ours"),
    ],
)
def test_an_unable_vehicle_is_explained(changes: dict[str, Any], why: str) -> None:
    found = send(drone(**changes))
    assert isinstance(found, NoVehicle)
    assert found.considered[0].arrives_in_s is None
    assert why in found.considered[0].why


def test_a_vehicle_that_is_not_ready_on_the_ground_is_unable() -> None:
    found = send(drone_on_pad(not_ready_because=("pre-arm: compass",)))
    assert isinstance(found, NoVehicle)
    assert found.reason == "drone: pre-arm: compass"


def test_one_that_investigates_is_busy_and_one_on_patrol_is_not() -> None:
    investigating = make_task(TaskKind.INVESTIGATE, state=TaskState.EXECUTING)
    assert isinstance(send(drone(), tasks=[investigating]), NoVehicle)
    assert sent(drone(), tasks=[make_task(TaskKind.PATROL, state=TaskState.EXECUTING)]).vehicle_id == "drone"
    assert sent(drone(), tasks=[make_task(TaskKind.INVESTIGATE, state=TaskState.DONE)]).vehicle_id == "drone"
    assert isinstance(send(drone(), unavailable={"drone": "the safety monitor has it"}), NoVehicle)


def test_no_vehicle_at_all_is_said() -> None:
    found = send()
    assert isinstance(found, NoVehicle)
    assert found.reason == "the site has no vehicle"


def test_the_gate_agrees_with_what_dispatch_gives_out() -> None:
    someone = [person(100, 200)]
    found = sent(drone(), people=someone)

    order = GoTo(found.stand_off, found.above_home_m, found.speed_m_s, look_at=geo(100, 200))

    assert type(ask(order, drone(), within=world(drone(), people=someone))).__name__ == "Approved"
