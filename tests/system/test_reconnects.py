"""Fifty forced reconnects of a feed and of the uplink leave no thread and no descriptor behind."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.conftest import ROOT
from tests.edge.reconnects import CLIENT_ID, FEW, MANY
from tests.edge.rtsp_camera import RtspCamera, serving
from tests.system.mosquitto import Mosquitto

pytestmark = pytest.mark.system


def cut_off(port: int) -> None:
    """Who connects under the name of another takes its session: the broker drops the other (MQTT 5, 3.1.4)."""
    taken = threading.Event()
    taker = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=CLIENT_ID, protocol=mqtt.MQTTv5)
    taker.on_connect = lambda *_: taken.set()
    taker.connect("127.0.0.1", port)
    taker.loop_start()
    assert taken.wait(10.0)
    taker.disconnect()
    taker.loop_stop()


def test_fifty_reconnects_of_feed_and_uplink_leave_nothing_behind(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        serving(RtspCamera(frames=2)) as camera,
        subprocess.Popen(
            [sys.executable, "-m", "tests.edge.reconnects", camera.url, str(broker.port)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        watchdog = threading.Timer(120.0, process.kill)
        watchdog.start()
        sessions, words = 0, ""
        try:
            for words in process.stdout:
                if words == "session\n":
                    sessions += 1
                    cut_off(broker.port)
        finally:
            watchdog.cancel()
            process.kill()
    few, many = json.loads(words)
    assert many == few
    assert sessions == FEW + 1 + MANY + 1
    assert camera.requests.count("PLAY") >= FEW + MANY
