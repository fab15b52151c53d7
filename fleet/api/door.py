"""What stands before every route: the host and origin a request names, and the size of its body.

On loopback the Host must be a loopback name, or any page could reach us by DNS rebinding; an Origin that is not ours is
turned away from every command and from the WebSocket. What the API says is kept by no cache.
"""

import re

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleet.api.problems import problem
from fleet.broker_settings import is_loopback

MAX_BODY_BYTES = 64 * 1024
MAX_DOCUMENT_BYTES = 1024 * 1024  # of a site or procedures that somebody drew
_DOCUMENTS = re.compile(r"^/api/v1/(site/(versions|check|import)|procedures/(check|try)|patrols/(plan|import))$")
_SAFE = ("GET", "HEAD", "OPTIONS")
_OUR_PAGES = ("same-origin", "none")  # Sec-Fetch-Site; none: somebody typed the address


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
        most = MAX_DOCUMENT_BYTES if _DOCUMENTS.match(scope["path"]) else MAX_BODY_BYTES
        if scope["type"] == "http" and _too_long(headers.get("content-length"), most):
            await _turn_away(scope, receive, send, status=413, reason=f"expected at most {most} bytes")
            return
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            await self._app(scope, _counted(receive, most), _uncached(send))
            return
        await self._app(scope, _counted(receive, most) if scope["type"] == "http" else receive, send)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> str | None:
        host = headers.get("host", "")
        if self._is_loopback_only and not is_loopback(_name_of(host)):
            return f"expected a loopback host name, got '{host[:80]}'"
        if scope["type"] == "http" and scope["method"] in _SAFE:
            return None
        if headers.get("sec-fetch-site", "same-origin") not in _OUR_PAGES:
            return f"expected a page of {host[:80]}, got one of another site"
        origin = headers.get("origin")
        scheme = "https" if scope["scheme"] in ("https", "wss") else "http"
        if origin is None or origin == f"{scheme}://{host}":
            return None
        return f"expected a page of {host[:80]}, got one of '{origin[:80]}'"


def _bounds_its_body_itself(scope: Scope) -> bool:
    """A file of evidence: by the size that its manifest names."""
    path: str = scope["path"]
    return scope["type"] == "http" and scope["method"] == "PUT" and path.startswith("/api/v1/evidence/")


def _name_of(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] or host


def _too_long(content_length: str | None, most: int) -> bool:
    return content_length is not None and (not content_length.isdigit() or int(content_length) > most)


def _counted(receive: Receive, most: int) -> Receive:
    """A body without a length is counted as it comes."""
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > most:
            raise HTTPException(413, f"expected at most {most} bytes")
        return message

    return counted


def _uncached(send: Send) -> Send:
    async def said(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            headers.setdefault("Cache-Control", "no-store")
            headers.setdefault("X-Content-Type-Options", "nosniff")
        await send(message)

    return said


async def _turn_away(scope: Scope, receive: Receive, send: Send, *, status: int, reason: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": reason[:120]})
        return
    await problem(status, "refused at the door", reason)(scope, receive, send)
