"""PostgreSQL behind the store: durable commits, reading snapshots, one coordinator, and no waiting for a lost database.

All on the caller's thread, as with SQLite (docs/adr/0008). After a loss everybody is refused at once, and a thread of
its own asks until the database answers again.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from psycopg.types.string import StrDumper
from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from fleet.errors import SetUpError, StoreError

CONNECT_TIMEOUT_S = 2  # the least that libpq takes
NO_ANSWER_MS = 3_000  # from a host that is gone; the loop waits so long, once
STATEMENT_TIMEOUT_MS = 5_000
LEASE_TRIES = 15  # until the server has noticed that a killed coordinator is gone
AGAIN_S = 0.3
READERS = 4
LEASE = 0x7665_6465_7474_65  # "vedette": of the advisory lock that one coordinator holds in a database
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Database:
    """Where a PostgreSQL store is. `url` holds no password."""

    url: str
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None

    def __str__(self) -> str:
        return self.url


class _Words(StrDumper):
    """PostgreSQL's text knows no NUL; what comes from the network or from a person may hold one."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\ufffd"))


class Line:
    """Whether the database answers. Safe from any thread."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._reason: str | None = None
        self._closing = threading.Event()
        self._asking: threading.Thread | None = None

    def check(self) -> None:
        """Raises StoreError while it is lost."""
        reason = self._reason
        if reason is not None:
            raise StoreError(f"store: {reason}")

    def failed(self, err: SQLAlchemyError, reason: str) -> None:
        """Takes the line for lost where the error says so."""
        if not isinstance(err, DBAPIError) or not (err.connection_invalidated or err.statement is None):
            return
        with self._lock:
            if self._reason is not None or self._closing.is_set():
                return
            self._reason = reason
            self._asking = threading.Thread(target=self._ask_until_answered, name="store line", daemon=True)
            self._asking.start()
        log.warning("database lost", reason=reason)

    def close(self) -> None:
        self._closing.set()
        if self._asking is not None:
            self._asking.join()

    def _ask_until_answered(self) -> None:
        while not self._closing.wait(AGAIN_S):
            try:
                self._ask()
            except SQLAlchemyError:
                continue
            self._reason = None
            log.info("database answers again")
            return


def writer_of(database: Database, *, alone: bool) -> Engine:
    """One connection. `alone`: it holds the lease, and is refused with StoreError while another coordinator does.

    It asks by keys only. A new table has no statistics: the plan that was made while it was empty reads all of it, and
    is kept while it grows.
    """
    engine = _engine(database, "-c synchronous_commit=on -c enable_seqscan=off", pool_size=1, max_overflow=0)
    if alone:

        def on_connect(connection: Any, _record: object) -> None:
            is_ours = connection.execute(f"SELECT pg_try_advisory_lock({LEASE})").fetchone()[0]
            connection.commit()
            if not is_ours:
                connection.close()
                raise StoreError("store: another coordinator runs on it")

        event.listen(engine, "connect", on_connect)
    return engine


def reader_of(database: Database) -> Engine:
    """Each transaction sees one moment and cannot write."""
    options = "-c default_transaction_read_only=on -c default_transaction_isolation=repeatable\\ read"
    return _engine(database, options, pool_size=READERS, max_overflow=READERS)


def asks(engine: Engine) -> None:
    """Raises SQLAlchemyError when there is no answer."""
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))


def take_lease(writer: Engine, database: Database) -> None:
    """Raises SetUpError when another coordinator keeps it, SQLAlchemyError when there is no database."""
    for left in reversed(range(LEASE_TRIES)):
        try:
            asks(writer)
        except StoreError as err:
            if not left:
                raise SetUpError(f"store {database}: another coordinator runs on it") from err
            time.sleep(AGAIN_S)
        else:
            return


def parse_database_url(words: str) -> URL:
    """Raises ValueError, without the words: they may hold what is secret."""
    try:
        url = make_url(words)
    except (SQLAlchemyError, ValueError):
        raise ValueError("expected postgresql://USER@HOST:PORT/DATABASE") from None
    if url.drivername != "postgresql" or not url.database or not url.username:
        raise ValueError("expected postgresql://USER@HOST:PORT/DATABASE")
    if url.password is not None:
        raise ValueError("a password stands in password_file or password_env, not in the url")
    if set(url.query) - {"host"}:
        raise ValueError("expected nothing behind '?' but host=FOLDER of a socket")
    return url


def _engine(database: Database, options: str, *, pool_size: int, max_overflow: int) -> Engine:
    url = parse_database_url(database.url).set(drivername="postgresql+psycopg")
    if database.password is not None:
        url = url.set(password=database.password)
    tls = {"sslmode": "verify-full", "sslrootcert": str(database.ca_file)} if database.ca_file is not None else {}
    # The server too lets go of who is silent, and with it of the lease.
    server = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=CONNECT_TIMEOUT_S,
        connect_args={
            "application_name": "vedette-fleet",
            "connect_timeout": CONNECT_TIMEOUT_S,
            "keepalives_idle": 1,
            "keepalives_interval": 1,
            "keepalives_count": 2,
            "tcp_user_timeout": NO_ANSWER_MS,
            "options": f"{options} {server} -c statement_timeout={STATEMENT_TIMEOUT_MS}",
            **tls,
        },
    )
    engine.dialect.use_insertmanyvalues_wo_returning = True  # many rows are one statement, not a statement each
    event.listen(engine, "connect", lambda connection, _record: connection.adapters.register_dumper(str, _Words))
    return engine
