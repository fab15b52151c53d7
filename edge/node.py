r"""Composition root of one node: feeds, lookout, outbox, courier, bus, and the watch that tells how they are.

    reading threads, one a camera -> intake -> lookout (detector, pipeline) -> courier -> bus
                               \-> ring                 \-> footage (clips, pictures) -^
                                                        \-> live view (its own WebSocket)

On the bus's thread: acknowledgements and commands. Nothing here waits for the coordinator.
"""

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from contract.bus import Bus, BusMessage
from contract.clock import AnchoredClock, Clock
from contract.codec import decode
from contract.commands import Ack, Command
from contract.configuration import DesiredConfiguration
from contract.errors import ContractError
from contract.events import FeedState, FeedStatus, NodeFault, NodeState, Status
from contract.kinds import EventKind
from contract.site import Site
from contract.topics import ACK, COMMAND, DESIRED, HEALTH, REPLY, REPORTED, STATUS, TRACKS
from detectors.scheduler import Batching
from edge.camera import CameraFeed
from edge.crew import Crew
from edge.device import Device, DeviceWatch
from edge.errands import errands_of
from edge.errors import OutboxError
from edge.feed import Feed, Surroundings, view_of
from edge.footage.evidence import Footage
from edge.footage.live_view import LiveView
from edge.footage.recording import Rolls
from edge.footage.shelf import Shelf
from edge.intake import Intake
from edge.link.commands import CommandDesk
from edge.link.courier import Courier
from edge.link.outbox import Outbox
from edge.link.upload import Uploader
from edge.link.zone_memory import ZoneMemory
from edge.lookout import Lookout, Witness
from edge.perception.appearance import AppearanceCounts
from edge.posts import Lineup, Posts
from edge.remote import Remote
from edge.sender import Sender
from edge.settings import EvidenceSettings, rolls_of, room_of
from edge.vitals import SILENT_S, Told, Vitals, health_of, oldest_s, rows_of, what_is_wrong
from edge.voice import Voice

