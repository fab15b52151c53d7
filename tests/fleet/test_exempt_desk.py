"""Bypass and walk test, through a whole coordinator in memory."""

import uuid
from collections.abc import Iterator

import pytest

from contract.events import FeedState, Stage
from fleet.errors import NotFound, Refused
from fleet.picture.exempt import Handling
from fleet.picture.incidents import Disposition, Incident, IncidentKind, State
from fleet.records import reads
from fleet.reports.as_html import as_html
from fleet.reports.walk_test import walk_test_report
from tests.fleet.messages import NOW_US, make_envelope, make_event, make_site, make_status, status_on_bus
from tests.fleet.office import Office, open_office
from tests.fleet.test_coordinator import say_all_is_well, troubles

ADA = "Ada Byron"


@pytest.fixture
def office() -> Iterator[Office]:
    with open_office() as opened:
        say_all_is_well(opened)
        yield opened


def stored(office: Office, incident_id: uuid.UUID) -> Incident:
    with office.fleet.store.reading() as connection:
        found = reads.incident(connection, incident_id)
    assert found is not None
    return found


def kinds(office: Office) -> list[IncidentKind]:
    return sorted(each.kind for each in office.fleet.ingest.incidents.values())


def bypass_zone(office: Office, zone: str = "north-fence", minutes: float = 30.0) -> uuid.UUID:
    view = office.fleet.room.exempt.bypass(zone=zone, camera=None, reason="a digger", minutes=minutes, by=ADA)
    return view.bypass_id


def bypass_camera(office: Office, camera: str, minutes: float = 30.0) -> uuid.UUID:
    view = office.fleet.room.exempt.bypass(zone=None, camera=camera, reason="cleaning", minutes=minutes, by=ADA)
    return view.bypass_id


def walk(office: Office, *zones: str, minutes: float = 60.0) -> uuid.UUID:
    desk = office.fleet.room.exempt
    return desk.begin_walk_test(zones=zones, reason="acceptance", minutes=minutes, by=ADA).walk_test_id


def test_alarms_of_a_bypassed_zone_are_kept_and_counted_and_send_nobody(office: Office) -> None:
    bypass_id = bypass_zone(office)
    office.hear(make_event(sequence=1), make_event(sequence=2, track=2))
    alarms = list(office.fleet.ingest.alarms.values())
    assert {(each.handling, each.state, each.acknowledged_by) for each in alarms} == {
        (Handling.BYPASSED, State.ACKNOWLEDGED, ADA)
    }
    assert (kinds(office), office.fleet.response.tasks) == ([IncidentKind.BYPASS], {})
    (view,) = office.fleet.room.snapshot().bypasses
    assert (view.bypass_id, view.by, view.reason, view.alarms) == (bypass_id, ADA, "a digger", 2)


def test_a_bypassed_zone_is_said_to_be_uncovered_and_shown_as_bypassed(office: Office) -> None:
    bypass_zone(office)
    snapshot = office.fleet.room.snapshot()
    assert snapshot.bypasses[0].uncovered_zones == ("north-fence",)
    until_us = {zone.id: zone.bypassed_until_us for zone in snapshot.zones}
    assert until_us == {"north-fence": NOW_US + 1_800_000_000, "middle": None}


def test_a_zone_is_uncovered_once_the_last_of_its_cameras_is_bypassed(office: Office) -> None:
    bypass_camera(office, "cam-south")
    assert office.fleet.room.exempt.bypasses()[0].uncovered_zones == ()
    bypass_camera(office, "cam-north")
    assert [each.uncovered_zones for each in office.fleet.room.exempt.bypasses()] == [
        ("middle",),
        ("north-fence", "middle"),
    ]
    bypassed = {node.id: node.bypassed for node in office.fleet.room.nodes()}
    assert bypassed == {"gate-1": ("cam-north",), "gate-2": ("cam-south",)}


