"""Evidence of a whole node: a recording with somebody in it becomes files, and a manifest each that is not lost."""

import json
import random
import threading
import uuid
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from contract.bus import BusMessage
from contract.clock import SystemClock
from contract.codec import decode
from contract.envelope import Envelope, Origin
from contract.events import Event, Stage
from contract.evidence import Evidence, EvidenceKind, MediaType
from contract.labels import Label
from contract.site import CameraPose, Site
from edge.area import PrivacyMask
from edge.errors import OutboxError, SetUpError
from edge.feed import Feed
from edge.footage.recording import Rolls
from edge.footage.shelf import DAY_US, Room, Shelf
from edge.link.outbox import Outbox
from edge.link.zone_memory import ZoneMemory
from edge.node import Node
from edge.poses.fixed import FixedPose
from tests.edge.footage.kept import GOES_US, INSIDE, ROLLS, ROOM, Played, film_yard, keeping_node, play
from tests.edge.test_camera import ScriptedSource
from tests.edge.test_node import Bus, Eyes
from tests.edge.yard import START_US, corners, person_px, site


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film_yard(tmp_path_factory.mktemp("video") / "yard.mp4")


@pytest.fixture(scope="module")
def played(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(tmp_path_factory.mktemp("node"), video)


def shades(path: Path) -> list[int]:
    """Of the grey of each picture of a file: it tells them apart."""
    with av.open(str(path)) as container:
        return [int(frame.to_ndarray(format="bgr24")[10, 10, 0]) for frame in container.decode(video=0)]


def _index(captured_at_us: int) -> int:
    return (captured_at_us - START_US) // 100_000


def test_the_first_frame_of_a_clip_precedes_its_event_and_the_last_follows_its_end(played: Played, video: Path) -> None:
    clip = played.of(EvidenceKind.CLIP)
    (end,) = [e for e in played.bus.envelopes if isinstance(e.body, Event) and e.body.stage is Stage.END]
    assert clip.start_us <= played.event.started_at_us - ROLLS.pre_us
    assert clip.start_us > played.event.started_at_us - ROLLS.pre_us - 900_000  # a key frame each 0.8 s
    assert end.captured_at_us + ROLLS.post_us - 300_000 <= clip.end_us <= end.captured_at_us + ROLLS.post_us
    whole = shades(video)
    assert shades(played.file(EvidenceKind.CLIP)) == whole[_index(clip.start_us) : _index(clip.end_us) + 1]


def test_each_file_is_what_its_manifest_says(played: Played) -> None:
    assert {each.kind for each in played.evidence} == set(EvidenceKind)
    for each in played.evidence:
        path = played.file(each.kind)
        assert (path.stat().st_size, each.camera, each.event_id) == (each.bytes, "mast", played.event.event_id)
    clip = played.of(EvidenceKind.CLIP)
    assert (clip.media_type, clip.codec, clip.plays_in_browser, clip.is_masked) == (MediaType.MP4, "h264", True, False)


def test_a_manifest_is_numbered_with_the_events_and_carries_their_trace(played: Played) -> None:
    numbered = [each for each in played.bus.envelopes if each.sequence is not None]
    assert [each.sequence for each in numbered] == [1, 2, 3, 4, 5]
    assert [type(each.body) for each in numbered[2:]] == [Evidence] * 3
    start = numbered[0]
    assert {each.trace_id for each in numbered[2:]} == {start.trace_id}
    assert {each.origin for each in numbered[2:]} == {Origin.REPLAYED}


def test_the_snapshot_shows_the_whole_frame_and_says_where_to_look(played: Played) -> None:
    snapshot = played.of(EvidenceKind.SNAPSHOT)
    image = cv2.imread(str(played.file(EvidenceKind.SNAPSHOT)))
    assert image is not None
    assert image.shape == (480, 640, 3)
    assert snapshot.box is not None
    left, top = round(snapshot.box.x_px), round(snapshot.box.y_px)
    right, bottom = round(left + snapshot.box.width_px), round(top + snapshot.box.height_px)
    assert image[top + 4 : bottom - 4, left + 4 : right - 4].min() > 200
    assert played.event.started_at_us <= snapshot.start_us == snapshot.end_us < START_US + GOES_US


def test_the_sightings_of_the_whole_clip_lie_beside_it(played: Played) -> None:
    detections = played.of(EvidenceKind.DETECTIONS)
    lines = [json.loads(line) for line in played.file(EvidenceKind.DETECTIONS).read_text().splitlines()]
    times = [line["captured_at_us"] for line in lines]
    clip = played.of(EvidenceKind.CLIP)
    assert times == list(range(times[0], times[-1] + 1, 100_000))
    assert (times[0], times[-1]) == (detections.start_us, detections.end_us)
    assert times[0] == clip.start_us
    assert times[-1] == clip.end_us
    somebody = [line["captured_at_us"] for line in lines if line["sightings"]]
    assert somebody[0] <= played.event.started_at_us
    assert next(line["sightings"][0]["track"] for line in lines if line["sightings"]) == played.event.sighting.track


def test_a_manifest_that_was_lost_on_the_wire_is_sent_again(video: Path, tmp_path: Path) -> None:
    class LossyBus(Bus):
        """Takes manifests and loses the first time each; as a coordinator it acknowledges without a gap only."""

        def __init__(self) -> None:
            super().__init__()
            self.lost: set[int | None] = set()

        def publish(self, message: BusMessage) -> bool:
            _, envelope = decode(message.topic, message.payload)
            if isinstance(envelope.body, Evidence) and envelope.sequence not in self.lost:
                self.lost.add(envelope.sequence)
                return True  # as a broker does that dies after its PUBACK
            return super().publish(message)

    bus = LossyBus()
    stop = threading.Event()
    with keeping_node(tmp_path, video) as (node, outbox):
        thread = threading.Thread(target=node.run, args=(bus, stop))
        thread.start()
        until = SystemClock().monotonic_us() + 15_000_000
        while len(bus.lost) < 3 and SystemClock().monotonic_us() < until:
            threading.Event().wait(0.02)
        node.session_opened()  # the broker is back
        thread.join(20)
        assert not thread.is_alive()
        assert len(outbox) == 0
    assert [each.kind for each in Played(tmp_path, bus).evidence]
    assert len({each.sha256 for each in Played(tmp_path, bus).evidence}) == 3


def test_what_a_node_died_before_saying_it_says_in_its_next_life(video: Path, tmp_path: Path) -> None:
    bus = Bus()
    with keeping_node(tmp_path, video) as (node, outbox):
        full = outbox.append

        def append(envelope: Envelope) -> Envelope:
            if isinstance(envelope.body, Evidence):
                raise OutboxError("the disk is full")
            return full(envelope)

        outbox.append = append  # type: ignore[method-assign]
        stop = threading.Event()
        thread = threading.Thread(target=node.run, args=(bus, stop))
        thread.start()
        until = SystemClock().monotonic_us() + 15_000_000
        while not list((tmp_path / "evidence").glob("*/take.json")) and SystemClock().monotonic_us() < until:
            threading.Event().wait(0.02)
        stop.set()
        thread.join(20)
    assert Played(tmp_path, bus).evidence == []
    assert [event.stage for event in bus.events()] == [Stage.START, Stage.END]

    later = Bus()
    empty = Shelf(tmp_path / "evidence", ROOM, wall_us=SystemClock().wall_us)
    still = tmp_path / "nobody.mp4"
    with av.open(str(still), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((480, 640, 3), np.uint8), format="bgr24")))
        container.mux(stream.encode())
    with keeping_node(tmp_path, still, shelf=empty) as (node, _):
        node.run(later, threading.Event())
    said = Played(tmp_path, later)
    assert {each.kind for each in said.evidence} == set(EvidenceKind)
    assert {each.event_id for each in said.evidence} == {bus.events()[0].event_id}


