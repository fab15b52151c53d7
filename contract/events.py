"""What an edge node tells: events with a life (start, update, end), live tracks, its own status and health.

An event is what a rule says. The alarm a person acknowledges and the incident that is handled are the coordinator's.
"""

import uuid
from enum import Enum
from typing import Annotated, Literal

from pydantic import Field

from contract.frozen import Frozen, Identifier, Pixels1, Ratio4, Sha256, TimeUs
from contract.geo import BoxPx, GroundFix
from contract.kinds import EventKind, Severity
from contract.labels import Label
from contract.site import Direction

EVENT_NAMESPACE = uuid.UUID("6f1d7d0e-7a26-5f0b-9b61-3a0b2d5f4c11")


class Stage(str, Enum):
    START = "start"
    UPDATE = "update"
    END = "end"


class Certainty(str, Enum):
    """Does the position error leave room for doubt?"""

    PROBABLE = "probable"
    POSSIBLE = "possible"


# Which way a line was crossed, for one who stands at its first point and looks to the next.
Crossed = Literal[Direction.LEFT_TO_RIGHT, Direction.RIGHT_TO_LEFT]


class ModelIdentity(Frozen):
    """Which weights said so."""

    name: str
    sha256: Sha256
    backend: str


class Sighting(Frozen):
    """One track, as one frame of one camera saw it."""

    camera: Identifier
    track: Annotated[int, Field(ge=0)]
    label: Label
    score: Ratio4
    box: BoxPx
    ground: GroundFix | None  # None: above the horizon or no pose


class Event(Frozen):
    """One stage of one event. `revision` counts within the event from 0 (the start). direction: of a line crossing, the
    way that began it."""

    type: Literal["event"] = "event"
    event_id: uuid.UUID
    kind: EventKind
    stage: Stage
    revision: Annotated[int, Field(ge=0)]
    zone: Identifier  # or line
    severity: Severity
    certainty: Certainty
    started_at_us: TimeUs
    sighting: Sighting
    model: ModelIdentity
    direction: Annotated[Crossed | None, Field(exclude_if=lambda way: way is None)] = None


def derive_event_id(
    *, outbox_id: uuid.UUID, boot: int, rule: str, zone: str, camera: str, track: int, started_at_us: int
) -> uuid.UUID:
    """The same happening has the same id on every run; another boot or another outbox never shares one."""
    return uuid.uuid5(EVENT_NAMESPACE, f"{outbox_id}/{boot}/{rule}/{zone}/{camera}/{track}/{started_at_us}")


def derive_message_id(event: Event) -> uuid.UUID:
    """Key of exactly one effect: event, stage and revision."""
    return uuid.uuid5(event.event_id, f"{event.stage.value}/{event.revision}")


class Tracks(Frozen):
    """Every confirmed track of one camera now; best effort, at most 5 Hz."""

    type: Literal["tracks"] = "tracks"
    camera: Identifier
    sightings: tuple[Sighting, ...]


class NodeState(str, Enum):
    ONLINE = "online"
    STOPPING = "stopping"
    OFFLINE = "offline"  # said by the broker: the last will


class FeedState(str, Enum):
    """Anything but OK leaves the camera's zones uncovered."""

    STARTING = "starting"
    OK = "ok"
    LOST = "lost"
    STALLED = "stalled"
    DETECTOR_FAILED = "detector_failed"
    TAMPERED = "tampered"  # frames are judged, but the view is not the camera's own
    ENDED = "ended"  # a recording came to its end


class FeedStatus(Frozen):
    camera: Identifier
    state: FeedState
    since_us: TimeUs
    detail: str = ""


class OutboxStatus(Frozen):
    """What the node still holds: sequences below `oldest_sequence` will never be sent again."""

    oldest_sequence: Annotated[int, Field(ge=1)]
    next_sequence: Annotated[int, Field(ge=1)]


class NodeFaultKind(str, Enum):
    """What is wrong with the device under a node or with its way out; its cameras still watch."""

    CLOCK = "clock"  # stamps are more than 2 s off
    HOT = "hot"  # quiet feeds are judged less often
    UPLOAD = "upload"  # its evidence does not reach the coordinator
    DISK = "disk"  # short of room though evidence gave way: what is left is for events


class NodeFault(Frozen):
    """Lasts as long as the status names it."""

    kind: NodeFaultKind
    since_us: TimeUs
    detail: str


class Status(Frozen):
    """Retained; the broker publishes its offline form as last will."""

    type: Literal["status"] = "status"
    state: NodeState
    software: str
    feeds: tuple[FeedStatus, ...] = ()
    outbox: OutboxStatus | None = None
    model: ModelIdentity | None = None
    faults: tuple[NodeFault, ...] = ()


class FeedHealth(Frozen):
    """Counts since the node started. `frames_quiet`: not shown to the detector, as nothing moved. `filtered`: sightings
    that a filter of the camera did not tell, by filter."""

    camera: Identifier
    frames_decoded: Annotated[int, Field(ge=0)]
    frames_used: Annotated[int, Field(ge=0)]
    frames_dropped: Annotated[int, Field(ge=0)]
    frames_quiet: Annotated[int, Field(ge=0)] = 0
    inference_ms: Pixels1 | None
    filtered: dict[str, Annotated[int, Field(ge=1)]] = {}  # noqa: RUF012 - pydantic copies it


class Health(Frozen):
    """A heartbeat with figures, every 2 s; its absence is what raises trouble."""

    type: Literal["health"] = "health"
    feeds: tuple[FeedHealth, ...]
    outbox_rows: Annotated[int, Field(ge=0)]
    clock_offset_ms: Pixels1 | None = None  # its stamps minus the truth as far as it knows; None: nobody told it
    temperature_c: Pixels1 | None = None
    power_w: Pixels1 | None = None
