import itertools
import json
import uuid
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from contract.bus import BusMessage
from contract.commands import Ack, SequenceRange
from contract.envelope import Envelope
from contract.events import Stage
from contract.topics import ACK, EVENTS
from fleet.errors import StoreError
from fleet.picture.arrival import Arrival
from fleet.picture.incidents import Alarm, State
from fleet.picture.ingest import Ingest, Outcome, age_at_arrival_s
from fleet.records import reads, tables
from fleet.records.store import Store, open_store
from tests.fleet.messages import (
    NOW_US,
    OUTBOX,
    make_envelope,
    make_event,
    make_site,
    make_status,
    on_bus,
    status_on_bus,
)


def arrive(message: BusMessage, *, after_us: int = 50_000) -> Arrival:
    return Arrival(message, wall_us=NOW_US + after_us, monotonic_us=1_000_000 + after_us)


def take(ingest: Ingest, *envelopes: Envelope) -> Outcome:
    return ingest.take([arrive(on_bus(envelope)) for envelope in envelopes])


def count(store: Store, table: object) -> int:
    with store.reading() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0  # type: ignore[arg-type]


def test_an_event_opens_one_alarm_and_one_incident_and_is_acknowledged(ingest: Ingest, store: Store) -> None:
    outcome = take(ingest, make_event(sequence=1))
    assert [(effect.change.is_new_alarm, effect.change.is_new_incident) for effect in outcome.effects] == [(True, True)]
    assert outcome.acks == [("gate-1", Ack(outbox_id=OUTBOX, contiguous=1))]
    with store.reading() as connection:
        assert [alarm.title for alarm in reads.alarms(connection)] == ["person in zone north-fence"]


def test_a_redelivery_has_no_effect_and_is_acknowledged_again(ingest: Ingest, store: Store) -> None:
    event = make_event(sequence=1)
    take(ingest, event)
    outcome = take(ingest, event.model_copy(update={"sent_at_us": NOW_US + 9_000_000, "hops_us": {"outbox": 5}}))
    assert (outcome.effects, outcome.redelivered) == ([], 1)
    assert outcome.acks == [("gate-1", Ack(outbox_id=OUTBOX, contiguous=1))]
    assert count(store, tables.MESSAGES) == 1


def test_the_same_message_twice_in_one_batch_has_one_effect(ingest: Ingest, store: Store) -> None:
    event = make_event(sequence=1)
    assert len(take(ingest, event, event).effects) == 1
    assert count(store, tables.ALARMS) == 1


def test_the_same_id_with_other_content_is_quarantined_with_a_trouble(ingest: Ingest, store: Store) -> None:
    event = make_event(sequence=1)
    take(ingest, event)
    outcome = take(ingest, event.model_copy(update={"boot": 2}))
    assert outcome.quarantined == ["conflict"]
    assert list(outcome.troubles) == ["conflict:gate-1"]
    assert (count(store, tables.MESSAGES), count(store, tables.QUARANTINE)) == (1, 1)


@pytest.mark.parametrize("is_one_batch", [False, True], ids=["stored before", "in one batch"])
def test_a_redelivery_that_another_program_wrote_is_no_conflict(
    ingest: Ingest, store: Store, *, is_one_batch: bool
) -> None:
    first = on_bus(make_event(sequence=1))
    content = json.loads(first.payload)
    again = replace(first, payload=json.dumps(content, indent=1, sort_keys=True).encode())
    batches = [[first, again]] if is_one_batch else [[first], [again]]
    outcomes = [ingest.take([arrive(each) for each in batch]) for batch in batches]
    assert (outcomes[-1].redelivered, outcomes[-1].quarantined) == (1, [])
    assert count(store, tables.MESSAGES) == 1


def test_after_a_restart_a_used_number_is_still_known(ingest: Ingest, store: Store) -> None:
    take(ingest, make_event(sequence=7))
    later = Ingest(make_site(), store)
    later.load()
    outcome = take(later, make_event(track=2, sequence=7), make_event(track=3, sequence=8))
    assert (len(outcome.effects), outcome.quarantined) == (1, ["conflict"])


