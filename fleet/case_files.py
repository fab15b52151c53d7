"""What people do to incidents, on record: audit line and changes in one transaction, then in memory, then told.

When the store does not take it, it did not happen.
"""

import uuid
from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from contract.clock import Clock
from contract.tasks import Task
from fleet.errors import NotFound, Refused
from fleet.flight.journal import JournalEntry
from fleet.live import LiveFeed
from fleet.picture.incidents import Alarm, Incident
from fleet.picture.ingest import Ingest
from fleet.records import reads, writes
from fleet.records.audit import add_entry
from fleet.records.store import Store


class CaseFiles:
    """For the coordinator's loop."""

    def __init__(self, *, clock: Clock, store: Store, ingest: Ingest, live: LiveFeed) -> None:
        self.clock, self.store, self.ingest, self.live = clock, store, ingest, live

    def incident(self, incident_id: uuid.UUID) -> Incident:
        """Open or closed. Raises NotFound, StoreError."""
        incident = self.ingest.incidents.get(incident_id)
        if incident is None:
            with self.store.reading() as connection:
                incident = reads.incident(connection, incident_id)
        if incident is None:
            raise NotFound(f"incident {incident_id}: there is none")
        return incident

    def open_incident(self, incident_id: uuid.UUID) -> Incident:
        """Raises NotFound, Refused for one that is over, StoreError."""
        incident = self.incident(incident_id)
        if incident_id not in self.ingest.incidents:
            into = f": it was merged into incident {incident.merged_into}" if incident.merged_into else ""
            raise Refused(f"incident {incident_id}: it is closed{into}")
        return incident

    def alarms_of(self, incident: Incident) -> list[Alarm]:
        """Of an open one."""
        return [alarm for alarm in self.ingest.alarms.values() if alarm.incident_id == incident.incident_id]

    def keep(
        self,
        entry: JournalEntry,
        incidents: Sequence[Incident],
        alarms: Sequence[Alarm],
        *,
        tasks: Sequence[Task] = (),
        also: Callable[[Connection], None] = lambda _connection: None,
    ) -> None:
        """`also`: what else belongs into the transaction. Raises StoreError, and then nothing of it happened."""
        with self.store.transaction() as connection:
            add_entry(connection, entry)
            for incident in incidents:
                writes.put_incident(connection, incident)
            for alarm in alarms:
                writes.put_alarm(connection, alarm)
            for task in tasks:
                writes.put_task(connection, task)
            also(connection)
        for incident in incidents:
            self.ingest.keep(incident, [alarm for alarm in alarms if alarm.incident_id == incident.incident_id])
        for alarm in alarms:
            self.live.publish("alarm", alarm)
        for incident in incidents:
            self.live.publish("incident", incident)
