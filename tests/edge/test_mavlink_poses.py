"""Poses heard from a vehicle: at the frame's own moment, and none from what is old, strange or somebody else's."""

import math
import re
import socket
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.geo import PointEnu
from contract.site import CameraPose
from detectors.frame import Frame
from edge.errors import SetUpError
from edge.perception.sight import turned
from edge.poses.mavlink import MavlinkPoses, Mount
from tests.conftest import ROOT, ManualClock
from tests.edge.senders import free_udp_port
from tests.edge.test_node import wait_until
from tests.edge.yard import BLACK, FRAME

VEHICLE = 7
RELATIVE, ABSOLUTE = mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_VEHICLE_FRAME, mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_EARTH_FRAME
LOCKED = mavlink.GIMBAL_DEVICE_FLAGS_YAW_LOCK


def sent(message: Any, *, system_id: int = VEHICLE, component_id: int = 1) -> bytes:
    return bytes(message.pack(mavlink.MAVLink(None, srcSystem=system_id, srcComponent=component_id)))


def position(
    boot_ms: int, east_m: float = 0.0, north_m: float = 0.0, up_m: float = 30.0, *, velocity_m_s: float = 0.0
) -> Any:
    """`velocity_m_s`: to the east."""
    place, _ = FRAME.to_geo(PointEnu(east_m, north_m))
    lat, lon = round(place.lat_deg * 1e7), round(place.lon_deg * 1e7)
    up_mm, east_cm_s = round(up_m * 1e3), round(velocity_m_s * 100)
    return mavlink.MAVLink_global_position_int_message(
        boot_ms, lat, lon, up_mm + 47_000, up_mm, 0, east_cm_s, 0, 65_535
    )


def attitude(boot_ms: int, *, yaw_deg: float = 0.0, pitch_deg: float = 0.0, roll_deg: float = 0.0) -> Any:
    angles = [math.radians(angle) for angle in (roll_deg, pitch_deg, yaw_deg)]
    return mavlink.MAVLink_attitude_message(boot_ms, *angles, 0.0, 0.0, 0.0)


def gimbal(boot_ms: int, *, yaw_deg: float = 0.0, pitch_deg: float = -30.0, flags: int = ABSOLUTE) -> Any:
    yaw, pitch = math.radians(yaw_deg) / 2, math.radians(pitch_deg) / 2
    q = [
        math.cos(yaw) * math.cos(pitch),
        -math.sin(yaw) * math.sin(pitch),
        math.cos(yaw) * math.sin(pitch),
        math.sin(yaw) * math.cos(pitch),
    ]
    return gimbal_of(boot_ms, q, flags=flags)


def gimbal_of(boot_ms: int, q: list[float], *, flags: int = ABSOLUTE) -> Any:
    return mavlink.MAVLink_gimbal_device_attitude_status_message(0, 0, boot_ms, flags, q, 0.0, 0.0, 0.0, 0)


class Heard:
    """Poses, and a vehicle whose messages arrive at once."""

    def __init__(self, clock: ManualClock, **options: Any) -> None:
        self.clock = clock
        self.began_us = clock.wall_us()
        self.poses = MavlinkPoses(system_id=VEHICLE, frame=FRAME, clock=clock, **options)

    def at_ms(self, now_ms: int, *messages: Any) -> None:
        """They arrive at `now_ms` of the test."""
        self.clock.advance(self.began_us / 1e6 + now_ms / 1e3 - self.clock.wall_us() / 1e6)
        for message in messages:
            self.poses.hear(message if isinstance(message, bytes) else sent(message))

    def pose(self, at_ms: float) -> CameraPose | None:
        return self.poses.at(Frame(BLACK, 0, self.began_us + round(at_ms * 1e3), 0, 0))

    def known(self, at_ms: float) -> CameraPose:
        pose = self.pose(at_ms)
        assert pose is not None
        return pose


@pytest.fixture
def heard(clock: ManualClock) -> Heard:
    return Heard(clock)


def everything(boot_ms: int, **where: float) -> tuple[Any, Any, Any]:
    return position(boot_ms, **where), attitude(boot_ms), gimbal(boot_ms)


@pytest.mark.parametrize(
    ("flags", "gimbal_yaw_deg", "heading_deg"),
    [
        pytest.param(ABSOLUTE, 200.0, 200.0, id="from north"),
        pytest.param(RELATIVE, -20.0, 70.0, id="from the vehicle's heading"),
        pytest.param(LOCKED, 200.0, 200.0, id="an older gimbal, locked to north"),
        pytest.param(0, -20.0, 70.0, id="an older gimbal that follows"),
    ],
)
def test_the_camera_looks_where_its_gimbal_says(
    flags: int, gimbal_yaw_deg: float, heading_deg: float, heard: Heard
) -> None:
    lies = attitude(0, yaw_deg=90.0, pitch_deg=-8.0, roll_deg=5.0)  # in forward flight; the gimbal keeps level
    heard.at_ms(0, position(0, 3.0, 4.0, 30.0), lies, gimbal(0, yaw_deg=gimbal_yaw_deg, flags=flags))
    pose = heard.known(0)

    assert (pose.east_m, pose.north_m, pose.up_m) == pytest.approx((3.0, 4.0, 30.0), abs=0.02)
    assert (pose.heading_deg, pose.pitch_deg, pose.roll_deg) == pytest.approx((heading_deg, -30.0, 0.0), abs=1e-3)
    assert (pose.position_sigma_m, pose.attitude_sigma_deg) == (1.5, 1.0)


