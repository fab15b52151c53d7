"""How good a link is, from sequence numbers and TIMESYNC."""

import random
from collections.abc import Iterable
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.site import VehicleKind
from fleet.flight.mavlink_quality import KNOWN_FROM_FRAMES, RoundTrip, SequenceLoss
from tests.fleet.flight.air import Air, ScriptedPeer, heartbeat, position, simulated

S = 1_000_000


def loss_of(sequences: Iterable[int]) -> float | None:
    loss = SequenceLoss()
    for sequence in sequences:
        loss.count(sequence % 256)
    return loss.loss_frac


def swapped(sequences: list[int], *, each: int, by: int) -> list[int]:
    """Every so many frames one comes `by` frames late."""
    for at in range(each, len(sequences) - by, each):
        sequences.insert(at + by, sequences.pop(at))
    return sequences


@pytest.mark.parametrize(
    ("sequences", "expected"),
    [
        pytest.param(range(600), 0.0, id="all came, twice around"),
        pytest.param((n for n in range(600) if n % 4), 0.25, id="each fourth is lost, also around the wrap"),
        pytest.param((n for m in range(300) for n in (m, m)), 0.0, id="each came twice"),
        pytest.param((n for m in range(10, 300) for n in (m, m - 7)), 0.0, id="each came again much later"),
        pytest.param(swapped(list(range(600)), each=5, by=3), 0.0, id="overtaken"),
        pytest.param(swapped([n for n in range(600) if n % 4], each=5, by=3), 0.25, id="lost and overtaken"),
        pytest.param([*range(356), *range(200)], 0.0, id="rebooted"),
        pytest.param([*range(30), *range(90)], 0.0, id="rebooted early"),
    ],
)
def test_loss_is_what_never_came(sequences: Iterable[int], expected: float) -> None:
    assert loss_of(sequences) == pytest.approx(expected, abs=0.01)


def test_loss_is_unknown_before_enough_frames_came() -> None:
    assert loss_of(range(KNOWN_FROM_FRAMES - 1)) is None
    assert loss_of(range(KNOWN_FROM_FRAMES)) == 0.0


def test_loss_follows_a_link_that_gets_better() -> None:
    chance = random.Random(1)
    bad = [n for n in range(1000) if chance.random() >= 0.5]
    assert loss_of(bad) == pytest.approx(0.5, abs=0.08)
    assert loss_of([*bad, *range(1000, 2000)]) == pytest.approx(0.0, abs=0.1)


def test_a_new_address_counts_on_without_a_gap() -> None:
    loss = SequenceLoss()
    for sequence in range(100):
        loss.count(sequence)
    loss.begin_anew()
    loss.count(200)
    assert loss.loss_frac == 0.0


def answer(question: Any) -> Any:
    return mavlink.MAVLink_timesync_message(77, question.ts1)


def test_a_round_trip_is_from_question_to_answer_once_a_second() -> None:
    trip = RoundTrip(1)
    question: Any = trip.question(10 * S)
    assert (question.tc1, question.ts1) == (0, 10 * S * 1000 + 1)
    assert trip.question(10 * S + 900_000) is None
    assert trip.hear(answer(question), 10 * S + 300_000) is None
    assert trip.round_trip_s(11 * S) == pytest.approx(0.3)
    later = trip.question(11 * S)
    trip.hear(answer(later), 11 * S + 1_100_000)
    assert trip.round_trip_s(13 * S) == pytest.approx(0.4), "an eighth of the way"


def test_an_answer_to_another_station_or_a_second_time_measures_nothing() -> None:
    trip = RoundTrip(1)
    question = trip.question(10 * S)
    trip.hear(mavlink.MAVLink_timesync_message(77, 10 * S * 1000 + 2), 10 * S + 1)  # of another vehicle's question
    trip.hear(mavlink.MAVLink_timesync_message(77, -5), 10 * S + 1)
    assert trip.round_trip_s(11 * S) is None
    trip.hear(answer(question), 10 * S + 200_000)
    trip.hear(answer(question), 15 * S)
    assert trip.round_trip_s(15 * S) == pytest.approx(0.2)


def test_a_round_trip_of_long_ago_is_unknown() -> None:
    trip = RoundTrip(1)
    trip.hear(answer(trip.question(S)), 2 * S)
    assert trip.round_trip_s(17 * S) == pytest.approx(1.0)
    assert trip.round_trip_s(17 * S + 1) is None


def test_its_questions_are_answered_with_its_own_stamp_and_not_without_end() -> None:
    trip = RoundTrip(1)
    answers = [trip.hear(mavlink.MAVLink_timesync_message(0, 123), 10 * S + n) for n in range(50)]
    assert [(each.tc1, each.ts1) for each in answers if each is not None] == [
        ((10 * S + n) * 1000, 123) for n in range(5)
    ]
    assert trip.hear(mavlink.MAVLink_timesync_message(0, 124), 11 * S + 100) is not None


def test_a_simulated_vehicle_shows_its_round_trip_and_hears_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    air = Air(monkeypatch, simulated(VehicleKind.ARDUPILOT_COPTER), kind=VehicleKind.ARDUPILOT_COPTER)

    async def story(air: Air) -> None:
        await air.ready()
        await air.passes(12.0)

    air.play(story)
    assert air.vehicle.state.round_trip_s == pytest.approx(0.04)
    assert air.vehicle.state.link_loss_frac == 0.0
    answers = [each for each in air.named("TIMESYNC") if each.tc1]
    assert [each.ts1 > 60_000_000_000 for each in answers] == [True], "the vehicle asks each 10 s of its own time"


def test_an_answer_that_nobody_asked_for_does_not_make_a_link_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = ScriptedPeer(lambda _m: [])
    air = Air(monkeypatch, peer, kind=VehicleKind.ARDUPILOT_COPTER)

    async def story(air: Air) -> None:
        peer.say(heartbeat())
        peer.say(position())
        await air.passes(0.2)
        peer.say(mavlink.MAVLink_timesync_message(5, 10))
        await air.passes(0.2)

    air.play(story)
    assert air.vehicle.state.heard_at_us is not None
    assert air.vehicle.state.round_trip_s is None
