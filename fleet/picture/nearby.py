"""Which open incidents an event may belong to, found by place and track instead of by looking at all of them.

It may name too many, never too few: incidents.py judges what it names.
"""

import math
import uuid
from collections import defaultdict
from collections.abc import Hashable, Iterator

from contract.events import Sighting
from contract.geo import GeoPoint, GroundFix
from fleet.picture.incidents import CORRELATE_AT_MOST_M, Incident

REACH_M = 1.2 * CORRELATE_AT_MOST_M  # what is left takes up that a degree is not as long everywhere on a site
M_PER_DEG = 111_320.0  # of latitude, and of longitude at the equator
Metres = tuple[float, float]  # east, north
Cell = tuple[int, int]  # a square with sides of REACH_M
NOBODY: dict[uuid.UUID, Metres] = {}


class Nearby:
    """Ids of incidents by what they are found by. `origin` is the site's; metres are east and north of it, roughly."""

    def __init__(self, origin: GeoPoint) -> None:
        self._origin = origin
        self._m_per_lon_deg = M_PER_DEG * math.cos(math.radians(origin.lat_deg))
        self._ids: defaultdict[Hashable, set[uuid.UUID]] = defaultdict(set)
        self._places: defaultdict[Cell, dict[uuid.UUID, Metres]] = defaultdict(dict)
        self._known: dict[uuid.UUID, tuple[list[Hashable], Metres | None]] = {}

    def put(self, incident: Incident) -> None:
        """It is where it is now and nowhere else."""
        incident_id, fix = incident.incident_id, incident.ground
        known = [*self._keys_of(incident)], None if fix is None else self._metres(fix.point)
        if known == self._known.get(incident_id):
            return
        self.remove(incident_id)
        self._known[incident_id] = keys, place = known
        for key in keys:
            self._ids[key].add(incident_id)
        if place is not None:
            self._places[_cell(place)][incident_id] = place

    def remove(self, incident_id: uuid.UUID) -> None:
        keys, place = self._known.pop(incident_id, ((), None))
        for key in keys:
            self._ids[key].discard(incident_id)
            if not self._ids[key]:
                del self._ids[key]
        if place is not None:
            cell = _cell(place)
            del self._places[cell][incident_id]
            if not self._places[cell]:
                del self._places[cell]

    def of(self, sighting: Sighting, site_track: uuid.UUID | None) -> set[uuid.UUID]:
        """Of incidents on its track, with its person, or within reach of its place."""
        known = self._ids.get((sighting.camera, sighting.track), set()) | self._ids.get(site_track, set())
        known.update(self.around(sighting.ground))
        return known

    def in_zone(self, zone: str) -> set[uuid.UUID]:
        """Of incidents in it that a sensor told of, which may know no better place."""
        return set(self._ids.get((zone, "zone"), ()))

    def around(self, fix: GroundFix | None) -> Iterator[uuid.UUID]:
        """Of incidents within reach of a place."""
        if fix is None:
            return
        east_m, north_m = place = self._metres(fix.point)
        x, y = _cell(place)
        for cell in [(x + dx, y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]:
            for incident_id, (its_east_m, its_north_m) in self._places.get(cell, NOBODY).items():
                if math.hypot(its_east_m - east_m, its_north_m - north_m) <= REACH_M:
                    yield incident_id

    @staticmethod
    def _keys_of(incident: Incident) -> Iterator[Hashable]:
        if incident.sighting is not None:
            yield incident.sighting.camera, incident.sighting.track
        if incident.sensors:
            yield from ((zone, "zone") for zone in incident.zones)
        yield from incident.site_tracks

    def _metres(self, point: GeoPoint) -> Metres:
        east_deg = (point.lon_deg - self._origin.lon_deg + 180.0) % 360.0 - 180.0
        return east_deg * self._m_per_lon_deg, (point.lat_deg - self._origin.lat_deg) * M_PER_DEG


def _cell(place: Metres) -> Cell:
    return math.floor(place[0] / REACH_M), math.floor(place[1] / REACH_M)
