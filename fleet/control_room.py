"""What people in the control room see and order. Every order is in the audit log before it happens.

Hold, return and recall are not here: they go straight to the safety monitor (SAFETY 6).
"""

import uuid
from collections.abc import Callable, Mapping

import anyio
from pydantic import ValidationError

from contract.clock import Clock
from contract.commands import Command, Verb
from contract.site import Site
from contract.tasks import Task, TaskState
from fleet.api.models import (
    CoordinatorView,
    DockView,
    HopView,
    LinkView,
    NodeConfiguration,
    NodeOrder,
    NodeView,
    Snapshot,
    TracksView,
    VehicleView,
    ZoneView,
)
from fleet.case_files import CaseFiles
from fleet.coordinator import Coordinator
from fleet.dispatch_desk import DispatchDesk
from fleet.dock_watch import DockWatch
from fleet.errors import NotFound, Refused
from fleet.exempt_desk import ExemptDesk
from fleet.flight.dock import DockDriver, DockVerb
from fleet.flight.docking import command_refusals, dock_entry
from fleet.flight.journal import JournalEntry
from fleet.flight.monitor import SafetyMonitor
from fleet.flight.tasking import Tasking
from fleet.flight.vehicle import Vehicle
from fleet.hops import Hops
from fleet.incident_desk import IncidentDesk
from fleet.live import LiveFeed
from fleet.node_orders import Asked
from fleet.picture.coverage import SILENT_AFTER_US, Coverage
from fleet.picture.ingest import Ingest
from fleet.picture.site_track import SiteTrack
from fleet.procedures import Procedures
from fleet.records import reads, writes
from fleet.records.audit import add_entry
from fleet.records.store import Store
from fleet.response import Response
from fleet.sending_desk import SendingDesk
from fleet.sensor_desk import SensorDesk

VEHICLE_SILENT_US = 3_000_000
TRACKS_FRESH_US = 3_000_000
LOOK_S = 0.2  # vehicles at most five times a second
_AGES = ("heard_age_s", "monitor_age_s")  # what changes without anything having changed
RECENT = 50  # closed incidents and ended tasks that a snapshot still shows


