"""The same scenario in real time: a real broker, real sockets, the node's threads, the monitor's own thread.

What a simulation alone can do to a process (kill it between two instructions, spoil its MQTT link) it cannot do here;
a scenario that wants it is refused at once.
"""

import asyncio
import socket
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from contract.envelope import COORDINATOR
from contract.errors import DocumentError
from contract.site import Site
from edge.link.uplink import Broker, Uplink
from fleet.app import Fleet, Heart, assembled
from fleet.broker_settings import BrokerSettings
from fleet.coordinator import MAX_BATCH, Wire
from fleet.flight.dock_links import Docks
from fleet.flight.fleet_links import Flight
from fleet.flight.mavlink_sources import Address
from fleet.flight.mavlink_transport import OnData, Transport, make_transport
from fleet.mqtt_bus import MqttBus
from fleet.picture.arrival import Arrival
from fleet.records.store import Store, open_store
from sim.autopilot.udp import SimulatedFleet
from sim.clock import RealClock, ShiftedClock
from sim.dock import docks_of
from sim.embedded_broker import LOOPBACK, EmbeddedBroker, free_port
from sim.faults import Levers, break_things
from sim.fleet_life import ToldFeed
from sim.impairment import Impairment, impairments
from sim.operator import operate
from sim.rig import Rig
from sim.run_history import begin_history, keep_store, recorder_in
from sim.run_log import RunLog
from sim.scenario import BadLink, CoordinatorKill, LinkLost, Loaded, NodeKill, SameId
from sim.scene import Eyes, Scene, autopilot_specs, describe
from sim.simulated_node import SimulatedNode
from sim.store_tap import StoreTap


def play_in_real_time(
    loaded: Loaded,
    folder: Path,
    *,
    clock: RealClock,
    seed: int,
    eyes: Eyes | None = None,
    on_second: Callable[[float], None] = lambda _: None,
) -> Mapping[str, Rig]:
    """As sim.run.play. Raises DocumentError for a fault that real time cannot have."""
    _check(loaded)
    folder.mkdir(parents=True, exist_ok=True)
    describe(loaded, folder, seed=seed)
    with ExitStack() as stack:
        log = stack.enter_context(RunLog(folder, clock))
        disk = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vedette-sim-")))
        broker = stack.enter_context(EmbeddedBroker(folder=disk))
        store = stack.enter_context(open_store(disk / "fleet.db"))
        begin_history(folder)
        stage = _Stage(
            loaded, folder, clock=clock, seed=seed, log=log, disk=disk, broker=broker, store=store, eyes=eyes
        )
        rigs = anyio.run(stage.run, on_second)
        keep_store(disk / "fleet.db", folder)
        return rigs


