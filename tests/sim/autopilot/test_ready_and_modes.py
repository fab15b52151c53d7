"""Boot, readiness, modes and arming (FACTS: Ready, modes, arming)."""

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from sim.autopilot.modes import CopterMode, RoverMode
from sim.autopilot.spec import Kind
from tests.sim.autopilot.station import Station

PREARM = 0x10000000


def test_heartbeat_tells_type_autopilot_mode_and_armed() -> None:
    for kind, vehicle_type in ((Kind.COPTER, 2), (Kind.ROVER, 10)):
        station = Station.of(kind)
        station.run(1.2)
        beat = station.last("HEARTBEAT")
        assert (beat.type, beat.autopilot, beat.custom_mode, beat.base_mode & 128) == (vehicle_type, 3, 0, 0)


def test_the_ekf_is_ready_41_s_after_boot_in_the_vehicles_own_time() -> None:
    station = Station.of(boot_s_already=0.0)
    station.ask_for(mavlink.MAVLINK_MSG_ID_EKF_STATUS_REPORT, hz=5)

    def ready() -> bool:
        found = station.all("EKF_STATUS_REPORT")
        return bool(found) and bool(found[-1].flags & 0x10) and not found[-1].flags & 0x80

    assert station.until(ready, within_s=60) == pytest.approx(41, abs=1)


def test_a_vehicle_switched_on_a_minute_ago_is_ready() -> None:
    station = Station.of(boot_s_already=60.0)
    assert station.command(176, 1, CopterMode.GUIDED) == 0
    assert station.command(400, 1) == 0


def test_arming_before_the_position_is_known_is_refused_with_the_reason_and_works_when_retried() -> None:
    station = Station.of(boot_s_already=20.0)
    assert station.command(176, 1, CopterMode.GUIDED) == 0
    assert station.command(400, 1) == 4
    station.run(0.2)
    assert "Arm: Need Position Estimate" in station.texts()
    station.until(lambda: station.command(400, 1) == 0, within_s=23)


def test_the_pre_arm_bit_is_judged_for_the_current_mode_about_once_a_second() -> None:
    station = Station.of(boot_s_already=20.0)
    station.ask_for(mavlink.MAVLINK_MSG_ID_SYS_STATUS, hz=10)
    station.run(2)
    assert station.last("SYS_STATUS").onboard_control_sensors_health & PREARM  # STABILIZE needs no position
    station.command(176, 1, CopterMode.GUIDED)
    station.command(512, mavlink.MAVLINK_MSG_ID_SYS_STATUS)
    assert station.last("SYS_STATUS").onboard_control_sensors_health & PREARM  # not judged again yet
    station.run(1.4)
    assert not station.last("SYS_STATUS").onboard_control_sensors_health & PREARM
    station.run(25)
    assert station.last("SYS_STATUS").onboard_control_sensors_health & PREARM


def test_a_mode_set_in_the_first_seconds_of_boot_is_acknowledged_then_undone() -> None:
    station = Station.of(boot_s_already=0.0)
    station.run(1)
    assert station.command(176, 1, CopterMode.GUIDED) == 0
    station.run(10)
    assert station.last("HEARTBEAT").custom_mode == CopterMode.STABILIZE
    assert station.command(176, 1, CopterMode.GUIDED) == 0
    station.run(10)
    assert station.last("HEARTBEAT").custom_mode == CopterMode.GUIDED


@pytest.mark.parametrize("mode", [CopterMode.LOITER, CopterMode.ALT_HOLD, CopterMode.POSHOLD])
def test_modes_that_read_the_stick_sink_to_the_ground(mode: CopterMode) -> None:
    station = Station.of().airborne(20)
    assert station.command(176, 1, mode) == 0
    station.until(lambda: station.machine.motion.up_m <= 0, within_s=30)


@pytest.mark.parametrize("mode", [CopterMode.BRAKE, CopterMode.GUIDED])
def test_brake_and_guided_hold_position(mode: CopterMode) -> None:
    station = Station.of(wind_m_s=5.0).airborne(20)
    station.go_to(200, 0, 20)
    station.run(8)
    assert station.machine.motion.ground_speed_m_s > 5
    station.command(176, 1, CopterMode.BRAKE)
    station.command(176, 1, mode)
    station.run(8)
    held = station.machine.motion.point
    station.run(20)
    assert station.machine.motion.point.horizontal_distance_m(held) < 0.3
    assert station.machine.motion.up_m == pytest.approx(20, abs=0.3)


def test_pause_and_continue_work_in_guided_and_a_target_sent_meanwhile_waits() -> None:
    station = Station.of().airborne(20)
    station.go_to(100, 0, 20)
    station.run(5)
    assert station.command(193, 0) == 0
    station.run(6)
    assert station.machine.motion.ground_speed_m_s < 0.1
    assert station.go_to(0, 60, 20) == 0
    station.run(5)
    assert station.machine.motion.ground_speed_m_s < 0.1
    assert station.command(193, 1) == 0
    station.until(lambda: station.machine.motion.north_m > 59, within_s=40)


