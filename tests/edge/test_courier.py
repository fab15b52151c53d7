"""Which message goes when: new ones first, the backlog slowly, each until the coordinator has it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.bus import BusMessage
from contract.commands import SequenceRange
from contract.envelope import Envelope, Origin
from contract.errors import ContractError
from contract.evidence import derive_evidence_id
from edge.link.courier import (
    BACKLOG_INTERVAL_US,
    GIVEN_UP_US,
    RETRY_US,
    WINDOW,
    Courier,
)
from edge.link.outbox import Outbox
from tests.conftest import ManualClock
from tests.contract.factories import evidence
from tests.edge.test_outbox import ack, held, message, open_at
from tests.edge.yard import SENDER, START_US


class Wire:
    """What was published; while `is_up` is False the bus takes nothing."""

    def __init__(self) -> None:
        self.is_up = True
        self.messages: list[BusMessage] = []

    def publish(self, message: BusMessage) -> bool:
        if self.is_up:
            self.messages.append(message)
        return self.is_up

    def envelopes(self) -> list[Envelope]:
        return [Envelope.model_validate_json(message.payload) for message in self.messages]

    def take(self) -> list[int | None]:
        """Sequences since the last time."""
        sequences = [envelope.sequence for envelope in self.envelopes()]
        self.messages.clear()
        return sequences


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with open_at(tmp_path) as outbox:
        yield outbox


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def courier(outbox: Outbox, wire: Wire, clock: ManualClock) -> Courier:
    return _courier(outbox, wire, clock)


def _courier(outbox: Outbox, wire: Wire, clock: ManualClock) -> Courier:
    return Courier(outbox, wire.publish, clock=clock, now_us=clock.wall_us)


def _post(courier: Courier, count: int) -> None:
    for n in range(count):
        courier.post(message(n))


def _drain(courier: Courier, wire: Wire, clock: ManualClock, *, seconds: float) -> list[int | None]:
    """Steps with every message taken by the broker at once."""
    sent: list[int | None] = []
    until_us = clock.monotonic_us() + round(seconds * 1e6)
    while clock.monotonic_us() < until_us:
        wait_s = courier.step()
        for published in wire.messages:
            courier.delivered(published)
        sent += wire.take()
        clock.advance(min(wait_s, 0.01))
    return sent


def test_each_message_goes_on_the_topic_of_its_body(courier: Courier, wire: Wire) -> None:
    manifest = evidence()
    message_id = derive_evidence_id(manifest, outbox_id=SENDER.outbox_id, boot=SENDER.boot)
    courier.post(
        SENDER.envelope(
            manifest, message_id=message_id, captured_at_us=START_US, origin=Origin.LIVE, trace_id=message_id.hex
        )
    )
    courier.post(message())
    courier.step()
    assert [each.topic for each in wire.messages] == [
        "vedette/v1/yard/edge-1/evidence",
        "vedette/v1/yard/edge-1/health",
    ]
    assert [each.sequence for each in wire.envelopes()] == [1, 2]


def test_a_message_is_sent_once_with_the_moment_of_sending(courier: Courier, wire: Wire, clock: ManualClock) -> None:
    courier.post(message())
    clock.advance(0.25)
    courier.step()
    (sent,) = wire.envelopes()
    assert sent.sequence == 1
    assert sent.sent_at_us == clock.wall_us()
    assert sent.captured_at_us == message().captured_at_us
    assert sent.hops_us["outbox"] == 250_000
    courier.delivered(wire.messages[0])
    clock.advance(4)
    courier.step()
    assert len(wire.messages) == 1


def test_puback_stops_the_retry_but_deletes_nothing(
    courier: Courier, wire: Wire, clock: ManualClock, outbox: Outbox
) -> None:
    courier.post(message())
    courier.step()
    clock.advance(RETRY_US / 1e6)
    courier.step()
    assert wire.take() == [1, 1]
    clock.advance(RETRY_US / 1e6)
    courier.step()
    courier.delivered(wire.messages[0])
    clock.advance(RETRY_US / 1e6 - 1)
    courier.step()
    assert wire.take() == [1]
    assert held(outbox) == [1]


def test_an_ack_lets_rows_go(courier: Courier, wire: Wire, outbox: Outbox) -> None:
    _post(courier, 3)
    courier.step()
    courier.acknowledged(ack(2))
    assert held(outbox) == [3]


def test_an_ack_of_what_was_never_written_is_refused_at_once(courier: Courier) -> None:
    _post(courier, 3)
    with pytest.raises(ContractError, match="expected at most sequence 3 of this outbox, got 4"):
        courier.acknowledged(ack(4))


def test_after_an_outage_the_new_goes_first_and_the_backlog_slowly(
    courier: Courier, wire: Wire, clock: ManualClock
) -> None:
    wire.is_up = False
    _post(courier, 40)
    courier.step()
    clock.advance(60)
    wire.is_up = True
    courier.session_opened()
    _post(courier, 2)
    sent = _drain(courier, wire, clock, seconds=0.5)
    assert sent[:2] == [41, 42]
    assert sent[2:] == list(range(1, len(sent) - 1))
    assert len(sent) - 2 == pytest.approx(0.5e6 / BACKLOG_INTERVAL_US, abs=2)
    courier.post(message(99))
    assert _drain(courier, wire, clock, seconds=0.01)[0] == 43


def test_what_happened_just_before_the_session_counts_as_new(courier: Courier, wire: Wire, clock: ManualClock) -> None:
    wire.is_up = False
    _post(courier, 3)
    clock.advance(60)
    _post(courier, 2)
    clock.advance(3)
    wire.is_up = True
    courier.session_opened()
    assert _drain(courier, wire, clock, seconds=1.0) == [4, 5, 1, 2, 3]


def test_a_backlog_is_sent_with_an_honest_age(courier: Courier, wire: Wire, clock: ManualClock) -> None:
    wire.is_up = False
    courier.post(message())
    courier.step()
    clock.advance(3600)
    wire.is_up = True
    courier.session_opened()
    courier.step()
    (sent,) = wire.envelopes()
    assert sent.sent_at_us - sent.captured_at_us >= 3_600_000_000


def test_a_new_life_sends_what_the_last_one_left(outbox: Outbox, wire: Wire, clock: ManualClock) -> None:
    _post(_courier(outbox, wire, clock), 3)
    courier = _courier(outbox, wire, clock)
    courier.session_opened()
    assert _drain(courier, wire, clock, seconds=1.0) == [1, 2, 3]


def test_a_new_session_sends_again_what_the_broker_had_but_nobody_acknowledged(
    courier: Courier, wire: Wire, clock: ManualClock
) -> None:
    _post(courier, 3)
    assert _drain(courier, wire, clock, seconds=0.1) == [1, 2, 3]
    courier.acknowledged(ack(1))
    clock.advance(60)
    courier.session_opened()
    assert _drain(courier, wire, clock, seconds=0.1) == [2, 3]


def test_a_gap_the_coordinator_names_is_sent_again(courier: Courier, wire: Wire, clock: ManualClock) -> None:
    _post(courier, 5)
    assert _drain(courier, wire, clock, seconds=0.1) == [1, 2, 3, 4, 5]
    clock.advance(10)
    word = ack(1, missing=(SequenceRange(first=2, last=3),), stored_beyond=(SequenceRange(first=4, last=5),))
    courier.acknowledged(word)
    courier.acknowledged(word)
    assert _drain(courier, wire, clock, seconds=0.5) == [2, 3]


def test_a_gap_that_is_still_on_its_way_is_not_sent_twice(courier: Courier, wire: Wire, clock: ManualClock) -> None:
    _post(courier, 3)
    assert _drain(courier, wire, clock, seconds=0.1) == [1, 2, 3]
    courier.acknowledged(ack(1, missing=(SequenceRange(first=2, last=2),)))
    assert _drain(courier, wire, clock, seconds=1.0) == []


def test_what_the_coordinator_has_beyond_a_gap_is_not_sent(courier: Courier, wire: Wire, clock: ManualClock) -> None:
    wire.is_up = False
    _post(courier, 4)
    courier.step()
    wire.is_up = True
    courier.acknowledged(ack(0, stored_beyond=(SequenceRange(first=2, last=3),)))
    assert _drain(courier, wire, clock, seconds=1.0) == [1, 4]


def test_a_hostile_range_costs_no_more_than_the_rows_there_are(
    courier: Courier, wire: Wire, clock: ManualClock
) -> None:
    _post(courier, 2)
    _drain(courier, wire, clock, seconds=0.1)
    clock.advance(GIVEN_UP_US / 1e6)
    hostile = (SequenceRange(first=1, last=10**30), SequenceRange(first=10**30, last=10**31))
    courier.acknowledged(ack(0, missing=hostile))
    assert _drain(courier, wire, clock, seconds=0.1) == [1, 2]


def test_a_lost_tail_is_found_by_probes_that_grow_rare(courier: Courier, wire: Wire, clock: ManualClock) -> None:
    _post(courier, 3)
    _drain(courier, wire, clock, seconds=0.1)
    assert _drain(courier, wire, clock, seconds=4.5) == []
    assert _drain(courier, wire, clock, seconds=0.7) == [3]
    assert _drain(courier, wire, clock, seconds=9.0) == []
    assert _drain(courier, wire, clock, seconds=1.0) == [3]
    clock.advance(600)
    assert _drain(courier, wire, clock, seconds=39.0) == [3]
    courier.acknowledged(ack(2))
    assert _drain(courier, wire, clock, seconds=6.0) == [3]
    courier.acknowledged(ack(3))
    assert _drain(courier, wire, clock, seconds=100.0) == []


def test_a_broker_that_takes_its_time_is_not_flooded(courier: Courier, wire: Wire) -> None:
    _post(courier, 50)
    courier.step()
    assert wire.take() == list(range(1, WINDOW + 1))


def test_an_ack_for_another_outbox_is_malformed(courier: Courier, outbox: Outbox) -> None:
    courier.post(message())
    with pytest.raises(ContractError, match="expected one of outbox"):
        courier.acknowledged(ack(1, outbox_id=message().message_id))
    assert held(outbox) == [1]
