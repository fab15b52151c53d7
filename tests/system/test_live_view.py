"""From a camera through a real node and a real coordinator to the console in a real browser: a picture that moves."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
import yaml

from fleet.records.auth import digest_of
from fleet.records.node_credentials import NodeCredentials
from fleet.records.store import open_store
from sim.embedded_broker import free_port
from tests.conftest import ROOT, need
from tests.edge.conftest import MakeVideo
from tests.edge.conftest import make_video as make_video  # noqa: PLC0414 - a fixture of another folder
from tests.edge.rtsp_camera import RtspCamera, serving
from tests.edge.yard import write_empty_yard

pytestmark = pytest.mark.system
TOKEN, TOKEN_ENV = "the-token-of-edge-1", "VEDETTE_TEST_TOKEN"
FLAGS = (
    "--headless=new --no-sandbox --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader --no-first-run "
    "--disable-background-networking --disable-sync --disable-component-update --remote-debugging-port=0 "
    "--window-size=420,500"  # drawn in software: the map costs what it is large
)
PATIENCE_S = 180.0  # on a machine with much else to do; a browser's start alone may take a minute there
FRAMES = 60  # 2.4 s of a white square that walks to the right; then the camera hangs up, and is called anew
# Opens the camera's picture and notes where the square is, until the feed was opened anew and it walks again.
LOOK = """(async () => {
  const until = async (what) => { while (!what()) await new Promise((go) => setTimeout(go, 50)); };
  const find = (name) => document.querySelector(name);
  await until(() => find(".cameras button"));
  find(".cameras button").click();
  await until(() => find(".cameras canvas"));
  const seen = [];
  await until(() => {
    const canvas = find(".cameras canvas");
    if (canvas.width !== 160) return false;
    const row = canvas.getContext("2d").getImageData(0, 24, canvas.width, 1).data;
    const left = row.findIndex((grey, at) => at % 4 === 0 && grey > 128) / 4;
    if (left >= 0 && seen.at(-1) !== left) seen.push(left);
    const again = seen.findIndex((each, n) => n > 0 && each < seen[n - 1] - 20);
    const isMoving = again > 0 && new Set(seen).size >= 5;
    return isMoving && /simulated/.test(find(".cameras figcaption").textContent);
  });
  return { seen, line: find(".cameras figcaption").textContent };
})()"""


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


@contextmanager
def chromium(profile: Path) -> Iterator[str]:
    """The address of its first page's debugger."""
    binary = shutil.which("chromium")
    need(binary, "chromium")
    assert binary is not None
    command = [binary, *FLAGS.split(), f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as browser:
        try:
            told = profile / "DevToolsActivePort"
            wait_until(lambda: told.is_file() and told.read_text().count("\n"), "chromium")
            pages = httpx.get(f"http://127.0.0.1:{told.read_text().split()[0]}/json/list", trust_env=False).json()
            yield str(next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page"))
        finally:
            browser.terminate()
            browser.wait(10)


async def looked(debugger: str, url: str) -> dict[str, Any]:
    """What somebody sees who opens the console and then the camera's picture."""
    async with websockets.connect(debugger, max_size=None, proxy=None) as page:

        async def call(number: int, method: str, **parameters: object) -> dict[str, Any]:
            await page.send(json.dumps({"id": number, "method": method, "params": parameters}))
            while True:
                answer: dict[str, Any] = json.loads(await asyncio.wait_for(page.recv(), PATIENCE_S))
                if answer.get("id") == number:
                    return answer

        await call(1, "Page.enable")
        named = "localStorage.setItem('vedette.name', 'ines.karlsson')"
        await call(2, "Page.addScriptToEvaluateOnNewDocument", source=named)
        await call(3, "Page.navigate", url=url)
        answer = await call(4, "Runtime.evaluate", expression=LOOK, awaitPromise=True, returnByValue=True)
    result: dict[str, Any] = answer["result"]["result"]["value"]
    return result


def test_somebody_sees_a_camera_live_through_its_reconnects_and_nothing_was_sent_before(
    folder: Path, tmp_path: Path
) -> None:
    need((ROOT / "fleet/console/dist/index.html").is_file(), "the built console (make console)")
    url = yaml.safe_load((folder / "edge.yaml").read_text())["coordinator"]["url"]
    with running(folder, "fleet"), running(folder, "edge"):
        wait_until(lambda: figures(url).get("vedette_live_nodes") == 1.0, "the node joined")
        before = figures(url)
        with chromium(tmp_path / "profile") as debugger:
            seen = asyncio.run(looked(debugger, url))
        wait_until(lambda: figures(url).get("vedette_live_viewers") == 0.0, "the viewer left")
        after = figures(url)
    assert before["vedette_live_bytes_total"] == 0.0
    assert after["vedette_live_bytes_total"] > 0.0
    assert len(set(seen["seen"])) >= 5
    assert seen["line"].endswith("(simulated)")
