"""A running site onto a tape: a real broker, real golden messages, a real camera file, real MAVLink; read by `mcap`."""

import json
import socket
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
import typer
from mcap.reader import make_reader
from paho.mqtt.enums import CallbackAPIVersion
from pymavlink.dialects.v20 import ardupilotmega as mavlink
from typer.testing import CliRunner

from contract.clock import SystemClock
from contract.codec import encode
from contract.envelope import Envelope
from contract.events import FeedHealth, Health, Tracks
from contract.topics import EVENTS, HEALTH, TRACKS, Topic
from edge.settings import FeedSettings
from fleet.flight.mavlink_codec import Encoder
from sim.embedded_broker import EmbeddedBroker
from sim.record import find_doors, register
from sim.tape.errors import TapeError
from sim.tape.file_feed import FileFeed
from sim.tape.items import Message, video_topic
from sim.tape.recorder import Recorder
from sim.tape.taps import ArrivalStamps
from tests.conftest import ManualClock

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "contract" / "golden"
RECORDINGS = ROOT / "sim" / "recordings"
LOOKS = 200  # of 0.2 s at most: a deadline, not a wait


def golden(name: str, **changes: object) -> Envelope:
    envelope = Envelope.model_validate_json((GOLDEN / f"{name}.json").read_text())
    return envelope.model_copy(update={"site": "demo", "node": "edge-1", **changes})


def health(frames: int, *, sent_at_us: int) -> Envelope:
    feed = FeedHealth(
        camera="fence-cam", frames_decoded=frames, frames_used=frames, frames_dropped=0, inference_ms=None
    )
    return golden("health", sent_at_us=sent_at_us, body=Health(feeds=(feed,), outbox_rows=0))


def tracks(captured_at_us: int) -> Envelope:
    return golden("tracks", captured_at_us=captured_at_us, body=Tracks(camera="fence-cam", sightings=()))


@pytest.fixture
def run_folder(tmp_path: Path) -> Iterator[tuple[Path, EmbeddedBroker]]:
    """What the demo leaves for others to find, and its broker."""
    with EmbeddedBroker(folder=tmp_path) as broker:
        site = ROOT / "deploy" / "sites" / "demo.yaml"
        fleet = {"site_file": str(site), "data_dir": str(tmp_path / "fleet"), "broker": {"port": broker.port}}
        edge = {
            "node": "edge-1",
            "site_file": str(site),
            "data_dir": str(tmp_path / "edge-1"),
            "feeds": [
                {
                    "camera": "fence-cam",
                    "url": str(RECORDINGS / "fence-cam.mp4"),
                    "origin": "simulated",
                    "realtime": True,
                    "start": "now",
                    "detections": str(RECORDINGS / "fence-cam.detections.jsonl"),
                }
            ],
        }
        (tmp_path / "fleet.yaml").write_text(json.dumps(fleet))
        (tmp_path / "edge-1.yaml").write_text(json.dumps(edge))
        yield tmp_path, broker


def step_until(recorder: Recorder, is_so: Callable[[], bool]) -> None:
    for _ in range(LOOKS):
        if is_so():
            return
        recorder.step()
    pytest.fail("it never came to be")


