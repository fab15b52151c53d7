"""A client of the real API over a coordinator in memory."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from fleet.api.app import create_api
from fleet.app import api_parts
from fleet.records.archive import Archive, ArchiveRoom
from fleet.records.auth import Tokens, parse_tokens
from tests.fleet.office import Here, Office, open_office

LIVE = "ws://127.0.0.1:8080/api/v1/live"
ROLES = {"viewer": "v-token", "operator": "o-token", "pilot": "p-token", "admin": "a-token"}


def make_client(office: Office, tokens: Tokens | None = None, *, folder: Path | None = None) -> TestClient:
    """folder: of evidence."""
    archive = make_archive(office, folder or Path("no-evidence-here"))
    app = create_api(api_parts(office.fleet, Here(), tokens=tokens, archive=archive))
    return TestClient(app, base_url="http://127.0.0.1:8080")


def make_archive(office: Office, folder: Path, **room: int) -> Archive:
    kept = ArchiveRoom(**{"keep_us": 10**12, "max_bytes": 10**9, "free_bytes": 0, "largest_bytes": 10**8, **room})
    return Archive(folder, kept, store=office.fleet.store, wall_us=office.clock.wall_us, free_bytes=lambda: 10**12)


def make_tokens() -> Tokens:
    lines = [f"{role.title()} Smith:{role}:{hashlib.sha256(t.encode()).hexdigest()}" for role, t in ROLES.items()]
    return parse_tokens("\n".join(lines), source="test")


@pytest.fixture
def office() -> Iterator[Office]:
    with open_office() as opened:
        yield opened


@pytest.fixture
def client(office: Office) -> TestClient:
    return make_client(office)
