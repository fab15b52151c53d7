"""The acceptance report of a walk test: one page of HTML that prints well, with room for two signatures.

Pure: the same incident and alarms give the same text. Times are those of the site's clock.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from contract.site import Site
from fleet.picture.exempt import Check, WalkTest
from fleet.picture.incidents import Alarm, Incident

_STYLE = """
@page { size: A4; margin: 15mm }
body { font: 10pt/1.4 sans-serif; color: #000; background: #fff; max-width: 180mm; margin: 8mm auto }
h1 { font-size: 16pt; margin: 0 } h2 { font-size: 12pt; margin: 6mm 0 2mm } p { margin: 1mm 0 }
table { border-collapse: collapse; width: 100% } th, td { border: 1px solid #888; padding: 1mm 2mm; text-align: left }
thead { display: table-header-group } tr { break-inside: avoid }
.result { border: 2px solid #000; padding: 2mm 3mm; font-weight: bold; margin: 4mm 0 } .silent { font-weight: bold }
.sign { display: flex; gap: 20mm; margin-top: 18mm; break-inside: avoid }
.sign div { flex: 1; border-top: 1px solid #000; padding-top: 1mm }
"""


def walk_test_report(site: Site, incident: Incident, alarms: Sequence[Alarm]) -> str:
    """`alarms`: those that the test gathered. Of a test that lasts it says so."""
    test = incident.walk_test
    assert test is not None
    names = {each.id: each.name for each in site.watched}
    clock = _Clock(site.time_zone)
    ordered = sorted(alarms, key=lambda each: (each.raised_at_us, each.alarm_id.hex))
    sections = [
        f"<h1>Walk test: {escape(site.name)}</h1>",
        *(f"<p>{line}</p>" for line in _facts(test, incident, clock)),
        f'<p class="result">{_result(test)}</p>',
        "<h2>Expected and heard</h2>",
        _table(
            ("Zone", "Camera", "Result", "Alarms", "First seen", "Told after", "Position"),
            (_check_row(check, names, clock) for check in test.checks),
        ),
        f"<h2>Alarms recorded as test ({len(ordered)})</h2>",
        _table(
            ("Seen", "Alarm", "Camera", "Zone", "Priority"),
            (_alarm_row(alarm, clock) for alarm in ordered),
        ),
        "<h2>What was done</h2>",
        _table(
            ("When", "Who", "What"),
            ((clock.time(each.at_us), escape(each.who), escape(each.what)) for each in incident.timeline),
        ),
        '<div class="sign"><div>Tested by, date</div><div>Accepted by, date</div></div>',
    ]
    title = f"Walk test {escape(site.name)} {clock.day(test.from_us)}"
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    body = "\n".join(sections)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


class _Clock:
    """The site's own."""

    def __init__(self, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self.name = time_zone

    def day(self, at_us: int) -> str:
        return self._local(at_us).strftime("%Y-%m-%d")

    def minute(self, at_us: int) -> str:
        return self._local(at_us).strftime("%Y-%m-%d %H:%M")

    def time(self, at_us: int) -> str:
        return self._local(at_us).strftime("%H:%M:%S")

    def _local(self, at_us: int) -> datetime:
        return datetime.fromtimestamp(at_us / 1e6, self._zone)


def _facts(test: WalkTest, incident: Incident, clock: _Clock) -> Iterable[str]:
    until = "it still lasts" if test.ended_at_us is None else f"to {clock.minute(test.ended_at_us)}"
    ended = f", ended by {escape(test.ended_by)}" if test.ended_by is not None else ""
    yield f"{clock.minute(test.from_us)} {until} ({escape(clock.name)}), tested by {escape(test.by)}{ended}"
    yield f"Reason: {escape(test.reason)}"
    yield f"Number: {incident.incident_id}"
    if test.unset_zones:
        yield f"Not set when it began, so nothing could be heard of: {escape(', '.join(test.unset_zones))}"
    if test.bypassed:
        yield f"Bypassed when it began: {escape(', '.join(test.bypassed))}"


def _result(test: WalkTest) -> str:
    expected = [check for check in test.checks if check.is_expected]
    heard = sum(check.alarms > 0 for check in expected)
    zones = {zone: any(check.alarms for check in test.checks if check.zone == zone) for zone in test.zones}
    verdict = "PASSED" if test.is_passed else "NOT PASSED"
    if test.ended_at_us is None:
        verdict = "NOT FINISHED"
    return f"{verdict}: {sum(zones.values())} of {len(zones)} zones heard, {heard} of {len(expected)} views of cameras"


def _check_row(check: Check, names: dict[str, str], clock: _Clock) -> tuple[str, ...]:
    zone = f"{escape(names.get(check.zone, check.zone))} ({escape(check.zone)})"
    if check.first_captured_at_us is None or check.first_raised_at_us is None:
        return zone, escape(check.camera), '<span class="silent">NOT HEARD</span>', "0", "", "", ""
    told_s = (check.first_raised_at_us - check.first_captured_at_us) / 1e6
    certainty = "" if check.certainty is None else check.certainty.value
    heard = "heard" if check.is_expected else "heard, not expected"
    first = clock.time(check.first_captured_at_us)
    return zone, escape(check.camera), heard, str(check.alarms), first, f"{told_s:.1f} s", certainty


def _alarm_row(alarm: Alarm, clock: _Clock) -> tuple[str, ...]:
    camera = "" if alarm.sighting is None else alarm.sighting.camera
    seen = clock.time(alarm.captured_at_us)
    return seen, escape(alarm.title), escape(camera), escape(alarm.zone or ""), str(alarm.priority.level)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """`rows` are HTML already."""
    titles = "".join(f"<th>{title}</th>" for title in head)
    lines = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>\n{lines}\n</tbody></table>"
