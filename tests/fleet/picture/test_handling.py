"""The life of incidents: whatever people do in whatever order, no alarm is lost and what is closed stays closed."""

import uuid

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from contract.envelope import Envelope, Origin
from contract.events import Event, Stage
from contract.kinds import EventKind
from fleet.errors import Refused
from fleet.picture.exempt import Bypass
from fleet.picture.exempting import begun, ended
from fleet.picture.handling import annotated, assigned, escalated, merged, split
from fleet.picture.incidents import (
    Alarm,
    Cause,
    Disposition,
    Incident,
    IncidentKind,
    State,
    acknowledged,
    closed,
    derive_alarm_id,
    on_event,
)
from fleet.picture.priority import Factors, priority_of
from tests.fleet.messages import NOW_US, make_event

ADA, BO = "Ada Byron", "Bo Ek"


class Files:
    """What a store would hold."""

    def __init__(self) -> None:
        self.incidents: dict[uuid.UUID, Incident] = {}
        self.alarms: dict[uuid.UUID, Alarm] = {}
        self.now_us = NOW_US

    def hear(self, envelope: Envelope, *, site_track: uuid.UUID | None = None, exempt: Incident | None = None) -> Alarm:
        self.now_us += 1000
        event = envelope.body
        assert isinstance(event, Event)
        alarm = self.alarms.get(derive_alarm_id(event.event_id))
        change = on_event(
            envelope,
            alarm=alarm,
            incident_of_alarm=None if alarm is None else self.incidents[alarm.incident_id],
            open_incidents=[each for each in self.incidents.values() if each.state is not State.CLOSED],
            at_us=self.now_us,
            is_stale=False,
            site_track=site_track,
            exempt=exempt,
            priority=priority_of(
                Factors(event.severity, event.sighting.label, event.kind, event.certainty, event.sighting.score)
            ),
        )
        self.keep([change.incident], [change.alarm])
        return change.alarm

    def keep(self, incidents: list[Incident], alarms: list[Alarm] | tuple[Alarm, ...] = ()) -> None:
        self.incidents.update({each.incident_id: each for each in incidents})
        self.alarms.update({each.alarm_id: each for each in alarms})

    def of(self, incident: Incident) -> list[Alarm]:
        return [each for each in self.alarms.values() if each.incident_id == incident.incident_id]

    def only(self, alarm: Alarm) -> Incident:
        return self.incidents[alarm.incident_id]

    def merge(self, into: Incident, gone: Incident) -> Incident:
        self.now_us += 1000
        parts = merged(into, gone, alarms_into=self.of(into), alarms_gone=self.of(gone), by=ADA, at_us=self.now_us)
        self.keep([parts.gone, parts.into], parts.alarms)
        return parts.into

    def split(self, incident: Incident, taken: list[Alarm]) -> Incident:
        self.now_us += 1000
        ids = [each.alarm_id for each in taken]
        parts = split(incident, alarms=self.of(incident), taken=ids, why="two men", by=BO, at_us=self.now_us)
        self.keep([parts.rest, parts.new], parts.alarms)
        return parts.new


def far_apart(files: Files) -> tuple[Incident, Incident]:
    first = files.hear(make_event(sequence=1))
    second = files.hear(make_event(sequence=2, track=2, at_m=(0.0, 90.0), zone="middle"))
    return files.only(first), files.only(second)


def words(incident: Incident) -> list[tuple[str, str]]:
    return [(entry.who, entry.what) for entry in incident.timeline]


def test_merged_incidents_are_one_with_all_alarms_and_the_other_says_into_which() -> None:
    files = Files()
    into, gone = far_apart(files)
    one = files.merge(into, gone)
    assert (set(one.alarm_ids), one.zones) == ({*into.alarm_ids, *gone.alarm_ids}, ("middle", "north-fence"))
    assert words(one)[-1] == (ADA, "merged: took over 1 alarm of 'person in zone middle'")
    left = files.incidents[gone.incident_id]
    assert (left.state, left.merged_into, left.alarm_ids) == (State.CLOSED, into.incident_id, ())
    assert words(left)[-1] == (ADA, f"merged into incident {into.incident_id}")


