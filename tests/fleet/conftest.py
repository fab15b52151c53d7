"""The two kinds of store: what is tested of one is tested of both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from fleet.records.postgres import Database
from fleet.records.store import Store, open_store
from fleet.records.tables import METADATA
from sim.postgres import Postgres, find_postgres
from tests.conftest import need

TEMPLATE = "ready"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests of a worker, with a database of the newest version to copy."""
    need(find_postgres(), "PostgreSQL's programs (apt-get install postgresql)")
    with Postgres(is_durable=False) as server:
        server.tell(f"CREATE DATABASE {TEMPLATE}")
        with open_store(server.named(TEMPLATE)):
            pass
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | Database:
    """Of a store for a test that opens it itself. SQLite's is not made yet, PostgreSQL's has its tables."""
    if request.param == "sqlite":
        return tmp_path / "fleet.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database(template=TEMPLATE)


@pytest.fixture(scope="session")
def shared_store(postgres: Postgres) -> Iterator[Store]:
    with open_store(postgres.database(template=TEMPLATE)) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty one, open."""
    if request.param == "sqlite":
        with open_store(tmp_path / "fleet.db") as opened:
            yield opened
        return
    shared: Store = request.getfixturevalue("shared_store")
    with shared.transaction() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(METADATA.tables)} RESTART IDENTITY"))
    yield shared
