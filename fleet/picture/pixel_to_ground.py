"""From a pixel of a fixed camera's picture to the point on the ground that is seen there: what a click in it means.

The ground is the plane up = 0 of the site's frame, as for the nodes, which locate what they see; the lens is the site
file's. Pure.
"""

import math

from contract.geo import PointEnu
from contract.site import Camera, CameraPose, Lens, OpenCvLens
from fleet.errors import Refused

FARTHEST_M = 500.0  # beyond, a pixel is tens of metres
CONVERGED_PX = 0.01
_ITERATIONS = 40
Vector = tuple[float, float, float]


def ground_of_pixel(camera: Camera, x_px: float, y_px: float) -> PointEnu:
    """Raises Refused with the reason when no ground is seen there."""
    name, lens, pose = f"camera '{camera.id}'", camera.lens, camera.pose
    if pose is None:
        raise Refused(f"{name} rides on a vehicle: where its picture lies on the ground is not known")
    if not (0.0 <= x_px <= lens.width_px and 0.0 <= y_px <= lens.height_px):
        size = f"{lens.width_px} x {lens.height_px}"
        raise Refused(f"{name}: expected a pixel of its picture of {size}, got {x_px:.0f}, {y_px:.0f}")
    direction = _direction(lens, x_px, y_px)
    if direction is None:
        raise Refused(f"{name}: its lens is not described that far out")
    east, north, up = _turned(pose, direction)
    if up >= 0.0 or pose.up_m <= 0.0:
        raise Refused(f"{name}: there is no ground there: the pixel is at or above the horizon")
    reach = -pose.up_m / up
    if math.hypot(east, north) * reach > FARTHEST_M:
        raise Refused(f"{name}: the ground there is more than {FARTHEST_M:.0f} m away")
    return PointEnu(pose.east_m + east * reach, pose.north_m + north * reach)


def _turned(pose: CameraPose, direction: tuple[float, float]) -> Vector:
    """East, north and up of what is `direction` (x/z, y/z) in the camera's frame; conventions of CameraPose."""
    heading, pitch, roll = map(math.radians, (pose.heading_deg, pose.pitch_deg, pose.roll_deg))
    sin_h, cos_h, sin_p, cos_p = math.sin(heading), math.cos(heading), math.sin(pitch), math.cos(pitch)
    forward = (sin_h * cos_p, cos_h * cos_p, sin_p)
    level_right = (cos_h, -sin_h, 0.0)
    level_down = (sin_h * sin_p, cos_h * sin_p, -cos_p)
    x, y = direction
    across, along = x * math.cos(roll) - y * math.sin(roll), x * math.sin(roll) + y * math.cos(roll)
    east, north, up = (
        across * right + along * down + ahead
        for right, down, ahead in zip(level_right, level_down, forward, strict=True)
    )
    return east, north, up


def _direction(lens: Lens, x_px: float, y_px: float) -> tuple[float, float] | None:
    if isinstance(lens, OpenCvLens):
        return _unbent(lens, (x_px - lens.cx_px) / lens.fx_px, (y_px - lens.cy_px) / lens.fy_px)
    x_mm, y_mm = (x_px - lens.cx_px) * lens.dpx_mm / lens.sx, (y_px - lens.cy_px) * lens.dpy_mm
    straight = (1.0 + lens.kappa1_per_mm2 * (x_mm * x_mm + y_mm * y_mm)) / lens.focal_mm
    return x_mm * straight, y_mm * straight


def _unbent(lens: OpenCvLens, x: float, y: float) -> tuple[float, float] | None:
    """Brown's distortion undone by iteration; None where that does not settle."""
    u, v = x, y
    for _ in range(_ITERATIONS):
        bent_x, bent_y = _bent(lens, u, v)
        u, v = u + x - bent_x, v + y - bent_y
        if not (abs(u) < 1e3 and abs(v) < 1e3):
            return None
    bent_x, bent_y = _bent(lens, u, v)
    off_px = max(abs(bent_x - x) * lens.fx_px, abs(bent_y - y) * lens.fy_px)
    return (u, v) if off_px < CONVERGED_PX else None


def _bent(lens: OpenCvLens, x: float, y: float) -> tuple[float, float]:
    r2 = x * x + y * y
    radial = 1.0 + r2 * (lens.k1 + r2 * (lens.k2 + r2 * lens.k3))
    return (
        x * radial + 2.0 * lens.p1 * x * y + lens.p2 * (r2 + 2.0 * x * x),
        y * radial + lens.p1 * (r2 + 2.0 * y * y) + 2.0 * lens.p2 * x * y,
    )
