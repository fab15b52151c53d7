"""A report in one of its forms, and the pictures that go into it."""

import hashlib
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path

from fleet.reports import as_csv, as_html
from fleet.reports.document import Report

MAX_PICTURE_BYTES = 8_000_000


class ReportForm(str, Enum):
    HTML = "html"
    PDF = "pdf"
    CSV = "csv"

    @property
    def media_type(self) -> str:
        return {"html": as_html.MEDIA_TYPE, "pdf": "application/pdf", "csv": as_csv.MEDIA_TYPE}[self.value]


def written(report: Report, form: ReportForm, *, at_us: int) -> bytes:
    """UTF-8; CSV with a mark in front, by which spreadsheets know it. at_us: when, for a PDF's properties. Raises
    Refused for more than a PDF holds."""
    if form is ReportForm.HTML:
        return as_html.as_html(report).encode("utf-8")
    if form is ReportForm.CSV:
        return as_csv.as_csv(report).encode("utf-8-sig")
    from fleet.reports.as_pdf import as_pdf  # noqa: PLC0415 - half a second, and most coordinators never print

    return as_pdf(report, at_us=at_us)


def stored_pictures(names: Iterable[str], path_of: Callable[[str], Path]) -> dict[str, bytes]:
    """By sha256: those that are here and still what their name says. Blocks."""
    found = {}
    for sha256 in names:
        try:
            with path_of(sha256).open("rb") as file:
                data = file.read(MAX_PICTURE_BYTES + 1)
        except OSError:
            continue
        if len(data) <= MAX_PICTURE_BYTES and hashlib.sha256(data).hexdigest() == sha256:
            found[sha256] = data
    return found
