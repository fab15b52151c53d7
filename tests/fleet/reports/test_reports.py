"""Reports of incidents and shifts: what they say, and that nothing said in them does harm."""

import csv
import hashlib
import io
import re
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from typer.testing import CliRunner

from contract.evidence import Evidence, EvidenceKind, MediaType
from fleet.__main__ import app
from fleet.errors import Refused
from fleet.flight.journal import JournalEntry
from fleet.picture.incidents import Cause, Disposition, Incident, IncidentKind
from fleet.records import writes
from fleet.records.audit import StoreJournal
from fleet.records.auth import Role
from fleet.records.cases import Case, case_of, shift_of
from fleet.records.store import Store, open_store, put
from fleet.records.tables import EVIDENCE_FILES
from fleet.reports.as_csv import as_csv
from fleet.reports.as_html import as_html
from fleet.reports.as_pdf import BOX, as_pdf
from fleet.reports.document import Moment, Picture, Report, Strong, Table, duration, shown
from fleet.reports.incident import incident_report
from fleet.reports.shift import quantile_us, shift_report
from fleet.reports.writing import ReportForm, stored_pictures, written
from tests.fleet.api.conftest import ROLES, add_person, make_client, make_people
from tests.fleet.messages import NOW_US, SITE_TEXT, make_event, make_site
from tests.fleet.office import Office, open_office
from tests.fleet.test_coordinator import say_all_is_well

ADA, BO = "Ada Byron", "Łukasz Żółć"
HOSTILE = "<script>alert(1)</script>"
HOUR_US = 3_600_000_000


@pytest.fixture
def office() -> Iterator[Office]:
    with open_office() as opened:
        say_all_is_well(opened)
        yield opened


def handled(office: Office) -> Incident:
    """Seen, acknowledged after 41 s, noted, escalated, closed."""
    office.hear(make_event(sequence=1))
    (incident,) = [each for each in office.fleet.ingest.incidents.values() if each.kind is IncidentKind.INTRUSION]
    office.clock.advance(41.0)
    desk = office.fleet.room.incidents
    desk.acknowledge(incident.alarm_ids[0], by=BO)
    desk.note(incident.incident_id, text=f"{HOSTILE} Ωμέγα Привет 中文", by=BO)
    desk.escalate(incident.incident_id, to="police", why="a ladder", by=ADA)
    desk.close(
        incident.incident_id, disposition=Disposition.NUISANCE, cause=Cause.ANIMAL, note="=1+1", by="=HYPERLINK(1)"
    )
    return incident


def case(office: Office, incident: Incident) -> Case:
    with office.fleet.store.reading() as connection:
        return case_of(connection, incident.incident_id)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def jpeg(width_px: int = 64, height_px: int = 48) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width_px, height_px), (10, 200, 30)).save(out, "JPEG")
    return out.getvalue()


def pdf_report(**changes: object) -> Report:
    plain = Report(title="A report", time_zone="Europe/Berlin", facts=(("Site", "The yard"),))
    return replace(plain, **changes)  # type: ignore[arg-type]


def streams(pdf: bytes) -> bytes:
    """What is drawn, unpacked."""
    found = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    return b"".join(_unpacked(each) for each in found)


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error:
        return data


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


def test_an_incident_report_says_who_did_what_when_on_the_sites_clock(office: Office) -> None:
    incident = handled(office)
    page = as_html(incident_report(make_site(), case(office, incident)))
    assert "<h1>Incident: person in zone north-fence</h1>" in page
    assert f"<dt>Number</dt><dd>{incident.incident_id}</dd>" in page
    assert "<dt>Priority</dt><dd>1 of 5 (1 is the most urgent)</dd>" in page
    assert "zone of high severity (+40)" in page
    assert "<dt>Times</dt><dd>Europe/Berlin, UTC+01:00</dd>" in page
    assert "CLOSED as nuisance (animal) by =HYPERLINK(1)" in page
    assert f"<td>2026-01-01 01:00:41</td><td>{BO}</td><td>acknowledged: person in zone north-fence</td>" in page
    act = f"<td>escalate</td><td>incident {incident.incident_id}</td><td>to: police; why: a ladder</td>"
    assert f"<td>{ADA}</td>{act}" in page
    assert "simulated: not what happened on the site" in page
    assert "<td>kestrel</td><td>investigate</td>" in page


def test_nothing_that_somebody_wrote_is_html(office: Office) -> None:
    page = as_html(incident_report(make_site(), case(office, handled(office))))
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; Ωμέγα Привет 中文" in page


