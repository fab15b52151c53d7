"""Every vehicle file through one sortie, over UDP on loopback, against the simulated autopilot of its kind.

The clock runs ten times as fast for both ends: heartbeats, time-outs and flight scale together, as MAVLink time does.
"""

import asyncio
import importlib
import math
import pkgutil
import socket
import sys
import uuid
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pymavlink import mavutil

import fleet.flight.vehicles
from contract.clock import Clock, SystemClock
from contract.envelope import Origin
from contract.geo import GeoPoint, distance_m
from contract.site import Site, VehicleKind
from contract.site import Vehicle as VehicleSpec
from fleet.errors import SetUpError
from fleet.flight.airspace import Airspace
from fleet.flight.capabilities import Capability, Lack
from fleet.flight.deferred import DeferredJournal
from fleet.flight.errors import CommandRefused
from fleet.flight.fleet_links import Flight
from fleet.flight.gate import GateParameters, RefusedOrder, judge
from fleet.flight.mavlink_codec import Encoder, FrameParser
from fleet.flight.mavlink_link import Link
from fleet.flight.monitor import SafetyMonitor
from fleet.flight.orders import (
    Approval,
    ComingHome,
    Disarm,
    FlyMission,
    GoTo,
    Hold,
    Land,
    Launch,
    LookAt,
    MissionItem,
    Orbit,
    Order,
    ReturnHome,
    Sent,
    UploadSafety,
)
from fleet.flight.safety_plan import safety_plan
from fleet.flight.vehicle import FlightMode, Progress, Vehicle, VehicleState
from fleet.flight.world import Consent, Evidence, WorldView
from sim.autopilot.spec import AutopilotSpec, Kind
from sim.autopilot.udp import SimulatedFleet
from tests.fleet.flight.air import heartbeat, place

SPEEDUP = 10
US = 245
KEYS = sorted(module.name for module in pkgutil.iter_modules(fleet.flight.vehicles.__path__))
HOMES = {1: place(0, 0), 2: place(10, 0)}


