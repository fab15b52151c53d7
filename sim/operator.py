"""What the scenario's persons order, through the same doors as a console's buttons."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import anyio
import httpx

from contract.clock import Clock
from contract.tasks import TaskState
from fleet.api.app import create_api
from fleet.api.core import Core
from fleet.app import Fleet, api_parts
from fleet.decision.sop import Phase
from fleet.errors import FleetError
from fleet.picture.incidents import Disposition, IncidentKind, State
from fleet.records.archive import Archive, ArchiveRoom
from sim.run_log import RunLog
from sim.scenario import OperatorAct


async def operate(
    acts: tuple[OperatorAct, ...], fleet: Callable[[], Fleet | None], *, clock: Clock, log: RunLog
) -> None:
    """Each act at its time, by the coordinator that is at work; what is refused is written down with its reason."""
    for act in sorted(acts, key=lambda each: each.at_s):
        await anyio.sleep(max(0.0, act.at_s - clock.monotonic_us() / 1e6))
        outcome = "there is no coordinator"
        at_work = fleet()
        if at_work is not None:
            try:
                is_answer = act.do in ("approve_step", "veto_step")
                outcome = await _answer(act, at_work, clock) if is_answer else _do(act, at_work)
            except FleetError as err:
                outcome = str(err)
        log.add(type="operator", by=act.by, do=act.do, target=act.target, outcome=outcome)


async def _answer(act: OperatorAct, fleet: Fleet, clock: Clock) -> str:
    """To the procedure that waits longest for a person, by the HTTP API itself."""
    waiting = [run for run in fleet.room.procedures.views() if run.phase in (Phase.ASKING, Phase.ANNOUNCED)]
    if not waiting:
        return "no procedure waits for a person"
    run = min(waiting, key=lambda each: (each.since_us, each.incident_id.hex))
    room = ArchiveRoom(keep_us=1, max_bytes=0, free_bytes=0, largest_bytes=0)
    archive = Archive(Path("no-evidence-here"), room, store=fleet.store, wall_us=clock.wall_us)
    api = create_api(api_parts(fleet, Core(asyncio.get_running_loop()), people=None, archive=archive, clock=clock))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=api), base_url="http://127.0.0.1") as client:
        path = f"/api/v1/incidents/{run.incident_id}/procedure/{act.do.removesuffix('_step')}"
        answer = await client.post(path, json={"by": act.by, "visit": run.visit})
    return "done" if answer.is_success else str(answer.json()["detail"])


def _do(act: OperatorAct, fleet: Fleet) -> str:
    """`done`, or why there was nothing to do. Raises FleetError."""
    room, monitor, by, target = fleet.room, fleet.monitor, act.by, act.target or ""
    if act.do == "recall_all":
        monitor.recall_all(by)
    elif act.do == "hold":
        monitor.hold(target, by)
    elif act.do == "return_home":
        monitor.return_home(target, by)
    elif act.do in ("release", "take_back"):
        room.release(target, by=by)
    elif act.do in ("set_zone", "unset_zone"):
        room.set_zone(target, is_set=act.do == "set_zone", by=by)
    else:
        return _handle(act, fleet)
    return "done"


def _handle(act: OperatorAct, fleet: Fleet) -> str:
    """The oldest open intrusion, or the oldest task that waits for a person."""
    if act.do == "approve":
        waiting = [task for task in fleet.response.tasks.values() if task.state is TaskState.CREATED]
        if not waiting:
            return "no task waits for approval"
        fleet.room.approve(min(waiting, key=lambda task: task.created_at_us).task_id, by=act.by)
        return "done"
    open_now = [each for each in fleet.ingest.incidents.values() if each.kind is IncidentKind.INTRUSION]
    if not open_now:
        return "no intrusion is open"
    incident = min(open_now, key=lambda each: each.opened_at_us)
    if act.do == "acknowledge":
        for alarm in tuple(fleet.ingest.alarms.values()):
            if alarm.incident_id == incident.incident_id and alarm.state is State.OPEN:
                fleet.room.incidents.acknowledge(alarm.alarm_id, by=act.by)
    elif act.do == "close":
        fleet.room.incidents.close(incident.incident_id, disposition=Disposition.CONFIRMED, note="", by=act.by)
    else:
        fleet.room.dispatch(incident.incident_id, by=act.by)
    return "done"
