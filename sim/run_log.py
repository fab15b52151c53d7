"""What a run writes down while it goes: the lines of docs/simulator.md, in the order in which things happened.

Lines of one moment keep the order in which they came. `events.jsonl` is written at the end, because the store gives
its decisions and hop times only then.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from pydantic import BaseModel

from contract.codec import encode
from contract.envelope import Envelope
from contract.labels import Label
from contract.tasks import Task
from edge.pipeline import StepResult
from fleet.flight.vehicle import VehicleState
from fleet.picture.incidents import Alarm, Incident
from sim.event_log import EventLog

Json = Mapping[str, object]


def line_of(values: Json) -> str:
    return json.dumps(values, separators=(",", ":"))


class RunLog:
    """Open while the run goes; a context manager. Times are wall time of the scenario, microseconds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events: list[tuple[int, str]] = []
        self._tracks: dict[str, EventLog] = {}
        self._states: dict[str, object] = {}
        self._files: list[TextIO] = []

    def __enter__(self) -> "RunLog":
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sightings, self._truth, self._vehicles = (
            (self._folder / name).open("w", encoding="utf-8", newline="\n")
            for name in ("sightings.jsonl", "truth.jsonl", "vehicles.jsonl")
        )
        self._files = [self._sightings, self._truth, self._vehicles]
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()
        self._events.sort(key=lambda event: event[0])
        with (self._folder / "events.jsonl").open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(line + "\n" for _, line in self._events)

    def add(self, at_us: int, **values: object) -> None:
        """One line of events.jsonl; `type` first."""
        self._events.append((at_us, line_of({"type": values.pop("type"), "at_us": at_us, **values})))

    # The node's side

    def posted(self, envelope: Envelope, *, at_us: int) -> None:
        """An event that the outbox took."""
        self._events.append((at_us, encode(envelope).decode()))

    def judged(self, camera: str, result: StepResult, *, labels: Sequence[Label]) -> None:
        tracks = self._tracks.get(camera)
        if tracks is None:
            tracks = self._tracks[camera] = EventLog(
                lambda at_us, line: self._events.append((at_us, line)), camera=camera, labels=labels
            )
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
        line = {"camera": camera, "captured_at_us": result.captured_at_us, "tracks": shown}
        self._sightings.write(line_of(line) + "\n")

    def ended(self, camera: str, *, captured_at_us: int) -> None:
        """The camera's life is over, and so is whatever its tracker still followed."""
        tracks = self._tracks.pop(camera, None)
        if tracks is not None:
            tracks.close(captured_at_us, ())

    # The coordinator's side

    def published(self, kind: str, data: BaseModel, *, at_us: int) -> None:
        """What the live feed tells: alarms once, incidents and tasks at each change of state."""
        if isinstance(data, Alarm) and self._is_news("alarm", data.alarm_id, True) and data.event_id is not None:
            sighting = data.sighting
            self.add(
                at_us,
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
                at_us,
                type="incident",
                incident=str(data.incident_id),
                kind=data.kind.value,
                state=data.state.value,
                severity=data.severity.value,
                title=data.title,
                subject=data.subject,
                disposition=None if data.disposition is None else data.disposition.value,
            )
        elif isinstance(data, Task) and self._is_news(kind, data.task_id, data.state):
            self.add(
                at_us,
                type="task",
                task=str(data.task_id),
                trace_id=data.trace_id,
                kind=data.kind.value,
                vehicle=data.vehicle,
                state=data.state.value,
                reason=data.reason,
                incident=None if data.incident_id is None else str(data.incident_id),
            )

    def vehicle_state(self, state: VehicleState, *, at_us: int) -> None:
        mode = None if state.mode is None else state.mode.value
        if self._is_news("vehicle", state.vehicle_id, (mode, state.armed)):
            self.add(at_us, type="vehicle", vehicle=state.vehicle_id, mode=mode, armed=state.armed)

    def node(self, node: str, state: str, feeds: Mapping[str, str], *, at_us: int) -> None:
        if self._is_news("node", node, (state, tuple(feeds.items()))):
            self.add(at_us, type="node", node=node, state=state, feeds=dict(feeds))

    # The truth

    def truth(self, line: Json) -> None:
        self._truth.write(line_of(line) + "\n")

    def vehicle_truth(self, vehicle: str, at_us: int, values: Json) -> None:
        """Where it really is; written while anything changes."""
        if self._is_news("truth", vehicle, tuple(values.values())):
            self._vehicles.write(line_of({"vehicle": vehicle, "at_us": at_us, **values}) + "\n")

    def _is_news(self, kind: str, key: object, value: object) -> bool:
        name = f"{kind}/{key}"
        if self._states.get(name) == value:
            return False
        self._states[name] = value
        return True


def _xyxy_px(x_px: float, y_px: float, width_px: float, height_px: float) -> list[float]:
    return [round(x_px, 1), round(y_px, 1), round(x_px + width_px, 1), round(y_px + height_px, 1)]


def rows_of(pairs: Iterable[tuple[int, Json]], log: RunLog) -> None:
    """Lines that another part kept."""
    for at_us, values in pairs:
        log.add(at_us, **values)
