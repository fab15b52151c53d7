"""From bytes on the bus to one durable effect each, and the acknowledgement that lets a node forget.

One batch is one transaction: message, alarm, incident and sequence bookkeeping together, each table asked and written
once. The caller publishes the acks and acts on the outcome only after `take` returned; after a StoreError it offers the
same batch again.
"""

import uuid
from collections import ChainMap, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from contract.bus import BusMessage
from contract.codec import content_digest, decode, wire_digest
from contract.commands import Ack, SequenceRange
from contract.envelope import Envelope
from contract.errors import ContractError
from contract.events import Event, Status, Tracks
from contract.evidence import Evidence
from contract.geo import GeoPoint
from contract.sensors import SensorAlarm, SensorTrack
from contract.site import Site
from contract.tasks import Task
from contract.topics import EVENTS, EVIDENCE, Address, Direction, parse_address
from fleet.errors import StoreError
from fleet.picture.arrival import Arrival
from fleet.picture.exempting import exemptions, takers
from fleet.picture.incidents import Alarm, Change, Incident, State, derive_alarm_id, on_event
from fleet.picture.nearby import Nearby
from fleet.picture.priority import REPEAT_WITHIN_US, OddHours, Priority, factors_of, priority_of
from fleet.picture.sequence import LARGEST, Stream, numbered_in
from fleet.records import reads, writes
from fleet.records.store import Store

FUTURE_TOLERANCE_US = 2_000_000  # a capture further ahead of our clock has an unknown age
NUMBERED = (EVENTS, EVIDENCE)  # topics that a node's sequence counts
REMEMBERED = 16  # last alarms of a zone, to know that it alarms again and again
MERGES_REMEMBERED = 1000
SiteTrackOf = Callable[[str, int], uuid.UUID | None]  # camera, track -> who it is on the map
StreamKey = tuple[str, str]  # node, outbox id


