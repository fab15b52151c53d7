"""The coordinator's loop: messages in, durable effects, acknowledgements out, and what follows from them.

Order matters and is this file's subject: first the store, then the ack, then the response. A store that fails holds the
batch back and asks again; nothing is acknowledged and nobody sent meanwhile.
"""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio
import structlog

from contract.bus import BusMessage
from contract.clock import Clock
from contract.codec import encode
from contract.commands import Ack, Command, Reply, Verb
from contract.configuration import DesiredConfiguration, ReportedConfiguration
from contract.envelope import COORDINATOR, Envelope, Origin
from contract.events import Health, NodeState, Stage, Status, Tracks
from contract.kinds import Severity
from contract.sensors import SensorAlarm, SensorTrack
from contract.site import Site
from contract.topics import ACK, COMMAND, DESIRED, Topic
from fleet.api.models import TracksView
from fleet.configurations import Configurations
from fleet.dock_watch import DockWatch
from fleet.errors import StoreError
from fleet.exempt_desk import ExemptDesk
from fleet.flight.deferred import DeferredJournal
from fleet.flight.world import PeopleSeen
from fleet.hops import Hops
from fleet.live import LiveFeed
from fleet.metrics import Metrics
from fleet.node_orders import NodeOrders
from fleet.picture.arrival import Arrival
from fleet.picture.coverage import Coverage, Trouble
from fleet.picture.incidents import SYSTEM, Alarm, Disposition, Incident, IncidentKind, closed, on_trouble
from fleet.picture.ingest import Effect, Ingest, Outcome, Report, age_at_arrival_s
from fleet.picture.people import persons_in, persons_of
from fleet.procedures import Procedures
from fleet.records import reads, writes
from fleet.records.audit import StoreJournal
from fleet.records.store import Store
from fleet.relief import ReliefDesk
from fleet.response import Response
from fleet.sensor_desk import SensorDesk
from fleet.site_picture import SitePicture

MAX_BATCH = 500
TICK_S = 1.0
FLUSHES_A_TICK = 5  # a crash loses at most so much of the tasks' states; orders and evidence never wait for it
STORE_AGAIN_S = 0.5
BREATH_S = 0.002  # between two dispatches, for messages that wait to be stored; after a long one, REST times as long
REST = 4.0  # so that in a storm dispatch has a fifth of the loop at most
COMMAND_AGAIN_US = 5_000_000  # without a reply; each time with a new id and expiry
# Troubles that end when what they name is well again.
WATCHED = ("node:", "feed:", "broker", "vehicle:", "dock:", "device:", "config:", "sensor:")
NAMESPACE = uuid.UUID("3d0e1a52-7c0b-5d0a-8a43-b6a0c7f5d1e9")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wire:
    """The bus as the coordinator uses it."""

    receive: Callable[[], Awaitable[Sequence[Arrival]]]
    publish: Callable[[BusMessage], bool]
    is_connected: Callable[[], bool]


@dataclass(slots=True)
class _Wish:
    """A zone as a person wants it at one node, until the node says it is done."""

    is_set: bool
    by: str
    command_id: uuid.UUID | None = None
    again_at_us: int = 0


