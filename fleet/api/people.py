"""Routes with which an administrator lets people and programs in: what the command line does, from the console.

Whoever comes with a token changes nothing here: a token that leaked must not make others. Secrets are in one answer and
nowhere else, so an `Idempotency-Key` is ignored: its answer would be kept.
"""

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from contract.frozen import Frozen, TimeUs
from fleet.api.guard import person_of
from fleet.api.models import PersonName
from fleet.api.parts import Parts
from fleet.errors import NotFound, Refused, SetUpError
from fleet.records.auth import Role
from fleet.records.people import People, User

Answer = TypeVar("Answer")
_DAY_US = 86_400_000_000


class PersonView(Frozen):
    """has_password: the link was used. signed_in_at_us: last; null never. sessions: that have not ended yet."""

    name: str
    role: Role
    is_pilot: bool
    is_disabled: bool
    has_password: bool
    signed_in_at_us: TimeUs | None
    sessions: int


class OfPerson(Frozen):
    name: PersonName


class RoleOfPerson(OfPerson):
    """is_pilot: may also let vehicles go, beside any role."""

    role: Role
    is_pilot: bool = False


class Invitation(Frozen):
    """Shown once: behind /#set-up= of the console's address it is a link with which the person chooses a password."""

    name: str
    secret: str
    lasts_h: int = 24


class TokenView(Frozen):
    person: str
    name: str
    scopes: tuple[Role, ...]
    expires_at_us: TimeUs


class OfToken(Frozen):
    person: PersonName
    name: PersonName


class NewToken(OfToken):
    """scopes: rules of the routes it opens, of those that its person has."""

    scopes: Annotated[tuple[Role, ...], Field(min_length=1, max_length=len(Role))]
    days: Annotated[int, Field(ge=1, le=366, description="until it expires")] = 90


class MadeToken(OfToken):
    """Shown once."""

    token: str


def people_routes(parts: Parts) -> APIRouter:
    router = APIRouter(dependencies=[Depends(parts.guard.requires(Role.ADMIN))])
    core = parts.core

    def known() -> People:
        if parts.guard.people is None:
            raise Refused("nobody signs in here: this is the open demo")
        return parts.guard.people

    async def change(request: Request, act: Callable[[People, str], Answer]) -> Answer:
        """`act` with the name of who asks, where the store is written."""
        people, person = known(), person_of(request)
        if person is None or person.token is not None:
            raise Refused("a token lets nobody in: sign in as an administrator")
        return await core(lambda: _refusing(lambda: act(people, person.name)))

    @router.get("/people")
    async def get_people() -> list[PersonView]:
        """Who is let in, and as what."""
        people = known()
        last = people.signed_in_at_us()
        return [_view(people, user, last.get(user.name)) for user in people.users()]

    @router.post("/people")
    async def add_person(request: Request, body: RoleOfPerson) -> Invitation:
        """Somebody new, who chooses a password behind a link that is good once and for a day."""
        return await change(
            request,
            lambda people, by: Invitation(
                name=body.name, secret=people.add(body.name, body.role, is_pilot=body.is_pilot, by=by)
            ),
        )

    @router.post("/people/role")
    async def give_role(request: Request, body: RoleOfPerson) -> PersonView:
        """In force at once. Not of the last administrator."""

        def give(people: People, by: str) -> PersonView:
            people.give_role(_there(people, body.name).name, body.role, is_pilot=body.is_pilot, by=by)
            return _seen(people, body.name)

        return await change(request, give)

    @router.post("/people/disable")
    async def disable_person(request: Request, body: OfPerson) -> PersonView:
        """Let in no more: sessions, tokens and links are void. Not the last administrator."""

        def disable(people: People, by: str) -> PersonView:
            people.disable(_there(people, body.name).name, by=by)
            return _seen(people, body.name)

        return await change(request, disable)

    @router.post("/people/reset")
    async def reset_person(request: Request, body: OfPerson) -> Invitation:
        """A new link for who forgot the password or was let in no more; what they had is void."""

        def reset(people: People, by: str) -> Invitation:
            user = _there(people, body.name)
            return Invitation(name=user.name, secret=people.reset(user.name, by=by))

        return await change(request, reset)

    @router.post("/people/end-sessions")
    async def end_sessions(request: Request, body: OfPerson) -> PersonView:
        """Signed out everywhere, within seconds on open pages too."""

        def end(people: People, by: str) -> PersonView:
            people.end_sessions(_there(people, body.name).name, by=by)
            return _seen(people, body.name)

        return await change(request, end)

    @router.get("/tokens")
    async def get_tokens() -> list[TokenView]:
        """Those that are good, whose they are and until when."""
        people = known()
        names = {user.key: user.name for user in people.users()}
        return [
            TokenView(
                person=names[token.user],
                name=token.name,
                scopes=tuple(role for role in Role if role in token.scopes),
                expires_at_us=token.expires_at_us,
            )
            for token in people.tokens()
            if token.user in names
        ]

    @router.post("/tokens")
    async def make_token(request: Request, body: NewToken) -> MadeToken:
        """For a program that asks in a person's name and may never do more than that person."""

        def make(people: People, by: str) -> MadeToken:
            user = _there(people, body.person)
            token = people.add_token(user.name, body.name, body.scopes, lasts_us=body.days * _DAY_US, by=by)
            return MadeToken(person=user.name, name=body.name, token=token)

        return await change(request, make)

    @router.post("/tokens/revoke", status_code=204)
    async def revoke_token(request: Request, body: OfToken) -> None:
        """It opens nothing any more."""
        await change(
            request, lambda people, by: people.revoke_token(_there(people, body.person).name, body.name, by=by)
        )

    return router


def _refusing(act: Callable[[], Answer]) -> Answer:
    """What stops the command line with one line is a refusal here."""
    try:
        return act()
    except SetUpError as err:
        raise Refused(str(err)) from err


def _there(people: People, name: str) -> User:
    user = people.user(name)
    if user is None:
        raise NotFound(f"person '{name}': there is none")
    return user


def _seen(people: People, name: str) -> PersonView:
    user = _there(people, name)
    return _view(people, user, people.signed_in_at_us().get(user.name))


def _view(people: People, user: User, signed_in_at_us: int | None) -> PersonView:
    return PersonView(
        name=user.name,
        role=user.role,
        is_pilot=user.is_pilot,
        is_disabled=user.is_disabled,
        has_password=user.password is not None,
        signed_in_at_us=signed_in_at_us,
        sessions=people.sessions_of(user.key),
    )
