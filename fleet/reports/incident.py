"""The report of one incident: what came, who did what, what was sent, what is kept of it. Pure."""

import json
from collections.abc import Iterator

from contract.evidence import EvidenceKind
from contract.site import Site
from fleet.picture.incidents import Alarm, Incident
from fleet.records.cases import Case
from fleet.records.reads import Row
from fleet.reports.document import Cell, Moment, Picture, Report, Strong, Table, words

MAX_PICTURES = 12


def incident_report(site: Site, case: Case) -> Report:
    incident = case.incident
    return Report(
        title=f"Incident: {incident.title}",
        time_zone=site.time_zone,
        facts=tuple(_facts(site, incident)),
        result=_result(incident),
        tables=tuple(_tables(case)),
        pictures=tuple(_pictures(case)),
    )


def pictured(case: Case) -> list[str]:
    """sha256 of the snapshots that the report would show, those of the first alarms first."""
    shown = [each.sha256 for each, _, is_here in case.evidence if is_here and each.kind is EvidenceKind.SNAPSHOT]
    return list(dict.fromkeys(shown))[:MAX_PICTURES]


def _facts(site: Site, incident: Incident) -> Iterator[tuple[str, Cell]]:
    names = {each.id: each.name for each in site.watched}
    yield "Site", f"{site.name} ({site.id})"
    yield "Number", str(incident.incident_id)
    yield "Kind", words(incident.kind.value)
    yield "Priority", f"{incident.priority.level} of 5 (1 is the most urgent)"
    yield "Because", "; ".join(incident.priority.why) or "nothing speaks for urgency"
    yield "Severity", incident.severity.value
    yield "Zones", ", ".join(f"{names.get(zone, zone)} ({zone})" for zone in incident.zones) or "none"
    yield "Opened", Moment(incident.opened_at_us)
    yield "Last change", Moment(incident.changed_at_us)
    yield "State", incident.state.value
    if incident.origin.value != "live":
        yield "Origin", Strong(f"{incident.origin.value}: not what happened on the site")
    if incident.subject is not None:
        yield "In trouble", incident.subject
    if incident.uncovered_zones:
        yield "Uncovered zones", ", ".join(incident.uncovered_zones)
    if incident.assigned_to is not None:
        yield "Assigned to", incident.assigned_to
    if incident.escalated_to is not None:
        yield "Escalated to", incident.escalated_to
    if incident.note:
        yield "Note", incident.note
    if incident.merged_into is not None:
        yield "Merged into", str(incident.merged_into)
    exemption = incident.exemption
    if exemption is not None:
        yield "Reason", exemption.reason
        yield "Answered for by", exemption.by
        yield "Until at most", Moment(exemption.until_us)


def _result(incident: Incident) -> str:
    if incident.disposition is not None:
        cause = "" if incident.cause is None else f" ({words(incident.cause.value)})"
        return f"CLOSED as {words(incident.disposition.value)}{cause} by {incident.closed_by}"
    if incident.merged_into is not None:
        return f"MERGED into incident {incident.merged_into} by {incident.closed_by}"
    return "NOT CLOSED"


def _tables(case: Case) -> Iterator[Table]:
    timeline = tuple((Moment(each.at_us), each.who, each.what) for each in case.incident.timeline)
    yield Table("Timeline", ("When", "Who", "What"), timeline, (21, 22, 72))
    yield Table(
        f"Alarms ({len(case.alarms)})",
        ("Seen", "Alarm", "Zone", "Camera", "Priority", "Counted as", "Acknowledged", "By"),
        tuple(_alarm(each) for each in case.alarms),
        (20, 27, 16, 15, 12.5, 13, 20, 17),
    )
    reasons = {task.task_id: task for task in case.tasks}
    yield Table(
        f"Tasks ({len(case.tasks)})",
        ("Ordered", "Vehicle", "Task", "State", "Approved by", "Reason", "Task number"),
        tuple(
            (
                Moment(task.created_at_us),
                task.vehicle,
                task.kind.value,
                task.state.value,
                task.approved_by or "",
                task.reason or task.progress,
                str(task.task_id),
            )
            for task in case.tasks
        ),
        (21, 15, 15, 14, 16, 34, 28),
    )
    steps = [(row, reasons[task_id].vehicle) for task_id, rows in case.changes.items() for row in rows]
    steps.sort(key=lambda each: (each[0]["at_us"], each[1]))
    yield Table(
        "What the vehicles did",
        ("When", "Vehicle", "State", "Reason"),
        tuple((Moment(row["at_us"]), vehicle, row["state"], row["reason"]) for row, vehicle in steps),
        (21, 18, 16, 60),
    )
    yield Table(
        f"Evidence ({len(case.evidence)})",
        ("From", "To", "Camera", "File", "Bytes", "Kept", "SHA-256"),
        tuple(
            (
                Moment(each.start_us),
                Moment(each.end_us),
                each.camera,
                each.kind.value + (", masked" if each.is_masked else ""),
                str(each.bytes),
                _place(node, is_here=is_here),
                each.sha256,
            )
            for each, node, is_here in case.evidence
        ),
        (20, 20, 14, 14, 12, 16, 34),
    )
    yield Table(
        "Audit: what persons ordered",
        ("When", "Who", "Act", "Subject", "Detail"),
        tuple(_audit(row) for row in case.audit),
        (21, 18, 18, 26, 32),
    )


def _alarm(alarm: Alarm) -> tuple[Cell, ...]:
    acknowledged: Cell = "" if alarm.acknowledged_at_us is None else Moment(alarm.acknowledged_at_us)
    if alarm.acknowledged_at_us is None and alarm.acknowledged_by is None:
        acknowledged = Strong("NOT")
    camera = (alarm.sensor or "") if alarm.sighting is None else alarm.sighting.camera
    sure = "" if alarm.certainty is None or alarm.certainty.value == "probable" else f" ({alarm.certainty.value})"
    return (
        Moment(alarm.captured_at_us),
        alarm.title + sure,
        alarm.zone or "",
        camera,
        str(alarm.priority.level),
        alarm.handling.value,
        acknowledged,
        alarm.acknowledged_by or "",
    )


def _place(node: str, *, is_here: bool | None) -> str:
    return {True: "here", False: "gave way", None: f"at {node}"}[is_here]


def _audit(row: Row) -> tuple[Cell, ...]:
    told = "; ".join(f"{words(key)}: {_plain(value)}" for key, value in sorted(row["detail"].items()))
    return Moment(row["at_us"]), str(row["actor"]), words(str(row["act"])), str(row["subject"]), told


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _pictures(case: Case) -> Iterator[Picture]:
    cameras = {each.sha256: each.camera for each, _, _ in case.evidence}
    for sha256 in pictured(case):
        if sha256 in case.pictures:
            yield Picture(f"Camera {cameras[sha256]}, SHA-256 {sha256}", case.pictures[sha256])
