"""The simulated copter against the measured facts of flying."""

import pytest

from sim.autopilot.modes import CopterMode
from tests.sim.autopilot.station import Station


def test_takes_off_only_in_guided_and_armed() -> None:
    station = Station.of()
    assert station.command(22, 0, 0, 0, 0, 0, 0, 20) == 4
    assert station.command(176, 1, CopterMode.GUIDED) == 0
    assert station.command(22, 0, 0, 0, 0, 0, 0, 20) == 4
    assert station.command(400, 1) == 0
    assert station.command(22, 0, 0, 0, 0, 0, 0, 20) == 0
    station.until(lambda: station.machine.motion.up_m > 19.5, within_s=20)
    station.run(5)
    assert station.machine.motion.up_m == pytest.approx(20.0, abs=0.3)


def test_flies_straight_to_a_reposition_target_and_holds_there() -> None:
    station = Station.of().airborne(20)
    assert station.go_to(30, 40, 30) == 0
    target = station.machine.target
    assert target is not None
    took_s = station.until(lambda: station.machine.motion.point.horizontal_distance_m(target) < 1, within_s=40)
    assert 5.0 < took_s < 25.0
    station.run(10)
    assert station.machine.motion.east_m == pytest.approx(30, abs=0.3)
    assert station.machine.motion.north_m == pytest.approx(40, abs=0.3)
    assert station.machine.motion.up_m == pytest.approx(30, abs=0.3)
