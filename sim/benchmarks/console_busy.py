"""The console when it has much to do: a storm of alarms under somebody's hands, and an hour of history played again."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from contract.clock import Clock, SystemClock
from fleet.api.server import bound, prepared, serving, url_of
from fleet.history.reader import HistoryReader
from fleet.records.store import open_store
from fleet.settings import HttpSettings
from sim.benchmarks.figures import Spread, spread
from sim.benchmarks.history import TRACKS, VEHICLES, record_history
from sim.chromium import wait_for
from sim.demo_setup import DemoError
from sim.inputs import read_site
from sim.show import show_api
from sim.soak import crowd

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

SITE = Path(__file__).parents[2] / "deploy" / "sites" / "sterile.yaml"
STORM_PEOPLE, STORM_HZ, KEY_EACH_MS = 2_000, 400.0, 250.0
REPLAY_S, SPEED, WARM_S = 3_600, 60, 1_200
PATIENCE_S = 120.0
# How long each key waited until what it did was on the screen (Event Timing).
KEYS = """() => {
  window.keys = [];
  new PerformanceObserver((seen) => {
    for (const each of seen.getEntries()) if (each.name === "keydown") window.keys.push(each.duration);
  }).observe({ type: "event", durationThreshold: 16, buffered: false });
}"""


def keys_in_storm(page: "Page", *, port: int, clock: Clock) -> Spread:
    """From a key to the next picture, while 2 000 people come into view of the cameras and go again."""
    page.evaluate(KEYS)
    said = crowd.messages_of(STORM_PEOPLE, seed=7)
    pressed = 0
    with crowd.Crowd(said, port=port, clock=clock, rate_hz=STORM_HZ) as nodes:
        nodes.start()
        until_us = clock.monotonic_us() + round((len(said) / STORM_HZ + PATIENCE_S) * 1e6)
        while nodes.done < len(said):
            if clock.monotonic_us() > until_us:
                raise DemoError(f"of {len(said)} messages of the storm {nodes.done} were stored")
            page.keyboard.press("ArrowDown" if pressed % 20 < 15 else "ArrowUp")
            pressed += 1
            page.wait_for_timeout(KEY_EACH_MS)
    page.wait_for_timeout(1_000.0)
    slow_ms: list[float] = page.evaluate("window.keys")
    quick = [0] * max(pressed - len(slow_ms), 0)  # under 16 ms nothing is noted
    found = spread([*quick, *(round(each * 1000.0) for each in slow_ms)])
    assert found is not None
    return found


def heap_over_an_hour(page: "Page", folder: Path, *, clock: Clock, console: Console) -> tuple[float, float]:
    """Megabytes of JavaScript after a collection: twenty minutes into an hour that is played at 60 times its speed, and
    at its end."""
    site = read_site(SITE)
    with console.status("an hour of history is made"):
        record_history(site, folder / "history", vehicles=VEHICLES, tracks=TRACKS, length_s=REPLAY_S)
    reader = HistoryReader(folder / "history")
    first_us = reader.spans()[0][0]
    http = HttpSettings(port=0)
    with (
        open_store(None) as store,
        bound(http) as listening,
        serving(prepared(show_api(site, reader, store, clock=SystemClock(), title="bench"), http), listening),
        console.status("an hour of history is played"),
    ):
        page.goto(f"{url_of(http, listening)}/replay?at={first_us}")
        page.get_by_label("Speed").select_option(str(SPEED))
        page.get_by_role("button", name="Play").click()
        session = page.context.new_cdp_session(page)
        _until_played(page, first_us, WARM_S)
        first_mb = _heap_mb(session)
        _until_played(page, first_us, REPLAY_S - SPEED)
        return first_mb, _heap_mb(session)


def _until_played(page: "Page", first_us: int, length_s: float) -> None:
    shown_ms = "Date.parse(document.querySelector('.not-live time').dateTime)"
    wait_for(page, f"{shown_ms} >= {first_us / 1e3 + length_s * 1e3:.0f}", timeout_s=PATIENCE_S)


def _heap_mb(session: "CDPSession") -> float:
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 1e6
