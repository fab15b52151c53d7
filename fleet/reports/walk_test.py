"""The acceptance report of a walk test, with room for two signatures. Pure."""

from collections.abc import Iterable, Sequence

from contract.site import Site
from fleet.picture.exempt import Check, WalkTest
from fleet.picture.incidents import Alarm, Incident
from fleet.reports.document import Cell, Moment, Report, Strong, Table


def walk_test_report(site: Site, incident: Incident, alarms: Sequence[Alarm]) -> Report:
    """`alarms`: those that the test gathered. Of a test that lasts it says so."""
    test = incident.walk_test
    assert test is not None
    names = {each.id: each.name for each in site.watched}
    ordered = sorted(alarms, key=lambda each: (each.raised_at_us, each.alarm_id.hex))
    tables = (
        Table(
            "Expected and heard",
            ("Zone", "Camera", "Result", "Alarms", "First seen", "Told after", "Position"),
            tuple(_check_row(check, names) for check in test.checks),
            (26, 18, 18, 10, 20, 13, 13),
        ),
        Table(
            f"Alarms recorded as test ({len(ordered)})",
            ("Seen", "Alarm", "Camera", "Zone", "Priority"),
            tuple(_alarm_row(alarm) for alarm in ordered),
            (20, 40, 18, 18, 10),
        ),
        Table(
            "What was done",
            ("When", "Who", "What"),
            tuple((Moment(each.at_us), each.who, each.what) for each in incident.timeline),
            (20, 20, 70),
        ),
    )
    return Report(
        title=f"Walk test: {site.name}",
        time_zone=site.time_zone,
        facts=tuple(_facts(test, incident)),
        result=_result(test),
        tables=tables,
        signatures=("Tested by, date", "Accepted by, date"),
    )


def _facts(test: WalkTest, incident: Incident) -> Iterable[tuple[str, Cell]]:
    yield "Begun", Moment(test.from_us)
    yield "Ended", "it still lasts" if test.ended_at_us is None else Moment(test.ended_at_us)
    yield "Tested by", test.by
    if test.ended_by is not None:
        yield "Ended by", test.ended_by
    yield "Reason", test.reason
    yield "Number", str(incident.incident_id)
    if test.unset_zones:
        yield "Not set when it began, so nothing could be heard of", ", ".join(test.unset_zones)
    if test.bypassed:
        yield "Bypassed when it began", ", ".join(test.bypassed)


def _result(test: WalkTest) -> str:
    expected = [check for check in test.checks if check.is_expected]
    heard = sum(check.alarms > 0 for check in expected)
    zones = {zone: any(check.alarms for check in test.checks if check.zone == zone) for zone in test.zones}
    verdict = "PASSED" if test.is_passed else "NOT PASSED"
    if test.ended_at_us is None:
        verdict = "NOT FINISHED"
    return f"{verdict}: {sum(zones.values())} of {len(zones)} zones heard, {heard} of {len(expected)} views of cameras"


def _check_row(check: Check, names: dict[str, str]) -> tuple[Cell, ...]:
    zone = f"{names.get(check.zone, check.zone)} ({check.zone})"
    if check.first_captured_at_us is None or check.first_raised_at_us is None:
        return zone, check.camera, Strong("NOT HEARD"), "0", "", "", ""
    told_s = (check.first_raised_at_us - check.first_captured_at_us) / 1e6
    certainty = "" if check.certainty is None else check.certainty.value
    heard = "heard" if check.is_expected else "heard, not expected"
    return (
        zone,
        check.camera,
        heard,
        str(check.alarms),
        Moment(check.first_captured_at_us),
        f"{told_s:.1f} s",
        certainty,
    )


def _alarm_row(alarm: Alarm) -> tuple[Cell, ...]:
    camera = (alarm.sensor or "") if alarm.sighting is None else alarm.sighting.camera
    return Moment(alarm.captured_at_us), alarm.title, camera, alarm.zone or "", str(alarm.priority.level)
