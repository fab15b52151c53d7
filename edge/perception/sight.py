"""Where an aerial sensor looks: its line of sight from what it says, and the piece of ground in its picture.

The ground is a plane at the height of the frame centre, or at sea level where none is told. ST 0601 chains platform and
sensor angles, all from true north. EG 0104's "angle to north" does not say which north: some senders mean the UTM
grid's, 1.46 degrees off in our clip, so the bearing from sensor to frame centre goes before it.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract.geo import GeoPoint, LocalFrame, PointEnu, heading_deg
from contract.site import CameraPose, OpenCvLens
from edge.klv import CORNERS, Telemetry
from edge.perception.locate import axes

POSITION_SIGMA_M = 10.0  # nobody tells it; GNSS of an aircraft
ATTITUDE_SIGMA_DEG = 0.5
LEAST_DIP = 1e-3  # sine of the angle below the horizon; flatter rays meet the ground too far away to mean anything

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Direction:
    """Clockwise from true north, above the horizon, clockwise about the line of sight as seen from behind."""

    heading_deg: float
    pitch_deg: float
    roll_deg: float


def sensor_place(told: Telemetry) -> tuple[GeoPoint, float] | None:
    """Its position and height above mean sea level, metres."""
    point, amsl_m = _geo(told, "sensor"), told.fields.get("sensor_amsl_m")
    return None if point is None or amsl_m is None else (point, amsl_m)


def ground_amsl_m(told: Telemetry) -> float:
    return told.fields.get("frame_centre_amsl_m", 0.0)


def direction_of(told: Telemetry) -> Direction | None:
    """None where too little was told."""
    fields = told.fields
    if "sensor_azimuth_deg" in fields and "sensor_elevation_deg" in fields and "platform_heading_deg" in fields:
        return _chained(told)
    pitch_deg = fields.get("obliquity_deg")
    heading = _heading_to_centre(told)
    if heading is None:
        heading = fields.get("angle_to_north_deg")
    if pitch_deg is None or heading is None or not -90.0 <= pitch_deg <= 90.0:
        return None
    return Direction(heading % 360.0, pitch_deg, fields.get("sensor_roll_deg", 0.0))


def pose_of(
    told: Telemetry,
    frame: LocalFrame,
    *,
    position_sigma_m: float = POSITION_SIGMA_M,
    attitude_sigma_deg: float = ATTITUDE_SIGMA_DEG,
) -> CameraPose | None:
    place, direction = sensor_place(told), direction_of(told)
    if place is None or direction is None:
        return None
    where = frame.to_enu(place[0], amsl_m=place[1])
    return CameraPose(
        east_m=where.east_m,
        north_m=where.north_m,
        up_m=where.up_m,
        heading_deg=direction.heading_deg,
        pitch_deg=direction.pitch_deg,
        roll_deg=direction.roll_deg,
        position_sigma_m=position_sigma_m,
        attitude_sigma_deg=attitude_sigma_deg,
    )


def lens_of(told: Telemetry, *, width_px: int, height_px: int) -> OpenCvLens | None:
    """A pinhole of the told field of view; None where it was not told."""
    across, upright = told.fields.get("fov_horizontal_deg"), told.fields.get("fov_vertical_deg")
    if across is None or not 0.0 < across < 179.0:
        return None
    fx_px = width_px / 2.0 / math.tan(math.radians(across) / 2.0)
    fy_px = fx_px
    if upright is not None and 0.0 < upright < 179.0:
        fy_px = height_px / 2.0 / math.tan(math.radians(upright) / 2.0)
    return OpenCvLens(
        model="opencv",
        width_px=width_px,
        height_px=height_px,
        fx_px=fx_px,
        fy_px=fy_px,
        cx_px=width_px / 2.0,
        cy_px=height_px / 2.0,
    )


def footprint_of(told: Telemetry) -> list[GeoPoint] | None:
    """The four corners of the picture on the ground, upper left first, clockwise as seen by the sensor.

    The sender's own corners where it tells them (it knows its terrain), else the field of view cut with the plane;
    None where a corner is above the horizon or too little was told.
    """
    corners = [_geo(told, f"corner_{number}") for number in range(1, CORNERS + 1)]
    known = [corner for corner in corners if corner is not None]
    return known if len(known) == CORNERS else _cut(told)


def _cut(told: Telemetry) -> list[GeoPoint] | None:
    place = sensor_place(told)
    if place is None:
        return None
    frame = LocalFrame(place[0], ground_amsl_m=ground_amsl_m(told))
    pose = pose_of(told, frame)
    lens = lens_of(told, width_px=2, height_px=2)
    if pose is None or lens is None:
        return None
    points = []
    for x, y in ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)):
        ray = axes(pose) @ np.array([x / lens.fx_px, y / lens.fy_px, 1.0])
        if -ray[2] < LEAST_DIP * float(np.linalg.norm(ray)):
            return None
        reach = -pose.up_m / float(ray[2])
        points.append(frame.to_geo(PointEnu(float(ray[0]) * reach, float(ray[1]) * reach))[0])
    return points


def _chained(told: Telemetry) -> Direction:
    fields = told.fields
    body = turned(
        fields["platform_heading_deg"], fields.get("platform_pitch_deg", 0.0), fields.get("platform_roll_deg", 0.0)
    )
    sensor = body @ turned(
        fields["sensor_azimuth_deg"], fields["sensor_elevation_deg"], fields.get("sensor_roll_deg", 0.0)
    )
    return Direction(*heading_pitch_roll(sensor))


def turned(heading_deg: float, pitch_deg: float, roll_deg: float) -> FloatArray:
    """(3, 3): columns are the turned forward, right and down in north, east, down; yaw, then pitch, then roll."""
    (sh, sp, sr), (ch, cp, cr) = (
        np.sin(np.radians([heading_deg, pitch_deg, roll_deg])),
        np.cos(np.radians([heading_deg, pitch_deg, roll_deg])),
    )
    return np.array(
        [
            [ch * cp, ch * sp * sr - sh * cr, ch * sp * cr + sh * sr],
            [sh * cp, sh * sp * sr + ch * cr, sh * sp * cr - ch * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def heading_pitch_roll(axes: FloatArray) -> tuple[float, float, float]:
    """Degrees; the reverse of `turned`."""
    forward, right, down = axes[:, 0], axes[:, 1], axes[:, 2]
    return (
        math.degrees(math.atan2(forward[1], forward[0])) % 360.0,
        math.degrees(math.asin(max(-1.0, min(1.0, -float(forward[2]))))),
        math.degrees(math.atan2(right[2], down[2])),
    )


def _heading_to_centre(told: Telemetry) -> float | None:
    sensor, centre = _geo(told, "sensor"), _geo(told, "frame_centre")
    if sensor is None or centre is None or sensor == centre:
        return None
    return heading_deg(PointEnu(0.0, 0.0), LocalFrame(sensor, ground_amsl_m=0.0).to_enu(centre))


def _geo(told: Telemetry, name: str) -> GeoPoint | None:
    point = told.point(name)
    if point is None or not (abs(point[0]) <= 90.0 and abs(point[1]) <= 180.0) or point == (0.0, 0.0):
        return None
    return GeoPoint(lat_deg=point[0], lon_deg=point[1])
