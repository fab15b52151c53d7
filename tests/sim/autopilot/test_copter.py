"""The copter under way (FACTS: Going somewhere)."""

import math
import statistics

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from sim.autopilot.modes import CopterMode
from tests.sim.autopilot.station import HOME_AMSL_M, Station

POSITION_ONLY = 0b110111111000


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
    assert station.command(22, 0, 0, 0, 0, 0, 0, 20) == 4


def test_a_target_on_the_ground_is_taken_but_moves_nothing() -> None:
    station = Station.of()
    station.command(176, 1, CopterMode.GUIDED)
    station.command(400, 1)
    assert station.go_to(30, 0, 20) == 0
    station.run(5)
    assert station.machine.motion.point.horizontal_distance_m(station.machine.home) == 0
    assert station.machine.motion.up_m == 0


def test_flies_straight_to_a_reposition_target_and_holds_there() -> None:
    station = Station.of().airborne(20)
    assert station.go_to(300, 400, 30) == 0
    off_track_m = 0.0
    for _ in range(350):
        station.run(0.2)
        here = station.machine.motion
        off_track_m = max(off_track_m, abs(here.east_m * 0.8 - here.north_m * 0.6))
        assert here.ground_speed_m_s <= 10.01
    assert off_track_m < 0.5
    assert station.machine.motion.east_m == pytest.approx(300, abs=0.3)
    assert station.machine.motion.north_m == pytest.approx(400, abs=0.3)
    assert station.machine.motion.up_m == pytest.approx(30, abs=0.3)


def test_reposition_is_unsupported_as_command_long() -> None:
    assert Station.of().airborne().command(192, -1, 1, 0, math.nan, 52.1, 5.1, 20) == 3


@pytest.mark.parametrize(("x", "y"), [(910_000_000, 50_000_000), (0, 0)], ids=["latitude 91", "zero zero"])
def test_reposition_to_no_place_on_earth_is_denied(x: int, y: int) -> None:
    assert Station.of().airborne().command_int(192, params=(-1, 1, 0, math.nan), x=x, y=y, z=20) == 2


def test_reposition_switches_to_guided_only_when_it_says_so() -> None:
    station = Station.of().airborne()
    station.command(176, 1, CopterMode.BRAKE)
    x, y = station.degrees7(10, 10)
    assert station.command_int(192, params=(-1, 0, 0, math.nan), x=x, y=y, z=20) == 2
    assert station.command_int(192, params=(-1, 1, 0, math.nan), x=x, y=y, z=20) == 0
    assert station.machine.mode is CopterMode.GUIDED


def test_set_position_target_works_and_has_no_ack() -> None:
    station = Station.of().airborne(20)
    acks = len(station.all("COMMAND_ACK"))
    x, y = station.degrees7(0, 50)
    nothing = [0.0] * 8
    station.send(
        mavlink.MAVLink_set_position_target_global_int_message(0, 1, 1, 6, POSITION_ONLY, x, y, 25.0, *nothing)
    )
    station.until(lambda: station.machine.motion.north_m > 49, within_s=30)
    assert len(station.all("COMMAND_ACK")) == acks


def test_the_target_is_reported_in_amsl_and_only_once_there_is_one() -> None:
    station = Station.of()
    station.ask_for(mavlink.MAVLINK_MSG_ID_POSITION_TARGET_GLOBAL_INT)
    station.airborne(20)
    assert station.all("POSITION_TARGET_GLOBAL_INT") == []
    station.go_to(60, 0, 25)
    station.run(1)
    target = station.last("POSITION_TARGET_GLOBAL_INT")
    assert target.alt == pytest.approx(HOME_AMSL_M + 25, abs=0.01)
    assert (target.lat_int, target.lon_int) == pytest.approx(station.degrees7(60, 0), abs=1)


def test_global_position_follows_the_truth() -> None:
    station = Station.of()
    station.ask_for(mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT, hz=10)
    station.airborne(20)
    station.go_to(100, 0, 20)
    station.run(6)
    seen, truth = station.last("GLOBAL_POSITION_INT"), station.machine.motion
    assert (seen.lat, seen.lon) == pytest.approx(station.degrees7(truth.east_m, truth.north_m), abs=150)  # 1.5 m
    assert seen.relative_alt == pytest.approx(20_000, abs=500)
    assert seen.alt - seen.relative_alt == pytest.approx(HOME_AMSL_M * 1000, abs=20)
    assert seen.vy > 500
    assert abs(seen.vx) < 50
    assert seen.hdg == pytest.approx(9000, abs=300)


