"""Coming home while the coordinator hangs: the API's thread and the safety monitor's do not need it (SAFETY 6, 8)."""

import asyncio
import json
import queue
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from contract.clock import SystemClock
from fleet.app import Running, running
from fleet.settings import FleetSettings, resolved
from sim.embedded_broker import free_port
from tests.fleet.messages import SITE_TEXT

pytestmark = pytest.mark.system


def post(url: str, body: dict[str, str]) -> dict[str, object]:
    request = urllib.request.Request(
        url, data=json.dumps(body).encode(), headers={"content-type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        said: dict[str, object] = json.load(answer)
        return said


def test_recall_all_works_while_the_coordinators_loop_hangs(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE_TEXT)
    settings = FleetSettings.model_validate(
        {
            "site_file": "site.yaml",
            "data_dir": "data",
            "broker": {"port": free_port()},
            "http": {"port": 0},
        }
    )
    started: queue.Queue[tuple[Running, asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()

    async def run() -> None:
        enough = asyncio.Event()
        async with running(resolved(settings, tmp_path), SystemClock()) as coordinator:
            started.put((coordinator, asyncio.get_running_loop(), enough))
            await enough.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    coordinator, loop, enough = started.get(timeout=20)
    hangs, may_go_on = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        may_go_on.wait(10)

    try:
        loop.call_soon_threadsafe(hang)
        assert hangs.wait(5)
        began_s = time.monotonic()
        answer = post(f"{coordinator.url}/api/v1/recall-all", {"by": "Ada Byron"})
        took_s = time.monotonic() - began_s
        assert answer["vehicles"] == ["kestrel"]
        assert coordinator.fleet.monitor.is_latched("kestrel") == "return ordered by Ada Byron"
        assert took_s < 2.0
    finally:
        may_go_on.set()
        loop.call_soon_threadsafe(enough.set)
        thread.join(15)
    assert not thread.is_alive()