def test_csv_is_one_table_in_which_no_cell_is_a_formula(office: Office) -> None:
    text = as_csv(incident_report(make_site(), case(office, handled(office))))
    rows = rows_of(text)
    assert text.startswith("Section,Fact,Value,When,Who,What,")
    assert {None} & {key for row in rows for key in row} == set(), "a row has more cells than the head"
    sections = list(dict.fromkeys(row["Section"] for row in rows))
    assert sections == [
        "Facts",
        "Timeline",
        "Alarms (1)",
        "Tasks (1)",
        "What the vehicles did",
        "Audit: what persons ordered",
    ]
    closed = next(row for row in rows if row["Section"] == "Timeline" and row["What"].startswith("closed"))
    assert (closed["When"], closed["Who"]) == ("2026-01-01 01:00:41+01:00", "'=HYPERLINK(1)")
    assert next(row["Value"] for row in rows if row["Fact"] == "Note") == "'=1+1"
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@A1", "\t=1", " =1", "\n=1", "＝1", "＋1"])
def test_what_a_spreadsheet_would_reckon_begins_with_an_apostrophe(text: str) -> None:
    report = pdf_report(tables=(Table(text, ("What",), ((text,), (Strong(text),))),))
    rows = rows_of(as_csv(report))
    assert [row["What"] for row in rows[-2:]] == [f"'{text}"] * 2
    assert rows[-1]["Section"] == f"'{text}"


def test_times_carry_their_offset_where_the_clocks_were_changed() -> None:
    spring_us = 1_774_745_999_000_000  # 2026-03-29 01:59:59 in Berlin; a second later it is 03:00:00
    report = pdf_report(facts=(("Before", Moment(spring_us)), ("After", Moment(spring_us + 1_000_000))))
    page = as_html(report)
    assert "<dd>2026-03-29 01:59:59 +01:00</dd>" in page
    assert "<dd>2026-03-29 03:00:00 +02:00</dd>" in page
    assert "Europe/Berlin, offset from UTC beside each" in page


def test_letters_that_turn_or_hide_the_text_beside_them_are_shown_as_such() -> None:
    assert shown("a\u202eb\u2066c\x00d\x1be\ud800") == "a\ufffdb\ufffdc\ufffdd\ufffde\ufffd"
    assert shown("two\r\nlines\tand a tab") == "two\nlines\tand a tab"


def test_a_shift_report_counts_waits_and_names(office: Office) -> None:
    begun_us = office.clock.wall_us()
    handled(office)
    office.fleet.room.exempt.bypass(zone="middle", camera=None, reason="a digger", minutes=30, by=ADA)
    walk = office.fleet.room.exempt.begin_walk_test(zones=("north-fence",), reason="test", minutes=60, by=BO)
    office.fleet.room.exempt.end_walk_test(walk.walk_test_id, by=BO)
    for _ in range(12):
        office.pass_time(1.0)
    with office.fleet.store.reading() as connection:
        shift = shift_of(connection, from_us=begun_us, until_us=begun_us + HOUR_US)
    rows = rows_of(as_csv(shift_report(make_site(), shift)))
    facts = {row["Fact"]: row["Value"] for row in rows if row["Section"] == "Facts"}
    assert (facts["From"], facts["Until"]) == ("2026-01-01 01:00:00+01:00", "2026-01-01 02:00:00+01:00")
    assert (facts["Incidents opened"], facts["Handed over, still open"]) == ("1", "3")

    def of(section: str) -> list[dict[str, str]]:
        return [row for row in rows if row["Section"] == section]

    assert {row["Kind"]: row["Count"] for row in of("Incidents by kind")} == {
        "bypass": "1",
        "intrusion": "1",
        "trouble": "2",
        "walk test": "1",
    }
    assert [(row["Zone"], row["Count"]) for row in of("Incidents by zone")] == [("North fence (north-fence)", "1")]
    assert [(row["Disposition"], row["Count"]) for row in of("Incidents by disposition")] == [
        ("nuisance (animal)", "1")
    ]
    (first,) = [row for row in of("How soon alarms were acknowledged") if row["Priority"] == "1"]
    assert (first["Alarms"], first["Acknowledged"], first["Half within (p50)"]) == ("1", "1", "41 s")
    assert (first["19 of 20 within (p95)"], first["Longest"]) == ("41 s", "41 s")
    assert [(row["Who"], row["Acts"]) for row in of("Who was on")] == [
        ("'=HYPERLINK(1)", "2"),
        (ADA, "2"),
        (BO, "4"),
    ]
    (bypass,) = of("Bypasses")
    assert (bypass["Of what"], bypass["By"], bypass["Reason"]) == ("zone middle", ADA, "a digger")
    assert (bypass["Until at most"], bypass["Ended"]) == ("2026-01-01 01:30:41+01:00", "lasts")
    assert [row["Result"] for row in of("Walk tests")] == ["NOT passed: 0 of 1 views"]
    assert len(of("Troubles (2)")) == 2
    assert [(row["Vehicle"], row["Task"]) for row in of("Tasks (1)")] == [("kestrel", "investigate")]


