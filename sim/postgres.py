"""A PostgreSQL server of our own in a temporary folder, on a socket only: for tests and benchmarks."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
from sqlalchemy import make_url

from fleet.records.postgres import Database
from sim.demo_setup import DemoError

USER, PASSWORD = "vedette", "sesame of a server that nobody else reaches"
INITDB_WITHIN_S = 60.0
READY_TRIES, AGAIN_S = 1200, 0.05
SERVANTS = ("postgres", "nobody")  # who it runs as where we are root, which it refuses


def find_postgres() -> Path | None:
    """The folder of its programs, the newest first."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    return next((folder for folder in folders if (folder / "postgres").is_file()), None)


class Postgres:
    """A context. `is_durable` False: commits do not wait for the disk."""

    def __init__(self, *, is_durable: bool) -> None:
        self._is_durable = is_durable
        self._made = 0
        self._folder = Path()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Postgres":
        programs = find_postgres()
        if programs is None:
            raise DemoError("expected PostgreSQL's programs (apt-get install postgresql)")
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="vedette-pg-"))
        self._servant = _servant()
        if self._servant is not None:
            os.chown(self._folder, self._servant.pw_uid, self._servant.pw_gid)
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)  # in a folder that is the servant's own
        self._run("initdb", "-D", str(self._data), "-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}", "--no-sync")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Raises DemoError when it does not come up."""
        settings = {"listen_addresses": "", "unix_socket_directories": str(self._folder), "max_connections": "60"}
        if not self._is_durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the server
                [str(self._programs / "postgres"), "-D", str(self._data), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                **self._as_servant(),
            )
        for left in reversed(range(READY_TRIES)):
            try:
                self.tell("SELECT 1")
            except psycopg.OperationalError as err:
                if self._process.poll() is not None or not left:
                    raise DemoError(f"PostgreSQL does not come up: {err}") from err
                time.sleep(AGAIN_S)
            else:
                return

    def stop(self) -> None:
        """At once; what was committed is there when it starts again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def tell(self, statement: str, *, database: str = "postgres") -> None:
        """As its administrator, outside of any transaction."""
        address = f"host={self._folder} user={USER} dbname={database}"
        with closing(psycopg.connect(address, password=PASSWORD, autocommit=True)) as connection:
            connection.execute(statement.encode())

    def cut_off(self, place: Database) -> None:
        """All who are connected to it."""
        name = make_url(place.url).database
        self.tell(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608

    def database(self, *, template: str = "template1") -> Database:
        """A new one."""
        self._made += 1
        name = f"store_{self._made}"
        self.tell(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.named(name)

    def named(self, name: str) -> Database:
        return Database(f"postgresql://{USER}@/{name}?host={self._folder}", PASSWORD)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own programs
            [str(self._programs / program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=INITDB_WITHIN_S,
            cwd=self._folder,
            **self._as_servant(),
        )
        if done.returncode != 0:
            raise DemoError(f"{program}: {(done.stderr.strip() or 'failed').splitlines()[-1]}")

    def _as_servant(self) -> dict[str, Any]:
        if self._servant is None:
            return {}
        return {"user": self._servant.pw_uid, "group": self._servant.pw_gid, "extra_groups": []}


def _servant() -> pwd.struct_passwd | None:
    """None: we may run it ourselves."""
    if os.geteuid() != 0:
        return None
    for name in SERVANTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise DemoError(f"PostgreSQL does not run as root, and there is no user {' or '.join(SERVANTS)}")
