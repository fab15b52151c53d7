"""Alembic without its command line and its files: on a connection that somebody else opened."""

import io
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script
from sqlalchemy import Connection

from fleet.records.schema import MIGRATIONS
from fleet.records.tables import METADATA


def upgrade(connection: Connection, to: str = "head") -> None:
    """In the transaction that is open."""
    command.upgrade(_config(connection), to)


def write_version(connection: Connection, number: str, words: str) -> Path:
    """A file with what makes METADATA of the tables that are there."""
    script = command.revision(_config(connection), words, autogenerate=True, rev_id=number)
    assert isinstance(script, Script)
    path = Path(script.path)
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if "# ###" not in line]
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return path


def differences(connection: Connection) -> list[object]:
    """Between the tables that are there and METADATA."""
    return list(compare_metadata(MigrationContext.configure(connection), METADATA))


def _config(connection: Connection) -> Config:
    config = Config(stdout=io.StringIO(), output_buffer=io.StringIO())
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config
