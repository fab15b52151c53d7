"""A feed and an uplink that are cut off again and again, in a process of their own, so that what it holds can be
counted: python -m tests.edge.reconnects URL BROKER_PORT

Each session with the broker is a line `session`; the last line is what the process held after a few reconnects and
after fifty: [[threads, descriptors], [threads, descriptors]].
"""

import json
import random
import sys
import threading
import time
from pathlib import Path

from contract.bus import BusMessage
from contract.clock import SystemClock
from edge import camera
from edge.camera import CameraFeed
from edge.footage.ring import Ring
from edge.link import uplink
from edge.link.uplink import Broker, Uplink
from edge.log import log_to_stderr
from edge.source import Source, SourceOptions, open_source
from tests.edge.reading import CAMERA
from tests.edge.test_camera import intake_of, prepare

CLIENT_ID = "edge-1"
FEW, MANY = 3, 50
LOOKS, LOOK_EACH_S = 20, 0.05


def held() -> tuple[int, int]:
    """The least of some looks: a thread that was joined may take a moment to leave the kernel's list."""
    threads, descriptors = [], []
    for _ in range(LOOKS):
        threads.append(len(list(Path("/proc/self/task").iterdir())))
        descriptors.append(len(list(Path("/proc/self/fd").iterdir())))
        time.sleep(LOOK_EACH_S)
    return min(threads), min(descriptors)


def feed_lost(url: str, times: int) -> None:
    """One camera's whole life: its thread, its packets kept for clips, `times` reconnects."""
    clock = SystemClock()
    options = SourceOptions(url, ring=Ring(seconds=1.0, max_bytes=1_000_000))

    def opened() -> Source:
        if feed.counts.reopened >= times:
            feed.stop()
        return open_source(options, clock=clock)

    feed = CameraFeed(
        CAMERA,
        opened,
        prepare=prepare,
        intake=intake_of(clock),
        clock=clock,
        chance=random.Random(1),
    )
    feed.run()


def uplink_lost(port: int, times: int) -> None:
    """One uplink's whole life; somebody else cuts it off at each session."""
    stop = threading.Event()
    sessions: list[None] = []

    def on_session() -> None:
        sessions.append(None)
        if len(sessions) > times:
            stop.set()
        print("session", flush=True)

    Uplink(
        Broker("127.0.0.1", port),
        client_id=CLIENT_ID,
        will=lambda: BusMessage("gone", b"", qos=1),
        on_session=on_session,
        on_delivered=lambda _message: None,
        chance=random.Random(1),
    ).run(stop)


def main() -> None:
    log_to_stderr()
    camera.FIRST_BACK_OFF_S = uplink.FIRST_BACK_OFF_S = 0.01
    counted = []
    for times in (FEW, MANY):
        threads = [
            threading.Thread(target=feed_lost, args=(sys.argv[1], times)),
            threading.Thread(target=uplink_lost, args=(int(sys.argv[2]), times)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        counted.append(held())
    print(json.dumps(counted), flush=True)


if __name__ == "__main__":
    main()
