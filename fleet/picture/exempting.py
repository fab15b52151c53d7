"""How a bypass or a walk test begins and ends, and what it leaves uncovered. Pure.

At its end, whatever still goes on in it becomes an incident as any other: who is still inside is an alarm.
"""

import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from contract.envelope import Origin
from contract.kinds import Severity
from contract.site import Site
from fleet.errors import NotFound, Refused
from fleet.picture.exempt import (
    BYPASS_AT_MOST_US,
    EXEMPT_NAMESPACE,
    WALK_TEST_AT_MOST_US,
    Bypass,
    Check,
    WalkTest,
)
from fleet.picture.handling import split
from fleet.picture.incidents import Alarm, Disposition, Incident, IncidentKind, State, closed
from fleet.picture.priority import Priority

FORGOTTEN = Priority(level=5, points=0, why=("a person answers for it",))


@dataclass(frozen=True, slots=True)
class Ended:
    """`real` holds what still went on, with alarms of its own; there may be none."""

    incident: Incident
    alarms: tuple[Alarm, ...]
    real: tuple[Incident, ...]


def bypass_of(
    site: Site,
    *,
    zone: str | None,
    camera: str | None,
    reason: str,
    minutes: float,
    by: str,
    active: Iterable[Bypass],
    at_us: int,
) -> Bypass:
    """Raises NotFound for what the site does not have, Refused for what is bypassed already or for too long."""
    if (zone is None) == (camera is None):
        raise Refused("bypass: expected exactly one of zone and camera")
    if zone is not None and zone not in {each.id for each in site.watched}:
        raise NotFound(f"zone '{zone}': there is none")
    if camera is not None and camera not in {each.id for each in site.cameras}:
        raise NotFound(f"camera '{camera}': there is none")
    until_us = _until_us(minutes, at_us=at_us, at_most_us=BYPASS_AT_MOST_US, what="bypass")
    wanted = Bypass(zone=zone, camera=camera, reason=reason, by=by, from_us=at_us, until_us=until_us)
    if any((each.zone, each.camera) == (zone, camera) for each in active):
        raise Refused(f"{wanted.subject}: it is bypassed already")
    return wanted


def walk_test_of(
    site: Site,
    *,
    zones: Sequence[str],
    reason: str,
    minutes: float,
    by: str,
    active: Iterable[WalkTest],
    bypasses: Iterable[Bypass],
    zones_set: Collection[str],
    at_us: int,
) -> WalkTest:
    """Of the whole site without `zones`. Raises NotFound, Refused."""
    known = {each.id: each for each in site.watched}
    strange = next((each for each in zones if each not in known), None)
    if strange is not None:
        raise NotFound(f"zone '{strange}': there is none")
    chosen = tuple(each for each in known if not zones or each in zones)
    if not chosen:
        raise Refused("walk test: the site has no zone")
    tested = next((zone for test in active for zone in test.zones if zone in chosen), None)
    if tested is not None:
        raise Refused(f"zone '{tested}': a walk test is under way in it")
    return WalkTest(
        zones=chosen,
        checks=tuple(Check(zone=zone, camera=camera) for zone in chosen for camera in known[zone].cameras),
        unset_zones=tuple(zone for zone in chosen if zone not in zones_set),
        bypassed=tuple(sorted(each.subject for each in bypasses)),
        reason=reason,
        by=by,
        from_us=at_us,
        until_us=_until_us(minutes, at_us=at_us, at_most_us=WALK_TEST_AT_MOST_US, what="walk test"),
    )


def begun(exemption: Bypass | WalkTest, *, at_us: int) -> Incident:
    """Open as long as it lasts; a person knows, so nobody need acknowledge it."""
    if isinstance(exemption, Bypass):
        kind, title = IncidentKind.BYPASS, f"{exemption.subject} is bypassed"
    else:
        kind, title = IncidentKind.WALK_TEST, f"walk test of {', '.join(exemption.zones)}"
    incident_id = uuid.uuid5(EXEMPT_NAMESPACE, f"{title}/{exemption.by}/{at_us}")
    minutes = (exemption.until_us - at_us) / 60e6
    incident = Incident(
        incident_id=incident_id,
        kind=kind,
        state=State.ACKNOWLEDGED,
        severity=Severity.LOW,
        title=title,
        origin=Origin.LIVE,  # of the person's word; its alarms have their own
        trace_id=incident_id.hex,
        opened_at_us=at_us,
        changed_at_us=at_us,
        captured_at_us=at_us,
        alarm_ids=(),
        zones=_zones(exemption),
        priority=FORGOTTEN,
        bypass=exemption if isinstance(exemption, Bypass) else None,
        walk_test=exemption if isinstance(exemption, WalkTest) else None,
    )
    return incident.noting(
        at_us=at_us, who=exemption.by, what=f"begun for at most {minutes:g} minutes: {exemption.reason}"
    )


