"""Render the demo's recordings, with truth and poses beside them: `MUJOCO_GL=egl python -m sim.recordings.make`.

Needs the extra `sim` and takes some minutes of CPU. `--model FILE` also records what the real detector says about the
videos just written; the demo plays that where no model can be had, so make both or neither.
"""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Annotated

import av
import numpy as np
import typer
from rich.progress import Progress

from contract.clock import SystemClock
from contract.geo import PointEnu, heading_deg
from contract.site import Camera, CameraPose, OpenCvLens, Site, parse_site
from detectors.detector import Detector
from detectors.frame import Frame, ImageBgr
from detectors.opening import open_detector
from detectors.record import record
from edge.decode import opened_video
from edge.perception.locate import Locator
from sim.recordings.walk import Stance, stance_at
from sim.recordings.world import Window, World

SITE_FILE = Path(__file__).parents[2] / "deploy" / "sites" / "demo.yaml"
FPS = 10
FRAME_US = 1_000_000 // FPS
HOVER_SEED = 11
WATCHED = PointEnu(0.8, 52.8, 0.9)  # middle of where he paces, at his hips
STAND_OFF_M, HEIGHT_M, SIDE_DEG = 26.0, 20.0, 152.0  # the side of WATCHED on which the patrol passes
WINDOW_PX = (480, 400)
X264 = {"preset": "slow", "bf": "0", "g": "50", "threads": "1"}  # one thread: the same bytes on any number of cores

PoseAt = Callable[[float], CameraPose]


@dataclass(frozen=True, slots=True)
class Take:
    """One recording; `starts_at_s` is in the intruder's time."""

    camera: Camera
    lens: OpenCvLens
    pose_at: PoseAt
    starts_at_s: float
    length_s: float
    crf: int

    @property
    def frame_count(self) -> int:
        return round(self.length_s * FPS)


def takes(site: Site) -> tuple[Take, Take]:
    fixed, carried = site.camera("fence-cam"), site.camera("drone-1-cam")
    if fixed.pose is None or not isinstance(fixed.lens, OpenCvLens) or not isinstance(carried.lens, OpenCvLens):
        raise TypeError("expected pinhole lenses and a pose of fence-cam")
    pose = fixed.pose
    return (
        Take(fixed, fixed.lens, lambda _: pose, starts_at_s=0.0, length_s=60.0, crf=25),
        Take(carried, carried.lens, hovering, starts_at_s=60.0, length_s=20.0, crf=29),
    )


def hovering(at_s: float) -> CameraPose:
    """A drone that holds its place in light wind: slow, small, the gimbal lets some of it through."""
    phases = np.random.default_rng(HOVER_SEED).uniform(0.0, math.tau, (6, 2))
    east, north, up, heading, pitch, roll = (
        math.sin(math.tau * 0.11 * at_s + slow) + 0.4 * math.sin(math.tau * 0.29 * at_s + quick)
        for slow, quick in phases
    )
    bearing = math.radians(SIDE_DEG)
    spot = PointEnu(
        WATCHED.east_m + STAND_OFF_M * math.sin(bearing), WATCHED.north_m + STAND_OFF_M * math.cos(bearing), HEIGHT_M
    )
    down = math.degrees(math.atan2(spot.up_m - WATCHED.up_m, STAND_OFF_M))
    return CameraPose(
        east_m=spot.east_m + 0.2 * east,
        north_m=spot.north_m + 0.2 * north,
        up_m=spot.up_m + 0.1 * up,
        heading_deg=round(heading_deg(spot, WATCHED) + 0.3 * heading, 4),
        pitch_deg=round(-down + 0.15 * pitch, 4),
        roll_deg=round(0.3 * roll, 4),
        position_sigma_m=0.3,
        attitude_sigma_deg=0.3,
    )


