"""Whether a node's memory stays where it is: resident memory over 100 000 frames, as fast as they go.

The node runs as it is installed, in a process of its own, with outbox, clips, pictures and tracks; a scripted detector
shows it somebody in a set zone again and again, and this process acknowledges on the bus what the node says.
"""

import asyncio
import re
import statistics
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from contract.clock import Clock
from contract.envelope import Origin
from contract.site import OpenCvLens, Site
from edge.errors import EdgeError
from edge.settings import BrokerSettings, EdgeSettings, EvidenceSettings, FeedSettings, MetricsSettings
from sim.benchmarks.acknowledging import Acknowledging
from sim.benchmarks.flat_plot import write_plot
from sim.benchmarks.run import PAGE_BYTES
from sim.benchmarks.stage import FOCAL_PX, HEIGHT_PX, WIDTH_PX, Box, box_px, script, write_video, yard
from sim.children import Child
from sim.demo_setup import LOOPBACK
from sim.embedded_broker import EmbeddedBroker, free_port

FRAMES, WARM_FRAMES = 100_000, 50_000  # judged by, and let go before, everything has its size
BLOCKS = 20  # of frames: what is between two looks hangs together, the means of blocks hardly do
SLOPE_BAR_KB = 5.0  # a thousand frames; half a megabyte in all is this allocator's own unrest
SMALLER = 4  # than the stage of the latency: decoding is measured elsewhere
STAY_FRAMES = 51  # of who is there, and until the next one comes; few rows, or a leak fills what reading them left free
KEPT_GB = 0.004  # full long before the frames that count: from then on evidence gives way
LOOK_EACH_S = 0.25
FRAME_WITHIN_S = 0.05  # on the slowest machine this is meant for
READY_WITHIN_S = 60.0
JUDGED = re.compile(rb"^vedette_frames_judged_total\{[^}]*\} (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Flatness:
    """slope_kb: that resident memory grows in a thousand frames, least squares over means of blocks, and its standard
    error. acknowledged: events and manifests that were acknowledged."""

    slope_kb: float
    slope_error_kb: float
    first_mb: float
    last_mb: float
    frames: int
    acknowledged: int
    frames_per_s: float

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        bar_kb = max(SLOPE_BAR_KB, 2 * self.slope_error_kb)
        if self.slope_kb <= bar_kb:
            return []
        return [f"a node's memory: expected at most {bar_kb:.1f} KB more in 1000 frames, got {self.slope_kb:.1f}"]

    def table(self) -> Table:
        table = Table(f"a node's memory over {self.frames} frames", "")
        table.columns[1].justify = "right"
        table.add_row("resident at their beginning, MB", f"{self.first_mb:.1f}")
        table.add_row("at their end, MB", f"{self.last_mb:.1f}")
        table.add_row("slope, KB in 1000 frames", f"{self.slope_kb:+.2f} ± {self.slope_error_kb:.2f}", style="bold")
        table.add_row("messages acknowledged meanwhile", str(self.acknowledged))
        table.add_row("frames a second", f"{self.frames_per_s:.0f}")
        return table


async def measure_flatness(
    folder: Path, *, plot: Path, clock: Clock, console: Console, frames: int = FRAMES, warm_frames: int = WARM_FRAMES
) -> Flatness:
    """`folder` gets video, configuration and logs, `plot` a PNG. Raises EdgeError when the node does not do its job."""
    total = warm_frames + frames
    with console.status("a recording is written"):
        site = _site()
        port, metrics_port = free_port(), free_port()
        config = _write(folder, site, total, port=port, metrics_port=metrics_port)
    looks: list[tuple[int, float]] = []  # frames, resident MB
    async with AsyncExitStack() as stack:
        stack.enter_context(EmbeddedBroker(folder=folder, port=port))
        desk = stack.enter_context(Acknowledging(port, site=site.id, node=site.cameras[0].node, clock=clock))
        node = stack.enter_context(Child("node", ["edge", "run", str(config)], log_path=folder / "node.log"))
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=5.0))
        bar = stack.enter_context(Progress(console=console, transient=True))
        task = bar.add_task("frames", total=total)
        began_us = clock.monotonic_us()
        until_us = began_us + round((READY_WITHIN_S + total * FRAME_WITHIN_S) * 1e6)
        judged = 0
        while judged < total:
            if node.exit_code is not None or clock.monotonic_us() > until_us:
                raise EdgeError(f"bench flat: expected {total} frames to be judged, got {judged}: {node.last_words()}")
            judged = await _judged(http, metrics_port)
            if 0 < judged < total:
                looks.append((judged, _resident_mb(node)))
            bar.update(task, completed=judged)
            await asyncio.sleep(LOOK_EACH_S)
        took_s = (clock.monotonic_us() - began_us) / 1e6
        acknowledged = desk.acknowledged
    warm = [look for look in looks if look[0] >= warm_frames]
    slope_kb, error_kb = slope(warm)
    write_plot(plot, looks, slope_kb=slope_kb, error_kb=error_kb, warm_frames=warm_frames)
    return Flatness(slope_kb, error_kb, warm[0][1], warm[-1][1], frames, acknowledged, total / took_s)


