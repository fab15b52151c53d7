"""Routes of orders by hand: what would come of one, and the order itself."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from contract.frozen import Identifier
from contract.tasks import Task
from fleet.api.guard import named
from fleet.api.parts import Parts
from fleet.api.sending_views import Foresight, SeenGround, SendableView, SendOrder, SendQuestion
from fleet.records.auth import Role

Pixel = Annotated[float, Query(ge=0.0, allow_inf_nan=False)]


def sending_routes(parts: Parts) -> APIRouter:
    router = APIRouter()
    room, core = parts.room, parts.core
    viewer = [Depends(parts.guard.requires(Role.VIEWER))]
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

    @router.get("/sendable", dependencies=viewer, summary="Why each vehicle would not be sent now")
    async def get_sendable() -> tuple[SendableView, ...]:
        return await core(room.sending.sendable)

    @router.get("/cameras/{camera}/ground", dependencies=viewer, summary="The ground that a pixel shows")
    async def get_ground(camera: Identifier, x_px: Pixel, y_px: Pixel) -> SeenGround:
        """Of a fixed camera: pixels of its full frame, as large as its lens in the site file says, from the top left;
        409 where no ground is seen."""
        return await core(lambda: room.sending.ground(camera, x_px, y_px))

    return router