def test_safety_20_a_masked_view_is_judged_whole_and_stored_masked(video: Path, tmp_path: Path) -> None:
    left, top, right, bottom = person_px(*INSIDE)
    over = ((left - 20, top - 20), (right + 20, top - 20), (right + 20, bottom + 20), (left - 20, bottom + 20))
    played = play(tmp_path, video, masks=(PrivacyMask(id="window", image_px=over),))
    assert played.event.sighting.score == pytest.approx(0.9)  # detection saw somebody
    assert played.of(EvidenceKind.CLIP).is_masked
    assert played.of(EvidenceKind.SNAPSHOT).is_masked
    inside = (slice(round(top), round(bottom)), slice(round(left), round(right)))
    image = cv2.imread(str(played.file(EvidenceKind.SNAPSHOT)))
    assert image is not None
    assert image[inside].max() < 16
    with av.open(str(played.file(EvidenceKind.CLIP))) as container:
        clip = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
        assert container.streams.video[0].codec_context.name == "h264"
    assert max(int(each[inside].max()) for each in clip) < 16
    assert clip[-1][10, 10, 0] > 40
    seconds = (played.of(EvidenceKind.CLIP).end_us - played.of(EvidenceKind.CLIP).start_us) / 1e6
    assert len(clip) <= 5 * seconds + 1
    assert played.of(EvidenceKind.CLIP).start_us < played.event.started_at_us


