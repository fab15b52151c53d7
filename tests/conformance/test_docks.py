"""Every dock file through one life, against the simulated dock: what is believed of it, and when a command is done."""

import asyncio
import importlib
import json
import pkgutil
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

import fleet.flight.docks
from contract.docks import Dock, DockKind
from contract.site import Site
from fleet.errors import SetUpError
from fleet.flight.dock import Asked, Cover, DockDriver, DockVerb, Pad
from fleet.flight.dock_links import Docks
from fleet.flight.docks.http_json import MAX_ANSWER_BYTES
from fleet.flight.errors import CommandRefused, NoAnswer, NotConfirmed
from sim.dock import LID_S, SimulatedDock
from sim.dock_command import served
from tests.conftest import ManualClock
from tests.fleet.flight.stage import make_site, place

KEYS = sorted(module.name for module in pkgutil.iter_modules(fleet.flight.docks.__path__))


def spec_of(key: str, **changes: Any) -> Dock:
    document = {"id": "dock-1", "position": place(0, 0), "kind": key, "connection": "http://127.0.0.1:1", **changes}
    return Dock.model_validate(document)


@dataclass
class Bench:
    """A driver, what it speaks to, and a clock that stands still. `stands`: what is on the pad."""

    driver: DockDriver
    peer: SimulatedDock
    clock: ManualClock
    stands: list[str | None]

    async def turn(self, seconds: float = 0.5) -> None:
        self.clock.advance(seconds)
        await self.driver.turn()

    async def told(self, verb: DockVerb, *, number: int = 1, turns: int = 300) -> Asked:
        asked = self.driver.ask(verb, command_id=uuid.UUID(int=number))
        for _ in range(turns):
            await self.turn()
            if asked.is_over:
                break
        return asked


def bench_of(key: str, *, exchange: Callable[..., Awaitable[tuple[int, bytes]]] | None = None) -> Bench:
    clock = ManualClock()
    stands: list[str | None] = ["vehicle"]
    peer = SimulatedDock("dock-1", clock=clock, pad=lambda: stands[0])
    module = importlib.import_module(f"fleet.flight.docks.{key}")
    driver = module.Driver(spec_of(key), clock=clock, exchange=exchange or peer.exchange)
    return Bench(driver, peer, clock, stands)


@pytest.fixture(params=KEYS)
def bench(request: pytest.FixtureRequest) -> Bench:
    return bench_of(request.param)


def run(scene: Awaitable[None]) -> None:
    async def whole() -> None:
        await asyncio.wait_for(scene, 60.0)

    asyncio.run(whole())


def test_every_kind_has_its_file_and_every_file_its_kind() -> None:
    assert sorted(kind.value for kind in DockKind) == KEYS


def test_what_it_reports_is_what_is_known(bench: Bench) -> None:
    async def scene() -> None:
        assert bench.driver.state.cover is None
        bench.peer.charge_frac, bench.peer.rain_mm_h, bench.peer.age_s = 0.4, 1.5, 2.0
        await bench.turn()
        state = bench.driver.state
        assert (state.cover, state.pad, state.charging, state.charge_frac) == (Cover.CLOSED, Pad.VEHICLE, False, 0.4)
        assert (state.wind_m_s, state.rain_mm_h, state.fault, state.simulated) == (2.0, 1.5, "", True)
        assert state.heard_at_us == bench.clock.monotonic_us() - 2_000_000

    run(scene())


def test_safety_05_what_it_does_not_know_is_not_known(bench: Bench) -> None:
    async def scene() -> None:
        bench.peer.cover = bench.peer.wind_m_s = bench.peer.rain_mm_h = bench.peer.fault = bench.stands[0] = None
        await bench.turn()
        state = bench.driver.state
        assert (state.cover, state.pad, state.wind_m_s, state.rain_mm_h, state.fault) == (None,) * 5
        assert state.heard_at_us is not None

    run(scene())


def test_it_opens_closes_and_charges_and_each_is_done_when_its_state_shows_it(bench: Bench) -> None:
    async def scene() -> None:
        await bench.turn()
        asked = bench.driver.ask(DockVerb.OPEN, command_id=uuid.UUID(int=1))
        await bench.turn()
        await bench.turn()
        assert (bench.driver.state.cover, bench.driver.state.doing) == (Cover.OPENING, DockVerb.OPEN)
        assert not asked.is_over
        await bench.turn(LID_S)
        assert (asked.is_over, asked.failure, bench.driver.state.cover) == (True, None, Cover.OPEN)
        assert bench.driver.state.doing is None
        assert (await bench.told(DockVerb.CLOSE, number=2)).failure is None
        assert bench.driver.state.cover is Cover.CLOSED
        assert (await bench.told(DockVerb.CHARGE, number=3)).failure is None
        assert bench.driver.state.charging is True

    run(scene())


