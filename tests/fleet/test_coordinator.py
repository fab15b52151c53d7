from dataclasses import replace

import pytest
from sqlalchemy import text

from contract.commands import Ack, Command, Reply, Verb
from contract.events import FeedState, Health, NodeFault, NodeFaultKind, NodeState, Stage
from contract.kinds import EventKind
from contract.site import Direction
from contract.topics import HEALTH, REPLY
from fleet.picture.incidents import Alarm, Disposition, Incident, IncidentKind, State
from fleet.records import reads, writes
from tests.fleet.messages import (
    NOW_US,
    OUTBOX,
    SITE_TEXT,
    make_envelope,
    make_event,
    make_site,
    make_status,
    on_bus,
    status_on_bus,
)
from tests.fleet.office import Office, open_office


def troubles(office: Office) -> list[tuple[str | None, State, tuple[str, ...]]]:
    with office.fleet.store.reading() as connection:
        found = reads.incidents(connection, kind=IncidentKind.TROUBLE)
    return sorted((each.subject, each.state, each.uncovered_zones) for each in found)


def say_all_is_well(office: Office) -> None:
    for node, camera in (("gate-1", "cam-north"), ("gate-2", "cam-south")):
        office.hear(status_on_bus(make_envelope(make_status(camera=camera), node=node)))


def test_the_ack_goes_out_after_the_commit_and_only_then() -> None:
    with open_office() as office:
        with office.fleet.store.transaction() as connection:
            connection.execute(text("ALTER TABLE messages RENAME TO away"))
        assert not office.hear(make_event(sequence=1))
        assert office.said_on("ack") == []
        with office.fleet.store.transaction() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO messages"))
        assert office.hear(make_event(sequence=1))
        assert office.said_on("ack") == [Ack(outbox_id=OUTBOX, contiguous=1)]


def test_listeners_see_what_a_batch_changed_once_as_the_batch_left_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str]] = []
    with open_office() as office:
        monkeypatch.setattr(office.fleet.live, "publish_written", told.extend)
        office.hear(
            make_event(sequence=1, track=1),
            make_event(sequence=2, track=2),
            make_event(sequence=3, track=1, stage=Stage.UPDATE, revision=1),
        )
    alarms = [Alarm.model_validate_json(document) for kind, document in told if kind == "alarm"]
    incidents = [Incident.model_validate_json(document) for kind, document in told if kind == "incident"]
    assert [alarm.revision for alarm in alarms] == [1, 0]
    assert incidents[0].alarm_ids == tuple(alarm.alarm_id for alarm in alarms)


def test_a_silent_node_is_a_trouble_within_10_s_and_recovers_with_a_trace() -> None:
    with open_office() as office:
        say_all_is_well(office)
        office.pass_time(8.0)
        assert troubles(office) == []
        office.hear(on_bus(make_envelope(Health(feeds=(), outbox_rows=0), node="gate-2"), topic=HEALTH))
        office.pass_time(1.0)
        assert troubles(office) == [("node:gate-1", State.OPEN, ("north-fence",))]
        say_all_is_well(office)
        office.pass_time(1.0)
        assert troubles(office) == [("node:gate-1", State.CLOSED, ("north-fence",))]
        with office.fleet.store.reading() as connection:
            incident = reads.incidents(connection)[0]
        assert incident.disposition is Disposition.RECOVERED
        assert [entry.what for entry in incident.timeline] == [
            "trouble: node gate-1 is silent for more than 8 s; zones now uncovered: north-fence",
            "closed as recovered",
        ]


def test_the_last_will_and_a_lost_feed_are_troubles_at_the_next_tick() -> None:
    with open_office() as office:
        say_all_is_well(office)
        office.hear(status_on_bus(make_envelope(make_status(feed=FeedState.LOST, camera="cam-south"), node="gate-2")))
        office.hear(status_on_bus(make_envelope(make_status(state=NodeState.OFFLINE))))
        office.pass_time(1.0)
        assert [subject for subject, _, _ in troubles(office)] == ["feed:cam-south", "node:gate-1"]


