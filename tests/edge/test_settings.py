"""The configuration file: what it may say, and the one line for what it must not."""

from datetime import datetime
from pathlib import Path

import pytest

from contract.errors import DocumentError
from contract.kinds import EventKind
from detectors.scheduler import Batching
from detectors.tiling import Tiling
from edge.errors import SetUpError
from edge.footage.recording import Rolls
from edge.footage.shelf import DAY_US, Room
from edge.perception.appearance import AppearanceSettings
from edge.pose_settings import FixedPoseSettings, KlvPoseSettings, MavlinkPoseSettings, RecordedPoseSettings
from edge.settings import (
    EdgeSettings,
    batching_of,
    broker_of,
    parse_settings,
    ring_of,
    rolls_of,
    room_of,
    source_of,
    tiling_of,
)

GOOD = """
node: edge-1
site_file: yard.yaml
data_dir: data
feeds:
  - {camera: mast, url: yard.mp4, origin: replayed}
"""


def _parse(text: str) -> EdgeSettings:
    return parse_settings(text, source="edge.yaml")


def test_the_least_one_must_say() -> None:
    settings = _parse(GOOD)
    assert (settings.broker.host, settings.broker.port) == ("127.0.0.1", 1883)
    assert settings.rules == {EventKind.INTRUSION: {}}
    source = source_of(settings.feeds[0], folder=Path("/etc/vedette"), environment={})
    assert source.url == "/etc/vedette/yard.mp4"
    assert source.start == datetime.fromisoformat("2026-01-01T00:00:00+00:00")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("origin: replayed", "origin: live", "feed 'mast': a recording is replayed or simulated, never live"),
        (", origin: replayed", "", "feeds.0.origin: required, but missing"),
        ("url: yard.mp4", "url: rtsp://cam/1, realtime: true", "realtime and start are for recordings, got rtsp"),
        ("node: edge-1", "node: Edge 1", "node: String should match pattern"),
        ("data_dir: data", "data_dir: data\nspeed: 3", "speed: unknown key"),
        ("feeds:", "feeds: []\nold:", "feeds: Tuple should have at least 1 item"),
        ("origin: replayed}", "origin: replayed, start: '2026-01-01T00:00:00'}", "expected a time with its zone"),
        ("data_dir: data", "data_dir: data\nrules: {juggling: {}}", "rules"),
        (
            "origin: replayed}",
            "origin: replayed, tiling: {overlap_px: 300}}",
            "expected at most half of side_px 512, got 300",
        ),
        ("origin: replayed}", "origin: replayed, tiling: {sweep_min: 5}}", "expected at most tiles_max 4, got 5"),
        (
            "origin: replayed}",
            "origin: replayed, detections: d.jsonl, tiling: {}}",
            "recorded detections know no tiles",
        ),
        (
            "origin: replayed}",
            "origin: replayed, filters: {labels: {person: {score_min: 0.9}}}}",
            "labels.person: no filter takes a person away",
        ),
        ("url: yard.mp4", "url: yard.sdp, start: now", "realtime and start are for recordings, got yard.sdp"),
        ("url: yard.mp4", "url: udp://cam, transport: udp", "transport is for RTSP cameras, got udp"),
        ("replayed}", "replayed, pose: {kind: klv}, pose_file: p.jsonl}", "expected one of pose and pose_file"),
        ("replayed}", "replayed, pose: {kind: gyro}}", "feeds.0.pose"),
        (
            "yard.mp4, origin: replayed}",
            "rtsp://cam/1, origin: live, pose_file: p.jsonl}",
            "recorded poses are for recordings, not for a live feed",
        ),
        (
            "replayed}",
            "replayed, pose: {kind: mavlink, listen: 'udpin:127.0.0.1:14560', system_id: 1}}",
            "what a vehicle says now is not the pose of a recording",
        ),
        (
            "yard.mp4, origin: replayed}",
            "rtsp://cam/1, origin: live, pose: {kind: mavlink, listen: 'tcp:h:1', system_id: 1}}",
            "expected udpin:HOST:PORT such as udpin:127.0.0.1:14560, got 'tcp:h:1'",
        ),
        (
            "origin: replayed}",
            "origin: replayed, masks: [{id: window}]}",
            "mask 'window': expected exactly one of ground and image_px",
        ),
        (
            "origin: replayed}",
            "origin: replayed, masks: [{id: window, image_px: [[0, 0], [9, 9], [9, 0], [0, 9]]}]}",
            "mask 'window': image_px must not cross itself",
        ),
        ("data_dir: data", "data_dir: data\nevidence: {pre_roll_s: 0}", "evidence.pre_roll_s: Input should be greater"),
        ("url: yard.mp4, ori", "url: rtsp://cam/1, detections: d.jsonl, ori", None),
    ],
)
def test_what_is_wrong_is_one_line(old: str, new: str, message: str | None) -> None:
    text = GOOD.replace(old, new)
    if message is None:
        assert _parse(text).feeds[0].detections == "d.jsonl"
        with pytest.raises(DocumentError, match="recorded detections never judge a live feed"):
            _parse(text.replace("replayed", "live"))
        return
    with pytest.raises(DocumentError) as caught:
        _parse(text)
    assert str(caught.value).startswith("edge.yaml:")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_feeds_say_what_they_may_cost_and_what_they_are_owed() -> None:
    text = GOOD.replace("replayed}", "replayed, rate_min_hz: 5, tiling: {side_px: 640}}")
    settings = _parse(text + "model: {batch_max: 4, batch_wait_ms: 2.5}\n")
    assert settings.feeds[0].rate_min_hz == 5.0
    assert tiling_of(settings.feeds[0]) == Tiling(side_px=640, overlap_px=96, tiles_max=4, sweep_min=1)
    assert batching_of(settings.model, useful=2) == Batching(frames_max=4, wait_us=2500)
    assert batching_of(_parse(text).model, useful=2) == Batching(frames_max=2)
    assert tiling_of(_parse(GOOD).feeds[0]) is None


