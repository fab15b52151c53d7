"""What people do to incidents beside acknowledging and closing: merge, split, assign, note, escalate.

Pure: values in, values out; each act leaves a line in the timeline and refuses in words. No alarm is ever in two
incidents or in none.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fleet.errors import Refused
from fleet.picture.exempt import Handling
from fleet.picture.incidents import LOUDNESS, Alarm, Incident, IncidentKind, State

HANDLED = (IncidentKind.INTRUSION, IncidentKind.MOVEMENT)  # kinds that are merged, split and escalated


@dataclass(frozen=True, slots=True)
class Merged:
    """`gone` is closed and empty; `alarms` are those that went over."""

    into: Incident
    gone: Incident
    alarms: tuple[Alarm, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """`alarms` are those of the new incident."""

    rest: Incident
    new: Incident
    alarms: tuple[Alarm, ...]


def merged(
    into: Incident,
    gone: Incident,
    *,
    alarms_into: Sequence[Alarm],
    alarms_gone: Sequence[Alarm],
    by: str,
    at_us: int,
) -> Merged:
    """All of `gone` becomes part of `into`, which is an intrusion if either is. Raises Refused."""
    if into.incident_id == gone.incident_id:
        raise Refused(f"incident {into.incident_id}: expected another incident to merge it with, got itself")
    for incident in (into, gone):
        _must_be_open(incident)
        if incident.kind not in HANDLED:
            raise Refused(f"incident {incident.incident_id}: expected alarms, it is a {_name(incident)}")
    if into.origin is not gone.origin:
        raise Refused(f"incident {gone.incident_id}: it is {gone.origin.value}, the other is {into.origin.value}")
    moved = tuple(alarm.model_copy(update={"incident_id": into.incident_id}) for alarm in alarms_gone)
    into = into.model_copy(update=_sum_of([*alarms_into, *moved]))
    into = into.noting(at_us=at_us, who=by, what=f"merged: took over {_alarms(moved)} of '{gone.title}'")
    gone = gone.noting(at_us=at_us, who=by, what=f"merged into incident {into.incident_id}")
    shut = {"state": State.CLOSED, "closed_by": by, "merged_into": into.incident_id, "alarm_ids": ()}
    return Merged(into, gone.model_copy(update=shut), moved)


def split(
    incident: Incident, *, alarms: Sequence[Alarm], taken: Collection[uuid.UUID], why: str, by: str, at_us: int
) -> Split:
    """Some alarms become an incident of their own. Out of a bypass or walk test they become alarms as any other, to be
    acknowledged: somebody says that they are real. Raises Refused."""
    _must_be_open(incident)
    name = f"incident {incident.incident_id}"
    is_exempt = incident.exemption is not None
    if incident.kind not in HANDLED and not is_exempt:
        raise Refused(f"{name}: expected alarms, it is a {_name(incident)}")
    strange = sorted(str(each) for each in set(taken) - {alarm.alarm_id for alarm in alarms})
    if strange:
        raise Refused(f"{name}: expected alarms of it, got {strange[0]}")
    leaving = [alarm for alarm in alarms if alarm.alarm_id in set(taken)]
    staying = [alarm for alarm in alarms if alarm.alarm_id not in set(taken)]
    if not leaving or (not staying and not is_exempt):
        raise Refused(f"{name}: expected some of its {len(alarms)} alarms and not all, got {len(leaving)}")
    first = min(leaving, key=_order)
    if any(alarm.origin is not first.origin for alarm in leaving):
        raise Refused(f"{name}: expected alarms of one origin, got {first.origin.value} and others")
    new_id = uuid.uuid5(incident.incident_id, f"split/{first.alarm_id}/{at_us}")
    update: dict[str, object] = {"incident_id": new_id}
    if is_exempt:
        seen = {"acknowledged_by": None, "acknowledged_at_us": None}
        update |= {"handling": Handling.NORMAL, "state": State.OPEN, **seen}
    moved = tuple(alarm.model_copy(update=update) for alarm in leaving)
    because = f": {why}" if why else ""
    sum_of_moved = _sum_of(moved)
    new = Incident(
        title=first.title,
        origin=first.origin,
        trace_id=first.trace_id,
        opened_at_us=first.raised_at_us,
        changed_at_us=at_us,
        assigned_to=incident.assigned_to,
        incident_id=new_id,
        **sum_of_moved,
    ).noting(at_us=at_us, who=by, what=f"split from '{incident.title}' ({incident.incident_id}){because}")
    if is_exempt:
        rest = incident.model_copy(update={"alarm_ids": tuple(alarm.alarm_id for alarm in staying)})
    else:
        sum_of_rest = _sum_of(staying)
        titles = [alarm.title for alarm in sorted(staying, key=_order)]
        title = incident.title if incident.title in titles else titles[0]
        rest = incident.model_copy(update={**sum_of_rest, "title": title})
    rest = rest.noting(at_us=at_us, who=by, what=f"split: {_alarms(moved)} went to incident {new_id}{because}")
    return Split(rest, new, moved)


def assigned(incident: Incident, *, to: str, by: str, at_us: int) -> Incident:
    """Somebody is to see to it. Raises Refused."""
    _must_be_open(incident)
    if incident.assigned_to == to:
        raise Refused(f"incident {incident.incident_id}: it is assigned to {to} already")
    incident = incident.noting(at_us=at_us, who=by, what=f"assigned to {to}")
    return incident.model_copy(update={"assigned_to": to})


def annotated(incident: Incident, *, text: str, by: str, at_us: int) -> Incident:
    """A note, of a closed incident too: what is learned later belongs to it."""
    return incident.noting(at_us=at_us, who=by, what=f"note: {text}")


def escalated(incident: Incident, *, to: str, why: str, by: str, at_us: int) -> Incident:
    """Somebody above is asked. Raises Refused."""
    _must_be_open(incident)
    if incident.exemption is not None:
        raise Refused(f"incident {incident.incident_id}: it is a {_name(incident)}; split off what is real first")
    incident = incident.noting(at_us=at_us, who=by, what=f"escalated to {to}: {why}")
    return incident.model_copy(update={"escalated_to": to})


def _sum_of(alarms: Sequence[Alarm]) -> dict[str, object]:
    """What an incident is by its alarms."""
    ordered = sorted(alarms, key=_order)
    placed = [alarm for alarm in ordered if alarm.sighting is not None and alarm.sighting.ground is not None]
    newest = max(placed or ordered, key=lambda alarm: alarm.captured_at_us)
    is_intrusion = any(alarm.kind is IncidentKind.INTRUSION for alarm in alarms)
    return {
        "kind": IncidentKind.INTRUSION if is_intrusion else IncidentKind.MOVEMENT,
        "state": State.OPEN if any(alarm.state is State.OPEN for alarm in alarms) else State.ACKNOWLEDGED,
        "severity": max((alarm.severity for alarm in alarms), key=LOUDNESS.index),
        "priority": min((alarm.priority for alarm in alarms), key=lambda priority: priority.rank),
        "alarm_ids": tuple(alarm.alarm_id for alarm in ordered),
        "zones": tuple(sorted({alarm.zone for alarm in alarms if alarm.zone is not None})),
        "site_tracks": tuple(dict.fromkeys(alarm.site_track for alarm in ordered if alarm.site_track is not None)),
        "captured_at_us": max(alarm.captured_at_us for alarm in alarms),
        "sighting": newest.sighting,
        "sensors": tuple(dict.fromkeys(alarm.sensor for alarm in ordered if alarm.sensor is not None)),
        "place": next((alarm.place for alarm in reversed(ordered) if alarm.place is not None), None),
    }


def _must_be_open(incident: Incident) -> None:
    if incident.state is State.CLOSED:
        raise Refused(f"incident {incident.incident_id}: expected an open incident, it is closed")


def _order(alarm: Alarm) -> tuple[int, str]:
    return alarm.raised_at_us, alarm.alarm_id.hex


def _name(incident: Incident) -> str:
    return incident.kind.value.replace("_", " ")


def _alarms(alarms: Sequence[Alarm]) -> str:
    return "1 alarm" if len(alarms) == 1 else f"{len(alarms)} alarms"