def test_another_message_with_a_used_number_is_quarantined(ingest: Ingest, store: Store) -> None:
    take(ingest, make_event(sequence=1))
    outcome = take(ingest, make_event(sequence=1, track=2))
    assert (outcome.effects, outcome.quarantined) == ([], ["conflict"])


def test_a_gap_asks_for_resend(ingest: Ingest) -> None:
    take(ingest, make_event(sequence=1))
    outcome = take(ingest, make_event(sequence=4, track=4))
    beyond, missing = (SequenceRange(first=4, last=4),), (SequenceRange(first=2, last=3),)
    assert outcome.acks == [("gate-1", Ack(outbox_id=OUTBOX, contiguous=1, stored_beyond=beyond, missing=missing))]


def test_numbers_the_node_gave_up_become_a_trouble_and_the_stream_goes_on(ingest: Ingest) -> None:
    take(ingest, make_event(sequence=1), make_event(sequence=6, track=6))
    outcome = ingest.take([arrive(status_on_bus(make_envelope(make_status(oldest=6))))])
    assert outcome.troubles == {"lost:gate-1:2": "events 2..5 of node gate-1 were lost"}
    assert outcome.acks == [("gate-1", Ack(outbox_id=OUTBOX, contiguous=6))]


def test_an_end_before_its_start_opens_the_alarm_and_stays_the_end(ingest: Ingest) -> None:
    take(ingest, make_event(sequence=3, stage=Stage.END, revision=2, captured_at_us=NOW_US + 40_000))
    outcome = take(ingest, make_event(sequence=1))
    alarm = outcome.effects[0].change.alarm
    assert (alarm.revision, alarm.ended_at_us) == (2, NOW_US + 40_000)
    assert not outcome.effects[0].change.is_new_alarm


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(BusMessage("vedette/v1/yard/gate-1/events", b"{not json", 1), id="not JSON"),
        pytest.param(BusMessage("vedette/v1/yard/gate-1/events", b"\xff\x00", 1), id="not UTF-8"),
        pytest.param(BusMessage("vedette/v1/yard/gate-1/events", b"[" * 100_000, 1), id="nested too deep"),
        pytest.param(BusMessage("vedette/v1/yard/gate-1/events", b"x" * 300_000, 1), id="too long"),
        pytest.param(BusMessage("vedette/v1/yard/gate-1/nonsense", b"{}", 1), id="a topic outside the table"),
        pytest.param(BusMessage("vedette/v1/yard/gate-2/events", on_bus(make_event(sequence=1)).payload, 1), id="liar"),
        pytest.param(on_bus(make_event(sequence=1, camera="cam-south", zone="middle")), id="another node's camera"),
        pytest.param(status_on_bus(make_envelope(make_status(), node="stranger")), id="unknown node"),
        pytest.param(on_bus(make_event(sequence=2**60)), id="a number no store can hold"),
        pytest.param(on_bus(make_event(sequence=1, zone="nowhere")), id="unknown zone"),
        pytest.param(on_bus(make_event(sequence=1).model_copy(update={"sequence": None})), id="no number"),
        pytest.param(replace(on_bus(make_event(sequence=1)), retain=True), id="retained event"),
        pytest.param(replace(on_bus(make_event(sequence=1)), expiry_s=0), id="expired event"),
        pytest.param(replace(on_bus(make_event(sequence=1)), topic=ACK.address(site="yard", node="gate-1")), id="ack"),
    ],
)
def test_what_must_not_be_used_is_quarantined_and_has_no_effect(
    ingest: Ingest, store: Store, message: BusMessage
) -> None:
    outcome = ingest.take([arrive(message)])
    assert (len(outcome.quarantined), outcome.effects) == (1, [])
    assert (count(store, tables.QUARANTINE), count(store, tables.ALARMS)) == (1, 0)


