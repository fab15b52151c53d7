"""A node under load that is killed and cut off: no event is lost, none doubled. `make soak` plays the long forms."""

import random
import shutil
from pathlib import Path

import pytest

from contract.clock import SystemClock
from sim.soak.audit import audit
from sim.soak.kills import kill_again_and_again
from sim.soak.outages import Outage, break_and_mend, small_disk
from sim.soak.stage import Stage
from tests.conftest import need

pytestmark = pytest.mark.system
KILLS = 10


@pytest.fixture(autouse=True)
def _mosquitto() -> None:
    need(
        shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin"),
        "the mosquitto binary (apt-get install mosquitto)",
    )


def test_a_node_killed_ten_times_under_load_loses_no_event_and_doubles_none(tmp_path: Path) -> None:
    with Stage(tmp_path, clock=SystemClock()) as stage:
        kill_again_and_again(stage, kills=KILLS, chance=random.Random(3))
        found = audit(stage, was_killed=True)
    assert found.wrong == ()
    assert found.lives == KILLS
    assert found.stored > 100
    assert found.visits > 20
    assert found.files > 0


def test_events_wait_for_broker_coordinator_and_disk_to_come_back(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk") as is_small,
        Stage(tmp_path, clock=SystemClock(), length_s=600.0, data_dir=tmp_path / "disk" / "node") as stage,
    ):
        life = stage.begin_life()
        for outage in (Outage.BOTH, Outage.DISK_REFUSES, *([Outage.DISK_FULL] if is_small else [])):
            life.wait_for_frames(30)
            break_and_mend(stage, outage, for_s=2.0)
        stage.stop_node()
        stage.drain()
        found = audit(stage, was_killed=False, keeps_files=False)
    assert found.wrong == ()
    assert found.stored == found.fired > 30
