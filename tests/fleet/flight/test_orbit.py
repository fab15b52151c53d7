"""An orbit: what it is made of, and what the gate says to it."""

import itertools
import math
from dataclasses import replace
from typing import Any

import pytest

from contract.geo import LocalFrame
from fleet.flight.capabilities import Capability, Lack
from fleet.flight.gate import Approved, RefusedOrder
from fleet.flight.orbit import SAG_M, mission_of_orbit
from fleet.flight.orders import FlyMission, LookAt, Orbit
from tests.fleet.flight.stage import ask, drone, geo, person, rover, world

CENTRE = geo(100, 160)
ROUND = Orbit(CENTRE, 20.0, 25.0, 8.0, from_deg=180.0)


def reasons(order: Orbit, **how: Any) -> tuple[str, ...]:
    decision = ask(order, how.pop("vehicle", drone()), **how)
    return decision.reasons if isinstance(decision, RefusedOrder) else ()


@pytest.mark.parametrize(("radius_m", "from_deg", "turns"), [(5.0, 0.0, 1), (12.0, 250.0, 2), (200.0, -30.0, 1)])
def test_a_circle_is_flown_clockwise_on_legs_that_hardly_leave_it(radius_m: float, from_deg: float, turns: int) -> None:
    order = Orbit(CENTRE, radius_m, 25.0, 8.0, from_deg, turns)

    mission = mission_of_orbit(order)

    frame = LocalFrame(CENTRE, ground_amsl_m=0.0)
    ring = [frame.to_enu(item.point) for item in mission.items]
    assert all(math.hypot(p.east_m, p.north_m) == pytest.approx(radius_m, abs=0.01) for p in ring)
    bearings = [math.degrees(math.atan2(p.east_m, p.north_m)) for p in ring]
    assert math.remainder(bearings[0] - from_deg, 360.0) == pytest.approx(0.0, abs=0.01)
    steps = [math.remainder(b - a, 360.0) for a, b in itertools.pairwise(bearings)]
    assert all(step > 0.0 for step in steps), "clockwise"
    assert sum(steps) == pytest.approx(360.0 * turns, abs=0.01)
    sag_m = radius_m * (1.0 - math.cos(math.radians(max(steps) / 2)))
    assert sag_m <= SAG_M
    assert {item.above_home_m for item in mission.items} == {25.0}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"radius_m": 4.0}, "radius of 5 to 200 m, got 4.0 m", id="too small to be flown"),
        pytest.param({"radius_m": math.nan}, "got nan m", id="no radius"),
        pytest.param({"from_deg": math.inf}, "direction in which the orbit begins", id="no direction"),
        pytest.param({"turns": 0}, "1 to 10 turns", id="no turn"),
        pytest.param({"speed_m_s": 0.0}, "speed above 0", id="no speed"),
        pytest.param({"above_home_m": None}, "height above home", id="no height"),
        pytest.param({"centre": geo(100, 290)}, "fence", id="a part of it lies outside the fence"),
        pytest.param({"centre": geo(190, 75)}, "hospital", id="it passes over a no-fly area"),
    ],
)
def test_an_orbit_that_cannot_be_flown_is_refused(changes: dict[str, Any], words: str) -> None:
    assert any(words in reason for reason in reasons(replace(ROUND, **changes))), reasons(replace(ROUND, **changes))


def test_height_and_speed_of_an_orbit_are_clipped_as_those_of_a_flight() -> None:
    decision = ask(replace(ROUND, above_home_m=80.0, speed_m_s=20.0), drone())
    assert isinstance(decision, Approved)
    assert decision.approval.order == replace(ROUND, above_home_m=60.0, speed_m_s=8.0)
    assert len(decision.clipped) == 2


def test_safety_01_all_along_an_orbit_the_full_stand_off_is_kept() -> None:
    """The middle of the circle may be a person's: its radius is the distance."""
    seen = world(drone(position=geo(100, 100)), people=[person(100, 160)])
    near = reasons(ROUND, within=seen)
    assert near == (near[0],)
    assert "the destination is" in near[0]
    assert reasons(replace(ROUND, radius_m=30.0), within=seen) == ()


def test_what_a_kind_cannot_do_is_refused_in_plain_words() -> None:
    legless = drone(lacks=(Lack(Capability.ORBIT, "it flies straight on only"),))
    assert reasons(ROUND, vehicle=legless) == ("it cannot orbit a point: it flies straight on only",)
    straight = FlyMission(mission_of_orbit(ROUND).items, 0, 8.0)
    assert isinstance(ask(straight, legless), Approved)
    stiff = ask(LookAt(CENTRE), drone(lacks=(Lack(Capability.LOOK, "its camera is fixed"),)))
    assert isinstance(stiff, RefusedOrder)
    assert stiff.reasons == ("it cannot turn to a point: its camera is fixed",)


def test_a_rover_drives_round_a_point_without_a_height() -> None:
    drive = Orbit(geo(60, 120), 20.0, None, 2.0, from_deg=180.0)
    assert reasons(drive, vehicle=rover()) == ()
    assert reasons(replace(drive, above_home_m=5.0), vehicle=rover()) == (
        "expected no height for a ground vehicle, got 5.0",
    )