class FastClock:
    """Ten seconds to the second."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._started_us = self._clock.monotonic_us()

    def wall_us(self) -> int:
        return self._clock.wall_us()

    def monotonic_us(self) -> int:
        return 1_000_000 + (self._clock.monotonic_us() - self._started_us) * SPEEDUP


def make_site(keys: list[str], connection: str) -> Site:
    def vehicle(system_id: int, key: str) -> dict[str, Any]:
        flies = VehicleKind(key).flies
        return {
            "id": key.replace("_", "-"),
            "kind": key,
            "connection": connection,
            "system_id": system_id,
            "simulated": True,
            "dock": f"dock-{system_id}",
            "cruise_speed_m_s": 5.0,
            "return_altitude_m": 20.0 + system_id if flies else None,
        }

    def corners(*points: tuple[float, float]) -> list[dict[str, float]]:
        return [place(east, north).model_dump() for east, north in points]

    return Site.model_validate(
        {
            "schema_version": 1,
            "id": "field",
            "name": "Field",
            "time_zone": "UTC",
            "origin": {"lat_deg": 52.0, "lon_deg": 13.0, "ground_amsl_m": 30.0},
            "geofence": {"polygon": corners((-100, -100), (100, -100), (100, 100), (-100, 100))},
            "no_fly": [{"id": "pond", "polygon": corners((-60, -60), (-50, -60), (-55, -50))}],
            "buildings": [{"id": "barn", "polygon": corners((-80, 60), (-70, 60), (-75, 70)), "height_m": 5.0}],
            "docks": [{"id": f"dock-{i}", "position": point.model_dump()} for i, point in HOMES.items()],
            "rally_points": [{"id": "rally", "position": place(5, 5).model_dump()}],
            "vehicles": [vehicle(i, key) for i, key in enumerate(keys, 1)],
        }
    )


def spec_of(system_id: int, key: str, connect: str) -> AutopilotSpec:
    return AutopilotSpec(
        kind=Kind.COPTER if VehicleKind(key).flies else Kind.ROVER,
        system_id=system_id,
        home=HOMES[system_id],
        home_amsl_m=30.0,
        connect=connect,
        boot_s_already=60.0,
    )


def stamp_now() -> int:
    """In the units of signatures."""
    return (SystemClock().wall_us() - 1_420_070_400_000_000) // 10


class Sortie:
    """One vehicle, its orders and its waits."""

    def __init__(self, vehicle: Vehicle, *, key: str, site: Site, clock: FastClock) -> None:
        self.vehicle, self.site, self.clock = vehicle, site, clock
        self.id = key.replace("_", "-")
        self.flies = VehicleKind(key).flies
        self.height_m = 15.0 if self.flies else None
        self.progress: list[str] = []

    async def do(self, order: Order) -> Sent:
        approval = Approval(uuid.UUID(int=1), self.id, order, self.clock.monotonic_us() + 5_000_000)
        return await self.vehicle.carry_out(approval, on_progress=self.progress.append)

    async def until(self, is_true: Callable[[VehicleState], bool], *, within_s: float = 120.0) -> None:
        end_us = self.clock.monotonic_us() + within_s * 1e6
        while not is_true(self.vehicle.state):
            assert self.clock.monotonic_us() < end_us, f"not within {within_s} s: {self.vehicle.state}"
            await asyncio.sleep(0.01)

    def expect(self, mode: FlightMode) -> None:
        assert self.vehicle.state.mode is mode

    def is_at(self, state: VehicleState, point: GeoPoint) -> bool:
        return state.position is not None and distance_m(state.position, point) < 3.0

    async def hop(self) -> None:
        """Made safe, launched, sent a little way."""
        await self.until(lambda state: state.not_ready_because == ("safety not uploaded",))
        await self.do(UploadSafety(safety_plan(self.site, self.id, ground_station_system_id=US)))
        assert self.vehicle.state.not_ready_because == ()

        sent = await self.do(Launch(self.height_m))
        assert sent.acknowledged_at_us is not None
        assert (self.vehicle.state.armed, self.vehicle.state.mode) == (True, FlightMode.GUIDED)

        target = place(25.0, 20.0)
        sent = await self.do(GoTo(target, self.height_m, 5.0, look_at=place(40.0, 40.0)))
        assert any(said.startswith("DO_REPOSITION") for said in sent.messages)
        await self.until(lambda state: self.is_at(state, target))

    async def stand(self, for_s: float = 5.0) -> None:
        """It neither drifts nor sinks."""
        await self.until(lambda state: math.hypot(state.velocity_east_m_s or 0, state.velocity_north_m_s or 0) < 0.5)
        before, end_us = self.vehicle.state, self.clock.monotonic_us() + for_s * 1e6
        await self.until(lambda _: self.clock.monotonic_us() >= end_us)
        after = self.vehicle.state
        assert None not in (before.position, after.position, before.above_home_m, after.above_home_m)
        assert distance_m(before.position, after.position) < 2.0  # type: ignore[arg-type]
        assert abs(before.above_home_m - after.above_home_m) < 1.0  # type: ignore[operator]

    async def look(self) -> None:
        """Camera or nose to a point, and a copter's motors stay on in the air."""
        sent = await self.do(LookAt(place(60, 0)))
        assert sent.acknowledged_at_us is not None
        if self.flies:
            assert self.vehicle.state.is_landed is False
            with pytest.raises(CommandRefused, match="in the air"):
                await self.do(Disarm())

    async def orbit(self) -> None:
        """Round a point and back to where it began, every stop of it near the circle."""
        centre, radius_m = place(25.0, 0.0), 12.0
        off_m = 0.0

        def is_round(state: VehicleState) -> bool:
            nonlocal off_m
            if state.position is not None and (state.mission_seq or 0) >= 1:
                off_m = max(off_m, abs(distance_m(state.position, centre) - radius_m))
            return state.mission_state == 5

        await self.do(Orbit(centre, radius_m, self.height_m, 4.0, from_deg=0.0))
        self.expect(FlightMode.AUTO)
        await self.until(is_round)
        assert off_m < 4.0
        assert self.is_at(self.vehicle.state, place(25.0, radius_m))

    async def fly(self) -> None:
        """All of it: there, a look, an orbit, a patrol that is paused, resumed and leaves a waypoint out, and home."""
        await self.hop()
        await self.look()
        await self.orbit()
        height_m = self.height_m
        points = (place(0, 30), place(25, 30), place(-60, 30), place(30, 0))
        mission = FlyMission(tuple(MissionItem(point, height_m, 1.0) for point in points), 0, 5.0)
        await self.do(mission)
        self.expect(FlightMode.AUTO)
        await self.until(lambda state: state.mission_seq == 1)
        await self.do(Hold())
        self.expect(FlightMode.HOLD)
        await self.stand()
        await self.do(replace(mission, from_index=1))  # resumed
        await self.until(lambda state: state.mission_seq == 2)
        await self.do(replace(mission, from_index=3))  # the third is skipped
        await self.until(lambda state: state.mission_state == 5)
        assert self.is_at(self.vehicle.state, points[3])

        self.vehicle.come_home(ReturnHome())
        await self.until(lambda state: state.mode is FlightMode.RETURN)
        await self.until(lambda state: self.is_at(state, HOMES[state.system_id]) or self.is_at(state, place(5, 5)))
        if self.flies:
            await self.until(lambda state: state.armed is False)  # a copter disarms itself after landing
            await self.until(lambda state: state.is_landed is True)
        else:
            await self.do(Land())
            await self.do(Disarm())
        assert self.vehicle.state.armed is False
        assert self.vehicle.state.not_ready_because == ()


