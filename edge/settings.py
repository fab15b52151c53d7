"""The configuration file of an edge node.

Relative paths count from the folder of the file. Passwords never stand in it: it names the environment variables that
hold them.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from contract.documents import parse_document
from contract.envelope import Origin
from contract.frozen import Frozen, Identifier
from contract.kinds import EventKind
from contract.site import Camera, Site, parse_site
from detectors.scheduler import Batching
from detectors.tiling import Tiling
from edge.area import PrivacyMask
from edge.errors import SetUpError
from edge.footage.recording import Rolls
from edge.footage.ring import Ring
from edge.footage.shelf import DAY_US, Room
from edge.link.coordinator import Coordinator
from edge.link.uplink import Broker
from edge.lookout import RATE_MIN_HZ
from edge.metrics_door import Door
from edge.perception.appearance import AppearanceSettings
from edge.perception.filters import FilterOptions
from edge.pose_settings import FixedPoseSettings, PoseSettings, RecordedPoseSettings
from edge.source import RECORDING_START, SourceOptions, is_recording, is_sdp, with_credentials

JUDGED_WITHIN_S = 5.0  # of being read: a frame that waits longer for the detector is a fault of the feed


def _with_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("expected a time with its zone, such as 2026-01-01T00:00:00Z")
    return moment


class TlsSettings(Frozen):
    """Mutual TLS; required for a broker that is not on this machine."""

    ca: Annotated[str, Field(description="path of the PEM file with the broker's authority")]
    certificate: Annotated[str | None, Field(description="path of this node's PEM certificate")] = None
    key: Annotated[str | None, Field(description="path of this node's PEM key")] = None


class BrokerSettings(Frozen):
    """Where the messages go."""

    host: Annotated[str, Field(min_length=1, description="name or address")] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535, description="TCP port")] = 1883
    tls: TlsSettings | None = None
    user: Annotated[str | None, Field(description="user name, where the broker wants one")] = None
    password_env: Annotated[str | None, Field(description="environment variable that holds the password")] = None


class CoordinatorTls(Frozen):
    """Whose certificate is believed."""

    ca: Annotated[str, Field(description="path of the PEM file with the coordinator's authority")]


class CoordinatorSettings(Frozen):
    """The coordinator's HTTP door, for what does not go over the broker: evidence and live video."""

    url: Annotated[
        str, Field(min_length=1, description="such as https://fleet:8443; http only for an address on loopback")
    ]
    token_env: Annotated[
        str, Field(min_length=1, description="environment variable with this node's token (`vedette-fleet node add`)")
    ]
    tls: Annotated[CoordinatorTls | None, Field(description="none: the authorities that this machine trusts")] = None
    upload_kb_s: Annotated[
        float | None, Field(ge=1, description="kB per second of evidence at most; null: as fast as it goes")
    ] = 1000.0
    live_view: Annotated[bool, Field(description="false: people cannot look live through this node's cameras")] = True


class MetricsTls(Frozen):
    """Mutual TLS; required where figures are told to other machines."""

    certificate: Annotated[str, Field(description="path of this node's PEM certificate")]
    key: Annotated[str, Field(description="path of its PEM key")]
    client_ca: Annotated[str, Field(description="path of the PEM file with the authority of those who may ask")]


class MetricsSettings(Frozen):
    """Where `/metrics` (Prometheus) and `/healthz` are told."""

    host: Annotated[str, Field(min_length=1, description="name or address; any but loopback needs tls")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="TCP port; 0: any free one, which the log names")] = 9464
    tls: MetricsTls | None = None


class ModelSettings(Frozen):
    """What looks at the frames."""

    name: Annotated[str | None, Field(description="name of a model or path of its file; none: the default model")] = (
        None
    )
    backend: Annotated[str, Field(description="file of detectors/backends")] = "onnxruntime"
    score_min: Annotated[float | None, Field(ge=0, lt=1, description="weakest box kept, 0 to 1")] = None
    threads: Annotated[int | None, Field(ge=1, le=64, description="cores for inference")] = None
    batch_max: Annotated[
        int | None, Field(ge=1, le=32, description="frames judged at once; none: as many as the backend makes use of")
    ] = None
    batch_wait_ms: Annotated[
        float, Field(ge=0, le=100, description="ms that the first frame of a batch waits for those of other feeds")
    ] = 0.0


