"""POST routes: what persons order, each with the role it takes.

Hold, return, land and recall all go straight to the safety monitor and wait for nothing else (SAFETY 6); every other
command is written in the audit log before it happens.
"""

import uuid
from collections.abc import Callable

from fastapi import APIRouter, Depends, Request

from contract.frozen import Identifier
from contract.tasks import Task
from fleet.api.guard import named
from fleet.api.models import By, DockView, Done, ZoneView
from fleet.api.parts import Parts
from fleet.errors import NotFound
from fleet.flight.dock import DockVerb
from fleet.records.auth import Role


def commanding_routes(parts: Parts) -> APIRouter:
    router = APIRouter()
    room, core = parts.room, parts.core
    operator = [Depends(parts.guard.requires(Role.OPERATOR))]
    urgent = [Depends(parts.guard.requires(Role.OPERATOR, is_limited=False))]  # SAFETY 6
    pilot = [Depends(parts.guard.requires(Role.PILOT))]
    landing = [Depends(parts.guard.requires(Role.PILOT, is_limited=False))]  # whoever lands it knows what is below

    @router.post("/incidents/{incident_id}/dispatch", dependencies=pilot)
    async def dispatch(request: Request, incident_id: uuid.UUID, body: By) -> Task:
        by = named(request, body)
        return await core(lambda: room.dispatch(incident_id, by=by))

    @router.post("/tasks/{task_id}/approve", dependencies=pilot)
    async def approve(request: Request, task_id: uuid.UUID, body: By) -> Task:
        by = named(request, body)
        return await core(lambda: room.approve(task_id, by=by))

    @router.post("/tasks/{task_id}/cancel", dependencies=operator)
    async def cancel(request: Request, task_id: uuid.UUID, body: By) -> Task:
        by = named(request, body)
        return await core(lambda: room.cancel(task_id, by=by))

    @router.post("/tasks/{task_id}/pause", dependencies=operator)
    async def pause(request: Request, task_id: uuid.UUID, body: By) -> Task:
        by = named(request, body)
        return await core(lambda: room.pause(task_id, by=by))

    @router.post("/tasks/{task_id}/resume", dependencies=pilot)
    async def resume(request: Request, task_id: uuid.UUID, body: By) -> Task:
        by = named(request, body)
        return await core(lambda: room.resume(task_id, by=by))

    @router.post("/tasks/{task_id}/skip", dependencies=pilot)
    async def skip(request: Request, task_id: uuid.UUID, body: By) -> Task:
        by = named(request, body)
        return await core(lambda: room.skip(task_id, by=by))

    @router.post("/zones/{zone_id}/set", dependencies=operator)
    async def set_zone(request: Request, zone_id: Identifier, body: By) -> ZoneView:
        by = named(request, body)
        return await core(lambda: room.set_zone(zone_id, is_set=True, by=by))

    @router.post("/zones/{zone_id}/unset", dependencies=operator)
    async def unset_zone(request: Request, zone_id: Identifier, body: By) -> ZoneView:
        by = named(request, body)
        return await core(lambda: room.set_zone(zone_id, is_set=False, by=by))

    @router.post("/docks/{dock_id}/{verb}", dependencies=operator)
    async def order_dock(request: Request, dock_id: Identifier, verb: DockVerb, body: By) -> DockView:
        by = named(request, body)
        return await core(lambda: room.order_dock(dock_id, verb, by=by))

    @router.post("/vehicles/{vehicle_id}/release", dependencies=pilot)
    async def release(request: Request, vehicle_id: Identifier, body: By) -> Done:
        by = named(request, body)
        what = await core(lambda: room.release(vehicle_id, by=by))
        return Done(what=what, vehicles=(vehicle_id,))

    @router.post("/vehicles/{vehicle_id}/hold", dependencies=urgent)
    async def hold(request: Request, vehicle_id: Identifier, body: By) -> Done:
        return _ordered("hold", parts.monitor.hold, vehicle_id, by=named(request, body))

    @router.post("/vehicles/{vehicle_id}/return", dependencies=urgent)
    async def return_home(request: Request, vehicle_id: Identifier, body: By) -> Done:
        return _ordered("return", parts.monitor.return_home, vehicle_id, by=named(request, body))

    @router.post("/vehicles/{vehicle_id}/land", dependencies=landing)
    async def land(request: Request, vehicle_id: Identifier, body: By) -> Done:
        """Straight down where it is; a ground vehicle stands still. Mostly a return is wanted."""
        return _ordered("land", parts.monitor.land, vehicle_id, by=named(request, body))

    @router.post("/recall-all", dependencies=urgent)
    async def recall_all(request: Request, body: By) -> Done:
        by = named(request, body)
        return Done(what="everybody recalled", vehicles=parts.monitor.recall_all(by))

    return router


def _ordered(what: str, order: Callable[[str, str], None], vehicle_id: str, *, by: str) -> Done:
    """Raises NotFound."""
    try:
        order(vehicle_id, by)
    except KeyError as err:
        raise NotFound(f"vehicle '{vehicle_id}': there is none") from err
    return Done(what=f"{what} ordered", vehicles=(vehicle_id,))
