"""A crash on purpose: who, when, and for how long."""

import re
from dataclasses import dataclass

PARTS = ("broker", "fleet", "edge")
_FORM = re.compile(r"^(?P<parts>[a-z]+(?:,[a-z]+)*)@(?P<after>\d+(?:\.\d+)?)\+(?P<lasts>\d+(?:\.\d+)?)$")


class BadOutage(ValueError):
    """One line for a person."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Kill -9 of `parts` together, `after_s` from the feed's start, and a start again `for_s` later."""

    parts: tuple[str, ...]
    after_s: float
    for_s: float


def parse_outage(text: str) -> Outage:
    """`broker@12+20` or `broker,fleet@12+20`. Raises BadOutage."""
    match = _FORM.match(text)
    if match is None:
        raise BadOutage(f"outage '{text}': expected WHAT@AFTER+FOR in seconds, such as broker@12+20")
    parts = tuple(match["parts"].split(","))
    for part in parts:
        if part not in PARTS:
            raise BadOutage(f"outage '{text}': expected some of {', '.join(PARTS)}, got '{part}'")
    return Outage(parts, float(match["after"]), float(match["lasts"]))
