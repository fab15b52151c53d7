"""A database that goes away and comes back, a second coordinator on it, and what is said of it."""

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from pydantic import ValidationError
from sqlalchemy import text

from fleet.errors import SetUpError, StoreError
from fleet.picture.arrival import Arrival
from fleet.picture.ingest import Ingest
from fleet.records import postgres as backend
from fleet.records import reads, writes
from fleet.records.postgres import Database
from fleet.records.store import Store, open_store
from fleet.settings import FleetSettings, StoreSettings, load_settings, load_store
from sim.postgres import PASSWORD, Postgres, find_postgres
from tests.conftest import need
from tests.fleet.messages import NOW_US, make_event, make_site, on_bus

WITHIN_S = 60.0


@pytest.fixture
def own() -> Iterator[Postgres]:
    """A server that a test may stop."""
    need(find_postgres(), "PostgreSQL's programs (apt-get install postgresql)")
    with Postgres(is_durable=False) as server:
        yield server


def is_taken(store: Store) -> bool:
    try:
        with store.transaction() as connection:
            connection.execute(text("SELECT 1"))
    except StoreError:
        return False
    return True


def wait_until_taken(store: Store) -> None:
    turn = threading.Event()
    for _ in range(round(WITHIN_S / 0.05)):
        if is_taken(store):
            return
        turn.wait(0.05)
    pytest.fail(f"the store was not back within {WITHIN_S:g} s")


def test_what_is_stored_already_is_looked_up_by_its_key_from_the_first_minute_on(own: Postgres) -> None:
    with open_store(own.database(), alone=True) as store:
        ingest = Ingest(make_site(), store)
        for number in range(1, 41):  # a plan is kept after some times, made while there was next to nothing
            ingest.take([Arrival(on_bus(make_event(sequence=number)), NOW_US, 0)])
        with store.transaction() as connection:
            asked = text("SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'messages'")
            assert writes.digests_of_ids(connection, [str(uuid.uuid4())]) == {}
            assert connection.scalar(asked) == 0


def test_a_lost_database_takes_nothing_and_is_found_again_without_a_restart(own: Postgres) -> None:
    batch = [Arrival(on_bus(make_event(sequence=1)), NOW_US, 0)]
    with structlog.testing.capture_logs() as said, open_store(own.database(), alone=True) as store:
        ingest = Ingest(make_site(), store)
        own.stop()
        for _ in range(3):
            with pytest.raises(StoreError, match=r"^store: [^\n]+$"):
                ingest.take(batch)
        with pytest.raises(StoreError), store.reading():
            pass
        own.start()
        wait_until_taken(store)
        outcome = ingest.take(batch)
        assert (len(outcome.effects), len(outcome.acks)) == (1, 1)
        with store.reading() as connection:
            assert len(reads.open_incidents(connection)) == 1
    assert [each["event"] for each in said] == ["database lost", "database answers again"]


def test_a_connection_that_is_cut_is_made_again(postgres: Postgres) -> None:
    place = postgres.database(template="ready")
    with open_store(place, alone=True) as store:
        postgres.cut_off(place)
        assert not is_taken(store)
        wait_until_taken(store)


def test_one_coordinator_has_a_database_for_itself(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "LEASE_TRIES", 1)
    place = postgres.database(template="ready")
    with open_store(place, alone=True):
        with pytest.raises(SetUpError) as caught, open_store(place, alone=True):
            pass
        assert str(caught.value) == f"store {place}: another coordinator runs on it"
        with open_store(place) as beside:  # `vedette-fleet node add`
            assert is_taken(beside)
    with open_store(place, alone=True) as next_one:
        assert is_taken(next_one)


@pytest.mark.parametrize(
    ("url", "password"),
    [
        pytest.param("postgresql://vedette@/nowhere?host={folder}", PASSWORD, id="no such database"),
        pytest.param("postgresql://vedette@/postgres?host={folder}", "wrong-secret", id="wrong password"),
        pytest.param("postgresql://vedette@127.0.0.1:1/postgres", PASSWORD, id="nobody listens"),
    ],
)
def test_what_cannot_be_opened_is_one_line_without_the_password(postgres: Postgres, url: str, password: str) -> None:
    folder = postgres.named("x").url.rsplit("=", 1)[1]
    place = Database(url.format(folder=folder), password)
    with pytest.raises(SetUpError) as caught, open_store(place):
        pass
    words = str(caught.value) + repr(place)
    assert str(caught.value).count("\n") == 0
    assert password not in words


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param({"url": "postgresql://a:geheim@db/x"}, "stands in password_file or password_env", id="password"),
        pytest.param({"url": "mysql://a@db/x"}, "expected postgresql://USER@HOST:PORT/DATABASE", id="another kind"),
        pytest.param({"url": "postgresql://a@127.0.0.1"}, "expected postgresql://USER", id="no database"),
        pytest.param({"url": "postgresql://a@db/x"}, "a database at 'db' needs ca_file", id="far away in the clear"),
        pytest.param({"url": "postgresql://a@/x?host=/run&sslmode=disable"}, "but host=FOLDER", id="options"),
        pytest.param({"password_env": "X"}, "expected a url beside password_file", id="no url"),
    ],
)
def test_a_wrong_address_is_one_line_that_shows_no_secret(given: dict[str, str], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason) as caught:
        StoreSettings.model_validate(given)
    assert "geheim" not in caught.value.errors(include_input=False, include_url=False)[0]["msg"]


def test_the_password_comes_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("sesame\n")
    config = tmp_path / "fleet.yaml"
    config.write_text(
        "site_file: site.yaml\ndata_dir: data\n"
        "store: {url: 'postgresql://vedette@127.0.0.1:5432/vedette', password_file: secret}\n"
    )
    settings = load_settings(config)
    assert load_store(settings) == Database("postgresql://vedette@127.0.0.1:5432/vedette", "sesame")
    assert "sesame" not in repr(load_store(settings))


def test_without_an_address_the_store_is_a_file() -> None:
    assert load_store(FleetSettings(site_file=Path("s"), data_dir=Path("d"))) == Path("d/fleet.db")