async def fly_all(keys: list[str], story: Callable[[Sortie], Awaitable[None]], **how: Any) -> None:
    """Each by itself, at once."""

    async def all_of_them(sorties: list[Sortie]) -> None:
        await asyncio.gather(*(story(sortie) for sortie in sorties))

    await fly_together(keys, all_of_them, **how)


async def fly_together(
    keys: list[str],
    story: Callable[[list[Sortie]], Awaitable[None]],
    *,
    tlog_path: Path | None = None,
    signing_key: bytes | None = None,
) -> None:
    """`signing_key`: of every vehicle, and given to us too."""
    clock = FastClock()
    unbound = make_site(keys, "udpin:127.0.0.1:0")
    ours = {} if signing_key is None else {vehicle.id: signing_key for vehicle in unbound.vehicles}
    async with Flight(
        site=unbound, clock=clock, system_id=US, tlog_path=tlog_path, is_alive=lambda: True, signing_keys=ours
    ) as flight:
        (link,) = flight.links.values()
        assert link.local_port is not None
        specs = [spec_of(i, key, f"udpout:127.0.0.1:{link.local_port}") for i, key in enumerate(keys, 1)]
        async with SimulatedFleet(specs, clock=clock) as simulated:
            for autopilot in simulated.autopilots.values():
                autopilot.signing.set_up(signing_key or bytes(32), 0 if signing_key is None else stamp_now())
            sorties = [
                Sortie(flight.vehicles[key.replace("_", "-")], key=key, site=unbound, clock=clock) for key in keys
            ]
            await story(sorties)


@pytest.mark.parametrize("key", KEYS)
def test_a_vehicle_flies_a_whole_sortie(key: str) -> None:
    asyncio.run(fly_all([key], Sortie.fly))


def test_safety_06_recall_all_brings_every_kind_home_at_once() -> None:
    async def story(sorties: list[Sortie]) -> None:
        await asyncio.gather(*(sortie.hop() for sortie in sorties))
        site, vehicles = sorties[0].site, [sortie.vehicle for sortie in sorties]
        view = WorldView(site, airspace=Airspace(site), vehicles=vehicles, people=lambda: (), clock=sorties[0].clock)
        monitor = SafetyMonitor(
            view=view, vehicles=vehicles, routes=dict, clock=sorties[0].clock, journal=DeferredJournal()
        )
        assert set(monitor.recall_all("Ada")) == {sortie.id for sortie in sorties}
        for sortie in sorties:
            await sortie.until(lambda state: state.mode is FlightMode.RETURN)
        for sortie in sorties:
            homes = (HOMES[sortie.vehicle.state.system_id], place(5, 5))
            await sortie.until(
                lambda state, sortie=sortie, homes=homes: any(  # type: ignore[misc]
                    sortie.is_at(state, home) for home in homes
                )
            )

    asyncio.run(fly_together(KEYS, story))


