"""The answer to a commit that got lost: what was stored has its effects once, what was not is done again."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, func, select

from fleet.errors import StoreError
from fleet.picture.arrival import Arrival
from fleet.picture.ingest import Ingest
from fleet.records.store import Store, open_store
from fleet.records.tables import ALARMS, MESSAGES
from tests.fleet.messages import NOW_US, make_event, make_site, on_bus


class LosesAnAnswer(Store):
    """Once, after the commit or instead of it."""

    def __init__(self, store: Store, *, commits: bool) -> None:
        self._store, self._commits, self._is_due = store, commits, True

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        loses, self._is_due = self._is_due, False
        with self._store.transaction() as connection:
            yield connection
            if loses and not self._commits:
                raise StoreError("store: the connection was lost")
        if loses:
            raise StoreError("store: the connection was lost")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._store.reading() as connection:
            yield connection


@pytest.mark.parametrize("commits", [True, False])
def test_a_batch_whose_answer_was_lost_acts_once(store: Store, *, commits: bool) -> None:
    ingest = Ingest(make_site(), LosesAnAnswer(store, commits=commits))
    batch = [Arrival(on_bus(make_event(sequence=1)), NOW_US, 0)]
    with pytest.raises(StoreError):
        ingest.take(batch)
    assert ingest.incidents == {}

    outcome = ingest.take(batch)

    assert (len(outcome.effects), outcome.redelivered, len(outcome.acks)) == (1, 0, 1)
    assert list(ingest.incidents) == [outcome.effects[0].change.incident.incident_id]
    assert list(ingest.alarms) == [outcome.effects[0].change.alarm.alarm_id]
    with store.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(MESSAGES)) == 1
        assert connection.scalar(select(func.count()).select_from(ALARMS)) == 1
    again = ingest.take([Arrival(on_bus(make_event(sequence=1)), NOW_US, 0)])
    assert (again.effects, again.redelivered) == ([], 1)


def test_a_storm_of_two_thousand_alarms_is_grouped_and_nothing_is_lost() -> None:
    with open_store(None) as store:
        _storm(store)


def _storm(store: Store) -> None:
    ingest = Ingest(make_site(), store)
    storm = [make_event(sequence=1 + n, track=n, at_m=(n % 40 * 2.0 - 40.0, 20.0)) for n in range(2_000)]
    effects = 0
    for first in range(0, len(storm), 200):
        effects += len(ingest.take([Arrival(on_bus(each), NOW_US, 0) for each in storm[first : first + 200]]).effects)
    assert effects == len(ingest.alarms) == 2_000
    assert len(ingest.incidents) <= 40
    assert sum(len(incident.alarm_ids) for incident in ingest.incidents.values()) == 2_000
    with store.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(ALARMS)) == 2_000
