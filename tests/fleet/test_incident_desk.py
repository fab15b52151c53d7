import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from contract.events import Stage
from contract.kinds import Severity
from fleet.errors import Refused, StoreError
from fleet.picture.incidents import Cause, Disposition, Incident, IncidentKind, State
from fleet.picture.ingest import Ingest
from fleet.records import reads
from fleet.records.queue import alarm_queue, incident_queue
from tests.fleet.messages import NOW_US, make_event, make_site
from tests.fleet.office import Office, open_office
from tests.fleet.test_response import UNDER_WAY

ADA = "Ada Byron"


@pytest.fixture
def office() -> Iterator[Office]:
    with open_office() as opened:
        yield opened


def intrusions(office: Office) -> list[Incident]:
    open_now = office.fleet.ingest.incidents.values()
    return sorted(
        (each for each in open_now if each.kind is IncidentKind.INTRUSION), key=lambda each: each.opened_at_us
    )


def two_intrusions(office: Office) -> tuple[Incident, Incident]:
    """The vehicle is on its way to the first."""
    office.hear(make_event(sequence=1))
    office.clock.advance(1.0)
    office.hear(make_event(sequence=2, track=2, at_m=(0.0, 90.0), zone="middle", captured_at_us=NOW_US + 900_000))
    first, second = intrusions(office)
    return first, second


def acts(office: Office) -> list[str]:
    with office.fleet.store.reading() as connection:
        return [row["act"] for row in reversed(reads.audit(connection))]


def test_the_vehicle_of_a_merged_incident_works_for_the_one_that_stays(office: Office) -> None:
    gone, into = two_intrusions(office)
    (task,) = office.fleet.response.tasks.values()
    office.fleet.room.incidents.merge(into.incident_id, gone.incident_id, by=ADA)
    assert [each.incident_id for each in office.fleet.response.tasks.values()] == [into.incident_id]
    # Tasking goes on under the old number; what it says is the survivor's.
    for state in UNDER_WAY:
        task = task.moved_to(state, at_us=NOW_US, reason="")
        office.fleet.response.on_task_change(task)
    assert intrusions(office)[0].timeline[-1].what == "kestrel is on its way"
    with office.fleet.store.reading() as connection:
        assert [each.task_id for each in reads.tasks_of(connection, into.incident_id)] == [task.task_id]
        assert reads.tasks_of(connection, gone.incident_id) == []


def test_closing_the_one_that_stays_calls_off_the_vehicle_of_the_one_that_went(office: Office) -> None:
    gone, into = two_intrusions(office)
    office.fleet.room.incidents.merge(into.incident_id, gone.incident_id, by=ADA)
    office.fleet.room.incidents.close(
        into.incident_id, disposition=Disposition.NUISANCE, cause=Cause.ANIMAL, note="", by=ADA
    )
    (job,) = office.fleet.tasking._desks["kestrel"].jobs
    assert job.cancelled_by == ADA
    with office.fleet.store.reading() as connection:
        stored = reads.incident(connection, into.incident_id)
        states = {each.state for each in reads.alarms(connection)}
    assert stored is not None
    assert (stored.disposition, stored.cause) == (Disposition.NUISANCE, Cause.ANIMAL)
    assert stored.timeline[-1].what == "closed as nuisance (animal)"
    assert states == {State.CLOSED}


def test_news_of_a_merged_alarm_goes_to_the_incident_that_stays(office: Office) -> None:
    gone, into = two_intrusions(office)
    office.fleet.room.incidents.merge(into.incident_id, gone.incident_id, by=ADA)
    end = make_event(sequence=3, stage=Stage.END, revision=1, captured_at_us=NOW_US + 950_000)
    office.hear(end)
    assert intrusions(office)[0].timeline[-1].what == "ended: person in zone north-fence"


def test_what_is_merged_says_so_when_somebody_acts_on_it(office: Office) -> None:
    gone, into = two_intrusions(office)
    office.fleet.room.incidents.merge(into.incident_id, gone.incident_id, by=ADA)
    with pytest.raises(Refused, match=f"it is closed: it was merged into incident {into.incident_id}"):
        office.fleet.room.incidents.assign(gone.incident_id, to="Bo Ek", by=ADA)


