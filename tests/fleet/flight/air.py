"""A vehicle on a link in memory and in virtual time: what link tests fly on. The far end is a script or the simulator.

Time passes only in `play`, 20 ms a turn of the event loop, so a second of flight costs milliseconds and every run is
the same run.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, Protocol, TypeVar
from uuid import UUID

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.geo import GeoPoint
from contract.site import Vehicle as VehicleSpec
from contract.site import VehicleKind
from fleet.flight import ardupilot, mavlink_link, mavlink_port
from fleet.flight.ardupilot import ArdupilotVehicle
from fleet.flight.mavlink_codec import Encoder, FrameParser
from fleet.flight.mavlink_link import Link
from fleet.flight.mavlink_sources import Address
from fleet.flight.mavlink_transport import OnData
from fleet.flight.orders import Approval, Order, Sent
from fleet.flight.tlog import Tlog
from fleet.flight.vehicles import ardupilot_copter, ardupilot_rover
from sim.autopilot.autopilot import Autopilot
from sim.autopilot.spec import AutopilotSpec, Kind
from tests.conftest import ManualClock

Result = TypeVar("Result")
TURN_S = 0.02
HOME = GeoPoint(lat_deg=52.0, lon_deg=13.0)
VEHICLE_ADDRESS: Address = ("192.0.2.1", 50_000)
US = (245, 190)
DRIVERS: dict[VehicleKind, type[ArdupilotVehicle]] = {
    VehicleKind.ARDUPILOT_COPTER: ardupilot_copter.Driver,
    VehicleKind.ARDUPILOT_ROVER: ardupilot_rover.Driver,
}


def place(east_m: float, north_m: float) -> GeoPoint:
    return GeoPoint(lat_deg=HOME.lat_deg + north_m / 111_267, lon_deg=HOME.lon_deg + east_m / 68_677)


class MemoryTransport:
    """Both ends of a wire."""

    keeps_datagrams = True
    dialled: Address | None = None
    local_port: int | None = None

    def __init__(self) -> None:
        self.outgoing: deque[bytes] = deque(maxlen=10_000)
        self.deliver: OnData = lambda _data, _address: None

    async def open(self, on_data: OnData) -> None:
        self.deliver = on_data

    async def run(self) -> None:
        await asyncio.Event().wait()

    def send(self, raw: bytes, address: Address) -> bool:
        self.outgoing.append(raw)
        return True

    def close(self) -> None:
        pass


class Peer(Protocol):
    def receive(self, data: bytes) -> None: ...

    def step(self, dt_s: float) -> None: ...

    def outgoing(self) -> list[bytes]: ...


class ScriptedPeer:
    """Answers each message by the first rule that has something to say, and says nothing else."""

    def __init__(self, answer: Callable[[Any], Iterable[Any]], *, system_id: int = 1) -> None:
        self.heard: list[Any] = []
        self._answer = answer
        self._encoder = Encoder(system_id, 1)
        self._parser = FrameParser()
        self._out: list[bytes] = []

    def receive(self, data: bytes) -> None:
        for frame in self._parser.feed_datagram(data):
            self.heard.append(frame.message)
            for message in self._answer(frame.message):
                self.say(message)

    def say(self, message: Any) -> None:
        self._out.append(self._encoder.encode(message))

    def step(self, dt_s: float) -> None:
        pass

    def outgoing(self) -> list[bytes]:
        out, self._out = self._out, []
        return out


class Air:
    """One vehicle, its link, its far end; `loss` of frames each way."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, peer: Peer, *, kind: VehicleKind, loss: float = 0.0, seed: int = 1
    ) -> None:
        for module, name in ((mavlink_port, "_POLL_S"), (mavlink_link, "_TICK_S"), (ardupilot, "_TICK_S")):
            monkeypatch.setattr(module, name, 0.0)
        self.clock = ManualClock()
        self.peer = peer
        self.transport = MemoryTransport()
        self.alive = True
        self.pace = 1.0  # seconds of the far end in one of ours
        self.progress: list[str] = []
        self.sent: list[Any] = []  # every message of ours, also the lost ones
        self.drop: Callable[[Any], bool] = lambda _message: False  # ours, to be lost
        self.link = Link(
            "memory",
            transport=self.transport,
            encoder=Encoder(),
            clock=self.clock,
            tlog=Tlog(None, clock=self.clock),
            is_alive=lambda: self.alive,
        )
        copter = kind is VehicleKind.ARDUPILOT_COPTER
        self.spec = VehicleSpec(
            id="drone" if copter else "rover",
            kind=kind,
            connection="udpin:127.0.0.1:0",
            system_id=1,
            simulated=True,
            dock="pad",
            cruise_speed_m_s=5.0,
            return_altitude_m=25.0 if copter else None,
        )
        self.vehicle = DRIVERS[kind](self.spec, link=self.link, clock=self.clock)
        self._parser = FrameParser()
        self.loss, self._random = loss, random.Random(seed)

    def turn(self) -> None:
        """20 ms of everybody's time."""
        self.clock.advance(TURN_S)
        self.peer.step(TURN_S * self.pace)
        for raw in self.peer.outgoing():
            if self._random.random() >= self.loss:
                self.transport.deliver(raw, VEHICLE_ADDRESS)
        while self.transport.outgoing:
            raw = self.transport.outgoing.popleft()
            message = self._parser.feed_datagram(raw)[0].message
            self.sent.append(message)
            if self._random.random() >= self.loss and not self.drop(message):
                self.peer.receive(raw)

    def play(self, story: Callable[["Air"], Coroutine[Any, Any, Result]], *, within_s: float = 300.0) -> Result:
        """Run `story` with the background loops beside it, in virtual time."""

        async def run() -> Result:
            await self.transport.open(self.link._receive)
            told = asyncio.create_task(story(self))
            behind = [asyncio.create_task(self.link.run()), asyncio.create_task(self.vehicle.run())]
            if not await self._turn_until_done(told, within_s=within_s):
                told.cancel()
                await self._turn_until_done(told, within_s=30.0)
            for task in behind:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            assert not told.cancelled(), f"not done within {within_s} s of virtual time"
            return told.result()

        return asyncio.run(run())

    async def _turn_until_done(self, task: "asyncio.Task[Any]", *, within_s: float) -> bool:
        end_us = self.clock.monotonic_us() + within_s * 1e6
        while not task.done() and self.clock.monotonic_us() < end_us:
            self.turn()
            await asyncio.sleep(0)
        return task.done()

    async def passes(self, seconds: float) -> None:
        end_us = self.clock.monotonic_us() + seconds * 1e6
        await self.until(lambda: self.clock.monotonic_us() >= end_us)

    async def until(self, is_true: Callable[[], bool]) -> None:
        while not is_true():  # noqa: ASYNC110 - each turn of the loop is 20 ms of virtual time
            await asyncio.sleep(0)

    def approve(self, order: Order, *, for_s: float = 5.0) -> Approval:
        return Approval(UUID(int=1), self.spec.id, order, self.clock.monotonic_us() + round(for_s * 1e6))

    async def do(self, order: Order, *, for_s: float = 5.0) -> Sent:
        return await self.vehicle.carry_out(self.approve(order, for_s=for_s), on_progress=self.progress.append)

    async def ready(self) -> None:
        """Heard, identified, with everything but its safety."""
        await self.until(lambda: self.vehicle.state.not_ready_because == ("safety not uploaded",))

    def named(self, name: str) -> list[Any]:
        """What we sent under this name."""
        return [message for message in self.sent if message.get_type() == name]

    def commands(self, command: int) -> list[Any]:
        return [m for m in self.sent if m.get_type() in ("COMMAND_LONG", "COMMAND_INT") and m.command == command]


