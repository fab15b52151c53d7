"""Hours of the day and week in a site's time zone, and whether a zone is set by them or by a person's word.

On a day when the clocks change, hours are the longer of their two readings: watched too long, never too short.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from enum import Enum
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from contract.frozen import Frozen

DAYS_ROUND = 8  # days before and after in which hours that repeat each week turn, if they ever do


class Hours(Frozen):
    """A daily stretch in the site's time zone; an end at or before the start runs past midnight (equal: all day)."""

    start: time = time(0, 0)
    end: time = time(0, 0)

    def contains(self, local: time) -> bool:
        if self.start == self.end:
            return True
        if self.start < self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    def from_day(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Start and end, UTC, of the stretch that begins on `day`. An hour that comes twice in autumn counts twice."""
        last_day = day if self.start < self.end else day + timedelta(days=1)
        return min(_readings(day, self.start, zone)), max(_readings(last_day, self.end, zone))


def _readings(day: date, moment: time, zone: ZoneInfo) -> list[datetime]:
    """What a time on the wall may mean, UTC: two moments where the clocks change, else one twice."""
    return [
        datetime.combine(day, moment, zone).replace(fold=fold).astimezone(timezone.utc)  # fold: which of the two
        for fold in (0, 1)
    ]


class Weekday(str, Enum):
    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class SetHours(Hours):
    """Hours in which a zone is set, on some days of the week or on each."""

    days: Annotated[
        tuple[Weekday, ...], Field(min_length=1, description="on which it starts; past midnight it goes on")
    ] = tuple(Weekday)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Set, or not, from one turn of the hours until the next; microseconds UTC, the end excluded."""

    is_set: bool
    from_us: int
    until_us: int


def stretch_at(hours: Sequence[SetHours], *, zone: ZoneInfo, at_us: int) -> Stretch:
    """The stretch that `at_us` lies in; from 0 where the hours leave no gap. `hours` is not empty."""
    today = datetime.fromtimestamp(at_us / 1e6, zone).date()
    stretches: list[tuple[int, int]] = []
    for start_us, end_us in sorted(_windows(hours, today, zone)):
        if stretches and start_us <= stretches[-1][1]:
            stretches[-1] = stretches[-1][0], max(end_us, stretches[-1][1])
        else:
            stretches.append((start_us, end_us))
    if len(stretches) == 1:
        return Stretch(is_set=True, from_us=0, until_us=stretches[0][1])
    for start_us, end_us in stretches:
        if start_us <= at_us < end_us:
            return Stretch(is_set=True, from_us=start_us, until_us=end_us)
    gaps = [(before[1], after[0]) for before, after in pairwise(stretches)]
    from_us, until_us = next(gap for gap in gaps if gap[0] <= at_us < gap[1])
    return Stretch(is_set=False, from_us=from_us, until_us=until_us)


def _windows(hours: Sequence[SetHours], today: date, zone: ZoneInfo) -> list[tuple[int, int]]:
    weekdays = tuple(Weekday)
    found = []
    for away in range(-DAYS_ROUND, DAYS_ROUND + 1):
        day = today + timedelta(days=away)
        for each in hours:
            if weekdays[day.weekday()] in each.days:
                start, end = each.from_day(day, zone)
                found.append((round(start.timestamp() * 1e6), round(end.timestamp() * 1e6)))
    return found


@dataclass(frozen=True, slots=True)
class _Word:
    """What a person said; at_us None: since whenever it was heard."""

    is_set: bool
    at_us: int | None


class Switch:
    """Is one zone set? By its hours, or as the site file begins it, until a person says otherwise.

    A person's word holds until the next word; where the zone has hours, at most until their next turn. So an "unset"
    that nobody took back does not leave it open for good, and a "set" outside its hours is kept as long.
    Moments are asked for in their order by one thread; `say` may come from another.
    """

    def __init__(self, *, initially_set: bool, hours: Sequence[SetHours], time_zone: str) -> None:
        self._hours = tuple(hours)
        self._zone = ZoneInfo(time_zone)
        self._last = initially_set
        self._stretch: Stretch | None = None
        self._word: _Word | None = None
        self._heard: tuple[_Word, int] | None = None  # the last word that was acted upon, and its moment

    def say(self, *, is_set: bool, at_us: int | None = None) -> None:
        """A person's word, given at `at_us`; None: it counts from the next moment that is asked for."""
        self._word = _Word(is_set, at_us)

    @property
    def is_set(self) -> bool:
        """As when last asked for a moment, or as a person said since."""
        word = self._word
        is_news = word is not None and (self._heard is None or self._heard[0] is not word)
        return word.is_set if word is not None and is_news else self._last

    @property
    def until_us(self) -> int | None:
        """When its hours next turn, as of the moment last asked for; None: it has none."""
        return None if self._stretch is None else self._stretch.until_us

    def at(self, at_us: int) -> bool:
        """Is it set at `at_us`, microseconds UTC?"""
        word = self._word
        if word is not None and (self._heard is None or self._heard[0] is not word):
            self._heard = word, at_us if word.at_us is None else min(word.at_us, at_us)
        if self._hours:
            if self._stretch is None or not self._stretch.from_us <= at_us < self._stretch.until_us:
                self._stretch = stretch_at(self._hours, zone=self._zone, at_us=at_us)
            self._last = self._stretch.is_set
        if self._heard is not None and (self._stretch is None or self._heard[1] >= self._stretch.from_us):
            self._last = self._heard[0].is_set
        return self._last
