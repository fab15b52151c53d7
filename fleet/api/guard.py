"""Who is asking, and may they? Bearer tokens on every route, or demo mode on loopback (SAFETY 22).

A browser cannot send headers with a WebSocket: it offers the subprotocols `vedette` and `bearer.TOKEN`. Tokens never
travel in a URL, where logs would keep them.
"""

from collections.abc import Awaitable, Callable

from fastapi import Request, WebSocket
from starlette.exceptions import HTTPException

from fleet.api.models import By, Whoami
from fleet.errors import Refused
from fleet.records.auth import Person, Role, Tokens

SUBPROTOCOL = "vedette"


class Guard:
    """Answers for a request; `tokens` None is demo mode."""

    def __init__(self, tokens: Tokens | None) -> None:
        self._tokens = tokens

    def requires(self, role: Role) -> Callable[[Request], Awaitable[None]]:
        """A dependency that lets `role` and above through."""

        async def check(request: Request) -> None:
            if self._tokens is None:
                return
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            person = self._tokens.person(token) if scheme.lower() == "bearer" else None
            if person is None:
                raise HTTPException(401, "expected a bearer token", headers={"WWW-Authenticate": "Bearer"})
            if not person.role.includes(role):
                raise HTTPException(403, f"this needs the role {role.value}, {person.name} is {person.role.value}")
            request.state.person = person

        return check

    def admits(self, socket: WebSocket) -> bool:
        """May this client listen to the live feed?"""
        if self._tokens is None:
            return True
        offered = [part.strip() for part in socket.headers.get("sec-websocket-protocol", "").split(",")]
        return any(
            self._tokens.person(part.removeprefix("bearer.")) is not None
            for part in offered
            if part.startswith("bearer.")
        )


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
