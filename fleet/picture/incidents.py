"""From events to what people handle: an alarm is acknowledged by a person, an incident gathers alarms until closed.

Pure: values in, values out. Stages arrive in any order (after an outage the new goes first), so any stage of an unknown
event opens its alarm, an older revision never overwrites a newer one, and an end is never undone.
"""

import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from contract.envelope import Envelope, Origin
from contract.events import Certainty, Event, Sighting, Stage
from contract.frozen import Frozen, Identifier, TimeUs, TraceId
from contract.geo import GroundFix, distance_m
from contract.kinds import EventKind, Severity
from contract.labels import Label
from contract.site import Direction
from fleet.errors import Refused
from fleet.picture.exempt import Bypass, Handling, WalkTest
from fleet.picture.priority import UNJUDGED, Priority, trouble_priority

CORRELATE_WITHIN_M = 10.0  # two people who are handled by one response; plus one sigma of each fix
CORRELATE_AT_MOST_M = 25.0  # however unsure the fixes are
LEAST_M_PER_LAT_DEG = 110_000.0  # WGS84: 110 574 m at the equator, more elsewhere
LEAST_M_PER_LON_DEG = 111_000.0  # at the equator, WGS84: 111 319 m
CORRELATE_WITHIN_US = 60_000_000  # since the incident was last added to
MAX_TIMELINE = 200
TROUBLE_NAMESPACE = uuid.UUID("0f6a3c58-5f0e-5c0e-9d8a-6a3c9a1f2b77")
SYSTEM = "system"


class IncidentKind(str, Enum):
    INTRUSION = "intrusion"
    MOVEMENT = "movement"  # of something without a name: nobody is sent unless a person does
    TROUBLE = "trouble"  # a fault of the system
    BYPASS = "bypass"  # of a zone or a camera, for a while; gathers its alarms, which send nobody
    WALK_TEST = "walk_test"  # of zones, for a while; gathers their alarms, which send nobody