def test_an_intrusion_merged_into_a_movement_makes_it_an_intrusion() -> None:
    files = Files()
    movement = files.only(files.hear(make_event(sequence=1, kind=EventKind.UNCLASSIFIED_MOVEMENT)))
    intrusion = files.only(files.hear(make_event(sequence=2, track=2)))
    assert files.merge(movement, intrusion).kind is IncidentKind.INTRUSION


def test_an_acknowledged_incident_that_takes_over_an_alarm_nobody_saw_is_open_again() -> None:
    files = Files()
    into, gone = far_apart(files)
    change = acknowledged(files.of(into)[0], into, others=[], by=ADA, at_us=NOW_US)
    files.keep([change.incident], [change.alarm])
    assert change.incident.state is State.ACKNOWLEDGED
    assert files.merge(change.incident, gone).state is State.OPEN


def test_split_alarms_are_an_incident_of_their_own_with_its_own_place_and_zones() -> None:
    files = Files()
    one = files.merge(*far_apart(files))
    leaving = next(alarm for alarm in files.of(one) if alarm.zone == "middle")
    new = files.split(one, [leaving])
    rest = files.incidents[one.incident_id]
    assert (new.zones, rest.zones) == (("middle",), ("north-fence",))
    assert (new.title, new.sighting, new.opened_at_us) == (leaving.title, leaving.sighting, leaving.raised_at_us)
    assert words(new) == [(BO, f"split from '{one.title}' ({one.incident_id}): two men")]
    assert words(rest)[-1] == (BO, f"split: 1 alarm went to incident {new.incident_id}: two men")


def test_who_is_known_on_the_map_belongs_to_his_incident_wherever_he_is_seen_next() -> None:
    files, man = Files(), uuid.UUID(int=7)
    first = files.hear(make_event(sequence=1), site_track=man)
    far = make_event(sequence=2, track=8, at_m=(0.0, 90.0), captured_at_us=NOW_US + 300_000_000)
    other = make_event(sequence=3, track=9, at_m=(0.0, 90.0), captured_at_us=NOW_US + 600_000_000)
    assert files.hear(far, site_track=man).incident_id == first.incident_id
    assert files.hear(other, site_track=uuid.UUID(int=8)).incident_id != first.incident_id


def test_the_incident_is_as_urgent_as_its_most_urgent_alarm() -> None:
    files = Files()
    alarm = files.hear(make_event(sequence=1))
    assert files.only(alarm).priority == alarm.priority
    assert alarm.priority.level == 1


def test_acts_that_make_no_sense_are_refused_in_words() -> None:
    files = Files()
    first, second = far_apart(files)
    alarms = files.of(first)
    live = second.model_copy(update={"origin": Origin.LIVE})
    shut, _ = closed(second, alarms=[], disposition=Disposition.TEST, note="", by=ADA, at_us=NOW_US)
    bypass = begun(Bypass(zone="middle", reason="a digger", by=ADA, from_us=0, until_us=9), at_us=0)

    def merge(into: Incident, gone: Incident) -> None:
        merged(into, gone, alarms_into=alarms, alarms_gone=[], by=ADA, at_us=NOW_US)

    def close(disposition: Disposition, cause: Cause | None) -> None:
        closed(first, alarms=alarms, disposition=disposition, note="", by=ADA, at_us=NOW_US, cause=cause)

    for act, reason in (
        (lambda: merge(first, first), "got itself"),
        (lambda: merge(first, shut), "expected an open incident"),
        (lambda: merge(first, live), "it is live, the other is simulated"),
        (lambda: merge(first, bypass), "it is a bypass"),
        (lambda: split(first, alarms=alarms, taken=first.alarm_ids, why="", by=ADA, at_us=0), "some of its 1 alarms"),
        (lambda: split(first, alarms=alarms, taken=second.alarm_ids, why="", by=ADA, at_us=0), "expected alarms of it"),
        (lambda: escalated(bypass, to=BO, why="help", by=ADA, at_us=0), "split off what is real first"),
        (lambda: assigned(shut, to=BO, by=ADA, at_us=0), "it is closed"),
        (lambda: close(Disposition.NUISANCE, None), "got nuisance without a cause"),
        (lambda: close(Disposition.CONFIRMED, Cause.STAFF), "got confirmed with one"),
        (lambda: close(Disposition.NUISANCE, Cause.OTHER), "expected a note"),
    ):
        with pytest.raises(Refused, match=reason):
            act()


