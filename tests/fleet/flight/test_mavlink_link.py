"""One link: who is answered where, what may be sent, and that a hung coordinator falls silent."""

import ast
import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from pymavlink import mavutil
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.clock import SystemClock
from fleet.errors import SetUpError
from fleet.flight.errors import LinkDown
from fleet.flight.mavlink_codec import Encoder, Frame, FrameParser
from fleet.flight.mavlink_link import Link, is_harmless
from fleet.flight.mavlink_transport import (
    SerialTransport,
    UdpTransport,
    _Serial,
    make_transport,
    parse_connection,
)
from fleet.flight.tlog import Tlog
from tests.conftest import ROOT
from tests.fleet.flight.air import heartbeat

Story = Callable[[], Awaitable[None]]


class Vehicle:
    """A socket that says heartbeats."""

    def __init__(self, port: int, *, system_id: int = 1) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(2.0)
        self._port = port
        self._encoder = Encoder(system_id, 1)

    def __enter__(self) -> "Vehicle":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, message: Any = None, *, before: bytes = b"") -> None:
        raw = self._encoder.encode(message or heartbeat())
        self.socket.sendto(before + raw, ("127.0.0.1", self._port))

    def hear(self) -> list[Frame]:
        """One datagram."""
        return FrameParser().feed_datagram(self.socket.recvfrom(2048)[0])


@contextlib.asynccontextmanager
async def udp_link(
    *, is_alive: Callable[[], bool] = lambda: False, tlog: Tlog | None = None
) -> AsyncIterator[tuple[Link, int]]:
    """A listening link and its port; silent unless `is_alive`."""
    async with open_link("udpin:127.0.0.1:0", is_alive=is_alive, tlog=tlog) as link:
        assert link.local_port is not None
        yield link, link.local_port


@contextlib.asynccontextmanager
async def open_link(
    connection: str, *, is_alive: Callable[[], bool] = lambda: False, tlog: Tlog | None = None
) -> AsyncIterator[Link]:
    clock = SystemClock()
    transport = make_transport(parse_connection(connection))
    log = tlog or Tlog(None, clock=clock)
    link = Link(connection, transport=transport, encoder=Encoder(), clock=clock, tlog=log, is_alive=is_alive)
    await link.open()
    running = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        link.close()


async def until(is_true: Callable[[], bool]) -> None:
    for _ in range(1000):
        if is_true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("not true within 5 s")


def hello() -> Any:
    return mavlink.MAVLink_param_request_read_message(1, 1, b"FENCE_TYPE", -1)


def arm() -> Any:
    return mavlink.MAVLink_command_long_message(1, 1, 400, 0, 1, 0, 0, 0, 0, 0, 0)


def test_vehicles_that_share_a_port_are_told_apart_by_system_id_and_answered_where_they_are() -> None:
    async def story() -> None:
        async with udp_link() as (link, port):
            with Vehicle(port, system_id=1) as one, Vehicle(port, system_id=2) as two:
                heard: list[int] = []
                for system_id in (1, 2):
                    link.attach(system_id, lambda frame, _moved: heard.append(frame.system_id))
                one.say(before=b"console text\r\n")
                two.say()
                await until(lambda: len(heard) == 2)
                link.send_commanding(2, mavlink.MAVLink_param_request_read_message(2, 1, b"TWO", -1))
                link.send_commanding(1, hello())
                assert sorted(heard) == [1, 2]
                assert [frame.message.param_id for frame in one.hear()] == ["FENCE_TYPE"]
                assert [frame.message.param_id for frame in two.hear()] == ["TWO"]
                assert link.bad_bytes == len(b"console text\r\n")

    asyncio.run(story())


def test_a_system_that_was_never_heard_cannot_be_sent_to() -> None:
    async def story() -> None:
        async with udp_link() as (link, _):
            link.attach(1, lambda _frame, _moved: None)
            with pytest.raises(LinkDown, match="never heard"):
                link.send_commanding(1, arm())

    asyncio.run(story())


def test_two_sources_with_one_system_id_are_not_commanded_and_get_no_heartbeat() -> None:
    async def story() -> None:
        async with udp_link(is_alive=lambda: True) as (link, port):
            with Vehicle(port) as one, Vehicle(port) as two:
                link.attach(1, lambda _frame, _moved: None)
                for _ in range(4):
                    one.say()
                    two.say()
                await until(lambda: link.is_quarantined(1))
                with pytest.raises(LinkDown, match="two sources claim this id"):
                    link.send_commanding(1, arm())
                two.socket.settimeout(1.5)
                with pytest.raises(TimeoutError):
                    await asyncio.to_thread(two.hear)

    asyncio.run(story())


