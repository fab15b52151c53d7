"""What the vehicle does by itself (FACTS: Failsafes, Links)."""

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from sim.autopilot.modes import CopterMode, RoverMode
from sim.autopilot.spec import Kind
from tests.sim.autopilot.station import Station


def test_a_heartbeat_gone_for_five_seconds_in_the_air_is_rtl_and_it_stays_rtl() -> None:
    station = Station.of()
    station.set_parameter("FS_GCS_ENABLE", 1)
    station.set_parameter("SYSID_MYGCS", 250)
    station.airborne(20)
    station.go_to(60, 0, 20)
    station.run(15)
    station.beats = False
    lost_s = station.machine.now_s
    station.until(lambda: station.machine.mode is CopterMode.RTL, within_s=8)
    assert 4.0 < station.machine.now_s - lost_s < 6.5
    station.run(1.2)
    assert station.last("HEARTBEAT").system_status == 5
    assert "GCS Failsafe" in station.texts()
    station.beats = True
    station.run(3)
    assert station.last("HEARTBEAT").custom_mode == CopterMode.RTL
    assert station.last("HEARTBEAT").system_status == 4


def test_only_the_named_ground_station_counts() -> None:
    station = Station.of()
    station.set_parameter("FS_GCS_ENABLE", 1)
    station.set_parameter("SYSID_MYGCS", 250)
    station.airborne(20)
    station.beats = False
    other = Station(station.autopilot, system_id=255)
    other.run(8)
    assert station.machine.mode is CopterMode.RTL


def test_without_the_failsafe_a_lost_station_changes_nothing() -> None:
    station = Station.of().airborne(20)
    station.beats = False
    station.run(60)
    assert station.machine.mode is CopterMode.GUIDED
    assert station.machine.motion.up_m == pytest.approx(20, abs=0.3)


def test_a_low_battery_says_battery_failsafe_returns_and_is_latched_until_reboot() -> None:
    station = Station.of()
    station.set_parameter("BATT_FS_LOW_ACT", 2)
    station.set_parameter("BATT_LOW_MAH", 1000)
    station.airborne(20)
    station.autopilot.battery_sag(900 / 5200)
    station.run(2)
    assert "Battery Failsafe" in station.texts()
    assert station.machine.mode is CopterMode.RTL
    station.until(lambda: not station.machine.armed, within_s=60)
    station.machine.battery.used_mah = 0
    station.command(176, 1, CopterMode.GUIDED)
    assert station.command(400, 1) == 4
    station.command(246, 1)
    station.run(45)
    station.command(176, 1, CopterMode.GUIDED)
    assert station.command(400, 1) == 0


def test_battery_remaining_counts_mah_not_volts() -> None:
    station = Station.of()
    station.set_parameter("BATT_CAPACITY", 1000)
    station.run(1.2)
    station.machine.battery.used_mah = 250
    station.command(512, mavlink.MAVLINK_MSG_ID_SYS_STATUS)
    assert station.last("SYS_STATUS").battery_remaining == 75
    station.machine.battery.used_mah = 500
    station.machine.battery.current_a = 60.0  # the voltage sags
    station.command(512, mavlink.MAVLINK_MSG_ID_SYS_STATUS)
    assert station.last("SYS_STATUS").battery_remaining == 50


def test_a_quarter_of_an_hour_of_hover_and_speed_costs_more() -> None:
    hover, fast = Station.of().airborne(20), Station.of().airborne(20)
    fast.go_to(5000, 0, 20)
    for station in (hover, fast):
        station.run(120)
    assert hover.machine.battery.used_mah == pytest.approx(530, rel=0.1)
    assert fast.machine.battery.used_mah > 1.15 * hover.machine.battery.used_mah


def test_an_empty_battery_falls() -> None:
    station = Station.of().airborne(20)
    station.autopilot.battery_sag(0.0)
    station.run(6)
    assert station.machine.motion.up_m == 0
    assert not station.machine.armed


def test_gps_loss_is_ekf_variance_and_fix_type_1_and_the_copter_lands() -> None:
    station = Station.of()
    station.ask_for(mavlink.MAVLINK_MSG_ID_GPS_RAW_INT)
    station.ask_for(mavlink.MAVLINK_MSG_ID_EKF_STATUS_REPORT)
    station.airborne(20)
    station.autopilot.gnss_lose()
    station.run(3)
    assert "EKF variance" in station.texts()
    assert station.last("GPS_RAW_INT").fix_type == 1
    assert station.last("EKF_STATUS_REPORT").flags & 0x80
    assert station.machine.mode is CopterMode.LAND


def test_a_rover_holds_or_returns_as_fs_action_says() -> None:
    for action, mode in ((2, RoverMode.HOLD), (1, RoverMode.RTL)):
        station = Station.of(Kind.ROVER)
        for name, value in (("FS_GCS_ENABLE", 1), ("SYSID_MYGCS", 250), ("FS_ACTION", action)):
            station.set_parameter(name, value)
        station.command(176, 1, RoverMode.GUIDED)
        station.command(400, 1)
        station.go_to(0, 40, 0)
        station.run(3)
        station.beats = False
        station.run(8)
        assert station.machine.mode is mode
