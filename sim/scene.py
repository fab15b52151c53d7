"""Who and what is there in a run, however its time passes: actors, vehicles, cameras, and the truth about them."""

import json
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path

import anyio
import yaml

from contract.bus import BusMessage
from contract.clock import Clock
from contract.codec import decode
from contract.events import Status
from contract.geo import GeoPoint, LocalFrame, PointEnu
from contract.site import Camera, CameraPose
from contract.topics import STATUS
from detectors.detector import Detector
from detectors.opening import open_scripted
from edge.errors import SetUpError
from edge.pipeline import StepResult
from fleet.app import Fleet
from fleet.flight.mavlink_codec import OUR_SYSTEM_ID
from sim.actors import Standing, Walk, everybody
from sim.autopilot.autopilot import Autopilot
from sim.autopilot.spec import AutopilotSpec, Kind
from sim.autopilot.truth import Truth
from sim.eyes import Eye, ModelledEye, PixelEye, RecordedEye
from sim.rig import Draw, Poses, Rig
from sim.run_log import RunLog
from sim.scenario import FeedPlan, Loaded, Modelled, Recorded, VehicleStart
from sim.world.drawn import VehiclePlace

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


class Scene:
    """`autopilots` by vehicle, `rigs` by camera; `clock` counts from the scenario's beginning."""

    def __init__(
        self,
        loaded: Loaded,
        autopilots: Mapping[str, Autopilot],
        *,
        seed: int,
        clock: Clock,
        log: RunLog,
        eyes: Eyes | None,
    ) -> None:
        self._loaded, self._site, self._clock, self._log = loaded, loaded.site, clock, log
        self._frame = loaded.site.local_frame()
        walks = tuple(Walk(actor) for actor in loaded.scenario.actors)
        self._around = lru_cache(maxsize=1)(partial(everybody, walks))  # all cameras ask at the same moments
        self.autopilots = autopilots
        self.rigs = {plan.camera: self._rig(plan, seed=seed, eyes=eyes) for plan in loaded.scenario.feeds}

    @property
    def nodes(self) -> dict[str, list[Rig]]:
        """The cameras at work, by their node, nodes in the order of their names."""
        by_node: dict[str, list[Rig]] = {}
        for rig in self.rigs.values():
            by_node.setdefault(rig.camera.node, []).append(rig)
        return dict(sorted(by_node.items()))

    # Writing down

    def hear(self, message: BusMessage) -> None:
        """What nodes say of themselves, and what the broker says of a dead one."""
        if message.topic.endswith(f"/{STATUS.name}"):
            _, envelope = decode(message.topic, message.payload)
            if isinstance(envelope.body, Status):
                feeds = {feed.camera: feed.state.value for feed in envelope.body.feeds}
                self._log.node(envelope.node, envelope.body.state.value, feeds)

    async def look(self, fleet: Callable[[], Fleet | None]) -> None:
        """Truth, and what the coordinator believes of its vehicles; for ever."""
        while True:
            now_s, at_us = self._clock.monotonic_us() / 1e6, self._clock.wall_us()
            standings = self._around(now_s)
            if standings:
                self._log.truth({"type": "actors", "at_us": at_us, "actors": [_actor_line(each) for each in standings]})
            for name, autopilot in self.autopilots.items():
                self._log.vehicle_truth(name, at_us, self._vehicle_line(autopilot))
            at_work = fleet()
            if at_work is not None:
                for vehicle in at_work.vehicles.values():
                    self._log.vehicle_state(vehicle.state)
            await anyio.sleep(LOOK_EACH_S)

    def ended(self) -> None:
        """The scenario is over, and so is whatever a tracker still followed."""
        for camera in self.rigs:
            self._log.ended(camera)

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
            "commands": autopilot.commands[OUR_SYSTEM_ID],
            "fence_breaches": truth.fence_breaches,
        }

    # Cameras

    def _rig(self, plan: FeedPlan, *, seed: int, eyes: Eyes | None) -> Rig:
        camera = self._site.camera(plan.camera)
        is_drawn = eyes is not None and plan.eye.sees == "rendered"
        return Rig(
            plan,
            camera,
            eye=_eye(self._loaded, plan, camera, seed=seed, eyes=eyes if is_drawn else None),
            around=self._around,
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


def autopilot_specs(loaded: Loaded, *, seed: int, connect: str = "udpout:127.0.0.1:14550") -> dict[str, AutopilotSpec]:
    """The vehicles that are switched on, by id, each where it stands."""
    site, weather = loaded.site, loaded.scenario.weather
    docks, frame = {dock.id: dock.position for dock in site.docks}, site.local_frame()
    specs = {spec.id: spec for spec in site.vehicles}
    return {
        start.id: AutopilotSpec(
            kind=Kind.COPTER if specs[start.id].kind.flies else Kind.ROVER,
            system_id=specs[start.id].system_id,
            home=_place_of(start, docks[specs[start.id].dock], frame),
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


def _place_of(start: VehicleStart, dock: GeoPoint, frame: LocalFrame) -> GeoPoint:
    if start.stands is None:
        return dock
    return frame.to_geo(PointEnu(start.stands.east_m, start.stands.north_m))[0]


def _eye(loaded: Loaded, plan: FeedPlan, camera: Camera, *, seed: int, eyes: Eyes | None) -> Eye:
    if eyes is not None:
        return PixelEye(eyes.detector(plan), score_min=plan.score_min)
    eye = plan.eye
    if isinstance(eye, Modelled):
        size_px = (camera.lens.width_px, camera.lens.height_px)
        chance = random.Random(f"{seed}/eye/{camera.id}")  # noqa: S311
        return ModelledEye(eye, chance=chance, size_px=size_px, score_min=plan.score_min)
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


def describe(loaded: Loaded, folder: Path, *, seed: int) -> None:
    scenario = loaded.scenario
    description = {
        "scenario": scenario.id,
        "file": loaded.path.name,
        "seed": seed,
        "length_s": scenario.length_s,
        "software": version("vedette"),
        "feeds": {plan.camera: plan.eye.sees for plan in scenario.feeds},
        "score_min": {plan.camera: plan.score_min for plan in scenario.feeds},
    }
    (folder / "run.json").write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    shutil.copyfile(loaded.path, folder / "scenario.yaml")
    shutil.copyfile(loaded.file(scenario.site), folder / "site.yaml")
    scenery = loaded.scenery.model_dump(mode="json")
    (folder / "scenery.yaml").write_text(yaml.safe_dump(scenery, sort_keys=False), encoding="utf-8")
