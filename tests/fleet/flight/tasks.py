"""Tasks for flight and decision tests."""

import uuid
from typing import Any

from contract.envelope import Origin
from contract.tasks import Task, TaskKind, TaskState
from tests.fleet.flight.stage import geo


def make_task(kind: TaskKind, *, number: int = 1, **changes: Any) -> Task:
    """An investigation looks at (100, 200) from (100, 170) at 25 m; a patrol is 'round'."""
    fields: dict[str, Any] = {
        "task_id": uuid.UUID(int=number),
        "kind": kind,
        "vehicle": "drone",
        "state": TaskState.CREATED,
        "reason": "",
        "origin": Origin.LIVE,
        "trace_id": f"{number:032x}",
        "created_at_us": 1,
        "changed_at_us": 1,
    }
    if kind is TaskKind.INVESTIGATE:
        fields |= {"target": geo(100, 200), "stand_off": geo(100, 170), "stand_off_altitude_m": 25.0}
    if kind is TaskKind.PATROL:
        fields |= {"patrol": "round"}
    return Task(**(fields | changes))
