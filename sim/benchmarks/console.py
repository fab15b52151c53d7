"""What the console costs in a browser: until Watch stands there, its JavaScript, frames with a full site, how long an
event takes from the wire to the queue and a key in a storm to the screen, and what an hour of Replay leaves in memory.

A real coordinator behind mosquitto and Debian's Chromium, which draws the map in software here: all of them share this
machine, so frames are what a console without a graphics card shows. The full site comes from a feed of ours in place of
the coordinator's: what is measured is the page.
"""

import gzip
import json
import os
import statistics
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from contract.clock import Clock
from sim.benchmarks.console_busy import SPEED, STORM_PEOPLE, heap_over_an_hour, keys_in_storm
from sim.benchmarks.console_feed import FEED_HZ, TRACKS, VEHICLES, full_site, round_of
from sim.benchmarks.figures import Spread, spread
from sim.benchmarks.ingest import address_of, coordinator
from sim.chromium import open_browser, wait_for, what_is_missing
from sim.demo_setup import DemoError
from sim.mosquitto import Mosquitto, find_mosquitto
from sim.soak import crowd

if TYPE_CHECKING:
    from playwright.sync_api import Page

DIST = Path(__file__).parents[2] / "fleet" / "console" / "dist"
LOADS, PEOPLE, RATE_HZ, FRAMES_S, ROUNDS = 5, 80, 12.0, 15.0, 20
PAINT_BAR_S, SCRIPT_BAR_KB, FRAMES_BAR_HZ, PIXEL_BAR_MS = 1.5, 500.0, 25.0, 250.0
KEY_BAR_MS, GROWTH_BAR_MB = 500.0, 5.0
PATIENCE_MS = 60_000.0
# Notes when the queue first stands on the screen, and when its count of alarms first is each number.
WATCH = """
localStorage.setItem("vedette.name", "bench"); localStorage.setItem("vedette.language", "en");
window.painted = 0; window.counts = {}; window.frames = 0;
const count = () => { window.frames += 1; requestAnimationFrame(count); };
requestAnimationFrame(count);
new MutationObserver(() => {
  const titles = [...document.querySelectorAll("h2, h3")].map((each) => each.textContent);
  const shown = titles.map((each) => /^Alarms \\((\\d+)\\)/.exec(each)).find(Boolean);
  if (!shown) return;
  requestAnimationFrame(() => {
    const atMs = performance.timeOrigin + performance.now();
    window.painted ||= performance.now();
    window.counts[shown[1]] ??= atMs;
  });
}).observe(document, { childList: true, subtree: true, characterData: true });
"""
# Stands for the coordinator's WebSocket.
FEED = """
const told = %s;
window.WebSocket = class {
  constructor() {
    let step = 0;
    const say = (data) => this.onmessage?.({ data });
    setTimeout(() => { this.onopen?.({}); say(told.snapshot); }, 0);
    setInterval(() => told.rounds[step++ %% told.rounds.length].forEach(say), told.each_ms);
  }
  send() {}
  close() {}
};
"""


@dataclass(frozen=True, slots=True)
class ConsoleCost:
    """paint_s: median until the queue is on the screen, of `LOADS` loads. script_kb: gzip, of what Watch loads without
    the map engine; map_kb: with it. to_pixel: from a node's sending. frames_hz: with the full site; idle_hz: without.
    keys: from a key to the screen in a storm. heap_mb: twenty minutes into an hour of Replay, and at its end. load: of
    the machine before."""

    paint_s: float
    script_kb: float
    map_kb: float
    to_pixel: Spread | None
    frames_hz: float
    idle_hz: float
    keys: Spread
    heap_mb: tuple[float, float]
    load: float

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        pixel_ms = None if self.to_pixel is None else self.to_pixel.p95_ms
        bars = (
            ("first paint of Watch, s", self.paint_s, PAINT_BAR_S),
            ("JavaScript of Watch, kB gzip", self.script_kb, SCRIPT_BAR_KB),
            ("event to pixel p95, ms", pixel_ms, PIXEL_BAR_MS),
            ("key to pixel in a storm p95, ms", self.keys.p95_ms, KEY_BAR_MS),
            ("growth over an hour of Replay, MB", self.heap_mb[1] - self.heap_mb[0], GROWTH_BAR_MB),
        )
        missed = [
            f"{name}: expected at most {bar:g}, got {'nothing' if value is None else f'{value:.2f}'}"
            for name, value, bar in bars
            if value is None or value > bar
        ]
        if self.frames_hz < FRAMES_BAR_HZ:
            missed.append(f"frames: expected at least {FRAMES_BAR_HZ:g} a second, got {self.frames_hz:.1f}")
        return missed

    def table(self) -> Table:
        table = Table("console", "measured", "bar", title=f"load before: {self.load:.1f}")
        pixel = "–" if self.to_pixel is None else f"{self.to_pixel.p95_ms:.0f} (p50 {self.to_pixel.p50_ms:.0f})"
        table.add_row("first paint of Watch, s", f"{self.paint_s:.2f}", f"<= {PAINT_BAR_S:g}")
        table.add_row("JavaScript without the map engine, kB gzip", f"{self.script_kb:.0f}", f"<= {SCRIPT_BAR_KB:g}")
        table.add_row("JavaScript with it, kB gzip", f"{self.map_kb:.0f}", "")
        table.add_row("event on the wire to pixel p95, ms", pixel, f"<= {PIXEL_BAR_MS:g}")
        what = f"frames/s, {VEHICLES} vehicles and {TRACKS} tracks at {FEED_HZ:g} Hz"
        table.add_row(what, f"{self.frames_hz:.1f} (idle {self.idle_hz:.1f})", f">= {FRAMES_BAR_HZ:g}")
        storm = f"key to pixel in a storm of {STORM_PEOPLE} alarms p95, ms"
        table.add_row(storm, f"{self.keys.p95_ms:.0f} (most {self.keys.max_ms:.0f})", f"<= {KEY_BAR_MS:g}")
        first_mb, last_mb = self.heap_mb
        hour = f"memory over an hour of Replay at {SPEED} times, MB"
        table.add_row(hour, f"{first_mb:.1f} to {last_mb:.1f}", f"growth <= {GROWTH_BAR_MB:g}")
        return table


