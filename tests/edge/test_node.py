"""A whole node in this process: feeds and a detector from here, a bus that is a list."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from contract.bus import BusMessage, Handler
from contract.clock import AnchoredClock, Clock, SystemClock
from contract.codec import decode, encode
from contract.commands import Ack, Command, Reply, Verb
from contract.envelope import COORDINATOR, Body, Envelope, Origin
from contract.events import Event, FeedState, Health, ModelIdentity, NodeState, Stage, Status
from contract.labels import Label
from contract.site import CameraPose, Site
from contract.topics import ACK, COMMAND
from detectors.detections import Detections
from detectors.detector import Prepared
from detectors.errors import InferenceError
from detectors.frame import Frame
from detectors.scheduler import Batching
from edge.device import Device
from edge.errors import FeedLost, OutboxError, SetUpError
from edge.feed import Feed, Looks
from edge.link.outbox import Outbox
from edge.link.zone_memory import ZoneMemory
from edge.lookout import Witness
from edge.node import Node
from edge.pipeline import StepResult
from edge.pose import PoseSource
from edge.poses.fixed import FixedPose
from edge.source import Source
from tests.edge.test_camera import ScriptedSource, Step, prepare
from tests.edge.yard import LABELS, MODEL, people, person_px, picture, site

INSIDE = (0.0, 20.0)


class Bus:
    """Keeps what was published; as a coordinator would, it acknowledges events while `acknowledges`."""

    def __init__(self) -> None:
        self.is_connected = True
        self.acknowledges = True
        self.envelopes: list[Envelope] = []
        self._handlers: dict[str, Handler] = {}

    def publish(self, message: BusMessage) -> bool:
        if not self.is_connected:
            return False
        _, envelope = decode(message.topic, message.payload)
        self.envelopes.append(envelope)
        if self.acknowledges and envelope.sequence is not None and envelope.outbox_id is not None:
            self.say(ACK.name, Ack(outbox_id=envelope.outbox_id, contiguous=envelope.sequence))
        return True

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        self._handlers[topic_filter] = handler

    def say(self, topic: str, body: Body | bytes) -> None:
        address = f"vedette/v1/yard/edge-1/{topic}"
        payload = body if isinstance(body, bytes) else encode(_from_coordinator(body))
        self._handlers[address](BusMessage(address, payload, qos=1))

    def events(self) -> list[Event]:
        return [envelope.body for envelope in list(self.envelopes) if isinstance(envelope.body, Event)]

    def statuses(self) -> list[Status]:
        return [envelope.body for envelope in list(self.envelopes) if isinstance(envelope.body, Status)]

    def states(self) -> list[FeedState]:
        """Of the first feed, each named once in a row."""
        states = [status.feeds[0].state for status in self.statuses()]
        return [state for n, state in enumerate(states) if n == 0 or state is not states[n - 1]]


def _from_coordinator(body: Body) -> Envelope:
    return Envelope(
        message_id=uuid.uuid4(),
        site="yard",
        node=COORDINATOR,
        boot=0,
        captured_at_us=1,
        sent_at_us=1,
        origin=Origin.REPLAYED,
        trace_id="0" * 32,
        hops_us={},
        body=body,
    )


class Eyes:
    """A detector that sees one person where `place` says; it can be made to fail."""

    identity: ModelIdentity = MODEL
    labels: tuple[Label, ...] = LABELS

    def __init__(self, place: Callable[[int], tuple[float, float] | None] = lambda _pts_us: INSIDE) -> None:
        self.place = place
        self.error: Exception | None = None

    def prepare(self, frame: Frame) -> Prepared:
        return prepare(frame)

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        if self.error is not None:
            raise self.error
        places = [self.place(prepared.pts_us) for prepared in batch]
        return [Detections.none() if place is None else people(person_px(*place)) for place in places]


def wait_until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    until_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until_s, f"not within {timeout_s} s"
        time.sleep(0.01)


@contextmanager
def node_of(
    folder: Path,
    *sources: Source,
    eyes: Eyes | None = None,
    exit_when_ended: bool = False,
    witness: Witness | None = None,
    clock: Clock | None = None,
    poses: PoseSource | None = None,
    listen: Callable[[threading.Event], None] | None = None,
    device: Device | None = None,
    appearance: Looks | None = None,
) -> Iterator[tuple[Node, Outbox]]:
    yard = site()
    pose = yard.cameras[0].pose
    assert pose is not None
    waiting = list(sources)
    source = partial(waiting.pop, 0)
    seen_by, placed_by = eyes or Eyes(), poses or FixedPose(pose)
    feed = Feed("mast", source, Origin.REPLAYED, seen_by, placed_by, listen=listen, appearance=appearance)
    with Outbox(folder / "outbox.sqlite", new_id=uuid.uuid4) as outbox:
        node = Node(
            site=yard,
            node="edge-1",
            feeds=[feed],
            outbox=outbox,
            zone_memory=ZoneMemory(folder / "zones.json"),
            clock=clock or SystemClock(),
            chance=random.Random(1),
            software="test",
            exit_when_ended=exit_when_ended,
            witness=witness,
            device=device,
        )
        yield node, outbox


@contextmanager
def running(node: Node, bus: Bus) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=node.run, args=(bus, stop))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


@contextmanager
def node_of_two(
    folder: Path, eyes: "Eyes", *sources: Source, batching: Batching | None = None
) -> Iterator[tuple[Node, Outbox]]:
    """Two cameras of one place that share a detector; a source each."""
    data = site().model_dump(mode="json")
    data["cameras"].append({**data["cameras"][0], "id": "roof"})
    data["zones"].append({**data["zones"][0], "id": "yard", "cameras": ["roof"]})
    yard = Site.model_validate(data)
    pose = yard.cameras[0].pose
    assert pose is not None
    pairs = zip(yard.cameras, sources, strict=True)
    feeds = [
        Feed(camera.id, partial(_opened, source), Origin.REPLAYED, eyes, FixedPose(pose)) for camera, source in pairs
    ]
    with Outbox(folder / "outbox.sqlite", new_id=uuid.uuid4) as outbox:
        node = Node(
            site=yard,
            node="edge-1",
            feeds=feeds,
            outbox=outbox,
            zone_memory=ZoneMemory(folder / "zones.json"),
            clock=SystemClock(),
            chance=random.Random(1),
            software="test",
            exit_when_ended=True,
            batching=batching,
        )
        yield node, outbox


def _opened(source: Source) -> Source:
    return source


def recording(frames: int = 40) -> ScriptedSource:
    return ScriptedSource(*[picture(n) for n in range(frames)], is_live=False)


def endless(*, live: bool = True, pause_s: float = 0.01) -> ScriptedSource:
    """Many frames, one every `pause_s`; stopping the node ends it."""
    steps: list[Step] = []
    for n in range(2000):
        steps += [picture(n), lambda: time.sleep(pause_s)]
    return ScriptedSource(*steps, is_live=live)


def test_a_recording_is_judged_to_its_end_and_every_event_acknowledged(tmp_path: Path) -> None:
    bus = Bus()
    with node_of(tmp_path, recording(), exit_when_ended=True) as (node, outbox):
        node.run(bus, threading.Event())
        assert len(outbox) == 0
    assert [event.stage for event in bus.events()] == [Stage.START, Stage.END]
    assert bus.states()[-1] is FeedState.ENDED
    assert bus.statuses()[-1].state is NodeState.STOPPING
    assert bus.statuses()[-1].outbox is not None
    health = next(envelope.body for envelope in reversed(bus.envelopes) if isinstance(envelope.body, Health))
    assert health.feeds[0].camera == "mast"


class SteppedClock(SystemClock):
    """This machine's clocks, the wall clock off by what an operator or NTP did to it."""

    off_s = 0.0

    def wall_us(self) -> int:
        return super().wall_us() + round(self.off_s * 1e6)


