"""Bodies of the history: what the map showed at a moment, and what happened around it. None is unknown."""

import uuid
from typing import Annotated

from pydantic import Field, model_validator

from contract.events import FeedState
from contract.frozen import Frozen, Identifier, TimeUs
from contract.geo import GeoPoint, GroundFix
from contract.kinds import Severity
from contract.labels import Label
from contract.site import VehicleKind
from contract.tasks import TaskKind, TaskState
from fleet.api.models import EvidenceView
from fleet.flight.vehicle import FlightMode
from fleet.picture.incidents import IncidentKind
from fleet.picture.site_track import SiteTrackState

LONGEST_US = 48 * 3_600_000_000


class VehicleThen(Frozen):
    """One of our vehicles as it was last heard then."""

    id: Identifier
    kind: VehicleKind
    is_silent: bool
    mode: FlightMode | None
    armed: bool | None
    position: GeoPoint | None
    above_home_m: float | None
    heading_deg: float | None
    speed_m_s: float | None
    battery_frac: float | None
    link_loss_frac: float | None
    latched_because: str | None
    task_id: uuid.UUID | None


class TaskThen(Frozen):
    """A task that was under way."""

    task_id: uuid.UUID
    kind: TaskKind
    vehicle: Identifier
    state: TaskState
    target: GeoPoint | None
    stand_off: GeoPoint | None
    incident_id: uuid.UUID | None


class SiteTrackThen(Frozen):
    """One thing on the ground."""

    site_track_id: uuid.UUID
    state: SiteTrackState
    label: Label
    ground: GroundFix
    explained_by: str | None


class ZoneThen(Frozen):
    """is_alarmed: an intrusion or movement in it was not closed."""

    id: Identifier
    is_set: bool
    is_alarmed: bool
    bypassed_until_us: TimeUs | None
    under_test_until_us: TimeUs | None


class CameraThen(Frozen):
    """state: as its node said; is_silent: the node was not heard."""

    id: Identifier
    state: FeedState | None
    is_silent: bool
    is_bypassed: bool


class TroubleThen(Frozen):
    """A fault of the system that was open."""

    incident_id: uuid.UUID
    title: str
    severity: Severity


class HistoryFrame(Frozen):
    """All that the map showed at one moment."""

    at_us: TimeUs
    vehicles: tuple[VehicleThen, ...]
    tasks: tuple[TaskThen, ...]
    site_tracks: tuple[SiteTrackThen, ...]
    zones: tuple[ZoneThen, ...]
    cameras: tuple[CameraThen, ...]
    troubles: tuple[TroubleThen, ...]


class HistoryPage(Frozen):
    """frames: in order; between two further apart than gap_us and than a step nothing was recorded.
    next_us: from where to ask on, where there is more than one answer holds."""

    frames: tuple[HistoryFrame, ...]
    gap_us: int
    next_us: TimeUs | None


class RecordedSpan(Frozen):
    """Recorded without a gap from the first moment to the last."""

    from_us: TimeUs
    to_us: TimeUs


class HistoryExtent(Frozen):
    """spans: oldest first; what is in none of them was not recorded, or is no more. A span that is still going on ends
    up to 10 s before now."""

    spans: tuple[RecordedSpan, ...]


class AlarmThen(Frozen):
    """at_us: when the coordinator first heard of it."""

    alarm_id: uuid.UUID
    incident_id: uuid.UUID
    at_us: TimeUs
    kind: IncidentKind
    severity: Severity
    title: str


class Happened(Frozen):
    """is_cut: there was more than is told here, the latest are left out. evidence: of these alarms."""

    alarms: tuple[AlarmThen, ...]
    evidence: tuple[EvidenceView, ...]
    is_cut: bool


class StretchQuery(Frozen):
    """A stretch of time."""

    from_us: Annotated[TimeUs, Field(description="first moment, microseconds since 1970, UTC")]
    to_us: Annotated[TimeUs, Field(description="first moment that is not wanted any more; 48 h later at most")]

    @model_validator(mode="after")
    def _is_a_stretch(self) -> "StretchQuery":
        if not self.from_us < self.to_us <= self.from_us + LONGEST_US:
            raise ValueError("expected from_us before to_us, and no more than 48 h between them")
        return self


class HistoryQuery(StretchQuery):
    """A stretch of time, and how fine."""

    step_ms: Annotated[int, Field(ge=200, le=3_600_000, description="ms between two frames, at least")] = 1_000