def test_other_zones_of_a_bypassed_zones_camera_alarm_as_ever(office: Office) -> None:
    bypass_zone(office)
    office.hear(make_event(sequence=1, zone="middle"))
    assert kinds(office) == [IncidentKind.BYPASS, IncidentKind.INTRUSION]
    assert len(office.fleet.response.tasks) == 1


def test_an_alarm_from_before_the_bypass_goes_on_as_it_was(office: Office) -> None:
    office.hear(make_event(sequence=1))
    bypass_zone(office)
    office.hear(make_event(sequence=2, stage=Stage.UPDATE, revision=1))
    earlier = make_event(sequence=3, track=9, at_m=(0.0, 90.0), captured_at_us=NOW_US - 1)
    office.hear(earlier)  # seen before it began, heard of late
    assert kinds(office) == [IncidentKind.BYPASS, IncidentKind.INTRUSION, IncidentKind.INTRUSION]


def test_a_bypass_ends_by_itself_with_a_trace_and_the_zone_alarms_again(office: Office) -> None:
    bypass_id = bypass_zone(office, minutes=1.0)
    office.hear(make_event(sequence=1), make_event(sequence=2, stage=Stage.END, revision=1))
    for _ in range(60):
        say_all_is_well(office)
        office.pass_time(1.0)
    over = stored(office, bypass_id)
    assert over.bypass is not None
    assert (over.state, over.bypass.ended_by, over.uncovered_zones) == (State.CLOSED, "system", ())
    assert [entry.what for entry in over.timeline][-2:] == [
        "ended: its time is over",
        "closed as unknown: alarms that nobody answered: 1",
    ]
    with office.fleet.store.reading() as connection:
        (entry,) = [row for row in reads.audit(connection) if row["act"] == "end_bypass"]
    assert (entry["actor"], entry["subject"]) == ("system", "zone north-fence is bypassed")
    office.hear(make_event(sequence=3, track=3, captured_at_us=office.clock.wall_us()))
    assert kinds(office) == [IncidentKind.INTRUSION]


def test_who_is_still_inside_when_a_bypass_ends_is_an_alarm_and_is_answered(office: Office) -> None:
    bypass_id = bypass_zone(office)
    office.hear(make_event(sequence=1))
    office.fleet.room.exempt.end_bypass(bypass_id, by="Bo Ek")
    (incident,) = office.fleet.ingest.incidents.values()
    assert (incident.kind, incident.state) == (IncidentKind.INTRUSION, State.OPEN)
    assert incident.timeline[0].what.endswith("still going on when the bypass ended")
    assert office.fleet.response.tasks == {}
    office.hear(make_event(sequence=2, stage=Stage.UPDATE, revision=1))
    assert [task.incident_id for task in office.fleet.response.tasks.values()] == [incident.incident_id]


def test_a_bypass_and_its_alarms_survive_a_restart(office: Office) -> None:
    bypass_id = bypass_zone(office)
    office.hear(make_event(sequence=1))
    office.fleet.coordinator.load()
    (view,) = office.fleet.room.exempt.bypasses()
    assert (view.bypass_id, view.alarms) == (bypass_id, 1)
    office.hear(make_event(sequence=2, track=2))
    assert (kinds(office), office.fleet.room.exempt.bypasses()[0].alarms) == ([IncidentKind.BYPASS], 2)


