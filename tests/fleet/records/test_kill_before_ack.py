import signal
import subprocess
import sys
from pathlib import Path

from sqlalchemy import func, select

from contract.commands import Ack
from fleet.picture.arrival import Arrival
from fleet.picture.ingest import Ingest
from fleet.records import reads
from fleet.records.store import open_store
from fleet.records.tables import ALARMS, MESSAGES
from tests.conftest import ROOT
from tests.fleet.messages import NOW_US, OUTBOX, make_event, make_site, on_bus

TAKES_A_BATCH_AND_DIES_AT_ITS_ACK = """
import os, signal, sys
from pathlib import Path
from fleet.app import Heart, assembled
from fleet.coordinator import Wire
from fleet.picture.arrival import Arrival
from fleet.records.store import open_store
from tests.conftest import ManualClock
from tests.fleet.messages import NOW_US, make_event, make_site, on_bus
clock = ManualClock()
wire = Wire(receive=None, publish=lambda message: os.kill(os.getpid(), signal.SIGKILL), is_connected=lambda: True)
with open_store(Path(sys.argv[1])) as store:
    fleet = assembled(site=make_site(), clock=clock, store=store, vehicles={}, wire=wire, heart=Heart(clock))
    fleet.coordinator.take([Arrival(on_bus(make_event(sequence=1)), NOW_US, 0)])
"""


def test_killed_between_commit_and_ack_the_redelivery_has_no_second_effect(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    died = subprocess.run(
        [sys.executable, "-c", TAKES_A_BATCH_AND_DIES_AT_ITS_ACK, str(path)], cwd=ROOT, timeout=60, check=False
    )
    assert died.returncode == -signal.SIGKILL
    with open_store(path) as store:
        ingest = Ingest(make_site(), store)
        ingest.load()
        outcome = ingest.take([Arrival(on_bus(make_event(sequence=1)), NOW_US, 0)])
        assert (outcome.effects, outcome.redelivered) == ([], 1)
        assert outcome.acks == [("gate-1", Ack(outbox_id=OUTBOX, contiguous=1))]
        with store.reading() as connection:
            assert connection.scalar(select(func.count()).select_from(MESSAGES)) == 1
            assert connection.scalar(select(func.count()).select_from(ALARMS)) == 1
            assert len(reads.open_incidents(connection)) == 1
