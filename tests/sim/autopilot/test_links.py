"""What is said, unasked and asked for, and to whom (FACTS: Links)."""

import random

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from sim.autopilot.autopilot import Autopilot
from tests.sim.autopilot.station import Station, spec


def test_unasked_only_heartbeat_text_timesync_home_and_origin_come() -> None:
    station = Station.of(boot_s_already=0.0)
    station.run(120)
    said = {message.get_type() for message in station.heard}
    assert said <= {"HEARTBEAT", "STATUSTEXT", "TIMESYNC", "HOME_POSITION", "GPS_GLOBAL_ORIGIN"}
    assert len(station.all("HOME_POSITION")) == 1
    assert len(station.all("GPS_GLOBAL_ORIGIN")) == 1
    assert 119 <= len(station.all("HEARTBEAT")) <= 121


def test_a_message_comes_at_the_interval_asked_for_and_stops_when_told() -> None:
    station = Station.of()
    station.ask_for(mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT, hz=10)
    station.run(10)
    assert 99 <= len(station.all("GLOBAL_POSITION_INT")) <= 101
    assert station.command(511, mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT, -1) == 0
    before = len(station.all("GLOBAL_POSITION_INT"))
    station.run(5)
    assert len(station.all("GLOBAL_POSITION_INT")) == before


def test_an_older_ground_station_asks_for_groups_of_messages() -> None:
    station = Station.of()
    station.send(mavlink.MAVLink_request_data_stream_message(1, 1, 6, 4, 1))
    station.run(5)
    assert 19 <= len(station.all("GLOBAL_POSITION_INT")) <= 21
    station.send(mavlink.MAVLink_request_data_stream_message(1, 1, 0, 4, 0))
    station.run(1)
    before = len(station.all("GLOBAL_POSITION_INT"))
    station.run(5)
    assert len(station.all("GLOBAL_POSITION_INT")) == before


def test_a_message_asked_for_once_comes_once() -> None:
    station = Station.of()
    assert station.command(512, mavlink.MAVLINK_MSG_ID_AUTOPILOT_VERSION) == 0
    station.run(5)
    assert len(station.all("AUTOPILOT_VERSION")) == 1


def test_an_unknown_message_is_denied_with_a_text() -> None:
    station = Station.of()
    assert station.command(511, 9999, 1e6) == 2
    station.run(1)
    assert "No ap_message for mavlink id (9999)" in station.texts()


def test_an_unknown_command_is_ack_3() -> None:
    assert Station.of().command(31000) == 3


def test_an_ack_names_who_sent_the_command() -> None:
    first = Station.of()
    second = Station(first.autopilot, system_id=255, component_id=190)
    assert second.command(31000) == 3
    ack = second.last("COMMAND_ACK")
    assert (ack.target_system, ack.target_component) == (255, 190)


def test_a_command_for_another_system_is_not_answered() -> None:
    station = Station.of()
    station.send(mavlink.MAVLink_command_long_message(7, 1, 31000, 0, 0, 0, 0, 0, 0, 0, 0))
    assert station.all("COMMAND_ACK") == []


def test_garbage_before_between_and_inside_is_skipped() -> None:
    station = Station.of()
    frame = bytes(
        mavlink.MAVLink_command_long_message(1, 1, 31000, 0, 0, 0, 0, 0, 0, 0, 0).pack(
            mavlink.MAVLink(None, srcSystem=250, srcComponent=190)
        )
    )
    station.autopilot.receive(b"Init ArduCopter\r\n\xfd\x09" + frame + b"\xfd\xfe\xfd" + frame)
    assert len(station.all("COMMAND_ACK")) == 2


