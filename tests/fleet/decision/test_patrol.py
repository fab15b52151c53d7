"""When patrols are due, on days of 23, 24 and 25 hours, and what they are flown as."""

import itertools
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from contract.hours import Hours
from contract.site import Patrol
from fleet.decision.patrol import due_patrols, latest_slot_us, mission_of
from tests.fleet.flight.stage import SITE, make_site, place

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, fold: int = 0) -> int:
    """Microseconds UTC of a wall time in Berlin."""
    return round(datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).timestamp() * 1e6)


def patrol(**changes: Any) -> Patrol:
    return SITE.patrols[0].model_copy(update=changes)


def slot(patrol_: Patrol, now_us: int) -> int | None:
    return latest_slot_us(patrol_, time_zone="Europe/Berlin", now_us=now_us)


NIGHT = Hours.model_validate({"start": "22:00", "end": "06:00"})


@pytest.mark.parametrize(
    ("hours", "every_min", "now", "expected"),
    [
        pytest.param(Hours(), 15, "2026-03-10T10:07:00", "2026-03-10T10:00:00", id="all day, slots of the hour"),
        pytest.param(Hours(), 15, "2026-03-10T10:15:00", "2026-03-10T10:15:00", id="on the slot"),
        pytest.param(NIGHT, 60, "2026-03-10T23:30:00", "2026-03-10T23:00:00", id="before midnight"),
        pytest.param(NIGHT, 60, "2026-03-11T05:59:59", "2026-03-11T05:00:00", id="after midnight"),
        pytest.param(NIGHT, 60, "2026-03-11T06:00:00", None, id="the end is outside"),
        pytest.param(NIGHT, 60, "2026-03-11T12:00:00", None, id="by day"),
        pytest.param(NIGHT, 7.5, "2026-03-10T22:08:00", "2026-03-10T22:07:30", id="half minutes"),
    ],
)
def test_the_latest_slot(hours: Hours, every_min: float, now: str, expected: str | None) -> None:
    found = slot(patrol(hours=hours, every_min=every_min), at(now))
    assert found == (None if expected is None else at(expected))


def test_a_spring_night_has_one_hourly_slot_less_and_an_autumn_night_one_more() -> None:
    def slots(first_us: int, minutes: int) -> list[int]:
        night = patrol(hours=NIGHT, every_min=60)
        found = (slot(night, first_us + minute * 60_000_000) for minute in range(minutes))
        return sorted({each for each in found if each is not None})

    spring = slots(at("2026-03-28T21:00:00"), 11 * 60)
    autumn = slots(at("2026-10-24T21:00:00"), 11 * 60)

    assert len(spring) == 7
    assert len(autumn) == 9
    assert {b - a for a, b in itertools.pairwise(autumn)} == {3_600_000_000}


def test_a_window_that_ends_in_the_doubled_hour_lasts_through_both() -> None:
    early = patrol(hours=Hours.model_validate({"start": "01:00", "end": "02:30"}), every_min=30)
    assert slot(early, at("2026-10-25T02:10:00", fold=1)) == at("2026-10-25T02:00:00", fold=1)
    assert slot(early, at("2026-10-25T02:40:00", fold=1)) is None


def test_due_is_what_has_not_started_since_its_slot() -> None:
    now_us = at("2026-03-10T10:07:00")

    def due(last: dict[str, int]) -> list[str]:
        return [p.id for p in due_patrols(SITE, last_started_at_us=last, now_us=now_us)]

    assert due({}) == ["round"]
    assert due({"round": at("2026-03-10T09:59:59")}) == ["round"]
    assert due({"round": at("2026-03-10T10:00:00")}) == []
    assert due({"round": at("2026-03-10T10:01:00")}) == []


def test_a_patrol_outside_its_hours_is_not_due() -> None:
    site = make_site(
        patrols=[
            {
                "id": "night",
                "vehicle": "drone",
                "altitude_m": 25.0,
                "every_min": 15,
                "hours": {"start": "22:00", "end": "06:00"},
                "waypoints": [{"position": place(60, 150)}, {"position": place(60, 240)}],
            }
        ]
    )
    assert due_patrols(site, last_started_at_us={}, now_us=at("2026-03-10T12:00:00")) == ()


def test_laps_are_flown_one_after_the_other() -> None:
    mission = mission_of(patrol(laps=3), flies=True, speed_m_s=8.0)

    points = [waypoint.position for waypoint in SITE.patrols[0].waypoints]
    assert [item.point for item in mission.items] == points * 3
    assert {item.above_home_m for item in mission.items} == {25.0}
    assert (mission.from_index, mission.speed_m_s) == (0, 8.0)


def test_a_rover_patrols_without_a_height() -> None:
    assert {item.above_home_m for item in mission_of(patrol(), flies=False, speed_m_s=2.0).items} == {None}
