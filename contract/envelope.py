"""The envelope around every message: who, when twice, from what kind of evidence, and the trace it belongs to."""

import uuid
from enum import Enum
from typing import Annotated, Literal

from pydantic import Field

from contract.commands import Ack, Command, Reply
from contract.configuration import DesiredConfiguration, ReportedConfiguration
from contract.events import Event, Health, Status, Tracks
from contract.evidence import Evidence
from contract.frozen import Frozen, Identifier, TimeUs, TraceId
from contract.sensors import SensorAlarm, SensorTrack

COORDINATOR = "coordinator"  # the node id of the coordinator's own messages


class Origin(str, Enum):
    """Kind of evidence, inherited by incident and task. Only live evidence moves a real vehicle (SAFETY 2)."""

    LIVE = "live"
    REPLAYED = "replayed"
    SIMULATED = "simulated"


Body = Annotated[
    Event
    | Evidence
    | Tracks
    | Status
    | Health
    | SensorAlarm
    | SensorTrack
    | Ack
    | Command
    | Reply
    | DesiredConfiguration
    | ReportedConfiguration,
    Field(discriminator="type"),
]
DurationUs = Annotated[int, Field(ge=0, lt=2**53)]


class Envelope(Frozen):
    """One message on the wire.

    `sequence` counts the outbox messages of one outbox (`outbox_id` is drawn when its file is made, so that a lost disk
    never reuses a number); `boot` is the node's persisted boot counter. `hops_us` holds how long each step inside the
    sender took; the receiver adds its own.
    """

    schema_version: Literal[1] = 1
    message_id: uuid.UUID
    site: Identifier
    node: Identifier
    outbox_id: uuid.UUID | None = None
    boot: Annotated[int, Field(ge=0)]
    sequence: Annotated[int, Field(ge=1)] | None = None
    captured_at_us: TimeUs
    sent_at_us: TimeUs
    origin: Origin
    trace_id: TraceId
    hops_us: Annotated[dict[str, DurationUs], Field(max_length=16, default_factory=dict)]
    body: Body


def derive_trace_id(*, outbox_id: uuid.UUID, boot: int, camera: str, captured_at_us: int) -> str:
    """The trace is born with the frame."""
    return uuid.uuid5(outbox_id, f"trace/{boot}/{camera}/{captured_at_us}").hex
