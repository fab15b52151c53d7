"""The HTTP application: routes under /api/v1, the live feed, health, metrics and the console's files."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import anyio
from fastapi import APIRouter, Depends, FastAPI, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from fleet.api.commanding import commanding_routes
from fleet.api.configuring import node_routes
from fleet.api.door import Door
from fleet.api.evidence import evidence_routes
from fleet.api.exempting import exempt_routes
from fleet.api.guard import SUBPROTOCOL
from fleet.api.handling import incident_routes
from fleet.api.history import history_routes
from fleet.api.idempotency import Idempotency
from fleet.api.live_view import add_live_view
from fleet.api.models import Problem
from fleet.api.parts import Parts
from fleet.api.people import people_routes
from fleet.api.planning import planning_routes
from fleet.api.problems import add_problems
from fleet.api.procedures import procedure_routes
from fleet.api.reading import audit_routes, reading_routes
from fleet.api.reporting import report_routes
from fleet.api.sending import sending_routes
from fleet.api.sensing import sensor_routes
from fleet.api.signing_in import signing_in_routes
from fleet.api.site_versions import site_routes
from fleet.api.surroundings import surroundings_routes
from fleet.errors import StoreError
from fleet.live import Subscription
from fleet.records.auth import Role

SEND_TIMEOUT_S = 10.0
_PROBLEMS: dict[int | str, dict[str, object]] = {  # in our words: Python's own phrases change between its versions
    401: {"model": Problem, "description": "A session or a token is needed"},
    403: {"model": Problem, "description": "Not for this role, host or origin"},
    404: {"model": Problem, "description": "No such thing"},
    409: {"model": Problem, "description": "A rule says no"},
    413: {"model": Problem, "description": "The body is too large"},
    422: {"model": Problem, "description": "Wrong input"},
    429: {"model": Problem, "description": "Too often"},
    503: {"model": Problem, "description": "Not now"},
    504: {"model": Problem, "description": "A node did not answer in time"},
}
_NO_CONSOLE = """<!doctype html><meta charset="utf-8"><title>Vedette</title>
<h1>Vedette</h1><p>The console is not built on this machine. In a checkout run <code>make console</code>,
then start again. The API is at <a href="/openapi.json">/api/v1</a>.</p>"""
_NO_PAGES = ("api/", "assets/")  # an asset of an earlier build is gone, not a page
# Nothing from elsewhere, no script that is not a file of ours. The map sets styles of its own and makes its worker and
# pictures from memory; a live picture may be played from memory too.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


def create_api(parts: Parts) -> FastAPI:
    app = FastAPI(title="Vedette", version="1", responses=_PROBLEMS, docs_url=None, redoc_url=None)
    routes = [reading_routes(parts), audit_routes(parts), commanding_routes(parts), node_routes(parts)]
    routes += [
        procedure_routes(parts),
        incident_routes(parts),
        exempt_routes(parts),
        evidence_routes(parts),
        signing_in_routes(parts),
        people_routes(parts),
        report_routes(parts),
        history_routes(parts.history, parts.store, parts.guard.requires(Role.VIEWER)),
        sensor_routes(parts),
        sending_routes(parts),
        site_routes(parts),
        planning_routes(parts),
        surroundings_routes(parts),
    ]
    app.include_router(_under("/api/v1", routes))
    app.include_router(_health(parts))
    _add_live(app, parts)
    add_live_view(app, parts)
    add_problems(app)
    app.add_middleware(Idempotency, guard=parts.guard, keys=parts.command_keys, core=parts.core)
    app.add_middleware(Door, is_loopback_only=parts.is_loopback_only)
    add_console(app, parts.console_dir)
    return app


def _under(prefix: str, routers: Sequence[APIRouter]) -> APIRouter:
    all_of_them = APIRouter(prefix=prefix)
    for router in routers:
        all_of_them.include_router(router)
    return all_of_them


def _health(parts: Parts) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @router.get("/readyz")
    async def readyz() -> PlainTextResponse:
        """Ready: the coordinator answers, its broker is connected and its store can be read."""
        try:
            link = await parts.core(parts.room.link)
            with parts.store.reading():
                pass
        except StoreError as err:
            return PlainTextResponse(f"{err}\n", status_code=503)
        if not link.broker_connected:
            return PlainTextResponse("no connection to the broker\n", status_code=503)
        return PlainTextResponse("ready\n")

    @router.get("/metrics", dependencies=[Depends(parts.guard.requires(Role.VIEWER))])
    async def metrics() -> Response:
        return Response(parts.metrics.exposition(), media_type=parts.metrics.media_type)

    return router


def _add_live(app: FastAPI, parts: Parts) -> None:
    @app.websocket("/api/v1/live")
    async def live(socket: WebSocket) -> None:
        if not parts.guard.admits(socket):
            await socket.close(code=1008, reason="sign in, or offer the subprotocols vedette and bearer.TOKEN")
            return
        offered = [part.strip() for part in socket.headers.get("sec-websocket-protocol", "").split(",")]
        with parts.live.subscribed() as subscription:
            if subscription is None:
                await socket.close(code=1013, reason="too many listeners")
                return
            await socket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_tell, socket, subscription, parts, tasks.cancel_scope)
                tasks.start_soon(_refused, socket, parts, tasks.cancel_scope)
                await _until_gone(socket)
                tasks.cancel_scope.cancel()


async def _tell(socket: WebSocket, subscription: Subscription, parts: Parts, scope: anyio.CancelScope) -> None:
    """A snapshot, then changes; a fresh snapshot whenever the client fell behind. A client that takes nothing for 10 s
    is given up."""
    text: str | None = None
    try:
        while True:
            if text is None:
                text = (await parts.core(parts.room.snapshot)).model_dump_json()
            with anyio.fail_after(SEND_TIMEOUT_S):
                await socket.send_text(text)
            text = await subscription.take()
    except (TimeoutError, StoreError, WebSocketDisconnect, RuntimeError):
        scope.cancel()


async def _refused(socket: WebSocket, parts: Parts, scope: anyio.CancelScope) -> None:
    """Signed out in between: the page shall ask who it is."""
    await parts.guard.until_refused(socket)
    with contextlib.suppress(RuntimeError):
        await socket.close(code=1008, reason="signed out")
    scope.cancel()


async def _until_gone(socket: WebSocket) -> None:
    """The feed is one way; what a client says is read and ignored."""
    try:
        while True:
            await socket.receive_text()
    except (WebSocketDisconnect, KeyError):
        return


def add_console(app: FastAPI, folder: Path) -> None:
    """The built page at every path that is nothing else; last of all routes."""
    if (folder / "index.html").is_file():
        app.mount("/", _Console(directory=folder, html=True), name="console")
        return

    @app.get("/", include_in_schema=False)
    async def no_console() -> HTMLResponse:
        return HTMLResponse(_NO_CONSOLE, headers=_HEADERS)


class _Console(StaticFiles):
    """The built page, for every path that is no API and no file: the page itself knows its pages. It is never framed by
    another, and its index never cached."""

    async def get_response(self, path: str, scope: object) -> Response:
        is_index = path in (".", "index.html")
        try:
            response = await super().get_response(path, scope)  # type: ignore[arg-type]
        except HTTPException as err:
            if err.status_code != 404 or path.startswith(_NO_PAGES):
                raise
            is_index = True
            response = await super().get_response("index.html", scope)  # type: ignore[arg-type]
        response.headers.update(_HEADERS)
        if is_index:
            response.headers["Cache-Control"] = "no-cache"
        return response