class TilingSettings(Frozen):
    """For aerial and long views: parts of the picture looked at in their own resolution, beside the whole."""

    side_px: Annotated[int, Field(ge=128, le=4096, description="side of a tile in pixels of the picture")] = 512
    overlap_px: Annotated[
        int, Field(ge=16, le=1024, description="px that tiles share: more than what only a tile shows is high")
    ] = 96
    tiles_max: Annotated[int, Field(ge=1, le=32, description="inferences a frame beside that of the whole picture")] = 4
    sweep_min: Annotated[
        int, Field(ge=1, le=32, description="tiles a frame that go round the picture whatever moves elsewhere")
    ] = 1

    @model_validator(mode="after")
    def _leaves_room(self) -> "TilingSettings":
        if self.overlap_px > self.side_px // 2:
            raise ValueError(f"overlap_px: expected at most half of side_px {self.side_px}, got {self.overlap_px}")
        if self.sweep_min > self.tiles_max:
            raise ValueError(f"sweep_min: expected at most tiles_max {self.tiles_max}, got {self.sweep_min}")
        return self


class FeedSettings(Frozen):
    """One camera's pictures."""

    camera: Annotated[Identifier, Field(description="a camera of the site file that belongs to this node")]
    url: Annotated[
        str,
        Field(
            min_length=1,
            description="path of a recording or of an .sdp file, or an address: rtsp://, udp://, rtp://, v4l2://, "
            "gst+rtsp:// (docs/feeds.md)",
        ),
    ]
    origin: Annotated[Origin, Field(description="live, replayed or simulated; a recording cannot be live")]
    user: Annotated[str | None, Field(description="user name at the camera")] = None
    password_env: Annotated[str | None, Field(description="environment variable with the camera's password")] = None
    transport: Annotated[
        Literal["tcp", "udp"], Field(description="how an RTSP camera's pictures come; udp: for links that lose packets")
    ] = "tcp"
    realtime: Annotated[bool, Field(description="play a recording as slowly as it was taken")] = False
    start: Annotated[
        Annotated[datetime, AfterValidator(_with_zone)] | Literal["now"],
        Field(description="time of a recording's first frame, with its zone; or now"),
    ] = RECORDING_START
    rate_min_hz: Annotated[
        float, Field(ge=1, le=60, description="inferences a second while a zone is set, whatever the other feeds do")
    ] = RATE_MIN_HZ
    motion_gate: Annotated[
        bool | None,
        Field(description="show the detector what moves, and all else once a second; none: for a live, fixed camera"),
    ] = None
    tiling: Annotated[TilingSettings | None, Field(description="look for far objects too; none: once a frame")] = None
    filters: Annotated[FilterOptions | None, Field(description="what of still things is not told")] = None
    appearance: Annotated[
        AppearanceSettings | None, Field(description="look at persons who come back from behind something; none: never")
    ] = None
    pose: Annotated[PoseSettings | None, Field(description="of a camera that moves; none: that of the site file")] = (
        None
    )
    masks: Annotated[tuple[PrivacyMask, ...], Field(description="what no stored picture shows")] = ()
    pose_file: Annotated[str | None, Field(description="short for a pose of kind recorded")] = None
    detections: Annotated[str | None, Field(description="play these recorded detections instead of a model")] = None

    @property
    def is_file(self) -> bool:
        return is_recording(self.url)

    @property
    def poses(self) -> PoseSettings:
        """What `pose` and `pose_file` mean."""
        if self.pose_file is not None:
            return RecordedPoseSettings(kind="recorded", file=self.pose_file)
        return self.pose or FixedPoseSettings(kind="fixed")

    @model_validator(mode="after")
    def _is_honest(self) -> "FeedSettings":
        if self.is_file and self.origin is Origin.LIVE:
            raise ValueError(f"feed '{self.camera}': a recording is replayed or simulated, never live")
        if not self.is_file and (self.realtime or self.start != RECORDING_START):
            raise ValueError(
                f"feed '{self.camera}': realtime and start are for recordings, got {self.url.split(':')[0]}"
            )
        if self.transport != "tcp" and "rtsp" not in self.url.split("://")[0]:
            raise ValueError(f"feed '{self.camera}': transport is for RTSP cameras, got {self.url.split(':')[0]}")
        if self.pose is not None and self.pose_file is not None:
            raise ValueError(f"feed '{self.camera}': expected one of pose and pose_file, got both")
        if self.poses.kind == "recorded" and self.origin is Origin.LIVE:
            raise ValueError(f"feed '{self.camera}': recorded poses are for recordings, not for a live feed")
        if self.poses.kind == "mavlink" and self.is_file:
            raise ValueError(f"feed '{self.camera}': what a vehicle says now is not the pose of a recording")
        if self.detections is not None and self.origin is Origin.LIVE:
            raise ValueError(f"feed '{self.camera}': recorded detections never judge a live feed")
        if self.detections is not None and self.tiling is not None:
            raise ValueError(f"feed '{self.camera}': recorded detections know no tiles; expected one of the two")
        return self


