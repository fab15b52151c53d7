"""What happened that other systems may want to hear of: written in the transaction in which it happens, read in order.

So nothing is told that did not happen, and nothing that happened is missed, whenever the coordinator dies.
"""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache

from sqlalchemy import Connection, Select, delete, func, select

from contract.tasks import Task
from fleet.decision.sop import Phase, Run
from fleet.decision.sop_document import Notify
from fleet.picture.incidents import Incident, IncidentKind, State
from fleet.records.store import add, among, listed, put
from fleet.records.tables import INCIDENTS, TASKS
from fleet.records.tables_news import NEWS, WEBHOOK_PLACES

NAMESPACE = uuid.UUID("5c6a1d0e-58a4-5d2b-9b36-0f8f0c6b7a11")


class NewsEvent(str, Enum):
    """trouble: a fault of the system; incident: all else that is handled, bypasses and walk tests too.
    procedure_asks: a person is to approve or may veto; procedure_notice: a step that notifies somebody."""

    INCIDENT_OPENED = "incident_opened"
    INCIDENT_ESCALATED = "incident_escalated"
    INCIDENT_CLOSED = "incident_closed"
    TROUBLE_OPENED = "trouble_opened"
    TROUBLE_CLOSED = "trouble_closed"
    TASK_CHANGED = "task_changed"
    PROCEDURE_ASKS = "procedure_asks"
    PROCEDURE_NOTICE = "procedure_notice"


@dataclass(frozen=True, slots=True)
class News:
    """number: of its place in the order. document: a JSON object."""

    number: int
    news_id: uuid.UUID
    at_us: int
    event: NewsEvent
    document: str


def add_news_of_incidents(connection: Connection, incidents: Sequence[Incident]) -> None:
    """Before they are put: what is new about them is news."""
    if not incidents:
        return
    ids = [str(each.incident_id) for each in incidents]
    known = {
        row.incident_id: row.state for row in connection.execute(_known(connection.dialect.name), {"ids": listed(ids)})
    }
    rows = []
    for incident in incidents:
        before = known.get(str(incident.incident_id))
        is_trouble = incident.kind is IncidentKind.TROUBLE
        if before is None:
            event = NewsEvent.TROUBLE_OPENED if is_trouble else NewsEvent.INCIDENT_OPENED
            rows.append(_of_incident(event, incident, at_us=incident.opened_at_us))
        if incident.escalated_to is not None:
            escalated_at_us = _escalated_at_us(incident)
            if escalated_at_us is not None and escalated_at_us != _stored_escalation_us(connection, incident):
                rows.append(_of_incident(NewsEvent.INCIDENT_ESCALATED, incident, at_us=escalated_at_us))
        if incident.state is State.CLOSED and before != State.CLOSED.value:
            event = NewsEvent.TROUBLE_CLOSED if is_trouble else NewsEvent.INCIDENT_CLOSED
            rows.append(_of_incident(event, incident, at_us=incident.changed_at_us))
    add(connection, NEWS, *rows)


def add_news_of_task(connection: Connection, task: Task) -> None:
    """Before it is put."""
    before = connection.scalar(select(TASKS.c.state).where(TASKS.c.task_id == str(task.task_id)))
    if before == task.state.value:
        return
    about = {
        "task_id": str(task.task_id),
        "kind": task.kind.value,
        "vehicle": task.vehicle,
        "state": task.state.value,
        "reason": task.reason,
        "incident_id": None if task.incident_id is None else str(task.incident_id),
        "approved_by": task.approved_by,
        "origin": task.origin.value,
    }
    key = f"{task.task_id}/{task.state.value}"
    add(connection, NEWS, _row(NewsEvent.TASK_CHANGED, key, "task", about, at_us=task.changed_at_us))


