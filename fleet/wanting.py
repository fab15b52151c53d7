"""Which incidents want a vehicle now, since when, and on what evidence.

Without procedures an intrusion wants one by itself, a few times, until somebody has looked; with them its procedure
says when, and by whose word.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from contract.clock import Clock
from contract.tasks import Task, TaskState
from fleet.flight.world import Evidence
from fleet.picture.incidents import Incident, IncidentKind, State

MAX_ATTEMPTS = 3  # tasks that we make for one incident without a person
TRY_AGAIN_US = 5_000_000  # after a task was refused or failed
REST_AFTER_PLANNING = 4  # times as long as it took, by all that wait: nobody plans in vain all the time


@dataclass(frozen=True, slots=True)
class Leave:
    """To send somebody to an incident. approved_by: the person whose word it is; None: it goes by itself."""

    approved_by: str | None = None


LeaveOf = Callable[[Incident], Leave | None]


@dataclass(slots=True)
class Waiting:
    """An incident that wants a vehicle. `asked_at_us`: monotonic, when its evidence was durable."""

    asked_at_us: int
    not_before_us: int = 0
    said: str = ""


class Wanting:
    """leave_of: None, nobody is sent to that incident now. is_busy: somebody is on it."""

    def __init__(self, clock: Clock, *, max_age_s: float, is_busy: Callable[[uuid.UUID], bool]) -> None:
        self._clock, self._max_age_s, self._is_busy = clock, max_age_s, is_busy
        self.leave_of: LeaveOf = self._by_itself
        self._evidence: dict[uuid.UUID, Evidence] = {}
        self._attempts: dict[uuid.UUID, int] = {}
        self._looks: dict[uuid.UUID, int] = {}
        self._due: dict[uuid.UUID, None] = {}  # of those that wait, whose turn it is; first come, first served
        self.waiting: dict[uuid.UUID, Waiting] = {}

    # What was done for it

    def remember(self, task: Task) -> None:
        """One of an earlier run."""
        if task.incident_id is not None:
            self.tried(task.incident_id)
            if task.state is TaskState.DONE:
                self.looked(task.incident_id)

    def tried(self, incident_id: uuid.UUID) -> None:
        self._attempts[incident_id] = self.attempts(incident_id) + 1

    def looked(self, incident_id: uuid.UUID) -> None:
        self._looks[incident_id] = self.looks(incident_id) + 1

    def attempts(self, incident_id: uuid.UUID) -> int:
        return self._attempts.get(incident_id, 0)

    def looks(self, incident_id: uuid.UUID) -> int:
        return self._looks.get(incident_id, 0)

    def take_over(self, gone: uuid.UUID, into: uuid.UUID) -> None:
        """One incident became part of another, and what was seen with it."""
        if self.looks(gone):
            self.looked(into)

    def forget_all_but(self, open_now: Iterable[uuid.UUID]) -> None:
        for incident_id in self._evidence.keys() - set(open_now):
            del self._evidence[incident_id]
            self._attempts.pop(incident_id, None)
            self._looks.pop(incident_id, None)

    # Evidence

    def heard(self, incident_id: uuid.UUID, evidence: Evidence) -> None:
        self._evidence[incident_id] = evidence

    def evidence(self, incident_id: uuid.UUID) -> Evidence | None:
        return self._evidence.get(incident_id)

    def age_s(self, incident_id: uuid.UUID) -> float | None:
        """None is unknown."""
        evidence = self.evidence(incident_id)
        return None if evidence is None else evidence.age_s(self._clock.monotonic_us())

    def is_fresh(self, incident_id: uuid.UUID) -> bool:
        """Fresh enough to send somebody without a person (SAFETY 3)."""
        age_s = self.age_s(incident_id)
        return age_s is not None and age_s <= self._max_age_s

    # Whose turn it is

    def leave(self, incident: Incident) -> Leave | None:
        """None while it wants nobody: somebody is on it, or it has no leave."""
        if incident.state is State.CLOSED or self._is_busy(incident.incident_id):
            return None
        return self.leave_of(incident)

    def ask(self, incident: Incident) -> None:
        """It may want somebody now."""
        if self.leave(incident) is not None:
            now_us = self._clock.monotonic_us()
            waiting = self.waiting.setdefault(incident.incident_id, Waiting(now_us))
            if now_us >= waiting.not_before_us:
                self._due[incident.incident_id] = None

    def ask_again(self, incident: Incident) -> None:
        """It may want another, a little later."""
        if self.leave(incident) is not None:
            now_us = self._clock.monotonic_us()
            self.waiting[incident.incident_id] = Waiting(now_us, not_before_us=now_us + TRY_AGAIN_US)

    def put_off(self, waiting: Waiting) -> None:
        waiting.not_before_us = self._clock.monotonic_us() + TRY_AGAIN_US

    def planned_in_vain(self, waiting: Waiting, *, since_us: int) -> None:
        """Nobody can go. The more wait, the longer until it is this one's turn again."""
        now_us = self._clock.monotonic_us()
        waiting.not_before_us = now_us + (now_us - since_us) * REST_AFTER_PLANNING * len(self.waiting)

    def tick(self) -> None:
        now_us = self._clock.monotonic_us()
        self._due.update((each, None) for each, waiting in self.waiting.items() if now_us >= waiting.not_before_us)

    def next_due(self) -> uuid.UUID | None:
        """Taken off the list; it waits until it is answered."""
        incident_id = next(iter(self._due), None)
        if incident_id is not None:
            del self._due[incident_id]
        return incident_id

    def _by_itself(self, incident: Incident) -> Leave | None:
        """Where no procedures are written."""
        if incident.kind is not IncidentKind.INTRUSION:
            return None
        tried, has_looked = self.attempts(incident.incident_id), self.looks(incident.incident_id) > 0
        return Leave() if tried < MAX_ATTEMPTS and not has_looked else None