class LiveYard(ScriptedSource):
    """Frames as they come, stamped as live ones are; before frame `n` of `steps` the wall clock steps by seconds."""

    def __init__(self, clock: SteppedClock, steps: Mapping[int, float]) -> None:
        super().__init__(is_live=False)
        self._clock, self._wall_steps_s = clock, steps
        self._now_us = AnchoredClock(clock).now_us

    def frames(self, stop: threading.Event) -> Generator[Frame, None, None]:
        for n in range(80):
            self._clock.off_s += self._wall_steps_s.get(n, 0.0)
            yield replace(picture(n), captured_at_us=self._now_us())
            stop.wait(0.02)


def test_a_wall_clock_that_steps_loses_no_event_and_doubles_none(tmp_path: Path) -> None:
    """Somebody comes, the clock goes back an hour, he stays, it goes on two, he leaves."""
    bus, clock = Bus(), SteppedClock()
    eyes = Eyes(lambda pts_us: INSIDE if 1_000_000 < pts_us < 6_000_000 else None)
    source = LiveYard(clock, {20: -3600.0, 35: 7200.0})
    judged_us: list[int] = []
    with node_of(
        tmp_path,
        source,
        eyes=eyes,
        exit_when_ended=True,
        clock=clock,
        witness=lambda _camera, result: judged_us.append(result.captured_at_us),
    ) as (node, outbox):
        node.run(bus, threading.Event())
        assert len(outbox) == 0
    events = [envelope for envelope in bus.envelopes if isinstance(envelope.body, Event)]
    assert [event.stage for event in bus.events() if event.stage is not Stage.UPDATE] == [Stage.START, Stage.END]
    assert len({event.event_id for event in bus.events()}) == 1
    assert [envelope.sequence for envelope in events] == list(range(1, len(events) + 1))
    times_us = judged_us[:80]
    assert times_us == sorted(set(times_us))
    assert times_us[-1] - times_us[0] < 60_000_000
    assert all(0 <= envelope.sent_at_us - envelope.captured_at_us < 60_000_000 for envelope in events)


