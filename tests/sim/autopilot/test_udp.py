"""The rim on real sockets: loopback, ephemeral ports, clean ends."""

import asyncio
import socket
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from sim.autopilot.deframing import Deframer
from sim.autopilot.spec import Kind
from sim.autopilot.udp import BadAddress, SimulatedFleet, parse_connection
from tests.sim.autopilot.station import spec


class Coordinator(asyncio.DatagramProtocol):
    """One UDP port for several vehicles, routed by system id."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.came_from: dict[int, Any] = {}
        self._deframer = Deframer()
        self._codec = mavlink.MAVLink(None, srcSystem=250, srcComponent=190)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        messages = self._deframer.feed(data, is_stream=False)
        assert len(messages) == 1, "one frame a datagram"
        self.heard += messages
        self.came_from[messages[0].get_srcSystem()] = addr

    def send(self, system_id: int, message: Any) -> None:
        self.transport.sendto(bytes(message.pack(self._codec)), self.came_from[system_id])

    async def until(self, condition: Any) -> None:
        for _ in range(400):
            if condition():
                return
            await asyncio.sleep(0.02)
        pytest.fail("not within 8 s")


async def _listen() -> tuple[asyncio.DatagramTransport, Coordinator, int]:
    transport, coordinator = await asyncio.get_running_loop().create_datagram_endpoint(
        Coordinator, local_addr=("127.0.0.1", 0)
    )
    return transport, coordinator, transport.get_extra_info("sockname")[1]


def test_two_vehicles_share_a_port_and_one_of_them_takes_off() -> None:
    async def scenario() -> float:
        transport, station, port = await _listen()
        connect = f"udpout:127.0.0.1:{port}"
        specs = [spec(connect=connect), spec(Kind.ROVER, system_id=2, connect=connect)]
        async with SimulatedFleet(specs, speedup=20) as fleet:
            await station.until(lambda: set(station.came_from) == {1, 2})
            assert station.came_from[1] != station.came_from[2]
            for command, params in ((176, [1, 4, 0, 0, 0, 0, 0]), (400, [1, 0, 0, 0, 0, 0, 0]), (22, [0] * 6 + [10])):
                station.send(1, mavlink.MAVLink_command_long_message(1, 1, command, 0, *params))
            copter = fleet.autopilots[1].machine
            await station.until(lambda: copter.motion.up_m > 9.0)
            acks = [(m.command, m.result) for m in station.heard if m.get_type() == "COMMAND_ACK"]
            assert acks == [(176, 0), (400, 0), (22, 0)]
        transport.close()
        return fleet.autopilots[1].machine.motion.up_m

    assert asyncio.run(scenario()) > 9.0


def test_a_tcp_client_comes_and_goes_and_its_rates_stay() -> None:
    async def scenario() -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        codec = mavlink.MAVLink(None, srcSystem=250, srcComponent=190)
        ask = mavlink.MAVLink_command_long_message(1, 1, 511, 0, 33, 1e5, 0, 0, 0, 0, 0).pack(codec)
        async with SimulatedFleet([spec(connect=f"tcp:127.0.0.1:{port}")], speedup=10):
            for to_send in (b"console text\r\n" + bytes(ask), b""):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(to_send)
                deframer, names = Deframer(), []
                while "GLOBAL_POSITION_INT" not in names:
                    data = await asyncio.wait_for(reader.read(4096), 5)
                    names += [m.get_type() for m in deframer.feed(data, is_stream=True)]
                writer.close()
                await writer.wait_closed()
                await asyncio.sleep(0.1)

    asyncio.run(scenario())


def test_tcp_takes_one_client_and_the_vehicle_flies_on_without_it() -> None:
    async def scenario() -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        codec = mavlink.MAVLink(None, srcSystem=250, srcComponent=190)
        async with SimulatedFleet([spec(connect=f"tcp:127.0.0.1:{port}")], speedup=20) as fleet:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for command, params in ((176, [1, 4, 0, 0, 0, 0, 0]), (400, [1, 0, 0, 0, 0, 0, 0]), (22, [0] * 6 + [30])):
                writer.write(bytes(mavlink.MAVLink_command_long_message(1, 1, command, 0, *params).pack(codec)))
            second, second_writer = await asyncio.open_connection("127.0.0.1", port)
            assert await asyncio.wait_for(second.read(), 5) == b""  # turned away
            second_writer.close()
            motion = fleet.autopilots[1].machine.motion
            while motion.up_m < 2:
                assert await asyncio.wait_for(reader.read(4096), 5)
            writer.close()
            await writer.wait_closed()
            for _ in range(400):
                if motion.up_m > 29:
                    break
                await asyncio.sleep(0.02)
        assert motion.up_m > 29

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "connect", ["udpout:0.0.0.0:14550", "udpout:192.168.1.7:14550", "tcp:8.8.8.8:5760", "serial:/dev/x", "udpout:x:y"]
)
def test_no_other_address_than_loopback(connect: str) -> None:
    with pytest.raises(BadAddress):
        parse_connection(connect)
