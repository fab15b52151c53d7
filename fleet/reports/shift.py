"""The report of a shift: what came and what became of it, how soon it was answered, what was out of order, who was on.

Pure. States are those that the store holds when the report is made; whoever needs them as they were makes it then.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from contract.site import Site
from contract.tasks import Task
from fleet.picture.exempt import Handling
from fleet.picture.incidents import Alarm, Incident, IncidentKind, State
from fleet.records.cases import Shift, closed_at_us
from fleet.reports.document import Cell, Moment, Report, Strong, Table, duration, words

NOT_YET = "not closed yet"


def shift_report(site: Site, shift: Shift) -> Report:
    handled = [each for each in shift.incidents if each.kind in (IncidentKind.INTRUSION, IncidentKind.MOVEMENT)]
    open_still = [each for each in (*shift.earlier, *shift.incidents) if each.state is not State.CLOSED]
    waiting = sum(1 for each in shift.alarms if each.state is State.OPEN)
    facts: list[tuple[str, Cell]] = [
        ("Site", f"{site.name} ({site.id})"),
        ("From", Moment(shift.from_us)),
        ("Until", Moment(shift.until_us)),
        ("Incidents opened", str(len(handled))),
        ("Alarms raised", str(len(shift.alarms))),
        ("Alarms nobody acknowledged", Strong(str(waiting)) if waiting else "0"),
        ("Taken over from before", str(len(shift.earlier))),
        ("Handed over, still open", Strong(str(len(open_still))) if open_still else "0"),
    ]
    return Report(
        title=f"Shift: {site.name}",
        time_zone=site.time_zone,
        facts=tuple(facts),
        tables=tuple(_tables(site, shift, handled, open_still)),
        signatures=("Handed over by", "Taken over by"),
    )


def quantile_us(waits_us: Sequence[int], part: float) -> int:
    """Nearest rank: a wait that there was. `waits_us` are in order, at least one."""
    return waits_us[max(0, math.ceil(round(len(waits_us) * part, 6)) - 1)]


def _tables(site: Site, shift: Shift, handled: Sequence[Incident], open_still: Sequence[Incident]) -> Iterator[Table]:
    yield Table("Who was on", ("Who", "First act", "Last act", "Acts"), tuple(_people(shift)), (45, 25, 25, 12))
    yield _counts("Incidents by kind", "Kind", Counter(words(each.kind.value) for each in shift.incidents))
    zones = {each.id: each.name for each in site.watched}
    by_zone = Counter(zone for each in handled for zone in each.zones)
    yield _counts("Incidents by zone", "Zone", Counter({f"{zones.get(z, z)} ({z})": n for z, n in by_zone.items()}))
    yield _counts("Incidents by disposition", "Disposition", Counter(_disposition(each) for each in handled))
    yield Table(
        "How soon alarms were acknowledged",
        ("Priority", "Alarms", "Acknowledged", "Half within (p50)", "19 of 20 within (p95)", "Longest"),
        tuple(_waits(shift.alarms)),
    )
    yield Table(
        f"Incidents ({len(handled)})",
        ("Opened", "Incident", "Priority", "Zones", "Disposition", "Closed by", "Number"),
        tuple(_incident(each) for each in handled),
        (21, 30, 13, 18, 18, 16, 28),
    )
    yield Table(
        f"Handed over, still open ({len(open_still)})",
        ("Opened", "Incident", "Kind", "State", "Assigned to", "Number"),
        tuple(
            (
                Moment(each.opened_at_us),
                each.title,
                words(each.kind.value),
                each.state.value,
                each.assigned_to or "",
                str(each.incident_id),
            )
            for each in open_still
        ),
        (21, 34, 15, 16, 17, 30),
    )
    everything = [*shift.earlier, *shift.incidents]
    troubles = [each for each in everything if each.kind is IncidentKind.TROUBLE]
    yield Table(
        f"Troubles ({len(troubles)})",
        ("Opened", "Trouble", "Uncovered zones", "What became of it", "Lasted"),
        tuple(_trouble(each) for each in troubles),
        (21, 42, 24, 26, 17),
    )
    yield Table(
        "Bypasses",
        ("From", "Until at most", "Ended", "Of what", "By", "Reason", "Ended by"),
        tuple(_bypass(each) for each in everything if each.bypass is not None),
        (21, 21, 21, 20, 16, 26, 16),
    )
    yield Table(
        "Walk tests",
        ("From", "Ended", "Zones", "By", "Result"),
        tuple(_walk_test(each) for each in everything if each.walk_test is not None),
        (21, 21, 30, 20, 36),
    )
    yield Table(
        f"Tasks ({len(shift.tasks)})",
        ("Ordered", "Vehicle", "Task", "State", "Approved by", "Reason"),
        tuple(_task(each) for each in shift.tasks),
        (21, 18, 17, 16, 18, 42),
    )


def _people(shift: Shift) -> Iterator[tuple[Cell, ...]]:
    acts: dict[str, list[int]] = {}
    for row in shift.audit:
        acts.setdefault(str(row["actor"]), []).append(int(row["at_us"]))
    for who, at_us in sorted(acts.items(), key=lambda each: (each[1][0], each[0])):
        yield who, Moment(at_us[0]), Moment(at_us[-1]), str(len(at_us))


def _counts(title: str, what: str, counted: Counter[str]) -> Table:
    rows = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
    return Table(title, (what, "Count"), tuple((name, str(count)) for name, count in rows), (90, 20))


def _disposition(incident: Incident) -> str:
    if incident.merged_into is not None:
        return "merged into another"
    if incident.disposition is None:
        return NOT_YET
    cause = "" if incident.cause is None else f" ({words(incident.cause.value)})"
    return words(incident.disposition.value) + cause


def _waits(alarms: Sequence[Alarm]) -> Iterator[tuple[Cell, ...]]:
    """Of those that wanted an answer, for each priority and for all."""
    wanted = [each for each in alarms if each.handling is Handling.NORMAL]
    levels = sorted({each.priority.level for each in wanted})
    groups = [(str(level), [each for each in wanted if each.priority.level == level]) for level in levels]
    for name, group in [*groups, ("all", wanted)] if wanted else []:
        waits = sorted(
            max(0, each.acknowledged_at_us - each.raised_at_us) for each in group if each.acknowledged_at_us is not None
        )
        figures: tuple[str, ...] = ("", "", "")
        if waits:
            figures = tuple(duration(us) for us in (quantile_us(waits, 0.5), quantile_us(waits, 0.95), waits[-1]))
        yield (name, str(len(group)), str(len(waits)), *figures)


def _incident(incident: Incident) -> tuple[Cell, ...]:
    disposition = _disposition(incident)
    return (
        Moment(incident.opened_at_us),
        incident.title,
        str(incident.priority.level),
        ", ".join(incident.zones),
        Strong(disposition) if disposition == NOT_YET else disposition,
        incident.closed_by or "",
        str(incident.incident_id),
    )


def _trouble(incident: Incident) -> tuple[Cell, ...]:
    if incident.state is State.CLOSED:
        lasted: Cell = duration(closed_at_us(incident) - incident.opened_at_us)
    else:
        lasted = Strong("lasts")
    became = _disposition(incident)
    return Moment(incident.opened_at_us), incident.title, ", ".join(incident.uncovered_zones), became, lasted


def _bypass(incident: Incident) -> tuple[Cell, ...]:
    bypass = incident.bypass
    assert bypass is not None
    ended: Cell = Strong("lasts") if bypass.ended_at_us is None else Moment(bypass.ended_at_us)
    until = Moment(bypass.until_us)
    return Moment(bypass.from_us), until, ended, bypass.subject, bypass.by, bypass.reason, bypass.ended_by or ""


def _walk_test(incident: Incident) -> tuple[Cell, ...]:
    test = incident.walk_test
    assert test is not None
    ended: Cell = Strong("lasts") if test.ended_at_us is None else Moment(test.ended_at_us)
    expected = [check for check in test.checks if check.is_expected]
    heard = sum(check.alarms > 0 for check in expected)
    verdict = "passed" if test.is_passed else "NOT passed"
    verdict = "not finished" if test.ended_at_us is None else verdict
    return Moment(test.from_us), ended, ", ".join(test.zones), test.by, f"{verdict}: {heard} of {len(expected)} views"


def _task(task: Task) -> tuple[Cell, ...]:
    reason = task.reason or task.progress
    return Moment(task.created_at_us), task.vehicle, task.kind.value, task.state.value, task.approved_by or "", reason