class Coordinator:
    """One site's picture, kept and acted upon. Everything runs on one loop's thread."""

    def __init__(
        self,
        *,
        site: Site,
        clock: Clock,
        store: Store,
        ingest: Ingest,
        coverage: Coverage,
        people: PeopleSeen,
        response: Response,
        zones: dict[str, bool],
        wire: Wire,
        deferred: DeferredJournal,
        live: LiveFeed,
        metrics: Metrics,
        hops: Hops,
        docks: DockWatch,
        exempt: ExemptDesk,
        picture: SitePicture,
        procedures: Procedures | None = None,
        sensors: SensorDesk,
        relief: ReliefDesk,
    ) -> None:
        self._site, self._clock, self._store, self._ingest = site, clock, store, ingest
        self._coverage, self._people, self._response = coverage, people, response
        self._wire, self._deferred, self._live = wire, deferred, live
        self._metrics, self._hops, self._docks, self._exempt = metrics, hops, docks, exempt
        self.picture, self._procedures, self._sensors, self._relief = picture, procedures, sensors, relief
        self._journal = StoreJournal(store)
        self.configurations = Configurations(
            site=site,
            clock=clock,
            store=store,
            sign=lambda node, desired: self._signed(desired, words=f"configuration/{node}/{desired.version}"),
            send=lambda node, envelope: self._publish(DESIRED, node, envelope),
        )
        self.node_orders = NodeOrders(
            clock=clock,
            journal=self._journal,
            send=lambda node, command: self._send(COMMAND, node, command, words=f"command/{command.command_id}"),
        )
        self.zones = zones  # is it set? lines too; shared with the response
        self._switches = {each.id: each.switch(site.time_zone) for each in site.watched}
        self.tracks: dict[str, tuple[int, TracksView]] = {}  # camera -> received at, what it tracks
        self._wishes: dict[tuple[str, str], _Wish] = {}
        self._connected_at_us = clock.monotonic_us()
        self._messages_sent = 0
        self._asked = anyio.Event()  # somebody may have to be sent
        self.recorded: Callable[[], Sequence[Trouble]] = tuple  # what is wrong with the history

    def load(self) -> None:
        """Pick up where an earlier run stopped. Commands no vehicle."""
        self._ingest.load()
        with self._store.reading() as connection:
            for zone, (is_set, at_us) in reads.zone_words(connection).items():
                if zone in self._switches:
                    self._switches[zone].say(is_set=is_set, at_us=at_us)
        now_us = self._clock.wall_us()
        self.zones.update({zone: switch.at(now_us) for zone, switch in self._switches.items()})
        self._response.load()
        if self._procedures is not None:
            self._procedures.load()
        self.configurations.load()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._take_forever, name="ingest")
                tasks.start_soon(self._tick_forever, name="tick")
                tasks.start_soon(self._send_forever, name="send")
        finally:
            self._response.flush()

    async def _take_forever(self) -> None:
        while True:
            batch = await self._wire.receive()
            while True:
                if self.take(batch):
                    break
                await anyio.sleep(STORE_AGAIN_S)

    async def _tick_forever(self) -> None:
        while True:
            for _ in range(FLUSHES_A_TICK):
                await anyio.sleep(TICK_S / FLUSHES_A_TICK)
                self._response.flush()
            self.write_out()
            self.tick()

    async def _send_forever(self) -> None:
        """What came in meanwhile is stored before anybody else is sent."""
        while True:
            await self._asked.wait()
            self._asked = anyio.Event()
            is_asked, took_us = True, 0
            while is_asked:
                await anyio.sleep(max(BREATH_S, REST * took_us / 1e6))
                began_us = self._clock.monotonic_us()
                is_asked = self._response.send_one()
                took_us = self._clock.monotonic_us() - began_us

    def take(self, batch: Sequence[Arrival]) -> bool:
        """One batch: store, acknowledge, respond. False when the store did not take it: offer it again."""
        batch, foreign = self._sensors.parted(batch)
        try:
            outcome = self._ingest.take(batch)
        except StoreError as err:
            self._metrics.store_failures.inc()
            log.warning("store does not take a batch", messages=len(batch), reason=str(err))
            return False
        committed_at_us = self._clock.monotonic_us()
        self._turn_zones()  # an event of the first moment of the hours is answered too
        for node, ack in outcome.acks:
            self._send(ACK, node, ack, words=f"ack/{node}/{ack.outbox_id}")
        self._count(outcome)
        for report in outcome.reports:
            self._on_report(report)
        for arrival in foreign:
            self._sensors.hear_foreign(arrival)
        outcome.troubles.update(self._sensors.refused())
        self.picture.fuse()
        if outcome.effects:
            self._people.see(persons_of(outcome.effects), now_us=committed_at_us)
        # Shown as the batch left it, once: an incident of many events is long.
        shown: dict[str, str] = {}
        for change in (effect.change for effect in outcome.effects):
            shown[str(change.alarm.alarm_id)], shown[str(change.incident.incident_id)] = "alarm", "incident"
        self._live.publish_written([(kind, outcome.documents[each]) for each, kind in shown.items()])
        for effect in outcome.effects:
            self._on_effect(effect, committed_at_us)
        for kept in outcome.kept:
            envelope = kept.envelope
            self._coverage.heard(
                envelope.node, origin=envelope.origin, boot=envelope.boot, at_us=kept.arrival.monotonic_us
            )
        for subject, title in outcome.troubles.items():
            trouble = Trouble(subject, title, (), Severity.MEDIUM, Origin.LIVE)
            if self._open_trouble(subject) is None:
                self._raise_trouble(trouble)
        self._asked.set()
        return True

    def write_out(self) -> None:
        """What was only in memory so far: coming home, the latency budget."""
        try:
            self._deferred.flush(self._journal)
        except StoreError as err:
            log.warning("journal not written yet", waiting=len(self._deferred.held), reason=str(err))
        self._hops.flush()

    def tick(self) -> None:
        """Once a second: what is uncovered, who waits for a vehicle, which zones a node has not confirmed."""
        now_us = self._clock.monotonic_us()
        self._metrics.broker_connected.set(self._wire.is_connected())
        for kind in IncidentKind:
            number = sum(incident.kind is kind for incident in self._ingest.incidents.values())
            self._metrics.open_incidents.labels(kind=kind.value).set(number)
        self._people.see((), now_us=now_us)  # forget who was not seen for long
        self.picture.forget()
        self._turn_zones()
        self._exempt.tick()
        self._sensors.tick()
        self._watch(now_us)
        if self._procedures is not None:
            self._procedures.tick()
        self._response.tick()
        self._relief.tick()
        self._asked.set()
        for (node, zone), wish in self._wishes.items():
            if now_us >= wish.again_at_us:
                self._command_zone(node, zone, wish, now_us)
        self.configurations.tick()
        self.node_orders.tick()

    # What persons order (called by the control room)

    def wish_zone(self, zone_id: str, *, is_set: bool, by: str) -> None:
        """Told to every node that covers the zone until each says it is done."""
        zone = next(zone for zone in self._site.watched if zone.id == zone_id)
        self._switches[zone_id].say(is_set=is_set, at_us=self._clock.wall_us())
        self.zones[zone_id] = is_set
        for node in sorted({camera.node for camera in self._site.cameras if camera.id in zone.cameras}):
            wish = self._wishes[(node, zone_id)] = _Wish(is_set, by)
            self._command_zone(node, zone_id, wish, self._clock.monotonic_us())

    # Messages

    def _on_report(self, report: Report) -> None:
        node, envelope, body = report.address.node, report.envelope, report.envelope.body
        now_us = report.arrival.monotonic_us
        if isinstance(body, SensorAlarm | SensorTrack):
            self._sensors.hear(report)
            return
        is_will = isinstance(body, Status) and body.state is NodeState.OFFLINE
        if not report.arrival.message.retain and not is_will:
            is_new = self._coverage.heard(node, origin=envelope.origin, boot=envelope.boot, at_us=now_us)
            if is_new:
                log.info("node heard", node=node, boot=envelope.boot, origin=envelope.origin.value)
                self._remind(node)
        if isinstance(body, Status):
            self._coverage.on_status(node, body, at_us=now_us)
        elif isinstance(body, Health):
            self._coverage.on_health(node, body)
        elif isinstance(body, Tracks):
            self._on_tracks(report, body)
        elif isinstance(body, Reply):
            self.node_orders.heard(node, body)
            self._on_reply(node, body)
        elif isinstance(body, ReportedConfiguration):
            self.configurations.heard(node, body)

    def _on_tracks(self, report: Report, tracks: Tracks) -> None:
        envelope, arrival = report.envelope, report.arrival
        age_s = age_at_arrival_s(envelope, arrival.wall_us) or 0.0
        people = persons_in(tracks.sightings, age_s=age_s, now_us=arrival.monotonic_us)
        self._people.see(people, now_us=arrival.monotonic_us)
        view = TracksView(camera=tracks.camera, captured_at_us=envelope.captured_at_us, sightings=tracks.sightings)
        self.tracks[tracks.camera] = (arrival.monotonic_us, view)
        self.picture.hear(envelope, tracks, wall_us=arrival.wall_us)
        self._live.publish("tracks", view)
        self._response.on_sightings(tracks.sightings)

    def _on_effect(self, effect: Effect, committed_at_us: int) -> None:
        envelope, arrival, change = effect.envelope, effect.arrival, effect.change
        self._coverage.heard(envelope.node, origin=envelope.origin, boot=envelope.boot, at_us=arrival.monotonic_us)
        if change.is_new_alarm:
            log.info("alarm", title=change.alarm.title, trace=envelope.trace_id, stale=change.alarm.is_stale)
            ours = {
                "broker": max(arrival.wall_us - envelope.sent_at_us, 0),
                "ingest": committed_at_us - arrival.monotonic_us,
            }
            for hop, took_us in {**envelope.hops_us, **ours}.items():
                self._hops.add(envelope.trace_id, hop, took_us, camera=effect.event.sighting.camera)
        sighting = effect.event.sighting
        known = self.picture.fusion.explained_by(sighting.camera, sighting.track)
        if known is None:
            self._response.on_effect(effect)
            self._consider(change.incident)
            if effect.event.stage is not Stage.END:
                self._response.ask(change.incident)
        else:
            log.info("nobody is sent: one of ours", alarm=change.alarm.title, known=known, trace=envelope.trace_id)

    def _on_reply(self, node: str, reply: Reply) -> None:
        for (wished_node, zone), wish in tuple(self._wishes.items()):
            if wished_node == node and wish.command_id == reply.command_id:
                if reply.done:
                    del self._wishes[(wished_node, zone)]
                else:
                    log.warning("node did not do it", node=node, zone=zone, reason=reply.reason)

    def _remind(self, node: str) -> None:
        """A node that (re)started hears how each of its zones should be; what it remembers may be older."""
        cameras = {camera.id for camera in self._site.cameras if camera.node == node}
        for zone in self._site.watched:
            if cameras & set(zone.cameras):
                self._wishes.setdefault((node, zone.id), _Wish(self.zones[zone.id], COORDINATOR))

    def _turn_zones(self) -> None:
        """Zones are as their hours and persons have them now. A node turns by its own clock: nothing is sent, and what
        a node has not confirmed of before is void."""
        now_us = self._clock.wall_us()
        for zone, switch in self._switches.items():
            is_set = switch.at(now_us)
            if is_set != self.zones[zone]:
                self.zones[zone] = is_set
                self._wishes = {key: wish for key, wish in self._wishes.items() if key[1] != zone}
                log.info("zone turned by its hours", zone=zone, is_set=is_set)
                self._live.publish("zone", self._exempt.zone_view(zone))

    def _command_zone(self, node: str, zone: str, wish: _Wish, now_us: int) -> None:
        wish.command_id = uuid.uuid5(NAMESPACE, f"{node}/{zone}/{wish.is_set}/{self._clock.wall_us()}")
        wish.again_at_us = now_us + COMMAND_AGAIN_US
        expires_at_us = self._clock.wall_us() + (COMMAND.expiry_s or 0) * 1_000_000
        turns_at_us = self._switches[
            zone
        ].until_us  # no word outlives the next turn of the hours, however late it comes
        command = Command(
            command_id=wish.command_id,
            verb=Verb.SET_ZONE if wish.is_set else Verb.UNSET_ZONE,
            zone=zone,
            by=wish.by,
            expires_at_us=expires_at_us if turns_at_us is None else min(expires_at_us, turns_at_us),
        )
        self._send(COMMAND, node, command, words=f"command/{wish.command_id}")

    def _send(self, topic: Topic, node: str, body: Ack | Command, *, words: str) -> bool:
        return self._publish(topic, node, self._signed(body, words=words))

    def _signed(self, body: Ack | Command | DesiredConfiguration, *, words: str) -> Envelope:
        now_us = self._clock.wall_us()
        self._messages_sent += 1
        message_id = uuid.uuid5(NAMESPACE, f"{words}/{now_us}/{self._messages_sent}")
        return Envelope(
            message_id=message_id,
            site=self._site.id,
            node=COORDINATOR,
            boot=0,
            captured_at_us=now_us,
            sent_at_us=now_us,
            origin=Origin.LIVE,
            trace_id=message_id.hex,
            hops_us={},
            body=body,
        )

    def _publish(self, topic: Topic, node: str, envelope: Envelope) -> bool:
        """False when there is no connection or no room."""
        address = topic.address(site=self._site.id, node=node)
        return self._wire.publish(
            BusMessage(address, encode(envelope), topic.qos, retain=topic.retain, expiry_s=topic.expiry_s)
        )

    def _count(self, outcome: Outcome) -> None:
        self._metrics.effects.inc(len(outcome.effects))
        self._metrics.redelivered.inc(outcome.redelivered)
        for reason in outcome.quarantined:
            self._metrics.quarantined.labels(reason=reason).inc()

    # Troubles

    def _watch(self, now_us: int) -> None:
        """Open a trouble for what is wrong now, close those that are well again."""
        bypassed = self._exempt.bypassed_cameras()
        troubles = self._coverage.troubles(zones_set=self._zones_set(), now_us=now_us, bypassed=bypassed)
        found = {each.subject: self._exempt.marked(each) for each in troubles}
        broker = self._broker_trouble(now_us)
        if broker is not None:
            found[broker.subject] = broker
        configured = (*self.configurations.troubles(self._coverage.nodes), *self.recorded())
        silent = self._sensors.troubles(now_us, zones_set=self._zones_set())
        others = (*self._response.identity_troubles(), *self._docks.troubles(now_us), *configured, *silent)
        found.update((trouble.subject, trouble) for trouble in others)
        for incident in tuple(self._ingest.incidents.values()):
            subject = incident.subject
            if incident.kind is IncidentKind.TROUBLE and subject is not None and subject.startswith(WATCHED):
                trouble = found.pop(subject, None)
                if trouble is None:
                    self._recovered(incident)
                elif trouble.uncovered_zones != incident.uncovered_zones:
                    self._changed(incident, trouble)
        for trouble in found.values():
            self._raise_trouble(trouble)

    def _zones_set(self) -> frozenset[str]:
        return frozenset(zone for zone, is_set in self.zones.items() if is_set)

    def _broker_trouble(self, now_us: int) -> Trouble | None:
        if self._wire.is_connected():
            self._connected_at_us = now_us
        away_us = now_us - self._connected_at_us
        zones = tuple(sorted(self._zones_set()))
        if away_us <= 5_000_000 or not zones:
            return None
        return Trouble("broker", "no connection to the broker", zones, Severity.HIGH, Origin.LIVE)

    def _open_trouble(self, subject: str) -> Incident | None:
        return next((each for each in self._ingest.incidents.values() if each.subject == subject), None)

    def _raise_trouble(self, trouble: Trouble) -> None:
        change = on_trouble(
            trouble.subject,
            title=trouble.title,
            uncovered_zones=trouble.uncovered_zones,
            severity=trouble.severity,
            origin=trouble.origin,
            at_us=self._clock.wall_us(),
        )
        if self._keep(change.incident, (change.alarm,)):
            log.warning("trouble", title=trouble.title, uncovered=trouble.uncovered_zones)
            self._consider(change.incident)

    def _consider(self, incident: Incident) -> None:
        if self._procedures is not None:
            self._procedures.consider(incident)

    def _changed(self, incident: Incident, trouble: Trouble) -> None:
        what = f"zones now uncovered: {', '.join(trouble.uncovered_zones) or 'none'}"
        changed = incident.model_copy(update={"uncovered_zones": trouble.uncovered_zones, "severity": trouble.severity})
        self._keep(changed.noting(at_us=self._clock.wall_us(), who=SYSTEM, what=what), ())

    def _recovered(self, incident: Incident) -> None:
        """Well again: closed with its trace kept; the alarm stays in the list as it was acknowledged or not."""
        alarms = [alarm for alarm in self._ingest.alarms.values() if alarm.incident_id == incident.incident_id]
        shut, shut_alarms = closed(
            incident,
            alarms=alarms,
            disposition=Disposition.RECOVERED,
            note="",
            by=SYSTEM,
            at_us=self._clock.wall_us(),
        )
        if self._keep(shut, shut_alarms):
            log.info("recovered", title=incident.title)

    def _keep(self, incident: Incident, alarms: Sequence[Alarm]) -> bool:
        """On disk, in memory, told. False when the store did not take it: the next tick looks again."""
        try:
            with self._store.transaction() as connection:
                writes.put_incident(connection, incident)
                for alarm in alarms:
                    writes.put_alarm(connection, alarm)
        except StoreError as err:
            log.warning("incident not stored", title=incident.title, reason=str(err))
            return False
        self._ingest.keep(incident, alarms)
        for alarm in alarms:
            self._live.publish("alarm", alarm)
        self._live.publish("incident", incident)
        return True
