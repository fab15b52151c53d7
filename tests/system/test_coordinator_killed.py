"""A coordinator killed under load: nothing lost, nothing twice. `vedette-sim bench kills` plays the long form."""

from pathlib import Path

import pytest

from contract.clock import SystemClock
from sim.mosquitto import find_mosquitto
from sim.postgres import Postgres, find_postgres
from sim.soak.coordinator_kills import kill_coordinator
from tests.conftest import need

pytestmark = pytest.mark.system
KILLS = 5  # on each store


@pytest.fixture(autouse=True)
def _mosquitto() -> None:
    need(find_mosquitto(), "the mosquitto binary (apt-get install mosquitto)")


def test_a_coordinator_killed_under_load_loses_nothing_and_doubles_nothing_on_sqlite(tmp_path: Path) -> None:
    survived = kill_coordinator(tmp_path, None, kills=KILLS, seed=1, clock=SystemClock())
    assert survived.wrong == ()
    assert survived.kills == KILLS
    assert survived.messages == KILLS * 400


def test_a_coordinator_killed_under_load_loses_nothing_and_doubles_nothing_on_postgresql(tmp_path: Path) -> None:
    need(find_postgres(), "a PostgreSQL server (apt-get install postgresql)")
    with Postgres(is_durable=True) as server:
        survived = kill_coordinator(tmp_path, server.database(), kills=KILLS, seed=2, clock=SystemClock())
    assert survived.wrong == ()
    assert survived.kills == KILLS
    assert survived.messages == KILLS * 400
