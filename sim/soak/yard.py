"""The yard of the fault series: three cameras, and in each one's zone somebody comes or goes several times a second.

Who is where is a function of the world's time alone. A node that is started again goes on where its last life judged
its last frame: whoever stood there when it was killed still stands there.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contract.events import Sighting
from contract.geo import GeoPoint, LocalFrame, PointEnu
from contract.labels import Label
from contract.site import Camera, CameraPose, Geofence, OpenCvLens, Origin, Site, Zone
from detectors.record import Header
from sim.gravel import write_gravel

NODE = "edge-1"
CAMERAS = ("north", "east", "south")
FRAMES_PER_S = 10
FRAME_US = 1_000_000 // FRAMES_PER_S
WIDTH_PX, HEIGHT_PX, FOCAL_PX, UP_M = 320, 240, 240.0, 30.0  # straight down: 8 px to the metre
STALLS_PX = tuple((x, y) for y in (90.0, 190.0) for x in (50.0, 120.0, 190.0, 260.0))  # feet
PERSON_PX, WALK_PX = (10.0, 24.0), 12.0
ROUND_US, PRESENT_US = 9_000_000, 4_500_000  # of a stall: between two visits its track must be forgotten
LATER_US = 400_000  # each camera after the one before
PICTURES = 20  # encoded once and repeated
ORIGIN = Origin(lat_deg=52.1, lon_deg=13.2, ground_amsl_m=45.0)


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody at a stall before a camera, in the world's time."""

    camera: str
    stall: int
    start_us: int
    end_us: int


def site() -> Site:
    frame = LocalFrame(GeoPoint(lat_deg=ORIGIN.lat_deg, lon_deg=ORIGIN.lon_deg), ground_amsl_m=ORIGIN.ground_amsl_m)

    def box(east_m: float, half_east_m: float, half_north_m: float) -> tuple[GeoPoint, ...]:
        corners = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        return tuple(frame.to_geo(PointEnu(east_m + half_east_m * x, half_north_m * y))[0] for x, y in corners)

    easts_m = {camera: 100.0 * number for number, camera in enumerate(CAMERAS)}
    lens = OpenCvLens.pinhole(WIDTH_PX, HEIGHT_PX, focal_px=FOCAL_PX)
    return Site(
        schema_version=1,
        id="soak",
        name="Yard of the fault series",
        time_zone="UTC",
        origin=ORIGIN,
        geofence=Geofence(polygon=box(100.0, 200.0, 60.0)),
        cameras=tuple(
            Camera(
                id=camera,
                node=NODE,
                lens=lens,
                pose=CameraPose(
                    east_m=east_m, north_m=0.0, up_m=UP_M, heading_deg=0.0, pitch_deg=-90.0, attitude_sigma_deg=0.0
                ),
            )
            for camera, east_m in easts_m.items()
        ),
        zones=tuple(
            Zone(
                id=f"zone-{camera}",
                name=camera,
                polygon=box(east_m, 19.0, 14.0),
                labels=(Label.PERSON,),
                cameras=(camera,),
                dwell_s=0.0,
            )
            for camera, east_m in easts_m.items()
        ),
    )


def visits(camera: str, until_us: int) -> Iterator[Visit]:
    """Those that begin before `until_us`."""
    for stall in range(len(STALLS_PX)):
        start_us = CAMERAS.index(camera) * LATER_US + stall * ROUND_US // len(STALLS_PX)
        while start_us < until_us:
            yield Visit(camera, stall, start_us, start_us + PRESENT_US)
            start_us += ROUND_US


def stall_of(sighting: Sighting) -> int:
    """Where somebody stands who is seen there."""
    x_px, y_px = sighting.box.x_px + sighting.box.width_px / 2, sighting.box.y_px + sighting.box.height_px
    return min(range(len(STALLS_PX)), key=lambda n: (STALLS_PX[n][0] - x_px) ** 2 + (STALLS_PX[n][1] - y_px) ** 2)


def script_of(camera: str, *, from_us: int, frames: int, has_people: bool = True) -> str:
    """Detections of a recording that begins at `from_us` of the world, in the format of detectors/record.py."""
    boxes: list[list[list[float]]] = [[] for _ in range(frames)]
    for visit in visits(camera, from_us + frames * FRAME_US) if has_people else ():
        first = max(-(-(visit.start_us - from_us) // FRAME_US), 0)
        last = min(-(-(visit.end_us - from_us) // FRAME_US), frames)
        for index in range(first, last):
            boxes[index].append([*_box_px(visit, from_us + index * FRAME_US), 0.9, 0])
    header = Header(
        model="script", sha256="0" * 64, backend="none", labels=(Label.PERSON,), width_px=WIDTH_PX, height_px=HEIGHT_PX,
        source="yard.mp4",
    )  # fmt: skip
    rows = (
        json.dumps({"pts_us": index * FRAME_US, "boxes": row}, separators=(",", ":")) for index, row in enumerate(boxes)
    )
    return "\n".join([header.model_dump_json(), *rows]) + "\n"


def write_video(path: Path, frames: int) -> None:
    write_gravel(
        path,
        frames,
        size_px=(WIDTH_PX, HEIGHT_PX),
        frames_per_s=FRAMES_PER_S,
        stone_px=8,
        pictures=PICTURES,
        pictures_a_key=PICTURES // 2,
    )


def _box_px(visit: Visit, at_us: int) -> tuple[float, float, float, float]:
    """He walks past his stall from the left to the right."""
    x_px, y_px = STALLS_PX[visit.stall]
    x_px += WALK_PX * (2 * (at_us - visit.start_us) / PRESENT_US - 1)
    width_px, height_px = PERSON_PX
    return round(x_px - width_px / 2, 1), y_px - height_px, round(x_px + width_px / 2, 1), y_px
