"""Real contract values for tests; each call may override what it cares about."""

import uuid

from contract.commands import Ack, Command, Reply, SequenceRange, Verb
from contract.configuration import ConfigurationRefused, ReportedConfiguration, desired_of
from contract.envelope import COORDINATOR, Envelope, Origin
from contract.events import (
    Certainty,
    Event,
    FeedHealth,
    FeedState,
    FeedStatus,
    Health,
    ModelIdentity,
    NodeFault,
    NodeFaultKind,
    NodeState,
    OutboxStatus,
    Sighting,
    Stage,
    Status,
    Tracks,
    derive_event_id,
    derive_message_id,
)
from contract.evidence import Evidence, EvidenceKind, MediaType, derive_evidence_id
from contract.frozen import Frozen
from contract.geo import BoxPx, GeoPoint, GroundFix
from contract.kinds import EventKind, Severity
from contract.labels import Label
from contract.sensors import SensorAlarm, SensorTrack, Target
from contract.site import Direction

T0_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
OUTBOX = uuid.UUID("5b8c2f0e-0d5b-4f1e-9f43-0c9f3d1f7a10")
TARGET = Target(
    track="17",
    ground=GroundFix(
        point=GeoPoint(lat_deg=52.0001234, lon_deg=13.0005678),
        var_east_m2=4.0,
        cov_east_north_m2=0.0,
        var_north_m2=4.0,
    ),
    label=Label.PERSON,
    velocity_east_m_s=1.25,
    velocity_north_m_s=-0.5,
)
MODEL = ModelIdentity(name="yolox-nano", sha256="c7" * 32, backend="onnxruntime")


def sighting(**changes: object) -> Sighting:
    seen = Sighting(
        camera="fence-cam",
        track=7,
        label=Label.PERSON,
        score=0.8125,
        box=BoxPx(x_px=310.5, y_px=122.0, width_px=41.0, height_px=118.0),
        ground=GroundFix(
            point=GeoPoint(lat_deg=52.0001234, lon_deg=13.0005678),
            var_east_m2=0.04,
            cov_east_north_m2=0.01,
            var_north_m2=0.09,
        ),
    )
    return seen.model_copy(update=changes)


def event(*, stage: Stage = Stage.START, revision: int = 0, track: int = 7, started_at_us: int = T0_US) -> Event:
    event_id = derive_event_id(
        outbox_id=OUTBOX,
        boot=3,
        rule="intrusion",
        zone="north-fence",
        camera="fence-cam",
        track=track,
        started_at_us=started_at_us,
    )
    return Event(
        event_id=event_id,
        kind=EventKind.INTRUSION,
        stage=stage,
        revision=revision,
        zone="north-fence",
        severity=Severity.HIGH,
        certainty=Certainty.PROBABLE,
        started_at_us=started_at_us,
        sighting=sighting(track=track),
        model=MODEL,
    )


def crossing() -> Event:
    changes = {"kind": EventKind.LINE_CROSSING, "zone": "threshold", "direction": Direction.LEFT_TO_RIGHT}
    return event(track=8).model_copy(update=changes)


def evidence(**changes: object) -> Evidence:
    clip = Evidence(
        event_id=event().event_id,
        kind=EvidenceKind.CLIP,
        camera="fence-cam",
        sha256="3f" * 32,
        bytes=4_718_592,
        start_us=T0_US - 6_000_000,
        end_us=T0_US + 12_480_000,
        media_type=MediaType.MP4,
        codec="h264",
        plays_in_browser=True,
    )
    return clip.model_copy(update=changes)


