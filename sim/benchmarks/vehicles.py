"""What a hundred vehicles in the air cost the coordinator, how late it knows what they say, how fast it commands.

The coordinator as it is installed, in a process of its own, with its store, its capture of all MAVLink and a broker;
the vehicles are another process that sends frames encoded before (vehicle_sender.py). Processor time is what the kernel
says; times are those of the capture: each position carries the moment at which it was sent.
"""

import asyncio
import struct
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from socket import SOCK_DGRAM
from typing import Any

import httpx
from pymavlink.dialects.v20 import ardupilotmega as mavlink
from rich.console import Console
from rich.table import Table

from contract.clock import Clock
from contract.docks import Dock
from contract.geo import GeoPoint, LocalFrame, PointEnu
from contract.site import Geofence, Origin, Site
from fleet.broker_settings import BrokerSettings
from fleet.flight.mavlink_codec import OUR_SYSTEM_ID
from fleet.flight.mavlink_frames import decode, message_id
from fleet.settings import FleetSettings, HttpSettings
from sim.benchmarks.copters import copters
from sim.benchmarks.figures import Spread, spread
from sim.benchmarks.vehicle_sender import MESSAGES_A_SECOND
from sim.children import Child, processor_s
from sim.coordinator_client import Coordinator
from sim.demo_setup import LOOPBACK, DemoError
from sim.embedded_broker import EmbeddedBroker, free_port
from sim.mosquitto import Mosquitto, find_mosquitto

VEHICLES = 100
CORES_BAR, STATE_BAR_MS, COMMAND_BAR_MS = 0.5, 50.0, 150.0
LEAST_HEARD = 0.97  # of what was meant to be sent: with less the sender was starved, and the figures say nothing
LEAST_COMMANDS = 300
APART_M = 30.0
READY_WITHIN_S = 60.0
SETTLE_S = 5.0
MEASURED_S = 30.0
NAP_S = 0.005
COMMAND_EACH_S = 0.08
COMMANDS = 360
SENDER = "sim.benchmarks.vehicle_sender"
Record = tuple[int, bytes]  # wall time in us, frame


@dataclass(frozen=True, slots=True)
class VehicleCost:
    """cores: processor time of the coordinator over time; a_datagram_us: the same for each datagram heard.

    to_state: from the sender's `send` to the moment at which the coordinator takes the frame up, just before its state.
    command: from a command's leaving to its acknowledgement's being taken up; asked: from a person's request over HTTP.
    machine: how late one that only sleeps woke meanwhile; nothing on this machine can be more punctual.
    """

    vehicles: int
    heard_a_s: float
    lost_frac: float
    cores: float
    a_datagram_us: float
    to_state: Spread | None
    command: Spread | None
    asked: Spread | None
    machine: Spread | None

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        missed = []
        meant = self.vehicles * MESSAGES_A_SECOND
        if self.heard_a_s < LEAST_HEARD * meant:
            missed.append(f"messages heard: expected {meant} a second, got {self.heard_a_s:.0f}")
        if self.cores > CORES_BAR:
            missed.append(f"the coordinator: expected at most {CORES_BAR} cores, got {self.cores:.2f}")
        if self.to_state is None or self.to_state.p99_ms > STATE_BAR_MS:
            got = "none" if self.to_state is None else f"{self.to_state.p99_ms:.1f} ms"
            late = "" if self.machine is None else f" (one that only sleeps: {self.machine.p99_ms:.1f} ms late)"
            missed.append(f"datagram to state: expected p99 of at most {STATE_BAR_MS:.0f} ms, got {got}{late}")
        for what, took in (("command to acknowledgement", self.command), ("asked to acknowledgement", self.asked)):
            if took is None or took.count < LEAST_COMMANDS:
                missed.append(f"{what}: expected at least {LEAST_COMMANDS}, got {took.count if took else 0}")
            elif took.p99_ms > COMMAND_BAR_MS:
                missed.append(f"{what}: expected p99 of at most {COMMAND_BAR_MS:.0f} ms, got {took.p99_ms:.1f} ms")
        return missed

    def table(self) -> Table:
        title = f"{self.vehicles} vehicles, {self.heard_a_s:.0f} messages a second heard, {self.lost_frac:.2%} lost"
        table = Table("", "samples", "p50", "p99", "max", "at most", title=title, title_justify="left")
        for column in table.columns[1:]:
            column.justify = "right"
        table.add_row("cores of the coordinator", "", f"{self.cores:.2f}", "", "", f"{CORES_BAR:g}")
        table.add_row("the same for each datagram, us", "", f"{self.a_datagram_us:.0f}", "", "", "")
        rows: tuple[tuple[str, Spread | None, float | None], ...] = (
            ("datagram to state, ms", self.to_state, STATE_BAR_MS),
            ("command to its acknowledgement, ms", self.command, COMMAND_BAR_MS),
            ("a person's request to the acknowledgement, ms", self.asked, COMMAND_BAR_MS),
            ("the machine: one that sleeps wakes so late, ms", self.machine, None),
        )
        for what, took, bar_ms in rows:
            times = ("–",) * 3 if took is None else tuple(f"{t:.1f}" for t in (took.p50_ms, took.p99_ms, took.max_ms))
            bar = "" if bar_ms is None else f"p99 {bar_ms:.0f}"
            table.add_row(what, str(took.count if took else 0), *times, bar)
        return table