def test_a_kind_of_another_autopilot_is_one_file_and_touches_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links, gate and monitor know a driver by what fleet/flight/vehicle.py says of it. This one is no ArduPilot's."""

    runs = asyncio.Event()

    class Driver:
        def __init__(self, spec: VehicleSpec, *, link: Link, clock: Clock) -> None:
            self.state = VehicleState(
                spec.id, spec.kind, spec.system_id, spec.simulated, lacks=(Lack(Capability.ORBIT, "it has no wheels"),)
            )
            self.came_home: list[ComingHome] = []
            link.attach(spec.system_id, lambda _frame, _has_moved: None)

        async def run(self) -> None:
            runs.set()
            self.state = replace(self.state, mode=FlightMode.GUIDED, armed=True)

        async def carry_out(self, approval: Approval, *, on_progress: Progress) -> Sent:
            return Sent(approval.order, (), 0, 0)

        def doubt_mission(self) -> None:
            pass

        def come_home(self, order: ComingHome) -> None:
            self.came_home.append(order)

    module = ModuleType("fleet.flight.vehicles.ardupilot_rover")
    module.Driver = Driver  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)

    async def story() -> None:
        site, clock = make_site(["ardupilot_rover"], "udpin:127.0.0.1:0"), SystemClock()
        async with Flight(site=site, clock=clock, system_id=US, is_alive=lambda: True) as flight:
            (vehicle,) = flight.vehicles.values()
            view = WorldView(site, airspace=Airspace(site), vehicles=[vehicle], people=lambda: (), clock=clock)
            monitor = SafetyMonitor(view=view, vehicles=[vehicle], routes=dict, clock=clock, journal=DeferredJournal())
            await runs.wait()
            decision = judge(
                Orbit(place(0, 0), 20.0, None, 2.0, from_deg=0.0),
                vehicle=vehicle.state,
                world=view.now(),
                evidence=Evidence(Origin.SIMULATED, clock.monotonic_us(), 0.0),
                consent=Consent("Ada"),
                parameters=GateParameters(code_version="test", ground_station_system_id=US),
                now_us=clock.monotonic_us(),
                decision_id=uuid.UUID(int=1),
            )
            assert isinstance(decision, RefusedOrder)
            assert decision.reasons == ("it cannot orbit a point: it has no wheels",)
            monitor.return_home(vehicle.state.vehicle_id, "Ada")
            assert vehicle.came_home == [ReturnHome()]  # type: ignore[attr-defined]

    asyncio.run(asyncio.wait_for(story(), 30.0))


def test_vehicles_that_sign_hop_and_hear_only_what_is_signed() -> None:
    async def story(sortie: Sortie) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as impostor:
            link, system_id = sortie.vehicle._link, sortie.vehicle.state.system_id  # type: ignore[attr-defined]
            forged = Encoder(system_id, 1).encode(heartbeat())
            for _ in range(3):
                impostor.sendto(forged, ("127.0.0.1", link.local_port))
            await sortie.hop()
            assert link.is_forged(system_id)
            assert not link.is_quarantined(system_id)

    asyncio.run(fly_all(["ardupilot_copter", "ardupilot_rover"], story, signing_key=bytes(range(32))))


def test_a_vehicle_whose_frames_lack_its_key_is_not_heard() -> None:
    async def story() -> None:
        site, clock = make_site(["ardupilot_rover"], "udpin:127.0.0.1:0"), FastClock()
        keys = {"ardupilot-rover": bytes(range(32))}
        async with Flight(site=site, clock=clock, system_id=US, is_alive=lambda: True, signing_keys=keys) as flight:
            (link,) = flight.links.values()
            spec = spec_of(1, "ardupilot_rover", f"udpout:127.0.0.1:{link.local_port}")
            async with SimulatedFleet([spec], clock=clock):
                sortie = Sortie(flight.vehicles["ardupilot-rover"], key="ardupilot_rover", site=site, clock=clock)
                await sortie.until(lambda state: state.not_ready_because != ("not heard yet",))
                assert sortie.vehicle.state.not_ready_because == (
                    "not heard yet: what comes under its id is not signed with its key",
                )

    asyncio.run(story())


