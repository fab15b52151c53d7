"""Composition root of a simulated run: the real edge, the real coordinator, simulated vehicles, one virtual clock.

    scenario -> rigs -> nodes -> in-memory broker -> coordinator -> in-memory MAVLink -> autopilots -> rigs again

Nothing here reads the machine's clock, waits or draws an unseeded number: one seed, one sequence of bytes.
"""

import json
import random
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import anyio
import yaml
from sqlalchemy import select

from contract.bus import BusMessage
from contract.codec import decode
from contract.events import Status
from contract.geo import PointEnu
from contract.site import Camera, CameraPose
from contract.topics import STATUS
from detectors.detector import Detector
from detectors.opening import open_scripted
from edge.errors import SetUpError
from edge.pipeline import StepResult
from fleet.flight.mavlink_transport import Connection, Transport, parse_connection
from fleet.records.store import Store, open_store
from fleet.records.tables import DECISIONS, HOPS
from sim.actors import Standing, Walk, everybody
from sim.autopilot.autopilot import Autopilot
from sim.autopilot.spec import AutopilotSpec, Kind
from sim.autopilot.truth import Truth
from sim.clock import ShiftedClock, VirtualClock, run_virtually
from sim.eyes import Eye, ModelledEye, PixelEye, RecordedEye
from sim.faults import Levers, break_things
from sim.fleet_life import FleetLife
from sim.impairment import Impairment, impairments
from sim.memory_bus import MemoryBroker
from sim.memory_link import TICK_S, MemoryTransport
from sim.node_life import NodeLife
from sim.operator import operate
from sim.rig import Draw, Poses, Rig
from sim.run_log import RunLog
from sim.scenario import FeedPlan, Loaded, Modelled, Recorded
from sim.world.drawn import VehiclePlace

COORDINATOR = "coordinator"
BUS_DELAY_S, RADIO_DELAY_S = 0.002, 0.02
LOOK_EACH_S = 0.2  # how often truth is written down
MAST_UP_M = 1.5  # a rover's camera above the ground
POSE_SIGMA_M, ATTITUDE_SIGMA_DEG = 0.5, 0.3  # what an autopilot and a gimbal admit to


@dataclass(frozen=True, slots=True)
class Eyes:
    """How rendered feeds are drawn and looked at; without, they play their recordings.

    draw: of a feed, given who can say where our own vehicles are; detector: of a feed; witness: sees what was judged.
    """

    draw: Callable[[FeedPlan, Camera, Callable[[], Sequence[VehiclePlace]]], Draw]
    detector: Callable[[FeedPlan], Detector]
    witness: Callable[[Rig, StepResult], None]


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
    _describe(loaded, folder, seed=seed)
    with ExitStack() as stack:
        log = stack.enter_context(RunLog(folder))
        disk = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vedette-sim-")))
        store = stack.enter_context(open_store(None))
        stage = Stage(loaded, seed=seed, clock=clock, log=log, disk=disk, store=store, eyes=eyes)
        run_virtually(partial(stage.run, on_second), clock=clock, pace=pace)
        _tell_decisions(store, log)
    return stage.rigs


def clock_of(loaded: Loaded) -> VirtualClock:
    """A fresh clock that stands at the scenario's beginning."""
    return VirtualClock(round(loaded.scenario.start.timestamp() * 1e6))


