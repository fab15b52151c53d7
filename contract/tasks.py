"""What a vehicle is asked to do, with states that keep delivery apart from consent and work."""

import uuid
from enum import Enum

from contract.envelope import Origin
from contract.frozen import Frozen, Identifier, TimeUs, TraceId
from contract.geo import GeoPoint

TASK_NAMESPACE = uuid.UUID("b0a2c9d4-3a57-5a33-8e1f-0a9d6a4f7e52")


ON_SCENE = "on scene"  # begins the progress of a task whose vehicle has the target in view


class TaskKind(str, Enum):
    PATROL = "patrol"
    INVESTIGATE = "investigate"
    RECALL = "recall"
    ORBIT = "orbit"  # round a point that a named person gave; nothing orders it by itself
    LOOK = "look"  # turn to such a point where it stands in the air


class TaskState(str, Enum):
    """created: waits for consent; sent, received: on its way; accepted: the vehicle said yes; executing: it moves."""

    CREATED = "created"
    SENT = "sent"
    RECEIVED = "received"
    ACCEPTED = "accepted"
    EXECUTING = "executing"
    SUSPENDED = "suspended"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"

    @property
    def is_final(self) -> bool:
        return self in (TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED, TaskState.REFUSED)


_ENDS = {TaskState.FAILED, TaskState.CANCELLED}
ALLOWED: dict[TaskState, frozenset[TaskState]] = {
    TaskState.CREATED: frozenset({TaskState.SENT, TaskState.REFUSED, *_ENDS}),
    TaskState.SENT: frozenset({TaskState.RECEIVED, TaskState.REFUSED, *_ENDS}),
    TaskState.RECEIVED: frozenset({TaskState.ACCEPTED, TaskState.REFUSED, *_ENDS}),
    TaskState.ACCEPTED: frozenset({TaskState.EXECUTING, TaskState.SUSPENDED, *_ENDS}),
    TaskState.EXECUTING: frozenset({TaskState.SUSPENDED, TaskState.DONE, *_ENDS}),
    TaskState.SUSPENDED: frozenset({TaskState.EXECUTING, TaskState.REFUSED, *_ENDS}),
}


class Visit(Frozen):
    """A point of a roaming patrol that is still to be visited, and when at the latest."""

    point: Identifier
    due_at_us: TimeUs


class Task(Frozen):
    """One order with its whole reason. `target` is what to look at, `stand_off` where to look from: never the same."""

    task_id: uuid.UUID
    kind: TaskKind
    vehicle: Identifier
    state: TaskState
    reason: str
    origin: Origin
    trace_id: TraceId
    created_at_us: TimeUs
    changed_at_us: TimeUs
    incident_id: uuid.UUID | None = None
    patrol: Identifier | None = None
    visits: tuple[Visit, ...] = ()  # of a roaming patrol, in their order; those that were made are gone
    target: GeoPoint | None = None
    stand_off: GeoPoint | None = None
    stand_off_altitude_m: float | None = None  # above home; None for a ground vehicle
    radius_m: float | None = None  # of an orbit around the target; its stand_off is where the circle begins
    turns: int | None = None
    approved_by: str | None = None
    progress: str = ""
    paused_by: str | None = None  # a patrol that a named person stopped, until one lets it go on

    @property
    def is_on_scene(self) -> bool:
        """Its vehicle has the target in view (SAFETY 1)."""
        return self.state is TaskState.EXECUTING and self.progress.startswith(ON_SCENE)

    def moved_to(self, state: TaskState, *, at_us: int, reason: str = "", progress: str | None = None) -> "Task":
        """The task in its next state. Raises ValueError when the table does not allow the step."""
        if state is not self.state and state not in ALLOWED.get(self.state, frozenset()):
            raise ValueError(f"task {self.task_id}: {self.state.value} does not become {state.value}")
        changes = {
            "state": state,
            "reason": reason,
            "changed_at_us": at_us,
            "progress": self.progress if progress is None else progress,
        }
        return self.model_copy(update=changes)