@dataclass(frozen=True, slots=True)
class _Read:
    """An arrival that may be used. `body` None: no node numbered it, so it has nothing of what follows."""

    arrival: Arrival
    address: Address
    envelope: Envelope
    body: Event | Evidence | None
    document: str = ""
    digest: str = ""
    message_id: str = ""
    key: StreamKey = ("", "")
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class _Fault:
    """An arrival that must not be used, and why."""

    arrival: Arrival
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What one new event message did. `age_s` at arrival; None is unknown and sends nothing by itself."""

    envelope: Envelope
    event: Event
    change: Change
    age_s: float | None
    arrival: Arrival


@dataclass(frozen=True, slots=True)
class Kept:
    """A manifest that is stored now: the file itself is at the node."""

    envelope: Envelope
    evidence: Evidence
    arrival: Arrival


@dataclass(frozen=True, slots=True)
class Report:
    """A message without a durable effect: status, health, tracks, reply."""

    address: Address
    envelope: Envelope
    arrival: Arrival


@dataclass(slots=True)
class Outcome:
    effects: list[Effect] = field(default_factory=list)
    documents: dict[str, str] = field(default_factory=dict)  # JSON of what the batch changed, by id, as it left it
    kept: list[Kept] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    acks: list[tuple[str, Ack]] = field(default_factory=list)
    troubles: dict[str, str] = field(default_factory=dict)  # subject -> what happened, for an incident
    quarantined: list[str] = field(default_factory=list)  # reasons
    redelivered: int = 0


class Ingest:
    """Holds the open alarms and incidents in memory, always equal to what the store holds."""

    def __init__(self, site: Site, store: Store, *, site_track_of: SiteTrackOf = lambda _camera, _track: None) -> None:
        self._site = site
        self._store = store
        self._site_track_of = site_track_of
        self._odd_hours = OddHours(site)
        self._raised: dict[str, deque[int]] = {}  # zone -> when, wall time
        self._survivors: dict[uuid.UUID, uuid.UUID] = {}  # merged incident -> the one it became part of
        self._watched = {each.id for each in site.watched}
        self._sensors = {each.id for each in site.sensors}
        self._cameras: dict[str, set[str]] = {}  # of each node
        for camera in site.cameras:
            self._cameras.setdefault(camera.node, set()).add(camera.id)
        self.incidents: dict[uuid.UUID, Incident] = {}
        self.alarms: dict[uuid.UUID, Alarm] = {}
        self._nearby = self._empty_map()
        self._streams: dict[StreamKey, Stream] = {}
        self._highest: dict[StreamKey, int] = {}  # number of a message that is stored
        self._doubtful: tuple[Sequence[Arrival], _Draft] | None = None

    def load(self) -> None:
        """Pick up what an earlier run left open."""
        with self._store.reading() as connection:
            self.incidents = {each.incident_id: each for each in reads.open_incidents(connection)}
            self.alarms = {each.alarm_id: each for each in reads.alarms_of(connection, self.incidents)}
            self._streams = reads.streams(connection)
            self._highest = {key: reads.highest_number(connection, *key) for key in self._streams}
        self._nearby = self._empty_map()
        for incident in self.incidents.values():
            self._nearby.put(incident)

    def missing(self, node: str) -> tuple[SequenceRange, ...]:
        """Event numbers of a node that it was asked to send again."""
        streams = [(outbox_id, stream) for (whose, outbox_id), stream in self._streams.items() if whose == node]
        return tuple(each for outbox_id, stream in streams for each in stream.ack(uuid.UUID(outbox_id)).missing)

    def keep(self, incident: Incident, alarms: Sequence[Alarm]) -> None:
        """Follow what the store has just committed; a closed incident is let go."""
        for alarm in alarms:
            self.alarms[alarm.alarm_id] = alarm
        self.incidents[incident.incident_id] = incident
        if incident.merged_into is not None:
            self._survivors[incident.incident_id] = incident.merged_into
            if len(self._survivors) > MERGES_REMEMBERED:
                del self._survivors[next(iter(self._survivors))]
        self._nearby.put(incident)
        if incident.state is State.CLOSED:
            del self.incidents[incident.incident_id]
            self._nearby.remove(incident.incident_id)
            for alarm_id in incident.alarm_ids:
                self.alarms.pop(alarm_id, None)

    def open_incident(self, incident_id: uuid.UUID) -> Incident | None:
        return self.incidents.get(incident_id)

    def of_survivor(self, task: Task) -> Task:
        """A task whose incident became part of another since we started is the other's."""
        survivor = task.incident_id
        while survivor in self._survivors:
            survivor = self._survivors[survivor]
        return task if survivor == task.incident_id else task.model_copy(update={"incident_id": survivor})

    def take(self, batch: Sequence[Arrival]) -> Outcome:
        """Store the batch. Raises StoreError, and then nothing of it happened as far as anybody knows."""
        doubtful, self._doubtful = self._doubtful, None
        if doubtful is not None and doubtful[0] is batch:
            draft = doubtful[1]
            self._doubtful = doubtful  # for as long as the store does not say
            was_stored = self._holds(draft)
            self._doubtful = None
            if was_stored:
                self.load()
                self._remember(draft)
                return self._acknowledged(draft)
        draft = self._write(batch)
        self._streams.update(draft.streams.maps[0])
        for key, sequence in draft.numbers:
            self._highest[key] = max(sequence, self._highest.get(key, 0))
        self._remember(draft)
        alarms: dict[uuid.UUID, list[Alarm]] = {}
        for alarm in draft.alarms.maps[0].values():
            alarms.setdefault(alarm.incident_id, []).append(alarm)
        for incident in draft.incidents.maps[0].values():
            self.keep(incident, alarms.get(incident.incident_id, ()))
        return self._acknowledged(draft)

    def _write(self, batch: Sequence[Arrival]) -> "_Draft":
        found = [self._read(arrival) for arrival in batch]
        draft = _Draft(self, self._empty_map())
        is_complete = False
        try:
            with self._store.transaction() as connection:
                self._look_up(connection, draft, [each for each in found if isinstance(each, _Read) and each.body])
                for each in found:
                    if isinstance(each, _Fault):
                        self._set_aside(connection, draft, each)
                    else:
                        self._take_one(connection, draft, each)
                writes.add_messages(connection, draft.messages)
                writes.add_evidence(connection, draft.evidence)
                writes.put_streams(connection, draft.streams.maps[0])
                draft.outcome.documents = writes.put_incidents(connection, draft.incidents.maps[0].values())
                draft.outcome.documents |= writes.put_alarms(connection, draft.alarms.maps[0].values())
                is_complete = True
        except StoreError:
            if is_complete:  # the answer to the commit was lost, perhaps not the commit
                self._doubtful = (batch, draft)
            raise
        return draft

    def _holds(self, draft: "_Draft") -> bool:
        """Does the store hold what it did not say it had taken? All of a batch or nothing."""
        if not draft.messages:
            return False  # to do it again does no harm
        with self._store.reading() as connection:
            first = draft.messages[0]
            return writes.digests_of_ids(connection, [str(first["message_id"])]) == {
                first["message_id"]: first["digest"]
            }

    def _remember(self, draft: "_Draft") -> None:
        for zone, at_us in draft.raised:
            self._raised.setdefault(zone, deque(maxlen=REMEMBERED)).append(at_us)

    def _acknowledged(self, draft: "_Draft") -> Outcome:
        for node, outbox_id in dict.fromkeys(draft.to_acknowledge):
            draft.outcome.acks.append((node, self._streams.get((node, outbox_id), Stream()).ack(uuid.UUID(outbox_id))))
        return draft.outcome

    def _read(self, arrival: Arrival) -> _Read | _Fault:
        message = arrival.message
        try:
            address, envelope = decode(message.topic, message.payload)
            body = self._checked(address, envelope, message)
        except ContractError as err:
            return _Fault(arrival, "expired" if isinstance(err, _Expired) else "malformed", str(err))
        if body is None:
            return _Read(arrival, address, envelope, None)
        document, digest = message.payload.decode(), wire_digest(message.payload)
        key = (envelope.node, str(envelope.outbox_id))
        return _Read(
            arrival, address, envelope, body, document, digest, str(envelope.message_id), key, envelope.sequence or 0
        )

    def _look_up(self, connection: Connection, draft: "_Draft", found: Sequence[_Read]) -> None:
        """What the store knows of these messages, and of alarms that are not open any more."""
        draft.digests = writes.digests_of_ids(connection, [each.message_id for each in found])
        sequences: dict[StreamKey, list[int]] = {}
        for each in found:
            if each.sequence <= self._highest.get(each.key, 0):  # beyond it nothing is stored, which need not be asked
                sequences.setdefault(each.key, []).append(each.sequence)
        for key, numbers in sequences.items():
            for sequence, digest in writes.digests_of_numbers(connection, key[0], key[1], numbers).items():
                draft.numbers[key, sequence] = digest
        events = [each.body for each in found if isinstance(each.body, Event)]
        wanted = dict.fromkeys(derive_alarm_id(event.event_id) for event in events)
        closed = reads.alarms_by_id(connection, [each for each in wanted if each not in self.alarms])
        draft.old_alarms = {alarm.alarm_id: alarm for alarm in closed}
        gone = dict.fromkeys(alarm.incident_id for alarm in closed if alarm.incident_id not in self.incidents)
        draft.old_incidents = {each.incident_id: each for each in reads.incidents_by_id(connection, list(gone))}

    def _take_one(self, connection: Connection, draft: "_Draft", read: _Read) -> None:
        arrival, envelope, body = read.arrival, read.envelope, read.body
        if body is None:
            draft.outcome.reports.append(Report(read.address, envelope, arrival))
            self._note_what_is_gone(draft, envelope)
            return
        draft.to_acknowledge.append(read.key)
        if not self._is_new(connection, draft, read):
            return
        at_us = arrival.wall_us
        row = writes.message_row(envelope, body, document=read.document, digest=read.digest, received_at_us=at_us)
        draft.add_message(read, row)
        if isinstance(body, Event):
            draft.outcome.effects.append(self._apply(draft, arrival, envelope, body))
        else:
            draft.evidence.append(writes.evidence_row(body, node=envelope.node, received_at_us=at_us))
            draft.outcome.kept.append(Kept(envelope, body, arrival))

    def _empty_map(self) -> Nearby:
        origin = self._site.origin
        return Nearby(GeoPoint(lat_deg=origin.lat_deg, lon_deg=origin.lon_deg))

    def _checked(self, address: Address, envelope: Envelope, message: BusMessage) -> Event | Evidence | None:
        """The body of a message that its node numbered, None for the other kinds. Raises ContractError for what must
        not be used."""
        topic = message.topic
        if address.site != self._site.id:
            raise ContractError(f"{topic}: expected site '{self._site.id}', got '{address.site}'")
        if address.topic.direction is not Direction.NODE_TO_COORDINATOR:
            raise ContractError(f"{topic}: a node does not speak on this topic")
        if message.expiry_s is not None and message.expiry_s <= 0:
            raise _Expired(f"{topic}: expired before it came")
        if message.retain and not address.topic.retain:
            raise _Expired(f"{topic}: a retained {address.topic.name} message is not acted on")
        is_sensor = isinstance(envelope.body, SensorAlarm | SensorTrack)
        if is_sensor and envelope.node in self._sensors:
            return None
        cameras = self._cameras.get(envelope.node)
        if not cameras or is_sensor:
            raise ContractError(
                f"{topic}: site '{self._site.id}' has no {'sensor' if is_sensor else 'node'} '{envelope.node}'"
            )
        body = envelope.body
        if isinstance(body, Tracks) and body.camera not in cameras:
            raise ContractError(f"{topic}: expected a camera of node '{envelope.node}', got '{body.camera}'")
        if not isinstance(body, Event | Evidence):
            return None
        if envelope.outbox_id is None or envelope.sequence is None:
            raise ContractError(f"{topic}: a message of {address.topic.name} needs outbox_id and sequence")
        if max(envelope.sequence, envelope.boot) >= LARGEST:
            raise ContractError(f"{topic}: expected sequence and boot below {LARGEST}")
        camera = body.sighting.camera if isinstance(body, Event) else body.camera
        if camera not in cameras:
            raise ContractError(f"{topic}: expected a camera of node '{envelope.node}', got '{camera}'")
        if isinstance(body, Event) and body.zone not in self._watched:
            raise ContractError(f"{topic}: expected a zone or line of site '{self._site.id}', got '{body.zone}'")
        return body

    def _is_new(self, connection: Connection, draft: "_Draft", read: _Read) -> bool:
        """False for a redelivery (no effect) and for an id or a number that came with other content (quarantined)."""
        known = {draft.digests.get(read.message_id), draft.numbers.get((read.key, read.sequence))} - {None}
        if not known:
            return True
        if known == {read.digest} or self._says_the_same(connection, draft, read):
            draft.outcome.redelivered += 1
            draft.store_number(read.key, read.sequence)
            return False
        detail = f"message {read.message_id}, number {read.sequence}: known with different content"
        self._set_aside(connection, draft, _Fault(read.arrival, "conflict", detail))
        return False

    @staticmethod
    def _says_the_same(connection: Connection, draft: "_Draft", read: _Read) -> bool:
        """Written by another program, or stored by an earlier version of this one."""
        message_id, number = read.message_id, (*read.key, read.sequence)
        known = [
            str(row["envelope"])
            for row in draft.messages
            if row["message_id"] == message_id or (row["node"], row["outbox_id"], row["sequence"]) == number
        ]
        known += writes.documents_of(connection, message_id, node=number[0], outbox_id=number[1], sequence=number[2])
        return {content_digest(each) for each in known} == {content_digest(read.document)}

    def _set_aside(self, connection: Connection, draft: "_Draft", fault: _Fault) -> None:
        """Quarantine: kept, counted, acknowledged where it carries a number, and told to a person."""
        message, reason, detail = fault.arrival.message, fault.reason, fault.detail
        draft.outcome.quarantined.append(reason)
        writes.add_quarantined(
            connection,
            topic=message.topic,
            payload=message.payload,
            reason=reason,
            detail=detail,
            at_us=fault.arrival.wall_us,
        )
        try:
            address = parse_address(message.topic)
        except ContractError:
            return
        if address.site != self._site.id or address.topic not in NUMBERED or message.retain:
            return
        numbered = numbered_in(message.payload)
        if numbered is not None and numbered.node == address.node:
            key = (address.node, str(numbered.outbox_id))
            draft.store_number(key, numbered.sequence)
            draft.to_acknowledge.append(key)
        what = "event" if address.topic is EVENTS else address.topic.name
        draft.outcome.troubles[f"{reason}:{address.node}"] = f"node {address.node}: {what} quarantined: {detail}"

    def _note_what_is_gone(self, draft: "_Draft", envelope: Envelope) -> None:
        """A node's status says what it still holds; a gap below that is never filled (SAFETY 15)."""
        status, outbox_id = envelope.body, envelope.outbox_id
        if not isinstance(status, Status) or status.outbox is None or outbox_id is None:
            return
        if status.outbox.oldest_sequence >= LARGEST:
            return
        key = (envelope.node, str(outbox_id))
        stream, lost = draft.streams.get(key, Stream()).given_up_below(status.outbox.oldest_sequence)
        draft.to_acknowledge.append(key)
        if lost:
            draft.streams[key] = stream
            numbers = ", ".join(f"{first}..{last}" for first, last in lost)
            subject = f"lost:{envelope.node}:{lost[0][0]}"
            draft.outcome.troubles[subject] = f"events {numbers} of node {envelope.node} were lost"

    def _apply(self, draft: "_Draft", arrival: Arrival, envelope: Envelope, event: Event) -> Effect:
        age_s = age_at_arrival_s(envelope, arrival.wall_us)
        alarm_id = derive_alarm_id(event.event_id)
        alarm = draft.alarms.get(alarm_id) or draft.old_alarms.get(alarm_id)
        incident = None
        if alarm is not None:
            incident = draft.incidents.get(alarm.incident_id) or draft.old_incidents.get(alarm.incident_id)
        is_stale = age_s is None or age_s > self._site.response.dispatch_max_age_s
        sighting = event.sighting
        site_track = None if is_stale else self._site_track_of(sighting.camera, sighting.track)
        change = on_event(
            envelope,
            alarm=alarm,
            incident_of_alarm=incident,
            open_incidents=draft.nearby(event, site_track) if alarm is None else (),
            at_us=arrival.wall_us,
            is_stale=is_stale,
            priority=self._priority(draft, envelope, event, at_us=arrival.wall_us, is_known=alarm is not None),
            site_track=site_track,
            exempt=next(draft.exempting(event, captured_at_us=envelope.captured_at_us, at_us=arrival.wall_us), None),
        )
        if change.is_new_alarm and change.incident.exemption is None:
            draft.raised.append((event.zone, arrival.wall_us))
        draft.alarms[change.alarm.alarm_id] = change.alarm
        draft.put_incident(change.incident)
        return Effect(envelope, event, change, age_s, arrival)

    def _priority(self, draft: "_Draft", envelope: Envelope, event: Event, *, at_us: int, is_known: bool) -> Priority:
        """is_known: it has its alarm already, which is no repeat of itself."""
        raised: list[int] = []
        if not is_known:
            raised = [*self._raised.get(event.zone, ()), *(when for zone, when in draft.raised if zone == event.zone)]
        factors = factors_of(
            event,
            is_quiet_hour=self._odd_hours.is_quiet(envelope.captured_at_us),
            is_outside_hours=self._odd_hours.is_outside(event.zone, envelope.captured_at_us),
            repeats=sum(at_us - when <= REPEAT_WITHIN_US for when in raised),
        )
        return priority_of(factors)


