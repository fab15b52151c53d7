"""A whole coordinator in memory: real parts, a clock that stands still, vehicles that do as their state says."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TypeVar

from contract.bus import BusMessage
from contract.codec import decode
from contract.envelope import Envelope
from contract.frozen import Frozen
from contract.site import Site, VehicleKind
from fleet.api.core import Core
from fleet.app import Fleet, Heart, assembled
from fleet.coordinator import Wire
from fleet.decision.sop_document import ProcedureBook
from fleet.flight.dock import DockDriver
from fleet.flight.orders import Approval, ComingHome, Sent
from fleet.flight.vehicle import FlightMode, Progress, VehicleState
from fleet.foreign import ForeignTopic
from fleet.picture.arrival import Arrival
from fleet.records.store import open_store
from tests.conftest import ManualClock
from tests.fleet.messages import geo, make_site, on_bus

Answer = TypeVar("Answer")


class Here(Core):
    """The way to the core when API and core share a thread."""

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())
        self._loop.close()

    async def __call__(self, act: Callable[[], Answer]) -> Answer:
        return act()


class ReadyVehicle:
    """On its pad with everything known; remembers what it was told. It never moves."""

    def __init__(self, state: VehicleState) -> None:
        self.state = state
        self.orders: list[object] = []
        self.has_doubtful_mission = False

    async def carry_out(self, approval: Approval, *, on_progress: Progress) -> Sent:
        self.orders.append(approval.order)
        return Sent(approval.order, (), 0, None)

    def doubt_mission(self) -> None:
        self.has_doubtful_mission = True

    def come_home(self, order: ComingHome) -> None:
        self.orders.append(order)


@dataclass(slots=True)
class Office:
    """`hear` plays messages in as if from the bus; `said` is what the coordinator published."""

    fleet: Fleet
    clock: ManualClock
    kestrel: ReadyVehicle
    said: list[BusMessage]
    others: Sequence[ReadyVehicle] = ()
    answers: list[Callable[[BusMessage], None]] = field(default_factory=list)  # each hears what is published, at once

    def hear(self, *messages: BusMessage | Envelope) -> bool:
        arrivals = [
            Arrival(
                on_bus(each) if isinstance(each, Envelope) else each, self.clock.wall_us(), self.clock.monotonic_us()
            )
            for each in messages
        ]
        is_stored = self.fleet.coordinator.take(arrivals)
        self._send()
        return is_stored

    def pass_time(self, seconds: float) -> None:
        """The clock goes on, the vehicles keep talking, the coordinator ticks once."""
        self.clock.advance(seconds)
        now_us = self.clock.monotonic_us()
        for vehicle in (self.kestrel, *self.others):
            vehicle.state = replace(vehicle.state, heard_at_us=now_us, position_at_us=now_us, battery_at_us=now_us)
        self.fleet.coordinator.write_out()
        self.fleet.coordinator.tick()
        self._send()

    def _send(self) -> None:
        while self.fleet.response.send_one():
            pass

    def said_on(self, name: str) -> list[Frozen]:
        return [decode(each.topic, each.payload)[1].body for each in self.said if each.topic.endswith(f"/{name}")]


def kestrel_on_pad(clock: ManualClock, *, simulated: bool = True) -> VehicleState:
    now_us = clock.monotonic_us()
    return VehicleState(
        vehicle_id="kestrel",
        kind=VehicleKind.ARDUPILOT_COPTER,
        system_id=1,
        simulated=simulated,
        heard_at_us=now_us,
        autopilot_uid="a1",
        firmware="4.7.0",
        mode=FlightMode.GUIDED,
        armed=False,
        system_status=3,
        position=geo(0.0, -55.0),
        position_at_us=now_us,
        above_home_m=0.0,
        amsl_m=40.0,
        velocity_east_m_s=0.0,
        velocity_north_m_s=0.0,
        heading_deg=0.0,
        home=geo(0.0, -55.0),
        battery_frac=0.95,
        battery_at_us=now_us,
        gnss_fix=3,
        gnss_sigma_m=0.5,
        ekf_ready=True,
        wind_m_s=2.0,
        safety_uploaded=True,
        not_ready_because=(),
    )


@contextmanager
def open_office(
    *,
    site: Site | None = None,
    simulated: bool = True,
    others: Sequence[ReadyVehicle] = (),
    docks_of: Callable[[ManualClock], Mapping[str, DockDriver]] = lambda _clock: {},
    book: ProcedureBook | None = None,
    after: Office | None = None,
    foreign: Sequence[ForeignTopic] = (),
) -> Iterator[Office]:
    """after: an earlier life, whose store and clock it has."""
    clock = ManualClock() if after is None else after.clock
    kestrel = ReadyVehicle(kestrel_on_pad(clock, simulated=simulated))
    said: list[BusMessage] = []
    answers: list[Callable[[BusMessage], None]] = []

    def publish(message: BusMessage) -> bool:
        said.append(message)
        for answer in answers:
            answer(message)
        return True

    async def receive() -> Sequence[Arrival]:
        await asyncio.Event().wait()
        return ()

    with open_store(None) if after is None else nullcontext(after.fleet.store) as store:
        fleet = assembled(
            site=site or make_site(),
            clock=clock,
            store=store,
            vehicles={vehicle.state.vehicle_id: vehicle for vehicle in (kestrel, *others)},
            wire=Wire(receive=receive, publish=publish, is_connected=lambda: True),
            heart=Heart(clock),
            docks=docks_of(clock),
            book=book,
            foreign=foreign,
        )
        fleet.coordinator.load()
        yield Office(fleet, clock, kestrel, said, others, answers)