def test_another_component_of_the_vehicle_is_not_its_autopilot() -> None:
    async def story() -> None:
        async with udp_link() as (link, port):
            with Vehicle(port) as autopilot, Vehicle(port) as companion:
                companion._encoder = Encoder(1, 191)
                heard: list[int] = []
                link.attach(1, lambda frame, _moved: heard.append(frame.component_id))
                for _ in range(4):
                    autopilot.say()
                    companion.say()
                await until(lambda: len(heard) == 4)
                assert heard == [1, 1, 1, 1]
                assert not link.is_quarantined(1)

    asyncio.run(story())


def test_heartbeats_go_out_once_a_second_while_gate_and_monitor_live_and_stop_when_they_hang() -> None:
    async def story() -> None:
        alive = [True]
        async with udp_link(is_alive=lambda: alive[0]) as (link, port):
            with Vehicle(port) as vehicle:
                link.attach(1, lambda _frame, _moved: None)
                vehicle.say()
                frames = [(await asyncio.to_thread(vehicle.hear))[0] for _ in range(2)]
                assert [(f.name, f.system_id, f.message.type) for f in frames] == [("HEARTBEAT", 245, 6)] * 2
                alive[0] = False
                vehicle.socket.settimeout(1.4)
                with pytest.raises(TimeoutError):
                    await asyncio.to_thread(vehicle.hear)

    asyncio.run(story())


def name_of(message: Any) -> str:
    return f"{message.get_type()} {getattr(message, 'command', '')}".strip()


HARMLESS: list[Any] = [
    heartbeat(),
    mavlink.MAVLink_timesync_message(0, 1),
    hello(),
    mavlink.MAVLink_mission_request_list_message(1, 1, 0),
    mavlink.MAVLink_mission_request_int_message(1, 1, 0, 0),
    mavlink.MAVLink_command_long_message(1, 1, 511, 0, 33, 1e6, 0, 0, 0, 0, 0),
    mavlink.MAVLink_command_long_message(1, 1, 512, 0, 148, 0, 0, 0, 0, 0, 0),
]
MOVING: list[Any] = [
    arm(),
    mavlink.MAVLink_command_long_message(1, 1, 176, 0, 1, 4, 0, 0, 0, 0, 0),
    mavlink.MAVLink_command_int_message(1, 1, 3, 192, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    mavlink.MAVLink_set_mode_message(1, 1, 4),
    mavlink.MAVLink_param_set_message(1, 1, b"FENCE_ENABLE", 0, 9),
    mavlink.MAVLink_mission_count_message(1, 1, 2, 0),
    mavlink.MAVLink_mission_clear_all_message(1, 1, 1),
    mavlink.MAVLink_manual_control_message(1, 0, 0, 0, 0, 0),
]


@pytest.mark.parametrize("message", HARMLESS, ids=name_of)
def test_what_cannot_move_a_vehicle_is_on_the_list(message: Any) -> None:
    assert is_harmless(message)


@pytest.mark.parametrize("message", MOVING, ids=name_of)
def test_anything_else_is_refused_by_the_harmless_way_out(message: Any) -> None:
    async def story() -> None:
        async with udp_link() as (link, _):
            link.attach(1, lambda _frame, _moved: None)
            with pytest.raises(ValueError, match="not on the list of harmless messages"):
                link.send_harmless(1, message)

    asyncio.run(story())


def test_only_the_port_of_a_vehicle_sends_what_can_move_it() -> None:
    callers = {
        path.relative_to(ROOT).as_posix()
        for room in ("fleet", "sim", "edge")
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "send_commanding"
    }
    assert callers == {"fleet/flight/mavlink_port.py"}, "commands go through Vehicle.carry_out or come_home"


def test_frames_of_many_threads_arrive_whole() -> None:
    async def story() -> None:
        async with udp_link() as (link, port):
            with Vehicle(port) as vehicle:
                link.attach(1, lambda _frame, _moved: None)
                vehicle.say()
                await until(lambda: link._peers[1].watch.address is not None)

                def send_some() -> None:
                    for _ in range(25):
                        link.send_commanding(1, hello())

                threads = [threading.Thread(target=send_some) for _ in range(4)]
                for thread in threads:
                    thread.start()
                frames = [frame for _ in range(100) for frame in vehicle.hear()]
                for thread in threads:
                    thread.join()
                assert {frame.message.param_id for frame in frames} == {"FENCE_TYPE"}
                assert sorted(frame.sequence for frame in frames) == list(range(100))

    asyncio.run(story())


def test_a_capture_that_nobody_writes_out_drops_the_newest_and_counts_them(tmp_path: Path) -> None:
    tlog = Tlog(tmp_path / "flight.tlog", clock=SystemClock())
    for _ in range(8192 + 3):
        tlog.record(b"frame")
    assert tlog.dropped_frames == 3
    with tlog:
        pass
    assert (tmp_path / "flight.tlog").stat().st_size == 8192 * (8 + len(b"frame"))


def test_the_tlog_holds_frames_in_and_out_and_pymavlink_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "log" / "flight.tlog"

    async def story() -> None:
        with Tlog(path, clock=SystemClock()) as tlog:
            async with udp_link(tlog=tlog) as (link, port):
                with Vehicle(port) as vehicle:
                    heard: list[str] = []
                    link.attach(1, lambda frame, _moved: heard.append(frame.name))
                    vehicle.say()
                    await until(lambda: bool(heard))
                    link.send_commanding(1, hello())

    asyncio.run(story())
    reader = mavutil.mavlogfile(str(path))
    with contextlib.closing(reader):
        messages = [reader.recv_msg() for _ in range(2)]
        assert reader.recv_msg() is None
    assert [(m.get_type(), m.get_srcSystem()) for m in messages] == [("HEARTBEAT", 1), ("PARAM_REQUEST_READ", 245)]
    assert abs(messages[0]._timestamp - SystemClock().wall_us() / 1e6) < 60


def test_a_log_that_cannot_be_written_is_one_line() -> None:
    with (
        pytest.raises(SetUpError, match="expected a file to write to"),
        Tlog(Path("/proc/no/flight.tlog"), clock=SystemClock()),
    ):
        pass


def test_a_port_in_use_is_one_line() -> None:
    async def story() -> None:
        async with udp_link() as (_, port):
            second = UdpTransport(parse_connection(f"udpin:127.0.0.1:{port}"))
            with pytest.raises(SetUpError, match=f"'udpin:127.0.0.1:{port}': expected a free address"):
                await second.open(lambda _data, _address: None)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("serial:/dev/ttyACM0", "serial:DEVICE:BAUD", id="no baud rate"),
        pytest.param("udp:127.0.0.1:14550", "expected udpin:HOST:PORT", id="unknown scheme"),
        pytest.param("udpin:127.0.0.1", "expected udpin:HOST:PORT", id="no port"),
        pytest.param("tcp:127.0.0.1:99999", "expected udpin:HOST:PORT", id="no such port"),
    ],
)
def test_a_connection_string_says_what_is_wrong_with_it(text: str, complaint: str) -> None:
    with pytest.raises(SetUpError, match=complaint):
        parse_connection(text)