class State(str, Enum):
    """Of an alarm and of an incident alike; an incident is acknowledged when all its alarms are."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class Disposition(str, Enum):
    """What it turned out to be."""

    CONFIRMED = "confirmed"
    NUISANCE = "nuisance"  # something was there, and it was nothing: see its cause
    FALSE_ALARM = "false_alarm"  # nothing was there
    AUTHORISED = "authorised"
    TEST = "test"
    UNKNOWN = "unknown"
    RECOVERED = "recovered"  # a trouble that went away by itself


class Cause(str, Enum):
    """Of a nuisance."""

    ANIMAL = "animal"
    VEGETATION = "vegetation"
    WEATHER = "weather"
    LIGHT = "light"
    SHADOW = "shadow"
    REFLECTION = "reflection"
    INSECT = "insect"
    CAMERA_FAULT = "camera_fault"
    STAFF = "staff"
    OTHER = "other"  # the note says what


class TimelineEntry(Frozen):
    at_us: TimeUs
    who: str
    what: str


@lru_cache(maxsize=4096)
def derive_alarm_id(event_id: uuid.UUID) -> uuid.UUID:
    """Of the one alarm of an event."""
    return uuid.uuid5(event_id, "alarm")


class Alarm(Frozen):
    """What a person acknowledges. Trouble has no event, zone or sighting."""

    alarm_id: uuid.UUID
    incident_id: uuid.UUID
    kind: IncidentKind
    state: State
    severity: Severity
    title: str
    origin: Origin
    trace_id: TraceId
    raised_at_us: TimeUs  # when we first heard of it
    captured_at_us: TimeUs  # of the newest revision
    ended_at_us: TimeUs | None = None
    is_stale: bool = False  # too old at arrival to send anything without a person
    event_id: uuid.UUID | None = None
    revision: int = 0
    node: Identifier | None = None
    zone: Identifier | None = None
    certainty: Certainty | None = None
    sighting: Sighting | None = None
    acknowledged_by: str | None = None
    acknowledged_at_us: TimeUs | None = None
    priority: Priority = UNJUDGED
    handling: Handling = Handling.NORMAL
    site_track: uuid.UUID | None = None  # who it is on the map, where that is known
    sensor: Identifier | None = None  # who told it, where that was no camera
    sensor_alarm: str | None = None  # its own name for it
    place: GroundFix | None = None  # of a sensor's alarm


class Incident(Frozen):
    """What is handled. `sighting` is the newest of its alarms, `priority` that of its most urgent; `subject` names what
    is in trouble; merged_into: where its alarms and tasks went."""

    incident_id: uuid.UUID
    kind: IncidentKind
    state: State
    severity: Severity
    title: str
    origin: Origin
    trace_id: TraceId
    opened_at_us: TimeUs
    changed_at_us: TimeUs
    captured_at_us: TimeUs
    alarm_ids: tuple[uuid.UUID, ...]
    zones: tuple[Identifier, ...] = ()
    sighting: Sighting | None = None
    subject: str | None = None
    uncovered_zones: tuple[Identifier, ...] = ()
    disposition: Disposition | None = None
    closed_by: str | None = None
    note: str = ""
    timeline: tuple[TimelineEntry, ...] = ()
    priority: Priority = UNJUDGED
    site_tracks: tuple[uuid.UUID, ...] = ()
    assigned_to: str | None = None
    escalated_to: str | None = None
    cause: Cause | None = None
    merged_into: uuid.UUID | None = None
    bypass: Bypass | None = None
    walk_test: WalkTest | None = None
    sensors: tuple[Identifier, ...] = ()  # that told of it and are no cameras
    place: GroundFix | None = None  # as such a sensor has it

    @property
    def ground(self) -> GroundFix | None:
        """Where it is, as far as anybody knows: seen, or told by a sensor."""
        seen = None if self.sighting is None else self.sighting.ground
        return seen or self.place

    @property
    def exemption(self) -> Bypass | WalkTest | None:
        """Its alarms are gathered and send nobody."""
        return self.bypass or self.walk_test

    def noting(self, *, at_us: int, who: str, what: str, **changes: object) -> "Incident":
        """With `changes` and one more line in its timeline; past the bound the middle gives way."""
        timeline = (*self.timeline, TimelineEntry(at_us=at_us, who=who, what=what))
        if len(timeline) > MAX_TIMELINE:
            timeline = timeline[: MAX_TIMELINE // 2] + timeline[-MAX_TIMELINE // 2 + 1 :]
        return self.model_copy(update={"changed_at_us": at_us, **changes, "timeline": timeline})


@dataclass(frozen=True, slots=True)
class Change:
    """One alarm and its incident after something happened to them."""

    alarm: Alarm
    incident: Incident
    is_new_alarm: bool = False
    is_new_incident: bool = False


def on_event(
    envelope: Envelope,
    *,
    alarm: Alarm | None,
    incident_of_alarm: Incident | None,
    open_incidents: Iterable[Incident],
    at_us: int,
    is_stale: bool,
    priority: Priority = UNJUDGED,
    site_track: uuid.UUID | None = None,
    exempt: Incident | None = None,
) -> Change:
    """What one stage of an event does. `alarm` is the event's own, where one exists; `at_us` is wall time; `exempt` is
    the bypass or walk test that takes its alarm, if it makes one."""
    event = envelope.body
    assert isinstance(event, Event)
    if alarm is not None and incident_of_alarm is not None:
        if event.stage is not Stage.END and not is_stale:
            alarm = alarm.model_copy(update={"is_stale": False})  # it goes on, and we see it now
        return _revised(envelope, event, alarm=alarm, incident=incident_of_alarm, at_us=at_us, priority=priority)
    incident = exempt or _related(envelope, event, open_incidents, site_track)
    is_new_incident = incident is None
    if incident is None:
        incident = _opened(envelope, event, at_us=at_us)
    alarm = Alarm(
        alarm_id=derive_alarm_id(event.event_id),
        incident_id=incident.incident_id,
        kind=_kind(event),
        state=State.OPEN,
        severity=event.severity,
        title=_title(event),
        origin=envelope.origin,
        trace_id=envelope.trace_id,
        raised_at_us=at_us,
        captured_at_us=envelope.captured_at_us,
        ended_at_us=envelope.captured_at_us if event.stage is Stage.END else None,
        is_stale=is_stale,
        event_id=event.event_id,
        revision=event.revision,
        node=envelope.node,
        zone=event.zone,
        certainty=event.certainty,
        sighting=event.sighting,
        priority=priority,
        site_track=site_track,
    )
    if exempt is not None:
        return gathered(alarm, exempt, at_us=at_us)
    stale = "; too old to send anything without a person" if is_stale else ""
    sure = " (possibly outside: the position is not sure)" if event.certainty is Certainty.POSSIBLE else ""
    incident = incident.noting(
        at_us=at_us,
        who=envelope.node,
        what=f"alarm: {alarm.title}{sure}{stale}",
        kind=_kind(event) if incident.kind is IncidentKind.MOVEMENT else incident.kind,
        state=State.OPEN,
        severity=max(incident.severity, event.severity, key=LOUDNESS.index),
        priority=min(incident.priority, priority, key=lambda each: each.rank),
        alarm_ids=(*incident.alarm_ids, alarm.alarm_id),
        zones=tuple(sorted({*incident.zones, event.zone})),
        site_tracks=tuple(dict.fromkeys([*incident.site_tracks, *([site_track] if site_track else [])])),
        **_newest(incident, envelope, event),
    )
    return Change(alarm=alarm, incident=incident, is_new_alarm=True, is_new_incident=is_new_incident)


def on_trouble(
    subject: str, *, title: str, uncovered_zones: tuple[str, ...], severity: Severity, origin: Origin, at_us: int
) -> Change:
    """A fault of the system opens an incident that names the zones nobody watches now (SAFETY 18)."""
    incident_id = uuid.uuid5(TROUBLE_NAMESPACE, f"{subject}/{at_us}")
    alarm_id = uuid.uuid5(incident_id, "alarm")
    zones = f"; zones now uncovered: {', '.join(uncovered_zones)}" if uncovered_zones else ""
    alarm = Alarm(
        alarm_id=alarm_id,
        incident_id=incident_id,
        kind=IncidentKind.TROUBLE,
        state=State.OPEN,
        severity=severity,
        title=title,
        origin=origin,
        trace_id=incident_id.hex,
        raised_at_us=at_us,
        captured_at_us=at_us,
        priority=trouble_priority(severity, uncovered_zones=uncovered_zones),
    )
    incident = Incident(
        incident_id=incident_id,
        kind=IncidentKind.TROUBLE,
        state=State.OPEN,
        severity=severity,
        title=title,
        origin=origin,
        trace_id=incident_id.hex,
        opened_at_us=at_us,
        changed_at_us=at_us,
        captured_at_us=at_us,
        alarm_ids=(alarm_id,),
        zones=uncovered_zones,
        subject=subject,
        uncovered_zones=uncovered_zones,
        priority=alarm.priority,
    ).noting(at_us=at_us, who=SYSTEM, what=f"trouble: {title}{zones}")
    return Change(alarm=alarm, incident=incident, is_new_alarm=True, is_new_incident=True)


def acknowledged(alarm: Alarm, incident: Incident, *, others: Iterable[Alarm], by: str, at_us: int) -> Change:
    """A person has seen it. Raises Refused when somebody already had."""
    if alarm.state is not State.OPEN:
        raise Refused(f"alarm {alarm.alarm_id}: expected an open alarm, it is {alarm.state.value}")
    alarm = alarm.model_copy(update={"state": State.ACKNOWLEDGED, "acknowledged_by": by, "acknowledged_at_us": at_us})
    incident = incident.noting(at_us=at_us, who=by, what=f"acknowledged: {alarm.title}")
    if incident.state is State.OPEN and all(
        other.state is not State.OPEN for other in others if other.alarm_id != alarm.alarm_id
    ):
        incident = incident.model_copy(update={"state": State.ACKNOWLEDGED})
    return Change(alarm=alarm, incident=incident)


def closed(
    incident: Incident,
    *,
    alarms: Iterable[Alarm],
    disposition: Disposition,
    note: str,
    by: str,
    at_us: int,
    cause: Cause | None = None,
) -> tuple[Incident, tuple[Alarm, ...]]:
    """The incident and all its alarms, closed. Raises Refused when it already is, for a nuisance without a cause, and
    for a cause of anything else."""
    if incident.state is State.CLOSED:
        raise Refused(f"incident {incident.incident_id}: expected an open incident, it is closed")
    if (disposition is Disposition.NUISANCE) != (cause is not None):
        got = f"{disposition.value} {'without a cause' if cause is None else 'with one'}"
        raise Refused(
            f"incident {incident.incident_id}: expected a cause for a nuisance and for nothing else, got {got}"
        )
    if cause is Cause.OTHER and not note:
        raise Refused(f"incident {incident.incident_id}: expected a note that says what the other cause was")
    of = "" if cause is None else f" ({cause.value.replace('_', ' ')})"
    incident = incident.noting(at_us=at_us, who=by, what=f"closed as {disposition.value}{of}{note and ': ' + note}")
    update = {
        "state": State.CLOSED,
        "disposition": disposition,
        "cause": cause,
        "closed_by": by,
        "note": note,
    }
    return (
        incident.model_copy(update=update),
        tuple(
            alarm.model_copy(update={"state": State.CLOSED, "ended_at_us": alarm.ended_at_us or at_us})
            for alarm in alarms
        ),
    )


_DOING = {
    EventKind.INTRUSION: "in zone",
    EventKind.LOITERING: "loitering in zone",
    EventKind.LINE_CROSSING: "across line",
    EventKind.UNCLASSIFIED_MOVEMENT: "moves in zone",
}
_WAYS = {Direction.LEFT_TO_RIGHT: "from left to right", Direction.RIGHT_TO_LEFT: "from right to left"}
LOUDNESS = [Severity.LOW, Severity.MEDIUM, Severity.HIGH]
_LEAST = Priority(level=5, points=0, why=())


def _kind(event: Event) -> IncidentKind:
    """Motion alone never makes an intrusion (SAFETY 19)."""
    is_movement = event.kind is EventKind.UNCLASSIFIED_MOVEMENT
    return IncidentKind.MOVEMENT if is_movement else IncidentKind.INTRUSION


def _title(event: Event) -> str:
    who = "something" if event.sighting.label is Label.OTHER else event.sighting.label.value
    way = "" if event.direction is None else f", {_WAYS[event.direction]}"
    return f"{who} {_DOING[event.kind]} {event.zone}{way}"


def _opened(envelope: Envelope, event: Event, *, at_us: int) -> Incident:
    return Incident(
        incident_id=uuid.uuid5(event.event_id, "incident"),
        kind=_kind(event),
        state=State.OPEN,
        severity=event.severity,
        title=_title(event),
        origin=envelope.origin,
        trace_id=envelope.trace_id,
        opened_at_us=at_us,
        changed_at_us=at_us,
        captured_at_us=envelope.captured_at_us,
        alarm_ids=(),
        sighting=event.sighting,
        priority=_LEAST,
    )


def gathered(alarm: Alarm, exempt: Incident, *, at_us: int) -> Change:
    """Into a bypass or walk test: known to the person who answers for that, and nothing follows from it."""
    exemption = exempt.exemption
    assert exemption is not None
    handling = Handling.BYPASSED if exempt.bypass is not None else Handling.TEST
    seen = {"state": State.ACKNOWLEDGED, "acknowledged_by": exemption.by, "acknowledged_at_us": at_us}
    alarm = alarm.model_copy(update={"incident_id": exempt.incident_id, "handling": handling, **seen})
    update: dict[str, object] = {"alarm_ids": (*exempt.alarm_ids, alarm.alarm_id)}
    if isinstance(exemption, WalkTest) and alarm.sighting is not None:  # it is cameras that are tested
        assert alarm.zone is not None
        assert alarm.certainty is not None
        update["walk_test"] = exemption.hearing(
            zone=alarm.zone,
            camera=alarm.sighting.camera,
            captured_at_us=alarm.captured_at_us,
            raised_at_us=alarm.raised_at_us,
            certainty=alarm.certainty,
        )
    exempt = exempt.noting(at_us=at_us, who=alarm.node or SYSTEM, what=f"{handling.value} alarm: {alarm.title}")
    return Change(alarm=alarm, incident=exempt.model_copy(update=update), is_new_alarm=True)


def _revised(
    envelope: Envelope, event: Event, *, alarm: Alarm, incident: Incident, at_us: int, priority: Priority
) -> Change:
    if event.revision > alarm.revision:
        alarm = alarm.model_copy(
            update={
                "revision": event.revision,
                "captured_at_us": envelope.captured_at_us,
                "sighting": event.sighting,
                "certainty": event.certainty,
                "severity": max(alarm.severity, event.severity, key=LOUDNESS.index),
                "priority": min(alarm.priority, priority, key=lambda each: each.rank),
            }
        )
    if event.stage is Stage.END:
        alarm = alarm.model_copy(update={"ended_at_us": envelope.captured_at_us})
    if incident.state is State.CLOSED:
        return Change(alarm=alarm, incident=incident)
    if incident.exemption is None:
        update = {"changed_at_us": at_us, **_newest(incident, envelope, event)}
        update["priority"] = min(incident.priority, alarm.priority, key=lambda each: each.rank)
        incident = incident.model_copy(update=update)
    if event.stage is Stage.END:
        incident = incident.noting(at_us=at_us, who=envelope.node, what=f"ended: {alarm.title}")
    return Change(alarm=alarm, incident=incident)


def _newest(incident: Incident, envelope: Envelope, event: Event) -> dict[str, object]:
    """The newest place known; a sighting without a place does not wipe out one with a place."""
    if envelope.captured_at_us < incident.captured_at_us and incident.sighting is not None:
        return {}
    has_lost_place = event.sighting.ground is None and incident.sighting is not None and incident.sighting.ground
    sighting = incident.sighting if has_lost_place else event.sighting
    return {"captured_at_us": max(envelope.captured_at_us, incident.captured_at_us), "sighting": sighting}


def _related(
    envelope: Envelope, event: Event, open_incidents: Iterable[Incident], site_track: uuid.UUID | None
) -> Incident | None:
    """The open incident this event belongs to: same kind of evidence, and either somebody whom the map knows to be in
    it, or near in time and the same track or place."""
    for incident in sorted(open_incidents, key=lambda each: (each.opened_at_us, each.incident_id)):
        if (
            (incident.kind is _kind(event) or incident.sensors)
            and incident.state is not State.CLOSED
            and incident.origin is envelope.origin
            and (
                site_track in incident.site_tracks
                or (
                    abs(envelope.captured_at_us - incident.captured_at_us) <= CORRELATE_WITHIN_US
                    and (_same_place(event.sighting, incident) or (incident.sensors and event.zone in incident.zones))
                )
            )
        ):
            return incident
    return None


def _same_place(seen: Sighting, incident: Incident) -> bool:
    known = incident.sighting
    if known is not None and (seen.camera, seen.track) == (known.camera, known.track):
        return True
    return are_near(seen.ground, incident.ground)


def are_near(a: GroundFix | None, b: GroundFix | None) -> bool:
    """Near enough to be one matter."""
    if a is None or b is None:
        return False
    if abs(a.point.lat_deg - b.point.lat_deg) * LEAST_M_PER_LAT_DEG > CORRELATE_AT_MOST_M:
        return False  # which is known without the sines of both
    lon_deg = abs(a.point.lon_deg - b.point.lon_deg)
    m_per_lon_deg = LEAST_M_PER_LON_DEG * math.cos(math.radians(a.point.lat_deg))
    if min(lon_deg, 360.0 - lon_deg) * m_per_lon_deg > CORRELATE_AT_MOST_M:
        return False
    reach_m = CORRELATE_WITHIN_M + a.sigma_m + b.sigma_m
    return distance_m(a.point, b.point) <= min(reach_m, CORRELATE_AT_MOST_M)
