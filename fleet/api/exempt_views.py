"""Bypasses and walk tests as people see them."""

import uuid

from contract.frozen import Identifier
from fleet.picture.exempt import Bypass, WalkTest
from fleet.picture.incidents import Incident


class BypassView(Bypass):
    """bypass_id: also of the incident that gathers its alarms. alarms: how many came. uncovered_zones: set zones that
    nobody watches because of it."""

    bypass_id: uuid.UUID
    alarms: int
    uncovered_zones: tuple[Identifier, ...]


class WalkTestView(WalkTest):
    """walk_test_id: also of the incident that gathers its alarms."""

    walk_test_id: uuid.UUID
    alarms: int


def bypass_view(incident: Incident) -> BypassView:
    assert incident.bypass is not None
    return BypassView(
        **dict(incident.bypass),
        bypass_id=incident.incident_id,
        alarms=len(incident.alarm_ids),
        uncovered_zones=incident.uncovered_zones,
    )


def walk_test_view(incident: Incident) -> WalkTestView:
    assert incident.walk_test is not None
    return WalkTestView(**dict(incident.walk_test), walk_test_id=incident.incident_id, alarms=len(incident.alarm_ids))
