"""What other sensors tell, whichever way it came: durable, then acted upon like what our own nodes tell.

The HTTP door answers after that. What came by the broker and the store did not take waits here for the store, bounded;
a device has no outbox to send it again.
"""

import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, select

from contract.codec import content_digest
from contract.devices import Sensor
from contract.envelope import Envelope, Origin
from contract.errors import ContractError
from contract.events import Stage
from contract.kinds import Severity
from contract.labels import Label
from contract.sensors import SensorAlarm, SensorSays, SensorTrack, Target
from contract.site import Site
from fleet.api.sensor_views import SensorView
from fleet.case_files import CaseFiles
from fleet.errors import NotFound, StoreError
from fleet.flight.journal import JournalEntry
from fleet.flight.world import Evidence, PeopleSeen, TrackedPerson
from fleet.foreign import ForeignTopic
from fleet.metrics import Metrics
from fleet.picture.arrival import Arrival
from fleet.picture.coverage import Trouble
from fleet.picture.exempting import exemptions, takers
from fleet.picture.incidents import Alarm, Change, Incident
from fleet.picture.ingest import Report, age_at_arrival_s
from fleet.picture.observation import Look, Observation
from fleet.picture.priority import OddHours, Priority
from fleet.picture.sensing import SENSOR_NAMESPACE, begun, carried_on, urgency, zone_of
from fleet.records import writes
from fleet.records.store import add
from fleet.records.tables import SENSOR_MESSAGES
from fleet.response import Response
from fleet.site_picture import OLDEST_S, SitePicture

MAX_WAITING = 10_000
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Heard:
    envelope: Envelope
    wall_us: int
    monotonic_us: int


