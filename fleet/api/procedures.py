"""Routes of procedures: what is written, where each incident's is, and what persons answer."""

import uuid

from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException

from fleet.api.guard import named, person_of
from fleet.api.incident_models import ProcedureStop, StepAnswer, StepVeto
from fleet.api.parts import Parts
from fleet.api.procedure_views import RunView, run_view
from fleet.decision.sop_document import Procedure
from fleet.errors import NotFound
from fleet.records import reads
from fleet.records.auth import Role


def procedure_routes(parts: Parts) -> APIRouter:
    router = APIRouter()
    room, core = parts.room, parts.core
    viewer = [Depends(parts.guard.requires(Role.VIEWER))]
    operator = [Depends(parts.guard.requires(Role.OPERATOR))]

    @router.get("/procedures", dependencies=viewer)
    async def get_procedures() -> list[Procedure]:
        """As they are written; the first that applies to an incident is its. None where the site has none."""
        return await core(lambda: list(room.procedures.book.procedures) if room.has_procedures else [])

    @router.get("/incidents/{incident_id}/procedure", dependencies=viewer)
    async def get_procedure(incident_id: uuid.UUID) -> RunView:
        """Of a closed incident too."""
        with parts.store.reading() as connection:
            run = reads.run(connection, incident_id)
        if run is None:
            raise NotFound(f"incident {incident_id}: it follows no procedure")
        return run_view(run)

    @router.post("/incidents/{incident_id}/procedure/approve", dependencies=operator)
    async def approve_step(request: Request, incident_id: uuid.UUID, body: StepAnswer) -> RunView:
        """Lets the step go that is asked about. One that sends a vehicle is let go by a pilot only."""
        by, person = named(request, body), person_of(request)
        is_pilot = person is None or Role.PILOT in person.may

        def approve() -> RunView:
            if not is_pilot and room.procedures.sends(incident_id):
                raise HTTPException(403, f"this sends a vehicle: it needs the role {Role.PILOT.value}")
            return room.procedures.approve(incident_id, visit=body.visit, by=by)

        return await core(approve)

    @router.post("/incidents/{incident_id}/procedure/veto", dependencies=operator)
    async def veto_step(request: Request, incident_id: uuid.UUID, body: StepVeto) -> RunView:
        """Says no to the step that is asked about or announced; its procedure goes on with what follows a no."""
        by = named(request, body)
        return await core(lambda: room.procedures.veto(incident_id, visit=body.visit, why=body.why, by=by))

    @router.post("/incidents/{incident_id}/procedure/stop", dependencies=operator)
    async def stop_procedure(request: Request, incident_id: uuid.UUID, body: ProcedureStop) -> RunView:
        """A person handles the incident from here on. Vehicles under way stay under way."""
        by = named(request, body)
        return await core(lambda: room.procedures.stop(incident_id, why=body.why, by=by))

    return router
