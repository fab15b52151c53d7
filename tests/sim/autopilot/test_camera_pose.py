"""What a simulated vehicle says, heard by the edge: its camera is where it really is."""

import pytest

from detectors.frame import Frame
from edge.poses.mavlink import MavlinkPoses
from sim.autopilot.telemetry import attitude, gimbal_device_attitude_status, global_position_int, system_time
from tests.conftest import ManualClock
from tests.edge.test_mavlink_poses import sent
from tests.edge.yard import BLACK
from tests.sim.autopilot.station import Station


def test_a_cameras_pose_is_the_truth_of_its_vehicle(clock: ManualClock) -> None:
    station = Station.of(heading_deg=200.0).airborne(30)
    station.command(1000, -35, 0, 0, 0, 0)
    station.go_to(60, 80, 30)
    poses = MavlinkPoses(system_id=1, frame=station.machine.frame, clock=clock)
    for _ in range(10):
        station.run(0.2)
        clock.advance(0.2)
        for message in (system_time, global_position_int, attitude, gimbal_device_attitude_status):
            poses.hear(sent(message(station.machine), system_id=1))
    pose = poses.at(Frame(BLACK, 0, clock.wall_us(), 0, 0))
    truth = station.autopilot.truth()

    assert pose is not None
    assert truth.ground_speed_m_s > 2.0
    there = station.machine.true_point()
    assert (pose.east_m, pose.north_m, pose.up_m) == pytest.approx(
        (there.east_m, there.north_m, there.up_m), abs=0.5
    )  # its receiver's noise
    assert (pose.heading_deg, pose.pitch_deg, pose.roll_deg) == pytest.approx(
        (truth.camera_heading_deg, -35.0, 0.0), abs=0.1
    )
