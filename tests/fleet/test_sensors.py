"""Fences, doors and radars among the cameras: what correlates, what is told twice, what is refused, who is sent."""

import json
import uuid
from collections.abc import Iterator
from typing import NoReturn

import pytest

from contract.bus import BusMessage
from contract.codec import decode, encode
from contract.envelope import Envelope, Origin
from contract.errors import ContractError, DocumentError
from contract.events import Stage
from contract.labels import Label
from contract.sensors import SensorAlarm, SensorSays, SensorTrack, Target
from contract.site import Site, parse_site
from contract.topics import topic_of
from fleet.errors import NotFound, StoreError
from fleet.foreign import ForeignTopic
from fleet.picture.arrival import Arrival
from fleet.picture.incidents import Alarm, Incident, IncidentKind, State
from fleet.picture.ingest import Report
from fleet.records import reads
from tests.fleet.messages import NOW_US, SITE_TEXT, fix_at, make_event
from tests.fleet.office import Office, open_office

SENSORS = """
sensors:
  - {id: fence-7, name: Fence 7, kind: fence_vibration, zones: [north-fence], simulated: true, silent_after_s: 60}
  - {id: door-1, name: Door, kind: door_contact, zones: [middle], raises: intrusion, simulated: true,
     position: {lat_deg: 52.0, lon_deg: 13.0}, sigma_m: 2}
  - {id: radar-1, name: Radar, kind: radar, zones: [north-fence, middle], simulated: true}
"""
FOREIGN = (
    ForeignTopic(
        topic="factory/fence/7",
        sensor="fence-7",
        value="state",
        alarm_when=("ALARM",),
        clear_when=("OK",),
        at="ts",
        text="msg",
    ),
    ForeignTopic.model_validate(
        {
            "topic": "radar/out",
            "sensor": "radar-1",
            "targets": {"path": "list", "track": "id", "lat_deg": "pos.lat", "lon_deg": "pos.lon", "sigma_m": 2.0},
        }
    ),
)


def sensor_site(text: str = SENSORS) -> Site:
    return parse_site(SITE_TEXT + text, source="site.yaml")


@pytest.fixture
def office() -> Iterator[Office]:
    with open_office(site=sensor_site(), foreign=FOREIGN) as opened:
        yield opened


def start(**changes: object) -> SensorSays:
    return SensorSays(body=SensorAlarm.model_validate({"stage": Stage.START, **changes}))


def end() -> SensorSays:
    return SensorSays(body=SensorAlarm(stage=Stage.END))


def handled(office: Office) -> list[Incident]:
    return [each for each in office.fleet.ingest.incidents.values() if each.kind is not IncidentKind.TROUBLE]


def native(
    body: SensorAlarm | SensorTrack, sensor: str = "fence-7", *, message_id: int = 1, origin: Origin = Origin.SIMULATED
) -> BusMessage:
    envelope = Envelope(
        message_id=uuid.UUID(int=message_id),
        site="yard",
        node=sensor,
        boot=0,
        captured_at_us=NOW_US,
        sent_at_us=NOW_US,
        origin=origin,
        trace_id="a" * 32,
        hops_us={},
        body=body,
    )
    topic = topic_of(body)
    return BusMessage(topic.address(site="yard", node=sensor), encode(envelope), topic.qos)


def foreign(topic: str, document: object) -> BusMessage:
    return BusMessage(topic, json.dumps(document).encode(), 1)


RADAR = foreign("radar/out", {"list": [{"id": 3, "pos": {"lat": 52.0, "lon": 13.0}}]})


def fence(at_s: float, state: str) -> BusMessage:
    return foreign("factory/fence/7", {"state": state, "ts": at_s, "msg": ""})


def arrival(office: Office, message: BusMessage) -> Arrival:
    return Arrival(message, office.clock.wall_us(), office.clock.monotonic_us())


