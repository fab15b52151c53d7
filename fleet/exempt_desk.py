"""Bypasses and walk tests: what people order, what ends by itself, and how zones and cameras stand meanwhile."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import structlog

from contract.site import Site
from fleet.api.exempt_views import BypassView, WalkTestView, bypass_view, walk_test_view
from fleet.api.models import ZoneView
from fleet.case_files import CaseFiles
from fleet.errors import NotFound, StoreError
from fleet.flight.journal import JournalEntry, JsonValue
from fleet.picture.coverage import Trouble
from fleet.picture.exempt import Bypass, WalkTest
from fleet.picture.exempting import begun, bypass_of, counted, ended, uncovered_by, walk_test_of
from fleet.picture.incidents import SYSTEM, Incident, IncidentKind
from fleet.records import reads

OVER = "its time is over"
log = structlog.get_logger()


class ExemptDesk:
    """For the coordinator's loop. `zones`: which are set; shared with the coordinator."""

    def __init__(self, files: CaseFiles, *, site: Site, zones: Mapping[str, bool]) -> None:
        self._files, self._site, self._zones = files, site, zones
        self._until_us: dict[uuid.UUID, int] = {}  # by our monotonic clock: a wall clock set back prolongs nothing

    # What is so now

    def bypasses(self) -> tuple[BypassView, ...]:
        """Those that last."""
        return tuple(bypass_view(each) for each in self._lasting() if each.bypass is not None)

    def walk_tests(self) -> tuple[WalkTestView, ...]:
        """Those that last."""
        return tuple(walk_test_view(each) for each in self._lasting() if each.walk_test is not None)

    def bypassed_cameras(self) -> frozenset[str]:
        return frozenset(each.camera for each in self._bypasses() if each.camera is not None)

    def zone_view(self, zone_id: str) -> ZoneView:
        zone = next(each for each in self._site.watched if each.id == zone_id)
        bypassed = [each.until_us for each in self._bypasses() if each.zone == zone_id]
        tested = [each.until_us for each in self._walk_tests() if zone_id in each.zones]
        return ZoneView(
            id=zone_id,
            name=zone.name,
            is_set=self._zones[zone_id],
            bypassed_until_us=max(bypassed, default=None),
            under_test_until_us=max(tested, default=None),
        )

    def marked(self, trouble: Trouble) -> Trouble:
        """A trouble of a camera that is bypassed is told as trouble, and says so."""
        kind, _, name = trouble.subject.partition(":")
        cameras = {each.id for each in self._site.cameras if kind == "node" and each.node == name}
        if kind == "feed":
            cameras = {name}
        if cameras and cameras <= self.bypassed_cameras():
            return replace(trouble, title=f"{trouble.title} (bypassed)")
        return trouble

    # What people order

    def bypass(self, *, zone: str | None, camera: str | None, reason: str, minutes: float, by: str) -> BypassView:
        """Raises NotFound, Refused, StoreError."""
        at_us = self._files.clock.wall_us()
        wanted = bypass_of(
            self._site,
            zone=zone,
            camera=camera,
            reason=reason,
            minutes=minutes,
            by=by,
            active=self._bypasses(),
            at_us=at_us,
        )
        return bypass_view(self._begin(wanted, act="bypass", detail={"reason": reason, "minutes": minutes}))

    def begin_walk_test(self, *, zones: Sequence[str], reason: str, minutes: float, by: str) -> WalkTestView:
        """Raises NotFound, Refused, StoreError."""
        wanted = walk_test_of(
            self._site,
            zones=zones,
            reason=reason,
            minutes=minutes,
            by=by,
            active=self._walk_tests(),
            bypasses=self._bypasses(),
            zones_set=self._zones_set(),
            at_us=self._files.clock.wall_us(),
        )
        detail: dict[str, JsonValue] = {"reason": reason, "minutes": minutes, "zones": list(wanted.zones)}
        return walk_test_view(self._begin(wanted, act="walk_test", detail=detail))

    def end_bypass(self, bypass_id: uuid.UUID, *, by: str) -> BypassView:
        """Raises NotFound, Refused, StoreError."""
        self._known(bypass_id, IncidentKind.BYPASS)
        return bypass_view(self._end(self._files.open_incident(bypass_id), by=by, why=f"by {by}"))

    def end_walk_test(self, walk_test_id: uuid.UUID, *, by: str) -> WalkTestView:
        """Raises NotFound, Refused, StoreError."""
        self._known(walk_test_id, IncidentKind.WALK_TEST)
        return walk_test_view(self._end(self._files.open_incident(walk_test_id), by=by, why=f"by {by}"))

    def tick(self) -> None:
        """Once a second: what is over ends, and the zones that are uncovered are counted again."""
        wall_us, now_us = self._files.clock.wall_us(), self._files.clock.monotonic_us()
        try:
            for incident in self._lasting():
                exemption = incident.exemption
                assert exemption is not None
                rest_us = exemption.until_us - wall_us
                until_us = self._until_us.setdefault(incident.incident_id, now_us + rest_us)
                if rest_us <= 0 or now_us >= until_us:
                    self._end(incident, by=SYSTEM, why=OVER)
            self._count()
        except StoreError as err:
            log.warning("bypass or walk test not stored; tried again", reason=str(err))

    # How

    def _lasting(self) -> list[Incident]:
        """Not yet ended."""
        found = [each for each in self._files.ingest.incidents.values() if each.exemption is not None]
        return sorted(found, key=lambda each: (each.opened_at_us, each.incident_id.hex))

    def _bypasses(self) -> list[Bypass]:
        return [each.bypass for each in self._lasting() if each.bypass is not None]

    def _walk_tests(self) -> list[WalkTest]:
        return [each.walk_test for each in self._lasting() if each.walk_test is not None]

    def _zones_set(self) -> Collection[str]:
        return frozenset(zone for zone, is_set in self._zones.items() if is_set)

    def _known(self, incident_id: uuid.UUID, kind: IncidentKind) -> None:
        with self._files.store.reading() as connection:
            incident = reads.incident(connection, incident_id)
        if incident is None or incident.kind is not kind:
            raise NotFound(f"{kind.value.replace('_', ' ')} {incident_id}: there is none")

    def _begin(self, exemption: Bypass | WalkTest, *, act: str, detail: Mapping[str, JsonValue]) -> Incident:
        at_us = exemption.from_us
        incident = begun(exemption, at_us=at_us)
        if isinstance(exemption, Bypass):
            incident = self._with_zones(incident, exemption, who=exemption.by)
        entry = JournalEntry(at_us, exemption.by, act, incident.title, incident.trace_id, detail)
        marked = self._troubles_of(exemption, f"{incident.title}: {exemption.reason}", who=exemption.by)
        self._files.keep(entry, [incident, *marked], [])
        log.warning("begun", what=incident.title, by=exemption.by, until_us=exemption.until_us)
        self._count()
        self._tell(incident)
        return self._files.ingest.incidents[incident.incident_id]

    def _end(self, incident: Incident, *, by: str, why: str) -> Incident:
        at_us = self._files.clock.wall_us()
        over = ended(incident, alarms=self._files.alarms_of(incident), by=by, why=why, at_us=at_us)
        detail: dict[str, JsonValue] = {"why": why, "still_going_on": [str(each.incident_id) for each in over.real]}
        entry = JournalEntry(at_us, by, f"end_{incident.kind.value}", incident.title, incident.trace_id, detail)
        marked = self._troubles_of(incident.exemption, f"{incident.title}: ended, {why}", who=by)
        self._files.keep(entry, [over.incident, *over.real, *marked], over.alarms)
        self._until_us.pop(incident.incident_id, None)
        log.warning("ended", what=incident.title, by=by, still_going_on=len(over.real))
        self._tell(over.incident)
        return over.incident

    def _troubles_of(self, exemption: Bypass | WalkTest | None, what: str, *, who: str) -> list[Incident]:
        """Open troubles of a camera whose bypass begins or ends, with a line that says so."""
        if not isinstance(exemption, Bypass) or exemption.camera is None:
            return []
        at_us, subject = self._files.clock.wall_us(), f"feed:{exemption.camera}"
        found = [each for each in self._files.ingest.incidents.values() if each.subject == subject]
        return [each.noting(at_us=at_us, who=who, what=what) for each in found]

    def _count(self) -> None:
        for incident in self._lasting():
            if incident.bypass is not None:
                now = self._with_zones(incident, incident.bypass, who=SYSTEM)
                if now is not incident:
                    at_us = self._files.clock.wall_us()
                    detail: dict[str, JsonValue] = {"uncovered_zones": list(now.uncovered_zones)}
                    entry = JournalEntry(at_us, SYSTEM, "uncovered", now.title, now.trace_id, detail)
                    self._files.keep(entry, [now], [])
                    self._tell(now)

    def _with_zones(self, incident: Incident, bypass: Bypass, *, who: str) -> Incident:
        zones = uncovered_by(bypass, active=self._bypasses(), site=self._site, zones_set=self._zones_set())
        return counted(incident, uncovered_zones=zones, at_us=self._files.clock.wall_us(), who=who)

    def _tell(self, incident: Incident) -> None:
        """Beside the incident itself: the bypass or walk test, and the zones it is of."""
        live = self._files.live
        if incident.bypass is not None:
            live.publish("bypass", bypass_view(incident))
        else:
            live.publish("walk_test", walk_test_view(incident))
        for zone in incident.zones:
            live.publish("zone", self.zone_view(zone))