async def measure_vehicles(
    folder: Path,
    *,
    clock: Clock,
    console: Console,
    vehicles: int = VEHICLES,
    measured_s: float = MEASURED_S,
    commands: int = COMMANDS,
) -> VehicleCost:
    """`folder` gets site, store, capture and logs. Raises DemoError when a part ends by itself."""
    site, site_path = fleet_site(vehicles), folder / "site.yaml"
    site_path.write_text(site.model_dump_json(exclude_none=True, indent=1) + "\n", encoding="utf-8")
    mosquitto = find_mosquitto()
    broker = EmbeddedBroker(folder=folder) if mosquitto is None else Mosquitto(mosquitto, folder=folder, clock=clock)
    http_port, mavlink_port, boot_us = free_port(), free_port(SOCK_DGRAM), clock.wall_us()
    settings = FleetSettings(
        site_file=site_path,
        data_dir=folder / "fleet",
        broker=BrokerSettings(host=LOOPBACK, port=broker.port),
        http=HttpSettings(host=LOOPBACK, port=http_port),
        connections={vehicle.id: f"udpin:{LOOPBACK}:{mavlink_port}" for vehicle in site.vehicles},
    )
    config = folder / "fleet.yaml"
    config.write_text(settings.model_dump_json(exclude_none=True, exclude_defaults=True) + "\n")  # JSON is YAML
    fleet = Child("fleet", ["fleet", "run", str(config)], log_path=folder / "fleet.log")
    sending = [SENDER, str(site_path), str(mavlink_port), str(boot_us)]
    sender = Child("sender", sending, log_path=folder / "sender.log")
    url = f"http://{LOOPBACK}:{http_port}"
    async with AsyncExitStack() as stack:
        for process in (broker, fleet, sender):
            stack.enter_context(process)
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=5.0))
        with console.status(f"{vehicles} vehicles are heard"):
            await _until_known(Coordinator(http, url), (fleet, sender), clock=clock)
            await asyncio.sleep(SETTLE_S)
        assert fleet.pid is not None
        with console.status(f"{vehicles} vehicles for {measured_s:g} s"):
            began_us, before_s = clock.wall_us(), processor_s(fleet.pid)
            machine = await _sleep_lightly(measured_s, clock=clock)
            ended_us, used_s = clock.wall_us(), processor_s(fleet.pid) - before_s
        with console.status(f"{commands} commands"):
            asked = await _hold_each(http, site, commands, clock=clock)
        _check(fleet, sender)
    tlog = folder / "fleet" / "flight.tlog"
    cost = judged(tlog, vehicles, (began_us, ended_us), used_s, boot_us=boot_us, asked=asked)
    return replace(cost, machine=machine)


async def _sleep_lightly(seconds: float, *, clock: Clock) -> Spread | None:
    """In naps, and how late each ended."""
    late_us = []
    end_us = clock.monotonic_us() + round(seconds * 1e6)
    while (began_us := clock.monotonic_us()) < end_us:
        await asyncio.sleep(NAP_S)
        late_us.append(clock.monotonic_us() - began_us - round(NAP_S * 1e6))
    return spread(late_us)


