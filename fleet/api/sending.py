"""Routes of orders by hand: what would come of one, and the order itself."""

from fastapi import APIRouter, Depends, Request

from contract.frozen import Identifier
from contract.tasks import Task
from fleet.api.guard import named
from fleet.api.parts import Parts
from fleet.api.sending_views import Foresight, SendOrder, SendQuestion
from fleet.records.auth import Role


def sending_routes(parts: Parts) -> APIRouter:
    router = APIRouter()
    room, core = parts.room, parts.core
    operator = [Depends(parts.guard.requires(Role.OPERATOR))]
    pilot = [Depends(parts.guard.requires(Role.PILOT))]

    @router.post("/vehicles/{vehicle_id}/preview", dependencies=operator, summary="The gate's answer, before the order")
    async def preview(request: Request, vehicle_id: Identifier, body: SendQuestion) -> Foresight:
        """Nothing is ordered by it, and it holds for this moment only."""
        by = named(request, body)
        return await core(lambda: room.sending.foresee(vehicle_id, body, by=by))

    @router.post("/vehicles/{vehicle_id}/tasks", dependencies=pilot, summary="Send one vehicle by hand")
    async def send(request: Request, vehicle_id: Identifier, body: SendOrder) -> Task:
        """The gate decides anew, now and before each order of the task; 409 with its reasons."""
        by = named(request, body)
        return await core(lambda: room.sending.send(vehicle_id, body, by=by))

    return router
