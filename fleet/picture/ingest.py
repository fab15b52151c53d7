"""From bytes on the bus to one durable effect each, and the acknowledgement that lets a node forget.

One batch is one transaction: message, alarm, incident and sequence bookkeeping together. The caller publishes the acks
and acts on the outcome only after `take` returned; after a StoreError it offers the same batch again.
"""

import json
import uuid
from collections import ChainMap
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection, select

from contract.bus import BusMessage
from contract.codec import content_digest, decode
from contract.commands import Ack, SequenceRange
from contract.envelope import Envelope
from contract.errors import ContractError
from contract.events import Event, Status, Tracks
from contract.evidence import Evidence
from contract.site import Site
from contract.topics import EVENTS, EVIDENCE, Address, Direction, parse_address
from fleet.picture.incidents import Alarm, Change, Incident, State, derive_alarm_id, on_event
from fleet.picture.sequence import Stream
from fleet.records import reads, writes
from fleet.records.store import Store
from fleet.records.tables import MESSAGES

FUTURE_TOLERANCE_US = 2_000_000  # a capture further ahead of our clock has an unknown age
LARGEST = 2**53  # numbers beyond this are nobody's: they fit neither the store nor a JavaScript number
NUMBERED = (EVENTS, EVIDENCE)  # topics that a node's sequence counts
StreamKey = tuple[str, str]  # node, outbox id


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message and when it came, by both clocks."""

    message: BusMessage
    wall_us: int
    monotonic_us: int


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
    kept: list[Kept] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    acks: list[tuple[str, Ack]] = field(default_factory=list)
    troubles: dict[str, str] = field(default_factory=dict)  # subject -> what happened, for an incident
    quarantined: list[str] = field(default_factory=list)  # reasons
    redelivered: int = 0


class _Numbered(BaseModel):
    """As much of a broken message as is needed to acknowledge it."""

    node: str
    outbox_id: uuid.UUID
    sequence: int


class Ingest:
    """Holds the open alarms and incidents in memory, always equal to what the store holds."""

    def __init__(self, site: Site, store: Store) -> None:
        self._site = site
        self._store = store
        self.incidents: dict[uuid.UUID, Incident] = {}
        self.alarms: dict[uuid.UUID, Alarm] = {}
        self._streams: dict[StreamKey, Stream] = {}

    def load(self) -> None:
        """Pick up what an earlier run left open."""
        with self._store.reading() as connection:
            self.incidents = {each.incident_id: each for each in reads.open_incidents(connection)}
            self.alarms = {each.alarm_id: each for each in reads.alarms_of(connection, self.incidents)}
            self._streams = reads.streams(connection)

    def missing(self, node: str) -> tuple[SequenceRange, ...]:
        """Event numbers of a node that it was asked to send again."""
        streams = [(outbox_id, stream) for (whose, outbox_id), stream in self._streams.items() if whose == node]
        return tuple(each for outbox_id, stream in streams for each in stream.ack(uuid.UUID(outbox_id)).missing)

    def keep(self, incident: Incident, alarms: Sequence[Alarm]) -> None:
        """Follow what the store has just committed; a closed incident is let go."""
        for alarm in alarms:
            self.alarms[alarm.alarm_id] = alarm
        self.incidents[incident.incident_id] = incident
        if incident.state is State.CLOSED:
            del self.incidents[incident.incident_id]
            for alarm_id in incident.alarm_ids:
                self.alarms.pop(alarm_id, None)

    def take(self, batch: Sequence[Arrival]) -> Outcome:
        """Store the batch. Raises StoreError, and then nothing of it happened."""
        draft = _Draft(self)
        with self._store.transaction() as connection:
            for arrival in batch:
                self._take_one(connection, draft, arrival)
            for (node, outbox_id), stream in draft.streams.maps[0].items():
                writes.put_stream(connection, node, outbox_id, stream)
            for incident in draft.incidents.maps[0].values():
                writes.put_incident(connection, incident)
            for alarm in draft.alarms.maps[0].values():
                writes.put_alarm(connection, alarm)
        self._streams.update(draft.streams.maps[0])
        alarms = list(draft.alarms.maps[0].values())
        for incident in draft.incidents.maps[0].values():
            self.keep(incident, [alarm for alarm in alarms if alarm.incident_id == incident.incident_id])
        for node, outbox_id in dict.fromkeys(draft.to_acknowledge):
            stream = self._streams.get((node, outbox_id), Stream())
            draft.outcome.acks.append((node, stream.ack(uuid.UUID(outbox_id))))
        return draft.outcome

    def _take_one(self, connection: Connection, draft: "_Draft", arrival: Arrival) -> None:
        message = arrival.message
        try:
            address, envelope = decode(message.topic, message.payload)
            body = self._checked(address, envelope, message)
        except ContractError as err:
            reason = "expired" if isinstance(err, _Expired) else "malformed"
            self._set_aside(connection, draft, arrival, reason=reason, detail=str(err))
            return
        if body is None:
            draft.outcome.reports.append(Report(address, envelope, arrival))
            self._note_what_is_gone(draft, envelope)
            return
        key = (envelope.node, str(envelope.outbox_id))
        draft.to_acknowledge.append(key)
        if not self._is_new(connection, draft, arrival, envelope):
            return
        digest = content_digest(envelope)
        writes.add_message(connection, envelope, body, digest=digest, received_at_us=arrival.wall_us)
        draft.store_number(key, envelope.sequence)
        if isinstance(body, Event):
            draft.outcome.effects.append(self._apply(connection, draft, arrival, envelope, body))
        else:
            writes.add_evidence(connection, body, node=envelope.node, received_at_us=arrival.wall_us)
            draft.outcome.kept.append(Kept(envelope, body, arrival))

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
        cameras = {camera.id for camera in self._site.cameras if camera.node == envelope.node}
        if not cameras:
            raise ContractError(f"{topic}: site '{self._site.id}' has no node '{envelope.node}'")
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
        if isinstance(body, Event) and body.zone not in {each.id for each in self._site.watched}:
            raise ContractError(f"{topic}: expected a zone or line of site '{self._site.id}', got '{body.zone}'")
        return body

    def _is_new(self, connection: Connection, draft: "_Draft", arrival: Arrival, envelope: Envelope) -> bool:
        """False for a redelivery (no effect) and for an id or a number that came with other content (quarantined)."""
        rows = connection.execute(
            select(MESSAGES.c.digest).where(
                (MESSAGES.c.message_id == str(envelope.message_id))
                | (
                    (MESSAGES.c.node == envelope.node)
                    & (MESSAGES.c.outbox_id == str(envelope.outbox_id))
                    & (MESSAGES.c.sequence == envelope.sequence)
                )
            )
        ).scalars()
        known = set(rows)
        if not known:
            return True
        key = (envelope.node, str(envelope.outbox_id))
        if known == {content_digest(envelope)}:
            draft.outcome.redelivered += 1
            draft.store_number(key, envelope.sequence)
            return False
        detail = f"message {envelope.message_id}, number {envelope.sequence}: known with different content"
        self._set_aside(connection, draft, arrival, reason="conflict", detail=detail)
        return False

    def _set_aside(
        self, connection: Connection, draft: "_Draft", arrival: Arrival, *, reason: str, detail: str
    ) -> None:
        """Quarantine: kept, counted, acknowledged where it carries a number, and told to a person."""
        message = arrival.message
        draft.outcome.quarantined.append(reason)
        writes.add_quarantined(
            connection,
            topic=message.topic,
            payload=message.payload,
            reason=reason,
            detail=detail,
            at_us=arrival.wall_us,
        )
        try:
            address = parse_address(message.topic)
        except ContractError:
            return
        if address.site != self._site.id or address.topic not in NUMBERED or message.retain:
            return
        numbered = _numbered(message.payload)
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

    def _apply(
        self, connection: Connection, draft: "_Draft", arrival: Arrival, envelope: Envelope, event: Event
    ) -> Effect:
        age_s = age_at_arrival_s(envelope, arrival.wall_us)
        alarm_id = derive_alarm_id(event.event_id)
        alarm = draft.alarms.get(alarm_id) or reads.alarm(connection, alarm_id)
        incident = None
        if alarm is not None:
            incident = draft.incidents.get(alarm.incident_id) or reads.incident(connection, alarm.incident_id)
        change = on_event(
            envelope,
            alarm=alarm,
            incident_of_alarm=incident,
            open_incidents=draft.incidents.values(),
            at_us=arrival.wall_us,
            is_stale=age_s is None or age_s > self._site.response.dispatch_max_age_s,
        )
        draft.alarms[change.alarm.alarm_id] = change.alarm
        draft.incidents[change.incident.incident_id] = change.incident
        return Effect(envelope, event, change, age_s, arrival)


class _Expired(ContractError):
    """True once, but no longer to be acted on."""


class _Draft:
    """What a batch changes, laid over what is; thrown away when the transaction fails."""

    def __init__(self, ingest: Ingest) -> None:
        self.streams: ChainMap[StreamKey, Stream] = ChainMap({}, ingest._streams)
        self.incidents: ChainMap[uuid.UUID, Incident] = ChainMap({}, ingest.incidents)
        self.alarms: ChainMap[uuid.UUID, Alarm] = ChainMap({}, ingest.alarms)
        self.to_acknowledge: list[StreamKey] = []
        self.outcome = Outcome()

    def store_number(self, key: StreamKey, sequence: int | None) -> None:
        if sequence is not None:
            self.streams[key] = self.streams.get(key, Stream()).with_stored(sequence)


def age_at_arrival_s(envelope: Envelope, wall_us: int) -> float | None:
    """How old the evidence was when it came: the worse of the sender's word and ours; None when it is from the future
    (a clock is wrong, so nothing is known)."""
    if envelope.captured_at_us > wall_us + FUTURE_TOLERANCE_US:
        return None
    ages_us = (envelope.sent_at_us - envelope.captured_at_us, wall_us - envelope.captured_at_us, 0)
    return max(ages_us) / 1e6


def _numbered(payload: bytes) -> _Numbered | None:
    try:
        found = _Numbered.model_validate(json.loads(payload))
    except (ValueError, ValidationError, RecursionError):
        return None
    return found if 1 <= found.sequence < LARGEST else None
