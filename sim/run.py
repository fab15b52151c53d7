"""Composition root of a simulated run: the real edge, the real coordinator, simulated vehicles, one virtual clock.

    scenario -> rigs -> nodes -> in-memory broker -> coordinator -> in-memory MAVLink -> autopilots -> rigs again

Nothing here reads the machine's clock, waits or draws an unseeded number: one seed, one sequence of bytes. The same in
real time, over a real broker and sockets, is sim/real_time.py.
"""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio

from contract.envelope import COORDINATOR
from contract.geo import PointEnu
from fleet.flight.mavlink_transport import Connection, Transport, parse_connection
from fleet.records.store import Store, open_store
from sim.autopilot.autopilot import Autopilot
from sim.clock import ShiftedClock, VirtualClock, run_virtually
from sim.dock import docks_of
from sim.faults import Levers, break_things
from sim.fleet_life import FleetLife
from sim.impairment import Impairment, impairments
from sim.memory_bus import MemoryBroker
from sim.memory_link import TICK_S, MemoryTransport
from sim.node_life import NodeLife
from sim.operator import operate
from sim.rig import Rig
from sim.run_history import begin_history, keep_store
from sim.run_log import RunLog
from sim.scenario import Loaded, SameId
from sim.scene import Eyes, Scene, autopilot_specs, describe
from sim.simulated_node import SimulatedNode
from sim.store_tap import StoreTap

BUS_DELAY_S, RADIO_DELAY_S = 0.002, 0.02


def play(
    loaded: Loaded,
    folder: Path,
    *,
    clock: VirtualClock,
    seed: int,
    eyes: Eyes | None = None,
    pace: Callable[[float], None] | None = None,
    on_second: Callable[[float], None] = lambda _: None,
) -> Mapping[str, Rig]:
    """Run the whole scenario into `folder` on its own `clock_of`; the cameras of it. `on_second` hears how far it is.

    Raises SetUpError, DetectorError and DocumentError for what cannot be set up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    describe(loaded, folder, seed=seed)
    with ExitStack() as stack:
        log = stack.enter_context(RunLog(folder, clock))
        disk = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vedette-sim-")))
        store = stack.enter_context(open_store(disk / "fleet.db"))
        begin_history(folder)
        stage = Stage(loaded, folder, seed=seed, clock=clock, log=log, disk=disk, store=store, eyes=eyes)
        run_virtually(partial(stage.run, on_second), clock=clock, pace=pace)
        keep_store(disk / "fleet.db", folder)
    return stage.scene.rigs


def clock_of(loaded: Loaded) -> VirtualClock:
    """A fresh clock that stands at the scenario's beginning."""
    return VirtualClock(round(loaded.scenario.start.timestamp() * 1e6))


