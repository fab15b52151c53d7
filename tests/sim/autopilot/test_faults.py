"""What a scenario does to a vehicle, and how that looks over MAVLink."""

from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.geo import PointEnu
from sim.autopilot.modes import CopterMode, RoverMode
from sim.autopilot.other_station import OtherStation, go_to, set_mode
from sim.autopilot.spec import Kind
from tests.sim.autopilot.station import Station

GLITCHING = 0x8000


def watched(kind: Kind = Kind.COPTER, **changes: Any) -> Station:
    station = Station.of(kind, **changes)
    for message_id in (
        mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT,
        mavlink.MAVLINK_MSG_ID_GPS_RAW_INT,
        mavlink.MAVLINK_MSG_ID_EKF_STATUS_REPORT,
        mavlink.MAVLINK_MSG_ID_SYS_STATUS,
    ):
        station.ask_for(message_id, hz=5)
    return station


def said_east_m(station: Station, name: str) -> float:
    message = station.last(name)
    zero, one = station.degrees7(0, 0)[1], station.degrees7(1, 0)[1]
    return float(message.lon - zero) / (one - zero)


def true_point(station: Station) -> PointEnu:
    return station.machine.frame.to_enu(station.autopilot.truth().point)


def test_a_gnss_jump_shows_in_the_receiver_at_once_and_is_rejected_for_ten_seconds() -> None:
    station = watched().airborne(20)
    station.autopilot.gnss_jump(60.0, 0.0)
    station.run(5)
    assert said_east_m(station, "GPS_RAW_INT") == pytest.approx(60, abs=1.5)
    assert said_east_m(station, "GLOBAL_POSITION_INT") == pytest.approx(0, abs=1.5)
    report = station.last("EKF_STATUS_REPORT")
    assert report.flags & GLITCHING
    assert report.flags & 0x10
    assert report.pos_horiz_variance > 1 > report.velocity_variance
    assert "GPS Glitch or Compass error" in station.texts()
    assert station.machine.mode is CopterMode.GUIDED


def test_a_gnss_jump_that_lasts_is_believed_and_the_copter_truly_flies_beside_its_target() -> None:
    station = watched().airborne(20)
    station.go_to(0, 50, 20)
    station.run(20)
    station.autopilot.gnss_jump(30.0, 0.0)
    station.run(12)
    assert "Glitch cleared" in station.texts()
    station.run(20)
    assert said_east_m(station, "GLOBAL_POSITION_INT") == pytest.approx(0, abs=1.5)
    assert true_point(station).east_m == pytest.approx(-30, abs=0.5)
    assert true_point(station).north_m == pytest.approx(50, abs=0.5)


def test_a_place_the_copter_holds_by_itself_moves_with_a_gnss_jump() -> None:
    station = watched().airborne(20)
    station.command(176, 1, CopterMode.BRAKE)
    station.autopilot.gnss_jump(30.0, -10.0)
    station.run(15)
    assert said_east_m(station, "GLOBAL_POSITION_INT") == pytest.approx(30, abs=1.5)
    assert true_point(station).horizontal_distance_m(PointEnu(0, 0)) < 0.5


def test_a_gnss_jump_that_ends_in_time_leaves_nothing_behind() -> None:
    station = watched().airborne(20)
    station.autopilot.gnss_jump(60.0, 0.0)
    station.run(5)
    station.autopilot.gnss_jump(0.0, 0.0)
    station.run(15)
    assert "Glitch cleared" in station.texts()
    assert not station.last("EKF_STATUS_REPORT").flags & GLITCHING
    assert said_east_m(station, "GLOBAL_POSITION_INT") == pytest.approx(0, abs=1.5)
    assert true_point(station).horizontal_distance_m(PointEnu(0, 0)) < 0.5


def test_a_small_gnss_jump_is_taken_for_movement() -> None:
    station = watched().airborne(20)
    station.go_to(0, 50, 20)
    station.run(20)
    station.autopilot.gnss_jump(4.0, 0.0)
    station.run(10)
    assert true_point(station).east_m == pytest.approx(-4, abs=0.3)
    assert not any("Glitch" in text for text in station.texts())


def test_a_gnss_jump_across_the_fence_is_a_breach_once_it_is_believed() -> None:
    station = watched()
    station.command(207, 1)
    station.airborne(20)
    station.autopilot.gnss_jump(400.0, 0.0)
    station.run(9)
    assert "Fence Breached" not in station.texts()
    station.run(4)
    assert "Fence Breached" in station.texts()
    assert station.machine.mode is CopterMode.RTL


def test_a_reboot_starts_from_what_the_receiver_says() -> None:
    station = watched()
    station.autopilot.gnss_jump(50.0, 0.0)
    station.command(246, 1)
    station.run(50)
    station.command(512, mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT)
    assert said_east_m(station, "GLOBAL_POSITION_INT") == pytest.approx(50, abs=1.5)
    assert true_point(station).east_m == pytest.approx(0, abs=0.01)


def test_without_gnss_the_landing_copter_drifts_with_the_wind_and_its_reported_place_stands_still() -> None:
    station = watched(wind_m_s=5.0, wind_from_deg=270.0).airborne(20)
    station.autopilot.gnss_lose()
    station.run(3)
    assert station.machine.mode is CopterMode.LAND
    station.until(lambda: not station.machine.armed, within_s=60)
    station.run(1)
    assert true_point(station).east_m > 50
    assert said_east_m(station, "GLOBAL_POSITION_INT") == pytest.approx(0, abs=1.5)
    assert station.last("GLOBAL_POSITION_INT").vy == 0


