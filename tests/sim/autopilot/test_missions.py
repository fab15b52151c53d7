"""The mission protocol and flying one (FACTS: Missions)."""

import math
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from sim.autopilot.modes import CopterMode
from tests.sim.autopilot.station import Sent, Station

HOME_ITEM = (16, 0, (), 521_000_000, 51_000_000, 0.0)
RELATIVE = 3


def waypoint(station: Station, east_m: float, north_m: float, up_m: float = 20.0, *, stay_s: float = 0.0) -> Sent:
    return (16, RELATIVE, (stay_s,), *station.degrees7(east_m, north_m), up_m)


def count(station: Station, number: int, mission_type: int = 0) -> None:
    station.send(mavlink.MAVLink_mission_count_message(1, 1, number, mission_type))
    station.listen()


def last_ack(station: Station) -> int:
    return int(station.last("MISSION_ACK").type)


def test_item_0_is_home_and_a_mission_without_it_silently_loses_its_first_item() -> None:
    station = Station.of()
    a, b = waypoint(station, 10, 0), waypoint(station, 20, 0)
    assert station.upload([a, b]) == 0
    read = station.read_back()
    assert len(read) == 2
    assert read[0].x == 521_000_000  # home, not a
    assert read[1].x == pytest.approx(b[3], abs=1)


@pytest.mark.parametrize("old_request", [False, True], ids=["MISSION_REQUEST_INT", "MISSION_REQUEST"])
def test_count_then_requests_0_to_n_then_ack_0(old_request: bool) -> None:
    station = Station.of(asks_with_mission_request=old_request)
    assert station.upload([HOME_ITEM, waypoint(station, 10, 0), waypoint(station, 20, 0)]) == 0
    requests = station.all("MISSION_REQUEST" if old_request else "MISSION_REQUEST_INT")
    assert [request.seq for request in requests] == [0, 1, 2]


def test_count_truncates_the_old_mission_at_once() -> None:
    station = Station.of()
    station.upload([HOME_ITEM, *(waypoint(station, 10 * i, 0) for i in range(1, 6))])
    count(station, 2)
    assert len(station.machine.mission.items) == 2


def test_a_broken_upload_leaves_a_mixture_of_old_and_new() -> None:
    station = Station.of()
    station.upload([HOME_ITEM, waypoint(station, 10, 0, 11), waypoint(station, 20, 0, 12)])
    count(station, 3)
    station.send_item(0, HOME_ITEM)
    station.send_item(1, waypoint(station, 90, 0, 99))
    station.run(9)
    assert last_ack(station) == 15
    assert [item.z for item in station.read_back()[1:]] == [99, 12]


def test_a_silent_client_is_asked_again_each_second_and_given_up_after_eight() -> None:
    station = Station.of()
    count(station, 3)
    station.run(7.6)
    assert len(station.all("MISSION_REQUEST_INT")) == 8
    assert station.all("MISSION_ACK") == []
    station.run(1)
    assert last_ack(station) == 15


def test_a_wrong_seq_is_ack_13_and_the_upload_goes_on() -> None:
    station = Station.of()
    count(station, 2)
    station.send_item(1, waypoint(station, 10, 0))
    assert last_ack(station) == 13
    station.send_item(0, HOME_ITEM)
    station.send_item(0, HOME_ITEM)  # a repeat on a lossy link
    assert last_ack(station) == 13
    station.send_item(1, waypoint(station, 10, 0))
    assert last_ack(station) == 0


def test_another_station_is_told_14_while_one_uploads() -> None:
    station = Station.of()
    other = Station(station.autopilot, system_id=255)
    count(station, 2)
    station.listen()
    count(other, 5)
    assert last_ack(other) == 14
    assert len(station.machine.mission.items) == 0


def test_the_same_station_may_start_again() -> None:
    station = Station.of()
    count(station, 9)
    assert station.upload([HOME_ITEM, waypoint(station, 10, 0)]) == 0


def test_reading_past_the_end_is_13() -> None:
    station = Station.of()
    station.send(mavlink.MAVLink_mission_request_int_message(1, 1, 0, 0))
    assert last_ack(station) == 13


@pytest.mark.parametrize(
    ("change", "result"),
    [
        pytest.param({"frame": 7}, 2, id="bad frame 2"),
        pytest.param({"command": 30999}, 3, id="unknown command 3"),
        pytest.param({"z": math.nan}, 12, id="NaN altitude 12"),
        pytest.param({"x": 910_000_000}, 10, id="latitude 91 is 10"),
    ],
)
def test_a_refused_item_ends_the_upload(change: dict[str, Any], result: int) -> None:
    station = Station.of()
    values: dict[str, Any] = {"command": 16, "frame": 3, "params": (), "x": 521_000_000, "y": 51_000_000, "z": 20.0}
    values.update(change)
    assert station.upload([HOME_ITEM, tuple(values.values())]) == result
    acks = len(station.all("MISSION_ACK"))
    station.send_item(1, waypoint(station, 10, 0))
    assert [ack.type for ack in station.all("MISSION_ACK")[acks:]] == [1]


