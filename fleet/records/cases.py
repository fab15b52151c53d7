"""What reports are made of, read from the store in one snapshot: an incident with all that is of it, or a shift."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Select, and_, or_, select

from contract.envelope import COORDINATOR
from contract.evidence import Evidence
from contract.tasks import Task
from fleet.errors import NotFound, Refused
from fleet.picture.incidents import Alarm, Incident, IncidentKind, State
from fleet.records import reads
from fleet.records.tables import ALARMS, AUDIT, INCIDENTS, TASKS
from fleet.records.tables_people import USERS

DAY_US = 86_400_000_000
LONGEST_SHIFT_US = 31 * DAY_US
LASTED_US = 31 * DAY_US  # a trouble that ended in a shift began so long before it at most, to be in its report
MAX_DOCUMENTS = 50_000  # of one kind in one report
MAX_AUDIT = 20_000
AROUND_US = 60_000_000  # audit lines may be written a little before what they are about
OURSELVES = (
    "system",
    "monitor",
    "tasking",
    "dispatch",
    "schedule",
    COORDINATOR,
)  # actors of the audit log that are no person,
# unless somebody is called so
_LASTING = [IncidentKind.TROUBLE.value, IncidentKind.BYPASS.value, IncidentKind.WALK_TEST.value]


@dataclass(frozen=True, slots=True)
class Case:
    """One incident. evidence: with its node and whether the bytes are here (None: never were; False: no more).
    changes: of each task, in their order. audit: what persons did, oldest first."""

    incident: Incident
    alarms: Sequence[Alarm]
    tasks: Sequence[Task]
    changes: Mapping[uuid.UUID, Sequence[reads.Row]]
    evidence: Sequence[tuple[Evidence, str, bool | None]]
    audit: Sequence[reads.Row]
    pictures: Mapping[str, bytes] = field(default_factory=dict)  # sha256 to JPEG


@dataclass(frozen=True, slots=True)
class Shift:
    """From from_us until before until_us. incidents: opened in it. earlier: opened before it, not closed when it began.
    alarms: raised in it. audit: what persons did, oldest first."""

    from_us: int
    until_us: int
    incidents: Sequence[Incident]
    earlier: Sequence[Incident]
    alarms: Sequence[Alarm]
    tasks: Sequence[Task]
    audit: Sequence[reads.Row]


def case_of(connection: Connection, incident_id: uuid.UUID) -> Case:
    """Raises NotFound."""
    incident = reads.incident(connection, incident_id)
    if incident is None:
        raise NotFound(f"incident {incident_id}: there is none")
    alarms = sorted(reads.alarms_of(connection, [incident_id]), key=lambda each: (each.raised_at_us, each.alarm_id.hex))
    tasks = reads.tasks_of(connection, incident_id)
    events = [alarm.event_id for alarm in alarms if alarm.event_id is not None]
    evidence = [
        row
        for start in range(0, len(events), 20)
        for row in reads.evidence_places(connection, events[start : start + 20])
    ]
    traces = {incident.trace_id, *(alarm.trace_id for alarm in alarms), *(task.trace_id for task in tasks)}
    subjects = {f"incident {incident_id}", *(f"alarm {alarm.alarm_id}" for alarm in alarms)}
    last_us = max([incident.changed_at_us, *(task.changed_at_us for task in tasks)])
    about = _by_persons(incident.opened_at_us - AROUND_US, last_us + AROUND_US)
    audit = [row for row in _rows(connection, about) if row["trace_id"] in traces or row["subject"] in subjects]
    changes = {task.task_id: reads.task_changes(connection, task.task_id) for task in tasks}
    return Case(incident, alarms, tasks, changes, evidence, audit)


def shift_of(connection: Connection, *, from_us: int, until_us: int) -> Shift:
    """Raises Refused for no time at all, for more than a month, and for more than a report holds."""
    if not 0 < until_us - from_us <= LONGEST_SHIFT_US:
        days = LONGEST_SHIFT_US // DAY_US
        raise Refused(f"shift: expected an end after its beginning and at most {days} days later")
    opened, raised, created = INCIDENTS.c.opened_at_us, ALARMS.c.raised_at_us, TASKS.c.created_at_us
    incidents = select(INCIDENTS.c.document).where(opened >= from_us, opened < until_us)
    earlier = select(INCIDENTS.c.document).where(opened < from_us)
    still_open = earlier.where(INCIDENTS.c.state != State.CLOSED.value)
    since = earlier.where(
        or_(opened >= from_us - DAY_US, and_(INCIDENTS.c.kind.in_(_LASTING), opened >= from_us - LASTED_US)),
        INCIDENTS.c.state == State.CLOSED.value,
    )
    before = [Incident.model_validate_json(text) for text in _texts(connection, still_open, "incidents")]
    before += [
        incident
        for text in _texts(connection, since, "incidents")
        if closed_at_us(incident := Incident.model_validate_json(text)) >= from_us
    ]
    alarms = select(ALARMS.c.document).where(raised >= from_us, raised < until_us)
    tasks = select(TASKS.c.document).where(created >= from_us, created < until_us)
    return Shift(
        from_us,
        until_us,
        sorted(map(Incident.model_validate_json, _texts(connection, incidents, "incidents")), key=_order),
        sorted(before, key=_order),
        sorted(
            map(Alarm.model_validate_json, _texts(connection, alarms, "alarms")),
            key=lambda each: (each.raised_at_us, each.alarm_id.hex),
        ),
        sorted(
            map(Task.model_validate_json, _texts(connection, tasks, "tasks")),
            key=lambda each: (each.created_at_us, each.task_id.hex),
        ),
        _rows(connection, _by_persons(from_us, until_us)),
    )


def closed_at_us(incident: Incident) -> int:
    """Notes come after it."""
    ends = [each.at_us for each in incident.timeline if each.what.startswith(("closed as ", "merged into "))]
    return ends[-1] if ends else incident.changed_at_us


def _order(incident: Incident) -> tuple[int, str]:
    return incident.opened_at_us, incident.incident_id.hex


def _by_persons(from_us: int, until_us: int) -> Select[tuple[object, ...]]:
    columns = AUDIT.c
    is_person = or_(columns.actor.not_in(OURSELVES), columns.actor.in_(select(USERS.c.name)))
    chosen = select(AUDIT).where(columns.at_us >= from_us, columns.at_us < until_us, is_person)
    return chosen.order_by(columns.at_us, columns.id)


def _rows(connection: Connection, query: Select[tuple[object, ...]]) -> list[reads.Row]:
    """Raises Refused."""
    found = [dict(row._mapping) for row in connection.execute(query.limit(MAX_AUDIT + 1))]
    _bounded(len(found), MAX_AUDIT, "audit lines")
    return found


def _texts(connection: Connection, query: Select[tuple[str]], what: str) -> list[str]:
    """Raises Refused."""
    found: list[str] = list(connection.scalars(query.limit(MAX_DOCUMENTS + 1)))
    _bounded(len(found), MAX_DOCUMENTS, what)
    return found


def _bounded(count: int, most: int, what: str) -> None:
    if count > most:
        raise Refused(f"report: expected at most {most} {what}, there are more: ask for a shorter time")
