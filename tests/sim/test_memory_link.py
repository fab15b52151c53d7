"""MAVLink through memory: real bytes, each way by the vehicle's own link; who does not listen misses it."""

import random
from collections.abc import Awaitable, Callable

import anyio
import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.geo import GeoPoint
from fleet.flight.mavlink_sources import Address
from sim.autopilot.autopilot import Autopilot
from sim.autopilot.spec import AutopilotSpec, Kind
from sim.clock import VirtualClock, run_virtually
from sim.impairment import Impairment
from sim.memory_link import MemoryTransport

DELAY_S = 0.02
HOME = GeoPoint(lat_deg=52.0, lon_deg=13.0)


class Radio:
    """Two rovers behind one transport, and what the coordinator's side hears."""

    def __init__(self) -> None:
        self.clock = VirtualClock(0)
        self.autopilots = [
            Autopilot(AutopilotSpec(Kind.ROVER, system_id=number, home=HOME, home_amsl_m=40.0, connect="memory"))
            for number in (1, 2)
        ]
        self.links = {number: Impairment(random.Random(number), DELAY_S) for number in (1, 2)}
        self.transport = MemoryTransport(self.autopilots, self.links)
        self.heard: list[tuple[float, Address, bytes]] = []

    def play(self, story: Callable[[], Awaitable[None]]) -> None:
        run_virtually(story, clock=self.clock)

    async def open(self) -> None:
        await self.transport.open(
            lambda raw, address: self.heard.append((self.clock.monotonic_us() / 1e6, address, raw))
        )

    async def fly(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.08)):
            for autopilot in self.autopilots:
                autopilot.step(0.08)
            self.transport.pump_all()
            await anyio.sleep(0.08)

    def systems(self) -> set[int]:
        """Whose MAVLink 2 frames were heard."""
        return {raw[5] for _, _, raw in self.heard if raw[:1] == b"\xfd"}


@pytest.fixture
def radio() -> Radio:
    return Radio()


def ping() -> bytes:
    """A request for the autopilot's version, as a ground station packs it."""
    packer = mavlink.MAVLink(None, srcSystem=255, srcComponent=190)
    wants = mavlink.MAVLink_command_long_message(
        1, 1, mavlink.MAV_CMD_REQUEST_MESSAGE, 0, mavlink.MAVLINK_MSG_ID_AUTOPILOT_VERSION, 0, 0, 0, 0, 0, 0
    )
    return bytes(wants.pack(packer))


def test_each_vehicle_is_heard_at_its_own_address_after_the_links_delay(radio: Radio) -> None:
    async def story() -> None:
        await radio.open()
        await radio.fly(2.0)

    radio.play(story)

    assert radio.systems() == {1, 2}
    assert {address for _, address, _ in radio.heard} == {("memory", 1), ("memory", 2)}
    assert radio.heard[0][0] == pytest.approx(DELAY_S)


def test_an_answer_comes_after_both_ways_and_waits_for_no_tick(radio: Radio) -> None:
    asked_s = 0.0

    async def story() -> None:
        nonlocal asked_s
        await radio.open()
        await radio.fly(1.0)
        await anyio.sleep(0.5)
        radio.heard.clear()
        asked_s = radio.clock.monotonic_us() / 1e6
        assert radio.transport.send(ping(), ("memory", 1))
        await anyio.sleep(1.0)

    radio.play(story)

    acknowledged = [at for at, _, raw in radio.heard if raw[7] == mavlink.MAVLINK_MSG_ID_COMMAND_ACK]
    assert acknowledged == [pytest.approx(asked_s + 2 * DELAY_S)]


def test_a_lost_link_takes_one_vehicle_and_leaves_the_other(radio: Radio) -> None:
    radio.links[1].is_lost = True

    async def story() -> None:
        await radio.open()
        await radio.fly(2.0)
        radio.transport.send(ping(), ("memory", 1))
        await anyio.sleep(1.0)

    radio.play(story)

    assert radio.systems() == {2}


def test_nobody_is_at_an_unknown_address(radio: Radio) -> None:
    async def story() -> None:
        await radio.open()
        assert not radio.transport.send(ping(), ("memory", 9))

    radio.play(story)


def test_a_transport_that_is_closed_neither_sends_nor_hears_what_is_in_the_air(radio: Radio) -> None:
    async def story() -> None:
        await radio.open()
        await radio.fly(2.0)
        radio.transport.pump_all()
        radio.autopilots[0].step(1.0)
        radio.transport.pump_all()
        radio.transport.close()
        radio.heard.clear()
        assert not radio.transport.send(ping(), ("memory", 1))
        await radio.fly(2.0)

    radio.play(story)

    assert radio.heard == []


def test_what_was_said_while_nobody_listened_is_not_heard_later(radio: Radio) -> None:
    async def story() -> None:
        await radio.fly(5.0)
        await radio.open()
        await anyio.sleep(1.0)

    radio.play(story)

    assert radio.heard == []
