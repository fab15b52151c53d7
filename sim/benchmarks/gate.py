"""What a glance at a fixed camera's picture (edge/perception/glance.py) costs: does it move, is the view its own.

Pictures of 1920x1080 in three scenes: people who walk (a recording, enlarged), a yard where nothing moves but the
sensor's noise, and that yard while a lamp is switched on and off. The time is that of the processor, of all threads, so
that others on the machine disturb it less than they disturb the clock.
"""

import statistics
import threading
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from contract.clock import Clock
from detectors.frame import Frame, ImageBgr
from edge.opencv import stay_on_this_thread
from edge.perception.glance import Glance
from edge.source import SourceOptions, open_source
from sim.benchmarks.figures import Spread, spread
from sim.benchmarks.idle import FPS, HEIGHT_PX, NOISE, WIDTH_PX

BAR_MS = 1.0
FRAMES = 400
LAMP_FRAMES = 100  # between two turns of the switch
LAMP_GAIN = 1.5
STILL_PICTURES = 5  # of noise; a shift makes each picture new
SWEEP_HZ = 1.0


@dataclass(frozen=True, slots=True)
class GlanceCost:
    """scenes: processor time for each picture; mean_ms: the same, as a core pays it; passed: pictures that the detector
    would have to see. While the gate is open only some are glanced at."""

    scenes: dict[str, Spread]
    mean_ms: dict[str, float]
    passed: dict[str, int]

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        return [
            f"a glance at 1080p, {name}: expected p50 and mean of at most {BAR_MS:g} ms, "
            f"got {took.p50_ms:.2f} and {self.mean_ms[name]:.2f} ms"
            for name, took in self.scenes.items()
            if max(took.p50_ms, self.mean_ms[name]) > BAR_MS
        ]

    def table(self) -> Table:
        title = f"a glance at 1080p, ms of processor time; p50 and mean at most {BAR_MS:g}"
        table = Table("scene", "pictures", "p50", "mean", "p95", "p99", "passed", title=title)
        for column in table.columns[1:]:
            column.justify = "right"
        for name, took in self.scenes.items():
            times = (f"{each:.2f}" for each in (took.p50_ms, self.mean_ms[name], took.p95_ms, took.p99_ms))
            table.add_row(name, str(took.count), *times, str(self.passed[name]))
        return table


def measure_gate(video: Path, *, clock: Clock, console: Console, frames: int = FRAMES) -> GlanceCost:
    """`video`: people who walk before a fixed camera. Raises FeedUnreadable."""
    stay_on_this_thread()  # as the node does
    scenes: dict[str, Spread] = {}
    mean_ms: dict[str, float] = {}
    passed: dict[str, int] = {}
    for name, pictures in (
        ("people who walk", _walkers(video, clock)),
        ("nothing moves", _yard(lamp=False)),
        ("a lamp, on and off", _yard(lamp=True)),
    ):
        with console.status(f"glances: {name}"), closing(pictures):
            glance = Glance(rate_min_hz=SWEEP_HZ)
            times_us, passed[name] = [], 0
            for index, image in enumerate(islice(pictures, frames)):
                at_us = index * 1_000_000 // FPS
                before_ns = time.process_time_ns()
                passed[name] += glance.lets_pass(Frame(image, at_us, at_us, index, 0))
                times_us.append((time.process_time_ns() - before_ns) // 1000)
        took = spread(times_us)
        assert took is not None
        scenes[name], mean_ms[name] = took, statistics.fmean(times_us) / 1e3
    return GlanceCost(scenes, mean_ms, passed)


def _walkers(video: Path, clock: Clock) -> Generator[ImageBgr, None, None]:
    with closing(open_source(SourceOptions(str(video)), clock=clock).frames(threading.Event())) as recorded:
        for frame in recorded:
            yield np.asarray(cv2.resize(frame.image_bgr, (WIDTH_PX, HEIGHT_PX)), np.uint8)


def _yard(*, lamp: bool) -> Generator[ImageBgr, None, None]:
    """A yard with noise that is new in each picture; `lamp` lights a third of it for some seconds, again and again."""
    chance = np.random.default_rng(1)
    coarse = chance.integers(50, 160, (HEIGHT_PX // 40, WIDTH_PX // 40, 3), dtype=np.uint8)
    dark = cv2.resize(coarse, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    lit = dark.copy()
    lit[:, : WIDTH_PX // 3] = (lit[:, : WIDTH_PX // 3] * LAMP_GAIN).astype(np.int16)
    noise = [np.rint(chance.normal(0, NOISE, dark.shape)).astype(np.int16) for _ in range(STILL_PICTURES)]
    index = 0
    while True:
        yard = lit if lamp and index // LAMP_FRAMES % 2 else dark
        grain = np.roll(noise[index % len(noise)], 7 * index, axis=1)
        yield np.clip(yard + grain, 0, 255).astype(np.uint8)
        index += 1