def test_what_was_open_when_a_shift_began_is_in_its_report_and_what_ended_before_is_not(office: Office) -> None:
    first = handled(office)
    office.fleet.room.exempt.bypass(zone="middle", camera=None, reason="a digger", minutes=600, by=ADA)
    begun_us = office.clock.wall_us() + HOUR_US
    with office.fleet.store.reading() as connection:
        shift = shift_of(connection, from_us=begun_us, until_us=begun_us + HOUR_US)
    assert [each.kind for each in shift.earlier] == [IncidentKind.BYPASS]
    assert first.incident_id not in {each.incident_id for each in (*shift.incidents, *shift.earlier)}
    assert (list(shift.incidents), list(shift.alarms), list(shift.audit)) == ([], [], [])


def test_what_the_system_did_by_itself_is_no_persons_act_unless_one_is_called_so(office: Office) -> None:
    journal = StoreJournal(office.fleet.store)
    for actor in ("tasking", "monitor", "system", "coordinator", "schedule", "dispatch", ADA):
        journal.write(JournalEntry(NOW_US + 1, actor, "hold", "kestrel"))

    def on() -> set[str]:
        with office.fleet.store.reading() as connection:
            shift = shift_of(connection, from_us=NOW_US, until_us=NOW_US + HOUR_US)
        return {row["actor"] for row in shift.audit}

    assert on() == {ADA}
    with office.fleet.store.transaction() as connection:
        add_person(connection, "monitor", Role.OPERATOR, "a token")
    assert on() == {ADA, "monitor"}


@pytest.mark.parametrize("lasts_us", [0, -1, 31 * 24 * HOUR_US + 1])
def test_a_shift_lasts_some_time_and_at_most_a_month(store: Store, lasts_us: int) -> None:
    with store.reading() as connection, pytest.raises(Refused, match="at most 31 days later"):
        shift_of(connection, from_us=NOW_US, until_us=NOW_US + lasts_us)


def test_both_stores_give_the_same_report(store: Store, office: Office) -> None:
    incident = handled(office)
    with office.fleet.store.reading() as connection:
        mine = case_of(connection, incident.incident_id)
    with store.transaction() as connection:
        writes.put_incident(connection, mine.incident)
        writes.put_alarms(connection, mine.alarms)
    with store.reading() as connection:
        theirs = case_of(connection, incident.incident_id)
        shift = shift_of(connection, from_us=NOW_US - HOUR_US, until_us=NOW_US + HOUR_US)
    assert (theirs.incident, theirs.alarms) == (mine.incident, mine.alarms)
    assert list(shift.incidents) == [mine.incident]


@pytest.mark.parametrize(
    ("waits", "part", "found"),
    [
        pytest.param([7], 0.95, 7, id="one"),
        pytest.param([1, 2, 3, 4], 0.5, 2, id="even"),
        pytest.param(list(range(1, 101)), 0.95, 95, id="hundred"),
        pytest.param(list(range(1, 21)), 0.95, 19, id="twenty"),
    ],
)
def test_a_quantile_is_a_wait_that_there_was(waits: list[int], part: float, found: int) -> None:
    assert quantile_us(waits, part) == found


def test_durations_are_said_as_people_say_them() -> None:
    assert [duration(s * 1_000_000) for s in (0, 59, 200, 7500)] == ["0 s", "59 s", "3 min 20 s", "2 h 5 min"]


def test_the_same_report_and_time_are_the_same_pdf(office: Office) -> None:
    report = incident_report(make_site(), case(office, handled(office)))
    first = as_pdf(report, at_us=NOW_US)
    assert first == as_pdf(report, at_us=NOW_US)
    assert first.startswith(b"%PDF-1.")
    assert b"/CreationDate (D:20260101000000Z" in first
    assert b"20260101000000" not in as_pdf(report, at_us=NOW_US + 60_000_000)


