"""`vedette-fleet fly` against simulated autopilots behind TCP, five and eight times as fast as real ones."""

import asyncio
import contextlib
import json
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.clock import SystemClock
from contract.documents import parse_document
from contract.site import VehicleKind
from fleet.flight.mavlink_codec import Encoder
from fleet.flight.sortie import Done
from fleet.flight.sortie_script import SortieScript
from fleet.fly import Meeting, NotDone, Wanted, fly
from fleet.settings import read_site
from sim.autopilot.autopilot import Autopilot
from sim.autopilot.spec import AutopilotSpec, Kind
from sim.autopilot.udp import SimulatedFleet
from sim.embedded_broker import free_port
from tests.conftest import ROOT

pytestmark = pytest.mark.system
SITE = ROOT / "deploy" / "sites" / "demo.yaml"
LIMIT_S = 150.0
STEPS = ["launch", "go_to", "look", "orbit", "patrol", "hold", "return", "land", "disarm"]
KINDS = {"ardupilot_copter": Kind.COPTER, "ardupilot_rover": Kind.ROVER}
UP = "{schema_version: 1, id: up, steps: [{do: launch, above_home_m: 15}, {do: hold, for_s: 500}]}"
OUT = """{schema_version: 1, id: out, steps: [
    {do: launch, above_home_m: 15}, {do: go_to, east_m: 500, north_m: 0, above_home_m: 15}]}"""


def spec_of(kind: str, port: int) -> AutopilotSpec:
    return AutopilotSpec(
        kind=KINDS[kind],
        system_id=7,
        home=read_site(SITE).docks[0].position,
        home_amsl_m=40.0,
        connect=f"tcp:127.0.0.1:{port}",
        boot_s_already=60.0,
    )


@contextlib.asynccontextmanager
async def behind_tcp(*kinds: str, speedup: float) -> AsyncIterator[list[tuple[str, Autopilot]]]:
    """For each its connection and itself."""
    async with contextlib.AsyncExitStack() as stack:
        found = []
        for kind in kinds:
            port = free_port()
            fleet = await stack.enter_async_context(SimulatedFleet([spec_of(kind, port)], speedup=speedup))
            found.append((f"tcp:127.0.0.1:{port}", fleet.autopilots[7]))
        yield found


def test_the_full_sortie_is_proven_step_by_step_with_each_kind(tmp_path: Path) -> None:
    async def story() -> list[tuple[int | None, str]]:
        async with behind_tcp(*KINDS, speedup=8.0) as vehicles:
            runs = [
                await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "fleet", "fly", "--connect", connection, "--kind", kind, "--yes-simulated"),
                    *("--site", str(SITE), "--script", str(ROOT / "deploy" / "sorties" / "full.yaml")),
                    *("--by", "Ada", "--out", str(tmp_path / kind)),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    cwd=ROOT,
                )
                for (connection, _), kind in zip(vehicles, KINDS, strict=True)
            ]
            said = await asyncio.wait_for(asyncio.gather(*(run.communicate() for run in runs)), LIMIT_S)
            return [(run.returncode, text.decode()) for run, (text, _) in zip(runs, said, strict=True)]

    for kind, (code, text) in zip(KINDS, asyncio.run(story()), strict=True):
        assert code == 0, text
        proven = [line.split()[2] for line in text.splitlines() if line.split()[1:2] == ["s"]]
        assert proven == ["ready", "safety", *STEPS]
        journal = [json.loads(line) for line in (tmp_path / kind / "journal.jsonl").read_text().splitlines()]
        orders = {entry["act"].removeprefix("order ") for entry in journal}
        assert {"UploadSafety", "Launch", "GoTo", "LookAt", "Orbit", "FlyMission", "Hold", "ReturnHome"} <= orders
        assert {entry["actor"] for entry in journal if entry["act"] == "order Launch"} == {"Ada"}


def test_the_basic_sortie_asks_for_nothing_that_the_full_one_does_not_prove() -> None:
    basic, full = (
        parse_document((ROOT / "deploy" / "sorties" / f"{name}.yaml").read_text(), SortieScript, source=name)
        for name in ("basic", "full")
    )
    assert [step.do for step in full.steps] == STEPS
    assert [step.do for step in basic.steps] == [step for step in STEPS if step != "look"]


async def flown(
    connection: str,
    folder: Path,
    script: str,
    *,
    agrees: Callable[[Meeting], bool] = lambda _: True,
    tell: Callable[[Done], None] = lambda _: None,
) -> str:
    """Why it was not done."""
    wanted = Wanted(
        connect=connection,
        kind=VehicleKind.ARDUPILOT_COPTER,
        site=read_site(SITE),
        script=parse_document(script, SortieScript, source="script"),
        folder=folder,
        approved_by="Ada",
        is_simulated=True,
    )
    sortie = fly(wanted, clock=SystemClock(), new_id=uuid.uuid4, agrees=agrees, tell=tell, say=lambda _: None)
    with pytest.raises(NotDone) as caught:
        await asyncio.wait_for(sortie, LIMIT_S)
    return str(caught.value)


def test_a_pilot_keeps_his_vehicle_and_one_that_may_not_go_on_comes_home(tmp_path: Path) -> None:
    async def story() -> tuple[str, str, bool]:
        async with behind_tcp("ardupilot_copter", "ardupilot_copter", speedup=5.0) as ((one, piloted), (two, sent_out)):
            loiter = Encoder(254, 190).encode(mavlink.MAVLink_set_mode_message(7, 1, 5))

            def tell(done: Done) -> None:
                if done.step == "launch":  # and a while into what follows
                    asyncio.get_running_loop().call_later(2.0, partial(piloted.receive, loiter, is_stream=True))

            reasons = await asyncio.gather(
                flown(one, tmp_path / "up", UP, tell=tell), flown(two, tmp_path / "out", OUT)
            )
            return *reasons, sent_out.machine.armed

    of_pilot, of_fence, is_still_out = asyncio.run(story())
    assert of_pilot == "ground station 254 commanded SET_MODE; it is left to whoever has it"
    assert '"act": "return"' not in (tmp_path / "up" / "journal.jsonl").read_text()
    assert "fence" in of_fence
    assert '"act": "return"' in (tmp_path / "out" / "journal.jsonl").read_text()
    assert not is_still_out


def test_nothing_is_commanded_before_somebody_agreed(tmp_path: Path) -> None:
    met: list[Meeting] = []

    def refuses(meeting: Meeting) -> bool:
        met.append(meeting)
        return False

    async def story() -> str:
        async with behind_tcp("ardupilot_copter", speedup=5.0) as ((connection, _),):
            return await flown(connection, tmp_path, UP, agrees=refuses)

    assert asyncio.run(story()) == "nobody agreed; nothing was sent that could move it"
    assert (met[0].vehicle, met[0].state.system_id, met[0].from_site_m < 0) == ("drone-1", 7, True)
    assert (tmp_path / "journal.jsonl").read_text() == ""