def take(office: Office, sensor: str, says: SensorSays) -> Alarm | None:
    alarm = office.fleet.room.sensors.take(sensor, says)
    while office.fleet.response.send_one():
        pass
    return alarm


def test_a_fence_that_shakes_alone_is_movement_and_sends_nobody(office: Office) -> None:
    alarm = take(office, "fence-7", start(text="cable 3"))
    assert alarm is not None
    (incident,) = handled(office)
    assert (incident.kind, incident.zones, incident.sensors) == (IncidentKind.MOVEMENT, ("north-fence",), ("fence-7",))
    assert alarm.title == "fence vibration fence-7 in north-fence"
    assert incident.timeline[-1].what == "alarm: fence vibration fence-7 in north-fence: cable 3"
    assert office.fleet.response.tasks == {}


def test_what_a_camera_sees_there_next_is_the_same_incident_and_then_somebody_is_sent(office: Office) -> None:
    take(office, "fence-7", start())
    office.hear(make_event(sequence=1))
    (incident,) = handled(office)
    assert incident.kind is IncidentKind.INTRUSION
    assert len(incident.alarm_ids) == 2
    assert len(office.fleet.response.tasks) == 1


def test_a_fence_that_shakes_after_the_camera_saw_it_joins_it(office: Office) -> None:
    office.hear(make_event(sequence=1))
    take(office, "fence-7", start())
    (incident,) = handled(office)
    assert (incident.kind, incident.sensors) == (IncidentKind.INTRUSION, ("fence-7",))


def test_elsewhere_or_much_later_it_is_a_matter_of_its_own(office: Office) -> None:
    office.hear(make_event(sequence=1))
    take(office, "door-1", start())
    assert len(handled(office)) == 2
    office.pass_time(61.0)
    take(office, "fence-7", start())
    assert len(handled(office)) == 3


def test_a_door_that_counts_as_intrusion_sends_a_vehicle_to_where_the_site_file_has_it(office: Office) -> None:
    take(office, "door-1", start())
    (task,) = office.fleet.response.tasks.values()
    assert task.target is not None
    assert (task.target.lat_deg, task.target.lon_deg) == (52.0, 13.0)


def test_safety_3_an_old_alarm_of_a_door_sends_nobody(office: Office) -> None:
    office.pass_time(20.0)
    alarm = take(office, "door-1", SensorSays(body=SensorAlarm(stage=Stage.START), at_us=NOW_US))
    assert alarm is not None
    assert alarm.is_stale
    assert office.fleet.response.tasks == {}


def test_one_alarm_lasts_until_its_end_however_often_it_is_told(office: Office) -> None:
    first = take(office, "fence-7", start())
    office.pass_time(1.0)
    again = take(office, "fence-7", start())
    assert first is not None
    assert again is not None
    assert again.alarm_id == first.alarm_id
    office.pass_time(1.0)
    over = take(office, "fence-7", end())
    assert over is not None
    assert over.ended_at_us == office.clock.wall_us()
    assert take(office, "fence-7", end()) is None
    new = take(office, "fence-7", start())
    assert new is not None
    assert new.alarm_id != first.alarm_id
    assert len(handled(office)) == 1


def test_safety_17_the_same_message_is_one_effect_and_another_of_its_id_is_quarantined(office: Office) -> None:
    alarm = native(SensorAlarm(stage=Stage.START))
    office.hear(alarm)
    office.hear(alarm)
    (incident,) = handled(office)
    assert len(incident.timeline) == 1
    office.hear(native(SensorAlarm(stage=Stage.START, text="another")))
    assert len(handled(office)[0].timeline) == 1
    with office.fleet.store.reading() as connection:
        (row,) = reads.quarantine(connection)
    assert row["detail"].endswith("known with different content")
    troubles = [each.title for each in office.fleet.ingest.incidents.values() if each.kind is IncidentKind.TROUBLE]
    assert any("sensor fence-7: quarantined" in title for title in troubles)


