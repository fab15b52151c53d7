"""How long a mission of 50 waypoints takes over a good link and a bad one, and what the vehicle then holds of it.

Real frames of our own client and the simulated autopilot in virtual time, so that the machine does not matter. Bars are
for the upload alone, from MISSION_COUNT to the moment at which it is read back: that, and the comparison, come on top.
"""

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
from pymavlink.dialects.v20 import ardupilotmega as mavlink
from rich.console import Console
from rich.table import Table

from contract.geo import GeoPoint, LocalFrame, PointEnu
from contract.site import VehicleKind
from fleet.flight.errors import FlightError
from fleet.flight.mavlink_codec import Encoder, Frame
from fleet.flight.mavlink_frames import message_id
from fleet.flight.mavlink_link import Link
from fleet.flight.mavlink_mission import Item, MissionKind, difference, mission_of, upload_verified
from fleet.flight.mavlink_port import Act, Port
from fleet.flight.mavlink_sources import Address
from fleet.flight.orders import FlyMission, MissionItem
from fleet.flight.telemetry import Telemetry
from fleet.flight.tlog import Tlog
from fleet.flight.vehicle import VehicleState
from sim.approved import approved_hold
from sim.autopilot.autopilot import Autopilot
from sim.autopilot.spec import AutopilotSpec, Kind
from sim.benchmarks.stage import yard
from sim.clock import VirtualClock, run_virtually
from sim.impairment import Impairment
from sim.memory_link import TICK_S, MemoryTransport
from sim.scenario import BadLink

POINTS = 50
SEEDS = range(1, 21)
ROUND_TRIPS_S = (0.02, 0.1, 0.5)
LOSS_FRAC, LOSSY_ROUND_TRIP_S = 0.2, 0.1
OVER_PROTOCOL_BAR, LOSSY_BAR_S = 1.2, 20.0
HEIGHT_M, STEP_M, SPEED_M_S = 25.0, 5.0, 5.0
FRAME = LocalFrame(GeoPoint(lat_deg=52.1, lon_deg=13.2), ground_amsl_m=45.0)


@dataclass(frozen=True, slots=True)
class Weather:
    """One radio link, both ways alike; shares are of frames. away_s: how long nothing passes, from `away_at_s` of the
    upload on."""

    round_trip_s: float
    loss_frac: float = 0.0
    duplicate_frac: float = 0.0
    reorder_frac: float = 0.0
    away_at_s: float = 0.0
    away_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Uploaded:
    """up_s: until the first read-back began; all_s: until it was compared or given up; failed: why, or None.

    difference: of what the vehicle then held from what it was sent; `held`: how many items that was.
    """

    up_s: float
    all_s: float
    failed: str | None
    difference: str | None
    held: int


@dataclass(frozen=True, slots=True)
class MissionTimes:
    """By round trip in s: the upload over a link without loss. lossy_s, lossy_all_s: medians over all seeds."""

    good_s: dict[float, float]
    lossy_s: float
    lossy_all_s: float
    lossy_longest_s: float
    lossy_failed: int

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        missed = [
            f"upload at {trip_s * 1000:g} ms: expected at most {OVER_PROTOCOL_BAR:g} times the {needed_s(trip_s):.2f} s"
            f" that the protocol needs, got {took_s:.2f} s"
            for trip_s, took_s in self.good_s.items()
            if took_s > OVER_PROTOCOL_BAR * needed_s(trip_s)
        ]
        if self.lossy_s > LOSSY_BAR_S:
            missed.append(f"upload with loss: expected at most {LOSSY_BAR_S:g} s, got {self.lossy_s:.1f} s")
        if self.lossy_failed:
            missed.append(f"upload with loss: {self.lossy_failed} of {len(SEEDS)} failed")
        return missed

    def table(self) -> Table:
        table = Table(f"upload of {POINTS} waypoints", "s", "at most", title="simulated time", title_justify="left")
        for trip_s, took_s in self.good_s.items():
            bar_s = OVER_PROTOCOL_BAR * needed_s(trip_s)
            name = f"no loss, round trip {trip_s * 1000:g} ms: {needed_s(trip_s):.2f} s by the protocol"
            table.add_row(name, f"{took_s:.2f}", f"{bar_s:.2f}")
        lossy = f"{LOSS_FRAC:.0%} lost each way, round trip {LOSSY_ROUND_TRIP_S * 1000:g} ms, median of {len(SEEDS)}"
        table.add_row(lossy, f"{self.lossy_s:.1f}", f"{LOSSY_BAR_S:g}")
        table.add_row("the longest of them", f"{self.lossy_longest_s:.1f}", "")
        table.add_row("median, with reading back and comparing", f"{self.lossy_all_s:.1f}", "")
        return table


def needed_s(round_trip_s: float) -> float:
    """MISSION_COUNT and each item, home and speed among them, are answered once."""
    return round_trip_s * (1 + len(items_of(POINTS)))


def measure_mission(*, console: Console) -> MissionTimes:
    with console.status("missions over good links"):
        good_s = {trip_s: upload_over(Weather(trip_s), seed=1).up_s for trip_s in ROUND_TRIPS_S}
    bad = Weather(LOSSY_ROUND_TRIP_S, loss_frac=LOSS_FRAC)
    with console.status("missions over a bad link"):
        lossy = [upload_over(bad, seed=seed) for seed in SEEDS]
    return MissionTimes(
        good_s=good_s,
        lossy_s=statistics.median(each.up_s for each in lossy),
        lossy_all_s=statistics.median(each.all_s for each in lossy),
        lossy_longest_s=max(each.up_s for each in lossy),
        lossy_failed=sum(each.failed is not None or each.difference is not None for each in lossy),
    )


