"""A node as systemd starts it: it says that it is ready and alive, tells its figures, and that it stops."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.conftest import ROOT
from tests.edge.conftest import MakeVideo
from tests.edge.conftest import make_video as make_video  # noqa: PLC0414 - a fixture of another folder
from tests.edge.yard import write_empty_yard

pytestmark = pytest.mark.system


@pytest.fixture
def config(tmp_path: Path, make_video: MakeVideo) -> Path:
    """Twenty seconds of a recording at its own pace, with detections of nobody."""
    write_empty_yard(tmp_path, make_video(frames=200), frames=200)
    feed = {"camera": "mast", "url": "yard.mp4", "origin": "replayed", "detections": "yard.jsonl", "realtime": True}
    node = {"node": "edge-1", "site_file": "yard.yaml", "data_dir": "data", "broker": {"port": 1}, "feeds": [feed]}
    (tmp_path / "edge.yaml").write_text(yaml.safe_dump({**node, "metrics": {"port": 0}}))
    return tmp_path / "edge.yaml"


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(str(tmp_path / "notify"))
        door.settimeout(0.2)
        yield door


def hear(systemd: socket.socket, word: str, heard: list[str], *, timeout_s: float = 20.0) -> None:
    until_s = time.monotonic() + timeout_s
    while word not in heard:
        assert time.monotonic() < until_s, f"no {word} within {timeout_s} s, but {heard}"
        try:
            heard += systemd.recv(4096).decode().splitlines()
        except TimeoutError:
            continue


def test_systemd_hears_ready_alive_and_stopping_and_prometheus_its_figures(
    config: Path, systemd: socket.socket
) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "NOTIFY_SOCKET": systemd.getsockname(),
        "WATCHDOG_USEC": "3000000",
    }
    log = config.with_name("log")
    heard: list[str] = []
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge", "run", str(config)], env=environment, stderr=stderr, cwd=config.parent
        )
        try:
            hear(systemd, "READY=1", heard)
            hear(systemd, "WATCHDOG=1", heard)
            found = re.search(r"127\.0\.0\.1:(\d+)/metrics", log.read_text())
            assert found is not None
            figures = httpx.get(f"http://127.0.0.1:{found[1]}/metrics").text
            health = httpx.get(f"http://127.0.0.1:{found[1]}/healthz")
            process.send_signal(signal.SIGTERM)
            hear(systemd, "STOPPING=1", heard)
            code = process.wait(20)
        finally:
            process.kill()
            process.wait()

    assert code == 0
    assert (health.status_code, health.text) == (200, "ok\n")
    assert 'vedette_feed_state{camera="mast",state="ok"} 1.0' in figures
    assert 'vedette_hop_seconds_count{camera="mast",hop="detect"}' in figures
    assert "vedette_broker_connected 0.0" in figures
