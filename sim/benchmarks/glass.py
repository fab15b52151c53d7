"""From the glass of a camera to the glass of a screen: how old a picture of the Live page is, by each way of decoding.

A real node and a real coordinator on loopback, and Debian's Chromium. The picture itself carries the time at which it
was taken (sim/benchmarks/glass_camera.py): it is read back from the page's canvas in the frame of the screen for which
the page draws it. What a compositor and a monitor take after that is not in it, nor a camera's exposure.
"""

import json
import os
import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from contract.clock import Clock
from contract.events import ModelIdentity
from contract.labels import Label
from contract.site import Camera, CameraPose, Geofence, OpenCvLens, Origin, Site
from detectors.detections import Detections
from detectors.record import Header, write_recording
from fleet.records.auth import digest_of
from fleet.records.node_credentials import NodeCredentials
from fleet.records.store import open_store
from sim.benchmarks.figures import Spread, spread
from sim.benchmarks.glass_camera import BITS, COLUMNS, FRAMES_PER_S, HEIGHT_PX, SQUARE_PX, WIDTH_PX, camera
from sim.benchmarks.ingest import address_of
from sim.children import Child
from sim.chromium import open_browser, wait_for, what_is_missing
from sim.demo_setup import LOOPBACK, DemoError
from sim.embedded_broker import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DIST = Path(__file__).parents[2] / "fleet" / "console" / "dist"
PICTURES, WARM_UP, P50_BAR_MS = 150, 10, 150.0
PATIENCE_MS = 90_000.0
TOKEN, TOKEN_ENV = "the-token-of-the-bench", "VEDETTE_BENCH_TOKEN"
# What is taken from the browser, so that the page goes that way.
WAYS: Mapping[str, str] = {
    "WebCodecs": "",
    "MSE": "delete window.VideoDecoder;",
    "JPEG": "delete window.VideoDecoder; delete window.MediaSource;",
}
# Reads the squares off the canvas of the page, when it is drawn in a frame of the screen. Every third picture: reading
# back costs what drawing costs.
READ = """
localStorage.setItem("vedette.name", "bench"); localStorage.setItem("vedette.language", "en");
window.glass = [];
const draw = CanvasRenderingContext2D.prototype.drawImage;
let drawn = 0;
CanvasRenderingContext2D.prototype.drawImage = function (...given) {
  draw.apply(this, given);
  if (!this.canvas.closest(".tile") || drawn++ %% 3) return;
  const nowMs = performance.timeOrigin + performance.now();
  const [bits, columns, side] = %s;
  const { data } = this.getImageData(0, 0, columns * side, Math.ceil(bits / columns) * side);
  const squares = [...Array(bits).keys()].map((n) => {
    const x = (n %% columns) * side + side / 2, y = Math.floor(n / columns) * side + side / 2;
    return data[(y * columns * side + x) * 4] > 127 ? 1 : 0;
  });
  if (squares.reduce((sum, bit) => sum + bit, 0) %% 2) return;
  const takenMs = squares.slice(0, -1).reduce((value, bit) => value * 2 + bit, 0);
  const told = this.canvas.closest(".tile").querySelector("figcaption span").textContent;
  window.glass.push([nowMs, takenMs, told]);
};
"""


@dataclass(frozen=True, slots=True)
class Way:
    """glass: by the squares in the picture. told_p50_ms: by the page's own line; None: it told none."""

    way: str
    glass: Spread | None
    told_p50_ms: float | None
    rate_hz: float


