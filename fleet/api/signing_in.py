"""Signing in and out, and the link with which a person chooses a password. The only routes that are open to all."""

from collections.abc import Callable
from typing import Annotated, TypeVar

import anyio
from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field, SecretStr
from starlette.exceptions import HTTPException

from contract.frozen import Frozen
from fleet.api.guard import ANYBODY, address_of, person_of, too_often
from fleet.api.limits import SignInLimits
from fleet.api.models import PersonName
from fleet.api.parts import Parts
from fleet.errors import Refused, SetUpError
from fleet.records import passwords
from fleet.records.auth import Role, csrf_of, name_key
from fleet.records.people import FIRST, People

Answer = TypeVar("Answer")
HASHING_AT_ONCE = 1  # of two cores: vehicles wait for the other
HASHING_WAITING = 16
_LINKS = "set-up links"  # counted as an account is
Password = Annotated[SecretStr, Field(min_length=1, max_length=passwords.MAX_LETTERS)]


class SigningIn(Frozen):
    name: Annotated[str, Field(min_length=1, max_length=80)]
    password: Password


class SettingUp(Frozen):
    """secret: what stands behind the # of the link. name: of the first administrator; of all others the link knows."""

    secret: Annotated[SecretStr, Field(min_length=1, max_length=100)]
    password: Password
    name: PersonName | None = None


class SessionView(Frozen):
    """is_open: the demo, without sign-in. csrf: goes as X-CSRF-Token with every command of this page. ends_in_s: until
    signing in again, whatever happens; null where nobody is signed in. recording: what is shown where that is no site
    at work, but the recording of one."""

    is_open: bool
    name: str | None = None
    role: Role | None = None
    may: tuple[Role, ...] = ()
    csrf: str | None = None
    ends_in_s: float | None = None
    recording: str | None = None


class Welcome(Frozen):
    """Now sign in with this name."""

    name: str


class _Doorman:
    """Judges passwords: one after the other and off the loop; who would wait long is turned away."""

    def __init__(self, parts: Parts) -> None:
        self._clock, self._core, self._people = parts.clock, parts.core, parts.guard.people
        self._limits, self._limiter, self._waiting = SignInLimits(), anyio.CapacityLimiter(HASHING_AT_ONCE), 0

    @property
    def people(self) -> People:
        """Raises Refused in the open demo."""
        if self._people is None:
            raise Refused("there is no sign-in here: this is the open demo")
        return self._people

    async def sign_in(self, name: str, password: str, *, address: str, rotated: str | None) -> str:
        """The token of a fresh session; unknown name and wrong password are one answer. Raises HTTPException 401, 429,
        Refused, StoreError."""
        people, account = self.people, _account(name)
        self._heard(account, address)
        user = people.user(name)
        kept = None if user is None or user.is_disabled else user.password
        is_right = await self._off_the_loop(lambda: passwords.is_right(password, kept))
        if not is_right or user is None or kept is None:
            who = "somebody" if user is None else user.name
            await self._core(lambda: people.write_down("sign-in refused", f"from {address}", by=who))
            raise HTTPException(401, "name or password is wrong", headers={"WWW-Authenticate": "Session"})
        anew = None
        if passwords.is_outdated(kept):
            anew = await self._off_the_loop(lambda: passwords.hashed_anew(password))
        token = await self._core(lambda: people.begin_session(user, password=anew, rotated=rotated))
        self._limits.succeeded(account, address)
        return token

    async def set_up(self, body: SettingUp, *, address: str) -> str:
        """The name of the person who now has a password. Raises HTTPException 429, Refused, StoreError."""
        people, secret = self.people, body.secret.get_secret_value()
        self._heard(_LINKS, address)
        name = await self._core(lambda: people.invited(secret))
        if name is None:
            raise Refused("this link is used, expired or wrong; ask for another one")
        if name == FIRST and body.name is None:
            raise Refused("expected the name of the first administrator")
        chosen, password = name or body.name or "", body.password.get_secret_value()
        kept = await self._off_the_loop(lambda: passwords.hashed(password, name=chosen))
        user = await self._core(lambda: people.accept(secret, name=chosen, password=kept))
        return user.name

    def _heard(self, account: str, address: str) -> None:
        wait_us = self._limits.wait_us(account, address, self._clock.monotonic_us())
        if wait_us > 0:
            raise too_often(wait_us)

    async def _off_the_loop(self, work: Callable[[], Answer]) -> Answer:
        if self._waiting >= HASHING_WAITING:
            raise too_often(2_000_000)
        self._waiting += 1
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self._waiting -= 1


def signing_in_routes(parts: Parts) -> APIRouter:
    router = APIRouter()
    guard, doorman = parts.guard, _Doorman(parts)
    signed_in = [Depends(guard.requires(Role.VIEWER, is_limited=False))]

    @router.get("/session", openapi_extra=ANYBODY)
    async def get_session(request: Request) -> SessionView:
        """Who this page is signed in as."""
        if guard.people is None:
            return SessionView(is_open=True)
        return _view(guard.people, guard.session_token(request))

    @router.post("/session", openapi_extra=ANYBODY)
    async def sign_in(request: Request, response: Response, body: SigningIn) -> SessionView:
        """A fresh session; the one that this browser had is over. Unknown name and wrong password are one answer."""
        rotated, address = guard.session_token(request), address_of(request)
        token = await doorman.sign_in(body.name, body.password.get_secret_value(), address=address, rotated=rotated)
        response.set_cookie(guard.cookie, token, httponly=True, secure=guard.is_secure, samesite="strict", path="/")
        return _view(doorman.people, token)

    @router.delete("/session", status_code=204, dependencies=signed_in)
    async def sign_out(request: Request, response: Response, *, everywhere: bool = False) -> None:
        """This session is over, or every session of this person."""
        people, token, person = doorman.people, guard.session_token(request), person_of(request)
        if person is None or token is None or person.token is not None:
            raise Refused("this is a token: vedette-fleet token revoke ends it")
        people.forget_session(token)
        await parts.core(lambda: people.end_session(token, by=person.name, everywhere=everywhere))
        response.delete_cookie(guard.cookie, httponly=True, secure=guard.is_secure, samesite="strict", path="/")

    @router.post("/set-up", openapi_extra=ANYBODY)
    async def set_up(request: Request, body: SettingUp) -> Welcome:
        """With the secret of a link that is good once: the password of a new person, or a new one."""
        return Welcome(name=await doorman.set_up(body, address=address_of(request)))

    return router


def _account(name: str) -> str:
    try:
        return name_key(name)
    except SetUpError:
        return name[:80]


def _view(people: People, token: str | None) -> SessionView:
    person = None if token is None else people.of_session(token)
    if person is None or token is None:
        return SessionView(is_open=False)
    may = tuple(role for role in Role if role in person.may)
    return SessionView(
        is_open=False,
        name=person.name,
        role=person.role,
        may=may,
        csrf=csrf_of(token),
        ends_in_s=people.ends_in_s(token),
    )
