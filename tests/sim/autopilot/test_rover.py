"""The ground vehicle's own ways."""

import pytest

from sim.autopilot.modes import RoverMode
from sim.autopilot.spec import Kind
from tests.sim.autopilot.station import Station


def driving(**changes: object) -> Station:
    station = Station.of(Kind.ROVER, **changes)
    assert station.command(176, 1, RoverMode.GUIDED) == 0
    assert station.command(400, 1) == 0
    return station


def test_takeoff_is_unsupported() -> None:
    assert driving().command(22, 0, 0, 0, 0, 0, 0, 10) == 3


def test_drives_along_its_nose_to_a_target_and_stays_armed() -> None:
    station = driving(heading_deg=180.0)
    assert station.go_to(20, 10, 0) == 0
    station.run(40)
    assert station.machine.motion.east_m == pytest.approx(20, abs=0.6)
    assert station.machine.motion.north_m == pytest.approx(10, abs=0.6)
    assert station.machine.motion.up_m == 0
    assert station.machine.armed


def test_speed_is_a_parameter_in_metres_a_second_and_change_speed_overrides_it() -> None:
    station = driving()
    station.set_parameter("WP_SPEED", 1.5)
    station.go_to(0, 100, 0)
    station.run(10)
    assert station.machine.motion.ground_speed_m_s == pytest.approx(1.5, abs=0.05)
    assert station.command(178, 1, 0.7) == 0
    station.run(5)
    assert station.machine.motion.ground_speed_m_s == pytest.approx(0.7, abs=0.05)


def test_hold_stops_and_rtl_comes_home_and_stays_armed() -> None:
    station = driving()
    station.go_to(0, 30, 0)
    station.run(10)
    assert station.command(176, 1, RoverMode.HOLD) == 0
    station.run(5)
    assert station.machine.motion.ground_speed_m_s < 0.01
    station.run(1)
    assert station.last("HEARTBEAT").system_status == 3
    assert station.command(176, 1, RoverMode.RTL) == 0
    station.run(60)
    assert station.machine.motion.point.horizontal_distance_m(station.machine.home) < 1
    assert station.machine.armed
    assert station.machine.mode is RoverMode.RTL
    station.command(176, 1, RoverMode.HOLD)
    assert station.command(400, 0) == 0


def test_disarmed_while_moving_it_coasts_to_a_stop() -> None:
    station = driving()
    station.go_to(0, 50, 0)
    station.run(5)
    assert station.command(400, 0) == 0
    station.run(1)
    assert station.machine.motion.ground_speed_m_s > 1
    station.run(5)
    assert station.machine.motion.ground_speed_m_s < 0.01


def test_a_mission_runs_after_arming_in_guided_then_auto_and_ends_armed() -> None:
    station = Station.of(Kind.ROVER)
    a, b = station.degrees7(0, 15), station.degrees7(10, 15)
    assert station.upload([(16, 0, (), *a, 0.0), (16, 3, (), *a, 0.0), (16, 3, (2.0,), *b, 0.0)]) == 0
    station.command(176, 1, RoverMode.GUIDED)
    station.command(400, 1)
    assert station.command(176, 1, RoverMode.AUTO) == 0
    station.run(60)
    assert station.machine.motion.east_m == pytest.approx(10, abs=2.1)
    assert station.machine.mission.state == 5
    assert station.machine.armed
    assert station.machine.mode is RoverMode.AUTO
    assert station.machine.motion.ground_speed_m_s < 0.01


def test_a_target_outside_the_fence_is_accepted_and_it_stops_two_metres_inside() -> None:
    station = driving()
    ring = [station.degrees7(e, n) for e, n in ((-20, -20), (20, -20), (20, 20), (-20, 20))]
    assert station.upload([(5001, 3, (4.0,), x, y, 0.0) for x, y in ring], mission_type=1) == 0
    assert station.command(207, 1) == 0
    assert station.go_to(0, 60, 0) == 0
    station.run(60)
    assert station.machine.motion.north_m == pytest.approx(18, abs=0.3)
    assert station.machine.breach_type == 0
    assert station.go_to(0, 0, 0) == 0
    station.run(30)
    assert station.machine.motion.north_m == pytest.approx(0, abs=0.6)