def test_an_acknowledgement_alone_is_not_done_and_the_dock_is_failed_until_it_shows_it(bench: Bench) -> None:
    async def scene() -> None:
        bench.peer.is_stuck = True
        asked = await bench.told(DockVerb.OPEN)
        assert bench.peer.told == ["open"]
        assert isinstance(asked.failure, NotConfirmed)
        assert bench.driver.state.failed == "it was told to open and does not show it"
        bench.peer.is_stuck = False
        assert (await bench.told(DockVerb.OPEN, number=2)).failure is None
        assert bench.driver.state.failed == ""

    run(scene())


def test_a_fault_ends_what_it_was_told_at_once(bench: Bench) -> None:
    async def scene() -> None:
        await bench.told(DockVerb.OPEN, turns=3)
        bench.peer.fault = "lid motor hot"
        await bench.turn()
        assert bench.driver.state.doing is None
        assert bench.driver.state.failed == "it was told to open and does not show it"

    run(scene())


def test_it_may_refuse_and_says_why(bench: Bench) -> None:
    async def scene() -> None:
        bench.stands[0] = "empty"
        asked = await bench.told(DockVerb.CHARGE)
        assert isinstance(asked.failure, CommandRefused)
        assert "nothing to charge on the pad" in str(asked.failure)
        assert bench.driver.state.failed == ""

    run(scene())


def test_a_new_command_overtakes_the_one_under_way(bench: Bench) -> None:
    async def scene() -> None:
        await bench.turn()
        first = bench.driver.ask(DockVerb.CLOSE, command_id=uuid.UUID(int=1))
        second = await bench.told(DockVerb.OPEN, number=2)
        assert isinstance(first.failure, CommandRefused)
        assert second.failure is None
        assert bench.driver.state.cover is Cover.OPEN

    run(scene())


def test_silence_is_told_and_leaves_what_was_known_with_its_age(bench: Bench) -> None:
    async def scene() -> None:
        await bench.turn()
        heard_at_us = bench.driver.state.heard_at_us
        bench.peer.is_silent = True
        asked = await bench.told(DockVerb.OPEN)
        assert isinstance(asked.failure, NoAnswer)
        assert bench.driver.state.heard_at_us == heard_at_us
        assert "no answer" in bench.driver.state.silent_because
        bench.peer.is_silent = False
        await bench.turn()
        assert bench.driver.state.silent_because == ""
        assert bench.peer.told == []

    run(scene())


@pytest.mark.parametrize("key", KEYS)
def test_a_command_whose_answer_was_lost_comes_again_and_acts_once(key: str) -> None:
    async def scene() -> None:
        lost = [True]

        async def exchange(method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
            answer = await there.peer.exchange(method, path, body)
            if method == "POST" and lost:
                lost.pop()
                raise ConnectionError("the answer was lost")
            return answer

        there = bench_of(key, exchange=exchange)
        assert (await there.told(DockVerb.OPEN)).failure is None
        assert (there.peer.told, lost) == (["open"], [])

    run(scene())


GOOD = {
    "version": 1,
    "dock": "dock-1",
    "simulated": False,
    "age_s": 0.0,
    "cover": "open",
    "pad": "empty",
    "charging": False,
    "charge_frac": None,
    "wind_m_s": 1.0,
    "rain_mm_h": 0.0,
    "fault": "",
}


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        pytest.param(200, b"", "expected a report", id="nothing"),
        pytest.param(200, b"[]", "expected a report", id="a list"),
        pytest.param(200, b"\xff\xfe", "expected a report", id="no text"),
        pytest.param(200, json.dumps(GOOD | {"dock": "dock-2"}).encode(), "got 'dock-2'", id="another dock"),
        pytest.param(200, json.dumps(GOOD | {"version": 2}).encode(), "'version'", id="another version"),
        pytest.param(200, json.dumps(GOOD | {"cover": "ajar"}).encode(), "'cover'", id="an unknown word"),
        pytest.param(200, json.dumps(GOOD | {"wind_m_s": -1}).encode(), "'wind_m_s'", id="wind below nothing"),
        pytest.param(200, json.dumps(GOOD | {"age_s": float("nan")}).encode(), "'age_s'", id="no number"),
        pytest.param(200, json.dumps(GOOD | {"fault": "x" * 300}).encode(), "'fault'", id="a long story"),
        pytest.param(200, json.dumps(GOOD | {"door": 1}).encode(), "'door'", id="what nobody asked for"),
        pytest.param(
            200, json.dumps({k: v for k, v in GOOD.items() if k != "pad"}).encode(), "'pad'", id="something left out"
        ),
        pytest.param(302, json.dumps(GOOD).encode(), "got 302", id="go elsewhere"),
        pytest.param(500, json.dumps(GOOD).encode(), "got 500", id="an error"),
    ],
)
@pytest.mark.parametrize("key", KEYS)
def test_safety_05_nonsense_is_silence(key: str, status: int, body: bytes, said: str) -> None:
    async def exchange(_method: str, _path: str, _body: bytes | None) -> tuple[int, bytes]:
        return status, body

    async def scene() -> None:
        bench = bench_of(key, exchange=exchange)
        await bench.turn()
        assert bench.driver.state.heard_at_us is None
        assert said in bench.driver.state.silent_because
        assert "\n" not in bench.driver.state.silent_because

    run(scene())


