"""From a camera through a real node and a real coordinator to the console in a real browser: a picture that moves."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import yaml

from fleet.records.auth import digest_of
from fleet.records.node_credentials import NodeCredentials
from fleet.records.store import open_store
from sim.chromium import open_browser, what_is_missing
from sim.embedded_broker import free_port
from tests.conftest import ROOT, need
from tests.edge.conftest import MakeVideo
from tests.edge.conftest import make_video as make_video  # noqa: PLC0414 - a fixture of another folder
from tests.edge.rtsp_camera import RtspCamera, serving
from tests.edge.yard import write_empty_yard

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.system
TOKEN, TOKEN_ENV = "the-token-of-edge-1", "VEDETTE_TEST_TOKEN"
PATIENCE_S = 180.0  # on a machine with much else to do; a browser's start alone may take a minute there
FRAMES = 60  # 2.4 s of a white square that walks to the right; then the camera hangs up, and is called anew
# Notes where the square is on the first canvas of the page, until the feed was opened anew and it walks again.
LOOK = """async () => {
  const seen = [];
  for (;;) {
    await new Promise((go) => setTimeout(go, 50));
    const canvas = document.querySelector(".tile canvas");
    if (!canvas || canvas.width !== 160) continue;
    const row = canvas.getContext("2d").getImageData(0, 24, canvas.width, 1).data;
    const left = row.findIndex((grey, at) => at % 4 === 0 && grey > 128) / 4;
    if (left >= 0 && seen.at(-1) !== left) seen.push(left);
    const again = seen.findIndex((each, n) => n > 0 && each < seen[n - 1] - 20);
    const line = document.querySelector(".tile figcaption").textContent;
    if (again > 0 && new Set(seen).size >= 5 && /simulated/.test(line)) return { seen, line };
  }
}"""
WITHOUT = {
    "WebCodecs": "",
    "MSE": "delete window.VideoDecoder;",
    "JPEG": "delete window.VideoDecoder; delete window.MediaSource; delete window.ManagedMediaSource;",
}


@pytest.fixture
def folder(tmp_path: Path, make_video: MakeVideo) -> Iterator[Path]:
    """A camera, the site, the configuration of a node and of a coordinator that knows the node."""
    write_empty_yard(tmp_path, make_video(frames=FRAMES), frames=FRAMES)
    port = free_port()
    coordinator = {"url": f"http://127.0.0.1:{port}", "token_env": TOKEN_ENV}
    node = {"node": "edge-1", "site_file": "yard.yaml", "data_dir": "node", "broker": {"port": 1}, "metrics": None}
    fleet = {"site_file": "yard.yaml", "data_dir": "fleet", "broker": {"port": 1}, "http": {"port": port}}
    (tmp_path / "fleet.yaml").write_text(yaml.safe_dump(fleet))
    (tmp_path / "fleet").mkdir()
    with open_store(tmp_path / "fleet" / "fleet.db") as store:
        NodeCredentials(store).add("edge-1", digest_of(TOKEN), by="Ada", at_us=1)
    with serving(RtspCamera(frames=FRAMES)) as camera:
        feed = {"camera": "mast", "url": camera.url, "origin": "simulated", "detections": "yard.jsonl"}
        (tmp_path / "edge.yaml").write_text(yaml.safe_dump({**node, "coordinator": coordinator, "feeds": [feed]}))
        yield tmp_path


@contextmanager
def running(folder: Path, name: str) -> Iterator[None]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), TOKEN_ENV: TOKEN}
    command = [sys.executable, "-m", name, "run", str(folder / f"{name}.yaml")]
    with (
        (folder / f"{name}.log").open("w") as log,
        subprocess.Popen(command, cwd=folder, env=environment, stderr=log) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            finally:
                process.kill()


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = PATIENCE_S) -> None:
    until_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until_s, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.1)


def figures(url: str) -> dict[str, float]:
    """Of the coordinator; empty while it does not answer."""
    try:
        lines = httpx.get(f"{url}/metrics", trust_env=False).text.splitlines()
    except httpx.HTTPError:
        return {}
    pairs = [line.rsplit(" ", 1) for line in lines if line.startswith("vedette_live")]
    return {name: float(value) for name, value in pairs}


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    missing = what_is_missing()
    need(missing is None, missing or "")
    need((ROOT / "fleet/console/dist/index.html").is_file(), "the built console (make console)")
    with open_browser() as browser:
        yield browser


@contextmanager
def opened(browser: "Browser", url: str, *, first: str = "") -> Iterator["Page"]:
    """A page of the console; `first`: run in it before its own scripts."""
    context = browser.new_context(viewport={"width": 800, "height": 600}, locale="en-GB")
    context.add_init_script(f"localStorage.setItem('vedette.name', 'ines.karlsson'); {first}")
    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        page.goto(url)
        yield page
    finally:
        context.close()


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    """Of a console whose node has joined."""
    url = str(yaml.safe_load((folder / "edge.yaml").read_text())["coordinator"]["url"])
    with running(folder, "fleet"), running(folder, "edge"):
        wait_until(lambda: figures(url).get("vedette_live_nodes") == 1.0, "the node joined")
        yield url


def test_somebody_sees_a_camera_live_through_its_reconnects_and_nothing_was_sent_before(
    browser: "Browser", url: str
) -> None:
    before = figures(url)
    with opened(browser, url) as page:
        page.get_by_role("button", name="mast", exact=True).click()
        seen = page.evaluate(LOOK)
    wait_until(lambda: figures(url).get("vedette_live_viewers") == 0.0, "the viewer left")
    assert before["vedette_live_bytes_total"] == 0.0
    assert figures(url)["vedette_live_bytes_total"] > 0.0
    assert len(set(seen["seen"])) >= 5
    assert seen["line"].endswith("(simulated)")


def test_the_wall_moves_by_whatever_way_the_browser_has(browser: "Browser", url: str) -> None:
    for way, first in WITHOUT.items():
        with opened(browser, f"{url}/live", first=first) as page:
            seen = page.evaluate(LOOK)
        assert len(set(seen["seen"])) >= 5
        assert f" · {way} (simulated)" in seen["line"]
        wait_until(lambda: figures(url).get("vedette_live_viewers") == 0.0, "the viewer left")


def test_a_tile_is_enlarged_by_enter_and_its_stream_ends_with_its_page(browser: "Browser", url: str) -> None:
    with opened(browser, f"{url}/live") as page:
        wait_until(lambda: figures(url).get("vedette_live_viewers") == 1.0, "the wall asked")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="mast: back to all pictures").wait_for()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Enlarge mast").wait_for()
        page.get_by_text("Cameras: 1 of 1").click()
        page.get_by_label("mast", exact=True).uncheck()
        page.get_by_text("No camera is chosen.").wait_for()
        wait_until(lambda: figures(url).get("vedette_live_viewers") == 0.0, "the stream ended")
        page.reload()
        page.get_by_text("Cameras: 0 of 1").wait_for()  # remembered
