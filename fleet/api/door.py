"""What stands before every route: the host and origin a request names, the size of its body, and errors in one line.

On loopback the Host must be a loopback name, or any page could reach us by DNS rebinding; an Origin that is not ours is
turned away from every command and from the WebSocket.
"""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleet.api.models import Problem
from fleet.errors import Late, NotFound, Refused, StoreError
from fleet.settings import is_loopback

MAX_BODY_BYTES = 64 * 1024
_SAFE = ("GET", "HEAD", "OPTIONS")


class Door:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, *, is_loopback_only: bool) -> None:
        self._app = app
        self._is_loopback_only = is_loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        reason = self._refusal(scope, headers)
        if reason is not None:
            await _turn_away(scope, receive, send, status=403, reason=reason)
            return
        if _bounds_its_body_itself(scope):
            await self._app(scope, receive, send)
            return
        if scope["type"] == "http" and _too_long(headers.get("content-length")):
            await _turn_away(scope, receive, send, status=413, reason=f"expected at most {MAX_BODY_BYTES} bytes")
            return
        await self._app(scope, _counted(receive) if scope["type"] == "http" else receive, send)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> str | None:
        host = headers.get("host", "")
        if self._is_loopback_only and not is_loopback(_name_of(host)):
            return f"expected a loopback host name, got '{host[:80]}'"
        origin = headers.get("origin")
        is_harmless = scope["type"] == "http" and scope["method"] in _SAFE
        if origin is None or is_harmless or origin.partition("://")[2] == host:
            return None
        return f"expected a page of {host}, got one of '{origin[:80]}'"


def _bounds_its_body_itself(scope: Scope) -> bool:
    """A file of evidence: by the size that its manifest names."""
    path: str = scope["path"]
    return scope["type"] == "http" and scope["method"] == "PUT" and path.startswith("/api/v1/evidence/")


def _name_of(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] or host


def _too_long(content_length: str | None) -> bool:
    return content_length is not None and (not content_length.isdigit() or int(content_length) > MAX_BODY_BYTES)


def _counted(receive: Receive) -> Receive:
    """A body without a length is counted as it comes."""
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > MAX_BODY_BYTES:
            raise HTTPException(413, f"expected at most {MAX_BODY_BYTES} bytes")
        return message

    return counted


async def _turn_away(scope: Scope, receive: Receive, send: Send, *, status: int, reason: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": reason[:120]})
        return
    await problem(status, "refused at the door", reason)(scope, receive, send)


def problem(status: int, title: str, detail: str) -> JSONResponse:
    body = Problem(title=title, status=status, detail=detail)
    return JSONResponse(body.model_dump(), status_code=status, media_type="application/problem+json")


def add_problems(app: FastAPI) -> None:
    """Errors by their class (fleet/errors): what the caller does next is the status."""

    async def not_found(_: Request, err: Exception) -> JSONResponse:
        return problem(404, "not found", str(err))

    async def refused(_: Request, err: Exception) -> JSONResponse:
        return problem(409, "a rule says no", str(err))

    async def unavailable(_: Request, err: Exception) -> JSONResponse:
        return problem(503, "not now", str(err))

    async def late(_: Request, err: Exception) -> JSONResponse:
        return problem(504, "no answer", str(err))

    async def wrong_input(_: Request, err: Exception) -> JSONResponse:
        assert isinstance(err, RequestValidationError)
        first = err.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return problem(422, "wrong input", f"{where}: {first['msg']}")

    async def plain(_: Request, err: Exception) -> JSONResponse:
        assert isinstance(err, HTTPException)
        response = problem(err.status_code, "refused", str(err.detail))
        response.headers.update(err.headers or {})
        return response

    app.add_exception_handler(NotFound, not_found)
    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(StoreError, unavailable)
    app.add_exception_handler(Late, late)
    app.add_exception_handler(RequestValidationError, wrong_input)
    app.add_exception_handler(HTTPException, plain)
