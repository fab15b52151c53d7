from pathlib import Path

import pytest
from sqlalchemy import select, text

from fleet.errors import SetUpError, StoreError
from fleet.flight.deferred import DeferredJournal
from fleet.flight.journal import JournalEntry
from fleet.picture.arrival import Arrival
from fleet.picture.ingest import Ingest
from fleet.records import reads, writes
from fleet.records.audit import StoreJournal
from fleet.records.postgres import Database
from fleet.records.store import Store, open_store
from fleet.records.tables import AUDIT, QUARANTINE, ZONES
from sim.postgres import Postgres
from tests.fleet.messages import NOW_US, make_event, make_site, on_bus


def entry(act: str) -> JournalEntry:
    return JournalEntry(at_us=NOW_US, actor="ada", act=act, subject="kestrel", detail={"why": "a test"})


def test_the_store_is_wal_and_synchronous_full(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.db") as store, store.transaction() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2


def test_postgresql_says_done_when_it_is_on_the_disk(postgres: Postgres) -> None:
    with open_store(postgres.database()) as store, store.transaction() as connection:
        assert connection.scalar(text("SHOW synchronous_commit")) == "on"
        assert connection.scalar(text("SHOW transaction_read_only")) == "off"


def test_what_was_committed_is_there_when_opened_again(place: Path | Database) -> None:
    with open_store(place) as store:
        Ingest(make_site(), store).take([Arrival(on_bus(make_event(sequence=1)), NOW_US, 0)])
    with open_store(place) as store, store.reading() as connection:
        assert len(reads.open_incidents(connection)) == 1


def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "s.db").write_bytes(b"certainly not a database, but long enough to be looked at" * 20)
    with pytest.raises(SetUpError, match="not a database"), open_store(tmp_path / "s.db"):
        pass


def _set_a_zone_and_then_fail(store: Store) -> None:
    with store.transaction() as connection:
        writes.put_zone(connection, "north", is_set=True, by="ada", at_us=NOW_US)
        connection.execute(text("SELECT * FROM nowhere"))


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        _set_a_zone_and_then_fail(store)
    with store.reading() as connection:
        assert connection.execute(select(ZONES)).all() == []


def test_a_row_of_the_same_key_is_replaced_in_its_place(store: Store) -> None:
    with store.transaction() as connection:
        writes.put_zone(connection, "north", is_set=True, by="ada", at_us=NOW_US)
        writes.put_zone(connection, "north", is_set=False, by="bo", at_us=NOW_US + 1)
        assert reads.zone_words(connection) == {"north": (False, NOW_US + 1)}


def test_a_reader_sees_one_moment(store: Store) -> None:
    with store.reading() as connection:
        assert reads.zone_words(connection) == {}
        with store.transaction() as writing:
            writes.put_zone(writing, "north", is_set=True, by="ada", at_us=NOW_US)
        assert reads.zone_words(connection) == {}
    with store.reading() as connection:
        assert reads.zone_words(connection) == {"north": (True, NOW_US)}


def test_a_reader_does_not_wait_for_a_writer(store: Store) -> None:
    with store.transaction() as writing:
        writes.put_zone(writing, "north", is_set=True, by="ada", at_us=NOW_US)
        with store.reading() as connection:
            assert reads.zone_words(connection) == {}


def test_the_reader_cannot_write(store: Store) -> None:
    with pytest.raises(StoreError, match=r"read-?only"), store.reading() as reader:
        writes.put_zone(reader, "north", is_set=True, by="ada", at_us=NOW_US)


def test_quarantine_is_bounded_keeps_the_newest_and_the_same_nonsense_once(
    monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    monkeypatch.setattr(writes, "MAX_QUARANTINE_ROWS", 3)
    with store.transaction() as connection:
        for at_us, payload in enumerate([b"a", b"b", b"c", b"d", b"d", b"e"]):
            writes.add_quarantined(connection, topic="t", payload=payload, reason="malformed", detail="", at_us=at_us)
        kept = connection.scalars(select(QUARANTINE.c.payload).order_by(QUARANTINE.c.id)).all()
    assert kept == [b"c", b"d", b"e"]


def _audit(store: Store) -> list[str]:
    with store.reading() as connection:
        return list(connection.scalars(select(AUDIT.c.act).order_by(AUDIT.c.id)))


def test_the_journal_is_durable_on_return(store: Store) -> None:
    StoreJournal(store).write(entry("approve"))
    assert _audit(store) == ["approve"]


def _rename(store: Store, table: str, to: str) -> None:
    with store.transaction() as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME TO {to}"))


def test_coming_home_is_journalled_in_memory_while_the_store_is_broken_and_written_after(store: Store) -> None:
    journal = DeferredJournal()
    _rename(store, "audit", "away")
    journal.write(entry("recall"))
    journal.write(entry("hold"))
    with pytest.raises(StoreError):
        journal.flush(StoreJournal(store))
    assert len(journal.held) == 2
    _rename(store, "away", "audit")
    assert journal.flush(StoreJournal(store)) == 2
    assert _audit(store) == ["recall", "hold"]


def test_what_a_person_typed_is_kept_whatever_letters_it_has(store: Store) -> None:
    with store.transaction() as connection:
        writes.put_zone(connection, "north", is_set=True, by="ada\x00 \N{GRINNING FACE} O'Neil", at_us=NOW_US)
        kept = connection.scalar(select(ZONES.c.by)) or ""
    assert kept.replace("\ufffd", "\x00") == "ada\x00 \N{GRINNING FACE} O'Neil"