def slope(looks: Sequence[tuple[int, float]], blocks: int = BLOCKS) -> tuple[float, float]:
    """KB in a thousand frames, and its standard error, of (frames, MB): a line through the means of blocks."""
    first, last = looks[0][0], looks[-1][0] + 1
    found: dict[int, list[tuple[int, float]]] = {}
    for look in looks:
        found.setdefault((look[0] - first) * blocks // (last - first), []).append(look)
    x = [statistics.fmean(frames for frames, _ in block) / 1e3 for block in found.values()]
    y = [statistics.fmean(mb for _, mb in block) * 1e3 for block in found.values()]
    line = statistics.linear_regression(x, y)
    beside = sum((kb - line.intercept - line.slope * at) ** 2 for at, kb in zip(x, y, strict=True))
    spread = sum((at - statistics.fmean(x)) ** 2 for at in x)
    return line.slope, (beside / (len(x) - 2) / spread) ** 0.5


def _site() -> Site:
    """The stage of the latency benchmark in small, without vehicles."""
    site = yard()
    lens = OpenCvLens.pinhole(WIDTH_PX // SMALLER, HEIGHT_PX // SMALLER, focal_px=FOCAL_PX / SMALLER)
    cameras = tuple(camera.model_copy(update={"lens": lens}) for camera in site.cameras)
    return site.model_copy(update={"cameras": cameras, "vehicles": (), "docks": ()})


def _write(folder: Path, site: Site, frames: int, *, port: int, metrics_port: int) -> Path:
    size_px = WIDTH_PX // SMALLER, HEIGHT_PX // SMALLER
    boxes = [[_smaller(box_px(number // 2))] if number % 2 else [] for number in range(frames // STAY_FRAMES + 2)]
    (folder / "site.yaml").write_text(site.model_dump_json(exclude_none=True), encoding="utf-8")
    (folder / "yard.detections.jsonl").write_text(script(boxes, size_px, frames_a_row=STAY_FRAMES), encoding="utf-8")
    write_video(folder / "yard.mp4", frames, size_px=size_px)
    (camera,) = site.cameras
    settings = EdgeSettings(
        node=camera.node,
        site_file="site.yaml",
        data_dir="data",
        broker=BrokerSettings(port=port),
        metrics=MetricsSettings(port=metrics_port),
        feeds=(
            FeedSettings(camera=camera.id, url="yard.mp4", origin=Origin.SIMULATED, detections="yard.detections.jsonl"),
        ),
        evidence=EvidenceSettings(keep_gb=KEPT_GB),
    )
    config = folder / "node.yaml"
    config.write_text(settings.model_dump_json(exclude_none=True, exclude_defaults=True), encoding="utf-8")
    return config


def _smaller(box: Box) -> Box:
    left, top, right, bottom = (side / SMALLER for side in box)
    return left, top, right, bottom


async def _judged(http: httpx.AsyncClient, port: int) -> int:
    """Frames, as the node tells; 0 before it tells anything."""
    try:
        answer = await http.get(f"http://{LOOPBACK}:{port}/metrics")
    except httpx.HTTPError:
        return 0
    found = JUDGED.search(answer.content)
    return round(float(found[1])) if found else 0


def _resident_mb(node: Child) -> float:
    try:
        return int(Path(f"/proc/{node.pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES / 1e6
    except OSError as err:
        raise EdgeError(f"bench flat: the node ended: {node.last_words()}") from err
