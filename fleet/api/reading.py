"""GET routes: what is and what was. Nothing here changes anything."""

import uuid
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import Connection, select

from contract.evidence import Evidence
from contract.frozen import TraceId
from contract.site import Site
from contract.tasks import Task
from fleet.api.dispatch_views import DispatchView
from fleet.api.guard import whoami
from fleet.api.models import (
    AuditQuery,
    CoordinatorView,
    DockView,
    EvidencePlace,
    EvidenceView,
    IncidentDetail,
    JsonObject,
    NodeView,
    Snapshot,
    TaskDetail,
    TraceView,
    TracksView,
    VehicleView,
    Whoami,
    ZoneView,
)
from fleet.api.parts import Parts
from fleet.errors import NotFound, StoreError
from fleet.picture.incidents import Alarm, Incident, IncidentKind
from fleet.picture.site_track import SiteTrack
from fleet.records import reads
from fleet.records.audit import AuditSearch
from fleet.records.auth import Role
from fleet.records.queue import alarm_queue, incident_queue

Thing = TypeVar("Thing")
_AUDIT: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {"Link": {"description": "The next page, rel=next; none on the last", "schema": {"type": "string"}}}
    }
}
Limit = Annotated[int, Query(ge=1, le=reads.MAX_ROWS)]


def reading_routes(parts: Parts) -> APIRouter:
    router = APIRouter(dependencies=[Depends(parts.guard.requires(Role.VIEWER))])
    room, store = parts.room, parts.store

    @router.get("/whoami")
    async def get_whoami(request: Request) -> Whoami:
        return whoami(request)

    @router.get("/site")
    async def get_site() -> Site:
        return room.site

    @router.get("/snapshot")
    async def get_snapshot() -> Snapshot:
        return await parts.core(room.snapshot)

    @router.get("/vehicles")
    async def get_vehicles() -> tuple[VehicleView, ...]:
        return await parts.core(room.vehicles)

    @router.get("/tracks")
    async def get_tracks() -> tuple[TracksView, ...]:
        return await parts.core(room.tracks)

    @router.get("/site-tracks", summary="One track for each thing on the ground, whoever sees it")
    async def get_site_tracks() -> tuple[SiteTrack, ...]:
        return await parts.core(room.site_tracks)

    @router.get("/nodes")
    async def get_nodes() -> tuple[NodeView, ...]:
        return await parts.core(room.nodes)

    @router.get("/docks")
    async def get_docks() -> tuple[DockView, ...]:
        return await parts.core(room.docks)

    @router.get("/zones")
    async def get_zones() -> tuple[ZoneView, ...]:
        return await parts.core(room.zones)

    @router.get("/coordinator", summary="How the coordinator itself is, and how long each step took lately")
    async def get_coordinator() -> CoordinatorView:
        try:
            with store.reading() as connection:
                connection.execute(select(1))
            problem = ""
        except StoreError as err:
            problem = str(err)
        return await parts.core(lambda: room.coordinator_view(store_problem=problem))

    @router.get("/alarms")
    async def get_alarms(limit: Limit = 100) -> list[Alarm]:
        """What nobody acknowledged first, then what somebody did, each by priority and age; then what is over."""
        with store.reading() as connection:
            return alarm_queue(connection, limit=limit)

    @router.get("/incidents")
    async def get_incidents(limit: Limit = 100, kind: IncidentKind | None = None) -> list[Incident]:
        """In the order of the alarms."""
        with store.reading() as connection:
            return incident_queue(connection, kind=kind, limit=limit)

    @router.get("/troubles")
    async def get_troubles(limit: Limit = 100) -> list[Incident]:
        with store.reading() as connection:
            return reads.incidents(connection, kind=IncidentKind.TROUBLE, limit=limit)

    @router.get("/incidents/{incident_id}")
    async def get_incident(incident_id: uuid.UUID) -> IncidentDetail:
        with store.reading() as connection:
            incident = _there(reads.incident(connection, incident_id), "incident", incident_id)
            alarms = reads.alarms_of(connection, [incident_id])
            events = [alarm.event_id for alarm in alarms if alarm.event_id is not None]
            return IncidentDetail(
                incident=incident,
                alarms=tuple(alarms),
                tasks=tuple(reads.tasks_of(connection, incident_id)),
                evidence=tuple(evidence_view(*row) for row in reads.evidence_places(connection, events)),
            )

    @router.get("/incidents/{incident_id}/dispatch", summary="Who would go now, and why not the others")
    async def get_dispatch(incident_id: uuid.UUID) -> DispatchView:
        """The fleet ranked for this incident. Nothing is ordered by it."""
        inquiry = await parts.core(lambda: room.dispatching.ask(incident_id))
        while await parts.core(inquiry.work):  # a vehicle at a time: the loop has more urgent things to do
            pass
        return inquiry.view()

    @router.get("/tasks")
    async def get_tasks(limit: Limit = 100) -> list[Task]:
        with store.reading() as connection:
            return reads.tasks(connection, limit=limit)

    @router.get("/tasks/{task_id}")
    async def get_task(task_id: uuid.UUID) -> TaskDetail:
        with store.reading() as connection:
            return TaskDetail(
                task=_there(reads.task(connection, task_id), "task", task_id),
                changes=tuple(reads.task_changes(connection, task_id)),
                decisions=tuple(reads.decisions_of(connection, task_id=task_id)),
            )

    @router.get("/decisions/{decision_id}")
    async def get_decision(decision_id: uuid.UUID) -> JsonObject:
        with store.reading() as connection:
            return reads.decision(connection, decision_id)

    @router.get("/traces/{trace_id}")
    async def get_trace(trace_id: TraceId) -> TraceView:
        with store.reading() as connection:
            return _trace(connection, trace_id)

    @router.get("/quarantine")
    async def get_quarantine(limit: Limit = 100) -> list[JsonObject]:
        with store.reading() as connection:
            return reads.quarantine(connection, limit=limit)

    return router


