"""Which procedure an incident follows. Pure."""

from zoneinfo import ZoneInfo

from contract.hours import stretch_at
from fleet.decision.sop_document import When
from fleet.picture.incidents import Incident


def applies(when: When, incident: Incident, *, time_zone: str) -> bool:
    """As the incident is now; the hour is the one it was opened in, on the site's clock."""
    label = None if incident.sighting is None else incident.sighting.label
    return (
        incident.kind in when.kinds
        and (not when.zones or not set(when.zones).isdisjoint(incident.zones))
        and (not when.labels or label in when.labels)
        and incident.priority.level <= when.level
        and (not when.hours or stretch_at(when.hours, zone=ZoneInfo(time_zone), at_us=incident.opened_at_us).is_set)
    )