@pytest.mark.parametrize(
    ("sent", "frame", "params"),
    [
        pytest.param((16, 6, (0, 0, 0, math.nan), 521_000_000, 51_000_000, 20.0), 3, (0, 0, 0, 0), id="6 is 3, yaw 0"),
        pytest.param((16, 5, (), 521_000_000, 51_000_000, 60.0), 0, (0, 0, 0, 0), id="5 is 0"),
        pytest.param((16, 11, (), 521_000_000, 51_000_000, 20.0), 10, (0, 0, 0, 0), id="11 is 10"),
        pytest.param((19, 3, (5,), 521_000_000, 51_000_000, 20.0), 3, (5, 0, 1, 0), id="LOITER_TIME param3 1"),
        pytest.param((21, 3, (), 521_000_000, 51_000_000, 0.0), 3, (0, 0, 0, 1), id="LAND param4 1"),
        pytest.param((178, 3, (1, 4, 0, 0), 0, 0, 0.0), 0, (1, 4, 0, 0), id="no position: frame 0"),
    ],
)
def test_read_back_differs_as_measured(sent: Sent, frame: int, params: tuple[float, ...]) -> None:
    station = Station.of()
    assert station.upload([HOME_ITEM, sent]) == 0
    item = station.read_back()[1]
    assert item.frame == frame
    assert (item.param1, item.param2, item.param3, item.param4) == params
    assert (item.command, item.x, item.y) == (sent[0], sent[3], sent[4])


def test_types_are_cleared_one_by_one_and_255_is_refused() -> None:
    station = Station.of()
    station.upload([HOME_ITEM, waypoint(station, 10, 0)])
    station.send(mavlink.MAVLink_mission_clear_all_message(1, 1, 255))
    assert last_ack(station) == 3
    assert len(station.machine.mission.items) == 2
    station.send(mavlink.MAVLink_mission_clear_all_message(1, 1, 0))
    assert last_ack(station) == 0
    assert station.read_back() == []


def test_rally_points_go_up_in_frame_3_and_come_back() -> None:
    station = Station.of()
    x, y = station.degrees7(20, 0)
    assert station.upload([(5100, 3, (), x, y, 18.0)], mission_type=2) == 0
    item = station.read_back(2)[0]
    assert (item.command, item.frame, item.x, item.y, item.z) == (5100, 3, x, y, 18.0)
    assert station.upload([(16, 3, (), x, y, 18.0)], mission_type=2) == 3


def test_rtl_goes_to_a_rally_point_that_is_nearer_than_home() -> None:
    station = Station.of()
    station.upload([(5100, 3, (), *station.degrees7(100, 0), 25.0)], mission_type=2)
    station.airborne(20)
    station.go_to(120, 0, 20)
    station.run(25)
    station.command(176, 1, CopterMode.RTL)
    station.until(lambda: not station.machine.armed, within_s=150)
    assert station.machine.motion.east_m == pytest.approx(100, abs=2.5)


def patrol(station: Station) -> Station:
    items = [
        HOME_ITEM,
        (22, RELATIVE, (), 0, 0, 20.0),
        (178, RELATIVE, (1, 5), 0, 0, 0.0),
        waypoint(station, 50, 0),
        waypoint(station, 50, 50, stay_s=3),
        waypoint(station, 0, 50),
    ]
    assert station.upload(items) == 0
    station.ask_for(mavlink.MAVLINK_MSG_ID_MISSION_CURRENT)
    return station


def test_auto_from_the_ground_is_guided_arm_mission_start() -> None:
    station = patrol(Station.of())
    assert station.command(176, 1, CopterMode.GUIDED) == 0
    assert station.command(400, 1) == 0
    assert station.command(300, 0, 5) == 2  # first or last item are not supported
    assert station.command(300, 0, 0) == 0
    station.until(lambda: station.machine.motion.up_m > 19, within_s=30)
    station.run(15)
    assert station.machine.motion.ground_speed_m_s == pytest.approx(5, abs=0.2)
    station.until(lambda: station.last("MISSION_CURRENT").mission_state == 5, within_s=120)
    assert station.machine.motion.north_m == pytest.approx(50, abs=2.5)
    assert station.machine.armed
    assert station.machine.motion.up_m == pytest.approx(20, abs=0.5)


