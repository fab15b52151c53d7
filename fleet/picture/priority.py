"""How soon a person should look at an alarm, in five levels, and why. Pure.

Every factor only adds points, so whatever is worse in one of them is never less urgent. The points are a judgement, not
a measurement: a person in a loud zone is looked at first, and nothing that moves without a name comes before him.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import time
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from contract.events import Certainty, Event
from contract.frozen import Frozen
from contract.hours import SetHours, Stretch, stretch_at
from contract.kinds import EventKind, Severity
from contract.labels import Label
from contract.site import Site

ZONE_POINTS = {Severity.LOW: 10, Severity.MEDIUM: 25, Severity.HIGH: 40}
LABEL_POINTS = {
    Label.ANIMAL: 0,
    Label.OTHER: 8,
    Label.BICYCLE: 15,
    Label.MOTOR_VEHICLE: 15,
    Label.PERSON: 20,
}
KIND_POINTS = {
    EventKind.UNCLASSIFIED_MOVEMENT: 0,
    EventKind.INTRUSION: 15,
    EventKind.LINE_CROSSING: 15,
    EventKind.LOITERING: 20,  # he has been there for a while and stays
}
CERTAIN_POINTS = 5  # the position leaves no doubt that it is inside
ODD_HOUR_POINTS = 10  # when nobody is expected
SURE_SCORE, SURE_POINTS = 0.8, 10  # of the detector
FAIR_SCORE, FAIR_POINTS = 0.5, 5
REPEATS, REPEAT_POINTS = 2, 5  # so many earlier alarms of the zone
REPEAT_WITHIN_US = 600_000_000
QUIET_HOURS = (SetHours(start=time(22), end=time(6)),)  # on the site's clock
LEVELS = ((85, 1), (65, 2), (45, 3), (25, 4))  # at least so many points; fewer: 5
TROUBLE_LEVELS = {Severity.HIGH: 2, Severity.MEDIUM: 3, Severity.LOW: 4}


class Priority(Frozen):
    """level: 1, the most urgent, to 5. points: within a level. why: each factor that counts, in words."""

    level: Annotated[int, Field(ge=1, le=5)]
    points: Annotated[int, Field(ge=0)]
    why: tuple[str, ...]

    @property
    def rank(self) -> tuple[int, int]:
        """Smaller is more urgent."""
        return self.level, -self.points


UNJUDGED = Priority(level=3, points=0, why=("not judged: told by an earlier version",))


@dataclass(frozen=True, slots=True)
class Factors:
    """All that counts. repeats: earlier alarms of the zone within REPEAT_WITHIN_US."""

    severity: Severity
    label: Label
    kind: EventKind
    certainty: Certainty
    score: float
    is_quiet_hour: bool = False
    is_outside_hours: bool = False
    repeats: int = 0


def priority_of(factors: Factors) -> Priority:
    score = SURE_SCORE if factors.score >= SURE_SCORE else FAIR_SCORE if factors.score >= FAIR_SCORE else 0.0
    return _judged(replace(factors, score=score, repeats=factors.repeats if factors.repeats >= REPEATS else 0))


@lru_cache(maxsize=1024)
def _judged(factors: Factors) -> Priority:
    """Many alarms have equal ones, once what makes no difference is left out."""
    parts = [
        (ZONE_POINTS[factors.severity], f"zone of {factors.severity.value} severity"),
        (LABEL_POINTS[factors.label], _words(factors.label)),
        (KIND_POINTS[factors.kind], _words(factors.kind)),
        (CERTAIN_POINTS if factors.certainty is Certainty.PROBABLE else 0, f"{factors.certainty.value} position"),
        _score_part(factors.score),
    ]
    if factors.is_quiet_hour or factors.is_outside_hours:
        parts.append((ODD_HOUR_POINTS, "in a quiet hour" if factors.is_quiet_hour else "outside the zone's hours"))
    if factors.repeats:
        parts.append((REPEAT_POINTS, f"alarm number {factors.repeats + 1} of the zone within 10 minutes"))
    points = sum(each for each, _ in parts)
    level = next((level for least, level in LEVELS if points >= least), 5)
    return Priority(level=level, points=points, why=tuple(f"{words} (+{each})" for each, words in parts))


def trouble_priority(severity: Severity, *, uncovered_zones: Sequence[str] = ()) -> Priority:
    """Of a fault of the system: the more is uncovered, the sooner."""
    why = f"trouble of {severity.value} severity"
    zones = (f"nobody watches {', '.join(uncovered_zones)}",) if uncovered_zones else ()
    return Priority(level=TROUBLE_LEVELS[severity], points=len(uncovered_zones), why=(why, *zones))


def factors_of(event: Event, *, is_quiet_hour: bool, is_outside_hours: bool, repeats: int) -> Factors:
    return Factors(
        severity=event.severity,
        label=event.sighting.label,
        kind=event.kind,
        certainty=event.certainty,
        score=event.sighting.score,
        is_quiet_hour=is_quiet_hour,
        is_outside_hours=is_outside_hours,
        repeats=repeats,
    )


class OddHours:
    """When nobody is expected at a site; remembers the stretch it looked up last, as turns of hours are rare."""

    def __init__(self, site: Site) -> None:
        self._time_zone = ZoneInfo(site.time_zone)
        self._hours = {each.id: each.hours for each in site.watched}
        self._known: dict[tuple[SetHours, ...], Stretch] = {}

    def is_quiet(self, at_us: int) -> bool:
        return self._is_within(QUIET_HOURS, at_us)

    def is_outside(self, zone: str, at_us: int) -> bool:
        """A person set it at an hour at which it is not set by itself."""
        hours = self._hours.get(zone, ())
        return bool(hours) and not self._is_within(hours, at_us)

    def _is_within(self, hours: tuple[SetHours, ...], at_us: int) -> bool:
        known = self._known.get(hours)
        if known is None or not known.from_us <= at_us < known.until_us:
            known = self._known[hours] = stretch_at(hours, zone=self._time_zone, at_us=at_us)
        return known.is_set


def _words(what: Label | EventKind) -> str:
    return "something without a name" if what is Label.OTHER else what.value.replace("_", " ")


def _score_part(score: float) -> tuple[int, str]:
    if score >= SURE_SCORE:
        return SURE_POINTS, "the detector is sure"
    return (FAIR_POINTS, "the detector is fairly sure") if score >= FAIR_SCORE else (0, "the detector is not sure")
