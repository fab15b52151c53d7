"""Procedures that somebody writes: read, judged by the linter and tried, before they are anybody's. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from contract.documents import place_of
from contract.errors import DocumentError
from contract.site import Site
from fleet.decision.sop_document import ProcedureBook, parse_procedures
from fleet.decision.sop_lint import findings
from fleet.decision.sop_trial import Happening, Trial, tried
from fleet.errors import Refused
from fleet.site_document import refuse_bombs

MAX_PROCEDURES_LETTERS = 200_000
SOURCE = "line"


@dataclass(frozen=True, slots=True)
class Mark:
    """line: from 1, of the text; None: of the whole."""

    line: int | None
    where: str
    what: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """procedures: ids, in their order; empty where the text cannot be read."""

    marks: tuple[Mark, ...]
    procedures: tuple[str, ...]


def checked(text: str, site: Site) -> Checked:
    """What is wrong with it (one mark, the first), or what is surely not meant."""
    try:
        book = _read(text, site)
    except DocumentError as err:
        return Checked((_mark_of(str(err)),), ())
    marks = tuple(
        Mark(_line_of(text, book, each.where), each.where, each.what, is_error=False) for each in findings(book, site)
    )
    return Checked(marks, tuple(each.id for each in book.procedures))


def tried_out(text: str, site: Site, *, procedure: str | None, happens: Sequence[Happening], for_s: float) -> Trial:
    """Raises Refused with one line."""
    try:
        book = _read(text, site)
    except DocumentError as err:
        raise Refused(str(err)) from err
    known = {each.id: each for each in book.procedures}
    chosen = book.procedures[0] if procedure is None else known.get(procedure)
    if chosen is None:
        raise Refused(f"expected one of {', '.join(known)}, got '{procedure}'")
    return tried(chosen, happens, for_s=for_s)


def _read(text: str, site: Site) -> ProcedureBook:
    refuse_bombs(text, source=SOURCE, most_letters=MAX_PROCEDURES_LETTERS)
    return parse_procedures(text, source=SOURCE, site=site)


def _mark_of(message: str) -> Mark:
    """Of `line:12: procedures.'night': words`."""
    _, _, rest = message.partition(":")
    number, colon, words = rest.partition(":")
    if colon and number.isdigit():
        return Mark(int(number), "", words.strip(), is_error=True)
    return Mark(None, "", rest.strip(), is_error=True)


def _line_of(text: str, book: ProcedureBook, where: str) -> int | None:
    """Of `procedure` or `procedure/step`, as the linter names it."""
    name, _, step = where.partition("/")
    for number, procedure in enumerate(book.procedures):
        if procedure.id != name:
            continue
        path: list[int | str] = ["procedures", number]
        at = next((i for i, each in enumerate(procedure.steps) if each.id == step), None)
        if at is not None:
            path += ["steps", at]
        return int(place_of(text, path).partition(":")[0])
    return None