def test_looks_are_not_used_unless_a_model_is_named() -> None:
    assert _parse(GOOD).feeds[0].appearance is None
    said = _parse(GOOD.replace("replayed}", "replayed, appearance: {model: reid}}")).feeds[0].appearance
    assert said == AppearanceSettings(model="reid", per_s_max=10)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("", FixedPoseSettings(kind="fixed")),
        (", pose_file: p.jsonl", RecordedPoseSettings(kind="recorded", file="p.jsonl")),
        (", pose: {kind: recorded, file: p.jsonl}", RecordedPoseSettings(kind="recorded", file="p.jsonl")),
        (", pose: {kind: klv, position_sigma_m: 4}", KlvPoseSettings(kind="klv", position_sigma_m=4.0)),
    ],
)
def test_where_poses_come_from(said: str, meant: object) -> None:
    assert _parse(GOOD.replace("replayed}", f"replayed{said}}}")).feeds[0].poses == meant


def test_a_vehicle_is_heard_at_an_address() -> None:
    settings = MavlinkPoseSettings(kind="mavlink", listen="udpin:[::1]:14560", system_id=3)
    assert settings.address == ("::1", 14560)


def test_a_description_is_a_path_and_live() -> None:
    feed = _parse(GOOD.replace("url: yard.mp4, origin: replayed", "url: drone.sdp, origin: live")).feeds[0]
    assert source_of(feed, folder=Path("/etc/vedette"), environment={}).url == "/etc/vedette/drone.sdp"


def test_an_rtsp_camera_may_send_datagrams() -> None:
    feed = _parse(GOOD.replace("url: yard.mp4", "url: 'rtsp://cam/1', transport: udp")).feeds[0]
    assert source_of(feed, folder=Path(), environment={}).transport == "udp"


def test_evidence_is_kept_unless_it_is_said_not_to_be() -> None:
    settings = _parse(GOOD).evidence
    assert rolls_of(settings) == Rolls(pre_us=5_000_000, post_us=5_000_000, longest_us=60_000_000)
    assert room_of(settings) == Room(keep_us=30 * DAY_US, max_bytes=10_000_000_000, free_bytes=1_000_000_000)
    assert ring_of(settings, has_live_view=False) is not None
    nothing = _parse(GOOD + "evidence: {kept: false}\n").evidence
    assert [ring_of(nothing, has_live_view=live) is not None for live in (False, True)] == [False, True]


def test_a_camera_has_one_feed() -> None:
    double = GOOD + "  - {camera: mast, url: other.mp4, origin: replayed}\n"
    with pytest.raises(DocumentError, match="feed 'mast' stands here twice"):
        _parse(double)


def test_passwords_come_from_the_environment() -> None:
    text = GOOD.replace("url: yard.mp4", "url: 'rtsp://cam:554/1', user: guard, password_env: CAM_PASSWORD")
    settings = _parse(text.replace("replayed", "live"))
    source = source_of(settings.feeds[0], folder=Path(), environment={"CAM_PASSWORD": "s3cret"})
    assert source.url == "rtsp://guard:s3cret@cam:554/1"
    with pytest.raises(SetUpError, match="feed 'mast': expected a password in the environment variable CAM_PASSWORD"):
        source_of(settings.feeds[0], folder=Path(), environment={})


def test_a_brokers_files_count_from_the_folder_of_the_configuration() -> None:
    text = GOOD + "broker: {host: mq.site, tls: {ca: ca.pem, certificate: node.pem, key: node.key}}\n"
    broker = broker_of(_parse(text).broker, folder=Path("/etc/vedette"), environment={})
    assert (broker.ca, broker.key) == ("/etc/vedette/ca.pem", "/etc/vedette/node.key")