class Stage:
    """All parts of one run, connected."""

    def __init__(
        self,
        loaded: Loaded,
        folder: Path,
        *,
        seed: int,
        clock: VirtualClock,
        log: RunLog,
        disk: Path,
        store: Store,
        eyes: Eyes | None,
    ) -> None:
        self._scenario, self._site, self._clock, self._log = loaded.scenario, loaded.site, clock, log
        self._autopilots = {name: Autopilot(spec) for name, spec in autopilot_specs(loaded, seed=seed).items()}
        self.scene = Scene(loaded, self._autopilots, seed=seed, clock=clock, log=log, eyes=eyes)
        nodes = self.scene.nodes
        clocks = {name: ShiftedClock(clock) for name in (COORDINATOR, *nodes)}
        links = {
            **impairments(self._autopilots, seed=seed, base_s=RADIO_DELAY_S),
            **impairments((COORDINATOR, *nodes), seed=seed, base_s=BUS_DELAY_S),
        }
        broker = MemoryBroker(clock, tap=self.scene.hear)
        full_disks: set[str] = set()
        self._nodes = {
            node: NodeLife(
                SimulatedNode(
                    node,
                    site=loaded.site,
                    rigs=rigs,
                    folder=disk,
                    seed=seed,
                    clock=clocks[node],
                    log=log,
                    is_disk_full=partial(full_disks.__contains__, node),
                    witness=None if eyes is None else eyes.witness,
                ),
                broker=broker,
                link=links[node],
            )
            for node, rigs in nodes.items()
        }
        self._transports = self._radios(links)
        docks = docks_of(loaded.site, self._autopilots, clock=clock)
        self._fleet = FleetLife(
            site=loaded.site,
            store=store,
            broker=broker,
            link=links[COORDINATOR],
            transport_of=self._transport_of,
            clock=clocks[COORDINATOR],
            log=log,
            exchange_of=lambda dock: docks[dock.id].exchange,
            book=loaded.book,
            folder=folder,
        )
        self._store_tap = StoreTap(store, log, clock=clock, coordinators=clocks[COORDINATOR])
        self._levers = Levers(
            broker_down=broker.go_down,
            broker_up=broker.come_up,
            links=links,
            clocks=clocks,
            autopilots=self._autopilots,
            rigs=self.scene.rigs,
            full_disks=full_disks,
            lives={COORDINATOR: self._fleet.life, **{name: node.life for name, node in self._nodes.items()}},
            frame=loaded.site.local_frame(),
            weather=loaded.scenario.weather,
            strangers={
                fault.named: (partial(self._switch_on, fault), partial(self._switch_off, fault))
                for fault in loaded.scenario.faults
                if isinstance(fault, SameId)
            },
            docks=docks,
        )

    async def run(self, on_second: Callable[[float], None]) -> None:
        """The scenario's whole length."""
        scenario = self._scenario
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._fly, name="vehicles")
            tasks.start_soon(self._fleet.life.run, name="coordinator")
            for node in self._nodes.values():
                tasks.start_soon(node.life.run, name="node")
            tasks.start_soon(self.scene.look, lambda: self._fleet.fleet, name="truth")
            tasks.start_soon(self._store_tap.run, name="decisions")
            tasks.start_soon(
                partial(break_things, scenario.faults, self._levers, clock=self._clock, log=self._log), name="faults"
            )
            tasks.start_soon(
                partial(operate, scenario.operator, lambda: self._fleet.fleet, clock=self._clock, log=self._log),
                name="operator",
            )
            now_s = 0.0
            while now_s < scenario.length_s:
                on_second(now_s)
                await anyio.sleep(min(1.0, scenario.length_s - now_s))
                now_s = self._clock.monotonic_us() / 1e6
            if self._fleet.fleet is not None:
                self._fleet.fleet.coordinator.write_out()
                self._fleet.write_out()
            tasks.cancel_scope.cancel()
        self._store_tap.tell()
        self.scene.ended()

    # Vehicles

    def _radios(self, links: Mapping[str, Impairment]) -> dict[str, MemoryTransport]:
        """One for each connection string, with the vehicles behind it."""
        behind: dict[str, list[str]] = {}
        for spec in self._site.vehicles:
            behind.setdefault(str(parse_connection(spec.connection)), []).append(spec.id)
        by_id = {spec.id: spec.system_id for spec in self._site.vehicles}
        return {
            connection: MemoryTransport(
                [self._autopilots[each] for each in ids if each in self._autopilots],
                {by_id[each]: links[each] for each in ids if each in self._autopilots},
            )
            for connection, ids in behind.items()
        }

    def _switch_on(self, fault: SameId) -> None:
        """A stranger on the port of one of ours, and with its system id."""
        ours = self._autopilots[fault.vehicle].spec
        place, _ = self._site.local_frame().to_geo(PointEnu(fault.east_m, fault.north_m))
        stranger = Autopilot(replace(ours, home=place, boot_s_already=60.0, seed=ours.seed + 1))
        self._autopilots[fault.named] = stranger
        link = impairments([fault.named], seed=ours.seed, base_s=RADIO_DELAY_S)[fault.named]
        self._transport_behind(fault.vehicle).join(fault.named, stranger, link)

    def _switch_off(self, fault: SameId) -> None:
        del self._autopilots[fault.named]
        self._transport_behind(fault.vehicle).leave(fault.named)

    def _transport_behind(self, vehicle: str) -> MemoryTransport:
        spec = next(spec for spec in self._site.vehicles if spec.id == vehicle)
        return self._transports[str(parse_connection(spec.connection))]

    def _transport_of(self, connection: Connection) -> Transport:
        return self._transports[str(connection)]

    async def _fly(self) -> None:
        """Vehicles live whether there is a coordinator or not."""
        while True:
            for autopilot in self._autopilots.values():
                autopilot.step(TICK_S)
            for transport in self._transports.values():
                transport.pump_all()
            await anyio.sleep(TICK_S)
