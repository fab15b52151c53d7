"""The store: one durable transaction a batch, and reads that never wait for it.

All writes come from the event loop's thread (RULINGS 7). What a transaction did is true only after its `with` block
ended without StoreError: acknowledge nothing and act on nothing before.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from fleet.errors import SetUpError, StoreError
from fleet.records.tables import METADATA, SCHEMA, SCHEMA_VERSION

BUSY_TIMEOUT_S = 5.0


class Store:
    """SQLite in WAL with synchronous=FULL; in memory when opened without a path (replay)."""

    def __init__(self, writer: Engine, reader: Engine) -> None:
        self._writer = writer
        self._reader = reader

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All of it or nothing, on disk at the end. Raises StoreError."""
        try:
            with self._writer.begin() as connection:
                yield connection
        except SQLAlchemyError as err:
            raise StoreError(f"store: {_first_line(err)}") from err

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A snapshot on a connection of its own. Raises StoreError."""
        try:
            with self._reader.begin() as connection:
                yield connection
        except SQLAlchemyError as err:
            raise StoreError(f"store: {_first_line(err)}") from err


@contextmanager
def open_store(path: Path | None) -> Iterator[Store]:
    """The store at `path` (made when missing). Raises SetUpError for a file that is not ours or of another version."""
    if path is None:
        writer = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        reader = writer
        _prepare(writer, read_only=False)
    else:
        writer = _engine(path)
        reader = _engine(path)
        _prepare(writer, read_only=False)
        _prepare(reader, read_only=True)
    try:
        try:
            with writer.begin() as connection:
                METADATA.create_all(connection)
                versions = connection.scalars(select(SCHEMA.c.version)).all()
                if not versions:
                    connection.execute(insert(SCHEMA).values(version=SCHEMA_VERSION))
        except SQLAlchemyError as err:
            raise SetUpError(f"store {path}: {_first_line(err)}") from err
        if versions and list(versions) != [SCHEMA_VERSION]:
            raise SetUpError(f"store {path}: expected schema version {SCHEMA_VERSION}, got {versions[0]}")
        yield Store(writer, reader)
    finally:
        reader.dispose()
        writer.dispose()


def put(connection: Connection, table: Table, values: Mapping[str, object]) -> None:
    """Insert, or replace the row of the same primary key."""
    keys = [column == values[column.name] for column in table.primary_key]
    if connection.execute(update(table).where(*keys).values(**values)).rowcount == 0:
        connection.execute(insert(table).values(**values))


def _engine(path: Path) -> Engine:
    return create_engine(
        f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_S}, pool_size=1
    )


def _prepare(engine: Engine, *, read_only: bool) -> None:
    """pysqlite opens transactions when it sees fit; we say BEGIN ourselves so that a transaction is what it seems."""

    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)


def _first_line(err: SQLAlchemyError) -> str:
    return str(err.__cause__ or err).splitlines()[0]