def test_pause_is_refused_outside_guided_and_auto_and_unknown_to_a_rover() -> None:
    assert Station.of().command(193, 0) == 4
    assert Station.of(Kind.ROVER).command(193, 0) == 3


def test_modes_that_are_not_simulated_or_do_not_exist_are_refused() -> None:
    station = Station.of()
    for mode in (CopterMode.CIRCLE, CopterMode.SMART_RTL, 99):
        assert station.command(176, 1, mode) == 4
    station.run(1)
    assert station.last("HEARTBEAT").custom_mode == 0


COPTER_NUMBERS = {"STABILIZE": 0, "ALT_HOLD": 2, "AUTO": 3, "GUIDED": 4, "LOITER": 5, "RTL": 6, "CIRCLE": 7} | {
    "LAND": 9,
    "POSHOLD": 16,
    "BRAKE": 17,
    "SMART_RTL": 21,
}
ROVER_NUMBERS = {"MANUAL": 0, "HOLD": 4, "LOITER": 5, "AUTO": 10, "RTL": 11, "SMART_RTL": 12} | {
    "GUIDED": 15,
    "INITIALISING": 16,
}


def test_mode_numbers_are_those_of_ardupilot() -> None:
    assert {mode.name: int(mode) for mode in CopterMode} == COPTER_NUMBERS
    assert {mode.name: int(mode) for mode in RoverMode} == ROVER_NUMBERS


def test_a_heartbeat_says_the_number_of_the_mode_in_force() -> None:
    for kind, modes in ((Kind.COPTER, (2, 4, 5, 6, 9, 16, 17)), (Kind.ROVER, (4, 5, 11, 15))):
        station = Station.of(kind)
        for mode in modes:
            assert station.command(176, 1, mode) == 0
            station.run(1.2)
            assert station.last("HEARTBEAT").custom_mode == mode


def test_set_mode_works_as_a_message_too() -> None:
    station = Station.of()
    station.send(mavlink.MAVLink_set_mode_message(1, 1, CopterMode.GUIDED))
    station.run(1.2)
    assert station.last("HEARTBEAT").custom_mode == CopterMode.GUIDED


def test_not_taken_off_within_ten_seconds_it_disarms_itself() -> None:
    station = Station.of()
    station.command(176, 1, CopterMode.GUIDED)
    assert station.command(400, 1) == 0
    assert station.until(lambda: not station.machine.armed, within_s=15) == pytest.approx(10, abs=0.5)


def test_disarm_in_the_air_is_refused_and_forced_it_falls() -> None:
    station = Station.of().airborne(30)
    assert station.command(400, 0) == 4
    assert station.machine.armed
    assert station.command(400, 0, 21196) == 0
    assert station.until(lambda: station.machine.motion.up_m <= 0, within_s=10) < 4
    assert not station.machine.armed


@pytest.mark.parametrize("mode", [CopterMode.AUTO, CopterMode.RTL, CopterMode.LAND, CopterMode.BRAKE])
def test_some_modes_are_not_armable(mode: CopterMode) -> None:
    station = Station.of()
    station.upload([(16, 3, (), 1, 1, 0.0), (22, 3, (), 0, 0, 10.0)])
    assert station.command(176, 1, mode) == 0
    assert station.command(400, 1) == 4


def test_system_status_is_standby_on_the_ground_and_active_in_the_air() -> None:
    station = Station.of()
    station.run(1.2)
    assert station.last("HEARTBEAT").system_status == 3
    station.airborne(10)
    station.run(1.2)
    assert station.last("HEARTBEAT").system_status == 4


def test_arming_moves_home_here_and_tells_it() -> None:
    station = Station.of().airborne(10)
    station.go_to(40, 0, 10)
    station.run(20)
    station.command(176, 1, CopterMode.LAND)
    station.until(lambda: not station.machine.armed, within_s=60)
    told = len(station.all("HOME_POSITION"))
    station.command(176, 1, CopterMode.GUIDED)
    station.command(400, 1)
    station.run(0.2)
    assert station.machine.home.east_m == pytest.approx(40, abs=1)
    assert len(station.all("HOME_POSITION")) == told + 1


def test_a_reboot_starts_the_boot_clock_again_and_is_refused_armed() -> None:
    station = Station.of()
    station.command(176, 1, CopterMode.GUIDED)
    station.command(400, 1)
    assert station.command(246, 1) == 4
    station.command(400, 0)
    assert station.command(246, 1) == 0
    station.run(2)
    assert station.machine.now_s < 3
    assert not station.machine.ekf_ready