def test_each_act_is_in_the_audit_log_and_in_the_timeline_and_survives_a_restart(office: Office) -> None:
    desk = office.fleet.room.incidents
    first, second = two_intrusions(office)
    one = desk.merge(first.incident_id, second.incident_id, by=ADA)
    desk.assign(one.incident_id, to="Bo Ek", by=ADA)
    desk.note(one.incident_id, text="two men at the gate", by=ADA)
    desk.escalate(one.incident_id, to="The police", why="one has a ladder", by=ADA)
    new = desk.split(one.incident_id, second.alarm_ids, why="they part", by=ADA)
    assert [act for act in acts(office) if act != "dispatch"] == ["merge", "assign", "note", "escalate", "split"]
    again = Ingest(make_site(), office.fleet.store)
    again.load()
    assert again.incidents == office.fleet.ingest.incidents
    kept = again.incidents[one.incident_id]
    assert (kept.assigned_to, kept.escalated_to, kept.alarm_ids) == ("Bo Ek", "The police", first.alarm_ids)
    said = [entry.what for entry in kept.timeline if entry.who == ADA]
    assert said == [
        "merged: took over 1 alarm of 'person in zone middle'",
        "assigned to Bo Ek",
        "note: two men at the gate",
        "escalated to The police: one has a ladder",
        f"split: 1 alarm went to incident {new.incident_id}: they part",
    ]
    assert again.incidents[new.incident_id].alarm_ids == second.alarm_ids


def test_what_the_store_does_not_take_did_not_happen(office: Office) -> None:
    first, second = two_intrusions(office)
    with office.fleet.store.transaction() as connection:
        connection.execute(text("ALTER TABLE audit RENAME TO away"))
    with pytest.raises(StoreError):
        office.fleet.room.incidents.merge(first.incident_id, second.incident_id, by=ADA)
    assert [each.incident_id for each in intrusions(office)] == [first.incident_id, second.incident_id]


def test_the_queue_is_by_priority_then_age_and_what_is_over_comes_last(office: Office) -> None:
    desk = office.fleet.room.incidents
    low = make_event(sequence=1, track=1)
    low = low.model_copy(update={"body": low.body.model_copy(update={"severity": Severity.LOW})})
    office.hear(low)
    for number, north_m in ((2, 100.0), (3, 180.0), (4, 260.0)):
        office.clock.advance(0.1)
        office.hear(make_event(sequence=number, track=number, at_m=(0.0, north_m)))
    by_age = intrusions(office)
    desk.close(by_age[1].incident_id, disposition=Disposition.TEST, note="", by=ADA)
    desk.acknowledge(by_age[2].alarm_ids[0], by=ADA)
    order = [by_age[3], by_age[0], by_age[2], by_age[1]]
    with office.fleet.store.reading() as connection:
        incidents = incident_queue(connection, limit=10, kind=IncidentKind.INTRUSION)
        alarms = [each for each in alarm_queue(connection, limit=10) if each.zone is not None]
    assert [each.incident_id for each in incidents] == [each.incident_id for each in order]
    assert [each.alarm_id for each in alarms] == [each.alarm_ids[0] for each in order]
    assert [each.priority.level for each in incidents] == [1, 2, 1, 1]


def test_the_third_alarm_of_a_zone_within_ten_minutes_says_so(office: Office) -> None:
    for number in (1, 2, 3):
        office.hear(make_event(sequence=number, track=number, at_m=(0.0, 80.0 * number)))
    office.hear(
        make_event(sequence=4, stage=Stage.UPDATE, revision=1, at_m=(0.0, 80.0))
    )  # of the first: none of its own
    why = [each.priority.why[-1] for each in office.fleet.ingest.alarms.values()]
    assert why[-1] == "alarm number 3 of the zone within 10 minutes (+5)"
    assert not [each for each in why[:2] if "number" in each]


def test_an_unknown_incident_is_not_found_and_a_closed_one_still_takes_a_note(office: Office) -> None:
    first, _ = two_intrusions(office)
    desk = office.fleet.room.incidents
    desk.close(first.incident_id, disposition=Disposition.CONFIRMED, note="", by=ADA)
    shut = desk.note(first.incident_id, text="he came back for his ladder", by=ADA)
    assert (shut.state, shut.timeline[-1].what) == (State.CLOSED, "note: he came back for his ladder")
    assert first.incident_id not in office.fleet.ingest.incidents
    with pytest.raises(Exception, match="there is none"):
        desk.note(uuid.UUID(int=1), text="nobody", by=ADA)
