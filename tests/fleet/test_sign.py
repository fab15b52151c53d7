"""A key for a vehicle: who gets it, over what, and that it signs afterwards."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
import structlog
from typer.testing import CliRunner

from contract.clock import SystemClock
from contract.site import VehicleKind
from fleet import sign_command
from fleet.__main__ import app
from fleet.errors import SetUpError
from fleet.flight.mavlink_transport import parse_connection
from fleet.fly import NotDone
from fleet.sign import Candidate, private_connection, sign
from sim.autopilot.spec import AutopilotSpec, Kind
from sim.autopilot.udp import SimulatedFleet
from sim.embedded_broker import free_port
from tests.fleet.flight.air import HOME

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
COPTER, ROVER = VehicleKind.ARDUPILOT_COPTER, VehicleKind.ARDUPILOT_ROVER


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """The command sets it up for its own process."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def yes(_candidate: Candidate) -> bool:
    return True


class Bench:
    """A simulated copter on a TCP port, ten times as fast as real."""

    def __init__(self) -> None:
        self._connect = f"tcp:127.0.0.1:{free_port()}"
        spec = AutopilotSpec(Kind.COPTER, 7, HOME, 30.0, connect=self._connect, boot_s_already=60.0)
        self.fleet = SimulatedFleet([spec], speedup=10.0)
        self.autopilot = self.fleet.autopilots[7]
        self.said: list[str] = []

    async def sign(
        self, key: bytes = KEY, *, kind: VehicleKind = COPTER, agrees: Callable[[Candidate], bool] = yes
    ) -> Candidate:
        return await sign(
            parse_connection(self._connect),
            kind=kind,
            key=key,
            clock=SystemClock(),
            system_id=None,
            agrees=agrees,
            say=self.said.append,
        )


def test_a_vehicle_gets_its_key_and_signs_with_it() -> None:
    async def story() -> None:
        bench = Bench()
        async with bench.fleet:
            candidate = await bench.sign()
        assert (candidate.name, candidate.firmware) == ("system 7", "4.6.3")
        assert bench.autopilot.signing.key == KEY
        assert KEY.hex() not in " ".join(bench.said)

    asyncio.run(story())


def test_a_vehicle_that_signs_is_left_as_it_is() -> None:
    async def story() -> None:
        bench = Bench()
        async with bench.fleet:
            await bench.sign()
            with pytest.raises(NotDone, match="system 7 signs with this key already"):
                await bench.sign()
            with pytest.raises(NotDone, match="signs already, with another key"):
                await bench.sign(OTHER_KEY)
        assert bench.autopilot.signing.key == KEY

    asyncio.run(story())


def test_whoever_does_not_agree_keeps_the_key() -> None:
    async def story() -> None:
        bench = Bench()
        async with bench.fleet:
            with pytest.raises(NotDone, match="the key was not sent"):
                await bench.sign(agrees=lambda _candidate: False)
            with pytest.raises(NotDone, match="expected an ArduPilot rover, got a heartbeat of type 2"):
                await bench.sign(kind=ROVER)
        assert bench.autopilot.signing.key is None

    asyncio.run(story())


def test_an_armed_vehicle_gets_no_key() -> None:
    async def story() -> None:
        bench = Bench()
        async with bench.fleet:

            def arms(_candidate: Candidate) -> bool:
                bench.autopilot.machine.armed = True
                return True

            with pytest.raises(NotDone, match="expected it disarmed"):
                await bench.sign(agrees=arms)
        assert bench.autopilot.signing.key is None

    asyncio.run(story())


@pytest.mark.parametrize(
    "text", ["serial:/dev/ttyACM0:115200", "tcp:127.0.0.1:5760", "udpin:127.0.0.1:14550", "tcp:localhost:1"]
)
def test_a_key_goes_over_a_cable_or_stays_on_this_machine(text: str) -> None:
    assert str(private_connection(text, in_the_open=False)) == text


@pytest.mark.parametrize("text", ["tcp:10.0.0.7:5760", "udpin:0.0.0.0:14550", "udpout:10.0.0.7:14550"])
def test_a_key_goes_nowhere_else_unless_somebody_answers_for_it(text: str) -> None:
    with pytest.raises(SetUpError, match=f"connection '{text}': expected a cable"):
        private_connection(text, in_the_open=False)
    assert str(private_connection(text, in_the_open=True)) == text


@pytest.mark.parametrize(
    ("connect", "key", "words"),
    [
        ("tcp:10.0.0.7:5760", KEY.hex(), "expected a cable"),
        ("tcp:127.0.0.1:5760", "1234", "KESTREL_KEY: expected a signing key of 64 hexadecimal digits"),
        ("tcp:127.0.0.1:5760", None, "expected the environment variable KESTREL_KEY"),
    ],
)
def test_what_is_wrong_is_one_line(monkeypatch: pytest.MonkeyPatch, connect: str, key: str | None, words: str) -> None:
    monkeypatch.delenv("KESTREL_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("KESTREL_KEY", key)
    asked = ["sign-vehicle", "--connect", connect, "--kind", "ardupilot_copter", "--key-env", "KESTREL_KEY"]
    said = CliRunner().invoke(app, asked)
    assert said.exit_code == 78
    assert said.output.startswith("vedette-fleet sign-vehicle: ")
    assert words in said.output
    assert said.output.count("\n") == 1


@pytest.mark.parametrize(("typed", "agreed"), [("system 7", True), ("yes", False), ("", False)])
def test_its_name_is_typed_before_it_gets_a_key(monkeypatch: pytest.MonkeyPatch, typed: str, agreed: bool) -> None:
    shown: list[str] = []

    def prompt(text: str, **_: object) -> str:
        shown.append(text)
        return typed

    monkeypatch.setattr("typer.prompt", prompt)
    candidate = Candidate(7, "0badcafe", "4.6.3")
    assert sign_command._agrees("serial:/dev/ttyACM0:115200", "KESTREL_KEY", candidate, is_simulated=False) is agreed
    assert shown == ["Type 'system 7' to go on"]