def test_a_wall_clock_that_is_set_back_prolongs_no_bypass(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    bypass_id = bypass_zone(office, minutes=1.0)
    office.pass_time(1.0)
    monkeypatch.setattr(office.clock, "wall_us", lambda: NOW_US - 3_600_000_000)
    office.pass_time(60.0)
    assert stored(office, bypass_id).state is State.CLOSED


def test_a_lost_camera_is_told_as_trouble_though_it_is_bypassed(office: Office) -> None:
    bypass_camera(office, "cam-south")
    office.hear(status_on_bus(make_envelope(make_status(feed=FeedState.TAMPERED, camera="cam-south"), node="gate-2")))
    office.pass_time(1.0)
    (trouble,) = [each for each in office.fleet.ingest.incidents.values() if each.kind is IncidentKind.TROUBLE]
    assert trouble.title == "camera cam-south: feed tampered (bypassed)"


def test_a_trouble_that_was_there_before_says_when_its_camera_is_bypassed_and_no_more(office: Office) -> None:
    office.hear(status_on_bus(make_envelope(make_status(feed=FeedState.LOST, camera="cam-south"), node="gate-2")))
    office.pass_time(1.0)
    office.fleet.room.exempt.end_bypass(bypass_camera(office, "cam-south"), by="Bo Ek")
    (trouble,) = office.fleet.ingest.incidents.values()
    assert [(entry.who, entry.what) for entry in trouble.timeline][1:] == [
        (ADA, "camera cam-south is bypassed: cleaning"),
        ("Bo Ek", "camera cam-south is bypassed: ended, by Bo Ek"),
    ]


def test_a_blind_camera_uncovers_a_zone_whose_other_camera_is_bypassed(office: Office) -> None:
    bypass_camera(office, "cam-north")
    office.hear(status_on_bus(make_envelope(make_status(feed=FeedState.LOST, camera="cam-south"), node="gate-2")))
    office.pass_time(1.0)
    assert troubles(office) == [("feed:cam-south", State.OPEN, ("middle",))]


@pytest.mark.parametrize(
    ("zone", "camera", "minutes", "error"),
    [
        pytest.param(None, None, 10.0, Refused, id="of nothing"),
        pytest.param("middle", "cam-north", 10.0, Refused, id="of two things"),
        pytest.param("nowhere", None, 10.0, NotFound, id="an unknown zone"),
        pytest.param(None, "nothing", 10.0, NotFound, id="an unknown camera"),
        pytest.param("middle", None, 1440.1, Refused, id="for more than a day"),
        pytest.param("north-fence", None, 10.0, Refused, id="once more"),
    ],
)
def test_what_cannot_be_bypassed_is_refused(
    office: Office, zone: str | None, camera: str | None, minutes: float, error: type[Exception]
) -> None:
    bypass_zone(office)
    with pytest.raises(error):
        office.fleet.room.exempt.bypass(zone=zone, camera=camera, reason="why", minutes=minutes, by=ADA)


def test_a_bypass_or_walk_test_is_neither_closed_nor_answered_as_an_incident(office: Office) -> None:
    bypass_id, walk_test_id = bypass_zone(office), walk(office, "middle")
    with pytest.raises(Refused, match="end the bypass"):
        office.fleet.room.incidents.close(bypass_id, disposition=Disposition.TEST, note="", by=ADA)
    with pytest.raises(Refused, match="nobody is sent"):
        office.fleet.room.dispatch(walk_test_id, by=ADA)
    with pytest.raises(NotFound):
        office.fleet.room.exempt.end_bypass(walk_test_id, by=ADA)
    office.fleet.room.exempt.end_bypass(bypass_id, by=ADA)
    with pytest.raises(Refused, match="it is closed"):
        office.fleet.room.exempt.end_bypass(bypass_id, by=ADA)


def test_a_walk_test_records_what_it_hears_and_sends_nobody(office: Office) -> None:
    walk_test_id = walk(office)
    office.clock.advance(0.4)
    office.hear(make_event(sequence=1), make_event(sequence=2, track=2), make_event(sequence=3, zone="middle", track=3))
    (view,) = office.fleet.room.snapshot().walk_tests
    assert view.walk_test_id == walk_test_id
    assert [(check.zone, check.camera, check.alarms) for check in view.checks] == [
        ("north-fence", "cam-north", 2),
        ("middle", "cam-north", 1),
        ("middle", "cam-south", 0),
    ]
    first = view.checks[0]
    assert (first.first_captured_at_us, first.first_raised_at_us) == (NOW_US, NOW_US + 400_000)
    assert (view.is_passed, office.fleet.response.tasks, kinds(office)) == (False, {}, [IncidentKind.WALK_TEST])
    assert {each.handling for each in office.fleet.ingest.alarms.values()} == {Handling.TEST}


def test_zones_that_are_not_under_test_alarm_as_ever(office: Office) -> None:
    walk(office, "middle")
    office.hear(make_event(sequence=1))
    assert kinds(office) == [IncidentKind.INTRUSION, IncidentKind.WALK_TEST]
    assert len(office.fleet.response.tasks) == 1
    tested = {zone.id: zone.under_test_until_us for zone in office.fleet.room.zones()}
    assert tested == {"north-fence": None, "middle": NOW_US + 3_600_000_000}


def test_a_real_intruder_during_a_walk_test_is_split_off_and_answered(office: Office) -> None:
    walk_test_id = walk(office)
    office.hear(make_event(sequence=1), make_event(sequence=2, track=2))
    intruder = max(office.fleet.ingest.alarms.values(), key=lambda each: each.sighting.track if each.sighting else 0)
    real = office.fleet.room.incidents.split(walk_test_id, [intruder.alarm_id], why="not one of ours", by=ADA)
    assert (real.kind, real.state, real.priority.level) == (IncidentKind.INTRUSION, State.OPEN, 1)
    alarm = office.fleet.ingest.alarms[intruder.alarm_id]
    assert (alarm.handling, alarm.state, alarm.acknowledged_by) == (Handling.NORMAL, State.OPEN, None)
    task = office.fleet.room.dispatch(real.incident_id, by=ADA)
    assert task.incident_id == real.incident_id


def test_a_walk_test_that_ends_is_closed_as_test_and_has_a_report_to_sign(office: Office) -> None:
    walk_test_id = walk(office, "north-fence")
    office.clock.advance(0.4)
    office.hear(make_event(sequence=1), make_event(sequence=2, stage=Stage.END, revision=1))
    office.fleet.room.exempt.end_walk_test(walk_test_id, by="<b>Bo</b>")
    over = stored(office, walk_test_id)
    assert (over.state, over.disposition) == (State.CLOSED, Disposition.TEST)
    with office.fleet.store.reading() as connection:
        alarms = reads.alarms_of(connection, [walk_test_id])
    page = as_html(walk_test_report(make_site(), over, alarms))
    assert page == as_html(walk_test_report(make_site(), over, alarms))
    assert "PASSED: 1 of 1 zones heard, 1 of 1 views of cameras" in page
    row = "<td>cam-north</td><td>heard</td><td>1</td><td>2026-01-01 01:00:00</td><td>0.4 s</td>"
    assert f"<td>North fence (north-fence)</td>{row}" in page
    assert "<dt>Tested by</dt><dd>Ada Byron</dd><dt>Ended by</dt><dd>&lt;b&gt;Bo&lt;/b&gt;</dd>" in page
    assert "<dt>Times</dt><dd>Europe/Berlin, UTC+01:00</dd>" in page
    assert "<b>" not in page


def test_the_report_names_the_cameras_that_were_not_heard_and_zones_that_were_not_set(office: Office) -> None:
    office.fleet.room.set_zone("middle", is_set=False, by=ADA)
    bypass_camera(office, "cam-south")
    walk_test_id = walk(office)
    page = as_html(walk_test_report(make_site(), stored(office, walk_test_id), []))
    assert page.count("NOT HEARD") == 3
    assert "NOT FINISHED: 0 of 2 zones heard, 0 of 3 views of cameras" in page
    assert "<dt>Not set when it began, so nothing could be heard of</dt><dd>middle</dd>" in page
    assert "<dt>Bypassed when it began</dt><dd>camera cam-south</dd>" in page


def test_one_zone_is_in_one_walk_test_at_a_time(office: Office) -> None:
    walk(office, "middle")
    with pytest.raises(Refused, match="zone 'middle': a walk test is under way"):
        walk(office)
    with pytest.raises(Refused, match="at most 480 minutes"):
        walk(office, "north-fence", minutes=481)
    with pytest.raises(NotFound):
        walk(office, "nowhere")