def test_tcp_dials_again_when_the_other_end_goes_and_skips_console_text() -> None:
    async def story() -> None:
        arrivals: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        server = await asyncio.start_server(lambda r, w: arrivals.put_nowait((r, w)), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        heard: list[str] = []
        async with open_link(f"tcp:127.0.0.1:{port}") as link:
            link.attach(1, lambda frame, _moved: heard.append(frame.name))
            for round_ in (1, 2):
                reader, writer = await asyncio.wait_for(arrivals.get(), 5.0)
                writer.write(b"ArduRover V4.7\r\n" + Encoder(1, 1).encode(heartbeat()))
                await until(lambda wanted=round_: len(heard) == wanted)  # type: ignore[misc]
                await asyncio.to_thread(link.send_commanding, 1, hello())
                raw = await asyncio.wait_for(reader.read(512), 5.0)
                assert [frame.name for frame in FrameParser().feed_stream(raw)] == ["PARAM_REQUEST_READ"]
                writer.close()
                await writer.wait_closed()
        server.close()
        await server.wait_closed()

    asyncio.run(story())


def test_a_serial_line_is_opened_again_when_its_cable_was_pulled(tmp_path: Path) -> None:
    cable = tmp_path / "ttyACM0"

    def plug_in() -> BinaryIO:
        ours, theirs = os.openpty()
        cable.unlink(missing_ok=True)
        cable.symlink_to(os.ttyname(theirs))
        os.close(theirs)
        return os.fdopen(ours, "r+b", buffering=0)

    async def story() -> None:
        heard: list[str] = []
        async with open_link(f"serial:{cable}:921600") as link:
            link.attach(1, lambda frame, _moved: heard.append(frame.name))
            for round_ in (1, 2):
                with plug_in() as vehicle:
                    await until(lambda: is_open(link))
                    vehicle.write(b"\xff\x00" + Encoder(1, 1).encode(heartbeat()))
                    await until(lambda wanted=round_: len(heard) == wanted)  # type: ignore[misc]
                    link.send_commanding(1, hello())
                    raw = await asyncio.to_thread(vehicle.read, 512)
                    assert [frame.name for frame in FrameParser().feed_stream(raw)] == ["PARAM_REQUEST_READ"]
                await until(lambda: not is_open(link))

    def is_open(link: Link) -> bool:
        transport = link._transport
        assert isinstance(transport, SerialTransport)
        return transport._stream is not None

    asyncio.run(story())


def test_a_serial_line_belongs_to_one_alone() -> None:
    ours, theirs = os.openpty()
    line = parse_connection(f"serial:{os.ttyname(theirs)}:57600")
    try:
        first = _Serial(line)
        with pytest.raises(OSError, match="lock"):
            _Serial(line)
        first.close()
    finally:
        os.close(ours)
        os.close(theirs)
