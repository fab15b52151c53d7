"""Who is asking, and may they? Bearer tokens on every route, or demo mode on loopback (SAFETY 22).

A browser cannot send headers with a WebSocket: it offers the subprotocols `vedette` and `bearer.TOKEN`. Tokens never
travel in a URL, where logs would keep them.

Edge nodes come with a bearer token too, in the header alone: it says which node asks. What is a node's is no person's
and the other way round, also in demo mode.
"""

from collections.abc import Awaitable, Callable

from fastapi import Request, WebSocket
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from fleet.api.models import By, Whoami
from fleet.errors import Refused
from fleet.records.auth import Person, Role, Tokens

SUBPROTOCOL = "vedette"


class Guard:
    """Answers for a request; `tokens` None is demo mode. nodes: which node a token is of, if any; raises StoreError."""

    def __init__(self, tokens: Tokens | None, *, nodes: Callable[[str], str | None]) -> None:
        self._tokens = tokens
        self._nodes = nodes

    def node_of(self, connection: HTTPConnection) -> str | None:
        """The edge node that asks; None: no node does. Of a request as of a WebSocket. Raises StoreError."""
        token = _bearer(connection)
        return None if token is None else self._nodes(token)

    async def node(self, request: Request) -> str:
        """A dependency: the node that asks; nobody else is let through."""
        node = self.node_of(request)
        if node is None:
            raise HTTPException(401, "expected a node's bearer token", headers={"WWW-Authenticate": "Bearer"})
        return node

    def requires(self, role: Role) -> Callable[[Request], Awaitable[None]]:
        """A dependency that lets `role` and above through."""

        async def check(request: Request) -> None:
            if self._tokens is None:
                node = self.node_of(request)
                if node is not None:
                    raise HTTPException(403, f"this is for people, {node} is a node")
                return
            token = _bearer(request)
            person = None if token is None else self._tokens.person(token)
            if person is None:
                raise HTTPException(401, "expected a bearer token", headers={"WWW-Authenticate": "Bearer"})
            if not person.role.includes(role):
                raise HTTPException(403, f"this needs the role {role.value}, {person.name} is {person.role.value}")
            request.state.person = person

        return check

    def admits(self, socket: WebSocket) -> bool:
        """May this client listen to the live feed?"""
        if self._tokens is None:
            return self.node_of(socket) is None
        offered = [part.strip() for part in socket.headers.get("sec-websocket-protocol", "").split(",")]
        return any(
            self._tokens.person(part.removeprefix("bearer.")) is not None
            for part in offered
            if part.startswith("bearer.")
        )


def _bearer(connection: HTTPConnection) -> str | None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" and token else None


def whoami(request: Request) -> Whoami:
    person: Person | None = getattr(request.state, "person", None)
    if person is None:
        return Whoami(name=None, role=Role.PILOT.value)
    return Whoami(name=person.name, role=person.role.value)


def named(request: Request, body: By) -> str:
    """The person behind a command. Raises Refused for none, or for one who signs with another's name."""
    person: Person | None = getattr(request.state, "person", None)
    if person is None:
        if body.by is None:
            raise Refused("expected the name of the person who orders this in 'by'")
        return body.by
    if body.by not in (None, person.name):
        raise Refused(f"'by' says {body.by}, the token says {person.name}")
    return person.name