def test_rows_of_an_earlier_version_are_read_with_defaults() -> None:
    files = Files()
    alarm = files.hear(make_event(sequence=1))
    new_fields = {
        *("priority", "handling", "site_track", "site_tracks", "assigned_to", "escalated_to", "cause"),
        *("merged_into", "bypass", "walk_test"),
    }
    old_alarm = Alarm.model_validate(alarm.model_dump(mode="json", exclude=new_fields))
    old_incident = Incident.model_validate(files.only(alarm).model_dump(mode="json", exclude=new_fields))
    assert (old_alarm.priority.level, old_alarm.handling.value) == (3, "normal")
    assert (old_incident.priority.level, old_incident.exemption) == (3, None)


class Life(RuleBasedStateMachine):
    """Alarms come and people act on them, in any order; what is refused changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.files = Files()
        self.heard: set[uuid.UUID] = set()
        self.shut: dict[uuid.UUID, Incident] = {}
        self.acts: dict[uuid.UUID, int] = {}  # incident -> lines it must have at least

    def chosen(self, number: int, *, is_open: bool = True) -> Incident:
        known = sorted(self.files.incidents.values(), key=lambda each: each.incident_id.hex)
        wanted = [each for each in known if not is_open or each.state is not State.CLOSED] or known
        return wanted[number % len(wanted)]

    def told(self, *incidents: uuid.UUID) -> None:
        for each in incidents:
            self.acts[each] = self.acts.get(each, 0) + 1

    @rule(track=st.integers(0, 5), place=st.integers(0, 3), is_end=st.booleans(), is_movement=st.booleans())
    def an_event_comes(self, track: int, place: int, is_end: bool, is_movement: bool) -> None:
        kind = EventKind.UNCLASSIFIED_MOVEMENT if is_movement else EventKind.INTRUSION
        stage, revision = (Stage.END, 1) if is_end else (Stage.START, 0)
        envelope = make_event(
            sequence=1, track=track, at_m=(0.0, 40.0 * place), kind=kind, stage=stage, revision=revision
        )
        self.heard.add(self.files.hear(envelope).alarm_id)

    @precondition(lambda self: self.heard)
    @rule(number=st.integers(0, 99))
    def somebody_acknowledges(self, number: int) -> None:
        alarm = self.files.alarms[sorted(self.heard)[number % len(self.heard)]]
        incident = self.files.only(alarm)
        if alarm.state is State.OPEN:
            others = self.files.of(incident)
            change = acknowledged(alarm, incident, others=others, by=ADA, at_us=self.files.now_us)
            self.files.keep([change.incident], [change.alarm])
            self.told(incident.incident_id)

    @precondition(lambda self: self.heard)
    @rule(number=st.integers(0, 99))
    def somebody_closes(self, number: int) -> None:
        incident = self.chosen(number)
        try:
            shut, alarms = closed(
                incident,
                alarms=self.files.of(incident),
                disposition=Disposition.NUISANCE,
                cause=Cause.ANIMAL,
                note="",
                by=BO,
                at_us=self.files.now_us,
            )
        except Refused:
            assert incident.state is State.CLOSED
            return
        self.files.keep([shut], alarms)
        self.shut[shut.incident_id] = shut
        self.told(shut.incident_id)

    @precondition(lambda self: self.heard)
    @rule(a=st.integers(0, 99), b=st.integers(0, 99))
    def somebody_merges(self, a: int, b: int) -> None:
        into, gone = self.chosen(a), self.chosen(b)
        try:
            self.files.merge(into, gone)
        except Refused:
            assert into.incident_id == gone.incident_id or State.CLOSED in (into.state, gone.state)
            return
        self.shut[gone.incident_id] = self.files.incidents[gone.incident_id]
        self.told(into.incident_id, gone.incident_id)

    @precondition(lambda self: self.heard)
    @rule(number=st.integers(0, 99), how_many=st.integers(1, 3))
    def somebody_splits(self, number: int, how_many: int) -> None:
        incident = self.chosen(number)
        try:
            new = self.files.split(incident, self.files.of(incident)[:how_many])
        except Refused:
            assert incident.state is State.CLOSED or len(incident.alarm_ids) <= how_many
            return
        self.told(incident.incident_id, new.incident_id)

    @precondition(lambda self: self.heard)
    @rule(number=st.integers(0, 99), is_open=st.booleans())
    def somebody_notes_assigns_or_escalates(self, number: int, is_open: bool) -> None:
        incident = self.chosen(number, is_open=is_open)
        now = annotated(incident, text="a fox", by=ADA, at_us=self.files.now_us)
        self.told(now.incident_id)
        if now.state is State.CLOSED:
            self.shut[now.incident_id] = now
        else:
            now = escalated(now, to="the police", why="three men", by=ADA, at_us=self.files.now_us)
            self.told(now.incident_id)
        self.files.keep([now])

    @invariant()
    def every_alarm_is_in_exactly_one_incident_and_none_is_lost(self) -> None:
        listed = [alarm_id for incident in self.files.incidents.values() for alarm_id in incident.alarm_ids]
        assert sorted(listed) == sorted(self.heard)
        for incident in self.files.incidents.values():
            assert {alarm.alarm_id for alarm in self.files.of(incident)} == set(incident.alarm_ids)

    @invariant()
    def an_incident_is_as_its_alarms_are(self) -> None:
        for incident in self.files.incidents.values():
            states = {alarm.state for alarm in self.files.of(incident)}
            if incident.state is State.CLOSED:
                assert states <= {State.CLOSED}
            else:
                assert incident.state is (State.OPEN if State.OPEN in states else State.ACKNOWLEDGED)
                assert State.CLOSED not in states

    @invariant()
    def what_is_closed_stays_closed_and_as_it_was(self) -> None:
        assert {each: self.files.incidents[each] for each in self.shut} == self.shut

    @invariant()
    def the_timeline_tells_each_act(self) -> None:
        for incident_id, acts in self.acts.items():
            told = [each for each in self.files.incidents[incident_id].timeline if each.who in (ADA, BO)]
            assert len(told) == acts


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)


def test_at_the_end_of_a_bypass_what_is_over_is_closed_and_who_is_still_inside_is_an_alarm() -> None:
    files = Files()
    until_us = NOW_US + 3_600_000_000
    bypass = begun(
        Bypass(zone="north-fence", reason="a digger", by=ADA, from_us=NOW_US, until_us=until_us), at_us=NOW_US
    )
    files.keep([bypass])
    gone = files.hear(make_event(sequence=1), exempt=bypass)
    files.hear(make_event(sequence=2, stage=Stage.END, revision=1))
    still = files.hear(make_event(sequence=3, track=2), exempt=files.incidents[bypass.incident_id])
    lasting = files.incidents[bypass.incident_id]
    over = ended(lasting, alarms=files.of(lasting), by="system", why="its time is over", at_us=until_us)
    files.keep([over.incident, *over.real], over.alarms)
    (real,) = over.real
    assert (real.kind, real.state, real.alarm_ids) == (IncidentKind.INTRUSION, State.OPEN, (still.alarm_id,))
    assert real.origin is Origin.SIMULATED
    assert (files.alarms[gone.alarm_id].state, over.incident.alarm_ids) == (State.CLOSED, (gone.alarm_id,))
    assert [what for _, what in words(over.incident)][-2:] == [
        "ended: its time is over",
        "closed as unknown: alarms that nobody answered: 1",
    ]