def test_a_pdf_says_which_letters_its_font_does_not_have() -> None:
    plain = as_pdf(pdf_report(facts=(("Note", "Ωμέγα Привет Łódź"),)), at_us=NOW_US)
    lacking = as_pdf(pdf_report(facts=(("Note", "中文"), ("Bold", Strong("مرحبا")))), at_us=NOW_US)
    box = f"{ord(BOX):04X}".encode()  # in the table that leads from the font's signs back to letters
    assert box not in streams(plain)
    assert box in streams(lacking)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("word" * 5000, id="one long word"),
        pytest.param("x\n" * 3000, id="many lines"),
        pytest.param("a few words " * 2000, id="many words"),
        pytest.param("\U0001f6a8\u200d\ud800\x00{pages}", id="odd letters"),
        pytest.param("**b** <b>[x](y)</b>", id="marks"),
    ],
)
def test_whatever_somebody_wrote_fits_on_paper(text: str) -> None:
    table = Table(
        text[:200], ("When", "What", "Small"), ((Moment(NOW_US), text, text), ("", Strong(text), "")), (2, 8, 1)
    )
    pdf = as_pdf(pdf_report(title=text, result=text, facts=((text, text),), tables=(table,)), at_us=NOW_US)
    assert pages(pdf) >= 1


def test_a_pdf_of_too_many_lines_is_refused() -> None:
    table = Table("Long", ("What",), (("x",),) * 3_001)
    with pytest.raises(Refused, match="expected at most 3000 lines for PDF, got 3001"):
        as_pdf(pdf_report(tables=(table,)), at_us=NOW_US)


def test_a_snapshot_is_in_the_file_and_what_is_no_picture_is_said() -> None:
    good, bad = Picture("Camera a", jpeg()), Picture("Camera b", b"\xff\xd8\xff nonsense")
    pdf = as_pdf(pdf_report(pictures=(good, bad)), at_us=NOW_US)
    assert good.jpeg in pdf
    assert bad.jpeg not in pdf
    page = as_html(pdf_report(pictures=(good,)))
    assert page.count("data:image/jpeg;base64,") == 1


def test_only_pictures_that_are_what_their_name_says_are_shown(tmp_path: Path) -> None:
    name, other = hashlib.sha256(jpeg()).hexdigest(), "0" * 64
    (tmp_path / name).write_bytes(jpeg())
    (tmp_path / other).write_bytes(jpeg())
    assert stored_pictures([name, other, "1" * 64], lambda each: tmp_path / each) == {name: jpeg()}


def evidence_in(office: Office, folder: Path, incident: Incident) -> str:
    """A snapshot that came whole."""
    sha256 = hashlib.sha256(jpeg()).hexdigest()
    folder.mkdir(exist_ok=True)
    (folder / sha256).write_bytes(jpeg())
    alarm = office.fleet.ingest.alarms[incident.alarm_ids[0]]
    assert alarm.event_id is not None
    found = Evidence(
        event_id=alarm.event_id,
        kind=EvidenceKind.SNAPSHOT,
        camera="cam-north",
        sha256=sha256,
        bytes=len(jpeg()),
        start_us=NOW_US,
        end_us=NOW_US,
        media_type=MediaType.JPEG,
        codec="mjpeg",
        plays_in_browser=True,
    )
    file = {"sha256": sha256, "node": "gate-1", "bytes": len(jpeg()), "loudness": 2, "whole_at_us": NOW_US}
    with office.fleet.store.transaction() as connection:
        writes.add_evidence(connection, [writes.evidence_row(found, node="gate-1", received_at_us=NOW_US)])
        put(connection, EVIDENCE_FILES, {**file, "removed_at_us": None})
    return sha256


def test_the_api_gives_the_report_in_each_form_with_its_pictures(office: Office, tmp_path: Path) -> None:
    office.hear(make_event(sequence=1))
    (incident,) = [each for each in office.fleet.ingest.incidents.values() if each.kind is IncidentKind.INTRUSION]
    sha256 = evidence_in(office, tmp_path / "evidence", incident)
    client = make_client(office, folder=tmp_path / "evidence")
    path = f"/api/v1/incidents/{incident.incident_id}/report"
    page = client.get(path)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert f"<td>here</td><td>{sha256}</td>" in page.text
    assert "data:image/jpeg;base64," in page.text
    paper = client.get(path, params={"format": "pdf"})
    assert (paper.headers["content-type"], paper.content[:5]) == ("application/pdf", b"%PDF-")
    assert jpeg() in paper.content
    assert f'filename="incident-{incident.incident_id}.pdf"' in paper.headers["content-disposition"]
    table = client.get(path, params={"format": "csv"})
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert table.content.startswith(b"\xef\xbb\xbfSection,Fact,Value")
    assert client.get(path, params={"format": "docx"}).status_code == 422
    assert client.get(f"/api/v1/incidents/{uuid.UUID(int=7)}/report").status_code == 404