def test_one_broken_message_does_not_stop_the_others_of_its_batch(ingest: Ingest) -> None:
    broken = BusMessage("vedette/v1/yard/gate-1/events", b"{", 1)
    outcome = ingest.take([arrive(broken), arrive(on_bus(make_event(sequence=1)))])
    assert (outcome.quarantined, len(outcome.effects)) == (["malformed"], 1)


def test_a_message_of_a_newer_contract_is_kept_and_does_not_block_its_stream(ingest: Ingest) -> None:
    payload = on_bus(make_event(sequence=1)).payload.replace(b'"schema_version":1', b'"schema_version":2')
    message = BusMessage(EVENTS.address(site="yard", node="gate-1"), payload, 1)
    outcome = ingest.take([arrive(message)])
    assert outcome.acks == [("gate-1", Ack(outbox_id=OUTBOX, contiguous=1))]
    assert list(outcome.troubles) == ["malformed:gate-1"]


def test_an_old_event_opens_an_incident_marked_stale(ingest: Ingest) -> None:
    outcome = ingest.take([arrive(on_bus(make_event(sequence=1)), after_us=16_000_000)])
    assert outcome.effects[0].change.alarm.is_stale
    assert outcome.effects[0].age_s == 16.0


def test_a_fresh_update_of_a_stale_alarm_makes_it_fresh(ingest: Ingest) -> None:
    ingest.take([arrive(on_bus(make_event(sequence=1)), after_us=30_000_000)])
    update = make_event(sequence=2, stage=Stage.UPDATE, revision=1, captured_at_us=NOW_US + 31_000_000)
    outcome = ingest.take([arrive(on_bus(update), after_us=31_100_000)])
    assert not outcome.effects[0].change.alarm.is_stale


@pytest.mark.parametrize(
    ("captured_us", "sent_us", "wall_us", "age_s"),
    [
        pytest.param(0, 0, 1_500_000, 1.5, id="our clock says it is old"),
        pytest.param(0, 9_000_000, 1_000_000, 9.0, id="the node held it for long and its clock runs ahead"),
        pytest.param(1_900_000, 1_900_000, 0, 0.0, id="a little ahead of us is now"),
        pytest.param(2_100_000, 2_100_000, 0, None, id="from the future is unknown"),
    ],
)
def test_age_at_arrival(captured_us: int, sent_us: int, wall_us: int, age_s: float | None) -> None:
    event = make_event(sequence=1).model_copy(
        update={"captured_at_us": NOW_US + captured_us, "sent_at_us": NOW_US + sent_us}
    )
    assert age_at_arrival_s(event, NOW_US + wall_us) == age_s


def test_after_a_restart_open_alarms_go_on_where_they_were(ingest: Ingest, store: Store) -> None:
    take(ingest, make_event(sequence=1))
    again = Ingest(make_site(), store)
    again.load()
    outcome = take(again, make_event(sequence=2, stage=Stage.END, revision=1, captured_at_us=NOW_US + 30_000))
    assert not outcome.effects[0].change.is_new_alarm
    assert outcome.acks == [("gate-1", Ack(outbox_id=OUTBOX, contiguous=2))]


def test_a_store_that_fails_acknowledges_nothing_and_takes_the_same_batch_later(ingest: Ingest, store: Store) -> None:
    with store.transaction() as connection:
        tables.ALARMS.drop(connection)
    with pytest.raises(StoreError):
        take(ingest, make_event(sequence=1))
    assert (count(store, tables.MESSAGES), ingest.incidents) == (0, {})
    with store.transaction() as connection:
        tables.ALARMS.create(connection)
    assert len(take(ingest, make_event(sequence=1)).effects) == 1


