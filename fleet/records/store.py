"""The store: one durable transaction a batch, and reads that never wait for it.

All writes come from the event loop's thread (RULINGS 7). What a transaction did is true only after its `with` block
ended without StoreError: acknowledge nothing and act on nothing before. After an error at the commit itself nobody
knows whether it was done: ask the store before doing it again.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, Insert, Table, insert, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from fleet.errors import SetUpError, StoreError
from fleet.records.postgres import Database, Line, asks, reader_of, take_lease, writer_of
from fleet.records.schema import made_ready, newest_version, version_of
from fleet.records.sqlite import in_memory, on_file
from fleet.records.tables import METADATA

Place = Path | Database | None  # a SQLite file, a PostgreSQL database, or memory


class Store:
    """SQLite (in memory in a replay) or PostgreSQL; `line` watches over a database that may be lost."""

    def __init__(self, writer: Engine, reader: Engine, *, line: Line | None = None) -> None:
        self._writer = writer
        self._reader = reader
        self._line = line

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All of it or nothing, on disk at the end. Raises StoreError."""
        with self._begun(self._writer) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A snapshot on a connection of its own. Raises StoreError."""
        with self._begun(self._reader) as connection:
            yield connection

    @contextmanager
    def _begun(self, engine: Engine) -> Iterator[Connection]:
        if self._line is not None:
            self._line.check()
        try:
            with engine.begin() as connection:
                yield connection
        except SQLAlchemyError as err:
            reason = first_line(err)
            if self._line is not None:
                self._line.failed(err, reason)
            raise StoreError(f"store: {reason}") from err


@contextmanager
def open_store(place: Place, *, alone: bool = False) -> Iterator[Store]:
    """The store, made when missing and upgraded when older. `alone`: no other coordinator may have this database (a
    file's folder is locked by fleet/app). Raises SetUpError for what is not ours, newer than we are or out of reach."""
    with ExitStack() as stack:
        line = None
        if place is None:
            writer = reader = in_memory()
            stack.callback(writer.dispose)
            METADATA.create_all(writer)
        else:
            if isinstance(place, Database):
                writer, reader = writer_of(place, alone=alone), reader_of(place)
                line = Line(lambda: asks(reader))
                stack.callback(line.close)
            else:
                writer, reader = on_file(place, read_only=False), on_file(place, read_only=True)
            stack.callback(writer.dispose)
            stack.callback(reader.dispose)
            try:
                if isinstance(place, Database):
                    take_lease(writer, place)
                with writer.begin() as connection:
                    made_ready(connection, name=str(place))
            except SQLAlchemyError as err:
                raise SetUpError(f"store {place}: {first_line(err)}") from err
        yield Store(writer, reader, line=line)


@contextmanager
def open_for_reading(place: Path | Database) -> Iterator[Store]:
    """A store that another process may write meanwhile: nothing is made, upgraded or written through this. Raises
    SetUpError for none and for one of another version."""
    if isinstance(place, Path) and not place.is_file():
        raise SetUpError(f"store {place}: there is none yet")
    engine = reader_of(place) if isinstance(place, Database) else on_file(place, read_only=True)
    try:
        with engine.begin() as connection:
            version = version_of(connection, name=str(place))
        if version != newest_version():
            words = "there is none yet" if version is None else f"version {version}, expected {newest_version()}"
            raise SetUpError(f"store {place}: {words}")
        yield Store(engine, engine)
    except SQLAlchemyError as err:
        raise SetUpError(f"store {place}: {first_line(err)}") from err
    finally:
        engine.dispose()


@dataclass(frozen=True, slots=True)
class Condition:
    """Of a store that nobody changed meanwhile."""

    words: str
    is_good: bool


def condition_of(place: Path | Database) -> Condition:
    """Version and wholeness, from a connection that cannot write. Raises SetUpError."""
    if isinstance(place, Path) and not place.is_file():
        return Condition(f"store {place}: there is none yet", is_good=False)
    engine = reader_of(place) if isinstance(place, Database) else on_file(place, read_only=True)
    try:
        with engine.begin() as connection:
            version = version_of(connection, name=str(place))
            faults = [] if isinstance(place, Database) else connection.scalars(text("PRAGMA quick_check")).all()
    except SQLAlchemyError as err:
        raise SetUpError(f"store {place}: {first_line(err)}") from err
    finally:
        engine.dispose()
    broken = [fault for fault in faults if fault != "ok"]
    if version is None:
        words = "there is none yet"
    elif broken:
        words = f"version {version}, damaged: {broken[0]}"
    elif version != newest_version():
        words = f"version {version}; this software has {newest_version()}"
    else:
        words = f"version {version}, as this software has it"
    return Condition(f"store {place}: {words}", is_good=version == newest_version() and not broken)


def add(connection: Connection, table: Table, *rows: Mapping[str, object]) -> None:
    """One or many of the same columns, in one call."""
    if rows:
        connection.execute(_insert(table), rows)


def put(connection: Connection, table: Table, *rows: Mapping[str, object]) -> None:
    """Add, or replace what the rows say of those of the same primary keys."""
    if rows:
        connection.execute(_upsert(table, connection.dialect.name, tuple(rows[0])), rows)


def add_new(connection: Connection, table: Table, *rows: Mapping[str, object]) -> None:
    """Those of which no row has the primary key yet."""
    if rows:
        connection.execute(_insert_new(table, connection.dialect.name), rows)


@cache
def _insert(table: Table) -> Insert:
    """Built once: building a statement takes longer than executing it."""
    return insert(table)


@cache
def _insert_new(table: Table, dialect: str) -> Insert:
    return (sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)).on_conflict_do_nothing()


@cache
def _upsert(table: Table, dialect: str, columns: Sequence[str]) -> Insert:
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    keys = [column.name for column in table.primary_key]
    new = {name: statement.excluded[name] for name in columns if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=new)


def first_line(err: SQLAlchemyError) -> str:
    """Without statement and values."""
    return str(err.__cause__ or err).strip().splitlines()[0]
