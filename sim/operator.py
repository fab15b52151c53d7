"""What the scenario's persons order, through the same doors as a console's buttons."""

from collections.abc import Callable

import anyio

from contract.clock import Clock
from contract.tasks import TaskState
from fleet.app import Fleet
from fleet.errors import FleetError
from fleet.picture.incidents import Disposition, IncidentKind, State
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
                outcome = _do(act, at_work)
            except FleetError as err:
                outcome = str(err)
        log.add(type="operator", by=act.by, do=act.do, target=act.target, outcome=outcome)


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
