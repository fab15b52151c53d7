"""Rendered feeds: the world drawn for each camera, a real detector that looks, and pictures worth keeping.

Only a live run needs this; it imports the renderer when it is opened.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
from rich.console import Console

from contract.events import Event, Stage
from contract.site import Camera, OpenCvLens
from detectors.detector import Detector
from detectors.opening import open_detector
from detectors.progress import download_with_bar
from detectors.record import header_of, write_recording
from detectors.registry import model_cache, model_folders
from edge.errors import SetUpError
from edge.pipeline import StepResult
from sim.eyes import PixelEye
from sim.rig import Draw, Rig
from sim.scenario import FeedPlan, Loaded, Rendered
from sim.scene import Eyes
from sim.world.drawn import Noise, VehiclePlace
from sim.world.opening import open_world

RECORDED_FROM = 0.1  # weaker boxes are not worth their bytes
OUTLINE_BGR = (60, 220, 255)


@contextmanager
def live_eyes(loaded: Loaded, folder: Path, *, seed: int, console: Console) -> Iterator[Eyes]:
    """For every rendered feed of the scenario; pictures go to `folder`/pictures at the end.

    Raises WorldError where nothing can be drawn here, DetectorError for a model, SetUpError for a lens.
    """
    feeds = [plan for plan in loaded.scenario.feeds if plan.eye.sees == "rendered"]
    lenses = {plan.camera: _pinhole(loaded.site.camera(plan.camera)) for plan in feeds}
    sizes_px = sorted({(lens.width_px, lens.height_px) for lens in lenses.values()})
    detectors: dict[str, Detector] = {}
    album = Album(folder / "pictures")
    with open_world(loaded, sizes_px=sizes_px) as world:

        def draw(plan: FeedPlan, camera: Camera, vehicles: Callable[[], Sequence[VehiclePlace]]) -> Draw:
            eye, lens = plan.eye, lenses[camera.id]
            assert isinstance(eye, Rendered)
            noise = Noise(sigma_frac=eye.noise, seed=seed, camera=camera.id)

            return lambda time_s, pose: world.draw(time_s, pose, lens, vehicles=vehicles(), noise=noise)

        def detector(plan: FeedPlan) -> Detector:
            eye = plan.eye
            assert isinstance(eye, Rendered)
            if eye.model not in detectors:
                detectors[eye.model] = _opened(loaded, eye.model, console)
            return detectors[eye.model]

        yield Eyes(draw, detector, album.see)
        album.write()


def keep_recordings(loaded: Loaded, rigs: Mapping[str, Rig]) -> list[Path]:
    """What the real detector saw, where the scenario names a file for it."""
    written = []
    for rig in rigs.values():
        eye, plan = rig.eye, rig.plan.eye
        if isinstance(eye, PixelEye) and isinstance(plan, Rendered) and plan.recording is not None:
            lens = rig.camera.lens
            source = f"{loaded.scenario.id}/{rig.camera.id}"
            header = header_of(eye, width_px=lens.width_px, height_px=lens.height_px, source=source)
            path = loaded.file(plan.recording)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_recording(path, header, [(pts, found.where(found.score >= RECORDED_FROM)) for pts, found in eye.kept])
            written.append(path)
    return written


class Album:
    """The pictures that tell the story: of each camera the first sighting, each alarm, and the largest view."""

    MOST_ALARMS = 6

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, tuple[str, bytes]] = {}
        self._largest_px: dict[str, float] = {}
        self._alarms = 0

    def see(self, rig: Rig, result: StepResult) -> None:
        """The last picture of a rig and what was made of it."""
        camera = rig.camera.id
        starts = any(isinstance(e.body, Event) and e.body.stage is Stage.START for e in result.events)
        largest_px = max((subject.sighting.box.height_px for subject in result.subjects), default=0.0)
        if not largest_px:
            return
        at_s = rig.seconds(result.captured_at_us)
        if f"{camera}-first" not in self._kept:
            self._keep(f"{camera}-first", f"{camera}: first seen", rig, result, at_s)
        if starts and self._alarms < self.MOST_ALARMS:
            self._alarms += 1
            self._keep(f"{camera}-alarm-{self._alarms}", f"{camera}: an alarm is raised", rig, result, at_s)
        if largest_px > 1.1 * self._largest_px.get(camera, 0.0):
            self._largest_px[camera] = largest_px
            self._keep(f"{camera}-largest", f"{camera}: the nearest view", rig, result, at_s)

    def write(self) -> None:
        if not self._kept:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, (_, data) in self._kept.items():
            (self._folder / f"{name}.jpg").write_bytes(data)
        captions = {f"{name}.jpg": caption for name, (caption, _) in self._kept.items()}
        (self._folder / "captions.json").write_text(json.dumps(captions, indent=1) + "\n", encoding="utf-8")

    def _keep(self, name: str, caption: str, rig: Rig, result: StepResult, at_s: float) -> None:
        image = rig.last.copy()
        for subject in result.subjects:
            box = subject.sighting.box
            corner, size = (round(box.x_px), round(box.y_px)), (round(box.width_px), round(box.height_px))
            cv2.rectangle(image, (*corner, *size), OUTLINE_BGR, 1)
            words = f"{subject.sighting.label.value} {subject.sighting.score:.2f}"
            cv2.putText(image, words, (corner[0], max(corner[1] - 4, 10)), cv2.FONT_HERSHEY_SIMPLEX, 0.4, OUTLINE_BGR)
        done, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, 88))
        assert done
        self._kept[name] = (f"{caption}, at {at_s:.1f} s", data.tobytes())


def _opened(loaded: Loaded, model: str, console: Console) -> Detector:
    """By name from where models are kept, or by a path beside the scenario."""
    beside = loaded.file(model)
    return open_detector(
        str(beside) if beside.is_file() else model,
        folders=model_folders(os.environ),
        cache=model_cache(os.environ),
        download=download_with_bar(console),
        score_min=RECORDED_FROM,
    )


def _pinhole(camera: Camera) -> OpenCvLens:
    if not isinstance(camera.lens, OpenCvLens):
        raise SetUpError(f"camera '{camera.id}': only an opencv lens can be rendered, got '{camera.lens.model}'")
    return camera.lens
