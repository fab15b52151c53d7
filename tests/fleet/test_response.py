import uuid
from dataclasses import replace

import pytest

from contract.envelope import Origin
from contract.events import Stage
from contract.geo import distance_m
from contract.kinds import EventKind
from contract.tasks import Task, TaskKind, TaskState
from fleet.decision.needs import needs_of
from fleet.errors import NotFound, Refused
from fleet.picture.incidents import Disposition, Incident, IncidentKind
from fleet.records import reads
from tests.conftest import ManualClock
from tests.fleet.messages import NOW_US, SITE_TEXT, geo, make_event, make_site
from tests.fleet.office import Office, ReadyVehicle, kestrel_on_pad, open_office

PATROL_TEXT = (
    SITE_TEXT
    + """
patrols:
  - id: round
    vehicle: kestrel
    altitude_m: 25
    every_min: 15
    waypoints:
      - position: {lat_deg: 51.9992, lon_deg: 12.9995}
      - position: {lat_deg: 51.9992, lon_deg: 13.0005}
"""
)

ROAMING_TEXT = (
    SITE_TEXT
    + """
roaming:
  - id: roam
    vehicles: [kestrel]
    altitude_m: 25
    every_min: 15
    round_min: 6
    longest_gap_min: 18
    battery_frac: 0.5
    points:
      - {id: a, position: {lat_deg: 51.9992, lon_deg: 12.9995}}
      - {id: b, position: {lat_deg: 51.9992, lon_deg: 13.0005}}
      - {id: c, position: {lat_deg: 51.9990, lon_deg: 13.0000}}
"""
)

TWO_VEHICLES_TEXT = (
    SITE_TEXT
    + """
  - id: merlin
    kind: ardupilot_copter
    connection: "udpin:127.0.0.1:0"
    system_id: 2
    simulated: true
    dock: pad
    cruise_speed_m_s: 8
    return_altitude_m: 35
"""
)


def only_task(office: Office) -> Task:
    (task,) = office.fleet.response.tasks.values()
    return task


def only_incident(office: Office) -> Incident:
    incidents = office.fleet.ingest.incidents.values()
    (incident,) = [each for each in incidents if each.kind is IncidentKind.INTRUSION]
    return incident


def stored_tasks(office: Office) -> list[Task]:
    with office.fleet.store.reading() as connection:
        return reads.tasks(connection)


def words(office: Office) -> list[str]:
    return [entry.what for entry in only_incident(office).timeline]


def report(office: Office, *states: TaskState, reason: str = "") -> None:
    """What tasking would say."""
    for state in states:
        office.fleet.response.on_task_change(only_task(office).moved_to(state, at_us=NOW_US, reason=reason))


UNDER_WAY = (TaskState.SENT, TaskState.RECEIVED, TaskState.ACCEPTED, TaskState.EXECUTING)


def test_a_fresh_alarm_sends_the_vehicle_to_a_stand_off_point_under_the_same_trace() -> None:
    with open_office() as office:
        event = make_event(sequence=1)
        office.hear(event)
        task = only_task(office)
        assert (task.kind, task.vehicle, task.state) == (TaskKind.INVESTIGATE, "kestrel", TaskState.CREATED)
        assert (task.trace_id, task.origin) == (event.trace_id, Origin.SIMULATED)
        assert task.target is not None
        assert task.stand_off is not None
        assert distance_m(task.target, geo(0.0, 20.0)) < 0.1
        assert distance_m(task.stand_off, task.target) >= 25.0


def test_one_investigation_an_incident_however_often_the_event_is_updated() -> None:
    with open_office() as office:
        office.hear(make_event(sequence=1))
        office.hear(make_event(sequence=2, stage=Stage.UPDATE, revision=1), make_event(sequence=3, track=2))
        assert len(stored_tasks(office)) == 1


def test_safety_19_movement_without_a_name_is_an_incident_of_its_own_and_sends_nobody() -> None:
    with open_office() as office:
        office.hear(make_event(sequence=1, kind=EventKind.UNCLASSIFIED_MOVEMENT))
        (incident,) = office.fleet.ingest.incidents.values()
        assert incident.kind is IncidentKind.MOVEMENT
        assert stored_tasks(office) == []
        office.hear(make_event(sequence=2, track=2))
        assert only_incident(office).incident_id != incident.incident_id
        assert len(stored_tasks(office)) == 1


def test_a_stale_event_opens_an_incident_and_sends_nobody_until_a_person_does() -> None:
    with open_office() as office:
        office.clock.advance(20.0)
        office.hear(make_event(sequence=1))
        office.pass_time(1.0)
        assert stored_tasks(office) == []
        assert words(office)[-1] == "nobody sent: the evidence is 20 s old; a person decides"
        task = office.fleet.room.dispatch(only_incident(office).incident_id, by="Ada Byron")
        assert (task.approved_by, task.state) == ("Ada Byron", TaskState.CREATED)