def shoot(take: Take, world: World, site: Site, folder: Path, step: Callable[[], object]) -> None:
    """The video, its truth and, for a carried camera, its poses."""
    stem = folder / take.camera.id
    whole = Window(0, 0, take.lens.width_px, take.lens.height_px)
    locator = Locator(lens=take.lens, frame=site.local_frame())
    still: ImageBgr | None = None
    truth, poses = [], []
    with av.open(f"{stem}.mp4", "w") as video:
        stream = video.add_stream("libx264", rate=FPS, options={**X264, "crf": str(take.crf)})
        stream.width, stream.height, stream.pix_fmt = take.lens.width_px, take.lens.height_px, "yuv420p"
        for index in range(take.frame_count):
            pts_us = index * FRAME_US
            pose, stance = take.pose_at(pts_us / 1e6), stance_at(take.starts_at_s + pts_us / 1e6)
            world.place(stance)
            if still is None:  # a camera that stands still sees change only around him
                window = whole
                picture = world.draw(take.lens, pose, whole)
                still = picture if take.camera.pose else None
            else:
                window = _around(stance, locator, take, pose)
                picture = still.copy()
                picture[window.of_image] = world.draw(take.lens, pose, window)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            video.mux(stream.encode(frame))
            box = world.figure_box(take.lens, pose, window)
            place = {"east_m": round(stance.east_m, 3), "north_m": round(stance.north_m, 3)}
            persons = [] if box is None else [{"id": 1, **place, "box_xyxy_px": box}]
            truth.append({"pts_us": pts_us, "persons": persons})
            poses.append({"pts_us": pts_us, **pose.model_dump()})
            step()
        video.mux(stream.encode())
    _write_lines(Path(f"{stem}.truth.jsonl"), truth)
    if take.camera.pose is None:
        _write_lines(Path(f"{stem}.poses.jsonl"), poses)


def _around(stance: Stance, locator: Locator, take: Take, pose: CameraPose) -> Window:
    """A window that holds him and his shadow, as far as they are in the picture."""
    ((x, y),) = locator.project(np.array([[stance.east_m, stance.north_m, 0.9]]), pose)
    left = np.clip(round(x) - WINDOW_PX[0] // 2, 0, take.lens.width_px - WINDOW_PX[0])
    top = np.clip(round(y) - WINDOW_PX[1] // 2, 0, take.lens.height_px - WINDOW_PX[1])
    return Window(int(left), int(top), *WINDOW_PX)


def _write_lines(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows), encoding="utf-8")


def frames_of(path: Path) -> Iterator[Frame]:
    """As a camera node decodes them: recorded detections are found again by these time stamps."""
    with opened_video(str(path), monotonic_us=SystemClock().monotonic_us) as video:
        index = 0
        for packet in video.packets():
            for picture in video.decode(packet):
                image: ImageBgr = picture.image_bgr
                yield Frame(image, picture.pts_us, picture.pts_us, index, picture.decode_us)
                index += 1


def detect(take: Take, detector: Detector, folder: Path, step: Callable[[], object]) -> None:
    def counted() -> Iterator[Frame]:
        for frame in frames_of(folder / f"{take.camera.id}.mp4"):
            yield frame
            step()

    record(counted(), detector, folder / f"{take.camera.id}.detections.jsonl", source=f"{take.camera.id}.mp4")


def main(
    out: Annotated[Path, typer.Option(help="Folder for videos and their companions.")] = Path(__file__).parent,
    model: Annotated[Path | None, typer.Option(help="ONNX model to record detections with.")] = None,
    render: Annotated[bool, typer.Option(help="Off: keep the videos, only record detections.")] = True,
) -> None:
    site = parse_site(SITE_FILE.read_text(encoding="utf-8"), source=str(SITE_FILE))
    out.mkdir(parents=True, exist_ok=True)
    with Progress() as progress:
        for take in takes(site):
            if render:
                bar = progress.add_task(f"{take.camera.id}: drawing", total=take.frame_count)
                with World(site, size_px=(take.lens.width_px, take.lens.height_px)) as world:
                    shoot(take, world, site, out, partial(progress.advance, bar))
            if model is not None:
                bar = progress.add_task(f"{take.camera.id}: detecting", total=take.frame_count)
                detector = open_detector(str(model), folders=[], cache=out)
                detect(take, detector, out, partial(progress.advance, bar))


if __name__ == "__main__":
    typer.run(main)
