"""The stage of the latency benchmark: a site, a video and a script in which five people appear in four seconds.

A camera looks straight down on a yard of stalls. Each stall has a copter of its own and, every six seconds, a person
for some frames, so that a ready vehicle is always near and no vehicle has to cross another's way. The pictures are
gravel that shifts, for the decoder's sake; who is in them only the script of detections knows.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.docks import Dock
from contract.envelope import Origin
from contract.geo import GeoPoint, LocalFrame, PointEnu
from contract.labels import Label
from contract.site import (
    Camera,
    CameraPose,
    Geofence,
    OpenCvLens,
    Response,
    Site,
    Vehicle,
    VehicleKind,
    Zone,
)
from contract.site import Origin as SiteOrigin
from detectors.record import Header
from sim.demo_setup import Cast, Feed
from sim.gravel import write_gravel
from sim.inputs import read_site

FRAMES_PER_S = 10
WIDTH_PX, HEIGHT_PX, FOCAL_PX = 1280, 720, 640.0
SIZE_PX = (WIDTH_PX, HEIGHT_PX)
CEILING_M = 120.0  # a height for each copter, and one more for each that still comes down
CAMERA_UP_M = 200.0
STALLS = tuple(PointEnu(east, north) for north in (-75.0, 35.0) for east in (-135.0, -45.0, 45.0, 135.0))
DOCK_NORTH_M = 35.0  # of the stall: outside the stand-off, so that the copter hardly moves
FRAMES_BETWEEN = 8  # the same stall again after 6.4 s, when its last track is forgotten
FRAMES_SEEN = 7
FIRST_FRAME = 20
LAST_FRAMES = 40  # for the last track to be forgotten and its event to end
PERSON_PX = (12.0, 30.0)
STONE_PX = 8
LOOP_FRAMES = 50  # encoded once and repeated
Box = tuple[float, float, float, float]  # left, top, right, bottom, px


@dataclass(frozen=True, slots=True)
class Stage:
    """`cast` is what the run folder's processes are made of."""

    cast: Cast
    people: int
    length_s: float


def build_stage(folder: Path, *, people: int, seed: int = 1) -> Stage:
    """Write site, video and script into `folder`; the same bytes every time but for the video encoder's version."""
    frames = FIRST_FRAME + people * FRAMES_BETWEEN + LAST_FRAMES
    site_path, video, script = folder / "site.yaml", folder / "yard.mp4", folder / "yard.detections.jsonl"
    site_path.write_text(yard().model_dump_json(exclude_none=True, indent=1) + "\n", encoding="utf-8")
    site = read_site(site_path)  # as every process sees it
    write_video(video, frames, size_px=SIZE_PX, seed=seed)
    script.write_text(script_of(people, frames), encoding="utf-8")
    feed = Feed(site.cameras[0], str(video), Origin.SIMULATED, detections=script)
    return Stage(Cast(site, site_path, feed, (), None), people, frames / FRAMES_PER_S)