def test_after_a_restart_nothing_is_told_twice_and_what_lasts_goes_on(office: Office) -> None:
    message = native(SensorAlarm(stage=Stage.START))
    office.hear(message)
    with open_office(site=sensor_site(), after=office) as later:
        later.hear(message)
        take(later, "fence-7", end())
        (incident,) = handled(later)
        assert [entry.what for entry in incident.timeline] == [
            "alarm: fence vibration fence-7 in north-fence",
            "ended: fence vibration fence-7 in north-fence",
        ]


def test_what_the_store_does_not_take_waits_for_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> NoReturn:
        raise StoreError("store: disk full")

    with monkeypatch.context() as broken:
        broken.setattr(office.fleet.store, "transaction", full)
        office.fleet.room.sensors.hear_foreign(arrival(office, fence(NOW_US / 1e6, "ALARM")))
        with pytest.raises(StoreError):
            office.fleet.room.sensors.take("door-1", start())
        assert handled(office) == []
        office.fleet.room.sensors.hear_foreign(arrival(office, fence(NOW_US / 1e6, "OK")))
        office.fleet.room.sensors.hear_foreign(arrival(office, RADAR))  # tracks wait for nothing
        office.fleet.coordinator.picture.fuse()
        assert len(office.fleet.room.site_tracks()) == 1
    office.fleet.coordinator.tick()
    (incident,) = handled(office)
    assert incident.sensors == ("fence-7",)
    assert [entry.what.split(":")[0] for entry in incident.timeline] == ["alarm", "ended"]


def test_what_waited_and_cannot_be_used_is_quarantined(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> NoReturn:
        raise StoreError("store: disk full")

    with monkeypatch.context() as broken:
        broken.setattr(office.fleet.store, "transaction", full)
        for message_id, origin in ((1, Origin.SIMULATED), (2, Origin.LIVE)):
            message = native(SensorAlarm(stage=Stage.START), message_id=message_id, origin=origin)
            office.fleet.room.sensors.hear(Report(*decode(message.topic, message.payload), arrival(office, message)))
    office.fleet.coordinator.tick()
    assert len(handled(office)) == 1
    with office.fleet.store.reading() as connection:
        (row,) = reads.quarantine(connection)
    assert row["detail"] == "sensor 'fence-7': it is simulated, and says it is live"


def test_safety_18_a_device_that_tells_only_nonsense_is_silent(office: Office) -> None:
    for _ in range(7):
        office.pass_time(10.0)
        office.hear(BusMessage("factory/fence/7", b"{}", 1))
    office.pass_time(1.0)
    assert "sensor:fence-7" in {each.subject for each in office.fleet.ingest.incidents.values()}


def test_an_unset_zone_records_nothing_and_a_bypassed_one_gathers_it(office: Office) -> None:
    office.fleet.room.set_zone("north-fence", is_set=False, by="ada")
    assert take(office, "fence-7", start()) is None
    office.fleet.room.exempt.bypass(zone="middle", camera=None, reason="digger", minutes=5, by="ada")
    alarm = take(office, "door-1", start())
    assert alarm is not None
    assert alarm.state is State.ACKNOWLEDGED
    assert [each.kind for each in handled(office)] == [IncidentKind.BYPASS]
    assert office.fleet.response.tasks == {}


def test_a_device_that_speaks_json_of_its_own_is_understood_as_configured(office: Office) -> None:
    at_s = NOW_US / 1e6
    office.hear(foreign("factory/fence/7", {"state": "ALARM", "ts": at_s, "msg": "cable 3"}))
    (incident,) = handled(office)
    assert incident.timeline[-1].what.endswith("in north-fence: cable 3")
    assert incident.captured_at_us == NOW_US
    office.hear(foreign("factory/fence/7", {"state": "IDLE", "ts": at_s, "msg": ""}))
    assert len(handled(office)[0].timeline) == 1
    office.hear(foreign("factory/fence/7", {"state": "OK", "ts": at_s + 1, "msg": ""}))
    assert handled(office)[0].timeline[-1].what.startswith("ended:")


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"[" * 3000, id="deep"),
        pytest.param(b"{}", id="nothing there"),
        pytest.param(b'{"state": "ALARM", "ts": "noon", "msg": ""}', id="no time"),
        pytest.param(b'{"state": "ALARM", "ts": 1e300, "msg": ""}', id="no time of this world"),
        pytest.param(b'{"state": "ALARM", "ts": NaN, "msg": ""}', id="not a number"),
        pytest.param(b'{"state": "ALARM", "ts": Infinity, "msg": ""}', id="endless"),
        pytest.param(b"x" * 70_000, id="too long"),
    ],
)
def test_nonsense_of_a_foreign_device_is_quarantined_and_told(office: Office, payload: bytes) -> None:
    office.hear(BusMessage("factory/fence/7", payload, 1))
    assert handled(office) == []
    with office.fleet.store.reading() as connection:
        (row,) = reads.quarantine(connection)
    assert (row["topic"], row["reason"]) == ("factory/fence/7", "malformed")


