"""People, their sessions and API tokens: kept in the store, judged from memory, so that whoever is signed in stays so
while the store is dead (SAFETY 6).

Asking is safe from any thread and never reads the store. Changes are made where the store is written, each with its row
in the audit log in the same transaction; what another process changed (the command line) is here after `refresh`.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import anyio
import structlog
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from contract.clock import Clock
from fleet.errors import Refused, SetUpError, StoreError
from fleet.flight.journal import JournalEntry, JsonValue
from fleet.records.audit import add_entry
from fleet.records.auth import Person, Role, digest_of, drawn_token, duties_of, name_key
from fleet.records.store import Store
from fleet.records.tables import AUDIT
from fleet.records.tables_people import API_TOKENS, INVITATIONS, SESSIONS, USERS

REFRESH_S = 1.0
INVITED_US = 24 * 3_600_000_000
FIRST_INVITED_US = 3_600_000_000
SESSIONS_EACH = 20  # of one person; the oldest ends
SIGN_IN = "sign in"  # the act in the audit log
FIRST = ""  # user of the first administrator's invitation
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """idle_us: without a request and without an open page. whole_us: from sign-in on, whatever happens."""

    idle_us: int = 3_600_000_000
    whole_us: int = 12 * 3_600_000_000


@dataclass(frozen=True, slots=True)
class User:
    key: str
    name: str
    role: Role
    is_pilot: bool
    password: str | None
    is_disabled: bool

    @property
    def duties(self) -> frozenset[Role]:
        return duties_of(self.role, is_pilot=self.is_pilot)


@dataclass(frozen=True, slots=True)
class Session:
    digest: str
    user: str
    expires_at_us: int


@dataclass(frozen=True, slots=True)
class ApiToken:
    digest: str
    user: str
    name: str
    scopes: frozenset[Role]
    expires_at_us: int


@dataclass(frozen=True, slots=True)
class _Known:
    users: dict[str, User]
    sessions: dict[str, Session]
    tokens: dict[str, ApiToken]


class People:
    def __init__(self, store: Store, clock: Clock, *, limits: SessionLimits | None = None) -> None:
        self._store, self._clock = store, clock
        self._limits = limits or SessionLimits()
        self._known = _Known({}, {}, {})
        self._lock = threading.Lock()
        self._used: dict[str, int] = {}  # session to its last use, monotonic; from our start where it was not used yet
        self._ended: set[str] = set()  # also where the store could not be told

    # Asking

    def user(self, name: str) -> User | None:
        try:
            return self._known.users.get(name_key(name))
        except SetUpError:
            return None

    def of_session(self, token: str) -> Person | None:
        """Who is signed in with it; counts as use."""
        session = self._known.sessions.get(digest_of(token))
        if session is None or self._clock.wall_us() >= session.expires_at_us:
            return None
        now_us = self._clock.monotonic_us()
        with self._lock:
            last_us = self._used.get(session.digest, now_us)
            if session.digest in self._ended or now_us - last_us >= self._limits.idle_us:
                return None
            self._used[session.digest] = now_us
        user = self._active(session.user)
        return None if user is None else Person(user.name, user.role, user.duties)

    def ends_in_s(self, token: str) -> float | None:
        """Until this session is over, however much it is used."""
        session = self._known.sessions.get(digest_of(token))
        return None if session is None else max(session.expires_at_us - self._clock.wall_us(), 0) / 1e6

    def of_token(self, token: str) -> Person | None:
        """The person whose API token this is, with what is left to it."""
        held = self._known.tokens.get(digest_of(token))
        if held is None or self._clock.wall_us() >= held.expires_at_us:
            return None
        user = self._active(held.user)
        return None if user is None else Person(user.name, user.role, user.duties & held.scopes, held.name)

    def _active(self, key: str) -> User | None:
        user = self._known.users.get(key)
        return None if user is None or user.is_disabled else user

    # Keeping up

    async def run(self) -> None:
        """Follow what the command line changes; while the store is dead, what was known stays."""
        while True:
            await anyio.sleep(REFRESH_S)
            try:
                self.refresh()
            except StoreError as err:
                log.debug("people are as they were", reason=str(err))

    def refresh(self) -> None:
        """Raises StoreError."""
        now_us = self._clock.wall_us()
        with self._store.reading() as connection:
            users = {row.key: _user(row) for row in connection.execute(select(USERS))}
            query = select(SESSIONS).where(SESSIONS.c.expires_at_us > now_us)
            sessions = {
                row.digest: Session(row.digest, row.user, row.expires_at_us) for row in connection.execute(query)
            }
            held = [
                ApiToken(row.digest, row.user, row.name, _scopes(row.scopes), row.expires_at_us)
                for row in connection.execute(select(API_TOKENS).where(API_TOKENS.c.expires_at_us > now_us))
            ]
        self._know(_Known(users, sessions, {token.digest: token for token in held}))

    def _know(self, known: _Known) -> None:
        now_us = self._clock.monotonic_us()
        with self._lock:
            self._used = {digest: self._used.get(digest, now_us) for digest in known.sessions}
            self._ended &= known.sessions.keys()
        self._known = known

    # Signing in and out

    def begin_session(self, user: User, *, password: str | None, rotated: str | None) -> str:
        """A fresh session's token. password: the same one hashed anew, where parameters changed; rotated: the token of
        the session that this browser had. Raises Refused, StoreError."""
        now_us, token = self._clock.wall_us(), drawn_token()
        with self._store.transaction() as connection:
            row = connection.execute(select(USERS).where(USERS.c.key == user.key)).first()
            if row is None or row.is_disabled or row.password != user.password:
                raise Refused("this person was changed at this moment; sign in again")
            if password is not None:
                connection.execute(update(USERS).where(USERS.c.key == user.key).values(password=password))
            mine = select(SESSIONS.c.digest).where(SESSIONS.c.user == user.key)
            oldest = list(connection.scalars(mine.order_by(SESSIONS.c.began_at_us.desc()).offset(SESSIONS_EACH - 1)))
            over = [*oldest, digest_of(rotated)] if rotated is not None else oldest
            connection.execute(delete(SESSIONS).where(SESSIONS.c.digest.in_(over)))
            connection.execute(delete(SESSIONS).where(SESSIONS.c.expires_at_us <= now_us))
            values = {"digest": digest_of(token), "user": user.key, "began_at_us": now_us}
            connection.execute(insert(SESSIONS).values(**values, expires_at_us=now_us + self._limits.whole_us))
            add_entry(connection, JournalEntry(now_us, user.name, SIGN_IN, f"person {user.name}"))
        self.refresh()
        return token

    def forget_session(self, token: str) -> None:
        """It is over here and now, whatever the store says; the row goes with `end_session`."""
        with self._lock:
            self._ended.add(digest_of(token))

    def end_session(self, token: str, *, by: str, everywhere: bool = False) -> None:
        """Raises StoreError."""
        with self._store.transaction() as connection:
            over = SESSIONS.c.digest == digest_of(token)
            connection.execute(delete(SESSIONS).where(SESSIONS.c.user == name_key(by) if everywhere else over))
            act = "sign out everywhere" if everywhere else "sign out"
            add_entry(connection, JournalEntry(self._clock.wall_us(), by, act, f"person {by}"))
        self.refresh()

    def write_down(self, act: str, subject: str, *, by: str) -> None:
        """In the audit log alone. Raises StoreError."""
        with self._store.transaction() as connection:
            add_entry(connection, JournalEntry(self._clock.wall_us(), by, act, subject))

    # Links that are used once

    def invite_first(self) -> str | None:
        """While there is nobody: the secret of a link for the first administrator; earlier ones are void. Raises
        StoreError."""
        with self._store.transaction() as connection:
            if connection.scalar(select(USERS.c.key).limit(1)) is not None:
                return None
            return self._invited(connection, FIRST, self._clock.wall_us() + FIRST_INVITED_US)

    def invited(self, secret: str) -> str | None:
        """Whose link this is: a name, empty for the first administrator's; None for none that is good. Raises
        StoreError."""
        with self._store.reading() as connection:
            found = self._invitation(connection, secret)
            return found if not found else connection.scalar(select(USERS.c.name).where(USERS.c.key == found))

    def accept(self, secret: str, *, name: str, password: str) -> User:
        """The password (hashed) of whoever has the link, once; the first administrator gets `name`. Every session of
        the person ends. Raises Refused, StoreError."""
        now_us = self._clock.wall_us()
        with self._store.transaction() as connection:
            key = self._invitation(connection, secret)
            is_somebody = connection.scalar(select(USERS.c.key).limit(1)) is not None
            if key is None or (key == FIRST and is_somebody):
                raise Refused("this link is used, expired or wrong; ask for another one")
            connection.execute(delete(INVITATIONS).where(INVITATIONS.c.user == key))
            if key == FIRST:
                key = name_key(name)
                _add(connection, name, Role.ADMIN, is_pilot=False, at_us=now_us)
            connection.execute(update(USERS).where(USERS.c.key == key).values(password=password))
            connection.execute(delete(SESSIONS).where(SESSIONS.c.user == key))
            user = _user(connection.execute(select(USERS).where(USERS.c.key == key)).one())
            add_entry(connection, JournalEntry(now_us, user.name, "set password", f"person {user.name}"))
        self.refresh()
        return user

    def _invitation(self, connection: Connection, secret: str) -> str | None:
        row = connection.execute(select(INVITATIONS).where(INVITATIONS.c.digest == digest_of(secret))).first()
        return None if row is None or row.expires_at_us <= self._clock.wall_us() else row.user

    def _invited(self, connection: Connection, key: str, expires_at_us: int) -> str:
        secret = drawn_token()
        connection.execute(delete(INVITATIONS).where(INVITATIONS.c.user == key))
        values = {"user": key, "digest": digest_of(secret), "expires_at_us": expires_at_us}
        connection.execute(insert(INVITATIONS).values(**values))
        return secret

    # What administrators and the command line change; each raises SetUpError and StoreError

    def users(self) -> list[User]:
        return sorted(self._known.users.values(), key=lambda user: user.key)

    def tokens(self) -> list[ApiToken]:
        return sorted(self._known.tokens.values(), key=lambda token: (token.user, token.name))

    def add(self, name: str, role: Role, *, is_pilot: bool, by: str) -> str:
        """The secret of the link with which the person chooses a password."""
        now_us, key = self._clock.wall_us(), name_key(name)
        with self._store.transaction() as connection:
            if connection.scalar(select(USERS.c.key).where(USERS.c.key == key)) is not None:
                raise SetUpError(f"'{name}': there is a person of this name")
            _add(connection, name, role, is_pilot=is_pilot, at_us=now_us)
            connection.execute(delete(INVITATIONS).where(INVITATIONS.c.user == FIRST))
            detail: dict[str, JsonValue] = {"role": role.value, "is_pilot": is_pilot}
            add_entry(connection, JournalEntry(now_us, by, "add person", f"person {name}", detail=detail))
            secret = self._invited(connection, key, now_us + INVITED_US)
        self.refresh()
        return secret

    def give_role(self, name: str, role: Role, *, is_pilot: bool, by: str) -> None:
        """In force at once, for the sessions and tokens that there are."""
        values = {"role": role.value, "is_pilot": is_pilot}
        with self._store.transaction() as connection:
            user = self._change(connection, name, by=by, act="give role", **values)
            if role is not Role.ADMIN:
                _keep_an_admin(connection, user)
            connection.execute(update(USERS).where(USERS.c.key == user.key).values(**values))
        self.refresh()

    def disable(self, name: str, *, by: str) -> None:
        """Let in no more: sessions, tokens and links are void."""
        with self._store.transaction() as connection:
            user = self._change(connection, name, by=by, act="disable person")
            _keep_an_admin(connection, user)
            self._void(connection, user.key)
            connection.execute(update(USERS).where(USERS.c.key == user.key).values(is_disabled=True))
        self.refresh()

    def reset(self, name: str, *, by: str, even_the_last: bool = False) -> str:
        """As `disable`, and the secret of a link with which the person comes back. even_the_last: administrator, where
        nobody else could make another link if this one were lost."""
        with self._store.transaction() as connection:
            user = self._change(connection, name, by=by, act="reset person")
            if not even_the_last:
                _keep_an_admin(connection, user)
            self._void(connection, user.key)
            values = {"is_disabled": False, "password": None}
            connection.execute(update(USERS).where(USERS.c.key == user.key).values(**values))
            secret = self._invited(connection, user.key, self._clock.wall_us() + INVITED_US)
        self.refresh()
        return secret

    def end_sessions(self, name: str, *, by: str) -> None:
        """Signed out everywhere; the password and the tokens stay."""
        with self._store.transaction() as connection:
            user = self._change(connection, name, by=by, act="end sessions")
            connection.execute(delete(SESSIONS).where(SESSIONS.c.user == user.key))
        self.refresh()

    def sessions_of(self, key: str) -> int:
        """How many there are, idle ones too."""
        return sum(session.user == key for session in self._known.sessions.values())

    def signed_in_at_us(self) -> dict[str, int]:
        """When each person signed in last, by the name that the audit log has. Raises StoreError."""
        columns = AUDIT.c
        query = (
            select(columns.actor, func.max(columns.at_us).label("last_us"))
            .where(columns.act == SIGN_IN)
            .group_by(columns.actor)
        )
        with self._store.reading() as connection:
            return {row.actor: row.last_us for row in connection.execute(query)}

    def add_token(self, of: str, name: str, scopes: Iterable[Role], *, lasts_us: int, by: str) -> str:
        """The token itself, to be shown once."""
        now_us, token, wanted = self._clock.wall_us(), drawn_token(), sorted({scope.value for scope in scopes})
        with self._store.transaction() as connection:
            user = self._change(connection, of, by=by, act="add token", token=name, scopes=", ".join(wanted))
            over = _scopes(wanted) - user.duties
            if over or not wanted:
                what = ", ".join(sorted(scope.value for scope in over)) or "no scope"
                raise SetUpError(f"token '{name}': expected scopes that {user.name} has, got {what}")
            mine = (API_TOKENS.c.user == user.key) & (API_TOKENS.c.name == name)
            if connection.scalar(select(API_TOKENS.c.digest).where(mine)) is not None:
                raise SetUpError(f"token '{name}': {user.name} has one of this name; revoke it first")
            values = {"digest": digest_of(token), "user": user.key, "name": name, "scopes": wanted}
            times = {"made_at_us": now_us, "expires_at_us": now_us + lasts_us}
            connection.execute(insert(API_TOKENS).values(**values, **times))
        self.refresh()
        return token

    def revoke_token(self, of: str, name: str, *, by: str) -> None:
        with self._store.transaction() as connection:
            user = self._change(connection, of, by=by, act="revoke token", token=name)
            mine = (API_TOKENS.c.user == user.key) & (API_TOKENS.c.name == name)
            if connection.execute(delete(API_TOKENS).where(mine)).rowcount == 0:
                raise SetUpError(f"token '{name}': {user.name} has none of this name")
        self.refresh()

    def _change(self, connection: Connection, name: str, *, by: str, act: str, **detail: str | bool) -> User:
        """The person who is changed, and the row in the audit log."""
        row = connection.execute(select(USERS).where(USERS.c.key == name_key(name))).first()
        if row is None:
            raise SetUpError(f"'{name}': there is no person of this name")
        user = _user(row)
        at_us, subject = self._clock.wall_us(), f"person {user.name}"
        add_entry(connection, JournalEntry(at_us, by, act, subject, detail=detail))
        return user

    def _void(self, connection: Connection, key: str) -> None:
        for table in (SESSIONS, API_TOKENS, INVITATIONS):
            connection.execute(delete(table).where(table.c.user == key))


def _add(connection: Connection, name: str, role: Role, *, is_pilot: bool, at_us: int) -> None:
    values = {"key": name_key(name), "name": name, "role": role.value, "is_pilot": is_pilot, "password": None}
    connection.execute(insert(USERS).values(**values, is_disabled=False, added_at_us=at_us))


def _keep_an_admin(connection: Connection, user: User) -> None:
    """Raises SetUpError where nobody but `user` could let people in."""
    able = (USERS.c.role == Role.ADMIN.value) & ~USERS.c.is_disabled & USERS.c.password.is_not(None)
    admins = set(connection.scalars(select(USERS.c.key).where(able)))
    if admins == {user.key}:
        raise SetUpError(f"'{user.name}' is the last administrator: make another one first")


def _user(row: Row[Any]) -> User:
    return User(row.key, row.name, Role(row.role), row.is_pilot, row.password, row.is_disabled)


def _scopes(names: Iterable[str]) -> frozenset[Role]:
    return frozenset(Role(name) for name in names)