def test_the_first_bytes_after_a_boot_are_console_text() -> None:
    autopilot = Autopilot(spec(boot_s_already=0.0))
    autopilot.step(2.0)
    first, *frames = autopilot.outgoing()
    assert first == b"\r\n\r\nInit ArduCopter V4.6\r\n"
    assert frames
    assert {frame[0] for frame in frames} == {0xFD}
    autopilot.receive(
        mavlink.MAVLink_command_long_message(1, 1, 246, 0, 1, 0, 0, 0, 0, 0, 0).pack(mavlink.MAVLink(None))
    )
    autopilot.step(2.0)
    assert b"Init ArduCopter" in b"".join(autopilot.outgoing())


def test_a_stream_cut_anywhere_loses_no_frame_and_random_bytes_raise_nothing() -> None:
    station = Station.of()
    codec = mavlink.MAVLink(None, srcSystem=250, srcComponent=190)
    noise = random.Random(5)
    stream = b""
    for _ in range(40):
        stream += noise.randbytes(noise.randrange(60))
        stream += bytes(mavlink.MAVLink_command_long_message(1, 1, 31000, 0, 0, 0, 0, 0, 0, 0, 0).pack(codec))
    stream += bytes(300)
    while stream:
        size = noise.randrange(1, 50)
        station.autopilot.receive(stream[:size], is_stream=True)
        stream = stream[size:]
    assert len(station.all("COMMAND_ACK")) == 40


def test_each_frame_is_mavlink_2_and_sequence_numbers_run_without_gaps() -> None:
    autopilot = Autopilot(spec())
    autopilot.step(20)
    frames = autopilot.outgoing()
    assert {frame[0] for frame in frames} == {0xFD}
    assert [frame[4] for frame in frames] == list(range(len(frames)))


def test_two_links_have_rates_of_their_own() -> None:
    autopilot = Autopilot(spec(), links=2)
    first, second = Station(autopilot), Station(autopilot, link_id=1)
    first.ask_for(mavlink.MAVLINK_MSG_ID_ATTITUDE)
    first.run(2)
    assert first.all("ATTITUDE")
    assert second.all("HEARTBEAT")
    assert second.all("ATTITUDE") == []


def test_rates_run_in_the_vehicles_own_time() -> None:
    autopilot = Autopilot(spec())
    station = Station(autopilot)
    station.ask_for(mavlink.MAVLINK_MSG_ID_SYS_STATUS, hz=1)
    autopilot.step(600)
    assert 599 <= len(station.all("SYS_STATUS")) <= 601


def test_timesync_is_answered_with_the_vehicles_clock() -> None:
    station = Station.of()
    station.send(mavlink.MAVLink_timesync_message(0, 1234))
    answer = station.last("TIMESYNC")
    assert (answer.tc1, answer.ts1) == (60_000_000_000, 1234)


def test_the_same_seed_and_the_same_bytes_give_the_same_bytes() -> None:
    def flight(seed: int) -> list[bytes]:
        station = Station.of(seed=seed, wind_m_s=4.0)
        station.ask_for(mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT)
        station.ask_for(mavlink.MAVLINK_MSG_ID_WIND)
        station.airborne(15)
        station.go_to(50, 20, 20)
        station.run(30)
        return [bytes(message.get_msgbuf()) for message in station.heard]

    assert flight(7) == flight(7)
    assert flight(7) != flight(8)


def test_identity_is_in_uid2_and_the_firmware_in_flight_sw_version() -> None:
    station = Station.of(system_id=1, seed=4)
    station.command(512, mavlink.MAVLINK_MSG_ID_AUTOPILOT_VERSION)
    version = station.last("AUTOPILOT_VERSION")
    assert bytes(version.uid2).rstrip(b"\0") == b"SIM000004001"
    assert version.flight_sw_version >> 16 == 4 << 8 | 6


def test_a_hundred_vehicles_fit_in_one_process() -> None:
    import time

    stations = [Station.of(system_id=number + 1) for number in range(20)]
    for station in stations:
        station.autopilot.machine.set_mode(4)
        station.autopilot.machine.arm()
    started = time.process_time()
    for station in stations:
        station.autopilot.step(10.0)
    assert (time.process_time() - started) * 100 / 20 / 10 < 0.8  # of one core for a hundred, in real time