def test_a_shift_is_for_a_supervisor_and_an_incident_for_an_operator(office: Office) -> None:
    incident = handled(office)
    client = make_client(office, make_people(office))
    shift = {"from": "2026-01-01T00:00:00Z", "until": "2026-01-01T08:00:00Z"}

    def asked(path: str, role: str, **params: str) -> int:
        headers = {"Authorization": f"Bearer {ROLES[role]}"}
        return client.get(f"/api/v1{path}", params=params, headers=headers).status_code

    of_incident = f"/incidents/{incident.incident_id}/report"
    assert [asked(of_incident, role) for role in ("viewer", "operator", "supervisor")] == [403, 200, 200]
    assert [asked("/reports/shift", role, **shift) for role in ("operator", "pilot", "supervisor")] == [403, 403, 200]
    assert asked("/reports/shift", "supervisor", **{**shift, "until": "2025-01-01T00:00:00Z"}) == 409
    assert asked("/reports/shift", "supervisor", **{**shift, "until": "2026-01-01T08:00:00"}) == 422


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Of a coordinator whose store has one incident, and which does not run."""
    (tmp_path / "site.yaml").write_text(SITE_TEXT)
    path = tmp_path / "fleet.yaml"
    path.write_text("site_file: site.yaml\ndata_dir: .\n")
    return path


def kept(office: Office, folder: Path) -> Incident:
    found = case(office, handled(office))
    with open_store(folder / "fleet.db") as store, store.transaction() as connection:
        writes.put_incident(connection, found.incident)
        writes.put_alarms(connection, found.alarms)
    return found.incident


def said(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["report", *words])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("form", ReportForm)
def test_the_command_line_writes_the_same_from_a_store_that_nobody_runs(
    config: Path, tmp_path: Path, office: Office, form: ReportForm
) -> None:
    incident = kept(office, tmp_path)
    before = (tmp_path / "fleet.db").read_bytes()
    out = tmp_path / f"report.{form.value}"
    code, told, _ = said("incident", str(config), str(incident.incident_id), "--out", str(out))
    assert (code, "Incident: person in zone north-fence" in told) == (0, True)
    with open_store(tmp_path / "fleet.db") as store, store.reading() as connection:
        report = incident_report(make_site(), case_of(connection, incident.incident_id))
    if form is not ReportForm.PDF:  # that has the time at which it was made
        assert out.read_bytes() == written(report, form, at_us=0)
    assert len(out.read_bytes()) > 1000
    assert (tmp_path / "fleet.db").read_bytes() == before
    times = ("--from", "2026-01-01T00:00", "--until", "2026-01-01T08:00+01:00")
    assert said("shift", str(config), *times, "--out", str(out))[0] == 0


def test_wrong_wishes_of_the_command_line_are_one_line(config: Path, tmp_path: Path, office: Office) -> None:
    none = str(uuid.UUID(int=9))
    assert said("incident", str(config), none, "--out", str(tmp_path / "r.html"))[::2] == (
        78,
        f"vedette-fleet: store {tmp_path}/fleet.db: there is none yet\n",
    )
    kept(office, tmp_path)
    assert said("incident", str(config), none, "--out", str(tmp_path / "r.html"))[::2] == (
        1,
        f"vedette-fleet: incident {none}: there is none\n",
    )
    code, _, error = said("incident", str(config), none, "--out", str(tmp_path / "r.docx"))
    assert (code, "expected a file that ends in .html, .pdf, .csv" in error) == (2, True)
    code, _, error = said(
        "shift", str(config), "--from", "yesterday", "--until", "now", "--out", str(tmp_path / "r.csv")
    )
    assert (code, "expected a time as 2026-01-31T22:00" in error, error.count("\n")) == (2, True, 1)
    assert not (tmp_path / "r.csv").exists()


def test_a_table_has_as_many_cells_in_each_row_as_in_its_head() -> None:
    with pytest.raises(ValueError, match="expected 2 cells, got 1"):
        Table("Wrong", ("a", "b"), (("x",),))


def test_the_walk_test_route_still_gives_its_page(office: Office) -> None:
    client: TestClient = make_client(office)
    walk = office.fleet.room.exempt.begin_walk_test(zones=("north-fence",), reason=HOSTILE, minutes=60, by=ADA)
    page = client.get(f"/api/v1/walk-tests/{walk.walk_test_id}/report").text
    assert "<dt>Reason</dt><dd>&lt;script&gt;alert(1)&lt;/script&gt;</dd>" in page
    assert "NOT FINISHED: 0 of 1 zones heard" in page
