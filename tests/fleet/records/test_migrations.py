"""A store of any age becomes one of this version with everything that was in it; a newer one is left alone."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from typer.testing import CliRunner

from fleet.__main__ import app
from fleet.errors import SetUpError
from fleet.records import reads, schema, writes
from fleet.records.migrations.running import differences, upgrade
from fleet.records.postgres import Database
from fleet.records.sqlite import in_memory
from fleet.records.store import open_store
from sim.postgres import Postgres
from tests.fleet.messages import NOW_US, SITE_TEXT

BEFORE_MIGRATIONS = Path(__file__).parent / "store_before_migrations.sql"


def make_old_store(path: Path, *, without: str | None = None) -> None:
    """With a zone that somebody set, and an order of hers in the audit."""
    with closing(sqlite3.connect(path)) as old:
        old.executescript(BEFORE_MIGRATIONS.read_text())
        old.execute("INSERT INTO zones VALUES ('north-fence', 1, 'ada', ?)", (NOW_US,))
        old.execute("INSERT INTO audit VALUES (7, ?, 'ada', 'set', 'zone north-fence', NULL, '{}')", (NOW_US,))
        if without is not None:
            old.execute(f"DROP TABLE {without}")
        old.commit()


def version(connection: Connection) -> str | None:
    return schema.version_of(connection, name="here")


@pytest.mark.parametrize("without", [None, "evidence"])
def test_a_store_from_before_migrations_is_upgraded_with_all_that_is_in_it(tmp_path: Path, without: str | None) -> None:
    make_old_store(tmp_path / "fleet.db", without=without)
    with open_store(tmp_path / "fleet.db") as store:
        with store.reading() as connection:
            assert reads.zone_words(connection) == {"north-fence": (True, NOW_US)}
            assert [(row["id"], row["act"]) for row in reads.audit(connection)] == [(7, "set")]
            assert (version(connection), differences(connection)) == (schema.newest_version(), [])
        with store.transaction() as connection:
            writes.put_zone(connection, "north-fence", is_set=False, by="bo", at_us=NOW_US)


def test_an_upgrade_that_fails_leaves_the_store_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_old_store(tmp_path / "fleet.db")
    with closing(sqlite3.connect(tmp_path / "fleet.db")) as old:
        old.execute("CREATE VIEW incidents_of_a_kind AS SELECT 1")  # the name of an index to come
        before = old.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
        with pytest.raises(SetUpError, match="incidents_of_a_kind"), open_store(tmp_path / "fleet.db"):
            pass
        assert old.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall() == before


def test_all_versions_one_after_the_other_make_the_tables_of_the_code(postgres: Postgres) -> None:
    engine = in_memory()
    with engine.begin() as connection:
        upgrade(connection)
        assert differences(connection) == []
    engine.dispose()
    with open_store(postgres.database()) as store, store.transaction() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
        upgrade(connection)
        assert (version(connection), differences(connection)) == (schema.newest_version(), [])


def test_a_new_store_is_of_the_newest_version(place: Path | Database) -> None:
    with open_store(place) as store, store.reading() as connection:
        assert (version(connection), differences(connection)) == (schema.newest_version(), [])


def test_a_store_of_newer_software_is_refused_in_one_line(place: Path | Database) -> None:
    with open_store(place) as store, store.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SetUpError) as caught, open_store(place):
        pass
    assert str(caught.value).endswith(
        f"expected version {schema.newest_version()} at most, got 9999: made by newer software"
    )


def test_somebody_elses_tables_are_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "fleet.db")) as theirs:
        theirs.execute("CREATE TABLE tasks (whatever TEXT)")
        theirs.commit()
    with pytest.raises(SetUpError, match="table 'tasks' is there, and nothing says"), open_store(tmp_path / "fleet.db"):
        pass


def test_an_operator_sees_that_an_upgrade_waits_and_does_it(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE_TEXT)
    config = tmp_path / "fleet.yaml"
    config.write_text("site_file: site.yaml\ndata_dir: .\n")

    def said(verb: str, *, code: int) -> str:
        result = CliRunner().invoke(app, ["store", verb, str(config)])
        assert result.exit_code == code, result.output
        return result.output.strip().removeprefix(f"store {tmp_path / 'fleet.db'}: ")

    assert said("check", code=1) == "there is none yet"
    make_old_store(tmp_path / "fleet.db")
    newest = schema.newest_version()
    assert said("check", code=1) == f"version 0000; this software has {newest}"
    assert said("upgrade", code=0) == said("check", code=0) == f"version {newest}, as this software has it"