def test_an_event_from_the_future_has_an_unknown_age_and_sends_nobody() -> None:
    with open_office() as office:
        office.hear(make_event(sequence=1, captured_at_us=NOW_US + 3_000_000))
        assert stored_tasks(office) == []
        assert words(office)[-1] == "nobody sent: the evidence is of unknown age; a person decides"


def test_an_incident_waits_for_a_vehicle_while_its_evidence_is_fresh() -> None:
    with open_office() as office:
        office.fleet.monitor.hold("kestrel", "ada")
        office.hear(make_event(sequence=1))
        assert stored_tasks(office) == []
        assert words(office)[-1].startswith("nobody sent yet: kestrel: the safety monitor has it")
        office.fleet.room.release("kestrel", by="ada")
        office.pass_time(1.0)
        assert only_task(office).vehicle == "kestrel"


def test_what_waited_too_long_is_left_to_a_person() -> None:
    with open_office() as office:
        office.fleet.monitor.hold("kestrel", "ada")
        office.hear(make_event(sequence=1))
        office.pass_time(16.0)
        office.fleet.room.release("kestrel", by="ada")
        office.pass_time(1.0)
        assert stored_tasks(office) == []
        assert words(office)[-1] == "nobody sent: the evidence is 16 s old; a person decides"


def test_an_unset_zone_sends_nobody() -> None:
    with open_office() as office:
        office.fleet.room.set_zone("north-fence", is_set=False, by="ada")
        office.hear(make_event(sequence=1))
        assert stored_tasks(office) == []


def test_a_real_vehicle_waits_for_a_named_pilot() -> None:
    with open_office(simulated=False) as office:
        office.hear(make_event(sequence=1, origin=Origin.LIVE))
        task = only_task(office)
        assert task.progress.startswith("waits for a named person's approval")
        with pytest.raises(NotFound):
            office.fleet.tasking.cancel(task.task_id, "nobody")  # tasking never heard of it
        approved = office.fleet.room.approve(task.task_id, by="Ada Byron")
        assert approved.approved_by == "Ada Byron"
        office.fleet.tasking.cancel(task.task_id, "ada")
        with office.fleet.store.reading() as connection:
            assert [(row["actor"], row["act"]) for row in reads.audit(connection)][:2] == [
                ("Ada Byron", "approve"),
                ("dispatch", "dispatch"),
            ]


def test_approving_twice_is_refused() -> None:
    with open_office(simulated=False) as office:
        office.hear(make_event(sequence=1, origin=Origin.LIVE))
        task = only_task(office)
        office.fleet.room.approve(task.task_id, by="Ada Byron")
        with pytest.raises(Refused, match="expected one that waits for approval"):
            office.fleet.room.approve(task.task_id, by="Bo Ek")


def test_what_went_off_by_itself_is_not_approved_a_second_time() -> None:
    with open_office() as office:
        office.hear(make_event(sequence=1))
        with pytest.raises(Refused, match="expected one that waits for approval"):
            office.fleet.room.approve(only_task(office).task_id, by="Ada Byron")


def test_an_approval_stands_where_the_intruder_is_now() -> None:
    with open_office(simulated=False) as office:
        office.hear(make_event(sequence=1, origin=Origin.LIVE))
        moved = make_event(
            sequence=2, stage=Stage.UPDATE, revision=1, captured_at_us=NOW_US + 9, at_m=(40.0, 20.0), origin=Origin.LIVE
        )
        office.hear(moved)
        task = office.fleet.room.approve(only_task(office).task_id, by="Ada Byron")
        assert task.target is not None
        assert distance_m(task.target, geo(40.0, 20.0)) < 0.1


def test_a_waiting_task_can_be_cancelled() -> None:
    with open_office(simulated=False) as office:
        office.hear(make_event(sequence=1, origin=Origin.LIVE))
        task = office.fleet.room.cancel(only_task(office).task_id, by="ada")
        assert (task.state, task.reason) == (TaskState.CANCELLED, "cancelled by ada")
        assert office.fleet.response.tasks == {}


def test_a_grant_for_the_zone_and_hour_needs_no_approval() -> None:
    text = (
        SITE_TEXT
        + """
response:
  autonomy:
    - {zones: [north-fence], granted_by: Ada Byron, reference: ops-7}
"""
    )
    with open_office(site=make_site(text), simulated=False) as office:
        office.hear(make_event(sequence=1, origin=Origin.LIVE))
        task = only_task(office)
        assert task.progress == ""
        office.fleet.tasking.cancel(task.task_id, "ada")  # tasking has it