class ControlRoom:
    """For the coordinator's loop."""

    def __init__(
        self,
        *,
        site: Site,
        clock: Clock,
        store: Store,
        ingest: Ingest,
        coverage: Coverage,
        coordinator: Coordinator,
        response: Response,
        tasking: Tasking,
        monitor: SafetyMonitor,
        vehicles: Mapping[str, Vehicle],
        live: LiveFeed,
        is_connected: Callable[[], bool],
        is_alive: Callable[[], bool],
        hops: Hops,
        version: str,
        docks: Mapping[str, DockDriver],
        dock_watch: DockWatch,
        files: CaseFiles,
        exempt: ExemptDesk,
        dispatching: DispatchDesk,
        sending: SendingDesk,
        procedures: Procedures | None = None,
        sensors: SensorDesk,
    ) -> None:
        self.site = site
        consider = None if procedures is None else procedures.consider
        self.incidents, self.exempt, self._files = IncidentDesk(files, response, consider=consider), exempt, files
        self._procedures, self.dispatching, self.sending, self.sensors = procedures, dispatching, sending, sensors
        self._clock, self._store, self._ingest, self._coverage = clock, store, ingest, coverage
        self._coordinator, self._response, self._tasking, self._monitor = coordinator, response, tasking, monitor
        self._vehicles, self._live = vehicles, live
        self._is_connected, self._is_alive, self._hops = is_connected, is_alive, hops
        self._version = version
        self._docks, self._dock_watch = docks, dock_watch
        self._dock_orders = 0

    # What they see

    def snapshot(self) -> Snapshot:
        """All that is open, and the latest of what is over."""
        with self._store.reading() as connection:
            incidents = reads.incidents(connection, limit=RECENT)
            alarms = reads.alarms(connection, limit=RECENT)
            tasks = reads.tasks(connection, limit=RECENT)
        open_now = self._ingest.incidents, self._ingest.alarms, self._response.tasks
        by_incident = {each.incident_id: each for each in incidents} | open_now[0]
        by_alarm = {each.alarm_id: each for each in alarms} | open_now[1]
        by_task = {each.task_id: each for each in tasks} | open_now[2]
        return Snapshot(
            at_us=self._clock.wall_us(),
            site=self.site,
            link=self.link(),
            vehicles=self.vehicles(),
            alarms=tuple(sorted(by_alarm.values(), key=lambda each: each.raised_at_us)),
            incidents=tuple(sorted(by_incident.values(), key=lambda each: each.opened_at_us)),
            tasks=tuple(sorted(by_task.values(), key=lambda each: each.created_at_us)),
            tracks=self.tracks(),
            nodes=self.nodes(),
            zones=self.zones(),
            docks=self.docks(),
            bypasses=self.exempt.bypasses(),
            walk_tests=self.exempt.walk_tests(),
            site_tracks=self.site_tracks(),
            procedures=() if self._procedures is None else self._procedures.views(),
        )

    def link(self) -> LinkView:
        cycle_us = self._monitor.completed_cycle_at_us
        age_s = None if cycle_us is None else round((self._clock.monotonic_us() - cycle_us) / 1e6, 1)
        return LinkView(broker_connected=self._is_connected(), monitor_age_s=age_s, heartbeat_allowed=self._is_alive())

    def coordinator_view(self, *, store_problem: str) -> CoordinatorView:
        """How we are ourselves."""
        hops = tuple(
            HopView(
                hop=each.hop,
                camera=each.camera,
                count=each.count,
                p50_ms=round(each.p50_us / 1e3, 2),
                p95_ms=round(each.p95_us / 1e3, 2),
            )
            for each in self._hops.figures()
        )
        return CoordinatorView(version=self._version, link=self.link(), store_problem=store_problem, hops=hops)

    def vehicles(self) -> tuple[VehicleView, ...]:
        return tuple(map(self.vehicle, self._vehicles))

    def docks(self) -> tuple[DockView, ...]:
        return self._dock_watch.views(self._clock.monotonic_us())

    def tracks(self) -> tuple[TracksView, ...]:
        now_us = self._clock.monotonic_us()
        recent = sorted(self._coordinator.tracks.items())
        return tuple(view for _, (at_us, view) in recent if now_us - at_us <= TRACKS_FRESH_US)

    def site_tracks(self) -> tuple[SiteTrack, ...]:
        return self._coordinator.picture.site_tracks()

    def nodes(self) -> tuple[NodeView, ...]:
        return tuple(self._node(node) for node in sorted(self._coverage.nodes))

    def silent_nodes(self) -> frozenset[str]:
        """Of which nothing was heard of late, or never."""
        now_us, nodes = self._clock.monotonic_us(), self._coverage.nodes
        heard = {node: seen.heard_at_us for node, seen in nodes.items()}
        return frozenset(node for node, at_us in heard.items() if at_us is None or now_us - at_us > SILENT_AFTER_US)

    def zones(self) -> tuple[ZoneView, ...]:
        return tuple(self.exempt.zone_view(zone.id) for zone in self.site.watched)

    async def run(self) -> None:
        """Tell the live feed what changed in what nobody reports: vehicles, nodes, our own links."""
        told: dict[tuple[str, str], object] = {}
        while True:
            await anyio.sleep(LOOK_S)
            if not self._live.listeners:
                told.clear()
                continue
            now: list[tuple[str, str, VehicleView | DockView | NodeView | LinkView]] = [
                *(("vehicle", view.id, view) for view in self.vehicles()),
                *(("dock", view.id, view) for view in self.docks()),
                *(("node", view.id, view) for view in self.nodes()),
                ("link", "", self.link()),
            ]
            for kind, key, view in now:
                without_age = view.model_copy(update={name: None for name in _AGES if name in type(view).model_fields})
                if told.get((kind, key)) != without_age:
                    told[(kind, key)] = without_age
                    self._live.publish(kind, view)

    @property
    def has_procedures(self) -> bool:
        return self._procedures is not None

    @property
    def procedures(self) -> Procedures:
        """Raises NotFound where none are written."""
        if self._procedures is None:
            raise NotFound("this site has no procedures (procedures_file in the coordinator's configuration)")
        return self._procedures

    # What they order

    def dispatch(self, incident_id: uuid.UUID, *, by: str) -> Task:
        """Raises NotFound, Refused, StoreError."""
        incident = self._files.open_incident(incident_id)
        if incident.exemption is not None:
            raise Refused(f"incident {incident_id}: nobody is sent in a bypass or walk test; split off what is real")
        return self._response.dispatch(incident, by=by)

    def approve(self, task_id: uuid.UUID, *, by: str) -> Task:
        """Raises NotFound, Refused, StoreError."""
        return self._response.approve(task_id, by=by)

    def cancel(self, task_id: uuid.UUID, *, by: str) -> Task:
        """Raises NotFound."""
        return self._response.cancel(task_id, by=by)

    def pause(self, task_id: uuid.UUID, *, by: str) -> Task:
        """A patrol holds where it is. Raises NotFound, Refused."""
        return self._response.at_patrol(task_id, lambda: self._tasking.pause(task_id, by))

    def resume(self, task_id: uuid.UUID, *, by: str) -> Task:
        """Raises NotFound, Refused, StoreError."""
        return self._response.at_patrol(task_id, lambda: self._tasking.resume(task_id, by))

    def skip(self, task_id: uuid.UUID, *, by: str) -> Task:
        """A patrol flies on to the waypoint behind the next. Raises NotFound, Refused, StoreError."""
        return self._response.at_patrol(task_id, lambda: self._tasking.skip(task_id, by))

    def set_zone(self, zone_id: str, *, is_set: bool, by: str) -> ZoneView:
        """Raises NotFound, StoreError."""
        if zone_id not in self._coordinator.zones:
            raise NotFound(f"zone '{zone_id}': there is none")
        now_us = self._clock.wall_us()
        with self._store.transaction() as connection:
            writes.put_zone(connection, zone_id, is_set=is_set, by=by, at_us=now_us)
            add_entry(connection, JournalEntry(now_us, by, "set" if is_set else "unset", f"zone {zone_id}"))
        self._coordinator.wish_zone(zone_id, is_set=is_set, by=by)
        view = self.exempt.zone_view(zone_id)
        self._live.publish("zone", view)
        return view

    def configuration(self, node: str) -> NodeConfiguration:
        """Raises NotFound, StoreError."""
        return self._coordinator.configurations.of(node)

    def configure(
        self, node: str, *, settings: Mapping[str, object] | None, again: int | None, by: str
    ) -> NodeConfiguration:
        """New settings, or those of version `again`. Raises NotFound, Refused, StoreError."""
        configurations = self._coordinator.configurations
        if again is not None:
            return configurations.put_again(node, again, by=by)
        return configurations.put(node, settings or {}, by=by)

    def order_node(self, node: str, order: NodeOrder, *, by: str) -> Asked:
        """Whose reply comes when the node has done it. Raises NotFound, Refused, StoreError."""
        cameras = [camera.id for camera in self.site.cameras if camera.node == node]
        if not cameras:
            raise NotFound(f"node '{node}': there is none")
        if order.camera is not None and order.camera not in cameras:
            raise NotFound(f"node '{node}': expected a camera of it ({', '.join(cameras)}), got '{order.camera}'")

        def make(command_id: uuid.UUID, expires_at_us: int) -> Command:
            values = order.model_dump(exclude={"by", "verb"})
            verb = Verb(order.verb)
            return Command(command_id=command_id, verb=verb, by=by, expires_at_us=expires_at_us, **values)

        try:
            return self._coordinator.node_orders.give(node, make)
        except ValidationError as err:
            raise Refused(err.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")) from err

    def order_dock(self, dock_id: str, verb: DockVerb, *, by: str) -> DockView:
        """Begins it; whether it was done shows in the dock's state. Raises NotFound, Refused, StoreError."""
        dock = self._docks.get(dock_id)
        if dock is None:
            raise NotFound(f"dock '{dock_id}': expected one that is a machine ({', '.join(self._docks) or 'none'})")
        vehicle = next((spec.id for spec in self.site.vehicles if spec.dock == dock_id), "")
        state = self._vehicles[vehicle].state if vehicle in self._vehicles else None
        refusals = command_refusals(verb, dock.state, state, self._clock.monotonic_us())
        if verb is DockVerb.CLOSE and any(task.vehicle == vehicle for task in self._response.tasks.values()):
            refusals.append(f"dock '{dock_id}': '{vehicle}' has a task")
        self._dock_orders += 1
        now_us = self._clock.wall_us()
        command_id = uuid.uuid5(uuid.NAMESPACE_OID, f"{dock_id}/{verb.value}/{by}/{now_us}/{self._dock_orders}")
        entry = dock_entry(dock, verb, command_id=command_id, refusals=refusals, by=by, at_us=now_us)
        with self._store.transaction() as connection:
            add_entry(connection, entry)
        if refusals:
            raise Refused("; ".join(refusals))
        dock.ask(verb, command_id=command_id)
        return next(view for view in self.docks() if view.id == dock_id)

    def release(self, vehicle_id: str, *, by: str) -> str:
        """Gives a vehicle back to us after the safety monitor, a pilot or a restart. Raises NotFound, Refused."""
        if vehicle_id not in self._vehicles:
            raise NotFound(f"vehicle '{vehicle_id}': there is none")
        latch = self._monitor.is_latched(vehicle_id)
        taken = self._tasking.unavailable().get(vehicle_id)
        if latch is None and taken is None:
            raise Refused(f"vehicle '{vehicle_id}': nothing holds it")
        entry = JournalEntry(self._clock.wall_us(), by, "release", vehicle_id, detail={"latch": latch, "taken": taken})
        with self._store.transaction() as connection:
            add_entry(connection, entry)
        if latch is not None:
            self._monitor.release(vehicle_id, by)
        if self._tasking.unavailable().get(vehicle_id) is not None:
            self._tasking.take_back(vehicle_id, by)
        return f"released: {latch or taken}"

    # How

    def vehicle(self, vehicle_id: str) -> VehicleView:
        state, now_us = self._vehicles[vehicle_id].state, self._clock.monotonic_us()
        age_s = state.link_age_s(now_us)
        east, north = state.velocity_east_m_s, state.velocity_north_m_s
        tasks = [task for task in self._response.tasks.values() if task.vehicle == state.vehicle_id]
        task = max(tasks, key=lambda each: (each.state is not TaskState.SUSPENDED, each.created_at_us), default=None)
        return VehicleView(
            id=state.vehicle_id,
            kind=state.kind,
            simulated=state.simulated,
            heard_age_s=None if age_s is None else round(age_s, 1),
            is_silent=age_s is None or age_s * 1e6 > VEHICLE_SILENT_US,
            autopilot_uid=state.autopilot_uid,
            firmware=state.firmware,
            mode=state.mode,
            armed=state.armed,
            position=state.position,
            above_home_m=state.above_home_m,
            heading_deg=state.heading_deg,
            speed_m_s=None if east is None or north is None else round((east**2 + north**2) ** 0.5, 1),
            battery_frac=state.battery_frac,
            gnss_fix=state.gnss_fix,
            wind_m_s=state.wind_m_s,
            link_loss_frac=_rounded(state.link_loss_frac),
            round_trip_s=_rounded(state.round_trip_s),
            home=state.home,
            safety_uploaded=state.safety_uploaded,
            not_ready_because=state.not_ready_because,
            latched_because=self._monitor.is_latched(state.vehicle_id) or self._tasking.blocked_by(state.vehicle_id),
            task_id=None if task is None else task.task_id,
            last_text=state.last_text,
        )

    def _node(self, node: str) -> NodeView:
        seen, now_us = self._coverage.nodes[node], self._clock.monotonic_us()
        cameras = {camera.id for camera in self.site.cameras if camera.node == node}
        age_us = None if seen.heard_at_us is None else now_us - seen.heard_at_us
        trouble = next((each for each in self._ingest.incidents.values() if each.subject == f"node:{node}"), None)
        return NodeView(
            id=node,
            state=seen.state,
            is_silent=age_us is None or age_us > SILENT_AFTER_US,
            heard_age_s=None if age_us is None else round(age_us / 1e6, 1),
            software=seen.software,
            boot=seen.boot,
            feeds=tuple(seen.feeds.values()),
            health=() if seen.health is None else seen.health.feeds,
            outbox_rows=None if seen.health is None else seen.health.outbox_rows,
            missing=self._ingest.missing(node),
            trouble=None if trouble is None else trouble.title,
            configuration=self._coordinator.configurations.view(node),
            bypassed=tuple(sorted(self.exempt.bypassed_cameras() & cameras)),
        )


def _rounded(value: float | None) -> float | None:
    """To what a person sees: not each frame is news."""
    return None if value is None else round(value, 2)