def fleet_site(vehicles: int) -> Site:
    """Copters on a grid in one fence, far enough apart for each to fly a small circle over its dock."""
    origin = Origin(lat_deg=52.1, lon_deg=13.2, ground_amsl_m=45.0)
    frame = LocalFrame(GeoPoint(lat_deg=origin.lat_deg, lon_deg=origin.lon_deg), ground_amsl_m=origin.ground_amsl_m)
    side = max(1, round(vehicles**0.5))
    half_m = APART_M * (vehicles / side + side) / 2

    def geo(east_m: float, north_m: float) -> GeoPoint:
        return frame.to_geo(PointEnu(east_m, north_m))[0]

    return Site(
        schema_version=1,
        id="bench",
        name="Field of the vehicle benchmark",
        time_zone="Europe/Berlin",
        origin=origin,
        geofence=Geofence(
            polygon=tuple(
                geo(e, n) for e, n in ((-half_m, -half_m), (half_m, -half_m), (half_m, half_m), (-half_m, half_m))
            )
        ),
        docks=tuple(
            Dock(id=f"dock-{n}", position=geo(APART_M * (n % side - side / 2), APART_M * (n // side - side / 2)))
            for n in range(vehicles)
        ),
        vehicles=copters(20.0 + 35.0 * n / vehicles for n in range(vehicles)),
    )


async def _until_known(coordinator: Coordinator, children: tuple[Child, ...], *, clock: Clock) -> None:
    deadline_us = clock.monotonic_us() + round(READY_WITHIN_S * 1e6)
    while clock.monotonic_us() < deadline_us:
        _check(*children)
        known = await coordinator.snapshot()
        if known is not None and all(each.autopilot_uid and each.armed and each.position for each in known.vehicles):
            return
        await asyncio.sleep(0.5)
    raise DemoError(f"the vehicles are not known after {READY_WITHIN_S:.0f} s: {children[0].last_words()}")


def _check(*children: Child) -> None:
    for child in children:
        if child.exit_code is not None:
            raise DemoError(f"{child.name} ended by itself with exit code {child.exit_code}: {child.last_words()}")


async def _hold_each(http: httpx.AsyncClient, site: Site, commands: int, *, clock: Clock) -> list[tuple[int, int]]:
    """Order vehicles to hold, one after the other; system id and wall time of each request, us."""
    asked = []
    for vehicle, _ in zip(cycle(site.vehicles), range(commands), strict=False):
        asked.append((vehicle.system_id, clock.wall_us()))
        answer = await http.post(f"/api/v1/vehicles/{vehicle.id}/hold", json={"by": "bench"})
        if not answer.is_success:
            raise DemoError(f"hold of {vehicle.id}: expected it to be ordered, got {answer.status_code} {answer.text}")
        await asyncio.sleep(COMMAND_EACH_S)
    await asyncio.sleep(1.0)  # for the last acknowledgement
    return asked


def judged(
    tlog: Path, vehicles: int, window_us: tuple[int, int], used_s: float, *, boot_us: int, asked: list[tuple[int, int]]
) -> VehicleCost:
    """The figures of a run that has ended."""
    began_us, ended_us = window_us
    heard, lost = 0, 0
    late_us: list[int] = []
    last: dict[int, int] = {}
    told: dict[int, list[int]] = defaultdict(list)  # when each vehicle was told a mode, wall time in us
    acknowledged: dict[int, list[int]] = defaultdict(list)
    for at_us, raw in records(tlog.read_bytes()):
        kind, system_id = message_id(raw), raw[5]
        if system_id == OUR_SYSTEM_ID:
            if kind == mavlink.MAVLINK_MSG_ID_COMMAND_LONG and _command(raw) == mavlink.MAV_CMD_DO_SET_MODE:
                told[int(_message(raw).target_system)].append(at_us)
            continue
        if kind == mavlink.MAVLINK_MSG_ID_COMMAND_ACK and _command(raw) == mavlink.MAV_CMD_DO_SET_MODE:
            acknowledged[system_id].append(at_us)
        gap = (raw[4] - last.get(system_id, raw[4] - 1) - 1) % 256
        last[system_id] = raw[4]
        if began_us <= at_us < ended_us:
            heard += 1
            lost += gap
            if kind == mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT:
                (boot_ms,) = struct.unpack_from("<I", raw, 10)
                late_us.append(at_us - boot_us - boot_ms * 1000)
    took_s = (ended_us - began_us) / 1e6
    return VehicleCost(
        vehicles=vehicles,
        heard_a_s=heard / took_s,
        lost_frac=lost / max(heard + lost, 1),
        cores=used_s / took_s,
        a_datagram_us=used_s * 1e6 / max(heard, 1),
        to_state=spread(late_us),
        command=spread(
            max(answer_us - at_us, 0)  # each is stamped once it has left, by which time the answer may be there
            for system_id, sent_us in told.items()
            for at_us, answer_us in zip(sent_us, acknowledged[system_id], strict=False)
        ),
        asked=_answered(asked, acknowledged),
        machine=None,
    )


def records(capture: bytes) -> Iterator[Record]:
    """Every whole record of a capture of unsigned MAVLink 2 frames."""
    at = 0
    while at + 20 <= len(capture):
        (stamp_us,) = struct.unpack_from(">Q", capture, at)
        end = at + 8 + 12 + capture[at + 9]
        yield stamp_us, capture[at + 8 : end]
        at = end


def _command(raw: bytes) -> int:
    """Of a COMMAND_LONG or a COMMAND_ACK."""
    return int(_message(raw).command)


def _message(raw: bytes) -> Any:
    message = decode(raw)
    assert message is not None  # the coordinator captures nothing that it did not understand
    return message


def _answered(asked: list[tuple[int, int]], acknowledged: dict[int, list[int]]) -> Spread | None:
    """To the first acknowledgement after each; a capture's stamp may be 3 us early."""
    first = (next((at for at in acknowledged[system] if at + 3 >= asked_us), None) for system, asked_us in asked)
    return spread(max(at - asked_us, 0) for at, (_, asked_us) in zip(first, asked, strict=True) if at is not None)
