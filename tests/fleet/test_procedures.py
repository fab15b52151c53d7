"""Procedures at work over a real store: who is sent when, what persons say, what a restart and a full disk leave."""

import json
import uuid
from typing import NoReturn

import pytest

from contract.envelope import Origin
from contract.kinds import EventKind
from contract.tasks import ON_SCENE, Task, TaskState
from fleet.api.procedure_views import RunView
from fleet.decision.sop import Phase
from fleet.errors import NotFound, Refused, StoreError
from fleet.picture.incidents import Disposition, Incident, IncidentKind
from fleet.records import reads
from fleet.records.news import NewsEvent, news_after
from tests.fleet.decision.procedures import INTRUDER, book_of
from tests.fleet.messages import make_event
from tests.fleet.office import Office, open_office

AUTOMATIC = """
schema_version: 1
procedures:
  - id: quick
    name: Quick
    when: {zones: [north-fence]}
    steps:
      - {id: send, do: dispatch, autonomy: automatic, answer_s: 30, arrive_s: 60, otherwise: call}
      - {id: look, do: look, within_s: 30, otherwise: call, then: end}
      - {id: call, do: escalate, autonomy: automatic, to: duty manager, why: nobody is there}
"""
TROUBLE = """
schema_version: 1
procedures:
  - id: broken
    name: Broken
    when: {kinds: [trouble, movement]}
    steps:
      - {id: seen, do: wait, within_s: 60, otherwise: call, then: end}
      - {id: call, do: escalate, autonomy: automatic, to: technician, why: nobody looks}
"""
BOOK = book_of(INTRUDER)


def only(office: Office, kind: IncidentKind = IncidentKind.INTRUSION) -> Incident:
    (incident,) = [each for each in office.fleet.ingest.incidents.values() if each.kind is kind]
    return incident


def run_of(office: Office) -> RunView:
    """Of the one incident that is not a trouble."""
    troubles = {
        each.incident_id for each in office.fleet.ingest.incidents.values() if each.kind is IncidentKind.TROUBLE
    }
    (run,) = [each for each in office.fleet.room.procedures.views() if each.incident_id not in troubles]
    return run


def where(office: Office) -> tuple[str | None, Phase]:
    return run_of(office).step, run_of(office).phase


def tasks(office: Office) -> list[Task]:
    with office.fleet.store.reading() as connection:
        return reads.tasks(connection)


def lines(office: Office) -> list[str]:
    return [entry.what for entry in only(office).timeline if entry.who == "procedure"]


def tell(office: Office, *states: TaskState, progress: str | None = None) -> None:
    """What tasking would say of the one task."""
    for state in states:
        (task,) = office.fleet.response.tasks.values()
        office.fleet.response.on_task_change(task.moved_to(state, at_us=office.clock.wall_us(), progress=progress))


UNDER_WAY = (TaskState.SENT, TaskState.RECEIVED, TaskState.ACCEPTED, TaskState.EXECUTING)


def approve(office: Office, by: str = "Ada Byron") -> RunView:
    run = run_of(office)
    view = office.fleet.room.procedures.approve(run.incident_id, visit=run.visit, by=by)
    while office.fleet.response.send_one():
        pass
    return view


def test_nobody_is_sent_before_a_person_said_yes_and_then_in_that_persons_name() -> None:
    with open_office(book=BOOK) as office:
        office.hear(
            make_event(sequence=1), make_event(sequence=2, track=2, camera="cam-south", node="gate-2", zone="middle")
        )
        assert where(office) == ("send", Phase.ASKING)
        assert tasks(office) == []
        assert run_of(office).missing == 1
        approve(office)
        (task,) = tasks(office)
        assert (task.approved_by, task.incident_id) == ("Ada Byron", only(office).incident_id)
        assert where(office) == ("send", Phase.DOING)


def test_it_runs_to_its_end_and_says_so_in_the_timeline() -> None:
    with open_office(book=BOOK) as office:
        office.hear(make_event(sequence=1))
        assert where(office) == ("verify", Phase.DOING)
        office.hear(
            make_event(sequence=1, node="gate-2", camera="cam-south", zone="middle", outbox_id=uuid.UUID(int=5))
        )
        office.pass_time(1.0)
        approve(office)
        tell(office, *UNDER_WAY)
        office.pass_time(1.0)
        assert where(office) == ("send", Phase.DOING)
        tell(office, TaskState.EXECUTING, progress=f"{ON_SCENE}: in view from 30 m")
        office.pass_time(1.0)
        assert where(office) == ("look", Phase.DOING)
        tell(office, TaskState.DONE)
        office.pass_time(1.0)
        assert where(office) == ("seen", Phase.DOING)
        for alarm in tuple(office.fleet.ingest.alarms.values()):
            office.fleet.room.incidents.acknowledge(alarm.alarm_id, by="Ada Byron")
        office.pass_time(1.0)
        assert where(office) == (None, Phase.OVER)
        assert lines(office)[-1] == "procedure over: finished"
        assert "verify: seen by cam-north and cam-south" in lines(office)
        with office.fleet.store.reading() as connection:
            acts = [(row["actor"], row["act"]) for row in reads.audit(connection)]
        assert ("Ada Byron", "approve_step") in acts
        assert ("procedure intruder", "step") in acts