def test_a_camera_that_nobody_knows_the_place_of_covers_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vehicle that falls silent: its camera still shows people, and none of them is anywhere."""
    monkeypatch.setattr("edge.camera.STALL_US", 300_000)
    bus, poses = Bus(), SilentPoses()
    lives: list[threading.Event] = []
    with (
        node_of(tmp_path, endless(), poses=poses, listen=lives.append) as (node, _),
        running(node, bus),
    ):
        wait_until(lambda: bus.states()[-1:] == [FeedState.OK])
        poses.is_silent = True
        wait_until(lambda: bus.states()[-1:] == [FeedState.STALLED])
        assert bus.statuses()[-1].feeds[0].detail == "no pose for more than 0 s"
        poses.is_silent = False
        wait_until(lambda: bus.states()[-1:] == [FeedState.OK])
    assert len(lives) == 1
    assert lives[0].is_set()


class SilentPoses:
    """The pose of the site file, until it falls silent."""

    is_silent = False

    def at(self, frame: Frame) -> CameraPose | None:
        return None if self.is_silent else site().cameras[0].pose


def test_an_event_carries_every_hop_and_an_honest_time_of_sending(tmp_path: Path) -> None:
    bus = Bus()
    before_us = SystemClock().wall_us()
    with node_of(tmp_path, recording(), exit_when_ended=True) as (node, _):
        node.run(bus, threading.Event())
    envelope = next(envelope for envelope in bus.envelopes if isinstance(envelope.body, Event))
    assert set(envelope.hops_us) == {"decode", "queue", "detect", "track", "locate", "rule", "outbox"}
    assert envelope.sent_at_us >= before_us
    assert envelope.sequence == 1


def test_a_detector_that_fails_is_published_and_never_an_empty_scene(tmp_path: Path) -> None:
    bus, eyes = Bus(), Eyes()
    with node_of(tmp_path, endless(), eyes=eyes) as (node, _), running(node, bus):
        wait_until(bus.events)
        eyes.error = InferenceError("the accelerator is gone")
        wait_until(lambda: bus.states()[-1:] == [FeedState.DETECTOR_FAILED])
        assert bus.statuses()[-1].feeds[0].detail == "the accelerator is gone"
        assert [event.stage for event in bus.events()] == [Stage.START]
        eyes.error = None
        wait_until(lambda: bus.states()[-1] is FeedState.OK)


class MarkedEyes(Eyes):
    """Fails on every batch that holds a marked frame; keeps the size of each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        self.batches.append(len(batch))
        if any(prepared.pts_us >= MARKED_US for prepared in batch):
            raise InferenceError("NaN in the output")
        return super().detect(batch)


