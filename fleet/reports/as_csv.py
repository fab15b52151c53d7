"""A report as CSV: one table with one head; each row says to which part of the report it belongs.

The columns are those of all tables of the report together. A spreadsheet takes what begins like a formula for one, so
such a cell begins with an apostrophe.
"""

import csv
import io

from fleet.reports.document import Cell, Moment, Report, SiteClock, text_of

MEDIA_TYPE = "text/csv"
SECTION, FACT, VALUE = "Section", "Fact", "Value"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def as_csv(report: Report) -> str:
    """RFC 4180: CRLF, quotes where they are needed. Times with their offset from UTC."""
    clock = SiteClock(report)
    head = list(dict.fromkeys([SECTION, FACT, VALUE, *(name for table in report.tables for name in table.head)]))
    out = io.StringIO()
    writer = csv.DictWriter(out, head, restval="", lineterminator="\r\n")
    writer.writeheader()
    facts: list[tuple[str, Cell]] = [("Report", report.title), *report.facts, ("Time zone", report.time_zone)]
    if report.result:
        facts.append(("Result", report.result))
    for name, value in facts:
        writer.writerow({SECTION: "Facts", FACT: _safe(name), VALUE: _cell(value, clock)})
    for table in report.tables:
        for row in table.rows:
            cells = {name: _cell(cell, clock) for name, cell in zip(table.head, row, strict=True)}
            writer.writerow({SECTION: _safe(table.title), **cells})
    return out.getvalue()


def _cell(cell: Cell, clock: SiteClock) -> str:
    return clock.whole(cell.at_us) if isinstance(cell, Moment) else _safe(text_of(cell, clock))


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text