WATCH_S = 0.25
HEALTH_US = 2_000_000
STOP_S = 12.0  # longer than opening a feed may take
LEAVE_US = 3_000_000  # for the last events to be taken
DRAIN_US = 20_000_000  # for the coordinator to acknowledge them, where the node ends with its recordings
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept of events: where, on an open shelf; how long a clip is; how well a picture is encoded, percent; who
    sends it to the coordinator, if anybody."""

    shelf: Shelf
    rolls: Rolls
    jpeg_quality: int
    uploader: Uploader | None = None


class Node:
    """Build it, then `run`. `outbox` is open. Raises SetUpError for a camera that is not this node's."""

    def __init__(
        self,
        *,
        site: Site,
        node: str,
        feeds: Sequence[Feed],
        outbox: Outbox,
        zone_memory: ZoneMemory,
        clock: Clock,
        chance: random.Random,
        software: str,
        rules: Mapping[EventKind, Mapping[str, object]] | None = None,
        exit_when_ended: bool = False,
        batching: Batching | None = None,
        witness: Witness | None = None,
        keeping: Keeping | None = None,
        device: Device | None = None,
        remote: Remote | None = None,
        live: LiveView | None = None,
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._now_us = AnchoredClock(clock).now_us
        self._software = software
        self._exit_when_ended = exit_when_ended
        self._sender = Sender(site=site.id, node=node, outbox_id=outbox.outbox_id, boot=outbox.boot)
        self._voice = Voice(self._sender, origins=(feed.origin for feed in feeds), now_us=self._now_us)
        self._courier = Courier(outbox, self._voice.publish, clock=clock, now_us=self._now_us)
        self.live = live
        self._device = DeviceWatch(device, clock=clock, now_us=self._now_us)
        self._intake = Intake(clock, batching=batching)
        around = Surroundings(site, node, self._sender, self._intake, clock, chance, rules)
        self._posts = Posts(feeds, around, zone_memory=zone_memory, now_us=self._now_us)
        self._footage = (
            None
            if keeping is None
            else Footage(
                [view_of(feed, site) for feed in feeds],
                keeping.shelf,
                rolls=keeping.rolls,
                jpeg_quality=keeping.jpeg_quality,
                sender=self._sender,
                post=self._courier.post,
                clock=clock,
                uploader=keeping.uploader,
            )
        )
        self._uploader = None if keeping is None else keeping.uploader
        self._lookout = Lookout(
            self._posts.scenes,
            self._intake,
            post=self._courier.post,
            tell_tracks=partial(self._voice.forward, TRACKS),
            clock=clock,
            witness=witness,
            keep=[each.saw for each in (self._footage, live) if each is not None],
            heat=lambda: self._device.heat,
        )
        self._remote = remote
        if remote is not None:
            remote.attach(self._exchange)
        self._desk = CommandDesk(
            errands_of(self._posts, self._footage, remote),
            zones=lambda: self._posts.zones,
            cameras=lambda: [scene.reader.camera for scene in self._posts.scenes],
            tell=lambda reply, trace_id: self._voice.say(REPLY, reply, trace_id=trace_id),
            clock=clock,
        )
        self._link_fault = ""
        self._malformed: dict[str, int] = {}
        self._told: Told | None = None
        self._now = Told((), ())
        self._watched_us = clock.monotonic_us()
        self._health_told_us = self._watched_us - HEALTH_US
        self._done_since_us: int | None = None

    def run(
        self,
        bus: Bus,
        stop: threading.Event,
        *,
        serve_bus: Callable[[threading.Event], None] | None = None,
        on_watch: Callable[[str], None] | None = None,
    ) -> None:
        """Until `stop` is set, or where that was asked for, until every recording has ended and its events are
        acknowledged (or DRAIN_US have passed).

        `serve_bus` is the bus's own life: it gets a thread, and an event that stops it last. Whatever crashes one of
        the threads is raised here. `on_watch` hears `wrong` after each look of the watch.
        """
        self.join(bus)
        link_stop, footage_stop = threading.Event(), threading.Event()
        link, cameras, footage = Crew(stop), Crew(stop), Crew(stop)
        if serve_bus is not None:
            link.start("uplink", lambda: serve_bus(link_stop))
        link.start("courier", lambda: self._deliver(link_stop))
        if self.live is not None:
            link.start("live view", partial(self.live.run, link_stop))
        if self._footage is not None:
            footage.start("footage", partial(self._footage.run, footage_stop))
        if self._uploader is not None:
            footage.start("upload", partial(self._uploader.run, footage_stop))
        cameras.start("lookout", lambda: self.look_out(stop))
        self._posts.start(cameras)
        if self._remote is not None:
            link.start("configuration", partial(self._remote.run, stop))
        while not stop.wait(WATCH_S):
            self.watch()
            if on_watch is not None:
                on_watch(self.wrong)
            if self._exit_when_ended and self._has_nothing_left_to_do():
                stop.set()
        self.stop_reading()
        cameras.join(STOP_S)
        footage_stop.set()
        footage.join(STOP_S)
        self._leave()
        link_stop.set()
        self._courier.wake()
        link.join(STOP_S)
        cameras.raise_crash()
        footage.raise_crash()
        link.raise_crash()

    # Its parts in steps: `run` gives each a thread of its own, a simulation takes them in turn.

    def join(self, bus: Bus) -> None:
        """Hear acknowledgements and commands on `bus`, and speak there. The bus is not connected yet."""
        self._voice.bus = bus
        for topic in (ACK, COMMAND) if self._remote is None else (ACK, COMMAND, DESIRED):
            bus.subscribe(self._voice.address(topic), self._receive)

    @property
    def readers(self) -> tuple[CameraFeed, ...]:
        """One for each feed, in their order."""
        return tuple(scene.reader for scene in self._posts.scenes)

    @property
    def appearances(self) -> dict[str, AppearanceCounts]:
        """By camera, of those that use it."""
        pipelines = {scene.reader.camera: scene.pipeline for scene in self._posts.scenes}
        used = {camera: pipeline.appearance for camera, pipeline in pipelines.items()}
        return {camera: looks.counts for camera, looks in used.items() if looks is not None}

    def judge(self) -> None:
        """Every frame that waits."""
        while self._lookout.turn():
            pass

    def look_out(self, stop: threading.Event) -> None:
        """Judge frames as they come until `stop` is set; then what is open ends."""
        self._lookout.run(stop)

    def stop_reading(self) -> None:
        """Returns at once; each reader's thread ends within the read time-out of its source."""
        self._posts.stop()
        self._intake.close()

    def deliver(self) -> float:
        """Send what is due; seconds until something may be due again."""
        try:
            wait_s = self._courier.step()
            self._link_fault = ""
        except OutboxError as err:
            self._note_link_fault(err)
            return WATCH_S
        return wait_s

    def watch(self) -> None:
        """Publish how it is, where that changed or is due; call it each WATCH_S."""
        now_us = self._clock.monotonic_us()
        is_health_due = now_us - self._health_told_us >= HEALTH_US
        if is_health_due:
            self._health_told_us = now_us
            self._device.look()
        now = self._now = Told(self.statuses(), self._faults())
        self._watched_us = now_us
        if now != self._told and self._tell_status(NodeState.ONLINE, now):
            self._told = now
        self._desk.step()
        if self._remote is not None:
            self._remote.tell(partial(self._voice.say, REPORTED))
        if is_health_due:
            self._voice.say(HEALTH, health_of(self.vitals, [scene.health() for scene in self._posts.scenes]))

    @property
    def vitals(self) -> Vitals:
        """How it is, as the watch last saw it. Any thread may ask."""
        return Vitals(
            feeds=self._now.feeds,
            faults=self._now.faults,
            board=self._device.board,
            clock_offset=self._device.clock_offset,
            outbox_rows=rows_of(self._outbox),
            outbox_oldest_s=oldest_s(self._outbox, now_us=self._now_us()),
            unposted=self._lookout.unposted,
            is_connected=self._voice.is_heard,
            upload=None if self._uploader is None else self._uploader.figures,
        )

    @property
    def wrong(self) -> str:
        """Why it does not do its work, in a line; empty while frames of some feed flow and are judged."""
        silent_s = (self._clock.monotonic_us() - self._watched_us) / 1e6
        if silent_s > SILENT_S:
            return f"the watch is silent for {silent_s:.0f} s"
        return what_is_wrong(self._now.feeds)

    # What the bus asks and says

    def last_will(self) -> BusMessage:
        """What the broker says when this node no longer can."""
        return self._voice.message(STATUS, Status(state=NodeState.OFFLINE, software=self._software))

    def session_opened(self) -> None:
        """A new session: tell the watch to say who is there, and send again whatever was not acknowledged."""
        self._told = None
        if self._remote is not None:
            self._remote.session_opened()
        self._courier.session_opened()

    def delivered(self, message: BusMessage) -> None:
        """The broker has taken a message of QoS 1."""
        self._courier.delivered(message)

    def statuses(self) -> tuple[FeedStatus, ...]:
        """How each camera is. An event that cannot be stored is as good as not seen: then none covers anything."""
        told = tuple(scene.reader.status() for scene in self._posts.scenes)
        fault = self._lookout.fault or self._link_fault
        if not fault:
            return told
        return tuple(s.model_copy(update={"state": FeedState.DETECTOR_FAILED, "detail": fault}) for s in told)

    # To the coordinator

    def _tell_status(self, state: NodeState, told: Told) -> bool:
        try:
            outbox = self._outbox.status()
        except OutboxError:
            outbox = None
        feeds = self._posts.feeds
        model = feeds[0].detector.identity if feeds else None
        status = Status(
            state=state, software=self._software, feeds=told.feeds, outbox=outbox, model=model, faults=told.faults
        )
        return self._voice.say(STATUS, status)

    def _deliver(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._courier.rest(self.deliver())

    def _has_nothing_left_to_do(self) -> bool:
        if not self._lookout.is_done or (self._footage is not None and not self._footage.is_idle):
            return False
        now_us = self._clock.monotonic_us()
        if self._done_since_us is None:
            self._done_since_us = now_us
        is_sent = self._footage is None or self._footage.is_sent
        return (rows_of(self._outbox) == 0 and is_sent) or now_us - self._done_since_us >= DRAIN_US

    def _leave(self) -> None:
        """Say that we go, and give the last events a moment to be taken."""
        until_us = self._clock.monotonic_us() + LEAVE_US
        while self._voice.is_heard and not self._courier.is_idle:
            if self._clock.monotonic_us() >= until_us:
                break
            self._courier.rest(0.05)
        self._tell_status(NodeState.STOPPING, Told(self.statuses(), self._faults()))

    def _faults(self) -> tuple[NodeFault, ...]:
        """Of the device and of what leaves it."""
        uploads = () if self._uploader is None else self._uploader.faults(self._now_us())
        return (*self._device.faults, *uploads)

    # From the coordinator

    def _receive(self, message: BusMessage) -> None:
        try:
            _, envelope = decode(message.topic, message.payload)
            if not message.retain:
                self._device.heard(envelope.sent_at_us)
            if isinstance(envelope.body, Ack):
                self._courier.acknowledged(envelope.body)
            elif isinstance(envelope.body, Command):
                self._desk.take(message, envelope.body, trace_id=envelope.trace_id)
            elif isinstance(envelope.body, DesiredConfiguration) and self._remote is not None:
                self._remote.want(envelope.body)
        except ContractError as err:
            self._note_malformed(message.topic, err)

    def _exchange(self, lineup: Lineup, batching: Batching, evidence: EvidenceSettings) -> None:
        """Other cameras, or the same in another way, while the rest goes on. Raises SetUpError and EdgeError."""
        keepers = [each for each in (self._footage, self.live) if each is not None]
        self._posts.exchange(lineup, self._lookout, keepers)
        self._voice.speak_of(feed.origin for feed in self._posts.feeds)
        self._intake.use(batching)
        if self._footage is not None:
            self._footage.use(rolls=rolls_of(evidence), jpeg_quality=evidence.jpeg_quality, room=room_of(evidence))

    def _note_malformed(self, topic: str, err: ContractError) -> None:
        """Counted always, logged once per topic."""
        if topic not in self._malformed:
            log.warning("malformed message", topic=topic, reason=str(err))
        self._malformed[topic] = self._malformed.get(topic, 0) + 1

    def _note_link_fault(self, err: OutboxError) -> None:
        if not self._link_fault:
            log.warning("outbox fails", reason=str(err))
        self._link_fault = str(err)