def test_a_gimbal_may_be_a_component_of_its_own(heard: Heard) -> None:
    heard.at_ms(0, position(0), attitude(0), sent(gimbal(0, yaw_deg=45.0), component_id=154))
    assert heard.known(0).heading_deg == pytest.approx(45.0)


def test_a_camera_without_gimbal_leans_with_its_vehicle(clock: ManualClock) -> None:
    heard = Heard(clock, mount=Mount(heading_deg=90.0, pitch_deg=-45.0))
    heard.at_ms(0, position(0), attitude(0, yaw_deg=10.0, roll_deg=20.0))  # banked right, where the camera looks
    pose = heard.known(0)
    assert (pose.heading_deg, pose.pitch_deg) == pytest.approx((100.0, -65.0), abs=1e-3)


def test_height_may_be_taken_above_the_sea(clock: ManualClock) -> None:
    heard = Heard(clock, is_above_home=False)
    heard.at_ms(0, *everything(0, up_m=30.0))
    assert heard.known(0).up_m == pytest.approx(37.0, abs=0.01)  # 77 m, over ground at 40 m


def test_between_two_messages_a_frame_has_the_pose_of_its_own_moment(heard: Heard) -> None:
    heard.at_ms(0, position(0, 0.0), attitude(0), gimbal(0, yaw_deg=350.0, pitch_deg=-20.0))
    heard.at_ms(200, position(200, 2.0), attitude(200), gimbal(200, yaw_deg=10.0, pitch_deg=-40.0))
    pose = heard.known(50)
    assert pose.east_m == pytest.approx(0.5, abs=0.02)
    assert (pose.heading_deg, pose.pitch_deg) == pytest.approx((355.0, -25.0), abs=0.5)


def test_straight_down_is_no_special_case(heard: Heard) -> None:
    heard.at_ms(0, position(0), attitude(0), gimbal(0, yaw_deg=100.0, pitch_deg=-89.9))
    heard.at_ms(200, position(200), attitude(200), gimbal(200, yaw_deg=102.0, pitch_deg=-90.0))
    assert heard.known(100).pitch_deg == pytest.approx(-89.95, abs=0.1)


def test_after_the_last_message_a_pose_is_carried_on_with_a_growing_error_and_then_unknown(heard: Heard) -> None:
    heard.at_ms(0, position(0, velocity_m_s=10.0), attitude(0), gimbal(0))
    pose = heard.known(400)
    assert pose.east_m == pytest.approx(4.0, abs=0.02)
    assert pose.position_sigma_m == pytest.approx(math.hypot(1.5, 0.24))
    assert pose.attitude_sigma_deg == pytest.approx(math.hypot(1.0, 4.0))
    assert heard.pose(510) is None


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_without_one_of_the_three_nothing_is_known(missing: int, heard: Heard) -> None:
    heard.at_ms(0, *(message for n, message in enumerate(everything(0)) if n != missing))
    assert heard.pose(0) is None


def test_a_gap_in_one_of_them_is_not_bridged(heard: Heard) -> None:
    heard.at_ms(0, *everything(0))
    heard.at_ms(3_000, *everything(3_000))
    assert heard.pose(1_500) is None


