"""Who is asking, and may they? A session's cookie or an API token on every route, or the open demo on loopback
(SAFETY 22). Nothing here waits for the store while people ask (SAFETY 6).

A session's cookie comes by itself with whatever a browser sends, so a command wants the word that only our page can
read beside it (X-CSRF-Token). Tokens come as bearer tokens; a browser cannot send headers with a WebSocket: it offers
the subprotocols `vedette` and `bearer.TOKEN`. Tokens never travel in a URL, where logs would keep them.

Edge nodes come with a bearer token too, in the header alone: it says which node asks. What is a node's is no person's
and the other way round, also in the demo.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import anyio
from fastapi import Request, WebSocket
from fastapi.openapi.models import HTTPBase
from fastapi.security.base import SecurityBase
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from contract.clock import Clock
from fleet.api.limits import RequestLimits
from fleet.api.models import By, Whoami
from fleet.errors import Refused
from fleet.records.auth import Person, Role, csrf_of, is_same, name_key
from fleet.records.people import People

SUBPROTOCOL = "vedette"
CSRF_HEADER = "x-csrf-token"
LOOK_AGAIN_S = 2.0  # at who listens to the live feed
ANYBODY: dict[str, Any] = {
    "security": []
}  # openapi_extra of a route that is open to all; a route that says nothing fails a test
_SAFE = ("GET", "HEAD", "OPTIONS")
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Guard:
    """Answers for a request; `people` None is the open demo. nodes: which node a token is of, if any; raises
    StoreError. is_secure: over TLS."""

    def __init__(
        self,
        people: People | None,
        *,
        nodes: Callable[[str], str | None],
        clock: Clock,
        is_secure: bool,
        limits: RequestLimits | None = None,
    ) -> None:
        self.people, self.is_secure = people, is_secure
        self._nodes, self._clock = nodes, clock
        self._limits = limits or RequestLimits()

    @property
    def cookie(self) -> str:
        """Its name. With the prefix a browser takes it from this host alone, over TLS."""
        return "__Host-vedette" if self.is_secure else "vedette-session"

    def session_token(self, connection: HTTPConnection) -> str | None:
        return connection.cookies.get(self.cookie)

    def node_of(self, connection: HTTPConnection) -> str | None:
        """The edge node that asks; None: no node does. Of a request as of a WebSocket. Raises StoreError."""
        token = _bearer(connection)
        return None if token is None else self._nodes(token)

    @property
    def node(self) -> "NodeRule":
        """A dependency: the node that asks; nobody else is let through."""
        return NodeRule(self)

    def requires(self, role: Role, *, is_limited: bool = True) -> "Rule":
        """A dependency that lets through whose role includes `role`. is_limited: not oftener than the limits say."""
        return Rule(self, role, is_limited=is_limited)

    def check(self, request: Request, role: Role, *, is_limited: bool) -> None:
        """Raises HTTPException 401, 403, 429."""
        if self.people is None:
            node = self.node_of(request)
            if node is not None:
                raise HTTPException(403, f"this is for people, {node} is a node")
            return
        person = self._person(request)
        if person is None:
            self.limit(f"from {address_of(request)}")
            raise HTTPException(401, "expected a session or a bearer token: sign in", headers=_CHALLENGE)
        if is_limited:
            self.limit(f"person {name_key(person.name)}")
        if role not in person.may:
            has = f"{person.name} is {person.role.value}" if person.token is None else f"token '{person.token}' has not"
            raise HTTPException(403, f"this needs the role {role.value}, {has}")
        request.state.person = person

    def principal(self, request: Request) -> str | None:
        """A hash of whoever asks and of what they may; None: nobody whom we know as a person. Raises HTTPException 403,
        429."""
        if self.people is None:
            return None if _bearer(request) else _hash("anybody")
        person = self._person(request)
        if person is None:
            return None
        self.limit(f"person {name_key(person.name)}")
        return _hash(name_key(person.name), person.token or "", *sorted(role.value for role in person.may))

    def admits(self, socket: WebSocket) -> bool:
        """May this client listen to the live feed?"""
        if self.people is None:
            return self.node_of(socket) is None
        offered = [part.strip() for part in socket.headers.get("sec-websocket-protocol", "").split(",")]
        tokens = [part.removeprefix("bearer.") for part in offered if part.startswith("bearer.")]
        if tokens:
            person = self.people.of_token(tokens[0])
        else:  # a cookie comes from any page: the door has compared the origin, if there is one
            session = self.session_token(socket) if "origin" in socket.headers else None
            person = None if session is None else self.people.of_session(session)
        return person is not None and Role.VIEWER in person.may

    async def until_refused(self, socket: WebSocket) -> None:
        """Returns when whoever listens may no longer: signed out, disabled, expired. An open page is in use."""
        while self.people is None or self.admits(socket):  # noqa: ASYNC110 - what ends it are clocks and another process
            await anyio.sleep(LOOK_AGAIN_S)

    def _person(self, request: Request) -> Person | None:
        assert self.people is not None
        token = _bearer(request)
        if token is not None:
            return self.people.of_token(token)
        session = self.session_token(request)
        person = None if session is None else self.people.of_session(session)
        if person is None or session is None or request.method in _SAFE:
            return person
        if not is_same(request.headers.get(CSRF_HEADER, ""), csrf_of(session)):
            raise HTTPException(403, "expected the X-CSRF-Token of this session")
        return person

    def limit(self, principal: str) -> None:
        """Raises HTTPException 429 for who asks too often."""
        wait_us = self._limits.wait_us(principal, self._clock.monotonic_us())
        if wait_us > 0:
            raise too_often(wait_us)


class Rule(SecurityBase):
    """What a route asks of people; the API's description says it by the role's name."""

    def __init__(self, guard: Guard, role: Role, *, is_limited: bool) -> None:
        self.model = HTTPBase(scheme="bearer", description=f"Rule {role.value}: a session's cookie or an API token")
        self.scheme_name = role.value
        self._guard, self._role, self._is_limited = guard, role, is_limited

    async def __call__(self, request: Request) -> None:
        self._guard.check(request, self._role, is_limited=self._is_limited)


class NodeRule(SecurityBase):
    """What a route asks of edge nodes."""

    def __init__(self, guard: Guard) -> None:
        self.model = HTTPBase(scheme="bearer", description="An edge node's own token")
        self.scheme_name = "node"
        self._guard = guard

    async def __call__(self, request: Request) -> str:
        node = self._guard.node_of(request)
        if node is None:
            raise HTTPException(401, "expected a node's bearer token", headers=_CHALLENGE)
        return node


def too_often(wait_us: int) -> HTTPException:
    wait_s = -(-wait_us // 1_000_000)
    return HTTPException(429, f"too often: again in {wait_s} s", headers={"Retry-After": str(wait_s)})


def address_of(request: Request) -> str:
    return "" if request.client is None else request.client.host


def _bearer(connection: HTTPConnection) -> str | None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" and token else None


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()


def whoami(request: Request) -> Whoami:
    person = person_of(request)
    if person is None:
        return Whoami(name=None, role=Role.PILOT.value)
    return Whoami(name=person.name, role=person.role.value)


def person_of(request: Request) -> Person | None:
    """None in the open demo."""
    person: Person | None = getattr(request.state, "person", None)
    return person


def named(request: Request, body: By) -> str:
    """The person behind a command. Raises Refused for none, or for one who signs with another's name."""
    person = person_of(request)
    if person is None:
        if body.by is None:
            raise Refused("expected the name of the person who orders this in 'by'")
        return body.by
    if body.by not in (None, person.name):
        raise Refused(f"'by' says {body.by}, signed in is {person.name}")
    return person.name
