"""A watch over an incident: the next one comes in time, and the first leaves when the next sees the point too."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from contract.geo import PointEnu, heading_deg
from contract.site import Site
from contract.tasks import Task, TaskState
from fleet.flight.vehicle import FlightMode
from tests.fleet.messages import geo, make_event, make_site
from tests.fleet.office import Office, ReadyVehicle, open_office
from tests.fleet.test_response import TWO_VEHICLES_TEXT, UNDER_WAY, merlin_on_pad, words

AT = PointEnu(0.0, 20.0)
WATCH_S = 900.0


def watched_site(watch_s: float = WATCH_S) -> Site:
    site = make_site(TWO_VEHICLES_TEXT)
    return site.model_copy(update={"response": site.response.model_copy(update={"watch_s": watch_s})})


@contextmanager
def on_watch(watch_s: float = WATCH_S, *, battery_frac: float = 0.9) -> Iterator[tuple[Office, Task]]:
    """One of two vehicles is on station and has the point in view."""
    with open_office(site=watched_site(watch_s), others=(merlin_on_pad(),)) as office:
        office.hear(make_event(sequence=1))
        (first,) = office.fleet.response.tasks.values()
        arrive(office, first, battery_frac=battery_frac)
        office.pass_time(1.0)
        yield office, first


def vehicle(office: Office, name: str) -> ReadyVehicle:
    return next(each for each in (office.kestrel, *office.others) if each.state.vehicle_id == name)


def arrive(
    office: Office, task: Task, *, battery_frac: float = 0.9, looks_away: bool = False, short_m: float = 0.0
) -> None:
    """Tasking says that it is there, and so it is."""
    for state in UNDER_WAY:
        known = office.fleet.response.tasks[task.task_id]
        if known.state is TaskState.EXECUTING:
            break
        office.fleet.response.on_task_change(known.moved_to(state, at_us=office.clock.wall_us()))
    assert task.stand_off is not None
    frame = office.fleet.site.local_frame()
    spot = frame.to_enu(task.stand_off)
    if short_m:
        spot = PointEnu(spot.east_m * (1.0 + short_m / 28.5), spot.north_m)
    turned = 180.0 if looks_away else 0.0
    flown = vehicle(office, task.vehicle)
    flown.state = replace(
        flown.state,
        armed=True,
        mode=FlightMode.GUIDED,
        position=geo(spot.east_m, spot.north_m),
        above_home_m=25.0 if task.vehicle == "kestrel" else 31.0,
        heading_deg=(heading_deg(spot, AT) + turned) % 360.0,
        battery_frac=battery_frac,
    )


def keep_hearing(office: Office, *, seconds: float) -> None:
    """The camera goes on seeing him: the evidence stays fresh."""
    for _ in range(math.ceil(seconds)):
        sequence = 2 + round(office.clock.monotonic_us() / 1e6)
        office.hear(make_event(sequence=sequence, revision=sequence, captured_at_us=office.clock.wall_us()))
        office.pass_time(1.0)


def tasks(office: Office) -> list[Task]:
    return list(office.fleet.response.tasks.values())


def goes_on(office: Office, task: Task) -> bool:
    """Does tasking keep it looking?"""
    (job,) = [each for each in office.fleet.tasking._desks[task.vehicle].jobs if each.task.task_id == task.task_id]
    return job.is_watch


def test_without_a_watch_a_look_ends_when_it_counts_as_one() -> None:
    with on_watch(0.0) as (office, first):
        keep_hearing(office, seconds=12.0)

        assert not goes_on(office, first)
        assert tasks(office) == [office.fleet.response.tasks[first.task_id]]


def test_who_can_stay_for_long_stays_alone() -> None:
    with on_watch() as (office, first):
        keep_hearing(office, seconds=12.0)

        assert goes_on(office, first)
        assert len(tasks(office)) == 1


def test_a_battery_that_runs_low_brings_the_next_and_both_stay_until_it_sees_the_point() -> None:
    with on_watch(battery_frac=0.34) as (office, first):
        keep_hearing(office, seconds=6.0)
        (second,) = [task for task in tasks(office) if task.task_id != first.task_id]
        assert second.vehicle != first.vehicle
        assert any(
            line.startswith(f"{second.vehicle} relieves {first.vehicle}: it can stay ") for line in words(office)
        )
        arrive(office, second, looks_away=True)
        keep_hearing(office, seconds=15.0)
        assert goes_on(office, first)
        assert goes_on(office, second)

        arrive_again = vehicle(office, second.vehicle)
        arrive_again.state = replace(
            arrive_again.state, heading_deg=((arrive_again.state.heading_deg or 0.0) + 180.0) % 360.0
        )
        keep_hearing(office, seconds=12.0)

        assert not goes_on(office, first)
        assert goes_on(office, second)
        assert words(office)[-1] == f"{first.vehicle} leaves: {second.vehicle} is there and sees it"


def test_who_sees_the_point_on_its_way_is_not_there_yet() -> None:
    with on_watch(battery_frac=0.34) as (office, first):
        keep_hearing(office, seconds=6.0)
        (second,) = [task for task in tasks(office) if task.task_id != first.task_id]
        arrive(office, second, short_m=12.0)
        keep_hearing(office, seconds=15.0)
        assert goes_on(office, first)

        arrive(office, second)
        keep_hearing(office, seconds=12.0)
        assert not goes_on(office, first)


def test_at_its_reserve_it_leaves_before_the_next_is_there() -> None:
    with on_watch(battery_frac=0.34) as (office, first):
        keep_hearing(office, seconds=6.0)
        (second,) = [task for task in tasks(office) if task.task_id != first.task_id]
        flown = vehicle(office, first.vehicle)
        flown.state = replace(flown.state, battery_frac=0.28)
        keep_hearing(office, seconds=2.0)

        assert not goes_on(office, first)
        assert goes_on(office, second)
        assert f"{first.vehicle} leaves: its battery holds the way home and the reserve, and no more" in words(office)


def test_a_watch_ends_by_itself() -> None:
    with on_watch(20.0) as (office, first):
        keep_hearing(office, seconds=22.0)

        assert not goes_on(office, first)
        assert words(office)[-1] == f"{first.vehicle} leaves: nobody need watch it any longer"
        assert len(tasks(office)) == 1


def test_old_evidence_sends_no_relief() -> None:
    with on_watch() as (office, _):
        office.pass_time(30.0)
        office.kestrel.state = replace(office.kestrel.state, battery_frac=0.34)
        for _second in range(12):
            office.pass_time(1.0)

        assert len(tasks(office)) == 1


def test_when_the_first_was_taken_away_the_one_that_sees_the_point_has_the_watch() -> None:
    with on_watch(battery_frac=0.34) as (office, first):
        keep_hearing(office, seconds=6.0)
        (second,) = [task for task in tasks(office) if task.task_id != first.task_id]
        arrive(office, second)
        known = office.fleet.response.tasks[first.task_id]
        office.fleet.response.on_task_change(
            known.moved_to(TaskState.SUSPENDED, at_us=office.clock.wall_us(), reason="battery at its reserve")
        )
        keep_hearing(office, seconds=3.0)

        assert goes_on(office, second)
        assert not any(f"{second.vehicle} leaves" in line for line in words(office))
