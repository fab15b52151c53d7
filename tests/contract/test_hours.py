"""When hours set a zone, also on days of 23 and 25 hours, and how long a person's word holds."""

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest

from contract.hours import SetHours, Switch, stretch_at

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = (SetHours.model_validate({"start": "18:00", "end": "06:00"}),)
WEEK = (
    SetHours.model_validate(
        {"days": ["monday", "tuesday", "wednesday", "thursday", "friday"], "start": "18:00", "end": "06:00"}
    ),
    SetHours.model_validate({"days": ["saturday", "sunday"]}),
)
ALWAYS = (SetHours(),)


def us(text: str) -> int:
    """A time on the wall in Berlin; with an offset or Z, that."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round((moment if moment.tzinfo else moment.replace(tzinfo=BERLIN)).timestamp() * 1e6)


def utc(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, timezone.utc).isoformat()[:16]


@pytest.mark.parametrize(
    ("hours", "at", "is_set", "turned", "turns"),
    [
        pytest.param(NIGHT, "2026-06-15T12:00", False, "2026-06-15T04:00", "2026-06-15T16:00", id="by day"),
        pytest.param(NIGHT, "2026-06-15T18:00", True, "2026-06-15T16:00", "2026-06-16T04:00", id="as they begin"),
        pytest.param(NIGHT, "2026-06-16T05:59", True, "2026-06-15T16:00", "2026-06-16T04:00", id="past midnight"),
        pytest.param(NIGHT, "2026-06-16T06:00", False, "2026-06-16T04:00", "2026-06-16T16:00", id="as they end"),
        pytest.param(NIGHT, "2026-03-29T04:00", True, "2026-03-28T17:00", "2026-03-29T04:00", id="a night of 11 hours"),
        pytest.param(NIGHT, "2026-10-25T04:00", True, "2026-10-24T16:00", "2026-10-25T05:00", id="a night of 13 hours"),
        pytest.param(WEEK, "2026-06-17T12:00", False, "2026-06-17T04:00", "2026-06-17T16:00", id="a working day"),
        pytest.param(WEEK, "2026-06-20T12:00", True, "2026-06-19T16:00", "2026-06-21T22:00", id="Friday into Sunday"),
        pytest.param(WEEK, "2026-06-22T01:00", False, "2026-06-21T22:00", "2026-06-22T16:00", id="after Sunday"),
    ],
)
def test_a_stretch_runs_from_turn_to_turn(
    hours: tuple[SetHours, ...], at: str, is_set: bool, turned: str, turns: str
) -> None:
    found = stretch_at(hours, zone=BERLIN, at_us=us(at))
    assert (found.is_set, utc(found.from_us), utc(found.until_us)) == (is_set, turned, turns)


@pytest.mark.parametrize(
    ("start", "end", "at", "is_set"),
    [
        pytest.param("02:30", "05:00", "2026-03-29T01:30", True, id="a start that spring leaves out comes early"),
        pytest.param("22:00", "02:30", "2026-03-29T03:29", True, id="an end that spring leaves out comes late"),
        pytest.param("02:30", "05:00", "2026-10-25T00:30Z", True, id="of two starts in autumn the first"),
        pytest.param("22:00", "02:30", "2026-10-25T01:29Z", True, id="of two ends in autumn the second"),
        pytest.param("22:00", "02:30", "2026-10-25T01:30Z", False, id="and not longer"),
    ],
)
def test_when_the_clocks_change_hours_are_too_long_and_never_too_short(
    start: str, end: str, at: str, is_set: bool
) -> None:
    hours = SetHours.model_validate({"start": start, "end": end})
    assert stretch_at([hours], zone=BERLIN, at_us=us(at)).is_set is is_set


def switch(hours: tuple[SetHours, ...] = (), *, initially_set: bool = True) -> Switch:
    return Switch(initially_set=initially_set, hours=hours, time_zone="Europe/Berlin")


def test_without_hours_a_zone_is_as_the_site_file_says_until_a_person_says_otherwise() -> None:
    zone = switch(initially_set=False)
    assert not zone.at(us("2026-06-15T12:00"))
    zone.say(is_set=True)
    assert zone.is_set
    assert zone.at(us("2026-06-15T12:01"))
    assert zone.at(us("2027-06-15T12:01"))


def test_hours_set_and_unset_by_themselves() -> None:
    zone = switch(NIGHT)
    times = ["17:59", "18:00", "23:59"]
    assert [zone.at(us(f"2026-06-15T{time}")) for time in times] == [False, True, True]
    assert [zone.at(us(f"2026-06-16T{time}")) for time in ("05:59", "06:00")] == [True, False]


@pytest.mark.parametrize(
    ("said_at", "is_set", "holds_at", "over_at"),
    [
        pytest.param("2026-06-15T19:00", False, "2026-06-16T05:59", "2026-06-16T18:00", id="unset by night"),
        pytest.param("2026-06-15T17:00", False, "2026-06-15T17:59", "2026-06-15T18:00", id="unset just before"),
        pytest.param("2026-06-15T12:00", True, "2026-06-15T17:59", "2026-06-16T06:00", id="set by day"),
    ],
)
def test_a_persons_word_holds_until_the_hours_turn(said_at: str, is_set: bool, holds_at: str, over_at: str) -> None:
    zone = switch(NIGHT)
    zone.at(us(said_at) - 1)
    zone.say(is_set=is_set)
    assert zone.at(us(said_at)) is is_set
    assert zone.at(us(holds_at)) is is_set
    assert zone.at(us(over_at)) is not is_set


def test_a_word_from_before_the_last_turn_is_over() -> None:
    zone = switch(NIGHT)
    zone.say(is_set=False, at_us=us("2026-06-15T17:00"))
    assert zone.at(us("2026-06-15T19:00"))


def test_a_word_from_after_the_last_turn_holds_after_a_restart() -> None:
    zone = switch(NIGHT)
    zone.say(is_set=False, at_us=us("2026-06-15T18:30"))
    assert not zone.at(us("2026-06-15T19:00"))


def test_a_word_from_the_future_counts_from_now_and_not_for_ever() -> None:
    zone = switch(NIGHT)
    zone.say(is_set=False, at_us=us("2030-01-01T00:00"))
    assert not zone.at(us("2026-06-15T19:00"))
    assert zone.at(us("2026-06-16T18:00"))


def test_hours_that_leave_no_gap_never_turn_so_a_word_stays() -> None:
    zone = switch(ALWAYS)
    assert zone.at(us("2026-06-15T12:00"))
    zone.say(is_set=False)
    assert not zone.at(us("2026-06-15T12:01"))
    assert not zone.at(us("2026-08-15T12:00"))


def test_before_it_was_ever_asked_a_zone_with_hours_passes_for_set() -> None:
    assert switch(NIGHT).is_set
