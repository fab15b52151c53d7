"""Manifests of files that nodes keep: stored exactly once, whatever is sent twice, out of order or broken."""

import pytest

from contract.bus import BusMessage
from contract.commands import Ack
from contract.envelope import Envelope
from contract.events import Event
from contract.evidence import Evidence, EvidenceKind
from fleet.picture.arrival import Arrival
from fleet.picture.ingest import Ingest, Outcome
from fleet.records import reads
from fleet.records.store import Store
from tests.fleet.messages import NOW_US, OUTBOX, make_event, make_manifest, on_bus

EVENT = make_event(sequence=1)


def take(ingest: Ingest, *messages: Envelope | BusMessage) -> Outcome:
    on_the_bus = [on_bus(each) if isinstance(each, Envelope) else each for each in messages]
    return ingest.take([Arrival(message, NOW_US, 0) for message in on_the_bus])


def stored(store: Store, of: Envelope = EVENT) -> list[Evidence]:
    assert isinstance(of.body, Event)
    with store.reading() as connection:
        return reads.evidence_of(connection, [of.body.event_id])


def test_a_manifest_is_stored_and_acknowledged_and_alarms_nobody(ingest: Ingest, store: Store) -> None:
    take(ingest, EVENT)
    manifest = make_manifest(sequence=2, of=EVENT)
    outcome = take(ingest, manifest)
    assert outcome.effects == []
    assert [kept.evidence for kept in outcome.kept] == [manifest.body] == stored(store)
    assert outcome.acks == [("gate-1", Ack(outbox_id=OUTBOX, contiguous=2))]


def test_a_manifest_that_comes_again_is_acknowledged_again_and_stored_once(ingest: Ingest, store: Store) -> None:
    manifest = make_manifest(sequence=2, of=EVENT)
    take(ingest, EVENT, manifest)
    outcome = take(ingest, manifest.model_copy(update={"sent_at_us": NOW_US + 7_000_000}))
    assert (outcome.kept, outcome.redelivered) == ([], 1)
    assert outcome.acks == [("gate-1", Ack(outbox_id=OUTBOX, contiguous=2))]
    assert len(stored(store)) == 1


def test_a_node_that_says_it_again_in_its_next_life_is_believed_and_the_file_counts_once(
    ingest: Ingest, store: Store
) -> None:
    take(ingest, EVENT, make_manifest(sequence=2, of=EVENT))
    outcome = take(ingest, make_manifest(sequence=3, of=EVENT, boot=2))
    assert outcome.quarantined == []
    assert outcome.acks == [("gate-1", Ack(outbox_id=OUTBOX, contiguous=3))]
    assert len(stored(store)) == 1


def test_a_manifest_may_come_before_its_event_and_waits_for_it(ingest: Ingest, store: Store) -> None:
    take(ingest, make_manifest(sequence=2, of=EVENT))
    outcome = take(ingest, EVENT)
    assert outcome.effects[0].change.is_new_incident
    assert len(stored(store)) == 1


def test_the_files_of_an_event_are_listed_in_order_of_capture(ingest: Ingest, store: Store) -> None:
    snapshot = make_manifest(
        sequence=2, of=EVENT, kind=EvidenceKind.SNAPSHOT, sha256="5a" * 32, start_us=NOW_US, end_us=NOW_US
    )
    take(ingest, EVENT, snapshot, make_manifest(sequence=3, of=EVENT))
    assert [each.kind for each in stored(store)] == [EvidenceKind.CLIP, EvidenceKind.SNAPSHOT]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(on_bus(make_manifest(sequence=2, of=EVENT, camera="cam-south")), id="another node's camera"),
        pytest.param(on_bus(make_manifest(sequence=2, of=EVENT, sha256="../../etc/passwd")), id="no digest"),
        pytest.param(on_bus(make_manifest(sequence=2, of=EVENT, bytes=-1)), id="no size"),
    ],
)
def test_a_manifest_that_must_not_be_used_is_quarantined_and_its_number_acknowledged(
    ingest: Ingest, store: Store, message: BusMessage
) -> None:
    take(ingest, EVENT)
    outcome = take(ingest, message)
    assert outcome.quarantined == ["malformed"]
    assert outcome.troubles["malformed:gate-1"].startswith("node gate-1: evidence quarantined")
    assert outcome.acks == [("gate-1", Ack(outbox_id=OUTBOX, contiguous=2))]
    assert stored(store) == []


def test_a_manifest_without_a_number_is_quarantined(ingest: Ingest) -> None:
    outcome = take(ingest, make_manifest(sequence=None, of=EVENT))
    assert (outcome.quarantined, outcome.acks) == (["malformed"], [])
