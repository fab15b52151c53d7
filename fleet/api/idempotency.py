"""`Idempotency-Key` on commands: the same one sent again within a day is answered with what came of the first.

Hold, return, land and recall all are the same twice as once and must not wait for the store: of these the key is
ignored (SAFETY 6), as it is at sign-in, whose answer is no command's, of files, which resume by themselves, and where
people and tokens are made, whose secrets nobody keeps.
"""

import hashlib
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleet.api.core import Core
from fleet.api.guard import Guard
from fleet.api.problems import problem
from fleet.errors import Refused, StoreError
from fleet.records.command_keys import CommandKeys, KeptAnswer, OtherCommand

HEADER = "idempotency-key"
_KEY = re.compile(r'^(?:"([\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x5b\x5d-\x7e]{1,255}))$')  # quoted or bare
_NOT_OF = re.compile(
    r"^/api/v1/(recall-all|vehicles/[^/]+/(hold|return|land)|session|set-up|evidence/.*|people|people/reset|tokens)$"
)
_COMMANDS = ("POST", "PUT", "PATCH", "DELETE")
_MAY_BE_DONE = (500, 504)  # and whatever is below 400; all else was refused and may be tried again


class Idempotency:
    """ASGI middleware; bodies are bounded before."""

    def __init__(self, app: ASGIApp, *, guard: Guard, keys: CommandKeys, core: Core) -> None:
        self._app, self._guard, self._keys, self._core = app, guard, keys, core

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in _COMMANDS or _NOT_OF.match(scope["path"]):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).getlist(HEADER)
        if not given:
            await self._app(scope, receive, send)
            return
        match = _KEY.match(given[0])
        if len(given) != 1 or match is None:
            what = 'Idempotency-Key: expected one of 1 to 255 letters without spaces, as "8e03978e-40d5"'
            await problem(400, "wrong key", what)(scope, receive, send)
            return
        try:
            principal = self._guard.principal(Request(scope))
            body = await Request(scope, receive).body()
        except HTTPException as err:
            await problem(err.status_code, "refused", err.detail, headers=err.headers)(scope, receive, send)
            return
        if principal is None:  # who is turned away by the route itself
            await self._app(scope, _again(body, receive), send)
            return
        answer = await self._answer(scope, _again(body, receive), body, (principal, match[1] or match[2]))
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, body: bytes, key: tuple[str, str]) -> ASGIApp:
        what = b"\0".join((scope["method"].encode(), scope["path"].encode(), scope["query_string"], body))
        digest = hashlib.sha256(what).hexdigest()
        try:
            kept = await self._core(lambda: self._keys.begin(*key, digest))
        except OtherCommand as err:
            return problem(422, "another command", str(err))
        except Refused as err:
            return problem(409, "a rule says no", str(err))
        except StoreError as err:
            return problem(503, "not now", str(err))
        if kept is not None:
            headers = {"Idempotency-Replayed": "true"}
            return Response(kept.body, status_code=kept.status, media_type=kept.media_type, headers=headers)
        return await self._done(scope, receive, key)

    async def _done(self, scope: Scope, receive: Receive, key: tuple[str, str]) -> ASGIApp:
        """Done, and its answer kept before anybody hears it."""
        heard: list[Message] = []

        async def hear(message: Message) -> None:
            heard.append(message)

        try:
            await self._app(scope, receive, hear)
        except BaseException:
            self._keys.lose(*key)
            raise
        start, body = heard[0], b"".join(message.get("body", b"") for message in heard[1:])
        status = start["status"]
        media_type = MutableHeaders(raw=start["headers"]).get("content-type", "application/json")
        answer = KeptAnswer(status, media_type, body.decode())
        is_kept = status < 400 or status in _MAY_BE_DONE
        try:
            await self._core(lambda: self._keys.keep(*key, answer) if is_kept else self._keys.free(*key))
        except StoreError:
            self._keys.lose(*key)  # it was done all the same: the answer stands, a second one will be told so

        async def told(_scope: Scope, _receive: Receive, send: Send) -> None:
            for message in heard:
                await send(message)

        return told


def _again(body: bytes, receive: Receive) -> Receive:
    is_said = False

    async def replayed() -> Message:
        nonlocal is_said
        if is_said:
            return await receive()
        is_said = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
