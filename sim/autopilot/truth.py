"""Where a simulated vehicle really is and looks, for whoever judges a run. Nothing of this goes over the link."""

import math
from dataclasses import dataclass

from contract.geo import GeoPoint
from sim.autopilot.machine import Machine


@dataclass(frozen=True, slots=True)
class Truth:
    """Headings clockwise from north; pitch below the horizon is negative."""

    point: GeoPoint
    amsl_m: float
    above_home_m: float
    ground_speed_m_s: float
    heading_deg: float
    camera_heading_deg: float
    camera_pitch_deg: float
    mode: str
    armed: bool
    battery_frac: float
    fence_breaches: int  # by its own fence, since it booted


def truth_of(machine: Machine) -> Truth:
    motion = machine.motion
    point, amsl_m = machine.to_geo(machine.true_point())
    camera_heading_deg, camera_pitch_deg = camera_direction_deg(machine)
    return Truth(
        point=point,
        amsl_m=amsl_m,
        above_home_m=motion.up_m,
        ground_speed_m_s=motion.ground_speed_m_s,
        heading_deg=motion.heading_deg,
        camera_heading_deg=camera_heading_deg,
        camera_pitch_deg=camera_pitch_deg,
        mode=machine.mode.name,
        armed=machine.armed,
        battery_frac=machine.battery.remaining_mah / machine.battery.capacity_mah,
        fence_breaches=machine.breach_count,
    )


def camera_direction_deg(machine: Machine) -> tuple[float, float]:
    """Heading and pitch of the camera: on a gimbal at the region of interest or as commanded, else ahead."""
    if not machine.spec.has_gimbal:
        return machine.motion.heading_deg, 0.0
    if machine.roi is None:
        commanded_deg = machine.gimbal_heading_deg
        return machine.motion.heading_deg if commanded_deg is None else commanded_deg, machine.gimbal_pitch_deg
    here = machine.motion
    east, north = machine.roi.east_m - here.east_m, machine.roi.north_m - here.north_m
    pitch = math.degrees(math.atan2(machine.roi.up_m - here.up_m, math.hypot(east, north)))
    return math.degrees(math.atan2(east, north)) % 360.0, pitch