def test_a_person_who_sends_somebody_by_hand_has_answered_and_nobody_follows_by_itself() -> None:
    with open_office(book=BOOK) as office:
        office.hear(make_event(sequence=1))
        office.pass_time(10.0)
        assert where(office) == ("send", Phase.ASKING)
        office.fleet.room.dispatch(only(office).incident_id, by="Ada Byron")
        office.pass_time(1.0)
        assert where(office) == ("send", Phase.DOING)
        tell(office, TaskState.FAILED)
        office.pass_time(1.0)
        assert where(office) == ("send", Phase.ASKING)
        office.pass_time(20.0)
        assert len(tasks(office)) == 1


def test_a_procedure_that_sends_by_itself_sends_at_once() -> None:
    with open_office(book=book_of(AUTOMATIC)) as office:
        office.hear(make_event(sequence=1))
        (task,) = tasks(office)
        assert task.approved_by is None
        tell(office, TaskState.FAILED)
        assert len(tasks(office)) == 1
        office.pass_time(5.0)
        assert len(tasks(office)) == 2


def test_safety_3_on_stale_evidence_it_asks() -> None:
    with open_office(book=book_of(AUTOMATIC)) as office:
        office.pass_time(20.0)
        office.hear(make_event(sequence=1))
        assert tasks(office) == []
        assert where(office) == ("send", Phase.ASKING)
        approve(office)
        (task,) = tasks(office)
        assert task.approved_by == "Ada Byron"


def test_what_became_stale_while_no_vehicle_could_go_is_asked_about_too() -> None:
    with open_office(book=book_of(AUTOMATIC)) as office:
        office.fleet.monitor.hold("kestrel", "ada")
        office.hear(make_event(sequence=1))
        assert where(office) == ("send", Phase.DOING)
        office.pass_time(16.0)
        assert where(office) == ("send", Phase.ASKING)


def test_an_incident_that_no_procedure_is_for_waits_for_a_person_and_says_so() -> None:
    with open_office(book=book_of(AUTOMATIC)) as office:
        office.hear(make_event(sequence=1, zone="middle"))
        office.pass_time(1.0)
        assert tasks(office) == []
        assert lines(office) == ["no procedure applies: a person decides"]
        assert office.fleet.room.dispatch(only(office).incident_id, by="Ada Byron").vehicle == "kestrel"


def test_without_procedures_there_is_none_to_answer() -> None:
    with open_office() as office, pytest.raises(NotFound, match="this site has no procedures"):
        _ = office.fleet.room.procedures


def test_time_runs_by_our_own_clock_and_silence_escalates_once() -> None:
    with open_office(book=book_of(TROUBLE)) as office:
        office.hear(make_event(sequence=1, kind=EventKind.UNCLASSIFIED_MOVEMENT))
        office.clock.step_wall(-3600.0)
        office.pass_time(59.0)
        assert only(office, IncidentKind.MOVEMENT).escalated_to is None
        office.pass_time(1.0)
        assert only(office, IncidentKind.MOVEMENT).escalated_to == "technician"
        office.pass_time(600.0)
        told = [each.what for each in only(office, IncidentKind.MOVEMENT).timeline]
        assert sum(what.startswith("escalated to") for what in told) == 1


def test_a_trouble_has_its_procedure_and_its_end_ends_it() -> None:
    with open_office(book=book_of(TROUBLE)) as office:
        office.pass_time(30.0)  # no node was ever heard
        runs = office.fleet.room.procedures.views()
        assert {(run.procedure, run.phase) for run in runs} == {("broken", Phase.DOING)}
        incident = office.fleet.ingest.incidents[runs[0].incident_id]
        office.fleet.room.incidents.close(incident.incident_id, disposition=Disposition.UNKNOWN, note="", by="ada")
        office.pass_time(1.0)
        with office.fleet.store.reading() as connection:
            run = reads.run(connection, incident.incident_id)
        assert run is not None
        assert run.ended_because == "the incident is closed"


def test_after_a_restart_the_timer_goes_on_where_it_was() -> None:
    with open_office(book=BOOK) as office:
        office.hear(make_event(sequence=1))
        office.pass_time(6.0)
        with open_office(book=BOOK, after=office) as later:
            assert where(later) == ("verify", Phase.DOING)
            later.pass_time(3.0)
            assert where(later) == ("verify", Phase.DOING)
            later.pass_time(1.0)
            assert where(later) == ("send", Phase.ASKING)


def test_a_wall_clock_set_back_between_two_lives_prolongs_no_wait_beyond_its_whole() -> None:
    with open_office(book=BOOK) as office:
        office.hear(make_event(sequence=1))
        office.clock.step_wall(-86_400.0)
        with open_office(book=BOOK, after=office) as later:
            later.pass_time(10.0)
            assert where(later) == ("send", Phase.ASKING)