def test_every_change_of_a_task_is_stored_and_told_to_the_incident() -> None:
    with open_office() as office:
        office.hear(make_event(sequence=1))
        task_id = only_task(office).task_id
        report(office, *UNDER_WAY, TaskState.DONE)
        assert stored_tasks(office)[0].state is TaskState.DONE
        with office.fleet.store.reading() as connection:
            states = [row["state"] for row in reads.task_changes(connection, task_id)]
        assert states == ["created", "sent", "received", "accepted", "executing", "done"]
        assert words(office)[-2:] == ["kestrel is on its way", "kestrel has looked at it"]


def test_what_was_looked_at_is_not_looked_at_again_unasked() -> None:
    with open_office() as office:
        office.hear(make_event(sequence=1))
        report(office, *UNDER_WAY, TaskState.DONE)
        office.hear(make_event(sequence=2, stage=Stage.UPDATE, revision=1))
        office.pass_time(10.0)
        assert len(stored_tasks(office)) == 1


def test_a_refused_task_is_tried_again_after_5_s_and_at_most_three_times() -> None:
    with open_office() as office:
        office.hear(make_event(sequence=1))
        for attempt in range(1, 5):
            if office.fleet.response.tasks:
                report(office, TaskState.REFUSED, reason="a person is near")
            office.fleet.tasking._desks["kestrel"].jobs.clear()
            office.pass_time(1.0)
            assert len(stored_tasks(office)) == min(attempt, 3)
            update = make_event(
                sequence=attempt + 1,
                stage=Stage.UPDATE,
                revision=attempt,
                captured_at_us=office.clock.wall_us() + 4_500_000,
            )
            office.pass_time(4.5)
            office.hear(update)
            office.pass_time(0.5)


def merlin_on_pad() -> ReadyVehicle:
    """A second copter, 40 m beside the first."""
    state = kestrel_on_pad(ManualClock())
    place = geo(40.0, -55.0)
    return ReadyVehicle(
        replace(state, vehicle_id="merlin", system_id=2, autopilot_uid="b2", position=place, home=place)
    )


def test_another_vehicle_goes_where_the_first_was_taken_away_and_the_first_does_not_go_on_later() -> None:
    with open_office(site=make_site(TWO_VEHICLES_TEXT), others=(merlin_on_pad(),)) as office:
        office.hear(make_event(sequence=1))
        first = only_task(office)
        report(office, *UNDER_WAY, TaskState.SUSPENDED, reason="a pilot has it")
        assert words(office)[-1] == "kestrel was taken off it: a pilot has it"
        office.fleet.monitor.hold("kestrel", "ada")
        office.pass_time(5.0)
        first_open, second = office.fleet.response.tasks_of(only_incident(office).incident_id)
        assert (first_open.task_id, first_open.state) == (first.task_id, TaskState.SUSPENDED)
        assert (second.vehicle, second.state) == ("merlin", TaskState.CREATED)
        office.fleet.response.on_task_change(second.moved_to(TaskState.SENT, at_us=NOW_US))
        (job,) = office.fleet.tasking._desks["kestrel"].jobs
        assert job.cancelled_by == "dispatch"


def test_a_vehicle_that_is_given_back_goes_on_with_its_task_and_gets_no_second_one_for_it() -> None:
    with open_office() as office:
        office.hear(make_event(sequence=1))
        report(office, *UNDER_WAY, TaskState.SUSPENDED, reason="a pilot has it")
        office.pass_time(6.0)
        assert [task.state for task in stored_tasks(office)] == [TaskState.SUSPENDED]


def test_closing_an_incident_ends_what_was_taken_away_too() -> None:
    with open_office() as office:
        office.hear(make_event(sequence=1))
        report(office, *UNDER_WAY, TaskState.SUSPENDED, reason="a pilot has it")
        office.fleet.room.incidents.close(
            only_incident(office).incident_id, disposition=Disposition.FALSE_ALARM, note="a fox", by="ada"
        )
        (job,) = office.fleet.tasking._desks["kestrel"].jobs
        assert job.cancelled_by == "ada"


def test_closing_an_incident_calls_its_vehicle_off() -> None:
    with open_office(simulated=False) as office:
        office.hear(make_event(sequence=1, origin=Origin.LIVE))
        incident = office.fleet.room.incidents.close(
            only_incident(office).incident_id, disposition=Disposition.FALSE_ALARM, note="a fox", by="ada"
        )
        assert (incident.disposition, incident.note) == (Disposition.FALSE_ALARM, "a fox")
        assert stored_tasks(office)[0].state is TaskState.CANCELLED
        assert office.fleet.ingest.alarms == {}


