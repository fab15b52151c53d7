"""Watches: who holds an incident in view stays, until the next one sees it too (`response.watch_s` of the site).

It asks dispatch for the next one, with evidence as fresh as any dispatch wants, and lets the first end its look: when
the next has the point in view, when the watch is over, or when its battery wants it home, relieved or not.
"""

import uuid
from dataclasses import dataclass, field

import structlog

from contract.clock import Clock
from contract.geo import GeoPoint
from contract.site import Site
from contract.tasks import Task, TaskKind, TaskState
from fleet.decision.dispatch import Dispatch
from fleet.decision.relief import Act, Next, Watcher, relief_of
from fleet.dispatch_desk import DispatchDesk
from fleet.errors import Refused, StoreError
from fleet.flight.errands import ARRIVED_M
from fleet.flight.footprint import view_from
from fleet.flight.tasking import Tasking
from fleet.flight.vehicle import VehicleState
from fleet.flight.world import World, WorldView
from fleet.picture.incidents import Incident
from fleet.picture.ingest import Ingest
from fleet.response import Response

RELIEF = "relief"
ASK_AGAIN_US = 5_000_000  # who could come next, and how soon
SEND_AGAIN_US = 30_000_000  # after one was sent: each try is a line in the timeline and may be a launch
log = structlog.get_logger()


@dataclass(slots=True)
class _Watch:
    """Of one incident. Times are monotonic. `watcher`: whose turn it is; `leaving`: whose is over. Both are tasks."""

    began_at_us: int
    watcher: uuid.UUID
    ask_at_us: int = 0
    leaving: set[uuid.UUID] = field(default_factory=set)


class ReliefDesk:
    """For the coordinator's loop."""

    def __init__(
        self,
        *,
        site: Site,
        clock: Clock,
        ingest: Ingest,
        view: WorldView,
        response: Response,
        tasking: Tasking,
        dispatching: DispatchDesk,
    ) -> None:
        self._watch_us = round(site.response.watch_s * 1e6)
        self._clock, self._ingest, self._view = clock, ingest, view
        self._response, self._tasking, self._dispatching = response, tasking, dispatching
        self._watches: dict[uuid.UUID, _Watch] = {}
        self._seen_since_us: dict[uuid.UUID, int] = {}  # by task: on station, and in view without a break

    def tick(self) -> None:
        """Once a second."""
        if not self._watch_us:
            return
        looks = [
            task
            for task in self._response.tasks.values()
            if task.kind is TaskKind.INVESTIGATE and task.state is not TaskState.SUSPENDED
        ]
        incidents = {
            task.incident_id: self._ingest.incidents.get(task.incident_id) for task in looks if task.incident_id
        }
        self._watches = {each: watch for each, watch in self._watches.items() if each in incidents}
        self._look(looks, self._view.now())
        for incident in incidents.values():
            if incident is not None:
                self._tend(incident, [task for task in looks if task.incident_id == incident.incident_id])

    def _look(self, looks: list[Task], world: World) -> None:
        now_us, before_us = self._clock.monotonic_us(), self._seen_since_us
        self._seen_since_us = {
            task.task_id: before_us.get(task.task_id, now_us) for task in looks if self._sees(task, world)
        }

    def _sees(self, task: Task, world: World) -> bool:
        """From its place: what it sees on its way there, it may lose again."""
        state, target = _state(task, world), self._target(task)
        if task.state is not TaskState.EXECUTING or target is None or task.stand_off is None or state.position is None:
            return False
        place, here = world.airspace.enu(task.stand_off), world.airspace.enu(state.position)
        if here.horizontal_distance_m(place) > ARRIVED_M:
            return False
        view = view_from(state, world.spec(task.vehicle), target, world.airspace)
        return view is not None and view.is_inside

    def _target(self, task: Task) -> GeoPoint | None:
        incident = self._ingest.incidents.get(task.incident_id) if task.incident_id else None
        fix = None if incident is None else incident.ground
        return task.target if fix is None else fix.point

    def _tend(self, incident: Incident, looks: list[Task]) -> None:
        watch = self._watches.get(incident.incident_id)
        leaving = set() if watch is None else watch.leaving
        staying = [task for task in looks if task.task_id not in leaving]
        there = sorted(
            (task for task in staying if task.task_id in self._seen_since_us),
            key=lambda task: (self._seen_since_us[task.task_id], task.vehicle),
        )
        if watch is None and there:
            watch = _Watch(self._clock.monotonic_us(), there[0].task_id)
            self._watches[incident.incident_id] = watch
        if watch is not None:
            if there and all(task.task_id != watch.watcher for task in staying):
                watch.watcher = there[0].task_id  # the one before had to come home
            watcher = next((task for task in staying if task.task_id == watch.watcher), None)
            if watcher is not None:
                other = next((task for task in staying if task is not watcher), None)
                self._relieve(incident, watch, watcher, other)
        for task in looks:
            is_watch = watch is None or task.task_id not in watch.leaving
            self._tasking.keep_watch(task.task_id, is_watch=is_watch)

    def _relieve(self, incident: Incident, watch: _Watch, watcher: Task, other: Task | None) -> None:
        now_us, world = self._clock.monotonic_us(), self._view.now()
        ends_in_s = (watch.began_at_us + self._watch_us - now_us) / 1e6
        chosen: Dispatch | str = "not asked"
        if other is None and now_us >= watch.ask_at_us and ends_in_s > 0.0:
            watch.ask_at_us = now_us + ASK_AGAIN_US
            chosen = self._dispatching.next_for(incident, besides=watcher.vehicle)
        found = relief_of(
            Watcher(_state(watcher, world), world.spec(watcher.vehicle), self._sees_for_s(watcher)),
            None if other is None else Next(other.vehicle, self._sees_for_s(other)),
            next_takes_s=chosen.arrives_in_s if isinstance(chosen, Dispatch) else None,
            ends_in_s=ends_in_s,
            world=world,
        )
        if found.act is Act.SEND_NEXT and isinstance(chosen, Dispatch):
            watch.ask_at_us = now_us + SEND_AGAIN_US
            self._note(incident, f"{chosen.vehicle_id} relieves {watcher.vehicle}: {found.why}")
            try:
                self._response.relieve(incident, chosen)
            except (StoreError, Refused) as err:
                log.warning("no relief sent", incident=str(incident.incident_id), reason=str(err))
        elif found.act is Act.LEAVE:
            self._note(incident, f"{watcher.vehicle} leaves: {found.why}")
            watch.leaving.add(watcher.task_id)
            if other is not None:
                watch.watcher = other.task_id

    def _note(self, incident: Incident, what: str) -> None:
        self._response.note(incident.incident_id, who=RELIEF, what=what)

    def _sees_for_s(self, task: Task) -> float | None:
        since_us = self._seen_since_us.get(task.task_id)
        return None if since_us is None else (self._clock.monotonic_us() - since_us) / 1e6


def _state(task: Task, world: World) -> VehicleState:
    return next(state for state in world.vehicles if state.vehicle_id == task.vehicle)
