"""Who would be sent to an incident now, and why not the others: for people who ask, nothing is ordered by it."""

import uuid
from collections.abc import Iterable, Mapping

from contract.clock import Clock
from contract.tasks import Task
from fleet.api.dispatch_views import DispatchView, dispatch_view
from fleet.case_files import CaseFiles
from fleet.decision.assignment import choose_among
from fleet.decision.dispatch import Dispatch
from fleet.decision.explanation import Explanation, Moment
from fleet.decision.needs import keeps_busy, need_of, needs_of
from fleet.errors import Refused
from fleet.flight.gate import GateParameters
from fleet.flight.tasking import Tasking
from fleet.flight.vehicle import Vehicle
from fleet.flight.world import WorldView
from fleet.picture.incidents import Incident
from fleet.response import Response


class Inquiry:
    """One question. `work` a piece at a time on the coordinator's loop, until it says that nothing is left."""

    def __init__(self, incident_id: uuid.UUID, at_us: int, explanation: Explanation, on_it: str | None) -> None:
        self._incident_id, self._at_us, self._explanation, self._on_it = incident_id, at_us, explanation, on_it

    def work(self) -> bool:
        return self._explanation.work()

    def view(self) -> DispatchView:
        return dispatch_view(self._explanation, incident_id=self._incident_id, at_us=self._at_us, on_it=self._on_it)


class DispatchDesk:
    """For the coordinator's loop."""

    def __init__(
        self,
        files: CaseFiles,
        *,
        response: Response,
        tasking: Tasking,
        vehicles: Mapping[str, Vehicle],
        view: WorldView,
        parameters: GateParameters,
        clock: Clock,
    ) -> None:
        self._files, self._response, self._tasking, self._vehicles = files, response, tasking, vehicles
        self._view, self._parameters, self._clock = view, parameters, clock

    def ask(self, incident_id: uuid.UUID) -> Inquiry:
        """Everything as it is now. Raises NotFound, Refused for one that is closed or has no place, StoreError."""
        incident = self._files.open_incident(incident_id)
        on_it = self._response.active_task(incident_id)
        need = need_of(incident, None if on_it is None else on_it.vehicle)
        if need is None:
            raise Refused(f"incident {incident_id}: where it is on the ground is not known")
        explanation = Explanation(
            need, list(needs_of(self._response.others_than(incident))), self._moment_for(incident)
        )
        return Inquiry(incident_id, self._clock.wall_us(), explanation, need.by)

    def next_for(self, incident: Incident, *, besides: str) -> Dispatch | str:
        """Who would go there while `besides` looks at it, or why nobody: old evidence sends no second one either."""
        need, moment = need_of(incident), self._moment_for(incident)
        if need is None or not self._response.wanting.is_fresh(incident.incident_id):
            return "its evidence is old, or has no place on the ground"
        return choose_among(
            need,
            needs_of(self._response.others_than(incident)),
            vehicles=moment.vehicles,
            tasks=moment.tasks,
            world=moment.world,
            parameters=moment.parameters,
            now_us=moment.now_us,
            unavailable={**moment.unavailable, besides: "is on station"},
            heights=moment.heights,
        )

    def moment(self, tasks: Iterable[Task]) -> Moment:
        """Everything as it is now, with those tasks."""
        return Moment(
            vehicles=tuple(vehicle.state for vehicle in self._vehicles.values()),
            tasks=tuple(tasks),
            world=self._view.now(),
            parameters=self._parameters,
            now_us=self._clock.monotonic_us(),
            unavailable=self._tasking.unavailable(),
            heights=self._tasking.heights(),
        )

    def _moment_for(self, incident: Incident) -> Moment:
        return self.moment(task for task in self._response.tasks.values() if keeps_busy(task, incident))