def test_over_a_socket_it_is_the_same_dock() -> None:
    async def scene() -> None:
        clock = ManualClock()
        peer = SimulatedDock("pad", clock=clock, pad=lambda: "vehicle")
        async with served(peer) as url:
            docks = Docks(site=_site(url), clock=clock, tokens={"pad": "s3cret"})
            driver = docks.drivers["pad"]
            async with driver.opened():
                asked = driver.ask(DockVerb.OPEN, command_id=uuid.UUID(int=1))
                for _ in range(100):
                    clock.advance(0.5)
                    await driver.turn()
                    if asked.is_over:
                        break
                assert (asked.is_over, asked.failure) == (True, None)
                assert driver.state.cover is Cover.OPEN
                peer.is_silent = True
                await driver.turn()
                assert "got 503" in driver.state.silent_because

    run(scene())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(b"SSH-2.0-OpenSSH_9\r\n", "no answer", id="another protocol"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n" + b" " * (2 * MAX_ANSWER_BYTES),
            f"at most {MAX_ANSWER_BYTES} bytes",
            id="without end",
        ),
        pytest.param(b"", "no answer", id="hung up"),
    ],
)
def test_whatever_listens_there_is_silence(answer: bytes, said: str) -> None:
    async def scene() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)

        async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            driver = Docks(site=_site(f"http://127.0.0.1:{port}"), clock=ManualClock()).drivers["pad"]
            async with driver.opened():
                await driver.turn()
            assert driver.state.heard_at_us is None
            assert said in driver.state.silent_because

    run(scene())


def test_docks_are_looked_at_until_the_block_ends() -> None:
    async def scene() -> None:
        clock = ManualClock()
        peer = SimulatedDock("pad", clock=clock, pad=lambda: "vehicle")
        looked = asyncio.Event()

        async def exchange(method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
            looked.set()
            return await peer.exchange(method, path, body)

        async with Docks(site=_site("http://127.0.0.1:1"), clock=clock, exchange_of=lambda _: exchange) as docks:
            await looked.wait()
            await asyncio.sleep(0)  # the driver takes the answer in
        assert docks.drivers["pad"].state.cover is Cover.CLOSED

    run(scene())


@pytest.mark.parametrize(
    ("connection", "said"),
    [
        ("http://dock.example:80", "expected https to 'dock.example'"),
        ("http://10.0.0.7", "expected https to '10.0.0.7'"),
        ("tcp:127.0.0.1:80", "expected http://HOST:PORT"),
        ("http://127.0.0.1:99999", "expected http://HOST:PORT"),
        ("https://", "expected http://HOST:PORT"),
    ],
)
def test_safety_22_nothing_goes_in_the_clear_to_another_machine(connection: str, said: str) -> None:
    with pytest.raises(SetUpError, match=f"dock 'pad': {said}"):
        Docks(site=_site(connection), clock=ManualClock())


def _site(connection: str) -> Site:
    pad = {
        "id": "pad",
        "position": place(40, 40),
        "kind": "http_json",
        "connection": connection,
        "alternate": "meadow",
    }
    shed = {"id": "shed", "position": place(60, 40)}
    return make_site(docks=[pad, shed], rally_points=[{"id": "meadow", "position": place(90, 40)}])