@dataclass(frozen=True, slots=True)
class Glass:
    """load: of the machine before."""

    ways: tuple[Way, ...]
    load: float

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well. JPEG is a few pictures a second: no bar."""
        missed = []
        for each in self.ways:
            if each.glass is None:
                missed.append(f"{each.way}: expected pictures, got none")
            elif each.way != "JPEG" and each.glass.p50_ms > P50_BAR_MS:
                missed.append(f"{each.way}: expected a p50 of at most {P50_BAR_MS:g} ms, got {each.glass.p50_ms:.0f}")
        return missed

    def table(self) -> Table:
        table = Table("glass to glass", "p50 ms", "p95 ms", "max ms", "told p50 ms", "pictures/s", "bar p50 ms")
        table.title = f"{WIDTH_PX}x{HEIGHT_PX} at {FRAMES_PER_S} Hz; load before: {self.load:.1f}"
        for each in self.ways:
            got = each.glass
            times = ["–"] * 3 if got is None else [f"{ms:.0f}" for ms in (got.p50_ms, got.p95_ms, got.max_ms)]
            told = "–" if each.told_p50_ms is None else f"{each.told_p50_ms:.0f}"
            bar = "" if each.way == "JPEG" else f"<= {P50_BAR_MS:g}"
            table.add_row(each.way, *times, told, f"{each.rate_hz:.1f}", bar)
        return table


def measure_glass(folder: Path, *, clock: Clock, console: Console) -> Glass:
    """About two minutes. Raises DemoError where Chromium, Playwright or the built console is missing."""
    load, missing = os.getloadavg()[0], what_is_missing()
    if missing is not None:
        raise DemoError(f"glass needs {missing}")
    if not (DIST / "index.html").is_file():
        raise DemoError("glass needs the built console (make console)")
    _write(folder)
    with ExitStack() as stack:
        stack.enter_context(camera(folder / "glass.sdp", clock=clock))
        secrets = {TOKEN_ENV: TOKEN}
        fleet, edge = (
            Child(name, [name, "run", f"{folder}/{name}.json"], log_path=folder / f"{name}.log", secrets=secrets)
            for name in ("fleet", "edge")
        )
        for child in (fleet, edge):
            stack.callback(child.stop)
            child.start()
        url = address_of(fleet)
        browser = stack.enter_context(open_browser())
        ways = []
        for way, first in WAYS.items():
            with console.status(way):
                ways.append(_measured(browser, f"{url}/live", way, first))
    return Glass(tuple(ways), load)


def _measured(browser: "Browser", url: str, way: str, first: str) -> Way:
    """Of one page. Raises DemoError where its pictures came another way."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(first + READ % json.dumps([BITS, COLUMNS, SQUARE_PX]))
        page.goto(url)
        wait_for(page, f"window.glass.length >= {WARM_UP}", timeout_s=PATIENCE_MS / 1000.0)
        page.wait_for_timeout(3_000.0)  # until it keeps pace
        page.evaluate("window.glass.length = 0")
        wanted = PICTURES if way != "JPEG" else PICTURES // 5
        wait_for(page, f"window.glass.length >= {wanted}", timeout_s=PATIENCE_MS / 1000.0)
        seen: list[tuple[float, int, str]] = page.evaluate("window.glass")
    finally:
        context.close()
    lines = [line for _, _, line in seen]
    if not any(way in line for line in lines):
        raise DemoError(f"expected pictures by {way}, the page says '{lines[-1]}'")
    told = sorted(int(found[1]) for line in lines if (found := re.match(r"(\d+) ms", line)))
    rates = sorted(float(found[1]) for line in lines if (found := re.search(r"([\d.]+) fps", line)))
    return Way(
        way,
        spread(round((now_ms - taken_ms) * 1000.0) for now_ms, taken_ms, _ in seen),
        float(told[len(told) // 2]) if told else None,
        rates[len(rates) // 2] if rates else 0.0,
    )


def _write(folder: Path) -> None:
    """A site with one camera, its node and coordinator; nobody is ever in the picture."""
    lens = OpenCvLens(
        model="opencv",
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        fx_px=900.0,
        fy_px=900.0,
        cx_px=WIDTH_PX / 2,
        cy_px=HEIGHT_PX / 2,
    )
    pose = CameraPose(east_m=0.0, north_m=0.0, up_m=5.0, heading_deg=0.0, pitch_deg=-10.0)
    corners = ((52.0, 13.0), (52.001, 13.0), (52.001, 13.001), (52.0, 13.001))
    site = Site(
        schema_version=1,
        id="glass",
        name="Glass",
        time_zone="UTC",
        origin=Origin(lat_deg=52.0, lon_deg=13.0, ground_amsl_m=40.0),
        geofence=Geofence.model_validate({"polygon": [{"lat_deg": lat, "lon_deg": lon} for lat, lon in corners]}),
        cameras=(Camera(id="glass", node="edge-1", lens=lens, pose=pose),),
    )
    nobody = ((round(n * 1e6 / FRAMES_PER_S), Detections.none()) for n in range(FRAMES_PER_S * 900))
    model = ModelIdentity(name="nobody", sha256="0" * 64, backend="scripted")
    header = Header(
        model=model.name,
        sha256=model.sha256,
        backend=model.backend,
        labels=(Label.PERSON,),
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        source="glass",
    )
    write_recording(folder / "glass.jsonl", header, nobody)
    http_port = free_port()
    broker = {"port": 1}  # nobody needs one here
    feed = {"camera": "glass", "url": "glass.sdp", "origin": "simulated", "detections": "glass.jsonl"}
    coordinator = {"url": f"http://{LOOPBACK}:{http_port}", "token_env": TOKEN_ENV}
    files: dict[str, dict[str, Any]] = {
        "site.json": site.model_dump(mode="json", exclude_none=True),
        "fleet.json": {
            "site_file": "site.json",
            "data_dir": "fleet",
            "broker": broker,
            "http": {"host": LOOPBACK, "port": http_port},
        },
        "edge.json": {
            "node": "edge-1",
            "site_file": "site.json",
            "data_dir": "node",
            "broker": broker,
            "metrics": None,
            "coordinator": coordinator,
            "feeds": [feed],
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    (folder / "fleet").mkdir()
    with open_store(folder / "fleet" / "fleet.db") as store:
        NodeCredentials(store).add("edge-1", digest_of(TOKEN), by="bench", at_us=1)