class Stage:
    """All parts of one run, connected."""

    def __init__(
        self,
        loaded: Loaded,
        *,
        seed: int,
        clock: VirtualClock,
        log: RunLog,
        disk: Path,
        store: Store,
        eyes: Eyes | None,
    ) -> None:
        site, scenario = loaded.site, loaded.scenario
        self._scenario, self._site, self._clock, self._log = scenario, site, clock, log
        self._frame = site.local_frame()
        self._walks = tuple(Walk(actor) for actor in scenario.actors)
        self.autopilots = {spec_id: Autopilot(spec) for spec_id, spec in autopilot_specs(loaded, seed=seed).items()}
        nodes = sorted({camera.node for camera in site.cameras if camera.id in {f.camera for f in scenario.feeds}})
        clocks = {name: ShiftedClock(clock) for name in (COORDINATOR, *nodes)}
        links = {
            **impairments(self.autopilots, seed=seed, base_s=RADIO_DELAY_S),
            **impairments((COORDINATOR, *nodes), seed=seed, base_s=BUS_DELAY_S),
        }
        broker = MemoryBroker(clock, tap=self._hear)
        self.rigs = {plan.camera: self._rig(loaded, plan, seed=seed, eyes=eyes) for plan in scenario.feeds}
        self._nodes = {
            node: NodeLife(
                node,
                site=site,
                rigs=[rig for rig in self.rigs.values() if rig.camera.node == node],
                folder=disk,
                seed=seed,
                broker=broker,
                link=links[node],
                clock=clocks[node],
                log=log,
                witness=None if eyes is None else eyes.witness,
            )
            for node in nodes
        }
        self._transports = self._radios(links)
        self._fleet = FleetLife(
            site=site,
            store=store,
            broker=broker,
            link=links[COORDINATOR],
            transport_of=self._transport_of,
            clock=clocks[COORDINATOR],
            log=log,
        )
        self._levers = Levers(broker, links, clocks, self.autopilots, self.rigs, self._nodes, self._fleet)

    async def run(self, on_second: Callable[[float], None]) -> None:
        """The scenario's whole length."""
        scenario = self._scenario
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._fly, name="vehicles")
            tasks.start_soon(self._fleet.life.run, name="coordinator")
            for node in self._nodes.values():
                tasks.start_soon(node.life.run, name="node")
            tasks.start_soon(self._look, name="truth")
            tasks.start_soon(
                partial(break_things, scenario.faults, self._levers, clock=self._clock, log=self._log), name="faults"
            )
            tasks.start_soon(
                partial(operate, scenario.operator, self._fleet, clock=self._clock, log=self._log), name="operator"
            )
            now_s = 0.0
            while now_s < scenario.length_s:
                on_second(now_s)
                await anyio.sleep(min(1.0, scenario.length_s - now_s))
                now_s = self._clock.monotonic_us() / 1e6
            tasks.cancel_scope.cancel()
        for camera in self.rigs:
            self._log.ended(camera, captured_at_us=self._clock.wall_us())

    # Vehicles

    def _radios(self, links: Mapping[str, Impairment]) -> dict[str, MemoryTransport]:
        """One for each connection string, with the vehicles behind it."""
        behind: dict[str, list[str]] = {}
        for spec in self._site.vehicles:
            behind.setdefault(str(parse_connection(spec.connection)), []).append(spec.id)
        by_id = {spec.id: spec.system_id for spec in self._site.vehicles}
        return {
            connection: MemoryTransport(
                [self.autopilots[each] for each in ids if each in self.autopilots],
                {by_id[each]: links[each] for each in ids if each in self.autopilots},
            )
            for connection, ids in behind.items()
        }

    def _transport_of(self, connection: Connection) -> Transport:
        return self._transports[str(connection)]

    async def _fly(self) -> None:
        """Vehicles live whether there is a coordinator or not."""
        while True:
            for autopilot in self.autopilots.values():
                autopilot.step(TICK_S)
            for transport in self._transports.values():
                transport.pump_all()
            await anyio.sleep(TICK_S)

    # Cameras

    def _rig(self, loaded: Loaded, plan: FeedPlan, *, seed: int, eyes: Eyes | None) -> Rig:
        camera = self._site.camera(plan.camera)
        is_drawn = eyes is not None and plan.eye.sees == "rendered"
        return Rig(
            plan,
            camera,
            eye=_eye(loaded, plan, camera, seed=seed, eyes=eyes if is_drawn else None),
            walks=self._walks,
            poses=partial(self._poses, camera),
            draw=eyes.draw(plan, camera, self._places) if eyes is not None and is_drawn else None,
            clock=self._clock,
            log=self._log,
        )

    def _poses(self, camera: Camera) -> Poses | None:
        if camera.pose is not None:
            return Poses(camera.pose, camera.pose)
        autopilot = self.autopilots.get(camera.vehicle or "")
        if autopilot is None:
            return None
        truth = autopilot.truth()
        believed, believed_amsl_m = autopilot.machine.reported_position()
        up_m = 0.0 if autopilot.spec.kind is Kind.COPTER else MAST_UP_M

        def pose(point: PointEnu, amsl_m: float) -> CameraPose:
            return CameraPose(
                east_m=point.east_m,
                north_m=point.north_m,
                up_m=amsl_m - self._site.origin.ground_amsl_m + up_m,
                heading_deg=truth.camera_heading_deg,
                pitch_deg=truth.camera_pitch_deg,
                position_sigma_m=POSE_SIGMA_M,
                attitude_sigma_deg=ATTITUDE_SIGMA_DEG,
            )

        return Poses(
            pose(self._frame.to_enu(truth.point), truth.amsl_m), pose(self._frame.to_enu(believed), believed_amsl_m)
        )

    def _places(self) -> list[VehiclePlace]:
        """Where our own vehicles really are, for pictures of them."""
        return [self._place(name, autopilot.truth()) for name, autopilot in self.autopilots.items()]

    def _place(self, name: str, truth: Truth) -> VehiclePlace:
        point, up_m = self._frame.to_enu(truth.point), truth.amsl_m - self._site.origin.ground_amsl_m
        return VehiclePlace(name, point.east_m, point.north_m, up_m, truth.heading_deg)

    # Writing down

    def _hear(self, message: BusMessage) -> None:
        """What nodes say of themselves, and what the broker says of a dead one."""
        if message.topic.endswith(f"/{STATUS.name}"):
            _, envelope = decode(message.topic, message.payload)
            if isinstance(envelope.body, Status):
                feeds = {feed.camera: feed.state.value for feed in envelope.body.feeds}
                self._log.node(envelope.node, envelope.body.state.value, feeds, at_us=self._clock.wall_us())

    async def _look(self) -> None:
        while True:
            now_s, at_us = self._clock.monotonic_us() / 1e6, self._clock.wall_us()
            standings = everybody(self._walks, now_s)
            if standings:
                self._log.truth({"type": "actors", "at_us": at_us, "actors": [_actor_line(each) for each in standings]})
            for name, autopilot in self.autopilots.items():
                self._log.vehicle_truth(name, at_us, self._vehicle_line(autopilot))
            if self._fleet.fleet is not None:
                for vehicle in self._fleet.fleet.vehicles.values():
                    self._log.vehicle_state(vehicle.state, at_us=at_us)
            await anyio.sleep(LOOK_EACH_S)

    def _vehicle_line(self, autopilot: Autopilot) -> dict[str, object]:
        truth = autopilot.truth()
        point = self._frame.to_enu(truth.point)
        return {
            "east_m": round(point.east_m, 3),
            "north_m": round(point.north_m, 3),
            "up_m": round(truth.amsl_m - self._site.origin.ground_amsl_m, 3),
            "heading_deg": round(truth.heading_deg, 1),
            "camera_heading_deg": round(truth.camera_heading_deg, 1),
            "camera_pitch_deg": round(truth.camera_pitch_deg, 1),
            "mode": truth.mode,
            "armed": truth.armed,
            "battery_frac": round(truth.battery_frac, 3),
            "ground_speed_m_s": round(truth.ground_speed_m_s, 2),
        }


