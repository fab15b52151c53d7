"""What a report says, apart from how it looks: facts, tables and pictures, written as HTML, PDF or CSV each by a file.

Pure. Every cell is plain text of whatever origin; escaping is the writer's business and nobody else's.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

_BAD = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # what cannot be seen, or turns what stands beside it
_KEPT = frozenset("\n\t\u200c\u200d")  # joiners are part of how some languages are written


@dataclass(frozen=True, slots=True)
class Moment:
    """Shown on the site's clock."""

    at_us: int


@dataclass(frozen=True, slots=True)
class Strong:
    """Not to be overlooked."""

    text: str


Cell = str | Moment | Strong


@dataclass(frozen=True, slots=True)
class Table:
    """widths: of the columns, relative to each other, on paper."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    widths: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.head):
                raise ValueError(f"table '{self.title}': expected {len(self.head)} cells, got {len(row)}")


@dataclass(frozen=True, slots=True)
class Picture:
    caption: str
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """signatures: lines to sign at the end."""

    title: str
    time_zone: str
    facts: tuple[tuple[str, Cell], ...]
    result: str = ""
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    signatures: tuple[str, ...] = ()

    def moments(self) -> Iterator[int]:
        for cell in (*(value for _, value in self.facts), *(c for t in self.tables for row in t.rows for c in row)):
            if isinstance(cell, Moment):
                yield cell.at_us


class SiteClock:
    """The site's own, for one report: its offset from UTC is said once, or with each time where it changed."""

    def __init__(self, report: Report) -> None:
        self._zone = ZoneInfo(report.time_zone)
        offsets = {self._local(at_us).strftime("%z") for at_us in report.moments()}
        self._has_one_offset = len(offsets) == 1
        offset = f"UTC{_colon(offsets.pop())}" if self._has_one_offset else "offset from UTC beside each"
        self.name = f"{report.time_zone}, {offset}"

    def said(self, at_us: int) -> str:
        local = self._local(at_us)
        text = local.strftime("%Y-%m-%d %H:%M:%S")
        return text if self._has_one_offset else f"{text} {_colon(local.strftime('%z'))}"

    def whole(self, at_us: int) -> str:
        """With the offset, whatever else there is."""
        return self._local(at_us).isoformat(sep=" ", timespec="seconds")

    def _local(self, at_us: int) -> datetime:
        return datetime.fromtimestamp(at_us // 1_000_000, self._zone)


def text_of(cell: Cell, clock: SiteClock) -> str:
    if isinstance(cell, Moment):
        return clock.said(cell.at_us)
    return shown(cell.text if isinstance(cell, Strong) else cell)


def shown(text: str) -> str:
    """With a visible mark in place of what cannot be seen or turns the text around it."""
    kept = (c if c in _KEPT or unicodedata.category(c) not in _BAD else "\ufffd" for c in text.replace("\r\n", "\n"))
    return "".join(kept)


def duration(us: int) -> str:
    """As people say it: 41 s, 3 min 20 s, 2 h 5 min."""
    seconds = round(us / 1e6)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def words(name: str) -> str:
    return name.replace("_", " ")


def _colon(offset: str) -> str:
    return f"{offset[:3]}:{offset[3:5]}"