def test_change_speed_holds_for_the_target_and_is_forgotten_by_the_next_takeoff_or_mode() -> None:
    station = Station.of().airborne(20)
    assert station.command(178, 1, 3, -1) == 0
    station.go_to(500, 0, 20)
    station.run(10)
    assert station.machine.motion.ground_speed_m_s == pytest.approx(10, abs=0.1)  # asked before the first target: lost
    assert station.command(178, 1, 3, -1) == 0
    station.run(10)
    assert station.machine.motion.ground_speed_m_s == pytest.approx(3, abs=0.1)
    station.go_to(-500, 0, 20)
    station.run(15)
    assert station.machine.motion.ground_speed_m_s == pytest.approx(3, abs=0.1)
    assert station.command(178, 1, 0) == 2


def test_roi_turns_nose_and_camera_to_the_point_until_released() -> None:
    station = Station.of().airborne(20)
    station.go_to(0, 40, 20)
    x, y = station.degrees7(30, 40)
    assert station.command_int(195, x=x, y=y, z=0.0) == 0
    station.run(20)
    assert station.machine.motion.heading_deg == pytest.approx(90, abs=2)
    truth = station.autopilot.truth()
    assert truth.camera_heading_deg == pytest.approx(90, abs=2)
    assert truth.camera_pitch_deg == pytest.approx(-math.degrees(math.atan2(20, 30)), abs=2)
    assert station.command(197) == 0
    assert station.autopilot.truth().camera_pitch_deg == 0


def test_the_gimbal_manager_command_pitches_the_camera() -> None:
    station = Station.of().airborne(20)
    assert station.command(1000, -35, 0, 0, 0, 0) == 0
    assert station.autopilot.truth().camera_pitch_deg == -35
    station.command(512, mavlink.MAVLINK_MSG_ID_GIMBAL_DEVICE_ATTITUDE_STATUS)
    q = station.last("GIMBAL_DEVICE_ATTITUDE_STATUS").q
    assert math.degrees(math.asin(2 * (q[0] * q[2] - q[3] * q[1]))) == pytest.approx(-35, abs=0.1)


def test_a_locked_yaw_of_the_gimbal_is_from_north_and_lasts_until_a_point_is_looked_at() -> None:
    station = Station.of(heading_deg=10.0).airborne(20)
    assert station.command(1000, -20, 120, math.nan, math.nan, mavlink.GIMBAL_MANAGER_FLAGS_YAW_LOCK) == 0
    assert station.autopilot.truth().camera_heading_deg == 120
    assert station.command(197) == 0
    assert station.autopilot.truth().camera_heading_deg == pytest.approx(10, abs=1)


def test_without_a_gimbal_the_camera_looks_where_the_nose_does() -> None:
    station = Station.of(heading_deg=10.0, has_gimbal=False).airborne(20)
    assert station.command(1000, -20, 120, 0, 0, 0) == 3
    station.command(512, mavlink.MAVLINK_MSG_ID_GIMBAL_DEVICE_ATTITUDE_STATUS)
    assert station.all("GIMBAL_DEVICE_ATTITUDE_STATUS") == []
    assert station.autopilot.truth().camera_heading_deg == pytest.approx(10, abs=1)


def test_it_says_whether_it_has_landed() -> None:
    station, said = Station.of(), []
    station.command(512, mavlink.MAVLINK_MSG_ID_EXTENDED_SYS_STATE)
    said.append(station.last("EXTENDED_SYS_STATE").landed_state)
    station.airborne(10).command(512, mavlink.MAVLINK_MSG_ID_EXTENDED_SYS_STATE)
    said.append(station.last("EXTENDED_SYS_STATE").landed_state)
    assert said == [mavlink.MAV_LANDED_STATE_ON_GROUND, mavlink.MAV_LANDED_STATE_IN_AIR]


def test_do_orbit_is_a_px4_command_and_unknown_here() -> None:
    assert Station.of().airborne(20).command(34, 20, 3) == 3


def test_condition_yaw_turns_absolute_and_relative() -> None:
    station = Station.of(heading_deg=10.0).airborne(20)
    assert station.command(115, 120, 30, 1, 0) == 0
    station.run(6)
    assert station.machine.motion.heading_deg == pytest.approx(120, abs=1)
    assert station.command(115, 30, 30, -1, 1) == 0
    station.run(6)
    assert station.machine.motion.heading_deg == pytest.approx(90, abs=1)


