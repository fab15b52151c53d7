"""One thing that was looked at, what was found, and what to do about it."""

from dataclasses import dataclass
from enum import Enum


class Verdict(str, Enum):
    OK = "ok"
    WARNING = "warning"  # it will run; somebody should look
    WRONG = "wrong"  # it will not do its work


@dataclass(frozen=True, slots=True)
class Finding:
    """`hint`: what to do; empty where nothing is to be done."""

    what: str
    verdict: Verdict
    found: str
    hint: str = ""


def ok(what: str, found: str) -> Finding:
    return Finding(what, Verdict.OK, found)


def warning(what: str, found: str, hint: str) -> Finding:
    return Finding(what, Verdict.WARNING, found, hint)


def wrong(what: str, found: str, hint: str) -> Finding:
    return Finding(what, Verdict.WRONG, found, hint)