def yard() -> Site:
    """One camera, one zone, and a dock with a copter at every stall."""
    origin = SiteOrigin(lat_deg=52.1, lon_deg=13.2, ground_amsl_m=45.0)
    bare = Site(
        schema_version=1,
        id="bench",
        name="Yard of the latency benchmark",
        time_zone="Europe/Berlin",
        origin=origin,
        geofence=Geofence(polygon=_rectangle(origin, 260.0, 190.0), ceiling_m=CEILING_M),
    )
    frame = bare.local_frame()
    docks = [frame.to_geo(PointEnu(stall.east_m, stall.north_m + DOCK_NORTH_M))[0] for stall in STALLS]
    numbers = range(1, len(STALLS) + 1)
    return bare.model_copy(
        update={
            "cameras": (
                Camera(
                    id="yard-cam",
                    node="edge-1",
                    lens=OpenCvLens.pinhole(WIDTH_PX, HEIGHT_PX, focal_px=FOCAL_PX),
                    pose=CameraPose(
                        east_m=0.0,
                        north_m=0.0,
                        up_m=CAMERA_UP_M,
                        heading_deg=0.0,
                        pitch_deg=-90.0,
                        attitude_sigma_deg=0.0,
                    ),
                ),
            ),
            "zones": (
                Zone(
                    id="yard",
                    name="Yard",
                    polygon=_rectangle(origin, 190.0, 105.0),
                    labels=(Label.PERSON,),
                    cameras=("yard-cam",),
                    dwell_s=0.0,
                ),
            ),
            "docks": tuple(Dock(id=f"dock-{n}", position=dock) for n, dock in zip(numbers, docks, strict=True)),
            "vehicles": tuple(
                Vehicle(
                    id=f"drone-{n}",
                    kind=VehicleKind.ARDUPILOT_COPTER,
                    connection="udpin:127.0.0.1:14550",
                    system_id=n,
                    simulated=True,
                    dock=f"dock-{n}",
                    cruise_speed_m_s=8.0,
                    return_altitude_m=20.0 + n,
                    sensor_range_m=80.0,
                )
                for n in numbers
            ),
            "response": Response(air_altitude_m=20.0, observe_s=30.0),
        }
    )


def _rectangle(origin: SiteOrigin, east_m: float, north_m: float) -> tuple[GeoPoint, ...]:
    """Corners of a rectangle about the origin, of twice that size."""
    from_origin = GeoPoint(lat_deg=origin.lat_deg, lon_deg=origin.lon_deg)
    frame = LocalFrame(from_origin, ground_amsl_m=origin.ground_amsl_m)
    corners = ((-east_m, -north_m), (east_m, -north_m), (east_m, north_m), (-east_m, north_m))
    return tuple(frame.to_geo(PointEnu(east, north))[0] for east, north in corners)


def script_of(people: int, frames: int) -> str:
    """Detections of every frame, in the format of detectors/record.py."""
    boxes: list[list[Box]] = [[] for _ in range(frames)]
    for person in range(people):
        first = FIRST_FRAME + person * FRAMES_BETWEEN
        for index in range(first, first + FRAMES_SEEN):
            boxes[index].append(box_px(person))
    return script(boxes, SIZE_PX)


def script(boxes: Sequence[Sequence[Box]], size_px: tuple[int, int], *, frames_a_row: int = 1) -> str:
    """Of the boxes of each frame, or each so many frames, all of persons that the detector is sure of. The nearest row
    is played: an odd number leaves no frame half way between two."""
    header = Header(
        model="script", sha256="0" * 64, backend="none", labels=(Label.PERSON,), width_px=size_px[0],
        height_px=size_px[1], source="yard.mp4",
    )  # fmt: skip
    rows = (
        json.dumps(
            {"pts_us": index * frames_a_row * 1_000_000 // FRAMES_PER_S, "boxes": [[*box, 0.9, 0] for box in row]},
            separators=(",", ":"),
        )
        for index, row in enumerate(boxes)
    )
    return "\n".join([header.model_dump_json(), *rows]) + "\n"


def box_px(person: int) -> Box:
    """Whose lower edge stands in the person's stall, seen from straight above with north up."""
    foot = STALLS[person % len(STALLS)]
    x = WIDTH_PX / 2 + foot.east_m * FOCAL_PX / CAMERA_UP_M
    y = HEIGHT_PX / 2 - foot.north_m * FOCAL_PX / CAMERA_UP_M
    width, height = PERSON_PX
    return x - width / 2, y - height, x + width / 2, y


def write_video(path: Path, frames: int, *, size_px: tuple[int, int], seed: int = 1) -> None:
    write_gravel(
        path,
        frames,
        size_px=size_px,
        frames_per_s=FRAMES_PER_S,
        stone_px=STONE_PX,
        pictures=LOOP_FRAMES,
        pictures_a_key=LOOP_FRAMES,
        seed=seed,
    )