def test_safety_20_a_mask_by_class_hides_the_person_in_all_that_is_stored_and_nothing_else(
    video: Path, tmp_path: Path
) -> None:
    played = play(tmp_path, video, masks=(PrivacyMask(id="passers-by", labels=(Label.PERSON,)),))
    assert played.event.sighting.score == pytest.approx(0.9)  # detection saw somebody
    assert played.of(EvidenceKind.CLIP).is_masked
    left, top, right, bottom = (round(side) for side in person_px(*INSIDE))
    image = cv2.imread(str(played.file(EvidenceKind.SNAPSHOT)))
    assert image is not None
    assert image[top:bottom, left:right].max() < 16
    assert image[10, 10, 0] > 40
    with av.open(str(played.file(EvidenceKind.CLIP))) as container:
        clip = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert max(int(each[top:bottom, left:right].max()) for each in clip) < 200  # he is white, the yard is not
    assert min(int(each[10, 10, 0]) for each in clip) > 40


def test_a_mask_that_the_camera_does_not_see_leaves_the_packets_as_they_came(video: Path, tmp_path: Path) -> None:
    behind = PrivacyMask.model_validate({"id": "behind", "ground": corners(0.0, -30.0, 5.0)})
    assert not play(tmp_path, video, masks=(behind,)).of(EvidenceKind.CLIP).is_masked


def test_a_full_disk_costs_the_evidence_and_no_event(video: Path, tmp_path: Path) -> None:
    shelf = Shelf(
        tmp_path / "evidence",
        Room(keep_us=DAY_US, max_bytes=100_000_000, free_bytes=1_000_000),
        wall_us=SystemClock().wall_us,
        free_bytes=lambda: 500_000,
    )
    played = play(tmp_path, video, shelf=shelf)
    assert [event.stage for event in played.bus.events()] == [Stage.START, Stage.END]
    assert played.evidence == []
    assert list((tmp_path / "evidence").iterdir()) == []


def test_an_event_longer_than_a_clip_may_be_has_its_beginning_kept(video: Path, tmp_path: Path) -> None:
    rolls = Rolls(pre_us=1_000_000, post_us=1_000_000, longest_us=1_500_000)
    played = play(tmp_path, video, rolls=rolls)
    clip = played.of(EvidenceKind.CLIP)
    assert clip.start_us < played.event.started_at_us
    assert clip.end_us - played.event.started_at_us == pytest.approx(1_500_000, abs=300_000)


def test_a_mask_drawn_in_the_picture_of_a_camera_that_moves_is_refused(tmp_path: Path) -> None:
    data = site().model_dump(mode="json")
    data["vehicles"] = [
        {
            "id": "kestrel",
            "kind": "ardupilot_copter",
            "connection": "udpin:127.0.0.1:0",
            "system_id": 1,
            "simulated": True,
            "dock": "pad",
            "cruise_speed_m_s": 8,
            "return_altitude_m": 30,
        }
    ]
    data["docks"] = [{"id": "pad", "position": {"lat_deg": 52.0, "lon_deg": 13.0}}]
    pose = data["cameras"][0].pop("pose")
    data["cameras"][0]["vehicle"] = "kestrel"
    window = PrivacyMask(id="window", image_px=((0, 0), (9, 0), (9, 9)))
    fixed = FixedPose(CameraPose.model_validate(pose))
    feed = Feed("mast", ScriptedSource, Origin.REPLAYED, Eyes(), fixed, masks=(window,))
    with (
        Outbox(tmp_path / "outbox.sqlite", new_id=uuid.uuid4) as outbox,
        pytest.raises(SetUpError, match="mask 'window': expected ground, as the camera moves"),
    ):
        Node(
            site=Site.model_validate(data),
            node="edge-1",
            feeds=[feed],
            outbox=outbox,
            zone_memory=ZoneMemory(None),
            clock=SystemClock(),
            chance=random.Random(1),
            software="test",
        )


def test_an_evidence_folder_that_cannot_be_made_is_one_line(video: Path, tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file")
    with pytest.raises(SetUpError, match=r"evidence .*: File exists"), keeping_node(tmp_path, video):
        pass
