"""POST routes of alarms and incidents: what people do to them. Each is written in the audit log before it happens."""

import uuid

from fastapi import APIRouter, Depends, Request

from fleet.api.guard import named
from fleet.api.incident_models import Assigning, Escalating, Merging, Noting, Splitting
from fleet.api.models import By, Closing
from fleet.api.parts import Parts
from fleet.picture.incidents import Alarm, Incident
from fleet.records.auth import Role


def incident_routes(parts: Parts) -> APIRouter:
    router = APIRouter(dependencies=[Depends(parts.guard.requires(Role.OPERATOR))])
    desk, core = parts.room.incidents, parts.core

    @router.post("/alarms/{alarm_id}/acknowledge")
    async def acknowledge(request: Request, alarm_id: uuid.UUID, body: By) -> Alarm:
        """Somebody has seen it."""
        by = named(request, body)
        return await core(lambda: desk.acknowledge(alarm_id, by=by))

    @router.post("/incidents/{incident_id}/close")
    async def close(request: Request, incident_id: uuid.UUID, body: Closing) -> Incident:
        """What it turned out to be. Ends its alarms and calls off who is on the way."""
        by = named(request, body)
        return await core(
            lambda: desk.close(incident_id, disposition=body.disposition, cause=body.cause, note=body.note, by=by)
        )

    @router.post("/incidents/{incident_id}/merge")
    async def merge(request: Request, incident_id: uuid.UUID, body: Merging) -> Incident:
        """`other` becomes part of this one, with its alarms and tasks, and is closed; it says into which it went."""
        by = named(request, body)
        return await core(lambda: desk.merge(incident_id, body.other, by=by))

    @router.post("/incidents/{incident_id}/split")
    async def split(request: Request, incident_id: uuid.UUID, body: Splitting) -> Incident:
        """Some alarms become an incident of their own, the answer. Out of a bypass or walk test they are real."""
        by = named(request, body)
        return await core(lambda: desk.split(incident_id, body.alarms, why=body.why, by=by))

    @router.post("/incidents/{incident_id}/assign")
    async def assign(request: Request, incident_id: uuid.UUID, body: Assigning) -> Incident:
        """Somebody is to see to it."""
        by = named(request, body)
        return await core(lambda: desk.assign(incident_id, to=body.to, by=by))

    @router.post("/incidents/{incident_id}/note")
    async def note(request: Request, incident_id: uuid.UUID, body: Noting) -> Incident:
        """A line of the timeline, of a closed incident too."""
        by = named(request, body)
        return await core(lambda: desk.note(incident_id, text=body.text, by=by))

    @router.post("/incidents/{incident_id}/escalate")
    async def escalate(request: Request, incident_id: uuid.UUID, body: Escalating) -> Incident:
        """Somebody above is asked. It is written down; nobody is called by it."""
        by = named(request, body)
        return await core(lambda: desk.escalate(incident_id, to=body.to, why=body.why, by=by))

    return router
