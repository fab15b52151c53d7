from collections.abc import Iterator

import pytest

from fleet.picture.ingest import Ingest
from fleet.records.store import Store, open_store
from tests.fleet.messages import make_site


@pytest.fixture
def store() -> Iterator[Store]:
    with open_store(None) as opened:
        yield opened


@pytest.fixture
def ingest(store: Store) -> Ingest:
    return Ingest(make_site(), store)
