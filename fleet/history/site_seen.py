"""What the map shows of the site just now, as plain values: vehicles, tasks, site tracks, zones, cameras, troubles.

Alarms and incidents are not here: the store has them with their times.
"""

import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from contract.clock import Clock
from contract.geo import GeoPoint, PointEnu
from fleet.control_room import ControlRoom
from fleet.coordinator import Coordinator
from fleet.flight.vehicle import Vehicle
from fleet.history.blocks import Thing
from fleet.history.recorder import Part
from fleet.picture.coverage import Coverage
from fleet.picture.incidents import IncidentKind
from fleet.picture.ingest import Ingest
from fleet.picture.thing import Fused
from fleet.response import Response

Each = TypeVar("Each")
BUNCH = 50  # as many as take a millisecond
ALARMING = (IncidentKind.INTRUSION, IncidentKind.MOVEMENT)


class SiteSeen:
    """For the coordinator's loop. Changes nothing."""

    def __init__(
        self,
        *,
        room: ControlRoom,
        coordinator: Coordinator,
        vehicles: Mapping[str, Vehicle],
        ingest: Ingest,
        coverage: Coverage,
        response: Response,
        clock: Clock,
    ) -> None:
        self._room, self._coordinator, self._vehicles = room, coordinator, vehicles
        self._ingest, self._coverage, self._response = ingest, coverage, response
        self._clock, self._frame = clock, room.site.local_frame()
        self._nodes = {camera.id: camera.node for camera in room.site.cameras}

    def news(self) -> object:
        """All but places and the numbers that go with them."""
        return (
            [(each.state.mode, each.state.armed) for each in self._vehicles.values()],
            [(each.task_id, each.state) for each in self._response.tasks.values()],
            [(each.incident_id, each.state) for each in self._ingest.incidents.values()],
            dict(self._coordinator.zones),
            self._coordinator.picture.fusion.present(),
        )

    def parts(self) -> Iterator[Part]:
        """A few at a time: between two of them others may have the loop."""
        for names in _bunches(tuple(self._vehicles), BUNCH):
            yield "vehicles", self._seen_vehicles(names)
        yield "tasks", self._tasks()
        for ids in _bunches(self._coordinator.picture.fusion.present(), BUNCH):
            yield "site_tracks", self._site_tracks(ids)
        yield "zones", self._zones()
        yield "cameras", self._cameras()
        yield "troubles", self._troubles()

    def _seen_vehicles(self, names: Sequence[str]) -> dict[str, Thing]:
        return {
            view.id: {
                "id": view.id,
                "kind": view.kind.value,
                "is_silent": view.is_silent,
                "mode": None if view.mode is None else view.mode.value,
                "armed": view.armed,
                "position": _point(view.position),
                "above_home_m": _number(view.above_home_m, 1),
                "heading_deg": _number(view.heading_deg, 0),
                "speed_m_s": _number(view.speed_m_s, 1),
                "battery_frac": _number(view.battery_frac, 3),
                "link_loss_frac": _number(view.link_loss_frac, 2),
                "latched_because": view.latched_because,
                "task_id": None if view.task_id is None else str(view.task_id),
            }
            for view in map(self._room.vehicle, names)
        }

    def _tasks(self) -> dict[str, Thing]:
        return {
            str(task.task_id): {
                "task_id": str(task.task_id),
                "kind": task.kind.value,
                "vehicle": task.vehicle,
                "state": task.state.value,
                "target": _point(task.target),
                "stand_off": _point(task.stand_off),
                "incident_id": None if task.incident_id is None else str(task.incident_id),
            }
            for task in self._response.tasks.values()
        }

    def _site_tracks(self, ids: Sequence[uuid.UUID]) -> dict[str, Thing]:
        """As the live feed tells them (fleet/site_picture), without what no map shows."""
        fusion, now_us = self._coordinator.picture.fusion, self._clock.monotonic_us()
        return {
            str(track.id): {
                "site_track_id": str(track.id),
                "state": track.state.value,
                "label": track.label.value,
                "ground": self._ground(track),
                "explained_by": track.explained_by,
            }
            for track in (fusion.track(each, now_us=now_us) for each in ids)
            if track is not None
        }

    def _ground(self, track: Fused) -> dict[str, Any]:
        (east_m, north_m, *_), covariance = track.motion.mean.tolist(), track.motion.covariance.tolist()
        point, _ = self._frame.to_geo(PointEnu(east_m, north_m))
        return {
            "point": _point(point),
            "var_east_m2": round(covariance[0][0], 2),
            "cov_east_north_m2": round(covariance[0][1], 2),
            "var_north_m2": round(covariance[1][1], 2),
        }

    def _zones(self) -> dict[str, Thing]:
        open_now = [each for each in self._ingest.incidents.values() if each.kind in ALARMING]
        alarmed = {zone for incident in open_now for zone in incident.zones}
        return {
            view.id: {
                "id": view.id,
                "is_set": view.is_set,
                "is_alarmed": view.id in alarmed,
                "bypassed_until_us": view.bypassed_until_us,
                "under_test_until_us": view.under_test_until_us,
            }
            for view in self._room.zones()
        }

    def _cameras(self) -> dict[str, Thing]:
        seen: dict[str, Thing] = {}
        bypassed = self._room.exempt.bypassed_cameras()
        silent = self._room.silent_nodes()
        for camera, node in self._nodes.items():
            feed = self._coverage.nodes[node].feeds.get(camera)
            seen[camera] = {
                "id": camera,
                "state": None if feed is None else feed.state.value,
                "is_silent": node in silent,
                "is_bypassed": camera in bypassed,
            }
        return seen

    def _troubles(self) -> dict[str, Thing]:
        return {
            str(each.incident_id): {
                "incident_id": str(each.incident_id),
                "title": each.title,
                "severity": each.severity.value,
            }
            for each in self._ingest.incidents.values()
            if each.kind is IncidentKind.TROUBLE
        }


def _number(value: float | None, digits: int) -> float | None:
    """As a person reads it; what is no number is unknown."""
    return None if value is None or not math.isfinite(value) else round(value, digits)


def _point(point: GeoPoint | None) -> dict[str, float] | None:
    return None if point is None else {"lat_deg": round(point.lat_deg, 7), "lon_deg": round(point.lon_deg, 7)}


def _bunches(all_of_them: Sequence[Each], size: int) -> Iterator[Sequence[Each]]:
    """At least one, so that a kind of which there is nothing is named too."""
    for start in range(0, max(len(all_of_them), 1), size):
        yield all_of_them[start : start + size]
