"""A bench for a person: a table on the terminal and a picture of it."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import cv2
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from contract.clock import SystemClock
from detectors.bench import Measured, enter, measure
from detectors.bench_plot import draw
from detectors.errors import ModelError
from detectors.fastest import machine
from detectors.frame import Frame
from detectors.registry import ModelFile


def run_bench(
    files: Sequence[ModelFile],
    *,
    backends: Sequence[str],
    frames: Sequence[Frame],
    rounds: int,
    threads: int,
    cache: Path,
    plot: Path | None,
) -> None:
    """Raises ModelError when no backend runs any of the models, or the picture cannot be written."""
    contenders, refused = enter(files, backends=backends, threads=threads, cache=cache)
    if not contenders:
        raise ModelError("; ".join(f"{each.backend}: {each.why}" for each in refused))
    measured = measure(contenders, frames, rounds=rounds, clock=SystemClock())
    height_px, width_px = frames[0].image_bgr.shape[:2]
    title = f"{machine()}, {threads} threads, frames of {width_px}x{height_px}, {rounds} rounds"
    console = Console()
    console.print(table_of(measured, title=title))
    for refusal in refused:
        console.print(f"{refusal.model} on {refusal.backend}: {refusal.why}", markup=False, soft_wrap=True)
    if plot:
        try:
            written = cv2.imencode(".png", draw(measured, title=title))[1].tobytes()
            plot.write_bytes(written)
        except OSError as err:
            raise ModelError(f"{plot}: {err.strerror or err}") from err
        console.print(f"plot: {plot}", soft_wrap=True)


def table_of(measured: Sequence[Measured], *, title: str) -> Table:
    caption = "times in ms, medians; slow: nine frames in ten take less; share: the network's part of a frame"
    table = Table("model, backend", title=title, caption=caption, box=SIMPLE_HEAD)
    for name in ("letterbox", "network", "boxes", "frame", "slow", "fps", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    for model, rows in groupby(measured, key=lambda each: each.model):
        table.add_row(model)
        for each in rows:
            steps_ms = (each.letterbox_ms, each.network_ms, each.boxes_ms, each.frame_ms, each.slow_frame_ms)
            times = (f"{took_ms:.2f}" for took_ms in steps_ms)
            table.add_row(f"  {each.backend}", *times, f"{1000 / each.frame_ms:.1f}", f"{each.network_share:.2f}")
    return table
