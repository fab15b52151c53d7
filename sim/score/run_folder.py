"""A run folder as values: what was run, what the system said of it, and what was true.

Lines are checked as they are read; unknown keys are left alone, so that an older score reads a newer run.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from contract.documents import parse_document
from contract.envelope import Envelope
from contract.geo import GroundFix, PointEnu
from contract.site import CameraPose, Site, parse_site
from sim.actors import Standing, Walk
from sim.scenario import Loaded, Scenario, Scenery
from sim.score.errors import ScoreError

Box = tuple[float, float, float, float]  # left, top, right, bottom


class Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class AlarmLine(Line):
    at_us: int
    alarm: str
    incident: str | None = None
    zone: str | None = None
    camera: str | None = None
    event: str | None = None
    stale: bool = False


class IncidentLine(Line):
    at_us: int
    incident: str
    kind: str
    state: str
    title: str = ""
    subject: str | None = None
    disposition: str | None = None


class TaskLine(Line):
    at_us: int
    task: str
    kind: str
    vehicle: str
    state: str
    reason: str = ""
    incident: str | None = None


class DecisionLine(Line):
    at_us: int
    vehicle: str | None = None
    verdict: str
    reasons: tuple[str, ...] = ()


class HopLine(Line):
    at_us: int
    hop: str
    took_us: int


class NodeLine(Line):
    at_us: int
    node: str
    state: str
    feeds: dict[str, str] = {}


class FaultLine(Line):
    at_us: int
    kind: str
    of: str | None = None
    phase: str


class OperatorLine(Line):
    at_us: int
    by: str
    do: str
    target: str | None = None
    outcome: str = ""


class TrackSeen(Line):
    track: int
    label: str
    score: float = 0.0
    xyxy_px: Box
    state: str
    east_m: float | None = None
    north_m: float | None = None
    sigma_m: float | None = None


class SightingsLine(Line):
    camera: str
    captured_at_us: int
    tracks: tuple[TrackSeen, ...]


class ActorSeen(Line):
    actor: str
    label: str
    xyxy_px: Box
    visible_frac: float = 1.0


class ViewLine(Line):
    camera: str
    captured_at_us: int
    pose: CameraPose | None = None
    actors: tuple[ActorSeen, ...]


class VehicleLine(Line):
    vehicle: str
    at_us: int
    east_m: float
    north_m: float
    up_m: float
    heading_deg: float
    camera_heading_deg: float | None = None
    camera_pitch_deg: float | None = None
    mode: str | None = None
    armed: bool | None = None
    battery_frac: float | None = None
    commands: int = 0  # of ours that reached it until then and could move it
    fence_breaches: int = 0

    @property
    def place(self) -> PointEnu:
        return PointEnu(self.east_m, self.north_m, self.up_m)


class SiteTrackLine(Line):
    site_track_id: str
    state: str
    at_us: int
    label: str
    ground: GroundFix
    velocity_east_m_s: float
    velocity_north_m_s: float
    explained_by: str | None = None


COORDINATOR_LINES = {"alarm", "incident", "task", "decision", "vehicle", "hop", "node"}


@dataclass(frozen=True, slots=True)
class Run:
    """Everything in the order in which it happened. `had_coordinator`: else events are what alarms."""

    folder: Path
    loaded: Loaded
    seed: int
    header: dict[str, object]
    envelopes: tuple[Envelope, ...]
    alarms: tuple[AlarmLine, ...]
    incidents: tuple[IncidentLine, ...]
    tasks: tuple[TaskLine, ...]
    decisions: tuple[DecisionLine, ...]
    hops: tuple[HopLine, ...]
    nodes: tuple[NodeLine, ...]
    faults: tuple[FaultLine, ...]
    operator: tuple[OperatorLine, ...]
    sightings: tuple[SightingsLine, ...]
    views: tuple[ViewLine, ...]
    vehicles: tuple[VehicleLine, ...]
    had_coordinator: bool
    site_tracks: tuple[SiteTrackLine, ...] = ()

    @property
    def scenario(self) -> Scenario:
        return self.loaded.scenario

    @property
    def site(self) -> Site:
        return self.loaded.site

    @property
    def start_us(self) -> int:
        return round(self.scenario.start.timestamp() * 1e6)

    @property
    def end_us(self) -> int:
        return self.start_us + round(self.scenario.length_s * 1e6)

    def seconds(self, at_us: int) -> float:
        """Since the scenario began."""
        return (at_us - self.start_us) / 1e6

    def walks(self) -> dict[str, Walk]:
        return {actor.id: Walk(actor) for actor in self.scenario.actors}


def standing_at(walk: Walk, seconds: float) -> PointEnu | None:
    standing: Standing | None = walk.at(seconds)
    return None if standing is None else PointEnu(standing.east_m, standing.north_m)


def is_run_folder(folder: Path) -> bool:
    return (folder / "run.json").is_file()


def read_run(folder: Path) -> Run:
    """Raises ScoreError or DocumentError with one line that names file and line."""
    header = _header(folder / "run.json")
    scenario_path = folder / "scenario.yaml"
    scenario = parse_document(_text(scenario_path), Scenario, source=str(scenario_path))
    site = parse_site(_text(folder / "site.yaml"), source=str(folder / "site.yaml"))
    scenery_path = folder / "scenery.yaml"
    scenery = Scenery()
    if scenery_path.is_file():
        scenery = parse_document(_text(scenery_path), Scenery, source=str(scenery_path))
    loaded = Loaded(path=scenario_path, scenario=scenario, site=site, scenery=scenery)
    found: dict[str, list[tuple[str, str]]] = {}
    for where, line, kind in _typed(folder / "events.jsonl", typed_by="type"):
        found.setdefault(kind, []).append((where, line))
    truth = [(where, line) for where, line, kind in _typed(folder / "truth.jsonl", typed_by="type") if kind == "view"]
    sightings = [(where, line) for where, line, _ in _typed(folder / "sightings.jsonl", typed_by="")]
    vehicles, site_tracks = (
        [(where, line) for where, line, _ in _typed(folder / name, typed_by="")] if (folder / name).is_file() else []
        for name in ("vehicles.jsonl", "site-tracks.jsonl")
    )
    seed = header.get("seed", scenario.seed)
    return Run(
        folder=folder,
        loaded=loaded,
        seed=seed if isinstance(seed, int) else scenario.seed,
        header=header,
        envelopes=_all(Envelope, found.get("event", [])),
        alarms=_all(AlarmLine, found.get("alarm", [])),
        incidents=_all(IncidentLine, found.get("incident", [])),
        tasks=_all(TaskLine, found.get("task", [])),
        decisions=_all(DecisionLine, found.get("decision", [])),
        hops=_all(HopLine, found.get("hop", [])),
        nodes=_all(NodeLine, found.get("node", [])),
        faults=_all(FaultLine, found.get("fault", [])),
        operator=_all(OperatorLine, found.get("operator", [])),
        sightings=_all(SightingsLine, sightings),
        views=_all(ViewLine, truth),
        vehicles=_all(VehicleLine, vehicles),
        had_coordinator=bool(COORDINATOR_LINES & found.keys()),
        site_tracks=_all(SiteTrackLine, site_tracks),
    )


Read = TypeVar("Read", bound=BaseModel)


def _all(model: type[Read], lines: list[tuple[str, str]]) -> tuple[Read, ...]:
    return tuple(_one(model, where, line) for where, line in lines)


def _one(model: type[Read], where: str, line: str) -> Read:
    try:
        return model.model_validate_json(line)
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "line"
        raise ScoreError(f"{where}: {key}: {first['msg']}") from err


def _typed(path: Path, *, typed_by: str) -> Iterator[tuple[str, str, str]]:
    """Where it stands, the line, and what it is; an envelope is what its body is."""
    for number, line in enumerate(_text(path).splitlines(), 1):
        where = f"{path}:{number}"
        if not typed_by:
            yield where, line, ""
            continue
        try:
            value = json.loads(line)
        except ValueError as err:
            raise ScoreError(f"{where}: expected a line of JSON, got {line[:60]!r}") from err
        if not isinstance(value, dict):
            raise ScoreError(f"{where}: expected an object, got {line[:60]!r}")
        body = value.get("body")
        yield where, line, str(body.get("type") if isinstance(body, dict) else value.get(typed_by))


def _header(path: Path) -> dict[str, object]:
    try:
        value = json.loads(_text(path))
    except ValueError as err:
        raise ScoreError(f"{path}: expected JSON: {err}") from err
    if not isinstance(value, dict):
        raise ScoreError(f"{path}: expected an object, got {type(value).__name__}")
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        reason = getattr(err, "strerror", None) or "expected UTF-8 text"
        raise ScoreError(f"{path}: {reason}") from err
