"""Live pictures: nodes bring them, people look. Two WebSockets, and no way from one to anything else of the API."""

import contextlib

import anyio
import structlog
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from contract.errors import ContractError
from contract.live import JPEG, SPEAKS, STILLS, read_ask
from fleet.api.guard import SUBPROTOCOL
from fleet.api.parts import Parts
from fleet.errors import NotFound, Refused, StoreError
from fleet.live_view import Link, Outlet

SEND_TIMEOUT_S = 30.0  # for one picture: 1 MB at 300 kbit/s
NOT_ALLOWED, TRY_LATER = 1008, 1013  # RFC 6455, 7.4.1, and the IANA registry
_REASON_BYTES = 120  # of a close frame
log = structlog.get_logger()


def add_live_view(app: FastAPI, parts: Parts) -> None:
    @app.websocket("/api/v1/nodes/live")
    async def node_live(socket: WebSocket) -> None:
        """For nodes, with their token in the header."""
        try:
            node = parts.guard.node_of(socket)
        except StoreError:
            await socket.close(code=TRY_LATER, reason="not now")
            return
        if node is None:
            await socket.close(code=NOT_ALLOWED, reason="expected a node's bearer token")
            return
        await socket.accept()
        reason = "the connection ended"
        has_stills = socket.query_params.get(SPEAKS) == STILLS
        with parts.views.joined(node, has_stills=has_stills) as link:
            log.info("live view: node joined", node=node)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_send, socket, link, tasks.cancel_scope)
                reason = await _hear(socket, link)
                tasks.cancel_scope.cancel()
        log.info("live view: node left", node=node, reason=reason)

    @app.websocket("/api/v1/cameras/{camera}/live")
    async def camera_live(socket: WebSocket, camera: str) -> None:
        """For people: a word on what can be expected, then pictures from a key frame on; with `as=jpeg` stills."""
        if not parts.guard.admits(socket):
            await socket.close(code=NOT_ALLOWED, reason="sign in, or offer the subprotocols vedette and bearer.TOKEN")
            return
        offered = [part.strip() for part in socket.headers.get("sec-websocket-protocol", "").split(",")]
        try:
            as_stills = socket.query_params.get("as") == JPEG
            with parts.views.viewing(camera, as_stills=as_stills) as viewer:
                await socket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_send, socket, viewer, tasks.cancel_scope)
                    tasks.start_soon(_refused, socket, parts, tasks.cancel_scope)
                    await _until_gone(socket, parts, camera, viewer)
                    tasks.cancel_scope.cancel()
        except (NotFound, Refused) as err:  # before it was accepted; only so can a page read the reason
            await socket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
            await socket.close(code=TRY_LATER, reason=str(err)[:_REASON_BYTES])


async def _send(socket: WebSocket, outlet: Outlet, scope: anyio.CancelScope) -> None:
    """What waits, one after the other; who takes nothing for SEND_TIMEOUT_S is given up."""
    try:
        while (message := await outlet.take()) is not None:
            with anyio.fail_after(SEND_TIMEOUT_S):
                if isinstance(message, str):
                    await socket.send_text(message)
                else:
                    await socket.send_bytes(message)
        await socket.close(code=NOT_ALLOWED, reason="another connection of this node took its place")
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        pass
    scope.cancel()


async def _hear(socket: WebSocket, link: Link) -> str:
    """All that a node says, no faster than it may; why it is over, in one line."""
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return message.get("reason") or "it closed"
            said = message.get("bytes")
            rest_s = link.hear(message.get("text") or "" if said is None else said)
            if rest_s > 0.0:
                await anyio.sleep(rest_s)
    except ContractError as err:
        reason = str(err)
        await socket.close(code=NOT_ALLOWED, reason=reason.encode()[:_REASON_BYTES].decode(errors="ignore"))
        return reason


async def _refused(socket: WebSocket, parts: Parts, scope: anyio.CancelScope) -> None:
    """Signed out in between."""
    await parts.guard.until_refused(socket)
    with contextlib.suppress(RuntimeError):
        await socket.close(code=NOT_ALLOWED, reason="signed out")
    scope.cancel()


async def _until_gone(socket: WebSocket, parts: Parts, camera: str, viewer: Outlet) -> None:
    """A viewer may ask for the time; whatever else it says is read and ignored."""
    while (message := await socket.receive())["type"] != "websocket.disconnect":
        with contextlib.suppress(ContractError):
            parts.views.answer(camera, viewer, read_ask(message.get("text") or ""))
