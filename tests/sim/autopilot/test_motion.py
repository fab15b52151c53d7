"""Nothing jumps: what a body may do within one step (issue: acceleration, climb and turn limits)."""

import itertools
import math
import random
from dataclasses import astuple, dataclass

import pytest

from sim.autopilot.energy import copter_current_a
from sim.autopilot.machine import STEP_S
from sim.autopilot.modes import CopterMode, RoverMode
from sim.autopilot.motion import Motion, turn_between_deg
from sim.autopilot.spec import Kind
from tests.sim.autopilot.station import Station


@dataclass(frozen=True)
class Most:
    """The largest of each over a flight."""

    speed_m_s: float
    accel_m_s2: float
    up_m_s: float
    down_m_s: float
    accel_up_m_s2: float
    turn_deg_s: float


def copies(station: Station, seconds: float) -> list[Motion]:
    """The motion after each inner step."""
    seen = []
    for _ in range(round(seconds / STEP_S)):
        station.autopilot.step(STEP_S)
        seen.append(Motion(*astuple(station.machine.motion)))
    return seen


def most(flight: list[Motion]) -> Most:
    pairs = list(itertools.pairwise(flight))
    return Most(
        speed_m_s=max(m.ground_speed_m_s for m in flight),
        accel_m_s2=max(math.hypot(b.east_m_s - a.east_m_s, b.north_m_s - a.north_m_s) for a, b in pairs) / STEP_S,
        up_m_s=max(m.up_m_s for m in flight),
        down_m_s=-min(m.up_m_s for m in flight),
        accel_up_m_s2=max(abs(b.up_m_s - a.up_m_s) for a, b in pairs) / STEP_S,
        turn_deg_s=max(abs(turn_between_deg(a.heading_deg, b.heading_deg)) for a, b in pairs) / STEP_S,
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_copter_chased_about_keeps_to_its_accelerations_climb_and_turn_rates(seed: int) -> None:
    chance = random.Random(seed)
    station = Station.of(wind_m_s=8.0, seed=seed).airborne(40)
    flight = []
    for straight_up_m in (80, 20):
        station.go_to(0, 0, straight_up_m)
        flight += copies(station, 20)
    for _ in range(12):
        where = chance.uniform(-150, 150), chance.uniform(-150, 150), chance.uniform(10, 80)
        assert station.go_to(*where) == 0
        if chance.random() < 0.3:
            station.command(193, 0)
        flight += copies(station, chance.uniform(1, 9))
        station.command(193, 1)
    limits = most(flight)
    assert 8 < limits.speed_m_s <= 10.001
    assert 2.4 < limits.accel_m_s2 <= 2.501
    assert 2.4 < limits.up_m_s <= 2.501
    assert 1.4 < limits.down_m_s <= 1.501
    assert limits.accel_up_m_s2 <= 1.001
    assert 55 < limits.turn_deg_s <= 60.001


def test_a_copter_in_rtl_touches_down_slowly() -> None:
    station = Station.of().airborne(20)
    station.command(176, 1, CopterMode.RTL)
    flight = copies(station, 60)
    assert flight[-1].up_m == 0
    low = [m for m in flight if 0 < m.up_m < 5]
    assert max(-m.up_m_s for m in low) == pytest.approx(0.5, abs=0.01)


def test_a_rover_keeps_to_its_acceleration_and_turn_rate_and_goes_where_its_nose_points() -> None:
    chance = random.Random(3)
    station = Station.of(Kind.ROVER)
    station.command(176, 1, RoverMode.GUIDED)
    station.command(400, 1)
    flight = []
    for _ in range(10):
        assert station.go_to(chance.uniform(-40, 40), chance.uniform(-40, 40), 0) == 0
        flight += copies(station, chance.uniform(3, 12))
    speeds = [m.forward_speed_m_s for m in flight]
    assert 1.9 < max(speeds) <= 2.001
    assert max(abs(b - a) for a, b in itertools.pairwise(speeds)) / STEP_S <= 1.001
    assert most(flight).turn_deg_s <= 60.001
    for m in flight:
        assert m.ground_speed_m_s == pytest.approx(abs(m.forward_speed_m_s), abs=1e-9)


@pytest.mark.parametrize(
    ("air_speed_m_s", "climb_m_s", "current_a"),
    [
        pytest.param(0.0, 0.0, 15.0, id="hover"),
        pytest.param(10.0, 0.0, 19.0, id="ten metres a second of air"),
        pytest.param(0.0, 2.5, 25.0, id="climb"),
        pytest.param(0.0, -1.5, 13.5, id="descent"),
        pytest.param(10.0, 2.5, 29.0, id="both"),
    ],
)
def test_current_depends_on_air_speed_and_climb(air_speed_m_s: float, climb_m_s: float, current_a: float) -> None:
    assert copter_current_a(air_speed_m_s=air_speed_m_s, climb_m_s=climb_m_s) == pytest.approx(current_a)
