"""The broker's link as a process beside the coordinator: neither outlives the other."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import anyio
import pytest

from contract.bus import BusMessage
from contract.topics import ACK, COMMAND, EVENTS
from fleet.broker_process import BrokerProcess, _framed, _next_frame
from fleet.broker_settings import BrokerSettings, BrokerTls
from fleet.errors import SetUpError
from tests.conftest import ManualClock

PATIENCE_S = 20.0


def link_of(pid: int) -> int | None:
    """The process id of the link that this process began, if it runs."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            if int(parent) == pid and state != "Z" and "fleet.broker_process" in (folder / "cmdline").read_text():
                return int(folder.name)
        except OSError:  # it has ended meanwhile
            continue
    return None


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - of another process
            await anyio.sleep(0.02)


async def begun(*, but: int | None = None) -> int:
    await until(lambda: link_of(os.getpid()) not in (None, but))
    found = link_of(os.getpid())
    assert found is not None
    return found


def link() -> BrokerProcess:
    """To a port where nobody listens."""
    return BrokerProcess(BrokerSettings(port=1), site_id="yard")


@pytest.mark.anyio
async def test_the_link_ends_with_the_coordinator() -> None:
    async with link().opened():
        await begun()
    assert link_of(os.getpid()) is None


@pytest.mark.anyio
async def test_a_link_that_was_killed_is_begun_again() -> None:
    async with link().opened():
        first = await begun()
        os.kill(first, signal.SIGKILL)
        assert await begun(but=first) != first


@pytest.mark.anyio
async def test_a_link_is_not_stopped_by_the_signals_that_stop_the_coordinator() -> None:
    async with link().opened():
        first = await begun()
        await until(lambda: _ignores_termination(first))
        os.kill(first, signal.SIGTERM)
        os.kill(first, signal.SIGINT)
        await anyio.sleep(0.2)
        assert link_of(os.getpid()) == first


@pytest.mark.anyio
async def test_without_a_broker_an_ack_waits_and_nothing_else_is_taken() -> None:
    async with link().opened() as bus:
        await until(lambda: bus.publish(said(ACK)))
        assert not bus.publish(said(COMMAND))


@pytest.mark.anyio
async def test_unusable_certificates_are_told_at_the_start(tmp_path_factory: pytest.TempPathFactory) -> None:
    missing = tmp_path_factory.mktemp("none") / "ca.pem"
    bus = BrokerProcess(BrokerSettings(tls=BrokerTls(ca_file=missing)), site_id="yard")
    with pytest.raises(SetUpError, match=r"broker\.tls"):
        async with bus.opened():
            pass
    assert link_of(os.getpid()) is None


@pytest.mark.anyio
async def test_what_came_keeps_its_moments_and_its_order(clock: ManualClock) -> None:
    bus = link()
    rows = [(EVENTS.address(site="yard", node="gate-1"), b"%d" % n, 1, False, None, 1_000 + n, n) for n in range(3)]
    bus._hear(rows)
    first = await bus.receive(at_most=2)
    rest = await bus.receive(at_most=2)
    assert [(each.message.payload, each.wall_us, each.monotonic_us) for each in (*first, *rest)] == [
        (b"0", 1_000, 0),
        (b"1", 1_001, 1),
        (b"2", 1_002, 2),
    ]


@pytest.mark.anyio
async def test_a_frame_is_read_as_it_was_written() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(_framed(True) + _framed([("a/b", b"\x00\xff", 1, False, None)]))
    reader.feed_eof()
    assert await _next_frame(reader) is True
    assert await _next_frame(reader) == [("a/b", b"\x00\xff", 1, False, None)]
    with pytest.raises(asyncio.IncompleteReadError):
        await _next_frame(reader)


def said(topic: object) -> BusMessage:
    assert topic in (ACK, COMMAND)
    return BusMessage((ACK if topic is ACK else COMMAND).address(site="yard", node="gate-1"), b"{}", qos=1)


def _ignores_termination(pid: int) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    ignored = next(line for line in lines if line.startswith("SigIgn:")).split()[1]
    return bool(int(ignored, 16) >> (signal.SIGTERM - 1) & 1)


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, object]]:
    return "asyncio", {}