def audit_routes(parts: Parts) -> APIRouter:
    router = APIRouter(dependencies=[Depends(parts.guard.requires(Role.SUPERVISOR))])

    @router.get("/audit", responses=_AUDIT)
    async def get_audit(
        request: Request, response: Response, asked: Annotated[AuditQuery, Query()]
    ) -> list[JsonObject]:
        """Who did what, newest first. The Link header says where the next page is."""
        search = AuditSearch(
            who=asked.who,
            act=asked.act,
            subject=asked.subject,
            text=asked.text,
            since_us=_us(asked.since),
            until_us=_us(asked.until),
            before=asked.cursor,
        )
        with parts.store.reading() as connection:
            found = search.rows(connection, limit=asked.limit)
        if len(found) == asked.limit:
            following = request.url.include_query_params(cursor=found[-1]["id"])
            response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
        return found

    return router


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1e6)


def _trace(connection: Connection, trace_id: str) -> TraceView:
    tasks = tuple(reads.tasks_of_trace(connection, trace_id))
    view = TraceView(
        trace_id=trace_id,
        hops_us=reads.hops(connection, trace_id),
        messages=tuple(reads.messages_of(connection, trace_id)),
        incidents=tuple(reads.incidents_of_trace(connection, trace_id)),
        tasks=tasks,
        decisions=tuple(each for task in tasks for each in reads.decisions_of(connection, task_id=task.task_id)),
        audit=tuple(reads.audit(connection, trace_id=trace_id, limit=reads.MAX_ROWS)),
    )
    if not (view.messages or view.tasks or view.incidents):
        raise NotFound(f"trace {trace_id}: nothing carries it")
    return view


def evidence_view(evidence: Evidence, node: str, is_here: bool | None) -> EvidenceView:
    place = {None: EvidencePlace.NODE, True: EvidencePlace.HERE, False: EvidencePlace.GONE}[is_here]
    url = f"/api/v1/evidence/{evidence.sha256}" if is_here else None
    return EvidenceView(**dict(evidence), node=node, place=place, url=url)


def _there(thing: Thing | None, what: str, key: uuid.UUID) -> Thing:
    if thing is None:
        raise NotFound(f"{what} {key}: there is none")
    return thing