class SensorDesk:
    """For the coordinator's loop. `zones`: which are set; `consider`: an incident may begin its procedure."""

    def __init__(
        self,
        files: CaseFiles,
        *,
        site: Site,
        response: Response,
        picture: SitePicture,
        people: PeopleSeen,
        zones: Mapping[str, bool],
        metrics: Metrics,
        consider: Callable[[Incident], None] | None = None,
        foreign: Sequence[ForeignTopic] = (),
    ) -> None:
        self._files, self._site, self._response, self._picture = files, site, response, picture
        self._people, self._zones, self._metrics = people, zones, metrics
        self._consider = consider or (lambda _incident: None)
        self._sensors = {sensor.id: sensor for sensor in site.sensors}
        self._foreign = {each.topic: each for each in foreign}
        self._odd_hours = OddHours(site)
        started_at_us = files.clock.monotonic_us()
        self._heard_at_us: dict[str, int] = {}
        self._started_at_us = started_at_us
        self._waiting: deque[tuple[Envelope, Arrival]] = deque()
        self._troubles: dict[str, str] = {}  # of what was refused: subject -> words, until told

    # What comes

    def parted(self, batch: Sequence[Arrival]) -> tuple[Sequence[Arrival], list[Arrival]]:
        """What speaks our contract, and what does not; the batch itself where all of it does."""
        foreign = [each for each in batch if each.message.topic in self._foreign]
        return [each for each in batch if each.message.topic not in self._foreign] if foreign else batch, foreign

    def hear_foreign(self, arrival: Arrival) -> None:
        """By the mapping of its topic; a word without a meaning for us is a sign of life."""
        mapping = self._foreign[arrival.message.topic]
        try:
            for says in mapping.read(arrival.message.payload):
                self._hear(self._sealed(mapping.sensor, says, arrival.wall_us), arrival)
        except ContractError as err:
            self._refuse(mapping.sensor, arrival, str(err))
        else:
            self._heard_at_us[mapping.sensor] = arrival.monotonic_us

    def hear(self, report: Report) -> None:
        """Of a device that does, over the broker."""
        self._hear(report.envelope, report.arrival)

    def take(self, sensor_id: str, says: SensorSays) -> Alarm | None:
        """Over HTTP: durable on return; None for tracks, and for an alarm where nothing is set. Raises NotFound,
        ContractError, StoreError."""
        if sensor_id not in self._sensors:
            raise NotFound(f"sensor '{sensor_id}': there is none")
        clock = self._files.clock
        envelope = self._sealed(sensor_id, says, clock.wall_us())
        return self._take(_Heard(envelope, clock.wall_us(), clock.monotonic_us()))

    def tick(self) -> None:
        """What the store did not take before."""
        while self._waiting:
            envelope, arrival = self._waiting[0]
            try:
                self._take(_Heard(envelope, arrival.wall_us, arrival.monotonic_us))
            except StoreError:
                return
            except ContractError as err:
                self._refuse(envelope.node, arrival, str(err))
            self._waiting.popleft()

    # What is so now

    def troubles(self, now_us: int, *, zones_set: Collection[str]) -> list[Trouble]:
        """Of devices that are silent for too long while a zone of theirs is set (SAFETY 18)."""
        found = []
        for sensor in self._sensors.values():
            zones = tuple(zone for zone in sensor.zones if zone in zones_set)
            if zones and self._is_silent(sensor, now_us):
                origin = Origin.SIMULATED if sensor.simulated else Origin.LIVE
                words = f"sensor {sensor.id} is silent for more than {sensor.silent_after_s:g} s ({', '.join(zones)})"
                found.append(Trouble(f"sensor:{sensor.id}", words, (), Severity.MEDIUM, origin))
        return found

    def refused(self) -> dict[str, str]:
        """Subjects and words of what could not be used since last asked."""
        told, self._troubles = self._troubles, {}
        return told

    def views(self) -> tuple[SensorView, ...]:
        now_us = self._files.clock.monotonic_us()
        return tuple(
            SensorView(
                id=sensor.id,
                name=sensor.name,
                kind=sensor.kind,
                zones=sensor.zones,
                heard_age_s=None
                if sensor.id not in self._heard_at_us
                else round((now_us - self._heard_at_us[sensor.id]) / 1e6, 1),
                is_silent=self._is_silent(sensor, now_us),
            )
            for sensor in self._sensors.values()
        )

    # How

    def _is_silent(self, sensor: Sensor, now_us: int) -> bool:
        last_us = self._heard_at_us.get(sensor.id, self._started_at_us)
        return sensor.silent_after_s is not None and now_us - last_us > sensor.silent_after_s * 1e6

    def _sealed(self, sensor_id: str, says: SensorSays, wall_us: int) -> Envelope:
        """In the envelope that a device of our own contract would have sent; its id is that of its content."""
        at_us = wall_us if says.at_us is None else says.at_us
        message_id = uuid.uuid5(SENSOR_NAMESPACE, f"{sensor_id}/{at_us}/{says.body.model_dump_json()}")
        return Envelope(
            message_id=message_id,
            site=self._site.id,
            node=sensor_id,
            boot=0,
            captured_at_us=at_us,
            sent_at_us=wall_us,
            origin=Origin.SIMULATED if self._sensors[sensor_id].simulated else Origin.LIVE,
            trace_id=message_id.hex,
            hops_us={},
            body=says.body,
        )

    def _hear(self, envelope: Envelope, arrival: Arrival) -> None:
        """Alarms in their order, behind those that wait for the store; tracks are true only now and do not wait."""
        try:
            if not self._waiting or isinstance(envelope.body, SensorTrack):
                self._take(_Heard(envelope, arrival.wall_us, arrival.monotonic_us))
            else:
                self._wait(envelope, arrival)
        except ContractError as err:
            self._refuse(envelope.node, arrival, str(err))
        except StoreError:
            self._wait(envelope, arrival)

    def _wait(self, envelope: Envelope, arrival: Arrival) -> None:
        self._heard_at_us[envelope.node] = arrival.monotonic_us
        if len(self._waiting) >= MAX_WAITING:
            self._refuse(envelope.node, arrival, f"more than {MAX_WAITING} wait for the store")
        else:
            self._waiting.append((envelope, arrival))

    def _refuse(self, sensor_id: str, arrival: Arrival, detail: str) -> None:
        """Kept, counted, and told to a person."""
        self._metrics.quarantined.labels(reason="malformed").inc()
        self._troubles[f"malformed:{sensor_id}"] = f"sensor {sensor_id}: quarantined: {detail}"
        try:
            with self._files.store.transaction() as connection:
                writes.add_quarantined(
                    connection,
                    topic=arrival.message.topic,
                    payload=arrival.message.payload,
                    reason="malformed",
                    detail=detail,
                    at_us=arrival.wall_us,
                )
        except StoreError as err:
            log.warning("quarantine not stored", sensor=sensor_id, reason=str(err))

    def _take(self, heard: _Heard) -> Alarm | None:
        envelope = heard.envelope
        sensor, body = self._sensors[envelope.node], envelope.body
        if sensor.simulated and envelope.origin is Origin.LIVE:
            raise ContractError(f"sensor '{sensor.id}': it is simulated, and says it is live")
        self._heard_at_us[sensor.id] = heard.monotonic_us
        if isinstance(body, SensorTrack):
            self._follow(heard, body)
            return None
        assert isinstance(body, SensorAlarm)
        return self._alarm(heard, body, sensor)

    def _alarm(self, heard: _Heard, body: SensorAlarm, sensor: Sensor) -> Alarm | None:
        envelope, wall_us = heard.envelope, heard.wall_us
        zone = zone_of(body, sensor, (zone for zone, is_set in self._zones.items() if is_set))
        digest = content_digest(envelope.model_dump_json())
        if self._was_told(envelope, digest):
            return self._lasting(sensor.id, body.alarm)
        lasting = self._lasting(sensor.id, body.alarm)
        age_s = age_at_arrival_s(envelope, wall_us)
        is_stale = age_s is None or age_s > self._site.response.dispatch_max_age_s
        ingest = self._files.ingest
        if lasting is not None:
            change = carried_on(envelope, lasting, ingest.incidents[lasting.incident_id], at_us=wall_us)
        elif zone is None or body.stage is Stage.END:
            return None  # what is unset is not recorded, and what never began does not end
        else:
            change = begun(
                envelope,
                sensor,
                zone=zone,
                priority=self._priority(heard, body, sensor, zone),
                open_incidents=ingest.incidents.values(),
                exempt=next(self._takers(zone, envelope.captured_at_us, wall_us), None),
                is_stale=is_stale,
                at_us=wall_us,
            )
        entry = JournalEntry(
            wall_us, sensor.id, f"sensor alarm {body.stage.value}", f"sensor {sensor.id}", envelope.trace_id
        )
        row = {"message_id": str(envelope.message_id), "digest": digest, "at_us": wall_us}

        def remember(connection: Connection) -> None:
            add(connection, SENSOR_MESSAGES, row)

        self._files.keep(entry, [change.incident], [change.alarm], also=remember)
        self._respond(heard, change, body, age_s)
        return change.alarm

    def _respond(self, heard: _Heard, change: Change, body: SensorAlarm, age_s: float | None) -> None:
        if change.is_new_alarm:
            log.info("alarm", title=change.alarm.title, trace=heard.envelope.trace_id, stale=change.alarm.is_stale)
        if body.stage is Stage.END or change.incident.exemption is not None:
            return
        incident = change.incident
        evidence = Evidence(
            origin=heard.envelope.origin,
            received_at_us=heard.monotonic_us,
            age_at_receipt_s=age_s,
            zone=change.alarm.zone,
            incident=incident.incident_id,
        )
        self._response.wanting.heard(incident.incident_id, evidence)
        self._consider(incident)
        self._response.ask(incident)

    def _priority(self, heard: _Heard, body: SensorAlarm, sensor: Sensor, zone: str) -> Priority:
        at_us = heard.envelope.captured_at_us
        return urgency(
            body,
            sensor,
            is_quiet_hour=self._odd_hours.is_quiet(at_us),
            is_outside_hours=self._odd_hours.is_outside(zone, at_us),
        )

    def _was_told(self, envelope: Envelope, digest: str) -> bool:
        """Raises ContractError for an id that came with other content (SAFETY 17)."""
        query = select(SENSOR_MESSAGES.c.digest).where(SENSOR_MESSAGES.c.message_id == str(envelope.message_id))
        with self._files.store.reading() as connection:
            known = connection.scalar(query)
        if known is not None and known != digest:
            raise ContractError(f"message {envelope.message_id}: known with different content")
        return known is not None

    def _lasting(self, sensor_id: str, name: str) -> Alarm | None:
        """Of this name, and not over."""
        return next(
            (
                alarm
                for alarm in self._files.ingest.alarms.values()
                if alarm.sensor == sensor_id and alarm.sensor_alarm == name and alarm.ended_at_us is None
            ),
            None,
        )

    def _takers(self, zone: str, captured_at_us: int, at_us: int) -> Iterator[Incident]:
        exempt = exemptions(self._files.ingest.incidents.values())
        return takers(exempt, zone=zone, camera="", captured_at_us=captured_at_us, at_us=at_us)

    def _follow(self, heard: _Heard, body: SensorTrack) -> None:
        """Into the picture, and persons before the gate."""
        envelope = heard.envelope
        age_s = age_at_arrival_s(envelope, heard.wall_us)
        if age_s is None or age_s > OLDEST_S:
            self._metrics.not_fused.labels(reason="from the future" if age_s is None else "too old").inc()
            return
        seen = tuple(self._observation(target) for target in body.targets)
        self._picture.take(Look(envelope.node, envelope.captured_at_us, envelope.origin, seen, boot=envelope.boot))
        seen_at_us = heard.monotonic_us - round(age_s * 1e6)
        persons = [
            (envelope.node, each.track, TrackedPerson(each.ground.point, each.ground.sigma_m, seen_at_us))
            for each in body.targets
            if each.label is Label.PERSON
        ]
        self._people.see(persons, now_us=heard.monotonic_us)

    def _observation(self, target: Target) -> Observation:
        """Raises ContractError for a place that cannot be."""
        place, fix = self._site.local_frame().to_enu(target.ground.point), target.ground
        return Observation(
            track=target.track,
            east_m=place.east_m,
            north_m=place.north_m,
            var_east_m2=fix.var_east_m2,
            cov_east_north_m2=fix.cov_east_north_m2,
            var_north_m2=fix.var_north_m2,
            label=target.label,
            score=target.score,
        )