def test_auto_on_the_ground_without_mission_start_stays_there() -> None:
    station = patrol(Station.of())
    station.command(176, 1, CopterMode.GUIDED)
    station.command(400, 1)
    assert station.command(176, 1, CopterMode.AUTO) == 0
    station.run(8)
    assert station.machine.motion.up_m == 0


def test_auto_is_refused_without_a_mission_or_from_the_ground_without_a_takeoff_item() -> None:
    station = Station.of()
    assert station.command(176, 1, CopterMode.AUTO) == 4
    station.upload([HOME_ITEM, waypoint(station, 10, 0)])
    station.command(176, 1, CopterMode.GUIDED)
    station.command(400, 1)
    assert station.command(300, 0, 0) == 4


def test_mission_item_reached_skips_a_waypoint_with_a_do_command_behind_it() -> None:
    station = Station.of()
    a, b = waypoint(station, 20, 0), waypoint(station, 40, 0)
    station.upload([HOME_ITEM, a, (178, RELATIVE, (1, 4), 0, 0, 0.0), b])
    station.ask_for(mavlink.MAVLINK_MSG_ID_MISSION_CURRENT)
    station.airborne(20)
    assert station.command(176, 1, CopterMode.AUTO) == 0
    station.until(lambda: station.last("MISSION_CURRENT").mission_state == 5, within_s=60)
    assert [message.seq for message in station.all("MISSION_ITEM_REACHED")] == [2, 3]
    followed = [message.seq for message in station.all("MISSION_CURRENT")]
    assert sorted(set(followed)) == [0, 1, 3]


def test_an_interrupted_mission_resumes_where_it_was_and_pause_holds_it() -> None:
    station = patrol(Station.of()).airborne(20)
    station.command(176, 1, CopterMode.AUTO)
    station.until(lambda: station.machine.mission.seq == 4, within_s=60)
    assert station.command(193, 0) == 0
    station.run(5)
    assert station.machine.motion.ground_speed_m_s < 0.1
    assert station.last("MISSION_CURRENT").mission_state == 3
    assert station.command(193, 1) == 0
    station.run(3)
    assert station.machine.motion.ground_speed_m_s > 2
    station.go_to(0, 0, 25)
    station.run(10)
    assert station.machine.mission.seq == 4
    station.command(176, 1, CopterMode.AUTO)
    station.run(1)
    assert (station.last("MISSION_CURRENT").seq, station.last("MISSION_CURRENT").mission_state) == (4, 3)


def test_do_set_mission_current_jumps_and_refuses_what_is_not_there() -> None:
    station = patrol(Station.of())
    assert station.command(224, 5, 1) == 0
    station.run(1)
    assert station.last("MISSION_CURRENT").seq == 5
    assert station.command(224, 9, 0) == 2


def test_the_mission_starts_over_after_landing() -> None:
    station = patrol(Station.of()).airborne(20)
    station.command(176, 1, CopterMode.AUTO)
    station.until(lambda: station.machine.mission.seq == 4, within_s=60)
    station.command(176, 1, CopterMode.LAND)
    station.until(lambda: not station.machine.armed, within_s=60)
    assert station.machine.mission.seq == 0


@pytest.mark.parametrize("last", [20, 21], ids=["RTL", "LAND"])
def test_a_mission_can_end_on_the_ground_and_disarms(last: int) -> None:
    station = Station.of()
    place = station.degrees7(30, 0)
    end: Sent = (last, RELATIVE, (), *(place if last == 21 else (0, 0)), 0.0)
    station.upload([HOME_ITEM, (22, RELATIVE, (), 0, 0, 10.0), waypoint(station, 30, 0, 10), end])
    station.command(176, 1, CopterMode.GUIDED)
    station.command(400, 1)
    station.command(300)
    station.until(lambda: station.machine.motion.up_m > 5, within_s=20)
    station.until(lambda: not station.machine.armed, within_s=120)
    assert station.machine.motion.east_m == pytest.approx(30 if last == 21 else 0, abs=2.5)


def test_a_running_mission_cannot_be_cleared() -> None:
    station = patrol(Station.of()).airborne(20)
    station.command(176, 1, CopterMode.AUTO)
    station.send(mavlink.MAVLink_mission_clear_all_message(1, 1, 0))
    assert last_ack(station) == 1


def test_do_jump_repeats_a_round_as_often_as_it_says() -> None:
    station = Station.of()
    a, b = waypoint(station, 15, 0), waypoint(station, 0, 0)
    station.upload([HOME_ITEM, a, b, (177, RELATIVE, (1, 2), 0, 0, 0.0)])
    station.airborne(20)
    station.command(176, 1, CopterMode.AUTO)
    station.until(lambda: station.machine.mission.state == 5, within_s=120)
    station.run(1)
    assert [m.seq for m in station.all("MISSION_ITEM_REACHED")] == [1, 2, 1, 2, 1, 2]
