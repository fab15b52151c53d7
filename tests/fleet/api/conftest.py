"""A client of the real API over a coordinator in memory."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from sqlalchemy import Connection, insert

from fleet.api.app import create_api
from fleet.api.core import Core
from fleet.api.guard import Guard
from fleet.api.limits import RequestLimits
from fleet.app import api_parts
from fleet.history.reader import HistoryReader
from fleet.records import passwords
from fleet.records.archive import Archive, ArchiveRoom
from fleet.records.auth import Role, digest_of, name_key
from fleet.records.node_credentials import NodeCredentials
from fleet.records.people import People
from fleet.records.tables_people import API_TOKENS, USERS
from tests.fleet.office import Here, Office, open_office

LIVE = "ws://127.0.0.1:8080/api/v1/live"
ROLES = {"viewer": "v-token", "operator": "o-token", "pilot": "p-token", "supervisor": "s-token", "admin": "a-token"}


def make_client(
    office: Office,
    people: People | None = None,
    *,
    folder: Path | None = None,
    limits: RequestLimits | None = None,
    is_secure: bool = False,
    core: Core | None = None,
    history: Path | None = None,
) -> TestClient:
    """folder: of evidence; people None: the open demo."""
    archive = make_archive(office, folder or Path("no-evidence-here"))
    parts = api_parts(
        office.fleet,
        core or Here(),
        people=people,
        archive=archive,
        history=HistoryReader(history or Path("no-history-here")),
        clock=office.clock,
        is_secure=is_secure,
    )
    if limits is not None:
        nodes = NodeCredentials(office.fleet.store).node_of
        guard = Guard(people, nodes=nodes, clock=office.clock, is_secure=is_secure, limits=limits)
        parts = replace(parts, guard=guard)
    scheme = "https" if is_secure else "http"
    return TestClient(create_api(parts), base_url=f"{scheme}://127.0.0.1:8080")


def make_archive(office: Office, folder: Path, **room: int) -> Archive:
    kept = ArchiveRoom(**{"keep_us": 10**12, "max_bytes": 10**9, "free_bytes": 0, "largest_bytes": 10**8, **room})
    return Archive(folder, kept, store=office.fleet.store, wall_us=office.clock.wall_us, free_bytes=lambda: 10**12)


def make_people(office: Office) -> People:
    """One person for each role, 'Operator Smith' and so on, each with the API token of ROLES that may all they may."""
    people = People(office.fleet.store, office.clock)
    people.refresh()
    if not people.users():
        with office.fleet.store.transaction() as connection:
            for role, token in ROLES.items():
                add_person(connection, f"{role.title()} Smith", Role(role), token)
        people.refresh()
    return people


def add_person(connection: Connection, name: str, role: Role, token: str) -> None:
    """With a token that the test knows."""
    values = {"key": name_key(name), "name": name, "role": role.value, "is_pilot": False, "password": None}
    connection.execute(insert(USERS).values(**values, is_disabled=False, added_at_us=0))
    held = {"digest": digest_of(token), "user": name_key(name), "name": "test", "scopes": [each.value for each in Role]}
    connection.execute(insert(API_TOKENS).values(**held, made_at_us=0, expires_at_us=2**52))


@pytest.fixture
def office() -> Iterator[Office]:
    with open_office() as opened:
        yield opened


@pytest.fixture
def client(office: Office) -> TestClient:
    return make_client(office)


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real ones have a test of their own."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", quick)
    monkeypatch.setattr(passwords, "NOBODYS", quick.hash("nobody's own password"))


@pytest.fixture
def people(office: Office) -> People:
    """Nobody yet."""
    found = People(office.fleet.store, office.clock)
    found.refresh()
    return found