def test_two_sources_of_one_system_id_are_an_alarm_until_that_ends() -> None:
    with open_office() as office:
        say_all_is_well(office)
        vehicle = office.kestrel
        ready = vehicle.state
        vehicle.state = replace(ready, not_ready_because=("quarantined: two sources claim this system id",))
        office.pass_time(1.0)
        assert troubles(office) == [("vehicle:kestrel", State.OPEN, ())]
        vehicle.state = replace(ready)
        office.pass_time(1.0)
        assert troubles(office) == [("vehicle:kestrel", State.CLOSED, ())]


def test_a_trouble_stays_one_incident_while_it_lasts() -> None:
    with open_office() as office:
        for _ in range(5):
            office.pass_time(9.0)
        assert len(troubles(office)) == 2


def test_a_fault_of_a_device_is_one_incident_and_ends_with_it() -> None:
    hot = NodeFault(kind=NodeFaultKind.HOT, since_us=NOW_US, detail="cpu 96 °C of 95")
    with open_office() as office:
        office.hear(make_envelope(make_status().model_copy(update={"faults": (hot,)})))
        for _ in range(3):
            office.pass_time(1)
        titles = [each.title for each in office.fleet.ingest.incidents.values() if "hot" in each.title]
        assert titles == ["node gate-1: hot: cpu 96 °C of 95"]
        office.hear(make_envelope(make_status(), sent_at_us=NOW_US + 1))
        office.pass_time(1)
        assert not [each for each in office.fleet.ingest.incidents.values() if "hot" in each.title]


def test_lost_events_are_an_incident_that_names_them() -> None:
    with open_office() as office:
        office.hear(make_event(sequence=1), make_event(sequence=6, track=6))
        office.hear(status_on_bus(make_envelope(make_status(oldest=6))))
        with office.fleet.store.reading() as connection:
            titles = [each.title for each in reads.incidents(connection, kind=IncidentKind.TROUBLE)]
        assert titles == ["events 2..5 of node gate-1 were lost"]


def test_a_retained_status_does_not_make_a_node_alive() -> None:
    with open_office() as office:
        office.clock.advance(9.0)
        office.hear(status_on_bus(make_envelope(make_status()), retain=True))
        office.pass_time(0.1)
        assert "node:gate-1" in [subject for subject, _, _ in troubles(office)]


def test_a_zone_is_told_to_every_node_that_covers_it_until_it_says_done() -> None:
    with open_office() as office:
        office.fleet.room.set_zone("middle", is_set=False, by="ada")
        commands = [body for body in office.said_on("command") if isinstance(body, Command)]
        assert [(command.verb, command.zone, command.by) for command in commands] == [
            (Verb.UNSET_ZONE, "middle", "ada"),
            (Verb.UNSET_ZONE, "middle", "ada"),
        ]
        reply = make_envelope(Reply(command_id=commands[0].command_id, done=True))
        office.hear(on_bus(reply, topic=REPLY))
        office.pass_time(6.0)
        told = [message.topic.split("/")[3] for message in office.said if b'"zone":"middle"' in message.payload]
        assert told == ["gate-1", "gate-2", "gate-2"]


def test_a_node_that_starts_hears_how_its_zones_are() -> None:
    with open_office() as office:
        office.hear(status_on_bus(make_envelope(make_status())))
        office.pass_time(1.0)
        commands = [body for body in office.said_on("command") if isinstance(body, Command)]
        assert sorted((command.zone, command.verb) for command in commands) == [
            ("middle", Verb.SET_ZONE),
            ("north-fence", Verb.SET_ZONE),
        ]


@pytest.mark.parametrize("zones", [("middle", "north-fence")])
def test_unset_zones_are_nobodys_trouble(zones: tuple[str, ...]) -> None:
    with open_office() as office:
        for zone in zones:
            office.fleet.room.set_zone(zone, is_set=False, by="ada")
        office.pass_time(20.0)
        assert troubles(office) == []