def _life(track: int, first_sequence: int) -> list[Envelope]:
    where = (0.0, 20.0 + 40.0 * track)
    stages = [(Stage.START, 0), (Stage.UPDATE, 1), (Stage.UPDATE, 2), (Stage.END, 3)]
    return [
        make_event(
            sequence=first_sequence + revision,
            track=track,
            stage=stage,
            revision=revision,
            captured_at_us=NOW_US + 10_000 * revision,
            at_m=where,
        )
        for stage, revision in stages
    ]


LIVES = [*_life(1, 1), *_life(2, 5), *_life(3, 9)]


def _essence(alarm: Alarm) -> tuple[object, ...]:
    assert alarm.sighting is not None
    place = alarm.sighting.model_dump_json()
    return alarm.alarm_id, alarm.revision, alarm.captured_at_us, alarm.ended_at_us, place, alarm.state


@given(
    order=st.permutations(range(len(LIVES))),
    again=st.lists(st.integers(0, len(LIVES) - 1), max_size=8),
    cuts=st.lists(st.integers(0, 20), max_size=4),
)
@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate])  # shrinking takes minutes
def test_any_order_with_any_duplicates_gives_the_same_store_and_one_effect_each(
    order: list[int], again: list[int], cuts: list[int]
) -> None:
    arrivals = [arrive(on_bus(LIVES[index])) for index in [*order, *again]]
    bounds = sorted({0, len(arrivals), *(cut for cut in cuts if cut < len(arrivals))})
    with open_store(None) as store:
        ingest = Ingest(make_site(), store)
        outcomes = [ingest.take(arrivals[a:b]) for a, b in itertools.pairwise(bounds)]
        with store.reading() as connection:
            alarms = {_essence(alarm) for alarm in reads.alarms(connection)}
            incidents = reads.incidents(connection)
            streams = reads.streams(connection)
        stored = count(store, tables.MESSAGES)
    assert sum(len(outcome.effects) for outcome in outcomes) == stored == len(LIVES)
    assert streams[("gate-1", str(OUTBOX))].contiguous == len(LIVES)
    assert (
        alarms
        == {
            (
                uuid.uuid5(life[0].body.event_id, "alarm"),  # type: ignore[union-attr]
                3,
                NOW_US + 30_000,
                NOW_US + 30_000,
                life[3].body.sighting.model_dump_json(),  # type: ignore[union-attr]
                State.OPEN,
            )
            for life in (LIVES[0:4], LIVES[4:8], LIVES[8:12])
        }
    )
    assert sorted(len(incident.alarm_ids) for incident in incidents) == [1, 1, 1]


EXTREMES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.floats(),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
)
PLACES = st.sampled_from(
    [
        ("sequence",), ("boot",), ("outbox_id",), ("message_id",), ("captured_at_us",), ("sent_at_us",), ("hops_us",),
        ("body", "revision"), ("body", "event_id"), ("body", "started_at_us"), ("body", "model", "name"),
        ("body", "sighting", "track"), ("body", "sighting", "ground"), ("body", "sighting", "score"),
        ("body", "outbox", "oldest_sequence"), ("body", "outbox"), ("site",), ("node",), ("trace_id",), ("body",),
    ]
)  # fmt: skip
SPOILT = [on_bus(make_event(sequence=1)), status_on_bus(make_envelope(make_status()))]


@given(message=st.sampled_from(SPOILT), place=PLACES, value=EXTREMES)
@settings(
    max_examples=150,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # one store for all examples
)
def test_no_value_anywhere_in_a_message_stops_the_coordinator(
    store: Store, message: BusMessage, place: tuple[str, ...], value: object
) -> None:
    document = json.loads(message.payload)
    inner = document
    for key in place[:-1]:
        inner = inner.setdefault(key, {}) if isinstance(inner, dict) else {}
    inner[place[-1]] = value
    spoilt = replace(message, payload=json.dumps(document).encode())
    outcome = Ingest(make_site(), store).take([arrive(spoilt)])
    heard = len(outcome.effects) + outcome.redelivered + len(outcome.reports)
    assert heard + len(outcome.quarantined) == 1
