"""A report as one page of HTML that prints well on A4; nothing in it is fetched from anywhere."""

import base64
from collections.abc import Iterable
from html import escape

from fleet.reports.document import Cell, Picture, Report, SiteClock, Strong, Table, shown, text_of

MEDIA_TYPE = "text/html"
# Whatever a browser may be talked into, it runs nothing and asks nobody.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = """
@page { size: A4; margin: 15mm }
body { font: 10pt/1.4 sans-serif; color: #000; background: #fff; max-width: 180mm; margin: 8mm auto }
h1 { font-size: 16pt; margin: 0 0 2mm } h2 { font-size: 12pt; margin: 6mm 0 2mm } p { margin: 1mm 0 }
table { border-collapse: collapse; width: 100% } th, td { border: 1px solid #888; padding: 1mm 2mm; text-align: left }
td { overflow-wrap: anywhere; white-space: pre-line; vertical-align: top }
thead { display: table-header-group } tr, figure { break-inside: avoid }
figure { margin: 2mm 0 } img { max-width: 100% }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.5mm 4mm; margin: 2mm 0 } dd { margin: 0 }
dt { color: #444 } dd { overflow-wrap: anywhere; white-space: pre-line }
.result { border: 2px solid #000; padding: 2mm 3mm; font-weight: bold; margin: 4mm 0 }
.sign { display: flex; gap: 20mm; margin-top: 18mm; break-inside: avoid }
.sign div { flex: 1; border-top: 1px solid #000; padding-top: 1mm }
"""


def as_html(report: Report) -> str:
    """The same report gives the same text."""
    clock = SiteClock(report)
    facts = (f"<dt>{escape(shown(name))}</dt><dd>{_html(value, clock)}</dd>" for name, value in report.facts)
    sections = [
        f"<h1>{escape(shown(report.title))}</h1>",
        f"<dl>{''.join(facts)}<dt>Times</dt><dd>{escape(clock.name)}</dd></dl>",
    ]
    if report.result:
        sections.append(f'<p class="result">{escape(shown(report.result))}</p>')
    for table in report.tables:
        sections += [f"<h2>{escape(shown(table.title))}</h2>", _table(table, clock)]
    sections += map(_picture, report.pictures)
    if report.signatures:
        sections.append(
            f'<div class="sign">{"".join(f"<div>{escape(each)}</div>" for each in report.signatures)}</div>'
        )
    head = f'<meta charset="utf-8"><title>{escape(shown(report.title))}</title><style>{_STYLE}</style>'
    body = "\n".join(sections)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _table(table: Table, clock: SiteClock) -> str:
    if not table.rows:
        return "<p>None.</p>"
    titles = "".join(f"<th>{escape(title)}</th>" for title in table.head)
    lines = "\n".join(_row(row, clock) for row in table.rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>\n{lines}\n</tbody></table>"


def _row(row: Iterable[Cell], clock: SiteClock) -> str:
    return "<tr>" + "".join(f"<td>{_html(cell, clock)}</td>" for cell in row) + "</tr>"


def _html(cell: Cell, clock: SiteClock) -> str:
    text = escape(text_of(cell, clock))
    return f"<strong>{text}</strong>" if isinstance(cell, Strong) else text


def _picture(picture: Picture) -> str:
    data = base64.b64encode(picture.jpeg).decode()
    caption = escape(shown(picture.caption))
    return (
        f'<figure><img alt="{caption}" src="data:image/jpeg;base64,{data}"><figcaption>{caption}</figcaption></figure>'
    )
