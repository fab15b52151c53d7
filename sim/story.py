"""The demo's story, told from what the coordinator says and judged by where the simulated vehicles really are.

Pure: scenes in, lines out. The coordinator's word that a vehicle looked is not enough: the judge uses the autopilot's
own truth and a geometry of its own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from contract.geo import LocalFrame, PointEnu, distance_m
from contract.site import Site
from contract.tasks import Task, TaskKind, TaskState
from fleet.api.models import Snapshot, TracksView, VehicleView
from fleet.picture.incidents import Alarm, Incident, IncidentKind

HELD_FOR_S = 3.0  # in view this long without a break, by the truth, or it does not count
STAND_OFF_TOLERANCE_M = 1.0  # of the autopilot's position keeping


@dataclass(frozen=True, slots=True)
class Truth:
    """Where a simulated vehicle really is, in the site's frame."""

    position: PointEnu
    heading_deg: float


@dataclass(frozen=True, slots=True)
class Scene:
    """What was known and what was true at one moment."""

    at_s: float  # since the demo began
    known: Snapshot
    truth: Mapping[str, Truth]  # by vehicle id


class Story:
    """Feed it scenes; it remembers what was told."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._frame: LocalFrame = site.local_frame()
        self._sensors = {vehicle.id: vehicle for vehicle in site.vehicles}
        self._told: dict[str, str] = {}
        self._held_since_s: dict[str, float] = {}
        self._looked_by: set[str] = set()  # vehicles that held the intruder in view and reported the task done
        self.trace_id: str | None = None
        self.intruder_was_held = False
        self.patrol_was_resumed = False

    def observe(self, scene: Scene) -> list[str]:
        """What is new, one line each."""
        known = scene.known
        tasks = sorted(known.tasks, key=lambda task: (task.changed_at_us, str(task.task_id)))
        return [
            *(line for vehicle in known.vehicles for line in self._vehicle(vehicle)),
            *(line for alarm in known.alarms for line in self._alarm(alarm)),
            *(line for incident in known.incidents for line in self._incident(incident)),
            *(line for task in tasks for line in (*self._task(task), *self._judge(task, scene))),
            *(line for tracks in known.tracks for line in self._carried_camera(tracks, tasks)),
        ]

    @property
    def on_scene(self) -> frozenset[str]:
        """Vehicles that have the intruder in view now."""
        return frozenset(self._held_since_s)

    @property
    def is_done(self) -> bool:
        """The intruder was held in view and the interrupted patrol, where there was one, goes on."""
        has_patrol = any(patrol.vehicle in self._looked_by for patrol in self._site.patrols)
        return self.intruder_was_held and bool(self._looked_by) and (self.patrol_was_resumed or not has_patrol)

    def missing(self) -> str:
        """What a good end still wants, in words."""
        if self.trace_id is None:
            return "no intruder was detected"
        if not self.intruder_was_held:
            return "no vehicle held the intruder in view from the stand-off point"
        if not self._looked_by:
            return "no vehicle finished looking"
        return "the interrupted patrol did not go on"

    def _news(self, key: str, value: str) -> bool:
        if self._told.get(key) == value:
            return False
        self._told[key] = value
        return True

    def _vehicle(self, vehicle: VehicleView) -> list[str]:
        because = "; ".join(vehicle.not_ready_because)
        if vehicle.armed or not self._news(f"ready/{vehicle.id}", because):
            return []
        if because:
            return [f"{vehicle.id} is not ready: {because}"]
        return [f"{vehicle.id} is ready: {vehicle.firmware}, battery {_percent(vehicle.battery_frac)}"]

    def _alarm(self, alarm: Alarm) -> list[str]:
        if alarm.kind is not IncidentKind.INTRUSION or not self._news(f"alarm/{alarm.alarm_id}", "raised"):
            return []
        if self.trace_id is None:
            self.trace_id = alarm.trace_id
        stale = "; too old to send anything" if alarm.is_stale else ""
        sigma = alarm.sighting.ground.sigma_m if alarm.sighting and alarm.sighting.ground else None
        where = f", located to {2 * sigma:.1f} m" if sigma is not None else ""
        return [f"[bold red]ALARM[/] {alarm.title}{where}{stale} · trace {alarm.trace_id}"]

    def _incident(self, incident: Incident) -> list[str]:
        if incident.kind is not IncidentKind.TROUBLE:
            return []
        if not self._news(f"incident/{incident.incident_id}", incident.state.value):
            return []
        return [f"[magenta]trouble[/] {incident.title}: {incident.state.value}"]

    def _task(self, task: Task) -> list[str]:
        was_suspended = self._told.get(f"task/{task.task_id}", "").startswith(TaskState.SUSPENDED.value)
        if not self._news(f"task/{task.task_id}", f"{task.state.value} {task.reason} {task.progress}"):
            return []
        if task.kind is TaskKind.PATROL and was_suspended and task.state is TaskState.EXECUTING:
            self.patrol_was_resumed = self.patrol_was_resumed or bool(self._looked_by)
        name = f"patrol {task.patrol}" if task.kind is TaskKind.PATROL else task.kind.value
        detail = " · ".join(part for part in (task.progress, task.reason) if part)
        return [f"{task.vehicle}: {name} [bold]{task.state.value}[/]{' · ' + detail if detail else ''}"]

    def _carried_camera(self, tracks: TracksView, tasks: list[Task]) -> list[str]:
        """The camera under a vehicle sees somebody: how far from where the fixed camera put him?"""
        vehicle = self._site.camera(tracks.camera).vehicle
        targets = [task.target for task in tasks if task.vehicle == vehicle and task.target is not None]
        fixes = [sighting.ground.point for sighting in tracks.sightings if sighting.ground is not None]
        if not targets or not fixes or not self._news(f"camera/{tracks.camera}", "sees"):
            return []
        apart_m = min(distance_m(fix, target) for fix in fixes for target in targets)
        return [f"{tracks.camera} sees him too, {apart_m:.1f} m from where he was last located"]

    def _judge(self, task: Task, scene: Scene) -> list[str]:
        if task.kind is not TaskKind.INVESTIGATE or task.target is None:
            return []
        if task.state is TaskState.DONE:
            if task.vehicle in self._told:
                self._looked_by.add(task.vehicle)
            return []
        truth = scene.truth.get(task.vehicle)
        if truth is None or task.state is not TaskState.EXECUTING or not self._is_held(task, truth):
            self._held_since_s.pop(task.vehicle, None)
            return []
        since_s = self._held_since_s.setdefault(task.vehicle, scene.at_s)
        if scene.at_s - since_s < HELD_FOR_S or not self._news(task.vehicle, "held"):
            return []
        self.intruder_was_held = True
        away_m = truth.position.horizontal_distance_m(self._frame.to_enu(task.target))
        return [
            f"[bold green]{task.vehicle} holds the intruder in view from {away_m:.1f} m[/] (by the simulator's truth)"
        ]

    def _is_held(self, task: Task, truth: Truth) -> bool:
        """In the sensor's opening and range, and no nearer than the stand-off distance."""
        assert task.target is not None
        target = self._frame.to_enu(task.target)
        vehicle = self._sensors[task.vehicle]
        response = self._site.response
        nearest_m = response.air_stand_off_m if vehicle.kind.flies else response.ground_stop_m
        east_m, north_m = target.east_m - truth.position.east_m, target.north_m - truth.position.north_m
        away_m = math.hypot(east_m, north_m)
        heading = math.radians(truth.heading_deg)
        ahead_m = east_m * math.sin(heading) + north_m * math.cos(heading)
        aside_m = east_m * math.cos(heading) - north_m * math.sin(heading)
        in_opening = ahead_m > 0 and abs(aside_m) <= ahead_m * math.tan(math.radians(vehicle.sensor_fov_deg / 2))
        in_range = math.hypot(away_m, truth.position.up_m) <= vehicle.sensor_range_m
        return in_opening and in_range and away_m >= nearest_m - STAND_OFF_TOLERANCE_M


def _percent(fraction: float | None) -> str:
    return "unknown" if fraction is None else f"{fraction:.0%}"