def test_gnss_that_recovers_can_be_flown_with_again_but_the_mode_stays() -> None:
    station = watched().airborne(40)
    station.autopilot.gnss_lose()
    station.run(4)
    assert station.command(176, 1, CopterMode.GUIDED) == 4
    station.autopilot.gnss_recover()
    station.run(1)
    assert station.last("GPS_RAW_INT").fix_type == 3
    assert station.command(176, 1, CopterMode.GUIDED) == 4
    station.run(2)
    assert station.last("EKF_STATUS_REPORT").flags & 0x10
    assert station.machine.mode is CopterMode.LAND
    assert station.command(176, 1, CopterMode.GUIDED) == 0


def test_a_rover_without_gnss_holds() -> None:
    station = watched(Kind.ROVER)
    station.command(176, 1, RoverMode.GUIDED)
    station.command(400, 1)
    station.go_to(0, 60, 0)
    station.run(5)
    station.autopilot.gnss_lose()
    station.run(6)
    assert station.machine.mode is RoverMode.HOLD
    assert station.machine.motion.ground_speed_m_s < 0.01
    assert station.last("HEARTBEAT").system_status == 5


def test_a_battery_sag_drops_the_charge_at_once_and_only_downwards() -> None:
    station = watched()
    station.autopilot.battery_sag(0.45)
    station.run(0.4)
    assert station.last("SYS_STATUS").battery_remaining == pytest.approx(45, abs=1)
    station.autopilot.battery_sag(0.9)
    station.run(0.4)
    assert station.last("SYS_STATUS").battery_remaining == pytest.approx(45, abs=1)


def test_a_battery_sag_below_the_limit_in_the_air_brings_it_home() -> None:
    station = watched()
    station.set_parameter("BATT_FS_LOW_ACT", 2)
    station.set_parameter("BATT_LOW_MAH", 1300)
    station.airborne(20)
    station.autopilot.battery_sag(0.2)
    station.run(2)
    assert "Battery Failsafe" in station.texts()
    assert station.machine.mode is CopterMode.RTL


def test_a_vehicle_starts_with_the_charge_its_spec_says() -> None:
    station = watched(battery_frac=0.6)
    station.run(0.4)
    assert station.last("SYS_STATUS").battery_remaining == pytest.approx(60, abs=1)
    assert station.autopilot.truth().battery_frac == pytest.approx(0.6, abs=0.001)


def test_a_gale_takes_a_copter_over_its_fence_and_it_comes_home_when_the_wind_drops() -> None:
    station = watched()
    station.set_parameter("FENCE_RADIUS", 60)
    station.command(207, 1)
    station.airborne(20)
    station.autopilot.blow(28.0, 270.0)
    station.run(10)
    assert true_point(station).east_m > 60
    assert (station.machine.mode, station.autopilot.truth().fence_breaches) == (CopterMode.RTL, 1)
    station.autopilot.blow(0.0, 270.0)
    station.until(lambda: not station.machine.armed, within_s=90)
    assert true_point(station).horizontal_distance_m(PointEnu(0, 0)) < 1.0


@pytest.mark.parametrize("mode", ["LOITER", "STABILIZE"])
def test_a_pilots_mode_does_not_sink_while_he_has_the_sticks(mode: str) -> None:
    station = watched(wind_m_s=0.0).airborne(20)
    station.autopilot.pilot_takes(mode)
    station.run(10)
    assert station.last("HEARTBEAT").custom_mode == CopterMode[mode]
    assert station.machine.motion.up_m == pytest.approx(20, abs=0.5)
    station.autopilot.pilot_leaves("LAND")
    station.until(lambda: not station.machine.armed, within_s=60)


def test_a_pilot_switches_to_no_mode_that_the_vehicle_has_not() -> None:
    with pytest.raises(KeyError):
        watched().autopilot.pilot_takes("HOLD")


def test_another_station_beats_and_orders_and_its_answers_are_heard_by_all() -> None:
    station = watched().airborne(20)
    place, _ = station.machine.frame.to_geo(PointEnu(0, 40))
    other = OtherStation([(1.0, go_to(1, place, 20.0)), (20.0, set_mode(1, CopterMode.LOITER))])
    station.autopilot.stations.append(other)
    station.run(18)
    assert true_point(station).north_m == pytest.approx(40, abs=1)
    assert (station.last("COMMAND_ACK").command, station.last("COMMAND_ACK").target_system) == (192, 255)
    station.run(4)
    assert station.machine.mode is CopterMode.LOITER
    assert station.autopilot.commands[255] == 2


def test_another_stations_heartbeat_is_not_the_one_the_vehicle_listens_for() -> None:
    station = watched()
    station.set_parameter("SYSID_MYGCS", 250)
    station.set_parameter("FS_GCS_ENABLE", 1)
    station.airborne(20)
    station.beats = False
    station.autopilot.stations.append(OtherStation([]))
    station.run(7)
    assert station.machine.mode is CopterMode.RTL


def test_commands_are_counted_by_their_sender_and_what_only_asks_is_none() -> None:
    station = watched()
    station.ask_for(mavlink.MAVLINK_MSG_ID_ATTITUDE)
    assert station.autopilot.commands[250] == 0
    station.airborne(20)
    assert station.autopilot.commands[250] == 3
