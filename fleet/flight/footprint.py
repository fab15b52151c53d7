"""Does a vehicle's sensor cover a point on the ground? That, and not arrival, is "on scene" (SAFETY 1).

The sensor is taken to tilt freely and to look along the vehicle's heading; only its horizontal opening limits it.
"""

import math
from dataclasses import dataclass

from contract.geo import GeoPoint, PointEnu, heading_deg
from contract.site import Vehicle
from fleet.flight.airspace import Airspace
from fleet.flight.vehicle import VehicleState


@dataclass(frozen=True, slots=True)
class View:
    """`distance_m` is the slant range; `off_axis_deg` is signed, positive to the right of the heading."""

    is_inside: bool
    distance_m: float
    off_axis_deg: float


def view_from(state: VehicleState, spec: Vehicle, target: GeoPoint, airspace: Airspace) -> View | None:
    """How this vehicle has the target in view; None where its place or heading is not known."""
    if state.position is None or state.heading_deg is None:
        return None
    return view_of(
        airspace.enu(target),
        position=airspace.enu(state.position),
        height_m=state.above_home_m or 0.0,
        heading=state.heading_deg,
        fov_deg=spec.sensor_fov_deg,
        range_m=spec.sensor_range_m,
    )


def view_of(
    target: PointEnu, *, position: PointEnu, height_m: float, heading: float, fov_deg: float, range_m: float
) -> View:
    """How a sensor at `position`, `height_m` above the ground, turned to `heading` (degrees), has `target` in view."""
    distance_m = math.hypot(position.horizontal_distance_m(target), height_m)
    off_axis_deg = (heading_deg(position, target) - heading + 180.0) % 360.0 - 180.0
    inside = distance_m <= range_m and abs(off_axis_deg) <= fov_deg / 2.0
    return View(is_inside=inside, distance_m=distance_m, off_axis_deg=off_axis_deg)