def simulated(kind: VehicleKind, **changes: Any) -> Autopilot:
    """The simulator's autopilot, up for a minute."""
    spec: dict[str, Any] = {
        "kind": Kind.COPTER if kind is VehicleKind.ARDUPILOT_COPTER else Kind.ROVER,
        "system_id": 1,
        "home": HOME,
        "home_amsl_m": 30.0,
        "boot_s_already": 60.0,
        **changes,
    }
    return Autopilot(AutopilotSpec(**spec))


def heartbeat(*, mode: int = 4, armed: bool = False, kind: int = 2, status: int = 3) -> Any:
    return mavlink.MAVLink_heartbeat_message(kind, 3, 128 if armed else 0, mode, status, 3)


def version(*, sw: int = 0x040603FF, uid: int = 7) -> Any:
    zeros = [0] * 8
    return mavlink.MAVLink_autopilot_version_message(0, sw, 0, 0, 0, zeros, zeros, zeros, 0, 0, uid)


def position(*, east_m: float = 0.0, north_m: float = 0.0, above_m: float = 0.0, boot_ms: int = 60_000) -> Any:
    point = place(east_m, north_m)
    lat, lon = round(point.lat_deg * 1e7), round(point.lon_deg * 1e7)
    height_mm = round(above_m * 1000)
    return mavlink.MAVLink_global_position_int_message(boot_ms, lat, lon, 30_000 + height_mm, height_mm, 0, 0, 0, 9000)


def ack(command: int, result: int = 0, *, to: tuple[int, int] = US) -> Any:
    return mavlink.MAVLink_command_ack_message(command, result, 0, 0, *to)
