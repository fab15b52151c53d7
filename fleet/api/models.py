"""Bodies of the HTTP API and the live feed; alarms, incidents, tasks and the site are sent as they are.

Ages are seconds at the moment of the answer; None is unknown.
"""

import uuid
from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, model_validator

from contract.commands import ClipSeconds, SequenceRange
from contract.configuration import ConfigurationRefused, DesiredConfiguration, ReportedConfiguration, Version
from contract.docks import DockKind
from contract.events import FeedHealth, FeedStatus, NodeState, Sighting
from contract.evidence import Evidence
from contract.frozen import Frozen, Identifier, Sha256, TimeUs
from contract.geo import GeoPoint
from contract.site import Site, VehicleKind
from contract.tasks import Task
from fleet.api.exempt_views import BypassView, WalkTestView
from fleet.api.procedure_views import RunView
from fleet.flight.dock import Cover, DockVerb, Pad
from fleet.flight.vehicle import FlightMode
from fleet.picture.incidents import Alarm, Cause, Disposition, Incident
from fleet.picture.site_track import SiteTrack

PersonName = Annotated[str, Field(min_length=2, max_length=80, pattern=r"^\S.*\S$")]
Note = Annotated[str, Field(max_length=2000)]
JsonObject = dict[str, Any]
ByPerson = Literal[  # not what the system says itself
    Disposition.CONFIRMED,
    Disposition.NUISANCE,
    Disposition.FALSE_ALARM,
    Disposition.AUTHORISED,
    Disposition.TEST,
    Disposition.UNKNOWN,
]


class VehicleView(Frozen):
    """One of our vehicles as last heard."""

    id: Identifier
    kind: VehicleKind
    simulated: bool
    heard_age_s: float | None
    is_silent: bool  # not heard for 3 s, or never
    autopilot_uid: str | None
    firmware: str | None
    mode: FlightMode | None
    armed: bool | None
    position: GeoPoint | None
    above_home_m: float | None
    heading_deg: float | None
    speed_m_s: float | None
    battery_frac: float | None
    gnss_fix: int | None
    wind_m_s: float | None
    link_loss_frac: float | None
    round_trip_s: float | None
    home: GeoPoint | None
    safety_uploaded: bool
    not_ready_because: tuple[str, ...]
    latched_because: str | None  # the safety monitor's order; only a named person lifts it
    task_id: uuid.UUID | None
    last_text: str


class DockView(Frozen):
    """A dock that is a machine, as last heard; null is unknown."""

    id: Identifier
    kind: DockKind
    vehicle: Identifier | None
    alternate: Identifier | None  # rally point where its copter lands while the dock is in doubt
    heard_age_s: float | None
    is_silent: bool  # not heard for 5 s, or never
    simulated: bool | None
    cover: Cover | None
    pad: Pad | None
    charging: bool | None
    charge_frac: float | None
    wind_m_s: float | None
    rain_mm_h: float | None
    fault: str | None  # in its own words; empty for none
    failed: str  # what it was told and does not show
    doing: DockVerb | None  # what it was told and may still show
    holds_back: tuple[str, ...]  # why its vehicle would not leave it now


class TracksView(Frozen):
    """Everything one camera tracks now."""

    camera: Identifier
    captured_at_us: TimeUs
    sightings: tuple[Sighting, ...]


class ConfigurationView(Frozen):
    """desired_version None: none was ever wanted; reported_version None: the node runs its own file, or never said.
    is_waited_for: the node has neither taken nor refused what is wanted."""

    desired_version: Version | None
    reported_version: Version | None
    is_waited_for: bool
    refused: ConfigurationRefused | None


class NodeView(Frozen):
    """One edge node as last heard; `missing` are event numbers it was asked to send again. configuration: None where
    none was ever wanted or reported."""

    id: Identifier
    state: NodeState | None
    is_silent: bool
    heard_age_s: float | None
    software: str
    boot: int | None
    feeds: tuple[FeedStatus, ...]
    health: tuple[FeedHealth, ...]
    outbox_rows: int | None
    missing: tuple[SequenceRange, ...]
    trouble: str | None
    configuration: ConfigurationView | None = None
    bypassed: tuple[Identifier, ...] = ()  # cameras


class ConfigurationVersion(Frozen):
    """One that was wanted, by whom and when."""

    version: Version
    sha256: Sha256
    by: str
    at_us: TimeUs


class NodeConfiguration(Frozen):
    """versions: newest first, at most 100."""

    node: Identifier
    desired: DesiredConfiguration | None
    reported: ReportedConfiguration | None
    is_waited_for: bool
    versions: tuple[ConfigurationVersion, ...]


class ZoneView(Frozen):
    """bypassed_until_us, under_test_until_us: while a person has it so."""

    id: Identifier
    name: str
    is_set: bool
    bypassed_until_us: TimeUs | None = None
    under_test_until_us: TimeUs | None = None