class EvidenceSettings(Frozen):
    """What is kept of each event on this node: a clip, a picture and the sightings, under `data_dir`."""

    kept: Annotated[bool, Field(description="false: events only")] = True
    pre_roll_s: Annotated[float, Field(ge=1, le=60, description="s of a clip before its event")] = 5.0
    post_roll_s: Annotated[float, Field(ge=0, le=60, description="s of a clip after its event's end")] = 5.0
    longest_s: Annotated[float, Field(ge=5, le=600, description="s of a clip at most from its event on")] = 60.0
    ring_mb: Annotated[float, Field(ge=1, le=1024, description="MB of memory for one feed's last seconds")] = 32.0
    jpeg_quality: Annotated[int, Field(ge=50, le=100, description="of pictures, percent")] = 90
    keep_days: Annotated[float, Field(gt=0, le=3650, description="days; older evidence goes")] = 30.0
    keep_gb: Annotated[float, Field(gt=0, description="GB in all; least important and oldest goes first")] = 10.0
    leave_free_gb: Annotated[
        float, Field(ge=0.05, description="GB of the disk left to the outbox: evidence goes for it")
    ] = 1.0


class WatchSettings(Frozen):
    """What a node watches, and how: all that may come from afar."""

    model: ModelSettings = ModelSettings()
    feeds: Annotated[tuple[FeedSettings, ...], Field(min_length=1, description="one for each camera")]
    evidence: EvidenceSettings = EvidenceSettings()
    rules: Annotated[
        dict[EventKind, dict[str, object]],
        Field(description="rules on each zone and line that names none of its own, each with its options"),
    ] = {EventKind.INTRUSION: {}}  # noqa: RUF012 - pydantic copies it

    @model_validator(mode="after")
    def _names_each_camera_once(self) -> "WatchSettings":
        cameras = [feed.camera for feed in self.feeds]
        double = next((camera for camera in cameras if cameras.count(camera) > 1), None)
        if double is not None:
            raise ValueError(f"feed '{double}' stands here twice")
        return self


class EdgeSettings(WatchSettings):
    """One node. `model`, `feeds`, `evidence` and `rules` are those of this file until the coordinator sends others."""

    node: Annotated[Identifier, Field(description="this node's id, as the site file's cameras name it")]
    site_file: Annotated[str, Field(description="path of the site file")]
    data_dir: Annotated[str, Field(description="folder for the outbox; made when missing")]
    broker: BrokerSettings = BrokerSettings()
    coordinator: Annotated[
        CoordinatorSettings | None, Field(description="none: evidence stays on the node, and nobody looks live")
    ] = None
    metrics: Annotated[
        MetricsSettings | None, Field(description="figures for Prometheus; none where null is written")
    ] = MetricsSettings()
    exit_when_ended: Annotated[bool, Field(description="stop after the last recording; its events are waited for")] = (
        False
    )

    @property
    def has_live_view(self) -> bool:
        return self.coordinator is not None and self.coordinator.live_view

    @property
    def watch(self) -> WatchSettings:
        """The part that may come from afar."""
        return WatchSettings(model=self.model, feeds=self.feeds, evidence=self.evidence, rules=self.rules)


def parse_settings(text: str, *, source: str) -> EdgeSettings:
    """Raises DocumentError with one line."""
    return parse_document(text, EdgeSettings, source=source)


def read_configuration(path: Path) -> tuple[EdgeSettings, Site]:
    """A node's file and the site file that it names. Raises SetUpError and DocumentError, one line each."""
    settings = parse_settings(_text(path), source=str(path))
    return settings, read_site(path.parent / settings.site_file)


