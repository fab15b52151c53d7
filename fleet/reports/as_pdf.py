"""A report as PDF on A4, with page numbers; the fonts are embedded.

The same report and time give the same bytes. Source Sans has Latin, Greek, Cyrillic and signs; letters
that it lacks, and those that must be joined or set from right to left, stand as a box, and the last page says so.
"""

import io
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from functools import cache
from itertools import zip_longest
from pathlib import Path

import font_source_sans_pro
from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.enums import TableBordersLayout, TextEmphasis, WrapMode, XPos, YPos
from fpdf.fonts import FontFace
from PIL import Image, UnidentifiedImageError

from fleet.errors import Refused
from fleet.reports.document import Cell, Picture, Report, SiteClock, Strong, Table, shown, text_of

MEDIA_TYPE = "application/pdf"
MAX_ROWS = 3_000  # a hundred pages and some seconds; more is for CSV or HTML
MAX_PIXELS = 40_000_000  # of a picture
FONTS = Path(font_source_sans_pro.font_directory)
REGULAR, BOLD = FONTS / "SourceSansPro-Regular.ttf", FONTS / "SourceSansPro-Bold.ttf"
FAMILY = "Source Sans"
BOX = "\u2610"
_JOINERS = "\u200c\u200d"
_MARGIN_MM, _SIGN_MM, _PICTURE_MM = 15.0, 30.0, 120.0
_PIECE_LETTERS, _PIECE_LINES = 300, 15  # of a cell, in one row: a row fits a page
_GREY = (96, 96, 96)


