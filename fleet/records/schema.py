"""The tables of a store and their versions: made, adopted, upgraded, never downgraded.

The newest version is that of the last file in migrations/versions. Only what is older needs Alembic, so it is imported
only then.
"""

import pkgutil
from importlib import import_module
from pathlib import Path

from sqlalchemy import Connection, inspect, text

import fleet.records
from fleet.errors import SetUpError
from fleet.records.tables import METADATA

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "alembic_version"
OLD_VERSION_TABLE = "schema_version"  # of stores from before there were migrations
UNNUMBERED = "0000"  # their version
UPGRADING = 0x7665_6465_7474_66  # of the advisory lock under which PostgreSQL's tables change

# Tables may stand in files of their own beside tables.py: all of them belong to METADATA.
for _module in pkgutil.iter_modules(fleet.records.__path__):
    if "tables" in _module.name:
        import_module(f"fleet.records.{_module.name}")


def newest_version() -> str:
    return max(_versions())


def version_of(connection: Connection, *, name: str) -> str | None:
    """None: there is nothing yet. Raises SetUpError for what is newer than we are or not a store."""
    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE in tables:
        found = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - a constant
        if found not in _versions():
            raise SetUpError(
                f"store {name}: expected version {newest_version()} at most, got {found}: made by newer software"
            )
        return str(found)
    if OLD_VERSION_TABLE in tables:
        found = connection.scalar(text(f"SELECT version FROM {OLD_VERSION_TABLE}"))  # noqa: S608 - a constant
        if found != 1:
            raise SetUpError(f"store {name}: expected schema version 1, got {found}")
        return UNNUMBERED
    strange = sorted(tables & set(METADATA.tables))
    if strange:
        raise SetUpError(f"store {name}: table '{strange[0]}' is there, and nothing says of which version")
    return None


def made_ready(connection: Connection, *, name: str) -> None:
    """Tables of the newest version, all in the caller's transaction. Raises SetUpError."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({UPGRADING})"))
    version = version_of(connection, name=name)
    if version is None:
        METADATA.create_all(connection)
        connection.execute(text(f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        _write_version(connection, newest_version())
    elif version != newest_version():
        if version == UNNUMBERED:
            connection.execute(text(f"DROP TABLE {OLD_VERSION_TABLE}"))
        from fleet.records.migrations.running import upgrade  # noqa: PLC0415 - a third of a second

        upgrade(connection)


def _write_version(connection: Connection, version: str) -> None:
    connection.execute(text(f"INSERT INTO {VERSION_TABLE} VALUES (:version)"), {"version": version})  # noqa: S608


def _versions() -> list[str]:
    """As their files are called: v0001_words.py."""
    return [path.name[1:5] for path in (MIGRATIONS / "versions").glob("v[0-9][0-9][0-9][0-9]_*.py")]