def read_site(path: Path) -> Site:
    """Raises SetUpError and DocumentError, one line each."""
    return parse_site(_text(path), source=str(path))


def tiling_of(feed: FeedSettings) -> Tiling | None:
    return None if feed.tiling is None else Tiling(**feed.tiling.model_dump())


def has_glance(feed: FeedSettings, camera: Camera) -> bool:
    """Raises SetUpError where it was asked for and the camera moves: then everything does."""
    if feed.motion_gate and camera.pose is None:
        raise SetUpError(f"feed '{feed.camera}': motion_gate: expected a fixed camera, got one that a vehicle carries")
    is_live = feed.origin is Origin.LIVE
    return camera.pose is not None and (is_live if feed.motion_gate is None else feed.motion_gate)


def batching_of(model: ModelSettings, *, useful: int) -> Batching:
    """`useful`: frames that the detector makes use of at once."""
    return Batching(model.batch_max or useful, round(model.batch_wait_ms * 1e3))


def broker_of(settings: BrokerSettings, *, folder: Path, environment: Mapping[str, str]) -> Broker:
    """Raises SetUpError for a password that is named and not there."""
    tls = settings.tls
    return Broker(
        host=settings.host,
        port=settings.port,
        ca=str(folder / tls.ca) if tls else None,
        certificate=str(folder / tls.certificate) if tls and tls.certificate else None,
        key=str(folder / tls.key) if tls and tls.key else None,
        user=settings.user,
        password=_secret(settings.password_env, environment, who="broker"),
    )


def coordinator_of(settings: CoordinatorSettings, *, folder: Path, environment: Mapping[str, str]) -> Coordinator:
    """Raises SetUpError for an address in the clear beyond loopback, and for a token that is named and not there."""
    token = _secret(settings.token_env, environment, who="coordinator", what="a token")
    assert token is not None
    return Coordinator(settings.url, token, ca=str(folder / settings.tls.ca) if settings.tls else None)


def ring_of(evidence: EvidenceSettings, *, has_live_view: bool) -> Ring | None:
    """For one feed. It holds what an event needs that is judged a little late; a live view its last key frame."""
    if not evidence.kept:
        return Ring(seconds=0.0, max_bytes=round(evidence.ring_mb * 1e6)) if has_live_view else None
    return Ring(seconds=evidence.pre_roll_s + JUDGED_WITHIN_S, max_bytes=round(evidence.ring_mb * 1e6))


def rolls_of(evidence: EvidenceSettings) -> Rolls:
    seconds = (evidence.pre_roll_s, evidence.post_roll_s, evidence.longest_s)
    return Rolls(*(round(each * 1e6) for each in seconds))


def room_of(evidence: EvidenceSettings) -> Room:
    return Room(
        keep_us=round(evidence.keep_days * DAY_US),
        max_bytes=round(evidence.keep_gb * 1e9),
        free_bytes=round(evidence.leave_free_gb * 1e9),
    )


def door_of(settings: MetricsSettings, *, folder: Path) -> Door:
    """Raises SetUpError for an address that must not be open without protection."""
    files = {} if settings.tls is None else settings.tls.model_dump()
    return Door(settings.host, settings.port, **{name: str(folder / path) for name, path in files.items()})


def source_of(
    feed: FeedSettings, *, folder: Path, environment: Mapping[str, str], ring: Ring | None = None
) -> SourceOptions:
    """Raises SetUpError for a password that is named and not there."""
    url = str(folder / feed.url) if feed.is_file or is_sdp(feed.url) else feed.url
    password = _secret(feed.password_env, environment, who=f"feed '{feed.camera}'")
    if feed.user is not None:
        url = with_credentials(url, user=feed.user, password=password or "")
    start = None if isinstance(feed.start, str) else feed.start
    return SourceOptions(url=url, start=start, is_realtime=feed.realtime, transport=feed.transport, ring=ring)


def _secret(name: str | None, environment: Mapping[str, str], *, who: str, what: str = "a password") -> str | None:
    if name is None:
        return None
    value = environment.get(name)
    if not value:
        raise SetUpError(f"{who}: expected {what} in the environment variable {name}, found none")
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise SetUpError(f"{path}: {getattr(err, 'strerror', None) or 'expected UTF-8 text'}") from err