def test_safety_12_after_a_restart_a_vehicle_goes_again_only_by_a_persons_word() -> None:
    with open_office(book=book_of(AUTOMATIC)) as office:
        office.hear(make_event(sequence=1))
        tell(office, *UNDER_WAY)
        with open_office(book=book_of(AUTOMATIC), after=office) as later:
            later.pass_time(20.0)
            assert [task.state for task in tasks(later)] == [TaskState.FAILED]
            assert where(later) == ("send", Phase.ASKING)
            assert lines(later)[-1].startswith("send: the coordinator was restarted: a person decides")
            approve(later)
            assert len(tasks(later)) == 2


def test_an_incident_that_a_killed_coordinator_had_stored_without_its_procedure_gets_it() -> None:
    with open_office() as office:
        office.hear(make_event(sequence=1, origin=Origin.SIMULATED))
        with open_office(book=BOOK, after=office) as later:
            assert run_of(later).procedure == "intruder"


def test_a_run_keeps_the_procedure_it_began_with() -> None:
    with open_office(book=BOOK) as office:
        office.hear(make_event(sequence=1))
        with open_office(book=book_of(AUTOMATIC), after=office) as later:
            assert run_of(later).procedure == "intruder"


def test_a_merged_incident_ends_its_procedure_and_the_other_goes_on() -> None:
    with open_office(book=BOOK) as office:
        office.hear(make_event(sequence=1), make_event(sequence=2, track=2, at_m=(0.0, 90.0), zone="middle"))
        first, second = sorted(office.fleet.ingest.incidents.values(), key=lambda each: each.zones, reverse=True)
        office.fleet.room.incidents.merge(first.incident_id, second.incident_id, by="ada")
        office.pass_time(1.0)
        assert [run.incident_id for run in office.fleet.room.procedures.views()] == [first.incident_id]


def test_alarms_that_are_split_off_begin_their_own() -> None:
    with open_office(book=BOOK) as office:
        office.hear(make_event(sequence=1), make_event(sequence=2, track=2))
        incident = only(office)
        new = office.fleet.room.incidents.split(incident.incident_id, incident.alarm_ids[:1], why="", by="ada")
        assert {run.incident_id for run in office.fleet.room.procedures.views()} == {
            incident.incident_id,
            new.incident_id,
        }


def test_a_person_ends_a_procedure_and_vehicles_fly_on() -> None:
    with open_office(book=book_of(AUTOMATIC)) as office:
        office.hear(make_event(sequence=1))
        view = office.fleet.room.procedures.stop(only(office).incident_id, why="mine", by="Ada Byron")
        assert (view.phase, view.ended_because) == (Phase.OVER, "stopped by Ada Byron: mine")
        office.pass_time(1.0)
        assert [task.state for task in office.fleet.response.tasks.values()] == [TaskState.CREATED]
        with pytest.raises(Refused, match="is over"):
            office.fleet.room.procedures.veto(only(office).incident_id, visit=1, why="", by="ada")
        with pytest.raises(NotFound):
            office.fleet.room.procedures.veto(uuid.UUID(int=1), visit=1, why="", by="ada")


def test_what_the_store_does_not_take_has_not_happened_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_office(book=book_of(TROUBLE)) as office:
        office.hear(make_event(sequence=1, kind=EventKind.UNCLASSIFIED_MOVEMENT))
        office.clock.advance(60.0)

        def full() -> NoReturn:
            raise StoreError("store: disk full")

        with monkeypatch.context() as broken:
            broken.setattr(office.fleet.store, "transaction", full)
            office.fleet.coordinator.tick()
            assert where(office) == ("seen", Phase.DOING)
            assert only(office, IncidentKind.MOVEMENT).escalated_to is None
        office.fleet.coordinator.tick()
        assert only(office, IncidentKind.MOVEMENT).escalated_to == "technician"
        assert where(office) == (None, Phase.OVER)


def test_other_systems_are_told_whom_it_asks_and_whom_it_notifies() -> None:
    text = """
schema_version: 1
procedures:
  - id: tell
    name: Tell
    steps:
      - {id: told, do: notify, autonomy: automatic, to: the desk, text: somebody is there}
      - {id: send, do: dispatch, answer_s: 60, arrive_s: 60, otherwise: end}
"""
    with open_office(book=book_of(text)) as office:
        office.hear(make_event(sequence=1))
        with office.fleet.store.reading() as connection:
            news = {each.event: json.loads(each.document) for each in news_after(connection, 0, limit=50)}
        assert news[NewsEvent.PROCEDURE_NOTICE]["notice"]["text"] == "somebody is there"
        asked = news[NewsEvent.PROCEDURE_ASKS]["asked"]
        assert (asked["step"], asked["visit"], asked["incident_id"]) == ("send", 2, str(only(office).incident_id))
