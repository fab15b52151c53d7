"""The audit of a fault series finds each way to lose or double an event, and lets pass what a kill may do."""

from collections.abc import Sequence

import pytest

from contract.envelope import Envelope, Origin
from contract.events import Certainty, Event, ModelIdentity, Sighting, Stage, derive_event_id, derive_message_id
from contract.geo import BoxPx
from contract.kinds import EventKind, Severity
from contract.labels import Label
from edge.sender import Sender
from sim.soak import yard
from sim.soak.audit import not_in_order, seen_long_enough, untold
from sim.soak.ledger import Judged
from tests.edge.yard import OUTBOX_ID, START_US

MODEL = ModelIdentity(name="script", sha256="0" * 64, backend="none")


def fired(frame: int, *, stall: int = 0, boot: int = 1) -> Envelope:
    """Somebody at a stall of the first camera."""
    at_us = START_US + frame * yard.FRAME_US
    x_px, y_px = yard.STALLS_PX[stall]
    box = BoxPx(x_px=x_px - 5.0, y_px=y_px - 24.0, width_px=10.0, height_px=24.0)
    event = Event(
        event_id=derive_event_id(
            outbox_id=OUTBOX_ID, boot=boot, rule="intrusion", zone="zone-north", camera="north", track=stall,
            started_at_us=at_us,
        ),
        kind=EventKind.INTRUSION,
        stage=Stage.START,
        revision=0,
        zone="zone-north",
        severity=Severity.HIGH,
        certainty=Certainty.PROBABLE,
        started_at_us=at_us,
        sighting=Sighting(camera="north", track=stall, label=Label.PERSON, score=0.9, box=box, ground=None),
        model=MODEL,
    )  # fmt: skip
    sender = Sender(site="soak", node="edge-1", outbox_id=OUTBOX_ID, boot=boot)
    message_id = derive_message_id(event)
    return sender.envelope(
        event, message_id=message_id, captured_at_us=at_us, origin=Origin.SIMULATED, trace_id=message_id.hex
    )


def life(frames: range, *events: Envelope) -> tuple[Judged, ...]:
    """The first camera's frames, with the events that each led to."""
    times_us = [START_US + frame * yard.FRAME_US for frame in frames]
    return tuple(Judged("north", at, tuple(e for e in events if e.captured_at_us == at)) for at in times_us)


EARLY, LATER, LAST = fired(3), fired(5, stall=1), fired(9, stall=2)
LIFE = life(range(10), EARLY, LATER, LAST)


@pytest.mark.parametrize(
    ("stored", "may_be_cut", "wrong"),
    [
        pytest.param([EARLY, LATER, LAST], False, [], id="all of it"),
        pytest.param([EARLY, LATER], True, [], id="what the last frame fired is cut off by a kill"),
        pytest.param(
            [EARLY, LATER],
            False,
            ["life 1: 1 events were fired and not stored, and nobody killed the node"],
            id="cut off without a kill",
        ),
        pytest.param(
            [EARLY],
            True,
            [f"life 1: event {LATER.body.event_id} was not stored though its camera was judged again"],  # type: ignore[union-attr]
            id="more than one turn is cut off",
        ),
        pytest.param(
            [EARLY, LAST],
            True,
            ["life 1: what is stored is not what was fired, in its order and without a hole"],
            id="a hole",
        ),
        pytest.param(
            [LATER, EARLY, LAST],
            True,
            ["life 1: what is stored is not what was fired, in its order and without a hole"],
            id="another order",
        ),
        pytest.param(
            [EARLY, LATER, LAST, fired(4, boot=2)],
            True,
            ["coordinator: events of boots [2], in which nothing was fired"],
            id="what nobody fired",
        ),
    ],
)
def test_what_is_stored_of_a_life(stored: Sequence[Envelope], may_be_cut: bool, wrong: list[str]) -> None:
    assert list(not_in_order([LIFE], stored, may_be_cut=may_be_cut)) == wrong


def test_whoever_one_life_saw_long_enough_must_be_told_of() -> None:
    """Stall 0 of the first camera is taken from 0 to 4.5 s; three lives saw him for 0.5 s, 0.9 s and 0.3 s."""
    lives = [life(range(5)), life(range(5, 14)), life(range(14, 17))]

    (visit,) = seen_long_enough(lives, START_US)

    assert (visit.camera, visit.stall, visit.start_us) == ("north", 0, 0)
    assert list(untold([visit], [fired(8, boot=2)], START_US)) == []
    assert list(untold([visit], [fired(8, stall=1, boot=2), fired(50, boot=2)], START_US)) == [
        "nobody told of who was at stall 0 of 'north' at 0.0 s"
    ]


def test_frames_that_a_slow_machine_dropped_are_no_row() -> None:
    assert list(seen_long_enough([life(range(0, 40, 4))], START_US)) == []


def test_the_world_goes_on_where_a_life_ended() -> None:
    whole = yard.script_of("east", from_us=0, frames=100).splitlines()[1:]
    rest = yard.script_of("east", from_us=6_000_000, frames=40).splitlines()[1:]
    assert [line.partition('"boxes"')[2] for line in rest] == [line.partition('"boxes"')[2] for line in whole[60:]]
