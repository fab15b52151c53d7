"""Which commands a node follows, and that it remembers what people set."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from contract.bus import BusMessage
from contract.commands import Command, Reply, Verb
from edge.errors import EdgeError
from edge.link.commands import AT_ONCE, CommandDesk, Errand
from edge.link.zone_memory import ZoneMemory, ZoneWord
from tests.conftest import ManualClock

MESSAGE = BusMessage("vedette/v1/yard/edge-1/command", b"", qos=1)
RETAINED = BusMessage("vedette/v1/yard/edge-1/command", b"", qos=1, retain=True)


def _command(clock: ManualClock, verb: Verb = Verb.UNSET_ZONE, *, number: int = 1, **of: Any) -> Command:
    values = of or {"zone": "gate"}
    expires_at_us = clock.wall_us() + 30_000_000
    return Command.model_validate(
        {"command_id": uuid.UUID(int=number), "verb": verb, "by": "alice", "expires_at_us": expires_at_us, **values}
    )


class Office:
    """A desk, what was carried out, and what was replied. A clip is never done by itself."""

    def __init__(self, clock: ManualClock) -> None:
        self.calls: list[tuple[str, str]] = []
        self.replies: list[Reply] = []
        self.clips: list[Errand] = []
        self.wrong = ""
        self.desk = CommandDesk(
            {Verb.SET_ZONE: self._switch, Verb.UNSET_ZONE: self._switch, Verb.CLIP: self.clips.append},
            zones=lambda: ["gate"],
            cameras=lambda: ["mast"],
            tell=lambda reply, _trace_id: self.replies.append(reply),
            clock=clock,
        )

    def take(self, command: Command, message: BusMessage = MESSAGE) -> Reply:
        self.desk.take(message, command, trace_id="0" * 32)
        return self.replies[-1]

    def _switch(self, errand: Errand) -> None:
        if self.wrong:
            raise EdgeError(self.wrong)
        self.calls.append((errand.command.verb.value, errand.command.zone or ""))
        errand.done()


@pytest.fixture
def office(clock: ManualClock) -> Office:
    return Office(clock)


def test_a_command_is_done_and_answered(office: Office, clock: ManualClock) -> None:
    reply = office.take(_command(clock))
    assert (reply.command_id, reply.done, reply.reason) == (uuid.UUID(int=1), True, "")
    assert office.calls == [("unset_zone", "gate")]


def test_a_retained_command_is_refused(office: Office, clock: ManualClock) -> None:
    reply = office.take(_command(clock), RETAINED)
    assert not reply.done
    assert "retained" in reply.reason
    assert office.calls == []


def test_an_expired_command_is_refused(office: Office, clock: ManualClock) -> None:
    command = _command(clock)
    clock.advance(30)
    reply = office.take(command)
    assert (reply.done, reply.reason) == (False, "expired 0.0 s ago")
    assert office.calls == []


@pytest.mark.parametrize(
    ("verb", "of", "says"),
    [
        (Verb.UNSET_ZONE, {"zone": "roof"}, "expected a zone that this node covers (gate), got 'roof'"),
        (
            Verb.CLIP,
            {"camera": "roof", "after_s": 1},
            "expected a camera that this node runs (mast), got 'roof'",
        ),
        (Verb.RELOAD_MODEL, {"by": "alice"}, "reload_model: this node does not do that"),
    ],
)
def test_what_there_is_not_is_refused_in_one_line(
    office: Office, clock: ManualClock, verb: Verb, of: dict[str, Any], says: str
) -> None:
    assert office.take(_command(clock, verb, **of)).reason == says


def test_a_late_copy_does_not_undo_a_newer_command(office: Office, clock: ManualClock) -> None:
    unset, set_again = _command(clock, number=1), _command(clock, Verb.SET_ZONE, number=2)
    replies = [office.take(command) for command in (unset, set_again, unset)]
    assert office.calls == [("unset_zone", "gate"), ("set_zone", "gate")]
    assert replies[2] == replies[0]


def test_what_takes_time_is_done_once_and_replied_to_when_it_is_done(office: Office, clock: ManualClock) -> None:
    clip = _command(clock, Verb.CLIP, camera="mast", before_s=5, after_s=5)
    for _ in range(3):
        office.desk.take(MESSAGE, clip, trace_id="0" * 32)
    assert office.replies == []
    (errand,) = office.clips
    errand.done("", ["ab" * 32])
    errand.done("too late")
    assert office.replies == [Reply(command_id=clip.command_id, done=True, files=("ab" * 32,))]
    assert office.take(clip) == office.replies[0]


def test_what_is_not_done_in_its_time_is_told_so(office: Office, clock: ManualClock) -> None:
    office.desk.take(MESSAGE, _command(clock, Verb.CLIP, camera="mast", after_s=5), trace_id="0" * 32)
    clock.advance(19.9)
    office.desk.step()
    assert office.replies == []
    clock.advance(0.1)
    office.desk.step()
    office.clips[0].done()
    assert [(reply.done, reply.reason) for reply in office.replies] == [(False, "not done within 20 s")]


def test_no_more_is_begun_than_can_be_remembered(office: Office, clock: ManualClock) -> None:
    for number in range(AT_ONCE):
        clip = _command(clock, Verb.CLIP, number=number, camera="mast", after_s=5)
        office.desk.take(MESSAGE, clip, trace_id="0" * 32)
    reply = office.take(_command(clock, number=99))
    assert reply.reason == "16 commands are being carried out already"
    assert office.calls == []


def test_what_cannot_be_carried_out_is_answered_with_the_reason(office: Office, clock: ManualClock) -> None:
    office.wrong = "zones.json: cannot be written: No space left on device"
    reply = office.take(_command(clock))
    assert (reply.done, reply.reason) == (False, "zones.json: cannot be written: No space left on device")


def test_what_people_set_outlives_the_node(tmp_path: Path) -> None:
    path = tmp_path / "zones.json"
    memory = ZoneMemory(path)
    memory.remember("gate", is_set=True, at_us=17)
    memory.remember("roof", is_set=False, at_us=18)
    assert ZoneMemory(path).load(["gate", "roof", "new"]) == {"gate": ZoneWord(True, 17), "roof": ZoneWord(False, 18)}


def test_a_memory_of_a_node_before_the_hours_is_read(tmp_path: Path) -> None:
    path = tmp_path / "zones.json"
    path.write_text('{"gate": false}')
    assert ZoneMemory(path).load(["gate"]) == {"gate": ZoneWord(False, 0)}


@pytest.mark.parametrize("text", ["", "[1]", "{", "null", '{"gate": 3}', '{"gate": {"is_set": 1}}'])
def test_a_memory_that_cannot_be_read_sets_every_zone(text: str, tmp_path: Path) -> None:
    path = tmp_path / "zones.json"
    path.write_text(text)
    assert ZoneMemory(path).load(["gate"]) == {"gate": ZoneWord(True, None)}


def test_a_memory_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    memory = ZoneMemory(tmp_path / "missing" / "zones.json")
    with pytest.raises(EdgeError, match="cannot be written: No such file"):
        memory.remember("gate", is_set=False, at_us=17)