MARKED_US = 10**12


def marked(frame: Frame) -> Frame:
    return replace(frame, pts_us=frame.pts_us + MARKED_US)


def test_frames_of_two_feeds_are_judged_together_and_each_by_its_own_camera(tmp_path: Path) -> None:
    bus, eyes = Bus(), MarkedEyes()
    batching = Batching(frames_max=2, wait_us=500_000)
    with node_of_two(tmp_path, eyes, recording(), recording(), batching=batching) as (node, _):
        node.join(bus)
        node.session_opened()
        for reader in node.readers:
            reader.begin()
        for n in range(40):
            for reader in node.readers:
                reader.take(picture(n))
            node.judge()
            node.deliver()
    assert eyes.batches == [2] * 40
    started = {(event.zone, event.sighting.camera) for event in bus.events() if event.stage is Stage.START}
    assert started == {("gate", "mast"), ("yard", "roof")}


def test_a_frame_that_cannot_be_judged_takes_no_other_camera_with_it(tmp_path: Path) -> None:
    bus, eyes = Bus(), MarkedEyes()
    bad = ScriptedSource(*[marked(picture(n)) for n in range(40)], is_live=False)
    batching = Batching(frames_max=2, wait_us=500_000)
    states: set[tuple[str, FeedState]] = set()
    with node_of_two(tmp_path, eyes, recording(), bad, batching=batching) as (node, _):
        for reader in node.readers:
            reader.begin()
        for n in range(40):
            for reader, frame in zip(node.readers, (picture(n), marked(picture(n))), strict=True):
                reader.take(frame)
            node.judge()
            states |= {(status.camera, status.state) for status in node.statuses()}
        health = [reader.health() for reader in node.readers]
    assert states == {("mast", FeedState.OK), ("roof", FeedState.DETECTOR_FAILED)}
    assert [(each.frames_decoded, each.frames_used) for each in health] == [(40, 40), (40, 0)]
    assert bus.events() == []


def test_the_next_frame_is_looked_at_while_the_last_is_followed_up(tmp_path: Path) -> None:
    second = threading.Event()
    were_together: list[bool] = []

    def place(pts_us: int) -> tuple[float, float]:
        if pts_us > 0:
            second.set()
        return INSIDE

    def witness(_camera: str, result: StepResult) -> None:
        if not were_together:
            were_together.append(second.wait(5.0))

    with node_of(tmp_path, recording(), eyes=Eyes(place), exit_when_ended=True, witness=witness) as (node, _):
        node.run(Bus(), threading.Event())
    assert were_together == [True]


def test_stopping_ends_what_is_open_and_says_so_last(tmp_path: Path) -> None:
    bus = Bus()
    with node_of(tmp_path, endless()) as (node, outbox):
        with running(node, bus):
            wait_until(bus.events)
        assert bus.events()[-1].stage is Stage.END
        assert bus.statuses()[-1].state is NodeState.STOPPING
        assert len(outbox) == 0


def test_a_lost_feed_ends_its_events_and_is_published(tmp_path: Path) -> None:
    bus = Bus()
    frames: list[Step] = []
    for n in range(20):
        frames += [picture(n), lambda: time.sleep(0.01)]
    lost = ScriptedSource(*frames, FeedLost("the camera closed the connection"))
    with node_of(tmp_path, lost, endless()) as (node, _), running(node, bus):
        wait_until(lambda: len([event for event in bus.events() if event.stage is Stage.START]) == 2)
        assert [event.stage for event in bus.events()][:3] == [Stage.START, Stage.END, Stage.START]
        wait_until(lambda: FeedState.LOST in bus.states() and bus.states()[-1] is FeedState.OK)