def envelope(body: Frozen, *, sequence: int | None = None, node: str = "edge-1", **changes: object) -> Envelope:
    message_id = uuid.uuid5(OUTBOX, body.model_dump_json())
    if isinstance(body, Event):
        message_id = derive_message_id(body)
    elif isinstance(body, Evidence):
        message_id = derive_evidence_id(body, outbox_id=OUTBOX, boot=3)
    values: dict[str, object] = {
        "message_id": message_id,
        "site": "demo",
        "node": node,
        "outbox_id": OUTBOX,
        "boot": 3,
        "sequence": sequence,
        "captured_at_us": T0_US,
        "sent_at_us": T0_US + 42_000,
        "origin": Origin.SIMULATED,
        "trace_id": uuid.uuid5(OUTBOX, "trace").hex,
        "hops_us": {"decode": 1800, "detect": 9100},
        "body": body,
    }
    return Envelope.model_validate({**values, **changes})


def one_of_each() -> dict[str, Envelope]:
    """A message for every row of the topic table; events in all three stages."""
    status = Status(
        state=NodeState.ONLINE,
        software="0.1.0",
        feeds=(FeedStatus(camera="fence-cam", state=FeedState.OK, since_us=T0_US),),
        outbox=OutboxStatus(oldest_sequence=12, next_sequence=15),
        model=MODEL,
        faults=(NodeFault(kind=NodeFaultKind.HOT, since_us=T0_US, detail="cpu 92 °C of 95"),),
    )
    health = Health(
        feeds=(FeedHealth(camera="fence-cam", frames_decoded=100, frames_used=98, frames_dropped=2, inference_ms=9.1),),
        outbox_rows=3,
        clock_offset_ms=-12.4,
        temperature_c=92.0,
        power_w=9.8,
    )
    command_id = uuid.uuid5(OUTBOX, "command")
    command = Command(
        command_id=command_id,
        verb=Verb.UNSET_ZONE,
        zone="north-fence",
        by="ines.karlsson",
        expires_at_us=T0_US + 30_000_000,
    )
    clip = Command(
        command_id=uuid.uuid5(OUTBOX, "clip"),
        verb=Verb.CLIP,
        camera="fence-cam",
        before_s=8.0,
        after_s=4.0,
        by="ines.karlsson",
        expires_at_us=T0_US + 30_000_000,
    )
    feed = {"camera": "fence-cam", "url": "rtsp://10.20.0.5/1", "origin": "live"}
    desired = desired_of(version=4, settings={"feeds": [feed]}, site={"schema_version": 1, "id": "demo"})
    reported = ReportedConfiguration(
        version=3,
        sha256="5a" * 32,
        site_sha256="c1" * 32,
        since_us=T0_US - 86_400_000_000,
        refused=ConfigurationRefused(version=4, reason="site: name: required, but missing", at_us=T0_US),
        remark="",
    )
    ack = Ack(
        outbox_id=OUTBOX,
        contiguous=11,
        stored_beyond=(SequenceRange(first=13, last=14),),
        missing=(SequenceRange(first=12, last=12),),
    )
    return {
        "event-start": envelope(event(), sequence=12),
        "event-update": envelope(event(stage=Stage.UPDATE, revision=1), sequence=13),
        "event-crossing": envelope(crossing(), sequence=16),
        "event-end": envelope(event(stage=Stage.END, revision=2), sequence=14),
        "evidence": envelope(evidence(), sequence=15),
        "tracks": envelope(Tracks(camera="fence-cam", sightings=(sighting(),))),
        "status": envelope(status),
        "health": envelope(health),
        "sensor-alarm": envelope(SensorAlarm(stage=Stage.START, zone="north-fence", text="cable 3"), outbox_id=None),
        "sensor-track": envelope(SensorTrack(targets=(TARGET,)), outbox_id=None),
        "reply": envelope(Reply(command_id=command_id, done=False, reason="zone 'x' is not of this node")),
        "ack": envelope(ack, node=COORDINATOR, outbox_id=None, boot=0),
        "command": envelope(command, node=COORDINATOR, outbox_id=None, boot=0),
        "command-clip": envelope(clip, node=COORDINATOR, outbox_id=None, boot=0),
        "desired": envelope(desired, node=COORDINATOR, outbox_id=None, boot=0),
        "reported": envelope(reported),
    }
