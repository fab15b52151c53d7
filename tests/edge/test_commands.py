"""Which commands a node follows, and that it remembers what people set."""

import uuid
from pathlib import Path

import pytest

from contract.bus import BusMessage
from contract.commands import Command, Verb
from edge.errors import EdgeError
from edge.link.commands import CommandDesk
from edge.link.zone_memory import ZoneMemory, ZoneWord
from tests.conftest import ManualClock

MESSAGE = BusMessage("vedette/v1/yard/edge-1/command", b"", qos=1)
RETAINED = BusMessage("vedette/v1/yard/edge-1/command", b"", qos=1, retain=True)


def _command(clock: ManualClock, verb: Verb = Verb.UNSET_ZONE, *, zone: str = "gate", number: int = 1) -> Command:
    return Command(
        command_id=uuid.UUID(int=number),
        verb=verb,
        zone=zone,
        by="alice",
        expires_at_us=clock.wall_us() + 30_000_000,
    )


class Zones:
    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def desk(self, clock: ManualClock) -> CommandDesk:
        return CommandDesk(
            zones=["gate"],
            set_zone=lambda zone: self.calls.append(("set", zone)),
            unset_zone=lambda zone: self.calls.append(("unset", zone)),
            wall_us=clock.wall_us,
        )


def test_a_command_is_done_and_answered(clock: ManualClock) -> None:
    zones = Zones()
    reply = zones.desk(clock).answer(MESSAGE, _command(clock))
    assert (reply.command_id, reply.done, reply.reason) == (uuid.UUID(int=1), True, "")
    assert zones.calls == [("unset", "gate")]


def test_a_retained_command_is_refused(clock: ManualClock) -> None:
    zones = Zones()
    reply = zones.desk(clock).answer(RETAINED, _command(clock))
    assert not reply.done
    assert "retained" in reply.reason
    assert zones.calls == []


def test_an_expired_command_is_refused(clock: ManualClock) -> None:
    zones = Zones()
    command = _command(clock)
    clock.advance(30)
    reply = zones.desk(clock).answer(MESSAGE, command)
    assert (reply.done, reply.reason) == (False, "expired 0.0 s ago")
    assert zones.calls == []


def test_an_unknown_zone_is_refused_with_the_known_ones(clock: ManualClock) -> None:
    reply = Zones().desk(clock).answer(MESSAGE, _command(clock, zone="roof"))
    assert reply.reason == "expected a zone that this node covers (gate), got 'roof'"


def test_a_late_copy_does_not_undo_a_newer_command(clock: ManualClock) -> None:
    zones = Zones()
    desk = zones.desk(clock)
    unset, set_again = _command(clock, number=1), _command(clock, Verb.SET_ZONE, number=2)
    replies = [desk.answer(MESSAGE, command) for command in (unset, set_again, unset)]
    assert zones.calls == [("unset", "gate"), ("set", "gate")]
    assert replies[2] == replies[0]


def test_what_cannot_be_carried_out_is_answered_with_the_reason(clock: ManualClock) -> None:
    def fail(_zone: str) -> None:
        raise EdgeError("zones.json: cannot be written: No space left on device")

    desk = CommandDesk(zones=["gate"], set_zone=fail, unset_zone=fail, wall_us=clock.wall_us)
    reply = desk.answer(MESSAGE, _command(clock))
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