class _Expired(ContractError):
    """True once, but no longer to be acted on."""


class _Draft:
    """What a batch changes, laid over what is; thrown away when the transaction fails."""

    def __init__(self, ingest: Ingest, nearby: Nearby) -> None:
        self.streams: ChainMap[StreamKey, Stream] = ChainMap({}, ingest._streams)
        self.incidents: ChainMap[uuid.UUID, Incident] = ChainMap({}, ingest.incidents)
        self.alarms: ChainMap[uuid.UUID, Alarm] = ChainMap({}, ingest.alarms)
        self._nearby = (ingest._nearby, nearby)
        self.old_alarms: dict[uuid.UUID, Alarm] = {}  # of closed incidents
        self.old_incidents: dict[uuid.UUID, Incident] = {}
        self.digests: dict[str, str] = {}  # by message id: what the store and this batch hold
        self.numbers: dict[tuple[StreamKey, int], str] = {}
        self.messages: list[dict[str, object]] = []  # rows to be added
        self.evidence: list[dict[str, object]] = []
        self.to_acknowledge: list[StreamKey] = []
        self.raised: list[tuple[str, int]] = []  # alarms: zone, when
        self.outcome = Outcome()
        self._exempt = [each.incident_id for each in exemptions(ingest.incidents.values())]

    def exempting(self, event: Event, *, captured_at_us: int, at_us: int) -> Iterator[Incident]:
        """What takes an alarm of this event."""
        return takers(
            (self.incidents[each] for each in self._exempt),
            zone=event.zone,
            camera=event.sighting.camera,
            captured_at_us=captured_at_us,
            at_us=at_us,
        )

    def nearby(self, event: Event, site_track: uuid.UUID | None) -> list[Incident]:
        """Open incidents that it may belong to."""
        found = set[uuid.UUID]()
        for map_of_them in self._nearby:
            found |= map_of_them.of(event.sighting, site_track)
            found |= map_of_them.in_zone(event.zone)
        return [self.incidents[incident_id] for incident_id in found]

    def put_incident(self, incident: Incident) -> None:
        self.incidents[incident.incident_id] = incident
        self._nearby[1].put(incident)

    def add_message(self, read: _Read, row: dict[str, object]) -> None:
        self.messages.append(row)
        self.digests[read.message_id] = read.digest
        self.numbers[read.key, read.sequence] = read.digest
        self.store_number(read.key, read.sequence)

    def store_number(self, key: StreamKey, sequence: int) -> None:
        self.streams[key] = self.streams.get(key, Stream()).with_stored(sequence)


def age_at_arrival_s(envelope: Envelope, wall_us: int) -> float | None:
    """How old the evidence was when it came: the worse of the sender's word and ours; None when it is from the future
    (a clock is wrong, so nothing is known)."""
    if envelope.captured_at_us > wall_us + FUTURE_TOLERANCE_US:
        return None
    ages_us = (envelope.sent_at_us - envelope.captured_at_us, wall_us - envelope.captured_at_us, 0)
    return max(ages_us) / 1e6