def autopilot_specs(loaded: Loaded, *, seed: int, connect: str = "udpout:127.0.0.1:14550") -> dict[str, AutopilotSpec]:
    """The vehicles that are switched on, by id, each in its dock."""
    site, weather = loaded.site, loaded.scenario.weather
    docks = {dock.id: dock.position for dock in site.docks}
    specs = {spec.id: spec for spec in site.vehicles}
    return {
        start.id: AutopilotSpec(
            kind=Kind.COPTER if specs[start.id].kind.flies else Kind.ROVER,
            system_id=specs[start.id].system_id,
            home=docks[specs[start.id].dock],
            home_amsl_m=site.origin.ground_amsl_m,
            connect=connect,
            boot_s_already=start.switched_on_s_before,
            seed=seed,
            wind_m_s=weather.wind_m_s,
            wind_from_deg=weather.wind_from_deg,
            battery_frac=start.battery_frac,
        )
        for start in loaded.scenario.vehicles
    }


def _eye(loaded: Loaded, plan: FeedPlan, camera: Camera, *, seed: int, eyes: Eyes | None) -> Eye:
    if eyes is not None:
        return PixelEye(eyes.detector(plan), score_min=plan.score_min)
    eye = plan.eye
    if isinstance(eye, Modelled):
        size_px = (camera.lens.width_px, camera.lens.height_px)
        return ModelledEye(eye, chance=random.Random(f"{seed}/eye/{camera.id}"), size_px=size_px)  # noqa: S311
    recording = eye.detections if isinstance(eye, Recorded) else eye.recording
    if recording is None:
        raise SetUpError(f"feed '{plan.camera}': it is rendered and has no recording: run it with --live")
    return RecordedEye(open_scripted(loaded.file(recording), score_min=plan.score_min))


def _actor_line(standing: Standing) -> dict[str, object]:
    return {
        "actor": standing.actor.id,
        "east_m": round(standing.east_m, 3),
        "north_m": round(standing.north_m, 3),
        "heading_deg": round(standing.heading_deg, 1),
        "speed_m_s": round(standing.speed_m_s, 2),
    }


def _describe(loaded: Loaded, folder: Path, *, seed: int) -> None:
    scenario = loaded.scenario
    description = {
        "scenario": scenario.id,
        "file": loaded.path.name,
        "seed": seed,
        "length_s": scenario.length_s,
        "software": version("vedette"),
        "feeds": {plan.camera: plan.eye.sees for plan in scenario.feeds},
    }
    (folder / "run.json").write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    shutil.copyfile(loaded.path, folder / "scenario.yaml")
    shutil.copyfile(loaded.file(scenario.site), folder / "site.yaml")
    scenery = loaded.scenery.model_dump(mode="json")
    (folder / "scenery.yaml").write_text(yaml.safe_dump(scenery, sort_keys=False), encoding="utf-8")


def _tell_decisions(store: Store, log: RunLog) -> None:
    """What the store knows better than anybody who watched."""
    with store.reading() as connection:
        for row in connection.execute(select(DECISIONS).order_by(DECISIONS.c.at_us, DECISIONS.c.decision_id)):
            document = json.loads(row.document)
            log.add(
                row.at_us,
                type="decision",
                trace_id=row.trace_id,
                task=row.task_id,
                vehicle=row.vehicle,
                order=document["order"]["order"],
                verdict=row.verdict,
                reasons=document["reasons"],
            )
        for row in connection.execute(select(HOPS).order_by(HOPS.c.at_us, HOPS.c.trace_id, HOPS.c.hop)):
            log.add(row.at_us, type="hop", trace_id=row.trace_id, hop=row.hop, took_us=row.took_us)