def test_a_radar_is_part_of_the_picture_and_its_persons_are_kept_clear_of(office: Office) -> None:
    target = Target(track="17", ground=fix_at(0.0, 20.0), label=Label.PERSON)
    for _ in range(6):
        office.fleet.room.sensors.take("radar-1", SensorSays(body=SensorTrack(targets=(target,))))
        office.fleet.coordinator.picture.fuse()
        office.clock.advance(0.2)
    (track,) = office.fleet.room.site_tracks()
    assert [seen.source for seen in track.evidence] == ["radar-1"]
    office.hear(foreign("radar/out", {"list": [{"id": 3, "pos": {"lat": 52.0, "lon": 13.0}}]}))
    assert len(office.fleet.room.site_tracks()) == 2
    people = office.fleet.coordinator._people.snapshot
    assert [person.point for person in people] == [target.ground.point]


def test_safety_2_a_simulated_sensor_is_never_live(office: Office) -> None:
    office.hear(native(SensorAlarm(stage=Stage.START), origin=Origin.LIVE))
    assert handled(office) == []
    take(office, "fence-7", start())
    assert handled(office)[0].origin is Origin.SIMULATED


def test_who_is_not_of_the_site_is_refused(office: Office) -> None:
    office.hear(native(SensorAlarm(stage=Stage.START), sensor="fence-8"))
    with pytest.raises(NotFound, match="sensor 'fence-8'"):
        take(office, "fence-8", start())
    with pytest.raises(ContractError, match="expected a zone of it"):
        take(office, "fence-7", start(zone="middle"))
    assert handled(office) == []
    with office.fleet.store.reading() as connection:
        (row,) = reads.quarantine(connection)
    assert "has no sensor 'fence-8'" in row["detail"]


def test_safety_18_a_sensor_that_falls_silent_is_trouble_until_it_speaks_again(office: Office) -> None:
    def silent() -> list[str]:
        subjects = (each.subject for each in office.fleet.ingest.incidents.values())
        return [each for each in subjects if each is not None and each.startswith("sensor:")]

    office.pass_time(60.0)
    assert silent() == []
    office.pass_time(1.0)
    assert silent() == ["sensor:fence-7"]
    take(office, "fence-7", SensorSays(body=SensorTrack()))
    office.pass_time(1.0)
    assert silent() == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("{id: gate-1, name: x, kind: radar, zones: [middle]}", "a node has that name", id="a node"),
        pytest.param("{id: a, name: x, kind: radar, zones: [moon]}", "expected a zone", id="no such zone"),
        pytest.param("{id: a, name: x, kind: ear, zones: [middle]}", "kind", id="no such kind"),
    ],
)
def test_a_site_file_with_a_sensor_that_cannot_be_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(DocumentError, match=complaint):
        sensor_site(f"sensors:\n  - {text}\n")
