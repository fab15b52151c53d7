"""What people in the control room see and order. Every order is in the audit log before it happens.

Hold, return and recall are not here: they go straight to the safety monitor (SAFETY 6).
"""

import uuid
from collections.abc import Callable, Mapping, Sequence

import anyio
from pydantic import ValidationError

from contract.clock import Clock
from contract.commands import Command, Verb
from contract.site import Site
from contract.tasks import Task, TaskState
from fleet.api.models import (
    LinkView,
    NodeConfiguration,
    NodeOrder,
    NodeView,
    Snapshot,
    TracksView,
    VehicleView,
    ZoneView,
)
from fleet.coordinator import Coordinator
from fleet.errors import NotFound, Refused
from fleet.flight.journal import JournalEntry, JsonValue
from fleet.flight.monitor import SafetyMonitor
from fleet.flight.tasking import Tasking
from fleet.flight.vehicle import Vehicle
from fleet.live import LiveFeed
from fleet.node_orders import Asked
from fleet.picture.coverage import SILENT_AFTER_US, Coverage
from fleet.picture.incidents import Alarm, Disposition, Incident, acknowledged, closed
from fleet.picture.ingest import Ingest
from fleet.records import reads, writes
from fleet.records.audit import add_entry
from fleet.records.store import Store
from fleet.response import Response

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
    ) -> None:
        self.site = site
        self._clock, self._store, self._ingest, self._coverage = clock, store, ingest, coverage
        self._coordinator, self._response, self._tasking, self._monitor = coordinator, response, tasking, monitor
        self._vehicles, self._live = vehicles, live
        self._is_connected, self._is_alive = is_connected, is_alive

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
        )

    def link(self) -> LinkView:
        cycle_us = self._monitor.completed_cycle_at_us
        age_s = None if cycle_us is None else round((self._clock.monotonic_us() - cycle_us) / 1e6, 1)
        return LinkView(broker_connected=self._is_connected(), monitor_age_s=age_s, heartbeat_allowed=self._is_alive())

    def vehicles(self) -> tuple[VehicleView, ...]:
        return tuple(self._vehicle(vehicle) for vehicle in self._vehicles.values())

    def tracks(self) -> tuple[TracksView, ...]:
        now_us = self._clock.monotonic_us()
        recent = sorted(self._coordinator.tracks.items())
        return tuple(view for _, (at_us, view) in recent if now_us - at_us <= TRACKS_FRESH_US)

    def nodes(self) -> tuple[NodeView, ...]:
        return tuple(self._node(node) for node in sorted(self._coverage.nodes))

    def zones(self) -> tuple[ZoneView, ...]:
        return tuple(self._zone(zone.id) for zone in self.site.watched)

    async def run(self) -> None:
        """Tell the live feed what changed in what nobody reports: vehicles, nodes, our own links."""
        told: dict[tuple[str, str], object] = {}
        while True:
            await anyio.sleep(LOOK_S)
            if not self._live.listeners:
                told.clear()
                continue
            now: list[tuple[str, str, VehicleView | NodeView | LinkView]] = [
                *(("vehicle", view.id, view) for view in self.vehicles()),
                *(("node", view.id, view) for view in self.nodes()),
                ("link", "", self.link()),
            ]
            for kind, key, view in now:
                without_age = view.model_copy(update={name: None for name in _AGES if name in type(view).model_fields})
                if told.get((kind, key)) != without_age:
                    told[(kind, key)] = without_age
                    self._live.publish(kind, view)

    # What they order

    def acknowledge(self, alarm_id: uuid.UUID, *, by: str) -> Alarm:
        """Raises NotFound, Refused, StoreError."""
        alarm = self._ingest.alarms.get(alarm_id)
        if alarm is None:
            with self._store.reading() as connection:
                if reads.alarm(connection, alarm_id) is None:
                    raise NotFound(f"alarm {alarm_id}: there is none")
            raise Refused(f"alarm {alarm_id}: its incident is closed")
        incident = self._ingest.incidents[alarm.incident_id]
        change = acknowledged(alarm, incident, others=self._alarms_of(incident), by=by, at_us=self._clock.wall_us())
        self._keep(change.incident, (change.alarm,), by=by, act="acknowledge", subject=f"alarm {alarm_id}")
        return change.alarm

    def close(self, incident_id: uuid.UUID, *, disposition: Disposition, note: str, by: str) -> Incident:
        """Ends the incident, its alarms and whatever is under way for it. Raises NotFound, Refused, StoreError."""
        incident = self._open_incident(incident_id)
        shut, alarms = closed(
            incident,
            alarms=self._alarms_of(incident),
            disposition=disposition,
            note=note,
            by=by,
            at_us=self._clock.wall_us(),
        )
        detail: dict[str, JsonValue] = {"disposition": disposition.value, "note": note}
        self._keep(shut, alarms, by=by, act="close", subject=f"incident {incident_id}", detail=detail)
        for task in self._response.tasks_of(incident_id):
            self._response.cancel(task.task_id, by=by)
        return shut

    def dispatch(self, incident_id: uuid.UUID, *, by: str) -> Task:
        """Raises NotFound, Refused, StoreError."""
        return self._response.dispatch(self._open_incident(incident_id), by=by)

    def approve(self, task_id: uuid.UUID, *, by: str) -> Task:
        """Raises NotFound, Refused, StoreError."""
        return self._response.approve(task_id, by=by)

    def cancel(self, task_id: uuid.UUID, *, by: str) -> Task:
        """Raises NotFound."""
        return self._response.cancel(task_id, by=by)

    def set_zone(self, zone_id: str, *, is_set: bool, by: str) -> ZoneView:
        """Raises NotFound, StoreError."""
        if zone_id not in self._coordinator.zones:
            raise NotFound(f"zone '{zone_id}': there is none")
        now_us = self._clock.wall_us()
        with self._store.transaction() as connection:
            writes.put_zone(connection, zone_id, is_set=is_set, by=by, at_us=now_us)
            add_entry(connection, JournalEntry(now_us, by, "set" if is_set else "unset", f"zone {zone_id}"))
        self._coordinator.wish_zone(zone_id, is_set=is_set, by=by)
        view = self._zone(zone_id)
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

    def _open_incident(self, incident_id: uuid.UUID) -> Incident:
        incident = self._ingest.incidents.get(incident_id)
        if incident is not None:
            return incident
        with self._store.reading() as connection:
            if reads.incident(connection, incident_id) is None:
                raise NotFound(f"incident {incident_id}: there is none")
        raise Refused(f"incident {incident_id}: it is closed")

    def _alarms_of(self, incident: Incident) -> list[Alarm]:
        return [alarm for alarm in self._ingest.alarms.values() if alarm.incident_id == incident.incident_id]

    def _keep(
        self,
        incident: Incident,
        alarms: Sequence[Alarm],
        *,
        by: str,
        act: str,
        subject: str,
        detail: Mapping[str, JsonValue] | None = None,
    ) -> None:
        entry = JournalEntry(self._clock.wall_us(), by, act, subject, incident.trace_id, detail or {})
        with self._store.transaction() as connection:
            add_entry(connection, entry)
            writes.put_incident(connection, incident)
            for alarm in alarms:
                writes.put_alarm(connection, alarm)
        self._ingest.keep(incident, alarms)
        for alarm in alarms:
            self._live.publish("alarm", alarm)
        self._live.publish("incident", incident)

    def _vehicle(self, vehicle: Vehicle) -> VehicleView:
        state, now_us = vehicle.state, self._clock.monotonic_us()
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
            link_loss_frac=state.link_loss_frac,
            home=state.home,
            safety_uploaded=state.safety_uploaded,
            not_ready_because=state.not_ready_because,
            latched_because=self._monitor.is_latched(state.vehicle_id)
            or self._tasking.unavailable().get(state.vehicle_id),
            task_id=None if task is None else task.task_id,
            last_text=state.last_text,
        )

    def _node(self, node: str) -> NodeView:
        seen, now_us = self._coverage.nodes[node], self._clock.monotonic_us()
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
        )

    def _zone(self, zone_id: str) -> ZoneView:
        zone = next(zone for zone in self.site.watched if zone.id == zone_id)
        return ZoneView(id=zone_id, name=zone.name, is_set=self._coordinator.zones[zone_id])