def ended(incident: Incident, *, alarms: Sequence[Alarm], by: str, why: str, at_us: int) -> Ended:
    """With a trace, and with what still goes on as incidents of their own. Raises Refused when it is over already."""
    exemption = incident.exemption
    if exemption is None or incident.state is State.CLOSED:
        raise Refused(f"incident {incident.incident_id}: expected a bypass or walk test that lasts, it is over")
    real: list[Incident] = []
    moved: list[Alarm] = []
    going_on = [alarm for alarm in alarms if alarm.ended_at_us is None]
    for kind, origin in sorted({(alarm.kind, alarm.origin) for alarm in going_on}):
        on = [alarm.alarm_id for alarm in going_on if (alarm.kind, alarm.origin) == (kind, origin)]
        still = f"still going on when the {incident.kind.value.replace('_', ' ')} ended"
        parts = split(incident, alarms=alarms, taken=on, why=still, by=by, at_us=at_us)
        incident, alarms = parts.rest, [alarm for alarm in alarms if alarm.alarm_id not in on]
        real.append(parts.new)
        moved += parts.alarms
    incident = incident.noting(at_us=at_us, who=by, what=f"ended: {why}")
    is_test = incident.kind is IncidentKind.WALK_TEST
    incident, shut = closed(
        incident,
        alarms=alarms,
        disposition=Disposition.TEST if is_test else Disposition.UNKNOWN,
        note="" if is_test else f"alarms that nobody answered: {len(alarms)}",
        by=by,
        at_us=at_us,
    )
    over = exemption.model_copy(update={"ended_at_us": at_us, "ended_by": by})
    field = "walk_test" if is_test else "bypass"
    incident = incident.model_copy(update={field: over, "uncovered_zones": ()})
    return Ended(incident, (*shut, *moved), tuple(real))


def exemptions(incidents: Iterable[Incident]) -> list[Incident]:
    """Those of them that are a bypass or a walk test; a walk test takes an alarm before a bypass does."""
    return sorted((each for each in incidents if each.exemption is not None), key=lambda each: each.walk_test is None)


def takers(
    exempt: Iterable[Incident], *, zone: str, camera: str, captured_at_us: int, at_us: int
) -> Iterator[Incident]:
    """What takes an alarm of this zone and camera; no camera is ''. What was seen before it began is none of it; what
    comes after its time is none of it either."""
    for incident in exempt:
        exemption = incident.exemption
        if (
            exemption is not None
            and exemption.from_us <= captured_at_us
            and exemption.lasts(at_us)
            and exemption.names(zone=zone, camera=camera)
        ):
            yield incident


def uncovered_by(
    bypass: Bypass, *, active: Iterable[Bypass], site: Site, zones_set: Collection[str]
) -> tuple[str, ...]:
    """Set zones that this bypass, together with the others, leaves to nobody."""
    others = [bypass, *active]
    blind, zones = {each.camera for each in others}, {each.zone for each in others}
    return tuple(
        each.id
        for each in site.watched
        if each.id in zones_set
        and (each.id == bypass.zone or bypass.camera in each.cameras)
        and (each.id in zones or set(each.cameras) <= blind)
    )


def counted(incident: Incident, *, uncovered_zones: tuple[str, ...], at_us: int, who: str) -> Incident:
    """A bypass with the zones that it leaves uncovered now; said where they changed."""
    if incident.uncovered_zones == uncovered_zones:
        return incident
    what = f"zones now uncovered: {', '.join(uncovered_zones) or 'none'}"
    severity = Severity.MEDIUM if uncovered_zones else Severity.LOW
    update = {"uncovered_zones": uncovered_zones, "severity": severity}
    return incident.model_copy(update=update).noting(at_us=at_us, who=who, what=what)


def _until_us(minutes: float, *, at_us: int, at_most_us: int, what: str) -> int:
    lasts_us = round(minutes * 60e6)
    if not 0 < lasts_us <= at_most_us:
        raise Refused(f"{what}: expected more than 0 and at most {at_most_us / 60e6:g} minutes, got {minutes:g}")
    return at_us + lasts_us


def _zones(exemption: Bypass | WalkTest) -> tuple[str, ...]:
    if isinstance(exemption, WalkTest):
        return exemption.zones
    return () if exemption.zone is None else (exemption.zone,)