class _Stage:
    """All parts of one run."""

    def __init__(
        self,
        loaded: Loaded,
        folder: Path,
        *,
        clock: RealClock,
        seed: int,
        log: RunLog,
        disk: Path,
        broker: EmbeddedBroker,
        store: Store,
        eyes: Eyes | None,
    ) -> None:
        self._loaded, self._clock, self._seed, self._log, self._disk = loaded, clock, seed, log, disk
        self._broker, self._store, self._eyes, self._folder = broker, store, eyes, folder
        port = free_port(socket.SOCK_DGRAM)
        self._site = _connected(loaded.site, f"udpin:{LOOPBACK}:{port}")
        self._specs = autopilot_specs(loaded, seed=seed, connect=f"udpout:{LOOPBACK}:{port}")

    async def run(self, on_second: Callable[[float], None]) -> Mapping[str, Rig]:
        """The scenario's whole length."""
        scenario, clock, log = self._loaded.scenario, self._clock, self._log
        async with AsyncExitStack() as stack:
            vehicles = await stack.enter_async_context(SimulatedFleet(list(self._specs.values())))
            clock.begin()
            autopilots = {name: vehicles.autopilots[spec.system_id] for name, spec in self._specs.items()}
            scene = Scene(self._loaded, autopilots, seed=self._seed, clock=clock, log=log, eyes=self._eyes)
            levers = self._levers(scene)
            fleet = await self._fleet(stack, levers, scene)
            tap = StoreTap(self._store, log, clock=clock, coordinators=levers.clocks[COORDINATOR])
            recorder = recorder_in(self._folder, fleet, levers.clocks[COORDINATOR])
            stop = threading.Event()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(fleet.tasking.run, name="tasking")
                tasks.start_soon(fleet.coordinator.run, name="coordinator")
                tasks.start_soon(recorder.run, anyio.to_thread.run_sync, name="history")
                tasks.start_soon(scene.look, lambda: fleet, name="truth")
                tasks.start_soon(tap.run, name="decisions")
                tasks.start_soon(partial(break_things, scenario.faults, levers, clock=clock, log=log), name="faults")
                tasks.start_soon(
                    partial(operate, scenario.operator, lambda: fleet, clock=clock, log=log), name="operator"
                )
                async with anyio.create_task_group() as threads:
                    for name, rigs in scene.nodes.items():
                        node = partial(self._run_node, name, rigs, levers, stop)
                        threads.start_soon(anyio.to_thread.run_sync, node, name=f"node {name}")
                    try:
                        while (now_s := clock.monotonic_us() / 1e6) < scenario.length_s:
                            on_second(now_s)
                            await anyio.sleep(min(1.0, scenario.length_s - now_s))
                    finally:
                        stop.set()
                tasks.cancel_scope.cancel()
            fleet.coordinator.write_out()
            recorder.write_out()
            tap.tell()
            scene.ended()
        return scene.rigs

    def _levers(self, scene: Scene) -> Levers:
        return Levers(
            broker_down=self._broker.kill,
            broker_up=self._broker.start,
            links=impairments(scene.autopilots, seed=self._seed, base_s=0.0),
            clocks={name: ShiftedClock(self._clock) for name in (COORDINATOR, *scene.nodes)},
            autopilots=scene.autopilots,
            rigs=scene.rigs,
            full_disks=set(),
            lives={},
            frame=self._site.local_frame(),
            weather=self._loaded.scenario.weather,
            strangers={},
            docks=docks_of(self._loaded.site, scene.autopilots, clock=self._clock),
        )

    async def _fleet(self, stack: AsyncExitStack, levers: Levers, scene: Scene) -> Fleet:
        """The coordinator with its links open; its loops are still to be started."""
        clock, heart = levers.clocks[COORDINATOR], Heart(levers.clocks[COORDINATOR])
        bus = MqttBus(BrokerSettings(port=self._broker.port), site_id=self._site.id, clock=clock)

        async def receive() -> Sequence[Arrival]:
            arrivals = await bus.receive(at_most=MAX_BATCH)
            for arrival in arrivals:
                scene.hear(arrival.message)
            return arrivals

        by_system = {spec.system_id: levers.links[name] for name, spec in self._specs.items()}
        flight = Flight(
            site=self._site,
            clock=clock,
            is_alive=heart.is_alive,
            transport_of=lambda connection: _Impaired(make_transport(connection), by_system),
        )
        docks = Docks(site=self._site, clock=clock, exchange_of=lambda dock: levers.docks[dock.id].exchange)
        fleet = assembled(
            site=self._site,
            clock=clock,
            store=self._store,
            vehicles=flight.vehicles,
            wire=Wire(receive=receive, publish=bus.publish, is_connected=lambda: bus.is_connected),
            heart=heart,
            live=ToldFeed(self._log),
            traffic=flight.traffic.now,
            docks=docks.drivers,
            book=self._loaded.book,
        )
        fleet.coordinator.load()
        await stack.enter_async_context(flight)
        await stack.enter_async_context(docks)
        stack.enter_context(fleet.monitor)
        await stack.enter_async_context(bus.opened())
        return fleet

    def _run_node(self, name: str, rigs: Sequence[Rig], levers: Levers, stop: threading.Event) -> None:
        """One edge node as its process runs it, its cameras simulated. For a thread."""
        parts = SimulatedNode(
            name,
            site=self._site,
            rigs=rigs,
            folder=self._disk,
            seed=self._seed,
            clock=levers.clocks[name],
            log=self._log,
            is_disk_full=partial(levers.full_disks.__contains__, name),
            witness=None if self._eyes is None else self._eyes.witness,
        )
        with parts.disk() as disk:
            node = parts.built(disk)
            uplink = Uplink(
                Broker(LOOPBACK, self._broker.port),
                client_id=parts.client_id,
                will=node.last_will,
                on_session=node.session_opened,
                on_delivered=node.delivered,
                chance=parts.chance(),
            )
            node.run(uplink, stop, serve_bus=uplink.run)


def _check(loaded: Loaded) -> None:
    nodes = {camera.node for camera in loaded.site.cameras}
    for fault in loaded.scenario.faults:
        spoils_mqtt = isinstance(fault, BadLink | LinkLost) and fault.of in nodes
        if spoils_mqtt or isinstance(fault, NodeKill | CoordinatorKill | SameId):
            raise DocumentError(
                f"{loaded.path}: faults.{fault.kind}: expected --speed max, in real time it cannot be had"
            )


def _connected(site: Site, connection: str) -> Site:
    vehicles = tuple(vehicle.model_copy(update={"connection": connection}) for vehicle in site.vehicles)
    return site.model_copy(update={"vehicles": vehicles})


class _Impaired:
    """A real socket whose datagrams suffer what the scenario's faults say, each way."""

    def __init__(self, inner: Transport, links: Mapping[int, Impairment]) -> None:
        self._inner, self._links = inner, links
        self._heard_at: dict[Address, Impairment] = {}
        self._on_data: OnData
        self.keeps_datagrams = inner.keeps_datagrams

    @property
    def dialled(self) -> Address | None:
        return self._inner.dialled

    @property
    def local_port(self) -> int | None:
        return self._inner.local_port

    async def open(self, on_data: OnData) -> None:
        self._on_data = on_data
        self._loop = asyncio.get_running_loop()
        await self._inner.open(self._receive)

    async def run(self) -> None:
        await self._inner.run()

    def close(self) -> None:
        self._inner.close()

    def send(self, raw: bytes, address: Address) -> bool:
        """From any thread."""
        link = self._heard_at.get(address)
        if link is None or not (link.is_lost or link.faults):
            return self._inner.send(raw, address)
        for delay_s in link.delays_s():
            self._loop.call_soon_threadsafe(self._loop.call_later, delay_s, self._inner.send, raw, address)
        return True

    def _receive(self, data: bytes, address: Address) -> None:
        system_at = 5 if data[:1] == b"\xfd" else 3  # MAVLink 2 and 1: where a frame says who sent it
        link = self._links.get(data[system_at]) if len(data) > system_at else None
        if link is None or not (link.is_lost or link.faults):
            if link is not None:
                self._heard_at[address] = link
            self._on_data(data, address)
            return
        for delay_s in link.delays_s():
            self._loop.call_later(delay_s, self._on_data, data, address)
