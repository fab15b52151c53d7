"""The rendered world: how fast it is drawn, and how fast a closed loop of two rendered cameras goes, in real times.

Both cameras draw 640x360 without shadows on the CPU and look with YOLOX-Nano at 416 five times a second; the drone
launches, flies to its stand-off point and looks, as in the shipped scenario whose site and scenery this borrows.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from contract.clock import Clock
from contract.site import OpenCvLens
from sim.rendering import live_eyes
from sim.run import clock_of, play
from sim.scenario import Loaded, Rendered
from sim.scenario_file import load_scenario
from sim.world.drawn import Noise
from sim.world.opening import open_world

SCENARIO = Path(__file__).parent.parent / "scenarios" / "night-closed-loop.yaml"
FIXED, CARRIED = "fence-cam", "drone-1-cam"
PICTURES = 120
PICTURES_FROM_S = 6.0  # somebody is in them
LENGTH_S = 40.0
FPS_BAR, RATIO_BAR = 12.0, 0.5


@dataclass(frozen=True, slots=True)
class WorldSpeed:
    """`*_fps`: pictures a second, with the truth of each and without; `real_times`: seconds of the scenario in one."""

    truth_fps: float
    picture_fps: float
    real_times: float

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        bars = (
            ("pictures of 640x360 a second", self.picture_fps, FPS_BAR),
            ("closed loop of two cameras, times real time", self.real_times, RATIO_BAR),
        )
        return [f"{name}: expected at least {bar}, got {value:.2f}" for name, value, bar in bars if value < bar]

    def table(self) -> Table:
        table = Table("rendered world", "measured", "at least")
        table.add_row("640x360 without shadows, frames/s", f"{self.picture_fps:.1f}", f"{FPS_BAR:g}")
        table.add_row("the same with boxes and what hides them, frames/s", f"{self.truth_fps:.1f}", "")
        table.add_row(
            "closed loop, fixed and drone's camera at 5 frames/s, times real time",
            f"{self.real_times:.2f}",
            f"{RATIO_BAR:g}",
        )
        return table


def measure_world(model: Path, *, clock: Clock, console: Console) -> WorldSpeed:
    """Raises WorldError where nothing can be drawn, DetectorError for the model."""
    loaded = _small(load_scenario(SCENARIO), model)
    truth_fps, picture_fps = (_drawing_fps(loaded, with_truth=each, clock=clock) for each in (True, False))
    with tempfile.TemporaryDirectory(prefix="vedette-world-") as name:
        folder = Path(name)
        with live_eyes(loaded, folder, seed=1, console=console) as eyes:
            started_us = clock.monotonic_us()
            play(loaded, folder, clock=clock_of(loaded), seed=1, eyes=eyes)
            took_s = (clock.monotonic_us() - started_us) / 1e6
    return WorldSpeed(truth_fps, picture_fps, LENGTH_S / took_s)


def _small(loaded: Loaded, model: Path) -> Loaded:
    """The scenario with both cameras at the fixed one's size, looking with one model."""
    size = loaded.site.camera(FIXED).lens
    lens = loaded.site.camera(CARRIED).lens
    assert isinstance(lens, OpenCvLens)
    scale = size.width_px / lens.width_px
    small = lens.model_copy(
        update={
            "width_px": size.width_px,
            "height_px": size.height_px,
            **{key: getattr(lens, key) * scale for key in ("fx_px", "fy_px", "cx_px", "cy_px")},
        }
    )
    cameras = tuple(
        camera.model_copy(update={"lens": small}) if camera.id == CARRIED else camera for camera in loaded.site.cameras
    )
    feeds = []
    for feed in loaded.scenario.feeds:
        assert isinstance(feed.eye, Rendered)
        eye = feed.eye.model_copy(update={"model": str(model.resolve()), "recording": None})
        feeds.append(feed.model_copy(update={"eye": eye}))
    scenario = loaded.scenario.model_copy(update={"feeds": tuple(feeds), "length_s": LENGTH_S, "expectations": ()})
    site = loaded.site.model_copy(update={"cameras": cameras})
    return loaded.model_copy(update={"site": site, "scenario": scenario})


def _drawing_fps(loaded: Loaded, *, with_truth: bool, clock: Clock) -> float:
    camera = loaded.site.camera(FIXED)
    lens, pose = camera.lens, camera.pose
    assert isinstance(lens, OpenCvLens)
    assert pose is not None
    noise = Noise(sigma_frac=0.02, seed=1, camera=camera.id)
    with open_world(loaded, sizes_px=[(lens.width_px, lens.height_px)]) as world:
        world.draw(PICTURES_FROM_S, pose, lens, noise=noise, with_truth=with_truth)  # what is made once
        started_us = clock.monotonic_us()
        for index in range(PICTURES):
            world.draw(PICTURES_FROM_S + index / 10, pose, lens, noise=noise, with_truth=with_truth)
        return PICTURES / (clock.monotonic_us() - started_us) * 1e6