def test_without_a_broker_events_wait_in_the_outbox_for_the_next_life(tmp_path: Path) -> None:
    away, back = Bus(), Bus()
    away.is_connected = False
    with node_of(tmp_path, recording()) as (node, outbox), running(node, away):
        wait_until(lambda: len(outbox) == 2)
    with node_of(tmp_path, recording(0), exit_when_ended=True) as (node, outbox):
        node.session_opened()
        node.run(back, threading.Event())
        assert len(outbox) == 0
    assert [envelope.sequence for envelope in back.envelopes if envelope.sequence] == [1, 2]


def test_a_zone_is_unset_by_command_and_stays_so_after_a_restart(tmp_path: Path) -> None:
    bus = Bus()
    unset = Command(
        command_id=uuid.UUID(int=5),
        verb=Verb.UNSET_ZONE,
        zone="gate",
        by="alice",
        expires_at_us=SystemClock().wall_us() + 10_000_000,
    )
    with node_of(tmp_path, endless()) as (node, _), running(node, bus):
        wait_until(bus.events)
        bus.say(COMMAND.name, unset)
        wait_until(lambda: bus.events()[-1].stage is Stage.END)
    replies = [envelope.body for envelope in bus.envelopes if isinstance(envelope.body, Reply)]
    assert [(reply.command_id, reply.done) for reply in replies] == [(uuid.UUID(int=5), True)]
    again = Bus()
    with node_of(tmp_path, recording(), exit_when_ended=True) as (node, _):
        node.run(again, threading.Event())
    assert again.events() == []


def test_nonsense_from_the_network_is_passed_over(tmp_path: Path) -> None:
    bus = Bus()
    with node_of(tmp_path, endless()) as (node, outbox), running(node, bus):
        wait_until(bus.statuses)
        for payload in (b"", b"{}", b"\xff\xfe", b'{"type":"ack"}', b"[" * 100_000):
            bus.say(ACK.name, payload)
            bus.say(COMMAND.name, payload)
        bus.say(ACK.name, Ack(outbox_id=outbox.outbox_id, contiguous=10**9))
        bus.say(ACK.name, Ack(outbox_id=uuid.UUID(int=9), contiguous=1))
        wait_until(bus.events)


def test_a_disk_that_takes_no_events_uncovers_every_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bus = Bus()
    with node_of(tmp_path, endless()) as (node, outbox), running(node, bus):
        append = outbox.append

        def refuse(_envelope: Envelope) -> Envelope:
            raise OutboxError("outbox: did not take a message: database or disk is full")

        monkeypatch.setattr(outbox, "append", refuse)
        wait_until(lambda: bus.states()[-1:] == [FeedState.DETECTOR_FAILED])
        assert "disk is full" in bus.statuses()[-1].feeds[0].detail
        assert bus.events() == []
        monkeypatch.setattr(outbox, "append", append)
        wait_until(bus.events)
        wait_until(lambda: bus.states()[-1] is FeedState.OK)


def test_a_bug_in_a_thread_ends_the_node(tmp_path: Path) -> None:
    eyes = Eyes()
    eyes.error = RuntimeError("a bug")
    with node_of(tmp_path, endless(), eyes=eyes) as (node, _), pytest.raises(RuntimeError, match="a bug"):
        node.run(Bus(), threading.Event())


def test_a_camera_of_another_node_is_refused(tmp_path: Path) -> None:
    yard = site()
    pose = yard.cameras[0].pose
    assert pose is not None
    with (
        Outbox(tmp_path / "outbox.sqlite", new_id=uuid.uuid4) as outbox,
        pytest.raises(SetUpError, match="camera 'mast': expected one of node 'edge-2', got one of 'edge-1'"),
    ):
        Node(
            site=yard,
            node="edge-2",
            feeds=[Feed("mast", recording, Origin.REPLAYED, Eyes(), FixedPose(pose))],
            outbox=outbox,
            zone_memory=ZoneMemory(None),
            clock=SystemClock(),
            chance=random.Random(1),
            software="test",
        )


def test_the_last_will_says_offline(tmp_path: Path) -> None:
    with node_of(tmp_path, recording()) as (node, _):
        will = node.last_will()
    _, envelope = decode(will.topic, will.payload)
    assert will.retain
    assert isinstance(envelope.body, Status)
    assert envelope.body.state is NodeState.OFFLINE
