"""From what a fence, a door or a radar tells to alarms and incidents, among those of the cameras. Pure.

A device that guards a zone knows no better place than that zone, so its alarm belongs to whatever is open there now,
and what a camera sees there next belongs to its incident. Alone it is movement without a name, unless the site says
more.
"""

import uuid
from collections.abc import Iterable

from contract.devices import Sensor
from contract.envelope import Envelope
from contract.errors import ContractError
from contract.events import Certainty, Stage
from contract.geo import GroundFix
from contract.kinds import EventKind
from contract.labels import Label
from contract.sensors import SensorAlarm
from fleet.picture.handling import HANDLED
from fleet.picture.incidents import (
    CORRELATE_WITHIN_US,
    LOUDNESS,
    Alarm,
    Change,
    Incident,
    IncidentKind,
    State,
    are_near,
    derive_alarm_id,
    gathered,
)
from fleet.picture.priority import Factors, Priority, priority_of

SENSOR_NAMESPACE = uuid.UUID("2f0f4a9e-91a4-5d5c-8a5e-6d6c1e0b9b52")


def zone_of(body: SensorAlarm, sensor: Sensor, zones_set: Iterable[str]) -> str | None:
    """Where the alarm counts: where the device says, else the first zone it guards that is set; None: none is set.
    Raises ContractError for a zone that it does not guard."""
    if body.zone is not None and body.zone not in sensor.zones:
        raise ContractError(
            f"sensor '{sensor.id}': expected a zone of it ({', '.join(sensor.zones)}), got '{body.zone}'"
        )
    wanted, are_set = sensor.zones if body.zone is None else (body.zone,), set(zones_set)
    return next((zone for zone in wanted if zone in are_set), None)


def place_of(body: SensorAlarm, sensor: Sensor) -> GroundFix | None:
    if body.ground is not None or sensor.position is None:
        return body.ground
    variance = sensor.sigma_m**2
    return GroundFix(point=sensor.position, var_east_m2=variance, cov_east_north_m2=0.0, var_north_m2=variance)


def urgency(body: SensorAlarm, sensor: Sensor, *, is_quiet_hour: bool, is_outside_hours: bool) -> Priority:
    return priority_of(
        Factors(
            severity=sensor.severity,
            label=Label.OTHER,
            kind=EventKind.INTRUSION if sensor.raises == "intrusion" else EventKind.UNCLASSIFIED_MOVEMENT,
            certainty=Certainty.PROBABLE,
            score=body.score,
            is_quiet_hour=is_quiet_hour,
            is_outside_hours=is_outside_hours,
        )
    )


def begun(
    envelope: Envelope,
    sensor: Sensor,
    *,
    zone: str,
    priority: Priority,
    open_incidents: Iterable[Incident],
    exempt: Incident | None,
    is_stale: bool,
    at_us: int,
) -> Change:
    """A new alarm, in an incident that is open where it is, or in one of its own."""
    body = envelope.body
    assert isinstance(body, SensorAlarm)
    place = place_of(body, sensor)
    event_id = uuid.uuid5(SENSOR_NAMESPACE, f"{sensor.id}/{body.alarm}/{envelope.message_id}")
    incident = _related(envelope, open_incidents, zone=zone, place=place)
    is_new = incident is None
    alarm = Alarm(
        alarm_id=derive_alarm_id(event_id),
        incident_id=uuid.uuid5(event_id, "incident") if incident is None else incident.incident_id,
        kind=IncidentKind(sensor.raises),
        state=State.OPEN,
        severity=sensor.severity,
        title=f"{sensor.kind.value.replace('_', ' ')} {sensor.id} in {zone}",
        origin=envelope.origin,
        trace_id=envelope.trace_id,
        raised_at_us=at_us,
        captured_at_us=envelope.captured_at_us,
        is_stale=is_stale,
        event_id=event_id,
        zone=zone,
        priority=priority,
        sensor=sensor.id,
        sensor_alarm=body.alarm,
        place=place,
    )
    if exempt is not None:
        return gathered(alarm, exempt, at_us=at_us)
    if incident is None:
        incident = Incident(
            incident_id=alarm.incident_id,
            kind=alarm.kind,
            state=State.OPEN,
            severity=alarm.severity,
            title=alarm.title,
            origin=alarm.origin,
            trace_id=alarm.trace_id,
            opened_at_us=at_us,
            changed_at_us=at_us,
            captured_at_us=alarm.captured_at_us,
            alarm_ids=(),
            priority=priority,
        )
    words = f": {body.text}" if body.text else ""
    stale = "; too old to send anything without a person" if is_stale else ""
    incident = incident.noting(at_us=at_us, who=sensor.id, what=f"alarm: {alarm.title}{words}{stale}")
    is_intrusion = IncidentKind.INTRUSION in (incident.kind, alarm.kind)
    update = {
        "kind": IncidentKind.INTRUSION if is_intrusion else IncidentKind.MOVEMENT,
        "state": State.OPEN,
        "severity": max(incident.severity, alarm.severity, key=LOUDNESS.index),
        "priority": min(incident.priority, priority, key=lambda each: each.rank),
        "alarm_ids": (*incident.alarm_ids, alarm.alarm_id),
        "zones": tuple(sorted({*incident.zones, zone})),
        "sensors": tuple(dict.fromkeys([*incident.sensors, sensor.id])),
        "place": place or incident.place,
        "captured_at_us": max(incident.captured_at_us, envelope.captured_at_us),
    }
    return Change(alarm, incident.model_copy(update=update), is_new_alarm=True, is_new_incident=is_new)


def carried_on(envelope: Envelope, alarm: Alarm, incident: Incident, *, at_us: int) -> Change:
    """A further word about an alarm that lasts, or its end."""
    body = envelope.body
    assert isinstance(body, SensorAlarm)
    captured_at_us = max(alarm.captured_at_us, envelope.captured_at_us)
    alarm = alarm.model_copy(update={"captured_at_us": captured_at_us, "place": body.ground or alarm.place})
    if incident.exemption is None:
        newest_us = max(incident.captured_at_us, captured_at_us)
        incident = incident.model_copy(
            update={"captured_at_us": newest_us, "changed_at_us": at_us, "place": alarm.place or incident.place}
        )
    if body.stage is Stage.END:
        alarm = alarm.model_copy(update={"ended_at_us": envelope.captured_at_us})
        incident = incident.noting(at_us=at_us, who=alarm.sensor or "", what=f"ended: {alarm.title}")
    return Change(alarm, incident)


def _related(
    envelope: Envelope, open_incidents: Iterable[Incident], *, zone: str, place: GroundFix | None
) -> Incident | None:
    """The oldest that is open there, and that something was heard of lately."""
    for incident in sorted(open_incidents, key=lambda each: (each.opened_at_us, each.incident_id.hex)):
        if (
            incident.kind in HANDLED
            and incident.state is not State.CLOSED
            and incident.origin is envelope.origin
            and abs(envelope.captured_at_us - incident.captured_at_us) <= CORRELATE_WITHIN_US
            and (zone in incident.zones or are_near(place, incident.ground))
        ):
            return incident
    return None
