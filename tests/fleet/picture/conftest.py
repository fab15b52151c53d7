import pytest

from fleet.picture.ingest import Ingest
from fleet.records.store import Store
from tests.fleet.messages import make_site


@pytest.fixture
def ingest(store: Store) -> Ingest:
    return Ingest(make_site(), store)
