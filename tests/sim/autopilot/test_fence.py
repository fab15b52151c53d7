"""Fence upload and what a fence does (FACTS: Fence)."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.geo import PointEnu
from sim.autopilot.fence import FenceLimits, Shape
from sim.autopilot.modes import CopterMode
from tests.sim.autopilot.station import Sent, Station

SQUARE = ((-100.0, -100.0), (100.0, -100.0), (100.0, 100.0), (-100.0, 100.0))
INNER = ((40.0, -10.0), (60.0, -10.0), (60.0, 10.0), (40.0, 10.0))


def ring(station: Station, corners: tuple[tuple[float, float], ...], command: int = 5001) -> list[Sent]:
    return [(command, 3, (float(len(corners)),), *station.degrees7(e, n), 0.0) for e, n in corners]


def fenced(*, enable: bool = True, fence_type: int = 4) -> Station:
    station = Station.of()
    station.set_parameter("FENCE_TYPE", fence_type)
    assert station.upload([*ring(station, SQUARE), *ring(station, INNER, 5002)], mission_type=1) == 0
    station.run(1.2)
    if enable:
        assert station.command(207, 1) == 0
    return station


def test_a_fence_reads_back_in_frame_0_with_its_vertex_count_on_every_vertex() -> None:
    read = fenced().read_back(1)
    assert [item.frame for item in read] == [0] * 8
    assert [item.param1 for item in read] == [4.0] * 8
    assert [item.command for item in read] == [5001] * 4 + [5002] * 4


@pytest.mark.parametrize(
    "break_it",
    [
        pytest.param(lambda items: items[:2], id="two vertices"),
        pytest.param(lambda items: [(c, f, (3.0,), x, y, z) for c, f, _, x, y, z in items[:2]], id="count is wrong"),
        pytest.param(lambda items: [items[0], (5002, *items[1][1:]), *items[2:]], id="not consecutive"),
        pytest.param(lambda items: [(5003, 3, (0.0,), *items[0][3:])], id="circle without radius"),
    ],
)
def test_a_bad_fence_is_ack_1_with_the_reason_only_in_a_text_and_the_old_one_stays(break_it) -> None:  # type: ignore[no-untyped-def]
    station = fenced()
    items = break_it(ring(station, INNER))
    if len(items) == 2 and items[0][2] == (4.0,):
        items = [(c, f, (2.0,), x, y, z) for c, f, _, x, y, z in items]
    assert station.upload(items, mission_type=1) == 1
    station.run(0.2)
    assert any(text.startswith("Fence: item") for text in station.texts())
    assert len(station.read_back(1)) == 8


def test_a_read_within_a_second_of_the_ack_is_stale() -> None:
    station = Station.of()
    assert station.upload(ring(station, SQUARE), mission_type=1) == 0
    assert station.read_back(1) == []
    station.run(1.2)
    assert len(station.read_back(1)) == 4


def test_uploading_does_not_enable() -> None:
    station = fenced(enable=False)
    station.ask_for(mavlink.MAVLINK_MSG_ID_FENCE_STATUS)
    station.airborne(20)
    assert station.go_to(50, 0, 20) == 0
    assert station.all("FENCE_STATUS") == []  # nothing is reported while it is off


@pytest.mark.parametrize(
    "target",
    [
        pytest.param((120, 0, 20), id="outside the polygon"),
        pytest.param((50, 0, 20), id="in the exclusion"),
    ],
)
def test_a_copter_target_outside_the_fence_is_ack_4_and_it_stays(target: tuple[float, float, float]) -> None:
    station = fenced().airborne(20)
    assert station.go_to(*target) == 4
    station.run(5)
    assert station.machine.motion.point.horizontal_distance_m(station.machine.home) < 0.5
    assert station.go_to(20, 20, 20) == 0


def test_fence_type_7_also_turns_on_the_150_m_circle_and_the_height_limit() -> None:
    station = Station.of()
    assert station.machine.parameters["FENCE_TYPE"] == 7
    assert station.command(207, 1) == 0
    station.airborne(20)
    assert station.go_to(149, 0, 20) == 0
    assert station.go_to(151, 0, 20) == 4
    assert station.go_to(0, 0, 101) == 4
    station.set_parameter("FENCE_TYPE", 4)
    assert station.go_to(151, 0, 20) == 0


def test_the_circle_moves_with_home() -> None:
    station = Station.of()
    station.command(207, 1)
    station.airborne(20)
    x, y = station.degrees7(100, 0)
    assert station.command_int(179, x=x, y=y, z=0.0) == 0
    assert station.go_to(240, 0, 20) == 0
    assert station.go_to(-60, 0, 20) == 4


def test_a_breach_is_told_and_returns_lands_and_disarms() -> None:
    station = Station.of().airborne(20)
    station.go_to(130, 0, 20)
    station.run(25)
    assert station.upload(ring(station, SQUARE), mission_type=1) == 0
    station.set_parameter("FENCE_TYPE", 4)
    station.ask_for(mavlink.MAVLINK_MSG_ID_FENCE_STATUS)
    station.command(207, 1)
    station.run(1)
    status = station.last("FENCE_STATUS")
    assert (status.breach_status, status.breach_type, status.breach_count) == (1, 3, 1)
    assert "Fence Breached" in station.texts()
    assert station.machine.mode is CopterMode.RTL
    station.until(lambda: not station.machine.armed, within_s=120)
    assert station.machine.motion.point.horizontal_distance_m(station.machine.home) < 2.5
    assert station.machine.breach_type == 0


def test_flying_across_an_exclusion_breaches_though_the_target_is_allowed() -> None:
    station = fenced().airborne(20)
    assert station.go_to(90, 0, 20) == 0
    station.until(lambda: station.machine.mode is CopterMode.RTL, within_s=30)
    assert 39 < station.machine.motion.east_m < 45


def test_arming_outside_an_enabled_fence_is_refused() -> None:
    station = Station.of()
    far = tuple((e + 500, n) for e, n in SQUARE)
    station.upload(ring(station, far), mission_type=1)
    station.set_parameter("FENCE_TYPE", 4)
    station.command(207, 1)
    station.command(176, 1, CopterMode.GUIDED)
    assert station.command(400, 1) == 4


def test_a_fence_goes_up_in_frame_0_too() -> None:
    station = Station.of()
    absolute = [(command, 0, *rest) for command, _, *rest in ring(station, SQUARE)]
    assert station.upload(absolute, mission_type=1) == 0  # type: ignore[arg-type]


def test_a_fence_needs_mavlink_2_over_mavlink_1_it_is_taken_for_a_mission() -> None:
    station = fenced()
    kind = mavlink.MAVLink_mission_count_message
    frame = bytes((4, 0, 250, 190, kind.id)) + struct.pack("<HBB", 4, 1, 1)  # no room for a mission_type
    crc = mavlink.x25crc(frame + bytes((kind.crc_extra,))).crc
    station.autopilot.receive(b"\xfe" + frame + struct.pack("<H", crc))
    assert station.last("MISSION_REQUEST_INT").seq == 0
    assert station.last("MISSION_REQUEST_INT").mission_type == 0


def test_rtl_flies_straight_home_across_an_exclusion() -> None:
    station = fenced()
    station.airborne(20)
    for way in ((50, 40), (90, 40), (90, 0)):  # round it
        assert station.go_to(*way, 20) == 0
        station.run(15)
    assert "Fence Breached" not in station.texts()
    station.command(176, 1, CopterMode.RTL)
    station.until(lambda: station.machine.motion.east_m < 50, within_s=30)
    assert abs(station.machine.motion.north_m) < 1
    assert "Fence Breached" in station.texts()
    assert station.machine.mode is CopterMode.RTL


def test_circles_go_up_as_5003_and_5004() -> None:
    station = Station.of()
    station.set_parameter("FENCE_TYPE", 4)
    inside, outside = station.degrees7(0, 0), station.degrees7(30, 0)
    circles = [(5003, 3, (60.0,), *inside, 0.0), (5004, 3, (10.0,), *outside, 0.0)]
    assert station.upload(circles, mission_type=1) == 0
    station.command(207, 1)
    station.airborne(20)
    assert [station.go_to(*p, 20) for p in ((0, 50), (30, 5), (61, 0), (30, 11))] == [0, 4, 4, 0]


@given(
    east_m=st.floats(-200, 200, allow_nan=False),
    north_m=st.floats(-200, 200, allow_nan=False),
)
def test_depth_is_positive_inside_and_the_distance_to_the_nearest_side(east_m: float, north_m: float) -> None:
    shape = Shape(tuple(PointEnu(e, n) for e, n in SQUARE), is_inclusion=True)
    depth = shape.depth_m(PointEnu(east_m, north_m))
    expected = 100 - max(abs(east_m), abs(north_m))
    if expected < 0:
        expected = -math.hypot(max(abs(east_m) - 100, 0), max(abs(north_m) - 100, 0))
    assert depth == pytest.approx(expected, abs=1e-6)


def test_no_limit_is_no_breach() -> None:
    assert FenceLimits(home=PointEnu(0, 0)).breach(PointEnu(1e6, 0, 1e6)) == 0
