"""Routes of bypasses and walk tests."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from fleet.api.exempt_views import BypassView, WalkTestView, bypass_view, walk_test_view
from fleet.api.guard import named
from fleet.api.incident_models import BypassOrder, WalkTestOrder
from fleet.api.models import By
from fleet.api.parts import Parts
from fleet.errors import NotFound
from fleet.picture.incidents import Incident, IncidentKind
from fleet.records import reads
from fleet.records.auth import Role
from fleet.records.queue import incident_queue
from fleet.records.store import Store
from fleet.reports.as_html import as_html
from fleet.reports.walk_test import walk_test_report

Limit = Annotated[int, Query(ge=1, le=reads.MAX_ROWS)]


def exempt_routes(parts: Parts) -> APIRouter:
    router = APIRouter()
    desk, core, store, site = parts.room.exempt, parts.core, parts.store, parts.room.site
    viewer = [Depends(parts.guard.requires(Role.VIEWER))]
    operator = [Depends(parts.guard.requires(Role.OPERATOR))]

    @router.get("/bypasses", dependencies=viewer)
    async def get_bypasses(limit: Limit = 100) -> list[BypassView]:
        """Those that last, then those that are over, newest first."""
        with store.reading() as connection:
            found = incident_queue(connection, kind=IncidentKind.BYPASS, limit=limit)
        return [bypass_view(each) for each in found]

    @router.post("/bypasses", dependencies=operator)
    async def bypass(request: Request, body: BypassOrder) -> BypassView:
        """Alarms of a zone or camera are recorded and send nobody, until it ends by itself or a person ends it."""
        by = named(request, body)
        return await core(
            lambda: desk.bypass(zone=body.zone, camera=body.camera, reason=body.reason, minutes=body.minutes, by=by)
        )

    @router.post("/bypasses/{bypass_id}/end", dependencies=operator)
    async def end_bypass(request: Request, bypass_id: uuid.UUID, body: By) -> BypassView:
        """What still goes on in it becomes an incident."""
        by = named(request, body)
        return await core(lambda: desk.end_bypass(bypass_id, by=by))

    @router.get("/walk-tests", dependencies=viewer)
    async def get_walk_tests(limit: Limit = 100) -> list[WalkTestView]:
        """Those that last, then those that are over, newest first."""
        with store.reading() as connection:
            found = incident_queue(connection, kind=IncidentKind.WALK_TEST, limit=limit)
        return [walk_test_view(each) for each in found]

    @router.post("/walk-tests", dependencies=operator)
    async def begin_walk_test(request: Request, body: WalkTestOrder) -> WalkTestView:
        """Alarms of these zones are recorded as test and send nobody, until it ends by itself or a person ends it."""
        by = named(request, body)
        return await core(
            lambda: desk.begin_walk_test(zones=body.zones, reason=body.reason, minutes=body.minutes, by=by)
        )

    @router.get("/walk-tests/{walk_test_id}", dependencies=viewer)
    async def get_walk_test(walk_test_id: uuid.UUID) -> WalkTestView:
        """What was expected and what was heard so far."""
        return walk_test_view(_walk_test(store, walk_test_id))

    @router.post("/walk-tests/{walk_test_id}/end", dependencies=operator)
    async def end_walk_test(request: Request, walk_test_id: uuid.UUID, body: By) -> WalkTestView:
        """What still goes on in it becomes an incident."""
        by = named(request, body)
        return await core(lambda: desk.end_walk_test(walk_test_id, by=by))

    @router.get("/walk-tests/{walk_test_id}/report", dependencies=viewer, response_class=HTMLResponse)
    async def get_walk_test_report(walk_test_id: uuid.UUID) -> HTMLResponse:
        """The acceptance report, to be printed and signed."""
        incident = _walk_test(store, walk_test_id)
        with store.reading() as connection:
            alarms = reads.alarms_of(connection, [walk_test_id])
        return HTMLResponse(as_html(walk_test_report(site, incident, alarms)))

    return router


def _walk_test(store: Store, walk_test_id: uuid.UUID) -> Incident:
    with store.reading() as connection:
        incident = reads.incident(connection, walk_test_id)
    if incident is None or incident.walk_test is None:
        raise NotFound(f"walk test {walk_test_id}: there is none")
    return incident