@pytest.mark.parametrize(
    "absurd",
    [
        pytest.param(mavlink.MAVLink_global_position_int_message(100, 0, 0, 0, 0, 0, 0, 0, 0), id="an unset receiver"),
        pytest.param(
            mavlink.MAVLink_global_position_int_message(100, 910_000_000, 0, 0, 0, 0, 0, 0, 0), id="no latitude"
        ),
        pytest.param(position(100, east_m=25_000.0), id="nowhere near the site"),
        pytest.param(position(100, east_m=200.0), id="a jump"),
        pytest.param(position(100, up_m=20_000.0), id="too high"),
        pytest.param(position(100, velocity_m_s=300.0), id="too fast"),
        pytest.param(attitude(100, yaw_deg=math.nan), id="no number"),
        pytest.param(attitude(100, yaw_deg=1e6), id="no angle"),
        pytest.param(gimbal_of(100, [0.0, 0.0, 0.0, 0.0]), id="no turn"),
        pytest.param(gimbal_of(100, [math.nan, 0.0, 0.0, 0.0]), id="a turn that is no number"),
        pytest.param(gimbal(100, flags=RELATIVE | ABSOLUTE), id="two frames at once"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(absurd: Any, heard: Heard) -> None:
    heard.at_ms(0, *everything(0))
    before = heard.known(0)
    heard.at_ms(100, absurd)
    assert heard.poses.refused == 1
    assert heard.known(0) == before


def test_after_a_silence_a_far_place_is_believed_again(heard: Heard) -> None:
    heard.at_ms(0, *everything(0))
    heard.at_ms(2_500, *everything(2_500, east_m=1_000.0))
    assert heard.known(2_500).east_m == pytest.approx(1_000.0, abs=0.1)


def test_another_vehicle_and_another_component_are_not_ours(heard: Heard) -> None:
    for message in everything(0):
        heard.at_ms(0, sent(message, system_id=VEHICLE + 1))
    heard.at_ms(0, *(sent(message, component_id=191) for message in everything(0)[:2]), gimbal(0))
    assert heard.pose(0) is None
    assert heard.poses.refused == 0


def test_a_delayed_message_still_counts_at_its_own_moment(heard: Heard) -> None:
    """By the vehicle's own clock, whose offset the least delayed message tells."""
    heard.at_ms(0, *everything(10_000))
    heard.at_ms(300, *everything(10_100, east_m=1.0))  # 200 ms late
    heard.at_ms(310, *everything(10_300, east_m=3.0))
    assert heard.known(200).east_m == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize(
    ("off_ms", "east_m"),
    [pytest.param(-100, 2.0, id="it agrees: 100 ms were the link's"), pytest.param(-5_000, 1.0, id="it is wrong")],
)
def test_the_vehicles_clock_is_believed_while_it_agrees_with_ours(off_ms: int, east_m: float, heard: Heard) -> None:
    now_us = heard.began_us + off_ms * 1_000
    heard.at_ms(0, *everything(10_000), mavlink.MAVLink_system_time_message(now_us, 10_000))
    heard.at_ms(100, *everything(10_100, east_m=1.0))
    heard.at_ms(200, *everything(10_200, east_m=2.0))
    heard.at_ms(300, *everything(10_300, east_m=3.0))
    assert heard.known(100).east_m == pytest.approx(east_m, abs=0.05)


def test_a_vehicle_that_boots_anew_begins_anew(heard: Heard) -> None:
    heard.at_ms(0, *everything(600_000))
    heard.at_ms(1_000, *everything(50, east_m=40.0))
    assert heard.pose(0) is None
    assert heard.known(1_000).east_m == pytest.approx(40.0, abs=0.02)


def test_several_frames_in_one_datagram_are_all_heard_up_to_the_first_damage(heard: Heard) -> None:
    place, lies, looks = (sent(message) for message in everything(0))
    heard.at_ms(0, place + lies + looks)
    assert heard.pose(0) is not None
    heard.at_ms(100, b"console text " + sent(gimbal(100, yaw_deg=90.0)))
    assert heard.known(0).heading_deg == pytest.approx(0.0)


@given(data=st.binary(max_size=120), at=st.integers(0, 60), value=st.integers(0, 255))
def test_no_datagram_can_hurt(data: bytes, at: int, value: int) -> None:
    heard = Heard(ManualClock())
    heard.at_ms(0, data, b"\xfd" + data, b"\xfe" + data)
    for message in everything(0):
        frame = bytearray(sent(message))
        frame[at % len(frame)] = value
        heard.at_ms(0, bytes(frame))
    pose = heard.pose(0)
    assert pose is None or math.isfinite(pose.heading_deg + pose.east_m + pose.up_m)


def test_it_hears_a_port_and_says_when_it_cannot_have_it(heard: Heard) -> None:
    address = ("127.0.0.1", free_udp_port())
    stop = threading.Event()
    thread = threading.Thread(target=heard.poses.listen, args=(address, stop))
    thread.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as vehicle:

            def is_heard() -> bool:
                for message in everything(0):
                    vehicle.sendto(sent(message), address)
                return heard.pose(0) is not None

            wait_until(is_heard)
        with pytest.raises(
            SetUpError, match=rf"pose: expected to listen at udpin:127\.0\.0\.1:{address[1]}, got Address"
        ):
            heard.poses.listen(address, stop)
    finally:
        stop.set()
        thread.join(5.0)
    assert not thread.is_alive()


def test_it_can_only_listen() -> None:
    text = (ROOT / "edge/poses/mavlink.py").read_text()
    assert not re.search(r"\.(pack|send|sendto|sendall|sendmsg|connect|\w+_send)\(", text), (
        "poses never speak to a vehicle"
    )


def test_the_axes_of_a_turn_are_those_of_a_camera() -> None:
    assert turned(90.0, -30.0, 0.0)[:, 0] == pytest.approx([0.0, math.cos(math.radians(30)), 0.5])
    assert np.linalg.det(turned(10.0, 20.0, 30.0)) == pytest.approx(1.0)
