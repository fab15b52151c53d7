"""An RTSP server that is a process of its own: killed, stopped dead and started again under a camera's thread."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from contract.events import FeedState
from edge import live
from edge.source import SourceOptions
from tests.conftest import ROOT
from tests.edge.reading import reading

pytestmark = pytest.mark.system


@contextmanager
def server(port: int) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.edge.rtsp_camera", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == str(port)
            yield process
        finally:
            process.kill()


def test_a_server_killed_stopped_and_started_again_is_each_time_seen_and_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "TIMEOUT_S", (2.0, 0.5))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = SourceOptions(f"rtsp://127.0.0.1:{port}/yard")
    with capture_logs() as lines, server(port) as first, reading(options) as camera:
        camera.wait_for(FeedState.OK)
        first.kill()
        killed = camera.wait_for(FeedState.LOST)
        first.wait(5.0)
        with server(port) as second:
            camera.wait_for(FeedState.OK)
            second.send_signal(signal.SIGSTOP)
            stopped = camera.wait_for(FeedState.LOST, FeedState.STALLED)
            second.send_signal(signal.SIGCONT)
            camera.wait_for(FeedState.OK)
    assert killed.startswith(f"{options.url}: ")
    assert stopped == f"{options.url}: no data for more than 0.5 s"
    states = [line["state"] for line in lines if line["event"] == "feed state changed"]
    assert states == ["ok", "lost", "ok", "lost", "ok"]
