"""What dispatch is asked for by an incident."""

from collections.abc import Iterable, Iterator

from contract.tasks import Task, TaskState
from fleet.decision.assignment import Need
from fleet.picture.incidents import Incident


def need_of(incident: Incident, by: str | None = None) -> Need | None:
    """Its worth is the incident's priority; `by` who is on it already. None where nobody knows where on the ground it
    is."""
    fix = incident.ground
    return None if fix is None else Need(str(incident.incident_id), fix.point, fix.sigma_m, incident.priority.level, by)


def needs_of(incidents: Iterable[Incident]) -> Iterator[Need]:
    """Of those that have a place."""
    return (need for incident in incidents if (need := need_of(incident)) is not None)


def keeps_busy(task: Task, incident: Incident) -> bool:
    """A suspended task goes on as soon as its vehicle is given back: it needs no second one beside it."""
    return task.incident_id != incident.incident_id or task.state is TaskState.SUSPENDED