def items_of(points: int, *, turn: float = 0.0) -> tuple[Item, ...]:
    """A spiral of so many waypoints, turned by so many radians."""
    spots = [PointEnu(STEP_M * n * math.sin(n + turn), STEP_M * n * math.cos(n + turn)) for n in range(1, points + 1)]
    items = tuple(MissionItem(FRAME.to_geo(spot)[0], HEIGHT_M) for spot in spots)
    return mission_of(FlyMission(items, from_index=0, speed_m_s=SPEED_M_S), home=FRAME.origin)


def upload_over(weather: Weather, *, seed: int, points: int = POINTS, before: int = 0) -> Uploaded:
    """One upload to a vehicle that holds a mission of `before` other waypoints already."""
    clock = VirtualClock(0)
    radio = _Radio(clock, seed=seed)
    outcome: list[Uploaded] = []

    async def story() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(radio.fly)
            await radio.heard.wait()
            if before:
                await upload_verified(radio.act(), MissionKind.MISSION, items_of(before, turn=1.0), said="mission")
            radio.turn_to(weather)
            if weather.away_s:
                tasks.start_soon(radio.go_away, weather)
            outcome.append(await radio.upload(items_of(points)))
            tasks.cancel_scope.cancel()

    run_virtually(story, clock=clock)
    return outcome[0]


@dataclass
class _Radio:
    """A copter that stands, our client, and the link between them: a good one until `turn_to`."""

    clock: VirtualClock
    seed: int
    heard: anyio.Event = field(default_factory=anyio.Event)
    read_back_at_us: list[int] = field(default_factory=list)  # each time that a read-back was asked for

    def __post_init__(self) -> None:
        spec = AutopilotSpec(
            Kind.COPTER, system_id=1, home=FRAME.origin, home_amsl_m=45.0, connect="memory", boot_s_already=60.0
        )
        self.autopilot = Autopilot(spec)
        self.weather = Impairment(random.Random(self.seed), 0.001)  # noqa: S311 - weather
        self.transport = _Overheard(self)
        self.link = Link(
            "memory",
            transport=self.transport,
            encoder=Encoder(),
            clock=self.clock,
            tlog=Tlog(None, clock=self.clock),
            is_alive=lambda: True,
        )
        self.port = Port(self.link, 1, clock=self.clock)
        self.link.attach(1, self._on_frame)

    def _on_frame(self, frame: Frame, _has_moved: bool) -> None:
        self.heard.set()
        self.port.deliver(frame)

    async def fly(self) -> None:
        await self.link.open()
        while True:
            self.autopilot.step(TICK_S)
            self.transport.pump_all()
            await anyio.sleep(TICK_S)

    def turn_to(self, weather: Weather) -> None:
        self.weather.base_s = weather.round_trip_s / 2
        self.weather.faults.append(
            BadLink(
                at_s=0.0,
                kind="bad_link",
                of="drone",
                loss_frac=weather.loss_frac,
                duplicate_frac=weather.duplicate_frac,
                reorder_frac=weather.reorder_frac,
            )
        )

    async def go_away(self, weather: Weather) -> None:
        await anyio.sleep(weather.away_at_s)
        self.weather.is_lost = True
        await anyio.sleep(weather.away_s)
        self.weather.is_lost = False

    def act(self) -> Act:
        telemetry = Telemetry(VehicleState("drone", VehicleKind.ARDUPILOT_COPTER, 1, simulated=True), bound_uid=None)
        approval = approved_hold(telemetry.state, yard(), self.clock.monotonic_us())
        act = Act(self.port, approval, telemetry=lambda: telemetry, on_progress=lambda _: None)
        self.port.begin(act)
        return act

    async def upload(self, items: Sequence[Item]) -> Uploaded:
        began_us = self.clock.monotonic_us()
        self.read_back_at_us.clear()
        failed = None
        try:
            await upload_verified(self.act(), MissionKind.MISSION, items, said="mission")
        except FlightError as err:
            failed = str(err)
        ended_us = self.clock.monotonic_us()
        kept = self.autopilot.machine.mission.items
        held = [Item(each.command, each.frame, each.params, each.x, each.y, each.z) for each in kept]
        read_back_us = self.read_back_at_us[0] if self.read_back_at_us else ended_us
        differs = difference(items, held, MissionKind.MISSION)
        return Uploaded((read_back_us - began_us) / 1e6, (ended_us - began_us) / 1e6, failed, differs, len(held))


class _Overheard(MemoryTransport):
    """Notes when a read-back begins."""

    def __init__(self, radio: _Radio) -> None:
        super().__init__([radio.autopilot], {1: radio.weather})
        self._radio = radio

    def send(self, raw: bytes, address: Address) -> bool:
        if message_id(raw) == mavlink.MAVLINK_MSG_ID_MISSION_REQUEST_LIST:
            self._radio.read_back_at_us.append(self._radio.clock.monotonic_us())
        return super().send(raw, address)