def add_news_of_run(connection: Connection, run: Run, notices: Sequence[Notify]) -> None:
    """With the run: what it asks of persons now, and whom its last steps notify."""
    about: dict[str, object] = {"incident_id": str(run.incident_id), "procedure": run.procedure.id}
    rows = []
    for number, step in enumerate(notices):
        told = {**about, "step": step.id, "to": step.to, "text": step.text}
        key = f"{run.incident_id}/{run.visit}/{number}"
        rows.append(_row(NewsEvent.PROCEDURE_NOTICE, key, "notice", told, at_us=run.since_us))
    if run.phase in (Phase.ASKING, Phase.ANNOUNCED) and not run.approved_by:
        asked = {**about, "step": run.step, "visit": run.visit, "phase": run.phase.value, "until_us": run.until_us}
        rows.append(
            _row(NewsEvent.PROCEDURE_ASKS, f"{run.incident_id}/{run.visit}", "asked", asked, at_us=run.since_us)
        )
    add(connection, NEWS, *rows)


def news_after(connection: Connection, number: int, *, limit: int) -> list[News]:
    """In order."""
    query = select(NEWS).where(NEWS.c.id > number).order_by(NEWS.c.id).limit(limit)
    return [
        News(row.id, uuid.UUID(row.news_id), row.at_us, NewsEvent(row.event), row.document)
        for row in connection.execute(query)
    ]


def newest_number(connection: Connection) -> int:
    return connection.scalar(select(func.max(NEWS.c.id))) or 0


def forget_news(connection: Connection, *, before_us: int) -> None:
    """The newest stays: its number must not be given again."""
    old = delete(NEWS).where(NEWS.c.at_us < before_us, NEWS.c.id < newest_number(connection))
    connection.execute(old)


def places(connection: Connection) -> dict[str, int]:
    """How far each receiver has heard."""
    return {row.receiver: row.told for row in connection.execute(select(WEBHOOK_PLACES))}


def put_places(connection: Connection, told: Mapping[str, int]) -> None:
    put(connection, WEBHOOK_PLACES, *({"receiver": name, "told": number} for name, number in told.items()))


def forget_places(connection: Connection, *, but: Iterable[str]) -> None:
    """Of receivers that are configured no more; one of the same name later begins with what comes then."""
    connection.execute(delete(WEBHOOK_PLACES).where(WEBHOOK_PLACES.c.receiver.not_in(list(but))))


@cache
def _known(dialect: str) -> Select[tuple[str, str]]:
    return select(INCIDENTS.c.incident_id, INCIDENTS.c.state).where(among(INCIDENTS.c.incident_id, dialect, "ids"))


def _of_incident(event: NewsEvent, incident: Incident, *, at_us: int) -> dict[str, object]:
    about = {
        "incident_id": str(incident.incident_id),
        "kind": incident.kind.value,
        "state": incident.state.value,
        "title": incident.title,
        "severity": incident.severity.value,
        "priority": {"level": incident.priority.level, "why": list(incident.priority.why)},
        "zones": list(incident.zones),
        "uncovered_zones": list(incident.uncovered_zones),
        "opened_at_us": incident.opened_at_us,
        "origin": incident.origin.value,
        "escalated_to": incident.escalated_to,
        "disposition": None if incident.disposition is None else incident.disposition.value,
        "cause": None if incident.cause is None else incident.cause.value,
        "closed_by": incident.closed_by,
        "merged_into": None if incident.merged_into is None else str(incident.merged_into),
    }
    return _row(event, str(incident.incident_id), "incident", about, at_us=at_us)


def _row(event: NewsEvent, key: str, what: str, about: Mapping[str, object], *, at_us: int) -> dict[str, object]:
    return {
        "news_id": str(uuid.uuid5(NAMESPACE, f"{event.value}/{key}/{at_us}")),
        "at_us": at_us,
        "event": event.value,
        "document": json.dumps({what: about}, ensure_ascii=False, separators=(",", ":")),
    }


def _escalated_at_us(incident: Incident) -> int | None:
    found = [each.at_us for each in incident.timeline if each.what.startswith("escalated to ")]
    return found[-1] if found else None


def _stored_escalation_us(connection: Connection, incident: Incident) -> int | None:
    """Seldom asked: few incidents are escalated."""
    text = connection.scalar(select(INCIDENTS.c.document).where(INCIDENTS.c.incident_id == str(incident.incident_id)))
    return None if text is None else _escalated_at_us(Incident.model_validate_json(text))