class _Page(FPDF):
    """A4 with head and foot."""

    def __init__(self, report: Report) -> None:
        super().__init__(orientation="portrait", unit="mm", format="A4")
        self.name = report.title
        self.is_complete = True  # no letter was lost so far
        self.set_margins(_MARGIN_MM, _MARGIN_MM, _MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=18.0)
        self.add_font(FAMILY, "", REGULAR)
        self.add_font(FAMILY, "B", BOLD)
        self.alias_nb_pages("{pages}")

    def header(self) -> None:
        if self.page_no() > 1:
            self.set_font(FAMILY, "", 7)
            self.set_text_color(*_GREY)
            self.cell(0, 4, self.printed(self.name)[:110], new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self.set_text_color(0)
            self.ln(3)

    def footer(self) -> None:
        self.set_y(-13)
        self.set_font(FAMILY, "", 7)
        self.set_text_color(*_GREY)
        self.cell(0, 4, f"Page {self.page_no()} of {{pages}}", align="C")
        self.set_text_color(0)

    def printed(self, text: str) -> str:
        """With a box for each letter that the font cannot write, tabs as spaces."""
        text = shown(text).replace("\t", "    ")
        kept = "".join(letter if _is_written(letter) else BOX for letter in text)
        self.is_complete = self.is_complete and kept == text
        return kept.replace("{pages}", "{ pages }")

    def line(self, text: str, *, size: float = 9, style: str = "", height_mm: float = 4.4) -> None:  # type: ignore[override]
        self.set_font(FAMILY, style, size)
        self.multi_cell(0, height_mm, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def as_pdf(report: Report, *, at_us: int) -> bytes:
    """`at_us`: when it was made, in the file's properties. Raises Refused for more than fits."""
    rows = sum(len(table.rows) for table in report.tables)
    if rows > MAX_ROWS:
        raise Refused(f"report: expected at most {MAX_ROWS} lines for PDF, got {rows}: take csv or html")
    page, clock = _Page(report), SiteClock(report)
    page.set_title(page.printed(report.title))
    page.set_creation_date(datetime.fromtimestamp(at_us // 1_000_000, timezone.utc))
    page.add_page()
    page.line(page.printed(report.title), size=15, style="B", height_mm=7)
    page.ln(2)
    _facts(page, report, clock)
    if report.result:
        page.ln(2)
        page.set_font(FAMILY, "B", 10)
        text = page.printed(report.result)
        page.multi_cell(0, 7, text, border=1, align="L", padding=1, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    for table in report.tables:
        _table(page, table, clock)
    for picture in report.pictures:
        _picture(page, picture)
    _sign(page, report.signatures)
    if not page.is_complete:
        page.ln(6)
        page.line(f"{BOX} stands for what this file's font cannot write; CSV and HTML have it.", size=7.5)
    return bytes(page.output())


def _facts(page: _Page, report: Report, clock: SiteClock) -> None:
    for name, value in (*report.facts, ("Times", clock.name)):
        if page.get_y() > page.page_break_trigger - 6:
            page.add_page()
        page.set_font(FAMILY, "", 8.5)
        page.set_text_color(*_GREY)
        top = page.get_y()
        page.multi_cell(48, 4.6, page.printed(name), align="L", new_x=XPos.LEFT, new_y=YPos.NEXT)
        bottom, is_same_page = page.get_y(), page.page_no()
        page.set_text_color(0)
        page.set_xy(_MARGIN_MM + 50, top)
        page.set_font(FAMILY, "B" if isinstance(value, Strong) else "", 8.5)
        text = page.printed(text_of(value, clock))
        page.multi_cell(0, 4.6, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        if page.page_no() == is_same_page:
            page.set_y(max(bottom, page.get_y()))


def _table(page: _Page, table: Table, clock: SiteClock) -> None:
    page.ln(4)
    if page.get_y() > page.page_break_trigger - 28:
        page.add_page()
    page.line(page.printed(table.title), size=11, style="B", height_mm=6)
    page.ln(1)
    if not table.rows:
        page.line("None.", size=8.5)
        return
    page.set_font(FAMILY, "", 7.5)
    page.set_draw_color(170)
    headings = FontFace(emphasis=TextEmphasis.B, fill_color=(236, 236, 236))
    with page.table(
        col_widths=table.widths or None,
        text_align="LEFT",
        v_align="TOP",
        line_height=3.6,
        padding=(0.9, 1.1),
        borders_layout=TableBordersLayout.ALL,
        headings_style=headings,
        wrapmode=WrapMode.WORD,
    ) as printed:
        printed.row([page.printed(each) for each in table.head])
        for row in table.rows:
            for cells in _parts(page, row, clock):
                line = printed.row()
                for cell, text in zip(row, cells, strict=True):
                    line.cell(text, style=FontFace(emphasis=TextEmphasis.B) if isinstance(cell, Strong) else None)
    page.set_draw_color(0)


def _parts(page: _Page, row: Sequence[Cell], clock: SiteClock) -> Iterator[tuple[str, ...]]:
    """The row, and what of it is too long for one, beneath."""
    return zip_longest(*(list(_pieces(page.printed(text_of(cell, clock)))) for cell in row), fillvalue="")


def _pieces(text: str) -> Iterator[str]:
    lines: list[str] = []
    for line in text.split("\n"):
        parts = textwrap.wrap(line, _PIECE_LETTERS, drop_whitespace=False, replace_whitespace=False)
        for part in parts or [""]:
            if len(lines) == _PIECE_LINES or sum(map(len, lines)) + len(part) > _PIECE_LETTERS:
                yield "\n".join(lines)
                lines = []
            lines.append(part)
    yield "\n".join(lines)


def _picture(page: _Page, picture: Picture) -> None:
    page.ln(4)
    caption = page.printed(picture.caption)
    try:
        with Image.open(io.BytesIO(picture.jpeg), formats=("JPEG",)) as opened:
            width_px, height_px = opened.size
            if width_px * height_px > MAX_PIXELS or opened.mode not in ("L", "RGB"):
                raise ValueError(f"{width_px} x {height_px} pixels, {opened.mode}")  # noqa: TRY301 - as the others
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning, OSError, ValueError):
        page.line(f"{caption}: not a picture that can be shown", size=8)
        return
    width_mm = min(page.epw, _PICTURE_MM * width_px / height_px)
    height_mm = width_mm * height_px / width_px
    if page.get_y() + height_mm + 8 > page.page_break_trigger:
        page.add_page()
    page.image(io.BytesIO(picture.jpeg), w=width_mm, alt_text=caption)
    page.ln(1)
    page.line(caption, size=7, height_mm=3.6)


def _sign(page: _Page, signatures: Sequence[str]) -> None:
    if not signatures:
        return
    if page.get_y() + _SIGN_MM > page.page_break_trigger:
        page.add_page()
    page.ln(20)
    width_mm = page.epw / len(signatures)
    top = page.get_y()
    page.set_font(FAMILY, "", 8)
    for number, text in enumerate(signatures):
        left = _MARGIN_MM + number * width_mm
        FPDF.line(page, left, top, left + width_mm - 12, top)
        page.set_xy(left, top + 1)
        page.cell(width_mm - 12, 4, page.printed(text))
    page.set_xy(_MARGIN_MM, top + 6)


def _is_written(letter: str) -> bool:
    return letter == "\n" or (
        ord(letter) in _letters() and unicodedata.bidirectional(letter) not in ("R", "AL") and letter not in _JOINERS
    )


@cache
def _letters() -> frozenset[int]:
    """That both fonts have."""
    found = []
    for path in (REGULAR, BOLD):
        with TTFont(path, lazy=True) as font:
            found.append(frozenset(font.getBestCmap()))
    return found[0] & found[1]
