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

CELL_M = 1.2 * CORRELATE_AT_MOST_M  # what is left takes up that a degree is not as long everywhere on a site
M_PER_DEG = 111_320.0  # of latitude, and of longitude at the equator


class Nearby:
    """Ids of incidents by what they are found by. `origin` is the site's."""

    def __init__(self, origin: GeoPoint) -> None:
        self._origin = origin
        self._m_per_lon_deg = M_PER_DEG * math.cos(math.radians(origin.lat_deg))
        self._ids: defaultdict[Hashable, set[uuid.UUID]] = defaultdict(set)
        self._keys: dict[uuid.UUID, list[Hashable]] = {}

    def put(self, incident: Incident) -> None:
        """It is where it is now and nowhere else."""
        keys = [*self._of(incident), *incident.site_tracks]
        if keys == self._keys.get(incident.incident_id):
            return
        self.remove(incident.incident_id)
        self._keys[incident.incident_id] = keys
        for key in keys:
            self._ids[key].add(incident.incident_id)

    def remove(self, incident_id: uuid.UUID) -> None:
        for key in self._keys.pop(incident_id, ()):
            self._ids[key].discard(incident_id)
            if not self._ids[key]:
                del self._ids[key]

    def of(self, sighting: Sighting, site_track: uuid.UUID | None) -> set[uuid.UUID]:
        """Of incidents on its track, with its person, or within reach of its place."""
        known = self._ids.get((sighting.camera, sighting.track), set()) | self._ids.get(site_track, set())
        return known | self.around(sighting.ground)

    def in_zone(self, zone: str) -> set[uuid.UUID]:
        """Of incidents in it that a sensor told of, which may know no better place."""
        return set(self._ids.get((zone, "zone"), ()))

    def around(self, fix: GroundFix | None) -> set[uuid.UUID]:
        """Of incidents within reach of a place."""
        if fix is None:
            return set()
        x, y = self._cell(fix.point)
        keys = [(x + dx, y + dy, "cell") for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
        return set().union(*(self._ids.get(key, ()) for key in keys))

    def _of(self, incident: Incident) -> Iterator[Hashable]:
        if incident.sighting is not None:
            yield incident.sighting.camera, incident.sighting.track
        if incident.ground is not None:
            yield *self._cell(incident.ground.point), "cell"
        if incident.sensors:
            yield from ((zone, "zone") for zone in incident.zones)

    def _cell(self, point: GeoPoint) -> tuple[int, int]:
        east_deg = (point.lon_deg - self._origin.lon_deg + 180.0) % 360.0 - 180.0
        north_deg = point.lat_deg - self._origin.lat_deg
        return math.floor(east_deg * self._m_per_lon_deg / CELL_M), math.floor(north_deg * M_PER_DEG / CELL_M)
