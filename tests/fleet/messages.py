"""Real messages and a real site for the tests of the coordinator."""

import uuid
from functools import cache

from contract.bus import BusMessage
from contract.codec import encode
from contract.commands import Reply
from contract.configuration import ReportedConfiguration
from contract.envelope import Envelope, Origin
from contract.events import (
    Certainty,
    Crossed,
    Event,
    FeedState,
    FeedStatus,
    Health,
    ModelIdentity,
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
from contract.geo import BoxPx, GeoPoint, GroundFix, PointEnu
from contract.kinds import EventKind, Severity
from contract.labels import Label
from contract.site import Site, parse_site
from contract.topics import STATUS, Topic, topic_of

OUTBOX = uuid.UUID("11111111-1111-4111-8111-111111111111")
NOW_US = 1_767_225_600_000_000
MODEL = ModelIdentity(name="yolox_nano", sha256="0" * 64, backend="scripted")

SITE_TEXT = """
schema_version: 1
id: yard
name: The yard
time_zone: Europe/Berlin
origin: {lat_deg: 52.0, lon_deg: 13.0, ground_amsl_m: 40.0}
geofence:
  polygon:
    - {lat_deg: 51.998, lon_deg: 12.997}
    - {lat_deg: 51.998, lon_deg: 13.003}
    - {lat_deg: 52.002, lon_deg: 13.003}
    - {lat_deg: 52.002, lon_deg: 12.997}
cameras:
  - id: cam-north
    node: gate-1
    lens: {model: opencv, width_px: 640, height_px: 360, fx_px: 500, fy_px: 500, cx_px: 320, cy_px: 180}
    pose: {east_m: 0, north_m: 0, up_m: 4, heading_deg: 0, pitch_deg: -15}
  - id: cam-south
    node: gate-2
    lens: {model: opencv, width_px: 640, height_px: 360, fx_px: 500, fy_px: 500, cx_px: 320, cy_px: 180}
    pose: {east_m: 0, north_m: -50, up_m: 4, heading_deg: 180, pitch_deg: -15}
zones:
  - id: north-fence
    name: North fence
    cameras: [cam-north]
    polygon:
      - {lat_deg: 52.0001, lon_deg: 12.9998}
      - {lat_deg: 52.0001, lon_deg: 13.0002}
      - {lat_deg: 52.0003, lon_deg: 13.0002}
      - {lat_deg: 52.0003, lon_deg: 12.9998}
  - id: middle
    name: Middle
    cameras: [cam-north, cam-south]
    polygon:
      - {lat_deg: 51.9999, lon_deg: 12.9998}
      - {lat_deg: 51.9999, lon_deg: 13.0002}
      - {lat_deg: 52.0001, lon_deg: 13.0002}
      - {lat_deg: 52.0001, lon_deg: 12.9998}
docks:
  - {id: pad, position: {lat_deg: 51.9995, lon_deg: 13.0}}
rally_points:
  - {id: rally, position: {lat_deg: 51.9995, lon_deg: 13.0}}
vehicles:
  - id: kestrel
    kind: ardupilot_copter
    connection: "udpin:127.0.0.1:0"
    system_id: 1
    simulated: true
    dock: pad
    cruise_speed_m_s: 8
    return_altitude_m: 30
"""


@cache
def make_site(text: str = SITE_TEXT) -> Site:
    return parse_site(text, source="site.yaml")


def fix_at(east_m: float, north_m: float, sigma_m: float = 0.3) -> GroundFix:
    point, _ = make_site().local_frame().to_geo(PointEnu(east_m, north_m))
    return GroundFix(point=point, var_east_m2=sigma_m**2, cov_east_north_m2=0.0, var_north_m2=sigma_m**2)


def make_sighting(*, track: int = 1, camera: str = "cam-north", ground: GroundFix | None = None) -> Sighting:
    return Sighting(
        camera=camera,
        track=track,
        label=Label.PERSON,
        score=0.9,
        box=BoxPx(x_px=10, y_px=20, width_px=30, height_px=60),
        ground=ground,
    )


def make_event(
    *,
    sequence: int,
    track: int = 1,
    stage: Stage = Stage.START,
    revision: int = 0,
    captured_at_us: int = NOW_US,
    sent_after_us: int = 20_000,
    node: str = "gate-1",
    camera: str = "cam-north",
    zone: str = "north-fence",
    kind: EventKind = EventKind.INTRUSION,
    at_m: tuple[float, float] | None = (0.0, 20.0),
    outbox_id: uuid.UUID = OUTBOX,
    origin: Origin = Origin.SIMULATED,
    direction: Crossed | None = None,
) -> Envelope:
    event = Event(
        event_id=derive_event_id(
            outbox_id=outbox_id, boot=1, rule=kind.value, zone=zone, camera=camera, track=track, started_at_us=NOW_US
        ),
        kind=kind,
        stage=stage,
        revision=revision,
        zone=zone,
        severity=Severity.HIGH,
        certainty=Certainty.PROBABLE,
        direction=direction,
        started_at_us=NOW_US,
        sighting=make_sighting(track=track, camera=camera, ground=fix_at(*at_m) if at_m else None),
        model=MODEL,
    )
    return make_envelope(
        event,
        node=node,
        outbox_id=outbox_id,
        sequence=sequence,
        message_id=derive_message_id(event),
        captured_at_us=captured_at_us,
        sent_at_us=captured_at_us + sent_after_us,
        origin=origin,
    )


def make_manifest(*, sequence: int | None, of: Envelope, boot: int = 1, **changes: object) -> Envelope:
    """A clip of the event in `of`."""
    event = of.body
    assert isinstance(event, Event)
    clip = Evidence(
        event_id=event.event_id,
        kind=EvidenceKind.CLIP,
        camera=event.sighting.camera,
        sha256="c1" * 32,
        bytes=1_000_000,
        start_us=NOW_US - 5_000_000,
        end_us=NOW_US + 9_000_000,
        media_type=MediaType.MP4,
        codec="h264",
        plays_in_browser=True,
    ).model_copy(update=changes)
    key = derive_evidence_id(clip, outbox_id=OUTBOX, boot=boot)
    message = make_envelope(clip, node=of.node, sequence=sequence, message_id=key)
    return message.model_copy(update={"trace_id": of.trace_id, "boot": boot})


def make_envelope(
    body: Event | Evidence | Status | Tracks | Health | Reply | ReportedConfiguration,
    *,
    node: str = "gate-1",
    outbox_id: uuid.UUID | None = OUTBOX,
    sequence: int | None = None,
    message_id: uuid.UUID | None = None,
    captured_at_us: int = NOW_US,
    sent_at_us: int = NOW_US,
    origin: Origin = Origin.SIMULATED,
) -> Envelope:
    return Envelope(
        message_id=message_id or uuid.uuid5(OUTBOX, f"{node}/{sent_at_us}/{body.type}"),
        site="yard",
        node=node,
        outbox_id=outbox_id,
        boot=1,
        sequence=sequence,
        captured_at_us=captured_at_us,
        sent_at_us=sent_at_us,
        origin=origin,
        trace_id=uuid.uuid5(OUTBOX, f"trace/{captured_at_us}/{sequence}").hex,
        hops_us={"decode": 2000, "detect": 17000},
        body=body,
    )


def make_status(
    *, state: NodeState = NodeState.ONLINE, feed: FeedState = FeedState.OK, oldest: int = 1, camera: str = "cam-north"
) -> Status:
    return Status(
        state=state,
        software="0.1.0",
        feeds=(FeedStatus(camera=camera, state=feed, since_us=NOW_US),),
        outbox=OutboxStatus(oldest_sequence=oldest, next_sequence=max(oldest, 1)),
        model=MODEL,
    )


def on_bus(envelope: Envelope, *, topic: Topic | None = None, retain: bool = False) -> BusMessage:
    topic = topic or topic_of(envelope.body)
    address = topic.address(site=envelope.site, node=envelope.node)
    return BusMessage(topic=address, payload=encode(envelope), qos=topic.qos, retain=retain)


def status_on_bus(envelope: Envelope, *, retain: bool = False) -> BusMessage:
    return on_bus(envelope, topic=STATUS, retain=retain)


def geo(east_m: float, north_m: float) -> GeoPoint:
    return fix_at(east_m, north_m).point
