"""The store: one durable transaction a batch, and reads that never wait for it.

All writes come from the event loop's thread (RULINGS 7). What a transaction did is true only after its `with` block
ended without StoreError: acknowledge nothing and act on nothing before. After an error at the commit itself nobody
knows whether it was done: ask the store before doing it again.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic_core import to_json
from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Engine,
    Insert,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    column,
    func,
    insert,
    select,
    text,
)
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
    _write(connection, rows, _insert(table, connection.dialect.name, tuple(rows[0])) if rows else None)


def put(connection: Connection, table: Table, *rows: Mapping[str, object]) -> None:
    """Add, or replace what the rows say of those of the same primary keys; no two rows of the same."""
    _write(connection, rows, _upsert(table, connection.dialect.name, tuple(rows[0])) if rows else None)


def add_new(connection: Connection, table: Table, *rows: Mapping[str, object]) -> None:
    """Those of which no row has the primary key yet."""
    _write(connection, rows, _insert_new(table, connection.dialect.name, tuple(rows[0])) if rows else None)


def among(column: ColumnElement[Any], dialect: str, name: str) -> ColumnElement[bool]:
    """Is it in the list bound as `name`, which is `listed(...)`? The statement is the same however long that is."""
    if dialect == "sqlite":
        return column.in_(select(func.json_each(bindparam(name, type_=Text)).table_valued("value").c.value))
    words = func.json_array_elements_text(cast(bindparam(name, type_=Text), JSON)).column_valued()
    return column == any_(func.array(select(cast(words, column.type)).scalar_subquery()))


def listed(values: Iterable[str | int]) -> str:
    """As `among` wants them."""
    return json.dumps(list(values))


def _write(connection: Connection, rows: Sequence[Mapping[str, object]], statement: Insert | None) -> None:
    if statement is None:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(statement, rows)
    else:
        connection.execute(statement, {"rows": _as_json(rows)})


def _as_json(rows: Sequence[Mapping[str, object]]) -> str:
    """PostgreSQL's text knows no NUL; what comes from the network or from a person may hold one."""
    text = to_json(rows).decode()
    if "\\u0000" in text:
        rows = [{k: v.replace("\0", "\ufffd") if isinstance(v, str) else v for k, v in row.items()} for row in rows]
        text = to_json(rows).decode()
    return text


# Statements are built once: building one takes longer than executing it. PostgreSQL gets all rows as one JSON array: a
# parameter for each value of each row took three times as long.


@cache
def _insert(table: Table, dialect: str, columns: Sequence[str]) -> Insert:
    return insert(table) if dialect == "sqlite" else _from_json(table, columns)


@cache
def _insert_new(table: Table, dialect: str, columns: Sequence[str]) -> Insert:
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return _from_json(table, columns).on_conflict_do_nothing()


@cache
def _upsert(table: Table, dialect: str, columns: Sequence[str]) -> Insert:
    statement = sqlite.insert(table) if dialect == "sqlite" else _from_json(table, columns)
    keys = [column.name for column in table.primary_key]
    new = {name: statement.excluded[name] for name in columns if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=new)


def _from_json(table: Table, columns: Sequence[str]) -> postgresql.Insert:
    rows = func.json_to_recordset(cast(bindparam("rows", type_=Text), JSON))
    typed = rows.table_valued(*(column(name, table.c[name].type) for name in columns)).render_derived(with_types=True)
    return postgresql.insert(table).from_select(columns, select(*(typed.c[name] for name in columns)))


def first_line(err: SQLAlchemyError) -> str:
    """Without statement and values."""
    return str(err.__cause__ or err).strip().splitlines()[0]