class LinkView(Frozen):
    """The coordinator's own state, for the head line of the console."""

    broker_connected: bool
    monitor_age_s: float | None
    heartbeat_allowed: bool


class HopView(Frozen):
    """How long a step took, the last 200 times since the coordinator started; camera null: of no camera's event."""

    hop: Identifier
    camera: Identifier | None
    count: int
    p50_ms: float
    p95_ms: float


class CoordinatorView(Frozen):
    """store_problem: why its store does not answer; empty while it does."""

    version: str
    link: LinkView
    store_problem: str
    hops: tuple[HopView, ...]


class Snapshot(Frozen):
    """First message of the live feed."""

    type: Literal["snapshot"] = "snapshot"
    at_us: TimeUs
    site: Site
    link: LinkView
    vehicles: tuple[VehicleView, ...]
    alarms: tuple[Alarm, ...]
    incidents: tuple[Incident, ...]
    tasks: tuple[Task, ...]
    tracks: tuple[TracksView, ...]
    nodes: tuple[NodeView, ...]
    zones: tuple[ZoneView, ...]
    docks: tuple[DockView, ...] = ()
    bypasses: tuple[BypassView, ...] = ()
    walk_tests: tuple[WalkTestView, ...] = ()
    site_tracks: tuple[SiteTrack, ...] = ()
    procedures: tuple[RunView, ...] = ()


class EvidencePlace(str, Enum):
    """Where the bytes are."""

    NODE = "node"  # not here yet, or not all of them
    HERE = "here"
    GONE = "gone"  # they were here and gave way


class EvidenceView(Evidence):
    """A file about an event. url: where its bytes are to be had, where they are here."""

    node: Identifier
    place: EvidencePlace
    url: str | None


class IncidentDetail(Frozen):
    """`evidence`: what there is about its alarms."""

    incident: Incident
    alarms: tuple[Alarm, ...]
    tasks: tuple[Task, ...]
    evidence: tuple[EvidenceView, ...] = ()


class TaskDetail(Frozen):
    task: Task
    changes: tuple[JsonObject, ...]
    decisions: tuple[JsonObject, ...]


class TraceView(Frozen):
    """From the frame to the vehicle's acknowledgement: everything that carries one trace id."""

    trace_id: str
    hops_us: dict[str, int]
    messages: tuple[JsonObject, ...]
    incidents: tuple[Incident, ...]
    tasks: tuple[Task, ...]
    decisions: tuple[JsonObject, ...]
    audit: tuple[JsonObject, ...]


Words = Annotated[str | None, Field(min_length=1, max_length=120, pattern=r"^[^\x00]*$")]


class AuditQuery(Frozen):
    """What is looked for; all of it together."""

    who: Annotated[Words, Field(description="the whole name")] = None
    act: Annotated[Words, Field(description="the whole act, as 'hold'")] = None
    subject: Annotated[Words, Field(description="part of what it was done to")] = None
    text: Annotated[Words, Field(description="part of anything in the row")] = None
    since: Annotated[AwareDatetime | None, Field(alias="from", description="ISO 8601 with a zone")] = None
    until: Annotated[AwareDatetime | None, Field(alias="to", description="ISO 8601 with a zone; not any more")] = None
    cursor: Annotated[int | None, Field(ge=1, lt=2**63, description="rows older than this one")] = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class Whoami(Frozen):
    """`name` None: the open demo, where every command names its person in `by`."""

    name: str | None
    role: str


class By(Frozen):
    """Who says so. Required in the open demo; else whoever is signed in counts and this must be absent or equal."""

    by: PersonName | None = None


class Closing(By):
    """cause: of a nuisance, and of nothing else; of cause other, the note says what it was."""

    disposition: ByPerson
    cause: Cause | None = None
    note: Note = ""


class ConfigurationOrder(By):
    """settings: model, feeds, evidence and rules as in a node's file; again: those of an earlier version."""

    settings: JsonObject | None = None
    again: Version | None = None

    @model_validator(mode="after")
    def _is_one_of_the_two(self) -> "ConfigurationOrder":
        if (self.settings is None) == (self.again is None):
            raise ValueError("expected exactly one of settings and again")
        return self


class NodeOrder(By):
    """camera: of all but reload_model; before_s, after_s: of a clip."""

    verb: Literal["snapshot", "clip", "restart_feed", "reload_model"]
    camera: Identifier | None = None
    before_s: ClipSeconds = 0.0
    after_s: ClipSeconds = 0.0


class NodeReply(Frozen):
    """It is done. files: sha256 of what was kept; their manifests carry the command's id as event id."""

    node: Identifier
    command_id: uuid.UUID
    files: tuple[Sha256, ...]


class Done(Frozen):
    """What a command did, in words."""

    what: str
    vehicles: tuple[Identifier, ...] = ()


class Problem(Frozen):
    """application/problem+json (RFC 9457), always one line."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
