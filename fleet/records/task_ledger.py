"""Tasks and the notes of their incidents on their way into the store: orders at once, what follows from them together.

States follow one another within milliseconds; a commit each would hold the loop up. A crash loses at most what came
since the last `flush`; orders, ends and evidence never wait for it.
"""

import uuid
from collections.abc import Callable

import structlog

from contract.clock import Clock
from contract.tasks import Task, TaskState
from fleet.errors import StoreError
from fleet.flight.journal import JournalEntry
from fleet.picture.incidents import Incident
from fleet.records import writes
from fleet.records.audit import add_entry
from fleet.records.store import Store

log = structlog.get_logger()
_TOLD = {  # task states that belong in an incident's timeline
    TaskState.EXECUTING: "is on its way",
    TaskState.SUSPENDED: "was taken off it",
    TaskState.DONE: "has looked at it",
    TaskState.FAILED: "failed",
    TaskState.REFUSED: "was refused",
    TaskState.CANCELLED: "was called off",
}


class TaskLedger:
    """`incident_of` finds an open incident by its id."""

    def __init__(self, store: Store, *, clock: Clock, incident_of: Callable[[uuid.UUID], Incident | None]) -> None:
        self._store, self._clock, self._incident_of = store, clock, incident_of
        self._unsaved: list[Task] = []
        self._noted: set[uuid.UUID] = set()

    def order(self, task: Task, *, actor: str, act: str) -> None:
        """Task and order, durable on return. Raises StoreError, and then it must not happen."""
        with self._store.transaction() as connection:
            writes.put_task(connection, task)
            add_entry(connection, self._entry(task, actor=actor, act=act))

    def journal(self, task: Task, *, actor: str, act: str) -> None:
        """The order alone. Raises StoreError."""
        with self._store.transaction() as connection:
            add_entry(connection, self._entry(task, actor=actor, act=act))

    def save(self, task: Task) -> None:
        """A state, with the next flush; an end at once, if the store takes it."""
        self._unsaved.append(task)
        if task.state.is_final:
            self.flush()

    def noted(self, incident_id: uuid.UUID) -> None:
        """Its timeline has a new line."""
        self._noted.add(incident_id)

    def flush(self) -> None:
        """All of it in one transaction; what the store does not take waits."""
        incidents = [found for each in sorted(self._noted) if (found := self._incident_of(each)) is not None]
        if not self._unsaved and not incidents:
            return
        try:
            with self._store.transaction() as connection:
                for task in self._unsaved:
                    writes.put_task(connection, task)
                for incident in incidents:
                    writes.put_incident(connection, incident)
        except StoreError as err:
            log.warning("task states not stored yet", waiting=len(self._unsaved), reason=str(err))
            return
        self._unsaved.clear()
        self._noted.clear()

    def _entry(self, task: Task, *, actor: str, act: str) -> JournalEntry:
        detail = {"task": str(task.task_id), "reason": task.reason, "progress": task.progress}
        return JournalEntry(self._clock.wall_us(), actor, act, task.vehicle, task.trace_id, dict(detail))


def told(task: Task) -> str | None:
    """A task's state as a line of its incident; None for those that are no news there."""
    if task.state not in _TOLD:
        return None
    return f"{task.vehicle} {_TOLD[task.state]}" + (f": {task.reason}" if task.reason else "")