def test_a_running_site_is_on_the_tape_and_the_mcap_library_reads_it(
    run_folder: tuple[Path, EmbeddedBroker], tmp_path: Path
) -> None:
    folder, broker = run_folder
    out = tmp_path / "site.mcap"
    now_us = SystemClock().wall_us()
    start_us = now_us - 3_000_000  # the node plays since 3 s: 31 pictures
    sender = paho.Client(CallbackAPIVersion.VERSION2, client_id="edge-1", protocol=paho.MQTTv5)
    recorder = find_doors(run=folder, fleet=None, nodes=[]).recorder(
        out, mavlink="udpin:127.0.0.1:0", clock=SystemClock()
    )
    with recorder:
        step_until(recorder, recorder.broker_tap.is_subscribed.is_set)
        sender.connect("127.0.0.1", broker.port)
        sender.loop_start()
        said: list[tuple[Topic, Envelope]] = [
            (EVENTS, golden("event-start")),
            (TRACKS, tracks(start_us + 1_200_000)),
            (HEALTH, health(31, sent_at_us=now_us)),
        ]
        for topic, envelope in said:
            sender.publish(topic.address(site="demo", node="edge-1"), encode(envelope), qos=1).wait_for_publish(5.0)
        sender.publish(EVENTS.address(site="demo", node="edge-1"), b"no envelope", qos=1).wait_for_publish(5.0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as vehicle:
            frame = Encoder(1, 1).encode(
                mavlink.MAVLink_global_position_int_message(0, 521000000, 132000000, 65_000, 20_000, 0, 0, 0, 0)
            )
            (port,) = recorder.mavlink_ports()
            vehicle.sendto(frame, ("127.0.0.1", port))
        step_until(recorder, lambda: recorder.refused == 1 and recorder.by_schema["vedette.MavlinkFrame"] == 1)
        step_until(recorder, lambda: recorder.by_schema["foxglove.CompressedVideo"] > 30)
    sender.disconnect()
    sender.loop_stop()

    messages: dict[str, list[tuple[int, Any]]] = defaultdict(list)
    with out.open("rb") as file:
        reader = make_reader(file)
        attachments = {each.name for each in reader.iter_attachments()}
        for _, channel, message in reader.iter_messages():
            messages[channel.topic].append((message.publish_time // 1000, json.loads(message.data)))
    assert attachments == {"site.yaml"}
    event = messages["vedette/v1/demo/edge-1/events"]
    assert [Envelope.model_validate(content) for _, content in event] == [golden("event-start")]
    pictures = messages[video_topic("fence-cam")]
    assert [at_us for at_us, _ in pictures[:3]] == [start_us, start_us + 100_000, start_us + 200_000]
    assert 31 <= len(pictures) <= 52  # no further than 2 s beyond what the node said last
    assert messages["/camera/fence-cam/detections"][0] == (
        start_us,
        {"timestamp": pictures[0][1]["timestamp"], "boxes": []},
    )
    ((_, told),) = messages["/mavlink/1"]
    assert (told["name"], told["fields"]["lat"]) == ("GLOBAL_POSITION_INT", 521000000)
    ((_, fix),) = messages["/vehicle/1/location"]
    assert (fix["latitude"], fix["longitude"], fix["altitude"]) == (52.1, 13.2, 65.0)
    assert any("not recorded" in content["message"] for _, content in messages["/log"])


FEED = FeedSettings.model_validate(
    {"camera": "fence-cam", "url": str(RECORDINGS / "fence-cam.mp4"), "origin": "simulated", "realtime": True}
)
NOW_US = 1_767_225_600_000_000


def pictures_of(feed: FileFeed, now_us: int, *, is_last: bool = False) -> list[int]:
    items = feed.due(now_us, is_last=is_last)
    return [item.at_us for item in items if isinstance(item, Message) and item.topic == video_topic("fence-cam")]


def test_the_start_of_a_nodes_recording_follows_from_what_the_node_says(clock: ManualClock) -> None:
    feed = FileFeed(FEED, folder=ROOT, node="edge-1", clock=clock)
    start_us = NOW_US - 4_137_000
    feed.hear(health(42, sent_at_us=NOW_US + 30_000))  # 30 ms late, as a busy machine is
    assert pictures_of(feed, NOW_US) == []
    feed.hear(tracks(start_us + 2_500_000))

    found = pictures_of(feed, NOW_US)
    assert found == [start_us + 100_000 * index for index in range(42)]
    assert pictures_of(feed, NOW_US + 100_000) == [start_us + 4_200_000]


def test_without_tracks_the_start_is_known_to_one_picture(clock: ManualClock) -> None:
    feed = FileFeed(FEED, folder=ROOT, node="edge-1", clock=clock)
    start_us = NOW_US - 1_050_000
    feed.hear(health(11, sent_at_us=NOW_US))

    assert pictures_of(feed, NOW_US) == []
    first = pictures_of(feed, NOW_US, is_last=True)[0]
    assert 0 <= first - start_us <= 100_000


def test_a_node_that_fell_silent_plays_nothing_more(clock: ManualClock) -> None:
    feed = FileFeed(FEED, folder=ROOT, node="edge-1", clock=clock)
    feed.hear(health(11, sent_at_us=NOW_US))
    feed.hear(tracks(NOW_US))

    assert pictures_of(feed, NOW_US + 60_000_000)[-1] == NOW_US + 2_000_000


def test_a_cameras_own_steps_are_kept_until_the_clocks_run_apart() -> None:
    nows = iter([5_000_000, 5_070_000, 5_120_000, 9_000_000])
    stamps = ArrivalStamps(lambda: next(nows))

    assert [stamps.at_us(pts_us) for pts_us in (0, 40_000, 80_000, 120_000)] == [
        5_000_000,
        5_040_000,
        5_080_000,
        9_000_000,
    ]


app = typer.Typer()
app.callback()(lambda: None)
register(app)


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        pytest.param([], 2, "expected --run FOLDER of a demo", id="no site"),
        pytest.param(["--run", "nowhere"], 78, "nowhere/fleet.yaml: No such file", id="no folder"),
    ],
)
def test_a_site_that_cannot_be_found_is_one_line(tmp_path: Path, arguments: list[str], code: int, line: str) -> None:
    result = CliRunner().invoke(app, ["record", "--out", str(tmp_path / "x.mcap"), *arguments])

    assert result.exit_code == code
    assert line in result.output
    assert not (tmp_path / "x.mcap").exists()


def test_an_address_that_is_none_is_refused(run_folder: tuple[Path, EmbeddedBroker], tmp_path: Path) -> None:
    doors = find_doors(run=run_folder[0], fleet=None, nodes=[])

    with pytest.raises(TapeError, match="--mavlink: expected udpin:HOST:PORT, got 'tcp:x:1'"):
        doors.recorder(tmp_path / "x.mcap", mavlink="tcp:x:1", clock=SystemClock())


def test_nodes_that_come_later_are_found(run_folder: tuple[Path, EmbeddedBroker]) -> None:
    doors = find_doors(run=run_folder[0], fleet=None, nodes=[])
    (run_folder[0] / "edge-2.yaml").write_text("{}")

    assert [path.name for path in doors.node_files()] == ["edge-1.yaml", "edge-2.yaml"]