def measure_console(folder: Path, *, clock: Clock, console: Console) -> ConsoleCost:
    """About six minutes. Raises DemoError where mosquitto, Chromium, Playwright or the built console is missing."""
    binary, load = find_mosquitto(), os.getloadavg()[0]
    missing = what_is_missing() or (None if binary else "mosquitto (apt-get install mosquitto)")
    if missing is not None or binary is None:
        raise DemoError(f"console needs {missing}")
    if not (DIST / "index.html").is_file():
        raise DemoError("console needs the built console (make console)")
    (folder / "broker").mkdir()
    site = crowd.site()
    (folder / "site.yaml").write_text(json.dumps(site.model_dump(mode="json", exclude_none=True)))
    with (
        Mosquitto(binary, folder=folder / "broker", clock=clock) as broker,
        coordinator(folder, None, port=broker.port) as child,
        open_browser() as browser,
    ):
        url = address_of(child)
        page = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB").new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(WATCH)
        with console.status("first paint"):
            paint_s = statistics.median(_painted_s(page, url) for _ in range(LOADS))
        loaded: list[str] = page.evaluate(
            "performance.getEntriesByType('resource').map((each) => each.name).filter((name) => name.endsWith('.js'))"
        )
        script_kb, map_kb = _gzip_kb(loaded)
        idle_hz = _frames_hz(page, clock)
        with (
            console.status("event to pixel"),
            crowd.Crowd(crowd.messages_of(PEOPLE, seed=3), port=broker.port, clock=clock, rate_hz=RATE_HZ) as nodes,
        ):
            to_pixel = _to_pixel(page, url, nodes)
        with console.status("a storm"):
            keys = keys_in_storm(page, port=broker.port, clock=clock)
        heap_mb = heap_over_an_hour(browser.new_page(), folder, clock=clock, console=console)
        with console.status("a full site"):
            frames_hz = _with_full_site(page, url, clock)
    return ConsoleCost(paint_s, script_kb, map_kb, to_pixel, frames_hz, idle_hz, keys, heap_mb, load)


def _painted_s(page: "Page", url: str) -> float:
    page.goto(url)
    wait_for(page, "window.painted > 0", timeout_s=PATIENCE_MS / 1000.0)
    return float(page.evaluate("window.painted")) / 1000.0


def _gzip_kb(urls: Sequence[str]) -> tuple[float, float]:
    """Of the scripts, without those of the map engine and with them."""
    sizes = {}
    for url in urls:
        file = DIST / "assets" / url.rpartition("/")[2]
        if file.is_file():
            sizes[file.name] = len(gzip.compress(file.read_bytes())) / 1000.0
    return sum(kb for name, kb in sizes.items() if "map" not in name.lower()), sum(sizes.values())


def _to_pixel(page: "Page", url: str, nodes: crowd.Crowd) -> Spread | None:
    """Of each alarm that opened an incident: the count in the queue says that it stands there."""
    nodes.start()
    total = PEOPLE * len(crowd.STAGES)
    if not nodes.wait(lambda: nodes.done == total, timeout_s=PATIENCE_MS / 1000.0):
        raise DemoError(f"of {total} events {nodes.done} were stored")
    page.wait_for_timeout(1000.0)
    counts = {int(count): float(at_ms) for count, at_ms in page.evaluate("window.counts").items()}
    incidents: list[dict[str, Any]] = page.request.get(f"{url}/api/v1/incidents?limit=500&kind=intrusion").json()
    opened = sorted(nodes.sent_at_us[uuid.UUID(incident["alarm_ids"][0]), 0] for incident in incidents)
    times_us = []
    for rank, sent_us in enumerate(opened, 1):
        seen_ms = min((at_ms for count, at_ms in counts.items() if count >= rank), default=None)
        if seen_ms is None:
            raise DemoError(f"of {len(opened)} incidents the queue showed {max(counts, default=0)}")
        times_us.append(round(seen_ms * 1000.0) - sent_us)
    return spread(times_us)


def _frames_hz(page: "Page", clock: Clock) -> float:
    """Over `FRAMES_S`."""
    before, began_us = page.evaluate("window.frames"), clock.monotonic_us()
    page.wait_for_timeout(FRAMES_S * 1000.0)
    return float(page.evaluate("window.frames") - before) / ((clock.monotonic_us() - began_us) / 1e6)


def _with_full_site(page: "Page", url: str, clock: Clock) -> float:
    """Frames a second while a feed in the page's own process tells it of a full site, message by message."""
    snapshot = page.request.get(f"{url}/api/v1/snapshot").json()
    rounds = [round_of(snapshot, step) for step in range(ROUNDS)]
    told = json.dumps({"snapshot": full_site(snapshot), "rounds": rounds, "each_ms": 1000.0 / FEED_HZ})
    page.add_init_script(FEED % told)
    page.goto(url)
    wait_for(page, "window.painted > 0", timeout_s=PATIENCE_MS / 1000.0)
    return _frames_hz(page, clock)
