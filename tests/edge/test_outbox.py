"""What the outbox took is there, whatever happens, until the coordinator says it has it."""

import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.commands import Ack, SequenceRange
from contract.envelope import Envelope, Origin
from contract.errors import ContractError
from contract.events import Health
from edge.errors import OutboxError
from edge.link.outbox import Outbox
from tests.conftest import ROOT
from tests.edge.yard import OUTBOX_ID, SENDER, START_US


def message(number: int = 0) -> Envelope:
    body = Health(feeds=(), outbox_rows=number)
    message_id = SENDER.derive_id(f"test/{number}")
    return SENDER.envelope(
        body, message_id=message_id, captured_at_us=START_US, origin=Origin.REPLAYED, trace_id=message_id.hex
    )


def ack(contiguous: int, *, outbox_id: uuid.UUID = OUTBOX_ID, **more: tuple[SequenceRange, ...]) -> Ack:
    return Ack(outbox_id=outbox_id, contiguous=contiguous, **more)


def open_at(path: Path) -> Outbox:
    return Outbox(path / "outbox.sqlite", new_id=lambda: OUTBOX_ID)


def held(outbox: Outbox) -> list[int]:
    status = outbox.status()
    return list(range(status.oldest_sequence, status.next_sequence))


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with open_at(tmp_path) as outbox:
        yield outbox


def test_each_message_gets_the_next_number(outbox: Outbox) -> None:
    assert [outbox.append(message(n)).sequence for n in range(3)] == [1, 2, 3]
    assert outbox.read(2) == message(1).model_copy(update={"sequence": 2})


def test_only_the_coordinators_ack_lets_rows_go(outbox: Outbox) -> None:
    for n in range(5):
        outbox.append(message(n))
    outbox.acknowledge(ack(3))
    assert held(outbox) == [4, 5]
    assert outbox.status().oldest_sequence == 4
    assert outbox.status().next_sequence == 6


def test_an_ack_for_another_outbox_changes_nothing(outbox: Outbox) -> None:
    outbox.append(message())
    outbox.acknowledge(ack(1, outbox_id=uuid.UUID(int=8)))
    assert held(outbox) == [1]


def test_an_ack_ahead_of_what_was_written_is_refused(outbox: Outbox) -> None:
    outbox.append(message())
    with pytest.raises(ContractError, match="expected at most sequence 1 of this outbox, got 2"):
        outbox.acknowledge(ack(2))
    assert held(outbox) == [1]


def test_numbers_are_never_used_again_even_when_all_rows_are_gone(tmp_path: Path) -> None:
    with open_at(tmp_path) as outbox:
        outbox.append(message())
        outbox.acknowledge(ack(1))
    with open_at(tmp_path) as outbox:
        assert outbox.status().next_sequence == 2
        assert outbox.status().oldest_sequence == 2
        assert outbox.append(message()).sequence == 2


def test_each_opening_is_a_boot_of_the_same_outbox(tmp_path: Path) -> None:
    boots = []
    for _ in range(3):
        with Outbox(tmp_path / "outbox.sqlite", new_id=uuid.uuid4) as outbox:
            boots.append((outbox.boot, outbox.outbox_id))
    assert [boot for boot, _ in boots] == [1, 2, 3]
    assert len({outbox_id for _, outbox_id in boots}) == 1


def test_a_second_node_on_the_same_file_is_refused(outbox: Outbox, tmp_path: Path) -> None:
    with pytest.raises(OutboxError, match="does another node hold it"), open_at(tmp_path):
        pass


def test_a_file_that_is_no_outbox_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "outbox.sqlite").write_text("not a database " * 100)
    with pytest.raises(OutboxError, match="file is not a database"), open_at(tmp_path):
        pass


def test_a_full_disk_is_told(outbox: Outbox) -> None:
    outbox.append(message())
    connection = outbox._connection
    assert connection is not None
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(OutboxError, match="full"):
        list(map(outbox.append, map(message, range(100))))
    connection.execute("PRAGMA max_page_count=100000")
    before = len(outbox)
    outbox.append(message(999))
    assert len(outbox) == before + 1


ON_A_FULL_DISK = """
import sys
from pathlib import Path
from edge.errors import OutboxError
from tests.edge.test_outbox import ack, message, open_at

def fill(outbox):
    try:
        while True:
            outbox.append(message())
    except OutboxError:
        return len(outbox)

with open_at(Path(sys.argv[1])) as outbox:
    taken = fill(outbox)
with open_at(Path(sys.argv[1])) as outbox:
    print(outbox.boot, len(outbox) == taken)
    taken = fill(outbox)
    outbox.acknowledge(ack(taken // 2))
    while outbox.clear():
        pass
    held = len(outbox)
    print(held == taken - taken // 2, fill(outbox) > held)
"""


def test_a_disk_that_is_full_opens_lets_go_and_takes_again(tmp_path: Path) -> None:
    """On a disk of 6 MB that nothing but the outbox fills."""
    mount = f"mount -t tmpfs -o size=6m none {tmp_path} && exec {sys.executable} -c '{ON_A_FULL_DISK}' {tmp_path}"
    may_mount = shutil.which("unshare") and subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "none", str(tmp_path)], capture_output=True, check=False
    )
    if not may_mount or may_mount.returncode:
        pytest.skip("this machine lets nobody mount a disk of his own (unshare -rm)")

    done = subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, text=True, cwd=ROOT, check=False)

    assert (done.stdout.split(), done.stderr) == (["2", "True", "True", "True"], "")


def test_rows_are_synchronised_to_the_disk(outbox: Outbox) -> None:
    connection = outbox._connection
    assert connection is not None
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


APPENDER = """
import sys
from pathlib import Path
from tests.edge.test_outbox import message, open_at
with open_at(Path(sys.argv[1])) as outbox:
    n = 0
    while True:
        print(outbox.append(message(n)).sequence, flush=True)
        n += 1
"""


def test_every_append_that_returned_survives_kill_9(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert child.stdout is not None
    with child, child.stdout:
        told = [int(next(child.stdout)) for _ in range(100)]
        child.send_signal(signal.SIGKILL)
        told += [int(line) for line in child.stdout if line.strip().isdigit() and line.endswith("\n")]
        assert child.wait(10) == -signal.SIGKILL
    with open_at(tmp_path) as outbox:
        assert outbox.boot == 2
        assert held(outbox)[: len(told)] == told
        first, last = outbox.read(told[0]), outbox.read(told[-1])
    assert first is not None
    assert last is not None
    assert (first.message_id, last.message_id) == (message(0).message_id, message(len(told) - 1).message_id)


def test_a_closed_outbox_refuses(tmp_path: Path) -> None:
    with open_at(tmp_path) as outbox:
        pass
    with pytest.raises(OutboxError, match="closed"):
        outbox.append(message())
