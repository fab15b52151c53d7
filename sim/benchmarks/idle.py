"""What a feed costs in which nothing happens: 1080p at 25 pictures a second in H.264, a key frame each second.

The node runs as it is installed, in a process of its own, with a real model; the pictures come as MPEG-TS over loopback
from another process, with the noise of a sensor. Its processor time is what the kernel says.
"""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from contract.clock import Clock
from edge.errors import EdgeError
from sim.children import Child, processor_s
from sim.embedded_broker import free_port

FEEDS = (1, 6)
BARS = {1: 0.20, 6: 2.0}  # feeds to cores
WIDTH_PX, HEIGHT_PX, FPS = 1920, 1080, 25
CLIP_S = 8
NOISE = 2.0  # grey levels, one standard deviation
READY_WITHIN_S = 60.0
SETTLE_S = 25.0  # the view is learned, and the key frames' distance
MEASURED_S = 20.0
POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Idle:
    """cores: processor time over time, by number of feeds."""

    model: str
    cores: dict[int, float]

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        return [
            f"{feeds} idle feeds: expected at most {BARS[feeds]:.2f} cores, got {cores:.2f}"
            for feeds, cores in self.cores.items()
            if cores > BARS.get(feeds, np.inf)
        ]

    def table(self) -> Table:
        table = Table("idle feeds", "cores", "at most", title=f"1080p25 H.264 where nothing moves, {self.model}")
        for column in table.columns:
            column.justify = "right"
        for feeds, cores in self.cores.items():
            table.add_row(str(feeds), f"{cores:.2f}", f"{BARS[feeds]:.2f}" if feeds in BARS else "")
        return table


async def measure_idle(
    folder: Path, *, model: Path, clock: Clock, console: Console, feeds: Sequence[int] = FEEDS
) -> Idle:
    """`folder` gets clip, configuration and logs. Raises EdgeError when a node does not come up."""
    clip = folder / "idle.mp4"
    with console.status("an idle view is encoded"):
        write_idle_clip(clip)
    cores = {}
    for count in feeds:
        with console.status(f"{count} idle feeds"):
            cores[count] = await _measure(folder, clip, count, model=model, clock=clock)
    return Idle(model.stem, cores)


async def _measure(folder: Path, clip: Path, count: int, *, model: Path, clock: Clock) -> float:
    ports = [free_port(socket.SOCK_DGRAM) for _ in range(count)]
    config = _write_configuration(folder / f"node-{count}", ports, model=model)
    log = config.with_name("node.log")
    sender = [__name__.rpartition(".")[0] + ".idle_sender", str(clip), *map(str, ports)]
    with ExitStack() as stack:
        stack.enter_context(Child("sender", sender, log_path=config.with_name("sender.log")))
        node = stack.enter_context(Child("node", ["edge", "run", str(config)], log_path=log))
        until_us = clock.monotonic_us() + round(READY_WITHIN_S * 1e6)
        while log.read_text().count("state=ok") < count:
            if node.exit_code is not None or clock.monotonic_us() > until_us:
                raise EdgeError(f"bench idle: expected {count} feeds that are ok: {node.last_words()}")
            await asyncio.sleep(POLL_S)
        await asyncio.sleep(SETTLE_S)
        assert node.pid is not None
        before_s, started_us = processor_s(node.pid), clock.monotonic_us()
        await asyncio.sleep(MEASURED_S)
        used_s, took_us = processor_s(node.pid) - before_s, clock.monotonic_us() - started_us
        if node.exit_code is not None or "lost" in log.read_text():
            raise EdgeError(f"bench idle: expected feeds that stay, got: {node.last_words()}")
    return used_s * 1e6 / took_us


def write_idle_clip(path: Path) -> None:
    """A yard that nothing moves in, with noise that is new in each picture."""
    chance = np.random.default_rng(1)
    coarse = chance.integers(50, 160, (HEIGHT_PX // 40, WIDTH_PX // 40, 3), dtype=np.uint8)
    yard = cv2.resize(coarse, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    noise = [np.rint(chance.normal(0, NOISE, yard.shape)).astype(np.int16) for _ in range(5)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "24", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = WIDTH_PX, HEIGHT_PX, "yuv420p", FPS
        for number in range(CLIP_S * FPS):
            shift = 7 * number  # noise never comes twice from the same place
            image = np.clip(yard + np.roll(noise[number % len(noise)], shift, axis=1), 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _write_configuration(folder: Path, ports: Sequence[int], *, model: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    cameras = [f"camera-{number}" for number in range(1, len(ports) + 1)]
    square = [
        {"lat_deg": 52.0 + y, "lon_deg": 13.0 + x} for x, y in ((-1e-4, 0), (1e-4, 0), (1e-4, 4e-4), (-1e-4, 4e-4))
    ]
    lens = {"model": "opencv", "width_px": WIDTH_PX, "height_px": HEIGHT_PX, "fx_px": 1500.0, "fy_px": 1500.0}
    lens |= {"cx_px": WIDTH_PX / 2, "cy_px": HEIGHT_PX / 2}
    pose = {"east_m": 0.0, "north_m": 0.0, "up_m": 5.0, "heading_deg": 0.0, "pitch_deg": -15.0}
    site = {
        "schema_version": 1,
        "id": "bench",
        "name": "Bench",
        "time_zone": "UTC",
        "origin": {"lat_deg": 52.0, "lon_deg": 13.0, "ground_amsl_m": 40.0},
        "geofence": {"polygon": square},
        "cameras": [{"id": camera, "node": "edge-1", "lens": lens, "pose": pose} for camera in cameras],
        "zones": [{"id": "yard", "name": "Yard", "polygon": square, "cameras": cameras}],
    }
    node = {
        "node": "edge-1",
        "site_file": "site.yaml",
        "data_dir": "data",
        "broker": {"port": free_port()},  # nobody listens: events would wait, and none come
        "model": {"name": str(model)},
        "feeds": [
            {"camera": camera, "url": f"udp://127.0.0.1:{port}", "origin": "live"}
            for camera, port in zip(cameras, ports, strict=True)
        ],
    }
    (folder / "site.yaml").write_text(yaml.safe_dump(site))
    config = folder / "node.yaml"
    config.write_text(yaml.safe_dump(node))
    config.with_name("node.log").touch()
    return config
