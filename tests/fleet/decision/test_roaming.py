"""A roaming patrol at work: due, in turns, drawn from the secret, resumed where the gap is most at risk."""

import uuid

import pytest

from contract.envelope import Origin
from contract.roaming import RoamingPatrol, RoamingPoint
from contract.site import Site
from contract.tasks import Task, TaskKind, TaskState, Visit
from fleet.decision.roaming import Roaming, by_urgency, round_as_patrol
from sim.benchmarks.patrol_site import patrol_points, patrol_site

START_US = 1_767_225_600_000_000
MINUTE_US = 60_000_000
Start = tuple[str, str, tuple[Visit, ...]]


def site(points: tuple[RoamingPoint, ...] = patrol_points()[:8]) -> Site:
    patrol = RoamingPatrol(
        id="roam",
        vehicles=("drone-0", "drone-1"),
        altitude_m=20.0,
        points=points,
        every_min=20.0,
        round_min=8.0,
        longest_gap_min=24.0,
        battery_frac=0.8,
        randomness=1.0,
    )
    return patrol_site().model_copy(update={"roaming": (patrol,)})


def task(visits: tuple[Visit, ...]) -> Task:
    return Task(
        task_id=uuid.UUID(int=1),
        kind=TaskKind.PATROL,
        vehicle="drone-0",
        state=TaskState.EXECUTING,
        reason="",
        origin=Origin.SIMULATED,
        trace_id="0" * 32,
        created_at_us=START_US,
        changed_at_us=START_US,
        patrol="roam",
        visits=visits,
    )


def start(roaming: Roaming, now_us: int, *, charged: dict[str, float] | None = None) -> list[Start]:
    have = charged or {"drone-0": 0.95, "drone-1": 0.95}
    return list(roaming.starts(can_start=lambda name, least: have[name] >= least, now_us=now_us))


def test_a_round_visits_every_point_once_in_an_order_that_the_secret_decides() -> None:
    orders = []
    for secret in ("one", "one", "two"):
        ((patrol, vehicle, visits),) = start(Roaming(site(), secret=secret), START_US)
        assert (patrol, vehicle) == ("roam", "drone-0")
        orders.append([visit.point for visit in visits])

    assert sorted(orders[0]) == [point.id for point in site().roaming[0].points]
    assert orders[0] == orders[1] != orders[2]


def test_the_next_round_starts_after_its_time_with_the_one_that_rested_longer() -> None:
    roaming = Roaming(site(), secret="s")
    start(roaming, START_US)
    roaming.started("roam", at_us=START_US)

    assert start(roaming, START_US + 19 * MINUTE_US) == []
    ((_, vehicle, _),) = start(roaming, START_US + 20 * MINUTE_US)
    assert vehicle == "drone-1"


def test_who_is_not_charged_leaves_it_to_the_other_and_if_both_are_not_it_stays_due() -> None:
    ((_, vehicle, _),) = start(Roaming(site(), secret="s"), START_US, charged={"drone-0": 0.7, "drone-1": 0.9})

    assert vehicle == "drone-1"
    assert start(Roaming(site(), secret="s"), START_US, charged={"drone-0": 0.7, "drone-1": 0.7}) == []


def test_a_visit_is_due_a_longest_gap_after_the_point_was_last_left() -> None:
    roaming = Roaming(site(), secret="s")
    ((_, _, visits),) = start(roaming, START_US)
    roaming.started("roam", at_us=START_US)
    roaming.note(task(visits), task(visits[1:]), at_us=START_US + MINUTE_US)

    ((_, _, later),) = start(roaming, START_US + 20 * MINUTE_US)
    due = {visit.point: visit.due_at_us for visit in later}
    assert due[visits[0].point] == START_US + 25 * MINUTE_US
    assert due[visits[1].point] == START_US + 44 * MINUTE_US


@pytest.mark.parametrize(
    ("ends_min", "order"),
    [pytest.param(9, "abc", id="time enough: as drawn"), pytest.param(11, "bca", id="at risk: soonest due first")],
)
def test_an_interrupted_round_goes_on_where_the_gap_is_most_at_risk(ends_min: int, order: str) -> None:
    due_min = {"a": 30, "b": 10, "c": 20}
    visits = tuple(Visit(point=name, due_at_us=minutes * MINUTE_US) for name, minutes in due_min.items())

    assert "".join(visit.point for visit in by_urgency(visits, ends_us=ends_min * MINUTE_US)) == order


def test_a_round_is_flown_as_waypoints_by_legal_ways_and_each_visit_ends_at_its_own() -> None:
    here, yard = site().local_frame().to_enu(site().docks[0].position), site()
    visits = tuple(Visit(point=point.id, due_at_us=START_US) for point in yard.roaming[0].points)
    patrol, ends = round_as_patrol(yard, yard.roaming[0], yard.vehicles[0], visits, here=here)

    assert [patrol.waypoints[end].position for end in ends] == [point.position for point in yard.roaming[0].points]
    assert all(waypoint.dwell_s == 0.0 for n, waypoint in enumerate(patrol.waypoints) if n not in ends)


def test_a_single_visit_that_is_left_is_a_mission_too() -> None:
    yard = site()
    here, point = yard.local_frame().to_enu(yard.docks[0].position), yard.roaming[0].points[0]
    patrol, ends = round_as_patrol(
        yard, yard.roaming[0], yard.vehicles[0], (Visit(point=point.id, due_at_us=START_US),), here=here
    )

    assert patrol.waypoints[ends[0]].dwell_s == point.dwell_s
    assert patrol.waypoints[-1].position == point.position