def test_hops_of_the_alarm_are_kept_by_trace() -> None:
    with open_office() as office:
        office.clock.advance(0.05)
        event = make_event(sequence=1)
        office.hear(event)
        office.pass_time(0.2)
        with office.fleet.store.reading() as connection:
            hops = reads.hops(connection, event.trace_id)
        assert {name: hops[name] for name in ("decode", "detect", "broker")} == {
            "decode": 2000,
            "detect": 17000,
            "broker": 30_000,
        }
        assert "ingest" in hops


LINE_TEXT = (
    SITE_TEXT
    + """
lines:
  - id: path
    name: Path
    cameras: [cam-north]
    points: [{lat_deg: 52.0001, lon_deg: 12.9998}, {lat_deg: 52.0003, lon_deg: 12.9998}]
"""
)


def test_a_line_is_set_covered_and_alarmed_as_a_zone_is() -> None:
    with open_office(site=make_site(LINE_TEXT)) as office:
        office.hear(
            make_event(sequence=1, zone="path", kind=EventKind.LINE_CROSSING, direction=Direction.RIGHT_TO_LEFT)
        )
        (alarm,) = office.fleet.ingest.alarms.values()
        assert (alarm.zone, alarm.title) == ("path", "person across line path, from right to left")
        (incident,) = office.fleet.ingest.incidents.values()
        assert incident.timeline[0].what == f"alarm: {alarm.title}"
        (task,) = office.fleet.response.tasks.values()
        assert task.incident_id == alarm.incident_id
        office.pass_time(20.0)
        assert [uncovered for subject, _, uncovered in troubles(office) if subject == "node:gate-1"] == [
            ("north-fence", "middle", "path")
        ]
        assert office.fleet.room.set_zone("path", is_set=False, by="ada").is_set is False


def hours_from(minutes: int) -> str:
    """North fence with hours that turn so long after now, which is 01:00 on the site's wall."""
    turn = f"{1 + minutes // 60:02d}:{minutes % 60:02d}"
    return SITE_TEXT.replace("name: North fence", f'name: North fence\n    hours: [{{start: "{turn}", end: "06:00"}}]')


def north_fence(office: Office) -> bool:
    return next(view.is_set for view in office.fleet.room.zones() if view.id == "north-fence")


def test_hours_set_a_zone_and_take_back_what_a_person_said_before() -> None:
    with open_office(site=make_site(hours_from(10))) as office:
        assert not north_fence(office)
        office.fleet.room.set_zone("north-fence", is_set=True, by="ada")
        office.fleet.room.set_zone("north-fence", is_set=False, by="ada")
        office.pass_time(599.0)
        assert not north_fence(office)
        office.pass_time(1.0)
        assert north_fence(office)


def test_a_command_does_not_outlive_the_hours_it_was_given_in() -> None:
    with open_office(site=make_site(hours_from(1))) as office:
        office.clock.advance(50.0)
        office.fleet.room.set_zone("north-fence", is_set=False, by="ada")
        (command,) = [body for body in office.said_on("command") if isinstance(body, Command)]
        assert command.expires_at_us - office.clock.wall_us() == 10_000_000
        office.pass_time(10.0)
        later = [body for body in office.said_on("command") if isinstance(body, Command)]
        assert later == [command]  # nobody confirmed it, and it is not said again
        assert north_fence(office)


def test_after_a_restart_only_what_was_said_since_the_hours_turned_still_holds() -> None:
    for said_before_s, is_set in ((0.0, False), (60.0, True)):
        with open_office(site=make_site(hours_from(0))) as office:  # they turned this moment
            said_at_us = office.clock.wall_us() - round(said_before_s * 1e6)
            with office.fleet.store.transaction() as connection:
                writes.put_zone(connection, "north-fence", is_set=False, by="ada", at_us=said_at_us)
            office.fleet.coordinator.load()
            assert north_fence(office) is is_set


def test_an_event_of_the_first_moment_of_the_hours_sends_the_vehicle() -> None:
    with open_office(site=make_site(hours_from(1))) as office:
        office.pass_time(59.9)
        office.clock.advance(0.2)  # no tick in between
        event = make_event(sequence=1, captured_at_us=office.clock.wall_us() - 50_000)
        office.hear(event)
        assert [task.incident_id is not None for task in office.fleet.response.tasks.values()] == [True]
