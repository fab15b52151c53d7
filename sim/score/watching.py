"""What a vehicle's or a fixed camera's view truly held: the footprint behind "on scene" and behind unwatched zones.

The coordinator takes a sensor to tilt freely; here a camera with a lens must also be tilted at what it is said to see,
and no building may stand between.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from contract.geo import PointEnu, heading_deg
from contract.site import Camera, CameraPose, Line, OpenCvLens, Vehicle, Zone
from fleet.flight.airspace import Airspace
from fleet.flight.footprint import view_of
from sim.drawn_on_ground import places_of
from sim.score.run_folder import Run, VehicleLine
from sim.score.sections import ZoneGap

Stretch = tuple[int, int]  # from, to, microseconds
GOOD_FEED = "ok"
AIRBORNE_M = 2.0  # lower, a flying vehicle stands in its dock and watches nothing


def opening_deg(camera: Camera) -> tuple[float, float]:
    """Horizontal and vertical opening of its lens, degrees, distortion left out."""
    lens = camera.lens
    if isinstance(lens, OpenCvLens):
        halves = lens.width_px / (2 * lens.fx_px), lens.height_px / (2 * lens.fy_px)
    else:
        halves = (
            lens.width_px * lens.dpx_mm / (2 * lens.focal_mm),
            lens.height_px * lens.dpy_mm / (2 * lens.focal_mm),
        )
    return 2 * math.degrees(math.atan(halves[0])), 2 * math.degrees(math.atan(halves[1]))


class Footprints:
    """Views over one site's ground."""

    def __init__(self, run: Run) -> None:
        self._airspace = Airspace(run.site)
        self._specs = {vehicle.id: vehicle for vehicle in run.site.vehicles}
        carried = {camera.vehicle: camera for camera in run.site.cameras if camera.vehicle is not None}
        self._tilts_deg: Mapping[str | None, float] = {each: opening_deg(camera)[1] for each, camera in carried.items()}

    def vehicle_sees(self, line: VehicleLine, target: PointEnu) -> bool:
        """What a vehicle that is not of the site sees, nobody is shown."""
        spec: Vehicle | None = self._specs.get(line.vehicle)
        if spec is None or (spec.kind.flies and line.up_m < AIRBORNE_M):
            return False
        view = view_of(
            target,
            position=line.place,
            height_m=line.up_m,
            heading=line.heading_deg if line.camera_heading_deg is None else line.camera_heading_deg,
            fov_deg=spec.sensor_fov_deg,
            range_m=spec.sensor_range_m,
        )
        tilt_deg = self._tilts_deg.get(line.vehicle)
        if tilt_deg is not None and line.camera_pitch_deg is not None:
            off_deg = _pitch_deg(line.place, target) - line.camera_pitch_deg
            if abs(off_deg) > tilt_deg / 2:
                return False
        return view.is_inside and self._airspace.sees(line.place, line.up_m, target)

    def camera_sees(self, camera: Camera, pose: CameraPose, target: PointEnu) -> bool:
        """Roll is left out: it is small on a fixed camera."""
        eye = PointEnu(pose.east_m, pose.north_m, pose.up_m)
        across_deg, tilt_deg = opening_deg(camera)
        aside_deg = (heading_deg(eye, target) - pose.heading_deg + 180.0) % 360.0 - 180.0
        is_framed = abs(aside_deg) <= across_deg / 2 and abs(_pitch_deg(eye, target) - pose.pitch_deg) <= tilt_deg / 2
        return is_framed and self._airspace.sees(eye, pose.up_m, target)


def _pitch_deg(eye: PointEnu, target: PointEnu) -> float:
    """Above the horizon, of a point on the ground."""
    return -math.degrees(math.atan2(eye.up_m, eye.horizontal_distance_m(target)))


def zone_gaps(run: Run, footprints: Footprints) -> dict[str, ZoneGap]:
    """Longest time that nothing had the centroid of a zone or line in view; the whole run when nothing ever had."""
    gaps = {}
    for watched in run.site.watched:
        target = centroid(run, watched)
        if target is None:
            continue
        by_vehicle = list(_watched_by_vehicles(run, footprints, target))
        by_camera = list(_watched_by_cameras(run, footprints, target))
        gaps[watched.id] = ZoneGap(
            vehicles_s=_longest_gap_s(by_vehicle, run), all_s=_longest_gap_s(by_vehicle + by_camera, run)
        )
    return gaps


def centroid(run: Run, watched: Zone | Line) -> PointEnu | None:
    """Of a zone's corners (inside every zone that is convex) or of a line's points; None: it has no ground."""
    corners = places_of(watched, run.site)
    if not corners:
        return None
    return PointEnu(
        sum(corner.east_m for corner in corners) / len(corners),
        sum(corner.north_m for corner in corners) / len(corners),
    )


def _watched_by_vehicles(run: Run, footprints: Footprints, target: PointEnu) -> Iterable[Stretch]:
    """A vehicle is where its line says until its next one."""
    lines: dict[str, list[VehicleLine]] = {}
    for line in run.vehicles:
        lines.setdefault(line.vehicle, []).append(line)
    for mine in lines.values():
        ends_us = [*(line.at_us for line in mine[1:]), run.end_us]
        for line, end_us in zip(mine, ends_us, strict=True):
            if footprints.vehicle_sees(line, target):
                yield line.at_us, end_us


def _watched_by_cameras(run: Run, footprints: Footprints, target: PointEnu) -> Iterable[Stretch]:
    """While the feed is well by what its node says; all the time where no node said anything."""
    running = {feed.camera for feed in run.scenario.feeds}
    for camera in run.site.cameras:
        if camera.pose is None or camera.id not in running or not footprints.camera_sees(camera, camera.pose, target):
            continue
        said = [line for line in run.nodes if line.node == camera.node]
        if not said:
            yield run.start_us, run.end_us
        ends_us = [*(line.at_us for line in said[1:]), run.end_us]
        for line, end_us in zip(said, ends_us, strict=bool(said)):
            if line.state == "online" and line.feeds.get(camera.id, GOOD_FEED) == GOOD_FEED:
                yield line.at_us, end_us


def _longest_gap_s(watched: Sequence[Stretch], run: Run) -> float:
    longest_us, seen_until_us = 0, run.start_us
    for first_us, last_us in [*sorted(watched), (run.end_us, run.end_us)]:
        longest_us = max(longest_us, min(first_us, run.end_us) - seen_until_us)
        seen_until_us = max(seen_until_us, last_us)
    return round(longest_us / 1e6, 3)