def test_rtl_climbs_to_its_own_altitude_flies_straight_home_lands_and_disarms_itself() -> None:
    station = Station.of()
    station.set_parameter("RTL_ALT", 3500)
    station.airborne(20)
    station.go_to(120, 50, 20)
    station.run(30)
    assert station.command(176, 1, CopterMode.RTL) == 0
    highest, touched_s, disarmed_s = 0.0, 0.0, 0.0
    left_at_up_m = 0.0
    for _ in range(900):
        station.run(0.2)
        here = station.machine.motion
        highest = max(highest, here.up_m)
        if not left_at_up_m and here.point.horizontal_distance_m(station.machine.home) < 125:
            left_at_up_m = here.up_m
        touched_s = touched_s or (station.machine.now_s if here.up_m <= 0 else 0.0)
        disarmed_s = disarmed_s or (0.0 if station.machine.armed else station.machine.now_s)
        if disarmed_s:
            break
    assert highest == pytest.approx(35, abs=0.5)
    assert left_at_up_m > 34
    assert station.machine.motion.point.horizontal_distance_m(station.machine.home) < 2.5
    assert 0.8 < disarmed_s - touched_s < 2.5


def test_land_comes_down_here_and_disarms_itself() -> None:
    station = Station.of().airborne(15)
    assert station.command(21) == 0
    station.until(lambda: not station.machine.armed, within_s=60)
    assert station.machine.motion.up_m == 0


def test_wind_is_reported_and_leans_the_copter_into_it() -> None:
    station = Station.of(wind_m_s=8.0, wind_from_deg=0.0)
    for message_id in (mavlink.MAVLINK_MSG_ID_WIND, mavlink.MAVLINK_MSG_ID_ATTITUDE):
        station.ask_for(message_id)
    station.airborne(20)
    wind = station.last("WIND")
    assert wind.speed == pytest.approx(8, abs=1.5)
    assert wind.direction == 0
    lean = math.atan(0.0018 * station.machine.wind.m_s**2)  # nose (north) into the wind
    assert station.last("ATTITUDE").pitch == pytest.approx(-lean, abs=0.01)


def test_wind_beyond_what_angle_max_can_hold_drives_the_copter_away() -> None:
    station = Station.of(wind_m_s=25.0, wind_from_deg=270.0).airborne(20)
    station.run(30)
    assert station.machine.motion.east_m > 60  # 25 m/s less the 18 m/s of 30 degrees of lean
    assert abs(station.machine.motion.north_m) < 1
    station.set_parameter("ANGLE_MAX", 6000)
    drifted_m = station.machine.motion.east_m
    station.run(60)
    assert station.machine.motion.east_m < drifted_m


def test_a_tail_wind_costs_less_charge_than_a_head_wind() -> None:
    with_it, against_it = (Station.of(wind_m_s=6.0, wind_from_deg=deg).airborne(20) for deg in (270.0, 90.0))
    for station in (with_it, against_it):
        station.go_to(2000, 0, 20)
        station.run(60)
    assert with_it.machine.motion.ground_speed_m_s == pytest.approx(10, abs=0.1)
    assert against_it.machine.motion.ground_speed_m_s == pytest.approx(10, abs=0.1)
    assert against_it.machine.battery.used_mah > 1.3 * with_it.machine.battery.used_mah


def test_gusts_come_from_the_seed_and_keep_to_the_mean() -> None:
    def winds(seed: int) -> list[float]:
        station = Station.of(wind_m_s=10.0, seed=seed)
        station.ask_for(mavlink.MAVLINK_MSG_ID_WIND, hz=1)
        station.run(300)
        return [message.speed for message in station.all("WIND")]

    blown = winds(3)
    assert blown == winds(3)
    assert blown != winds(4)
    assert statistics.mean(blown) == pytest.approx(10, abs=0.6)
    assert statistics.stdev(blown) == pytest.approx(1.2, abs=0.4)


def test_gps_battery_and_air_data_are_reported() -> None:
    station = Station.of()
    for message_id in (24, 1, 147, 74, 2, 245, 285):
        station.ask_for(message_id)
    station.airborne(20)
    gps = station.last("GPS_RAW_INT")
    assert gps.fix_type == 3
    assert gps.h_acc == 300
    assert 90 <= station.last("SYS_STATUS").battery_remaining <= 100
    assert station.last("BATTERY_STATUS").current_consumed > 0
    assert station.last("VFR_HUD").alt == pytest.approx(HOME_AMSL_M + 20, abs=0.5)
    assert station.last("EXTENDED_SYS_STATE").landed_state == 2
    assert sum(value**2 for value in station.last("GIMBAL_DEVICE_ATTITUDE_STATUS").q) == pytest.approx(1)
