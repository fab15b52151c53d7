"""What a run writes down while it goes: the lines of docs/simulator.md, in the order in which things happened.

Every line is dated by the scenario's own clock, whatever a part's clock was set to. Some are told late (a frame is
judged after it was taken, the store has its hop times a tick later), so lines of events.jsonl wait a little for those
that belong before them; lines of one moment keep the order in which they came.
"""

import heapq
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import TextIO

from pydantic import BaseModel

from contract.clock import Clock
from contract.codec import encode
from contract.envelope import Envelope
from contract.labels import Label
from contract.tasks import Task
from edge.pipeline import StepResult
from fleet.api.procedure_views import RunView
from fleet.flight.vehicle import VehicleState
from fleet.picture.incidents import Alarm, Incident
from fleet.picture.site_track import SiteTrack
from sim.event_log import EventLog

Json = Mapping[str, object]
LATEST_US = 10_000_000  # nothing is told later: a picture is on its way for 5 s at most, a tick of the store is 1 s
KNOWN_STATES = 10_000  # of alarms, tasks, vehicles; past that the one not heard of for longest is forgotten


line_of: Callable[[Json], str] = json.JSONEncoder(separators=(",", ":")).encode


class RunLog:
    """Open while the run goes; a context manager. Any thread may write."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder, self._clock = folder, clock
        self._waiting: list[tuple[int, int, str]] = []  # a heap: moment, number, line
        self._numbers = count()
        self._tracks: dict[str, EventLog] = {}
        self._states: dict[str, object] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> "RunLog":
        self._folder.mkdir(parents=True, exist_ok=True)
        self._events, self._sightings, self._truth, self._vehicles, self._site_tracks = self._files = [
            (self._folder / f"{name}.jsonl").open("w", encoding="utf-8", newline="\n")
            for name in ("events", "sightings", "truth", "vehicles", "site-tracks")
        ]
        return self

    def __exit__(self, *_: object) -> None:
        self._let_go(until_us=None)
        for file in self._files:
            file.close()

    def add(self, *, at_us: int | None = None, **values: object) -> None:
        """One line of events.jsonl, `type` first; of this moment if no other is given."""
        at_us = self._clock.wall_us() if at_us is None else at_us
        self._put(at_us, line_of({"type": values.pop("type"), "at_us": at_us, **values}))

    def _put(self, at_us: int, line: str) -> None:
        with self._lock:
            heapq.heappush(self._waiting, (at_us, next(self._numbers), line))
            self._let_go(until_us=self._clock.wall_us() - LATEST_US)

    def _let_go(self, *, until_us: int | None) -> None:
        while self._waiting and (until_us is None or self._waiting[0][0] < until_us):
            self._events.write(heapq.heappop(self._waiting)[2] + "\n")

    def _write(self, file: TextIO, line: Json) -> None:
        with self._lock:
            file.write(line_of(line) + "\n")

    # The node's side

    def posted(self, envelope: Envelope) -> None:
        """An event that the outbox took."""
        self._put(self._clock.wall_us(), encode(envelope).decode())

    def judged(self, camera: str, result: StepResult, *, labels: Sequence[Label]) -> None:
        tracks = self._tracks.get(camera)
        if tracks is None:
            tracks = self._tracks[camera] = EventLog(self._put, camera=camera, labels=labels)
        tracks.write(result.captured_at_us, result.tracks, ())
        if not result.subjects:
            return
        states = {track.track_id: track.state.value for track in result.tracks}
        shown = [
            {
                "track": sighting.track,
                "label": sighting.label.value,
                "score": round(sighting.score, 4),
                "xyxy_px": _xyxy_px(
                    sighting.box.x_px, sighting.box.y_px, sighting.box.width_px, sighting.box.height_px
                ),
                "state": states[sighting.track],
                "east_m": None if point is None else round(point.east_m, 3),
                "north_m": None if point is None else round(point.north_m, 3),
                "sigma_m": None if sighting.ground is None else round(sighting.ground.sigma_m, 3),
            }
            for sighting, point in ((subject.sighting, subject.point) for subject in result.subjects)
        ]
        self._write(self._sightings, {"camera": camera, "captured_at_us": result.captured_at_us, "tracks": shown})

    def ended(self, camera: str) -> None:
        """Whoever judged the camera's frames is no more, and so is whatever its tracker still followed."""
        tracks = self._tracks.pop(camera, None)
        if tracks is not None:
            tracks.close(self._clock.wall_us(), ())

    # The coordinator's side

    def published(self, kind: str, data: BaseModel) -> None:
        """What the live feed tells: alarms once, incidents and tasks at each change of state."""
        if isinstance(data, Alarm) and self._is_news("alarm", data.alarm_id, True) and data.event_id is not None:
            sighting = data.sighting
            self.add(
                type="alarm",
                trace_id=data.trace_id,
                alarm=str(data.alarm_id),
                incident=str(data.incident_id),
                zone=data.zone,
                camera=None if sighting is None else sighting.camera,
                track=None if sighting is None else sighting.track,
                stale=data.is_stale,
                event=str(data.event_id),
            )
        elif isinstance(data, Incident) and self._is_news(kind, data.incident_id, (data.state, data.severity)):
            self.add(
                type="incident",
                incident=str(data.incident_id),
                kind=data.kind.value,
                state=data.state.value,
                severity=data.severity.value,
                title=data.title,
                subject=data.subject,
                disposition=None if data.disposition is None else data.disposition.value,
            )
        elif isinstance(data, RunView) and self._is_news(
            kind, data.incident_id, (data.visit, data.phase, data.missing)
        ):
            self.add(
                type="procedure",
                incident=str(data.incident_id),
                procedure=data.procedure,
                step=data.step,
                phase=data.phase.value,
                approved_by=list(data.approved_by),
                ended_because=data.ended_because,
            )
        elif isinstance(data, Task) and self._is_news(kind, data.task_id, data.state):
            self.add(
                type="task",
                task=str(data.task_id),
                trace_id=data.trace_id,
                kind=data.kind.value,
                vehicle=data.vehicle,
                state=data.state.value,
                reason=data.reason,
                incident=None if data.incident_id is None else str(data.incident_id),
            )

        elif isinstance(data, SiteTrack):
            self._write(
                self._site_tracks,
                data.model_dump(mode="json", exclude={"origin", "votes", "velocity_sigma_m_s"}, exclude_none=True),
            )

    def vehicle_state(self, state: VehicleState) -> None:
        mode = None if state.mode is None else state.mode.value
        if self._is_news("vehicle", state.vehicle_id, (mode, state.armed)):
            self.add(type="vehicle", vehicle=state.vehicle_id, mode=mode, armed=state.armed)

    def node(self, node: str, state: str, feeds: Mapping[str, str]) -> None:
        if self._is_news("node", node, (state, tuple(feeds.items()))):
            self.add(type="node", node=node, state=state, feeds=dict(feeds))

    # The truth

    def truth(self, line: Json) -> None:
        self._write(self._truth, line)

    def vehicle_truth(self, vehicle: str, at_us: int, values: Json) -> None:
        """Where it really is; written while anything changes."""
        if self._is_news("truth", vehicle, tuple(values.values())):
            self._write(self._vehicles, {"vehicle": vehicle, "at_us": at_us, **values})

    def _is_news(self, kind: str, key: object, value: object) -> bool:
        name = f"{kind}/{key}"
        known = self._states.pop(name, None)
        self._states[name] = value  # the newest last
        if len(self._states) > KNOWN_STATES:
            del self._states[next(iter(self._states))]
        return known != value


def _xyxy_px(x_px: float, y_px: float, width_px: float, height_px: float) -> list[float]:
    return [round(x_px, 1), round(y_px, 1), round(x_px + width_px, 1), round(y_px + height_px, 1)]