def test_vehicles_of_two_kinds_share_one_port_and_one_log(tmp_path: Path) -> None:
    asyncio.run(fly_all(["ardupilot_copter", "ardupilot_rover"], Sortie.hop, tlog_path=tmp_path / "flight.tlog"))
    with closing(mavutil.mavlink_connection(str(tmp_path / "flight.tlog"))) as log:
        heard: dict[int, set[str]] = {}
        while (message := log.recv_msg()) is not None:
            heard.setdefault(message.get_srcSystem(), set()).add(message.get_type())
    assert {"HEARTBEAT", "GLOBAL_POSITION_INT", "COMMAND_ACK"} <= heard[1] & heard[2]
    assert {"HEARTBEAT", "COMMAND_INT", "MISSION_ITEM_INT", "PARAM_SET"} <= heard[US]
    assert "BAD_DATA" not in {name for names in heard.values() for name in names}


def test_what_a_vehicle_says_is_passed_on_with_what_its_camera_needs() -> None:
    async def story() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as station:
            station.bind(("127.0.0.1", 0))
            station.setblocking(False)
            site, clock = make_site(["ardupilot_copter"], "udpin:127.0.0.1:0"), FastClock()
            forward = (f"udpout:127.0.0.1:{station.getsockname()[1]}",)
            async with Flight(site=site, clock=clock, system_id=US, is_alive=lambda: True, forward=forward) as flight:
                (link,) = flight.links.values()
                spec = spec_of(1, "ardupilot_copter", f"udpout:127.0.0.1:{link.local_port}")
                async with SimulatedFleet([spec], clock=clock):
                    heard: set[tuple[int, str]] = set()
                    wanted = {(1, name) for name in ("HEARTBEAT", "ATTITUDE", "GLOBAL_POSITION_INT", "SYSTEM_TIME")}
                    while not wanted <= heard:
                        data = await asyncio.get_running_loop().sock_recv(station, 2048)
                        heard |= {(frame.system_id, frame.name) for frame in FrameParser().feed_datagram(data)}

    asyncio.run(asyncio.wait_for(story(), 30.0))


@pytest.mark.parametrize("forward", ["udpin:127.0.0.1:14550", "tcp:127.0.0.1:14550"])
def test_nothing_is_ever_read_from_where_frames_are_passed_on_to(forward: str) -> None:
    site = make_site(["ardupilot_copter"], "udpin:127.0.0.1:0")
    with pytest.raises(SetUpError, match=f"forward '{forward}': expected udpout"):
        Flight(site=site, clock=SystemClock(), is_alive=lambda: True, forward=(forward,))


def test_a_vehicle_on_tcp_is_dialled_until_it_answers() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        connection = f"tcp:127.0.0.1:{probe.getsockname()[1]}"

    async def story() -> None:
        clock, key = FastClock(), "ardupilot_copter"
        site = make_site([key], connection)
        async with Flight(site=site, clock=clock, system_id=US, is_alive=lambda: True) as flight:
            await asyncio.sleep(0.1)  # the first dial finds nobody
            async with SimulatedFleet([spec_of(1, key, connection)], clock=clock):
                await Sortie(flight.vehicles["ardupilot-copter"], key=key, site=site, clock=clock).hop()

    asyncio.run(story())


@pytest.mark.parametrize("key", KEYS)
def test_a_vehicle_file_is_named_as_its_kind(key: str) -> None:
    driver = importlib.import_module(f"fleet.flight.vehicles.{key}").Driver
    assert VehicleKind(key).value == key
    assert {FlightMode.GUIDED, FlightMode.AUTO, FlightMode.HOLD, FlightMode.RETURN} <= set(driver.numbers)
    assert all(driver.airframe.modes[number] is mode for mode, number in driver.numbers.items())


def test_every_kind_of_the_contract_has_its_file() -> None:
    assert sorted(kind.value for kind in VehicleKind) == KEYS


def test_a_connection_that_can_never_work_is_one_line_before_anything_starts() -> None:
    async def story() -> None:
        site = make_site(["ardupilot_copter"], "udpin:192.0.2.1:14550")
        async with Flight(site=site, clock=SystemClock(), is_alive=lambda: True):
            raise AssertionError("opened an address that is not ours")

    with pytest.raises(SetUpError, match=r"'udpin:192.0.2.1:14550': expected a free address"):
        asyncio.run(story())