def test_after_a_restart_nothing_is_commanded_and_what_was_under_way_has_failed() -> None:
    with open_office() as office:
        office.hear(make_event(sequence=1))
        report(office, *UNDER_WAY)
        office.kestrel.orders.clear()
        office.fleet.response.tasks.clear()
        office.fleet.coordinator.load()
        office.pass_time(1.0)
        assert (stored_tasks(office)[0].state, stored_tasks(office)[0].reason) == (
            TaskState.FAILED,
            "coordinator restarted",
        )
        assert office.kestrel.orders == []
        assert not office.kestrel.has_doubtful_mission


def test_the_mission_of_a_patrol_that_was_under_way_at_a_restart_is_not_trusted() -> None:
    with open_office(site=make_site(PATROL_TEXT)) as office:
        office.pass_time(1.0)
        office.fleet.response.tasks.clear()
        office.fleet.coordinator.load()
        assert office.kestrel.has_doubtful_mission


def test_a_person_cannot_send_somebody_to_nowhere() -> None:
    with open_office() as office:
        office.hear(make_event(sequence=1, at_m=None))
        assert stored_tasks(office) == []
        with pytest.raises(Refused, match="where it is on the ground is not known"):
            office.fleet.room.dispatch(only_incident(office).incident_id, by="ada")
        with pytest.raises(NotFound):
            office.fleet.room.dispatch(uuid.UUID(int=1), by="ada")


def test_a_patrol_starts_once_a_slot_when_its_vehicle_is_ready() -> None:
    with open_office(site=make_site(PATROL_TEXT)) as office:
        office.pass_time(1.0)
        task = only_task(office)
        assert (task.kind, task.patrol, task.state) == (TaskKind.PATROL, "round", TaskState.CREATED)
        report(office, *UNDER_WAY, TaskState.DONE)
        office.pass_time(60.0)
        assert len(stored_tasks(office)) == 1
        office.pass_time(15 * 60.0)
        assert len(stored_tasks(office)) == 2


def test_a_roaming_patrol_starts_a_round_with_visits_and_the_next_is_due_a_gap_after_each() -> None:
    with open_office(site=make_site(ROAMING_TEXT)) as office:
        office.pass_time(1.0)
        task = only_task(office)
        assert (task.kind, task.patrol, sorted(visit.point for visit in task.visits)) == (
            TaskKind.PATROL,
            "roam",
            ["a", "b", "c"],
        )
        report(office, *UNDER_WAY)
        under_way = only_task(office)
        left_us = office.clock.wall_us()
        office.fleet.response.on_task_change(under_way.model_copy(update={"visits": ()}))
        report(office, TaskState.DONE)
        office.pass_time(10 * 60.0)
        assert office.fleet.response.tasks == {}
        office.pass_time(5 * 60.0)
        assert {visit.due_at_us for visit in only_task(office).visits} == {left_us + 18 * 60_000_000}


def test_a_patrol_waits_for_a_vehicle_that_is_not_ready() -> None:
    with open_office(site=make_site(PATROL_TEXT)) as office:
        office.fleet.monitor.hold("kestrel", "ada")
        office.pass_time(1.0)
        assert stored_tasks(office) == []
        office.fleet.room.release("kestrel", by="ada")
        office.pass_time(1.0)
        assert only_task(office).kind is TaskKind.PATROL


def test_a_patrol_by_a_real_vehicle_waits_for_a_pilot() -> None:
    with open_office(site=make_site(PATROL_TEXT), simulated=False) as office:
        office.pass_time(1.0)
        task = only_task(office)
        assert task.progress.startswith("waits for a named person's approval")
        assert office.fleet.room.approve(task.task_id, by="Ada Byron").approved_by == "Ada Byron"


def test_a_line_in_an_incidents_timeline_is_in_the_store_with_the_next_flush() -> None:
    with open_office() as office:
        office.hear(make_event(sequence=1))
        office.fleet.response.note(only_incident(office).incident_id, who="guard", what="gate was open")

        office.fleet.response.flush()

        with office.fleet.store.reading() as connection:
            (stored,) = reads.incidents(connection)
        assert stored.timeline[-1].what == "gate was open"


def test_dispatch_is_asked_for_the_place_of_an_incident() -> None:
    with open_office() as office:
        office.hear(make_event(sequence=1))
        (first,) = needs_of(office.fleet.ingest.incidents.values())

        assert first.target == only_task(office).target
        nowhere = only_incident(office).model_copy(update={"sighting": None})
        assert not list(needs_of([nowhere]))


def test_the_timeline_says_why_the_others_did_not_go() -> None:
    with open_office(site=make_site(TWO_VEHICLES_TEXT), others=(merlin_on_pad(),)) as office:
        office.hear(make_event(sequence=1))
        chosen = only_task(office).vehicle

        (line,) = [each for each in words(office) if each.startswith(f"{chosen}: chosen: ")]
        assert "; not " in line
